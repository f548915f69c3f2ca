//! What a caller brings to a decision.

use std::sync::Arc;

use super::entry::{Account, Role, User, account_of};
use super::policy::Policy;
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
    pub policies: Policies,
    /// The organization that the caller's account is a member of.
    pub organization: Option<Membership>,
}

/// The policies that come with a caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    /// Whether identity policies are taken to allow all: of a root user. Organizations limit it all the same.
    pub everything: bool,
    /// Policies of the user or role.
    pub identity: Vec<NamedPolicy>,
    /// The permissions boundary.
    pub boundary: Option<NamedPolicy>,
    /// Session policies; `None` if the session was made without, or is none.
    pub session: Option<Vec<NamedPolicy>>,
    /// Service control policies by level; every level must allow.
    pub service_control: Vec<Vec<NamedPolicy>>,
    /// Resource control policies of the caller's own account; those that count are of the account of the key, see
    /// [`super::Directory::account`].
    pub resource_control: Vec<NamedPolicy>,
    /// The policy of the VPC endpoint that the request came through.
    pub vpc_endpoint: Option<NamedPolicy>,
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
            policies: Policies { everything, ..Policies::of_account(account) },
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
            policies: Policies {
                identity: named(&user.policies),
                boundary: user.boundary.as_ref().map(Policy::named),
                ..Policies::of_account(account)
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
            policies: Policies {
                identity: named(&role.policies),
                boundary: role.boundary.as_ref().map(Policy::named),
                ..Policies::of_account(account)
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
            policies: Policies { session: session.policies, ..base.policies },
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

    /// The account that it acts in. Services, which have none, count to `000000000000`.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }
}

impl Policies {
    /// What an account's organization imposes.
    fn of_account(account: Option<&Account>) -> Self {
        let Some(organization) = account.and_then(|account| account.organization.as_ref()) else {
            return Policies::default();
        };
        Policies {
            service_control: organization.service_control.iter().map(|level| named(level)).collect(),
            resource_control: named(&organization.resource_control),
            ..Policies::default()
        }
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
