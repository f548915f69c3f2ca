use super::*;

const BOUND: &str = "192.168.7.9:4566";

fn request(headers: &[(&str, &str)], body: &'static str) -> Request<Bytes> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut request = Request::builder().method(method).uri("/_kms/clock");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn verdict(bound: &str, headers: &[(&str, &str)], body: &'static str) -> Result<(), Refusal> {
    check(&request(headers, body), bound.parse().unwrap())
}

#[test]
fn host_is_the_bound_address_or_loopback_on_any_port() {
    let own = [
        "localhost",
        "localhost:4566",
        "LOCALHOST:1",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:4566",
        "127.9.8.7:80",
        "[::1]",
        "[::1]:4566",
        "[::ffff:127.0.0.1]:4566",
        "192.168.7.9",
        "192.168.7.9:9",
        "kms.localhost:4566",
        "kms.us-east-1.localhost.",
    ];
    for host in own {
        assert_eq!(verdict(BOUND, &[("host", host)], ""), Ok(()), "{host}");
    }
    let foreign = [
        "evil.example",
        "evil.example:4566",
        "192.168.7.10",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "[::]",
        "[2001:db8::1]:4566",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        ".localhost.evil",
        "kms",
    ];
    for host in foreign {
        assert_eq!(
            verdict(BOUND, &[("host", host)], ""),
            Err(Refusal::ForeignHost(host.to_owned())),
            "{host}"
        );
    }
    for host in ["", "a b", "localhost@evil.example", "user@localhost", "[::1", "a,b/c", "http://localhost"] {
        assert_eq!(verdict(BOUND, &[("host", host)], ""), Err(Refusal::UnclearHost), "{host}");
    }
    assert_eq!(verdict(BOUND, &[], ""), Err(Refusal::UnclearHost));
    assert_eq!(
        verdict(BOUND, &[("host", "localhost"), ("host", "localhost")], ""),
        Err(Refusal::UnclearHost)
    );
}

#[test]
fn a_server_on_every_address_admits_literals_but_no_names() {
    for bound in ["0.0.0.0:4566", "[::]:4566"] {
        for host in ["10.0.0.3:4566", "[2001:db8::1]", "172.17.0.2", "0.0.0.0:4566", "localhost"] {
            assert_eq!(verdict(bound, &[("host", host)], ""), Ok(()), "{host} at {bound}");
        }
        assert_eq!(
            verdict(bound, &[("host", "kms:4566")], ""),
            Err(Refusal::ForeignHost("kms:4566".to_owned()))
        );
    }
    assert_eq!(verdict("[::ffff:10.0.0.3]:1", &[("host", "10.0.0.3")], ""), Ok(()));
}

#[test]
fn origin_is_the_servers_own() {
    let cases = [
        ("localhost:4566", "http://localhost:4566", true),
        ("localhost:4566", "HTTP://localhost:4566", false),
        ("LocalHost:4566", "https://localhost:4566", true),
        ("localhost", "http://localhost", true),
        ("localhost:80", "http://localhost", true),
        ("localhost:443", "https://localhost", true),
        ("[::1]:4566", "http://[::1]:4566", true),
        ("localhost:4566", "http://localhost:3000", false),
        ("localhost:4566", "http://localhost", false),
        ("localhost:4566", "http://127.0.0.1:4566", false),
        ("localhost:4566", "https://evil.example", false),
        ("localhost:4566", "http://localhost:4566@evil.example", false),
        ("localhost:4566", "http://localhost:4566.evil.example", false),
        ("localhost:4566", "http://localhost:4566/", false),
        ("localhost:4566", "chrome-extension://localhost:4566", false),
        ("localhost:4566", "null", false),
        ("localhost:4566", "", false),
    ];
    for (host, origin, own) in cases {
        let expected = if own { Ok(()) } else { Err(Refusal::ForeignOrigin(origin.to_owned())) };
        assert_eq!(verdict(BOUND, &[("host", host), ("origin", origin)], ""), expected, "{origin} at {host}");
    }
    let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")];
    assert_eq!(verdict(BOUND, &twice, ""), Err(Refusal::ForeignOrigin("http://evil.example".to_owned())));
}

#[test]
fn another_sites_page_is_refused_even_without_an_origin() {
    let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let framed = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let fetch = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    type Headers = [(&'static str, &'static str)];
    let cases: [(&str, &Headers, &'static str, bool); 9] = [
        ("same-origin", &fetch, "", true),
        ("none", &navigation, "", true),
        ("cross-site", &fetch, "", false),
        ("same-site", &fetch, "", false),
        ("something-new", &fetch, "", false),
        ("cross-site", &[], "", false),
        ("cross-site", &navigation, "", true),
        ("cross-site", &framed, "", false),
        ("cross-site", &navigation, "{}", false),
    ];
    for (site, rest, body, admitted) in cases {
        let mut headers =
            vec![("host", "localhost"), ("sec-fetch-site", site), ("content-type", "application/json")];
        headers.extend(rest);
        let expected = if admitted { Ok(()) } else { Err(Refusal::CrossSite(site.to_owned())) };
        assert_eq!(verdict(BOUND, &headers, body), expected, "{site} {rest:?} {body}");
    }
}

#[test]
fn a_body_is_json() {
    let typed = |value| verdict(BOUND, &[("host", "localhost"), ("content-type", value)], "{}");
    for value in
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;a=b"]
    {
        assert_eq!(typed(value), Ok(()), "{value}");
    }
    for value in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/x-amz-json-1.1",
        "text/plain; application/json",
        "application/jsonp",
        "text/plain, application/json",
        "",
    ] {
        assert_eq!(typed(value), Err(Refusal::NotJson(Some(value.to_owned()))), "{value}");
    }
    assert_eq!(verdict(BOUND, &[("host", "localhost")], "{}"), Err(Refusal::NotJson(None)));
    let twice = [("host", "localhost"), ("content-type", "application/json"), ("content-type", "text/plain")];
    assert_eq!(verdict(BOUND, &twice, "{}"), Err(Refusal::NotJson(Some("application/json".to_owned()))));
    assert_eq!(
        verdict(BOUND, &[("host", "localhost"), ("content-type", "text/plain")], ""),
        Ok(()),
        "no body"
    );
}

#[test]
fn the_answer_says_why_and_what_to_do() {
    let cases = [
        (
            Refusal::ForeignHost("evil.example".to_owned()),
            "Refused: the Host evil.example is neither the address the server listens on nor loopback.",
            "call http://localhost:PORT or the bound address; from another machine or container, use an IP address and \
             start the server with --address 0.0.0.0",
        ),
        (
            Refusal::ForeignOrigin("http://a\"b".to_owned()),
            "Refused: the Origin http://a\"b is not the server's own: a page of another origin made the request.",
            "call the control API from a program, the command line or the server's own console, not from a web page",
        ),
        (
            Refusal::NotJson(None),
            "Refused: the body has no Content-Type.",
            "send the header Content-Type: application/json",
        ),
    ];
    for (refusal, message, remedy) in cases {
        let response = refusal.response();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body, json!({ "message": message, "remedy": remedy }));
    }
    let long = "x".repeat(10_000);
    let Err(refusal) = verdict(BOUND, &[("host", "localhost"), ("origin", &long)], "") else {
        panic!("admitted")
    };
    assert!(refusal.response().body().len() < 1_000);
}
