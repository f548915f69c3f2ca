//! Lists of scalars, and the encryption context.

use super::{enums, scalars};
use crate::api::shape::{Bounds, Shape, StringShape};

pub(super) static DRY_RUN_MODIFIER_LIST: Shape =
    Shape::List { member: &enums::DRY_RUN_MODIFIER_TYPE, length: Bounds::NONE };

pub(super) static ENCAPSULATION_ALGORITHM_SPEC_LIST: Shape =
    Shape::List { member: &enums::ENCAPSULATION_ALGORITHM_SPEC, length: Bounds::NONE };

pub(super) static ENCRYPTION_ALGORITHM_SPEC_LIST: Shape =
    Shape::List { member: &enums::ENCRYPTION_ALGORITHM_SPEC, length: Bounds::NONE };

pub(super) static GRANT_OPERATION_LIST: Shape =
    Shape::List { member: &enums::GRANT_OPERATION, length: Bounds::NONE };

pub(super) static GRANT_TOKEN_LIST: Shape =
    Shape::List { member: &scalars::GRANT_TOKEN_TYPE, length: Bounds::of(0, 10) };

pub(super) static KEY_AGREEMENT_ALGORITHM_SPEC_LIST: Shape =
    Shape::List { member: &enums::KEY_AGREEMENT_ALGORITHM_SPEC, length: Bounds::NONE };

pub(super) static MAC_ALGORITHM_SPEC_LIST: Shape =
    Shape::List { member: &enums::MAC_ALGORITHM_SPEC, length: Bounds::NONE };

pub(super) static POLICY_NAME_LIST: Shape =
    Shape::List { member: &scalars::POLICY_NAME_TYPE, length: Bounds::NONE };

pub(super) static RESOURCE_OWNERS_LIST: Shape =
    Shape::List { member: &enums::RESOURCE_OWNER_TYPE, length: Bounds::of(1, 2) };

pub(super) static SIGNING_ALGORITHM_SPEC_LIST: Shape =
    Shape::List { member: &enums::SIGNING_ALGORITHM_SPEC, length: Bounds::NONE };

pub(super) static TAG_KEY_LIST: Shape = Shape::List { member: &scalars::TAG_KEY_TYPE, length: Bounds::NONE };

// The size limit of a context and the ban on empty texts are checks of the service, not of the model.
pub(super) static ENCRYPTION_CONTEXT_TYPE: Shape =
    Shape::Map { key: &StringShape::ANY, value: &StringShape::ANY };
