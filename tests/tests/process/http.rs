//! HTTP as clients speak it: connections that are kept, HTTP/2 without TLS, slow clients, and the guard of `/_kms/`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::support::*;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = in_memory(&[]);
    let mut stream = connect(&server);
    for number in 0..3 {
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
    assert_eq!(replies[0].json()["Keys"].as_array().unwrap().len(), 3);
    assert!(replies[1].json()["Aliases"].is_array(), "{}", replies[1].text);
    assert_eq!(replies[2].json()["__type"], "UnknownOperationException");
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let server = in_memory(&["--keep-alive", "1s"]);
    let mut stream = connect(&server);
    let (head, body) = request(&server, "ListKeys", &json!({}));
    stream.write_all(&[head, body].concat()).unwrap();
    assert_eq!(response(&mut stream).unwrap().status, 200);
    // A read that ends before its minute is over: the server has closed the connection.
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_client_that_sends_too_slowly_is_given_up() {
    let server = in_memory(&["--request-timeout", "1s"]);
    let (head, body) = request(&server, "CreateKey", &json!({}));
    for sent in [&head[..30], &head[..], &[&head[..], &body[..1]].concat()[..]] {
        let mut stream = connect(&server);
        stream.write_all(sent).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{:?} after {} bytes", answer, sent.len());
    }
    assert_eq!(metric(&server, "kms_keys"), 0);
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

/// One frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Headers as HPACK literals that are neither indexed nor compressed.
fn header_block(headers: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = match u8::try_from(text.len()) {
            Ok(length @ ..127) => vec![length],
            // A length from 127 on takes a second byte, and a third from 255 on.
            _ => {
                let rest = text.len() - 127;
                let mut bytes = vec![127];
                if rest >= 128 {
                    bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                    bytes.push(u8::try_from(rest / 128).unwrap());
                } else {
                    bytes.push(u8::try_from(rest).unwrap());
                }
                bytes
            }
        };
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    headers.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection, and what has come of each stream so far: the streams may take turns.
struct Http2<S>(S, BTreeMap<u32, (u8, Vec<u8>)>);

impl<S: Read + Write> Http2<S> {
    /// Begins without asking first, as a client does that knows what the server speaks.
    fn begin(mut stream: S) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
        Http2(stream, BTreeMap::new())
    }

    fn send(&mut self, stream: u32, headers: &[(&str, &str)], body: &[u8]) {
        self.0.write_all(&frame(HEADERS, END_HEADERS, stream, &header_block(headers))).unwrap();
        self.0.write_all(&frame(DATA, END_STREAM, stream, body)).unwrap();
    }

    /// The first byte of the header block, which names the status, and the body of the next stream that ends.
    fn receive(&mut self) -> (u32, u8, Vec<u8>) {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).unwrap();
            let found = self.1.entry(stream).or_default();
            match (head[3], head[4]) {
                (SETTINGS, flags) if flags & ACK == 0 => {
                    self.0.write_all(&frame(SETTINGS, ACK, 0, &[])).unwrap();
                }
                (HEADERS, _) => {
                    // Updates of the table's size may come first.
                    let status = payload.iter().copied().find(|byte| byte & 0b1110_0000 != 0b0010_0000);
                    found.0 = status.unwrap();
                }
                (DATA, _) => found.1.extend_from_slice(&payload),
                (3 | 7, _) => panic!("reset or gone: {payload:?}"),
                _ => {}
            }
            if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0 {
                let (status, body) = self.1.remove(&stream).unwrap();
                return (stream, status, body);
            }
        }
    }
}

/// `:status 200` in HPACK's static table; an indexed field has the highest bit set.
const STATUS_200: u8 = 0x88;
const STATUS_400: u8 = 0x8c;

/// Two operations on one connection of HTTP/2.
pub(crate) fn speaks_http2(server: &ServerProcess, scheme: &str, stream: impl Read + Write) {
    let mut http2 = Http2::begin(stream);
    let call = |operation: &str| {
        let pairs = fixtures::process::headers(server.port(), operation);
        let mut headers = vec![
            (":method".to_owned(), "POST".to_owned()),
            (":scheme".to_owned(), scheme.to_owned()),
            (":path".to_owned(), "/".to_owned()),
        ];
        // HTTP/2 names the host in a field of its own.
        headers.extend(pairs.into_iter().map(|(name, value)| match name {
            "host" => (":authority".to_owned(), value),
            other => (other.to_owned(), value),
        }));
        headers.sort_by_key(|(name, _)| !name.starts_with(':'));
        headers
    };
    let mut send = |stream: u32, operation: &str| {
        let headers = call(operation);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http2.send(stream, &headers, b"{}");
    };
    send(1, "CreateKey");
    send(3, "Nonsense");
    let mut replies = [http2.receive(), http2.receive()];
    replies.sort();
    let body = |at: usize| serde_json::from_slice::<Value>(&replies[at].2).unwrap();
    assert_eq!((replies[0].0, replies[0].1), (1, STATUS_200));
    assert_eq!(body(0)["KeyMetadata"]["KeyState"], "Enabled");
    assert_eq!((replies[1].0, replies[1].1), (3, STATUS_400));
    assert_eq!(body(1)["__type"], "UnknownOperationException");
}

#[test]
fn http2_needs_no_tls() {
    let server = in_memory(&[]);
    speaks_http2(&server, "http", connect(&server));
    assert_eq!(metric(&server, "kms_keys"), 1);
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
        (&[("host", "evil.example"), json_type], b"{}", "127.0.0.1 or localhost"),
        (&[("host", "evil.example")], b"", "127.0.0.1 or localhost"),
        (&[host, ("content-type", "application/x-www-form-urlencoded")], b"a=b", "application/json"),
        (&[host, ("content-type", "text/plain")], b"{}", "application/json"),
        (&[host], b"{}", "application/json"),
    ] {
        let reply = send("POST", "/_kms/reset", headers, body);
        assert_eq!(reply.status, 403, "{headers:?}: {}", reply.text);
        assert!(reply.json()["message"].as_str().unwrap().contains(word), "{headers:?}: {}", reply.text);
        ok(&server, "DescribeKey", json!({ "KeyId": id }));
    }
    for path in ["/_kms/state", "/_kms/keys", "/_kms/events", "/_kms/metrics", "/_kms/clock", "/_kms/health"]
    {
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
        let mut stream: TcpStream = connect(&server);
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    key(&server);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
