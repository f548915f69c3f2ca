//! Tags.
//!
//! AWS: API Reference, "Actions".

use super::{collections, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `TagResource` adds tags or replaces their values.
///
/// AWS: TagResource.
pub static TAG_RESOURCE: Operation = Operation {
    name: "TagResource",
    input: &Structure {
        name: "TagResourceRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE), required("Tags", &TAG_LIST)],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::KMSInternalException,
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::LimitExceededException,
        ErrorCode::TagException,
    ],
};

/// `UntagResource` removes tags.
///
/// AWS: UntagResource.
pub static UNTAG_RESOURCE: Operation = Operation {
    name: "UntagResource",
    input: &Structure {
        name: "UntagResourceRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE), required("TagKeys", &collections::TAG_KEY_LIST)],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::KMSInternalException,
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::KMSInvalidStateException,
        ErrorCode::TagException,
    ],
};

/// `ListResourceTags` pages through the tags of a key.
///
/// AWS: ListResourceTags.
pub static LIST_RESOURCE_TAGS: Operation = Operation {
    name: "ListResourceTags",
    input: &Structure {
        name: "ListResourceTagsRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ListResourceTagsResponse",
        members: &[
            optional("Tags", &TAG_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::KMSInternalException,
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::InvalidMarkerException,
    ],
};

pub(super) static TAG: Structure = Structure {
    name: "Tag",
    members: &[required("TagKey", &scalars::TAG_KEY_TYPE), required("TagValue", &scalars::TAG_VALUE_TYPE)],
};

pub(super) static TAG_LIST: Shape = Shape::List { member: &Shape::Structure(&TAG), length: Bounds::NONE };
