//! Several materials in one key: imported, rotated to, listed, deleted and imported again.

use super::super::wire::control;
use super::*;

async fn rotate(kms: &TestKms, key: &str) -> Answer {
    call(kms, "RotateKeyOnDemand", json!({ "KeyId": key })).await
}

async fn listed(kms: &TestKms, key: &str) -> Vec<Value> {
    let input = json!({"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    call(kms, "ListKeyRotations", input).await.ok()["Rotations"].as_array().unwrap().clone()
}

fn new(description: &str) -> Value {
    json!({"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": description})
}

#[tokio::test]
async fn a_key_rotates_to_what_was_imported() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let first = id_of(&import(&kms, &key, &[1; 32], json!({"KeyMaterialDescription": "first"})).await);
    let old = encrypt(&kms, &key).await.ok()["CiphertextBlob"].clone();
    let none = format!("No available key material pending rotation for the key: {key}.");
    rotate(&kms, &key).await.refuses("KMSInvalidStateException", none.as_str());

    let second = id_of(&import(&kms, &key, &[2; 32], new("second")).await);
    let third = {
        let input = json!({ "KeyId": key });
        assert_eq!(described(&kms, &key).await["CurrentKeyMaterialId"], first, "{input}");
        import(&kms, &key, &[3; 32], new("third")).await
    };
    assert_eq!(third.code(), "KMSInvalidStateException");
    let text = third.message();
    assert!(text.starts_with("New key material (id: "), "{text}");
    let rest = format!(
        ") cannot be imported into KMS key {key}, because another key material (id: {second}) is pending rotation."
    );
    assert!(text.ends_with(&rest), "{text}");
    let entry = |id: &str, state: &str, description: &str| {
        json!({
            "KeyId": key.rsplit('/').next().unwrap(),
            "KeyMaterialId": id,
            "KeyMaterialState": state,
            "ImportState": "IMPORTED",
            "ExpirationModel": STAYS,
            "KeyMaterialDescription": description,
        })
    };
    let expected = [entry(&first, "CURRENT", "first"), entry(&second, "PENDING_ROTATION", "second")];
    assert_eq!(listed(&kms, &key).await, expected);
    let rotations = call(&kms, "ListKeyRotations", json!({ "KeyId": key })).await.ok();
    assert_eq!(rotations, json!({"Rotations": [], "Truncated": false}));

    kms.advance_days(1).await;
    assert_eq!(rotate(&kms, &key).await.ok(), json!({ "KeyId": key }));
    assert_eq!(described(&kms, &key).await["CurrentKeyMaterialId"], second);
    let rotated = &listed(&kms, &key).await[1];
    assert_eq!(
        (&rotated["KeyMaterialState"], &rotated["RotationType"]),
        (&json!("CURRENT"), &json!("ON_DEMAND"))
    );
    let now = kms.service().parts().engine.snapshot().now().epoch_seconds();
    assert_eq!(rotated["RotationDate"], json!(now));
    assert_eq!(listed(&kms, &key).await[0]["KeyMaterialState"], "NON_CURRENT");
    let young = encrypt(&kms, &key).await.ok()["CiphertextBlob"].clone();
    for (sealed, id) in [(&old, &first), (&young, &second)] {
        let opened = decrypt(&kms, sealed).await.ok();
        assert_eq!((&opened["Plaintext"], &opened["KeyMaterialId"]), (&json!("c2VjcmV0"), &json!(id)));
    }
    let event = &super::super::events::service_events(&kms).await[0]["serviceEventDetails"];
    assert_eq!((&event["rotationType"], &event["keyOrigin"]), (&json!("ON_DEMAND"), &json!("EXTERNAL")));
    assert_eq!(
        (&event["previousKeyMaterialId"], &event["currentKeyMaterialId"]),
        (&json!(first), &json!(second))
    );

    // The key depends on both, whichever is gone.
    for (id, material, sealed) in [(&first, [1; 32], &old), (&second, [2; 32], &young)] {
        let input = json!({"KeyId": key, "KeyMaterialId": id});
        call(&kms, "DeleteImportedKeyMaterial", input).await.ok();
        assert_eq!(state(&kms, &key).await, "PendingImport");
        assert_eq!(decrypt(&kms, sealed).await.message(), format!("{key} is pending import."));
        rotate(&kms, &key)
            .await
            .refuses("KMSInvalidStateException", format!("{key} is pending import.").as_str());
        // Only what is missing completes the key, by default and by its id.
        import(&kms, &key, &[9; 32], json!({})).await.refuses("IncorrectKeyMaterialException", None);
        let named = json!({"KeyMaterialId": id});
        assert_eq!(id_of(&import(&kms, &key, &material, named).await), *id);
        assert_eq!(state(&kms, &key).await, "Enabled");
        assert_eq!(decrypt(&kms, sealed).await.ok()["Plaintext"], "c2VjcmV0");
    }
    assert_eq!(listed(&kms, &key).await[0]["KeyMaterialDescription"], "first", "it is kept");
}

#[tokio::test]
async fn what_waits_for_a_rotation_may_be_given_up() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let first = id_of(&import(&kms, &key, &[1; 32], json!({})).await);
    let second = id_of(&import(&kms, &key, &[2; 32], new("second")).await);
    // Imported again, it goes on waiting.
    assert_eq!(id_of(&import(&kms, &key, &[2; 32], json!({})).await), second);
    let input = json!({"KeyId": key, "KeyMaterialId": second});
    call(&kms, "DeleteImportedKeyMaterial", input.clone()).await.ok();
    assert_eq!(state(&kms, &key).await, "Enabled");
    assert_eq!(listed(&kms, &key).await.len(), 1);
    let text = format!("Key material {second} of key {key} does not exist");
    call(&kms, "DeleteImportedKeyMaterial", input).await.refuses("NotFoundException", text.as_str());
    import(&kms, &key, &[2; 32], json!({})).await.refuses("IncorrectKeyMaterialException", None);
    let third = id_of(&import(&kms, &key, &[3; 32], new("third")).await);
    rotate(&kms, &key).await.ok();
    let ids: Vec<_> = listed(&kms, &key).await.iter().map(|entry| entry["KeyMaterialId"].clone()).collect();
    assert_eq!(ids, [json!(first), json!(third)]);
}

#[tokio::test]
async fn new_and_existing_are_what_they_say() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let existing = json!({"ImportType": "EXISTING_KEY_MATERIAL"});
    let refused = import(&kms, &key, &[1; 32], existing.clone()).await;
    refused.refuses("IncorrectKeyMaterialException", None);
    let first = id_of(&import(&kms, &key, &[1; 32], new("a")).await);
    import(&kms, &key, &[1; 32], new("a")).await.refuses("IncorrectKeyMaterialException", None);
    import(&kms, &key, &[2; 32], existing.clone()).await.refuses("IncorrectKeyMaterialException", None);
    assert_eq!(id_of(&import(&kms, &key, &[1; 32], existing).await), first);
    let other = json!({"KeyMaterialId": "0".repeat(64)});
    import(&kms, &key, &[1; 32], other).await.refuses("IncorrectKeyMaterialException", None);
}

#[tokio::test]
async fn imported_keys_rotate_as_often_as_others() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let made = parameters(&kms, &key, OAEP).await;
    for number in 0..=26 {
        let members = if number == 0 { json!({}) } else { new("next") };
        let input = request(&key, &made, OAEP, &[number; 32], &members);
        call(&kms, "ImportKeyMaterial", input).await.ok();
        match number {
            0 => {}
            26 => assert_eq!(rotate(&kms, &key).await.code(), "LimitExceededException"),
            _ => drop(rotate(&kms, &key).await.ok()),
        }
    }
    assert_eq!(listed(&kms, &key).await.len(), 27);
    let text = format!("{key} origin is EXTERNAL which is not valid for this operation.");
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"] {
        let answer = call(&kms, operation, json!({ "KeyId": key })).await;
        answer.refuses("UnsupportedOperationException", text.as_str());
    }
}

/// A state takes all of it along: what is missing, what waits, and with a passphrase the bytes.
#[tokio::test]
async fn an_export_has_every_material() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    import(&kms, &key, &[1; 32], json!({"KeyMaterialDescription": "first"})).await.ok();
    import(&kms, &key, &[2; 32], new("second")).await.ok();
    let waiting = external(&kms, "RSA_2048", "SIGN_VERIFY").await;
    let before = (described(&kms, &key).await, listed(&kms, &key).await, described(&kms, &waiting).await);
    super::super::subject::reimport(&kms, |_| ()).await;
    let after = (described(&kms, &key).await, listed(&kms, &key).await, described(&kms, &waiting).await);
    assert_eq!(after, before);
    // The bytes were left out; the customer has them.
    assert_eq!(encrypt(&kms, &key).await.code(), "KeyUnavailableException");
    import(&kms, &key, &[1; 32], json!({})).await.ok();
    encrypt(&kms, &key).await.ok();
    // A state that names material which is not there is none.
    let mut state = control(&kms, http::Method::GET, "/_kms/state", "").await.ok();
    let materials = state["materials"].as_array_mut().unwrap();
    materials.retain(|material| material["number"] == 0);
    let refused = control(&kms, http::Method::PUT, "/_kms/state", state.to_string()).await;
    assert_eq!(refused.status, 400, "{:?}", refused.body);
}
