//! Enumerations of the model.

use crate::api::shape::{EnumShape, Shape};

// AWS (observed): error texts print these sets in an order of their own. The positions of the ML-KEM specs,
// of KEY_AGREEMENT and of ENCAPSULATE_DECAPSULATE, which came after the recordings, are a guess.
const KEY_SPECS_PRINTED: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];

const SIGNING_ALGORITHMS: &[&str] = &[
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "ECDSA_SHA_256",
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
    "ED25519_SHA_512",
    "ED25519_PH_SHA_512",
];

const SIGNING_ALGORITHMS_PRINTED: &[&str] = &[
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "ECDSA_SHA_256",
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "ED25519_SHA_512",
    "ED25519_PH_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
];

pub(super) static ALGORITHM_SPEC: Shape = Shape::Enum(EnumShape::of(
    "AlgorithmSpec",
    &[
        "RSAES_PKCS1_V1_5",
        "RSAES_OAEP_SHA_1",
        "RSAES_OAEP_SHA_256",
        "RSA_AES_KEY_WRAP_SHA_1",
        "RSA_AES_KEY_WRAP_SHA_256",
        "SM2PKE",
    ],
));

pub(super) static CONNECTION_ERROR_CODE_TYPE: Shape = Shape::Enum(EnumShape::of(
    "ConnectionErrorCodeType",
    &[
        "INVALID_CREDENTIALS",
        "CLUSTER_NOT_FOUND",
        "NETWORK_ERRORS",
        "INTERNAL_ERROR",
        "INSUFFICIENT_CLOUDHSM_HSMS",
        "USER_LOCKED_OUT",
        "USER_NOT_FOUND",
        "USER_LOGGED_IN",
        "SUBNET_NOT_FOUND",
        "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
        "XKS_PROXY_ACCESS_DENIED",
        "XKS_PROXY_NOT_REACHABLE",
        "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
        "XKS_PROXY_INVALID_RESPONSE",
        "XKS_PROXY_INVALID_CONFIGURATION",
        "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
        "XKS_PROXY_TIMED_OUT",
        "XKS_PROXY_INVALID_TLS_CONFIGURATION",
    ],
));

pub(super) static CONNECTION_STATE_TYPE: Shape = Shape::Enum(EnumShape::of(
    "ConnectionStateType",
    &["CONNECTED", "CONNECTING", "FAILED", "DISCONNECTED", "DISCONNECTING"],
));

pub(super) static CUSTOM_KEY_STORE_TYPE: Shape =
    Shape::Enum(EnumShape::of("CustomKeyStoreType", &["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]));

pub(super) static CUSTOMER_MASTER_KEY_SPEC: Shape = Shape::Enum(EnumShape::of(
    "CustomerMasterKeySpec",
    &[
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "SYMMETRIC_DEFAULT",
        "HMAC_224",
        "HMAC_256",
        "HMAC_384",
        "HMAC_512",
        "SM2",
    ],
));

pub(super) static DATA_KEY_PAIR_SPEC: Shape = Shape::Enum(EnumShape::of(
    "DataKeyPairSpec",
    &[
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "SM2",
        "ECC_NIST_EDWARDS25519",
        "ML_KEM_512",
        "ML_KEM_768",
        "ML_KEM_1024",
    ],
));

// AWS (observed): GenerateDataKey with another KeySpec prints the set of CreateKey, which lacks both values.
pub(super) static DATA_KEY_SPEC: Shape =
    Shape::Enum(EnumShape::of("DataKeySpec", &["AES_256", "AES_128"]).printed_as(KEY_SPECS_PRINTED));

pub(super) static DRY_RUN_MODIFIER_TYPE: Shape =
    Shape::Enum(EnumShape::of("DryRunModifierType", &["IGNORE_CIPHERTEXT"]));

pub(super) static ENCAPSULATION_ALGORITHM_SPEC: Shape =
    Shape::Enum(EnumShape::of("EncapsulationAlgorithmSpec", &["ML_KEM"]));

pub(super) static ENCRYPTION_ALGORITHM_SPEC: Shape = Shape::Enum(
    EnumShape::of(
        "EncryptionAlgorithmSpec",
        &["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"],
    )
    .printed_as(&["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE", "SYMMETRIC_DEFAULT"]),
);

pub(super) static EXPIRATION_MODEL_TYPE: Shape = Shape::Enum(
    EnumShape::of("ExpirationModelType", &["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"])
        .printed_as(&["KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES"]),
);

pub(super) static GRANT_OPERATION: Shape = Shape::Enum(EnumShape::of(
    "GrantOperation",
    &[
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
        "Sign",
        "Verify",
        "GetPublicKey",
        "CreateGrant",
        "RetireGrant",
        "DescribeKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateMac",
        "VerifyMac",
        "DeriveSharedSecret",
        "Encapsulate",
        "Decapsulate",
    ],
));

pub(super) static IMPORT_STATE: Shape =
    Shape::Enum(EnumShape::of("ImportState", &["IMPORTED", "PENDING_IMPORT"]));

pub(super) static IMPORT_TYPE: Shape =
    Shape::Enum(EnumShape::of("ImportType", &["NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"]));

pub(super) static INCLUDE_KEY_MATERIAL: Shape =
    Shape::Enum(EnumShape::of("IncludeKeyMaterial", &["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"]));

pub(super) static KEY_AGREEMENT_ALGORITHM_SPEC: Shape =
    Shape::Enum(EnumShape::of("KeyAgreementAlgorithmSpec", &["ECDH"]));

pub(super) static KEY_ENCRYPTION_MECHANISM: Shape =
    Shape::Enum(EnumShape::of("KeyEncryptionMechanism", &["RSAES_OAEP_SHA_256"]));

pub(super) static KEY_LAST_USAGE_TRACKING_OPERATION: Shape = Shape::Enum(EnumShape::of(
    "KeyLastUsageTrackingOperation",
    &[
        "Decrypt",
        "DeriveSharedSecret",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
        "Encapsulate",
        "Decapsulate",
    ],
));

pub(super) static KEY_MANAGER_TYPE: Shape =
    Shape::Enum(EnumShape::of("KeyManagerType", &["AWS", "CUSTOMER"]));

pub(super) static KEY_MATERIAL_STATE: Shape = Shape::Enum(EnumShape::of(
    "KeyMaterialState",
    &["NON_CURRENT", "CURRENT", "PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"],
));

pub(super) static KEY_SPEC: Shape = Shape::Enum(
    EnumShape::of(
        "KeySpec",
        &[
            "RSA_2048",
            "RSA_3072",
            "RSA_4096",
            "ECC_NIST_P256",
            "ECC_NIST_P384",
            "ECC_NIST_P521",
            "ECC_SECG_P256K1",
            "SYMMETRIC_DEFAULT",
            "HMAC_224",
            "HMAC_256",
            "HMAC_384",
            "HMAC_512",
            "SM2",
            "ML_DSA_44",
            "ML_DSA_65",
            "ML_DSA_87",
            "ECC_NIST_EDWARDS25519",
            "ML_KEM_512",
            "ML_KEM_768",
            "ML_KEM_1024",
        ],
    )
    .printed_as(KEY_SPECS_PRINTED),
);

pub(super) static KEY_STATE: Shape = Shape::Enum(EnumShape::of(
    "KeyState",
    &[
        "Creating",
        "Enabled",
        "Disabled",
        "PendingDeletion",
        "PendingImport",
        "PendingReplicaDeletion",
        "Unavailable",
        "Updating",
    ],
));

pub(super) static KEY_USAGE_TYPE: Shape = Shape::Enum(
    EnumShape::of(
        "KeyUsageType",
        &[
            "SIGN_VERIFY",
            "ENCRYPT_DECRYPT",
            "GENERATE_VERIFY_MAC",
            "KEY_AGREEMENT",
            "ENCAPSULATE_DECAPSULATE",
        ],
    )
    .printed_as(&[
        "ENCRYPT_DECRYPT",
        "SIGN_VERIFY",
        "GENERATE_VERIFY_MAC",
        "KEY_AGREEMENT",
        "ENCAPSULATE_DECAPSULATE",
    ]),
);

pub(super) static MAC_ALGORITHM_SPEC: Shape = Shape::Enum(
    EnumShape::of("MacAlgorithmSpec", &["HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"])
        .printed_as(&["HMAC_SHA_384", "HMAC_SHA_256", "HMAC_SHA_224", "HMAC_SHA_512"]),
);

pub(super) static MESSAGE_TYPE: Shape =
    Shape::Enum(EnumShape::of("MessageType", &["RAW", "DIGEST", "EXTERNAL_MU"]));

pub(super) static MULTI_REGION_KEY_TYPE: Shape =
    Shape::Enum(EnumShape::of("MultiRegionKeyType", &["PRIMARY", "REPLICA"]));

pub(super) static ORIGIN_TYPE: Shape =
    Shape::Enum(EnumShape::of("OriginType", &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]));

pub(super) static RESOURCE_OWNER_TYPE: Shape =
    Shape::Enum(EnumShape::of("ResourceOwnerType", &["SELF", "OTHER_ACCOUNTS_VIA_RAM"]));

pub(super) static ROTATION_TYPE: Shape =
    Shape::Enum(EnumShape::of("RotationType", &["AUTOMATIC", "ON_DEMAND"]));

const SIGNING_ALGORITHM: EnumShape =
    EnumShape::of("SigningAlgorithmSpec", SIGNING_ALGORITHMS).printed_as(SIGNING_ALGORITHMS_PRINTED);

pub(super) static SIGNING_ALGORITHM_SPEC: Shape = Shape::Enum(SIGNING_ALGORITHM);

// AWS (observed): Sign with SYMMETRIC_DEFAULT passes validation and fails on the key instead.
pub(super) static SIGN_ALGORITHM: Shape =
    Shape::Enum(SIGNING_ALGORITHM.also_accepting(&["SYMMETRIC_DEFAULT"]));

pub(super) static WRAPPING_KEY_SPEC: Shape =
    Shape::Enum(EnumShape::of("WrappingKeySpec", &["RSA_2048", "RSA_3072", "RSA_4096", "SM2"]));

pub(super) static XKS_PROXY_CONNECTIVITY_TYPE: Shape =
    Shape::Enum(EnumShape::of("XksProxyConnectivityType", &["PUBLIC_ENDPOINT", "VPC_ENDPOINT_SERVICE"]));
