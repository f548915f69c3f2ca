//! Key agreement and encapsulation.
//!
//! AWS: API Reference, "Actions".

use super::{collections, encryption, enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Shape, Structure, optional, required};

/// `DeriveSharedSecret` agrees on a secret with a peer's public key.
///
/// AWS: DeriveSharedSecret.
pub static DERIVE_SHARED_SECRET: Operation = Operation {
    name: "DeriveSharedSecret",
    input: &Structure {
        name: "DeriveSharedSecretRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("KeyAgreementAlgorithm", &enums::KEY_AGREEMENT_ALGORITHM_SPEC),
            required("PublicKey", &scalars::PUBLIC_KEY_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
            optional("Recipient", &Shape::Structure(&encryption::RECIPIENT_INFO)),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DeriveSharedSecretResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("SharedSecret", &scalars::PLAINTEXT_TYPE),
            optional("CiphertextForRecipient", &scalars::CIPHERTEXT_TYPE),
            optional("KeyAgreementAlgorithm", &enums::KEY_AGREEMENT_ALGORITHM_SPEC),
            optional("KeyOrigin", &enums::ORIGIN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `Encapsulate` makes a shared secret and its encapsulation.
///
/// AWS: Encapsulate.
pub static ENCAPSULATE: Operation = Operation {
    name: "Encapsulate",
    input: &Structure {
        name: "EncapsulateRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("EncapsulationAlgorithm", &enums::ENCAPSULATION_ALGORITHM_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "EncapsulateResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("SharedSecret", &scalars::PLAINTEXT_TYPE),
            optional("SharedSecretCiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("EncapsulationAlgorithm", &enums::ENCAPSULATION_ALGORITHM_SPEC),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `Decapsulate` recovers a shared secret from its encapsulation.
///
/// AWS: Decapsulate.
pub static DECAPSULATE: Operation = Operation {
    name: "Decapsulate",
    input: &Structure {
        name: "DecapsulateRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("SharedSecretCiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            required("EncapsulationAlgorithm", &enums::ENCAPSULATION_ALGORITHM_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DecapsulateResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("SharedSecret", &scalars::PLAINTEXT_TYPE),
            optional("EncapsulationAlgorithm", &enums::ENCAPSULATION_ALGORITHM_SPEC),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidCiphertextException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};
