//! The errors of STS: codes, statuses and texts.
//!
//! AWS: Security Token Service API Reference, "Common Error Types" and the errors of each action.

use std::borrow::Cow;
use std::fmt;

use crate::api::error::{ErrorCode, KmsError};
use crate::auth::{AuthError, AuthErrorCode, SealError};

macro_rules! codes {
    ($($(#[$doc:meta])+ $code:ident = $status:literal,)+) => {
        /// A code, spelt as on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code { $($(#[$doc])+ $code,)+ }

        impl Code {
            /// The text in `Code`.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)+ }
            }

            /// The HTTP status.
            pub(super) const fn status(self) -> u16 {
                match self { $(Code::$code => $status,)+ }
            }
        }
    };
}

codes! {
    /// No policy allows the call, or one denies it.
    AccessDenied = 403,
    /// The session of the caller has ended.
    ExpiredToken = 403,
    /// The web identity token has expired. The code has another name than that of a caller's session.
    ExpiredTokenException = 400,
    /// The identity provider's token claims what may not be claimed.
    IDPRejectedClaim = 403,
    /// The signature lacks a part.
    IncompleteSignature = 400,
    /// A fault of this server.
    InternalFailure = 500,
    /// There is no such operation in this version of the API.
    InvalidAction = 400,
    /// The access key or the session token is not known.
    InvalidClientTokenId = 403,
    /// The web identity token is malformed, or nobody vouches for it.
    InvalidIdentityToken = 400,
    /// Parameters that contradict each other.
    InvalidParameterValue = 400,
    /// A parameter is not of its type.
    MalformedInput = 400,
    /// A session policy is no policy.
    MalformedPolicyDocument = 400,
    /// The parameters cannot be read.
    MalformedQueryString = 400,
    /// The request names no operation.
    MissingAction = 400,
    /// The request is not signed.
    MissingAuthenticationToken = 403,
    /// A known operation, or a parameter, that this server does not carry out. Never sent by AWS.
    NotImplemented = 501,
    /// Session policies and tags are too large.
    PackedPolicyTooLarge = 400,
    /// The signature does not verify.
    SignatureDoesNotMatch = 403,
    /// A parameter breaks its constraints.
    ValidationError = 400,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StsError {
    pub(super) code: Code,
    pub(super) message: Option<Cow<'static, str>>,
}

impl StsError {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        StsError { code, message: Some(message.into()) }
    }

    pub(super) fn bare(code: Code) -> Self {
        StsError { code, message: None }
    }

    pub(super) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::ValidationError, message)
    }

    /// AWS (observed): without the reason that KMS gives.
    pub(super) fn denied(caller: &str, action: &str, resource: &str) -> Self {
        let message =
            format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
        Self::new(Code::AccessDenied, message)
    }

    pub(super) fn internal() -> Self {
        Self::bare(Code::InternalFailure)
    }
}

impl fmt::Display for StsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code.name()),
            None => f.write_str(self.code.name()),
        }
    }
}

impl From<AuthError> for StsError {
    fn from(error: AuthError) -> Self {
        match error.code {
            AuthErrorCode::ExpiredToken => Self::new(Code::ExpiredToken, error.message),
            AuthErrorCode::IncompleteSignature => Self::new(Code::IncompleteSignature, error.message),
            AuthErrorCode::InvalidSignature => Self::new(Code::SignatureDoesNotMatch, error.message),
            AuthErrorCode::MissingAuthenticationToken => {
                Self::new(Code::MissingAuthenticationToken, error.message)
            }
            AuthErrorCode::UnrecognizedClient => Self::new(Code::InvalidClientTokenId, error.message),
        }
    }
}

impl From<SealError> for StsError {
    fn from(_: SealError) -> Self {
        Self::internal()
    }
}

/// What the validation of members says, under this protocol's code.
impl From<KmsError> for StsError {
    fn from(error: KmsError) -> Self {
        let code = match error.code {
            ErrorCode::ValidationException => Code::ValidationError,
            _ => Code::MalformedInput,
        };
        StsError { code, message: error.message }
    }
}
