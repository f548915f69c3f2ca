//! Grants.
//!
//! AWS: API Reference, "Actions".

use super::{collections, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `CreateGrant` lets a principal use a key.
///
/// AWS: CreateGrant.
pub static CREATE_GRANT: Operation = Operation {
    name: "CreateGrant",
    input: &Structure {
        name: "CreateGrantRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("GranteePrincipal", &scalars::PRINCIPAL_ID_TYPE),
            optional("RetiringPrincipal", &scalars::PRINCIPAL_ID_TYPE),
            required("Operations", &collections::GRANT_OPERATION_LIST),
            optional("Constraints", &Shape::Structure(&GRANT_CONSTRAINTS)),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
            optional("Name", &scalars::GRANT_NAME_TYPE),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
            optional("GranteeServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
            optional("RetiringServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "CreateGrantResponse",
        members: &[
            optional("GrantToken", &scalars::GRANT_TOKEN_TYPE),
            optional("GrantId", &scalars::GRANT_ID_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInternalException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::LimitExceededException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `ListGrants` pages through the grants of a key.
///
/// AWS: ListGrants.
pub static LIST_GRANTS: Operation = Operation {
    name: "ListGrants",
    input: &Structure {
        name: "ListGrantsRequest",
        members: &[
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("GrantId", &scalars::GRANT_ID_TYPE),
            optional("GranteePrincipal", &scalars::PRINCIPAL_ID_TYPE),
            optional("GranteeServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
        ],
    },
    output: Output::Structure(&LIST_GRANTS_RESPONSE),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidMarkerException,
        ErrorCode::InvalidGrantIdException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `ListRetirableGrants` pages through the grants a principal may retire.
///
/// AWS: ListRetirableGrants.
pub static LIST_RETIRABLE_GRANTS: Operation = Operation {
    name: "ListRetirableGrants",
    input: &Structure {
        name: "ListRetirableGrantsRequest",
        members: &[
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
            optional("RetiringPrincipal", &scalars::PRINCIPAL_ID_TYPE),
            optional("RetiringServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
        ],
    },
    output: Output::Structure(&LIST_GRANTS_RESPONSE),
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidMarkerException,
        ErrorCode::InvalidArnException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
    ],
};

/// `RetireGrant` removes a grant on behalf of its user.
///
/// AWS: RetireGrant.
pub static RETIRE_GRANT: Operation = Operation {
    name: "RetireGrant",
    input: &Structure {
        name: "RetireGrantRequest",
        members: &[
            optional("GrantToken", &scalars::GRANT_TOKEN_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("GrantId", &scalars::GRANT_ID_TYPE),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::InvalidArnException,
        ErrorCode::InvalidGrantTokenException,
        ErrorCode::InvalidGrantIdException,
        ErrorCode::NotFoundException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

/// `RevokeGrant` removes a grant on behalf of its owner.
///
/// AWS: RevokeGrant.
pub static REVOKE_GRANT: Operation = Operation {
    name: "RevokeGrant",
    input: &Structure {
        name: "RevokeGrantRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("GrantId", &scalars::GRANT_ID_TYPE),
            optional("DryRun", &scalars::NULLABLE_BOOLEAN_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidArnException,
        ErrorCode::InvalidGrantIdException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::DryRunOperationException,
    ],
};

static LIST_GRANTS_RESPONSE: Structure = Structure {
    name: "ListGrantsResponse",
    members: &[
        optional("Grants", &GRANT_LIST),
        optional("NextMarker", &scalars::MARKER_TYPE),
        optional("Truncated", &scalars::BOOLEAN_TYPE),
    ],
};

pub(super) static GRANT_CONSTRAINTS: Structure = Structure {
    name: "GrantConstraints",
    members: &[
        optional("EncryptionContextSubset", &collections::ENCRYPTION_CONTEXT_TYPE),
        optional("EncryptionContextEquals", &collections::ENCRYPTION_CONTEXT_TYPE),
        optional("SourceArn", &scalars::GRANT_CONSTRAINT_SOURCE_ARN_TYPE),
    ],
};

pub(super) static GRANT_LIST_ENTRY: Structure = Structure {
    name: "GrantListEntry",
    members: &[
        optional("KeyId", &scalars::KEY_ID_TYPE),
        optional("GrantId", &scalars::GRANT_ID_TYPE),
        optional("Name", &scalars::GRANT_NAME_TYPE),
        optional("CreationDate", &scalars::DATE_TYPE),
        optional("GranteePrincipal", &scalars::PRINCIPAL_ID_TYPE),
        optional("RetiringPrincipal", &scalars::PRINCIPAL_ID_TYPE),
        optional("IssuingAccount", &scalars::PRINCIPAL_ID_TYPE),
        optional("Operations", &collections::GRANT_OPERATION_LIST),
        optional("Constraints", &Shape::Structure(&GRANT_CONSTRAINTS)),
        optional("GranteeServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
        optional("RetiringServicePrincipal", &scalars::SERVICE_PRINCIPAL_TYPE),
    ],
};

pub(super) static GRANT_LIST: Shape =
    Shape::List { member: &Shape::Structure(&GRANT_LIST_ENTRY), length: Bounds::NONE };
