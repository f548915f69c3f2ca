//! The facts that conditions of policies look at.
//!
//! AWS: IAM User Guide, "AWS global condition context keys" and "IAM and AWS STS condition context keys".

use lifecycle::iam::{Account, Role};
use lifecycle::policy::Context;
use lifecycle::tag::Tag;

use super::{Call, Facts};
use crate::auth::facts::{Surroundings, of_request};

/// What is known of every request: of its time, its way and its caller.
pub(super) fn of(call: &Call<'_>) -> Context {
    let Facts { source_ip, user_agent, region, secure } = call.facts;
    of_request(call.caller, Surroundings { at: call.now.domain, region, source_ip, user_agent, secure })
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
