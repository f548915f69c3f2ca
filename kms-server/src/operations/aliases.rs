//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use std::sync::Arc;

use lifecycle::alias::Alias;
use lifecycle::ids::{AliasArn, AliasName, KeyArn, Scope};
use lifecycle::key::Key;
use lifecycle::managed;
use lifecycle::state::{Change, Record, RecordId, View};
use serde::{Deserialize, Serialize};

use super::metadata::Date;
use super::page::{Bounds, Pager};
use super::{Authorized, Command, Operation, Query};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasAndTargetRequest {
    alias_name: String,
    target_key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasRequest {
    alias_name: String,
}

/// The rules on alias names that the model does not state.
fn check_name(name: &str, operation: &str) -> Result<(), KmsError> {
    if !name.starts_with("alias/") {
        return Err(KmsError::validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    }
    if name == "alias/" || name.contains(':') {
        return Err(KmsError::validation(format!("{name} contains invalid characters for an alias")));
    }
    if name.starts_with("alias/aws/") {
        let message = "The alias name for a customer managed CMK cannot begin with alias/aws/.";
        // AWS (observed): CreateAlias has this text; what the two others say is not known.
        return Err(match operation {
            CreateAlias::NAME => KmsError::new(ErrorCode::NotAuthorizedException, message),
            _ => KmsError::bare(ErrorCode::NotAuthorizedException),
        });
    }
    Ok(())
}

fn check_target(target: &str) -> Result<(), KmsError> {
    if target.starts_with("alias/") || target.starts_with("arn:") && target.contains(":alias/") {
        return Err(KmsError::validation("Aliases must refer to keys. Not aliases"));
    }
    Ok(())
}

fn parse_name(name: &str) -> Result<AliasName, KmsError> {
    name.parse().map_err(|_| KmsError::bare(ErrorCode::InvalidAliasNameException))
}

fn put(alias: Alias) -> Change {
    Change::Put(Record::Alias(Arc::new(alias)))
}

/// AWS: KMS API reference, "CreateAlias".
pub(super) struct CreateAlias;

impl Operation for CreateAlias {
    const NAME: &'static str = "CreateAlias";
    type Input = AliasAndTargetRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        check_name(&input.alias_name, Self::NAME)?;
        check_target(&input.target_key_id)
    }
}

impl Command for CreateAlias {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let key = authorized.key()?;
        let arn = AliasArn { scope: authorized.scope(), name: parse_name(&input.alias_name)? };
        if authorized.view.alias(&arn).is_some() {
            return Err(KmsError::new(
                ErrorCode::AlreadyExistsException,
                format!("An alias with the name {arn} already exists"),
            ));
        }
        check_quota(authorized, key.arn)?;
        let now = authorized.view.now();
        Ok(((), vec![put(Alias { arn, target: key.arn.id, created_at: now, updated_at: now })]))
    }
}

fn check_quota(authorized: &Authorized<'_>, key: KeyArn) -> Result<(), KmsError> {
    let quota = authorized.environment.limits.aliases_per_key_max;
    let usage = authorized.view.aliases_of(key, None).count();
    if usage < quota {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::LimitExceededException,
        format!(
            "Aliases per key quota for this account in this region is {quota}, current usage is {usage}."
        ),
    ))
}

/// AWS: KMS API reference, "UpdateAlias".
pub(super) struct UpdateAlias;

impl Operation for UpdateAlias {
    const NAME: &'static str = "UpdateAlias";
    type Input = AliasAndTargetRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        check_name(&input.alias_name, Self::NAME)?;
        check_target(&input.target_key_id)
    }
}

impl Command for UpdateAlias {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let key = authorized.key()?;
        let arn = AliasArn { scope: authorized.scope(), name: parse_name(&input.alias_name)? };
        let alias = authorized.resolved.alias.as_ref();
        let alias = alias.ok_or_else(|| KmsError::bare(ErrorCode::NotFoundException))?;
        let old = authorized.view.key(&KeyArn { scope: arn.scope, id: alias.target });
        if let Some(old) = old {
            check_same_kind(&arn.name, old, key)?;
        }
        if alias.target != key.arn.id {
            check_quota(authorized, key.arn)?;
        }
        let updated = Alias { target: key.arn.id, updated_at: authorized.view.now(), ..Alias::clone(alias) };
        Ok(((), vec![put(updated)]))
    }
}

/// Both keys must have the same type and usage; the exact spec may differ.
fn check_same_kind(name: &AliasName, old: &Key, new: &Key) -> Result<(), KmsError> {
    let refuse = |what: &str, from: &str, to: &str| {
        Err(KmsError::validation(format!(
            "Alias {name} cannot be changed from a CMK with key {what} {from} to a CMK with key {what} {to}. The \
             key {what} of the current CMK and the new CMK must be the same."
        )))
    };
    if old.usage != new.usage {
        return refuse("usage", old.usage.as_str(), new.usage.as_str());
    }
    let (from, to) = (old.spec.family(), new.spec.family());
    if from != to { refuse("type", from, to) } else { Ok(()) }
}

/// AWS: KMS API reference, "DeleteAlias".
pub(super) struct DeleteAlias;

impl Operation for DeleteAlias {
    const NAME: &'static str = "DeleteAlias";
    type Input = AliasRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        check_name(&input.alias_name, Self::NAME)
    }
}

impl Command for DeleteAlias {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let arn = AliasArn { scope: authorized.scope(), name: parse_name(&input.alias_name)? };
        Ok(((), vec![Change::Delete(RecordId::Alias(arn))]))
    }
}

/// AWS: KMS API reference, "ListAliases".
pub(super) struct ListAliases;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesRequest {
    limit: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesResponse {
    aliases: Vec<AliasListEntry>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasListEntry {
    alias_name: String,
    alias_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_date: Option<Date>,
}

impl Operation for ListAliases {
    const NAME: &'static str = "ListAliases";
    type Input = ListAliasesRequest;
    type Output = ListAliasesResponse;
}

impl Query for ListAliases {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let scope = authorized.scope();
        let filter = authorized.resolved.keys.first().map(|resolved| resolved.key.arn);
        let home = scope.arn_of("alias");
        let filter_text = filter.map(|key| key.to_string()).unwrap_or_default();
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &home, &filter_text],
            &Bounds { default: 50, max: 100 },
            input.limit,
            input.marker.as_deref(),
        )?;
        let after: Option<AliasName> = pager.after()?;
        let view = authorized.view;
        let (aliases, next_marker) = match filter {
            Some(key) => {
                let arn = |name: &AliasName| AliasArn { scope: key.scope, name: name.clone() };
                let of_key = view.aliases_of(key, after).filter_map(|name| view.alias(&arn(name)));
                pager.take(of_key.map(|alias| AliasListEntry::of(alias)), |entry| entry.alias_name.clone())
            }
            None => pager.take(with_predefined(view, scope, after), |entry| entry.alias_name.clone()),
        };
        Ok(ListAliasesResponse { aliases, truncated: next_marker.is_some(), next_marker })
    }
}

/// The aliases of a scope merged, in order of name, with the predefined ones behind which no key stands yet.
fn with_predefined<'a>(
    view: View<'a>,
    scope: Scope,
    after: Option<AliasName>,
) -> impl Iterator<Item = AliasListEntry> + use<'a> {
    let first = after.clone();
    let predefined = managed::SERVICES
        .iter()
        .filter_map(move |service| service.alias(scope))
        .filter(move |arn| first.as_ref().is_none_or(|first| arn.name > *first))
        .filter(move |arn| view.alias(arn).is_none())
        .map(|arn| AliasListEntry {
            alias_name: arn.name.to_string(),
            alias_arn: arn.to_string(),
            target_key_id: None,
            creation_date: None,
            last_updated_date: None,
        });
    let mut made = view.aliases(scope, after).map(|alias| AliasListEntry::of(alias)).peekable();
    let mut predefined = predefined.peekable();
    std::iter::from_fn(move || match (made.peek(), predefined.peek()) {
        (Some(a), Some(b)) if a.alias_name < b.alias_name => made.next(),
        (_, Some(_)) => predefined.next(),
        (_, None) => made.next(),
    })
}

impl AliasListEntry {
    fn of(alias: &Alias) -> Self {
        AliasListEntry {
            alias_name: alias.arn.name.to_string(),
            alias_arn: alias.arn.to_string(),
            target_key_id: Some(alias.target.to_string()),
            creation_date: Some(Date(alias.created_at)),
            last_updated_date: Some(Date(alias.updated_at)),
        }
    }
}
