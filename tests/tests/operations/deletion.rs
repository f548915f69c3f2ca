//! ScheduleKeyDeletion, CancelKeyDeletion, and what is left after the waiting period.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyState;
use fixtures::{ACCOUNT, START, TestKms};
use kms_server::limits::Limits;
use kms_server::operations::registry::OPERATIONS;
use lifecycle::clock::Timestamp;
use serde_json::{Value, json};

use super::subject::{ALIAS, ROLE, State, Subject, key_members, policy};
use super::wire::{alias_arn, call, events, refuses};

#[tokio::test]
async fn a_key_waits_for_the_window_that_was_asked_for() {
    let kms = TestKms::new();
    for (window, days) in [(None, 30), (Some(7), 7), (Some(30), 30), (Some(12), 12)] {
        let key = Subject::new(&kms).await;
        let scheduled =
            kms.client().schedule_key_deletion().key_id(&key.id).set_pending_window_in_days(window);
        let scheduled = scheduled.send().await.unwrap();
        let due = START.plus_days(u32::try_from(days).unwrap());
        assert_eq!(scheduled.key_id(), Some(key.arn.as_str()));
        assert_eq!(scheduled.deletion_date().unwrap().to_millis().unwrap(), due.0);
        assert_eq!(scheduled.key_state(), Some(&KeyState::PendingDeletion));
        assert_eq!(scheduled.pending_window_in_days(), Some(days));
        let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
        let metadata = &described["KeyMetadata"];
        assert_eq!(metadata["DeletionDate"].as_f64(), Some(due.epoch_seconds()));
        assert_eq!((&metadata["Enabled"], &metadata["KeyState"]), (&json!(false), &json!("PendingDeletion")));
        assert!(metadata.get("PendingDeletionWindowInDays").is_none());
    }
}

/// AWS (observed): the model allows 1 to 365 days, the service 7 to 30, and each says so in its own words.
#[tokio::test]
async fn the_window_is_7_to_30_days() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for days in [1, 6, 31, 365] {
        let answer =
            call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": days})).await;
        answer.refuses("ValidationException", "PendingWindowInDays must be between 7 and 30");
    }
    for (days, bound) in [
        (0, "greater than or equal to 1"),
        (366, "less than or equal to 365"),
        (-1, "greater than or equal to 1"),
    ] {
        let answer =
            call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": days})).await;
        let text = format!(
            "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value {bound}"
        );
        answer.refuses("ValidationException", text.as_str());
    }
    let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    assert_eq!(described["KeyMetadata"]["KeyState"], "Enabled");
}

#[tokio::test]
async fn a_second_schedule_is_refused_and_changes_nothing() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let client = kms.client();
    client.schedule_key_deletion().key_id(&key.id).pending_window_in_days(10).send().await.unwrap();
    kms.advance_days(1).await;
    let again = client.schedule_key_deletion().key_id(&key.id).pending_window_in_days(20).send().await;
    refuses(&again, "KMSInvalidStateException", format!("{} is pending deletion.", key.arn).as_str());
    let described = client.describe_key().key_id(&key.id).send().await.unwrap();
    let date = described.key_metadata().unwrap().deletion_date().unwrap().to_millis().unwrap();
    assert_eq!(date, START.plus_days(10).0);
}

#[tokio::test]
async fn a_cancelled_key_is_disabled_whatever_it_was() {
    for before in [State::Enabled, State::Disabled] {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        before.enter(&kms, &key.id).await;
        State::PendingDeletion.enter(&kms, &key.id).await;
        let cancelled = call(&kms, "CancelKeyDeletion", json!({"KeyId": key.id})).await.ok();
        assert_eq!(cancelled, json!({"KeyId": key.arn}));
        let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
        let metadata = &described["KeyMetadata"];
        assert_eq!((&metadata["Enabled"], &metadata["KeyState"]), (&json!(false), &json!("Disabled")));
        assert!(metadata.get("DeletionDate").is_none());
        kms.advance_days(60).await;
        call(&kms, "EnableKey", json!({"KeyId": key.id})).await.ok();
        let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": key.ciphertext})).await.ok();
        assert_eq!(opened["Plaintext"], "c2VjcmV0");
        let again = call(&kms, "CancelKeyDeletion", json!({"KeyId": key.id})).await;
        again.refuses("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn).as_str());
    }
}

#[tokio::test]
async fn what_belongs_to_the_key_stays_until_its_deletion_date() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": [{"TagKey": "a", "TagValue": "b"}]}))
        .await
        .ok();
    State::PendingDeletion.enter(&kms, &key.id).await;
    kms.advance_days(29).await;
    let aliases = call(&kms, "ListAliases", json!({"KeyId": key.id})).await.ok();
    assert_eq!(aliases["Aliases"][0]["AliasName"], ALIAS);
    let tags = call(&kms, "ListResourceTags", json!({"KeyId": key.id})).await.ok();
    assert_eq!(tags["Tags"], json!([{"TagKey": "a", "TagValue": "b"}]));
    call(&kms, "DeleteAlias", json!({"AliasName": ALIAS})).await.ok();
}

#[tokio::test]
async fn nothing_is_left_after_the_deletion_date() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let other = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    kms.advance_days(30).await;
    let gone = format!("Key '{}' does not exist", key.arn);
    for operation in
        ["DescribeKey", "CancelKeyDeletion", "ListResourceTags", "GetKeyLastUsage", "Encrypt", "Decrypt"]
    {
        call(&kms, operation, key.request(operation)).await.refuses("NotFoundException", gone.as_str());
    }
    let alias = format!("Alias {} is not found.", alias_arn(ALIAS));
    for operation in ["DescribeKey", "Encrypt"] {
        let input = super::subject::request(operation, ALIAS, "");
        call(&kms, operation, input).await.refuses("NotFoundException", alias.as_str());
    }
    call(&kms, "DeleteAlias", json!({"AliasName": ALIAS})).await.refuses("NotFoundException", alias.as_str());
    let blob = Blob::new(super::wire::decoded(&key.ciphertext.as_str().into()));
    let orphan = kms.client().decrypt().ciphertext_blob(blob).send().await;
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    );
    refuses(&orphan, "AccessDeniedException", text.as_str());
    let keys = call(&kms, "ListKeys", json!({})).await.ok();
    assert_eq!(keys["Keys"], json!([{"KeyId": other.id, "KeyArn": other.arn}]));
    call(&kms, "CreateAlias", json!({"AliasName": ALIAS, "TargetKeyId": other.id})).await.ok();
}

/// Every operation that names a key, built or not, is told that there is none.
#[tokio::test]
async fn every_operation_finds_a_deleted_key_gone() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    kms.advance_days(30).await;
    let gone = format!("Key '{}' does not exist", key.arn);
    let mut asked = 0;
    for entry in OPERATIONS.iter().filter(|entry| !key_members(entry.name()).is_empty()) {
        let answer = call(&kms, entry.name(), key.request(entry.name())).await;
        answer.refuses("NotFoundException", gone.as_str());
        asked += 1;
    }
    assert!(asked > 35, "{asked}");
}

#[tokio::test]
async fn the_deletion_date_is_exact_to_the_millisecond() {
    let kms = TestKms::new();
    let (cancelled, deleted) = (Subject::new(&kms).await, Subject::new(&kms).await);
    call(&kms, "EnableKeyRotation", json!({"KeyId": cancelled.id, "RotationPeriodInDays": 90})).await.ok();
    for key in [&cancelled, &deleted] {
        call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": 7})).await.ok();
    }
    let at = START.plus_days(7);
    kms.service().parts().engine.advance(Timestamp(at.0 - 1)).await.unwrap();
    call(&kms, "CancelKeyDeletion", json!({"KeyId": cancelled.id})).await.ok();
    let described = call(&kms, "DescribeKey", json!({"KeyId": deleted.id})).await.ok();
    assert_eq!(described["KeyMetadata"]["DeletionDate"].as_f64(), Some(at.epoch_seconds()));
    kms.service().parts().engine.advance(at).await.unwrap();
    let late = call(&kms, "CancelKeyDeletion", json!({"KeyId": deleted.id})).await;
    late.refuses("NotFoundException", format!("Key '{}' does not exist", deleted.arn).as_str());
    let kept = call(&kms, "GetKeyRotationStatus", json!({"KeyId": cancelled.id})).await.ok();
    assert_eq!((&kept["KeyRotationEnabled"], &kept["RotationPeriodInDays"]), (&json!(true), &json!(90)));
}

#[tokio::test]
async fn what_is_not_cryptography_works_during_the_waiting_period() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let granted = json!({"KeyId": key.id, "GranteePrincipal": ROLE, "Operations": ["Encrypt"]});
    let second = call(&kms, "CreateGrant", granted).await.ok();
    State::PendingDeletion.enter(&kms, &key.id).await;
    let policy = policy();
    call(&kms, "PutKeyPolicy", json!({"KeyId": key.id, "Policy": policy})).await.ok();
    let shown = call(&kms, "GetKeyPolicy", json!({"KeyId": key.id})).await.ok();
    let shown: Value = serde_json::from_str(shown["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(shown["Statement"][0]["Action"], "kms:*");
    let grants = async || {
        let listed = call(&kms, "ListGrants", json!({"KeyId": key.id})).await.ok();
        listed["Grants"].as_array().unwrap().len()
    };
    assert_eq!(grants().await, 2);
    call(&kms, "RetireGrant", json!({"GrantToken": second["GrantToken"]})).await.ok();
    call(&kms, "RevokeGrant", json!({"KeyId": key.id, "GrantId": key.grant})).await.ok();
    assert_eq!(grants().await, 0);
    let listed = call(&kms, "ListKeys", json!({})).await.ok();
    assert_eq!(listed["Keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_counts_to_the_quota_until_it_is_deleted() {
    let limits = Limits { keys_max: 1, ..Limits::default() };
    let kms = TestKms::with(|builder| builder.limits(limits));
    let key = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    kms.advance_days(29).await;
    assert_eq!(call(&kms, "CreateKey", json!({})).await.code(), "LimitExceededException");
    kms.advance_days(1).await;
    call(&kms, "CreateKey", json!({})).await.ok();
}

/// AWS: alarms look for this text in the records of failed uses.
#[tokio::test]
async fn a_use_during_the_waiting_period_is_recorded() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &key.id).await;
    let text = format!("{} is pending deletion.", key.arn);
    for operation in ["Encrypt", "Decrypt", "GenerateDataKey", "ReEncrypt"] {
        let refused = call(&kms, operation, key.request(operation)).await;
        refused.refuses("KMSInvalidStateException", text.as_str());
        let records = events(&kms, &format!("event={operation}")).await;
        let record = records.last().unwrap();
        assert_eq!(record["errorCode"], "KMSInvalidStateException");
        assert_eq!(record["errorMessage"], json!(text));
    }
}

#[tokio::test]
async fn nothing_opens_after_the_deletion_whatever_material_made_it() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key.id, "RotationPeriodInDays": 90})).await.ok();
    let mut sealed = vec![json!(key.ciphertext)];
    for _ in 0..30 {
        kms.advance_days(90).await;
        let made = call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": "c2VjcmV0"})).await.ok();
        sealed.push(made["CiphertextBlob"].clone());
    }
    for blob in &sealed {
        call(&kms, "Decrypt", json!({"CiphertextBlob": blob})).await.ok();
    }
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": 7})).await.ok();
    kms.advance_days(7).await;
    for blob in &sealed {
        let orphan = call(&kms, "Decrypt", json!({"CiphertextBlob": blob})).await;
        assert_eq!(orphan.code(), "AccessDeniedException");
        let named = call(&kms, "Decrypt", json!({"CiphertextBlob": blob, "KeyId": key.arn})).await;
        assert_eq!(named.code(), "NotFoundException");
    }
    assert_eq!(kms.service().parts().engine.snapshot().state.records().count(), 0);
}
