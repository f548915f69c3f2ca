use std::collections::BTreeMap;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::http::tls;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// HTTP/2 with prior knowledge: the frames that a small request needs.
pub(super) struct Client2<S>(S);

#[derive(Debug, Default)]
pub(super) struct Stream {
    head: Vec<u8>,
    body: Vec<u8>,
    reset: Option<u32>,
    ended: bool,
}

impl Stream {
    pub(super) fn status(&self) -> u16 {
        status(&self.head)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl<S: Read + Write> Client2<S> {
    pub(super) fn new(mut stream: S) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut client = Client2(stream);
        client.frame(SETTINGS, 0, 0, b"");
        client
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).unwrap();
    }

    fn head(&mut self, stream: u32, flags: u8, path: &str, more: &[(&str, &str)]) {
        let mut block = Vec::new();
        let pseudo =
            [(":method", "POST"), (":scheme", "http"), (":authority", "kms.example:1"), (":path", path)];
        for (name, value) in pseudo.iter().chain(more) {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        self.frame(HEADERS, END_HEADERS | flags, stream, &block);
    }

    pub(super) fn post(&mut self, stream: u32, path: &str, body: &str) {
        self.head(stream, 0, path, &[]);
        self.frame(DATA, END_STREAM, stream, body.as_bytes());
    }

    /// Reads until the stream has ended.
    pub(super) fn stream(&mut self, id: u32) -> Stream {
        self.streams(1, |ended| ended == id).remove(&id).unwrap()
    }

    /// Reads until so many of the wanted streams have ended. A refused stream is reset after its response, which
    /// may come while another is waited for.
    fn streams(&mut self, count: usize, wanted: impl Fn(u32) -> bool) -> BTreeMap<u32, Stream> {
        let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
        while streams.iter().filter(|&(&id, stream)| stream.ended && wanted(id)).count() < count {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.0.read_exact(&mut payload).unwrap();
            let (kind, flags) = (head[3], head[4]);
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match kind {
                SETTINGS | PING if flags & ACK == 0 => {
                    let echo = if kind == PING { payload.as_slice() } else { b"" };
                    self.frame(kind, ACK, 0, echo);
                }
                HEADERS => {
                    let stream = streams.entry(id).or_default();
                    stream.head = payload;
                    stream.ended |= flags & END_STREAM != 0;
                }
                DATA => {
                    let stream = streams.entry(id).or_default();
                    stream.body.extend_from_slice(&payload);
                    stream.ended |= flags & END_STREAM != 0;
                }
                RST_STREAM => {
                    let stream = streams.entry(id).or_default();
                    stream.reset = Some(u32::from_be_bytes(payload.try_into().unwrap()));
                    stream.ended = true;
                }
                _ => {}
            }
        }
        streams
    }
}

/// The status in the first response of a connection, where HPACK spells it out: from the static table, or three
/// digits in Huffman code.
fn status(block: &[u8]) -> u16 {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block[0] {
        indexed @ 0x88..=0x8e => STATIC[usize::from(indexed - 0x88)],
        0x48 => {
            assert_eq!(block[1] & 0x80, 0x80, "Huffman code");
            let mut bits = u32::from_be_bytes([block[2], block[3], block[4], 0]);
            (0..3).fold(0, |status, _| {
                let (digit, length) = match bits >> 27 {
                    short @ 0..=2 => (short, 5),
                    _ => ((bits >> 26) - 0b01_1001 + 3, 6),
                };
                bits <<= length;
                status * 10 + u16::try_from(digit).unwrap()
            })
        }
        other => panic!("representation {other:#x}"),
    }
}

#[test]
fn clear_text_http2_is_served_on_the_same_port() {
    let (running, _) = start(options());
    let mut client = Client2::new(connect(running.address()));
    client.post(1, "/echo?x", "{}");
    let stream = client.stream(1);
    assert_eq!(stream.status(), 200);
    let echo = stream.json();
    assert_eq!(echo["version"], "HTTP/2.0");
    assert_eq!(echo["uri"], "/echo?x");
    assert_eq!(echo["headers"], json!([["host", "kms.example:1"]]), "the authority stands for Host");
    assert_eq!(echo["body"], "{}");
    assert_eq!(Client::new(running.address()).post("/echo", "").json()["version"], "HTTP/1.1");
}

#[test]
fn http2_bodies_have_the_same_limit() {
    let (running, probe) = start(options());
    let declared: fn(&mut Client2<TcpStream>) =
        |client| client.head(1, 0, "/echo", &[("content-length", "1001")]);
    let counted: fn(&mut Client2<TcpStream>) = |client| {
        client.head(1, 0, "/echo", &[]);
        for _ in 0..3 {
            client.frame(DATA, 0, 1, &[b'b'; 400]);
        }
    };
    for request in [declared, counted] {
        let mut client = Client2::new(connect(running.address()));
        request(&mut client);
        let stream = client.stream(1);
        assert_eq!(stream.status(), 413);
        let error = json!({ "__type": "RequestEntityTooLargeException", "message": "The request body exceeds 1000 bytes." });
        assert_eq!(stream.json(), error);
        // The connection goes on.
        client.post(3, "/echo", "next");
        assert_eq!(client.stream(3).json()["body"], "next");
    }
    assert_eq!(probe.seen.lock().unwrap().len(), 2);
}

#[test]
fn a_slow_http2_body_is_refused_in_time() {
    let (running, _) = start(Options { request_timeout: Duration::from_millis(300), ..options() });
    let mut client = Client2::new(connect(running.address()));
    client.head(1, 0, "/echo", &[]);
    client.frame(DATA, 0, 1, b"{");
    let stream = client.stream(1);
    assert_eq!((stream.status(), &stream.json()["__type"]), (408, &json!("RequestTimeoutException")));
}

#[test]
fn more_headers_than_any_client_sends_are_refused() {
    let (running, probe) = start(options());
    for (count, expected) in [(255, 200), (256, 400)] {
        let mut client = Client2::new(connect(running.address()));
        let names: Vec<String> = (0..count).map(|number| format!("x-{number}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).chain([("host", "h")]).collect();
        client.head(1, END_STREAM, "/echo", &headers);
        assert_eq!(client.stream(1).status(), expected, "{count}");
    }
    assert_eq!(probe.seen.lock().unwrap().len(), 1);
    assert_eq!(*probe.refused.lock().unwrap(), [Refused::BrokenHead]);
}

#[test]
fn a_thousand_requests_at_the_same_time() {
    const CONNECTIONS: usize = 10;
    const STREAMS: u32 = 100;
    // Nobody is answered before all have arrived.
    let probe = Probe::new(CONNECTIONS * STREAMS as usize);
    let running = bind(options()).unwrap().serve(Arc::clone(&probe)).unwrap();
    let address = running.address();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut client = Client2::new(connect(address));
                for stream in 0..STREAMS {
                    client.post(2 * stream + 1, "/meet", &stream.to_string());
                }
                let answers = client.streams(STREAMS as usize, |_| true);
                for stream in 0..STREAMS {
                    assert_eq!(answers[&(2 * stream + 1)].json()["body"], stream.to_string());
                }
            });
        }
    });
    assert_eq!(probe.seen.lock().unwrap().len(), 1_000);
}

struct Secure {
    running: Running,
    ca: CertificateDer<'static>,
}

fn secure() -> Secure {
    let directory = tempfile::tempdir().unwrap();
    // The clients check the validity against the wall clock.
    let now = jiff::Timestamp::now();
    let made = tls::development(directory.path(), Ipv4Addr::LOCALHOST.into(), now).unwrap();
    let ca = CertificateDer::from_pem_file(&made.ca).unwrap();
    let (running, _) = start(Options { tls: Some(made.config), ..options() });
    Secure { running, ca }
}

fn client(secure: &Secure, alpn: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(secure.ca.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(secure.running.address()));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

#[test]
fn tls_serves_http2_to_those_who_offer_it_and_http1_to_the_rest() {
    let secure = secure();
    assert!(secure.running.url().starts_with("https://127.0.0.1:"), "{}", secure.running.url());
    let stream = client(&secure, &["h2", "http/1.1"]);
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    let mut client2 = Client2::new(stream);
    client2.post(1, "/echo", "{}");
    let echo = client2.stream(1).json();
    assert_eq!((&echo["version"], &echo["transport"]), (&json!("HTTP/2.0"), &json!("https")));

    for (alpn, chosen) in [([].as_slice(), None), (&["http/1.1"], Some(b"http/1.1".as_slice()))] {
        let mut stream = client(&secure, alpn);
        assert_eq!(stream.conn.alpn_protocol(), chosen);
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: k\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let echo: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&echo["version"], &echo["transport"]), (&json!("HTTP/1.1"), &json!("https")));
    }
}

#[test]
fn a_client_that_trusts_the_ca_calls_by_every_local_name() {
    let secure = secure();
    let port = secure.running.address().port();
    let agent = |roots: ureq::tls::RootCerts| {
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        ureq::Agent::from(
            ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(DEADLINE)).proxy(None).build(),
        )
    };
    let root = ureq::tls::Certificate::from_der(&secure.ca).to_owned();
    let trusting = agent(ureq::tls::RootCerts::from([root]));
    for name in ["localhost", "127.0.0.1"] {
        let mut response = trusting.post(format!("https://{name}:{port}/echo")).send("{}").unwrap();
        let echo: Value = response.body_mut().read_json().unwrap();
        assert_eq!((&echo["body"], &echo["transport"]), (&json!("{}"), &json!("https")), "{name}");
    }
    let error =
        agent(ureq::tls::RootCerts::WebPki).get(format!("https://localhost:{port}/")).call().unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}
