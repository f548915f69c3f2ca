//! Whether the caller may do what it asks for: the one place where policies and grants are evaluated.
//!
//! An operation declares where its permission comes from ([`Permission`]); from that follow the demands, each
//! judged by [`lifecycle::authorize::decide`]. Grants are looked at only when policies do not allow by
//! themselves (also when one denies: the text of a denial depends on them), and facts are gathered only when a
//! policy asks for them: most requests cost neither.

mod explain;
mod question;

pub use explain::explain;
pub use question::{Action, DescribedGrant, GivenGrant, Question, Unanswerable, actions};

use std::sync::Arc;

use arrayvec::ArrayString;
use lifecycle::authorize::{
    CrossAccount, Decision, GrantAllow, Inquiry, KeyPolicyRule, Named, Resource, Rules, decide,
};
use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::grant::{Grant, GrantFacts, GrantOperation, check_child};
use lifecycle::ids::{AliasArn, KeyArn, Scope};
use lifecycle::key::{Key, KeyManager};
use lifecycle::policy::{Budget, BudgetExceeded, Context, NamedPolicy, PrincipalMatch};
use lifecycle::state::View;
use serde_json::{Value, json};

use super::facts::{self, Asked, ENCRYPTION_CONTEXT, Side};
use super::{Request, Trace, key_targets};
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::declaration::{Permission, Reach, Target};
use crate::operations::{Environment, Resolved, Retired, Terms};

/// What becomes of a request that policies and grants do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused, as AWS does.
    Enforce,
    /// It is let through, and the audit log says that it would have been refused.
    Log,
    /// Nothing is evaluated.
    Off,
}

/// How requests are authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// What becomes of what is not allowed.
    pub mode: Mode,
    /// Steps that the evaluation of one request may take, see [`Budget`].
    pub policy_steps_max: u64,
}

impl Default for Authorization {
    fn default() -> Self {
        Authorization { mode: Mode::Enforce, policy_steps_max: Budget::DEFAULT_STEPS }
    }
}

/// A permission that a request needs.
struct Demand<'a> {
    /// Without `kms:`.
    action: &'a str,
    on: On<'a>,
    named: Named,
    /// The key that is replicated, where the permission is for its replica.
    replicated: Option<&'a Key>,
}

/// What a permission is needed on.
enum On<'a> {
    Key(&'a Arc<Key>),
    Alias(String),
    Other(String),
    NewKey(String),
    Retired(&'a Retired),
    Nothing,
}

/// Authorises a request: every permission that it needs, in order.
///
/// # Errors
/// `AccessDeniedException` with AWS's text, `InvalidGrantTokenException`, or `LimitExceededException` when
/// the policies are too much to evaluate.
pub(super) fn authorize(
    request: &Request<'_>,
    view: View<'_>,
    environment: &Environment<'_>,
    resolved: &Resolved,
    trace: &mut Trace,
) -> Result<(), KmsError> {
    let by_token = grants_by_token(request, view, environment)?;
    let Authorization { mode, policy_steps_max } = environment.authorization;
    if mode == Mode::Off {
        return Ok(());
    }
    let mut judge = Judge {
        request,
        view,
        environment,
        resolved,
        by_token,
        budget: Budget::new(policy_steps_max),
        instead: Instead::default(),
    };
    for demand in demands(request, resolved) {
        let judged = judge.judge(&demand, |inquiry, decision| denied(inquiry, decision, demand.named));
        let denied = match (judged, mode) {
            (Ok(None), _) => continue,
            (Ok(Some(denied)), _) => denied,
            // Of policies that take too much work, nobody knows what they say.
            (Err(exceeded), Mode::Enforce) => {
                return Err(KmsError::new(ErrorCode::LimitExceededException, too_complex(exceeded)));
            }
            (Err(exceeded), _) => unjudged(request, &demand, exceeded),
        };
        // Where nothing is refused, that by which it would have been is the first.
        trace.denial = Some(denied.explanation);
        return match mode {
            Mode::Enforce => Err(KmsError::new(ErrorCode::AccessDeniedException, denied.message)),
            Mode::Log | Mode::Off => Ok(()),
        };
    }
    Ok(())
}

fn too_complex(BudgetExceeded { cap }: BudgetExceeded) -> String {
    format!(
        "The policies that apply to this request take more than {cap} steps to evaluate (setting \
         auth.policy_steps_max)."
    )
}

/// The permissions that a request needs, in the order in which they are judged.
fn demands<'a>(request: &'a Request<'_>, resolved: &'a Resolved) -> Vec<Demand<'a>> {
    let declaration = &request.entry.declaration;
    let operation = request.entry.name();
    let demand = |action, on| Demand { action, on, named: Named::Identifier, replicated: None };
    let keys = || {
        key_targets(declaration).zip(&resolved.keys).map(|(target, found)| match target {
            Target::Ciphertext { key, action, .. } => {
                let named = if request.input.get(*key).is_some_and(Value::is_string) {
                    Named::Identifier
                } else {
                    Named::Ciphertext
                };
                Demand { named, ..demand(*action, On::Key(&found.key)) }
            }
            Target::Key { action, .. } | Target::Replica { action, .. } => {
                demand(action, On::Key(&found.key))
            }
            Target::Alias { .. } => demand(operation, On::Key(&found.key)),
        })
    };
    let tagging = |new_key: String| {
        let tags = request.input.get("Tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty());
        tags.then(|| demand("TagResource", On::NewKey(new_key)))
    };
    match declaration.permission {
        Permission::Keys => keys().collect(),
        Permission::Identity => vec![demand(operation, On::Nothing)],
        Permission::AliasAndKeys { member } => {
            let name = request.input.get(member).and_then(Value::as_str).unwrap_or_default();
            let alias = demand(operation, On::Alias(request.caller.scope().arn_of(name)));
            let behind = resolved.behind_alias.as_ref().map(|key| demand(operation, On::Key(key)));
            std::iter::once(alias).chain(behind).chain(keys()).collect()
        }
        Permission::NewKey => {
            // Nobody can know its id, so policies say `key/*`.
            let new_key = request.caller.scope().arn_of("key/00000000-0000-0000-0000-000000000000");
            std::iter::once(demand(operation, On::Nothing)).chain(tagging(new_key)).collect()
        }
        Permission::Replica => {
            let replicated = resolved.keys.first().map(|found| &*found.key);
            let replica = replicated.map(|key| replica(request, key.arn).to_string()).unwrap_or_default();
            let replica = [demand("CreateKey", On::Nothing)].into_iter().chain(tagging(replica));
            keys().chain(replica.map(|demand| Demand { replicated, ..demand })).collect()
        }
        Permission::RetiringPrincipal { members } => {
            let named = members.iter().find_map(|member| request.input.get(*member).and_then(Value::as_str));
            vec![demand(operation, On::Other(named.unwrap_or("*").to_owned()))]
        }
        Permission::Grant => {
            resolved.retired.iter().map(|retired| demand(operation, On::Retired(retired))).collect()
        }
    }
}

/// The replica of a key that the request asks for: the same id in another Region.
fn replica(request: &Request<'_>, key: KeyArn) -> KeyArn {
    let region =
        request.input.get("ReplicaRegion").and_then(Value::as_str).and_then(|text| text.parse().ok());
    KeyArn { scope: Scope { region: region.unwrap_or(key.scope.region), ..key.scope }, ..key }
}

/// A demand that is not met.
struct Denied {
    message: String,
    explanation: Value,
}

/// What the audit log says of a demand that took too much work to judge.
fn unjudged(request: &Request<'_>, demand: &Demand<'_>, exceeded: BudgetExceeded) -> Denied {
    let message = too_complex(exceeded);
    let explanation = json!({
        "principal": request.caller.arn(),
        "action": format!("kms:{}", demand.action),
        "explanation": {"decision": "deny", "explicit": false, "message": message, "reasons": []},
    });
    Denied { message, explanation }
}

fn denied(inquiry: &Inquiry<'_>, decision: &Decision, named: Named) -> Option<Denied> {
    let denial = decision.denial.as_ref()?;
    Some(Denied {
        message: denial.message(inquiry, named),
        explanation: explanation(inquiry, decision, named),
    })
}

/// A decision with what it is about, for the audit log and for whoever asks.
fn explanation(inquiry: &Inquiry<'_>, decision: &Decision, named: Named) -> Value {
    json!({
        "principal": inquiry.principal.arn(),
        "action": inquiry.action,
        "resource": inquiry.resource.arn(),
        "explanation": decision.explain(inquiry, named),
    })
}

/// A grant, and what reasons call it.
struct NamedGrant {
    name: String,
    grant: Arc<Grant>,
}

/// What a question puts in the place of what is stored. A request puts nothing there.
#[derive(Clone, Copy, Default)]
struct Instead<'a> {
    resource_control: Option<&'a [NamedPolicy]>,
    /// Grants of the key.
    grants: Option<&'a [NamedGrant]>,
    /// Facts that replace those of the same name.
    context: Option<&'a Context>,
    /// Whether grants are to be looked at even if policies allow by themselves.
    thorough: bool,
}

struct Judge<'a> {
    request: &'a Request<'a>,
    view: View<'a>,
    environment: &'a Environment<'a>,
    resolved: &'a Resolved,
    by_token: Vec<&'a Arc<Grant>>,
    budget: Budget,
    instead: Instead<'a>,
}

impl<'a> Judge<'a> {
    /// The key of a grant. One that a question describes need not be stored.
    fn key_of(&self, grant: &Grant) -> Option<&'a Arc<Key>> {
        let mut found = self.resolved.keys.iter().map(|found| &found.key);
        found.find(|key| key.arn == grant.key).or_else(|| self.view.key(&grant.key))
    }
}

impl Judge<'_> {
    /// Judges one demand, and gives what `tell` makes of the decision.
    fn judge<T>(
        &mut self,
        demand: &Demand<'_>,
        tell: impl FnOnce(&Inquiry<'_>, &Decision) -> T,
    ) -> Result<T, BudgetExceeded> {
        let mut action = ArrayString::<64>::new();
        // The longest name of an operation has 35 characters.
        ["kms:", demand.action].iter().for_each(|part| action.try_push_str(part).unwrap_or_default());
        let key = match demand.on {
            On::Key(key) => Some(key),
            On::Retired(retired) => self.key_of(&retired.grant),
            _ => None,
        };
        let arn = key.map(|key| key.arn.text()).unwrap_or_default();
        let resource = match (&demand.on, key) {
            (_, Some(key)) => Resource::Key {
                arn: &arn,
                account: key.arn.scope.account.as_str(),
                policy: key.policy.document(),
            },
            (On::Alias(arn), _) => Resource::Alias { arn },
            (On::Other(arn), _) => Resource::Other { arn },
            (On::NewKey(arn), _) => Resource::NewKey { arn },
            (On::Key(_) | On::Retired(_) | On::Nothing, None) => Resource::None,
        };
        let foreign = key.filter(|key| key.arn.scope.account != self.request.caller.identity.account());
        let of_owner = foreign.and_then(|key| self.view.directory().account(key.arn.scope.account));
        let of_owner = of_owner.map(|account| account.resource_control());
        let identity = &self.request.caller.identity;
        let own = if foreign.is_some() { &[][..] } else { identity.resource_control.as_slice() };
        // AWS: Resource control policies in AWS KMS: they do not apply to AWS managed keys.
        let exempt = key.is_some_and(|key| key.manager == KeyManager::Aws).then_some(&[][..]);
        let stored = exempt.or(of_owner.as_deref()).unwrap_or(own);
        let resource_control = self.instead.resource_control.unwrap_or(stored);
        let of_key = key.into_iter().flat_map(|key| key.policy.document().context_keys());
        let of_resource =
            resource_control.iter().flat_map(|policy: &NamedPolicy| policy.document.context_keys());
        let wanted: Vec<_> =
            of_key.chain(identity.policies.context_keys()).chain(of_resource).cloned().collect();
        let context = if wanted.is_empty() { Context::new() } else { self.context(demand, key, wanted) };
        let retired_name = match demand.on {
            On::Retired(retired) => self.name_of(&retired.grant),
            _ => String::new(),
        };
        let (retirement, cross_account) = match (&demand.on, self.request.entry.declaration.reach) {
            (On::Retired(retired), _) => (self.retirement(retired, &retired_name), CrossAccount::Allowed),
            (_, Reach::AnyAccount) => (Vec::new(), CrossAccount::Allowed),
            (_, Reach::OwnAccount) => (Vec::new(), CrossAccount::Never),
        };
        let key_policy = match &demand.on {
            On::Retired(_) => KeyPolicyRule::NoEffect,
            _ => KeyPolicyRule::Counts,
        };
        let inquiry = Inquiry {
            principal: self.request.caller.principal(),
            action: &action,
            resource,
            context: &context,
            identity: &identity.policies,
            resource_control,
            grants: &retirement,
            rules: Rules { key_policy, cross_account },
        };
        let mut decision = decide(&inquiry, &mut self.budget)?;
        let grants = match &demand.on {
            On::Key(key) if !decision.allowed() || self.instead.thorough => self.grants(demand.action, key),
            _ => Vec::new(),
        };
        if !grants.is_empty() {
            let ids: Vec<String> = grants.iter().map(|(grant, _)| self.name_of(grant)).collect();
            let allows: Vec<_> = ids
                .iter()
                .zip(&grants)
                .map(|(id, (_, grantee))| GrantAllow { id, grantee: *grantee })
                .collect();
            decision = decide(&Inquiry { grants: &allows, ..inquiry }, &mut self.budget)?;
        }
        Ok(tell(&inquiry, &decision))
    }

    /// The facts that `wanted` names.
    fn context(&self, demand: &Demand<'_>, key: Option<&Arc<Key>>, wanted: Vec<Arc<str>>) -> Context {
        let wanted = Context::of(wanted);
        let key = key.map(|key| &**key);
        let mut context = if let On::Retired(retired) = &demand.on {
            facts::of_retirement(self.request, &retired.grant, key, self.view, wanted)
        } else {
            let same_key = facts::one_key(self.resolved.keys.iter().map(|found| found.key.arn));
            facts::gather(
                self.request,
                Asked {
                    action: demand.action,
                    key,
                    replicated: demand.replicated,
                    same_key,
                    recipient: self.resolved.recipient.as_ref(),
                },
                self.view,
                self.environment,
                wanted,
            )
        };
        if let Some(instead) = self.instead.context {
            context.replace(instead);
        }
        context
    }

    /// What reasons call a grant.
    fn name_of(&self, grant: &Arc<Grant>) -> String {
        let mut given = self.instead.grants.into_iter().flatten();
        let named = given.find(|known| Arc::ptr_eq(&known.grant, grant));
        named.map_or_else(|| grant.id.to_string(), |known| known.name.clone())
    }

    /// The grants that cover a use of a key, with how each names the caller.
    fn grants(&self, action: &str, key: &Key) -> Vec<(Arc<Grant>, PrincipalMatch)> {
        let Some(operation) = GrantOperation::named(action) else { return Vec::new() };
        if self.instead.grants.is_none() && self.view.grant_count(&key.arn) == 0 {
            return Vec::new();
        }
        let caller = self.request.caller.principal();
        let pairs = self.request.input.get(Side::of(action).member(ENCRYPTION_CONTEXT));
        let context = pairs.and_then(Value::as_object).map(|pairs| {
            let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            pairs.iter().filter_map(pair).collect::<EncryptionContext>()
        });
        let facts = GrantFacts {
            encryption_context: context.as_ref(),
            source_arn: self.request.circumstances.source_arn(),
        };
        let covering = |grant: &Arc<Grant>| {
            let counts = self.counts(grant) && self.is_within(grant);
            Some((Arc::clone(grant), grant.covers(caller, operation, &facts).filter(|_| counts)?))
        };
        match self.instead.grants {
            Some(grants) => grants.iter().filter_map(|named| covering(&named.grant)).collect(),
            None => self.view.grants_for(key.arn, caller).filter_map(covering).collect(),
        }
    }

    /// Whether what the request is to grant, if anything, is no more than this grant allows.
    ///
    /// AWS: KMS developer guide, "Granting CreateGrant permission".
    fn is_within(&self, parent: &Grant) -> bool {
        self.resolved.granted.as_ref().is_none_or(|Terms { operations, constraints }| {
            let (operations, constraints) = (operations.clone(), constraints.clone());
            check_child(parent, &Grant { operations, constraints, ..parent.clone() }).is_ok()
        })
    }

    /// Whether a grant counts already: by its age, or because the request has its token.
    fn counts(&self, grant: &Grant) -> bool {
        let delay = self.environment.limits.grant_consistency_delay;
        let named = |token: &&Arc<Grant>| (token.key, token.id) == (grant.key, grant.id);
        grant.is_consistent_at(self.view.now(), delay) || self.by_token.iter().any(named)
    }

    /// The rights by which the caller may retire a grant, in the form of grants.
    fn retirement<'n>(&self, retired: &Retired, name: &'n str) -> Vec<GrantAllow<'n>> {
        let counts = retired.by_token || self.counts(&retired.grant);
        let rights = retired.grant.retire_rights(self.request.caller.principal());
        let in_effect = rights.into_iter().filter(|right| counts || !right.needs_consistency());
        in_effect
            .map(|right| GrantAllow {
                id: name,
                grantee: if right.needs_identity_policy() {
                    PrincipalMatch::Account
                } else {
                    PrincipalMatch::Own
                },
            })
            .collect()
    }
}

/// The grants that the request names by their tokens; they may be of any key.
///
/// # Errors
/// `InvalidGrantTokenException` for a token that is not genuine, or whose grant is no more.
fn grants_by_token<'a>(
    request: &Request<'_>,
    view: View<'a>,
    environment: &Environment<'_>,
) -> Result<Vec<&'a Arc<Grant>>, KmsError> {
    let tokens = request.input.get("GrantTokens").and_then(Value::as_array).into_iter().flatten();
    let region = request.caller.scope().region;
    let texts = tokens.filter_map(Value::as_str);
    texts.map(|token| environment.grant_of_token(view, region, token)).collect()
}

/// The key behind an alias.
pub(super) fn behind<'a>(view: View<'a>, alias: &AliasArn) -> Option<&'a Arc<Key>> {
    let target = view.alias(alias)?.target;
    view.key(&KeyArn { scope: alias.scope, id: target })
}
