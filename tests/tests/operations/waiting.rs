//! Calls that wait for the clock, for an event or for a record; and the domain time that every answer carries.

use fixtures::TestKms;
use http::{Method, StatusCode};
use kms_server::limits::Limits;
use serde_json::{Value, json};
use std::time::Duration;

use super::wire::{Answer, call, control, events};

async fn get(kms: &TestKms, path: &str) -> Answer {
    control(kms, Method::GET, path, "").await
}

/// A key that rotates every 90 days.
async fn rotating(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    let arn = created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    call(kms, "EnableKeyRotation", json!({"KeyId": arn, "RotationPeriodInDays": 90})).await.ok();
    arn
}

/// Runs `wait`, and `then` once it waits.
async fn meanwhile<T>(wait: impl Future<Output = T>, then: impl Future<Output = ()>) -> T {
    let mut wait = Box::pin(wait);
    let early = tokio::time::timeout(Duration::from_millis(50), wait.as_mut()).await;
    assert!(early.is_err(), "it waits");
    tokio::join!(wait, then).0
}

#[tokio::test]
async fn a_wait_for_an_instant_ends_when_the_clock_shows_it() {
    let kms = TestKms::new();
    let passed = get(&kms, "/_kms/clock?wait_for=2025-01-01T00:00:00Z").await.ok();
    assert_eq!((&passed["reached"], &passed["event"]), (&json!(true), &Value::Null));
    let path = "/_kms/clock?wait_for=2026-03-01T00:00:00Z&timeout=30s";
    let advanced = meanwhile(get(&kms, path), async {
        kms.clock().advance("1d").await.unwrap();
        kms.clock().advance("90d").await.unwrap();
    });
    let advanced = advanced.await.ok();
    assert_eq!((&advanced["reached"], &advanced["now"]), (&json!(true), &json!("2026-04-02T00:00:00.000Z")));
    // A clock that runs comes there by itself: a day in less than a tenth of a second.
    let path = "/_kms/clock?wait_for=2026-04-03T00:00:00Z&timeout=30s";
    let ran = meanwhile(get(&kms, path), async { kms.clock().resume(1e6).await.unwrap() }).await.ok();
    assert_eq!(ran["reached"], true);
    kms.clock().freeze().await.unwrap();
    let vain = get(&kms, "/_kms/clock?wait_for=9000-01-01T00:00:00Z&timeout=PT0.01S").await.ok();
    assert_eq!((&vain["reached"], &vain["mode"]), (&json!(false), &json!("frozen")));
}

#[tokio::test]
async fn a_wait_for_an_event_ends_when_it_happens() {
    let kms = TestKms::new();
    let key = rotating(&kms).await;
    let met = meanwhile(get(&kms, "/_kms/clock?wait_for=RotateKey&timeout=30s"), async {
        kms.clock().advance("100d").await.unwrap();
    });
    let event = met.await.ok()["event"].clone();
    assert_eq!(event, json!({"at": "2026-04-01T00:00:00.000Z", "event": "RotateKey", "resource": key}));
    // What has happened before counts only if it is asked for.
    let reached = async |path: &str| get(&kms, path).await.ok()["reached"].clone();
    assert_eq!(reached("/_kms/clock?wait_for=RotateKey&timeout=0s").await, false);
    assert_eq!(reached("/_kms/clock?wait_for=RotateKey&since=2026-04-01T00:00:00Z&timeout=0s").await, true);
    assert_eq!(reached("/_kms/clock?wait_for=RotateKey&since=2026-04-02T00:00:00Z&timeout=0s").await, false);
    assert_eq!(reached("/_kms/clock?wait_for=DeleteKey&since=2026-01-01T00:00:00Z&timeout=0s").await, false);
}

#[tokio::test]
async fn a_wait_for_a_record_ends_with_the_first_that_passes() {
    let kms = TestKms::new();
    let key = rotating(&kms).await;
    let all = events(&kms, "").await;
    let after = all.last().unwrap()["eventID"].as_str().unwrap();
    let found = events(&kms, "wait=0s").await;
    assert_eq!(found, all, "what is there is told at once");
    let path = format!("/_kms/events?after={after}&event=DescribeKey&wait=30s");
    let found = meanwhile(get(&kms, &path), async {
        call(&kms, "ListKeys", json!({})).await.ok();
        call(&kms, "DescribeKey", json!({ "KeyId": key })).await.ok();
    });
    let found = found.await.ok()["Records"].as_array().unwrap().clone();
    assert_eq!((found.len(), &found[0]["eventName"]), (1, &json!("DescribeKey")));
    assert_eq!(events(&kms, &format!("after={after}&event=Sign&wait=10ms")).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_wait_that_says_nothing_clear_is_refused() {
    let kms = TestKms::with(|builder| {
        builder.limits(Limits { wait_max: Duration::from_secs(5), ..Limits::default() })
    });
    for (path, text) in [
        (
            "clock?wait_for=RotateKeys",
            "no kind of event: SynchronizeMultiRegionKey, RotateKey, DeleteKey, DeleteExpiredKeyMaterial",
        ),
        ("clock?wait_for=", "is no instant"),
        ("clock?wait_for=2030-01-01", "is no instant"),
        ("clock?wait_for=2030-01-01T00:00:00Z&since=2026-01-01T00:00:00Z", "`since` is for kinds of events"),
        ("clock?timeout=1s", "without `wait_for`"),
        ("clock?until=RotateKey", "until is no parameter"),
        ("clock?wait_for=RotateKey&timeout=soon", "timeout must be a duration"),
        ("clock?wait_for=RotateKey&timeout=-1s", "timeout must be a duration"),
        ("clock?wait_for=RotateKey&timeout=6s", "the setting server.wait_max"),
        ("events?wait=6s", "the setting server.wait_max"),
    ] {
        let refused = get(&kms, &format!("/_kms/{path}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(refused.message().contains(text), "{path}: {}", refused.message());
    }
}

#[tokio::test]
async fn a_stop_ends_every_wait() {
    let kms = TestKms::new();
    let stopped = meanwhile(get(&kms, "/_kms/clock?wait_for=RotateKey"), kms.service().stop()).await;
    assert_eq!(stopped.status, StatusCode::SERVICE_UNAVAILABLE);
}

fn domain_time(answer: &Answer) -> &str {
    answer.headers["x-kms-domain-time"].to_str().unwrap()
}

#[tokio::test]
async fn every_answer_tells_the_instant_that_it_was_decided_at() {
    let kms = TestKms::new();
    let created = call(&kms, "CreateKey", json!({})).await;
    assert_eq!(domain_time(&created), "2026-01-01T00:00:00.000Z");
    kms.clock().advance("36h").await.unwrap();
    let now = "2026-01-02T12:00:00.000Z";
    let sts = http::Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Action=GetCallerIdentity&Version=2011-06-15".into())
        .unwrap();
    for answer in [
        call(&kms, "ListKeys", json!({})).await,
        call(&kms, "CreateKey", json!({})).await,
        call(&kms, "DescribeKey", json!({"KeyId": "nothing"})).await,
        call(&kms, "NoOperation", json!({})).await,
        super::wire::send(&kms, sts).await,
        get(&kms, "/_kms/health").await,
        get(&kms, "/_kms/metrics").await,
        get(&kms, "/_kms/nothing").await,
    ] {
        assert_eq!(domain_time(&answer), now);
    }
    // A running clock: what is made is dated as the answer says, and the record of it too.
    kms.clock().resume(1e6).await.unwrap();
    let created = call(&kms, "CreateKey", json!({})).await;
    let at: jiff::Timestamp = domain_time(&created).parse().unwrap();
    let date = created.ok()["KeyMetadata"]["CreationDate"].as_f64().unwrap();
    assert_eq!((date * 1_000.0).round() as i64, at.as_millisecond());
}
