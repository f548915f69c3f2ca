//! DescribeCustomKeyStores.

use lifecycle::custom_store::{Backing, Connectivity, CustomKeyStore};
use serde::{Deserialize, Serialize};

use super::find;
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::metadata::Date;
use crate::operations::page::{Bounds, Pager};
use crate::operations::{Authorized, Operation, Query};

/// AWS: KMS API reference, "DescribeCustomKeyStores".
pub(in crate::operations) struct DescribeCustomKeyStores;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DescribeCustomKeyStoresRequest {
    custom_key_store_id: Option<String>,
    custom_key_store_name: Option<String>,
    limit: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DescribeCustomKeyStoresResponse {
    custom_key_stores: Vec<CustomKeyStoresListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// AWS: KMS API reference, "CustomKeyStoresListEntry".
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CustomKeyStoresListEntry {
    custom_key_store_id: String,
    custom_key_store_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_hsm_cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_anchor_certificate: Option<String>,
    connection_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_error_code: Option<&'static str>,
    creation_date: Date,
    custom_key_store_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    xks_proxy_configuration: Option<XksProxyConfiguration>,
}

/// AWS: KMS API reference, "XksProxyConfigurationType". The secret is never shown.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct XksProxyConfiguration {
    connectivity: Connectivity,
    access_key_id: String,
    uri_endpoint: String,
    uri_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_service_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_service_owner: Option<String>,
}

impl CustomKeyStoresListEntry {
    fn of(store: &CustomKeyStore) -> Self {
        let (cluster, trust_anchor) = match &store.backing {
            Backing::AwsCloudhsm { cluster, trust_anchor } => {
                (Some(cluster.to_string()), Some(trust_anchor.to_string()))
            }
            Backing::ExternalKeyStore(_) => (None, None),
        };
        let proxy = store.backing.proxy().map(|proxy| XksProxyConfiguration {
            connectivity: proxy.connectivity,
            access_key_id: proxy.access_key_id.to_string(),
            uri_endpoint: proxy.endpoint.to_string(),
            uri_path: proxy.path.to_string(),
            vpc_endpoint_service_name: proxy.service.as_ref().map(|service| service.name.to_string()),
            vpc_endpoint_service_owner: proxy
                .service
                .as_ref()
                .and_then(|service| service.owner)
                .map(|owner| owner.to_string()),
        });
        CustomKeyStoresListEntry {
            custom_key_store_id: store.arn.id.to_string(),
            custom_key_store_name: store.name.to_string(),
            cloud_hsm_cluster_id: cluster,
            trust_anchor_certificate: trust_anchor,
            connection_state: store.connection.as_str(),
            connection_error_code: store.connection.failure().map(|code| code.as_str()),
            creation_date: Date(store.created_at),
            custom_key_store_type: store.backing.kind(),
            xks_proxy_configuration: proxy,
        }
    }
}

impl Operation for DescribeCustomKeyStores {
    const NAME: &'static str = "DescribeCustomKeyStores";
    type Input = DescribeCustomKeyStoresRequest;
    type Output = DescribeCustomKeyStoresResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        if input.custom_key_store_id.is_some() && input.custom_key_store_name.is_some() {
            return Err(KmsError::validation(
                "You can specify either CustomKeyStoreId or CustomKeyStoreName, but not both.",
            ));
        }
        Ok(())
    }
}

impl Query for DescribeCustomKeyStores {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let scope = authorized.scope();
        let id = input.custom_key_store_id.as_deref();
        let name = input.custom_key_store_name.as_deref();
        let home = scope.arn_of("custom-key-store");
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &home, id.unwrap_or_default(), name.unwrap_or_default()],
            &Bounds { default: 100, max: 1_000 },
            input.limit,
            input.marker.as_deref(),
        )?;
        if let Some(id) = id {
            find(authorized, id)?;
        }
        let view = authorized.view;
        let matches = |store: &&std::sync::Arc<CustomKeyStore>| {
            id.is_none_or(|id| store.arn.id.to_string() == id) && name.is_none_or(|name| *store.name == *name)
        };
        if let Some(name) = name.filter(|_| !view.custom_stores(scope, None).any(|store| matches(&store))) {
            return Err(KmsError::new(
                ErrorCode::CustomKeyStoreNotFoundException,
                format!("Custom key store with name {name} does not exist."),
            ));
        }
        let stores = view.custom_stores(scope, pager.after()?).filter(matches);
        let (stores, next_marker) = pager.take(stores, |store| store.arn.id.to_string());
        Ok(DescribeCustomKeyStoresResponse {
            custom_key_stores: stores.into_iter().map(|store| CustomKeyStoresListEntry::of(store)).collect(),
            truncated: next_marker.is_some(),
            next_marker,
        })
    }
}
