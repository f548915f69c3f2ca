//! The table of key states for keys in custom key stores: what every operation answers on such a key.
//!
//! AWS: KMS developer guide, "Key states of AWS KMS keys".

use fixtures::TestKms;
use kms_server::operations::registry::OPERATIONS;
use serde_json::json;

use super::super::subject::{ALIAS, ROLE, key_members, request};
use super::super::wire::call;
use super::proxy::Proxy;
use super::{behind_proxy, beside, connect, disconnect, in_cluster, key_state};

/// What the table says of one operation in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// It succeeds.
    Yes,
    /// `DisabledException`: the key is disabled.
    Disabled,
    /// `KMSInvalidStateException`: the key is pending deletion.
    Pending,
    /// `KMSInvalidStateException`: the key is not pending deletion.
    NotPending,
    /// `KMSInvalidStateException`: the key is unavailable.
    Unavailable,
    /// `UnsupportedOperationException`: not for keys of this origin.
    Origin,
    /// `UnsupportedOperationException`: not for keys of this kind, in other words.
    Kind,
    /// `InvalidKeyUsageException`: the key encrypts.
    Usage,
}

use Cell::{Disabled, Kind, NotPending, Origin, Pending, Unavailable, Usage, Yes};

/// Enabled, disabled, pending deletion, unavailable.
const TABLE: &[(&str, [Cell; 4])] = &[
    ("CancelKeyDeletion", [NotPending, NotPending, Yes, NotPending]),
    ("CreateAlias", [Yes, Yes, Pending, Yes]),
    ("CreateGrant", [Yes, Disabled, Pending, Yes]),
    ("Decapsulate", [Usage; 4]),
    ("Decrypt", [Yes, Disabled, Pending, Unavailable]),
    ("DeleteImportedKeyMaterial", [Origin; 4]),
    ("DeriveSharedSecret", [Usage; 4]),
    ("DescribeKey", [Yes; 4]),
    ("DisableKey", [Yes, Yes, Pending, Yes]),
    ("DisableKeyRotation", [Origin, Disabled, Pending, Origin]),
    ("EnableKey", [Yes, Yes, Pending, Yes]),
    ("EnableKeyRotation", [Origin, Disabled, Pending, Origin]),
    ("Encapsulate", [Usage; 4]),
    ("Encrypt", [Yes, Disabled, Pending, Unavailable]),
    ("GenerateDataKey", [Yes, Disabled, Pending, Unavailable]),
    ("GenerateDataKeyPair", [Origin, Disabled, Pending, Unavailable]),
    ("GenerateDataKeyPairWithoutPlaintext", [Origin, Disabled, Pending, Unavailable]),
    ("GenerateDataKeyWithoutPlaintext", [Yes, Disabled, Pending, Unavailable]),
    ("GenerateMac", [Usage; 4]),
    ("GetKeyLastUsage", [Yes; 4]),
    ("GetKeyPolicy", [Yes; 4]),
    ("GetKeyRotationStatus", [Origin; 4]),
    ("GetParametersForImport", [Origin; 4]),
    ("GetPublicKey", [Kind, Kind, Pending, Unavailable]),
    ("ImportKeyMaterial", [Origin; 4]),
    ("ListAliases", [Yes; 4]),
    ("ListGrants", [Yes; 4]),
    ("ListKeyPolicies", [Yes; 4]),
    ("ListKeyRotations", [Origin; 4]),
    ("ListResourceTags", [Yes; 4]),
    ("PutKeyPolicy", [Yes; 4]),
    ("ReEncrypt", [Yes, Disabled, Pending, Unavailable]),
    ("ReplicateKey", [Kind, Disabled, Pending, Kind]),
    ("RetireGrant", [Yes; 4]),
    ("RevokeGrant", [Yes; 4]),
    ("RotateKeyOnDemand", [Origin, Disabled, Pending, Origin]),
    ("ScheduleKeyDeletion", [Yes, Yes, Pending, Yes]),
    ("Sign", [Usage; 4]),
    ("TagResource", [Yes, Yes, Pending, Yes]),
    ("UntagResource", [Yes, Yes, Pending, Yes]),
    ("UpdateAlias", [Yes, Yes, Pending, Yes]),
    ("UpdateKeyDescription", [Yes, Yes, Pending, Yes]),
    ("UpdatePrimaryRegion", [Kind, Disabled, Pending, Unavailable]),
    ("Verify", [Usage; 4]),
    ("VerifyMac", [Usage; 4]),
];

const STATES: [&str; 4] = ["Enabled", "Disabled", "PendingDeletion", "Unavailable"];

#[test]
fn the_table_has_a_row_for_every_operation_that_names_a_key() {
    let rows: Vec<_> = TABLE.iter().map(|(operation, _)| *operation).collect();
    let expected: Vec<_> =
        OPERATIONS.iter().map(|entry| entry.name()).filter(|name| !key_members(name).is_empty()).collect();
    assert_eq!(rows, expected);
}

/// Every operation in every state, on a key that `make` makes in a store: the store and the ARN of the key.
async fn check(origin: &str, kms: &TestKms, store: &str, key: &str) {
    let mut wrong_cells = Vec::new();
    for (operation, cells) in TABLE {
        for (state, cell) in STATES.into_iter().zip(cells) {
            // A new grant and a new ciphertext, while the key works.
            let sealed = call(kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
            let granted = json!({"KeyId": key, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE,
                "Operations": ["DescribeKey"]});
            let granted = call(kms, "CreateGrant", granted).await.ok();
            call(kms, "CreateAlias", json!({"AliasName": ALIAS, "TargetKeyId": key})).await.ok();
            match state {
                "Disabled" => drop(call(kms, "DisableKey", json!({"KeyId": key})).await.ok()),
                "PendingDeletion" => drop(call(kms, "ScheduleKeyDeletion", json!({"KeyId": key})).await.ok()),
                "Unavailable" => disconnect(kms, store).await,
                _ => {}
            }
            assert_eq!(key_state(kms, key).await, state);
            let mut input = request(operation, key, sealed["CiphertextBlob"].as_str().unwrap());
            if let Some(id) = input.get_mut("GrantId") {
                *id = granted["GrantId"].clone();
            }
            let answer = call(kms, operation, input).await;
            let wrong = |code: &'static str, what: &str| (code, format!("{key} {what}"));
            let unsupported = "UnsupportedOperationException";
            let expected = match cell {
                Yes => ("", String::new()),
                Disabled => wrong("DisabledException", "is disabled."),
                Pending => wrong("KMSInvalidStateException", "is pending deletion."),
                NotPending => wrong("KMSInvalidStateException", "is not pending deletion."),
                Unavailable if origin == "EXTERNAL_KEY_STORE" => {
                    let text = "This KMS key is in a custom key store that is not connected to its external key store \
                                proxy. Connect the external key store and try the request again.";
                    ("KMSInvalidStateException", text.to_owned())
                }
                Unavailable => wrong("KMSInvalidStateException", "is unavailable."),
                Origin => {
                    wrong(unsupported, &format!("origin is {origin} which is not valid for this operation."))
                }
                Kind => (unsupported, answer.message()),
                Usage => wrong(
                    "InvalidKeyUsageException",
                    &format!("key usage is ENCRYPT_DECRYPT which is not valid for {operation}."),
                ),
            };
            let found = (answer.code(), answer.message());
            if (found.0.as_str(), &found.1) != (expected.0, &expected.1) {
                wrong_cells.push(format!("{operation} {state}: {found:?} instead of {expected:?}"));
            }
            // As before.
            match state {
                "Unavailable" => connect(kms, store).await,
                "PendingDeletion" => drop(call(kms, "CancelKeyDeletion", json!({"KeyId": key})).await),
                _ => {}
            }
            call(kms, "CancelKeyDeletion", json!({"KeyId": key})).await;
            call(kms, "EnableKey", json!({"KeyId": key})).await.ok();
            for alias in [ALIAS, "alias/new"] {
                call(kms, "DeleteAlias", json!({"AliasName": alias})).await;
            }
        }
    }
    assert!(wrong_cells.is_empty(), "{}", wrong_cells.join("\n"));
}

#[tokio::test]
async fn every_operation_in_every_state_of_a_key_in_a_cluster() {
    let kms = TestKms::new();
    let (store, key) = in_cluster(&kms).await;
    check("AWS_CLOUDHSM", &kms, &store, &key).await;
}

#[tokio::test]
async fn every_operation_in_every_state_of_a_key_behind_a_proxy() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    check("EXTERNAL_KEY_STORE", &kms, &store, &key).await;
}
