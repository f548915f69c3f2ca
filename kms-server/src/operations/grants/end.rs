//! RetireGrant and RevokeGrant.

use std::sync::Arc;

use lifecycle::grant::{Grant, RetireRight};
use lifecycle::ids::KeyArn;
use lifecycle::state::{Change, RecordId};
use serde::Deserialize;

use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::{Authorized, Command, Operation};
use crate::pipeline::denied;

/// A grant of a key by id.
///
/// AWS: a grant that is not there gets NotFoundException; that a malformed id gets the other error is a guess.
fn by_id<'a>(authorized: &Authorized<'a>, key: KeyArn, id: &str) -> Result<&'a Arc<Grant>, KmsError> {
    let parsed = id.parse().map_err(|_| {
        KmsError::new(ErrorCode::InvalidGrantIdException, format!("Grant ID {id} is not valid"))
    })?;
    authorized
        .view
        .grant(key, parsed)
        .ok_or_else(|| KmsError::new(ErrorCode::NotFoundException, format!("Grant ID {id} not found")))
}

fn end(grant: &Grant) -> Vec<Change> {
    vec![Change::Delete(RecordId::Grant(grant.key, grant.id))]
}

/// AWS: KMS API reference, "RetireGrant".
pub(in crate::operations) struct RetireGrant;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct RetireGrantRequest {
    grant_token: Option<String>,
    key_id: Option<String>,
    grant_id: Option<String>,
}

/// How a request names the grant to retire.
enum Reference<'a> {
    Token(&'a str),
    Id(&'a str),
}

impl RetireGrantRequest {
    fn grant(&self) -> Result<Reference<'_>, KmsError> {
        match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(token), None, None) => Ok(Reference::Token(token)),
            (None, Some(_), Some(id)) => Ok(Reference::Id(id)),
            _ => Err(KmsError::validation(
                "You must specify either a grant token, or a key ID and a grant ID.",
            )),
        }
    }
}

impl Operation for RetireGrant {
    const NAME: &'static str = "RetireGrant";
    type Input = RetireGrantRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        input.grant().map(drop)
    }
}

impl Command for RetireGrant {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let environment = authorized.environment;
        let (grant, by_token) = match input.grant()? {
            Reference::Token(token) => {
                (environment.grant_of_token(authorized.view, authorized.scope().region, token)?, true)
            }
            Reference::Id(id) => (by_id(authorized, authorized.key()?.arn, id)?, false),
        };
        let delay = environment.limits.grant_consistency_delay;
        let counts = by_token || grant.is_consistent_at(authorized.view.now(), delay);
        // Identity policies do not exist yet: every caller is allowed what its account may do.
        let suffices = |right: &RetireRight| counts || !right.needs_consistency();
        if !grant.retire_rights(authorized.caller.principal()).iter().any(suffices) {
            return Err(denied(authorized.caller, Self::NAME, "this resource"));
        }
        Ok(((), end(grant)))
    }
}

/// AWS: KMS API reference, "RevokeGrant".
pub(in crate::operations) struct RevokeGrant;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct RevokeGrantRequest {
    grant_id: String,
}

impl Operation for RevokeGrant {
    const NAME: &'static str = "RevokeGrant";
    type Input = RevokeGrantRequest;
    type Output = ();
}

impl Command for RevokeGrant {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let grant = by_id(authorized, authorized.key()?.arn, &input.grant_id)?;
        Ok(((), end(grant)))
    }
}
