//! Facts about the AWS managed key `aws/dynamodb`.

use serde_json::{Value, json};

use super::settings::Span;
use crate::clock::Timestamp;
use crate::ids::Scope;

/// `Description` of the key.
///
/// AWS (observed): DescribeKey of `alias/aws/dynamodb`.
pub const DESCRIPTION: &str = "Default key that protects my DynamoDB data when no other key is defined";

/// The key's policy, which nobody can change.
///
/// AWS: DynamoDB developer guide, "AWS managed key for DynamoDB"; this version is the newest that was observed.
#[must_use]
pub fn key_policy(scope: Scope) -> Value {
    let Scope { account, region } = scope;
    json!({
        "Version": "2012-10-17",
        "Id": "auto-dynamodb-3",
        "Statement": [
            {
                "Sid": "Allow access through Amazon DynamoDB for all principals in the account that are authorized to use \
                        Amazon DynamoDB",
                "Effect": "Allow",
                "Principal": { "AWS": "*" },
                "Action": [
                    "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                    "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": {
                    "StringEquals": { "kms:CallerAccount": account },
                    "StringLike": { "kms:ViaService": "dynamodb.*.amazonaws.com" },
                },
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:{}:iam::{account}:root", region.partition()) },
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            },
            {
                "Sid": "Allow DynamoDB to directly describe the key",
                "Effect": "Allow",
                "Principal": { "Service": "dynamodb.amazonaws.com" },
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
                "Resource": "*",
            },
        ],
    })
}

/// When AWS managed keys rotate by themselves.
///
/// AWS: KMS developer guide, "AWS managed keys": every three years until May 2022, every year since. The day of the change
/// is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationCalendar {
    /// The period before the change.
    pub old_period: Span,
    /// The period since.
    pub period: Span,
    /// The change.
    pub changed_at: Timestamp,
}

impl Default for RotationCalendar {
    fn default() -> Self {
        RotationCalendar {
            old_period: Span::days(1_095),
            period: Span::days(365),
            // 2022-05-01T00:00:00Z
            changed_at: Timestamp(1_651_363_200_000),
        }
    }
}

impl RotationCalendar {
    /// When a key rotates next that last rotated, or else was made, at `last`. A key that by the new period should have
    /// rotated before the change rotates at the change.
    #[must_use]
    pub fn next(&self, last: Timestamp) -> Timestamp {
        let by_the_old = self.old_period.after(last);
        if by_the_old < self.changed_at {
            return by_the_old;
        }
        let by_the_new = self.period.after(last);
        if last < self.changed_at { by_the_new.max(self.changed_at) } else { by_the_new }
    }
}
