//! ListGrants and ListRetirableGrants.

use std::str::FromStr;
use std::sync::Arc;

use lifecycle::grant::{Grant, Member};
use lifecycle::ids::{GrantId, KeyArn};
use lifecycle::policy::Principal;
use serde::{Deserialize, Serialize};

use super::shapes::GrantListEntry;
use super::{Named, one_of, read_principal};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::page::{Bounds, Pager};
use crate::operations::{Authorized, Operation, Query};

/// AWS: KMS API reference, `Limit` of both operations.
const BOUNDS: Bounds = Bounds { default: 50, max: 100 };

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ListGrantsResponse {
    grants: Vec<GrantListEntry>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl ListGrantsResponse {
    fn of((grants, next_marker): (Vec<&Arc<Grant>>, Option<String>)) -> Self {
        let grants = grants.into_iter().map(|grant| GrantListEntry::of(grant)).collect();
        ListGrantsResponse { grants, truncated: next_marker.is_some(), next_marker }
    }
}

/// AWS: a filter for services is of use to callers that are services only; what others get is not known.
fn check_filter(authorized: &Authorized<'_>, filter: Option<Named<'_>>) -> Result<(), KmsError> {
    let by_service = matches!(filter, Some((Member::ServicePrincipal, _)));
    if !by_service || matches!(authorized.caller.principal(), Principal::Service(_)) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::AccessDeniedException,
        "Filters by service principal are for callers that are service principals.",
    ))
}

/// AWS: KMS API reference, "ListGrants".
pub(in crate::operations) struct ListGrants;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ListGrantsRequest {
    limit: Option<u32>,
    marker: Option<String>,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
}

impl ListGrantsRequest {
    fn grantee(&self) -> Result<Option<Named<'_>>, KmsError> {
        one_of(
            self.grantee_principal.as_deref(),
            self.grantee_service_principal.as_deref(),
            "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        )
    }
}

impl Operation for ListGrants {
    const NAME: &'static str = "ListGrants";
    type Input = ListGrantsRequest;
    type Output = ListGrantsResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        input.grantee().map(drop)
    }
}

impl Query for ListGrants {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?.arn;
        let grantee = input.grantee()?;
        check_filter(authorized, grantee)?;
        let listing = [
            key.to_string(),
            input.grant_id.clone().unwrap_or_default(),
            grantee.map(|(member, text)| format!("{member:?} {text}")).unwrap_or_default(),
        ];
        let pager = Pager::new(
            authorized.environment.marker_key,
            [Self::NAME].into_iter().chain(listing.iter().map(String::as_str)).collect(),
            &BOUNDS,
            input.limit,
            input.marker.as_deref(),
        )?;
        let after: Option<GrantId> = pager.after()?;
        let view = authorized.view;
        let found: Box<dyn Iterator<Item = &Arc<Grant>>> = match (&input.grant_id, grantee) {
            (Some(id), _) => Box::new(std::iter::once(by_id(authorized, key, id)?)),
            (None, Some((_, text))) => Box::new(view.grants_of_grantee(key, text, after)),
            (None, None) => Box::new(view.grants(key, after)),
        };
        let named = |grant: &&Arc<Grant>| {
            grantee.is_none_or(|named| (grant.grantee.member(), grant.grantee.as_str()) == named)
        };
        Ok(ListGrantsResponse::of(pager.take(found.filter(named), |grant| grant.id.to_string())))
    }
}

/// AWS (observed): a grant id that names no grant of the key is refused, whatever it looks like.
fn by_id<'a>(authorized: &Authorized<'a>, key: KeyArn, id: &str) -> Result<&'a Arc<Grant>, KmsError> {
    let grant = id.parse().ok().and_then(|id| authorized.view.grant(key, id));
    grant.ok_or_else(|| KmsError::new(ErrorCode::InvalidGrantIdException, format!("Grant ID {id} not found")))
}

/// AWS: KMS API reference, "ListRetirableGrants".
pub(in crate::operations) struct ListRetirableGrants;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ListRetirableGrantsRequest {
    limit: Option<u32>,
    marker: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
}

impl ListRetirableGrantsRequest {
    fn retiring(&self) -> Result<Named<'_>, KmsError> {
        const ONE: &str =
            "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both.";
        let named =
            one_of(self.retiring_principal.as_deref(), self.retiring_service_principal.as_deref(), ONE)?;
        named.ok_or_else(|| KmsError::validation(ONE))
    }
}

impl Operation for ListRetirableGrants {
    const NAME: &'static str = "ListRetirableGrants";
    type Input = ListRetirableGrantsRequest;
    type Output = ListGrantsResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        input.retiring().map(drop)
    }
}

/// A grant of any key, as a marker names it.
struct Place(KeyArn, GrantId);

impl FromStr for Place {
    type Err = lifecycle::ids::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, id) = text.rsplit_once(' ').unwrap_or_default();
        Ok(Place(key.parse()?, id.parse()?))
    }
}

impl Query for ListRetirableGrants {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let scope = authorized.scope();
        let named = input.retiring()?;
        check_filter(authorized, Some(named))?;
        let retiring = read_principal(named, scope.region.partition())?;
        let home = scope.arn_of("grant");
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &home, retiring.as_str()],
            &BOUNDS,
            input.limit,
            input.marker.as_deref(),
        )?;
        // AWS: the principal must be one of the caller's account; which error others get is not known.
        let account = retiring.principal().account();
        if account.is_some_and(|account| account.id() != scope.account.as_str()) {
            return Err(KmsError::new(
                ErrorCode::AccessDeniedException,
                "The retiring principal must be one of your own account.",
            ));
        }
        let after = pager.after()?.map(|Place(key, id)| (key, id));
        let found = authorized.view.retirable(scope.region, retiring.as_str(), after);
        let same = found.filter(|grant| grant.retiring.as_ref() == Some(&retiring));
        Ok(ListGrantsResponse::of(pager.take(same, |grant| format!("{} {}", grant.key, grant.id))))
    }
}
