//! Key stores in AWS CloudHSM clusters.

use std::time::Duration;

use fixtures::TestKms;
use http::Method;
use kms_server::limits::Limits;
use lifecycle::custom_store::ConnectionErrorCode;
use serde_json::{Value, json};

use super::super::wire::{call, control};
use super::{
    ANCHOR, CLUSTER, PASSWORD, connect, create, describe, disconnect, in_cluster, key_state, of_cluster,
    put_cluster, with,
};

const OTHER: &str = "cluster-other234567";

#[tokio::test]
async fn a_store_is_described_as_it_was_created_and_without_its_password() {
    let kms = TestKms::new();
    put_cluster(&kms, CLUSTER, json!({})).await.ok();
    let store = create(&kms, of_cluster("hsm", CLUSTER)).await;
    let expected = json!({
        "CustomKeyStoreId": store, "CustomKeyStoreName": "hsm", "CloudHsmClusterId": CLUSTER,
        "TrustAnchorCertificate": ANCHOR, "ConnectionState": "DISCONNECTED", "CreationDate": 1_767_225_600.0,
        "CustomKeyStoreType": "AWS_CLOUDHSM",
    });
    assert_eq!(describe(&kms, &store).await, expected);
    let by_name = call(&kms, "DescribeCustomKeyStores", json!({"CustomKeyStoreName": "hsm"})).await.ok();
    assert_eq!(by_name, json!({"CustomKeyStores": [expected], "Truncated": false}));
    let clusters = control(&kms, Method::GET, "/_kms/clusters", "").await;
    assert!(!clusters.body.escape_ascii().to_string().contains(PASSWORD));
    assert_eq!(clusters.json()["clusters"][0]["source"], "stored");
    let audit = control(&kms, Method::GET, "/_kms/events?event=CreateCustomKeyStore", "").await;
    assert!(!audit.body.escape_ascii().to_string().contains(PASSWORD), "{audit:?}");
    let gone = call(&kms, "DeleteCustomKeyStore", json!({"CustomKeyStoreId": store})).await;
    assert_eq!(gone.ok(), json!({}));
    let all = call(&kms, "DescribeCustomKeyStores", json!({})).await.ok();
    assert_eq!(all, json!({"CustomKeyStores": [], "Truncated": false}));
}

#[tokio::test]
async fn connecting_and_disconnecting_take_the_time_of_the_domain_clock() {
    let limits = Limits {
        custom_key_store_connect_time: Duration::from_secs(1_200),
        custom_key_store_disconnect_time: Duration::from_secs(60),
        ..Limits::default()
    };
    let kms = TestKms::with(|builder| builder.limits(limits));
    put_cluster(&kms, CLUSTER, json!({})).await.ok();
    let store = create(&kms, of_cluster("hsm", CLUSTER)).await;
    connect(&kms, &store).await;
    let state = async || describe(&kms, &store).await["ConnectionState"].clone();
    assert_eq!(state().await, "CONNECTING");
    let clock = control(&kms, Method::GET, "/_kms/clock", "").await.json();
    assert!(clock.to_string().contains("ConnectCustomKeyStore"), "{clock}");
    kms.clock().advance("1199s").await.unwrap();
    connect(&kms, &store).await;
    assert_eq!(state().await, "CONNECTING", "a second call starts nothing anew");
    kms.clock().advance("1s").await.unwrap();
    assert_eq!(state().await, "CONNECTED");
    let path = "/_kms/clock?wait_for=ConnectCustomKeyStore&since=2026-01-01T00:00:00Z&timeout=30s";
    assert_eq!(control(&kms, Method::GET, path, "").await.ok()["reached"], true);
    disconnect(&kms, &store).await;
    assert_eq!(state().await, "DISCONNECTING");
    kms.clock().advance("60s").await.unwrap();
    assert_eq!(state().await, "DISCONNECTED");
    connect(&kms, &store).await;
    disconnect(&kms, &store).await;
    kms.clock().advance("1200s").await.unwrap();
    assert_eq!(state().await, "DISCONNECTED", "what was given up does not come to an end");
}

#[tokio::test]
async fn an_attempt_fails_for_the_reason_that_the_cluster_has() {
    let kms = TestKms::new();
    put_cluster(&kms, CLUSTER, json!({})).await.ok();
    let store = create(&kms, of_cluster("hsm", CLUSTER)).await;
    let injected = [
        "CLUSTER_NOT_FOUND",
        "INSUFFICIENT_CLOUDHSM_HSMS",
        "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
        "INTERNAL_ERROR",
        "INVALID_CREDENTIALS",
        "NETWORK_ERRORS",
        "SUBNET_NOT_FOUND",
        "USER_LOCKED_OUT",
        "USER_LOGGED_IN",
        "USER_NOT_FOUND",
    ];
    let of_clusters = ConnectionErrorCode::ALL.iter().filter(|code| code.is_of_cluster());
    assert_eq!(of_clusters.map(|code| code.as_str()).collect::<Vec<_>>(), injected);
    let injected = injected.map(|code| (json!({"failure": code}), code));
    let wrong = (json!({"kmsuser_password": "another"}), "INVALID_CREDENTIALS");
    for (cluster, code) in injected.into_iter().chain([wrong]) {
        put_cluster(&kms, CLUSTER, cluster).await.ok();
        connect(&kms, &store).await;
        let described = describe(&kms, &store).await;
        assert_eq!(
            (&described["ConnectionState"], &described["ConnectionErrorCode"]),
            (&json!("FAILED"), &json!(code))
        );
        let again = call(&kms, "ConnectCustomKeyStore", json!({"CustomKeyStoreId": store})).await;
        assert_eq!(again.code(), "CustomKeyStoreInvalidStateException", "it has to be disconnected first");
        disconnect(&kms, &store).await;
        let described = describe(&kms, &store).await;
        assert_eq!(described["ConnectionState"], "DISCONNECTED");
        assert_eq!(described["ConnectionErrorCode"], Value::Null);
    }
    // With the right password it works again.
    put_cluster(&kms, CLUSTER, json!({"kmsuser_password": "another"})).await.ok();
    let update = json!({"CustomKeyStoreId": store, "KeyStorePassword": "another"});
    assert_eq!(call(&kms, "UpdateCustomKeyStore", update).await.ok(), json!({}));
    connect(&kms, &store).await;
    assert_eq!(describe(&kms, &store).await["ConnectionState"], "CONNECTED");
    disconnect(&kms, &store).await;
    control(&kms, Method::DELETE, &format!("/_kms/clusters/{CLUSTER}"), "").await.ok();
    connect(&kms, &store).await;
    assert_eq!(describe(&kms, &store).await["ConnectionErrorCode"], "CLUSTER_NOT_FOUND");
}

#[tokio::test]
async fn a_store_moves_to_a_related_cluster_only_while_it_is_disconnected() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    put_cluster(&kms, OTHER, json!({"backup_of": CLUSTER, "active_hsms": 3})).await.ok();
    let update = json!({"CustomKeyStoreId": store, "CloudHsmClusterId": OTHER});
    let refused = call(&kms, "UpdateCustomKeyStore", update.clone()).await;
    assert_eq!(refused.code(), "CustomKeyStoreInvalidStateException");
    let rename = json!({"CustomKeyStoreId": store, "NewCustomKeyStoreName": "renamed"});
    call(&kms, "UpdateCustomKeyStore", rename).await.ok();
    disconnect(&kms, &store).await;
    call(&kms, "UpdateCustomKeyStore", update).await.ok();
    connect(&kms, &store).await;
    let described = describe(&kms, &store).await;
    assert_eq!(
        (&described["CloudHsmClusterId"], &described["CustomKeyStoreName"]),
        (&json!(OTHER), &json!("renamed"))
    );
    let metadata = call(&kms, "DescribeKey", json!({"KeyId": key})).await.ok();
    assert_eq!(metadata["KeyMetadata"]["CloudHsmClusterId"], OTHER);
    assert_eq!(key_state(&kms, &key).await, "Enabled");
    for wrong in
        [json!({"XksProxyUriPath": "/kms/xks/v1"}), json!({"XksProxyConnectivity": "PUBLIC_ENDPOINT"})]
    {
        let mut update = wrong;
        update["CustomKeyStoreId"] = store.clone().into();
        assert_eq!(call(&kms, "UpdateCustomKeyStore", update).await.code(), "ValidationException");
    }
}

#[tokio::test]
async fn members_that_do_not_go_together_are_refused_before_anything_is_looked_at() {
    let kms = TestKms::new();
    let good = of_cluster("hsm", CLUSTER);
    for member in ["CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword"] {
        let mut input = good.clone();
        input.as_object_mut().unwrap().remove(member);
        let text = format!("{member} is required for AWS_CLOUDHSM.");
        call(&kms, "CreateCustomKeyStore", input).await.refuses("ValidationException", text.as_str());
    }
    call(&kms, "CreateCustomKeyStore", with(good, "XksProxyUriPath", "/kms/xks/v1"))
        .await
        .refuses("ValidationException", "XksProxyUriPath is not valid for AWS_CLOUDHSM.");
    let both = json!({"CustomKeyStoreId": "cks-1234567890abcdef0", "CustomKeyStoreName": "x"});
    assert_eq!(call(&kms, "DescribeCustomKeyStores", both).await.code(), "ValidationException");
}

#[tokio::test]
async fn stores_are_listed_in_pages_of_their_account_and_region() {
    let kms = TestKms::new();
    let mut ids = Vec::new();
    for n in 2..7 {
        let cluster = format!("cluster-{}", n.to_string().repeat(11));
        put_cluster(&kms, &cluster, json!({})).await.ok();
        ids.push(create(&kms, of_cluster(&format!("s{n}"), &cluster)).await);
    }
    ids.sort();
    let (mut found, mut marker) = (Vec::new(), Value::Null);
    loop {
        let mut input = json!({"Limit": 2});
        if marker.is_string() {
            input["Marker"] = marker.clone();
        }
        let page = call(&kms, "DescribeCustomKeyStores", input).await.ok();
        let stores = page["CustomKeyStores"].as_array().unwrap().clone();
        assert!(stores.len() <= 2);
        found.extend(stores.iter().map(|store| store["CustomKeyStoreId"].as_str().unwrap().to_owned()));
        assert_eq!(page["Truncated"], page["NextMarker"].is_string());
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(found, ids);
    let elsewhere = kms.client_of("444455556666", "us-east-1");
    assert!(elsewhere.describe_custom_key_stores().send().await.unwrap().custom_key_stores().is_empty());
}

#[tokio::test]
async fn clusters_are_put_whole_and_refused_if_they_make_no_sense() {
    let kms = TestKms::new();
    for wrong in [
        json!({"state": "SLEEPING"}),
        json!({"active_hsms": 29}),
        json!({"kmsuser_password": "short"}),
        json!({"trust_anchor_certificate": ""}),
        json!({"backup_of": "x"}),
        json!({"failure": "TIRED"}),
        json!({"failure": "XKS_PROXY_TIMED_OUT"}),
        json!({"unknown": 1}),
    ] {
        assert_eq!(put_cluster(&kms, CLUSTER, wrong.clone()).await.status, 400, "{wrong}");
    }
    assert_eq!(put_cluster(&kms, "cluster-1", json!({})).await.status, 400);
    let missing = control(&kms, Method::DELETE, &format!("/_kms/clusters/{CLUSTER}"), "").await;
    assert_eq!(missing.status, 404);
}
