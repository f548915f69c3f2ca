//! Message authentication codes.
//!
//! AWS: API Reference, "Actions".

use super::{collections, enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Structure, optional, required};

/// `GenerateMac` computes an HMAC.
///
/// AWS: GenerateMac.
pub static GENERATE_MAC: Operation = Operation {
    name: "GenerateMac",
    input: &Structure {
        name: "GenerateMacRequest",
        members: &[
            required("Message", &scalars::PLAINTEXT_TYPE),
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("MacAlgorithm", &enums::MAC_ALGORITHM_SPEC),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GenerateMacResponse",
        members: &[
            optional("Mac", &scalars::CIPHERTEXT_TYPE),
            optional("MacAlgorithm", &enums::MAC_ALGORITHM_SPEC),
            optional("KeyId", &scalars::KEY_ID_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `VerifyMac` checks an HMAC.
///
/// AWS: VerifyMac.
pub static VERIFY_MAC: Operation = Operation {
    name: "VerifyMac",
    input: &Structure {
        name: "VerifyMacRequest",
        members: &[
            required("Message", &scalars::PLAINTEXT_TYPE),
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("MacAlgorithm", &enums::MAC_ALGORITHM_SPEC),
            required("Mac", &scalars::CIPHERTEXT_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "VerifyMacResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("MacValid", &scalars::BOOLEAN_TYPE),
            optional("MacAlgorithm", &enums::MAC_ALGORITHM_SPEC),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::KeyUnavailableException,
        ErrorCode::InvalidKeyUsageException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidMacException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};
