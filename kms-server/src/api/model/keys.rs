//! Creating, reading, enabling, disabling and deleting keys.
//!
//! AWS: API Reference, "Actions".

use super::{collections, enums, replication, scalars, tags};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `CreateKey` makes a key.
///
/// AWS: CreateKey.
pub static CREATE_KEY: Operation = Operation {
    name: "CreateKey",
    input: &Structure {
        name: "CreateKeyRequest",
        members: &[
            optional("Policy", &scalars::POLICY_TYPE),
            optional("Description", &scalars::DESCRIPTION_TYPE),
            optional("KeyUsage", &enums::KEY_USAGE_TYPE),
            optional("CustomerMasterKeySpec", &enums::CUSTOMER_MASTER_KEY_SPEC),
            optional("KeySpec", &enums::KEY_SPEC),
            optional("Origin", &enums::ORIGIN_TYPE),
            optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
            optional("BypassPolicyLockoutSafetyCheck", &scalars::BOOLEAN_TYPE),
            optional("Tags", &tags::TAG_LIST),
            optional("MultiRegion", &scalars::NULLABLE_BOOLEAN_TYPE),
            optional("XksKeyId", &scalars::XKS_KEY_ID_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "CreateKeyResponse",
        members: &[optional("KeyMetadata", &Shape::Structure(&KEY_METADATA))],
    }),
    errors: &[
        ErrorCode::MalformedPolicyDocumentException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::InvalidArnException,
        ErrorCode::UnsupportedOperationException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::TagException,
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::CustomKeyStoreInvalidStateException,
        ErrorCode::CloudHsmClusterInvalidConfigurationException,
        ErrorCode::XksKeyInvalidConfigurationException,
        ErrorCode::XksKeyAlreadyInUseException,
        ErrorCode::XksKeyNotFoundException,
    ],
};

/// `DescribeKey` reads a key's metadata.
///
/// AWS: DescribeKey.
pub static DESCRIBE_KEY: Operation = Operation {
    name: "DescribeKey",
    input: &Structure {
        name: "DescribeKeyRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("GrantTokens", &collections::GRANT_TOKEN_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DescribeKeyResponse",
        members: &[optional("KeyMetadata", &Shape::Structure(&KEY_METADATA))],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
    ],
};

/// `ListKeys` pages through the keys.
///
/// AWS: ListKeys.
pub static LIST_KEYS: Operation = Operation {
    name: "ListKeys",
    input: &Structure {
        name: "ListKeysRequest",
        members: &[
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
            optional("ResourceOwners", &collections::RESOURCE_OWNERS_LIST),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ListKeysResponse",
        members: &[
            optional("Keys", &KEY_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::InvalidMarkerException,
    ],
};

/// `EnableKey` makes a disabled key usable.
///
/// AWS: EnableKey.
pub static ENABLE_KEY: Operation = Operation {
    name: "EnableKey",
    input: &Structure { name: "EnableKeyRequest", members: &[required("KeyId", &scalars::KEY_ID_TYPE)] },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::LimitExceededException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `DisableKey` makes a key unusable.
///
/// AWS: DisableKey.
pub static DISABLE_KEY: Operation = Operation {
    name: "DisableKey",
    input: &Structure { name: "DisableKeyRequest", members: &[required("KeyId", &scalars::KEY_ID_TYPE)] },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `ScheduleKeyDeletion` starts the waiting period before deletion.
///
/// AWS: ScheduleKeyDeletion.
pub static SCHEDULE_KEY_DELETION: Operation = Operation {
    name: "ScheduleKeyDeletion",
    input: &Structure {
        name: "ScheduleKeyDeletionRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            optional("PendingWindowInDays", &scalars::PENDING_WINDOW_IN_DAYS_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "ScheduleKeyDeletionResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("DeletionDate", &scalars::DATE_TYPE),
            optional("KeyState", &enums::KEY_STATE),
            optional("PendingWindowInDays", &scalars::PENDING_WINDOW_IN_DAYS_TYPE),
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

/// `CancelKeyDeletion` ends that waiting period.
///
/// AWS: CancelKeyDeletion.
pub static CANCEL_KEY_DELETION: Operation = Operation {
    name: "CancelKeyDeletion",
    input: &Structure {
        name: "CancelKeyDeletionRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE)],
    },
    output: Output::Structure(&Structure {
        name: "CancelKeyDeletionResponse",
        members: &[optional("KeyId", &scalars::KEY_ID_TYPE)],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `UpdateKeyDescription` replaces the description.
///
/// AWS: UpdateKeyDescription.
pub static UPDATE_KEY_DESCRIPTION: Operation = Operation {
    name: "UpdateKeyDescription",
    input: &Structure {
        name: "UpdateKeyDescriptionRequest",
        members: &[
            required("KeyId", &scalars::KEY_ID_TYPE),
            required("Description", &scalars::DESCRIPTION_TYPE),
        ],
    },
    output: Output::NoBody,
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
        ErrorCode::KMSInvalidStateException,
    ],
};

/// `GetKeyLastUsage` tells when a key was last used.
///
/// AWS: GetKeyLastUsage.
pub static GET_KEY_LAST_USAGE: Operation = Operation {
    name: "GetKeyLastUsage",
    input: &Structure {
        name: "GetKeyLastUsageRequest",
        members: &[required("KeyId", &scalars::KEY_ID_TYPE)],
    },
    output: Output::Structure(&Structure {
        name: "GetKeyLastUsageResponse",
        members: &[
            optional("KeyId", &scalars::KEY_ID_TYPE),
            optional("KeyLastUsage", &Shape::Structure(&KEY_LAST_USAGE_DATA)),
            optional("TrackingStartDate", &scalars::DATE_TYPE),
            optional("KeyCreationDate", &scalars::DATE_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::NotFoundException,
        ErrorCode::InvalidArnException,
        ErrorCode::DependencyTimeoutException,
        ErrorCode::KMSInternalException,
    ],
};

pub(super) static KEY_LAST_USAGE_DATA: Structure = Structure {
    name: "KeyLastUsageData",
    members: &[
        optional("Operation", &enums::KEY_LAST_USAGE_TRACKING_OPERATION),
        optional("Timestamp", &scalars::DATE_TYPE),
        optional("CloudTrailEventId", &scalars::CLOUD_TRAIL_EVENT_ID_TYPE),
        optional("KmsRequestId", &scalars::KMS_REQUEST_ID_TYPE),
    ],
};

pub(super) static KEY_LIST_ENTRY: Structure = Structure {
    name: "KeyListEntry",
    members: &[optional("KeyId", &scalars::KEY_ID_TYPE), optional("KeyArn", &scalars::ARN_TYPE)],
};

pub(super) static KEY_METADATA: Structure = Structure {
    name: "KeyMetadata",
    members: &[
        optional("AWSAccountId", &scalars::AWS_ACCOUNT_ID_TYPE),
        required("KeyId", &scalars::KEY_ID_TYPE),
        optional("Arn", &scalars::ARN_TYPE),
        optional("CreationDate", &scalars::DATE_TYPE),
        optional("Enabled", &scalars::BOOLEAN_TYPE),
        optional("Description", &scalars::DESCRIPTION_TYPE),
        optional("KeyUsage", &enums::KEY_USAGE_TYPE),
        optional("KeyState", &enums::KEY_STATE),
        optional("DeletionDate", &scalars::DATE_TYPE),
        optional("ValidTo", &scalars::DATE_TYPE),
        optional("Origin", &enums::ORIGIN_TYPE),
        optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
        optional("CloudHsmClusterId", &scalars::CLOUD_HSM_CLUSTER_ID_TYPE),
        optional("ExpirationModel", &enums::EXPIRATION_MODEL_TYPE),
        optional("KeyManager", &enums::KEY_MANAGER_TYPE),
        optional("CustomerMasterKeySpec", &enums::CUSTOMER_MASTER_KEY_SPEC),
        optional("KeySpec", &enums::KEY_SPEC),
        optional("EncryptionAlgorithms", &collections::ENCRYPTION_ALGORITHM_SPEC_LIST),
        optional("SigningAlgorithms", &collections::SIGNING_ALGORITHM_SPEC_LIST),
        optional("KeyAgreementAlgorithms", &collections::KEY_AGREEMENT_ALGORITHM_SPEC_LIST),
        optional("EncapsulationAlgorithms", &collections::ENCAPSULATION_ALGORITHM_SPEC_LIST),
        optional("MultiRegion", &scalars::NULLABLE_BOOLEAN_TYPE),
        optional("MultiRegionConfiguration", &Shape::Structure(&replication::MULTI_REGION_CONFIGURATION)),
        optional("PendingDeletionWindowInDays", &scalars::PENDING_WINDOW_IN_DAYS_TYPE),
        optional("MacAlgorithms", &collections::MAC_ALGORITHM_SPEC_LIST),
        optional("XksKeyConfiguration", &Shape::Structure(&XKS_KEY_CONFIGURATION_TYPE)),
        optional("CurrentKeyMaterialId", &scalars::BACKING_KEY_ID_TYPE),
    ],
};

pub(super) static XKS_KEY_CONFIGURATION_TYPE: Structure =
    Structure { name: "XksKeyConfigurationType", members: &[optional("Id", &scalars::XKS_KEY_ID_TYPE)] };

pub(super) static KEY_LIST: Shape =
    Shape::List { member: &Shape::Structure(&KEY_LIST_ENTRY), length: Bounds::NONE };
