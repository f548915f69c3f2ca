//! Tables are part of everything that keeps state: databases, snapshots, exports, and failed commits.

use fixtures::{START, TestKms};
use http::{Method, Request};
use kms_server::builder::Builder;
use kms_server::engine::ClockStart;
use kms_server::store::{Fault, MemoryStore};
use serde_json::{Value, json};

use super::super::wire::{control, encoded, send};
use super::{Table, call, new_key, under};

#[tokio::test]
async fn a_snapshot_has_the_tables_of_its_time() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    control(&kms, Method::POST, "/_kms/snapshots/base", "{}").await.ok();
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.clock().advance("1h").await.unwrap();
    assert_eq!(table.status().await, "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    control(&kms, Method::POST, "/_kms/snapshots/base/restore", "{}").await.ok();
    assert_eq!(table.status().await, "ACTIVE");
    assert_eq!(table.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
    // And nothing of the other time falls due.
    let advanced = kms.clock().advance("30d").await.unwrap();
    assert_eq!(advanced["events"], json!({}));
    control(&kms, Method::POST, "/_kms/reset", "{}").await.ok();
    assert_eq!(control(&kms, Method::GET, "/_kms/tables", "").await.ok(), json!({ "tables": [] }));
}

#[tokio::test]
async fn an_export_with_a_passphrase_has_the_tables() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let under_key = Table::active(&kms, "books", under(&key)).await;
    let owned = Table::active(&kms, "films", json!({})).await;
    let sealed = [&under_key, &owned].map(|table| table.seal(1, "Moby Dick"));
    let [first, second] = sealed;
    let sealed = [first.await.ok()["records"][0].clone(), second.await.ok()["records"][0].clone()];
    let request = |method: Method, body: String| {
        let builder = Request::builder().method(method).uri("/_kms/state");
        builder
            .header("x-kms-passphrase", encoded(b"open sesame").as_str().unwrap())
            .body(body.into())
            .unwrap()
    };
    let exported = send(&kms, request(Method::GET, String::new())).await.ok();
    let other = TestKms::new();
    send(&other, request(Method::PUT, exported.to_string())).await.ok();
    for (name, sealed) in ["books", "films"].into_iter().zip(&sealed) {
        let table = Table::named(&other, name);
        assert_eq!(table.open(1, sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]), "{name}");
    }
    let without = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    assert_eq!(without["tables"], json!([]));
}

#[tokio::test]
async fn a_failed_commit_leaves_the_tables_as_they_were() {
    let mut store = MemoryStore::default();
    // The first commits are the installation and the key.
    store.fail_commit(3, Fault::Refused);
    let kms = TestKms::of(Builder::new(Box::new(store)).build().unwrap());
    let key = new_key(&kms).await;
    let table = Table::named(&kms, "books");
    let refused = table.create(under(&key)).await;
    assert_eq!(refused.code(), "com.amazonaws.dynamodb.v20120810#InternalServerError");
    assert_eq!(table.ask(Method::GET, "", Value::Null).await.status, 400);
    let grants = call(&kms, "ListGrants", json!({ "KeyId": key })).await.ok();
    assert_eq!(grants["Grants"], json!([]));
    table.create(under(&key)).await.ok();
    assert_eq!(table.status().await, "CREATING");
}

#[tokio::test]
async fn a_restart_finds_the_tables_and_what_falls_due() {
    let store = MemoryStore::default();
    let again = store.reopen();
    let clock = ClockStart { at: Some(START), rate: 0.0 };
    let kms = TestKms::of(Builder::new(Box::new(store)).clock(clock).build().unwrap());
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let owned = Table::active(&kms, "films", json!({})).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    let film = owned.seal(1, "Jaws").await.ok()["records"][0].clone();
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.service().stop().await;

    let kms = TestKms::of(Builder::new(Box::new(again)).build().unwrap());
    let (table, owned) = (Table::named(&kms, "books"), Table::named(&kms, "films"));
    let opened = owned.open(1, &film).await.ok();
    assert_eq!(opened["records"], json!([encoded(b"Jaws")]));
    assert!(
        table.open(1, &sealed).await.message().starts_with("KMS key disabled error: "),
        "caches are gone"
    );
    let advanced = kms.clock().advance("1h").await.unwrap();
    assert_eq!(advanced["events"], json!({ "TableKeyInaccessible": 1 }));
    call(&kms, "EnableKey", json!({ "KeyId": key })).await.ok();
    assert_eq!(table.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
}
