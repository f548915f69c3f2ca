//! CreateGrant.

use std::collections::BTreeSet;
use std::sync::Arc;

use lifecycle::grant::{ContextConstraint, Grant, GrantOperation, Member, grantable};
use lifecycle::ids::{GrantId, KeyArn};
use lifecycle::key::{Key, KeyManager, KeySpec};
use lifecycle::policy::Principal;
use lifecycle::state::{Change, Record};
use serde::{Deserialize, Serialize};

use super::shapes::GrantConstraints;
use super::{Named, one_of, read_principal_of};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::encryption::check_context;
use crate::operations::{Authorized, Command, Operation, Resolved, Terms};

/// AWS: KMS API reference, "GrantConstraints".
const PAIRS_MAX: usize = 8;

/// AWS: KMS API reference, "GrantConstraints", in characters.
const VALUE_LENGTH_MAX: usize = 384;

/// AWS: KMS API reference, "CreateGrant".
pub(in crate::operations) struct CreateGrant;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateGrantRequest {
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
    operations: BTreeSet<GrantOperation>,
    #[serde(default)]
    constraints: Option<GrantConstraints>,
    name: Option<Arc<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateGrantResponse {
    grant_token: String,
    grant_id: String,
}

impl CreateGrantRequest {
    fn grantee(&self) -> Result<Named<'_>, KmsError> {
        const ONE: &str =
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.";
        let named =
            one_of(self.grantee_principal.as_deref(), self.grantee_service_principal.as_deref(), ONE)?;
        named.ok_or_else(|| KmsError::validation(ONE))
    }

    fn retiring(&self) -> Result<Option<Named<'_>>, KmsError> {
        one_of(
            self.retiring_principal.as_deref(),
            self.retiring_service_principal.as_deref(),
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
        )
    }

    fn constraints(&self) -> Result<lifecycle::grant::Constraints, KmsError> {
        self.constraints.clone().unwrap_or_default().read()
    }
}

impl Operation for CreateGrant {
    const NAME: &'static str = "CreateGrant";
    type Input = CreateGrantRequest;
    type Output = CreateGrantResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        let (grantee, _) = input.grantee()?;
        let retiring = input.retiring()?;
        if input.operations.is_empty() {
            return Err(KmsError::validation("Grants must contain at least one operation."));
        }
        if input.operations.iter().eq([&GrantOperation::CreateGrant]) {
            return Err(KmsError::validation("Grants must not contain only the CreateGrant operation."));
        }
        let constraints = input.constraints()?;
        let service = grantee == Member::ServicePrincipal;
        if service && (constraints.source_arn.is_none() || retiring.is_none()) {
            return Err(KmsError::validation(
                "GranteeServicePrincipal requires a SourceArn grant constraint, and a RetiringPrincipal or a \
                 RetiringServicePrincipal.",
            ));
        }
        constraints.encryption_context.map_or(Ok(()), |constraint| check_pairs(&constraint, limits))
    }

    fn granted(input: &Self::Input) -> Result<Option<Terms>, KmsError> {
        Ok(Some(Terms { operations: input.operations.clone(), constraints: input.constraints()? }))
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        let constraints = input.constraints()?;
        resolved.keys.iter().try_for_each(|found| {
            // AWS (observed): the text, and that it comes before that of the operations.
            if constraints.encryption_context.is_some() && found.key.spec != KeySpec::SymmetricDefault {
                return Err(KmsError::validation(
                    "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
                ));
            }
            check_operations(&found.key, &input.operations)
        })
    }
}

fn check_pairs(constraint: &ContextConstraint, limits: &Limits) -> Result<(), KmsError> {
    let pairs = constraint.pairs();
    if pairs.len() > PAIRS_MAX {
        return Err(KmsError::validation(format!(
            "An encryption context grant constraint can have at most {PAIRS_MAX} pairs."
        )));
    }
    if pairs.values().any(|value| value.encode_utf16().count() > VALUE_LENGTH_MAX) {
        return Err(KmsError::validation(format!(
            "A value of an encryption context grant constraint can have at most {VALUE_LENGTH_MAX} characters."
        )));
    }
    check_context(Some(pairs), limits)
}

fn check_operations(key: &Key, operations: &BTreeSet<GrantOperation>) -> Result<(), KmsError> {
    let Some(other) = operations.iter().find(|operation| !grantable(key, **operation)) else { return Ok(()) };
    Err(KmsError::validation(format!(
        "Operation {other} cannot be granted on a key of key spec {} and key usage {}.",
        key.spec, key.usage
    )))
}

impl Command for CreateGrant {
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let grant = requested(authorized, input)?;
        let mut named =
            grant.name.iter().flat_map(|name| authorized.view.grants_named(grant.key, Arc::clone(name)));
        let known = named.find(|known| known.is_repeated_by(&grant));
        let (id, changes) = match known {
            Some(known) => (known.id, Vec::new()),
            None => {
                check_quota(authorized)?;
                (grant.id, vec![Change::Put(Record::Grant(Arc::new(grant.clone())))])
            }
        };
        Ok((
            CreateGrantResponse { grant_token: token(authorized, grant.key, id)?, grant_id: id.to_string() },
            changes,
        ))
    }
}

/// The grant that the request asks for.
fn requested(authorized: &Authorized<'_>, input: &CreateGrantRequest) -> Result<Grant, KmsError> {
    let key = authorized.key()?.arn;
    let partition = key.scope.region.partition();
    let is_service = matches!(authorized.caller.principal(), Principal::Service(_));
    let by_service = is_service || authorized.request.circumstances.via().is_some();
    let read = |named| read_principal_of(named, partition, by_service);
    let retiring = input.retiring()?.map(read).transpose()?;
    Ok(Grant {
        key,
        id: GrantId(authorized.environment.entropy.array()?),
        name: input.name.clone(),
        created_at: authorized.view.now(),
        grantee: read(input.grantee()?)?,
        retiring,
        issuing_account: authorized.scope().account,
        operations: input.operations.clone(),
        constraints: input.constraints()?,
    })
}

fn token(authorized: &Authorized<'_>, key: KeyArn, id: GrantId) -> Result<String, KmsError> {
    let salt = authorized.environment.entropy.array()?;
    Ok(authorized.environment.token_key.issue(&key, id, salt))
}

/// AWS: KMS developer guide, "Quotas": grants per customer managed key.
fn check_quota(authorized: &Authorized<'_>) -> Result<(), KmsError> {
    let key = authorized.key()?;
    let quota = authorized.environment.limits.grants_per_key_max;
    let usage = authorized.view.grant_count(&key.arn);
    if key.manager != KeyManager::Customer || usage < quota {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::LimitExceededException,
        format!("Grants per key quota for this account in this region is {quota}, current usage is {usage}."),
    ))
}
