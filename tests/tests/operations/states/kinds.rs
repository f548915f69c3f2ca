//! The same table for every kind of key: what a state refuses, it refuses whatever the key is for and wherever its material
//! comes from. Which kinds have which operations is a question that comes before the state.

use fixtures::TestKms;
use serde_json::{Value, json};

use super::super::subject::{ALIAS, BLOB, State, request};
use super::super::wire::{call, decoded, encoded};
use super::{Cell, TABLE};

/// A spec and a usage, and the cryptographic operations of that usage.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", SYMMETRIC),
    ("RSA_2048", "ENCRYPT_DECRYPT", &["Decrypt", "Encrypt", "GetPublicKey"]),
    ("RSA_2048", "SIGN_VERIFY", SIGNING),
    ("ECC_NIST_P384", "SIGN_VERIFY", SIGNING),
    ("ECC_SECG_P256K1", "SIGN_VERIFY", SIGNING),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", SIGNING),
    ("ML_DSA_44", "SIGN_VERIFY", SIGNING),
    ("ECC_NIST_P521", "KEY_AGREEMENT", &["DeriveSharedSecret", "GetPublicKey"]),
    ("HMAC_224", "GENERATE_VERIFY_MAC", &["GenerateMac", "VerifyMac"]),
    ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE", &["Decapsulate", "Encapsulate", "GetPublicKey"]),
];

const SIGNING: &[&str] = &["GetPublicKey", "Sign", "Verify"];
const SYMMETRIC: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncrypt",
];

/// Whether an operation uses the material of a key.
fn is_cryptographic(operation: &str) -> bool {
    KINDS.iter().any(|(.., operations)| operations.contains(&operation))
}

/// The ARN of a new key of a kind, with the alias. Imported material is what another key of the kind might have.
async fn made(kms: &TestKms, spec: &str, usage: &str, origin: &str) -> String {
    let mut input = json!({"KeySpec": spec, "KeyUsage": usage, "Origin": origin});
    if origin == "EXTERNAL" {
        let material = match spec {
            "SYMMETRIC_DEFAULT" => vec![7; 32],
            "HMAC_224" => vec![7; 28],
            _ => {
                let sealing = call(kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
                let pair = json!({"KeyId": sealing, "KeyPairSpec": spec});
                decoded(&call(kms, "GenerateDataKeyPair", pair).await.ok()["PrivateKeyPlaintext"])
            }
        };
        input["Tags"] = json!([{"TagKey": "_custom_key_material_", "TagValue": encoded(&material)}]);
    }
    let metadata = call(kms, "CreateKey", input).await.ok()["KeyMetadata"].clone();
    call(kms, "CreateAlias", json!({"AliasName": ALIAS, "TargetKeyId": metadata["KeyId"]})).await.ok();
    metadata["Arn"].as_str().unwrap().to_owned()
}

/// Something to open: of a symmetric key, where the ciphertext names it.
async fn sealed(kms: &TestKms, spec: &str, key: &str) -> Value {
    if spec != "SYMMETRIC_DEFAULT" {
        return json!(BLOB);
    }
    let input = json!({"KeyId": key, "Plaintext": BLOB});
    call(kms, "Encrypt", input).await.ok()["CiphertextBlob"].clone()
}

#[tokio::test]
async fn what_a_state_refuses_it_refuses_for_every_kind() {
    let mut refused = 0;
    for (spec, usage, operations) in KINDS {
        for origin in ["AWS_KMS", "EXTERNAL"] {
            // Material of RSA is too long for the tag that brings it in here.
            let is_importable = !["ML_", "RSA"].iter().any(|start| spec.starts_with(start))
                && *spec != "ECC_NIST_EDWARDS25519";
            if origin == "EXTERNAL" && !is_importable {
                continue;
            }
            for (column, state) in [(1, State::Disabled), (2, State::PendingDeletion)] {
                let kms = TestKms::new();
                let key = made(&kms, spec, usage, origin).await;
                let blob = sealed(&kms, spec, &key).await;
                state.enter(&kms, &key).await;
                for (operation, cells) in TABLE {
                    if is_cryptographic(operation) && !operations.contains(operation) {
                        continue;
                    }
                    let (code, text) = match cells[column] {
                        Cell::Disabled => ("DisabledException", format!("{key} is disabled.")),
                        Cell::Pending => ("KMSInvalidStateException", format!("{key} is pending deletion.")),
                        Cell::Yes | Cell::NotPending => continue,
                    };
                    // The algorithm is looked at after the state.
                    let mut input = request(operation, &key, blob.as_str().unwrap());
                    if *spec == "RSA_2048" && ["Decrypt", "Encrypt"].contains(operation) {
                        input["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_256".into();
                    }
                    let answer = call(&kms, operation, input).await;
                    let what = format!("{operation} {spec} {usage} {origin} {state:?}");
                    assert_eq!((answer.code().as_str(), answer.message()), (code, text), "{what}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 300, "{refused}");
}
