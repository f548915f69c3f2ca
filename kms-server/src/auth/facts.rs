//! What conditions of policies see of a caller, whatever it asks for.
//!
//! AWS: IAM User Guide, "AWS global condition context keys".

use lifecycle::policy::{Context, Principal};
use lifecycle::tag::Tag;

use lifecycle::clock::Timestamp;

use super::Caller;

/// What surrounds a request to another service than KMS.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) at: Timestamp,
    pub(crate) region: &'a str,
    pub(crate) source_ip: &'a str,
    pub(crate) user_agent: &'a str,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
}

/// What is known of a request to another service than KMS: of its time, its way and its caller.
pub(crate) fn of_request(caller: Option<&Caller>, around: Surroundings<'_>) -> Context {
    let nobody = || Context::new().with("aws:PrincipalIsAWSService", "false");
    let mut context = caller
        .map_or_else(nobody, |caller| of_caller(caller, Context::new()))
        .with("aws:CurrentTime", instant(around.at))
        .with("aws:EpochTime", around.at.whole_seconds().to_string())
        .with("aws:RequestedRegion", around.region)
        .with("aws:SecureTransport", around.secure.to_string())
        .with("aws:SourceIp", around.source_ip)
        .with("aws:ViaAWSService", "false");
    if !around.user_agent.is_empty() {
        context.insert("aws:UserAgent", around.user_agent);
    }
    context
}

/// Adds to an empty context what is true of the caller whatever it asks for.
pub(crate) fn of_caller(caller: &Caller, mut context: Context) -> Context {
    if !context.wants_any("aws:") {
        return context;
    }
    let identity = &caller.identity;
    let principal = caller.principal();
    let service = matches!(principal, Principal::Service(_));
    context.insert("aws:PrincipalIsAWSService", word(service));
    if service {
        context.insert("aws:PrincipalServiceName", caller.arn());
        context.insert_values("aws:PrincipalServiceNamesList", [caller.arn()]);
    } else {
        context.insert_with("aws:PrincipalArn", || principal_arn(principal));
        context.insert("aws:PrincipalAccount", identity.account().as_str());
        context.insert("aws:PrincipalType", principal_type(principal));
        context.insert("aws:userid", &*identity.user_id);
    }
    if let Principal::User { name, .. } = principal {
        context.insert("aws:username", name.rsplit('/').next().unwrap_or_default());
    }
    if let Principal::AssumedRole { provider: Some(provider), .. } = principal {
        context.insert("aws:FederatedProvider", &**provider);
    }
    let tags = if context.wants_any("aws:PrincipalTag/") { &identity.tags[..] } else { &[] };
    for Tag { tag_key, tag_value } in tags {
        context.insert(&format!("aws:PrincipalTag/{tag_key}"), tag_value);
    }
    if let Some(organization) = &identity.organization {
        context.insert("aws:PrincipalOrgID", &*organization.id);
        context.insert_values("aws:PrincipalOrgPaths", organization.path.as_deref());
    }
    if let Some(session) = &caller.session {
        context.insert("aws:MultiFactorAuthPresent", word(session.mfa));
        context.insert_with("aws:TokenIssueTime", || instant(session.created_at));
        if let Some(source) = &session.source_identity {
            context.insert("aws:SourceIdentity", &**source);
        }
        if let Some(identity) = &session.web_identity {
            context.insert("aws:FederatedProvider", &*identity.provider);
        }
    }
    context
}

/// A truth value as conditions read it.
pub(crate) fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// AWS: "aws:PrincipalArn": of a session the role, of others themselves.
fn principal_arn(principal: &Principal) -> String {
    match principal {
        Principal::AssumedRole { account, role, .. } => {
            Principal::Role { account: account.clone(), name: role.clone() }.arn()
        }
        other => other.arn(),
    }
}

/// AWS: "aws:PrincipalType".
fn principal_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root(_) => "Account",
        Principal::User { .. } => "User",
        Principal::Role { .. } | Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service(_) => "Service",
    }
}

/// An instant as conditions of dates read it.
pub(crate) fn instant(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.whole_seconds())
        .map_or_else(|_| at.to_string(), |instant| instant.to_string())
}
