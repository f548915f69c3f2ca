//! ConnectCustomKeyStore and DisconnectCustomKeyStore.

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::custom_store::{
    Backing, Connection, ConnectionErrorCode, CustomKeyStore, HSMS_TO_CONNECT, NotNow,
};
use lifecycle::state::{Change, Record};
use serde::Deserialize;

use super::{cluster, find, health, invalid_state, tell};
use crate::api::error::KmsError;
use crate::operations::{Authorized, Command, Operation};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ConnectionRequest {
    custom_key_store_id: String,
}

/// AWS: KMS API reference, "ConnectCustomKeyStore".
pub(in crate::operations) struct ConnectCustomKeyStore;

impl Operation for ConnectCustomKeyStore {
    const NAME: &'static str = "ConnectCustomKeyStore";
    type Input = ConnectionRequest;
    type Output = ();
}

/// Why the attempt will fail, if it will.
fn failure(
    authorized: &Authorized<'_>,
    store: &CustomKeyStore,
) -> Result<Option<ConnectionErrorCode>, KmsError> {
    match &store.backing {
        Backing::AwsCloudhsm { cluster: id, .. } => {
            let Some(cluster) = cluster(authorized, id) else {
                return Ok(Some(ConnectionErrorCode::ClusterNotFound));
            };
            cluster.serves(HSMS_TO_CONNECT).map_err(|error| tell::of_cluster(id, error))?;
            Ok(cluster.failure_to_connect(store.secret.as_ref()))
        }
        Backing::ExternalKeyStore(proxy) => {
            let reached = match authorized.environment.proxies.check_service(proxy) {
                Ok(()) => health(authorized, store)?,
                Err(failure) => Err(failure),
            };
            Ok(reached.err().map(|failure| failure.connection_error()))
        }
    }
}

impl Command for ConnectCustomKeyStore {
    fn store<'a>(authorized: &Authorized<'a>, input: &Self::Input) -> Option<&'a Arc<CustomKeyStore>> {
        find(authorized, &input.custom_key_store_id).ok()
    }

    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let store = find(authorized, &input.custom_key_store_id)?;
        let refused = |NotNow| invalid_state(store, "DISCONNECTED");
        if !store.connection.may_connect().map_err(refused)? {
            return Ok(((), Vec::new()));
        }
        let until = after(authorized.view.now(), authorized.environment.limits.custom_key_store_connect_time);
        let connection = Connection::Connecting { until, failure: failure(authorized, store)? };
        Ok(((), put(store.with_connection(connection))))
    }
}

/// AWS: KMS API reference, "DisconnectCustomKeyStore".
pub(in crate::operations) struct DisconnectCustomKeyStore;

impl Operation for DisconnectCustomKeyStore {
    const NAME: &'static str = "DisconnectCustomKeyStore";
    type Input = ConnectionRequest;
    type Output = ();
}

impl Command for DisconnectCustomKeyStore {
    fn store<'a>(authorized: &Authorized<'a>, input: &Self::Input) -> Option<&'a Arc<CustomKeyStore>> {
        find(authorized, &input.custom_key_store_id).ok()
    }

    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let store = find(authorized, &input.custom_key_store_id)?;
        let until =
            after(authorized.view.now(), authorized.environment.limits.custom_key_store_disconnect_time);
        let refused = |NotNow| invalid_state(store, "CONNECTED, CONNECTING or FAILED");
        let connection = store.connection.disconnect(until).map_err(refused)?;
        Ok(((), put(store.with_connection(connection))))
    }
}

fn after(now: Timestamp, time: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
}

fn put(store: CustomKeyStore) -> Vec<Change> {
    vec![Change::Put(Record::CustomStore(Arc::new(store)))]
}
