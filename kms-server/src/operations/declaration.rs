//! What an operation declares as data, for the pipeline to enforce.

use lifecycle::key::{KeyState, KeyUsage};

use serde_json::Value;

use crate::api::shape;

/// One of the 56 operations.
pub struct Declaration {
    /// Name, shapes and errors.
    pub model: &'static shape::Operation,
    /// The keys and aliases that the request names, in the order in which they are looked up.
    pub targets: &'static [Target],
    /// The usage that every named key must have.
    pub usage: Option<KeyUsage>,
    /// Whether a caller may use it on a key of another account.
    pub reach: Reach,
    /// Where the permission to call it comes from.
    pub permission: Permission,
    /// Whether the audit log calls it read-only.
    pub effect: Effect,
    /// Whether GetKeyLastUsage knows about it.
    pub tracking: Tracking,
}

/// Whether a request computes for so long that no thread which serves others may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Microseconds.
    Quick,
    /// Up to seconds.
    Slow,
}

/// The members that choose the cryptography of a request.
const CHOICES: [&str; 9] = [
    "CustomerMasterKeySpec",
    "DestinationEncryptionAlgorithm",
    "EncryptionAlgorithm",
    "KeyPairSpec",
    "KeySpec",
    "SigningAlgorithm",
    "SourceEncryptionAlgorithm",
    "WrappingAlgorithm",
    "WrappingKeySpec",
];

/// The members that bring a private key of RSA or SM2 along, and a chain of certificates.
const SLOW: [&str; 2] = ["ImportToken", "Recipient"];

impl Work {
    /// The work of a request: whatever it chooses from RSA, ML-DSA and SM2 is slow, and so is what an import token or an
    /// attestation document asks for.
    #[must_use]
    pub fn of(input: &Value) -> Work {
        let slow = |choice: &str| ["RSA", "ML_DSA", "SM2"].iter().any(|family| choice.starts_with(family));
        let slow_choice =
            |name: &str, value: &Value| CHOICES.contains(&name) && value.as_str().is_some_and(slow);
        // A request has fewer members than there are choices.
        let mut members = input.as_object().into_iter().flatten();
        let is_slow = members.any(|(name, value)| SLOW.contains(&name.as_str()) || slow_choice(name, value));
        if is_slow { Work::Slow } else { Work::Quick }
    }
}

/// A member of the request that names a resource.
pub enum Target {
    /// A key, named in the given member.
    Key {
        /// The member of the request.
        member: &'static str,
        /// The forms of identifier it takes.
        forms: Forms,
        /// The permission that the use of this key needs, without `kms:`.
        action: &'static str,
        /// The key states in which it may be used.
        states: States,
    },
    /// A key that the symmetric ciphertext names, checked against an optional key identifier.
    Ciphertext {
        /// The member that holds the identifier.
        key: &'static str,
        /// The member that holds the algorithm.
        algorithm: &'static str,
        /// The permission, without `kms:`.
        action: &'static str,
    },
    /// The replica, in a Region, of the key that was named before.
    Replica {
        /// The member that names the Region.
        member: &'static str,
        /// The permission that the use of this key needs, without `kms:`.
        action: &'static str,
        /// The key states in which it may be used.
        states: States,
    },
    /// An alias of the caller's account that must exist.
    Alias {
        /// The member of the request.
        member: &'static str,
    },
}

/// The forms of key identifier that a member takes.
///
/// AWS: KMS API reference, the `KeyId` parameter of each operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Forms {
    /// Key id, key ARN, alias name, alias ARN.
    Any,
    /// Key id or key ARN.
    KeyOnly,
    /// Key id or key ARN; the member may be left out.
    KeyOnlyOptional,
}

/// Where the permission to call an operation comes from.
///
/// AWS: KMS developer guide, "Permissions reference", columns "Policy type" and "Resources".
#[derive(Clone, Copy)]
pub enum Permission {
    /// On each key of the request: from its key policy, grants and the caller's identity policies.
    Keys,
    /// From identity policies alone, for no resource.
    Identity,
    /// On an alias from identity policies, on the key behind it, and on each key of the request.
    AliasAndKeys {
        /// The member that names the alias.
        member: &'static str,
    },
    /// From identity policies alone, and kms:TagResource for tags.
    NewKey,
    /// On the key as usual, and whatever the creation of the replica needs.
    Replica,
    /// From identity policies, on the retiring principal that the request names.
    RetiringPrincipal {
        /// The members of the request that may name it.
        members: &'static [&'static str],
    },
    /// From the grant that is retired.
    Grant,
}

/// Whether an operation works on keys of other accounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The caller's own account only.
    OwnAccount,
    /// Any account whose key policy allows it.
    AnyAccount,
}

/// What the audit log says about an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `readOnly: true`; cryptographic operations are.
    Reads,
    /// `readOnly: false`.
    Writes,
}

/// Whether GetKeyLastUsage reports an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// A successful call is the key's last use.
    Tracked,
    /// It is no use of the key.
    Untracked,
}

/// The key states in which a key may be used, and what is said otherwise.
///
/// AWS: KMS developer guide, "Key states of AWS KMS keys".
#[derive(Clone, Copy)]
pub enum States {
    /// In every state.
    Every,
    /// In the listed states; the refusal names the state the key is in.
    Only(&'static [KeyState]),
    /// Only while the key waits for its deletion.
    AwaitingDeletion,
}

use KeyState::{
    Creating, Disabled, Enabled, PendingDeletion, PendingImport, PendingReplicaDeletion, Unavailable,
    Updating,
};

/// Cryptographic operations, CreateGrant and the like.
pub(crate) const USABLE: States = States::Only(&[Enabled, Updating]);
/// CreateGrant also works while a custom key store is disconnected.
pub(super) const USABLE_OR_UNAVAILABLE: States = States::Only(&[Enabled, Updating, Unavailable]);
/// Everything but a key that waits for its deletion.
pub(super) const NOT_PENDING_DELETION: States =
    States::Only(&[Enabled, Disabled, PendingImport, Unavailable, Creating, Updating]);
/// EnableKey and DisableKey.
pub(super) const SWITCHABLE: States = States::Only(&[Enabled, Disabled, Unavailable]);
/// ScheduleKeyDeletion.
pub(super) const DELETABLE: States = States::Only(&[Enabled, Disabled, PendingImport, Unavailable, Creating]);
/// GetPublicKey. AWS (observed): it works on a disabled key, against the published table.
pub(super) const READABLE: States = States::Only(&[Enabled, Disabled, Updating]);
/// Changes of the rotation setting.
pub(super) const ROTATABLE: States = States::Only(&[Enabled, PendingImport, Unavailable, Updating]);
/// RotateKeyOnDemand and ReplicateKey.
pub(super) const ENABLED: States = States::Only(&[Enabled, Unavailable]);
/// ImportKeyMaterial. AWS: the origin is looked at before a deletion that is pending.
pub(super) const IMPORTABLE: States = States::Only(&[
    Enabled,
    Disabled,
    PendingDeletion,
    PendingReplicaDeletion,
    PendingImport,
    Unavailable,
    Updating,
]);
/// GetParametersForImport. AWS: the same.
pub(super) const PREPARABLE: States =
    States::Only(&[Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable]);
/// Removal of imported material works while the key waits for its deletion, too.
pub(super) const MATERIAL_REMOVABLE: States =
    States::Only(&[Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable]);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::api::model;
    use crate::api::shape::Shape;

    /// Whatever member takes a slow spec or algorithm is one that tells the work.
    #[test]
    fn every_member_that_can_choose_slow_cryptography_is_known() {
        let slow = |set: &[&str]| set.iter().any(|value| Work::of(&json!({"KeySpec": value})) == Work::Slow);
        let mut found = BTreeSet::new();
        for operation in model::OPERATIONS {
            for member in operation.input.members {
                if let Shape::Enum(set) = member.shape
                    && slow(set.values)
                {
                    found.insert(member.name);
                }
            }
        }
        assert_eq!(found, BTreeSet::from(CHOICES));
        assert!(CHOICES.is_sorted());
    }

    #[test]
    fn rsa_is_slow_and_curves_are_quick() {
        for slow in ["RSA_2048", "RSASSA_PSS_SHA_256", "RSAES_OAEP_SHA_1", "ML_DSA_44", "SM2", "SM2PKE"] {
            assert_eq!(Work::of(&json!({"KeySpec": "ECC_NIST_P256", "SigningAlgorithm": slow})), Work::Slow);
        }
        assert_eq!(Work::of(&json!({"ImportToken": "AAAA"})), Work::Slow);
        assert_eq!(Work::of(&json!({"Recipient": {}})), Work::Slow);
        for quick in [json!({}), json!({"KeySpec": "ECC_NIST_P256"}), json!({"KeySpec": 7, "Message": "RSA"})]
        {
            assert_eq!(Work::of(&quick), Work::Quick);
        }
    }
}
