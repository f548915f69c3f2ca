//! Whom a policy names.

use std::fmt;

use serde::Serialize;

use super::arn::{Arn, Resource, is_account_id, path_and_name, plain_name, without_path};
use super::error::PolicyError;
use super::principal::{Account, Principal, ServicePrincipal};

/// A principal as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrincipalPattern {
    /// `*`
    Anyone,
    /// An account, by its root ARN or its 12 digits. The digits alone name no partition.
    Account {
        /// The partition of the root ARN.
        partition: Option<Box<str>>,
        /// The account's 12 digits.
        id: Box<str>,
    },
    /// An IAM user, with its path.
    User(Account, Box<str>),
    /// A role, with its path; covers the sessions of the role.
    Role(Account, Box<str>),
    /// One session of a role.
    Session {
        /// The role's account.
        account: Account,
        /// The role's name, without path.
        role: Box<str>,
        /// The session's name.
        session: Box<str>,
    },
    /// A federated user session.
    FederatedUser(Account, Box<str>),
    /// An AWS service.
    Service(ServicePrincipal),
    /// The sessions of the users of an identity provider.
    Federated(Box<str>),
    /// An account by its canonical user id. Nothing here knows such ids, so it covers nobody.
    CanonicalUser(Box<str>),
}

/// How a statement came to cover the principal, from the weakest to the most direct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalMatch {
    /// The statement names nobody: it is of an identity policy, and applies to whom that is attached.
    Attached,
    /// By its account, which leaves the decision to the account's IAM policies.
    Account,
    /// By `*`, or by a `NotPrincipal` that does not name it.
    Anyone,
    /// By the identity provider of its session.
    Federated,
    /// By the service's name.
    Service,
    /// By the ARN of its role.
    Role,
    /// By its own ARN: a user, a session, or the root user by its account.
    Own,
}

impl PrincipalPattern {
    /// Reads an entry of the `AWS` principals of a key policy.
    // AWS (observed): PutKeyPolicy with each of these forms.
    pub(super) fn aws(text: &str) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self::Anyone);
        }
        if is_account_id(text) {
            return Ok(Self::Account { partition: None, id: text.into() });
        }
        if !text.starts_with("arn:") {
            return Err(PolicyError::invalid_principal(text));
        }
        let arn = Arn::split(text).ok_or_else(|| PolicyError::invalid_arn(text))?;
        if !matches!(arn.service, "iam" | "sts") {
            return Err(PolicyError::invalid_principal(text));
        }
        let resource = arn.resource().ok_or_else(|| PolicyError::invalid_arn(text))?;
        let account = Account::new(arn.partition, arn.account);
        account
            .and_then(|account| Self::named(account, resource))
            .ok_or_else(|| PolicyError::invalid_principal(text))
    }

    /// The partition that the principal's ARN names, if it has one. A principal of another partition than the key's
    /// cannot exist.
    #[must_use]
    pub fn partition(&self) -> Option<&str> {
        match self {
            Self::Account { partition, .. } => partition.as_deref(),
            Self::User(account, _) | Self::Role(account, _) | Self::FederatedUser(account, _) => {
                Some(account.partition())
            }
            Self::Session { account, .. } => Some(account.partition()),
            Self::Anyone | Self::Service(_) | Self::Federated(_) | Self::CanonicalUser(_) => None,
        }
    }

    fn named(account: Account, resource: Resource<'_>) -> Option<Self> {
        Some(match resource {
            Resource::Root => Self::Account { partition: Some(account.partition), id: account.id },
            Resource::User(name) => Self::User(account, path_and_name(name)?),
            Resource::Role(name) => Self::Role(account, path_and_name(name)?),
            Resource::Session { role, session } => {
                Self::Session { account, role: plain_name(role)?, session: plain_name(session)? }
            }
            Resource::FederatedUser(name) => Self::FederatedUser(account, plain_name(name)?),
        })
    }

    /// Reads an entry of the `Service` principals.
    pub(super) fn service(text: &str) -> Result<Self, PolicyError> {
        ServicePrincipal::parse(text).map(Self::Service).ok_or_else(|| PolicyError::invalid_principal(text))
    }

    /// Reads an entry of the `Federated` principals: a provider's domain or ARN.
    pub(super) fn federated(text: &str) -> Result<Self, PolicyError> {
        if text.starts_with("arn:") {
            let provider = Arn::split(text)
                .filter(|arn| arn.service == "iam" && is_account_id(arn.account))
                .and_then(|arn| arn.resource.split_once('/'))
                .is_some_and(|(kind, name)| {
                    matches!(kind, "saml-provider" | "oidc-provider") && !name.is_empty()
                });
            return provider
                .then(|| Self::Federated(text.into()))
                .ok_or_else(|| PolicyError::invalid_arn(text));
        }
        let domain = text.contains('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b'_'));
        domain.then(|| Self::Federated(text.into())).ok_or_else(|| PolicyError::invalid_principal(text))
    }

    /// Reads an entry of the `CanonicalUser` principals: 64 hexadecimal digits.
    pub(super) fn canonical_user(text: &str) -> Result<Self, PolicyError> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self::CanonicalUser(text.into())).ok_or_else(|| PolicyError::invalid_principal(text))
    }

    /// Whether and how this covers `caller`.
    pub fn matches(&self, caller: &Principal) -> Option<PrincipalMatch> {
        match (self, caller) {
            (Self::Anyone, _) => Some(PrincipalMatch::Anyone),
            (Self::Account { partition, id }, caller) => {
                let account = caller.account()?;
                let covers = account.id == *id && partition.as_ref().is_none_or(|p| *p == account.partition);
                covers.then_some(match caller {
                    Principal::Root(_) => PrincipalMatch::Own,
                    _ => PrincipalMatch::Account,
                })
            }
            (Self::User(account, name), Principal::User { account: of, name: called })
            | (Self::FederatedUser(account, name), Principal::FederatedUser { account: of, name: called }) => {
                (account == of && name == called).then_some(PrincipalMatch::Own)
            }
            (
                Self::Role(account, name),
                Principal::Role { account: of, name: role }
                | Principal::AssumedRole { account: of, role, .. },
            ) => (account == of && name == role).then_some(PrincipalMatch::Role),
            (
                Self::Session { account, role, session },
                Principal::AssumedRole { account: of, role: assumed, session: called, .. },
            ) => (account == of && **role == *without_path(assumed) && session == called)
                .then_some(PrincipalMatch::Own),
            (Self::Service(name), Principal::Service(caller)) => {
                name.matches(caller).then_some(PrincipalMatch::Service)
            }
            (Self::Federated(name), Principal::AssumedRole { provider: Some(provider), .. }) => {
                (name == provider).then_some(PrincipalMatch::Federated)
            }
            _ => None,
        }
    }
}

/// Whom the statement names: `the role`.
impl fmt::Display for PrincipalMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attached => "whom it is attached to",
            Self::Account => "the account",
            Self::Anyone => "anyone",
            Self::Federated => "the identity provider",
            Self::Service => "the service",
            Self::Role => "the role",
            Self::Own => "the caller itself",
        })
    }
}

impl fmt::Display for PrincipalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::Account { partition: None, id } => f.write_str(id),
            Self::Account { partition: Some(partition), id } => write!(f, "arn:{partition}:iam::{id}:root"),
            Self::User(Account { partition, id }, name) => write!(f, "arn:{partition}:iam::{id}:user/{name}"),
            Self::Role(Account { partition, id }, name) => write!(f, "arn:{partition}:iam::{id}:role/{name}"),
            Self::Session { account: Account { partition, id }, role, session } => {
                write!(f, "arn:{partition}:sts::{id}:assumed-role/{role}/{session}")
            }
            Self::FederatedUser(Account { partition, id }, name) => {
                write!(f, "arn:{partition}:sts::{id}:federated-user/{name}")
            }
            Self::Service(name) => name.fmt(f),
            Self::Federated(name) | Self::CanonicalUser(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_principals() {
        use PrincipalMatch::{Account, Anyone, Own, Role};
        let session = "arn:aws:sts::111122223333:assumed-role/app/s";
        let cases = [
            ("*", "logs.amazonaws.com", Some(Anyone)),
            ("*", session, Some(Anyone)),
            ("111122223333", "arn:aws:iam::111122223333:root", Some(Own)),
            ("111122223333", "arn:aws-cn:iam::111122223333:user/bob", Some(Account)),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root", Some(Own)),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/bob", Some(Account)),
            ("arn:aws:iam::111122223333:root", session, Some(Account)),
            ("arn:aws:iam::111122223333:root", "arn:aws-cn:iam::111122223333:user/bob", None),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:user/bob", None),
            ("arn:aws:iam::111122223333:root", "logs.amazonaws.com", None),
            ("arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/bob", Some(Own)),
            ("arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/Bob", None),
            ("arn:aws:iam::111122223333:user/t/bob", "arn:aws:iam::111122223333:user/bob", None),
            ("arn:aws:iam::111122223333:user/app", "arn:aws:iam::111122223333:role/app", None),
            ("arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:role/app", Some(Role)),
            ("arn:aws:iam::111122223333:role/app", session, Some(Role)),
            ("arn:aws:iam::111122223333:role/x/app", session, None),
            (session, session, Some(Own)),
            ("arn:aws:sts::111122223333:assumed-role/app/t", session, None),
            ("arn:aws:sts::444455556666:assumed-role/app/s", session, None),
            (
                "arn:aws:sts::111122223333:federated-user/f",
                "arn:aws:sts::111122223333:federated-user/f",
                Some(Own),
            ),
        ];
        for (pattern, caller, expected) in cases {
            let pattern = PrincipalPattern::aws(pattern).unwrap();
            let caller = Principal::parse(caller).unwrap();
            assert_eq!(pattern.matches(&caller), expected, "{pattern} on {caller}");
        }
    }

    #[test]
    fn a_session_is_covered_by_its_role_with_its_path() {
        let session = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s").unwrap();
        let session = session.with_role("x/app");
        let how = |pattern: &str| PrincipalPattern::aws(pattern).unwrap().matches(&session);
        assert_eq!(how("arn:aws:iam::111122223333:role/x/app"), Some(PrincipalMatch::Role));
        assert_eq!(how("arn:aws:iam::111122223333:role/app"), None);
        assert_eq!(how("arn:aws:sts::111122223333:assumed-role/app/s"), Some(PrincipalMatch::Own));
    }

    #[test]
    fn federated_and_canonical_principals() {
        let google = PrincipalPattern::federated("accounts.google.com").unwrap();
        let session = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s").unwrap();
        assert_eq!(google.matches(&session), None);
        let session = session.with_provider("accounts.google.com");
        assert_eq!(google.matches(&session), Some(PrincipalMatch::Federated));
        let canonical = PrincipalPattern::canonical_user(&"0f".repeat(32)).unwrap();
        assert_eq!(canonical.matches(&session), None);
        assert!(PrincipalPattern::federated("arn:aws:iam::111122223333:saml-provider/idp").is_ok());
        assert!(PrincipalPattern::federated("arn:aws:iam::111122223333:user/bob").is_err());
        assert!(PrincipalPattern::federated("*").is_err());
        assert!(PrincipalPattern::canonical_user("0f").is_err());
    }

    #[test]
    fn aws_principals_are_refused_by_form() {
        let arn = "An ARN in the specified key policy is invalid.";
        let principals = "Policy contains a statement with one or more invalid principals.";
        let cases = [
            ("arn:aws:iam::111122223333:group/admins", arn),
            ("arn:aws:iam::111122223333:policy/p", arn),
            ("arn:aws:iam", arn),
            ("arn:", arn),
            ("arn:aws:iam::111122223333:", arn),
            ("arn:aws:iam::111122223333:user", arn),
            ("arn:aws:iam:us-east-1:111122223333:user/bob", arn),
            ("arn:aws:sts::111122223333:assumed-role/app", arn),
            ("arn:aws:s3:::bucket", principals),
            ("arn:aws:iam::111122223333:role/*", principals),
            ("arn:aws:iam::111122223333:user/", principals),
            ("arn:aws:sts::111122223333:assumed-role/path/app/s", principals),
            ("arn:aws:sts::111122223333:federated-user/a/b", principals),
            ("arn:aws:iam::*:root", principals),
            ("arn:aws:iam::123:root", principals),
            ("AROAEXAMPLEEXAMPLE123", principals),
            ("bob", principals),
            ("", principals),
            ("11112222333", principals),
        ];
        for (text, message) in cases {
            let error = PrincipalPattern::aws(text).unwrap_err();
            assert_eq!(error.message(), Some(message), "{text}");
            assert_eq!(matches!(error, PolicyError::InvalidArn { .. }), message == arn, "{text}");
        }
    }
}
