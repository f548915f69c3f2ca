//! The order in which related keys are deleted.
//!
//! AWS: KMS developer guide, "Delete multi-Region keys".

use fixtures::{REGION, START, TestKms};
use lifecycle::clock::Timestamp;
use serde_json::json;

use super::super::wire::events;
use super::*;

async fn schedule(kms: &TestKms, region: &str, id: &str, days: u32) -> Value {
    let input = json!({"KeyId": id, "PendingWindowInDays": days});
    call_in(kms, region, "ScheduleKeyDeletion", input).await.ok()
}

fn seconds(at: Timestamp) -> Value {
    json!(at.epoch_seconds())
}

#[tokio::test]
async fn a_primary_waits_for_its_replicas_and_then_for_its_window() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND, TOKYO]).await;
    let start = Timestamp(START.0 + 5_000);
    let scheduled = schedule(&kms, REGION, &id, 10).await;
    assert_eq!(
        scheduled,
        json!({"KeyId": arn(REGION, &id), "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 10})
    );
    let waiting = describe(&kms, REGION, &id).await;
    assert_eq!(waiting["KeyState"], "PendingReplicaDeletion");
    assert_eq!((&waiting["Enabled"], &waiting["PendingDeletionWindowInDays"]), (&json!(false), &json!(10)));
    assert!(waiting.get("DeletionDate").is_none());
    // Its window does not run, and the replicas work.
    kms.advance_days(100).await;
    assert_eq!(describe(&kms, REGION, &id).await, waiting);
    call_in(&kms, IRELAND, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await.ok();
    for (operation, members) in [
        ("ReplicateKey", json!({"KeyId": id, "ReplicaRegion": "eu-north-1"})),
        ("UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})),
        ("ScheduleKeyDeletion", json!({"KeyId": id})),
    ] {
        let text = format!("{} is pending replica deletion.", arn(REGION, &id));
        call_in(&kms, REGION, operation, members).await.refuses("KMSInvalidStateException", text.as_str());
    }

    schedule(&kms, IRELAND, &id, 7).await;
    let later = schedule(&kms, TOKYO, &id, 8).await;
    assert_eq!(
        (&later["KeyState"], &later["DeletionDate"]),
        (&json!("PendingDeletion"), &seconds(start.plus_days(108)))
    );
    // Scheduled is not deleted.
    kms.advance_days(7).await;
    let left = describe(&kms, REGION, &id).await;
    assert_eq!(replica_regions(&left), [TOKYO]);
    assert_eq!(left["KeyState"], "PendingReplicaDeletion");
    kms.advance_days(1).await;
    let alone = describe(&kms, REGION, &id).await;
    assert_eq!((replica_regions(&alone).len(), &alone["KeyState"]), (0, &json!("PendingDeletion")));
    assert_eq!(alone["DeletionDate"], seconds(start.plus_days(118)));
    assert!(alone.get("PendingDeletionWindowInDays").is_none());
    kms.advance_days(10).await;
    let gone = call_in(&kms, REGION, "DescribeKey", json!({"KeyId": id})).await;
    assert_eq!(gone.code(), "NotFoundException");

    let all = events(&kms, "event=DeleteKey").await;
    let told: Vec<_> = all.iter().map(|record| record["awsRegion"].as_str().unwrap()).collect();
    assert_eq!(told, [IRELAND, TOKYO, REGION]);
}

#[tokio::test]
async fn one_advance_over_everything_comes_to_the_same() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND, TOKYO]).await;
    for region in [REGION, IRELAND, TOKYO] {
        schedule(&kms, region, &id, 30).await;
    }
    let advanced = kms.clock().advance("59d").await.unwrap();
    assert_eq!(advanced["events"], json!({"DeleteKey": 2}));
    assert_eq!(describe(&kms, REGION, &id).await["KeyState"], "PendingDeletion");
    assert_eq!(kms.clock().advance("1d").await.unwrap()["events"], json!({"DeleteKey": 1}));
}

#[tokio::test]
async fn each_deletion_is_cancelled_by_itself() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let sealed = call_in(&kms, REGION, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await.ok();
    schedule(&kms, REGION, &id, 7).await;
    schedule(&kms, IRELAND, &id, 7).await;
    let cancel = |region| call_in(&kms, region, "CancelKeyDeletion", json!({"KeyId": id}));
    assert_eq!(cancel(IRELAND).await.ok(), json!({"KeyId": arn(IRELAND, &id)}));
    kms.advance_days(30).await;
    assert_eq!(describe(&kms, REGION, &id).await["KeyState"], "PendingReplicaDeletion");
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "Disabled");
    cancel(REGION).await.ok();
    let back = describe(&kms, REGION, &id).await;
    assert_eq!((&back["KeyState"], replica_regions(&back)), (&json!("Disabled"), vec![IRELAND]));
    assert!(back.get("PendingDeletionWindowInDays").is_none());
    cancel(REGION).await.refuses(
        "KMSInvalidStateException",
        format!("{} is not pending deletion.", arn(REGION, &id)).as_str(),
    );
    // A window that has begun to run ends with the cancellation, too.
    schedule(&kms, REGION, &id, 7).await;
    schedule(&kms, IRELAND, &id, 7).await;
    kms.advance_days(8).await;
    assert_eq!(describe(&kms, REGION, &id).await["KeyState"], "PendingDeletion");
    cancel(REGION).await.ok();
    kms.advance_days(30).await;
    call_in(&kms, REGION, "EnableKey", json!({"KeyId": id})).await.ok();
    let input = json!({"CiphertextBlob": sealed["CiphertextBlob"]});
    assert_eq!(call_in(&kms, REGION, "Decrypt", input).await.ok()["Plaintext"], "AAAA");
}

#[tokio::test]
async fn a_replica_that_is_gone_can_be_made_anew() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let sealed = call_in(&kms, IRELAND, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await.ok();
    schedule(&kms, IRELAND, &id, 7).await;
    // It counts until it is gone.
    assert_eq!(replicate(&kms, &id, IRELAND).await.code(), "AlreadyExistsException");
    kms.advance_days(7).await;
    assert_eq!(replica_regions(&describe(&kms, REGION, &id).await).len(), 0);
    let open = |region| call_in(&kms, region, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]}));
    assert_eq!(open(IRELAND).await.code(), "AccessDeniedException");
    assert_eq!(open(REGION).await.ok()["Plaintext"], "AAAA");
    replicate(&kms, &id, IRELAND).await.ok();
    kms.clock().advance("5s").await.unwrap();
    assert_eq!(open(IRELAND).await.ok()["Plaintext"], "AAAA");
}

#[tokio::test]
async fn a_replica_may_be_scheduled_while_it_is_creating() {
    let kms = TestKms::new();
    let id = primary(&kms, json!({})).await;
    replicate(&kms, &id, IRELAND).await.ok();
    schedule(&kms, IRELAND, &id, 7).await;
    kms.clock().advance("5s").await.unwrap();
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "PendingDeletion");
    call_in(&kms, IRELAND, "CancelKeyDeletion", json!({"KeyId": id})).await.ok();
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "Disabled");
}
