//! A minimal HTTP/1.1 client that sends the same bytes over and over.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::PATIENCE;
use crate::process::Server;

pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
}

#[derive(Default)]
pub(crate) struct Measured {
    requests: usize,
    elapsed: Duration,
    cpu: Duration,
}

impl AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
    }
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a rate to print")]
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate to print")]
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl Load {
    pub(crate) async fn run(&self, server: &Server, request: &[u8]) -> Measured {
        let left = Arc::new(AtomicUsize::new(self.requests));
        let request: Arc<[u8]> = request.into();
        let cpu = server.cpu();
        let started = Instant::now();
        let clients: Vec<_> = (0..self.connections)
            .map(|_| {
                let (left, request, port) = (Arc::clone(&left), Arc::clone(&request), server.port);
                tokio::spawn(async move {
                    let mut connection = Connection::open(port).await;
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                        .is_ok()
                    {
                        let (status, _) = connection.exchange(&request).await;
                        assert_eq!(status, 200);
                    }
                })
            })
            .collect();
        for client in clients {
            tokio::time::timeout(PATIENCE * 5, client).await.expect("in time").expect("no failure");
        }
        Measured {
            requests: self.requests,
            elapsed: started.elapsed(),
            cpu: server.cpu().saturating_sub(cpu),
        }
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Connection { stream, buffer: Vec::with_capacity(16 * 1_024) }
    }

    /// Sends a request and reads its whole reply: status and body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> (u16, Vec<u8>) {
        self.stream.write_all(request).await.expect("a connection");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("a connection");
            assert!(read > 0, "the server closed the connection");
            let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.buffer[..head]).expect("headers");
            let length = text
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if self.buffer.len() >= head + 4 + length {
                let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
                return (status, self.buffer[head + 4..head + 4 + length].to_vec());
            }
        }
    }
}

/// Calls an operation once.
pub(crate) async fn call(port: u16, request: &[u8]) -> Value {
    let (status, reply) = Connection::open(port).await.exchange(request).await;
    let reply = serde_json::from_slice(&reply).expect("JSON");
    assert_eq!(status, 200, "{reply}");
    reply
}

pub(crate) async fn reply_length(port: u16, request: &[u8]) -> usize {
    let (_, reply) = Connection::open(port).await.exchange(request).await;
    reply.len()
}

pub(crate) async fn get(port: u16, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let (_, reply) = Connection::open(port).await.exchange(request.as_bytes()).await;
    String::from_utf8(reply).expect("text")
}
