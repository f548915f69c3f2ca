//! The rotation of AWS managed keys: every three years up to May 2022, every year since.

use fixtures::TestKms;
use kms_server::engine::ClockStart;
use lifecycle::clock::Timestamp;
use serde_json::{Value, json};

use super::{By, DYNAMODB, call, call_by, control, described};
use http::Method;

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn starting(text: &str) -> TestKms {
    let start = Timestamp(at(text).as_millisecond());
    TestKms::with(|builder| builder.clock(ClockStart { at: Some(start), rate: 0.0 }))
}

async fn advance(kms: &TestKms, to: &str) -> Value {
    control(kms, Method::POST, "/_kms/clock/advance", json!({ "to": to }).to_string()).await.ok()
}

/// The days on which the key has rotated.
async fn rotations(kms: &TestKms, key: &Value) -> Vec<String> {
    let listed = call(kms, "ListKeyRotations", json!({ "KeyId": key })).await.ok();
    let day = |rotation: &Value| {
        assert_eq!(rotation["RotationType"], "AUTOMATIC");
        let seconds = rotation["RotationDate"].as_f64().unwrap();
        let second = jiff::Timestamp::from_second(seconds as i64).unwrap();
        second.strftime("%F").to_string()
    };
    listed["Rotations"].as_array().unwrap().iter().map(day).collect()
}

async fn status(kms: &TestKms, key: &Value) -> (Value, String) {
    let status = call(kms, "GetKeyRotationStatus", json!({ "KeyId": key })).await.ok();
    assert_eq!((&status["KeyId"], &status["KeyRotationEnabled"]), (key, &json!(true)));
    let next = jiff::Timestamp::from_second(status["NextRotationDate"].as_f64().unwrap() as i64).unwrap();
    (status["RotationPeriodInDays"].clone(), next.strftime("%F").to_string())
}

#[tokio::test]
async fn a_key_of_2018_goes_through_the_change_of_the_calendar() {
    let kms = starting("2018-03-01T00:00:00Z");
    let key = described(&kms, DYNAMODB).await["Arn"].clone();
    let sealed =
        call_by(&kms, By::Via("dynamodb"), "Encrypt", json!({"KeyId": key, "Plaintext": "c2VjcmV0"}));
    let ciphertext = sealed.await.ok()["CiphertextBlob"].clone();
    assert_eq!(status(&kms, &key).await, (json!(1_095), "2021-02-28".to_owned()));
    advance(&kms, "2022-04-30T23:59:59Z").await;
    assert_eq!(rotations(&kms, &key).await, ["2021-02-28"]);
    assert_eq!(status(&kms, &key).await, (json!(1_095), "2024-02-28".to_owned()));
    let moved = advance(&kms, "2022-05-01T00:00:00Z").await;
    assert_eq!(moved["events"], json!({"RotateKey": 1}));
    assert_eq!(status(&kms, &key).await, (json!(365), "2023-05-01".to_owned()));
    advance(&kms, "2026-01-01T00:00:00Z").await;
    assert_eq!(
        rotations(&kms, &key).await,
        ["2021-02-28", "2022-05-01", "2023-05-01", "2024-04-30", "2025-04-30"]
    );
    let opened = call_by(&kms, By::Via("dynamodb"), "Decrypt", json!({"CiphertextBlob": ciphertext})).await;
    assert_eq!(opened.ok()["Plaintext"], "c2VjcmV0");
}

#[tokio::test]
async fn a_new_key_rotates_every_year() {
    let kms = starting("2026-01-01T00:00:00Z");
    let key = described(&kms, "alias/aws/s3").await["Arn"].clone();
    for (days, expected) in [(364, 0), (1, 1), (364, 1), (1, 2), (365, 3)] {
        kms.advance_days(days).await;
        assert_eq!(rotations(&kms, &key).await.len(), expected);
    }
}

#[tokio::test]
async fn a_key_that_was_young_at_the_change_rotates_a_year_after_it_was_made() {
    let kms = starting("2021-11-20T08:00:00Z");
    let key = described(&kms, "alias/aws/ebs").await["Arn"].clone();
    assert_eq!(status(&kms, &key).await, (json!(1_095), "2024-11-19".to_owned()));
    advance(&kms, "2022-05-02T00:00:00Z").await;
    assert_eq!(status(&kms, &key).await, (json!(365), "2022-11-20".to_owned()));
    advance(&kms, "2023-12-01T00:00:00Z").await;
    assert_eq!(rotations(&kms, &key).await, ["2022-11-20", "2023-11-20"]);
}
