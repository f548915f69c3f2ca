//! The whole model: 56 operations, in one file per family.
//!
//! AWS: API Reference, version 2014-11-01.

mod collections;
mod enums;
mod patterns;
mod scalars;

pub mod agreement;
pub mod aliases;
pub mod custom_stores;
pub mod data_keys;
pub mod encryption;
pub mod grants;
pub mod import;
pub mod keys;
pub mod mac;
pub mod policies;
pub mod replication;
pub mod rotation;
pub mod signing;
pub mod tags;

use super::shape::Operation;

/// Every operation, sorted by name.
pub static OPERATIONS: &[&Operation] = &[
    &keys::CANCEL_KEY_DELETION,
    &custom_stores::CONNECT_CUSTOM_KEY_STORE,
    &aliases::CREATE_ALIAS,
    &custom_stores::CREATE_CUSTOM_KEY_STORE,
    &grants::CREATE_GRANT,
    &keys::CREATE_KEY,
    &agreement::DECAPSULATE,
    &encryption::DECRYPT,
    &aliases::DELETE_ALIAS,
    &custom_stores::DELETE_CUSTOM_KEY_STORE,
    &import::DELETE_IMPORTED_KEY_MATERIAL,
    &agreement::DERIVE_SHARED_SECRET,
    &custom_stores::DESCRIBE_CUSTOM_KEY_STORES,
    &keys::DESCRIBE_KEY,
    &keys::DISABLE_KEY,
    &rotation::DISABLE_KEY_ROTATION,
    &custom_stores::DISCONNECT_CUSTOM_KEY_STORE,
    &keys::ENABLE_KEY,
    &rotation::ENABLE_KEY_ROTATION,
    &agreement::ENCAPSULATE,
    &encryption::ENCRYPT,
    &data_keys::GENERATE_DATA_KEY,
    &data_keys::GENERATE_DATA_KEY_PAIR,
    &data_keys::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
    &data_keys::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
    &mac::GENERATE_MAC,
    &data_keys::GENERATE_RANDOM,
    &keys::GET_KEY_LAST_USAGE,
    &policies::GET_KEY_POLICY,
    &rotation::GET_KEY_ROTATION_STATUS,
    &import::GET_PARAMETERS_FOR_IMPORT,
    &signing::GET_PUBLIC_KEY,
    &import::IMPORT_KEY_MATERIAL,
    &aliases::LIST_ALIASES,
    &grants::LIST_GRANTS,
    &policies::LIST_KEY_POLICIES,
    &rotation::LIST_KEY_ROTATIONS,
    &keys::LIST_KEYS,
    &tags::LIST_RESOURCE_TAGS,
    &grants::LIST_RETIRABLE_GRANTS,
    &policies::PUT_KEY_POLICY,
    &encryption::RE_ENCRYPT,
    &replication::REPLICATE_KEY,
    &grants::RETIRE_GRANT,
    &grants::REVOKE_GRANT,
    &rotation::ROTATE_KEY_ON_DEMAND,
    &keys::SCHEDULE_KEY_DELETION,
    &signing::SIGN,
    &tags::TAG_RESOURCE,
    &tags::UNTAG_RESOURCE,
    &aliases::UPDATE_ALIAS,
    &custom_stores::UPDATE_CUSTOM_KEY_STORE,
    &keys::UPDATE_KEY_DESCRIPTION,
    &replication::UPDATE_PRIMARY_REGION,
    &signing::VERIFY,
    &mac::VERIFY_MAC,
];

/// The operation of that exact name.
pub fn find(name: &str) -> Option<&'static Operation> {
    let index = OPERATIONS.binary_search_by_key(&name, |operation| operation.name).ok()?;
    OPERATIONS.get(index).copied()
}

#[cfg(test)]
mod tests;
