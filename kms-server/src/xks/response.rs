//! HTTP/1.1 responses of a proxy: as much of the protocol as one request per connection needs.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Failure;

/// The longest response, head and body; the longest that the specification has is about 6 KiB.
const BYTES_MAX: usize = 64 * 1024;

const HEADERS_MAX: usize = 64;

/// A response.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// How the end of a body is known.
enum Framing {
    Length(usize),
    Chunks,
    Close,
}

/// Reads one response.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Response, Failure> {
    let mut received = Vec::with_capacity(4_096);
    let (status, start, framing) = loop {
        if let Some(head) = head(&received)? {
            break head;
        }
        if more(stream, &mut received).await? == 0 {
            return Err(Failure::Unreachable);
        }
    };
    loop {
        let rest = received.get(start..).unwrap_or_default();
        let body = match framing {
            Framing::Length(length) => rest.get(..length).map(<[u8]>::to_vec),
            Framing::Chunks => chunks(rest)?,
            Framing::Close => None,
        };
        if let Some(body) = body {
            return Ok(Response { status, body: body.into() });
        }
        if more(stream, &mut received).await? == 0 {
            let Framing::Close = framing else { return Err(Failure::Unreachable) };
            let body = received.split_off(start);
            return Ok(Response { status, body: body.into() });
        }
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> Result<usize, Failure> {
    if received.len() >= BYTES_MAX {
        return Err(Failure::InvalidResponse);
    }
    stream.read_buf(received).await.map_err(|_| Failure::Unreachable)
}

/// Status, start of the body and its framing, once the head is complete.
fn head(received: &[u8]) -> Result<Option<(u16, usize, Framing)>, Failure> {
    let malformed = Failure::InvalidResponse;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(received).map_err(|_| malformed)? else {
        return Ok(None);
    };
    let status = response.code.ok_or(malformed)?;
    let value = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| std::str::from_utf8(header.value).unwrap_or_default().trim())
    };
    let framing = match (value("transfer-encoding"), value("content-length")) {
        (Some(encoding), _) if encoding.eq_ignore_ascii_case("chunked") => Framing::Chunks,
        (Some(_), _) => return Err(malformed),
        (None, Some(length)) => {
            Framing::Length(length.parse().ok().filter(|length| *length <= BYTES_MAX).ok_or(malformed)?)
        }
        (None, None) => Framing::Close,
    };
    Ok(Some((status, start, framing)))
}

/// The body in chunks, once the last has come.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest).map_err(|_| Failure::InvalidResponse)?;
        let httparse::Status::Complete((start, size)) = size else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        let size =
            usize::try_from(size).ok().filter(|size| *size <= BYTES_MAX).ok_or(Failure::InvalidResponse)?;
        let (Some(chunk), Some(end)) =
            (rest.get(start..start + size), rest.get(start + size..start + size + 2))
        else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(Failure::InvalidResponse);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    async fn response(text: &str) -> Result<(u16, Bytes), Failure> {
        let mut stream = text.as_bytes();
        read(&mut stream).await.map(|response| (response.status, response.body))
    }

    #[tokio::test]
    async fn a_body_ends_as_its_head_says() {
        let body = || Ok((200, Bytes::from_static(b"hello")));
        assert_eq!(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await, body());
        assert_eq!(response("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and more").await, body());
        assert_eq!(response("HTTP/1.0 200 OK\r\n\r\nhello").await, body());
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(response(&format!("{chunked}2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")).await, body());
        for (text, failure) in [
            ("", Failure::Unreachable),
            ("HTTP/1.1 200 OK\r\n", Failure::Unreachable),
            ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", Failure::Unreachable),
            (&format!("{chunked}5\r\nhel"), Failure::Unreachable),
            ("SSH-2.0-OpenSSH\r\n", Failure::InvalidResponse),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Failure::InvalidResponse),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Failure::InvalidResponse),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Failure::InvalidResponse),
            (&format!("{chunked}zz\r\n"), Failure::InvalidResponse),
            (&format!("{chunked}1\r\nabc"), Failure::InvalidResponse),
            (&format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(BYTES_MAX)), Failure::InvalidResponse),
        ] {
            assert_eq!(response(text).await, Err(failure), "{:.40}", text);
        }
    }

    proptest! {
        /// A body arrives whole however it is cut into chunks and into packets.
        #[test]
        fn a_body_in_chunks_is_put_together(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            packet in 1..64_usize,
        ) {
            let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in &pieces {
                sent.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
                sent.extend_from_slice(piece);
                sent.extend_from_slice(b"\r\n");
            }
            sent.extend_from_slice(b"0\r\n\r\n");
            let found = in_packets(sent, packet).map(|response| response.body.to_vec());
            prop_assert_eq!(found, Ok(pieces.concat()));
        }

        /// Whatever comes instead of a response is read to an end.
        #[test]
        fn anything_is_read_to_an_end(
            start in prop_oneof![
                Just(""),
                Just("HTTP/1.1 200 OK\r\n\r\n"),
                Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ],
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(response) = in_packets([start.as_bytes(), &rest].concat(), 64) {
                prop_assert!(response.body.len() <= rest.len());
            }
        }
    }

    fn in_packets(sent: Vec<u8>, packet: usize) -> Result<Response, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut near, mut far) = tokio::io::duplex(packet);
            let sending = async move {
                // The reader may have enough before the end.
                let _ = far.write_all(&sent).await;
            };
            tokio::join!(
                async {
                    let found = read(&mut near).await;
                    drop(near);
                    found
                },
                sending
            )
            .0
        })
    }
}
