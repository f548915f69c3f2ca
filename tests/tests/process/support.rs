//! What the tests of the process share.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) use fixtures::process::{Ended, Reply, ServerProcess, command, eventually};
use serde_json::{Value, json};

/// The bytes `0, 1, … 31`, in base64.
pub(crate) const MATERIAL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A data directory of its own, removed at the end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    /// The data directory, which does not exist at first.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A path beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file beside the data directory and gives its path as text.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.beside(name), text).unwrap();
        shown(&self.beside(name))
    }

    /// `kms-server serve` on this data directory.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Command {
        let mut command = command(&["serve", "--port", "0", "--data-dir", &shown(&self.data())]);
        command.args(arguments);
        command
    }

    /// A server on this data directory.
    pub(crate) fn server(&self, arguments: &[&str]) -> ServerProcess {
        started(&mut self.serve(arguments))
    }

    /// The end of a server that cannot start on this data directory.
    pub(crate) fn refused(&self, arguments: &[&str]) -> Ended {
        refused(&mut self.serve(arguments))
    }

    /// Another command on this data directory.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Ended {
        let mut command = command(&[name, "--data-dir", &shown(&self.data())]);
        fixtures::process::run(command.args(arguments)).unwrap()
    }

    /// Every file of the data directory and what it holds.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.data(), &mut found);
        found.sort();
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) fn started(command: &mut Command) -> ServerProcess {
    ServerProcess::spawn(command).unwrap_or_else(|ended| panic!("{ended:?}"))
}

/// The end of a server that was to refuse to start.
pub(crate) fn refused(command: &mut Command) -> Ended {
    match ServerProcess::spawn(command) {
        Ok(server) => panic!("it started: {}", server.log()),
        Err(ended) => ended,
    }
}

/// A server that keeps nothing.
pub(crate) fn in_memory(arguments: &[&str]) -> ServerProcess {
    started(command(&["serve", "--port", "0", "--memory"]).args(arguments))
}

/// A command that calls `server`, run to its end.
pub(crate) fn client(server: &ServerProcess, arguments: &[&str]) -> Ended {
    fixtures::process::run(command(arguments).env("KMS_ENDPOINT", server.url())).unwrap()
}

/// As [`client`], for a command that must succeed; gives its output.
pub(crate) fn client_ok(server: &ServerProcess, arguments: &[&str]) -> String {
    let ended = client(server, arguments);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{arguments:?}: {}", ended.out);
    ended.out
}

/// The exit code and every one of the words are as they must be.
pub(crate) fn expect(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for word in words {
        assert!(ended.error.contains(word), "{word:?} is missing: {}", ended.error);
    }
    assert!(!ended.error.contains("panicked"), "{}", ended.error);
}

/// A call that must succeed.
pub(crate) fn ok(server: &ServerProcess, operation: &str, input: Value) -> Value {
    let reply = server.call(operation, &input).unwrap();
    assert_eq!(reply.status, 200, "{operation} {input}: {}", reply.text);
    reply.json()
}

/// A call that must fail: the status, the error's name and its message.
pub(crate) fn fails(server: &ServerProcess, operation: &str, input: Value) -> (u16, String, String) {
    let reply = server.call(operation, &input).unwrap();
    assert_ne!(reply.status, 200, "{operation} {input}: {}", reply.text);
    let body = reply.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let message = if body["message"].is_string() { text("message") } else { text("Message") };
    (reply.status, text("__type"), message)
}

/// A new key's id.
pub(crate) fn key(server: &ServerProcess) -> String {
    id_of(&ok(server, "CreateKey", json!({})))
}

pub(crate) fn id_of(created: &Value) -> String {
    created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

pub(crate) fn encrypt(server: &ServerProcess, key: &str, plaintext: &str) -> String {
    let sealed = ok(server, "Encrypt", json!({"KeyId": key, "Plaintext": plaintext}));
    sealed["CiphertextBlob"].as_str().unwrap().to_owned()
}

pub(crate) fn decrypt(server: &ServerProcess, ciphertext: &str) -> Value {
    ok(server, "Decrypt", json!({ "CiphertextBlob": ciphertext }))["Plaintext"].clone()
}

/// A control call.
pub(crate) fn control(server: &ServerProcess, method: &str, path: &str, body: &str) -> Reply {
    let host = format!("127.0.0.1:{}", server.port());
    let headers = [("host", host.as_str()), ("content-type", "application/json")];
    fixtures::process::send(server.port(), method, path, &headers, body.as_bytes()).unwrap()
}

/// A gauge or counter of `/_kms/metrics`.
pub(crate) fn metric(server: &ServerProcess, name: &str) -> u64 {
    let text = control(server, "GET", "/_kms/metrics", "").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

/// The clock as the control API shows it.
pub(crate) fn clock(server: &ServerProcess) -> Value {
    control(server, "GET", "/_kms/clock", "").json()
}

/// A connection whose reads end after a minute at the latest.
pub(crate) fn connect(server: &ServerProcess) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A KMS request as bytes: the head and the body.
pub(crate) fn request(server: &ServerProcess, operation: &str, input: &Value) -> (Vec<u8>, Vec<u8>) {
    let body = input.to_string().into_bytes();
    let mut head = String::from("POST / HTTP/1.1\r\n");
    for (name, value) in fixtures::process::headers(server.port(), operation) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    (head.into_bytes(), body)
}

/// Reads one response with a declared length, and leaves the connection open.
pub(crate) fn response(stream: &mut impl std::io::Read) -> std::io::Result<Reply> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut reply = Reply { status, head, text: String::new() };
    let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    reply.text = String::from_utf8(body).unwrap();
    Ok(reply)
}
