//! A crash at any point of the way from the change to the logs neither loses nor doubles an event.
//!
//! The moments of a crash are made: an engine without anybody who tells has the outbox of a server that was killed after a
//! commit, and a database from before with logs from after that of one that was killed before it could remove what it
//! had told.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fixtures::{START, TestKms};
use kms_server::builder::Builder;
use kms_server::engine::{Batching, ClockStart, Engine};
use kms_server::observe::log::LogOptions;
use kms_server::store::{Options, RootKeySource, SqliteStore};
use lifecycle::crypto::SystemEntropy;
use serde_json::Value;

use super::events::{new_key, notifications, rotating_key, service_events};
use super::wire::{call, events};

const CLOCK: ClockStart = ClockStart { at: Some(START), rate: 0.0 };

/// A data directory.
struct Server(tempfile::TempDir);

impl Server {
    fn new() -> Self {
        Server(tempfile::tempdir().unwrap())
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> Box<SqliteStore> {
        let data_dir = self.folder("data");
        let root_key = RootKeySource::File(self.folder("root.key"));
        Box::new(SqliteStore::open(&Options { data_dir, root_key, page_limit: None }).unwrap())
    }

    /// A whole server.
    fn start(&self) -> TestKms {
        self.start_with(LogOptions::default())
    }

    fn start_with(&self, options: LogOptions) -> TestKms {
        let log = |name| LogOptions { folder: Some(self.folder(name)), ..options.clone() };
        let builder = Builder::new(self.store()).entropy(Arc::new(SystemEntropy::new())).clock(CLOCK);
        let builder = builder.audit(log("audit")).notifications(log("notifications"));
        TestKms::of(builder.build().unwrap())
    }

    /// A server that nobody tells anything: a year passes, and then it is killed.
    async fn year_without_telling(&self) {
        let entropy = Arc::new(SystemEntropy::new());
        let stop = Box::new(|_: &_| {});
        let engine =
            Engine::open(self.store(), Box::new(()), vec![], CLOCK, Batching::default(), entropy, stop)
                .unwrap();
        let to = engine.snapshot().now().plus_days(365);
        engine.advance(to).await.unwrap();
        assert_eq!(engine.outbox().len(), 365 / 90 + 1, "rotations, and a deletion");
        engine.stop().await;
    }

    /// How many facts the database holds.
    fn waiting(&self) -> u64 {
        let database = rusqlite::Connection::open(self.folder("data/kms.db")).unwrap();
        let count = "SELECT count(*) FROM records WHERE kind = 'outbox'";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    }
}

/// A server with a key that rotates four times a year and one that is deleted, stopped.
async fn with_keys() -> Server {
    let server = Server::new();
    let kms = server.start();
    rotating_key(&kms, 90).await;
    let ending = new_key(&kms).await;
    call(&kms, "ScheduleKeyDeletion", serde_json::json!({"KeyId": ending, "PendingWindowInDays": 7}))
        .await
        .ok();
    kms.service().stop().await;
    server
}

/// The events of the year are in both logs, once each and in order, and nothing waits any more.
async fn told_once(server: &Server, kms: &TestKms) {
    let (told, sent) = (service_events(kms).await, notifications(kms, "").await);
    let names: Vec<&str> = told.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["DeleteKey", "RotateKey", "RotateKey", "RotateKey", "RotateKey"]);
    let ids = |events: &[Value], member: &str| -> Vec<Value> {
        events.iter().map(|event| event[member].clone()).collect()
    };
    assert_eq!(ids(&sent, "id"), ids(&told, "eventID"));
    let distinct: BTreeSet<String> = ids(&sent, "id").iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), told.len());
    kms.service().stop().await;
    assert_eq!(server.waiting(), 0);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn events_that_were_stored_before_a_crash_are_told_after_it() {
    let server = with_keys().await;
    server.year_without_telling().await;
    assert_eq!(server.waiting(), 5);
    told_once(&server, &server.start()).await;
}

#[tokio::test]
async fn events_that_were_told_before_a_crash_are_not_told_again() {
    let server = with_keys().await;
    server.year_without_telling().await;
    copy(&server.folder("data"), &server.folder("before"));
    let kms = server.start();
    assert_eq!(service_events(&kms).await.len(), 5);
    // Other records come behind them.
    for _ in 0..300 {
        call(&kms, "ListKeys", serde_json::json!({})).await.ok();
    }
    kms.service().stop().await;
    fs::remove_dir_all(server.folder("data")).unwrap();
    copy(&server.folder("before"), &server.folder("data"));
    assert_eq!(server.waiting(), 5, "the database is as before they were told");
    told_once(&server, &server.start()).await;
}

/// A crash between the two logs, and one in the middle of a line.
#[tokio::test]
async fn what_one_log_has_and_the_other_has_not_is_made_up_for() {
    for lost in ["audit", "notifications"] {
        let server = with_keys().await;
        server.year_without_telling().await;
        copy(&server.folder("data"), &server.folder("before"));
        copy(&server.folder("audit"), &server.folder("before-audit"));
        let kms = server.start();
        assert_eq!(service_events(&kms).await.len(), 5);
        kms.service().stop().await;
        fs::remove_dir_all(server.folder("data")).unwrap();
        copy(&server.folder("before"), &server.folder("data"));
        let first = |folder: &str| {
            let mut files: Vec<_> = fs::read_dir(server.folder(folder)).unwrap().collect();
            files.remove(0).unwrap().path()
        };
        let whole = fs::read(first(lost)).unwrap();
        let cut = match lost {
            "audit" => {
                let kept = fs::read(first("before-audit")).unwrap();
                // Two lines and a half.
                let ends = whole[kept.len()..].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                kept.len() + ends.map(|(at, _)| at).nth(2).unwrap() + 100
            }
            _ => 100,
        };
        let mut file = fs::File::create(first(lost)).unwrap();
        file.write_all(&whole[..cut]).unwrap();
        told_once(&server, &server.start()).await;
    }
}

/// What a crash leaves in the outbox comes before what happens later, and requests go on meanwhile.
#[tokio::test]
async fn a_new_event_comes_behind_those_that_wait() {
    let server = with_keys().await;
    server.year_without_telling().await;
    let kms = server.start();
    let arn = new_key(&kms).await;
    call(&kms, "RotateKeyOnDemand", serde_json::json!({ "KeyId": arn })).await.ok();
    let told = service_events(&kms).await;
    assert_eq!(told.len(), 6);
    assert_eq!(told[5]["serviceEventDetails"]["rotationType"], "ON_DEMAND");
    assert_eq!(events(&kms, "event=RotateKeyOnDemand").await.len(), 1);
}

/// A log that cannot be written, such as on a full disk, gets everything in the end; nobody waits for it until then.
#[tokio::test]
async fn a_log_that_cannot_be_written_is_tried_again() {
    for broken in ["audit", "notifications"] {
        let server = Server::new();
        // Every batch begins a new file, for which there is no folder.
        let kms = server.start_with(LogOptions { segment_bytes_max: 1, ..LogOptions::default() });
        let arn = new_key(&kms).await;
        let rotate = || call(&kms, "RotateKeyOnDemand", serde_json::json!({ "KeyId": arn }));
        rotate().await.ok();
        let first = service_events(&kms).await[0]["eventID"].clone();
        fs::remove_dir_all(server.folder(broken)).unwrap();
        rotate().await.ok();
        kms.service().parts().notifications.flush().await;
        rotate().await.ok();
        fs::create_dir_all(server.folder(broken)).unwrap();
        let outbox = kms.service().parts().engine.outbox();
        assert!(fixtures::process::eventually(|| outbox.is_empty().then_some(())).is_some());
        let (mut told, mut sent) = (service_events(&kms).await, notifications(&kms, "").await);
        // What the folder held is gone.
        told.retain(|record| record["eventID"] != first);
        sent.retain(|event| event["id"] != first);
        assert_eq!((told.len(), sent.len()), (2, 2), "{broken}");
        assert!(told.iter().zip(&sent).all(|(told, sent)| told["eventID"] == sent["id"]));
    }
}
