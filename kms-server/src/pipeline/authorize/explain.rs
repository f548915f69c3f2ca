//! A question about authorisation, judged as a request would be. Nothing is carried out.
//!
//! The question becomes a request, as far as authorisation looks at one, and is put before the same [`Judge`]: what it
//! says takes the place of what is stored.

use std::sync::Arc;

use lifecycle::authorize::Named;
use lifecycle::clock::Timestamp;
use lifecycle::grant::Grant;
use lifecycle::ids::{AliasArn, GrantId, KeyArn, KeyReference, Region, Scope};
use lifecycle::key::{Key, KeyManager, KeyPolicy, KeySpec, KeyUsage, MultiRegion, Origin, Switch};
use lifecycle::managed;
use lifecycle::policy::Budget;
use lifecycle::state::View;
use serde_json::Value;

use super::super::Request;
use super::super::facts::Circumstances;
use super::question::{Action, GivenGrant, Question, Unanswerable};
use super::{Demand, Instead, Judge, NamedGrant, On, behind, explanation, grants_by_token, too_complex};
use crate::operations::declaration::Permission;
use crate::operations::{Environment, Resolved, ResolvedKey, Retired};

fn no(text: impl Into<String>) -> Unanswerable {
    Unanswerable(text.into())
}

/// Judges a question, whatever becomes of denied requests. `region` is that of requests that name none, and `around` is
/// where the request would come from.
///
/// An operation on an alias needs the permission on the alias and on the key behind it: both are judged, and the answer
/// is the first denial.
///
/// # Errors
/// The question contradicts itself, names what does not exist, or takes more work than the settings allow.
pub fn explain(
    question: &Question,
    region: Region,
    around: Circumstances,
    view: View<'_>,
    environment: &Environment<'_>,
) -> Result<Value, Unanswerable> {
    let caller = question.caller(region, view)?;
    let input = question.input();
    let circumstances = question.circumstances(around);
    let Action { entry, name } = question.action;
    let request = Request { entry, caller: &caller, input: &input, circumstances: &circumstances };
    let by_token = grants_by_token(&request, view, environment).map_err(|_| {
        no("`grant_tokens`: one of them is not genuine, is of another Region, or its grant has ended")
    })?;
    let subject = question.subject(caller.scope(), view)?;
    let grants = question.grants(subject.key(), caller.scope(), view)?;
    let mut resolved = Resolved::default();
    if let Some(key) = subject.key() {
        resolved.keys.push(ResolvedKey { key: Arc::clone(key), material: None });
    }
    if let Permission::Grant = entry.declaration.permission {
        let (grant, by_token) = match (grants.as_deref(), by_token.as_slice()) {
            (Some([NamedGrant { grant, .. }]), []) => (grant, false),
            (None, [grant]) => (*grant, true),
            _ => {
                return Err(no(
                    "kms:RetireGrant is about one grant: give it in `grants`, or its token in `grant_tokens`",
                ));
            }
        };
        if subject.key().is_some_and(|key| key.arn != grant.key) {
            return Err(no("`grant_tokens`: the grant is one of another key than `key`"));
        }
        resolved.retired = Some(Retired { grant: Arc::clone(grant), by_token });
    }
    let demand = |on| Demand { action: name, on, named: Named::Identifier, replicated: None };
    let demands: Vec<Demand<'_>> = match &subject {
        Subject::Alias(alias, behind) => {
            let behind = behind.as_ref().map(|key| demand(On::Key(key)));
            std::iter::once(demand(On::Alias(alias.to_string()))).chain(behind).collect()
        }
        _ if resolved.retired.is_some() => {
            resolved.retired.iter().map(|retired| demand(On::Retired(retired))).collect()
        }
        Subject::Key(key) => vec![demand(On::Key(key))],
        Subject::Other(arn) => vec![demand(On::Other(arn.clone()))],
        Subject::NewKey(arn) => vec![demand(On::NewKey(arn.clone()))],
        Subject::Nothing => vec![demand(On::Nothing)],
    };
    let context = question.facts();
    let mut judge = Judge {
        request: &request,
        view,
        environment,
        resolved: &resolved,
        by_token,
        budget: Budget::new(environment.authorization.policy_steps_max),
        instead: Instead {
            resource_control: question.resource_control_policies.as_deref(),
            grants: grants.as_deref(),
            context: Some(&context),
            thorough: true,
        },
    };
    let mut answer: Option<Value> = None;
    for demand in &demands {
        let (allowed, mut told) = judge
            .judge(demand, |inquiry, decision| {
                (decision.allowed(), explanation(inquiry, decision, demand.named))
            })
            .map_err(|exceeded| no(too_complex(exceeded)))?;
        if allowed {
            if let Some(earlier) = answer {
                add_reasons(&mut told, &earlier);
            }
            answer = Some(told);
        } else {
            return Ok(told);
        }
    }
    Ok(answer.unwrap_or_default())
}

/// Puts what spoke for an earlier demand before what spoke for this one, and names the resource of the earlier.
fn add_reasons(told: &mut Value, earlier: &Value) {
    const REASONS: &str = "/explanation/reasons";
    let mut reasons = earlier.pointer(REASONS).and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Array(own)) = told.pointer_mut(REASONS) {
        reasons.append(own);
        *own = reasons;
    }
    if let (Some(resource), Some(first)) = (told.get_mut("resource"), earlier.get("resource")) {
        resource.clone_from(first);
    }
}

/// What a permission is asked for.
enum Subject {
    Key(Arc<Key>),
    /// An alias, and the key behind it if it exists.
    Alias(AliasArn, Option<Arc<Key>>),
    Other(String),
    NewKey(String),
    Nothing,
}

impl Subject {
    fn key(&self) -> Option<&Arc<Key>> {
        match self {
            Subject::Key(key) => Some(key),
            Subject::Alias(_, behind) => behind.as_ref(),
            Subject::Other(_) | Subject::NewKey(_) | Subject::Nothing => None,
        }
    }
}

impl Question {
    /// What the permission is asked for: which it can be, the operation declares.
    fn subject(&self, home: Scope, view: View<'_>) -> Result<Subject, Unanswerable> {
        let Action { entry, name } = self.action;
        let policy = self.key_policy.is_some().then_some("`key_policy`");
        let idle = policy.or(self.grants.is_some().then_some("`grants`"));
        let without_key = |subject| match idle {
            Some(member) => Err(no(format!("{member}: there is no key that it could belong to"))),
            None => Ok(subject),
        };
        match (entry.declaration.permission, self.key.as_deref()) {
            (Permission::Identity | Permission::NewKey, Some(_)) => {
                Err(no(format!("`key`: kms:{name} is a permission on no key: leave it out")))
            }
            (Permission::Identity | Permission::NewKey, None) => without_key(Subject::Nothing),
            (Permission::RetiringPrincipal { .. }, retiring) => {
                without_key(Subject::Other(retiring.unwrap_or("*").to_owned()))
            }
            (Permission::Grant, None) if self.key_policy.is_none() => Ok(Subject::Nothing),
            // What CreateKey and ReplicateKey need for tags is a permission on a key that does not exist yet.
            (_, None) if name == "TagResource" => {
                without_key(Subject::NewKey(home.arn_of("key/00000000-0000-0000-0000-000000000000")))
            }
            (_, None) => Err(no(format!("`key`: kms:{name} is a permission on a key: say on which"))),
            (Permission::AliasAndKeys { .. }, Some(key)) => match self.alias(key, home) {
                Some(alias) => match behind(view, &alias) {
                    Some(key) => Ok(Subject::Alias(alias, Some(self.with_policy(key)))),
                    None => without_key(Subject::Alias(alias, None)),
                },
                None => self.find(key, home, view).map(Subject::Key),
            },
            (Permission::Keys | Permission::Replica | Permission::Grant, Some(key)) => {
                self.find(key, home, view).map(Subject::Key)
            }
        }
    }

    fn alias(&self, text: &str, home: Scope) -> Option<AliasArn> {
        match KeyReference::parse(text).ok()? {
            KeyReference::Alias(name) => Some(AliasArn { scope: home, name }),
            KeyReference::AliasArn(alias) => Some(alias),
            KeyReference::Id(_) | KeyReference::Arn(_) => None,
        }
    }

    /// The key of an identifier, with the policy of the question.
    fn find(&self, text: &str, home: Scope, view: View<'_>) -> Result<Arc<Key>, Unanswerable> {
        let reference = KeyReference::parse(text)
            .map_err(|_| no(format!("`key`: {text} is no key id, key ARN, alias name or alias ARN")))?;
        let arn = match &reference {
            KeyReference::Id(id) => KeyArn { scope: home, id: *id },
            KeyReference::Arn(arn) => *arn,
            KeyReference::Alias(_) | KeyReference::AliasArn(_) => {
                let alias = self.alias(text, home);
                let found = alias.as_ref().and_then(|alias| behind(view, alias));
                return match (found, alias) {
                    (Some(key), _) => Ok(self.with_policy(key)),
                    // A key that AWS makes when it is needed is judged as it will be.
                    (None, Some(alias)) => match managed::planned(&alias, view.now()) {
                        Some(key) => Ok(self.with_policy(&Arc::new(key))),
                        None => Err(no(format!("`key`: there is no key behind {alias}"))),
                    },
                    (None, None) => Err(no(format!("`key`: there is no key behind {text}"))),
                };
            }
        };
        match (view.key(&arn), &self.key_policy) {
            (Some(key), _) => Ok(self.with_policy(key)),
            (None, Some(policy)) if matches!(reference, KeyReference::Arn(_)) => {
                Ok(Arc::new(made_up(arn, policy, view.now())))
            }
            (None, _) => Err(no(format!(
                "`key`: there is no key {arn}; of one that does not exist, give the ARN and a `key_policy`"
            ))),
        }
    }

    fn with_policy(&self, key: &Arc<Key>) -> Arc<Key> {
        match &self.key_policy {
            Some(policy) => Arc::new(Key { policy: policy.clone(), ..Key::clone(key) }),
            None => Arc::clone(key),
        }
    }

    /// The grants of the question, each with a name: its id, or its place in the question.
    fn grants(
        &self,
        key: Option<&Arc<Key>>,
        home: Scope,
        view: View<'_>,
    ) -> Result<Option<Vec<NamedGrant>>, Unanswerable> {
        let Some(given) = &self.grants else { return Ok(None) };
        let key = key.ok_or_else(|| no("`grants`: say by `key` on which key they are"))?.arn;
        let grant = |(at, given): (usize, &GivenGrant)| match given {
            GivenGrant::Stored(id) => {
                let stored =
                    view.grant(key, *id).ok_or_else(|| no(format!("`grants`: the key has no grant {id}")))?;
                Ok(NamedGrant { name: id.to_string(), grant: Arc::clone(stored) })
            }
            GivenGrant::Described(described) => {
                let grant = Grant {
                    key,
                    id: GrantId([0; 32]),
                    name: None,
                    created_at: Timestamp(i64::MIN),
                    grantee: described.grantee.clone(),
                    retiring: described.retiring.clone(),
                    issuing_account: home.account,
                    operations: described.operations.clone(),
                    constraints: described.constraints.clone(),
                };
                Ok(NamedGrant { name: format!("grants[{at}]"), grant: Arc::new(grant) })
            }
        };
        given.iter().enumerate().map(grant).collect::<Result<_, _>>().map(Some)
    }
}

/// A key that does not exist: a symmetric one of KMS, without aliases and tags.
fn made_up(arn: KeyArn, policy: &KeyPolicy, now: Timestamp) -> Key {
    Key {
        arn,
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        manager: KeyManager::Customer,
        multi_region: arn.id.is_multi_region().then(MultiRegion::primary),
        description: "".into(),
        created_at: now,
        switch: Switch::Enabled,
        pending_deletion: None,
        policy: policy.clone(),
        tags: Vec::new(),
        current_material: None,
        material_count: 0,
        rotation: None,
        on_demand_rotations: 0,
        custom_store: None,
        imported: Vec::new(),
    }
}
