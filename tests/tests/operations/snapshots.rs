//! Named snapshots over the control API.

use aws_sdk_kms::config::Credentials;
use fixtures::{REGION, TestKms};
use http::{Method, StatusCode};
use kms_server::builder::Builder;
use kms_server::store::MemoryStore;
use serde_json::{Value, json};

use super::wire::{Answer, call, code, control};

async fn post(kms: &TestKms, path: &str, body: Value) -> Answer {
    control(kms, Method::POST, &format!("/_kms/snapshots/{path}"), body.to_string()).await
}

async fn listed(kms: &TestKms) -> Value {
    control(kms, Method::GET, "/_kms/snapshots", "").await.ok()["snapshots"].clone()
}

async fn exported(kms: &TestKms) -> Value {
    control(kms, Method::GET, "/_kms/state", "").await.ok()
}

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

async fn encrypted(kms: &TestKms, key: &str) -> Value {
    call(kms, "Encrypt", json!({"KeyId": key, "Plaintext": "aGVsbG8="})).await.ok()["CiphertextBlob"].clone()
}

#[tokio::test]
async fn a_restore_brings_back_everything_and_the_clock() {
    for kept in ["store", "memory"] {
        let kms = TestKms::new();
        let key = new_key(&kms).await;
        call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
        call(&kms, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": key})).await.ok();
        let ciphertext = encrypted(&kms, &key).await;
        let used = call(&kms, "GetKeyLastUsage", json!({"KeyId": key})).await.ok();
        let before = exported(&kms).await;
        let taken = post(&kms, "base", json!({ "kept": kept })).await.ok();
        let expected = json!({
            "name": "base", "domain_time": "2026-01-01T00:00:00.000Z", "rate": 0.0, "kept": kept, "keys": 1,
            // Key, material, alias and last use.
            "records": 4,
        });
        assert_eq!(taken, expected);
        assert_eq!(listed(&kms).await, json!([expected]));

        // Key and material are destroyed, another key is made, and time passes.
        call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await.ok();
        let other = new_key(&kms).await;
        kms.clock().advance("1y").await.unwrap();
        assert_eq!(call(&kms, "DescribeKey", json!({"KeyId": key})).await.code(), "NotFoundException");
        let restored = post(&kms, "base/restore", json!({})).await.ok();
        assert_eq!((&restored["now"], &restored["keys"]), (&json!("2026-01-01T00:00:00.000Z"), &json!(1)));
        assert_eq!(exported(&kms).await, before);
        assert_eq!(call(&kms, "DescribeKey", json!({"KeyId": other})).await.code(), "NotFoundException");
        assert_eq!(call(&kms, "GetKeyLastUsage", json!({"KeyId": key})).await.ok(), used);
        let opened = call(&kms, "Decrypt", json!({ "CiphertextBlob": ciphertext })).await.ok();
        assert_eq!(opened["Plaintext"], "aGVsbG8=");
        // What is due is due again, and the snapshot can be used again, also after a reset.
        let moved = kms.clock().advance("100d").await.unwrap();
        assert_eq!(moved["events"], json!({"RotateKey": 1}));
        control(&kms, Method::POST, "/_kms/reset", "").await.ok();
        post(&kms, "base/restore", json!({})).await.ok();
        assert_eq!(exported(&kms).await, before);
    }
}

#[tokio::test]
async fn a_restore_runs_the_clock_as_it_ran_in_a_new_epoch() {
    let kms = TestKms::new();
    let clock = async || control(&kms, Method::GET, "/_kms/clock", "").await.ok();
    kms.clock().resume(60.0).await.unwrap();
    kms.snapshot("running").await.unwrap();
    let before = clock().await;
    kms.clock().freeze().await.unwrap();
    kms.clock().advance("10y").await.unwrap();
    kms.restore("running").await.unwrap();
    let after = clock().await;
    assert_eq!((&after["mode"], &after["rate"]), (&json!("running"), &json!(60.0)));
    assert_eq!(after["epoch"].as_u64().unwrap(), before["epoch"].as_u64().unwrap() + 1);
    assert!(after["now"].as_str().unwrap() < "2027");
}

#[tokio::test]
async fn temporary_credentials_end_with_the_epoch_that_made_them() {
    let kms = TestKms::new();
    let user = json!({"policies": ["AdministratorAccess"]});
    let path = "/_kms/principals/arn:aws:iam::111122223333:user%2Falice";
    control(&kms, Method::PUT, path, user.to_string()).await.ok();
    let key = control(&kms, Method::POST, &format!("{path}/access-keys"), "").await.ok();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let alice = Credentials::new(text("id"), text("secret"), None, None, "test");
    let session = kms.sts_as(alice.clone()).get_session_token().send().await.unwrap();
    let session = session.credentials.unwrap();
    let session = Credentials::new(
        &session.access_key_id,
        &session.secret_access_key,
        Some(session.session_token.clone()),
        None,
        "test",
    );
    kms.snapshot("base").await.unwrap();
    let lists = async |credentials: &Credentials| {
        code(&kms.client_as(credentials.clone(), REGION).list_keys().send().await)
    };
    assert_eq!((lists(&alice).await, lists(&session).await), (String::new(), String::new()));
    kms.restore("base").await.unwrap();
    assert_eq!(lists(&alice).await, "", "the user and the access key are back");
    assert_eq!(lists(&session).await, "UnrecognizedClientException");
}

#[tokio::test]
async fn what_is_no_snapshot_is_refused_and_changes_nothing() {
    let kms = TestKms::new();
    post(&kms, "base", json!({})).await.ok();
    let before = (listed(&kms).await, exported(&kms).await);
    let long = "a".repeat(65);
    for (path, body, status) in [
        ("base", json!({}), StatusCode::CONFLICT),
        ("other/restore", json!({}), StatusCode::NOT_FOUND),
        ("a%2Fb", json!({}), StatusCode::BAD_REQUEST),
        ("%C3%A4", json!({}), StatusCode::BAD_REQUEST),
        (long.as_str(), json!({}), StatusCode::BAD_REQUEST),
        ("new", json!({"kept": "disk"}), StatusCode::BAD_REQUEST),
        ("new", json!({"keep": "store"}), StatusCode::BAD_REQUEST),
    ] {
        let refused = post(&kms, path, body).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.message());
    }
    let delete =
        async |name: &str| control(&kms, Method::DELETE, &format!("/_kms/snapshots/{name}"), "").await;
    assert_eq!(delete("other").await.status, StatusCode::NOT_FOUND);
    assert_eq!(control(&kms, Method::GET, "/_kms/snapshots/base", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!((listed(&kms).await, exported(&kms).await), before);
    delete("base").await.ok();
    assert_eq!(listed(&kms).await, json!([]));
    assert_eq!(post(&kms, "base/restore", json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn snapshots_in_the_store_outlive_a_restart_and_those_in_memory_do_not() {
    let store = MemoryStore::new();
    let kms = |store: MemoryStore| {
        let clock = kms_server::engine::ClockStart { at: Some(fixtures::START), rate: 0.0 };
        TestKms::of(Builder::new(Box::new(store)).clock(clock).build().unwrap())
    };
    let first = kms(store.reopen());
    let key = new_key(&first).await;
    let ciphertext = encrypted(&first, &key).await;
    post(&first, "stored", json!({})).await.ok();
    post(&first, "passing", json!({"kept": "memory"})).await.ok();
    control(&first, Method::POST, "/_kms/reset", "").await.ok();
    let before = listed(&first).await;
    assert_eq!(before.as_array().unwrap().len(), 2);
    first.service().stop().await;
    let second = kms(store.reopen());
    assert_eq!(listed(&second).await, json!([before[1]]));
    assert_eq!(call(&second, "DescribeKey", json!({"KeyId": key})).await.code(), "NotFoundException");
    post(&second, "stored/restore", json!({})).await.ok();
    let opened = call(&second, "Decrypt", json!({ "CiphertextBlob": ciphertext })).await.ok();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    control(&second, Method::DELETE, "/_kms/snapshots/stored", "").await.ok();
    second.service().stop().await;
    assert_eq!(listed(&kms(store.reopen())).await, json!([]));
}
