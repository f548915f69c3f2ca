//! The table of key states: what every operation answers on a key that is enabled, disabled or awaiting deletion.
//!
//! AWS: KMS developer guide, "Key states of AWS KMS keys".

mod kinds;

use fixtures::TestKms;
use http::StatusCode;
use kms_server::operations::registry::OPERATIONS;
use serde_json::json;

use super::subject::{State, Subject, key_members};
use super::wire::call;

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
}

use Cell::{Disabled, NotPending, Pending, Yes};

/// Enabled, disabled, pending deletion. Rows that answer by origin or spec after the state say `Yes`.
const TABLE: &[(&str, [Cell; 3])] = &[
    ("CancelKeyDeletion", [NotPending, NotPending, Yes]),
    ("CreateAlias", [Yes, Yes, Pending]),
    ("CreateGrant", [Yes, Disabled, Pending]),
    ("Decapsulate", [Yes, Disabled, Pending]),
    ("Decrypt", [Yes, Disabled, Pending]),
    ("DeleteAlias", [Yes, Yes, Yes]),
    ("DeleteImportedKeyMaterial", [Yes, Yes, Yes]),
    ("DeriveSharedSecret", [Yes, Disabled, Pending]),
    ("DescribeKey", [Yes, Yes, Yes]),
    ("DisableKey", [Yes, Yes, Pending]),
    ("DisableKeyRotation", [Yes, Disabled, Pending]),
    ("EnableKey", [Yes, Yes, Pending]),
    ("EnableKeyRotation", [Yes, Disabled, Pending]),
    ("Encapsulate", [Yes, Disabled, Pending]),
    ("Encrypt", [Yes, Disabled, Pending]),
    ("GenerateDataKey", [Yes, Disabled, Pending]),
    ("GenerateDataKeyPair", [Yes, Disabled, Pending]),
    ("GenerateDataKeyPairWithoutPlaintext", [Yes, Disabled, Pending]),
    ("GenerateDataKeyWithoutPlaintext", [Yes, Disabled, Pending]),
    ("GenerateMac", [Yes, Disabled, Pending]),
    ("GetKeyLastUsage", [Yes, Yes, Yes]),
    ("GetKeyPolicy", [Yes, Yes, Yes]),
    ("GetKeyRotationStatus", [Yes, Yes, Yes]),
    ("GetParametersForImport", [Yes, Yes, Pending]),
    // AWS (observed): against the published table, it works on a disabled key.
    ("GetPublicKey", [Yes, Yes, Pending]),
    ("ImportKeyMaterial", [Yes, Yes, Pending]),
    ("ListAliases", [Yes, Yes, Yes]),
    ("ListGrants", [Yes, Yes, Yes]),
    ("ListKeyPolicies", [Yes, Yes, Yes]),
    ("ListKeyRotations", [Yes, Yes, Yes]),
    ("ListResourceTags", [Yes, Yes, Yes]),
    ("PutKeyPolicy", [Yes, Yes, Yes]),
    ("ReEncrypt", [Yes, Disabled, Pending]),
    ("ReplicateKey", [Yes, Disabled, Pending]),
    ("RetireGrant", [Yes, Yes, Yes]),
    ("RevokeGrant", [Yes, Yes, Yes]),
    ("RotateKeyOnDemand", [Yes, Disabled, Pending]),
    ("ScheduleKeyDeletion", [Yes, Yes, Pending]),
    ("Sign", [Yes, Disabled, Pending]),
    ("TagResource", [Yes, Yes, Pending]),
    ("UntagResource", [Yes, Yes, Pending]),
    ("UpdateAlias", [Yes, Yes, Pending]),
    ("UpdateKeyDescription", [Yes, Yes, Pending]),
    ("UpdatePrimaryRegion", [Yes, Disabled, Pending]),
    ("Verify", [Yes, Disabled, Pending]),
    ("VerifyMac", [Yes, Disabled, Pending]),
];

#[test]
fn the_table_has_a_row_for_every_operation_that_names_a_key() {
    let rows: Vec<_> = TABLE.iter().map(|(operation, _)| *operation).collect();
    let named = |name: &str| !key_members(name).is_empty() || name == "DeleteAlias";
    let expected: Vec<_> = OPERATIONS.iter().map(|entry| entry.name()).filter(|name| named(name)).collect();
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn every_operation_in_every_state() {
    for (operation, cells) in TABLE {
        for (state, cell) in State::ALL.into_iter().zip(cells) {
            let kms = TestKms::new();
            let key = Subject::of(&kms, operation).await;
            state.enter(&kms, &key.id).await;
            let answer = call(&kms, operation, key.request(operation)).await;
            let arn = &key.arn;
            let (code, text) = match cell {
                Yes => {
                    assert_eq!(answer.status, StatusCode::OK, "{operation} {state:?}: {}", answer.message());
                    continue;
                }
                Disabled => ("DisabledException", format!("{arn} is disabled.")),
                // Its key has a replica, for which the deletion waits.
                Pending if *operation == "UpdatePrimaryRegion" => {
                    ("KMSInvalidStateException", format!("{arn} is pending replica deletion."))
                }
                Pending => ("KMSInvalidStateException", format!("{arn} is pending deletion.")),
                NotPending => ("KMSInvalidStateException", format!("{arn} is not pending deletion.")),
            };
            assert_eq!((answer.code().as_str(), answer.message()), (code, text), "{operation} {state:?}");
        }
    }
}

#[tokio::test]
async fn each_key_of_re_encrypt_must_be_enabled() {
    for state in [State::Disabled, State::PendingDeletion] {
        for which in 0..2 {
            let kms = TestKms::new();
            let keys = [Subject::new(&kms).await, Subject::new(&kms).await];
            state.enter(&kms, &keys[which].id).await;
            let input = json!({"CiphertextBlob": keys[0].ciphertext, "DestinationKeyId": keys[1].id});
            let answer = call(&kms, "ReEncrypt", input).await;
            let arn = &keys[which].arn;
            match state {
                State::Disabled => {
                    answer.refuses("DisabledException", format!("{arn} is disabled.").as_str())
                }
                _ => {
                    answer.refuses("KMSInvalidStateException", format!("{arn} is pending deletion.").as_str())
                }
            }
        }
    }
}
