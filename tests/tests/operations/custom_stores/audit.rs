//! What the audit records of custom key stores, and of keys in them, show.
//!
//! AWS: KMS developer guide, the log entries of each operation.

use fixtures::TestKms;
use serde_json::{Value, json};

use super::super::wire::{call, events};
use super::proxy::{self, Fault, Proxy};
use super::{
    CLUSTER, PASSWORD, behind_proxy, beside, connect, create, disconnect, in_cluster, new_key, of_cluster,
    of_proxy, put_cluster,
};

/// The records of an operation, the oldest first.
async fn records(kms: &TestKms, operation: &str) -> Vec<Value> {
    events(kms, &format!("limit=10000&event={operation}")).await
}

async fn last(kms: &TestKms, operation: &str) -> Value {
    records(kms, operation).await.pop().unwrap()
}

#[tokio::test]
async fn the_records_of_stores_name_the_store_and_its_cluster() {
    let kms = TestKms::new();
    put_cluster(&kms, CLUSTER, json!({})).await.ok();
    let store = create(&kms, of_cluster("hsm", CLUSTER)).await;
    let named = json!({"CustomKeyStoreId": store});
    connect(&kms, &store).await;
    disconnect(&kms, &store).await;
    call(&kms, "DescribeCustomKeyStores", named.clone()).await.ok();
    let update =
        json!({"CustomKeyStoreId": store, "CloudHsmClusterId": CLUSTER, "KeyStorePassword": PASSWORD});
    call(&kms, "UpdateCustomKeyStore", update).await.ok();
    call(&kms, "DeleteCustomKeyStore", named).await.ok();
    let id = json!({"customKeyStoreId": store});
    let about = json!({"customKeyStoreName": "hsm", "clusterId": CLUSTER});
    for (operation, parameters, elements, additional) in [
        (
            "CreateCustomKeyStore",
            json!({"customKeyStoreName": "hsm", "clusterId": CLUSTER}),
            id.clone(),
            Value::Null,
        ),
        ("ConnectCustomKeyStore", id.clone(), Value::Null, about.clone()),
        ("DisconnectCustomKeyStore", id.clone(), Value::Null, about.clone()),
        ("DescribeCustomKeyStores", id.clone(), Value::Null, Value::Null),
        (
            "UpdateCustomKeyStore",
            json!({"customKeyStoreId": store, "clusterId": CLUSTER}),
            Value::Null,
            about.clone(),
        ),
        ("DeleteCustomKeyStore", id.clone(), Value::Null, about.clone()),
    ] {
        let record = last(&kms, operation).await;
        assert_eq!(record["requestParameters"], parameters, "{operation}");
        assert_eq!(record["responseElements"], elements, "{operation}");
        assert_eq!(record["additionalEventData"], additional, "{operation}");
        assert_eq!(record["readOnly"], operation.starts_with("Describe"), "{operation}");
        assert_eq!(record.get("resources"), None, "{operation}");
    }
}

#[tokio::test]
async fn a_refused_request_is_recorded_with_the_store_that_it_meant() {
    let kms = TestKms::new();
    let (store, _) = in_cluster(&kms).await;
    call(&kms, "DeleteCustomKeyStore", json!({"CustomKeyStoreId": store})).await;
    let record = last(&kms, "DeleteCustomKeyStore").await;
    assert_eq!(record["errorCode"], "CustomKeyStoreInvalidStateException");
    assert_eq!(record["additionalEventData"]["customKeyStoreName"], "hsm");
    call(&kms, "DeleteCustomKeyStore", json!({"CustomKeyStoreId": "cks-1234567890abcdef0"})).await;
    let record = last(&kms, "DeleteCustomKeyStore").await;
    assert_eq!(record["errorCode"], "CustomKeyStoreNotFoundException");
    assert_eq!(record.get("additionalEventData"), None);
}

#[tokio::test]
async fn the_records_of_keys_name_the_store_and_the_external_key() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (inside, in_hsm) = in_cluster(&kms).await;
    let (outside, external) = behind_proxy(&kms).await;
    let created = records(&kms, "CreateKey").await;
    let metadata = |number: usize| &created[number]["responseElements"]["keyMetadata"];
    assert_eq!(created[0]["requestParameters"]["customKeyStoreId"], json!(inside));
    assert_eq!(metadata(0)["cloudHsmClusterId"], CLUSTER);
    assert_eq!(created[1]["requestParameters"]["xksKeyId"], "key-1");
    assert_eq!(metadata(1)["xksKeyConfiguration"], json!({"id": "key-1"}));

    let sealed = call(&kms, "Encrypt", json!({"KeyId": external, "Plaintext": "AAAA"})).await.ok();
    let data = json!({"customKeyStoreId": outside, "xksKeyId": "key-1"});
    let record = last(&kms, "Encrypt").await;
    assert_eq!((&record["additionalEventData"], &record["responseElements"]), (&data, &Value::Null));
    assert_eq!(record["resources"][0]["ARN"], json!(external));
    call(&kms, "GenerateDataKey", json!({"KeyId": in_hsm, "KeySpec": "AES_256"})).await.ok();
    let record = last(&kms, "GenerateDataKey").await;
    assert_eq!(record["additionalEventData"], json!({"customKeyStoreId": inside}));
    let moved = json!({"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": in_hsm});
    call(&kms, "ReEncrypt", moved).await.ok();
    let both = json!({
        "sourceCustomKeyStoreId": outside, "sourceXksKeyId": "key-1", "destinationCustomKeyStoreId": inside,
    });
    assert_eq!(last(&kms, "ReEncrypt").await["additionalEventData"], both);

    // What a proxy refuses has been asked of it.
    proxy.set_fault(Fault::Error(400, "InvalidCiphertextException"));
    call(&kms, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await;
    let record = last(&kms, "Decrypt").await;
    assert_eq!(record["errorCode"], "KMSInvalidStateException");
    assert_eq!(record["additionalEventData"], data);
    assert_eq!(
        records(&kms, "Decrypt").await.len(),
        1,
        "each request has one record, however often it is run"
    );
}

#[tokio::test]
async fn no_record_holds_what_opens_a_store() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    in_cluster(&kms).await;
    let (store, key) = behind_proxy(&kms).await;
    let credential = json!({"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET});
    let update = json!({"CustomKeyStoreId": store, "XksProxyAuthenticationCredential": credential});
    call(&kms, "UpdateCustomKeyStore", update).await.ok();
    // A member that does not belong there, and one that is malformed.
    call(&kms, "CreateCustomKeyStore", of_proxy("other")).await;
    let mut mixed = of_cluster("mixed", CLUSTER);
    mixed["XksProxyAuthenticationCredential"] = credential;
    call(&kms, "CreateCustomKeyStore", mixed).await;
    // One that is refused as it is.
    let mut short = of_cluster("short", CLUSTER);
    short["KeyStorePassword"] = "s3cret".into();
    let mut wrong = of_proxy("wrong");
    wrong["XksProxyAuthenticationCredential"] =
        json!({"AccessKeyId": "AKIDwrong", "RawSecretAccessKey": "unfinished-secret!"});
    for input in [short, wrong] {
        let answer = call(&kms, "CreateCustomKeyStore", input).await;
        assert_eq!(answer.code(), "ValidationException");
        for secret in ["s3cret", "unfinished-secret", "AKIDwrong"] {
            assert!(!answer.message().contains(secret), "{}", answer.message());
        }
    }
    call(&kms, "CreateKey", new_key(&store, "key-1")).await;
    call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    let all = Value::from(events(&kms, "limit=10000").await).to_string();
    assert!(all.contains("UpdateCustomKeyStore"));
    let refused = ["s3cret", "unfinished-secret", "AKIDwrong"];
    for secret in
        [PASSWORD, proxy::SECRET, proxy::ACCESS_KEY_ID, "BEGIN CERTIFICATE"].into_iter().chain(refused)
    {
        assert!(!all.contains(secret), "{secret}");
    }
}
