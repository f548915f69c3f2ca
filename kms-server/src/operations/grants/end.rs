//! RetireGrant and RevokeGrant.

use std::sync::Arc;

use lifecycle::grant::Grant;
use lifecycle::ids::KeyArn;
use lifecycle::state::{Change, RecordId, View};
use serde::Deserialize;

use crate::api::error::{ErrorCode, KmsError};
use crate::auth::Caller;
use crate::limits::Limits;
use crate::operations::{Authorized, Command, Environment, Operation, Resolved, Retired};

/// A grant of a key by id.
///
/// AWS: a grant that is not there gets NotFoundException; that a malformed id gets the other error is a guess.
fn by_id<'a>(view: View<'a>, key: KeyArn, id: &str) -> Result<&'a Arc<Grant>, KmsError> {
    let parsed = id.parse().map_err(|_| {
        KmsError::new(ErrorCode::InvalidGrantIdException, format!("Grant ID {id} is not valid"))
    })?;
    view.grant(key, parsed)
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

    fn retired(
        input: &Self::Input,
        resolved: &Resolved,
        view: View<'_>,
        environment: &Environment<'_>,
        caller: &Caller,
    ) -> Result<Option<Retired>, KmsError> {
        let key = resolved.keys.first().map(|found| found.key.arn);
        let (grant, by_token) = match (input.grant()?, key) {
            (Reference::Token(token), _) => {
                (environment.grant_of_token(view, caller.scope().region, token)?, true)
            }
            (Reference::Id(id), Some(key)) => (by_id(view, key, id)?, false),
            (Reference::Id(_), None) => return Ok(None),
        };
        Ok(Some(Retired { grant: Arc::clone(grant), by_token }))
    }
}

impl Command for RetireGrant {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let retired = authorized.resolved.retired.as_ref();
        let Retired { grant, .. } = retired.ok_or_else(|| KmsError::bare(ErrorCode::KMSInternalException))?;
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
        let grant = by_id(authorized.view, authorized.key()?.arn, &input.grant_id)?;
        Ok(((), end(grant)))
    }
}
