//! UpdateCustomKeyStore.

use std::sync::Arc;

use lifecycle::custom_store::{
    Backing, ClusterError, Connection, Connectivity, CustomKeyStore, HSMS_TO_CREATE, Proxy,
};
use lifecycle::state::{Change, Record};
use serde::Deserialize;

use super::settings::{Settings, check_backing, check_clashes, misplaced, required};
use super::{cluster, find, invalid_state, tell};
use crate::api::error::{ErrorCode, KmsError};
use crate::operations::{Authorized, Command, Operation};

/// AWS: KMS API reference, "UpdateCustomKeyStore".
pub(in crate::operations) struct UpdateCustomKeyStore;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct UpdateCustomKeyStoreRequest {
    custom_key_store_id: String,
    new_custom_key_store_name: Option<Arc<str>>,
    #[serde(flatten)]
    settings: Settings,
}

impl Operation for UpdateCustomKeyStore {
    const NAME: &'static str = "UpdateCustomKeyStore";
    type Input = UpdateCustomKeyStoreRequest;
    type Output = ();
}

impl UpdateCustomKeyStoreRequest {
    /// Whether the change is one that a connected store takes, too: its name, and of an external one the credential and
    /// the path of its proxy.
    fn is_light(&self) -> bool {
        let Settings { xks_proxy_uri_endpoint, xks_proxy_connectivity, .. } = &self.settings;
        self.settings.of_cluster().is_none()
            && xks_proxy_uri_endpoint.is_none()
            && xks_proxy_connectivity.is_none()
            && self.settings.xks_proxy_vpc_endpoint_service_name.is_none()
            && self.settings.xks_proxy_vpc_endpoint_service_owner.is_none()
    }

    fn check_state(&self, store: &CustomKeyStore) -> Result<(), KmsError> {
        match store.connection {
            Connection::Disconnected => Ok(()),
            Connection::Connected if self.is_light() => Ok(()),
            _ if self.is_light() => Err(invalid_state(store, "CONNECTED or DISCONNECTED")),
            _ => Err(invalid_state(store, "DISCONNECTED")),
        }
    }

    /// The proxy as it is after the change.
    fn proxy(&self, old: &Proxy) -> Result<Proxy, KmsError> {
        let settings = &self.settings;
        let connectivity = settings.xks_proxy_connectivity.unwrap_or(old.connectivity);
        let moves = connectivity != old.connectivity;
        if moves && settings.xks_proxy_uri_endpoint.is_none() {
            return Err(required("XksProxyUriEndpoint", connectivity.as_str()));
        }
        let service = match &settings.xks_proxy_vpc_endpoint_service_name {
            None if !moves && connectivity == Connectivity::VpcEndpointService => {
                let mut service = old.service.clone();
                if let (Some(service), Some(owner)) =
                    (&mut service, settings.xks_proxy_vpc_endpoint_service_owner)
                {
                    service.owner = Some(owner);
                }
                service
            }
            _ => settings.service(connectivity)?,
        };
        let credential = settings.xks_proxy_authentication_credential.as_ref();
        Ok(Proxy {
            connectivity,
            access_key_id: credential
                .map_or(&old.access_key_id, |credential| &credential.access_key_id)
                .clone(),
            endpoint: settings.xks_proxy_uri_endpoint.as_ref().unwrap_or(&old.endpoint).clone(),
            path: settings.xks_proxy_uri_path.as_ref().unwrap_or(&old.path).clone(),
            service,
        })
    }

    /// The store as it is after the change.
    fn changed(&self, old: &CustomKeyStore) -> Result<CustomKeyStore, KmsError> {
        let (settings, kind) = (&self.settings, old.backing.kind());
        let name = self.new_custom_key_store_name.as_ref().unwrap_or(&old.name).clone();
        let (backing, secret) = match &old.backing {
            Backing::AwsCloudhsm { cluster, trust_anchor } => {
                if let Some(member) = settings.of_proxy() {
                    return Err(misplaced(member, kind));
                }
                let cluster = settings.cloud_hsm_cluster_id.as_ref().unwrap_or(cluster).clone();
                let trust_anchor = Arc::clone(trust_anchor);
                (Backing::AwsCloudhsm { cluster, trust_anchor }, settings.key_store_password.clone())
            }
            Backing::ExternalKeyStore(proxy) => {
                if let Some(member) = settings.of_cluster() {
                    return Err(misplaced(member, kind));
                }
                let credential = settings.xks_proxy_authentication_credential.as_ref();
                let secret = credential.and_then(|credential| credential.raw_secret_access_key.clone());
                (Backing::ExternalKeyStore(self.proxy(proxy)?), secret)
            }
        };
        Ok(CustomKeyStore { name, backing, secret: secret.or_else(|| old.secret.clone()), ..old.clone() })
    }
}

/// A store can move to a cluster that has the same keys only.
fn check_move(
    authorized: &Authorized<'_>,
    old: &CustomKeyStore,
    new: &CustomKeyStore,
) -> Result<(), KmsError> {
    let (Some(from), Some(to)) = (old.backing.cluster(), new.backing.cluster()) else { return Ok(()) };
    let target = cluster(authorized, to).ok_or_else(|| tell::of_cluster(to, ClusterError::NotFound))?;
    let is_related = from == to || cluster(authorized, from).is_some_and(|from| target.is_related_to(from));
    if !is_related {
        return Err(KmsError::new(
            ErrorCode::CloudHsmClusterNotRelatedException,
            format!("The AWS CloudHSM cluster {to} does not share a backup history with {from}."),
        ));
    }
    target.serves(HSMS_TO_CREATE).map_err(|error| tell::of_cluster(to, error))
}

impl Command for UpdateCustomKeyStore {
    fn store<'a>(authorized: &Authorized<'a>, input: &Self::Input) -> Option<&'a Arc<CustomKeyStore>> {
        find(authorized, &input.custom_key_store_id).ok()
    }

    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let old = find(authorized, &input.custom_key_store_id)?;
        let new = input.changed(old)?;
        input.check_state(old)?;
        check_clashes(authorized, &new)?;
        match &new.backing {
            Backing::AwsCloudhsm { .. } if input.settings.of_cluster().is_some() => {
                check_move(authorized, old, &new)?;
            }
            Backing::ExternalKeyStore(_) if input.settings.of_proxy().is_some() => {
                check_backing(authorized, &new)?;
            }
            _ => {}
        }
        Ok(((), vec![Change::Put(Record::CustomStore(Arc::new(new)))]))
    }
}
