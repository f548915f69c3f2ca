//! The server under test: in process, on a store that can be made to fail and opened again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fixtures::START;
use http::{Method, Request, StatusCode};
use kms_server::auth::{Signatures, UnknownAccessKey};
use kms_server::builder::Builder;
use kms_server::engine::{Batching, ClockStart};
use kms_server::limits::Limits;
use kms_server::observe::log::LogOptions;
use kms_server::service::Service;
use kms_server::store::{
    Batch, Change, Kind, MemoryStore, Options, Refusal, RootKeySource, Row, SqliteStore, Store, StoreError,
};
use lifecycle::crypto::{Entropy, Secret, SeededEntropy};
use lifecycle::custom_store::{Cluster, ClusterState};
use lifecycle::iam::{AccessKey, Entry};
use serde_json::Value;

use super::script::{Fault, FaultKind, Script, USERS};

/// A cluster for each of [`super::script::SCOPES`].
pub(super) const CLUSTERS: [&str; 3] = ["cluster-aaaaaaaaaa2", "cluster-aaaaaaaaaa3", "cluster-aaaaaaaaaa4"];

/// The certificate of each, and the password of its `kmsuser`.
pub(super) const ANCHOR: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
pub(super) const PASSWORD: &str = "kmsPswd";

/// An answer: the HTTP status and the body as it came.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Answer {
    /// Null if there is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error code; empty after a success.
    pub(super) fn code(&self) -> String {
        self.json()["__type"].as_str().unwrap_or_default().to_owned()
    }
}

/// Which commit fails, whether one did, and how many rows have been written.
#[derive(Default)]
struct Trigger {
    armed: Option<Fault>,
    fired: bool,
    rows: usize,
}

/// A store whose commits fail when they are told to.
struct Faulty<S> {
    inner: S,
    trigger: Arc<Mutex<Trigger>>,
    stopped: bool,
}

impl<S: Store> Store for Faulty<S> {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        self.inner.load()
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let unknown = || StoreError::Unknown { path: PathBuf::new(), detail: "injected".into() };
        if self.stopped {
            return Err(unknown());
        }
        if batch.changes.iter().all(is_delivery) {
            // It belongs to no step: it takes place beside them.
            return self.inner.commit(batch);
        }
        let mut trigger = self.trigger.lock().unwrap();
        trigger.rows += batch.changes.len();
        let due = match &mut trigger.armed {
            Some(fault) => {
                fault.nth -= 1;
                (fault.nth == 0).then_some(fault.kind)
            }
            None => None,
        };
        let Some(kind) = due else { return self.inner.commit(batch) };
        (trigger.armed, trigger.fired) = (None, true);
        if kind == FaultKind::Kept {
            self.inner.commit(batch)?;
        }
        self.stopped = kind != FaultKind::Refused;
        if self.stopped {
            return Err(unknown());
        }
        Err(StoreError::Refused { path: PathBuf::new(), reason: Refusal::Full, detail: "injected".into() })
    }
}

/// Whether a change takes note of an event's delivery.
fn is_delivery(change: &Change) -> bool {
    matches!(change, Change::Delete { kind, .. } if *kind == Kind::OUTBOX)
}

enum Rows {
    Memory(MemoryStore),
    Disk(tempfile::TempDir),
}

pub(super) struct Server {
    rows: Rows,
    entropy: Arc<dyn Entropy>,
    trigger: Arc<Mutex<Trigger>>,
    delay: Duration,
    events_max: usize,
    audit: Option<PathBuf>,
    service: Option<Service>,
    /// Every request with its answer, byte for byte, if the audit log is in files as well.
    pub(super) exchanges: Vec<u8>,
}

impl Server {
    /// A new server. With a folder for the audit log, it is kept in files.
    pub(super) fn new(script: &Script, audit: Option<&Path>) -> Server {
        let rows = match script.on_disk {
            true => Rows::Disk(tempfile::tempdir().unwrap()),
            false => Rows::Memory(MemoryStore::new()),
        };
        let mut server = Server {
            rows,
            entropy: Arc::new(SeededEntropy::new(1)),
            trigger: Arc::default(),
            delay: Duration::from_millis(script.delay.unsigned_abs()),
            events_max: script.events_max,
            audit: audit.map(Path::to_owned),
            service: None,
            exchanges: Vec::new(),
        };
        server.start();
        server
    }

    fn start(&mut self) {
        let (stopped, trigger) = (false, Arc::clone(&self.trigger));
        let store: Box<dyn Store> = match &self.rows {
            Rows::Memory(rows) => Box::new(Faulty { inner: rows.reopen(), trigger, stopped }),
            Rows::Disk(folder) => Box::new(Faulty { inner: reopen(folder.path()), trigger, stopped }),
        };
        let keys = USERS.map(|user| {
            Entry::AccessKey(Arc::new(AccessKey {
                id: access_key(user).into(),
                secret: Secret::new(b"secret".to_vec()),
                owner: lifecycle::policy::Principal::parse(user).unwrap(),
            }))
        });
        let limits = Limits { grant_consistency_delay: self.delay, ..Limits::default() };
        let batching = Batching { batch_events_max: self.events_max, ..Batching::default() };
        let service = Builder::new(store)
            .entropy(Arc::clone(&self.entropy))
            .clock(ClockStart { at: Some(START), rate: 0.0 })
            .principals(keys.to_vec())
            .unknown_access_key(Some(UnknownAccessKey::Root))
            .signatures(Signatures::Ignore)
            .limits(limits)
            .clusters(CLUSTERS.map(cluster).to_vec())
            .batching(batching)
            .audit(LogOptions { folder: self.audit.clone(), ..LogOptions::default() })
            .build();
        self.service = Some(service.unwrap_or_else(|error| panic!("the server starts again: {error}")));
    }

    pub(super) fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    /// Makes the server stop, in good order or not, and start again on what it stored.
    pub(super) async fn restart(&mut self, in_order: bool) {
        let service = self.service.take().unwrap();
        if in_order {
            service.stop().await;
        } else if self.audit.is_some() {
            // Within one process the old log's thread would go on beside the new one's.
            service.parts().audit.stop().await;
        }
        drop(service);
        self.start();
    }

    /// Sets or removes the fault of the commits to come; says whether one has failed since the last time.
    pub(super) fn arm(&self, fault: Option<Fault>) -> bool {
        let mut trigger = self.trigger.lock().unwrap();
        trigger.armed = fault;
        std::mem::take(&mut trigger.fired)
    }

    /// How many rows the store was to write since the last time.
    pub(super) fn rows_written(&self) -> usize {
        std::mem::take(&mut self.trigger.lock().unwrap().rows)
    }

    /// Calls an operation as an access key, in a Region.
    pub(super) async fn call(&mut self, who: &str, region: &str, operation: &str, input: &Value) -> Answer {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={who}/20260101/{region}/kms/aws4_request, SignedHeaders=host, Signature=00"
        );
        let request = Request::post("/")
            .header("authorization", authorization)
            .header("content-type", "application/x-amz-json-1.1")
            .header("host", "kms.test")
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", format!("TrentService.{operation}"));
        self.send(request.body(input.to_string().into()).unwrap()).await
    }

    /// Calls the control API.
    pub(super) async fn control(&mut self, method: Method, path: &str, input: &Value) -> Answer {
        let body = if input.is_null() { Bytes::new() } else { input.to_string().into() };
        self.send(Request::builder().method(method).uri(path).body(body).unwrap()).await
    }

    /// Everything that is stored, with the secrets sealed under a passphrase.
    pub(super) async fn export(&mut self) -> Answer {
        let request = Request::get("/_kms/state")
            .header(kms_server::control::PASSPHRASE_HEADER, STANDARD.encode("simulation"));
        self.send(request.body(Bytes::new()).unwrap()).await
    }

    async fn send(&mut self, request: Request<Bytes>) -> Answer {
        let asked = format!("{} {}\n", request.uri(), String::from_utf8_lossy(request.body()));
        let (parts, body) = self.service().call(request).await.into_parts();
        if self.audit.is_some() {
            let head = format!("{} {:?}\n", parts.status, parts.headers);
            self.exchanges.extend([asked.as_bytes(), head.as_bytes(), &body, b"\n"].concat());
        }
        Answer { status: parts.status, body }
    }
}

fn cluster(id: &str) -> Cluster {
    Cluster {
        id: id.into(),
        state: ClusterState::Active,
        active_hsms: 2,
        trust_anchor: ANCHOR.into(),
        backup_of: id.into(),
        failure: None,
        password: Some(Secret::new(PASSWORD.into())),
    }
}

/// The database of a server that is gone, which may take a moment to let go of it.
fn reopen(folder: &Path) -> SqliteStore {
    let options = Options {
        data_dir: folder.join("data"),
        root_key: RootKeySource::File(folder.join("root.key")),
        page_limit: None,
    };
    let opened = fixtures::process::eventually(|| match SqliteStore::open(&options) {
        Err(StoreError::Locked { .. }) => None,
        opened => Some(opened),
    });
    opened.unwrap().unwrap()
}

/// The access key of a user: the user's name.
pub(super) fn access_key(user: &str) -> &str {
    user.rsplit('/').next().unwrap()
}
