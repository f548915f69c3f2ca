//! Aliases: second names of keys, unique per account and Region.
//!
//! AWS: KMS developer guide, "Aliases in AWS KMS".

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AliasArn, KeyId};

/// An alias and the key it points at, which lives in the same account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Where the alias lives, and its name.
    pub arn: AliasArn,
    /// The key it names.
    pub target: KeyId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was created or last pointed elsewhere.
    pub updated_at: Timestamp,
}
