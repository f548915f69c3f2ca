//! The one table of operations: what is known, what is built, and what each declares.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use lifecycle::key::KeyUsage;

use super::declaration::{
    DELETABLE, Declaration, ENABLED, Effect, Forms, IMPORTABLE, MATERIAL_REMOVABLE, NOT_PENDING_DELETION,
    PREPARABLE, Permission, READABLE, ROTATABLE, Reach, SWITCHABLE, States, Target, Tracking, USABLE,
    USABLE_OR_UNAVAILABLE,
};
use super::{
    agreement, aliases, custom_stores, data_keys, encryption, grants, import, kem, key_pairs, keys, mac,
    policies, primary_region, public_key, random, replicate, rotation, signing, tags, usage,
};
use crate::api::model::{
    agreement as agreement_model, aliases as alias_model, custom_stores as custom_store_model,
    data_keys as data_key_model, encryption as encryption_model, grants as grant_model,
    import as import_model, keys as key_model, mac as mac_model, policies as policy_model, replication,
    rotation as rotation_model, signing as signing_model, tags as tag_model,
};
use crate::pipeline::{self, CommandBody, QueryBody};

/// An operation: its declaration and its body.
pub struct Entry {
    /// What the pipeline enforces.
    pub declaration: Declaration,
    /// What runs when everything has been checked.
    pub body: Body,
}

/// How an operation is carried out.
pub enum Body {
    /// Reads one snapshot; it cannot reach the writer.
    Query(QueryBody),
    /// Runs on the writer, on its own state.
    Command(CommandBody),
}

impl Entry {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.declaration.model.name
    }
}

/// The entry of an operation, by exact name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    OPERATIONS.get(place(name)?)
}

/// Where an operation stands in the registry.
#[must_use]
pub fn place(name: &str) -> Option<usize> {
    static PLACES: LazyLock<HashMap<&'static str, usize, RandomState>> =
        LazyLock::new(|| OPERATIONS.iter().enumerate().map(|(place, entry)| (entry.name(), place)).collect());
    PLACES.get(name).copied()
}

const fn key(member: &'static str, forms: Forms, action: &'static str, states: States) -> Target {
    Target::Key { member, forms, action, states }
}

macro_rules! entry {
    (
        $model:path, $body:expr,
        [$($target:expr),*], $usage:expr, $reach:ident, $effect:ident, $tracking:ident
    ) => {
        entry!($model, $body, [$($target),*], $usage, $reach, $effect, $tracking, {
            const TARGETS: &[Target] = &[$($target),*];
            if TARGETS.is_empty() { Permission::Identity } else { Permission::Keys }
        })
    };
    (
        $model:path, $body:expr,
        [$($target:expr),*], $usage:expr, $reach:ident, $effect:ident, $tracking:ident, $permission:expr
    ) => {
        Entry {
            declaration: Declaration {
                model: &$model,
                targets: &[$($target),*],
                usage: $usage,
                reach: Reach::$reach,
                permission: $permission,
                effect: Effect::$effect,
                tracking: Tracking::$tracking,
            },
            body: $body,
        }
    };
}

macro_rules! query {
    ($operation:path) => {
        Body::Query(pipeline::query::<$operation>)
    };
}

macro_rules! command {
    ($operation:path) => {
        Body::Command(CommandBody {
            prepare: pipeline::prepare::<$operation>,
            decide: pipeline::command::<$operation>,
        })
    };
}

const ENCRYPTS: Option<KeyUsage> = Some(KeyUsage::EncryptDecrypt);
const SIGNS: Option<KeyUsage> = Some(KeyUsage::SignVerify);
const AUTHENTICATES: Option<KeyUsage> = Some(KeyUsage::GenerateVerifyMac);
const AGREES: Option<KeyUsage> = Some(KeyUsage::KeyAgreement);
const ENCAPSULATES: Option<KeyUsage> = Some(KeyUsage::EncapsulateDecapsulate);
use Forms::{Any, KeyOnly, KeyOnlyOptional};
use States::{AwaitingDeletion, Every};

/// Every operation, sorted by name.
///
/// AWS: KMS developer guide, "Permissions reference" and "Key states"; service authorization reference.
#[rustfmt::skip]
pub static OPERATIONS: &[Entry] = &[
    entry!(key_model::CANCEL_KEY_DELETION, command!(keys::CancelKeyDeletion), [key("KeyId", KeyOnly, "CancelKeyDeletion", AwaitingDeletion)], None, OwnAccount, Writes, Untracked),
    entry!(custom_store_model::CONNECT_CUSTOM_KEY_STORE, command!(custom_stores::ConnectCustomKeyStore), [], None, OwnAccount, Writes, Untracked),
    entry!(alias_model::CREATE_ALIAS, command!(aliases::CreateAlias), [key("TargetKeyId", KeyOnly, "CreateAlias", NOT_PENDING_DELETION)], None, OwnAccount, Writes, Untracked, Permission::AliasAndKeys { member: "AliasName" }),
    entry!(custom_store_model::CREATE_CUSTOM_KEY_STORE, command!(custom_stores::CreateCustomKeyStore), [], None, OwnAccount, Writes, Untracked),
    entry!(grant_model::CREATE_GRANT, command!(grants::CreateGrant), [key("KeyId", KeyOnly, "CreateGrant", USABLE_OR_UNAVAILABLE)], None, AnyAccount, Writes, Untracked),
    entry!(key_model::CREATE_KEY, command!(keys::CreateKey), [], None, OwnAccount, Writes, Untracked, Permission::NewKey),
    entry!(agreement_model::DECAPSULATE, query!(kem::Decapsulate), [key("KeyId", Any, "Decapsulate", USABLE)], ENCAPSULATES, AnyAccount, Reads, Tracked),
    entry!(encryption_model::DECRYPT, query!(encryption::Decrypt), [Target::Ciphertext { key: "KeyId", algorithm: "EncryptionAlgorithm", action: "Decrypt" }], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(alias_model::DELETE_ALIAS, command!(aliases::DeleteAlias), [Target::Alias { member: "AliasName" }], None, OwnAccount, Writes, Untracked, Permission::AliasAndKeys { member: "AliasName" }),
    entry!(custom_store_model::DELETE_CUSTOM_KEY_STORE, command!(custom_stores::DeleteCustomKeyStore), [], None, OwnAccount, Writes, Untracked),
    entry!(import_model::DELETE_IMPORTED_KEY_MATERIAL, command!(import::DeleteImportedKeyMaterial), [key("KeyId", KeyOnly, "DeleteImportedKeyMaterial", MATERIAL_REMOVABLE)], None, OwnAccount, Writes, Untracked),
    entry!(agreement_model::DERIVE_SHARED_SECRET, query!(agreement::DeriveSharedSecret), [key("KeyId", Any, "DeriveSharedSecret", USABLE)], AGREES, AnyAccount, Reads, Tracked),
    entry!(custom_store_model::DESCRIBE_CUSTOM_KEY_STORES, query!(custom_stores::DescribeCustomKeyStores), [], None, OwnAccount, Reads, Untracked),
    entry!(key_model::DESCRIBE_KEY, query!(keys::DescribeKey), [key("KeyId", Any, "DescribeKey", Every)], None, AnyAccount, Reads, Untracked),
    entry!(key_model::DISABLE_KEY, command!(keys::DisableKey), [key("KeyId", KeyOnly, "DisableKey", SWITCHABLE)], None, OwnAccount, Writes, Untracked),
    entry!(rotation_model::DISABLE_KEY_ROTATION, command!(rotation::DisableKeyRotation), [key("KeyId", KeyOnly, "DisableKeyRotation", ROTATABLE)], None, OwnAccount, Writes, Untracked),
    entry!(custom_store_model::DISCONNECT_CUSTOM_KEY_STORE, command!(custom_stores::DisconnectCustomKeyStore), [], None, OwnAccount, Writes, Untracked),
    entry!(key_model::ENABLE_KEY, command!(keys::EnableKey), [key("KeyId", KeyOnly, "EnableKey", SWITCHABLE)], None, OwnAccount, Writes, Untracked),
    entry!(rotation_model::ENABLE_KEY_ROTATION, command!(rotation::EnableKeyRotation), [key("KeyId", KeyOnly, "EnableKeyRotation", ROTATABLE)], None, OwnAccount, Writes, Untracked),
    entry!(agreement_model::ENCAPSULATE, query!(kem::Encapsulate), [key("KeyId", Any, "Encapsulate", USABLE)], ENCAPSULATES, AnyAccount, Reads, Tracked),
    entry!(encryption_model::ENCRYPT, query!(encryption::Encrypt), [key("KeyId", Any, "Encrypt", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(data_key_model::GENERATE_DATA_KEY, query!(data_keys::GenerateDataKey), [key("KeyId", Any, "GenerateDataKey", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(data_key_model::GENERATE_DATA_KEY_PAIR, query!(key_pairs::GenerateDataKeyPair), [key("KeyId", Any, "GenerateDataKeyPair", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(data_key_model::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT, query!(key_pairs::GenerateDataKeyPairWithoutPlaintext), [key("KeyId", Any, "GenerateDataKeyPairWithoutPlaintext", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(data_key_model::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT, query!(data_keys::GenerateDataKeyWithoutPlaintext), [key("KeyId", Any, "GenerateDataKeyWithoutPlaintext", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(mac_model::GENERATE_MAC, query!(mac::GenerateMac), [key("KeyId", Any, "GenerateMac", USABLE)], AUTHENTICATES, AnyAccount, Reads, Tracked),
    entry!(data_key_model::GENERATE_RANDOM, query!(random::GenerateRandom), [], None, OwnAccount, Reads, Untracked),
    entry!(key_model::GET_KEY_LAST_USAGE, query!(usage::GetKeyLastUsage), [key("KeyId", KeyOnly, "GetKeyLastUsage", Every)], None, OwnAccount, Reads, Untracked),
    entry!(policy_model::GET_KEY_POLICY, query!(policies::GetKeyPolicy), [key("KeyId", KeyOnly, "GetKeyPolicy", Every)], None, OwnAccount, Reads, Untracked),
    entry!(rotation_model::GET_KEY_ROTATION_STATUS, query!(rotation::GetKeyRotationStatus), [key("KeyId", KeyOnly, "GetKeyRotationStatus", Every)], None, AnyAccount, Reads, Untracked),
    entry!(import_model::GET_PARAMETERS_FOR_IMPORT, query!(import::GetParametersForImport), [key("KeyId", KeyOnly, "GetParametersForImport", PREPARABLE)], None, OwnAccount, Reads, Untracked),
    entry!(signing_model::GET_PUBLIC_KEY, query!(public_key::GetPublicKey), [key("KeyId", Any, "GetPublicKey", READABLE)], None, AnyAccount, Reads, Untracked),
    entry!(import_model::IMPORT_KEY_MATERIAL, command!(import::ImportKeyMaterial), [key("KeyId", KeyOnly, "ImportKeyMaterial", IMPORTABLE)], None, OwnAccount, Writes, Untracked),
    entry!(alias_model::LIST_ALIASES, query!(aliases::ListAliases), [key("KeyId", KeyOnlyOptional, "ListAliases", Every)], None, OwnAccount, Reads, Untracked, Permission::Identity),
    entry!(grant_model::LIST_GRANTS, query!(grants::ListGrants), [key("KeyId", KeyOnly, "ListGrants", Every)], None, AnyAccount, Reads, Untracked),
    entry!(policy_model::LIST_KEY_POLICIES, query!(policies::ListKeyPolicies), [key("KeyId", KeyOnly, "ListKeyPolicies", Every)], None, OwnAccount, Reads, Untracked),
    entry!(rotation_model::LIST_KEY_ROTATIONS, query!(rotation::ListKeyRotations), [key("KeyId", KeyOnly, "ListKeyRotations", Every)], None, OwnAccount, Reads, Untracked),
    entry!(key_model::LIST_KEYS, query!(keys::ListKeys), [], None, OwnAccount, Reads, Untracked),
    entry!(tag_model::LIST_RESOURCE_TAGS, query!(tags::ListResourceTags), [key("KeyId", KeyOnly, "ListResourceTags", Every)], None, OwnAccount, Reads, Untracked),
    entry!(grant_model::LIST_RETIRABLE_GRANTS, query!(grants::ListRetirableGrants), [], None, OwnAccount, Reads, Untracked, Permission::RetiringPrincipal { members: &["RetiringPrincipal", "RetiringServicePrincipal"] }),
    entry!(policy_model::PUT_KEY_POLICY, command!(policies::PutKeyPolicy), [key("KeyId", KeyOnly, "PutKeyPolicy", Every)], None, OwnAccount, Writes, Untracked),
    entry!(encryption_model::RE_ENCRYPT, query!(encryption::ReEncrypt), [Target::Ciphertext { key: "SourceKeyId", algorithm: "SourceEncryptionAlgorithm", action: "ReEncryptFrom" }, key("DestinationKeyId", Any, "ReEncryptTo", USABLE)], ENCRYPTS, AnyAccount, Reads, Tracked),
    entry!(replication::REPLICATE_KEY, command!(replicate::ReplicateKey), [key("KeyId", KeyOnly, "ReplicateKey", ENABLED)], None, OwnAccount, Writes, Untracked, Permission::Replica),
    entry!(grant_model::RETIRE_GRANT, command!(grants::RetireGrant), [key("KeyId", KeyOnlyOptional, "RetireGrant", Every)], None, AnyAccount, Writes, Untracked, Permission::Grant),
    entry!(grant_model::REVOKE_GRANT, command!(grants::RevokeGrant), [key("KeyId", KeyOnly, "RevokeGrant", Every)], None, AnyAccount, Writes, Untracked),
    entry!(rotation_model::ROTATE_KEY_ON_DEMAND, command!(rotation::RotateKeyOnDemand), [key("KeyId", KeyOnly, "RotateKeyOnDemand", ENABLED)], None, OwnAccount, Writes, Untracked),
    entry!(key_model::SCHEDULE_KEY_DELETION, command!(keys::ScheduleKeyDeletion), [key("KeyId", KeyOnly, "ScheduleKeyDeletion", DELETABLE)], None, OwnAccount, Writes, Untracked),
    entry!(signing_model::SIGN, query!(signing::Sign), [key("KeyId", Any, "Sign", USABLE)], SIGNS, AnyAccount, Reads, Tracked),
    entry!(tag_model::TAG_RESOURCE, command!(tags::TagResource), [key("KeyId", KeyOnly, "TagResource", NOT_PENDING_DELETION)], None, OwnAccount, Writes, Untracked),
    entry!(tag_model::UNTAG_RESOURCE, command!(tags::UntagResource), [key("KeyId", KeyOnly, "UntagResource", NOT_PENDING_DELETION)], None, OwnAccount, Writes, Untracked),
    entry!(alias_model::UPDATE_ALIAS, command!(aliases::UpdateAlias), [key("TargetKeyId", KeyOnly, "UpdateAlias", NOT_PENDING_DELETION), Target::Alias { member: "AliasName" }], None, OwnAccount, Writes, Untracked, Permission::AliasAndKeys { member: "AliasName" }),
    entry!(custom_store_model::UPDATE_CUSTOM_KEY_STORE, command!(custom_stores::UpdateCustomKeyStore), [], None, OwnAccount, Writes, Untracked),
    entry!(key_model::UPDATE_KEY_DESCRIPTION, command!(keys::UpdateKeyDescription), [key("KeyId", KeyOnly, "UpdateKeyDescription", NOT_PENDING_DELETION)], None, OwnAccount, Writes, Untracked),
    entry!(replication::UPDATE_PRIMARY_REGION, command!(primary_region::UpdatePrimaryRegion), [key("KeyId", KeyOnly, "UpdatePrimaryRegion", USABLE), Target::Replica { member: "PrimaryRegion", action: "UpdatePrimaryRegion", states: USABLE }], None, OwnAccount, Writes, Untracked),
    entry!(signing_model::VERIFY, query!(signing::Verify), [key("KeyId", Any, "Verify", USABLE)], SIGNS, AnyAccount, Reads, Tracked),
    entry!(mac_model::VERIFY_MAC, query!(mac::VerifyMac), [key("KeyId", Any, "VerifyMac", USABLE)], AUTHENTICATES, AnyAccount, Reads, Tracked),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;

    #[test]
    fn the_registry_holds_every_operation_of_the_model_in_order() {
        let known: Vec<_> = model::OPERATIONS.iter().map(|operation| operation.name).collect();
        let registered: Vec<_> = OPERATIONS.iter().map(Entry::name).collect();
        assert_eq!(registered, known);
        assert_eq!(registered.len(), 56);
        assert!(registered.iter().all(|name| find(name).is_some_and(|entry| entry.name() == *name)));
        assert!(find("encrypt").is_none() && find("").is_none());
    }

    #[test]
    fn every_target_is_a_member_of_the_request() {
        for entry in OPERATIONS {
            let members: Vec<_> =
                entry.declaration.model.input.members.iter().map(|member| member.name).collect();
            for target in entry.declaration.targets {
                let named: &[_] = match target {
                    Target::Key { member, .. }
                    | Target::Alias { member }
                    | Target::Replica { member, .. } => &[*member],
                    Target::Ciphertext { key, algorithm, .. } => &[*key, *algorithm, "CiphertextBlob"],
                };
                assert!(named.iter().all(|name| members.contains(name)), "{}: {named:?}", entry.name());
            }
        }
    }
}
