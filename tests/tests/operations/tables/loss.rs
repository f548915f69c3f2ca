//! A key is lost and comes back, or does not: status, errors, facts and the timeline of the clock.

use super::{Table, call, calls, new_key, under};
use fixtures::TestKms;
use http::Method;
use serde_json::{Value, json};

use super::super::import;
use super::super::wire::{control, encoded};

/// What an advance tells: event, instant since the start of 2026, and the resource's last part.
async fn advance(kms: &TestKms, by: &str) -> Vec<(String, String)> {
    let advanced = kms.clock().advance(by).await.unwrap();
    let told = advanced["timeline"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told.map(|due| (text(&due["event"]), text(&due["at"]))).collect()
}

fn event(name: &str, at: &str) -> (String, String) {
    (name.to_owned(), at.to_owned())
}

#[tokio::test]
async fn a_disabled_key_is_noticed_late_and_so_is_its_return() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    kms.clock().advance("59m54s").await.unwrap();
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    // 01:00:00: the key is lost.
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    assert_eq!(advance(&kms, "4m59s").await, []);
    table.open(1, &sealed).await.ok();
    assert_eq!(advance(&kms, "1s").await, []);
    let refused = table.open(1, &sealed).await;
    assert_eq!(refused.code(), "com.amazonaws.dynamodb.v20120810#ValidationException");
    assert!(refused.message().starts_with(&format!(
        "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: {key} is disabled. (Service: AWSKMS"
    )));
    assert_eq!(table.status().await, "ACTIVE", "nobody has noticed");
    assert_eq!(advance(&kms, "1h").await, [event("TableKeyInaccessible", "2026-01-01T01:40:00.000Z")]);
    let shown = table.show().await;
    assert_eq!(shown["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    assert_eq!(shown["SSEDescription"]["InaccessibleEncryptionDateTime"], json!(1_767_231_600.0));
    assert_eq!(shown["Emulator"]["key_lost_at"], "2026-01-01T01:00:00.000Z");

    let told = control(&kms, Method::GET, "/_kms/notifications", "").await.ok();
    let mails: Vec<&Value> = told["Notifications"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["detail"]["mail"] == true)
        .collect();
    assert_eq!(mails.len(), 1, "{told}");
    let detail = &mails[0]["detail"];
    assert_eq!((&detail["table-name"], &detail["key-arn"]), (&json!("books"), &json!(key)));
    assert_eq!(detail["archive-at"], "2026-01-08T01:40:00.000Z");
    assert_eq!(mails[0]["source"], "aws.dynamodb");

    // 02:05:00: the key is back, at once for requests.
    call(&kms, "EnableKey", json!({ "KeyId": key })).await.ok();
    table.open(1, &sealed).await.ok();
    assert_eq!(table.status().await, "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    assert_eq!(advance(&kms, "1h").await, [event("TableRecovered", "2026-01-01T02:45:00.000Z")]);
    assert_eq!(table.show().await["SSEDescription"]["InaccessibleEncryptionDateTime"], Value::Null);
    table.open(1, &sealed).await.ok();
}

#[tokio::test]
async fn a_table_without_its_key_is_archived_among_the_events_of_keys() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    kms.clock().advance("54s").await.unwrap();
    call(&kms, "ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": 7 })).await.ok();
    let next = control(&kms, Method::GET, "/_kms/clock", "").await.ok();
    assert_eq!(
        next["next_due"],
        json!({
            "at": "2026-01-01T00:41:00.000Z",
            "event": "TableKeyInaccessible",
            "resource": "arn:aws:dynamodb:us-east-1:111122223333:table/books",
        })
    );
    assert_eq!(
        advance(&kms, "30d").await,
        [
            event("TableKeyInaccessible", "2026-01-01T00:41:00.000Z"),
            event("DeleteKey", "2026-01-08T00:01:00.000Z"),
            event("TableArchiving", "2026-01-08T00:41:00.001Z"),
            event("TableArchived", "2026-01-08T00:51:00.001Z"),
        ]
    );
    let shown = table.show().await;
    assert_eq!(shown["TableStatus"], "ARCHIVED");
    assert!(shown["ArchivalSummary"]["ArchivalBackupArn"].as_str().unwrap().contains("table/books/backup/"));
    let refused = table.seal(1, "Moby Dick").await;
    assert_eq!(refused.message(), "Requested resource not found");
    table.ask(Method::DELETE, "", Value::Null).await.ok();
}

#[tokio::test]
async fn a_key_that_is_not_lost_costs_no_call_in_a_year() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    Table::active(&kms, "books", under(&key)).await;
    let before = calls(&kms).await.len();
    call(&kms, "EnableKeyRotation", json!({ "KeyId": key })).await.ok();
    assert_eq!(advance(&kms, "400d").await, [event("RotateKey", "2027-01-01T00:00:06.000Z")]);
    assert_eq!(calls(&kms).await.len(), before);
}

#[tokio::test]
async fn revoked_grants_are_a_lost_key_but_for_requests() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    for grant in table.show().await["Emulator"]["grants"].as_array().unwrap() {
        call(&kms, "RevokeGrant", json!({ "KeyId": key, "GrantId": grant["grant_id"] })).await.ok();
    }
    table.seal(1, "Moby Dick").await.ok();
    assert_eq!(advance(&kms, "1h").await, [event("TableKeyInaccessible", "2026-01-01T00:40:06.000Z")]);
    let refused = table.seal(1, "Moby Dick").await;
    assert_eq!(refused.code(), "com.amazonaws.dynamodb.v20120810#AccessDeniedException");
    assert!(refused.message().starts_with("KMS key access denied error: "), "{}", refused.message());
}

#[tokio::test]
async fn a_key_store_that_is_disconnected_takes_its_tables_along() {
    let kms = TestKms::new();
    let (store, key) = super::super::custom_stores::in_cluster(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    table.seal(1, "Moby Dick").await.ok();
    call(&kms, "DisconnectCustomKeyStore", json!({ "CustomKeyStoreId": store })).await.ok();
    let advanced = kms.clock().advance("1h").await.unwrap();
    assert_eq!(advanced["events"]["TableKeyInaccessible"], 1, "{advanced}");
    let refused = table.seal(1, "Moby Dick").await;
    assert!(refused.message().contains("KMSInvalidStateException"), "{}", refused.message());
    call(&kms, "ConnectCustomKeyStore", json!({ "CustomKeyStoreId": store })).await.ok();
    let advanced = kms.clock().advance("1h").await.unwrap();
    assert_eq!(advanced["events"]["TableRecovered"], 1, "{advanced}");
    table.seal(1, "Moby Dick").await.ok();
}

/// AWS: KMS developer guide, "Importing key material": a key is Enabled only while all that it ever used is there.
#[tokio::test]
async fn a_table_needs_every_material_of_its_key() {
    let kms = TestKms::new();
    let key = import::symmetric(&kms).await;
    let first = import::id_of(&import::import(&kms, &key, &[1; 32], json!({})).await);
    let table = Table::active(&kms, "books", under(&key)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    let second = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    import::import(&kms, &key, &[2; 32], second).await.ok();
    call(&kms, "RotateKeyOnDemand", json!({ "KeyId": key })).await.ok();
    // The table's key is under the old material, and is made for nothing anew.
    assert_eq!(kms.clock().advance("1h").await.unwrap()["events"], json!({}));
    table.open(2, &sealed).await.ok();
    // A table made now is under the new one, and needs the old one all the same.
    let other = Table::active(&kms, "films", under(&key)).await;
    let film = other.seal(1, "Jaws").await.ok()["records"][0].clone();
    call(&kms, "DeleteImportedKeyMaterial", json!({ "KeyId": key, "KeyMaterialId": first })).await.ok();
    assert_eq!(kms.clock().advance("1h").await.unwrap()["events"], json!({ "TableKeyInaccessible": 2 }));
    for (table, sealed) in [(&table, &sealed), (&other, &film)] {
        let refused = table.open(3, sealed).await.message();
        assert!(refused.contains(&format!("{key} is pending import.")), "{refused}");
    }
    import::import(&kms, &key, &[1; 32], json!({})).await.ok();
    assert_eq!(kms.clock().advance("1h").await.unwrap()["events"], json!({ "TableRecovered": 2 }));
    assert_eq!(table.open(4, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
    assert_eq!(other.open(4, &film).await.ok()["records"], json!([encoded(b"Jaws")]));
}
