//! Importing key material.
//!
//! AWS: API Reference, "Actions".

use super::{enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Structure, optional, required};

/// `GetParametersForImport` makes a wrapping key and an import token.
///
/// AWS: GetParametersForImport.
pub static GET_PARAMETERS_FOR_IMPORT: Operation = Operation {
    name: "GetParametersForImport",
    input: &Structure {
        name: "GetParametersForImportRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("WrappingAlgorithm", &enums::ALGORITHM_SPEC),
            required("WrappingKeySpec", &enums::WRAPPING_KEY_SPEC),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GetParametersForImportResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("ImportToken", &scalars::CIPHERTEXT_TYPE),
            optional("PublicKey", &scalars::PLAINTEXT_TYPE),
            optional("ParametersValidTo", &scalars::DATE_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::InvalidArnException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `ImportKeyMaterial` puts material into a key.
///
/// AWS: ImportKeyMaterial.
pub static IMPORT_KEY_MATERIAL: Operation = Operation {
    name: "ImportKeyMaterial",
    input: &Structure {
        name: "ImportKeyMaterialRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("ImportToken", &scalars::CIPHERTEXT_TYPE),
            required("EncryptedKeyMaterial", &scalars::CIPHERTEXT_TYPE),
            optional("ValidTo", &scalars::DATE_TYPE),
            optional("ExpirationModel", &enums::EXPIRATION_MODEL_TYPE),
            optional("ImportType", &enums::IMPORT_TYPE),
            optional("KeyMaterialDescription", &scalars::KEY_MATERIAL_DESCRIPTION_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ImportKeyMaterialResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::InvalidArnException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::InvalidCiphertextException,
        ErrorCode::IncorrectKeyMaterialException,
        ErrorCode::ExpiredImportTokenException,
        ErrorCode::InvalidImportTokenException,
    ],
};

/// `DeleteImportedKeyMaterial` takes material out of a key.
///
/// AWS: DeleteImportedKeyMaterial.
pub static DELETE_IMPORTED_KEY_MATERIAL: Operation = Operation {
    name: "DeleteImportedKeyMaterial",
    input: &Structure {
        name: "DeleteImportedKeyMaterialRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DeleteImportedKeyMaterialResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyMaterialId", &scalars::BACKING_KEY_ID_RESPONSE_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::InvalidArnException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};
