//! Multi-Region keys with imported material: what travels to a replica, and what each Region imports for itself.
//!
//! AWS: KMS developer guide, "Import key material into multi-Region keys", "Perform on-demand key rotation".

use fixtures::{REGION, TestKms};
use kms_tests::importing::wrap;
use serde_json::{Value, json};

use super::super::wire::{decoded, encoded, events};
use super::*;

const OAEP: &str = "RSAES_OAEP_SHA_256";
const STAYS: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";
const FIRST: [u8; 32] = [0xA7; 32];
const SECOND: [u8; 32] = [0xB8; 32];

/// The request that imports material into the key of a Region.
pub(super) async fn import_request(kms: &TestKms, region: &str, id: &str, material: &[u8]) -> Value {
    let input = json!({"KeyId": id, "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"});
    let parameters = call_in(kms, region, "GetParametersForImport", input).await.ok();
    json!({
        "KeyId": id,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": encoded(&wrap(OAEP, &decoded(&parameters["PublicKey"]), material)),
        "ExpirationModel": STAYS,
    })
}

/// Imports material into the key of a Region.
async fn import(kms: &TestKms, region: &str, id: &str, material: &[u8], members: Value) -> Answer {
    let mut input = import_request(kms, region, id, material).await;
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    call_in(kms, region, "ImportKeyMaterial", input).await
}

fn new(description: &str) -> Value {
    json!({"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": description})
}

/// The id of a new primary with imported material, its first, and with replicas that have none yet.
async fn external(kms: &TestKms, regions: &[&str]) -> String {
    let id = primary(kms, json!({"Origin": "EXTERNAL"})).await;
    import(kms, REGION, &id, &FIRST, json!({"KeyMaterialDescription": "first"})).await.ok();
    for region in regions {
        replicate(kms, &id, region).await.ok();
    }
    kms.clock().advance("5s").await.unwrap();
    id
}

async fn state(kms: &TestKms, region: &str, id: &str) -> String {
    describe(kms, region, id).await["KeyState"].as_str().unwrap().to_owned()
}

/// What a key lists of its materials: where each stands, whether it is there, and what it is called.
async fn listed(kms: &TestKms, region: &str, id: &str) -> Vec<[String; 3]> {
    let input = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let answer = call_in(kms, region, "ListKeyRotations", input).await.ok();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let members = ["KeyMaterialState", "ImportState", "KeyMaterialDescription"];
    let entries = answer["Rotations"].as_array().unwrap().iter();
    entries.map(|entry| members.map(|name| text(entry, name))).collect()
}

fn entries<const N: usize>(expected: [[&str; 3]; N]) -> Vec<[String; 3]> {
    expected.map(|entry| entry.map(str::to_owned)).into()
}

const PENDING: &str = "PENDING_ROTATION";
const PENDING_EVERYWHERE: &str = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION";

#[tokio::test]
async fn a_replica_waits_for_the_bytes_of_its_primary() {
    let kms = TestKms::new();
    let waiting = primary(&kms, json!({"Origin": "EXTERNAL"})).await;
    let text = format!("{} is pending import.", arn(REGION, &waiting));
    replicate(&kms, &waiting, IRELAND).await.refuses("KMSInvalidStateException", text.as_str());

    let id = external(&kms, &[]).await;
    let made = replicate(&kms, &id, IRELAND).await.ok();
    let metadata = &made["ReplicaKeyMetadata"];
    assert_eq!((&metadata["KeyState"], &metadata["Origin"]), (&json!("Creating"), &json!("EXTERNAL")));
    kms.clock().advance("5s").await.unwrap();
    let ready = describe(&kms, IRELAND, &id).await;
    assert_eq!((&ready["KeyState"], &ready["Enabled"]), (&json!("PendingImport"), &json!(false)));
    assert!(ready.get("ExpirationModel").is_none());
    // What it waits for has its name and its description by now.
    let current = describe(&kms, REGION, &id).await["CurrentKeyMaterialId"].clone();
    assert_eq!(ready["CurrentKeyMaterialId"], current);
    assert_eq!(listed(&kms, IRELAND, &id).await, entries([["CURRENT", "PENDING_IMPORT", "first"]]));

    let sealed = call_in(&kms, REGION, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await.ok();
    let open = json!({"CiphertextBlob": sealed["CiphertextBlob"]});
    let text = format!("{} is pending import.", arn(IRELAND, &id));
    call_in(&kms, IRELAND, "Decrypt", open.clone()).await.refuses("KMSInvalidStateException", text.as_str());
    let change = json!({"KeyId": id, "PrimaryRegion": IRELAND});
    call_in(&kms, REGION, "UpdatePrimaryRegion", change)
        .await
        .refuses("KMSInvalidStateException", text.as_str());

    // Only the same bytes fit, and only as what is known.
    let refused = import(&kms, IRELAND, &id, &SECOND, json!({})).await;
    refused.refuses("IncorrectKeyMaterialException", None);
    let text = format!("{} is not a multi-Region primary key.", arn(IRELAND, &id));
    for material in [FIRST, SECOND] {
        let refused = import(&kms, IRELAND, &id, &material, new("second")).await;
        refused.refuses("UnsupportedOperationException", text.as_str());
    }
    let imported = import(&kms, IRELAND, &id, &FIRST, json!({})).await.ok();
    assert_eq!(imported, json!({"KeyId": arn(IRELAND, &id), "KeyMaterialId": current}));
    assert_eq!(state(&kms, IRELAND, &id).await, "Enabled");
    assert_eq!(call_in(&kms, IRELAND, "Decrypt", open).await.ok()["Plaintext"], "AAAA");

    // What a Region loses, it loses alone.
    call_in(&kms, REGION, "DeleteImportedKeyMaterial", json!({"KeyId": id})).await.ok();
    assert_eq!(state(&kms, REGION, &id).await, "PendingImport");
    assert_eq!(state(&kms, IRELAND, &id).await, "Enabled");
}

/// Key pairs and HMAC keys replicate alike.
#[tokio::test]
async fn every_kind_of_imported_key_has_replicas() {
    let kms = TestKms::new();
    let sealing = call_in(&kms, REGION, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    for (spec, usage, operation) in [
        ("HMAC_384", "GENERATE_VERIFY_MAC", "GenerateMac"),
        ("ECC_NIST_P384", "SIGN_VERIFY", "GetPublicKey"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", "GetPublicKey"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "GetPublicKey"),
    ] {
        let material = match spec {
            "HMAC_384" => vec![5; 48],
            _ => {
                let input = json!({"KeyId": sealing, "KeyPairSpec": spec});
                let pair = call_in(&kms, REGION, "GenerateDataKeyPair", input).await.ok();
                decoded(&pair["PrivateKeyPlaintext"])
            }
        };
        let members = json!({"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage});
        let id = primary(&kms, members).await;
        import(&kms, REGION, &id, &material, json!({})).await.ok();
        replicate(&kms, &id, IRELAND).await.ok();
        kms.clock().advance("5s").await.unwrap();
        let mut input = super::super::subject::request(operation, &id, "");
        let text = format!("{} is pending import.", arn(IRELAND, &id));
        let early = call_in(&kms, IRELAND, operation, input.clone()).await;
        early.refuses("KMSInvalidStateException", text.as_str());
        import(&kms, IRELAND, &id, &material, json!({})).await.ok();
        if operation == "GenerateMac" {
            input["MacAlgorithm"] = "HMAC_SHA_384".into();
        }
        let answers = [REGION, IRELAND].map(|region| call_in(&kms, region, operation, input.clone()));
        let [here, there] = answers;
        let (mut here, there) = (here.await.ok(), there.await.ok());
        here["KeyId"] = arn(IRELAND, &id).into();
        assert_eq!(here, there, "{spec}");
    }
}

#[tokio::test]
async fn a_rotation_waits_until_every_region_has_the_material() {
    let kms = TestKms::new();
    let id = external(&kms, &[IRELAND, TOKYO]).await;
    for region in [IRELAND, TOKYO] {
        import(&kms, region, &id, &FIRST, json!({})).await.ok();
    }
    let seal = json!({"KeyId": id, "Plaintext": "AAAA"});
    let old = call_in(&kms, IRELAND, "Encrypt", seal.clone()).await.ok();
    import(&kms, REGION, &id, &SECOND, new("second")).await.ok();
    let first = ["CURRENT", "IMPORTED", "first"];
    let pending = |state, presence| entries([first, [state, presence, "second"]]);
    let none = format!("No available key material pending rotation for the key: {}.", arn(REGION, &id));
    for missing in [&[IRELAND, TOKYO][..], &[TOKYO], &[]] {
        let state = if missing.is_empty() { PENDING } else { PENDING_EVERYWHERE };
        for region in [REGION, IRELAND, TOKYO] {
            let presence = if missing.contains(&region) { "PENDING_IMPORT" } else { "IMPORTED" };
            assert_eq!(listed(&kms, region, &id).await, pending(state, presence), "{region}");
            assert_eq!(self::state(&kms, region, &id).await, "Enabled", "{region}");
        }
        if let Some(region) = missing.first() {
            let refused = call_in(&kms, REGION, "RotateKeyOnDemand", json!({"KeyId": id})).await;
            refused.refuses("KMSInvalidStateException", none.as_str());
            import(&kms, region, &id, &SECOND, json!({})).await.ok();
        }
    }
    call_in(&kms, REGION, "RotateKeyOnDemand", json!({"KeyId": id})).await.ok();
    let current = describe(&kms, REGION, &id).await["CurrentKeyMaterialId"].clone();
    let rotated = entries([["NON_CURRENT", "IMPORTED", "first"], ["CURRENT", "IMPORTED", "second"]]);
    for region in [REGION, IRELAND, TOKYO] {
        assert_eq!(listed(&kms, region, &id).await, rotated);
        let young = call_in(&kms, region, "Encrypt", seal.clone()).await.ok();
        for other in [REGION, IRELAND, TOKYO] {
            for sealed in [&old, &young] {
                let open = json!({"CiphertextBlob": sealed["CiphertextBlob"]});
                assert_eq!(call_in(&kms, other, "Decrypt", open).await.ok()["Plaintext"], "AAAA");
            }
        }
    }
    let told = events(&kms, "event=RotateKey").await;
    let regions: Vec<_> = told.iter().map(|record| record["awsRegion"].as_str().unwrap()).collect();
    assert_eq!(regions, [REGION, IRELAND, TOKYO]);
    for record in &told {
        let details = &record["serviceEventDetails"];
        assert_eq!((&details["currentKeyMaterialId"], &details["keyOrigin"]), (&current, &json!("EXTERNAL")));
    }
    // A replica that is made now needs both.
    replicate(&kms, &id, "eu-north-1").await.ok();
    kms.clock().advance("5s").await.unwrap();
    for material in [SECOND, FIRST] {
        assert_eq!(state(&kms, "eu-north-1", &id).await, "PendingImport");
        import(&kms, "eu-north-1", &id, &material, json!({})).await.ok();
    }
    assert_eq!(state(&kms, "eu-north-1", &id).await, "Enabled");
}

#[tokio::test]
async fn what_the_primary_gives_up_is_given_up_everywhere() {
    let kms = TestKms::new();
    let id = external(&kms, &[IRELAND]).await;
    import(&kms, IRELAND, &id, &FIRST, json!({})).await.ok();
    let second = import(&kms, REGION, &id, &SECOND, new("second")).await.ok()["KeyMaterialId"].clone();
    import(&kms, IRELAND, &id, &SECOND, json!({})).await.ok();
    let first = ["CURRENT", "IMPORTED", "first"];
    let named = json!({"KeyId": id, "KeyMaterialId": second});
    // A replica loses its own bytes alone, and may have them again.
    call_in(&kms, IRELAND, "DeleteImportedKeyMaterial", named.clone()).await.ok();
    for (region, presence) in [(REGION, "IMPORTED"), (IRELAND, "PENDING_IMPORT")] {
        let expected = entries([first, [PENDING_EVERYWHERE, presence, "second"]]);
        assert_eq!(listed(&kms, region, &id).await, expected);
    }
    import(&kms, IRELAND, &id, &SECOND, json!({})).await.ok();
    assert_eq!(listed(&kms, REGION, &id).await[1][0], PENDING);
    call_in(&kms, REGION, "DeleteImportedKeyMaterial", named).await.ok();
    for region in [REGION, IRELAND] {
        assert_eq!(listed(&kms, region, &id).await, entries([first]));
        assert_eq!(state(&kms, region, &id).await, "Enabled");
    }
    // The bytes are gone there, too.
    let refused = import(&kms, IRELAND, &id, &SECOND, json!({})).await;
    refused.refuses("IncorrectKeyMaterialException", None);
    let third = import(&kms, REGION, &id, &[1; 32], new("third")).await.ok();
    assert_ne!(third["KeyMaterialId"], second);
    assert_eq!(listed(&kms, IRELAND, &id).await[1], [PENDING_EVERYWHERE, "PENDING_IMPORT", "third"]);
}

/// Each Region has its own date; that of material which waits in the primary ends the wait of all.
#[tokio::test]
async fn expirations_are_each_regions_own() {
    let kms = TestKms::new();
    let id = external(&kms, &[IRELAND]).await;
    let now = kms.service().parts().engine.snapshot().now().epoch_seconds();
    let until =
        |days: f64| json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + days * 86_400.0});
    import(&kms, IRELAND, &id, &FIRST, until(10.0)).await.ok();
    assert_eq!(describe(&kms, IRELAND, &id).await["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    assert_eq!(describe(&kms, REGION, &id).await["ExpirationModel"], STAYS);
    let mut members = new("second");
    members.as_object_mut().unwrap().extend(until(20.0).as_object().unwrap().clone());
    import(&kms, REGION, &id, &SECOND, members).await.ok();
    import(&kms, IRELAND, &id, &SECOND, json!({})).await.ok();
    kms.advance_days(10).await;
    assert_eq!(state(&kms, IRELAND, &id).await, "PendingImport");
    assert_eq!(state(&kms, REGION, &id).await, "Enabled");
    let told = events(&kms, "event=DeleteExpiredKeyMaterial").await;
    let regions: Vec<_> = told.iter().map(|record| record["awsRegion"].as_str().unwrap()).collect();
    assert_eq!(regions, [IRELAND]);
    import(&kms, IRELAND, &id, &FIRST, json!({})).await.ok();
    kms.advance_days(10).await;
    for region in [REGION, IRELAND] {
        assert_eq!(listed(&kms, region, &id).await, entries([["CURRENT", "IMPORTED", "first"]]));
    }
}

/// A set moves to another server as a whole, and to another primary with what waits in it.
#[tokio::test]
async fn an_export_and_a_change_of_the_primary_take_all_along() {
    let kms = TestKms::new();
    let id = external(&kms, &[IRELAND, TOKYO]).await;
    import(&kms, IRELAND, &id, &FIRST, json!({})).await.ok();
    import(&kms, REGION, &id, &SECOND, new("second")).await.ok();
    call_in(&kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    kms.clock().advance("5s").await.unwrap();
    let mut before = Vec::new();
    for region in [REGION, IRELAND, TOKYO] {
        before.push((describe(&kms, region, &id).await, listed(&kms, region, &id).await));
    }
    super::super::subject::reimport(&kms, |_| ()).await;
    let regions = [REGION, IRELAND, TOKYO];
    for (region, before) in regions.iter().zip(before) {
        assert_eq!((describe(&kms, region, &id).await, listed(&kms, region, &id).await), before);
    }
    // The new primary has no bytes of what waits; it gives it up all the same.
    assert_eq!(listed(&kms, IRELAND, &id).await[1], [PENDING_EVERYWHERE, "PENDING_IMPORT", "second"]);
    let pending = call_in(
        &kms,
        IRELAND,
        "ListKeyRotations",
        json!({
            "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL",
        }),
    );
    let second = pending.await.ok()["Rotations"][1]["KeyMaterialId"].clone();
    let named = json!({"KeyId": id, "KeyMaterialId": second});
    call_in(&kms, IRELAND, "DeleteImportedKeyMaterial", named).await.ok();
    for region in regions {
        assert_eq!(listed(&kms, region, &id).await.len(), 1, "{region}");
    }
}
