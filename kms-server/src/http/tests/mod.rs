//! The server over real loopback sockets, with clients written out byte by byte. Every read has a deadline.

mod http1;
mod http2;
mod stop;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore};

use super::actix::{Bound, Options, Running, Stopped, bind};
use super::{Connection, Handler, Refused};
use crate::message::{Message, Reply as Answer};

const DEADLINE: Duration = Duration::from_secs(20);
const BODY_BYTES_MAX: usize = 1_000;

fn options() -> Options {
    Options {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        tls: None,
        workers: 2,
        connections_max: 1_000,
        body_bytes_max: BODY_BYTES_MAX,
        control_body_bytes_max: BODY_BYTES_MAX,
        request_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(60),
    }
}

/// Answers `/echo` with what it received, `/gate` once the gate opens, `/meet` once everybody is there.
struct Probe {
    seen: Mutex<Vec<Request<Bytes>>>,
    refused: Mutex<Vec<Refused>>,
    gate: Semaphore,
    meeting: Barrier,
    waiting: AtomicUsize,
}

impl Probe {
    fn new(meeting: usize) -> Arc<Self> {
        Arc::new(Probe {
            seen: Mutex::default(),
            refused: Mutex::default(),
            gate: Semaphore::new(0),
            meeting: Barrier::new(meeting),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Blocks until so many requests wait at the gate.
    fn wait_for(&self, waiting: usize) {
        for _ in 0..2_000 {
            if self.waiting.load(Ordering::SeqCst) == waiting {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} requests wait", self.waiting.load(Ordering::SeqCst));
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Probe {
    async fn call(&self, message: Message<'_>) -> Answer {
        let request = message.to_request().unwrap();
        match request.uri().path() {
            "/gate" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _waiting = Waiting(&self.waiting);
                self.gate.acquire().await.unwrap().forget();
            }
            "/meet" => {
                self.meeting.wait().await;
            }
            _ => {}
        }
        let connection = request.extensions().get::<Connection>().unwrap();
        let headers: Vec<[String; 2]> = request
            .headers()
            .iter()
            .map(|(name, value)| [name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
            .collect();
        let answer = json!({
            "method": request.method().as_str(),
            "uri": request.uri().to_string(),
            "version": format!("{:?}", request.version()),
            "headers": headers,
            "body": String::from_utf8_lossy(request.body()),
            "transport": connection.transport.scheme(),
            "local": connection.local.to_string(),
            "peer": connection.peer.unwrap().to_string(),
        });
        self.seen.lock().unwrap().push(request);
        let response = Response::builder()
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
            .body(Bytes::from(answer.to_string()));
        Answer::Other(response.unwrap())
    }

    fn refused(&self, reason: Refused) {
        self.refused.lock().unwrap().push(reason);
    }
}

fn start(options: Options) -> (Running, Arc<Probe>) {
    let probe = Probe::new(1);
    (bind(options).unwrap().serve(Arc::clone(&probe)).unwrap(), probe)
}

fn stop(running: Running, grace: Duration) -> Stopped {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, running.stop(grace)).await }).unwrap().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// An HTTP/1.1 response.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Reply {
    fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, the code and the message of an error of the edge, whose form is checked.
    fn refusal(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), Some("application/x-amz-json-1.1"));
        assert_uuid(self.header("x-amzn-requestid").unwrap());
        let body = self.json();
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        assert_eq!(body.as_object().unwrap().len(), 2);
        (self.status, text("__type"), text("message"))
    }
}

fn assert_uuid(id: &str) {
    let form =
        regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$").unwrap();
    assert!(form.is_match(id), "{id}");
}

/// One client connection.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        Client(BufReader::new(connect(address)))
    }

    fn send(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: kms\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        reply.body = body.into();
        reply
    }

    fn head(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status =
            line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Reply { status, headers, body: Bytes::new() }
    }

    /// Asserts that the server closes the connection, politely or not.
    fn assert_closed(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(String::from_utf8_lossy(&rest), ""),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn binding_tells_the_address_and_names_one_that_is_taken() {
    let bound: Bound = bind(options()).unwrap();
    let address = bound.address();
    assert_ne!(address.port(), 0);
    let error = bind(Options { address, ..options() }).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {address}: Address already in use (os error 98)")
    );

    // A connection made before the server starts waits for it.
    let mut early = Client::new(address);
    early.send("GET /echo HTTP/1.1\r\nHost: kms\r\n\r\n");
    let running = bound.serve(Probe::new(1)).unwrap();
    assert_eq!(running.address(), address);
    assert_eq!(running.url(), format!("http://{address}"));
    assert_eq!(early.reply().status, 200);
}

#[test]
fn ids_of_refusals_are_fresh_uuids() {
    let id = || super::request_id().unwrap();
    for _ in 0..100 {
        assert_uuid(id().to_str().unwrap());
    }
    assert_ne!(id(), id());
}
