//! Which quotas there are, how large AWS makes them, and which a request uses.

use std::fmt;
use std::sync::Arc;

use lifecycle::ids::{Region, Scope, StoreId};
use lifecycle::key::{Key, KeySpec};
use serde_json::Value;

use crate::operations::registry::Entry;

/// A request quota of an account in a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Cryptography with symmetric and HMAC keys, and random bytes.
    Symmetric,
    /// Cryptography with RSA keys.
    Rsa,
    /// Cryptography with elliptic curve and SM2 keys.
    Ecc,
    /// Signatures with ML-DSA keys.
    MlDsa,
    /// Cryptography with the keys of one custom key store.
    CustomKeyStore(StoreId),
    /// Data key pairs of one spec.
    KeyPairs(&'static str),
    /// One operation.
    Operation(&'static str),
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quota::Symmetric => f.write_str("Cryptographic operations (symmetric)"),
            Quota::Rsa => f.write_str("Cryptographic operations (RSA)"),
            Quota::Ecc => f.write_str("Cryptographic operations (ECC)"),
            Quota::MlDsa => f.write_str("Cryptographic operations (ML-DSA)"),
            Quota::CustomKeyStore(id) => write!(f, "Cryptographic operations (custom key store {id})"),
            Quota::KeyPairs(spec) => write!(f, "GenerateDataKeyPair ({spec})"),
            Quota::Operation(name) => f.write_str(name),
        }
    }
}

/// What a request takes of a quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// Whose quota.
    pub scope: Scope,
    /// Which.
    pub quota: Quota,
    /// The requests that AWS grants in a second.
    pub per_second: f64,
    /// As how many requests it counts.
    pub requests: u32,
}

/// Requests in a second of operations that share a quota with no other.
const OPERATIONS: [(f64, &[&str]); 9] = [
    (2_000.0, &["DescribeKey", "GetPublicKey", "ListResourceTags"]),
    (1_000.0, &["GetKeyPolicy", "GetKeyRotationStatus"]),
    (500.0, &["ListAliases", "ListKeys"]),
    (100.0, &["ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListRetirableGrants"]),
    (50.0, &["CreateGrant", "RetireGrant", "RevokeGrant"]),
    (
        15.0,
        &[
            "DeleteAlias",
            "DeleteImportedKeyMaterial",
            "EnableKeyRotation",
            "ImportKeyMaterial",
            "PutKeyPolicy",
            "ScheduleKeyDeletion",
        ],
    ),
    (10.0, &["TagResource"]),
    (
        5.0,
        &[
            "CancelKeyDeletion",
            "ConnectCustomKeyStore",
            "CreateAlias",
            "CreateCustomKeyStore",
            "CreateKey",
            "DeleteCustomKeyStore",
            "DescribeCustomKeyStores",
            "DisableKey",
            "DisableKeyRotation",
            "DisconnectCustomKeyStore",
            "EnableKey",
            "GetKeyLastUsage",
            "ReplicateKey",
            "RotateKeyOnDemand",
            "UntagResource",
            "UpdateAlias",
            "UpdateCustomKeyStore",
            "UpdateKeyDescription",
            "UpdatePrimaryRegion",
        ],
    ),
    (1.0, &["GetParametersForImport"]),
];

/// Operations that share the quota of the kind of their key.
const CRYPTOGRAPHIC: [&str; 13] = [
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Data key pairs in a second, by spec: outside China, and there. The two operations share them.
const KEY_PAIRS: [(&str, f64, f64); 9] = [
    ("ECC_NIST_EDWARDS25519", 100.0, 100.0),
    ("ECC_NIST_P256", 100.0, 100.0),
    ("ECC_NIST_P384", 100.0, 100.0),
    ("ECC_NIST_P521", 100.0, 100.0),
    ("ECC_SECG_P256K1", 100.0, 100.0),
    ("RSA_2048", 20.0, 1.0),
    ("RSA_3072", 4.0, 0.5),
    ("RSA_4096", 1.0, 0.1),
    ("SM2", 25.0, 25.0),
];

/// The shared quota of symmetric cryptography in a Region, per second.
fn symmetric(region: Region) -> f64 {
    match region.as_str() {
        "us-east-1" | "us-west-2" | "eu-west-1" => 100_000.0,
        "us-east-2" | "ap-southeast-1" | "ap-southeast-2" | "ap-northeast-1" | "eu-central-1"
        | "eu-west-2" => 20_000.0,
        _ => 10_000.0,
    }
}

/// Cryptography with the keys of a custom key store, per second.
const CUSTOM_KEY_STORE: f64 = 1_800.0;

/// The quota of cryptography with a key. Each custom key store has one of its own, whoever calls.
fn of_key(key: &Key, scope: Scope) -> Option<Charge> {
    let Some(residence) = &key.custom_store else { return of_spec(key.spec, scope) };
    let quota = Quota::CustomKeyStore(residence.store);
    Some(Charge { scope: key.arn.scope, quota, per_second: CUSTOM_KEY_STORE, requests: 1 })
}

/// The quota of cryptography with keys that AWS KMS keeps itself; `None` where AWS publishes none.
fn of_spec(spec: KeySpec, scope: Scope) -> Option<Charge> {
    let (quota, per_second) = match spec {
        KeySpec::SymmetricDefault
        | KeySpec::Hmac224
        | KeySpec::Hmac256
        | KeySpec::Hmac384
        | KeySpec::Hmac512 => (Quota::Symmetric, symmetric(scope.region)),
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => (Quota::Rsa, 1_000.0),
        KeySpec::EccNistP256
        | KeySpec::EccNistP384
        | KeySpec::EccNistP521
        | KeySpec::EccSecgP256k1
        | KeySpec::EccNistEdwards25519
        | KeySpec::Sm2 => (Quota::Ecc, 1_000.0),
        KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => (Quota::MlDsa, 1_000.0),
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => return None,
    };
    Some(Charge { scope, quota, per_second, requests: 1 })
}

/// What a request takes of the quotas of its caller's account and Region. `keys` are those that it is about; a request
/// whose key is not there counts as one with a symmetric key.
#[must_use]
pub fn charges(operation: &Entry, input: &Value, keys: &[Arc<Key>], scope: Scope) -> Vec<Charge> {
    let name = operation.name();
    let one = |quota, per_second| Charge { scope, quota, per_second, requests: 1 };
    if CRYPTOGRAPHIC.contains(&name) {
        return match keys {
            [] => vec![one(Quota::Symmetric, symmetric(scope.region))],
            // ReEncrypt counts for the kind of each of its keys.
            keys => keys.iter().filter_map(|key| of_key(key, scope)).collect(),
        };
    }
    if name.starts_with("GenerateDataKeyPair") {
        let spec = input.get("KeyPairSpec").and_then(Value::as_str).unwrap_or_default();
        let row = KEY_PAIRS.iter().find(|(of, ..)| *of == spec);
        let rate = |elsewhere, china| if scope.region.partition() == "aws-cn" { china } else { elsewhere };
        let charge = row.map(|(spec, elsewhere, china)| one(Quota::KeyPairs(spec), rate(*elsewhere, *china)));
        return charge.into_iter().collect();
    }
    let Some((per_second, own)) =
        OPERATIONS.iter().find_map(|(rate, names)| Some((*rate, *names.iter().find(|of| **of == name)?)))
    else {
        return Vec::new();
    };
    let mut charges = vec![one(Quota::Operation(own), per_second)];
    // AWS: both count in the other Region, too; ReplicateKey as two requests of CreateKey.
    let (member, quota, requests) = match name {
        "ReplicateKey" => ("ReplicaRegion", Quota::Operation("CreateKey"), 2),
        "UpdatePrimaryRegion" => ("PrimaryRegion", Quota::Operation("UpdatePrimaryRegion"), 1),
        _ => return charges,
    };
    let region = input.get(member).and_then(Value::as_str).and_then(|region| region.parse().ok());
    charges.extend(region.map(|region| Charge {
        scope: Scope { region, ..scope },
        quota,
        per_second: 5.0,
        requests,
    }));
    charges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::registry::{self, OPERATIONS as ALL};
    use serde_json::json;

    fn scope(region: &str) -> Scope {
        Scope { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() }
    }

    fn of(name: &str, input: Value, region: &str) -> Vec<(String, f64, u32)> {
        let found = charges(registry::find(name).unwrap(), &input, &[], scope(region));
        found
            .into_iter()
            .map(|charge| (charge.quota.to_string(), charge.per_second, charge.requests))
            .collect()
    }

    #[test]
    fn every_operation_has_exactly_one_row() {
        for entry in ALL {
            let name = entry.name();
            let rows = OPERATIONS.iter().flat_map(|(_, names)| *names).filter(|of| **of == name).count()
                + CRYPTOGRAPHIC.iter().filter(|of| **of == name).count()
                + usize::from(name.starts_with("GenerateDataKeyPair"));
            assert_eq!(rows, 1, "{name}");
        }
    }

    #[test]
    fn the_shared_quota_depends_on_the_region() {
        let name = "Cryptographic operations (symmetric)".to_owned();
        for (region, rate) in [("us-east-1", 100_000.0), ("eu-central-1", 20_000.0), ("eu-north-1", 10_000.0)]
        {
            assert_eq!(of("Decrypt", json!({}), region), [(name.clone(), rate, 1)]);
        }
    }

    #[test]
    fn kinds_of_keys_have_quotas_of_their_own() {
        let all =
            KeySpec::ALL.iter().map(|spec| of_spec(*spec, scope("us-east-1")).map(|charge| charge.quota));
        let mut found: Vec<_> = all.collect();
        found.sort();
        found.dedup();
        assert_eq!(
            found,
            [None, Some(Quota::Symmetric), Some(Quota::Rsa), Some(Quota::Ecc), Some(Quota::MlDsa)]
        );
    }

    #[test]
    fn key_pairs_and_copies_in_other_regions_count_where_they_are_made() {
        let spec = json!({"KeyPairSpec": "RSA_3072"});
        let pair = "GenerateDataKeyPair (RSA_3072)".to_owned();
        assert_eq!(of("GenerateDataKeyPair", spec.clone(), "us-east-1"), [(pair.clone(), 4.0, 1)]);
        assert_eq!(of("GenerateDataKeyPairWithoutPlaintext", spec, "cn-north-1"), [(pair, 0.5, 1)]);
        let replicate = of("ReplicateKey", json!({"ReplicaRegion": "eu-west-1"}), "us-east-1");
        assert_eq!(replicate, [("ReplicateKey".to_owned(), 5.0, 1), ("CreateKey".to_owned(), 5.0, 2)]);
    }
}
