//! The one error type of the API: an AWS error code with its text, and its form on the wire.
//!
//! AWS: API Reference, "Errors" of each action and "Common Error Types".

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

macro_rules! error_codes {
    ($($(#[$doc:meta])+ $code:ident = $status:literal,)+) => {
        /// Every error code the service answers with, spelt as on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])+ $code,)+ }

        impl ErrorCode {
            /// Every code, in alphabetical order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$code,)+];

            /// The value of `__type`: the bare name, without a namespace.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$code => stringify!($code),)+ }
            }

            /// The HTTP status. Client errors are 400 throughout, unknown keys and denials included.
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$code => $status,)+ }
            }
        }
    };
}

error_codes! {
    /// No policy allows the call, or one denies it.
    AccessDeniedException = 400,
    /// The alias, or the replica in that Region, is there already.
    AlreadyExistsException = 400,
    /// The cluster backs another custom key store.
    CloudHsmClusterInUseException = 400,
    /// The cluster lacks what a custom key store needs.
    CloudHsmClusterInvalidConfigurationException = 400,
    /// The cluster is not active.
    CloudHsmClusterNotActiveException = 400,
    /// There is no such cluster.
    CloudHsmClusterNotFoundException = 400,
    /// The cluster shares no backup history with the present one.
    CloudHsmClusterNotRelatedException = 400,
    /// A rotation of the key is under way.
    ConflictException = 400,
    /// The custom key store still holds keys.
    CustomKeyStoreHasCMKsException = 400,
    /// The connection state of the custom key store does not permit the call.
    CustomKeyStoreInvalidStateException = 400,
    /// The account has a custom key store of that name.
    CustomKeyStoreNameInUseException = 400,
    /// There is no such custom key store.
    CustomKeyStoreNotFoundException = 400,
    /// Something the service depends on did not answer in time.
    DependencyTimeoutException = 500,
    /// The key is disabled.
    DisabledException = 400,
    /// A dry run that would have succeeded.
    DryRunOperationException = 400,
    /// The import token is too old.
    ExpiredImportTokenException = 400,
    /// The session token is too old.
    ExpiredTokenException = 400,
    /// The `Authorization` header lacks a part.
    IncompleteSignatureException = 400,
    /// The ciphertext belongs to another key.
    IncorrectKeyException = 400,
    /// The imported material is not the key's.
    IncorrectKeyMaterialException = 400,
    /// The trust anchor certificate is not the cluster's.
    IncorrectTrustAnchorException = 400,
    /// A fault of this server, outside the model.
    InternalFailure = 500,
    /// The alias name is malformed.
    InvalidAliasNameException = 400,
    /// The ARN, or the kind of identifier, does not fit.
    InvalidArnException = 400,
    /// The ciphertext does not decrypt under the given context.
    InvalidCiphertextException = 400,
    /// The grant id is malformed or unknown.
    InvalidGrantIdException = 400,
    /// The grant token is malformed or unknown.
    InvalidGrantTokenException = 400,
    /// The import token is malformed or belongs to another key.
    InvalidImportTokenException = 400,
    /// The key usage or the algorithm does not fit the operation.
    InvalidKeyUsageException = 400,
    /// The pagination marker is malformed.
    InvalidMarkerException = 400,
    /// The request signature does not verify.
    InvalidSignatureException = 400,
    /// A fault of the service, inside the model.
    KMSInternalException = 500,
    /// The MAC does not verify.
    KMSInvalidMacException = 400,
    /// The signature of a message does not verify.
    KMSInvalidSignatureException = 400,
    /// The key state does not permit the call.
    KMSInvalidStateException = 400,
    /// The key cannot be reached at the moment.
    KeyUnavailableException = 500,
    /// A quota is reached.
    LimitExceededException = 400,
    /// The key policy is not a valid policy.
    MalformedPolicyDocumentException = 400,
    /// The request carries no credentials.
    MissingAuthenticationTokenException = 400,
    /// A reserved name, such as an alias below `alias/aws/`.
    NotAuthorizedException = 400,
    /// The key, alias or grant is not there.
    NotFoundException = 400,
    /// A known operation that this server does not carry out. Never sent by AWS.
    NotImplementedException = 501,
    /// The body is larger than the server accepts.
    RequestEntityTooLargeException = 413,
    /// The body is not JSON, or a member has the wrong JSON type.
    SerializationException = 400,
    /// The server does not take requests at the moment.
    ServiceUnavailable = 503,
    /// The tags break a rule.
    TagException = 400,
    /// The caller exceeds the request rate.
    ThrottlingException = 400,
    /// `X-Amz-Target` names no operation.
    UnknownOperationException = 400,
    /// The access key or the session token is unknown.
    UnrecognizedClientException = 400,
    /// The kind of key does not support the call.
    UnsupportedOperationException = 400,
    /// A parameter breaks a constraint.
    ValidationException = 400,
    /// Another key uses that external key.
    XksKeyAlreadyInUseException = 400,
    /// The external key is not fit for use.
    XksKeyInvalidConfigurationException = 400,
    /// The proxy knows no such external key.
    XksKeyNotFoundException = 400,
    /// The proxy rejects the credential.
    XksProxyIncorrectAuthenticationCredentialException = 400,
    /// The proxy is not set up as needed.
    XksProxyInvalidConfigurationException = 400,
    /// The proxy's answer makes no sense.
    XksProxyInvalidResponseException = 400,
    /// Another custom key store uses that proxy endpoint.
    XksProxyUriEndpointInUseException = 400,
    /// Another custom key store uses that proxy endpoint and path.
    XksProxyUriInUseException = 400,
    /// The proxy cannot be reached.
    XksProxyUriUnreachableException = 400,
    /// Another custom key store uses that VPC endpoint service.
    XksProxyVpcEndpointServiceInUseException = 400,
    /// The VPC endpoint service is not set up as needed.
    XksProxyVpcEndpointServiceInvalidConfigurationException = 400,
    /// There is no such VPC endpoint service.
    XksProxyVpcEndpointServiceNotFoundException = 400,
}

impl ErrorCode {
    /// The value of `errorCode` in an audit record.
    ///
    /// AWS: Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail".
    pub const fn name_in_audit(self) -> &'static str {
        match self {
            ErrorCode::AccessDeniedException => "AccessDenied",
            code => code.name(),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed call: the code clients branch on, and the text people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsError {
    /// The error code.
    pub code: ErrorCode,
    /// The text; `None` where AWS sends none.
    pub message: Option<Cow<'static, str>>,
}

impl KmsError {
    /// An error with a text.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> KmsError {
        KmsError { code, message: Some(message.into()) }
    }

    /// An error without a text.
    pub const fn bare(code: ErrorCode) -> KmsError {
        KmsError { code, message: None }
    }

    /// The refusal of a caller who asks too often.
    ///
    /// AWS: KMS developer guide, "Throttling AWS KMS requests".
    pub const fn throttled() -> KmsError {
        KmsError {
            code: ErrorCode::ThrottlingException,
            message: Some(Cow::Borrowed(
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            )),
        }
    }

    /// A `ValidationException`.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> KmsError {
        KmsError::new(ErrorCode::ValidationException, message)
    }

    /// The JSON body of the response.
    pub fn body(&self) -> Vec<u8> {
        /// AWS (observed): a denial spells the member with a capital; some clients read only the other one.
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "__type")]
            code: &'static str,
            #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
            denial: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
        }
        let message = self.message.as_deref();
        let denial = message.filter(|_| self.code == ErrorCode::AccessDeniedException);
        // A structure of texts always has a JSON form.
        serde_json::to_vec(&Body { code: self.code.name(), denial, message }).unwrap_or_default()
    }
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl std::error::Error for KmsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &KmsError) -> String {
        String::from_utf8(error.body()).unwrap()
    }

    #[test]
    fn body_is_the_bare_type_and_a_lower_case_message() {
        let error = KmsError::new(ErrorCode::NotFoundException, "Key 'k\"1' does not exist");
        assert_eq!(body(&error), r#"{"__type":"NotFoundException","message":"Key 'k\"1' does not exist"}"#);
        let error = KmsError::validation("NumberOfBytes is required.");
        assert_eq!(
            body(&error),
            r#"{"__type":"ValidationException","message":"NumberOfBytes is required."}"#
        );
    }

    #[test]
    fn body_without_a_text_has_no_message_member() {
        let error = KmsError::bare(ErrorCode::InvalidCiphertextException);
        assert_eq!(body(&error), r#"{"__type":"InvalidCiphertextException"}"#);
        let error = KmsError::bare(ErrorCode::AccessDeniedException);
        assert_eq!(body(&error), r#"{"__type":"AccessDeniedException"}"#);
    }

    #[test]
    fn denial_carries_both_spellings_of_message() {
        let error = KmsError::new(ErrorCode::AccessDeniedException, "User: u is not authorized");
        let expected = concat!(
            r#"{"__type":"AccessDeniedException","Message":"User: u is not authorized","#,
            r#""message":"User: u is not authorized"}"#
        );
        assert_eq!(body(&error), expected);
    }

    #[test]
    fn only_these_codes_are_not_400() {
        let others: Vec<_> =
            ErrorCode::ALL.iter().filter(|c| c.status() != 400).map(|c| (c.name(), c.status())).collect();
        let expected = [
            ("DependencyTimeoutException", 500),
            ("InternalFailure", 500),
            ("KMSInternalException", 500),
            ("KeyUnavailableException", 500),
            ("NotImplementedException", 501),
            ("RequestEntityTooLargeException", 413),
            ("ServiceUnavailable", 503),
        ];
        assert_eq!(others, expected);
    }

    #[test]
    fn codes_are_sorted_by_name() {
        assert!(ErrorCode::ALL.is_sorted_by(|a, b| a.name() < b.name()));
    }

    #[test]
    fn only_a_denial_has_another_name_in_the_audit() {
        for code in ErrorCode::ALL {
            let expected =
                if *code == ErrorCode::AccessDeniedException { "AccessDenied" } else { code.name() };
            assert_eq!(code.name_in_audit(), expected);
        }
    }

    #[test]
    fn display_shows_code_and_text() {
        assert_eq!(KmsError::validation("no").to_string(), "ValidationException: no");
        assert_eq!(KmsError::bare(ErrorCode::KMSInvalidMacException).to_string(), "KMSInvalidMacException");
    }
}
