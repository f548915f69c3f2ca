//! How failures of clusters and proxies are told.
//!
//! AWS: KMS API reference, the errors of each operation; KMS developer guide, "Troubleshooting external key stores". AWS
//! publishes the texts on proxies; those on clusters and clashes are not known, so they say what the reference says of the
//! error.

use lifecycle::custom_store::{Clash, ClusterError};

use crate::api::error::{ErrorCode, KmsError};
use crate::xks::{Failure, KeyFault};

/// A proxy failed while a store was created or updated.
pub(super) fn of_store(failure: Failure) -> KmsError {
    let code = match failure {
        Failure::AuthenticationFailed | Failure::AccessDenied => {
            ErrorCode::XksProxyIncorrectAuthenticationCredentialException
        }
        Failure::InvalidUriPath => ErrorCode::XksProxyInvalidConfigurationException,
        Failure::DependencyTimeout
        | Failure::Throttling
        | Failure::Unreachable
        | Failure::Unhealthy
        | Failure::Tls
        | Failure::TimedOut => ErrorCode::XksProxyUriUnreachableException,
        Failure::NoVpcService => ErrorCode::XksProxyVpcEndpointServiceNotFoundException,
        Failure::WrongVpcService => ErrorCode::XksProxyVpcEndpointServiceInvalidConfigurationException,
        Failure::Internal
        | Failure::InvalidCiphertext
        | Failure::InvalidKeyUsage
        | Failure::InvalidResponse
        | Failure::InvalidState
        | Failure::KeyNotFound
        | Failure::UnsupportedOperation
        | Failure::WrongPlaintext => ErrorCode::XksProxyInvalidResponseException,
    };
    KmsError::new(code, failure.message())
}

/// A proxy failed while a key was created.
pub(super) fn of_new_key(failure: Failure) -> KmsError {
    let code = match failure {
        // The specification names an XksKeyInvalidResponseException for the last, which the API does not have.
        Failure::InvalidState | Failure::InvalidKeyUsage | Failure::UnsupportedOperation => {
            ErrorCode::XksKeyInvalidConfigurationException
        }
        Failure::KeyNotFound => ErrorCode::XksKeyNotFoundException,
        Failure::AccessDenied => ErrorCode::KMSInvalidStateException,
        _ => ErrorCode::CustomKeyStoreInvalidStateException,
    };
    KmsError::new(code, failure.message())
}

/// An external key cannot back a KMS key.
pub(super) fn of_key_fault(fault: KeyFault) -> KmsError {
    let message = match fault {
        KeyFault::Spec => "The external key must be an AES_256 key.",
        KeyFault::Usage => "The external key must support both ENCRYPT and DECRYPT.",
        KeyFault::Status => Failure::InvalidState.message(),
    };
    KmsError::new(ErrorCode::XksKeyInvalidConfigurationException, message)
}

/// A proxy failed while a key was used. A ciphertext or context that it refuses is no InvalidCiphertextException either.
pub(super) fn of_use(failure: Failure) -> KmsError {
    KmsError::new(ErrorCode::KMSInvalidStateException, failure.message())
}

/// A cluster cannot serve.
pub(super) fn of_cluster(id: &str, error: ClusterError) -> KmsError {
    match error {
        ClusterError::NotFound => KmsError::new(
            ErrorCode::CloudHsmClusterNotFoundException,
            format!("The AWS CloudHSM cluster {id} was not found."),
        ),
        ClusterError::NotActive => KmsError::new(
            ErrorCode::CloudHsmClusterNotActiveException,
            format!("The AWS CloudHSM cluster {id} is not active."),
        ),
        ClusterError::TooFewHsms { needed } => KmsError::new(
            ErrorCode::CloudHsmClusterInvalidConfigurationException,
            format!(
                "The AWS CloudHSM cluster {id} must contain at least {needed} active HSM{}.",
                if needed == 1 { "" } else { "s in different Availability Zones" }
            ),
        ),
    }
}

/// Another store has it already.
pub(super) fn of_clash(clash: Clash) -> KmsError {
    let (code, message) = match clash {
        Clash::Name => (
            ErrorCode::CustomKeyStoreNameInUseException,
            "The custom key store name is already assigned to another custom key store in the account.",
        ),
        Clash::Cluster => (
            ErrorCode::CloudHsmClusterInUseException,
            "The AWS CloudHSM cluster is already associated with a custom key store, or it shares a backup history with \
             a cluster that is.",
        ),
        Clash::Endpoint => (
            ErrorCode::XksProxyUriEndpointInUseException,
            "The XksProxyUriEndpoint is already associated with another external key store in this Region.",
        ),
        Clash::Uri => (
            ErrorCode::XksProxyUriInUseException,
            "The concatenation of the XksProxyUriEndpoint and XksProxyUriPath is already associated with another external \
             key store in this Region.",
        ),
        Clash::VpcService => (
            ErrorCode::XksProxyVpcEndpointServiceInUseException,
            "The Amazon VPC endpoint service is already associated with another external key store in this Region.",
        ),
    };
    KmsError::new(code, message)
}
