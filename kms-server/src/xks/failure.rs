//! The ways in which a proxy does not do what it is asked.

use lifecycle::custom_store::ConnectionErrorCode;

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// `AccessDeniedException`.
    AccessDenied,
    /// `AuthenticationFailedException`.
    AuthenticationFailed,
    /// `DependencyTimeoutException`.
    DependencyTimeout,
    /// `InternalException`.
    Internal,
    /// `InvalidCiphertextException`.
    InvalidCiphertext,
    /// `InvalidKeyUsageException`.
    InvalidKeyUsage,
    /// `InvalidStateException`.
    InvalidState,
    /// `InvalidUriPathException`.
    InvalidUriPath,
    /// `KeyNotFoundException`.
    KeyNotFound,
    /// `ThrottlingException`.
    Throttling,
    /// `UnsupportedOperationException`.
    UnsupportedOperation,
    /// `ValidationException`, or an answer that does not follow the specification.
    InvalidResponse,
    /// What it decrypted is not what it was once given to encrypt.
    WrongPlaintext,
    /// It says that it works, but that no key manager behind it does.
    Unhealthy,
    /// No connection, or one that broke.
    Unreachable,
    /// No TLS connection.
    Tls,
    /// No answer in time.
    TimedOut,
    /// There is no such VPC endpoint service.
    NoVpcService,
    /// The VPC endpoint service is for another private DNS name.
    WrongVpcService,
}

/// Status and `errorName` of every error, and what it means.
///
/// AWS: External Key Store Proxy API Specification, "Errors".
const NAMES: [(u16, &str, Failure); 12] = [
    (400, "ValidationException", Failure::InvalidResponse),
    (400, "InvalidStateException", Failure::InvalidState),
    (400, "InvalidCiphertextException", Failure::InvalidCiphertext),
    (400, "InvalidKeyUsageException", Failure::InvalidKeyUsage),
    (401, "AuthenticationFailedException", Failure::AuthenticationFailed),
    (403, "AccessDeniedException", Failure::AccessDenied),
    (404, "KeyNotFoundException", Failure::KeyNotFound),
    (404, "InvalidUriPathException", Failure::InvalidUriPath),
    (429, "ThrottlingException", Failure::Throttling),
    (500, "InternalException", Failure::Internal),
    (501, "UnsupportedOperationException", Failure::UnsupportedOperation),
    (503, "DependencyTimeoutException", Failure::DependencyTimeout),
];

impl Failure {
    /// The failure that an error response tells of; one that the specification does not know is an answer that does
    /// not follow it.
    pub(super) fn named(status: u16, name: &str) -> Failure {
        let known = NAMES.iter().find(|(code, text, _)| *code == status && *text == name);
        known.map_or(Failure::InvalidResponse, |(.., failure)| *failure)
    }

    /// What the caller of KMS is told.
    ///
    /// AWS: KMS developer guide, "Troubleshooting external key stores".
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Failure::InvalidResponse => {
                "AWS KMS cannot interpret the response from the external key store proxy. If you see this error \
                 repeatedly, report it to your external key store proxy administrator."
            }
            Failure::InvalidState => {
                "The external key associated with this KMS key in an external key store is not enabled in the external \
                 key manager. Enable the external key in the external key manager and retry the request."
            }
            Failure::InvalidCiphertext => {
                "The external key store proxy rejected the request because the specified ciphertext or encryption \
                 context is corrupted, missing, or otherwise invalid."
            }
            Failure::WrongPlaintext => {
                "The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is \
                 corrupted, missing, or otherwise invalid."
            }
            Failure::InvalidKeyUsage => {
                "The external key associated with this KMS key in an external key store does not support the requested \
                 operation. Enable the operation on the key in your external key manager, and try the request again."
            }
            Failure::AuthenticationFailed => {
                "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the \
                 XKS proxy authentication credentials for your external key store and update if necessary."
            }
            Failure::AccessDenied => {
                "The external key store proxy denied access to the operation. Verify that the user and the external key \
                 are both authorized for this operation, and try the request again."
            }
            Failure::KeyNotFound => {
                "The external key associated with this KMS key in an external key store was not found in its external key \
                 manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the \
                 correct external key ID."
            }
            Failure::InvalidUriPath => {
                "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path \
                 for your external key store and update if necessary."
            }
            Failure::UnsupportedOperation => {
                "The external key store proxy rejected the request because it does not support the requested operation. \
                 If you see this error repeatedly, report it to your external key store proxy administrator."
            }
            Failure::DependencyTimeout => {
                "The external key store proxy did not respond to the request in the time allotted. Retry the request. If \
                 you see this error repeatedly, report it to your external key store proxy administrator."
            }
            Failure::Throttling => {
                "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency \
                 of your calls using KMS keys in this external key store."
            }
            Failure::Internal => {
                "The external key store proxy rejected the request because it cannot communicate with the external key \
                 manager. Verify that the external key store proxy configuration is correct and that the external key \
                 manager is available."
            }
            Failure::Unreachable | Failure::Unhealthy => {
                "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If \
                 you see this error repeatedly, verify that your external key store proxy is active and is connected to \
                 the network, and that its endpoint URI is correct in your external keystore."
            }
            Failure::Tls => {
                "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, \
                 including its certificate."
            }
            Failure::TimedOut => {
                "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the \
                 request. If you see this error repeatedly, report it to your external key store proxy administrator."
            }
            Failure::NoVpcService => "The specified VPC endpoint service was not found.",
            Failure::WrongVpcService => {
                "The private DNS name of the specified VPC endpoint service is not the host of the XKS proxy URI endpoint."
            }
        }
    }

    /// What an attempt to connect says.
    ///
    /// AWS: KMS API reference, "CustomKeyStoresListEntry", `ConnectionErrorCode`.
    #[must_use]
    pub fn connection_error(self) -> ConnectionErrorCode {
        use ConnectionErrorCode as Code;
        match self {
            Failure::AuthenticationFailed => Code::InvalidCredentials,
            Failure::AccessDenied => Code::XksProxyAccessDenied,
            Failure::InvalidUriPath => Code::XksProxyInvalidConfiguration,
            Failure::Tls => Code::XksProxyInvalidTlsConfiguration,
            Failure::TimedOut | Failure::DependencyTimeout => Code::XksProxyTimedOut,
            Failure::Unreachable | Failure::Unhealthy | Failure::Throttling => Code::XksProxyNotReachable,
            Failure::NoVpcService => Code::XksVpcEndpointServiceNotFound,
            Failure::WrongVpcService => Code::XksVpcEndpointServiceInvalidConfiguration,
            Failure::Internal
            | Failure::InvalidCiphertext
            | Failure::InvalidKeyUsage
            | Failure::InvalidResponse
            | Failure::InvalidState
            | Failure::KeyNotFound
            | Failure::UnsupportedOperation
            | Failure::WrongPlaintext => Code::XksProxyInvalidResponse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_by_status_and_name_together() {
        for (status, name, failure) in NAMES {
            assert_eq!(Failure::named(status, name), failure);
            assert_eq!(Failure::named(418, name), Failure::InvalidResponse);
        }
        assert_eq!(Failure::named(400, "Whatever"), Failure::InvalidResponse);
    }
}
