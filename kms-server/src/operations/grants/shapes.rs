//! The shapes of grants in requests and responses.

use std::collections::BTreeSet;
use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::grant::{Constraints, ContextConstraint, Grant, GrantOperation, GrantPrincipal, Member};
use lifecycle::policy::{Account, Principal};
use serde::{Deserialize, Serialize};

use crate::api::error::KmsError;
use crate::operations::metadata::Date;

/// AWS: KMS API reference, "GrantConstraints".
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GrantConstraints {
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context_subset: Option<EncryptionContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context_equals: Option<EncryptionContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_arn: Option<Arc<str>>,
}

impl GrantConstraints {
    /// The constraints that a request asks for.
    ///
    /// # Errors
    /// `ValidationException` if there are two of the encryption context.
    pub(super) fn read(&self) -> Result<Constraints, KmsError> {
        let encryption_context = match (&self.encryption_context_subset, &self.encryption_context_equals) {
            (None, None) => None,
            (Some(pairs), None) => Some(ContextConstraint::Subset(pairs.clone())),
            (None, Some(pairs)) => Some(ContextConstraint::Equals(pairs.clone())),
            (Some(_), Some(_)) => {
                return Err(KmsError::validation(
                    "EncryptionContextSubset and EncryptionContextEquals cannot be combined in one grant.",
                ));
            }
        };
        Ok(Constraints { encryption_context, source_arn: self.source_arn.clone() })
    }

    /// `None` if there are none to show.
    fn of(constraints: &Constraints) -> Option<Self> {
        if *constraints == Constraints::default() {
            return None;
        }
        let mut shown = GrantConstraints { source_arn: constraints.source_arn.clone(), ..Self::default() };
        match &constraints.encryption_context {
            Some(ContextConstraint::Subset(pairs)) => shown.encryption_context_subset = Some(pairs.clone()),
            Some(ContextConstraint::Equals(pairs)) => shown.encryption_context_equals = Some(pairs.clone()),
            None => {}
        }
        Some(shown)
    }
}

/// AWS: KMS API reference, "GrantListEntry".
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GrantListEntry {
    key_id: String,
    grant_id: String,
    name: Arc<str>,
    creation_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retiring_principal: Option<String>,
    issuing_account: String,
    operations: BTreeSet<GrantOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<GrantConstraints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_service_principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retiring_service_principal: Option<String>,
}

impl GrantListEntry {
    pub(super) fn of(grant: &Grant) -> Self {
        let text = |principal: &GrantPrincipal, member: Member| {
            (principal.member() == member).then(|| principal.as_str().to_owned())
        };
        let retiring = |member| grant.retiring.as_ref().and_then(|retiring| text(retiring, member));
        let account = Account::new(grant.key.scope.region.partition(), grant.issuing_account.as_str());
        GrantListEntry {
            key_id: grant.key.to_string(),
            grant_id: grant.id.to_string(),
            // AWS (observed): empty, not absent.
            name: grant.name.clone().unwrap_or_default(),
            // AWS (observed): whole seconds.
            creation_date: Date(Timestamp(grant.created_at.whole_seconds() * 1_000)),
            grantee_principal: text(&grant.grantee, Member::Principal),
            retiring_principal: retiring(Member::Principal),
            issuing_account: account.map(|account| Principal::Root(account).arn()).unwrap_or_default(),
            operations: grant.operations.clone(),
            constraints: GrantConstraints::of(&grant.constraints),
            grantee_service_principal: text(&grant.grantee, Member::ServicePrincipal),
            retiring_service_principal: retiring(Member::ServicePrincipal),
        }
    }
}
