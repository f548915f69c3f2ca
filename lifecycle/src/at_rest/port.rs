//! What the engine asks of KMS, and as whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{Blob, Caller, TableName};
use crate::crypto::Secret;
use crate::crypto::envelope::EncryptionContext;
use crate::ids::{GrantId, KeyArn, Region, Uuid};

/// The service's principal in policies and audit records.
pub const SERVICE: &str = "dynamodb.amazonaws.com";

/// The service's principal of one Region: the grantee of grants and the value of `kms:ViaService`.
///
/// AWS: DynamoDB developer guide, "Using grants to authorize DynamoDB".
#[must_use]
pub fn regional_service(region: Region) -> String {
    format!("dynamodb.{region}.amazonaws.com")
}

/// The operations of a grant for a table.
///
/// AWS: DynamoDB developer guide, "Using grants to authorize DynamoDB"; the order is that of ListGrants (observed).
pub const GRANT_OPERATIONS: [&str; 7] =
    ["Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant", "DescribeKey"];

/// How many grants every table has. AWS (observed): two, which differ in name and id only.
pub const GRANTS_PER_TABLE: u32 = 2;

/// Names a flow: one question to the engine, until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(pub u64);

/// Whose permissions count for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// Whoever called the table store, through the service: `kms:ViaService` and `aws:CalledVia` apply.
    Caller(Caller),
    /// The service itself, by its grants.
    Service,
}

/// Why a call is made, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A key is chosen for a table.
    Selection,
    /// The first request of a cache unit.
    FirstUse,
    /// A cached key has ended.
    Refresh,
    /// The table changes its key.
    Switch,
    /// A backup is made or restored.
    Backup,
    /// The service looks after the table.
    Background,
    /// The table goes, or leaves a key.
    Retirement,
}

/// A call to KMS that the engine waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsCall {
    /// The flow that the reply belongs to.
    pub flow: FlowId,
    /// The Region whose KMS is called.
    pub region: Region,
    /// As whom.
    pub identity: Identity,
    /// What is asked.
    pub request: KmsRequest,
    /// Why.
    pub reason: Reason,
    /// For which table.
    pub table: TableName,
}

/// A request to KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KmsRequest {
    /// DescribeKey; of a predefined alias without a key it makes the key.
    DescribeKey {
        /// Key id, key ARN, alias name or alias ARN.
        key_id: String,
    },
    /// CreateGrant for the service of [`KmsCall::region`], with [`GRANT_OPERATIONS`], constrained to include `context`.
    CreateGrant {
        /// The key.
        key: KeyArn,
        /// The grant's name: a repeat with the same name returns the same grant.
        name: Uuid,
        /// The encryption context that requests must include.
        context: EncryptionContext,
    },
    /// GenerateDataKey with `KeySpec` AES_256.
    GenerateDataKey {
        /// The key.
        key: KeyArn,
        /// The encryption context.
        context: EncryptionContext,
    },
    /// Decrypt.
    Decrypt {
        /// The key that sealed the blob.
        key: KeyArn,
        /// The wrapped table key.
        blob: Blob,
        /// The encryption context.
        context: EncryptionContext,
    },
    /// RetireGrant, which every key state allows.
    RetireGrant {
        /// The key.
        key: KeyArn,
        /// The grant.
        grant: GrantId,
    },
}

impl KmsRequest {
    /// The operation's name.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            KmsRequest::DescribeKey { .. } => "DescribeKey",
            KmsRequest::CreateGrant { .. } => "CreateGrant",
            KmsRequest::GenerateDataKey { .. } => "GenerateDataKey",
            KmsRequest::Decrypt { .. } => "Decrypt",
            KmsRequest::RetireGrant { .. } => "RetireGrant",
        }
    }

    /// The body of the request as the KMS API has it, for `region`: grants are for the service there.
    #[must_use]
    pub fn body(&self, region: Region) -> serde_json::Value {
        self.body_for(&regional_service(region))
    }

    /// The same with another principal in whose favour grants are made, who then retires them: the store itself, where
    /// it cannot speak for the service.
    #[must_use]
    pub fn body_for(&self, grantee: &str) -> serde_json::Value {
        use serde_json::json;
        match self {
            KmsRequest::DescribeKey { key_id } => json!({ "KeyId": key_id }),
            KmsRequest::CreateGrant { key, name, context } => json!({
                "KeyId": key,
                "Name": name,
                "GranteePrincipal": grantee,
                "RetiringPrincipal": grantee,
                "Operations": GRANT_OPERATIONS,
                "Constraints": { "EncryptionContextSubset": context },
            }),
            KmsRequest::GenerateDataKey { key, context } => {
                json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context })
            }
            // AWS: no key id; KMS takes it from the blob.
            KmsRequest::Decrypt { blob, context, .. } => {
                json!({ "CiphertextBlob": blob, "EncryptionContext": context })
            }
            KmsRequest::RetireGrant { key, grant } => json!({ "KeyId": key, "GrantId": grant }),
        }
    }

    /// Reads the body of a successful answer; nothing if it is none to this request.
    #[must_use]
    pub fn read(&self, body: &[u8]) -> Option<KmsOutput> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Described {
            key_metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Metadata {
            arn: KeyArn,
            key_manager: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Granted {
            grant_id: GrantId,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Opened {
            plaintext: Blob,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Generated {
            plaintext: Blob,
            ciphertext_blob: Blob,
        }
        fn of<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
            serde_json::from_slice(body).ok()
        }
        Some(match self {
            KmsRequest::DescribeKey { .. } => {
                let Metadata { arn, key_manager } = of::<Described>(body)?.key_metadata;
                let manager = if key_manager == "AWS" { Manager::Aws } else { Manager::Customer };
                KmsOutput::Described { arn, manager }
            }
            KmsRequest::CreateGrant { .. } => KmsOutput::Granted { grant: of::<Granted>(body)?.grant_id },
            KmsRequest::GenerateDataKey { .. } => {
                let Generated { plaintext, ciphertext_blob } = of(body)?;
                KmsOutput::DataKey { plaintext: Secret::new(plaintext.0), blob: ciphertext_blob }
            }
            KmsRequest::Decrypt { .. } => {
                KmsOutput::Decrypted { plaintext: Secret::new(of::<Opened>(body)?.plaintext.0) }
            }
            KmsRequest::RetireGrant { .. } => KmsOutput::Retired,
        })
    }
}

/// Who manages a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// AWS, for the account.
    Aws,
    /// The customer.
    Customer,
}

/// What KMS answered.
#[derive(Clone, PartialEq, Eq)]
pub enum KmsOutput {
    /// DescribeKey.
    Described {
        /// The key's ARN.
        arn: KeyArn,
        /// `KeyManager`.
        manager: Manager,
    },
    /// CreateGrant.
    Granted {
        /// The grant's id.
        grant: GrantId,
    },
    /// GenerateDataKey.
    DataKey {
        /// The key in the clear.
        plaintext: Secret,
        /// The key, wrapped.
        blob: Blob,
    },
    /// Decrypt.
    Decrypted {
        /// The key in the clear.
        plaintext: Secret,
    },
    /// RetireGrant.
    Retired,
}

impl fmt::Debug for KmsOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KmsOutput::Described { arn, manager } => write!(f, "Described({arn}, {manager:?})"),
            KmsOutput::Granted { grant } => write!(f, "Granted({grant})"),
            KmsOutput::DataKey { .. } => f.write_str("DataKey(..)"),
            KmsOutput::Decrypted { .. } => f.write_str("Decrypted(..)"),
            KmsOutput::Retired => f.write_str("Retired"),
        }
    }
}

/// An error of KMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KmsFault {
    /// The error code.
    pub code: String,
    /// The message.
    pub message: String,
    /// The id of the request.
    pub request_id: String,
}

impl KmsFault {
    /// What a port reports when nobody answered.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        KmsFault {
            code: "KMSInternalException".to_owned(),
            message: message.into(),
            request_id: Uuid::default().to_string(),
        }
    }

    /// Reads the body of an answer that is an error; what is no error of KMS says as much as no answer.
    ///
    /// AWS: AWS JSON 1.1 protocol: the code may stand behind a namespace, and the message begin with either case, or be there
    /// in both.
    #[must_use]
    pub fn read(body: &[u8], request_id: &str) -> Self {
        #[derive(Deserialize)]
        struct ErrorBody {
            #[serde(rename = "__type")]
            code: String,
            message: Option<String>,
            #[serde(rename = "Message")]
            capital: Option<String>,
        }
        let Ok(ErrorBody { code, message, capital }) = serde_json::from_slice(body) else {
            return KmsFault::unreachable("the answer is none of KMS");
        };
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        KmsFault { code, message: message.or(capital).unwrap_or_default(), request_id: request_id.to_owned() }
    }

    /// Whether KMS refused: an answer about the key. Anything else says nothing about it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self.code.as_str(),
            "DisabledException"
                | "KMSInvalidStateException"
                | "NotFoundException"
                | "AccessDeniedException"
                | "InvalidCiphertextException"
                | "IncorrectKeyException"
                | "InvalidKeyUsageException"
                | "ValidationException"
        )
    }
}

/// The reply to a [`KmsCall`].
pub type KmsReply = Result<KmsOutput, KmsFault>;
