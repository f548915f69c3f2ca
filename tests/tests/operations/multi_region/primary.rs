//! UpdatePrimaryRegion.
//!
//! AWS: KMS developer guide, "Change the primary key in a set of multi-Region keys".

use fixtures::{REGION, TestKms};
use serde_json::json;

use super::*;

async fn update(kms: &TestKms, from: &str, id: &str, to: &str) -> Answer {
    call_in(kms, from, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": to})).await
}

/// Type, Region of the primary, Regions of the replicas and state of a key.
async fn seen(kms: &TestKms, region: &str, id: &str) -> (String, String, Vec<String>, String) {
    let metadata = describe(kms, region, id).await;
    let configuration = &metadata["MultiRegionConfiguration"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let replicas = replica_regions(&metadata).into_iter().map(str::to_owned).collect();
    (
        text(&configuration["MultiRegionKeyType"]),
        text(&configuration["PrimaryKey"]["Region"]),
        replicas,
        text(&metadata["KeyState"]),
    )
}

#[tokio::test]
async fn the_roles_change_and_both_keys_are_updating_for_their_time() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND, TOKYO]).await;
    let changed = update(&kms, REGION, &id, IRELAND).await;
    assert_eq!((changed.status.as_u16(), changed.body.len()), (200, 0));
    let of = |kind: &str, state: &str| {
        let replicas = vec![REGION.to_owned(), TOKYO.to_owned()];
        (kind.to_owned(), IRELAND.to_owned(), replicas, state.to_owned())
    };
    assert_eq!(seen(&kms, IRELAND, &id).await, of("PRIMARY", "Updating"));
    assert_eq!(seen(&kms, REGION, &id).await, of("REPLICA", "Updating"));
    assert_eq!(seen(&kms, TOKYO, &id).await, of("REPLICA", "Enabled"));
    // Cryptography goes on.
    let sealed = call_in(&kms, IRELAND, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await.ok();
    call_in(&kms, REGION, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.ok();
    kms.clock().advance("4999ms").await.unwrap();
    assert_eq!(seen(&kms, REGION, &id).await.3, "Updating");
    kms.clock().advance("1ms").await.unwrap();
    assert_eq!(seen(&kms, IRELAND, &id).await, of("PRIMARY", "Enabled"));
    assert_eq!(seen(&kms, REGION, &id).await, of("REPLICA", "Enabled"));
    // The new primary can be replicated, and the old one not any more.
    let input = json!({"KeyId": id, "ReplicaRegion": "eu-north-1"});
    assert_eq!(
        call_in(&kms, REGION, "ReplicateKey", input.clone()).await.code(),
        "UnsupportedOperationException"
    );
    call_in(&kms, IRELAND, "ReplicateKey", input).await.ok();
    assert_eq!(seen(&kms, TOKYO, &id).await.2, [REGION, TOKYO, "eu-north-1"]);
    // The old primary is deleted like any replica.
    call_in(&kms, REGION, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7})).await.ok();
    kms.advance_days(7).await;
    assert_eq!(seen(&kms, IRELAND, &id).await.2, [TOKYO, "eu-north-1"]);
}

#[tokio::test]
async fn both_keys_must_be_enabled() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    call_in(&kms, IRELAND, "DisableKey", json!({"KeyId": id})).await.ok();
    let refused = update(&kms, REGION, &id, IRELAND).await;
    refused.refuses("DisabledException", format!("{} is disabled.", arn(IRELAND, &id)).as_str());
    call_in(&kms, IRELAND, "ScheduleKeyDeletion", json!({"KeyId": id})).await.ok();
    let refused = update(&kms, REGION, &id, IRELAND).await;
    refused
        .refuses("KMSInvalidStateException", format!("{} is pending deletion.", arn(IRELAND, &id)).as_str());
    replicate(&kms, &id, TOKYO).await.ok();
    let refused = update(&kms, REGION, &id, TOKYO).await;
    refused.refuses("KMSInvalidStateException", format!("{} is creating.", arn(TOKYO, &id)).as_str());
    kms.clock().advance("5s").await.unwrap();
    call_in(&kms, REGION, "DisableKey", json!({"KeyId": id})).await.ok();
    let refused = update(&kms, REGION, &id, TOKYO).await;
    refused.refuses("DisabledException", format!("{} is disabled.", arn(REGION, &id)).as_str());
    assert_eq!(seen(&kms, REGION, &id).await.0, "PRIMARY");
}

#[tokio::test]
async fn only_a_primary_hands_over_and_only_to_a_replica() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    update(&kms, IRELAND, &id, REGION).await.refuses(
        "UnsupportedOperationException",
        format!("{} is not a multi-Region primary key.", arn(IRELAND, &id)).as_str(),
    );
    update(&kms, REGION, &id, TOKYO)
        .await
        .refuses("NotFoundException", format!("Key '{}' does not exist", arn(TOKYO, &id)).as_str());
    update(&kms, REGION, &id, REGION)
        .await
        .refuses("UnsupportedOperationException", format!("{REGION} already contains the primary.").as_str());
    let single = call_in(&kms, REGION, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let single = single.as_str().unwrap();
    update(&kms, REGION, single, IRELAND)
        .await
        .refuses("UnsupportedOperationException", format!("{single} is not a multi-region key.").as_str());
}
