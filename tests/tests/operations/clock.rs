//! The domain clock, moved over the control API.

use fixtures::TestKms;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::wire::{call, control};

async fn post(kms: &TestKms, path: &str, body: Value) -> super::wire::Answer {
    control(kms, Method::POST, &format!("/_kms/clock/{path}"), body.to_string()).await
}

async fn shown(kms: &TestKms) -> Value {
    control(kms, Method::GET, "/_kms/clock", "").await.ok()
}

fn at(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_advance_tells_what_happened_in_order() {
    let kms = TestKms::new();
    let new_key = async || {
        let created = call(&kms, "CreateKey", json!({})).await.ok();
        created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    };
    let (rotating, ending) = (new_key().await, new_key().await);
    call(&kms, "EnableKeyRotation", json!({"KeyId": rotating, "RotationPeriodInDays": 90})).await.ok();
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": ending, "PendingWindowInDays": 7})).await.ok();
    let start = shown(&kms).await;
    assert_eq!(start["next_due"]["event"], "DeleteKey");
    let moved = post(&kms, "advance", json!({"by": "400d"})).await.ok();
    assert_eq!(moved["from"], start["now"]);
    assert_eq!(moved["events"], json!({"DeleteKey": 1, "RotateKey": 4}));
    let timeline = moved["timeline"].as_array().unwrap();
    let told: Vec<_> =
        timeline.iter().map(|event| (event["event"].as_str().unwrap(), &event["resource"])).collect();
    let (rotating, ending) = (json!(rotating), json!(ending));
    let mut expected = vec![("DeleteKey", &ending)];
    expected.extend([("RotateKey", &rotating); 4]);
    assert_eq!(told, expected);
    assert!(timeline.windows(2).all(|two| at(&two[0]["at"]) <= at(&two[1]["at"])));
    assert_eq!(at(&moved["to"]).duration_since(at(&moved["from"])).as_hours(), 400 * 24);
    // Nothing happens twice, and the next event is where the clock stops.
    let due = shown(&kms).await["next_due"].clone();
    let moved = post(&kms, "advance", json!({"to": "next"})).await.ok();
    assert_eq!((&moved["to"], &moved["events"]), (&due["at"], &json!({"RotateKey": 1})));
}

#[tokio::test]
async fn parts_of_an_advance_add_up() {
    let scenario = async |steps: &[&str]| {
        let kms = TestKms::new();
        for period in [90, 100, 365] {
            let key = call(&kms, "CreateKey", json!({})).await.ok();
            let input = json!({"KeyId": key["KeyMetadata"]["Arn"], "RotationPeriodInDays": period});
            call(&kms, "EnableKeyRotation", input).await.ok();
        }
        let mut timeline = Vec::new();
        for step in steps {
            let moved = post(&kms, "advance", json!({"by": step})).await.ok();
            timeline.extend(moved["timeline"].as_array().unwrap().clone());
        }
        (timeline, shown(&kms).await)
    };
    let whole = scenario(&["1200d"]).await;
    assert_eq!(whole, scenario(&["100d", "0s", "P265D", "835d"]).await);
    assert_eq!(whole.0.len(), 1_200 / 90 + 1_200 / 100 + 1_200 / 365);
}

#[tokio::test]
async fn durations_are_read_as_people_write_them() {
    let kms = TestKms::new();
    for (text, end) in [
        ("90d", "2026-04-01T00:00:00Z"),
        ("P1M", "2026-05-01T00:00:00Z"),
        ("18mo", "2027-11-01T00:00:00Z"),
        ("1y 2w", "2028-11-15T00:00:00Z"),
        ("36 hours", "2028-11-16T12:00:00Z"),
    ] {
        if text == "90d" {
            post(&kms, "advance", json!({"to": "2026-01-01T00:00:00Z"})).await.ok();
        }
        let moved = post(&kms, "advance", json!({"by": text})).await.ok();
        assert_eq!(at(&moved["to"]), end.parse().unwrap(), "{text}");
    }
}

#[tokio::test]
async fn the_clock_freezes_resumes_and_never_goes_back() {
    let kms = TestKms::new();
    let before = shown(&kms).await;
    for (body, text) in [
        (json!({}), "give either `by`"),
        (json!({"by": "1d", "to": "next"}), "give either `by`"),
        (json!({"by": "soon"}), "\"soon\" is no duration"),
        (json!({"by": "-1d"}), "the clock never goes back"),
        (json!({"by": "9000y"}), "the clock ends at 9999"),
        (json!({"to": "yesterday"}), "\"yesterday\" is no instant"),
        (json!({"to": "1999-01-01T00:00:00Z"}), "the clock shows"),
        (json!({"until": "next"}), "the body: unknown field `until`"),
    ] {
        let refused = post(&kms, "advance", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.message().starts_with(text), "{} for {text}", refused.message());
    }
    for rate in [0.0, -1.0, 1e9] {
        assert_eq!(post(&kms, "resume", json!({"rate": rate})).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(shown(&kms).await, before, "a refusal changes nothing");
    let running = post(&kms, "resume", json!({"rate": 3600})).await.ok();
    assert_eq!((&running["mode"], &running["rate"]), (&json!("running"), &json!(3600.0)));
    let frozen = post(&kms, "freeze", json!({})).await.ok();
    assert_eq!(frozen["mode"], "frozen");
    assert!(at(&frozen["now"]) >= at(&before["now"]));
    assert_eq!(shown(&kms).await["now"], frozen["now"]);
}
