//! Who asks, and whom a policy names.

use std::fmt;

use super::error::PolicyError;

/// An AWS account in its partition (`aws`, `aws-cn`, …).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    partition: Box<str>,
    id: Box<str>,
}

impl Account {
    /// The account, if `id` is 12 digits and `partition` can be one.
    pub fn new(partition: &str, id: &str) -> Option<Self> {
        let partition_fits = !partition.is_empty()
            && partition.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (partition_fits && is_account_id(id)).then(|| Self { partition: partition.into(), id: id.into() })
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
            Resource::User(name) => Self::User { account, name: named(name)? },
            Resource::Role(name) => Self::Role { account, name: named(name)? },
            Resource::Session { role, session } => {
                Self::AssumedRole { account, role: named(role)?, session: named(session)?, provider: None }
            }
            Resource::FederatedUser(name) => Self::FederatedUser { account, name: named(name)? },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    fn named(account: Account, resource: Resource<'_>) -> Option<Self> {
        Some(match resource {
            Resource::Root => Self::Account { partition: Some(account.partition), id: account.id },
            Resource::User(name) => Self::User(account, named(name)?),
            Resource::Role(name) => Self::Role(account, named(name)?),
            Resource::Session { role, session } => {
                Self::Session { account, role: named(role)?, session: named(session)? }
            }
            Resource::FederatedUser(name) => Self::FederatedUser(account, named(name)?),
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

/// The parts of an ARN that has all of them but, maybe, an account. IAM and STS ARNs have no Region.
struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

/// What an IAM or STS ARN names, if that can be a principal.
enum Resource<'a> {
    Root,
    User(&'a str),
    Role(&'a str),
    Session { role: &'a str, session: &'a str },
    FederatedUser(&'a str),
}

impl<'a> Arn<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let mut next = || parts.next();
        let (partition, service, region) = (next()?, next()?, next()?);
        let (account, resource) = (next()?, next()?);
        let whole = ![partition, service, resource].contains(&"");
        whole.then_some(Self { partition, service, region, account, resource })
    }

    fn resource(&self) -> Option<Resource<'a>> {
        if !self.region.is_empty() {
            return None;
        }
        if (self.service, self.resource) == ("iam", "root") {
            return Some(Resource::Root);
        }
        let (kind, name) = self.resource.split_once('/')?;
        match (self.service, kind) {
            ("iam", "user") => Some(Resource::User(name)),
            ("iam", "role") => Some(Resource::Role(name)),
            ("sts", "assumed-role") => {
                let (role, session) = name.split_once('/')?;
                Some(Resource::Session { role, session })
            }
            ("sts", "federated-user") => Some(Resource::FederatedUser(name)),
            _ => None,
        }
    }
}

/// A name with an optional path. Wildcards are refused: a policy cannot name a part of a principal.
fn named(text: &str) -> Option<Box<str>> {
    let name_char = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let path_char = |b: u8| b.is_ascii_graphic() && !matches!(b, b'*' | b'?');
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let name_fits = !name.is_empty() && name.len() <= 128 && name.bytes().all(name_char);
    let path_fits = path.len() <= 512 && !path.starts_with('/') && path.bytes().all(path_char);
    (name_fits && path_fits).then(|| text.into())
}

fn without_path(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
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
