//! How the verdicts add up.

use std::sync::Arc;

use super::decision::{Decision, Denial, Reason, Source};
use super::inquiry::{CrossAccount, Inquiry, KeyPolicyRule, Resource};
use super::message::Text;
use crate::policy::{
    Budget, BudgetExceeded, Document, Effect, NamedPolicy, Principal, PrincipalMatch, Question, Verdict,
    evaluate,
};

// AWS: Condition keys for AWS KMS, "kms:ResourceAliases": policy type "IAM policies only".
const RESOURCE_ALIASES: &str = "kms:ResourceAliases";

/// Decides on `inquiry`, as the documentation of the [module](super) says.
///
/// # Errors
/// [`BudgetExceeded`] if the policies take more steps than `budget` has left; the request must be refused.
pub fn decide(inquiry: &Inquiry<'_>, budget: &mut Budget) -> Result<Decision, BudgetExceeded> {
    let mut hearing = Hearing { inquiry, question: question(inquiry), budget, reasons: Vec::new() };
    let allows = hearing.hear()?;
    let mut reasons = hearing.reasons;
    // Stable: within each effect the order stays that in which the policies were asked.
    reasons.sort_by_key(|reason| reason.effect == Effect::Allow);
    let denial = denial(inquiry, &allows, &reasons);
    Ok(Decision { reasons, denial })
}

fn question<'a>(inquiry: &Inquiry<'a>) -> Question<'a> {
    Question::new(inquiry.principal, inquiry.action, inquiry.resource.arn(), inquiry.context)
}

/// What allows. Of policies that do not exist or do not apply, what is true of the request without them.
struct Allows {
    service_control: bool,
    vpc_endpoint: bool,
    /// How the key policy names the caller.
    key_policy: Option<PrincipalMatch>,
    /// How a grant names it.
    grant: Option<PrincipalMatch>,
    identity: bool,
    boundary: bool,
    session: bool,
}

/// Asks the policies of an inquiry, one after the other.
struct Hearing<'a, 'b> {
    inquiry: &'a Inquiry<'a>,
    question: Question<'a>,
    budget: &'b mut Budget,
    reasons: Vec<Reason>,
}

impl Hearing<'_, '_> {
    fn hear(&mut self) -> Result<Allows, BudgetExceeded> {
        let Inquiry { identity, resource_control, rules, .. } = self.inquiry;
        // AWS: Service control policies, Resource control policies: neither restricts service-linked roles.
        let controlled = !is_service_linked(self.inquiry.principal);
        let mut service_control = true;
        for level in identity.service_control.iter().flatten().filter(|_| controlled) {
            service_control &= self.any(Source::ServiceControlPolicy, level)?;
        }
        if controlled && rules.key_policy != KeyPolicyRule::NoEffect {
            self.any(Source::ResourceControlPolicy, resource_control)?;
        }
        let vpc_endpoint = self.limit(Source::VpcEndpointPolicy, identity.vpc_endpoint.as_ref())?;
        let key_policy = match self.inquiry.key_policy() {
            Some(policy) => self.ask_key_policy(policy)?,
            None => None,
        };
        let grant = self.grants();
        if identity.everything {
            self.reasons.push(Reason::allow(Source::RootUser, None, PrincipalMatch::Own));
            let (identity, boundary, session) = (true, true, true);
            return Ok(Allows {
                service_control,
                vpc_endpoint,
                key_policy,
                grant,
                identity,
                boundary,
                session,
            });
        }
        let allowed = self.any(Source::IdentityPolicy, &identity.identity)?;
        let boundary = self.limit(Source::PermissionsBoundary, identity.boundary.as_ref())?;
        let session = match &identity.session {
            Some(policies) => self.any(Source::SessionPolicy, policies)?,
            None => true,
        };
        Ok(Allows { service_control, vpc_endpoint, key_policy, grant, identity: allowed, boundary, session })
    }

    /// Notes the statements of a document that apply. How the most direct of those that allow names the caller.
    fn ask(
        &mut self,
        source: Source,
        name: Option<&Arc<str>>,
        document: &Document,
    ) -> Result<Option<PrincipalMatch>, BudgetExceeded> {
        let verdict = evaluate(document, &self.question, self.budget)?;
        Ok(self.note(source, name, &verdict))
    }

    /// Asks the key policy, which knows nothing of what only identity policies may look at.
    fn ask_key_policy(&mut self, document: &Document) -> Result<Option<PrincipalMatch>, BudgetExceeded> {
        let context = self.inquiry.context;
        if document.context_keys().is_empty() || context.values(RESOURCE_ALIASES).is_empty() {
            return self.ask(Source::KeyPolicy, None, document);
        }
        let context = context.clone().without(RESOURCE_ALIASES);
        let question = question(&Inquiry { context: &context, ..*self.inquiry });
        let verdict = evaluate(document, &question, self.budget)?;
        Ok(self.note(Source::KeyPolicy, None, &verdict))
    }

    fn note(
        &mut self,
        source: Source,
        name: Option<&Arc<str>>,
        verdict: &Verdict<'_>,
    ) -> Option<PrincipalMatch> {
        let statements = verdict.matched().iter();
        self.reasons.extend(statements.map(|statement| Reason::statement(source, name, statement)));
        verdict.allowed_by().map(|statement| statement.by)
    }

    /// Whether one of `policies` allows. All are asked, since each may deny.
    fn any(&mut self, source: Source, policies: &[NamedPolicy]) -> Result<bool, BudgetExceeded> {
        let mut allows = false;
        for policy in policies {
            allows |= self.ask(source, Some(&policy.name), &policy.document)?.is_some();
        }
        Ok(allows)
    }

    /// Whether `policy` allows, if there is one.
    fn limit(&mut self, source: Source, policy: Option<&NamedPolicy>) -> Result<bool, BudgetExceeded> {
        policy.map_or(Ok(true), |policy| self.any(source, std::slice::from_ref(policy)))
    }

    /// Notes the grants. How the most direct of them names the caller.
    fn grants(&mut self) -> Option<PrincipalMatch> {
        let grants = if self.inquiry.has_key_side() { self.inquiry.grants } else { &[] };
        self.reasons
            .extend(grants.iter().map(|grant| Reason::allow(Source::Grant, Some(grant.id), grant.grantee)));
        grants.iter().map(|grant| grant.grantee).max()
    }
}

/// Whether `principal` is a role that a service made for itself, or a session of it.
fn is_service_linked(principal: &Principal) -> bool {
    let (Principal::Role { name: role, .. } | Principal::AssumedRole { role, .. }) = principal else {
        return false;
    };
    role.starts_with("aws-service-role/")
}

fn denial(inquiry: &Inquiry<'_>, allows: &Allows, reasons: &[Reason]) -> Option<Denial> {
    let denies = |reason: &&Reason| reason.effect == Effect::Deny;
    let foreign = inquiry.is_foreign();
    // What the key's account denies a foreign caller reads like a key that does not exist.
    let keys_side =
        |reason: &Reason| matches!(reason.source, Source::KeyPolicy | Source::ResourceControlPolicy);
    let refused = lacks_key_side(inquiry, allows) || reasons.iter().filter(denies).any(keys_side);
    let text = match foreign {
        true if inquiry.rules.cross_account == CrossAccount::Never => Text::OwnAccountOnly,
        true if inquiry.has_key_side() && refused => Text::Hidden,
        _ => Text::Policy,
    };
    if let Some(reason) = reasons.iter().find(denies) {
        let Reason { source, policy, .. } = reason;
        return Some(Denial { explicit: true, source: *source, policy: policy.clone(), missing: None, text });
    }
    let lacking = lacking(inquiry, allows);
    let missing = lacking.iter().map(|source| missing(*source, inquiry)).collect::<Vec<_>>().join(" ");
    let source = *lacking.first()?;
    Some(Denial { explicit: false, source, policy: None, missing: Some(missing), text })
}

/// Whether neither the key policy nor a grant allows, although that is their part.
fn lacks_key_side(inquiry: &Inquiry<'_>, allows: &Allows) -> bool {
    inquiry.has_key_side() && allows.key_policy.max(allows.grant).is_none()
}

/// Everything that would have to allow and does not, in order.
fn lacking(inquiry: &Inquiry<'_>, allows: &Allows) -> Vec<Source> {
    let foreign = inquiry.is_foreign();
    let named = match foreign {
        true => allows.grant,
        false => allows.key_policy.max(allows.grant),
    };
    // What names the caller itself needs no identity policy.
    let direct = named.filter(|by| *by > PrincipalMatch::Account);
    // AWS: Permissions boundaries for IAM entities, Evaluating effective permissions with boundaries.
    let own = direct == Some(PrincipalMatch::Own) && !foreign;
    let session =
        matches!(inquiry.principal, Principal::AssumedRole { .. } | Principal::FederatedUser { .. });
    let lacks_key_side =
        lacks_key_side(inquiry, allows) || foreign && inquiry.rules.cross_account == CrossAccount::Never;
    // Where the key's account is the caller's, the key policy could name the caller and no identity policy be needed.
    let needs_identity = direct.is_none() && (foreign || !lacks_key_side);
    let lacks = [
        (Source::ServiceControlPolicy, !allows.service_control),
        (Source::VpcEndpointPolicy, !allows.vpc_endpoint),
        (Source::KeyPolicy, lacks_key_side),
        (Source::IdentityPolicy, needs_identity && !allows.identity),
        (Source::PermissionsBoundary, !(allows.boundary || own)),
        (Source::SessionPolicy, !(allows.session || own && session)),
    ];
    lacks.into_iter().filter_map(|(source, lacks)| lacks.then_some(source)).collect()
}

/// What would have to be different, as a sentence.
fn missing(source: Source, inquiry: &Inquiry<'_>) -> String {
    let Inquiry { principal: caller, action, resource, rules, .. } = inquiry;
    let arn = resource.arn();
    match (source, resource) {
        (Source::KeyPolicy, Resource::Key { account, .. })
            if inquiry.is_foreign() && rules.cross_account == CrossAccount::Never =>
        {
            format!("Only principals of the key's account, {account}, may use {action}.")
        }
        (Source::KeyPolicy, _) if rules.key_policy == KeyPolicyRule::NoEffect => {
            format!("A grant would have to let {caller} retire it.")
        }
        (Source::KeyPolicy, _) => match caller.account() {
            Some(account) if !matches!(caller, Principal::Root(_)) => format!(
                "The key policy would have to allow {action} to {caller}, or to its account {}, whose identity \
                 policies then decide; or a grant would have to cover it.",
                account.id()
            ),
            _ => format!(
                "The key policy would have to allow {action} to {caller}, or a grant would have to cover it."
            ),
        },
        (Source::ServiceControlPolicy, _) => {
            format!(
                "At every level of the organisation, a service control policy would have to allow {action} on {arn}."
            )
        }
        (Source::IdentityPolicy, _) => {
            format!("An identity policy of {caller} would have to allow {action} on {arn}.")
        }
        (Source::SessionPolicy, _) => {
            format!("A session policy of {caller} would have to allow {action} on {arn}.")
        }
        (source, _) => format!("The {source} would have to allow {action} on {arn} to {caller}."),
    }
}
