//! Key policies.
//!
//! AWS: API Reference, "Actions".

use super::{collections, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Operation, Output, Structure, optional, required};

/// `GetKeyPolicy` reads the key policy.
///
/// AWS: GetKeyPolicy.
pub static GET_KEY_POLICY: Operation = Operation {
    name: "GetKeyPolicy",
    input: &Structure {
        name: "GetKeyPolicyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("PolicyName", &scalars::POLICY_NAME_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "GetKeyPolicyResponse",
        members: &[
            optional("Policy", &scalars::POLICY_TYPE),
            optional("PolicyName", &scalars::POLICY_NAME_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `PutKeyPolicy` replaces the key policy.
///
/// AWS: PutKeyPolicy.
pub static PUT_KEY_POLICY: Operation = Operation {
    name: "PutKeyPolicy",
    input: &Structure {
        name: "PutKeyPolicyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("PolicyName", &scalars::POLICY_NAME_TYPE),
            required("Policy", &scalars::POLICY_TYPE),
            optional("BypassPolicyLockoutSafetyCheck", &scalars::BOOLEAN_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::MalformedPolicyDocumentException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `ListKeyPolicies` pages through the policy names.
///
/// AWS: ListKeyPolicies.
pub static LIST_KEY_POLICIES: Operation = Operation {
    name: "ListKeyPolicies",
    input: &Structure {
        name: "ListKeyPoliciesRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ListKeyPoliciesResponse",
        members: &[
            optional("PolicyNames", &collections::POLICY_NAME_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};
