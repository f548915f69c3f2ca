//! Texts, bytes, numbers and times of the model, named after its shapes.
//!
//! AWS: API Reference, "Actions" (length and value constraints of each parameter).

use super::patterns;
use crate::api::shape::{Bounds, Sensitivity, Shape, StringShape};

pub(super) static AWS_ACCOUNT_ID_TYPE: Shape = Shape::String(StringShape::ANY);
pub(super) static ACCOUNT_ID_TYPE: Shape =
    Shape::String(StringShape::of(12, 12).matching(&patterns::ACCOUNT_ID));
pub(super) static ALIAS_NAME_TYPE: Shape =
    Shape::String(StringShape::of(1, 256).matching(&patterns::ALIAS_NAME));
pub(super) static ARN_TYPE: Shape = Shape::String(StringShape::of(20, 2048));
pub(super) static BACKING_KEY_ID_RESPONSE_TYPE: Shape =
    Shape::String(StringShape::of(0, 64).matching(&patterns::BACKING_KEY_ID));
pub(super) static BACKING_KEY_ID_TYPE: Shape =
    Shape::String(StringShape::of(64, 64).matching(&patterns::BACKING_KEY_ID));
pub(super) static CLOUD_HSM_CLUSTER_ID_TYPE: Shape =
    Shape::String(StringShape::of(19, 24).matching(&patterns::CLOUD_HSM_CLUSTER_ID));
pub(super) static CLOUD_TRAIL_EVENT_ID_TYPE: Shape = Shape::String(StringShape::ANY);
pub(super) static CUSTOM_KEY_STORE_ID_TYPE: Shape = Shape::String(StringShape::of(1, 64));
pub(super) static CUSTOM_KEY_STORE_NAME_TYPE: Shape = Shape::String(StringShape::of(1, 256));
pub(super) static DESCRIPTION_TYPE: Shape = Shape::String(StringShape::of(0, 8192));
pub(super) static GRANT_CONSTRAINT_SOURCE_ARN_TYPE: Shape =
    Shape::String(StringShape::of(20, 512).matching(&patterns::GRANT_CONSTRAINT_SOURCE_ARN));
pub(super) static GRANT_ID_TYPE: Shape = Shape::String(StringShape::of(1, 128));
pub(super) static GRANT_NAME_TYPE: Shape =
    Shape::String(StringShape::of(1, 256).matching(&patterns::GRANT_NAME));
pub(super) static GRANT_TOKEN_TYPE: Shape = Shape::String(StringShape::of(1, 8192));
pub(super) static KEY_ID_TYPE: Shape = Shape::String(StringShape::of(1, 2048).matching(&patterns::KEY_ID));
pub(super) static KEY_MATERIAL_DESCRIPTION_TYPE: Shape =
    Shape::String(StringShape::of(0, 256).matching(&patterns::KEY_MATERIAL_DESCRIPTION));
pub(super) static KEY_STORE_PASSWORD_TYPE: Shape = Shape::String(StringShape::of(7, 32).sensitive());
pub(super) static KMS_REQUEST_ID_TYPE: Shape = Shape::String(StringShape::ANY);
pub(super) static MARKER_TYPE: Shape = Shape::String(StringShape::of(1, 1024).matching(&patterns::MARKER));
pub(super) static POLICY_NAME_TYPE: Shape =
    Shape::String(StringShape::of(1, 128).matching(&patterns::POLICY_NAME));
pub(super) static POLICY_TYPE: Shape = Shape::String(StringShape::of(1, 131072).matching(&patterns::POLICY));
pub(super) static PRINCIPAL_ID_TYPE: Shape =
    Shape::String(StringShape::of(1, 256).matching(&patterns::PRINCIPAL_ID));
pub(super) static REGION_TYPE: Shape = Shape::String(StringShape::of(1, 32).matching(&patterns::REGION));
pub(super) static SERVICE_PRINCIPAL_TYPE: Shape =
    Shape::String(StringShape::of(1, 128).matching(&patterns::SERVICE_PRINCIPAL));
pub(super) static TAG_KEY_TYPE: Shape = Shape::String(StringShape::of(1, 128));
pub(super) static TAG_VALUE_TYPE: Shape = Shape::String(StringShape::of(0, 256));
pub(super) static TRUST_ANCHOR_CERTIFICATE_TYPE: Shape = Shape::String(StringShape::of(1, 5000));
pub(super) static XKS_KEY_ID_TYPE: Shape =
    Shape::String(StringShape::of(1, 128).matching(&patterns::XKS_KEY_ID));
pub(super) static XKS_PROXY_AUTHENTICATION_ACCESS_KEY_ID_TYPE: Shape = Shape::String(
    StringShape::of(20, 30).matching(&patterns::XKS_PROXY_AUTHENTICATION_ACCESS_KEY_ID).sensitive(),
);
pub(super) static XKS_PROXY_AUTHENTICATION_RAW_SECRET_ACCESS_KEY_TYPE: Shape = Shape::String(
    StringShape::of(43, 64).matching(&patterns::XKS_PROXY_AUTHENTICATION_RAW_SECRET_ACCESS_KEY).sensitive(),
);
pub(super) static XKS_PROXY_URI_ENDPOINT_TYPE: Shape =
    Shape::String(StringShape::of(10, 128).matching(&patterns::XKS_PROXY_URI_ENDPOINT));
pub(super) static XKS_PROXY_URI_PATH_TYPE: Shape =
    Shape::String(StringShape::of(10, 128).matching(&patterns::XKS_PROXY_URI_PATH));
pub(super) static XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME_TYPE: Shape =
    Shape::String(StringShape::of(20, 64).matching(&patterns::XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME));

pub(super) static ATTESTATION_DOCUMENT_TYPE: Shape =
    Shape::Blob { length: Bounds::of(1, 262144), sensitivity: Sensitivity::Public };
pub(super) static CIPHERTEXT_TYPE: Shape =
    Shape::Blob { length: Bounds::of(1, 6144), sensitivity: Sensitivity::Public };
pub(super) static PLAINTEXT_TYPE: Shape =
    Shape::Blob { length: Bounds::of(1, 4096), sensitivity: Sensitivity::Sensitive };
pub(super) static PUBLIC_KEY_TYPE: Shape =
    Shape::Blob { length: Bounds::of(1, 8192), sensitivity: Sensitivity::Public };

pub(super) static LIMIT_TYPE: Shape = Shape::Integer(Bounds::of(1, 1000));
pub(super) static NUMBER_OF_BYTES_TYPE: Shape = Shape::Integer(Bounds::of(1, 1024));
pub(super) static PENDING_WINDOW_IN_DAYS_TYPE: Shape = Shape::Integer(Bounds::of(1, 365));
pub(super) static ROTATION_PERIOD_IN_DAYS_TYPE: Shape = Shape::Integer(Bounds::of(90, 2560));

pub(super) static BOOLEAN_TYPE: Shape = Shape::Boolean;
pub(super) static DATE_TYPE: Shape = Shape::Timestamp;
pub(super) static NULLABLE_BOOLEAN_TYPE: Shape = Shape::Boolean;
