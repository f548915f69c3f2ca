//! Why a document is refused.

use std::fmt;

/// Why a policy document is refused.
///
/// `message` is what the service answers; `reason` says where the fault is, for logs and tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyError {
    /// `MalformedPolicyDocumentException`.
    Malformed {
        /// The text of the exception. The service sends none for most faults of grammar.
        message: Option<&'static str>,
        /// What is wrong and where.
        reason: String,
    },
    /// `InvalidArnException`: a principal in a key policy is an ARN of a form that cannot be a principal.
    InvalidArn {
        /// What is wrong and where.
        reason: String,
    },
}

// AWS (observed): PutKeyPolicy, a statement with neither Principal nor NotPrincipal, or with an empty list.
const NO_PRINCIPAL: &str = "Policy contains a statement with no principal.";
// AWS (observed): PutKeyPolicy, principals of another service, wildcards in an ARN, absent users and roles.
const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";
// AWS (observed): PutKeyPolicy, refused since 2025-08-18.
const MISSING_ACTION: &str = "Missing required field Action";
const MISSING_RESOURCE: &str = "Missing required field Resource";
// AWS (observed): PutKeyPolicy with an IAM group or a malformed ARN as principal.
const INVALID_ARN: &str = "An ARN in the specified key policy is invalid.";

impl PolicyError {
    /// A principal that does not exist, or that no policy can name. Also for callers that look principals up.
    pub fn invalid_principal(principal: impl fmt::Display) -> Self {
        let reason = format!("{} is not a valid principal", excerpt(&principal.to_string()));
        Self::Malformed { message: Some(INVALID_PRINCIPALS), reason }
    }

    /// The text of the exception, if the service sends one.
    pub fn message(&self) -> Option<&'static str> {
        match self {
            Self::Malformed { message, .. } => *message,
            Self::InvalidArn { .. } => Some(INVALID_ARN),
        }
    }

    /// What is wrong and where.
    pub fn reason(&self) -> &str {
        match self {
            Self::Malformed { reason, .. } | Self::InvalidArn { reason } => reason,
        }
    }

    pub(super) fn grammar(reason: impl Into<String>) -> Self {
        Self::Malformed { message: None, reason: reason.into() }
    }

    pub(super) fn no_principal() -> Self {
        Self::Malformed { message: Some(NO_PRINCIPAL), reason: "the statement has no principal".into() }
    }

    pub(super) fn missing_action() -> Self {
        Self::Malformed { message: Some(MISSING_ACTION), reason: "no Action and no NotAction".into() }
    }

    pub(super) fn missing_resource() -> Self {
        Self::Malformed { message: Some(MISSING_RESOURCE), reason: "no Resource and no NotResource".into() }
    }

    pub(super) fn invalid_arn(arn: &str) -> Self {
        Self::InvalidArn { reason: format!("{} cannot be a principal", excerpt(arn)) }
    }

    /// The same fault, with the place of its statement in the document.
    pub(super) fn in_statement(self, index: usize) -> Self {
        let place = |reason| format!("statement {index}: {reason}");
        match self {
            Self::Malformed { message, reason } => Self::Malformed { message, reason: place(reason) },
            Self::InvalidArn { reason } => Self::InvalidArn { reason: place(reason) },
        }
    }
}

/// The start of `text` between quotes: a reason must not grow with its document.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "{message} ({})", self.reason()),
            None => f.write_str(self.reason()),
        }
    }
}

impl std::error::Error for PolicyError {}
