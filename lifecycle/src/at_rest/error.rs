//! Refusals as DynamoDB words them.

use serde::{Deserialize, Serialize};

use super::port::KmsFault;
use crate::ids::Region;

/// An error as a client of the table store sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status: 400, or 500 for an internal error.
    pub status: u16,
    /// The error code, such as `ValidationException`.
    pub code: String,
    /// The message.
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// An error of the client, HTTP 400.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Refusal { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// `ValidationException`.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Refusal::new("ValidationException", message)
    }

    /// `ValidationException` about the value of a parameter.
    #[must_use]
    pub fn invalid_value(message: &str) -> Self {
        Refusal::validation(format!("One or more parameter values were invalid: {message}"))
    }

    /// `ResourceInUseException`.
    #[must_use]
    pub fn in_use(message: &str) -> Self {
        Refusal::new(
            "ResourceInUseException",
            format!("Attempt to change a resource which is still in use: {message}"),
        )
    }

    /// `ResourceNotFoundException` of an item operation.
    #[must_use]
    pub fn not_found() -> Self {
        Refusal::new("ResourceNotFoundException", "Requested resource not found")
    }

    /// `ResourceNotFoundException` of an operation on a table.
    #[must_use]
    pub fn no_table(name: &str) -> Self {
        Refusal::new(
            "ResourceNotFoundException",
            format!("Requested resource not found: Table: {name} not found"),
        )
    }

    /// `TableNotFoundException`, the word of the operations on backups.
    #[must_use]
    pub fn no_table_to_back_up(name: &str) -> Self {
        Refusal::new("TableNotFoundException", format!("Table not found: {name}"))
    }

    /// `BackupNotFoundException`.
    #[must_use]
    pub fn no_backup(arn: &str) -> Self {
        Refusal::new("BackupNotFoundException", format!("Backup not found: {arn}"))
    }

    /// HTTP 500.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Refusal { status: 500, code: "InternalServerError".to_owned(), message: message.into() }
    }

    /// What a client sees of an error of KMS.
    ///
    /// AWS (observed): the wrapper, its prefixes and classes.
    #[must_use]
    pub fn of_kms(fault: &KmsFault) -> Self {
        Refusal::wrapped(fault, None)
    }

    /// The same about the key of a replica.
    ///
    /// AWS (observed): the Region in the prefix of a validation error; the other prefixes by analogy.
    #[must_use]
    pub fn of_kms_in(fault: &KmsFault, region: Region) -> Self {
        Refusal::wrapped(fault, Some(region))
    }

    fn wrapped(fault: &KmsFault, region: Option<Region>) -> Self {
        let (prefix, class, status, code) = match fault.code.as_str() {
            code @ "DisabledException" => ("KMS key disabled error", code, 400, "ValidationException"),
            code @ ("KMSInvalidStateException" | "NotFoundException") => {
                ("KMS validation error", code, 400, "ValidationException")
            }
            "AccessDeniedException" => {
                ("KMS key access denied error", "AWSKMSException", 400, "AccessDeniedException")
            }
            _ => ("KMS internal error", "AWSKMSException", 500, "InternalServerError"),
        };
        let region = region.map(|region| format!(" for region {region}")).unwrap_or_default();
        let KmsFault { code: kms_code, message, request_id } = fault;
        Refusal {
            status,
            code: code.to_owned(),
            message: format!(
                "{prefix}{region}: com.amazonaws.services.kms.model.{class}: {message} (Service: AWSKMS; \
                 Status Code: 400; Error Code: {kms_code}; Request ID: {request_id}; Proxy: null)"
            ),
        }
    }
}
