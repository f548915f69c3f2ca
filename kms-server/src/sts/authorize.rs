//! Who may assume a role.
//!
//! A trust policy is to a role what a key policy is to a key: it must allow, and naming the account leaves the rest to the
//! caller's own policies. So the decision is the same, see [`lifecycle::authorize`].
//!
//! AWS: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; the guide calls role trust
//! policies and KMS key policies the two that must always allow.

use lifecycle::authorize::{CrossAccount, Inquiry, KeyPolicyRule, Resource, Rules, decide};
use lifecycle::iam::{Account, Role};
use lifecycle::policy::{
    Budget, Context, Decision, Effect, NamedPolicy, Principal, PrincipalMatch, Question, evaluate,
};

use super::Call;
use crate::auth::Caller;

const RULES: Rules = Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Allowed };

/// Whether `caller` may do `action`, such as `sts:AssumeRole`, to `role`.
pub(super) fn on_role(
    call: &Call<'_>,
    caller: &Caller,
    action: &str,
    role: &Role,
    context: &Context,
) -> bool {
    let Some(account) = role.principal.account() else { return false };
    let arn = role.principal.arn();
    let inquiry = Inquiry {
        principal: caller.principal(),
        action,
        resource: Resource::Key { arn: &arn, account: account.id(), policy: role.trust.document() },
        context,
        identity: &caller.identity.policies,
        resource_control: &resource_control(account_of(call, role)),
        grants: &[],
        rules: RULES,
    };
    decide(&inquiry, &mut Budget::new(call.policy_steps_max)).is_ok_and(|decision| decision.allowed())
}

/// Whether `caller` may do an `action` that has no resource.
pub(super) fn on_nothing(call: &Call<'_>, caller: &Caller, action: &str, context: &Context) -> bool {
    let inquiry = Inquiry {
        principal: caller.principal(),
        action,
        resource: Resource::None,
        context,
        identity: &caller.identity.policies,
        resource_control: &caller.identity.resource_control,
        grants: &[],
        rules: RULES,
    };
    decide(&inquiry, &mut Budget::new(call.policy_steps_max)).is_ok_and(|decision| decision.allowed())
}

/// Whether a user for whom an identity provider vouches may do `action` to `role`. Such a user has no policies: the trust
/// policy must name the provider or everybody, and nothing may deny. `session` is the session that is asked for.
pub(super) fn of_web_identity(
    call: &Call<'_>,
    session: &Principal,
    action: &str,
    role: &Role,
    context: &Context,
) -> bool {
    let arn = role.principal.arn();
    let question = Question::new(session, action, &arn, context);
    let mut budget = Budget::new(call.policy_steps_max);
    let trusted = evaluate(role.trust.document(), &question, &mut budget).is_ok_and(|verdict| {
        // The session is of the role's account, but whoever asks for it is not.
        let named = |by| matches!(by, PrincipalMatch::Federated | PrincipalMatch::Anyone);
        let mut allows = verdict.matched().iter().filter(|statement| statement.effect == Effect::Allow);
        verdict.denied_by().is_none() && allows.any(|statement| named(statement.by))
    });
    trusted
        && resource_control(account_of(call, role)).iter().all(|policy| {
            evaluate(&policy.document, &question, &mut budget)
                .is_ok_and(|verdict| verdict.decision() != Decision::ExplicitDeny)
        })
}

/// What the directory knows of the account of a role.
pub(super) fn account_of<'a>(call: &Call<'a>, role: &Role) -> Option<&'a Account> {
    let id = role.principal.account()?.id().parse().ok()?;
    call.directory().account(id).map(|account| &**account)
}

fn resource_control(account: Option<&Account>) -> Vec<NamedPolicy> {
    account.map(Account::resource_control).unwrap_or_default()
}
