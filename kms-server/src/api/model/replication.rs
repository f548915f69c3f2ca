//! Multi-Region keys.
//!
//! AWS: API Reference, "Actions".

use super::{enums, keys, scalars, tags};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `ReplicateKey` makes a replica in another Region.
///
/// AWS: ReplicateKey.
pub static REPLICATE_KEY: Operation = Operation {
    name: "ReplicateKey",
    input: &Structure {
        name: "ReplicateKeyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("ReplicaRegion", &scalars::REGION_TYPE),
            optional("Policy", &scalars::POLICY_TYPE),
            optional("BypassPolicyLockoutSafetyCheck", &scalars::BOOLEAN_TYPE),
            optional("Description", &scalars::DESCRIPTION_TYPE),
            optional("Tags", &tags::TAG_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ReplicateKeyResponse",
        members: &[
            optional("ReplicaKeyMetadata", &Shape::Structure(&keys::KEY_METADATA)),
            optional("ReplicaPolicy", &scalars::POLICY_TYPE),
            optional("ReplicaTags", &tags::TAG_LIST),
        ],
    }),
    errors: &[
        ErrorCode::AlreadyExistsException,
        ErrorCode::DisabledException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::MalformedPolicyDocumentException,
        ErrorCode::NotFoundException,
        ErrorCode::TagException,
        ErrorCode::UnsupportedOperationException,
    ],
};

/// `UpdatePrimaryRegion` makes a replica the primary.
///
/// AWS: UpdatePrimaryRegion.
pub static UPDATE_PRIMARY_REGION: Operation = Operation {
    name: "UpdatePrimaryRegion",
    input: &Structure {
        name: "UpdatePrimaryRegionRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("PrimaryRegion", &scalars::REGION_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::DisabledException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::KMSInternalException,
        ErrorCode::NotFoundException,
        ErrorCode::UnsupportedOperationException,
    ],
};

pub(super) static MULTI_REGION_CONFIGURATION: Structure = Structure {
    name: "MultiRegionConfiguration",
    members: &[
        optional("MultiRegionKeyType", &enums::MULTI_REGION_KEY_TYPE),
        optional("PrimaryKey", &Shape::Structure(&MULTI_REGION_KEY)),
        optional("ReplicaKeys", &MULTI_REGION_KEY_LIST),
    ],
};

pub(super) static MULTI_REGION_KEY: Structure = Structure {
    name: "MultiRegionKey",
    members: &[optional("Arn", &scalars::ARN_TYPE), optional("Region", &scalars::REGION_TYPE)],
};

pub(super) static MULTI_REGION_KEY_LIST: Shape =
    Shape::List { member: &Shape::Structure(&MULTI_REGION_KEY), length: Bounds::NONE };
