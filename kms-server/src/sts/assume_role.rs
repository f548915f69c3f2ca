//! AssumeRole: a session of a role, for whom its trust policy and his own policies let.

use lifecycle::policy::{Context, Principal};
use lifecycle::tag::Tag;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Code, StsError};
use super::issue::{
    Lifetime, PolicyDescriptor, ROLE_SECONDS_DEFAULT, assumed_role_user, check_duration, check_policies,
    credentials, packed_size, role,
};
use super::session_tags::{SessionTags, combine};
use super::{Call, authorize, context, mfa};
use crate::auth::{Caller, Session, Subject};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    role_arn: String,
    role_session_name: String,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<u32>,
    #[serde(default)]
    tags: Vec<PassedTag>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    external_id: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    source_identity: Option<String>,
    provided_contexts: Option<Value>,
    minimum_session_token_size: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PassedTag {
    key: String,
    value: String,
}

impl From<PassedTag> for Tag {
    fn from(PassedTag { key, value }: PassedTag) -> Self {
        Tag { tag_key: key, tag_value: value }
    }
}

pub(super) fn run(call: &mut Call<'_>, input: &Value) -> Result<Value, StsError> {
    let input = Input::deserialize(input).map_err(|_| StsError::internal())?;
    let caller = call.signer()?;
    if input.provided_contexts.is_some() {
        let message = "ProvidedContexts is not implemented by this server.";
        return Err(StsError::new(Code::NotImplemented, message));
    }
    // AWS (observed): the text.
    if matches!(caller.principal(), Principal::Root(_)) {
        return Err(StsError::new(Code::AccessDenied, "Roles may not be assumed by root accounts."));
    }
    let inherited = caller.session.as_ref().map_or(&[][..], |session| &session.transitive_tags);
    let tags =
        combine(input.tags.into_iter().map(Tag::from).collect(), input.transitive_tag_keys, inherited)?;
    let source_identity = source_identity(caller, input.source_identity)?;
    let found = role(call, &input.role_arn)?;
    call.role = Some(input.role_arn.clone());
    mfa::check(input.serial_number.as_deref(), input.token_code.as_deref())?;
    // Nobody learns which roles there are.
    let denied = |action: &str| StsError::denied(caller.arn(), action, &input.role_arn);
    let role = found.ok_or_else(|| denied("sts:AssumeRole"))?;

    let mut facts = context::of(call);
    let account = authorize::account_of(call, role);
    context::add_role(&mut facts, role, account, &input.role_session_name, &tags.all);
    add_request(&mut facts, input.external_id, source_identity.as_deref(), &tags);
    for (action, needed) in [
        ("sts:AssumeRole", true),
        ("sts:TagSession", !tags.all.is_empty()),
        ("sts:SetSourceIdentity", source_identity.is_some()),
    ] {
        if needed && !authorize::on_role(call, caller, action, role, &facts) {
            return Err(denied(action));
        }
    }

    let seconds = input.duration_seconds.unwrap_or(ROLE_SECONDS_DEFAULT);
    check_duration(seconds, role, matches!(caller.principal(), Principal::AssumedRole { .. }))?;
    let policy_arns = check_policies(input.policy.as_deref(), input.policy_arns, role)?;
    let lifetime = Lifetime::of(call, seconds);
    let session = Session {
        subject: Subject::Role {
            arn: role.principal.arn(),
            id: role.id.to_string(),
            name: input.role_session_name.clone(),
            web_identity: None,
        },
        created_at: call.now.domain,
        expires_at: lifetime.ends_at,
        epoch: call.now.epoch,
        mfa: caller.session.as_ref().is_some_and(|session| session.mfa),
        policy: input.policy,
        policy_arns,
        tags: tags.all,
        transitive_tag_keys: tags.transitive_keys,
        source_identity,
    };
    let packed = packed_size(&session)?;
    let (credentials, size) = credentials(call, &session, &lifetime, input.minimum_session_token_size)?;
    Ok(json!({
        "AssumedRoleUser": assumed_role_user(role, &session, &input.role_session_name)?,
        "Credentials": credentials,
        "PackedPolicySize": packed,
        "SourceIdentity": session.source_identity,
        "SessionTokenSize": size,
    }))
}

/// The source identity of the session: that of the caller's session stays.
///
/// AWS: IAM User Guide, "Monitor and control actions taken with assumed roles".
fn source_identity(caller: &Caller, requested: Option<String>) -> Result<Option<String>, StsError> {
    if requested.as_deref().is_some_and(|requested| requested.starts_with("aws:")) {
        return Err(StsError::validation("SourceIdentity cannot begin with aws:, which is reserved."));
    }
    let inherited = caller.session.as_ref().and_then(|session| session.source_identity.as_deref());
    match (inherited, requested) {
        (Some(inherited), Some(requested)) if inherited != requested => Err(StsError::new(
            Code::AccessDenied,
            "The source identity of the calling session cannot be replaced.",
        )),
        (Some(inherited), _) => Ok(Some(inherited.to_owned())),
        (None, requested) => Ok(requested),
    }
}

fn add_request(
    facts: &mut Context,
    external_id: Option<String>,
    source_identity: Option<&str>,
    tags: &SessionTags,
) {
    if let Some(external_id) = external_id {
        facts.insert("sts:ExternalId", external_id);
    }
    if let Some(source_identity) = source_identity {
        facts.insert("sts:SourceIdentity", source_identity);
    }
    if !tags.transitive_keys.is_empty() {
        facts.insert_values("sts:TransitiveTagKeys", &tags.transitive_keys);
    }
}
