//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, ListKeyRotations and RotateKeyOnDemand.
//!
//! AWS: KMS developer guide, "Rotate AWS KMS keys".

use aws_sdk_kms::primitives::Blob;
use fixtures::{ACCOUNT, REGION, TestKms};
use serde_json::{Value, json};

use super::subject::{Subject, reimport, respecify};
use super::wire::{call, events, key_arn};

const DAY: f64 = 86_400.0;

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

async fn status(kms: &TestKms, key: &str) -> Value {
    call(kms, "GetKeyRotationStatus", json!({"KeyId": key})).await.ok()
}

async fn rotations(kms: &TestKms, key: &str, include: &str) -> Vec<Value> {
    let listed =
        call(kms, "ListKeyRotations", json!({"KeyId": key, "IncludeKeyMaterial": include})).await.ok();
    assert_eq!(listed["Truncated"], false);
    listed["Rotations"].as_array().unwrap().clone()
}

async fn material(kms: &TestKms, key: &str) -> String {
    let described = call(kms, "DescribeKey", json!({"KeyId": key})).await.ok();
    described["KeyMetadata"]["CurrentKeyMaterialId"].as_str().unwrap().to_owned()
}

async fn now(kms: &TestKms) -> f64 {
    let clock = super::wire::control(kms, http::Method::GET, "/_kms/clock", "").await.ok();
    let now: jiff::Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
    now.as_millisecond() as f64 / 1e3
}

#[tokio::test]
async fn a_new_key_does_not_rotate() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    assert_eq!(status(&kms, &key).await, json!({"KeyId": key, "KeyRotationEnabled": false}));
    assert!(rotations(&kms, &key, "ROTATIONS_ONLY").await.is_empty());
    let id = key.rsplit('/').next().unwrap();
    let first =
        json!({"KeyId": id, "KeyMaterialId": material(&kms, &key).await, "KeyMaterialState": "CURRENT"});
    assert_eq!(rotations(&kms, &key, "ALL_KEY_MATERIAL").await, [first]);
    call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await.ok();
    kms.advance_days(4_000).await;
    assert!(rotations(&kms, &key, "ROTATIONS_ONLY").await.is_empty());
}

#[tokio::test]
async fn a_key_rotates_once_a_period_and_opens_everything_it_ever_sealed() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let start = now(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key})).await.ok();
    let enabled = json!({
        "KeyId": key, "KeyRotationEnabled": true, "RotationPeriodInDays": 365, "NextRotationDate": start + 365.0 * DAY,
    });
    assert_eq!(status(&kms, &key).await, enabled);
    let client = kms.client_of(ACCOUNT, REGION);
    let mut sealed = Vec::new();
    let mut used = Vec::new();
    for year in 0..30 {
        let answer =
            client.encrypt().key_id(&key).plaintext(Blob::new(format!("year {year}"))).send().await.unwrap();
        sealed.push(answer.ciphertext_blob().unwrap().clone());
        used.push(material(&kms, &key).await);
        // A day at a time over the anniversary: the rotation is there from its own instant on.
        kms.advance_days(364).await;
        assert_eq!(&material(&kms, &key).await, used.last().unwrap());
        kms.advance_days(1).await;
        assert_ne!(&material(&kms, &key).await, used.last().unwrap());
    }
    let listed = rotations(&kms, &key, "ROTATIONS_ONLY").await;
    assert_eq!(listed.len(), 30);
    for (year, rotation) in (1_u32..).zip(&listed) {
        assert_eq!(rotation["RotationDate"], json!(start + f64::from(year) * 365.0 * DAY));
        assert_eq!(rotation["RotationType"], "AUTOMATIC");
        let state = if year == 30 { "CURRENT" } else { "NON_CURRENT" };
        assert_eq!(rotation["KeyMaterialState"], state);
    }
    for (year, blob) in sealed.iter().enumerate() {
        let opened = client.decrypt().ciphertext_blob(blob.clone()).send().await.unwrap();
        assert_eq!(opened.plaintext().unwrap().as_ref(), format!("year {year}").as_bytes());
        assert_eq!(opened.key_material_id(), Some(used[year].as_str()));
    }
}

#[tokio::test]
async fn the_period_counts_from_the_last_rotation() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let start = now(&kms).await;
    let enable = async |period: Option<u32>| {
        call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": period})).await.ok();
        status(&kms, &key).await["NextRotationDate"].as_f64().unwrap()
    };
    assert_eq!(enable(Some(90)).await, start + 90.0 * DAY);
    kms.advance_days(80).await;
    assert_eq!(enable(Some(2_560)).await, start + 2_560.0 * DAY);
    assert_eq!(enable(None).await, start + 2_560.0 * DAY, "the period is kept");
    kms.advance_days(120).await;
    // The new period is over already: the key rotates at once.
    assert_eq!(enable(Some(100)).await, start + 300.0 * DAY);
    assert_eq!(rotations(&kms, &key, "ROTATIONS_ONLY").await[0]["RotationDate"], json!(start + 200.0 * DAY));
    call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await.ok();
    assert_eq!(status(&kms, &key).await, json!({"KeyId": key, "KeyRotationEnabled": false}));
    kms.advance_days(50).await;
    assert_eq!(enable(Some(100)).await, start + 350.0 * DAY, "switched on anew");
}

#[tokio::test]
async fn a_disabled_key_rotates_when_it_is_enabled_again() {
    let kms = TestKms::new();
    let (late, early) = (new_key(&kms).await, new_key(&kms).await);
    let start = now(&kms).await;
    for key in [&late, &early] {
        call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 100})).await.ok();
        call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
        let refused = call(&kms, "EnableKeyRotation", json!({"KeyId": key})).await;
        refused.refuses("DisabledException", format!("{key} is disabled.").as_str());
        let refused = call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await;
        refused.refuses("DisabledException", format!("{key} is disabled.").as_str());
        assert_eq!(status(&kms, key).await["KeyRotationEnabled"], true);
    }
    kms.advance_days(50).await;
    call(&kms, "EnableKey", json!({"KeyId": early})).await.ok();
    kms.advance_days(70).await;
    assert_eq!(
        rotations(&kms, &early, "ROTATIONS_ONLY").await[0]["RotationDate"],
        json!(start + 100.0 * DAY)
    );
    assert!(rotations(&kms, &late, "ROTATIONS_ONLY").await.is_empty());
    call(&kms, "EnableKey", json!({"KeyId": late})).await.ok();
    assert_eq!(rotations(&kms, &late, "ROTATIONS_ONLY").await[0]["RotationDate"], json!(start + 120.0 * DAY));
    assert_eq!(status(&kms, &late).await["NextRotationDate"], json!(start + 220.0 * DAY));
}

#[tokio::test]
async fn a_key_that_waits_to_be_deleted_keeps_its_setting_for_later() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let start = now(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    kms.advance_days(80).await;
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 30})).await.ok();
    assert_eq!(status(&kms, &key).await, json!({"KeyId": key, "KeyRotationEnabled": false}));
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"] {
        let refused = call(&kms, operation, json!({"KeyId": key})).await;
        refused.refuses("KMSInvalidStateException", format!("{key} is pending deletion.").as_str());
    }
    kms.advance_days(20).await;
    call(&kms, "CancelKeyDeletion", json!({"KeyId": key})).await.ok();
    assert_eq!(status(&kms, &key).await["KeyRotationEnabled"], true);
    assert!(rotations(&kms, &key, "ROTATIONS_ONLY").await.is_empty());
    call(&kms, "EnableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(rotations(&kms, &key, "ROTATIONS_ONLY").await[0]["RotationDate"], json!(start + 100.0 * DAY));
}

#[tokio::test]
async fn rotations_on_demand_leave_the_schedule_alone_and_are_counted() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    let scheduled = status(&kms, &key).await;
    for count in 1..=25 {
        let before = material(&kms, &key).await;
        let answer = call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.ok();
        assert_eq!(answer, json!({"KeyId": key}));
        assert_ne!(material(&kms, &key).await, before);
        let listed = rotations(&kms, &key, "ROTATIONS_ONLY").await;
        assert_eq!((listed.len(), &listed[count - 1]["RotationType"]), (count, &json!("ON_DEMAND")));
        assert_eq!(status(&kms, &key).await, scheduled);
    }
    let text = format!(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {key}"
    );
    let refused = call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await;
    refused.refuses("LimitExceededException", text.as_str());
    kms.advance_days(90).await;
    assert_eq!(rotations(&kms, &key, "ALL_KEY_MATERIAL").await.len(), 27);
}

#[tokio::test]
async fn a_rotation_on_demand_keeps_away_from_an_automatic_one() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    let engine = &kms.service().parts().engine;
    let due = engine.snapshot().now().plus_days(90);
    let minutes = |minutes: i64| lifecycle::clock::Timestamp(due.0 - minutes * 60_000);
    engine.advance(minutes(20)).await.unwrap();
    let refused = call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await;
    refused.refuses(
        "ConflictException",
        format!("An automatic rotation of {key} takes place within 20 minutes.").as_str(),
    );
    assert!(rotations(&kms, &key, "ROTATIONS_ONLY").await.is_empty());
    engine.advance(minutes(-1)).await.unwrap();
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.ok();
}

#[tokio::test]
async fn rotations_are_listed_in_pages() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for _ in 0..5 {
        call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.ok();
    }
    let all = rotations(&kms, &key, "ALL_KEY_MATERIAL").await;
    let mut found = Vec::new();
    let mut marker = Value::Null;
    loop {
        let input =
            json!({"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 2, "Marker": marker});
        let page = call(&kms, "ListKeyRotations", input).await.ok();
        found.extend(page["Rotations"].as_array().unwrap().clone());
        marker = page["NextMarker"].clone();
        assert_eq!(page["Truncated"], json!(!marker.is_null()));
        if marker.is_null() {
            break;
        }
        // A marker belongs to its filter.
        let other = call(&kms, "ListKeyRotations", json!({"KeyId": key, "Marker": marker})).await;
        other.refuses("InvalidMarkerException", None);
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn a_rotation_changes_the_material_and_nothing_else() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": [{"TagKey": "a", "TagValue": "b"}]}))
        .await
        .ok();
    call(&kms, "EnableKeyRotation", json!({"KeyId": key.id, "RotationPeriodInDays": 90})).await.ok();
    let everything = async || {
        let mut shown = Vec::new();
        for operation in ["DescribeKey", "GetKeyPolicy", "ListAliases", "ListGrants", "ListResourceTags"] {
            shown.push(call(&kms, operation, json!({"KeyId": key.id})).await.ok());
        }
        let material = shown[0]["KeyMetadata"]["CurrentKeyMaterialId"].take();
        (shown, material)
    };
    let (before, first) = everything().await;
    kms.advance_days(90).await;
    let (after, second) = everything().await;
    assert_eq!(after, before);
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": key.id})).await.ok();
    let (after, third) = everything().await;
    assert_eq!(after, before);
    assert!(first != second && second != third && first != third);
}

#[tokio::test]
async fn rotation_can_be_switched_off_without_a_loss_and_leaves_rotation_on_demand() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key.arn, "RotationPeriodInDays": 90})).await.ok();
    kms.advance_days(91).await;
    for _ in 0..2 {
        // It succeeds on a key that does not rotate, too.
        call(&kms, "DisableKeyRotation", json!({"KeyId": key.arn})).await.ok();
    }
    call(&kms, "RotateKeyOnDemand", json!({"KeyId": key.arn})).await.ok();
    kms.advance_days(400).await;
    let listed = rotations(&kms, &key.arn, "ROTATIONS_ONLY").await;
    let kinds: Vec<_> = listed.iter().map(|rotation| rotation["RotationType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["AUTOMATIC", "ON_DEMAND"]);
    let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": key.ciphertext})).await.ok();
    let materials = rotations(&kms, &key.arn, "ALL_KEY_MATERIAL").await;
    assert_eq!(opened["KeyMaterialId"], materials[0]["KeyMaterialId"]);
    // Asked for by its id, the key is still named by its ARN.
    let off = call(&kms, "GetKeyRotationStatus", json!({"KeyId": key.id})).await.ok();
    assert_eq!(off, json!({"KeyId": key.arn, "KeyRotationEnabled": false}));
}

#[tokio::test]
async fn rotations_that_were_missed_are_made_up_for_once() {
    let kms = TestKms::new();
    let start = now(&kms).await;
    let (disabled, pending) = (new_key(&kms).await, new_key(&kms).await);
    for key in [&disabled, &pending] {
        call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    }
    call(&kms, "DisableKey", json!({"KeyId": disabled})).await.ok();
    kms.advance_days(400).await;
    assert_eq!(status(&kms, &disabled).await["NextRotationDate"], json!(start + 90.0 * DAY));
    call(&kms, "EnableKey", json!({"KeyId": disabled})).await.ok();
    let listed = rotations(&kms, &disabled, "ROTATIONS_ONLY").await;
    assert_eq!((listed.len(), &listed[0]["RotationDate"]), (1, &json!(start + 400.0 * DAY)));
    assert_eq!(status(&kms, &disabled).await["NextRotationDate"], json!(start + 490.0 * DAY));

    assert_eq!(rotations(&kms, &pending, "ROTATIONS_ONLY").await.len(), 4);
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": pending})).await.ok();
    kms.advance_days(29).await;
    call(&kms, "CancelKeyDeletion", json!({"KeyId": pending})).await.ok();
    kms.advance_days(100).await;
    // Still disabled, it does not rotate; its history is shown in every state.
    assert_eq!(rotations(&kms, &pending, "ROTATIONS_ONLY").await.len(), 4);
    call(&kms, "EnableKey", json!({"KeyId": pending})).await.ok();
    let listed = rotations(&kms, &pending, "ROTATIONS_ONLY").await;
    assert_eq!((listed.len(), &listed[4]["RotationDate"]), (5, &json!(start + 529.0 * DAY)));
}

/// The command and the rotation that it makes due are one transaction: whatever comes next finds both done.
#[tokio::test]
async fn a_rotation_that_a_command_makes_due_comes_before_the_next_command() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    kms.advance_days(100).await;
    let version = || kms.service().parts().engine.snapshot().version;
    let before = version();
    // At the same time, so that the writer has them together.
    let (enabled, switched_off) = tokio::join!(
        call(&kms, "EnableKey", json!({"KeyId": key})),
        call(&kms, "DisableKeyRotation", json!({"KeyId": key})),
    );
    enabled.ok();
    switched_off.ok();
    assert_eq!(rotations(&kms, &key, "ROTATIONS_ONLY").await.len(), 1);
    assert!(version() <= before + 2, "no transaction of its own");
}

#[tokio::test]
async fn only_rotations_on_demand_count_and_the_state_comes_before_the_count() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    kms.advance_days(3 * 90 + 1).await;
    call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await.ok();
    for _ in 0..25 {
        call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.ok();
    }
    assert_eq!(call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.code(), "LimitExceededException");
    // It is a limit of the key's whole life.
    kms.advance_days(3_650).await;
    assert_eq!(call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.code(), "LimitExceededException");
    assert_eq!(rotations(&kms, &key, "ROTATIONS_ONLY").await.len(), 28);
    call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.code(), "DisabledException");
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key})).await.ok();
    let pending = call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await;
    pending.refuses("KMSInvalidStateException", format!("{key} is pending deletion.").as_str());
    kms.advance_days(30).await;
    assert_eq!(call(&kms, "RotateKeyOnDemand", json!({"KeyId": key})).await.code(), "NotFoundException");
}

#[tokio::test]
async fn periods_have_bounds() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for (days, rule) in [(89, "greater than or equal to 90"), (2_561, "less than or equal to 2560")] {
        let refused =
            call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": days})).await;
        let text = format!(
            "1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value {rule}"
        );
        refused.refuses("ValidationException", text.as_str());
        // They come before the key is looked up.
        let absent =
            json!({"KeyId": key_arn("1234abcd-12ab-34cd-56ef-1234567890ab"), "RotationPeriodInDays": days});
        call(&kms, "EnableKeyRotation", absent).await.refuses("ValidationException", text.as_str());
    }
    assert_eq!(status(&kms, &key).await["KeyRotationEnabled"], false);
}

#[tokio::test]
async fn rotation_is_in_the_audit_log() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    let record = &events(&kms, "event=EnableKeyRotation").await[0];
    assert_eq!(record["requestParameters"], json!({"keyId": key, "rotationPeriodInDays": 90}));
    assert_eq!(record["resources"][0]["ARN"], json!(key));
}

#[tokio::test]
async fn keys_that_cannot_rotate_say_so_in_their_own_ways() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    respecify(&kms, &key, "HMAC_256", "GENERATE_VERIFY_MAC").await;
    for operation in ["EnableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"] {
        let refused = call(&kms, operation, json!({"KeyId": key})).await;
        refused.refuses("UnsupportedOperationException", None);
    }
    call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await.ok();
    assert_eq!(status(&kms, &key).await, json!({"KeyId": key, "KeyRotationEnabled": false}));
    // The state comes first.
    call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    for operation in ["EnableKeyRotation", "RotateKeyOnDemand"] {
        let refused = call(&kms, operation, json!({"KeyId": key})).await;
        refused.refuses("DisabledException", format!("{key} is disabled.").as_str());
    }

    let kms = TestKms::new();
    let key = new_key(&kms).await;
    reimport(&kms, |state| state["keys"][0]["origin"] = "EXTERNAL".into()).await;
    let text = format!("{key} origin is EXTERNAL which is not valid for this operation.");
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"] {
        let refused = call(&kms, operation, json!({"KeyId": key})).await;
        refused.refuses("UnsupportedOperationException", text.as_str());
    }
}
