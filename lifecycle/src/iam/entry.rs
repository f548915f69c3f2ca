//! What a directory holds.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::identifier::EntityName;
use super::policy::{Policy, identity, resource, trust};
use crate::crypto::Secret;
use crate::ids::AccountId;
use crate::policy::Principal;
use crate::tag::Tag;

/// How long a session of a role lasts at most unless the role says otherwise, in seconds.
///
/// AWS: IAM User Guide, "Update the maximum session duration for a role".
pub const SESSION_SECONDS_DEFAULT: u32 = 3_600;

/// The shortest maximum that a role may set, in seconds.
pub const SESSION_SECONDS_MIN: u32 = 3_600;

/// The longest maximum that a role may set, in seconds.
pub const SESSION_SECONDS_MAX: u32 = 43_200;

/// An account, which exists whether or not the directory tells anything about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its 12 digits.
    pub id: AccountId,
    /// A name for people, unlike the alias of a sign-in page not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The organization that it is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
}

/// An account's place in an organization, and what the organization imposes on it.
///
/// The policies of a management account have no effect; describe such an account without any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its id, such as `o-a1b2c3d4e5`: what `aws:PrincipalOrgID` compares.
    pub id: Arc<str>,
    /// The path of ids down to the account's unit with a slash at its end, such as
    /// `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`: what `aws:PrincipalOrgPaths` compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// Service control policies by level: of the root, of every unit on the path, of the account. Each level must
    /// allow by itself. No levels: no such policies are in force.
    // AWS: Organizations User Guide, "SCP evaluation".
    #[serde(default, deserialize_with = "identity::levels", skip_serializing_if = "Vec::is_empty")]
    pub service_control: Vec<Vec<Policy>>,
    /// Resource control policies on the resources of the account, from all levels.
    // AWS: Organizations User Guide, "RCP evaluation".
    #[serde(default, deserialize_with = "resource::list", skip_serializing_if = "Vec::is_empty")]
    pub resource_control: Vec<Policy>,
}

/// An IAM user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Always [`Principal::User`]: account, path and name.
    #[serde(rename = "arn", serialize_with = "arn::serialize", deserialize_with = "arn::of_user")]
    pub principal: Principal,
    /// `AIDA` and 17 characters, never used again.
    pub id: Arc<str>,
    /// Its tags, as `aws:PrincipalTag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its policies, of its groups too.
    #[serde(default, deserialize_with = "identity::list", skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Its permissions boundary.
    #[serde(default, deserialize_with = "identity::optional", skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Policy>,
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Always [`Principal::Role`]: account, path and name.
    #[serde(rename = "arn", serialize_with = "arn::serialize", deserialize_with = "arn::of_role")]
    pub principal: Principal,
    /// `AROA` and 17 characters, never used again.
    pub id: Arc<str>,
    /// Who may assume the role.
    #[serde(with = "trust")]
    pub trust: Policy,
    /// Its tags, as `aws:PrincipalTag` of its sessions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its policies.
    #[serde(default, deserialize_with = "identity::list", skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Its permissions boundary.
    #[serde(default, deserialize_with = "identity::optional", skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Policy>,
    /// How long its sessions last at most, in seconds.
    #[serde(default = "session_seconds_default")]
    pub max_session_seconds: u32,
}

fn session_seconds_default() -> u32 {
    SESSION_SECONDS_DEFAULT
}

/// A long-term access key. It is never serialised: its secret goes to disk sealed only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The id that a request names, such as `AKIAIOSFODNN7EXAMPLE`.
    pub id: Arc<str>,
    /// The secret that signs.
    pub secret: Secret,
    /// Whom it belongs to: a user or a root user. Settings may also give a role session or a federated user one, which
    /// then needs no session token. Whether the directory describes the owner does not matter.
    pub owner: Principal,
}

/// A principal as its ARN.
mod arn {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::policy::Principal;

    pub(super) fn serialize<S: Serializer>(principal: &Principal, target: S) -> Result<S::Ok, S::Error> {
        target.collect_str(principal)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Principal, D::Error> {
        let text = String::deserialize(source)?;
        Principal::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no principal")))
    }

    pub(super) fn of_user<'de, D: Deserializer<'de>>(source: D) -> Result<Principal, D::Error> {
        match deserialize(source)? {
            user @ Principal::User { .. } => Ok(user),
            other => Err(D::Error::custom(format!("{other} is no user"))),
        }
    }

    pub(super) fn of_role<'de, D: Deserializer<'de>>(source: D) -> Result<Principal, D::Error> {
        match deserialize(source)? {
            role @ Principal::Role { .. } => Ok(role),
            other => Err(D::Error::custom(format!("{other} is no role"))),
        }
    }
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What is known of an account.
    Account(Arc<Account>),
    /// A user.
    User(Arc<User>),
    /// A role.
    Role(Arc<Role>),
    /// An access key.
    AccessKey(Arc<AccessKey>),
}

/// An entry without its secret: what is stored and exported in the clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// An account.
    Account(Arc<Account>),
    /// A user.
    User(Arc<User>),
    /// A role.
    Role(Arc<Role>),
    /// An access key; it has a secret.
    AccessKey {
        /// The id.
        id: Arc<str>,
        /// Whom it belongs to.
        #[serde(with = "arn")]
        owner: Principal,
    },
}

impl Body {
    /// What names the entry.
    #[must_use]
    pub fn id(&self) -> EntryId {
        match self {
            Body::Account(account) => EntryId::Account(account.id),
            Body::User(user) => EntryId::User(user.name()),
            Body::Role(role) => EntryId::Role(role.name()),
            Body::AccessKey { id, .. } => EntryId::AccessKey(Arc::clone(id)),
        }
    }

    /// The entry, with the secret that goes with it; `None` if it needs one and has none, or has one and needs none.
    #[must_use]
    pub fn with_secret(self, secret: Option<Secret>) -> Option<Entry> {
        Some(match (self, secret) {
            (Body::Account(account), None) => Entry::Account(account),
            (Body::User(user), None) => Entry::User(user),
            (Body::Role(role), None) => Entry::Role(role),
            (Body::AccessKey { id, owner }, Some(secret)) => {
                Entry::AccessKey(Arc::new(AccessKey { id, secret, owner }))
            }
            _ => return None,
        })
    }
}

/// What names an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryId {
    /// An account.
    Account(AccountId),
    /// A user.
    User(EntityName),
    /// A role.
    Role(EntityName),
    /// An access key.
    AccessKey(Arc<str>),
}

impl Account {
    /// An account of which nothing is known.
    #[must_use]
    pub fn new(id: AccountId) -> Self {
        Account { id, name: None, organization: None }
    }
}

impl User {
    /// What tells it from other users.
    #[must_use]
    pub fn name(&self) -> EntityName {
        name_of(&self.principal)
    }
}

impl Role {
    /// What tells it from other roles.
    #[must_use]
    pub fn name(&self) -> EntityName {
        name_of(&self.principal)
    }
}

/// A user or role is one by construction; anything else shares one name that no ARN has.
fn name_of(principal: &Principal) -> EntityName {
    EntityName::of(principal).unwrap_or_else(|| EntityName::new(account_of(principal), ""))
}

/// The account of a principal; that of a service is the one of AWS itself.
pub(super) fn account_of(principal: &Principal) -> AccountId {
    let account = principal.account().map(|account| account.id().parse());
    account.map_or(AccountId::aws(), |account| account.unwrap_or(AccountId::zero()))
}

impl Entry {
    /// What names this entry.
    #[must_use]
    pub fn id(&self) -> EntryId {
        match self {
            Entry::Account(account) => EntryId::Account(account.id),
            Entry::User(user) => EntryId::User(user.name()),
            Entry::Role(role) => EntryId::Role(role.name()),
            Entry::AccessKey(key) => EntryId::AccessKey(Arc::clone(&key.id)),
        }
    }

    /// What is not secret.
    #[must_use]
    pub fn body(&self) -> Body {
        match self {
            Entry::Account(account) => Body::Account(Arc::clone(account)),
            Entry::User(user) => Body::User(Arc::clone(user)),
            Entry::Role(role) => Body::Role(Arc::clone(role)),
            Entry::AccessKey(key) => Body::AccessKey { id: Arc::clone(&key.id), owner: key.owner.clone() },
        }
    }

    /// What is secret.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Entry::AccessKey(key) => Some(&key.secret),
            Entry::Account(_) | Entry::User(_) | Entry::Role(_) => None,
        }
    }

    /// How long its policies are, in bytes.
    #[must_use]
    pub fn policy_bytes(&self) -> usize {
        let sum = |policies: &[Policy]| policies.iter().map(|policy| policy.text().len()).sum::<usize>();
        let one = |policy: &Option<Policy>| policy.as_ref().map_or(0, |policy| policy.text().len());
        match self {
            Entry::Account(account) => account.organization.as_ref().map_or(0, |organization| {
                let levels = organization.service_control.iter().map(|level| sum(level));
                levels.sum::<usize>() + sum(&organization.resource_control)
            }),
            Entry::User(user) => sum(&user.policies) + one(&user.boundary),
            Entry::Role(role) => sum(&role.policies) + one(&role.boundary) + role.trust.text().len(),
            Entry::AccessKey(_) => 0,
        }
    }

    /// How a person names it: the account's digits, the ARN, or the access key id.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Entry::Account(account) => account.id.to_string(),
            Entry::User(user) => user.principal.arn(),
            Entry::Role(role) => role.principal.arn(),
            Entry::AccessKey(key) => key.id.to_string(),
        }
    }
}

/// The name of the stored row.
impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryId::Account(id) => write!(f, "account/{id}"),
            EntryId::User(name) => write!(f, "user/{name}"),
            EntryId::Role(name) => write!(f, "role/{name}"),
            EntryId::AccessKey(id) => write!(f, "access-key/{id}"),
        }
    }
}
