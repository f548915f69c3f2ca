//! Signatures and public keys.
//!
//! AWS: API Reference, "Actions".

use super::{collections, enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Structure, optional, required};

/// `Sign` signs a message or digest.
///
/// AWS: Sign.
pub static SIGN: Operation = Operation {
    name: "Sign",
    input: &Structure {
        name: "SignRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("Message", &scalars::PLAINTEXT_TYPE),
            optional("MessageType", &enums::MESSAGE_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            required("SigningAlgorithm", &enums::SIGN_ALGORITHM),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "SignResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("Signature", &scalars::CIPHERTEXT_TYPE),
            optional("SigningAlgorithm", &enums::SIGNING_ALGORITHM_SPEC),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `Verify` checks a signature.
///
/// AWS: Verify.
pub static VERIFY: Operation = Operation {
    name: "Verify",
    input: &Structure {
        name: "VerifyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("Message", &scalars::PLAINTEXT_TYPE),
            optional("MessageType", &enums::MESSAGE_TYPE),
            required("Signature", &scalars::CIPHERTEXT_TYPE),
            required("SigningAlgorithm", &enums::SIGNING_ALGORITHM_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "VerifyResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("SignatureValid", &scalars::BOOLEAN_TYPE),
            optional("SigningAlgorithm", &enums::SIGNING_ALGORITHM_SPEC),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::KMSInvalidSignatureException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `GetPublicKey` reads the public half of a key.
///
/// AWS: GetPublicKey.
pub static GET_PUBLIC_KEY: Operation = Operation {
    name: "GetPublicKey",
    input: &Structure {
        name: "GetPublicKeyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GetPublicKeyResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("PublicKey", &scalars::PUBLIC_KEY_TYPE),
            optional("CustomerMasterKeySpec", &enums::CUSTOMER_MASTER_KEY_SPEC),
            optional("KeySpec", &enums::KEY_SPEC),
            optional("KeyUsage", &enums::KEY_USAGE_TYPE),
            optional("EncryptionAlgorithms", &collections::ENCRYPTION_ALGORITHM_SPEC_LIST),
            optional("SigningAlgorithms", &collections::SIGNING_ALGORITHM_SPEC_LIST),
            optional("KeyAgreementAlgorithms", &collections::KEY_AGREEMENT_ALGORITHM_SPEC_LIST),
            optional("EncapsulationAlgorithms", &collections::ENCAPSULATION_ALGORITHM_SPEC_LIST),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::InvalidArnException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};
