//! GetKeyPolicy, PutKeyPolicy and ListKeyPolicies.

use lifecycle::authorize::{CrossAccount, IdentityPolicies, Inquiry, KeyPolicyRule, Resource, Rules, decide};
use lifecycle::key::{Key, KeyPolicy};
use lifecycle::policy::{Budget, Document, Kind, PolicyError, PrincipalPattern, default_key_policy, print};
use lifecycle::state::Change;
use serde::{Deserialize, Serialize};

use super::keys::put;
use super::page::{Bounds, Pager};
use super::{Authorized, Command, Operation, Query};
use crate::api::error::{ErrorCode, KmsError};
use crate::pipeline::{Authorization, Mode, facts_of};

/// The only policy that a key has.
const DEFAULT: &str = "default";

/// The policy of keys that are shared through AWS RAM.
const AWS_RAM: &str = "AWS_RAM";

/// Whether a policy must leave its author able to change it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lockout {
    /// The check is made.
    Check,
    /// The author takes the risk.
    Bypass,
}

/// A key policy as it is to be stored, for `key` or, if that has no id yet, for one of the caller's Region: checked, and
/// printed as AWS prints it back. Without a text it is the default policy.
///
/// # Errors
/// AWS's error for the first rule that the policy breaks.
pub(super) fn accept_policy(
    authorized: &Authorized<'_>,
    key: Option<&Key>,
    text: Option<&str>,
    lockout: Lockout,
) -> Result<KeyPolicy, KmsError> {
    let scope = authorized.scope();
    let Some(text) = text else {
        return Ok(default_key_policy(scope.region.partition(), scope.account.as_str()).into());
    };
    let quota = authorized.environment.limits.policy_bytes_max;
    if text.len() > quota {
        return Err(KmsError::new(
            ErrorCode::LimitExceededException,
            format!("Key policy size quota is {quota} bytes, the policy has {}.", text.len()),
        ));
    }
    let document = Document::parse(text, Kind::KeyPolicy)?;
    let partition = scope.region.partition();
    let foreign =
        |principal: &&PrincipalPattern| principal.partition().is_some_and(|found| found != partition);
    if let Some(principal) = document.principals().find(foreign) {
        return Err(PolicyError::invalid_principal(principal).into());
    }
    if lockout == Lockout::Check {
        check_lockout(authorized, key, &document)?;
    }
    print(text)
        .map(KeyPolicy::from)
        .ok_or_else(|| KmsError::bare(ErrorCode::MalformedPolicyDocumentException))
}

/// Simulates a later PutKeyPolicy by the caller against the new policy.
///
/// AWS: KMS API reference, "PutKeyPolicy", BypassPolicyLockoutSafetyCheck.
fn check_lockout(
    authorized: &Authorized<'_>,
    key: Option<&Key>,
    document: &Document,
) -> Result<(), KmsError> {
    let locked_out = || {
        KmsError::new(
            ErrorCode::MalformedPolicyDocumentException,
            "The new key policy will not allow you to update the key policy in the future.",
        )
    };
    let (caller, scope) = (authorized.caller, authorized.scope());
    // CreateKey has no key yet; a key policy can only speak of "this key" anyway.
    let arn = key
        .map_or_else(|| scope.arn_of("key/00000000-0000-0000-0000-000000000000"), |key| key.arn.to_string());
    let Authorized { request, view, environment, .. } = authorized;
    let context = facts_of(request, "PutKeyPolicy", key, *view, environment);
    let Authorization { mode, policy_steps_max } = authorized.environment.authorization;
    // Where policies are not enforced, whatever the key policy delegates to the account, the caller has.
    let (identity, resource_control) = match mode {
        Mode::Enforce => (caller.identity.policies.clone(), caller.identity.resource_control.as_slice()),
        Mode::Log | Mode::Off => {
            (IdentityPolicies { everything: true, ..IdentityPolicies::default() }, &[][..])
        }
    };
    let inquiry = Inquiry {
        principal: caller.principal(),
        action: "kms:PutKeyPolicy",
        resource: Resource::Key { arn: &arn, account: scope.account.as_str(), policy: document },
        context: &context,
        identity: &identity,
        resource_control,
        grants: &[],
        rules: Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Never },
    };
    // A policy that is too complex to judge cannot be shown to be safe.
    match decide(&inquiry, &mut Budget::new(policy_steps_max)) {
        Ok(decision) if decision.allowed() => Ok(()),
        _ => Err(locked_out()),
    }
}

impl From<PolicyError> for KmsError {
    fn from(error: PolicyError) -> Self {
        let code = match error {
            PolicyError::Malformed { .. } => ErrorCode::MalformedPolicyDocumentException,
            PolicyError::InvalidArn { .. } => ErrorCode::InvalidArnException,
        };
        match error.message() {
            Some(message) => KmsError::new(code, message),
            None => KmsError::bare(code),
        }
    }
}

/// AWS: KMS API reference, "GetKeyPolicy".
pub(super) struct GetKeyPolicy;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyRequest {
    policy_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyResponse {
    policy: String,
    policy_name: &'static str,
}

impl Operation for GetKeyPolicy {
    const NAME: &'static str = "GetKeyPolicy";
    type Input = GetKeyPolicyRequest;
    type Output = GetKeyPolicyResponse;
}

impl Query for GetKeyPolicy {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        if input.policy_name.as_deref().is_some_and(|name| name != DEFAULT) {
            return Err(KmsError::new(ErrorCode::NotFoundException, "No such policy exists"));
        }
        Ok(GetKeyPolicyResponse {
            policy: authorized.key()?.policy.as_str().to_owned(),
            policy_name: DEFAULT,
        })
    }
}

/// AWS: KMS API reference, "PutKeyPolicy".
pub(super) struct PutKeyPolicy;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutKeyPolicyRequest {
    policy_name: Option<String>,
    policy: String,
    bypass_policy_lockout_safety_check: Option<bool>,
}

impl Operation for PutKeyPolicy {
    const NAME: &'static str = "PutKeyPolicy";
    type Input = PutKeyPolicyRequest;
    type Output = ();
}

impl Command for PutKeyPolicy {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        match input.policy_name.as_deref() {
            None | Some(DEFAULT) => {}
            Some(AWS_RAM) => {
                return Err(KmsError::validation(
                    "The AWS_RAM policy can only be managed by the RAM service",
                ));
            }
            // AWS declares this error for the operation; which one it sends here is not known.
            Some(name) => {
                let message =
                    format!("Policy name {name} is not supported, the only valid name is {DEFAULT}");
                return Err(KmsError::new(ErrorCode::UnsupportedOperationException, message));
            }
        }
        let lockout = match input.bypass_policy_lockout_safety_check {
            Some(true) => Lockout::Bypass,
            _ => Lockout::Check,
        };
        let key = authorized.key()?;
        let policy = accept_policy(authorized, Some(key), Some(&input.policy), lockout)?;
        Ok(((), put(Key { policy, ..Key::clone(key) })))
    }
}

/// AWS: KMS API reference, "ListKeyPolicies".
pub(super) struct ListKeyPolicies;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyPoliciesRequest {
    limit: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyPoliciesResponse {
    policy_names: Vec<&'static str>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl Operation for ListKeyPolicies {
    const NAME: &'static str = "ListKeyPolicies";
    type Input = ListKeyPoliciesRequest;
    type Output = ListKeyPoliciesResponse;
}

impl Query for ListKeyPolicies {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let arn = authorized.key()?.arn.to_string();
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &arn],
            &Bounds { default: 100, max: 1_000 },
            input.limit,
            input.marker.as_deref(),
        )?;
        let after = pager.after::<String>()?;
        let names = [DEFAULT].into_iter().filter(|name| after.as_deref().is_none_or(|after| *name > after));
        let (policy_names, next_marker) = pager.take(names, |name| (*name).to_owned());
        Ok(ListKeyPoliciesResponse { policy_names, truncated: next_marker.is_some(), next_marker })
    }
}
