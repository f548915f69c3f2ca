//! Custom key stores, and keys in them.

mod audit;
mod cluster;
mod connections;
mod errors;
mod external;
mod keys;
mod states;

use std::time::Duration;

use fixtures::TestKms;
use http::Method;
use kms_server::builder::{Builder, PROXY_TIMEOUT};
use kms_tests::xks_proxy as proxy;
use serde_json::{Value, json};

use super::wire::{Answer, call, control};
pub(super) use errors::attempt;
use proxy::Proxy;

pub(super) const CLUSTER: &str = "cluster-2a23b4cdefg";
const ANCHOR: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
const PASSWORD: &str = "kmsPswd";

/// What a cluster is put as, with some members changed.
pub(super) fn cluster_with(members: Value) -> Value {
    let mut cluster = json!({"trust_anchor_certificate": ANCHOR, "kmsuser_password": PASSWORD});
    cluster.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    cluster
}

async fn put_cluster(kms: &TestKms, id: &str, members: Value) -> Answer {
    control(kms, Method::PUT, &format!("/_kms/clusters/{id}"), cluster_with(members).to_string()).await
}

/// A request for a store in a cluster.
pub(super) fn of_cluster(name: &str, cluster: &str) -> Value {
    json!({
        "CustomKeyStoreName": name, "CloudHsmClusterId": cluster, "TrustAnchorCertificate": ANCHOR,
        "KeyStorePassword": PASSWORD,
    })
}

/// A request for a store behind a proxy.
pub(super) fn of_proxy(name: &str) -> Value {
    json!({
        "CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": "https://xks.example.com",
        "XksProxyUriPath": proxy::PATH,
        "XksProxyAuthenticationCredential":
            {"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET},
    })
}

fn with(mut input: Value, member: &str, value: impl Into<Value>) -> Value {
    input[member] = value.into();
    input
}

async fn create(kms: &TestKms, input: Value) -> String {
    call(kms, "CreateCustomKeyStore", input).await.ok()["CustomKeyStoreId"].as_str().unwrap().to_owned()
}

async fn connect(kms: &TestKms, store: &str) {
    let answer = call(kms, "ConnectCustomKeyStore", json!({"CustomKeyStoreId": store})).await;
    assert_eq!(answer.ok(), json!({}));
}

async fn disconnect(kms: &TestKms, store: &str) {
    call(kms, "DisconnectCustomKeyStore", json!({"CustomKeyStoreId": store})).await.ok();
}

async fn describe(kms: &TestKms, store: &str) -> Value {
    let found = call(kms, "DescribeCustomKeyStores", json!({"CustomKeyStoreId": store})).await.ok();
    found["CustomKeyStores"][0].clone()
}

async fn key_state(kms: &TestKms, key: &str) -> Value {
    call(kms, "DescribeKey", json!({"KeyId": key})).await.ok()["KeyMetadata"]["KeyState"].clone()
}

/// A connected store in a cluster, and a key in it.
pub(super) async fn in_cluster(kms: &TestKms) -> (String, String) {
    put_cluster(kms, CLUSTER, json!({})).await.ok();
    let store = create(kms, of_cluster("hsm", CLUSTER)).await;
    connect(kms, &store).await;
    let input = json!({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store});
    let key = call(kms, "CreateKey", input).await.ok();
    (store, key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned())
}

/// The store that an operation is about, in a state in which it works, if it needs one. To create one takes its cluster.
pub(super) async fn for_operation(kms: &TestKms, operation: &str) -> Option<String> {
    let existing = ["Connect", "Delete", "Disconnect", "Update"].map(|verb| format!("{verb}CustomKeyStore"));
    if operation != "CreateCustomKeyStore" && !existing.iter().any(|name| name == operation) {
        return None;
    }
    put_cluster(kms, CLUSTER, json!({})).await.ok();
    if operation == "CreateCustomKeyStore" {
        return None;
    }
    let found = call(kms, "DescribeCustomKeyStores", json!({})).await.ok();
    if let Some(id) = found["CustomKeyStores"][0]["CustomKeyStoreId"].as_str() {
        return Some(id.to_owned());
    }
    let store = create(kms, of_cluster("store", CLUSTER)).await;
    if operation == "DisconnectCustomKeyStore" {
        connect(kms, &store).await;
    }
    Some(store)
}

/// A KMS that knows the way to a proxy.
pub(super) fn beside(proxy: &Proxy, change: impl FnOnce(Builder) -> Builder) -> TestKms {
    // Generous: the machine may be busy. Tests of the time-out set their own.
    TestKms::with(|builder| change(builder.proxies(vec![proxy.route()], Duration::from_secs(20))))
}

fn new_key(store: &str, external: &str) -> Value {
    json!({"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store, "XksKeyId": external})
}

/// A connected store behind a proxy, and a key in it.
pub(super) async fn behind_proxy(kms: &TestKms) -> (String, String) {
    let store = create(kms, of_proxy("xks")).await;
    connect(kms, &store).await;
    let key = call(kms, "CreateKey", new_key(&store, "key-1")).await.ok();
    (store, key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned())
}

#[test]
fn the_time_of_a_proxy_is_that_of_aws() {
    assert_eq!(PROXY_TIMEOUT, Duration::from_millis(250));
}
