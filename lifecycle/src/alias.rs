//! Aliases: second names of keys, unique per account and Region.
//!
//! AWS: KMS developer guide, "Aliases in AWS KMS".

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AliasArn, KeyId};

/// An alias and the key it points at, which lives in the same account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Where the alias lives, and its name.
    pub arn: AliasArn,
    /// The key it names.
    pub target: KeyId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was created or last pointed elsewhere.
    pub updated_at: Timestamp,
}

/// Services whose alias `alias/aws/{service}` exists in every account before any key stands behind it.
///
/// AWS (observed): ListAliases names these without a target until the service first uses its key.
pub const PREDEFINED_SERVICES: [&str; 18] = [
    "acm",
    "backup",
    "dynamodb",
    "ebs",
    "elasticfilesystem",
    "es",
    "glue",
    "kinesis",
    "kinesisvideo",
    "lambda",
    "rds",
    "redshift",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "xray",
];

/// Whether `name` is an alias that AWS predefines in every account.
#[must_use]
pub fn is_predefined(name: &str) -> bool {
    name.strip_prefix("alias/aws/").is_some_and(|service| PREDEFINED_SERVICES.contains(&service))
}
