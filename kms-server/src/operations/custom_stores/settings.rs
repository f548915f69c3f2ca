//! The settings of a store as CreateCustomKeyStore and UpdateCustomKeyStore take them.

use std::sync::Arc;

use lifecycle::crypto::Secret;
use lifecycle::custom_store::{Backing, Connectivity, CustomKeyStore, HSMS_TO_CREATE, VpcService};
use lifecycle::ids::AccountId;
use serde::{Deserialize, Deserializer};

use super::{cluster, health, tell};
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::Authorized;

/// A password or secret key of a request.
fn secret<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    Ok(text.map(|text| Secret::new(text.into_bytes())))
}

/// What both operations take.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settings {
    pub(super) cloud_hsm_cluster_id: Option<Arc<str>>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) key_store_password: Option<Secret>,
    pub(super) xks_proxy_uri_endpoint: Option<Arc<str>>,
    pub(super) xks_proxy_uri_path: Option<Arc<str>>,
    pub(super) xks_proxy_vpc_endpoint_service_name: Option<Arc<str>>,
    pub(super) xks_proxy_vpc_endpoint_service_owner: Option<AccountId>,
    pub(super) xks_proxy_authentication_credential: Option<Credential>,
    pub(super) xks_proxy_connectivity: Option<Connectivity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Credential {
    pub(super) access_key_id: Arc<str>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) raw_secret_access_key: Option<Secret>,
}

impl Settings {
    /// The members for external key stores that are given.
    pub(super) fn of_proxy(&self) -> Option<&'static str> {
        let given = [
            ("XksProxyUriEndpoint", self.xks_proxy_uri_endpoint.is_some()),
            ("XksProxyUriPath", self.xks_proxy_uri_path.is_some()),
            ("XksProxyVpcEndpointServiceName", self.xks_proxy_vpc_endpoint_service_name.is_some()),
            ("XksProxyVpcEndpointServiceOwner", self.xks_proxy_vpc_endpoint_service_owner.is_some()),
            ("XksProxyAuthenticationCredential", self.xks_proxy_authentication_credential.is_some()),
            ("XksProxyConnectivity", self.xks_proxy_connectivity.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// The members for AWS CloudHSM key stores that are given.
    pub(super) fn of_cluster(&self) -> Option<&'static str> {
        let given = [
            ("CloudHsmClusterId", self.cloud_hsm_cluster_id.is_some()),
            ("KeyStorePassword", self.key_store_password.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// The VPC endpoint service that goes with a connectivity.
    pub(super) fn service(&self, connectivity: Connectivity) -> Result<Option<VpcService>, KmsError> {
        let name = self.xks_proxy_vpc_endpoint_service_name.as_ref();
        match (connectivity, name) {
            (Connectivity::VpcEndpointService, Some(name)) => {
                let owner = self.xks_proxy_vpc_endpoint_service_owner;
                Ok(Some(VpcService { name: Arc::clone(name), owner }))
            }
            (Connectivity::VpcEndpointService, None) => {
                Err(required("XksProxyVpcEndpointServiceName", connectivity.as_str()))
            }
            (Connectivity::PublicEndpoint, Some(_)) => {
                Err(misplaced("XksProxyVpcEndpointServiceName", connectivity.as_str()))
            }
            (Connectivity::PublicEndpoint, None) => Ok(None),
        }
    }
}

/// A member that this kind of store, or connectivity, needs.
pub(super) fn required(member: &str, kind: &str) -> KmsError {
    KmsError::validation(format!("{member} is required for {kind}."))
}

/// A member that goes with another kind of store, or connectivity.
pub(super) fn misplaced(member: &str, kind: &str) -> KmsError {
    KmsError::validation(format!("{member} is not valid for {kind}."))
}

/// Refuses what another store of the account and Region has already.
pub(super) fn check_clashes(authorized: &Authorized<'_>, store: &CustomKeyStore) -> Result<(), KmsError> {
    let others = authorized.view.custom_stores(store.arn.scope, None).filter(|other| other.arn != store.arn);
    let mut clashes = others.filter_map(|other| store.clash(other, |id| cluster(authorized, id)));
    clashes.next().map_or(Ok(()), |clash| Err(tell::of_clash(clash)))
}

/// Refuses a cluster that cannot hold keys, or a proxy that is not well.
pub(super) fn check_backing(authorized: &Authorized<'_>, store: &CustomKeyStore) -> Result<(), KmsError> {
    match &store.backing {
        Backing::AwsCloudhsm { cluster: id, trust_anchor } => {
            let missing = || tell::of_cluster(id, lifecycle::custom_store::ClusterError::NotFound);
            let cluster = cluster(authorized, id).ok_or_else(missing)?;
            cluster.serves(HSMS_TO_CREATE).map_err(|error| tell::of_cluster(id, error))?;
            if !cluster.trusts(trust_anchor) {
                return Err(KmsError::new(
                    ErrorCode::IncorrectTrustAnchorException,
                    "The trust anchor certificate in the request is not the trust anchor certificate for the specified \
                     AWS CloudHSM cluster.",
                ));
            }
            Ok(())
        }
        Backing::ExternalKeyStore(proxy) => {
            authorized.environment.proxies.check_service(proxy).map_err(tell::of_store)?;
            // AWS: KMS developer guide, "Create an external key store": a proxy behind a VPC endpoint service is not
            // called before the store is connected.
            if proxy.connectivity == Connectivity::PublicEndpoint || store.is_connected() {
                health(authorized, store)?.map_err(tell::of_store)?;
            }
            Ok(())
        }
    }
}
