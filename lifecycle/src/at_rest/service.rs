//! Services beside the table whose data do not come under its key: exports, accelerators, the connection itself.

use serde::{Deserialize, Serialize};

use super::error::Refusal;

/// How clients reach DynamoDB unless they say otherwise.
///
/// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes".
pub const DEFAULT_SCHEME: &str = "https";

/// The encryption of exported objects, which is the bucket's and not the table's.
///
/// AWS: DynamoDB API reference, "ExportTableToPointInTime"; the text is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ExportEncryption {
    /// `AES256` or `KMS`.
    #[serde(default)]
    pub s3_sse_algorithm: Option<String>,
    /// The key of the bucket's Region, with `KMS`.
    #[serde(default)]
    pub s3_sse_kms_key_id: Option<String>,
}

impl ExportEncryption {
    /// Whether the two members go together.
    ///
    /// # Errors
    /// `ValidationException`.
    pub fn check(&self) -> Result<(), Refusal> {
        match (self.s3_sse_algorithm.as_deref(), &self.s3_sse_kms_key_id) {
            (None | Some("AES256"), Some(_)) => Err(Refusal::validation(
                "Invalid Request: KMS Key Id is not supported for this encryption type",
            )),
            (None | Some("AES256" | "KMS"), _) => Ok(()),
            (Some(other), _) => Err(Refusal::validation(format!(
                "1 validation error detected: Value '{}' at 's3SseAlgorithm' failed to satisfy constraint: Member must \
                 satisfy enum value set: [AES256, KMS]",
                other.chars().take(255).collect::<String>()
            ))),
        }
    }
}

/// `SSESpecification` of a DAX cluster: there is no member for a key.
///
/// AWS: DAX API reference, "SSESpecification".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DaxSseSpecification {
    /// Whether the cluster's data are encrypted at rest.
    pub enabled: bool,
}

/// A DAX cluster, as far as encryption goes: chosen when it is made, and never changed.
///
/// AWS: DynamoDB developer guide, "DAX encryption at rest", "DAX encryption in transit".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaxCluster {
    at_rest: bool,
    in_transit: bool,
}

impl DaxCluster {
    /// Makes a cluster. Encryption in transit is a choice of its own.
    ///
    /// # Errors
    /// `InvalidParameterCombinationException` for a type of node that cannot encrypt at rest.
    pub fn launch(node_type: &str, sse: DaxSseSpecification, in_transit: bool) -> Result<Self, Refusal> {
        if sse.enabled && node_type.starts_with("dax.r3.") {
            return Err(Refusal::new(
                "InvalidParameterCombinationException",
                format!("Encryption at rest is not supported for node type {node_type}"),
            ));
        }
        Ok(DaxCluster { at_rest: sse.enabled, in_transit })
    }

    /// `SSEDescription.Status`.
    #[must_use]
    pub fn sse_status(&self) -> &'static str {
        if self.at_rest { "ENABLED" } else { "DISABLED" }
    }

    /// Whether clients talk to it over TLS.
    #[must_use]
    pub fn is_encrypted_in_transit(&self) -> bool {
        self.in_transit
    }

    /// The key behind encryption at rest: an AWS managed key of DAX, used at the launch only, never the customer's.
    #[must_use]
    pub fn key_kind(&self) -> Option<super::sse::KeyKind> {
        self.at_rest.then_some(super::sse::KeyKind::Managed)
    }
}
