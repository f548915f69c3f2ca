//! The managed policies of AWS that a local key service has a use for, by their names.
//!
//! AWS: AWS Managed Policy Reference Guide; Organizations User Guide, "Service control policies", `FullAWSAccess`, and
//! "Resource control policies", `RCPFullAWSAccess`.

use super::Policy;
use crate::policy::Kind;

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

const EVERYTHING_BY_ANYBODY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

const POWER_USER: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"],"Resource":"*"}]}"#;

/// Name, the rest of the ARN after the partition, kind, text.
const POLICIES: [(&str, &str, Kind, &str); 4] = [
    ("AdministratorAccess", "iam::aws:policy/AdministratorAccess", Kind::Identity, EVERYTHING),
    (
        "AWSKeyManagementServicePowerUser",
        "iam::aws:policy/AWSKeyManagementServicePowerUser",
        Kind::Identity,
        POWER_USER,
    ),
    (
        "FullAWSAccess",
        "organizations::aws:policy/service_control_policy/p-FullAWSAccess",
        Kind::Identity,
        EVERYTHING,
    ),
    (
        "RCPFullAWSAccess",
        "organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess",
        Kind::KeyPolicy,
        EVERYTHING_BY_ANYBODY,
    ),
];

/// The names of the managed policies of a kind.
pub fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    POLICIES.iter().filter(move |policy| policy.2 == kind).map(|policy| policy.0)
}

/// The managed policy that has this name or ARN, if it is of this kind.
#[must_use]
pub fn find(name: &str, kind: Kind) -> Option<Policy> {
    let rest = name.strip_prefix("arn:").and_then(|arn| arn.split_once(':'));
    let (_, arn, kind, text) = POLICIES.into_iter().find(|(known, arn, of, _)| {
        *of == kind && (*known == name || rest.is_some_and(|(_, rest)| rest == *arn))
    })?;
    let partition = rest.map_or("aws", |(partition, _)| partition);
    Policy::parse(&format!("arn:{partition}:{arn}"), text, kind).ok()
}
