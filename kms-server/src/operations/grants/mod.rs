//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant and RevokeGrant.

mod create;
mod end;
mod list;
mod shapes;

pub(super) use create::CreateGrant;
pub(super) use end::{RetireGrant, RevokeGrant};
pub(super) use list::{ListGrants, ListRetirableGrants};

use lifecycle::grant::{GrantPrincipal, Member};

use crate::api::error::{ErrorCode, KmsError};

/// A principal of a request: the member that names it, and the text.
type Named<'a> = (Member, &'a str);

/// The principal that either of two members names, which exclude each other.
fn one_of<'a>(
    principal: Option<&'a str>,
    service: Option<&'a str>,
    both: &'static str,
) -> Result<Option<Named<'a>>, KmsError> {
    match (principal, service) {
        (Some(_), Some(_)) => Err(KmsError::validation(both)),
        (Some(text), None) => Ok(Some((Member::Principal, text))),
        (None, service) => Ok(service.map(|text| (Member::ServicePrincipal, text))),
    }
}

/// Reads a principal that a caller may name: of the given partition, and by name only if it is a service's.
///
/// AWS: KMS API reference, "CreateGrant", parameters `GranteePrincipal` and `RetiringPrincipal`; the text was
/// observed.
fn read_principal(named: Named<'_>, partition: &str) -> Result<GrantPrincipal, KmsError> {
    read_principal_of(named, partition, false)
}

/// The same of a request that a service makes, for itself or for its user: it may name services in every member.
///
/// AWS: DynamoDB developer guide, "Using grants to authorize DynamoDB".
fn read_principal_of(
    (member, text): Named<'_>,
    partition: &str,
    by_service: bool,
) -> Result<GrantPrincipal, KmsError> {
    let nameable = |named: &GrantPrincipal| match (member, named.principal().account()) {
        (Member::Principal, Some(account)) => account.partition() == partition,
        (Member::Principal, None) => by_service,
        (Member::ServicePrincipal, _) => true,
    };
    GrantPrincipal::parse(member, text).filter(nameable).ok_or_else(|| {
        KmsError::new(
            ErrorCode::InvalidArnException,
            format!("ARN does not refer to a valid principal: {text}"),
        )
    })
}
