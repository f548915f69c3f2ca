//! Whom a grant names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::policy::{Principal, PrincipalMatch, ServicePrincipal};

/// The member of a request that names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// `GranteePrincipal` or `RetiringPrincipal`: an ARN; in grants that AWS services make, a service's name, too.
    Principal,
    /// `GranteeServicePrincipal` or `RetiringServicePrincipal`: a service's name.
    ServicePrincipal,
}

/// A principal as a grant names it: an account by its root ARN, a user, a role with all its sessions, one role
/// session, a federated user, or a service.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct GrantPrincipal {
    member: Member,
    text: Arc<str>,
    principal: Principal,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    member: Member,
    name: Arc<str>,
}

impl TryFrom<Stored> for GrantPrincipal {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        GrantPrincipal::parse(stored.member, &stored.name)
            .ok_or_else(|| format!("{} can be no principal of a grant", stored.name))
    }
}

impl From<GrantPrincipal> for Stored {
    fn from(principal: GrantPrincipal) -> Self {
        Stored { member: principal.member, name: principal.text }
    }
}

impl GrantPrincipal {
    /// Reads the ARN of a principal, or the name of a service.
    #[must_use]
    pub fn parse(member: Member, text: &str) -> Option<Self> {
        let principal = Principal::parse(text)?;
        let fits = member == Member::Principal || matches!(principal, Principal::Service(_));
        fits.then(|| GrantPrincipal { member, text: text.into(), principal })
    }

    /// The ARN or name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The member of the request that named it.
    #[must_use]
    pub fn member(&self) -> Member {
        self.member
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether, and how, this names `caller`. [`PrincipalMatch::Account`] leaves the decision to the account's identity
    /// policies.
    #[must_use]
    pub fn matches(&self, caller: &Principal) -> Option<PrincipalMatch> {
        let (named, how) = match (&self.principal, caller) {
            (Principal::Root(account), Principal::Root(of)) => (account == of, PrincipalMatch::Own),
            (Principal::Root(account), caller) => {
                (caller.account() == Some(account), PrincipalMatch::Account)
            }
            (Principal::Role { account, name }, Principal::AssumedRole { account: of, role, .. }) => {
                (account == of && name == role, PrincipalMatch::Role)
            }
            // The ARN of a session lacks the path of its role, and it says nothing of an identity provider.
            (Principal::AssumedRole { .. }, Principal::AssumedRole { .. }) => {
                (caller.arn() == *self.text, PrincipalMatch::Own)
            }
            (Principal::Service(service), Principal::Service(caller)) => {
                (service.matches(caller), PrincipalMatch::Service)
            }
            (named @ Principal::Role { .. }, caller) => (named == caller, PrincipalMatch::Role),
            (named, caller) => (named == caller, PrincipalMatch::Own),
        };
        named.then_some(how)
    }
}

impl fmt::Display for GrantPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for GrantPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.member, self.text)
    }
}

/// Every text by which a grant may name `caller`: all that [`GrantPrincipal::matches`] accepts, and no more. An
/// index finds the grants of a caller by them.
#[must_use]
pub fn spellings(caller: &Principal) -> Vec<Arc<str>> {
    let mut texts = vec![caller.arn()];
    match caller {
        Principal::AssumedRole { account, role, .. } => {
            texts.push(Principal::Role { account: account.clone(), name: role.clone() }.arn());
        }
        Principal::Service(service) => texts.extend(without_region(service)),
        Principal::Root(_)
        | Principal::User { .. }
        | Principal::Role { .. }
        | Principal::FederatedUser { .. } => {}
    }
    if let (Some(account), false) = (caller.account(), matches!(caller, Principal::Root(_))) {
        texts.push(Principal::Root(account.clone()).arn());
    }
    texts.into_iter().map(Arc::from).collect()
}

/// The name that stands for the service in every Region, if `service` names one Region.
fn without_region(service: &ServicePrincipal) -> Option<String> {
    let labels: Vec<&str> = service.as_str().split('.').collect();
    let shorter = |at: usize| {
        let (before, rest) = (labels.iter().take(at), labels.iter().skip(at + 1));
        before.chain(rest).copied().collect::<Vec<_>>().join(".")
    };
    let mut names = (0..labels.len()).map(shorter);
    names.find(|name| ServicePrincipal::parse(name).is_some_and(|name| name.matches(service)))
}
