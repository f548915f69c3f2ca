//! `SSESpecification` in, `SSEDescription` out.

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::port::Manager;
use crate::clock::Timestamp;
use crate::ids::KeyArn;

/// The alias of the AWS managed key.
pub const MANAGED_ALIAS: &str = "alias/aws/dynamodb";

/// The three kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// An AWS owned key, which no account sees.
    Owned,
    /// The AWS managed key `aws/dynamodb` of the account.
    Managed,
    /// A customer managed key.
    Customer,
}

impl KeyKind {
    /// The type that the console shows; the API has no word for an owned key.
    ///
    /// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes".
    #[must_use]
    pub fn console_type(self) -> &'static str {
        match self {
            KeyKind::Owned => "DEFAULT",
            KeyKind::Managed | KeyKind::Customer => "KMS",
        }
    }

    /// The sentence of the newer console.
    #[must_use]
    pub fn console_label(self) -> &'static str {
        match self {
            KeyKind::Owned => "Owned by Amazon DynamoDB",
            KeyKind::Managed => "AWS managed key",
            KeyKind::Customer => "Stored in your account, and owned and managed by you",
        }
    }
}

/// What protects a table key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protector {
    /// An AWS owned key.
    Owned,
    /// A KMS key.
    Kms {
        /// Its ARN: aliases are resolved once, when the key is chosen.
        key: KeyArn,
        /// Who manages it.
        manager: Manager,
    },
}

impl Protector {
    /// The kind of the key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Protector::Owned => KeyKind::Owned,
            Protector::Kms { manager: Manager::Aws, .. } => KeyKind::Managed,
            Protector::Kms { manager: Manager::Customer, .. } => KeyKind::Customer,
        }
    }

    /// The KMS key, unless it is an owned one.
    #[must_use]
    pub fn key(&self) -> Option<KeyArn> {
        match self {
            Protector::Owned => None,
            Protector::Kms { key, .. } => Some(*key),
        }
    }
}

/// `SSESpecification` as a client sends it.
///
/// AWS: DynamoDB API reference, "SSESpecification".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SseSpecification {
    /// Whether a KMS key of the account protects the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `KMS`.
    #[serde(rename = "SSEType", skip_serializing_if = "Option::is_none")]
    pub sse_type: Option<String>,
    /// Key id, key ARN, alias name or alias ARN.
    #[serde(rename = "KMSMasterKeyId", skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<String>,
}

/// What an [`SseSpecification`] asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// An AWS owned key.
    Owned,
    /// The KMS key of this identifier; [`MANAGED_ALIAS`] if none was given.
    Kms(String),
}

/// The longest key identifier. AWS: KMS API reference, parameter `KeyId`.
const KEY_ID_LENGTH_MAX: usize = 2_048;

impl SseSpecification {
    /// The AWS managed key.
    #[must_use]
    pub fn managed() -> Self {
        SseSpecification { enabled: Some(true), ..Self::default() }
    }

    /// An AWS owned key.
    #[must_use]
    pub fn owned() -> Self {
        SseSpecification { enabled: Some(false), ..Self::default() }
    }

    /// A KMS key.
    #[must_use]
    pub fn kms(key: &str) -> Self {
        SseSpecification {
            enabled: Some(true),
            sse_type: Some("KMS".to_owned()),
            kms_master_key_id: Some(key.to_owned()),
        }
    }

    /// Reads what is asked for.
    ///
    /// # Errors
    /// AWS's `ValidationException` for every combination that means nothing.
    ///
    /// AWS (observed): combinations and texts.
    pub fn wanted(&self) -> Result<Wanted, Refusal> {
        let constraint = |value: &str, member: &str, rule: &str| {
            Refusal::validation(format!(
                "1 validation error detected: Value '{value}' at 'sSESpecification.{member}' failed to satisfy \
                 constraint: Member must {rule}"
            ))
        };
        let sse_type = self.sse_type.as_deref();
        if let Some(other) = sse_type.filter(|kind| !matches!(*kind, "KMS" | "AES256")) {
            return Err(constraint(other, "sSEType", "satisfy enum value set: [AES256, KMS]"));
        }
        let key = self.kms_master_key_id.as_deref();
        match key.map(str::len) {
            Some(0) => {
                return Err(constraint("", "kMSMasterKeyId", "have length greater than or equal to 1"));
            }
            Some(KEY_ID_LENGTH_MAX..) => {
                return Err(Refusal::invalid_value("KMSMasterKeyId is too long"));
            }
            _ => {}
        }
        match (self.enabled, sse_type, key) {
            (Some(false), Some(_), _) => {
                Err(Refusal::invalid_value("SSEType can not be specified if Enabled is false"))
            }
            (Some(false), None, Some(_)) => {
                Err(Refusal::invalid_value("KMSMasterKeyId can not be specified if Enabled is false"))
            }
            (_, Some("AES256"), _) => Err(Refusal::invalid_value("SSEType AES256 is not supported")),
            (_, None, Some(_)) => {
                Err(Refusal::invalid_value("SSEType KMS is required if KMSMasterKeyId is specified"))
            }
            (Some(true), None, None) | (_, Some(_), None) => Ok(Wanted::Kms(MANAGED_ALIAS.to_owned())),
            (_, Some(_), Some(key)) => Ok(Wanted::Kms(key.to_owned())),
            (Some(false) | None, None, None) => Ok(Wanted::Owned),
        }
    }
}

/// `SSEStatus`, as far as it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SseStatus {
    /// The table is under the key that is shown.
    Enabled,
    /// The table is changing its key.
    Updating,
}

/// `SSEDescription`; a table under an owned key has none.
///
/// AWS: DynamoDB API reference, "SSEDescription".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SseDescription {
    /// Where a change of the key stands.
    pub status: SseStatus,
    /// `KMS`.
    #[serde(rename = "SSEType", default, skip_serializing_if = "Option::is_none")]
    pub sse_type: Option<String>,
    /// The key's ARN.
    #[serde(rename = "KMSMasterKeyArn", default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_arn: Option<KeyArn>,
    /// When the key was found to be inaccessible, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inaccessible_encryption_date_time: Option<f64>,
}

impl SseDescription {
    /// The description of a table under `protector`.
    #[must_use]
    pub fn of(protector: &Protector, status: SseStatus, inaccessible: Option<Timestamp>) -> Option<Self> {
        let key = protector.key();
        (key.is_some() || status == SseStatus::Updating).then(|| SseDescription {
            status,
            sse_type: key.map(|_| "KMS".to_owned()),
            kms_master_key_arn: key,
            inaccessible_encryption_date_time: inaccessible.map(Timestamp::epoch_seconds),
        })
    }
}
