//! Rotation of related keys: the primary's settings are everybody's, and so is the new material.
//!
//! AWS: KMS developer guide, "Rotate AWS KMS keys", multi-Region keys.

use fixtures::{REGION, TestKms};
use serde_json::json;

use super::super::wire::events;
use super::*;

async fn rotations(kms: &TestKms, region: &str, id: &str) -> Value {
    let input = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    call_in(kms, region, "ListKeyRotations", input).await.ok()["Rotations"].clone()
}

async fn status(kms: &TestKms, region: &str, id: &str) -> Value {
    let mut status = call_in(kms, region, "GetKeyRotationStatus", json!({"KeyId": id})).await.ok();
    assert_eq!(status["KeyId"], arn(region, id));
    status["KeyId"] = Value::Null;
    status
}

#[tokio::test]
async fn a_rotation_of_the_primary_is_one_of_every_replica() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND, TOKYO]).await;
    // Whatever state a replica is in, it keeps up.
    call_in(&kms, TOKYO, "DisableKey", json!({"KeyId": id})).await.ok();
    let seal = json!({"KeyId": id, "Plaintext": "AAAA"});
    let old = call_in(&kms, IRELAND, "Encrypt", seal.clone()).await.ok();
    let enable = json!({"KeyId": id, "RotationPeriodInDays": 90});
    call_in(&kms, REGION, "EnableKeyRotation", enable).await.ok();
    for region in [IRELAND, TOKYO] {
        assert_eq!(status(&kms, region, &id).await, status(&kms, REGION, &id).await);
    }
    kms.advance_days(90).await;
    call_in(&kms, REGION, "RotateKeyOnDemand", json!({"KeyId": id})).await.ok();
    let of_primary = rotations(&kms, REGION, &id).await;
    assert_eq!(of_primary.as_array().unwrap().len(), 3);
    for region in [IRELAND, TOKYO] {
        assert_eq!(rotations(&kms, region, &id).await, of_primary);
        let current = &describe(&kms, region, &id).await["CurrentKeyMaterialId"];
        assert_eq!(*current, of_primary[2]["KeyMaterialId"]);
        assert_eq!(status(&kms, region, &id).await, status(&kms, REGION, &id).await);
    }
    let new = call_in(&kms, IRELAND, "Encrypt", seal).await.ok();
    for blob in [&old["CiphertextBlob"], &new["CiphertextBlob"]] {
        call_in(&kms, REGION, "Decrypt", json!({"CiphertextBlob": blob})).await.ok();
    }
    // It is told in every Region, each time.
    let all = events(&kms, "event=RotateKey").await;
    let told: Vec<_> = all.iter().map(|record| record["awsRegion"].as_str().unwrap()).collect();
    assert_eq!(told, [REGION, IRELAND, TOKYO, REGION, IRELAND, TOKYO]);
    for record in &all[3..] {
        assert_eq!(record["serviceEventDetails"]["currentKeyMaterialId"], of_primary[2]["KeyMaterialId"]);
        assert_eq!(record["serviceEventDetails"]["rotationType"], "ON_DEMAND");
    }
    // A replica that is made now has all of it.
    replicate(&kms, &id, "eu-north-1").await.ok();
    kms.clock().advance("5s").await.unwrap();
    assert_eq!(rotations(&kms, "eu-north-1", &id).await, of_primary);
    call_in(&kms, "eu-north-1", "Decrypt", json!({"CiphertextBlob": old["CiphertextBlob"]})).await.ok();
}

#[tokio::test]
async fn a_replica_does_not_rotate_by_itself() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"] {
        call_in(&kms, IRELAND, operation, json!({"KeyId": id})).await.refuses(
            "UnsupportedOperationException",
            format!("{} is not a multi-Region primary key.", arn(IRELAND, &id)).as_str(),
        );
    }
    assert_eq!(status(&kms, IRELAND, &id).await, json!({"KeyId": null, "KeyRotationEnabled": false}));
}

#[tokio::test]
async fn the_schedule_and_the_count_move_with_the_primary() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    call_in(&kms, REGION, "EnableKeyRotation", json!({"KeyId": id})).await.ok();
    for _ in 0..25 {
        call_in(&kms, REGION, "RotateKeyOnDemand", json!({"KeyId": id})).await.ok();
    }
    let before = status(&kms, REGION, &id).await;
    call_in(&kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    for region in [REGION, IRELAND] {
        assert_eq!(status(&kms, region, &id).await, before);
    }
    kms.clock().advance("5s").await.unwrap();
    let rotate = |region| call_in(&kms, region, "RotateKeyOnDemand", json!({"KeyId": id}));
    assert_eq!(rotate(IRELAND).await.code(), "LimitExceededException");
    assert_eq!(rotate(REGION).await.code(), "UnsupportedOperationException");
    let advanced = kms.clock().advance("365d").await.unwrap();
    assert_eq!(advanced["events"], json!({"RotateKey": 1}));
    assert_eq!(rotations(&kms, REGION, &id).await, rotations(&kms, IRELAND, &id).await);
    // The primary decides whether there is a rotation, whatever its replica is doing.
    call_in(&kms, REGION, "DisableKey", json!({"KeyId": id})).await.ok();
    assert_eq!(kms.clock().advance("365d").await.unwrap()["events"], json!({"RotateKey": 1}));
    call_in(&kms, IRELAND, "DisableKey", json!({"KeyId": id})).await.ok();
    assert_eq!(kms.clock().advance("365d").await.unwrap()["events"], json!({}));
}

/// The instant of the change of the primary Region and that of a rotation may be one.
#[tokio::test]
async fn a_rotation_that_falls_due_while_the_primary_is_updating_takes_place() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let enable = json!({"KeyId": id, "RotationPeriodInDays": 90});
    call_in(&kms, REGION, "EnableKeyRotation", enable).await.ok();
    kms.clock().advance("7775999s").await.unwrap();
    call_in(&kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    let advanced = kms.clock().advance("5s").await.unwrap();
    assert_eq!(advanced["events"], json!({"RotateKey": 1, "SynchronizeMultiRegionKey": 2}));
    assert_eq!(rotations(&kms, REGION, &id).await.as_array().unwrap().len(), 2);
}
