//! What the operations that make a session have in common: its role, its limits, and its credentials.

use std::sync::Arc;

use lifecycle::clock::{Timestamp, WallTime};
use lifecycle::iam::Role;
use lifecycle::policy::{Document, Kind, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::error::{Code, StsError};
use crate::auth::{PACKED_BYTES_MAX, Session, managed_session_policy};

/// Characters of all session policies of a request, inline and managed.
// AWS: AssumeRole, Policy.
const POLICY_CHARS_MAX: usize = 2_048;

/// Managed session policies of a request.
// AWS: AssumeRole, PolicyArns.
const POLICY_ARNS_MAX: usize = 10;

/// How long a session of a role lasts unless the request says otherwise, in seconds.
pub(super) const ROLE_SECONDS_DEFAULT: u32 = 3_600;

/// An element of `PolicyArns`.
#[derive(Deserialize)]
pub(super) struct PolicyDescriptor {
    pub(super) arn: Option<String>,
}

/// The role of an ARN, which may not exist.
///
/// AWS (observed): the texts.
pub(super) fn role<'a>(call: &Call<'a>, arn: &str) -> Result<Option<&'a Arc<Role>>, StsError> {
    match Principal::parse(arn).filter(|_| arn.starts_with("arn:")) {
        None => Err(StsError::validation("Request ARN is invalid")),
        Some(Principal::Role { .. }) => Ok(call.directory().role_by_arn(arn)),
        Some(_) => Err(StsError::validation(format!("{arn} is invalid"))),
    }
}

/// Checks how long a session of `role` is to last.
///
/// AWS (observed): the texts.
pub(super) fn check_duration(seconds: u32, role: &Role, chained: bool) -> Result<(), StsError> {
    if chained && seconds > ROLE_SECONDS_DEFAULT {
        return Err(StsError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(StsError::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

/// Checks the session policies of a request. The ARNs of the managed ones.
///
/// AWS (observed): the texts for an inline policy.
pub(super) fn check_policies(
    policy: Option<&str>,
    descriptors: Vec<PolicyDescriptor>,
    role: &Role,
) -> Result<Vec<String>, StsError> {
    if let Some(policy) = policy
        && Document::parse(policy, Kind::Identity).is_err()
    {
        let json = serde_json::from_str::<serde::de::IgnoredAny>(policy).is_ok();
        let message =
            if json { "Syntax errors in policy." } else { "The policy is not in the valid JSON format." };
        return Err(StsError::new(Code::MalformedPolicyDocument, message));
    }
    if descriptors.len() > POLICY_ARNS_MAX {
        return Err(StsError::validation(format!(
            "A session has at most {POLICY_ARNS_MAX} managed session policies."
        )));
    }
    let arns: Vec<String> = descriptors.into_iter().filter_map(|descriptor| descriptor.arn).collect();
    if let Some(unknown) = arns.iter().find(|arn| managed_session_policy(arn, role).is_none()) {
        return Err(StsError::validation(format!("Policy {unknown} does not exist or is not attachable.")));
    }
    let chars = |text: &str| text.chars().count();
    let sum = policy.map_or(0, chars) + arns.iter().map(|arn| chars(arn)).sum::<usize>();
    if sum > POLICY_CHARS_MAX {
        let percent = percent(sum, POLICY_CHARS_MAX);
        return Err(StsError::new(
            Code::PackedPolicyTooLarge,
            format!("Packed policy consumes {percent}% of allotted space, please use smaller policy."),
        ));
    }
    Ok(arns)
}

/// How much of the room for policies and tags a session takes, in percent; `None` of one that has neither.
///
/// AWS (observed): the text.
pub(super) fn packed_size(session: &Session) -> Result<Option<usize>, StsError> {
    if session.policy.is_none() && session.policy_arns.is_empty() && session.tags.is_empty() {
        return Ok(None);
    }
    let percent = percent(session.packed_bytes()?, PACKED_BYTES_MAX);
    if percent > 100 {
        return Err(StsError::new(
            Code::PackedPolicyTooLarge,
            format!("Packed policy consumes {percent}% of allotted space, please use smaller policy."),
        ));
    }
    Ok(Some(percent))
}

/// Rounded up: what does not fit takes more than 100.
fn percent(bytes: usize, max: usize) -> usize {
    (bytes * 100).div_ceil(max)
}

/// When a session ends.
pub(super) struct Lifetime {
    /// On the domain clock.
    pub(super) ends_at: Timestamp,
    /// On the wall clock, at its present rate: SDKs compare it with the clock of their machine.
    expiration: WallTime,
}

impl Lifetime {
    /// `seconds` from now.
    pub(super) fn of(call: &Call<'_>, seconds: u32) -> Self {
        let ends_at = Timestamp(call.now.domain.0.saturating_add(i64::from(seconds) * 1_000));
        Lifetime { ends_at, expiration: call.snapshot.clock.wall_at(ends_at, call.now.wall) }
    }
}

/// The credentials of a session as they are answered, and the size of their token.
pub(super) fn credentials(
    call: &Call<'_>,
    session: &Session,
    lifetime: &Lifetime,
    token_bytes_min: Option<usize>,
) -> Result<(Value, usize), StsError> {
    let issued =
        call.authenticator.session_key().issue(session, token_bytes_min.unwrap_or(0), call.entropy)?;
    let secret = std::str::from_utf8(issued.secret.expose()).map_err(|_| StsError::internal())?;
    let expiration = jiff::Timestamp::from_second(lifetime.expiration.0.div_euclid(1_000));
    let expiration = expiration.map_err(|_| StsError::internal())?.to_string();
    let size = issued.token.len();
    let credentials = json!({
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": secret,
        "SessionToken": issued.token,
        "Expiration": expiration,
    });
    Ok((credentials, size))
}

/// The session of a role as it is answered.
pub(super) fn assumed_role_user(role: &Role, session: &Session, name: &str) -> Result<Value, StsError> {
    let principal = session.principal().ok_or_else(StsError::internal)?;
    Ok(json!({ "AssumedRoleId": format!("{}:{name}", role.id), "Arn": principal.arn() }))
}
