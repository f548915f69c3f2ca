//! Grants: permissions on one key that are given to one principal, without a word in any policy.
//!
//! A grant only ever allows. How it adds up with policies to a decision is left to the caller.
//!
//! AWS: KMS developer guide, "Grants in AWS KMS".

mod constraints;
mod operation;
mod principal;
mod retire;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use constraints::{Constraints, ContextConstraint};
pub use operation::{GrantOperation, grantable};
pub use principal::{GrantPrincipal, Member, spellings};
pub use retire::RetireRight;
pub use token::TokenKey;

use crate::clock::Timestamp;
use crate::crypto::envelope::EncryptionContext;
use crate::ids::{AccountId, GrantId, KeyArn};
use crate::policy::{Principal, PrincipalMatch};

/// A grant.
///
/// AWS: KMS API reference, "GrantListEntry".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The key that it lets use.
    pub key: KeyArn,
    /// Its name on that key.
    pub id: GrantId,
    /// The name that its maker gave it, 1 to 256 characters. Names are not unique.
    pub name: Option<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who may use the key.
    pub grantee: GrantPrincipal,
    /// Who may end the grant without asking anybody.
    pub retiring: Option<GrantPrincipal>,
    /// The account of its maker.
    pub issuing_account: AccountId,
    /// What the grantee may do.
    pub operations: BTreeSet<GrantOperation>,
    /// Which requests it covers.
    pub constraints: Constraints,
}

/// What a request says that the constraints of a grant look at.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantFacts<'a> {
    /// The encryption context of the request. None at all and an empty one are the same.
    pub encryption_context: Option<&'a EncryptionContext>,
    /// The resource on whose behalf a service asks: the condition key `aws:SourceArn`.
    pub source_arn: Option<&'a str>,
}

impl Grant {
    /// Whether, and how, the grant covers an operation of `caller`. [`PrincipalMatch::Account`] is half an answer: an
    /// identity policy of the caller must allow the operation, too.
    ///
    /// For CreateGrant no encryption context is asked for; what a grant made by virtue of this one may say is
    /// for [`check_child`].
    #[must_use]
    pub fn covers(
        &self,
        caller: &Principal,
        operation: GrantOperation,
        facts: &GrantFacts<'_>,
    ) -> Option<PrincipalMatch> {
        let applies = self.operations.contains(&operation) && self.constraints.admit(operation, facts);
        applies.then(|| self.grantee.matches(caller)).flatten()
    }

    /// Whether the grant counts at `now` for a request without its token: a new grant takes `delay` to be known
    /// everywhere.
    ///
    /// AWS: KMS developer guide, "Grant token".
    #[must_use]
    pub fn is_consistent_at(&self, now: Timestamp, delay: Duration) -> bool {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        self.created_at.0.saturating_add(delay) <= now.0
    }

    /// Whether a request for `other` asks for this very grant: the two differ in id, maker and time at most, and
    /// have a name. Without a name, every request makes a grant of its own.
    ///
    /// AWS: KMS API reference, "CreateGrant", parameter `Name`.
    #[must_use]
    pub fn is_repeated_by(&self, other: &Grant) -> bool {
        self.name.is_some()
            && self.name == other.name
            && self.key == other.key
            && self.grantee == other.grantee
            && self.retiring == other.retiring
            && self.operations == other.operations
            && self.constraints == other.constraints
    }
}

/// How a grant allows more than the grant by whose virtue it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wider {
    /// It is for another key.
    Key,
    /// It has an operation that the parent lacks.
    Operations,
    /// Its constraints admit a request that the parent's do not.
    Constraints,
}

impl fmt::Display for Wider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wider::Key => "the grant is for another key than the grant that permits its creation",
            Wider::Operations => "the grant has operations that the grant that permits its creation lacks",
            Wider::Constraints => "the grant is less constrained than the grant that permits its creation",
        })
    }
}

impl std::error::Error for Wider {}

/// Checks a grant that is made by virtue of `parent`: it may allow as much at most. Whether the parent lets its
/// grantee make grants at all is for [`Grant::covers`].
///
/// AWS: KMS developer guide, "Granting CreateGrant permission".
///
/// # Errors
/// Says in which way the child would allow more.
pub fn check_child(parent: &Grant, child: &Grant) -> Result<(), Wider> {
    if parent.key != child.key {
        return Err(Wider::Key);
    }
    if !child.operations.is_subset(&parent.operations) {
        return Err(Wider::Operations);
    }
    if child.constraints.are_as_strict_as(&parent.constraints) { Ok(()) } else { Err(Wider::Constraints) }
}
