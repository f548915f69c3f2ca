//! Request quotas, and the report that tells how near they are.

use std::collections::BTreeMap;

use aws_sdk_kms::primitives::Blob;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::wire::{call, call_of, control, refuses};

const THROTTLED: &str =
    "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

async fn report(kms: &TestKms, query: &str) -> Value {
    control(kms, Method::GET, &format!("/_kms/report{query}"), "").await.ok()
}

#[tokio::test]
async fn an_account_that_calls_too_often_is_throttled_until_the_clock_has_moved() {
    let kms = TestKms::with(|builder| builder.request_quota_share(1.0));
    let client = kms.client();
    for _ in 0..5 {
        client.create_key().send().await.unwrap();
    }
    let create = || client.create_key().send();
    refuses(&create().await, "ThrottlingException", THROTTLED);
    // Other operations, Regions and accounts have quotas of their own.
    client.list_keys().send().await.unwrap();
    kms.client_of(ACCOUNT, "eu-west-1").create_key().send().await.unwrap();
    kms.client_of("444455556666", REGION).create_key().send().await.unwrap();
    kms.advance_days(1).await;
    create().await.unwrap();
    let used = report(&kms, "").await["quotas"]["requests"].clone();
    assert_eq!(used["enforced_share"], 1.0);
    let of = |region: &str, quota: &str| {
        let rows = used["used"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["account"] == ACCOUNT && row["region"] == region && row["quota"] == quota);
        row.map(|row| (row["limit_per_second"].as_f64(), row["admitted"].as_u64(), row["throttled"].as_u64()))
    };
    assert_eq!(of(REGION, "CreateKey"), Some((Some(5.0), Some(6), Some(1))));
    assert_eq!(of(REGION, "ListKeys"), Some((Some(500.0), Some(1), Some(0))));
    assert_eq!(of("eu-west-1", "CreateKey"), Some((Some(5.0), Some(1), Some(0))));
    let metrics = control(&kms, Method::GET, "/_kms/metrics", "").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = format!(
        "kms_throttled_requests_total{{account=\"{ACCOUNT}\",region=\"{REGION}\",quota=\"CreateKey\"}} 1"
    );
    assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
}

#[tokio::test]
async fn cryptography_shares_a_quota_whatever_the_operation() {
    // Ten requests a second, of AWS's hundred thousand.
    let kms = TestKms::with(|builder| builder.request_quota_share(0.0001));
    let client = kms.client();
    let key = client.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let encrypt = || client.encrypt().key_id(&key).plaintext(Blob::new("a")).send();
    let blob = encrypt().await.unwrap().ciphertext_blob.unwrap();
    for _ in 0..5 {
        client.decrypt().ciphertext_blob(blob.clone()).send().await.unwrap();
    }
    // ReEncrypt counts for each of its keys.
    client.re_encrypt().ciphertext_blob(blob).destination_key_id(&key).send().await.unwrap();
    client.generate_random().number_of_bytes(1).send().await.unwrap();
    // A request that fails has been made.
    assert!(client.encrypt().key_id("alias/none").plaintext(Blob::new("a")).send().await.is_err());
    refuses(&encrypt().await, "ThrottlingException", THROTTLED);
}

#[tokio::test]
async fn a_custom_key_store_has_a_quota_of_its_own() {
    // Two requests a second for a store, of AWS's 1,800, and many more for everything else.
    let kms = TestKms::with(|builder| builder.request_quota_share(2.0 / 1_800.0));
    let (_, key) = super::custom_stores::in_cluster(&kms).await;
    let own = call(&kms, "CreateKey", json!({})).await;
    assert_eq!(own.code(), "ThrottlingException", "one key a second");
    kms.clock().advance("1s").await.unwrap();
    let encrypt = json!({"KeyId": key, "Plaintext": "YQ=="});
    for _ in 0..2 {
        call(&kms, "Encrypt", encrypt.clone()).await.ok();
    }
    assert_eq!(call(&kms, "Encrypt", encrypt).await.code(), "ThrottlingException");
    call(&kms, "GenerateRandom", json!({"NumberOfBytes": 1})).await.ok();
    let resources = report(&kms, "").await["quotas"]["resources"].clone();
    let row =
        json!({"account": ACCOUNT, "region": REGION, "quota": "custom key stores", "used": 1, "limit": 10});
    assert!(resources.as_array().unwrap().contains(&row), "{resources}");
}

#[tokio::test]
async fn nothing_is_throttled_unless_it_is_wished() {
    let kms = TestKms::new();
    for _ in 0..50 {
        call(&kms, "CreateKey", json!({})).await.ok();
    }
    let quotas = report(&kms, "").await["quotas"].clone();
    assert_eq!(quotas["requests"], json!({"enforced_share": null, "used": []}));
    let keys = json!({"account": ACCOUNT, "region": REGION, "quota": "keys", "used": 50, "limit": 100_000});
    assert_eq!(quotas["resources"][0], keys);
}

#[tokio::test]
async fn the_report_tells_who_asked_for_what() {
    let kms = TestKms::new();
    assert_eq!(report(&kms, "").await["counted_since"], Value::Null);
    let key = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let encrypt = json!({"KeyId": key, "Plaintext": "YQ=="});
    for _ in 0..3 {
        call(&kms, "Encrypt", encrypt.clone()).await.ok();
    }
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    assert_eq!(call(&kms, "Encrypt", encrypt.clone()).await.code(), "DisabledException");
    let foreign = call_of(&kms, ("444455556666", REGION), "Encrypt", encrypt).await;
    assert_eq!(foreign.code(), "AccessDeniedException");
    // Who cannot be told does not count on anybody's account.
    call(&kms, "Nonsense", json!({})).await;
    let report = report(&kms, "").await;
    assert_eq!(report["counted_since"], "2026-01-01T00:00:00.000Z");
    let rows = report["requests"].as_array().unwrap().iter().map(|row| {
        let of = (row["principal"].as_str().unwrap(), row["operation"].as_str().unwrap());
        (of, (row["key"] == key, row["succeeded"].as_u64().unwrap(), row["failed"].as_u64().unwrap()))
    });
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let expected = BTreeMap::from([
        ((root.as_str(), "CreateKey"), (true, 1, 0)),
        ((root.as_str(), "DisableKey"), (true, 1, 0)),
        ((root.as_str(), "Encrypt"), (true, 3, 1)),
        (("arn:aws:iam::444455556666:root", "Encrypt"), (true, 0, 1)),
    ]);
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected);
    let metrics = control(&kms, Method::GET, "/_kms/metrics", "").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = format!("kms_successful_requests_total{{key_arn={key},operation=\"Encrypt\"}} 3");
    assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    assert_eq!(self::report(&kms, "").await["requests"], json!([]));
}

#[tokio::test]
async fn keys_are_billed_by_time_with_their_first_two_rotations_until_their_deletion_is_scheduled() {
    let kms = TestKms::new();
    let created = async || call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    let (plain, rotated, deleted) = (created().await, created().await, created().await);
    let _ = plain;
    // January: all three for the whole month but for the one that is to be deleted, which is charged for ten days.
    for _ in 0..3 {
        call(&kms, "RotateKeyOnDemand", json!({ "KeyId": rotated })).await.ok();
    }
    kms.advance_days(10).await;
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": deleted, "PendingWindowInDays": 30})).await.ok();
    kms.advance_days(21).await;
    // February: two keys, and half of the month is over.
    kms.advance_days(14).await;
    let report = report(&kms, "").await;
    assert_eq!(report["now"], "2026-02-15T00:00:00.000Z");
    let bills = report["bills"].as_array().unwrap();
    let keys: Vec<_> =
        bills.iter().map(|bill| (bill["month"].as_str().unwrap(), bill["keys"].clone())).collect();
    // The key whose deletion was scheduled is gone by now. It has cost ten days.
    assert_eq!(call(&kms, "DescribeKey", json!({ "KeyId": deleted })).await.code(), "NotFoundException");
    let expected = [
        ("2026-01", json!({"key_months": 2.322_581, "rotation_months": 2.0, "usd": 4.322_581})),
        ("2026-02", json!({"key_months": 1.0, "rotation_months": 1.0, "usd": 2.0})),
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        bills[0]["requests"][0],
        json!({"class": "symmetric", "requests": 7, "charged": 0, "usd": 0.0})
    );
    let latest = self::report(&kms, "?months=1").await;
    assert_eq!(latest["bills"].as_array().unwrap().len(), 1);
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    assert_eq!(self::report(&kms, "").await["bills"], json!([]));
}

#[tokio::test]
async fn a_key_that_waits_for_its_deletion_costs_nothing_unless_it_is_cancelled() {
    let kms = TestKms::new();
    let key = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    kms.advance_days(10).await;
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 30})).await.ok();
    kms.advance_days(21).await;
    let months = async || report(&kms, "").await["bills"][0]["keys"]["key_months"].as_f64().unwrap();
    assert_eq!(months().await, 0.322_581);
    call(&kms, "CancelKeyDeletion", json!({ "KeyId": key })).await.ok();
    assert_eq!(months().await, 1.0);
}

#[tokio::test]
async fn prices_are_dated_and_parameters_are_checked() {
    let kms = TestKms::new();
    let prices = report(&kms, "").await["prices"].clone();
    assert_eq!((&prices["of"], &prices["free_requests_per_month"]), (&json!("2024-05"), &json!(20_000)));
    for query in ["?months=0", "?months=121", "?months=x", "?year=1"] {
        let refused = control(&kms, Method::GET, &format!("/_kms/report{query}"), "").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
