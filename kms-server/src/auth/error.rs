//! Why a request is not authenticated, in AWS's codes and words.

use std::fmt;

/// The AWS error code of a refused request. All are HTTP 400 on the KMS endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthErrorCode {
    /// The signature's parts are missing or malformed.
    IncompleteSignature,
    /// The signature is wrong, out of its time, or scoped to something else.
    InvalidSignature,
    /// The request is not signed at all.
    MissingAuthenticationToken,
    /// The access key or the session token is unknown.
    UnrecognizedClient,
    /// The session token has ended.
    ExpiredToken,
}

impl AuthErrorCode {
    /// The `__type` of the error body.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AuthErrorCode::IncompleteSignature => "IncompleteSignatureException",
            AuthErrorCode::InvalidSignature => "InvalidSignatureException",
            AuthErrorCode::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            AuthErrorCode::UnrecognizedClient => "UnrecognizedClientException",
            AuthErrorCode::ExpiredToken => "ExpiredTokenException",
        }
    }
}

/// A refusal: the code and the exact `message` of the error body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthError {
    /// The AWS error code.
    pub code: AuthErrorCode,
    /// The text for the caller; trailing spaces are AWS's.
    pub message: String,
}

impl AuthError {
    pub(super) fn incomplete(message: impl Into<String>) -> Self {
        AuthError { code: AuthErrorCode::IncompleteSignature, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        AuthError { code: AuthErrorCode::InvalidSignature, message: message.into() }
    }

    pub(super) fn missing_token() -> Self {
        AuthError {
            code: AuthErrorCode::MissingAuthenticationToken,
            message: "Request is missing Authentication Token".to_owned(),
        }
    }

    pub(super) fn unrecognized() -> Self {
        AuthError {
            code: AuthErrorCode::UnrecognizedClient,
            message: "The security token included in the request is invalid.".to_owned(),
        }
    }

    /// A session token that was good until its session ended.
    #[must_use]
    pub fn expired_token() -> Self {
        AuthError {
            code: AuthErrorCode::ExpiredToken,
            message: "The security token included in the request is expired".to_owned(),
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for AuthError {}
