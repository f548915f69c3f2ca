//! HTTP/2 as clients speak it: the frames that a small request needs.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde_json::Value;

use super::support::*;

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
    // The same port serves HTTP/1.1.
    key(&server);
    assert_eq!(metric(&server, "kms_keys"), 2);
}
