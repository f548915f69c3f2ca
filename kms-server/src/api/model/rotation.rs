//! Rotation.
//!
//! AWS: API Reference, "Actions".

use super::{enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `EnableKeyRotation` turns automatic rotation on.
///
/// AWS: EnableKeyRotation.
pub static ENABLE_KEY_ROTATION: Operation = Operation {
    name: "EnableKeyRotation",
    input: &Structure {
        name: "EnableKeyRotationRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("RotationPeriodInDays", &scalars::ROTATION_PERIOD_IN_DAYS_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::UnsupportedOperationException,
    ],
};

/// `DisableKeyRotation` turns automatic rotation off.
///
/// AWS: DisableKeyRotation.
pub static DISABLE_KEY_ROTATION: Operation = Operation {
    name: "DisableKeyRotation",
    input: &Structure {
        name: "DisableKeyRotationRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE)],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::UnsupportedOperationException,
    ],
};

/// `GetKeyRotationStatus` reads the rotation settings.
///
/// AWS: GetKeyRotationStatus.
pub static GET_KEY_ROTATION_STATUS: Operation = Operation {
    name: "GetKeyRotationStatus",
    input: &Structure {
        name: "GetKeyRotationStatusRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE)],
    },
    output: Output::Structure(&Structure {
        name: "GetKeyRotationStatusResponse",
        members: &[
            optional("KeyRotationEnabled", &scalars::BOOLEAN_TYPE),
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("RotationPeriodInDays", &scalars::ROTATION_PERIOD_IN_DAYS_TYPE),
            optional("NextRotationDate", &scalars::DATE_TYPE),
            optional("OnDemandRotationStartDate", &scalars::DATE_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::UnsupportedOperationException,
    ],
};

/// `ListKeyRotations` pages through past rotations.
///
/// AWS: ListKeyRotations.
pub static LIST_KEY_ROTATIONS: Operation = Operation {
    name: "ListKeyRotations",
    input: &Structure {
        name: "ListKeyRotationsRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("IncludeKeyMaterial", &enums::INCLUDE_KEY_MATERIAL),
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ListKeyRotationsResponse",
        members: &[
            optional("Rotations", &ROTATIONS_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::InvalidMarkerException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::UnsupportedOperationException,
    ],
};

/// `RotateKeyOnDemand` rotates a key now.
///
/// AWS: RotateKeyOnDemand.
pub static ROTATE_KEY_ON_DEMAND: Operation = Operation {
    name: "RotateKeyOnDemand",
    input: &Structure {
        name: "RotateKeyOnDemandRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE)],
    },
    output: Output::Structure(&Structure {
        name: "RotateKeyOnDemandResponse",
        members: &[optional("KeyId", &scalars::KEY_ID_TYPE)],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::LimitExceededException,
        ErrorCode::ConflictException,
    ],
};

pub(super) static ROTATIONS_LIST_ENTRY: Structure = Structure {
    name: "RotationsListEntry",
    members: &[
        optional("KeyId", &scalars::KEY_ID_TYPE),
        optional("KeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
        optional("KeyMaterialDescription", &scalars::KEY_MATERIAL_DESCRIPTION_TYPE),
        optional("ImportState", &enums::IMPORT_STATE),
        optional("KeyMaterialState", &enums::KEY_MATERIAL_STATE),
        optional("ExpirationModel", &enums::EXPIRATION_MODEL_TYPE),
        optional("ValidTo", &scalars::DATE_TYPE),
        optional("RotationDate", &scalars::DATE_TYPE),
        optional("RotationType", &enums::ROTATION_TYPE),
    ],
};

pub(super) static ROTATIONS_LIST: Shape =
    Shape::List { member: &Shape::Structure(&ROTATIONS_LIST_ENTRY), length: Bounds::NONE };
