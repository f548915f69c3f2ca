//! Encryption under a key.
//!
//! AWS: API Reference, "Actions".

use super::{collections, enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Shape, Structure, optional, required};

/// `Encrypt` encrypts up to 4 KiB.
///
/// AWS: Encrypt.
pub static ENCRYPT: Operation = Operation {
    name: "Encrypt",
    input: &Structure {
        name: "EncryptRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("Plaintext", &scalars::PLAINTEXT_TYPE),
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("EncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "EncryptResponse",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("EncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
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

/// `Decrypt` decrypts what a key encrypted.
///
/// AWS: Decrypt.
pub static DECRYPT: Operation = Operation {
    name: "Decrypt",
    input: &Structure {
        name: "DecryptRequest",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("EncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("Recipient", &Shape::Structure(&RECIPIENT_INFO)),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
            optional("DryRunModifiers", &collections::DRY_RUN_MODIFIER_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DecryptResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("Plaintext", &scalars::PLAINTEXT_TYPE),
            optional("EncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("CiphertextForRecipient", &scalars::CIPHERTEXT_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidCiphertextException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::IncorrectKeyException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `ReEncrypt` moves a ciphertext to another key or context.
///
/// AWS: ReEncrypt.
pub static RE_ENCRYPT: Operation = Operation {
    name: "ReEncrypt",
    input: &Structure {
        name: "ReEncryptRequest",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("SourceEncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("SourceKeyId", &scalars::KEY_ID_TYPE),
            required("DestinationKeyId", &scalars::KEY_ID_TYPE),
            optional("DestinationEncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("SourceEncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("DestinationEncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
            optional("DryRunModifiers", &collections::DRY_RUN_MODIFIER_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ReEncryptResponse",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("SourceKeyId", &scalars::KEY_ID_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("SourceEncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("DestinationEncryptionAlgorithm", &enums::ENCRYPTION_ALGORITHM_SPEC),
            optional("SourceKeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
            optional("DestinationKeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidCiphertextException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::IncorrectKeyException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

pub(super) static RECIPIENT_INFO: Structure = Structure {
    name: "RecipientInfo",
    members: &[
        optional("KeyEncryptionAlgorithm", &enums::KEY_ENCRYPTION_MECHANISM),
        optional("AttestationDocument", &scalars::ATTESTATION_DOCUMENT_TYPE),
    ],
};
