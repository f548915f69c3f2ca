//! Material that expires: at its instant for whoever looks, and by an event of the clock.

use http::Method;
use kms_server::engine::Batching;
use lifecycle::clock::Timestamp;

use super::super::events::{advance, notifications, service_events};
use super::super::wire::control;
use super::*;

/// Imports material that expires so many seconds from now. Gives its id.
async fn import_for(kms: &TestKms, key: &str, material: &[u8], seconds: f64, members: Value) -> String {
    let now = kms.service().parts().engine.snapshot().now().epoch_seconds();
    let mut all = json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + seconds});
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    id_of(&import(kms, key, material, all).await)
}

#[tokio::test]
async fn material_expires_and_all_are_told() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let id = import_for(&kms, &key, &MATERIAL, 86_400.0, json!({})).await;
    let sealed = encrypt(&kms, &key).await.ok()["CiphertextBlob"].clone();
    let clock = control(&kms, Method::GET, "/_kms/clock", "").await.ok();
    let due = json!({"at": "2026-01-02T00:00:00.000Z", "event": "DeleteExpiredKeyMaterial", "resource": key});
    assert_eq!(clock["next_due"], due);
    let gauge = async || {
        let text = control(&kms, Method::GET, "/_kms/metrics", "").await.body;
        let text = String::from_utf8(text.to_vec()).unwrap();
        let start = format!("kms_seconds_until_key_material_expiration{{key_arn=\"{key}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
    };
    assert_eq!(gauge().await.as_deref(), Some("86400"));
    advance(&kms, "23h").await;
    assert_eq!(gauge().await.as_deref(), Some("3600"));
    assert_eq!(decrypt(&kms, &sealed).await.ok()["Plaintext"], "c2VjcmV0");

    let moved = advance(&kms, "1h").await;
    assert_eq!(moved["events"], json!({"DeleteExpiredKeyMaterial": 1}));
    assert_eq!(gauge().await, None);
    let shown = described(&kms, &key).await;
    assert_eq!((&shown["KeyState"], &shown["CurrentKeyMaterialId"]), (&json!("PendingImport"), &json!(id)));
    assert!(shown.get("ExpirationModel").is_none() && shown.get("ValidTo").is_none());
    let text = format!("{key} is pending import.");
    decrypt(&kms, &sealed).await.refuses("KMSInvalidStateException", text.as_str());
    let waited = "/_kms/clock?wait_for=DeleteExpiredKeyMaterial&since=2026-01-01T00:00:00Z&timeout=0s";
    assert_eq!(control(&kms, Method::GET, waited, "").await.ok()["reached"], true);

    let [record] = &service_events(&kms).await[..] else { panic!("one service event") };
    let key_id = key.rsplit('/').next().unwrap();
    assert_eq!(record["eventName"], "DeleteExpiredKeyMaterial");
    assert_eq!(record["eventTime"], "2026-01-02T00:00:00Z");
    assert_eq!(record["serviceEventDetails"], json!({"keyId": key_id, "keyMaterialId": id}));
    assert_eq!(record["resources"][0]["ARN"], key.as_str());
    let [sent] = &notifications(&kms, "").await[..] else { panic!("one notification") };
    assert_eq!(sent["detail-type"], "KMS Imported Key Material Expiration");
    assert_eq!((&sent["resources"], &sent["detail"]), (&json!([key]), &json!({"key-id": key_id})));

    // The same material again, and what it has encrypted opens again.
    import_for(&kms, &key, &MATERIAL, 60.0, json!({})).await;
    assert_eq!(decrypt(&kms, &sealed).await.ok()["Plaintext"], "c2VjcmV0");
    // A later import puts the expiration off, or away.
    import_for(&kms, &key, &MATERIAL, 600.0, json!({})).await;
    advance(&kms, "61s").await;
    import(&kms, &key, &MATERIAL, json!({})).await.ok();
    assert_eq!(advance(&kms, "400d").await["events"], json!({}));
    assert_eq!(state(&kms, &key).await, "Enabled");
}

/// The clock runs, and nobody has told the writer: whoever looks sees what is true at the instant.
#[tokio::test]
async fn material_is_gone_at_its_instant() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let end = import_for(&kms, &key, &MATERIAL, 5.0, json!({})).await;
    let snapshot = kms.service().parts().engine.snapshot();
    let at = Timestamp(snapshot.now().0 + 5_000);
    let stored = snapshot.state.at(at).key(&key.parse().unwrap()).unwrap();
    assert_eq!(
        stored.imported(end.parse().unwrap()).unwrap().presence.ends_at(),
        Some(at),
        "it is stored yet"
    );
    let states = [Timestamp(at.0 - 1), at].map(|at| snapshot.state.at(at).key_state(stored).as_str());
    assert_eq!(states, ["Enabled", "PendingImport"]);
}

#[tokio::test]
async fn a_disabled_key_and_one_that_waits_for_its_end_lose_material_too() {
    let kms = TestKms::new();
    let (disabled, ending) = (symmetric(&kms).await, symmetric(&kms).await);
    for (key, operation) in [(&disabled, "DisableKey"), (&ending, "ScheduleKeyDeletion")] {
        import_for(&kms, key, &MATERIAL, 60.0, json!({})).await;
        call(&kms, operation, json!({ "KeyId": key })).await.ok();
    }
    let moved = advance(&kms, "1d").await;
    assert_eq!(moved["events"], json!({"DeleteExpiredKeyMaterial": 2}));
    assert_eq!(state(&kms, &disabled).await, "PendingImport");
    assert_eq!(state(&kms, &ending).await, "PendingDeletion");
    call(&kms, "CancelKeyDeletion", json!({ "KeyId": ending })).await.ok();
    assert_eq!(state(&kms, &ending).await, "PendingImport");
}

#[tokio::test]
async fn many_expirations_are_told_in_order() {
    let kms =
        TestKms::with(|builder| builder.batching(Batching { batch_events_max: 2, ..Batching::default() }));
    let mut keys = Vec::new();
    for seconds in [50.0, 20.0, 30.0, 10.0, 40.0] {
        let key = symmetric(&kms).await;
        import_for(&kms, &key, &MATERIAL, seconds, json!({})).await;
        keys.push((seconds, key));
    }
    keys.sort_by(|a, b| a.0.total_cmp(&b.0));
    let moved = advance(&kms, "1d").await;
    assert_eq!(moved["events"], json!({"DeleteExpiredKeyMaterial": 5}));
    let told: Vec<_> =
        service_events(&kms).await.iter().map(|event| event["resources"][0]["ARN"].clone()).collect();
    assert_eq!(told, keys.iter().map(|(_, key)| json!(key)).collect::<Vec<_>>());
}

/// Of two materials the first that expires counts; material that the key does not depend on yet does not.
#[tokio::test]
async fn each_material_expires_by_itself() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let first = import_for(&kms, &key, &[1; 32], 100.0, json!({})).await;
    let new = json!({"ImportType": "NEW_KEY_MATERIAL"});
    import_for(&kms, &key, &[2; 32], 10.0, new.clone()).await;
    let now = kms.service().parts().engine.snapshot().now().epoch_seconds();
    assert_eq!(described(&kms, &key).await["ValidTo"], json!(now + 100.0));
    advance(&kms, "10s").await;
    assert_eq!(state(&kms, &key).await, "Enabled", "nothing depends on it");
    let all = json!({"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let listed = call(&kms, "ListKeyRotations", all.clone()).await.ok();
    assert_eq!(listed["Rotations"].as_array().unwrap().len(), 1, "nothing is left of it");
    let text = format!("No available key material pending rotation for the key: {key}.");
    let rotated = call(&kms, "RotateKeyOnDemand", json!({ "KeyId": key })).await;
    rotated.refuses("KMSInvalidStateException", text.as_str());

    let second = import_for(&kms, &key, &[2; 32], 300.0, new).await;
    call(&kms, "RotateKeyOnDemand", json!({ "KeyId": key })).await.ok();
    advance(&kms, "90s").await;
    assert_eq!(state(&kms, &key).await, "PendingImport");
    let listed = call(&kms, "ListKeyRotations", all).await.ok()["Rotations"].clone();
    assert_eq!(
        (&listed[0]["KeyMaterialId"], &listed[0]["ImportState"]),
        (&json!(first), &json!("PENDING_IMPORT"))
    );
    assert!(listed[0].get("ExpirationModel").is_none() && listed[0].get("ValidTo").is_none());
    assert_eq!(
        (&listed[1]["KeyMaterialId"], &listed[1]["ImportState"]),
        (&json!(second), &json!("IMPORTED"))
    );
    assert_eq!(listed[1]["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    import(&kms, &key, &[1; 32], json!({})).await.ok();
    assert_eq!(state(&kms, &key).await, "Enabled");
    assert_eq!(described(&kms, &key).await["CurrentKeyMaterialId"], second);
}
