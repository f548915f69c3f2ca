//! GetKeyLastUsage.

use fixtures::{START, TestKms};
use http::Method;
use serde_json::{Value, json};

use super::subject::{BLOB, State, Subject};
use super::wire::{call, control, events};

/// When AWS began to track last use: 2026-04-23.
const TRACKING_BEGAN: f64 = 1_776_902_400.0;

async fn last_usage(kms: &TestKms, key: &str) -> Value {
    call(kms, "GetKeyLastUsage", json!({"KeyId": key})).await.ok()
}

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_that_was_never_used_has_an_empty_last_usage() {
    let kms = TestKms::new();
    let id = new_key(&kms).await;
    let expected = json!({
        "KeyId": id,
        "KeyLastUsage": {},
        "TrackingStartDate": TRACKING_BEGAN,
        "KeyCreationDate": START.epoch_seconds(),
    });
    assert_eq!(last_usage(&kms, &id).await, expected);
    kms.advance_days(365).await;
    let young = new_key(&kms).await;
    let created_at = json!(START.plus_days(365).epoch_seconds());
    let answer = last_usage(&kms, &young).await;
    assert_eq!((&answer["TrackingStartDate"], &answer["KeyCreationDate"]), (&created_at, &created_at));
}

#[tokio::test]
async fn every_cryptographic_operation_is_a_use() {
    for operation in ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
    {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        kms.advance_days(2).await;
        let answer = call(&kms, operation, key.request(operation)).await;
        answer.ok();
        let usage = &last_usage(&kms, &key.arn).await["KeyLastUsage"];
        let record = events(&kms, &format!("event={operation}")).await.pop().unwrap();
        let expected = json!({
            "Operation": operation,
            "Timestamp": START.plus_days(2).whole_seconds(),
            "CloudTrailEventId": record["eventID"],
            "KmsRequestId": answer.headers["x-amzn-requestid"].to_str().unwrap(),
        });
        assert_eq!(*usage, expected);
    }
}

#[tokio::test]
async fn re_encrypt_uses_both_keys() {
    let kms = TestKms::new();
    let (source, destination) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let input = json!({"CiphertextBlob": source.ciphertext, "DestinationKeyId": destination.id});
    call(&kms, "ReEncrypt", input).await.ok();
    let [one, two] = [last_usage(&kms, &source.id).await, last_usage(&kms, &destination.id).await];
    assert_eq!(one["KeyLastUsage"]["Operation"], "ReEncrypt");
    assert_eq!(one["KeyLastUsage"], two["KeyLastUsage"]);
}

#[tokio::test]
async fn nothing_else_is_a_use() {
    let kms = TestKms::new();
    let id = new_key(&kms).await;
    let dry = json!({"KeyId": id, "Plaintext": BLOB, "DryRun": true});
    let failed = json!({"KeyId": id, "CiphertextBlob": BLOB});
    for (operation, input) in [
        ("DescribeKey", json!({"KeyId": id})),
        ("TagResource", json!({"KeyId": id, "Tags": []})),
        ("ListResourceTags", json!({"KeyId": id})),
        ("Encrypt", dry),
        ("Decrypt", failed),
        ("DisableKey", json!({"KeyId": id})),
        ("Encrypt", json!({"KeyId": id, "Plaintext": BLOB})),
        ("GetKeyLastUsage", json!({"KeyId": id})),
    ] {
        call(&kms, operation, input).await;
        assert_eq!(last_usage(&kms, &id).await["KeyLastUsage"], json!({}), "{operation}");
    }
}

#[tokio::test]
async fn the_last_use_goes_with_an_exported_state() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    let before = last_usage(&kms, &key.id).await;
    assert_eq!(before["KeyLastUsage"]["Operation"], "Encrypt");
    let state = control(&kms, Method::GET, "/_kms/state", "").await;
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    control(&kms, Method::PUT, "/_kms/state", state.body).await.ok();
    assert_eq!(last_usage(&kms, &key.id).await, before);
}
