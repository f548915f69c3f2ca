//! Keys in custom key stores: what they show, the states that they are in, what they refuse.

use fixtures::TestKms;
use http::Method;
use serde_json::json;

use super::super::wire::{call, control};
use super::{CLUSTER, connect, disconnect, in_cluster, key_state, put_cluster};

#[tokio::test]
async fn a_key_in_a_cluster_shows_where_it_is_and_encrypts() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    let metadata = call(&kms, "DescribeKey", json!({"KeyId": key})).await.ok()["KeyMetadata"].clone();
    let expected = json!({
        "AWSAccountId": "111122223333", "KeyId": metadata["KeyId"], "Arn": key,
        "CreationDate": 1_767_225_600.0, "Enabled": true, "Description": "", "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled", "Origin": "AWS_CLOUDHSM", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false, "CustomKeyStoreId": store,
        "CloudHsmClusterId": CLUSTER,
    });
    assert_eq!(metadata, expected);
    let data_key = call(&kms, "GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"})).await.ok();
    assert!(data_key.get("KeyMaterialId").is_none(), "{data_key}");
    let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": data_key["CiphertextBlob"]})).await.ok();
    assert_eq!(opened["Plaintext"], data_key["Plaintext"]);
    assert!(opened.get("KeyMaterialId").is_none(), "{opened}");
    let random = json!({"NumberOfBytes": 16, "CustomKeyStoreId": store});
    assert!(call(&kms, "GenerateRandom", random).await.ok()["Plaintext"].is_string());
    let listed = call(&kms, "ListKeys", json!({})).await.ok();
    assert_eq!(listed["Keys"][0]["KeyArn"], json!(key));
}

#[tokio::test]
async fn a_switch_of_an_unavailable_key_counts_when_its_store_is_back() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    disconnect(&kms, &store).await;
    call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(key_state(&kms, &key).await, "Unavailable");
    connect(&kms, &store).await;
    assert_eq!(key_state(&kms, &key).await, "Disabled");
    call(&kms, "EnableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(key_state(&kms, &key).await, "Enabled");
    // A key that waits to be deleted does so whatever its store does.
    disconnect(&kms, &store).await;
    let scheduled =
        call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await.ok();
    assert_eq!(scheduled["KeyState"], "PendingDeletion");
    call(&kms, "CancelKeyDeletion", json!({"KeyId": key})).await.ok();
    assert_eq!(key_state(&kms, &key).await, "Unavailable");
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await.ok();
    let held = call(&kms, "DeleteCustomKeyStore", json!({"CustomKeyStoreId": store})).await;
    assert_eq!(held.code(), "CustomKeyStoreHasCMKsException", "a key counts until it is deleted");
    kms.advance_days(7).await;
    call(&kms, "DeleteCustomKeyStore", json!({"CustomKeyStoreId": store})).await.ok();
}

#[tokio::test]
async fn a_cluster_that_cannot_serve_fails_every_use_and_changes_no_state() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    let sealed = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    for cluster in [json!({"active_hsms": 0}), json!({"state": "DELETED"})] {
        put_cluster(&kms, CLUSTER, cluster).await.ok();
        assert_eq!(key_state(&kms, &key).await, "Enabled");
        for (operation, input) in [
            ("Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})),
            ("Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})),
            ("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"})),
        ] {
            assert_eq!(call(&kms, operation, input).await.code(), "KMSInvalidStateException", "{operation}");
        }
        let random = json!({"NumberOfBytes": 1, "CustomKeyStoreId": store});
        let random = call(&kms, "GenerateRandom", random).await;
        assert_eq!(random.code(), "CustomKeyStoreInvalidStateException");
    }
    put_cluster(&kms, CLUSTER, json!({"active_hsms": 1})).await.ok();
    call(&kms, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.ok();
}

#[tokio::test]
async fn keys_in_stores_refuse_what_custom_key_stores_do_not_support() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    let text = format!("{key} origin is AWS_CLOUDHSM which is not valid for this operation.");
    for operation in [
        "EnableKeyRotation",
        "DisableKeyRotation",
        "GetKeyRotationStatus",
        "RotateKeyOnDemand",
        "ListKeyRotations",
    ] {
        let answer = call(&kms, operation, json!({"KeyId": key})).await;
        assert_eq!(
            (answer.code().as_str(), answer.message().as_str()),
            ("UnsupportedOperationException", text.as_str()),
            "{operation}"
        );
    }
    for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
        let input = json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"});
        call(&kms, operation, input).await.refuses("UnsupportedOperationException", text.as_str());
    }
    let input = json!({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store, "MultiRegion": true});
    assert_eq!(call(&kms, "CreateKey", input).await.code(), "UnsupportedOperationException");
    let wrong = json!({"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store, "XksKeyId": "x"});
    assert_eq!(call(&kms, "CreateKey", wrong).await.code(), "ValidationException");
}

#[tokio::test]
async fn stores_come_through_an_export_a_snapshot_and_a_reset() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    kms.snapshot("a").await.unwrap();
    let exported = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    assert!(!exported.to_string().contains(super::PASSWORD));
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    let all = call(&kms, "DescribeCustomKeyStores", json!({})).await.ok();
    assert_eq!(all["CustomKeyStores"], json!([]));
    let mut homeless = exported.clone();
    homeless["custom_stores"] = json!([]);
    assert_eq!(control(&kms, Method::PUT, "/_kms/state", homeless.to_string()).await.status, 400);
    control(&kms, Method::PUT, "/_kms/state", exported.to_string()).await.ok();
    assert_eq!(key_state(&kms, &key).await, "Enabled");
    // The password stayed behind.
    disconnect(&kms, &store).await;
    connect(&kms, &store).await;
    assert_eq!(super::describe(&kms, &store).await["ConnectionErrorCode"], "INVALID_CREDENTIALS");
    kms.restore("a").await.unwrap();
    disconnect(&kms, &store).await;
    connect(&kms, &store).await;
    assert_eq!(super::describe(&kms, &store).await["ConnectionState"], "CONNECTED");
}
