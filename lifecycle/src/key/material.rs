//! Key material.

use crate::clock::Timestamp;
use crate::crypto::Secret;
use crate::ids::{KeyArn, MaterialId};
use crate::key::RotationType;

/// One piece of key material of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The key it belongs to.
    pub key: KeyArn,
    /// Its name, which every ciphertext made with it carries.
    pub id: MaterialId,
    /// Its place in the history of the key, from 0.
    pub number: u32,
    /// When it was made, which is when the key rotated to it.
    pub created_at: Timestamp,
    /// Why the key rotated to it; `None` for the first one.
    pub rotation: Option<RotationType>,
    /// The bytes; absent after an import of a state that was exported without material, and while material that a
    /// customer has imported is deleted or expired.
    pub secret: Option<Secret>,
}
