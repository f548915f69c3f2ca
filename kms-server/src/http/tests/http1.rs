use super::*;

#[test]
fn a_connection_serves_one_request_after_another() {
    let (running, probe) = start(options());
    let mut client = Client::new(running.address());
    client.send(
        "POST /echo/a%20b?x=%2F&y HTTP/1.1\r\nHost: kms.example:4566\r\nX-Amz-Target: TrentService.Encrypt\r\n\
         Content-Length: 2\r\nX-Own: one\r\nX-Amz-Date: 20260301T120000Z\r\nX-Own: t\u{e9}\r\n\r\n{}",
    );
    let first = client.reply();
    let peer = client.0.get_ref().local_addr().unwrap();
    assert_eq!(first.status, 200);
    let mut echo = first.json();
    let mut headers: Vec<[String; 2]> = serde_json::from_value(echo["headers"].take()).unwrap();
    headers.sort();
    let expected = [
        ["content-length", "2"],
        ["host", "kms.example:4566"],
        ["x-amz-date", "20260301T120000Z"],
        ["x-amz-target", "TrentService.Encrypt"],
        ["x-own", "one"],
        ["x-own", "t\u{e9}"],
    ];
    assert_eq!(headers, expected);
    assert_eq!(
        echo,
        json!({
            "method": "POST", "uri": "/echo/a%20b?x=%2F&y", "version": "HTTP/1.1", "headers": null, "body": "{}",
            "transport": "http", "local": running.address().to_string(), "peer": peer.to_string(),
        })
    );
    client.send("PURGE * HTTP/1.1\r\nHost: kms\r\n\r\n");
    let echo = client.reply().json();
    assert_eq!((&echo["method"], &echo["uri"], &echo["body"]), (&json!("PURGE"), &json!("*"), &json!("")));
    client.send("GET http://other:1/echo HTTP/1.1\r\nHost: kms\r\n\r\n");
    let echo = client.reply().json();
    assert_eq!((&echo["uri"], &echo["headers"]), (&json!("/echo"), &json!([["host", "other:1"]])));
    assert_eq!(probe.seen.lock().unwrap().len(), 3);
}

#[test]
fn a_response_has_the_handlers_headers_a_length_and_a_date() {
    struct Odd;
    impl Handler for Odd {
        async fn call(&self, _: Message<'_>) -> Answer {
            let response = Response::builder()
                .status(299)
                .header("x-own", "a")
                .header("content-length", "99")
                .header("transfer-encoding", "chunked")
                .header("connection", "close")
                .header("x-own", "b")
                .body(Bytes::new());
            Answer::Other(response.unwrap())
        }
    }
    let running = bind(options()).unwrap().serve(Arc::new(Odd)).unwrap();
    let mut client = Client::new(running.address());
    for _ in 0..2 {
        let reply = client.post("/", "{}");
        assert_eq!(reply.status, 299);
        let mut names: Vec<_> =
            reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let date = reply.header("date").unwrap();
        assert!(date.ends_with(" GMT"), "{date}");
        names.sort_unstable();
        assert_eq!(names, [("content-length", "0"), ("date", date), ("x-own", "a"), ("x-own", "b")]);
    }
}

#[test]
fn head_gets_the_length_without_the_body() {
    let (running, _) = start(options());
    let mut client = Client::new(running.address());
    client.send("HEAD /echo HTTP/1.1\r\nHost: kms\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status, 200);
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 0);
    assert_eq!(client.post("/echo", "next").json()["body"], "next");
}

#[test]
fn a_body_may_have_exactly_the_limit() {
    let (running, probe) = start(options());
    let mut client = Client::new(running.address());
    let body = "b".repeat(BODY_BYTES_MAX);
    assert_eq!(client.post("/echo", &body).json()["body"], body);

    // No body follows: the length alone is refused.
    client.send("POST /echo HTTP/1.1\r\nHost: kms\r\nContent-Length: 1001\r\n\r\n");
    assert_too_large(&client.reply());
    client.assert_closed();
    assert_eq!(probe.seen.lock().unwrap().len(), 1);
    assert_eq!(*probe.refused.lock().unwrap(), [Refused::TooLarge]);
}

fn assert_too_large(reply: &Reply) {
    let message = "The request body exceeds 1000 bytes.".to_owned();
    assert_eq!(reply.refusal(), (413, "RequestEntityTooLargeException".to_owned(), message));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn chunks_are_joined_and_counted() {
    let (running, probe) = start(options());
    let mut client = Client::new(running.address());
    client.send("POST /echo HTTP/1.1\r\nHost: kms\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("2;a=b\r\nde\r\n");
    client.send("0\r\n\r\n");
    assert_eq!(client.reply().json()["body"], "abcde");

    client.send("POST /echo HTTP/1.1\r\nHost: kms\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("190\r\n{}\r\n", "b".repeat(400));
    for _ in 0..3 {
        client.send(&chunk);
    }
    assert_too_large(&client.reply());
    // The client that never ends its body is cut off, rather than read for ever.
    let mut endless = client.0.get_ref().try_clone().unwrap();
    let cut = (0..4_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        endless.write_all(chunk.as_bytes()).is_err()
    });
    assert!(cut, "20 seconds of body were read after the refusal");
    assert_eq!(probe.seen.lock().unwrap().len(), 1);
}

#[test]
fn a_body_that_drips_is_refused_in_time() {
    let (running, probe) = start(Options { request_timeout: Duration::from_millis(300), ..options() });
    for framing in ["Content-Length: 900", "Transfer-Encoding: chunked"] {
        let mut client = Client::new(running.address());
        client.send(&format!("POST /echo HTTP/1.1\r\nHost: kms\r\n{framing}\r\n\r\n"));
        let mut drip = client.0.get_ref().try_clone().unwrap();
        let dripping = std::thread::spawn(move || {
            for _ in 0..200 {
                std::thread::sleep(Duration::from_millis(50));
                if drip.write_all(b"1\r\na\r\n").is_err() {
                    return true;
                }
            }
            false
        });
        let message = "The request body did not arrive within 300ms.".to_owned();
        assert_eq!(
            client.reply().refusal(),
            (408, "RequestTimeoutException".to_owned(), message),
            "{framing}"
        );
        client.assert_closed();
        assert!(dripping.join().unwrap(), "{framing}: the client was let drip on");
    }
    assert_eq!(*probe.refused.lock().unwrap(), [Refused::TooSlow; 2]);
    // The same for the head, where the server knows no request yet.
    let mut client = Client::new(running.address());
    client.send("POST /echo HT");
    assert_eq!(client.reply().status, 408);
    client.assert_closed();
}

#[test]
fn broken_requests_are_refused_and_harm_nobody() {
    let (running, probe) = start(options());
    let cases = [
        ("POST / HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: k\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: k\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: k\r\nHost: l\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: k\r\nbad header\r\n\r\n", 400),
        ("\u{0}\u{1}\u{2}\r\n\r\n", 400),
    ];
    for (request, status) in cases {
        let mut client = Client::new(running.address());
        client.send(request);
        assert_eq!(client.reply().status, status, "{request:?}");
        client.assert_closed();
    }
    // A body that ends with the connection is not handed on.
    let mut client = Client::new(running.address());
    client.send("POST / HTTP/1.1\r\nHost: k\r\nContent-Length: 10\r\n\r\nabc");
    client.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    let message = "The request body ended early or is not framed correctly.".to_owned();
    assert_eq!(client.reply().refusal(), (400, "SerializationException".to_owned(), message));
    assert_eq!(probe.seen.lock().unwrap().len(), 0);
    assert_eq!(probe.refused.lock().unwrap().last(), Some(&Refused::BrokenBody));
    assert_eq!(Client::new(running.address()).post("/echo", "{}").status, 200);
}

#[test]
fn a_request_for_another_protocol_does_not_wait_for_a_body() {
    let (running, _) = start(options());
    for request in [
        "GET /echo HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "CONNECT other:443 HTTP/1.1\r\nHost: k\r\n\r\n",
    ] {
        let mut client = Client::new(running.address());
        client.send(request);
        let reply = client.reply();
        assert_eq!((reply.status, &reply.json()["body"]), (200, &json!("")), "{request}");
    }
    // curl offers h2c with each request, and means HTTP/1.1 when nobody takes it up.
    let mut client = Client::new(running.address());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: k\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert_eq!(client.reply().json()["body"], "{}");
}

#[test]
fn a_thousand_requests_over_a_hundred_connections() {
    let (running, probe) = start(options());
    let address = running.address();
    std::thread::scope(|scope| {
        for client in 0..100 {
            scope.spawn(move || {
                let mut connection = Client::new(address);
                for request in 0..10 {
                    let body = format!("{client}.{request}");
                    assert_eq!(connection.post("/echo", &body).json()["body"], body);
                }
            });
        }
    });
    assert_eq!(probe.seen.lock().unwrap().len(), 1_000);
}
