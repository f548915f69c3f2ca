//! The columns of the table of key states that only multi-Region keys have.
//!
//! AWS: KMS developer guide, "Key states of AWS KMS keys".

use fixtures::{REGION, TestKms};
use http::StatusCode;
use kms_server::operations::registry::OPERATIONS;
use serde_json::{Value, json};

use super::super::subject::{BLOB, key_members, kind, request};
use super::super::wire::{decoded, encoded};
use super::*;

/// What the table says of one operation in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// It succeeds.
    Yes,
    /// `KMSInvalidStateException`, which names the state.
    State,
    /// The same for keys that take an import; others are told that they do not.
    Import,
    /// `KMSInvalidStateException`: the key is not pending deletion.
    NotPending,
}

use Cell::{Import, NotPending, State, Yes};

/// A replica that is Creating, a primary that is Updating, a primary that is PendingReplicaDeletion.
const TABLE: &[(&str, [Cell; 3])] = &[
    ("CancelKeyDeletion", [NotPending, NotPending, Yes]),
    ("CreateAlias", [Yes, Yes, State]),
    ("CreateGrant", [State, Yes, State]),
    ("Decapsulate", [State, Yes, State]),
    ("Decrypt", [State, Yes, State]),
    ("DeleteImportedKeyMaterial", [State, State, Yes]),
    ("DeriveSharedSecret", [State, Yes, State]),
    ("DescribeKey", [Yes, Yes, Yes]),
    ("DisableKey", [State, State, State]),
    ("DisableKeyRotation", [State, Yes, State]),
    ("EnableKey", [State, State, State]),
    ("EnableKeyRotation", [State, Yes, State]),
    ("Encapsulate", [State, Yes, State]),
    ("Encrypt", [State, Yes, State]),
    ("GenerateDataKey", [State, Yes, State]),
    ("GenerateDataKeyPair", [State, Yes, State]),
    ("GenerateDataKeyPairWithoutPlaintext", [State, Yes, State]),
    ("GenerateDataKeyWithoutPlaintext", [State, Yes, State]),
    ("GenerateMac", [State, Yes, State]),
    ("GetKeyLastUsage", [Yes, Yes, Yes]),
    ("GetKeyPolicy", [Yes, Yes, Yes]),
    ("GetKeyRotationStatus", [Yes, Yes, Yes]),
    ("GetParametersForImport", [State, State, Import]),
    ("GetPublicKey", [State, Yes, State]),
    ("ImportKeyMaterial", [State, Yes, Import]),
    ("ListAliases", [Yes, Yes, Yes]),
    ("ListGrants", [Yes, Yes, Yes]),
    ("ListKeyPolicies", [Yes, Yes, Yes]),
    ("ListKeyRotations", [Yes, Yes, Yes]),
    ("ListResourceTags", [Yes, Yes, Yes]),
    ("PutKeyPolicy", [Yes, Yes, Yes]),
    ("ReEncrypt", [State, Yes, State]),
    ("ReplicateKey", [State, State, State]),
    ("RotateKeyOnDemand", [State, State, State]),
    ("ScheduleKeyDeletion", [Yes, State, State]),
    ("Sign", [State, Yes, State]),
    ("TagResource", [Yes, Yes, State]),
    ("UntagResource", [Yes, Yes, State]),
    ("UpdateAlias", [Yes, Yes, State]),
    ("UpdateKeyDescription", [Yes, Yes, State]),
    ("UpdatePrimaryRegion", [State, Yes, State]),
    ("Verify", [State, Yes, State]),
    ("VerifyMac", [State, Yes, State]),
];

const STATES: [(&str, &str); 3] = [
    ("Creating", "creating"),
    ("Updating", "updating"),
    ("PendingReplicaDeletion", "pending replica deletion"),
];

#[test]
fn the_table_has_a_row_for_every_operation_that_names_a_key() {
    let rows: Vec<_> = TABLE.iter().map(|(operation, _)| *operation).collect();
    // These concern a grant, which a key keeps in every state.
    let named = |name: &str| !key_members(name).is_empty() && !["RetireGrant", "RevokeGrant"].contains(&name);
    let expected: Vec<_> = OPERATIONS.iter().map(|entry| entry.name()).filter(|name| named(name)).collect();
    assert_eq!(rows, expected);
}

/// A key of the kind that an operation needs in one of the states: where it is, its id, and something to open; with imported
/// material also the request that imports it again.
async fn enter(
    kms: &TestKms,
    operation: &str,
    origin: &str,
    state: usize,
) -> (&'static str, String, String, Value) {
    let (spec, usage) = kind(operation);
    let mut members = json!({"KeySpec": spec, "KeyUsage": usage, "Origin": origin});
    let material = if origin == "EXTERNAL" { material(kms, spec, usage).await } else { Vec::new() };
    if !material.is_empty() {
        members["Tags"] = json!([{"TagKey": "_custom_key_material_", "TagValue": encoded(&material)}]);
    }
    let id = primary(kms, members).await;
    let (maker, made) = match usage {
        "SIGN_VERIFY" => ("Sign", "Signature"),
        "GENERATE_VERIFY_MAC" => ("GenerateMac", "Mac"),
        "KEY_AGREEMENT" => ("GetPublicKey", "PublicKey"),
        "ENCAPSULATE_DECAPSULATE" => ("Encapsulate", "SharedSecretCiphertextBlob"),
        _ => ("Encrypt", "CiphertextBlob"),
    };
    let sealed = call_in(kms, REGION, maker, request(maker, &id, BLOB)).await.ok();
    let sealed = sealed[made].as_str().unwrap().to_owned();
    replicate(kms, &id, IRELAND).await.ok();
    let mut again = Value::Null;
    if state == 0 {
        return (IRELAND, id, sealed, again);
    }
    kms.clock().advance("5s").await.unwrap();
    if !material.is_empty() {
        again = super::imported::import_request(kms, IRELAND, &id, &material).await;
        call_in(kms, IRELAND, "ImportKeyMaterial", again.clone()).await.ok();
    }
    if state == 2 {
        call_in(kms, REGION, "ScheduleKeyDeletion", json!({"KeyId": id})).await.ok();
        return (REGION, id, sealed, again);
    }
    call_in(kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    (IRELAND, id, sealed, again)
}

/// Material that a key of a kind may import; none if it may not.
async fn material(kms: &TestKms, spec: &str, usage: &str) -> Vec<u8> {
    match usage {
        "ENCAPSULATE_DECAPSULATE" => Vec::new(),
        "ENCRYPT_DECRYPT" | "GENERATE_VERIFY_MAC" => vec![7; 32],
        _ => {
            let sealing = call_in(kms, REGION, "CreateKey", json!({})).await.ok();
            let pair = json!({"KeyId": sealing["KeyMetadata"]["KeyId"], "KeyPairSpec": spec});
            let pair = call_in(kms, REGION, "GenerateDataKeyPair", pair).await.ok();
            decoded(&pair["PrivateKeyPlaintext"])
        }
    }
}

#[tokio::test]
async fn every_operation_in_every_state() {
    every_cell("AWS_KMS").await;
}

#[tokio::test]
async fn every_operation_in_every_state_with_imported_material() {
    every_cell("EXTERNAL").await;
}

async fn every_cell(origin: &str) {
    // What needs the other origin, or one that has automatic rotation.
    let unsupported: &[&str] = match origin {
        "AWS_KMS" => &["DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial"],
        _ => &["DisableKeyRotation", "EnableKeyRotation", "GetKeyRotationStatus"],
    };
    for (operation, cells) in TABLE {
        if origin == "EXTERNAL" && kind(operation).1 == "ENCAPSULATE_DECAPSULATE" {
            continue;
        }
        for (state, cell) in cells.iter().enumerate() {
            let kms = TestKms::new();
            let (region, id, sealed, again) = enter(&kms, operation, origin, state).await;
            let key = arn(region, &id);
            let (name, words) = STATES[state];
            assert_eq!(describe(&kms, region, &id).await["KeyState"], name);
            let mut input = request(operation, &key, &sealed);
            match *operation {
                "UpdateAlias" => {
                    let other = call_in(&kms, region, "CreateKey", json!({})).await.ok();
                    let other = &other["KeyMetadata"]["KeyId"];
                    let alias = json!({"AliasName": super::super::subject::ALIAS, "TargetKeyId": other});
                    call_in(&kms, region, "CreateAlias", alias).await.ok();
                }
                "ImportKeyMaterial" if !again.is_null() => input = again,
                "ReplicateKey" => input["ReplicaRegion"] = TOKYO.into(),
                // Back to where it came from.
                "UpdatePrimaryRegion" => input["PrimaryRegion"] = REGION.into(),
                _ => {}
            }
            let answer = call_in(&kms, region, operation, input).await;
            let found = (answer.code(), answer.message());
            let state = |text: String| ("KMSInvalidStateException".to_owned(), text);
            let expected = match cell {
                Yes | Import if unsupported.contains(operation) => {
                    let message = format!("{key} origin is {origin} which is not valid for this operation.");
                    ("UnsupportedOperationException".to_owned(), message)
                }
                Yes => {
                    assert_eq!(answer.status, StatusCode::OK, "{operation} {name}: {}", answer.message());
                    continue;
                }
                State | Import => state(format!("{key} is {words}.")),
                NotPending => state(format!("{key} is not pending deletion.")),
            };
            assert_eq!(found, expected, "{operation} {name}");
        }
    }
}
