//! Who asks.

use std::borrow::Cow;
use std::fmt;

use crate::ids::{AccountId, Region};

use super::arn::{Arn, Resource, is_account_id, path_and_name, plain_name, without_path};

/// An AWS account in its partition (`aws`, `aws-cn`, …).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    pub(super) partition: Box<str>,
    pub(super) id: Box<str>,
}

impl Account {
    /// The account, if `id` is 12 digits and `partition` can be one.
    pub fn new(partition: &str, id: &str) -> Option<Self> {
        let partition_fits = !partition.is_empty()
            && partition.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (partition_fits && is_account_id(id)).then(|| Self { partition: partition.into(), id: id.into() })
    }

    /// The account of a parsed id, in a partition such as `Region::partition` tells.
    pub fn of(partition: &'static str, id: AccountId) -> Self {
        Self { partition: partition.into(), id: id.as_str().into() }
    }

    /// The partition of its ARNs.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Its 12 digits.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Who makes a request.
///
/// Names of users and roles include their path, without the leading slash: `team/build/deployer`.
// AWS: AWS JSON policy elements: Principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The root user of an account.
    Root(Account),
    /// An IAM user.
    User {
        /// The user's account.
        account: Account,
        /// Path and name.
        name: Box<str>,
    },
    /// A role without a session: what a policy simulation asks about.
    Role {
        /// The role's account.
        account: Account,
        /// Path and name.
        name: Box<str>,
    },
    /// A session of a role.
    AssumedRole {
        /// The role's account.
        account: Account,
        /// Path and name of the role. The ARN of the session has the name only.
        role: Box<str>,
        /// The session's name.
        session: Box<str>,
        /// The identity provider that vouched for the session's user, if one did.
        provider: Option<Box<str>>,
    },
    /// A federated user session, made by an IAM user.
    FederatedUser {
        /// The user's account.
        account: Account,
        /// The name of the session.
        name: Box<str>,
    },
    /// An AWS service on its own behalf.
    Service(ServicePrincipal),
}

impl Principal {
    /// Reads the ARN of a root user, user, role, role session or federated user, or the name of a service.
    ///
    /// The ARN of a role session has no path: the role is taken to have none (see [`Self::with_role`]).
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("arn:") {
            return ServicePrincipal::parse(text).map(Self::Service);
        }
        let arn = Arn::split(text)?;
        let account = Account::new(arn.partition, arn.account)?;
        Some(match arn.resource()? {
            Resource::Root => Self::Root(account),
            Resource::User(name) => Self::User { account, name: path_and_name(name)? },
            Resource::Role(name) => Self::Role { account, name: path_and_name(name)? },
            Resource::Session { role, session } => Self::AssumedRole {
                account,
                role: plain_name(role)?,
                session: plain_name(session)?,
                provider: None,
            },
            Resource::FederatedUser(name) => Self::FederatedUser { account, name: plain_name(name)? },
        })
    }

    /// This role session with the path and name of its role. Other principals stay as they are.
    #[must_use]
    pub fn with_role(mut self, path_and_name: &str) -> Self {
        if let Self::AssumedRole { role, .. } = &mut self {
            *role = path_and_name.trim_start_matches('/').into();
        }
        self
    }

    /// This role session as one that an identity provider vouched for. Other principals stay as they are.
    #[must_use]
    pub fn with_provider(mut self, name: &str) -> Self {
        if let Self::AssumedRole { provider, .. } = &mut self {
            *provider = Some(name.into());
        }
        self
    }

    /// The principal's account; services have none.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Root(account)
            | Self::User { account, .. }
            | Self::Role { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Service(_) => None,
        }
    }

    /// The ARN by which messages and audit records call the principal; a service's name.
    pub fn arn(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(Account { partition, id }) => write!(f, "arn:{partition}:iam::{id}:root"),
            Self::User { account: Account { partition, id }, name } => {
                write!(f, "arn:{partition}:iam::{id}:user/{name}")
            }
            Self::Role { account: Account { partition, id }, name } => {
                write!(f, "arn:{partition}:iam::{id}:role/{name}")
            }
            Self::AssumedRole { account: Account { partition, id }, role, session, .. } => {
                write!(f, "arn:{partition}:sts::{id}:assumed-role/{}/{session}", without_path(role))
            }
            Self::FederatedUser { account: Account { partition, id }, name } => {
                write!(f, "arn:{partition}:sts::{id}:federated-user/{name}")
            }
            Self::Service(service) => service.fmt(f),
        }
    }
}

/// The name of a service as principal, such as `logs.amazonaws.com` or `logs.us-east-1.amazonaws.com`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServicePrincipal(Box<str>);

impl ServicePrincipal {
    /// Reads a service's name: labels of lower-case letters, digits and `-`, with at least one dot.
    pub fn parse(text: &str) -> Option<Self> {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        (text.len() <= 255 && text.contains('.') && text.split('.').all(label)).then(|| Self(text.into()))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service without a Region, as audit records and `kms:ViaService` in policies spell it: `dynamodb.amazonaws.com`.
    pub fn global(&self) -> Cow<'_, str> {
        match self.without_region() {
            Some((head, tail)) => Cow::Owned(format!("{head}{tail}")),
            None => Cow::Borrowed(&self.0),
        }
    }

    /// The service of one Region, as grants name it: `dynamodb.us-east-1.amazonaws.com`. A name that has a Region keeps
    /// it, and one that is not of AWS has none.
    #[must_use]
    pub fn in_region(&self, region: Region) -> Self {
        let at = if self.without_region().is_none() { self.0.find(".amazonaws.com") } else { None };
        match at.and_then(|at| self.0.split_at_checked(at)) {
            Some((service, tail)) => Self(format!("{service}.{region}{tail}").into()),
            None => self.clone(),
        }
    }

    /// Whether this name, in a policy, covers `caller`. A name without Region covers the service in every
    /// Region; a name with one covers that Region alone.
    pub fn matches(&self, caller: &Self) -> bool {
        let global = || caller.without_region();
        self == caller
            || global().is_some_and(|(head, tail)| self.0.strip_prefix(head).is_some_and(|rest| rest == tail))
    }

    /// The name without its Region, in two pieces; `None` if it has no Region.
    fn without_region(&self) -> Option<(&str, &str)> {
        let (head, tail) = self.0.split_at_checked(self.0.find(".amazonaws.com")?)?;
        let (service, region) = head.rsplit_once('.')?;
        is_region(region).then_some((service, tail))
    }
}

impl fmt::Display for ServicePrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `label` is spelled like `us-east-1` or `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let Some((place, number)) = label.rsplit_once('-') else { return false };
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    matches!(number.as_bytes(), [b'0'..=b'9']) && place.contains('-') && place.split('-').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_read_and_print() {
        for arn in [
            "arn:aws:iam::111122223333:root",
            "arn:aws-cn:iam::111122223333:user/bob",
            "arn:aws:iam::111122223333:user/team/bob",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:sts::111122223333:assumed-role/app/s-1",
            "arn:aws:sts::111122223333:federated-user/bob@example.com",
            "dynamodb.amazonaws.com",
            "dynamodb.us-east-1.amazonaws.com",
        ] {
            assert_eq!(Principal::parse(arn).map(|p| p.arn()).as_deref(), Some(arn));
        }
        for text in [
            "",
            "*",
            "bob",
            "111122223333",
            "arn:aws:iam::111122223333:group/g",
            "arn:aws:iam::1111:root",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:sts::111122223333:assumed-role/app",
            "arn:aws:sts::111122223333:assumed-role/path/app/s",
            "arn:aws:s3:::bucket",
            "arn:aws:iam:us-east-1:111122223333:root",
        ] {
            assert_eq!(Principal::parse(text), None, "{text}");
        }
        let session = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s").unwrap();
        let session = session.with_role("/service-role/app").with_provider("accounts.google.com");
        assert_eq!(session.arn(), "arn:aws:sts::111122223333:assumed-role/app/s");
        assert!(matches!(session, Principal::AssumedRole { role, .. } if &*role == "service-role/app"));
    }

    #[test]
    fn services_gain_and_lose_their_region() {
        let region = Region::us_east_1();
        for (global, regional) in [
            ("logs.amazonaws.com", "logs.us-east-1.amazonaws.com"),
            ("delivery.logs.amazonaws.com", "delivery.logs.us-east-1.amazonaws.com"),
            ("logs.amazonaws.com.cn", "logs.us-east-1.amazonaws.com.cn"),
            ("logs.example", "logs.example"),
        ] {
            let service = ServicePrincipal::parse(global).unwrap();
            assert_eq!(service.global(), global);
            assert_eq!(service.in_region(region).as_str(), regional);
            assert_eq!(service.in_region(region).in_region(region).as_str(), regional);
            assert_eq!(service.in_region(region).global(), global);
        }
    }

    #[test]
    fn services_match_with_and_without_region() {
        let cases = [
            ("logs.amazonaws.com", "logs.amazonaws.com", true),
            ("logs.amazonaws.com", "logs.us-east-1.amazonaws.com", true),
            ("logs.us-east-1.amazonaws.com", "logs.us-east-1.amazonaws.com", true),
            ("logs.us-east-1.amazonaws.com", "logs.eu-west-1.amazonaws.com", false),
            ("logs.us-east-1.amazonaws.com", "logs.amazonaws.com", false),
            ("logs.amazonaws.com", "delivery.logs.amazonaws.com", false),
            ("delivery.logs.amazonaws.com", "delivery.logs.us-gov-west-1.amazonaws.com", true),
            ("logs.amazonaws.com", "logs.cn-north-1.amazonaws.com.cn", false),
            ("logs.amazonaws.com.cn", "logs.cn-north-1.amazonaws.com.cn", true),
        ];
        for (policy, caller, expected) in cases {
            let parse = |text| ServicePrincipal::parse(text).unwrap();
            assert_eq!(parse(policy).matches(&parse(caller)), expected, "{policy} on {caller}");
        }
        for text in ["", "logs", "*", "*.amazonaws.com", "Logs.amazonaws.com", "logs..com", "a b.com"] {
            assert_eq!(ServicePrincipal::parse(text), None, "{text}");
        }
    }
}
