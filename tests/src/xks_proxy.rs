//! An external key store proxy, written to the public specification and to nothing of the server's. Signatures are
//! checked against those of AWS's own signer.
//!
//! AWS: External Key Store Proxy API Specification, version 1.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_kms::config::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms_server::xks::Route;
use ring::{aead, digest};
use serde_json::{Value, json};

/// Names the credential that the proxy takes.
pub const ACCESS_KEY_ID: &str = "ABCDEFGHIJKLMNOPQRST";
/// The secret of it.
pub const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
/// Where its API begins.
pub const PATH: &str = "/kms/xks/v1";

/// The metadata that comes with every ciphertext.
const METADATA: &[u8] = b"key_version=1";

/// What the proxy does instead of what it is asked.
#[derive(Clone)]
pub enum Fault {
    /// Answers with an error.
    Error(u16, &'static str),
    /// Answers with other members.
    Members(Value),
    /// Answers with this text and status 200.
    Text(&'static str),
    /// Answers after a while.
    Late(Duration),
    /// Closes the connection.
    Hang,
}

/// A key of the key manager.
#[derive(Clone)]
pub struct ExternalKey {
    /// `keySpec`.
    pub spec: &'static str,
    /// `keyUsage`.
    pub usage: &'static [&'static str],
    /// `keyStatus`.
    pub status: &'static str,
}

/// One that can back a KMS key.
pub const GOOD: ExternalKey =
    ExternalKey { spec: "AES_256", usage: &["ENCRYPT", "DECRYPT"], status: "ENABLED" };

#[derive(Default)]
struct Inner {
    keys: BTreeMap<String, ExternalKey>,
    fault: Option<Fault>,
    heard: Vec<(String, Value)>,
}

/// A running proxy. Its threads end with the process.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Proxy {
    /// Starts a proxy on a free port, with the external key `key-1`.
    #[must_use]
    pub fn start() -> Proxy {
        Proxy::serve(|stream, proxy| proxy.answer(stream))
    }

    /// Starts one that speaks TLS.
    #[must_use]
    pub fn start_tls(config: Arc<rustls::ServerConfig>) -> Proxy {
        Proxy::serve(move |stream, proxy| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            proxy.answer(rustls::StreamOwned::new(connection, stream));
        })
    }

    fn serve(answer: impl Fn(std::net::TcpStream, &Proxy) + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner { keys: [("key-1".to_owned(), GOOD)].into(), ..Inner::default() };
        let proxy = Proxy { address: listener.local_addr().unwrap(), inner: Arc::new(Mutex::new(inner)) };
        let (shared, answer) = (proxy.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (proxy, answer) = (shared.clone(), Arc::clone(&answer));
                std::thread::spawn(move || answer(stream.unwrap(), &proxy));
            }
        });
        proxy
    }

    /// The way to it, as the host `xks.example.com`.
    #[must_use]
    pub fn route(&self) -> Route {
        Route {
            host: "xks.example.com".to_owned(),
            url: format!("http://{}", self.address),
            ca: None,
            vpc_endpoint_service: None,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the key manager a key, or changes it.
    pub fn set_key(&self, id: &str, key: ExternalKey) {
        self.inner.lock().unwrap().keys.insert(id.to_owned(), key);
    }

    /// What the proxy does from now on instead of what it is asked, if anything.
    pub fn set_fault(&self, fault: impl Into<Option<Fault>>) {
        self.inner.lock().unwrap().fault = fault.into();
    }

    /// The calls since the last look: path below the API's, and body.
    pub fn heard(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.inner.lock().unwrap().heard)
    }

    fn answer(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        let Some((head, body)) = receive(&mut stream) else { return };
        let (status, answer) = self.reply(&head, &body);
        let Some(answer) = answer else { return };
        let stream = stream.get_mut();
        // In two chunks, as the protocol allows.
        let (first, second) = answer.split_at(answer.len() / 2);
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        );
        let _ = stream.flush();
    }

    fn reply(&self, head: &[String], body: &[u8]) -> (u16, Option<String>) {
        let refuse = |(status, name): (u16, &str)| {
            let body = json!({"errorName": name, "errorMessage": "for the log"});
            (status, Some(body.to_string()))
        };
        let (method, path) = head[0].split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap();
        if method != "POST" {
            return refuse((405, "ValidationException"));
        }
        if header(head, "authorization") != signature(head, path, body) {
            return refuse((401, "AuthenticationFailedException"));
        }
        let Some(resource) = path.strip_prefix(PATH) else { return refuse((404, "InvalidUriPathException")) };
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return refuse((400, "ValidationException"));
        };
        let mut inner = self.inner.lock().unwrap();
        inner.heard.push((resource.to_owned(), body.clone()));
        let (fault, keys) = (inner.fault.clone(), inner.keys.clone());
        drop(inner);
        match fault {
            Some(Fault::Error(status, name)) => return refuse((status, name)),
            Some(Fault::Text(text)) => return (200, Some(text.to_owned())),
            Some(Fault::Hang) => return (0, None),
            Some(Fault::Late(time)) => std::thread::sleep(time),
            Some(Fault::Members(_)) | None => {}
        }
        let mut answer = match act(&keys, resource, &body) {
            Ok(answer) => answer,
            Err(error) => return refuse(error),
        };
        if let Some(Fault::Members(Value::Object(members))) = fault {
            answer.as_object_mut().unwrap().extend(members);
        }
        (200, Some(answer.to_string()))
    }
}

/// The lines of the head, and the body.
fn receive(stream: &mut impl std::io::BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut body = vec![0; header(&head, "content-length").parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn header(head: &[String], name: &str) -> String {
    let found =
        head.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// The `Authorization` header that AWS's signer makes for the same request.
fn signature(head: &[String], path: &str, body: &[u8]) -> String {
    let date = header(head, "x-amz-date");
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    let time: SystemTime = civil.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().into();
    let skew = time.elapsed().unwrap_or_default();
    assert!(skew < Duration::from_secs(300), "signed by another clock than the wall's");
    let identity = Credentials::new(ACCESS_KEY_ID, SECRET, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("kms-xks-proxy")
        .time(time)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let (host, url) = (header(head, "host"), format!("https://{}{path}", header(head, "host")));
    let headers = [("host", host.as_str())];
    let request = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    let authorization = instructions.headers().find(|(name, _)| *name == "authorization");
    authorization.map(|(_, value)| value.to_owned()).unwrap()
}

type Refusal = (u16, &'static str);

fn act(keys: &BTreeMap<String, ExternalKey>, resource: &str, body: &Value) -> Result<Value, Refusal> {
    let about = &body["requestMetadata"];
    let told = |member: &str| about[member].as_str().is_some_and(|text| !text.is_empty());
    if !told("kmsRequestId") || !told("kmsOperation") {
        return Err((400, "ValidationException"));
    }
    if resource == "/health" {
        return Ok(json!({
            "xksProxyFleetSize": 2, "xksProxyVendor": "v", "xksProxyModel": "m", "ekmVendor": "e",
            "ekmFleetDetails": [{"id": "hsm-1", "model": "m", "healthStatus": "DEGRADED"}],
        }));
    }
    let (id, operation) = resource
        .strip_prefix("/keys/")
        .and_then(|rest| rest.split_once('/'))
        .ok_or((404, "InvalidUriPathException"))?;
    if !told("awsPrincipalArn") {
        return Err((400, "ValidationException"));
    }
    let key = keys.get(id).ok_or((404, "KeyNotFoundException"))?;
    if operation == "metadata" {
        return Ok(json!({"keySpec": key.spec, "keyUsage": key.usage, "keyStatus": key.status}));
    }
    if !told("kmsKeyArn") || body["encryptionAlgorithm"] != "AES_GCM" {
        return Err((400, "ValidationException"));
    }
    if key.status != "ENABLED" {
        return Err((400, "InvalidStateException"));
    }
    let bytes = |member: &str| STANDARD.decode(body[member].as_str().unwrap_or_default()).unwrap();
    let material = digest::digest(&digest::SHA256, id.as_bytes());
    let sealer =
        aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, material.as_ref()).unwrap());
    let context = bytes("additionalAuthenticatedData");
    let authenticated = |metadata: &[u8]| {
        let lengths = [&u16::try_from(context.len()).unwrap().to_be_bytes()[..], &context];
        let metadata = [&[u8::try_from(metadata.len()).unwrap()][..], metadata];
        aead::Aad::from([lengths.concat(), metadata.concat()].concat())
    };
    match operation {
        "encrypt" => {
            let mut data = bytes("plaintext");
            let iv: [u8; 12] = ring::rand::generate(&ring::rand::SystemRandom::new()).unwrap().expose();
            let nonce = aead::Nonce::assume_unique_for_key(iv);
            let tag = sealer.seal_in_place_separate_tag(nonce, authenticated(METADATA), &mut data).unwrap();
            let all = [&context[..], METADATA, &iv, &data, tag.as_ref()].concat();
            let mut answer = json!({
                "ciphertext": STANDARD.encode(&data),
                "initializationVector": STANDARD.encode(iv),
                "authenticationTag": STANDARD.encode(tag.as_ref()),
                "ciphertextMetadata": STANDARD.encode(METADATA),
            });
            if body["ciphertextDataIntegrityValueAlgorithm"] == "SHA_256" {
                let value = digest::digest(&digest::SHA256, &all);
                answer["ciphertextDataIntegrityValue"] = STANDARD.encode(value.as_ref()).into();
            }
            Ok(answer)
        }
        "decrypt" => {
            let nonce = aead::Nonce::try_assume_unique_for_key(&bytes("initializationVector")).unwrap();
            let mut data = [bytes("ciphertext"), bytes("authenticationTag")].concat();
            let metadata = bytes("ciphertextMetadata");
            let opened = sealer.open_in_place(nonce, authenticated(&metadata), &mut data);
            let opened = opened.map_err(|_| (400, "InvalidCiphertextException"))?;
            Ok(json!({"plaintext": STANDARD.encode(opened)}))
        }
        _ => Err((404, "InvalidUriPathException")),
    }
}
