//! The facts that conditions of policies look at.
//!
//! AWS: IAM User Guide, "AWS global condition context keys" and "IAM and AWS STS condition context keys".

use jiff::Timestamp as Instant;
use lifecycle::clock::Timestamp;
use lifecycle::iam::{Account, Role};
use lifecycle::policy::{Context, Principal};
use lifecycle::tag::Tag;

use super::Call;
use crate::auth::Caller;

/// What is known of every request: of its time, its way and its caller.
pub(super) fn of(call: &Call<'_>) -> Context {
    let at = call.now.domain;
    let mut context = Context::new()
        .with("aws:CurrentTime", date(at))
        .with("aws:EpochTime", at.whole_seconds().to_string())
        .with("aws:RequestedRegion", call.facts.region)
        .with("aws:SecureTransport", call.facts.secure.to_string())
        .with("aws:SourceIp", call.facts.source_ip)
        .with("aws:ViaAWSService", "false")
        .with("aws:PrincipalIsAWSService", "false");
    if !call.facts.user_agent.is_empty() {
        context.insert("aws:UserAgent", call.facts.user_agent);
    }
    if let Some(caller) = call.caller {
        add_caller(&mut context, caller, at);
    }
    context
}

fn add_caller(context: &mut Context, caller: &Caller, now: Timestamp) {
    let identity = &caller.identity;
    context.insert("aws:PrincipalArn", principal_arn(caller.principal()));
    context.insert("aws:PrincipalAccount", identity.account().as_str());
    context.insert("aws:PrincipalType", principal_type(caller.principal()));
    context.insert("aws:userid", &*identity.user_id);
    if let Principal::User { name, .. } = caller.principal() {
        context.insert("aws:username", name.rsplit('/').next().unwrap_or_default());
    }
    for Tag { tag_key, tag_value } in &identity.tags {
        context.insert(&format!("aws:PrincipalTag/{tag_key}"), tag_value);
    }
    if let Some(membership) = &identity.organization {
        context.insert("aws:PrincipalOrgID", &*membership.id);
        if let Some(path) = &membership.path {
            context.insert_values("aws:PrincipalOrgPaths", [&**path]);
        }
    }
    let Some(session) = &caller.session else { return };
    context.insert("aws:MultiFactorAuthPresent", session.mfa.to_string());
    if session.mfa {
        let age = now.whole_seconds().saturating_sub(session.created_at.whole_seconds());
        context.insert("aws:MultiFactorAuthAge", age.to_string());
    }
    context.insert("aws:TokenIssueTime", date(session.created_at));
    if let Some(source_identity) = &session.source_identity {
        context.insert("aws:SourceIdentity", &**source_identity);
    }
    if let Some(identity) = &session.web_identity {
        context.insert("aws:FederatedProvider", &identity.provider);
    }
}

/// AWS: `aws:PrincipalArn` of a session is the ARN of its role, with the path.
fn principal_arn(principal: &Principal) -> String {
    match principal {
        Principal::AssumedRole { account, role, .. } => {
            Principal::Role { account: account.clone(), name: role.clone() }.arn()
        }
        other => other.arn(),
    }
}

/// AWS: IAM User Guide, "Principal key values".
fn principal_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root(_) => "Account",
        Principal::User { .. } => "User",
        Principal::Role { .. } | Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service(_) => "Service",
    }
}

/// Adds what is known of the role that is to be assumed, as whom, and with what.
pub(super) fn add_role(
    context: &mut Context,
    role: &Role,
    account: Option<&Account>,
    session_name: &str,
    tags: &[Tag],
) {
    context.insert("sts:RoleSessionName", session_name);
    if let Some(account) = role.principal.account() {
        context.insert("aws:ResourceAccount", account.id());
    }
    if let Some(organization) = account.and_then(|account| account.organization.as_ref()) {
        context.insert("aws:ResourceOrgID", &*organization.id);
        if let Some(path) = &organization.path {
            context.insert_values("aws:ResourceOrgPaths", [&**path]);
        }
    }
    for Tag { tag_key, tag_value } in &role.tags {
        context.insert(&format!("aws:ResourceTag/{tag_key}"), tag_value);
        context.insert(&format!("iam:ResourceTag/{tag_key}"), tag_value);
    }
    for Tag { tag_key, tag_value } in tags {
        context.insert(&format!("aws:RequestTag/{tag_key}"), tag_value);
    }
    if !tags.is_empty() {
        context.insert_values("aws:TagKeys", tags.iter().map(|tag| tag.tag_key.as_str()));
    }
}

/// A date as policies write it.
fn date(at: Timestamp) -> String {
    Instant::from_second(at.whole_seconds()).map_or_else(|_| at.to_string(), |instant| instant.to_string())
}
