//! Data keys, data key pairs and random bytes.
//!
//! AWS: API Reference, "Actions".

use super::{collections, encryption, enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Shape, Structure, optional, required};

/// `GenerateDataKey` makes a data key, plain and encrypted.
///
/// AWS: GenerateDataKey.
pub static GENERATE_DATA_KEY: Operation = Operation {
    name: "GenerateDataKey",
    input: &Structure {
        name: "GenerateDataKeyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("NumberOfBytes", &scalars::NUMBER_OF_BYTES_TYPE),
            optional("KeySpec", &enums::DATA_KEY_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("Recipient", &Shape::Structure(&encryption::RECIPIENT_INFO)),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateDataKeyResponse",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("Plaintext", &scalars::PLAINTEXT_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("CiphertextForRecipient", &scalars::CIPHERTEXT_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
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

/// `GenerateDataKeyWithoutPlaintext` makes a data key, encrypted only.
///
/// AWS: GenerateDataKeyWithoutPlaintext.
pub static GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: Operation = Operation {
    name: "GenerateDataKeyWithoutPlaintext",
    input: &Structure {
        name: "GenerateDataKeyWithoutPlaintextRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            optional("KeySpec", &enums::DATA_KEY_SPEC),
            optional("NumberOfBytes", &scalars::NUMBER_OF_BYTES_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateDataKeyWithoutPlaintextResponse",
        members: &[
            optional("CiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
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

/// `GenerateDataKeyPair` makes a key pair with its private half plain and encrypted.
///
/// AWS: GenerateDataKeyPair.
pub static GENERATE_DATA_KEY_PAIR: Operation = Operation {
    name: "GenerateDataKeyPair",
    input: &Structure {
        name: "GenerateDataKeyPairRequest",
        members: &[
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("KeyPairSpec", &enums::DATA_KEY_PAIR_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("Recipient", &Shape::Structure(&encryption::RECIPIENT_INFO)),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateDataKeyPairResponse",
        members: &[
            optional("PrivateKeyCiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("PrivateKeyPlaintext", &scalars::PLAINTEXT_TYPE),
            optional("PublicKey", &scalars::PUBLIC_KEY_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyPairSpec", &enums::DATA_KEY_PAIR_SPEC),
            optional("CiphertextForRecipient", &scalars::CIPHERTEXT_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
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
        ErrorCode::UnsupportedOperationException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `GenerateDataKeyPairWithoutPlaintext` makes a key pair with its private half encrypted only.
///
/// AWS: GenerateDataKeyPairWithoutPlaintext.
pub static GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: Operation = Operation {
    name: "GenerateDataKeyPairWithoutPlaintext",
    input: &Structure {
        name: "GenerateDataKeyPairWithoutPlaintextRequest",
        members: &[
            optional("EncryptionContext", &collections::ENCRYPTION_CONTEXT_TYPE),
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("KeyPairSpec", &enums::DATA_KEY_PAIR_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateDataKeyPairWithoutPlaintextResponse",
        members: &[
            optional("PrivateKeyCiphertextBlob", &scalars::CIPHERTEXT_TYPE),
            optional("PublicKey", &scalars::PUBLIC_KEY_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyPairSpec", &enums::DATA_KEY_PAIR_SPEC),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
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
        ErrorCode::UnsupportedOperationException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `GenerateRandom` makes random bytes.
///
/// AWS: GenerateRandom.
pub static GENERATE_RANDOM: Operation = Operation {
    name: "GenerateRandom",
    input: &Structure {
        name: "GenerateRandomRequest",
        members: &[
            optional("NumberOfBytes", &scalars::NUMBER_OF_BYTES_TYPE),
            optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
            optional("Recipient", &Shape::Structure(&encryption::RECIPIENT_INFO)),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateRandomResponse",
        members: &[
            optional("Plaintext", &scalars::PLAINTEXT_TYPE),
            optional("CiphertextForRecipient", &scalars::CIPHERTEXT_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::CustomKeyStoreInvalidStateException,
    ],
};
