//! The names and ids of users, roles and access keys.
//!
//! AWS: IAM User Guide, "IAM identifiers", unique identifiers.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::crypto::{Entropy, EntropyError, Secret};
use crate::ids::AccountId;
use crate::policy::Principal;

/// With what the unique id of a user begins.
pub const USER_PREFIX: &str = "AIDA";

/// With what the unique id of a role begins.
pub const ROLE_PREFIX: &str = "AROA";

/// With what a long-term access key id begins.
pub const ACCESS_KEY_PREFIX: &str = "AKIA";

/// Characters of a unique id after its prefix.
const UNIQUE_CHARS: usize = 17;

/// Characters of an access key id after its prefix.
const ACCESS_KEY_CHARS: usize = 16;

/// What tells the users, or the roles, of one account apart: the name without its path, whatever its case.
///
/// AWS: IAM User Guide, "IAM and AWS STS quotas", names must be unique within an account, without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityName {
    account: AccountId,
    name: Arc<str>,
}

impl EntityName {
    /// The name of a user, a role, or of the role of a session; `None` for other principals.
    #[must_use]
    pub fn of(principal: &Principal) -> Option<Self> {
        let (Principal::User { account, name }
        | Principal::Role { account, name }
        | Principal::AssumedRole { account, role: name, .. }) = principal
        else {
            return None;
        };
        Some(Self::new(account.id().parse().ok()?, name))
    }

    /// The name `name`, with or without a path, in an account.
    #[must_use]
    pub fn new(account: AccountId, name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or_default();
        EntityName { account, name: name.to_ascii_lowercase().into() }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.name)
    }
}

/// A new unique id with `prefix`: a user or role that is made again has another one.
///
/// # Errors
/// There are no random bytes.
pub fn unique_id(prefix: &str, entropy: &dyn Entropy) -> Result<Arc<str>, EntropyError> {
    let chars = if prefix == ACCESS_KEY_PREFIX { ACCESS_KEY_CHARS } else { UNIQUE_CHARS };
    Ok(spelled(prefix, &entropy.array::<UNIQUE_CHARS>()?, chars))
}

/// The unique id of a user or role that is read again at every start: it follows from the ARN.
#[must_use]
pub fn derived_id(prefix: &str, arn: &str) -> Arc<str> {
    spelled(prefix, digest(&SHA256, arn.as_bytes()).as_ref(), UNIQUE_CHARS)
}

/// 40 characters from 30 random bytes.
///
/// # Errors
/// There are no random bytes.
pub fn secret_access_key(entropy: &dyn Entropy) -> Result<Secret, EntropyError> {
    let bytes = Zeroizing::new(entropy.array::<30>()?);
    Ok(Secret::new(STANDARD.encode(bytes.as_slice()).into_bytes()))
}

/// One character of base 32 for each byte.
fn spelled(prefix: &str, bytes: &[u8], chars: usize) -> Arc<str> {
    let digit = |byte: &u8| {
        let value = byte & 31;
        char::from(if value < 26 { b'A' + value } else { b'2' + (value - 26) })
    };
    let mut text = prefix.to_owned();
    text.extend(bytes.iter().take(chars).map(digit));
    text.into()
}
