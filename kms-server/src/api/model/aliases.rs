//! Aliases.
//!
//! AWS: API Reference, "Actions".

use super::scalars;
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `CreateAlias` names a key.
///
/// AWS: CreateAlias.
pub static CREATE_ALIAS: Operation = Operation {
    name: "CreateAlias",
    input: &Structure {
        name: "CreateAliasRequest",
        members: &[
            required("AliasName", &scalars::ALIAS_NAME_TYPE),
            required("TargetKeyId", &scalars::KEY_ID_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::AlreadyExistsException,
        ErrorCode::NotFoundException,
        ErrorCode::InvalidAliasNameException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `UpdateAlias` points an alias at another key.
///
/// AWS: UpdateAlias.
pub static UPDATE_ALIAS: Operation = Operation {
    name: "UpdateAlias",
    input: &Structure {
        name: "UpdateAliasRequest",
        members: &[
            required("AliasName", &scalars::ALIAS_NAME_TYPE),
            required("TargetKeyId", &scalars::KEY_ID_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `DeleteAlias` removes an alias.
///
/// AWS: DeleteAlias.
pub static DELETE_ALIAS: Operation = Operation {
    name: "DeleteAlias",
    input: &Structure {
        name: "DeleteAliasRequest",
        members: &[required("AliasName", &scalars::ALIAS_NAME_TYPE)],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::NotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `ListAliases` pages through the aliases.
///
/// AWS: ListAliases.
pub static LIST_ALIASES: Operation = Operation {
    name: "ListAliases",
    input: &Structure {
        name: "ListAliasesRequest",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ListAliasesResponse",
        members: &[
            optional("Aliases", &ALIAS_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidMarkerException,
        ErrorCode::KMSInternalException,
        ErrorCode::InvalidArnException,
        ErrorCode::NotFoundException,
    ],
};

pub(super) static ALIAS_LIST_ENTRY: Structure = Structure {
    name: "AliasListEntry",
    members: &[
        optional("AliasName", &scalars::ALIAS_NAME_TYPE),
        optional("AliasArn", &scalars::ARN_TYPE),
        optional("TargetKeyId", &scalars::KEY_ID_TYPE),
        optional("CreationDate", &scalars::DATE_TYPE),
        optional("LastUpdatedDate", &scalars::DATE_TYPE),
    ],
};

pub(super) static ALIAS_LIST: Shape =
    Shape::List { member: &Shape::Structure(&ALIAS_LIST_ENTRY), length: Bounds::NONE };
