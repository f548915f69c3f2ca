//! The errors of CloudTrail: codes, statuses and texts.
//!
//! AWS: CloudTrail API Reference, the errors of LookupEvents and "Common Error Types".

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use crate::api::error::{ErrorCode, KmsError};
use crate::auth::AuthError;

macro_rules! codes {
    ($($(#[$doc:meta])+ $code:ident = $status:ident,)+) => {
        /// A code, spelt as on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code { $($(#[$doc])+ $code,)+ }

        impl Code {
            fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)+ }
            }

            fn status(self) -> StatusCode {
                match self { $(Code::$code => StatusCode::$status,)+ }
            }
        }
    };
}

codes! {
    /// No policy allows the call, or one denies it.
    AccessDeniedException = BAD_REQUEST,
    /// A fault of this server.
    InternalFailure = INTERNAL_SERVER_ERROR,
    /// A category of events that there is not.
    InvalidEventCategoryException = BAD_REQUEST,
    /// More than one attribute, or one that cannot be looked up.
    InvalidLookupAttributesException = BAD_REQUEST,
    /// A page of no events, or of too many.
    InvalidMaxResultsException = BAD_REQUEST,
    /// A token that was altered, or is another request's.
    InvalidNextTokenException = BAD_REQUEST,
    /// A start after the end.
    InvalidTimeRangeException = BAD_REQUEST,
    /// A known operation that this server does not carry out. Never sent by AWS.
    NotImplementedException = NOT_IMPLEMENTED,
    /// There is no such operation.
    UnknownOperationException = BAD_REQUEST,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    code: &'static str,
    /// The code in the audit log.
    audited: &'static str,
    status: StatusCode,
    message: Option<Cow<'static, str>>,
}

impl Error {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Error { message: Some(message.into()), ..Self::bare(code) }
    }

    pub(super) fn bare(code: Code) -> Self {
        let audited = match code {
            Code::AccessDeniedException => ErrorCode::AccessDeniedException.name_in_audit(),
            code => code.name(),
        };
        Error { code: code.name(), audited, status: code.status(), message: None }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn name_in_audit(&self) -> &'static str {
        self.audited
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The body of the response.
    pub(super) fn body(&self) -> Value {
        match &self.message {
            Some(message) => json!({ "__type": self.code, "message": message }),
            None => json!({ "__type": self.code }),
        }
    }
}

/// What the protocol and the signature have in common with KMS.
impl From<KmsError> for Error {
    fn from(error: KmsError) -> Self {
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Error {
            code: error.code.name(),
            audited: error.code.name_in_audit(),
            status,
            message: error.message.clone(),
        }
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        KmsError::from(error).into()
    }
}
