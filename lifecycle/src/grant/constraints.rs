//! Which requests a grant covers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{GrantFacts, GrantOperation};
use crate::crypto::envelope::EncryptionContext;

/// The constraints of a grant; the default admits every request.
///
/// AWS: KMS API reference, "GrantConstraints".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraints {
    /// What the encryption context must be.
    pub encryption_context: Option<ContextConstraint>,
    /// The resource on whose behalf requests must be made.
    pub source_arn: Option<Arc<str>>,
}

/// A constraint on the encryption context. Keys match in any case, values exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextConstraint {
    /// These pairs and no others.
    #[serde(rename = "equals")]
    Equals(EncryptionContext),
    /// At least these pairs.
    #[serde(rename = "subset")]
    Subset(EncryptionContext),
}

impl Constraints {
    /// Whether a request for `operation` meets the constraints that apply to it.
    pub(super) fn admit(&self, operation: GrantOperation, facts: &GrantFacts<'_>) -> bool {
        // AWS: RetireGrant is free of all constraints; DescribeKey has no encryption context to look at, and
        // that of CreateGrant is in the constraints of the new grant.
        let (context, source) = match operation {
            GrantOperation::RetireGrant => (false, false),
            GrantOperation::DescribeKey | GrantOperation::CreateGrant => (false, true),
            _ => (true, true),
        };
        let admits = |constraint: &ContextConstraint| constraint.admits(facts.encryption_context);
        (!context || self.encryption_context.as_ref().is_none_or(admits))
            && (!source || self.source_arn.as_deref().is_none_or(|arn| facts.source_arn == Some(arn)))
    }

    /// Whether these constraints admit nothing that `parent` does not.
    pub(super) fn are_as_strict_as(&self, parent: &Constraints) -> bool {
        let context = match (&parent.encryption_context, &self.encryption_context) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(parent), Some(child)) => child.is_as_strict_as(parent),
        };
        context && (parent.source_arn.is_none() || parent.source_arn == self.source_arn)
    }
}

impl ContextConstraint {
    /// The pairs that it names.
    #[must_use]
    pub fn pairs(&self) -> &EncryptionContext {
        match self {
            ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs) => pairs,
        }
    }

    fn admits(&self, context: Option<&EncryptionContext>) -> bool {
        let none = EncryptionContext::new();
        let context = context.unwrap_or(&none);
        match self {
            ContextConstraint::Equals(pairs) => includes(context, pairs) && includes(pairs, context),
            ContextConstraint::Subset(pairs) => includes(context, pairs),
        }
    }

    /// AWS: a subset may gain pairs or become an equality, not the reverse.
    fn is_as_strict_as(&self, parent: &ContextConstraint) -> bool {
        match (parent, self) {
            (ContextConstraint::Subset(parent), child) => includes(child.pairs(), parent),
            (ContextConstraint::Equals(_), ContextConstraint::Equals(child)) => parent.admits(Some(child)),
            (ContextConstraint::Equals(_), ContextConstraint::Subset(_)) => false,
        }
    }
}

/// Whether every pair of `part` is in `whole`, the case of keys aside. One of the two is a constraint, which has
/// few pairs.
fn includes(whole: &EncryptionContext, part: &EncryptionContext) -> bool {
    part.iter()
        .all(|(key, value)| whole.iter().any(|(other, theirs)| value == theirs && same_key(key, other)))
}

fn same_key(one: &str, other: &str) -> bool {
    one == other || one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}
