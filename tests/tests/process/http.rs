//! HTTP as clients speak it: connections that are kept, slow clients, and the guard of `/_kms/`.

use std::io::{Read, Write};

use serde_json::json;

use super::support::*;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = in_memory(&[]);
    let mut stream = connect(&server);
    for number in 0..50 {
        let (head, body) = request(&server, "CreateKey", &json!({"Description": number.to_string()}));
        stream.write_all(&[head, body].concat()).unwrap();
        let reply = response(&mut stream).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.json()["KeyMetadata"]["Description"], number.to_string());
    }
    // Several requests at once are answered in order.
    let names = ["ListKeys", "ListAliases", "Nonsense"];
    let requests = names.map(|name| request(&server, name, &json!({})));
    let all: Vec<u8> = requests.into_iter().flat_map(|(head, body)| [head, body].concat()).collect();
    stream.write_all(&all).unwrap();
    let replies = names.map(|_| response(&mut stream).unwrap());
    assert_eq!(replies[0].json()["Keys"].as_array().unwrap().len(), 50);
    assert!(replies[1].json()["Aliases"].is_array(), "{}", replies[1].text);
    assert_eq!(replies[2].json()["__type"], "UnknownOperationException");
}

#[test]
pub(crate) fn an_idle_connection_is_closed_after_its_time() {
    let server = in_memory(&["--keep-alive", "1s"]);
    let mut stream = connect(&server);
    let (head, body) = request(&server, "ListKeys", &json!({}));
    stream.write_all(&[head, body].concat()).unwrap();
    assert_eq!(response(&mut stream).unwrap().status, 200);
    // A read that ends before its minute is over: the server has closed the connection.
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
pub(crate) fn a_client_that_sends_too_slowly_is_given_up() {
    let server = in_memory(&["--request-timeout", "1s"]);
    let (head, body) = request(&server, "CreateKey", &json!({}));
    let part = [&head[..], &body[..1]].concat();
    for sent in [&head[..30], &head[..], &part[..]] {
        let mut stream = connect(&server);
        stream.write_all(sent).unwrap();
        let reply = response(&mut stream).unwrap();
        assert_eq!(reply.status, 408, "after {} bytes: {}", sent.len(), reply.text);
        if sent.len() >= head.len() {
            assert_eq!(reply.json()["__type"], "RequestTimeoutException");
            assert_eq!(reply.json()["message"], "The request body did not arrive within 1s.");
        }
        // A read that ends before its minute is over: the server has closed the connection.
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0)), "after {} bytes", sent.len());
    }
    assert_eq!(metric(&server, "kms_keys"), 0);
    assert_eq!(metric(&server, "kms_refused_requests_total{reason=\"too_slow\"}"), 2);
    key(&server);
}

#[test]
fn the_date_header_is_wall_time_whatever_the_clock_says() {
    let server = in_memory(&["--clock-start", "2020-01-01T00:00:00Z", "--clock-frozen"]);
    let reply = server.call("CreateKey", &json!({})).unwrap();
    assert_eq!(reply.json()["KeyMetadata"]["CreationDate"], 1_577_836_800.0);
    let date = reply.header("date").unwrap();
    assert!(date.ends_with(" GMT") && !date.contains(" 2020 "), "{date}");
    assert_eq!(reply.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(reply.header("x-amzn-requestid").unwrap().len(), 36);
}

#[test]
fn web_pages_cannot_use_the_control_api() {
    let server = in_memory(&[]);
    let id = key(&server);
    let own = format!("127.0.0.1:{}", server.port());
    let own_origin = format!("http://{own}");
    let json_type = ("content-type", "application/json");
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        fixtures::process::send(server.port(), method, path, headers, body).unwrap()
    };
    let host = ("host", own.as_str());
    for (headers, body, word) in [
        (&[host, ("origin", "http://evil.example"), json_type][..], &b"{}"[..], "Origin"),
        (&[host, ("origin", "null"), json_type], b"{}", "Origin"),
        (&[host, ("origin", "http://127.0.0.1:1")], b"", "Origin"),
        (&[("host", "evil.example"), json_type], b"{}", "the Host evil.example"),
        (&[("host", "evil.example")], b"", "the Host evil.example"),
        (&[host, ("content-type", "application/x-www-form-urlencoded")], b"a=b", "application/json"),
        (&[host, ("content-type", "text/plain")], b"{}", "application/json"),
        (&[host], b"{}", "the body has no Content-Type"),
    ] {
        let reply = send("POST", "/_kms/reset", headers, body);
        assert_eq!(reply.status, 403, "{headers:?}: {}", reply.text);
        assert!(reply.json()["message"].as_str().unwrap().contains(word), "{headers:?}: {}", reply.text);
        ok(&server, "DescribeKey", json!({ "KeyId": id }));
    }
    // Only health is for everybody, and no other path becomes it by its end.
    ok(&server, "CreateAlias", json!({"AliasName": "alias/health", "TargetKeyId": id}));
    let alias = "/_kms/keys/alias/health";
    assert_eq!(send("GET", alias, &[host], b"").status, 200);
    assert_eq!(send("GET", "/_kms/health", &[("host", "evil.example")], b"").status, 200);
    for path in ["/_kms/state", "/_kms/keys", alias, "/_kms/events", "/_kms/metrics", "/_kms/clock"] {
        let reply = send("GET", path, &[("host", "evil.example")], b"");
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
        assert!(!reply.text.contains(&id), "{path}");
    }
    assert_eq!(send("POST", "/_kms/nothing", &[host], b"").status, 404);
    assert_eq!(send("POST", "/_kms/reset", &[host, ("origin", &own_origin), json_type], b"{}").status, 200);
    assert_eq!(metric(&server, "kms_keys"), 0);
}

#[test]
fn what_is_no_http_harms_nobody() {
    let server = in_memory(&[]);
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"] {
        let mut stream = connect(&server);
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    key(&server);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
