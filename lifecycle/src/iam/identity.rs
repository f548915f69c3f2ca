//! What a caller brings to a decision.

use std::sync::Arc;

use super::entry::{Account, Role, User, account_of};
use super::policy::Policy;
use crate::authorize::IdentityPolicies;
use crate::ids::AccountId;
use crate::policy::{NamedPolicy, Principal};
use crate::tag::{self, Tag};

/// A caller as authorization sees it. Shared: built once per change of the directory, or once per session.
#[derive(Debug, PartialEq)]
pub struct Identity {
    principal: Principal,
    arn: Box<str>,
    account: AccountId,
    /// `aws:userid`, and the `principalId` of audit records: the account of a root user, the unique id of a user,
    /// `{unique id of the role}:{session}` of a session. Of principals that the directory does not describe: the last
    /// part of the ARN.
    // AWS: IAM User Guide, "IAM JSON policy elements: Variables and tags", principal values.
    pub user_id: Box<str>,
    /// `aws:PrincipalTag`: of the user, or of the role and its session.
    pub tags: Vec<Tag>,
    /// What the caller may do at most, and what it is allowed.
    pub policies: IdentityPolicies,
    /// The resource control policies of the caller's own account: they count for its keys.
    pub resource_control: Vec<NamedPolicy>,
    /// The organization that the caller's account is a member of.
    pub organization: Option<Membership>,
}

/// A place in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// `aws:PrincipalOrgID`.
    pub id: Arc<str>,
    /// `aws:PrincipalOrgPaths`.
    pub path: Option<Arc<str>>,
}

/// How a session of a role was made.
#[derive(Clone, Debug, Default)]
pub struct RoleSession<'a> {
    /// The name of the session.
    pub name: &'a str,
    /// The session policies; `None` for a session without, whose rights are the role's.
    pub policies: Option<Vec<NamedPolicy>>,
    /// The session's own tags, which replace those of the role of the same key.
    pub tags: &'a [Tag],
    /// The identity provider that vouched for the session's user.
    pub provider: Option<&'a str>,
}

impl Identity {
    /// A principal that the directory says nothing about, but for its account: it has no policies. A root user is
    /// allowed everything.
    #[must_use]
    pub fn undescribed(principal: Principal, account: Option<&Account>) -> Self {
        let everything = matches!(principal, Principal::Root(_));
        let arn: Box<str> = principal.arn().into();
        let id = account_of(&principal);
        let last = arn.rsplit(['/', ':']).next().unwrap_or_default();
        let user_id = if everything { id.as_str() } else { last };
        Identity {
            account: id,
            user_id: user_id.into(),
            tags: Vec::new(),
            policies: IdentityPolicies { everything, ..of_account(account) },
            resource_control: account.map(Account::resource_control).unwrap_or_default(),
            organization: Membership::of_account(account),
            arn,
            principal,
        }
    }

    /// A user.
    #[must_use]
    pub fn of_user(user: &User, account: Option<&Account>) -> Self {
        Identity {
            user_id: (*user.id).into(),
            tags: user.tags.clone(),
            policies: IdentityPolicies {
                identity: named(&user.policies),
                boundary: user.boundary.as_ref().map(Policy::named),
                ..of_account(account)
            },
            ..Self::undescribed(user.principal.clone(), account)
        }
    }

    /// A role without a session: what an explanation asks about.
    #[must_use]
    pub fn of_role(role: &Role, account: Option<&Account>) -> Self {
        Identity {
            user_id: (*role.id).into(),
            tags: role.tags.clone(),
            policies: IdentityPolicies {
                identity: named(&role.policies),
                boundary: role.boundary.as_ref().map(Policy::named),
                ..of_account(account)
            },
            ..Self::undescribed(role.principal.clone(), account)
        }
    }

    /// A session of a role; `None` if `role` is not one.
    #[must_use]
    pub fn of_session(role: &Role, account: Option<&Account>, session: RoleSession<'_>) -> Option<Self> {
        let Principal::Role { account: of, name } = &role.principal else { return None };
        let principal = Principal::AssumedRole {
            account: of.clone(),
            role: name.clone(),
            session: session.name.into(),
            provider: session.provider.map(Into::into),
        };
        let base = Self::of_role(role, account);
        Some(Identity {
            arn: principal.arn().into(),
            principal,
            user_id: format!("{}:{}", role.id, session.name).into(),
            tags: tag::merge(&role.tags, session.tags),
            policies: IdentityPolicies { session: session.policies, ..base.policies },
            ..base
        })
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The ARN, printed once.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account that it acts in: that of a service is [`AccountId::aws`].
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }
}

/// What the organization of an account imposes on its principals.
fn of_account(account: Option<&Account>) -> IdentityPolicies {
    let levels = account.and_then(|account| account.organization.as_ref()).map(|org| &org.service_control);
    let service_control = levels.filter(|levels| !levels.is_empty());
    IdentityPolicies {
        service_control: service_control.map(|levels| levels.iter().map(|level| named(level)).collect()),
        ..IdentityPolicies::default()
    }
}

impl Account {
    /// The resource control policies on the keys of the account.
    #[must_use]
    pub fn resource_control(&self) -> Vec<NamedPolicy> {
        self.organization.as_ref().map_or_else(Vec::new, |organization| named(&organization.resource_control))
    }
}

impl Membership {
    fn of_account(account: Option<&Account>) -> Option<Self> {
        let organization = account?.organization.as_ref()?;
        Some(Membership { id: Arc::clone(&organization.id), path: organization.path.clone() })
    }
}

fn named(policies: &[Policy]) -> Vec<NamedPolicy> {
    policies.iter().map(Policy::named).collect()
}
