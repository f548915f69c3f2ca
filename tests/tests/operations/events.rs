//! What happens by itself: CloudTrail service events and EventBridge events of rotations and deletions.
//!
//! AWS: KMS developer guide, "RotateKey" and "DeleteKey" under "Logging AWS KMS API calls with AWS CloudTrail", and
//! "Monitor KMS keys with Amazon EventBridge".

use fixtures::{ACCOUNT, REGION, TestKms};
use http::{Method, StatusCode};
use kms_server::engine::Batching;
use serde_json::{Value, json};

use super::subject::reimport;
use super::wire::{call, call_of, control, events};

/// The notifications that a filter lets pass, oldest first.
pub(super) async fn notifications(kms: &TestKms, query: &str) -> Vec<Value> {
    let answer = control(kms, Method::GET, &format!("/_kms/notifications?{query}"), "").await.ok();
    answer["Notifications"].as_array().unwrap().clone()
}

/// The service events of the audit log, oldest first.
pub(super) async fn service_events(kms: &TestKms) -> Vec<Value> {
    let all = events(kms, "limit=10000").await;
    all.into_iter().filter(|record| record["eventType"] == "AwsServiceEvent").collect()
}

pub(super) async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// A key that rotates every so many days.
pub(super) async fn rotating_key(kms: &TestKms, days: u32) -> String {
    let arn = new_key(kms).await;
    call(kms, "EnableKeyRotation", json!({"KeyId": arn, "RotationPeriodInDays": days})).await.ok();
    arn
}

pub(super) async fn advance(kms: &TestKms, by: &str) -> Value {
    control(kms, Method::POST, "/_kms/clock/advance", json!({ "by": by }).to_string()).await.ok()
}

async fn material(kms: &TestKms, arn: &str) -> Value {
    let described = call(kms, "DescribeKey", json!({"KeyId": arn})).await.ok();
    described["KeyMetadata"]["CurrentKeyMaterialId"].clone()
}

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

/// Takes the id, which is random, out of an event.
fn without_id(event: &Value, member: &str) -> Value {
    let mut event = event.clone();
    let id = event.as_object_mut().unwrap().remove(member).unwrap();
    assert_eq!(id.as_str().unwrap().len(), 36);
    event
}

fn service_event(name: &str, time: &str, arn: &str) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": "AWS Internal"},
        "eventTime": time,
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": null,
        "responseElements": null,
        "readOnly": false,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}],
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
}

fn bus_event(kind: &str, time: &str, arn: &str) -> Value {
    json!({
        "version": "0",
        "detail-type": kind,
        "source": "aws.kms",
        "account": ACCOUNT,
        "time": time,
        "region": REGION,
        "resources": [arn],
        "detail": {"key-id": id_of(arn)},
    })
}

#[tokio::test]
async fn a_rotation_is_told_to_the_audit_log_and_to_eventbridge() {
    let kms = TestKms::new();
    let arn = rotating_key(&kms, 90).await;
    let first = material(&kms, &arn).await;
    advance(&kms, "100d").await;
    let second = material(&kms, &arn).await;
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": arn})).await.ok();
    let third = material(&kms, &arn).await;
    let told = service_events(&kms).await;
    let [automatic, on_demand] = &told[..] else { panic!("{told:?}") };
    for (record, time, kind, previous, current) in [
        (automatic, "2026-04-01T00:00:00Z", "AUTOMATIC", &first, &second),
        (on_demand, "2026-04-11T00:00:00Z", "ON_DEMAND", &second, &third),
    ] {
        let mut expected = service_event("RotateKey", time, &arn);
        expected["serviceEventDetails"] = json!({
            "rotationType": kind,
            "keyOrigin": "AWS_KMS",
            "previousKeyMaterialId": previous,
            "currentKeyMaterialId": current,
            "keyId": id_of(&arn),
        });
        assert_eq!(without_id(record, "eventID"), expected);
    }
    let sent = notifications(&kms, "").await;
    let expected = ["2026-04-01T00:00:00Z", "2026-04-11T00:00:00Z"]
        .map(|time| bus_event("KMS CMK Rotation", time, &arn));
    assert_eq!(sent.iter().map(|event| without_id(event, "id")).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_deletion_is_told_when_it_happens() {
    let kms = TestKms::new();
    let arn = new_key(&kms).await;
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": arn, "PendingWindowInDays": 7})).await.ok();
    advance(&kms, "6d").await;
    assert!(service_events(&kms).await.is_empty() && notifications(&kms, "").await.is_empty());
    advance(&kms, "10d").await;
    let time = "2026-01-08T00:00:00Z";
    let told = service_events(&kms).await;
    assert_eq!(told.len(), 1);
    assert_eq!(without_id(&told[0], "eventID"), service_event("DeleteKey", time, &arn), "no details");
    let sent = notifications(&kms, "").await;
    assert_eq!(sent.len(), 1);
    assert_eq!(without_id(&sent[0], "id"), bus_event("KMS CMK Deletion", time, &arn));
}

/// The events of an advance are in the order in which they happened, however many parts they come in, and the answer to
/// the next question has them all.
#[tokio::test]
async fn a_long_advance_is_told_in_order() {
    let batching = Batching { batch_events_max: 3, ..Batching::default() };
    let kms = TestKms::with(|builder| builder.batching(batching));
    for days in [90, 100, 365, 90] {
        rotating_key(&kms, days).await;
    }
    advance(&kms, "9000d").await;
    let told = service_events(&kms).await;
    assert_eq!(told.len(), 100 + 90 + 24 + 100);
    // What falls due at one instant happens in the order of the ARNs.
    let place = |record: &Value| (record["eventTime"].to_string(), record["resources"][0]["ARN"].to_string());
    assert!(told.is_sorted_by_key(place));
    let sent = notifications(&kms, "limit=10000").await;
    let ids =
        |events: &[Value], member: &str| events.iter().map(|event| event[member].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&sent, "id"), ids(&told, "eventID"), "one event, one id");
    let outbox = kms.service().parts().engine.outbox();
    assert!(fixtures::process::eventually(|| outbox.is_empty().then_some(())).is_some(), "all are removed");
}

#[tokio::test]
async fn a_change_that_is_refused_is_not_told() {
    let kms = TestKms::new();
    let arn = new_key(&kms).await;
    let dry = call(&kms, "RotateKeyOnDemand", json!({"KeyId": arn})).await;
    dry.ok();
    call(&kms, "DisableKey", json!({"KeyId": arn})).await.ok();
    assert_eq!(call(&kms, "RotateKeyOnDemand", json!({"KeyId": arn})).await.code(), "DisabledException");
    assert_eq!(service_events(&kms).await.len(), 1);
}

/// An account hears of the keys that AWS manages in it.
#[tokio::test]
async fn the_rotation_of_an_aws_managed_key_is_told() {
    let kms = TestKms::new();
    let arn = rotating_key(&kms, 365).await;
    reimport(&kms, |state| state["keys"][0]["manager"] = "AWS".into()).await;
    // Material is not exported without a passphrase, but a rotation needs no old one.
    advance(&kms, "366d").await;
    let told = service_events(&kms).await;
    assert_eq!((told.len(), &told[0]["resources"][0]["ARN"]), (1, &json!(arn)));
    assert_eq!(notifications(&kms, "").await.len(), 1);
}

/// What has happened has happened, even if everything else is forgotten.
#[tokio::test]
async fn a_reset_takes_no_event_away() {
    let kms = TestKms::new();
    let arn = rotating_key(&kms, 90).await;
    advance(&kms, "91d").await;
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": arn})).await.ok();
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    assert_eq!(service_events(&kms).await.len(), 2);
    let other = new_key(&kms).await;
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": other})).await.ok();
    assert_eq!(service_events(&kms).await.len(), 3);
    assert_eq!(notifications(&kms, &format!("key={other}")).await.len(), 1);
}

#[tokio::test]
async fn filters_select_notifications() {
    let kms = TestKms::new();
    let (rotating, ending) = (rotating_key(&kms, 90).await, new_key(&kms).await);
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": ending, "PendingWindowInDays": 30})).await.ok();
    advance(&kms, "200d").await;
    let all = notifications(&kms, "").await;
    let id = |at: usize| all[at]["id"].as_str().unwrap();
    assert_eq!(all.len(), 3);
    for (query, expected) in [
        ("event=KMS+CMK+Deletion".to_owned(), &all[..1]),
        ("event=KMS%20CMK%20Rotation".to_owned(), &all[1..]),
        ("event=RotateKey".to_owned(), &[]),
        (format!("key={}", id_of(&ending)), &all[..1]),
        (format!("key={rotating}"), &all[1..]),
        ("key=234".to_owned(), &[]),
        ("since=2026-04-01T00:00:00Z".to_owned(), &all[1..]),
        ("until=2026-04-01T00:00:00Z".to_owned(), &all[..1]),
        ("limit=2".to_owned(), &all[..2]),
        (format!("after={}&limit=1", id(0)), &all[1..2]),
        (format!("after={}", id(2)), &[]),
    ] {
        assert_eq!(notifications(&kms, &query).await, expected, "{query}");
    }
    for (query, text) in [
        ("principal=a", "principal is no filter; there are since, until, event, key, after and limit"),
        ("limit=0", "limit must be a number from 1 to 10000, not 0"),
        ("since=yesterday", "since must be a moment"),
    ] {
        let refused = control(&kms, Method::GET, &format!("/_kms/notifications?{query}"), "").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.message().starts_with(text), "{}", refused.message());
    }
}

#[tokio::test]
async fn an_event_is_told_to_the_account_and_region_of_its_key() {
    let kms = TestKms::new();
    let created = call_of(&kms, ("444455556666", "eu-west-1"), "CreateKey", json!({})).await.ok();
    let input = json!({"KeyId": created["KeyMetadata"]["KeyId"]});
    call_of(&kms, ("444455556666", "eu-west-1"), "RotateKeyOnDemand", input).await.ok();
    let (told, sent) = (service_events(&kms).await, notifications(&kms, "").await);
    assert_eq!(
        (&told[0]["recipientAccountId"], &told[0]["awsRegion"], &told[0]["userIdentity"]["accountId"]),
        (&json!("444455556666"), &json!("eu-west-1"), &json!("444455556666"))
    );
    assert_eq!((&sent[0]["account"], &sent[0]["region"]), (&json!("444455556666"), &json!("eu-west-1")));
}
