//! The ARN of a principal that can sign requests.
//!
//! AWS: IAM User Guide, "IAM identifiers" and "Principals".

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lifecycle::ids::{AccountId, Region};

/// What kind of identity signs a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    User,
    /// A role session of AWS STS.
    AssumedRole,
    /// A federated user of AWS STS.
    FederatedUser,
}

/// `arn:{partition}:iam::{account}:root` or `…:user/{name}`, `arn:{partition}:sts::{account}:assumed-role/{role}/{session}`
/// or `…:federated-user/{name}`. A role itself signs nothing; its sessions do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrincipalArn {
    text: Arc<str>,
    account: AccountId,
    kind: PrincipalKind,
}

impl PrincipalArn {
    /// The root user of `account`, in the partition of `region`.
    #[must_use]
    pub fn root(account: AccountId, region: Region) -> Self {
        let text = format!("arn:{}:iam::{account}:root", region.partition()).into();
        PrincipalArn { text, account, kind: PrincipalKind::Root }
    }

    /// The ARN's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account that the principal belongs to.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// What kind of identity it is.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }
}

/// A text that is not the ARN of a principal that can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePrincipalError;

impl fmt::Display for ParsePrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the ARN of a root user, an IAM user, a role session or a federated user")
    }
}

impl std::error::Error for ParsePrincipalError {}

impl FromStr for PrincipalArn {
    type Err = ParsePrincipalError;

    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        parse(text).ok_or(ParsePrincipalError)
    }
}

fn parse(text: &str) -> Option<PrincipalArn> {
    let mut fields = text.splitn(6, ':');
    let (arn, partition, service) = (fields.next()?, fields.next()?, fields.next()?);
    let (region, account, resource) = (fields.next()?, fields.next()?, fields.next()?);
    if arn != "arn" || !(partition == "aws" || partition.starts_with("aws-")) || !region.is_empty() {
        return None;
    }
    let account = account.parse().ok()?;
    let (kind, name) = match (service, resource.split_once('/')) {
        ("iam", None) if resource == "root" => (PrincipalKind::Root, resource),
        ("iam", Some(("user", name))) => (PrincipalKind::User, name),
        ("sts", Some(("assumed-role", name))) if name.split('/').count() == 2 => {
            (PrincipalKind::AssumedRole, name)
        }
        ("sts", Some(("federated-user", name))) if !name.contains('/') => {
            (PrincipalKind::FederatedUser, name)
        }
        _ => return None,
    };
    let named = name.split('/').all(|part| !part.is_empty() && part.bytes().all(is_name_byte));
    named.then(|| PrincipalArn { text: text.into(), account, kind })
}

/// The characters of IAM names.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_that_sign_are_read() {
        for (text, kind) in [
            ("arn:aws:iam::111122223333:root", PrincipalKind::Root),
            ("arn:aws-cn:iam::111122223333:user/alice", PrincipalKind::User),
            ("arn:aws:iam::111122223333:user/division/team/alice@example.com", PrincipalKind::User),
            ("arn:aws:sts::111122223333:assumed-role/app/i-0123", PrincipalKind::AssumedRole),
            ("arn:aws:sts::111122223333:federated-user/bob", PrincipalKind::FederatedUser),
        ] {
            let arn: PrincipalArn = text.parse().unwrap();
            assert_eq!((arn.as_str(), arn.kind()), (text, kind));
            assert_eq!(arn.account().as_str(), "111122223333");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "root",
            "arn:aws:iam::111122223333",
            "arn:aws:iam::111122223333:",
            "arn:aws:iam::1111:root",
            "arn:aws:iam:us-east-1:111122223333:root",
            "arn:gcp:iam::111122223333:root",
            "arn:aws:sts::111122223333:root",
            "arn:aws:iam::111122223333:user",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user/a//b",
            "arn:aws:iam::111122223333:user/a b",
            "arn:aws:iam::111122223333:user/a\nb",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:sts::111122223333:assumed-role/app",
            "arn:aws:sts::111122223333:assumed-role/path/app/session",
            "arn:aws:sts::111122223333:federated-user/a/b",
        ] {
            assert_eq!(text.parse::<PrincipalArn>(), Err(ParsePrincipalError), "{text:?}");
        }
    }

    #[test]
    fn the_root_user_lives_in_the_partition_of_the_region() {
        let root = |region: &str| {
            PrincipalArn::root("111122223333".parse().unwrap(), region.parse().unwrap()).to_string()
        };
        assert_eq!(root("eu-west-1"), "arn:aws:iam::111122223333:root");
        assert_eq!(root("cn-north-1"), "arn:aws-cn:iam::111122223333:root");
    }
}
