//! The control API below `/_kms/`.

use fixtures::{ACCOUNT, START, TestKms};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::subject::{ALIAS, State, Subject};
use super::wire::{Answer, alias_arn, call, call_of, control, encoded};

async fn get(kms: &TestKms, path: &str) -> Answer {
    control(kms, Method::GET, path, "").await
}

async fn state(kms: &TestKms, method: Method, passphrase: Option<&str>, body: Value) -> Answer {
    let mut request = http::Request::builder().method(method).uri("/_kms/state");
    if let Some(passphrase) = passphrase {
        request = request.header("x-kms-passphrase", encoded(passphrase.as_bytes()).as_str().unwrap());
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    super::wire::send(kms, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn health_tells_the_domain_time() {
    let kms = TestKms::new();
    kms.advance_days(1).await;
    for path in ["/_kms/health", "/_localstack/health"] {
        let health = get(&kms, path).await;
        assert_eq!(health.headers["content-type"], "application/json");
        let health = health.ok();
        assert_eq!((&health["status"], &health["services"]["kms"]), (&json!("running"), &json!("running")));
        assert_eq!(health["domain_time"], "2026-01-02T00:00:00.000Z");
        assert!(health["version"].as_str().unwrap().contains('.'));
    }
}

#[tokio::test]
async fn the_clock_names_what_is_due_next() {
    let kms = TestKms::new();
    let expected = json!({
        "now": "2026-01-01T00:00:00.000Z", "mode": "frozen", "rate": 0.0, "epoch": 0, "next_due": null,
    });
    assert_eq!(get(&kms, "/_kms/clock").await.ok(), expected);
    let (late, soon) = (Subject::new(&kms).await, Subject::new(&kms).await);
    for (key, days) in [(&late, 30), (&soon, 7)] {
        call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": days})).await.ok();
    }
    for (days, at, key) in [(0, "2026-01-08T00:00:00.000Z", &soon), (7, "2026-01-31T00:00:00.000Z", &late)] {
        kms.advance_days(days).await;
        let due = json!({"at": at, "event": "DeleteKey", "resource": key.arn});
        assert_eq!(get(&kms, "/_kms/clock").await.ok()["next_due"], due);
    }
    kms.advance_days(23).await;
    assert_eq!(get(&kms, "/_kms/clock").await.ok()["next_due"], Value::Null);
}

#[tokio::test]
async fn keys_are_shown_by_any_name_wherever_they_live() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": [{"TagKey": "a", "TagValue": "b"}]}))
        .await
        .ok();
    let foreign = call_of(&kms, ("444455556666", "eu-west-1"), "CreateKey", json!({})).await.ok();
    let all = get(&kms, "/_kms/keys").await.ok();
    assert_eq!(all["keys"].as_array().unwrap().len(), 2);
    let metadata = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok()["KeyMetadata"].clone();
    let encoded = key.arn.replace(':', "%3a").replace('/', "%2F");
    for name in [key.id.as_str(), &key.arn, &encoded, ALIAS] {
        let shown = get(&kms, &format!("/_kms/keys/{name}")).await.ok();
        let shown = &shown["keys"];
        assert_eq!(shown.as_array().unwrap().len(), 1, "{name}");
        assert_eq!(shown[0]["metadata"], metadata);
        assert_eq!(shown[0]["aliases"], json!([ALIAS]));
        assert_eq!(shown[0]["tags"], json!([{"TagKey": "a", "TagValue": "b"}]));
        assert_eq!(shown[0]["materials"], json!([metadata["CurrentKeyMaterialId"]]));
        assert_eq!(shown[0]["region"], "us-east-1");
    }
    let id = foreign["KeyMetadata"]["KeyId"].as_str().unwrap();
    assert_eq!(get(&kms, &format!("/_kms/keys/{id}")).await.ok()["keys"][0]["region"], "eu-west-1");
    let missing = get(&kms, "/_kms/keys/foo").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.json()["message"], "no key has the id, ARN or alias foo");
    assert_eq!(
        get(&kms, &format!("/_kms/keys/{}", alias_arn("alias/x"))).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(get(&kms, "/_kms/keys/%ff").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn metrics_count_requests_by_outcome() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    call(&kms, "DescribeKey", json!({"KeyId": "foo"})).await;
    call(&kms, "Nonsense", json!({})).await;
    let answer = get(&kms, "/_kms/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    for line in [
        "kms_requests_total{operation=\"DescribeKey\",outcome=\"success\"} 1",
        "kms_requests_total{operation=\"DescribeKey\",outcome=\"failure\"} 1",
        "kms_requests_total{operation=\"CreateKey\",outcome=\"success\"} 1",
        "kms_unknown_operations_total 1",
        "kms_keys 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found() {
    let kms = TestKms::new();
    for (method, path) in [
        (Method::GET, "/_kms/nonsense"),
        (Method::GET, "/_kms/"),
        (Method::GET, "/_kms/reset"),
        (Method::POST, "/_kms/health"),
        (Method::DELETE, "/_kms/state"),
    ] {
        let answer = control(&kms, method.clone(), path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{method} {path} is no control call")), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_event_filter_is_explained() {
    let kms = TestKms::new();
    for (query, message) in [
        ("limit=0", "limit must be a number from 1 to 10000, not 0"),
        ("limit=10001", "limit must be a number from 1 to 10000, not 10001"),
        ("limit=x", "limit must be a number from 1 to 10000, not x"),
        ("limit=-1", "limit must be a number from 1 to 10000, not -1"),
        ("foo=1", "foo is no filter; there are since, until, event, key, principal, after, limit and wait"),
        ("event=%FF", "the query string is not UTF-8 text"),
        ("event=%4", "the query string is not UTF-8 text"),
        ("event=%+1", "the query string is not UTF-8 text"),
    ] {
        let answer = get(&kms, &format!("/_kms/events?{query}")).await;
        assert_eq!((answer.status, answer.message().as_str()), (StatusCode::BAD_REQUEST, message), "{query}");
    }
}

#[tokio::test]
async fn reset_removes_everything_and_starts_an_epoch() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    assert_eq!(control(&kms, Method::POST, "/_kms/reset", "").await.ok(), json!({"reset": true}));
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"], json!([]));
    let text = format!("Alias {} is not found.", alias_arn(ALIAS));
    call(&kms, "DescribeKey", json!({"KeyId": ALIAS})).await.refuses("NotFoundException", text.as_str());
    let clock = get(&kms, "/_kms/clock").await.ok();
    assert_eq!((&clock["epoch"], &clock["next_due"]), (&json!(1), &Value::Null));
    Subject::new(&kms).await;
}

#[tokio::test]
async fn an_exported_state_comes_back_as_it_was() {
    let kms = TestKms::new();
    let keys = [Subject::new(&kms).await, Subject::new(&kms).await, Subject::new(&kms).await];
    for (key, state) in keys.iter().zip(State::ALL) {
        state.enter(&kms, &key.id).await;
    }
    kms.advance_days(2).await;
    let exported = state(&kms, Method::GET, Some("sesame"), Value::Null).await.ok();
    let copy = TestKms::new();
    let imported = state(&copy, Method::PUT, Some("sesame"), exported.clone()).await.ok();
    assert_eq!(imported, json!({"imported": 13}), "3 keys, 3 materials, 3 last uses, 3 grants and an alias");
    for (operation, input) in [
        ("ListKeys", json!({})),
        ("ListAliases", json!({})),
        ("ListGrants", json!({"KeyId": keys[0].id})),
        ("ListGrants", json!({"KeyId": keys[2].id})),
        ("DescribeKey", json!({"KeyId": keys[1].id})),
        ("DescribeKey", json!({"KeyId": keys[2].id})),
        ("GetKeyLastUsage", json!({"KeyId": keys[0].id})),
        ("Decrypt", json!({"CiphertextBlob": keys[0].ciphertext})),
    ] {
        let [here, there] = [call(&kms, operation, input.clone()).await, call(&copy, operation, input).await];
        assert_eq!(here.ok(), there.ok(), "{operation}");
    }
    let clock = get(&copy, "/_kms/clock").await.ok();
    assert_eq!((&clock["now"], &clock["epoch"]), (&json!("2026-01-03T00:00:00.000Z"), &json!(1)));
    copy.advance_days(28).await;
    let gone = format!("Key '{}' does not exist", keys[2].arn);
    call(&copy, "DescribeKey", json!({"KeyId": keys[2].id}))
        .await
        .refuses("NotFoundException", gone.as_str());
}

#[tokio::test]
async fn key_material_leaves_only_under_a_passphrase() {
    let kms = TestKms::new();
    let material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": material}]);
    call(&kms, "CreateKey", json!({"Tags": tags})).await.ok();
    let open = state(&kms, Method::GET, None, Value::Null).await.ok();
    assert!(open.get("salt").is_none() && open["materials"][0].get("sealed").is_none());
    let sealed = state(&kms, Method::GET, Some("sesame"), Value::Null).await.ok();
    assert!(sealed["salt"].is_string() && sealed["materials"][0]["sealed"].is_string());
    for document in [&open, &sealed] {
        assert!(!document.to_string().contains(material));
    }
    let again = state(&kms, Method::GET, Some("sesame"), Value::Null).await.ok();
    assert_ne!(again["salt"], sealed["salt"]);
}

#[tokio::test]
async fn a_bad_document_changes_nothing() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let good = state(&kms, Method::GET, None, Value::Null).await.ok();
    let sealed = state(&kms, Method::GET, Some("sesame"), Value::Null).await.ok();
    let with = |document: &Value, pointer: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let mut unknown = good.clone();
    unknown["nonsense"] = json!(1);
    let mut altered = sealed["materials"][0]["sealed"].as_str().unwrap().to_owned();
    altered.replace_range(20..21, if altered.as_bytes()[20] == b'A' { "B" } else { "A" });
    let needed = "the state holds sealed key material: its passphrase is needed";
    let wrong = "the passphrase is wrong, or the key material was altered";
    for (document, passphrase, message) in [
        (json!([]), None, "not an exported state"),
        (json!({}), None, "not an exported state"),
        (unknown, None, "not an exported state: unknown field `nonsense`"),
        (with(&good, "/format", json!(2)), None, "the state has format 2, this server reads 1"),
        (with(&good, "/keys", json!([])), None, "a material of"),
        (with(&good, "/materials", json!([])), None, "material number 0 of"),
        (with(&good, "/keys/0/arn", json!("foo")), None, "not an exported state"),
        (
            with(&good, "/aliases/0/target", json!("1234abcd-12ab-34cd-56ef-1234567890ab")),
            None,
            "arn:aws:kms",
        ),
        (
            with(
                &good,
                "/grants/0/key",
                json!("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            ),
            None,
            "the grant",
        ),
        (with(&good, "/grants/0/grantee/name", json!("bob")), None, "not an exported state: bob can be no"),
        (with(&good, "/grants/0/id", json!("x")), None, "not an exported state"),
        (sealed.clone(), None, needed),
        (good.clone(), Some("sesame"), "the state was exported without a passphrase"),
        (with(&sealed, "/salt", Value::Null), None, "the state holds sealed key material, but not its salt"),
        (sealed.clone(), Some("Sesame"), wrong),
        (with(&sealed, "/materials/0/sealed", json!(altered)), Some("sesame"), wrong),
        (with(&sealed, "/materials/0/sealed", json!("AAAA")), Some("sesame"), wrong),
        (with(&sealed, "/salt", json!("not base64")), Some("sesame"), "the salt is not base64"),
        (with(&sealed, "/keys/0/spec", json!("HMAC_384")), Some("sesame"), "HMAC_384 is not the spec"),
        (with(&sealed, "/keys/0/spec", json!("RSA_2048")), Some("sesame"), "RSA_2048 is not the spec"),
    ] {
        let answer = state(&kms, Method::PUT, passphrase, document).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{message}");
        assert!(answer.message().starts_with(message), "{} for {message}", answer.message());
    }
    let empty = state(&kms, Method::GET, Some(""), Value::Null).await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": key.ciphertext})).await.ok();
    assert_eq!(opened["Plaintext"], "c2VjcmV0");
    assert_eq!(get(&kms, "/_kms/clock").await.ok()["epoch"], 0);
}

#[tokio::test]
async fn advancing_in_steps_or_at_once_ends_the_same() {
    let mut ends = Vec::new();
    for steps in [&[40][..], &[20, 20], &[7, 1, 22, 10]] {
        let kms = TestKms::new();
        for days in [7, 8, 30] {
            let key = Subject::new(&kms).await;
            call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": days}))
                .await
                .ok();
        }
        Subject::new(&kms).await;
        for days in steps {
            kms.advance_days(*days).await;
        }
        ends.push((get(&kms, "/_kms/keys").await.ok(), get(&kms, "/_kms/clock").await.ok()));
    }
    assert!(ends.iter().all(|end| *end == ends[0]));
    assert_eq!(ends[0].0["keys"].as_array().unwrap().len(), 1);
    assert_eq!(ends[0].1["now"], START.plus_days(40).to_string());
    assert_eq!(ends[0].0["keys"][0]["metadata"]["AWSAccountId"], ACCOUNT);
}
