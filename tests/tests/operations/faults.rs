//! Faults that a test injects, as callers, the audit log and the control API see them.

use aws_sdk_kms::primitives::Blob;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::{Method, StatusCode};
use kms_server::observe::log::LogOptions;
use serde_json::{Value, json};

use super::subject::{ALIAS, Subject};
use super::wire::{Answer, call, call_of, control, events, refuses};

const THROTTLED: &str =
    "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

async fn inject(kms: &TestKms, fault: Value) -> Value {
    control(kms, Method::POST, "/_kms/faults", fault.to_string()).await.ok()
}

async fn listed(kms: &TestKms) -> Vec<Value> {
    control(kms, Method::GET, "/_kms/faults", "").await.ok()["faults"].as_array().unwrap().clone()
}

async fn describe(kms: &TestKms, key: &str) -> Answer {
    call(kms, "DescribeKey", json!({ "KeyId": key })).await
}

#[tokio::test]
async fn each_error_reaches_an_sdk_with_the_code_and_the_text_of_aws() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (error, status, text) in [
        ("ThrottlingException", 400, Some(THROTTLED)),
        ("KMSInternalException", 500, None),
        ("KeyUnavailableException", 500, None),
        ("DependencyTimeoutException", 500, None),
    ] {
        inject(&kms, json!({"error": error, "operations": ["Encrypt"], "count": 2})).await;
        let input = json!({"KeyId": key.id, "Plaintext": "YQ=="});
        let raw = call(&kms, "Encrypt", input).await;
        let body = text.map_or(json!({"__type": error}), |text| json!({"__type": error, "message": text}));
        assert_eq!((raw.status.as_u16(), raw.json()), (status, body));
        let client = kms.client();
        let encrypt = || client.encrypt().key_id(&key.id).plaintext(Blob::new("a")).send();
        refuses(&encrypt().await, error, text);
        // Both are spent.
        assert!(encrypt().await.is_ok());
    }
    inject(&kms, json!({"error": "KMSInternalException", "message": "my own", "operations": ["Encrypt"]}))
        .await;
    let raw = call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": "YQ=="})).await;
    assert_eq!(raw.message(), "my own");
}

#[tokio::test]
async fn a_failure_changes_nothing_and_is_audited_like_any() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let id = inject(&kms, json!({"error": "KMSInternalException", "keys": [ALIAS]})).await["id"].clone();
    let schedule = json!({"KeyId": key.id, "PendingWindowInDays": 7});
    assert_eq!(call(&kms, "ScheduleKeyDeletion", schedule.clone()).await.code(), "KMSInternalException");
    let record = events(&kms, "event=ScheduleKeyDeletion").await.pop().unwrap();
    assert_eq!(record["errorCode"], "KMSInternalException");
    assert_eq!(record.get("errorMessage"), None);
    assert_eq!(record["resources"][0]["ARN"], json!(key.arn));
    assert_eq!(record["requestParameters"]["keyId"], json!(key.id));
    assert_eq!(record["responseElements"], Value::Null);
    let removed = control(&kms, Method::DELETE, &format!("/_kms/faults/{}", id.as_str().unwrap()), "").await;
    assert_eq!(removed.ok(), json!({"deleted": 1}));
    assert_eq!(describe(&kms, &key.id).await.ok()["KeyMetadata"]["KeyState"], "Enabled");
    call(&kms, "ScheduleKeyDeletion", schedule).await.ok();
}

#[tokio::test]
async fn a_fault_strikes_the_requests_that_it_names_and_no_others() {
    let kms = TestKms::new();
    let (one, other) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let blob = call(&kms, "Encrypt", json!({"KeyId": one.id, "Plaintext": "YQ=="})).await.ok();
    let decrypt = || call(&kms, "Decrypt", json!({"CiphertextBlob": blob["CiphertextBlob"]}));
    // By operation.
    inject(&kms, json!({"error": "ThrottlingException", "operations": ["Decrypt", "ListKeys"]})).await;
    assert_eq!(decrypt().await.code(), "ThrottlingException");
    describe(&kms, &one.id).await.ok();
    control(&kms, Method::DELETE, "/_kms/faults", "").await.ok();
    // By key, however it is named: also by its ciphertext.
    inject(&kms, json!({"error": "KeyUnavailableException", "keys": [one.id]})).await;
    assert_eq!(decrypt().await.code(), "KeyUnavailableException");
    let encrypt = |key: &str| call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "YQ=="}));
    assert_eq!(encrypt(&one.arn).await.code(), "KeyUnavailableException");
    encrypt(&other.id).await.ok();
    // ListKeys never answers it.
    call(&kms, "ListKeys", json!({})).await.ok();
    describe(&kms, "00000000-0000-0000-0000-000000000000").await.refuses(
        "NotFoundException",
        "Key 'arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000' does not exist",
    );
    control(&kms, Method::DELETE, "/_kms/faults", "").await.ok();
    // By caller.
    inject(&kms, json!({"error": "ThrottlingException", "principals": ["444455556666"]})).await;
    call(&kms, "ListKeys", json!({})).await.ok();
    let foreign = call_of(&kms, ("444455556666", REGION), "ListKeys", json!({})).await;
    assert_eq!(foreign.code(), "ThrottlingException");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    inject(&kms, json!({"error": "KMSInternalException", "principals": [root]})).await;
    assert_eq!(call(&kms, "ListKeys", json!({})).await.code(), "KMSInternalException");
}

#[tokio::test]
async fn a_share_is_the_same_for_the_same_seed() {
    let struck = async |seed: u64| {
        let kms = TestKms::new();
        inject(&kms, json!({"error": "ThrottlingException", "share": 0.3, "seed": seed})).await;
        let mut struck = Vec::new();
        for _ in 0..200 {
            struck.push(call(&kms, "GenerateRandom", json!({"NumberOfBytes": 1})).await.code() != "");
        }
        let fault = listed(&kms).await.remove(0);
        let count = struck.iter().filter(|struck| **struck).count();
        assert_eq!((&fault["matched"], &fault["struck"]), (&json!(200), &json!(count)));
        struck
    };
    let (first, again, other) = (struck(1).await, struck(1).await, struck(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    let count = first.iter().filter(|struck| **struck).count();
    assert!((40..80).contains(&count), "{count} of 200");
}

#[tokio::test]
async fn a_fault_lasts_for_its_span_of_domain_time() {
    let kms = TestKms::new();
    let span = json!({"error": "ThrottlingException", "from": "2026-01-02T00:00:00Z", "until": "2026-01-03T00:00:00Z"});
    inject(&kms, span).await;
    for (day, code) in [(1, ""), (2, "ThrottlingException"), (3, "")] {
        assert_eq!(call(&kms, "ListKeys", json!({})).await.code(), code, "on day {day}");
        kms.advance_days(1).await;
    }
}

#[tokio::test]
async fn a_slow_request_holds_up_no_other() {
    // The audit log has room for one record: a request that waits takes none of it.
    let audit = LogOptions { queue_records_max: 1, ..LogOptions::default() };
    let kms = TestKms::with(|builder| builder.audit(audit));
    let key = Subject::new(&kms).await;
    inject(&kms, json!({"latency": "60s", "operations": ["Decrypt", "CreateKey"]})).await;
    let slow: Vec<_> = (0..100)
        .map(|at| {
            let kms = kms.clone();
            let operation = if at % 2 == 0 { "Decrypt" } else { "CreateKey" };
            let input =
                if at % 2 == 0 { json!({"CiphertextBlob": "AAAA", "KeyId": ALIAS}) } else { json!({}) };
            tokio::spawn(async move { call(&kms, operation, input).await.code() })
        })
        .collect();
    // One turn does not reach all of them.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(listed(&kms).await[0]["struck"], 100);
    call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": "YQ=="})).await.ok();
    call(&kms, "DisableKey", json!({ "KeyId": key.id })).await.ok();
    assert!(slow.iter().all(|request| !request.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_request_waits_and_then_fails_or_goes_on() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    inject(&kms, json!({"latency": "1ms", "operations": ["DescribeKey", "DisableKey"]})).await;
    describe(&kms, &key.id).await.ok();
    inject(&kms, json!({"latency": "1ms", "error": "ThrottlingException", "operations": ["DisableKey"]}))
        .await;
    let disabled = call(&kms, "DisableKey", json!({ "KeyId": key.id })).await;
    assert_eq!(disabled.code(), "ThrottlingException");
    assert_eq!(describe(&kms, &key.id).await.ok()["KeyMetadata"]["KeyState"], "Enabled");
}

#[tokio::test]
async fn faults_are_bounded_listed_and_counted() {
    let kms = TestKms::new();
    let first = inject(&kms, json!({"latency": "1ms"})).await;
    assert_eq!(first, json!({"id": "1", "latency_ms": 1, "matched": 0, "struck": 0, "spent": false}));
    call(&kms, "ListKeys", json!({})).await.ok();
    for _ in 1..100 {
        inject(&kms, json!({"error": "ThrottlingException", "operations": ["Decrypt"]})).await;
    }
    let fault = json!({"latency": "1ms"}).to_string();
    let full = control(&kms, Method::POST, "/_kms/faults", fault).await;
    assert_eq!(full.status, StatusCode::CONFLICT);
    let faults = listed(&kms).await;
    assert_eq!((faults.len(), &faults[0]["struck"], &faults[99]["id"]), (100, &json!(1), &json!("100")));
    let metrics = control(&kms, Method::GET, "/_kms/metrics", "").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in ["kms_faults 100", "kms_faults_struck_total{kind=\"latency\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    assert_eq!(control(&kms, Method::DELETE, "/_kms/faults", "").await.ok(), json!({"deleted": 100}));
    for (method, path, status) in [
        (Method::DELETE, "/_kms/faults/1", StatusCode::NOT_FOUND),
        (Method::PUT, "/_kms/faults", StatusCode::NOT_FOUND),
        (Method::GET, "/_kms/faultsy", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(control(&kms, method, path, "").await.status, status, "{path}");
    }
    for (body, part) in
        [("{", "not JSON"), ("[]", "a fault"), (r#"{"error": "Nope"}"#, "`error`: expected one of")]
    {
        let refused = control(&kms, Method::POST, "/_kms/faults", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
}
