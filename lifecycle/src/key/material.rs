//! Key material.

use crate::clock::Timestamp;
use crate::crypto::Secret;
use crate::ids::{KeyArn, MaterialId};

/// One piece of key material of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The key it belongs to.
    pub key: KeyArn,
    /// Its name, which every ciphertext made with it carries.
    pub id: MaterialId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The bytes; absent after an import of a state that was exported without material.
    pub secret: Option<Secret>,
}
