//! Custom key stores.
//!
//! AWS: API Reference, "Actions".

use super::{enums, scalars};
use crate::api::error::ErrorCode;
use crate::api::shape::{Bounds, Operation, Output, Shape, Structure, optional, required};

/// `CreateCustomKeyStore` sets up a custom key store.
///
/// AWS: CreateCustomKeyStore.
pub static CREATE_CUSTOM_KEY_STORE: Operation = Operation {
    name: "CreateCustomKeyStore",
    input: &Structure {
        name: "CreateCustomKeyStoreRequest",
        members: &[
            required("CustomKeyStoreName", &scalars::CUSTOM_KEY_STORE_NAME_TYPE),
            optional("CloudHsmClusterId", &scalars::CLOUD_HSM_CLUSTER_ID_TYPE),
            optional("TrustAnchorCertificate", &scalars::TRUST_ANCHOR_CERTIFICATE_TYPE),
            optional("KeyStorePassword", &scalars::KEY_STORE_PASSWORD_TYPE),
            optional("CustomKeyStoreType", &enums::CUSTOM_KEY_STORE_TYPE),
            optional("XksProxyUriEndpoint", &scalars::XKS_PROXY_URI_ENDPOINT_TYPE),
            optional("XksProxyUriPath", &scalars::XKS_PROXY_URI_PATH_TYPE),
            optional("XksProxyVpcEndpointServiceName", &scalars::XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME_TYPE),
            optional("XksProxyVpcEndpointServiceOwner", &scalars::ACCOUNT_ID_TYPE),
            optional(
                "XksProxyAuthenticationCredential",
                &Shape::Structure(&XKS_PROXY_AUTHENTICATION_CREDENTIAL_TYPE),
            ),
            optional("XksProxyConnectivity", &enums::XKS_PROXY_CONNECTIVITY_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "CreateCustomKeyStoreResponse",
        members: &[optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE)],
    }),
    errors: &[
        ErrorCode::CloudHsmClusterInUseException,
        ErrorCode::CustomKeyStoreNameInUseException,
        ErrorCode::CloudHsmClusterNotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::CloudHsmClusterNotActiveException,
        ErrorCode::IncorrectTrustAnchorException,
        ErrorCode::CloudHsmClusterInvalidConfigurationException,
        ErrorCode::LimitExceededException,
        ErrorCode::XksProxyUriInUseException,
        ErrorCode::XksProxyUriEndpointInUseException,
        ErrorCode::XksProxyUriUnreachableException,
        ErrorCode::XksProxyIncorrectAuthenticationCredentialException,
        ErrorCode::XksProxyVpcEndpointServiceInUseException,
        ErrorCode::XksProxyVpcEndpointServiceNotFoundException,
        ErrorCode::XksProxyVpcEndpointServiceInvalidConfigurationException,
        ErrorCode::XksProxyInvalidResponseException,
        ErrorCode::XksProxyInvalidConfigurationException,
    ],
};

/// `DescribeCustomKeyStores` pages through the custom key stores.
///
/// AWS: DescribeCustomKeyStores.
pub static DESCRIBE_CUSTOM_KEY_STORES: Operation = Operation {
    name: "DescribeCustomKeyStores",
    input: &Structure {
        name: "DescribeCustomKeyStoresRequest",
        members: &[
            optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
            optional("CustomKeyStoreName", &scalars::CUSTOM_KEY_STORE_NAME_TYPE),
            optional("Limit", &scalars::LIMIT_TYPE),
            optional("Marker", &scalars::MARKER_TYPE),
        ],
    },
    output: Output::Structure(&Structure {
        name: "DescribeCustomKeyStoresResponse",
        members: &[
            optional("CustomKeyStores", &CUSTOM_KEY_STORES_LIST),
            optional("NextMarker", &scalars::MARKER_TYPE),
            optional("Truncated", &scalars::BOOLEAN_TYPE),
        ],
    }),
    errors: &[
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::InvalidMarkerException,
        ErrorCode::KMSInternalException,
    ],
};

/// `UpdateCustomKeyStore` changes a disconnected custom key store.
///
/// AWS: UpdateCustomKeyStore.
pub static UPDATE_CUSTOM_KEY_STORE: Operation = Operation {
    name: "UpdateCustomKeyStore",
    input: &Structure {
        name: "UpdateCustomKeyStoreRequest",
        members: &[
            required("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
            optional("NewCustomKeyStoreName", &scalars::CUSTOM_KEY_STORE_NAME_TYPE),
            optional("KeyStorePassword", &scalars::KEY_STORE_PASSWORD_TYPE),
            optional("CloudHsmClusterId", &scalars::CLOUD_HSM_CLUSTER_ID_TYPE),
            optional("XksProxyUriEndpoint", &scalars::XKS_PROXY_URI_ENDPOINT_TYPE),
            optional("XksProxyUriPath", &scalars::XKS_PROXY_URI_PATH_TYPE),
            optional("XksProxyVpcEndpointServiceName", &scalars::XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME_TYPE),
            optional("XksProxyVpcEndpointServiceOwner", &scalars::ACCOUNT_ID_TYPE),
            optional(
                "XksProxyAuthenticationCredential",
                &Shape::Structure(&XKS_PROXY_AUTHENTICATION_CREDENTIAL_TYPE),
            ),
            optional("XksProxyConnectivity", &enums::XKS_PROXY_CONNECTIVITY_TYPE),
        ],
    },
    output: Output::Empty,
    errors: &[
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::CustomKeyStoreNameInUseException,
        ErrorCode::CloudHsmClusterNotFoundException,
        ErrorCode::CloudHsmClusterNotRelatedException,
        ErrorCode::CustomKeyStoreInvalidStateException,
        ErrorCode::KMSInternalException,
        ErrorCode::CloudHsmClusterNotActiveException,
        ErrorCode::CloudHsmClusterInvalidConfigurationException,
        ErrorCode::XksProxyUriInUseException,
        ErrorCode::XksProxyUriEndpointInUseException,
        ErrorCode::XksProxyUriUnreachableException,
        ErrorCode::XksProxyIncorrectAuthenticationCredentialException,
        ErrorCode::XksProxyVpcEndpointServiceInUseException,
        ErrorCode::XksProxyVpcEndpointServiceNotFoundException,
        ErrorCode::XksProxyVpcEndpointServiceInvalidConfigurationException,
        ErrorCode::XksProxyInvalidResponseException,
        ErrorCode::XksProxyInvalidConfigurationException,
    ],
};

/// `DeleteCustomKeyStore` removes an empty custom key store.
///
/// AWS: DeleteCustomKeyStore.
pub static DELETE_CUSTOM_KEY_STORE: Operation = Operation {
    name: "DeleteCustomKeyStore",
    input: &Structure {
        name: "DeleteCustomKeyStoreRequest",
        members: &[required("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE)],
    },
    output: Output::Empty,
    errors: &[
        ErrorCode::CustomKeyStoreHasCMKsException,
        ErrorCode::CustomKeyStoreInvalidStateException,
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::KMSInternalException,
    ],
};

/// `ConnectCustomKeyStore` connects a custom key store.
///
/// AWS: ConnectCustomKeyStore.
pub static CONNECT_CUSTOM_KEY_STORE: Operation = Operation {
    name: "ConnectCustomKeyStore",
    input: &Structure {
        name: "ConnectCustomKeyStoreRequest",
        members: &[required("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE)],
    },
    output: Output::Empty,
    errors: &[
        ErrorCode::CloudHsmClusterNotActiveException,
        ErrorCode::CustomKeyStoreInvalidStateException,
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::KMSInternalException,
        ErrorCode::CloudHsmClusterInvalidConfigurationException,
    ],
};

/// `DisconnectCustomKeyStore` disconnects a custom key store.
///
/// AWS: DisconnectCustomKeyStore.
pub static DISCONNECT_CUSTOM_KEY_STORE: Operation = Operation {
    name: "DisconnectCustomKeyStore",
    input: &Structure {
        name: "DisconnectCustomKeyStoreRequest",
        members: &[required("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE)],
    },
    output: Output::Empty,
    errors: &[
        ErrorCode::CustomKeyStoreInvalidStateException,
        ErrorCode::CustomKeyStoreNotFoundException,
        ErrorCode::KMSInternalException,
    ],
};

pub(super) static CUSTOM_KEY_STORES_LIST_ENTRY: Structure = Structure {
    name: "CustomKeyStoresListEntry",
    members: &[
        optional("CustomKeyStoreId", &scalars::CUSTOM_KEY_STORE_ID_TYPE),
        optional("CustomKeyStoreName", &scalars::CUSTOM_KEY_STORE_NAME_TYPE),
        optional("CloudHsmClusterId", &scalars::CLOUD_HSM_CLUSTER_ID_TYPE),
        optional("TrustAnchorCertificate", &scalars::TRUST_ANCHOR_CERTIFICATE_TYPE),
        optional("ConnectionState", &enums::CONNECTION_STATE_TYPE),
        optional("ConnectionErrorCode", &enums::CONNECTION_ERROR_CODE_TYPE),
        optional("CreationDate", &scalars::DATE_TYPE),
        optional("CustomKeyStoreType", &enums::CUSTOM_KEY_STORE_TYPE),
        optional("XksProxyConfiguration", &Shape::Structure(&XKS_PROXY_CONFIGURATION_TYPE)),
    ],
};

pub(super) static XKS_PROXY_AUTHENTICATION_CREDENTIAL_TYPE: Structure = Structure {
    name: "XksProxyAuthenticationCredentialType",
    members: &[
        required("AccessKeyId", &scalars::XKS_PROXY_AUTHENTICATION_ACCESS_KEY_ID_TYPE),
        required("RawSecretAccessKey", &scalars::XKS_PROXY_AUTHENTICATION_RAW_SECRET_ACCESS_KEY_TYPE),
    ],
};

pub(super) static XKS_PROXY_CONFIGURATION_TYPE: Structure = Structure {
    name: "XksProxyConfigurationType",
    members: &[
        optional("Connectivity", &enums::XKS_PROXY_CONNECTIVITY_TYPE),
        optional("AccessKeyId", &scalars::XKS_PROXY_AUTHENTICATION_ACCESS_KEY_ID_TYPE),
        optional("UriEndpoint", &scalars::XKS_PROXY_URI_ENDPOINT_TYPE),
        optional("UriPath", &scalars::XKS_PROXY_URI_PATH_TYPE),
        optional("VpcEndpointServiceName", &scalars::XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME_TYPE),
        optional("VpcEndpointServiceOwner", &scalars::ACCOUNT_ID_TYPE),
    ],
};

pub(super) static CUSTOM_KEY_STORES_LIST: Shape =
    Shape::List { member: &Shape::Structure(&CUSTOM_KEY_STORES_LIST_ENTRY), length: Bounds::NONE };
