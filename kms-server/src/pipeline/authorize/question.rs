//! A question about authorisation, and the request that it stands for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use lifecycle::grant::{Constraints, GrantOperation, GrantPrincipal};
use lifecycle::ids::{AliasArn, GrantId, KeyArn, KeyReference, Region};
use lifecycle::key::KeyPolicy;
use lifecycle::policy::{Context, NamedPolicy, Principal};
use lifecycle::state::View;
use lifecycle::tag::Tag;
use serde_json::{Map, Value, json};

use super::super::facts::{Circumstances, ENCRYPTION_CONTEXT, Endpoint, KEY_ID, ServiceCall, Side};
use super::super::key_targets;
use crate::auth::{Caller, SessionFacts};
use crate::operations::declaration::{Permission, Target};
use crate::operations::registry::{Entry, OPERATIONS};

/// A permission of KMS, and the operation whose rules apply to it.
#[derive(Clone, Copy)]
pub struct Action {
    pub(super) entry: &'static Entry,
    pub(super) name: &'static str,
}

impl Action {
    /// The permission of this name, such as `kms:Decrypt` or `kms:ReEncryptFrom`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("kms:")?;
        actions().find(|action| action.name == name)
    }

    /// The name without `kms:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// Every permission that some operation needs.
pub fn actions() -> impl Iterator<Item = Action> {
    OPERATIONS.iter().flat_map(|entry| {
        let declaration = &entry.declaration;
        let of_keys = match declaration.permission {
            Permission::Keys => Some(key_targets(declaration)),
            _ => None,
        };
        let own = of_keys.is_none().then_some(entry.name());
        let of_keys = of_keys.into_iter().flatten().filter_map(|target| match target {
            Target::Key { action, .. } | Target::Ciphertext { action, .. } => Some(*action),
            // The same permission as on the key before.
            Target::Replica { .. } | Target::Alias { .. } => None,
        });
        own.into_iter().chain(of_keys).map(move |name| Action { entry, name })
    })
}

/// What is asked. `None` stands for what is stored.
pub struct Question {
    /// Who would ask.
    pub principal: Principal,
    /// For which permission.
    pub action: Action,
    /// In which Region; without one that of the key's ARN, else the server's.
    pub region: Option<Region>,
    /// The key by id, ARN, alias or alias ARN; for an alias operation the alias; for ListRetirableGrants the
    /// retiring principal.
    pub key: Option<String>,
    /// The key's policy. With one, a key that is named by its ARN need not exist.
    pub key_policy: Option<KeyPolicy>,
    /// Condition keys; one without values is absent.
    pub context: Vec<(String, Vec<String>)>,
    /// The grants of the key.
    pub grants: Option<Vec<GivenGrant>>,
    /// Tokens of stored grants.
    pub grant_tokens: Vec<String>,
    /// The principal's policies.
    pub identity_policies: Option<Vec<NamedPolicy>>,
    /// Its permissions boundary.
    pub permissions_boundary: Option<NamedPolicy>,
    /// The policies of its session.
    pub session_policies: Option<Vec<NamedPolicy>>,
    /// The service control policies on its account, by level.
    pub service_control_policies: Option<Vec<Vec<NamedPolicy>>>,
    /// The resource control policies on the key's account.
    pub resource_control_policies: Option<Vec<NamedPolicy>>,
    /// The policy of the VPC endpoint that the request would come through.
    pub vpc_endpoint_policy: Option<NamedPolicy>,
    /// The principal's tags.
    pub principal_tags: Option<Vec<Tag>>,
}

/// A grant of a question.
pub enum GivenGrant {
    /// A stored grant of the key.
    Stored(GrantId),
    /// One that need not exist. It counts at once.
    Described(Box<DescribedGrant>),
}

/// What a question says of a grant.
pub struct DescribedGrant {
    /// Who may use the key.
    pub grantee: GrantPrincipal,
    /// Who may retire the grant.
    pub retiring: Option<GrantPrincipal>,
    /// What it permits.
    pub operations: BTreeSet<GrantOperation>,
    /// Which requests it covers.
    pub constraints: Constraints,
}

/// Why a question has no answer; the text names the member of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswerable(pub(super) String);

impl fmt::Display for Unanswerable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unanswerable {}

/// With what the names of the pairs of an encryption context begin.
const PAIR: &str = "kms:encryptioncontext:";

impl Question {
    /// The principal as a caller, with what the question gives it.
    pub(super) fn caller(&self, region: Region, view: View<'_>) -> Result<Caller, Unanswerable> {
        let mut identity = view.directory().identity(&self.principal);
        if let Some(policies) = &self.identity_policies {
            identity.policies.identity.clone_from(policies);
        }
        if let Some(boundary) = &self.permissions_boundary {
            identity.policies.boundary = Some(boundary.clone());
        }
        if let Some(policies) = &self.session_policies {
            identity.policies.session = Some(policies.clone());
        }
        if let Some(levels) = &self.service_control_policies {
            identity.policies.service_control = Some(levels.clone());
        }
        if let Some(policy) = &self.vpc_endpoint_policy {
            identity.policies.vpc_endpoint = Some(policy.clone());
        }
        if let Some(tags) = &self.principal_tags {
            identity.tags.clone_from(tags);
        }
        let of_key = match self.key.as_deref().map(KeyReference::parse) {
            Some(Ok(
                KeyReference::Arn(KeyArn { scope, .. }) | KeyReference::AliasArn(AliasArn { scope, .. }),
            )) => Some(scope.region),
            _ => None,
        };
        if let Some((region, of_key)) = self.region.zip(of_key).filter(|(region, of_key)| region != of_key) {
            return Err(Unanswerable(format!(
                "`region`: the key is in {of_key}, where a request of {region} does not find it"
            )));
        }
        // AWS: IAM User Guide, "AWS global condition context keys": temporary credentials tell whether a second factor
        // was shown, and when they were made.
        let temporary =
            matches!(self.principal, Principal::AssumedRole { .. } | Principal::FederatedUser { .. });
        let session = temporary.then(|| SessionFacts {
            issuer: self.principal.clone(),
            issuer_id: (*identity.user_id).into(),
            created_at: view.now(),
            expires_at: view.now(),
            mfa: false,
            source_identity: None,
            transitive_tags: Vec::new(),
            web_identity: None,
        });
        let region = self.region.or(of_key).unwrap_or(region);
        let caller = Caller::unverified(Arc::new(identity), None, region);
        Ok(Caller { session: session.map(Arc::new), ..caller })
    }

    /// What authorisation looks at in a request: the identifier of the key, the encryption context, the grant tokens.
    pub(super) fn input(&self) -> Value {
        let side = Side::of(self.action.name);
        let mut members = Map::new();
        if let Some(key) = &self.key {
            members.insert(side.member(KEY_ID).to_owned(), key.as_str().into());
        }
        let pairs = self.context.iter().filter_map(|(name, values)| {
            let pair = name
                .get(..PAIR.len())
                .filter(|start| start.eq_ignore_ascii_case(PAIR))
                .and(name.get(PAIR.len()..))?;
            Some((pair.to_owned(), Value::from(values.first()?.as_str())))
        });
        let pairs: Map<String, Value> = pairs.collect();
        if !pairs.is_empty() {
            members.insert(side.member(ENCRYPTION_CONTEXT).to_owned(), pairs.into());
        }
        members.insert("GrantTokens".to_owned(), json!(self.grant_tokens));
        members.into()
    }

    /// What surrounds the request: grants look at the resource for which a service asks, and more follows from a service
    /// that forwards the request.
    pub(super) fn circumstances(&self, around: Circumstances) -> Circumstances {
        let fact = |name: &str| {
            let mut found = self.context.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next_back().and_then(|(_, values)| values.first())
        };
        let via = fact("kms:ViaService").and_then(|via| via.split('.').next());
        let call = ServiceCall {
            endpoint: Endpoint::default(),
            via: via.map(|service| format!("{service}.amazonaws.com")),
            source_arn: fact("aws:SourceArn").cloned(),
            source_account: fact("aws:SourceAccount").cloned(),
        };
        Circumstances { service: Some(Box::new(call)), ..around }
    }

    /// The condition keys of the question. Names that differ in case only are one key.
    pub(super) fn facts(&self) -> Context {
        let mut facts = Context::new();
        for (name, values) in &self.context {
            match (facts.values(name).is_empty(), values.as_slice()) {
                (true, [value]) => facts.insert(name, value),
                (true, values) => facts.insert_values(name, values),
                (false, values) => values.iter().for_each(|value| facts.append(name, value)),
            }
        }
        facts
    }
}
