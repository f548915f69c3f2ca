//! Tables under keys in external key stores: a proxy is asked outside of the writer, and everything else goes on.

use std::time::Duration;

use fixtures::{START, TestKms};
use http::Method;
use kms_server::builder::Builder;
use kms_server::engine::ClockStart;
use kms_server::store::{Fault as StoreFault, MemoryStore};
use kms_tests::xks_proxy::{Fault, Proxy};
use serde_json::{Value, json};

use super::super::custom_stores::{behind_proxy, beside};
use super::super::wire::{encoded, events};
use super::{Table, call, new_key, under};

#[tokio::test]
async fn a_proxy_is_told_who_uses_the_key_and_through_which_service() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (_, key) = behind_proxy(&kms).await;
    proxy.heard();
    let table = Table::active(&kms, "books", under(&key)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    assert_eq!(table.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
    let heard: Vec<Value> =
        proxy.heard().into_iter().map(|(_, body)| body["requestMetadata"].clone()).collect();
    let told = |name: &str| heard.iter().map(|told| told[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("kmsOperation"), ["GenerateDataKey", "Decrypt"], "the second use is from memory");
    assert_eq!(told("kmsKeyArn"), [key.as_str(), key.as_str()]);
    assert_eq!(told("awsPrincipalArn"), ["AWS Internal", "arn:aws:iam::111122223333:root"]);
    assert_eq!(told("kmsViaService"), [Value::Null, "dynamodb".into()]);
    // Each call is one record, however often it was decided.
    for (name, count) in [("GenerateDataKey", 1), ("Decrypt", 1), ("CreateGrant", 2)] {
        let found = events(&kms, &format!("event={name}")).await;
        assert_eq!(found.len(), count, "{name}");
        assert!(found.iter().all(|event| event["errorCode"].is_null()), "{found:?}");
        assert_eq!(found[0]["requestID"].as_str().map(str::len), Some(36));
    }
    let decrypt = &events(&kms, "event=Decrypt").await[0];
    assert_eq!(heard[1]["kmsRequestId"], decrypt["requestID"]);
    let report = super::control(&kms, Method::GET, "/_kms/tables/report", "").await.ok();
    let connection = &report["tables"][0]["connections"][0];
    assert_eq!(connection, &json!({ "connection": 1, "requests": 2, "kms_requests": 1 }), "{report}");
}

#[tokio::test]
async fn a_slow_proxy_keeps_no_other_request_waiting() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, external) = behind_proxy(&kms).await;
    let own = new_key(&kms).await;
    let slow = Table::active(&kms, "slow", under(&external)).await;
    let quick = Table::active(&kms, "quick", under(&own)).await;
    let store = json!({ "CustomKeyStoreId": store });
    proxy.set_fault(Fault::Late(Duration::from_secs(3_600)));
    let mut waiting = std::pin::pin!(slow.seal(1, "Moby Dick"));
    let others = async {
        for connection in 0..20 {
            quick.seal(connection, "Jaws").await.ok();
            call(&kms, "CreateKey", json!({})).await.ok();
        }
        assert_eq!(slow.status().await, "ACTIVE");
        slow.ask(Method::PUT, "/features/stream", json!({ "enabled": true })).await.ok();
    };
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("a proxy that does not answer"),
        () = others => {}
    }
    // The service itself asks, too: whoever moves the clock waits for that, and nobody else.
    call(&kms, "DisconnectCustomKeyStore", store.clone()).await.ok();
    proxy.set_fault(None);
    call(&kms, "ConnectCustomKeyStore", store.clone()).await.ok();
    kms.clock().advance("1s").await.unwrap();
    call(&kms, "DisableKey", json!({ "KeyId": external })).await.ok();
    proxy.set_fault(Fault::Late(Duration::from_secs(3_600)));
    call(&kms, "EnableKey", json!({ "KeyId": external })).await.ok();
    let clock = kms.clock();
    let mut moving = std::pin::pin!(clock.advance("1s"));
    let others = async {
        for connection in 20..40 {
            quick.seal(connection, "Jaws").await.ok();
            call(&kms, "CreateKey", json!({})).await.ok();
        }
    };
    tokio::select! {
        biased;
        _ = &mut moving => panic!("a proxy that does not answer"),
        () = others => {}
    }
}

/// What an advance tells, by name and instant.
fn timeline(advanced: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = advanced["timeline"].as_array().unwrap();
    events.iter().map(|event| (text(&event["event"]), text(&event["at"]))).collect()
}

#[tokio::test]
async fn what_falls_due_behind_a_proxy_happens_in_order_and_at_its_instant() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (_, external) = behind_proxy(&kms).await;
    let own = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({ "KeyId": own, "RotationPeriodInDays": 90 })).await.ok();
    let table = Table::active(&kms, "books", under(&external)).await;
    let other = Table::active(&kms, "films", under(&external)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    other.seal(1, "Jaws").await.ok();
    kms.clock().advance("1h").await.unwrap();

    // Nobody tells that a proxy fails: the first who asks finds out, for every table under the key.
    proxy.set_fault(Fault::Error(404, "KeyNotFoundException"));
    assert_eq!(timeline(&kms.clock().advance("1h").await.unwrap()), []);
    let refused = table.open(1, &sealed).await;
    assert_eq!(refused.code(), "com.amazonaws.dynamodb.v20120810#ValidationException");
    let message = refused.message();
    assert!(message.starts_with("KMS validation error: "), "{message}");
    assert!(message.contains("KMSInvalidStateException: The external key associated with"), "{message}");
    let at = |day: u32, time: &str| format!("2026-{:02}-{:02}T{time}Z", 1 + day / 31, 1 + day % 31);
    let happened = |name: &str, at: String| (name.to_owned(), at);
    let advanced = kms.clock().advance("30m").await.unwrap();
    assert_eq!(timeline(&advanced), [], "{advanced}");
    proxy.set_fault(None);
    table.open(1, &sealed).await.ok();
    // Whoever moves the clock waits until the service has seen that, too.
    kms.clock().advance("1s").await.unwrap();
    proxy.set_fault(Fault::Error(404, "KeyNotFoundException"));
    let advanced = kms.clock().advance("30m").await.unwrap();
    assert_eq!(timeline(&advanced), [], "it was back before that was noticed: {advanced}");

    // For good: one advance brings about all that follows, each at its own time, between the events of keys.
    table.open(2, &sealed).await;
    let advanced = kms.clock().advance("100d").await.unwrap();
    let shown = timeline(&advanced);
    let expected = [
        happened("TableKeyInaccessible", at(0, "03:40:13.000")),
        happened("TableKeyInaccessible", at(0, "03:40:13.000")),
        happened("TableArchiving", at(7, "03:40:13.001")),
        happened("TableArchiving", at(7, "03:40:13.001")),
        happened("TableArchived", at(7, "03:50:13.001")),
        happened("TableArchived", at(7, "03:50:13.001")),
        happened("RotateKey", "2026-04-01T00:00:00.000Z".to_owned()),
    ];
    assert_eq!(shown, expected, "{advanced}");
}

#[tokio::test]
async fn what_has_begun_ends_though_nobody_waits_for_it() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (_, key) = behind_proxy(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    proxy.set_fault(Fault::Late(Duration::from_millis(200)));
    proxy.heard();
    let given_up = async {
        while proxy.heard().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = table.seal(1, "Moby Dick") => panic!("it was to be given up"),
        () = given_up => {}
    }
    while events(&kms, "event=Decrypt").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What it opened is there for the next on its connection.
    table.seal(1, "Moby Dick").await.ok();
    assert_eq!(proxy.heard(), []);
}

/// Tries again what could not be stored.
async fn again<T>(mut step: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..5 {
        if let Some(done) = step().await {
            return done;
        }
    }
    panic!("it fails again and again");
}

#[tokio::test]
async fn a_commit_that_fails_anywhere_leaves_nothing_that_cannot_be_done_again() {
    for commit in 6..20 {
        let proxy = Proxy::start();
        let mut store = MemoryStore::default();
        store.fail_commit(commit, StoreFault::Refused);
        let builder = Builder::new(Box::new(store)).clock(ClockStart { at: Some(START), rate: 0.0 });
        let builder = builder.proxies(vec![proxy.route()], Duration::from_secs(20));
        let kms = TestKms::of(builder.build().unwrap());
        let (_, key) = behind_proxy(&kms).await;
        let table = Table::named(&kms, "books");
        let done = |status: u16| (status != 500).then_some(());
        again(async || done(table.create(under(&key)).await.status.as_u16())).await;
        again(async || kms.clock().advance("1m").await.ok()).await;
        again(async || done(table.seal(1, "Moby Dick").await.status.as_u16())).await;
        again(async || done(call(&kms, "DisableKey", json!({ "KeyId": key })).await.status.as_u16())).await;
        again(async || kms.clock().advance("1h").await.ok()).await;
        let status = async || {
            let shown = table.ask(Method::GET, "", Value::Null).await;
            (shown.status == 200).then(|| shown.json()["Table"]["TableStatus"].clone())
        };
        assert_eq!(again(status).await, "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "{commit}");
        again(async || done(call(&kms, "EnableKey", json!({ "KeyId": key })).await.status.as_u16())).await;
        again(async || kms.clock().advance("1h").await.ok()).await;
        assert_eq!(again(status).await, "ACTIVE", "{commit}");
        let sealed = again(async || {
            let sealed = table.seal(2, "Moby Dick").await;
            (sealed.status == 200).then(|| sealed.json()["records"][0].clone())
        });
        let sealed = sealed.await;
        assert_eq!(table.open(2, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
        let grants = call(&kms, "ListGrants", json!({ "KeyId": key })).await.ok();
        assert_eq!(grants["Grants"].as_array().unwrap().len(), 2, "{commit}");
    }
}

#[tokio::test]
async fn a_restart_finds_what_waited_for_a_proxy() {
    let proxy = Proxy::start();
    let store = MemoryStore::default();
    let again = store.reopen();
    let clock = ClockStart { at: Some(START), rate: 0.0 };
    let proxies = || (vec![proxy.route()], Duration::from_secs(20));
    let builder = Builder::new(Box::new(store)).clock(clock).proxies(proxies().0, proxies().1);
    let kms = TestKms::of(builder.build().unwrap());
    let (_, key) = behind_proxy(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.clock().advance("1h").await.unwrap();
    proxy.set_fault(Fault::Late(Duration::from_secs(3_600)));
    call(&kms, "EnableKey", json!({ "KeyId": key })).await.ok();
    kms.service().stop().await;
    proxy.set_fault(None);

    let builder = Builder::new(Box::new(again)).proxies(proxies().0, proxies().1);
    let kms = TestKms::of(builder.build().unwrap());
    let table = Table::named(&kms, "books");
    assert_eq!(table.status().await, "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let advanced = kms.clock().advance("1h").await.unwrap();
    assert_eq!(advanced["events"]["TableRecovered"], 1, "{advanced}");
    assert_eq!(table.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
}
