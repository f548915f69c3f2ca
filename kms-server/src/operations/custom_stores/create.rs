//! CreateCustomKeyStore and DeleteCustomKeyStore.

use std::sync::Arc;

use lifecycle::custom_store::{Backing, Connection, CustomKeyStore, Proxy};
use lifecycle::ids::{StoreId, StoreName};
use lifecycle::key::Origin;
use lifecycle::state::{Change, Record, RecordId};
use serde::{Deserialize, Serialize};

use super::settings::{Settings, check_backing, check_clashes, misplaced, required};
use super::{find, invalid_state};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::{Authorized, Command, Operation};

/// AWS: KMS API reference, "CreateCustomKeyStore".
pub(in crate::operations) struct CreateCustomKeyStore;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateCustomKeyStoreRequest {
    custom_key_store_name: Arc<str>,
    custom_key_store_type: Option<Origin>,
    trust_anchor_certificate: Option<Arc<str>>,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateCustomKeyStoreResponse {
    custom_key_store_id: String,
}

impl CreateCustomKeyStoreRequest {
    fn backing(&self) -> Result<Backing, KmsError> {
        let Self { settings, .. } = self;
        // The values of the type are the names of two origins.
        let kind = self.custom_key_store_type.unwrap_or(Origin::AwsCloudhsm);
        let needs = |member| required(member, kind.as_str());
        if kind == Origin::AwsCloudhsm {
            if let Some(member) = settings.of_proxy() {
                return Err(misplaced(member, kind.as_str()));
            }
            let cluster = settings.cloud_hsm_cluster_id.clone().ok_or_else(|| needs("CloudHsmClusterId"))?;
            let trust_anchor = self.trust_anchor_certificate.clone();
            let trust_anchor = trust_anchor.ok_or_else(|| needs("TrustAnchorCertificate"))?;
            settings.key_store_password.as_ref().ok_or_else(|| needs("KeyStorePassword"))?;
            return Ok(Backing::AwsCloudhsm { cluster, trust_anchor });
        }
        let certificate = self.trust_anchor_certificate.is_some().then_some("TrustAnchorCertificate");
        if let Some(member) = settings.of_cluster().or(certificate) {
            return Err(misplaced(member, kind.as_str()));
        }
        let connectivity = settings.xks_proxy_connectivity.ok_or_else(|| needs("XksProxyConnectivity"))?;
        let endpoint = settings.xks_proxy_uri_endpoint.clone().ok_or_else(|| needs("XksProxyUriEndpoint"))?;
        let path = settings.xks_proxy_uri_path.clone().ok_or_else(|| needs("XksProxyUriPath"))?;
        let credential = settings.xks_proxy_authentication_credential.as_ref();
        let credential = credential.ok_or_else(|| needs("XksProxyAuthenticationCredential"))?;
        Ok(Backing::ExternalKeyStore(Proxy {
            connectivity,
            access_key_id: Arc::clone(&credential.access_key_id),
            endpoint,
            path,
            service: settings.service(connectivity)?,
        }))
    }
}

impl Operation for CreateCustomKeyStore {
    const NAME: &'static str = "CreateCustomKeyStore";
    type Input = CreateCustomKeyStoreRequest;
    type Output = CreateCustomKeyStoreResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        input.backing().map(|_| ())
    }
}

impl Command for CreateCustomKeyStore {
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let (scope, environment) = (authorized.scope(), authorized.environment);
        let (quota, usage) =
            (environment.limits.custom_key_stores_max, authorized.view.custom_stores(scope, None).count());
        if usage >= quota {
            return Err(KmsError::new(
                ErrorCode::LimitExceededException,
                format!(
                    "Custom key store quota for this account in this region is {quota} but the current usage is {usage}."
                ),
            ));
        }
        let settings = &input.settings;
        let credential = settings.xks_proxy_authentication_credential.as_ref();
        let secret = credential.and_then(|credential| credential.raw_secret_access_key.clone());
        let store = CustomKeyStore {
            arn: StoreName { scope, id: StoreId::new(environment.entropy.array()?) },
            name: Arc::clone(&input.custom_key_store_name),
            created_at: authorized.view.now(),
            connection: Connection::Disconnected,
            backing: input.backing()?,
            secret: secret.or_else(|| settings.key_store_password.clone()),
        };
        check_clashes(authorized, &store)?;
        check_backing(authorized, &store)?;
        let output = CreateCustomKeyStoreResponse { custom_key_store_id: store.arn.id.to_string() };
        Ok((output, vec![Change::Put(Record::CustomStore(Arc::new(store)))]))
    }
}

/// AWS: KMS API reference, "DeleteCustomKeyStore".
pub(in crate::operations) struct DeleteCustomKeyStore;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DeleteCustomKeyStoreRequest {
    custom_key_store_id: String,
}

impl Operation for DeleteCustomKeyStore {
    const NAME: &'static str = "DeleteCustomKeyStore";
    type Input = DeleteCustomKeyStoreRequest;
    type Output = ();
}

impl Command for DeleteCustomKeyStore {
    fn store<'a>(authorized: &Authorized<'a>, input: &Self::Input) -> Option<&'a Arc<CustomKeyStore>> {
        find(authorized, &input.custom_key_store_id).ok()
    }

    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let store = find(authorized, &input.custom_key_store_id)?;
        if store.connection != Connection::Disconnected {
            return Err(invalid_state(store, "DISCONNECTED"));
        }
        if authorized.view.any_key_in(store.arn).is_some() {
            return Err(KmsError::new(
                ErrorCode::CustomKeyStoreHasCMKsException,
                format!("Custom key store with ID {} contains KMS keys.", store.arn.id),
            ));
        }
        Ok(((), vec![Change::Delete(RecordId::CustomStore(store.arn))]))
    }
}
