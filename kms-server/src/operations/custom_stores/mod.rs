//! Custom key stores, and what is particular about the keys in them.
//!
//! AWS: KMS developer guide, "Key stores".

mod connect;
mod create;
mod crypt;
mod describe;
mod keys;
mod settings;
mod tell;
mod update;

use std::sync::Arc;

use lifecycle::custom_store::{Cluster, ClusterError, CustomKeyStore};
use lifecycle::ids::StoreName;

pub(super) use connect::{ConnectCustomKeyStore, DisconnectCustomKeyStore};
pub(super) use create::{CreateCustomKeyStore, DeleteCustomKeyStore};
pub(super) use crypt::{after_sealing, before_opening, not_opened, shown_material};
pub(super) use describe::DescribeCustomKeyStores;
pub(crate) use keys::NOT_CONNECTED;
pub(super) use keys::{check_for_random, check_new_key, check_pairs, check_request, residence};
pub(super) use update::UpdateCustomKeyStore;

use super::Authorized;
use crate::api::error::{ErrorCode, KmsError};
use crate::xks::{Answer, Call, Failure, Metadata, Pending, Target, healthy};

impl From<Pending> for KmsError {
    /// Nobody sees it: the request is run again.
    fn from(_: Pending) -> Self {
        KmsError::bare(ErrorCode::KMSInternalException)
    }
}

/// The store of an id in the caller's account and Region.
fn find<'a>(authorized: &Authorized<'a>, id: &str) -> Result<&'a Arc<CustomKeyStore>, KmsError> {
    let name = id.parse().ok().map(|id| StoreName { scope: authorized.scope(), id });
    let found = name.and_then(|name| authorized.view.custom_store(&name));
    found.ok_or_else(|| {
        KmsError::new(
            ErrorCode::CustomKeyStoreNotFoundException,
            format!("Custom key store with ID {id} does not exist."),
        )
    })
}

/// The store is not in a state that allows what is asked for.
fn invalid_state(store: &CustomKeyStore, wanted: &str) -> KmsError {
    KmsError::new(
        ErrorCode::CustomKeyStoreInvalidStateException,
        format!(
            "Custom key store with ID {} is {}. This operation is valid only when it is {wanted}.",
            store.arn.id,
            store.connection.as_str()
        ),
    )
}

/// The cluster of an id: as it was last put, or else as it is configured.
fn cluster<'a>(authorized: &Authorized<'a>, id: &str) -> Option<&'a Cluster> {
    let configured = || authorized.environment.clusters.iter().find(|cluster| &*cluster.id == id);
    authorized.view.cluster(id).map(|cluster| &**cluster).or_else(configured)
}

/// Refuses, with an error of the operation's own, a cluster that cannot serve with so many HSMs.
fn serves(authorized: &Authorized<'_>, id: &str, hsms: u32, code: ErrorCode) -> Result<(), KmsError> {
    let serves = cluster(authorized, id).map_or(Err(ClusterError::NotFound), |cluster| cluster.serves(hsms));
    serves.map_err(|error| KmsError { code, message: tell::of_cluster(id, error).message })
}

/// Asks a proxy on behalf of the request.
fn ask(authorized: &Authorized<'_>, call: Call) -> Result<Answer, KmsError> {
    let conversation = authorized.environment.conversation;
    let conversation = conversation.ok_or_else(|| KmsError::bare(ErrorCode::KMSInternalException))?;
    Ok(conversation.ask(call)?)
}

/// What a proxy is told of a request that concerns no key.
fn metadata(authorized: &Authorized<'_>) -> Metadata {
    Metadata {
        operation: authorized.request.entry.name(),
        request_id: authorized
            .environment
            .conversation
            .map_or_else(String::new, |conversation| conversation.request_id().to_string()),
        ..Metadata::default()
    }
}

/// Asks the proxy of a store whether it is well.
fn health(authorized: &Authorized<'_>, store: &CustomKeyStore) -> Result<Result<(), Failure>, KmsError> {
    let Some(target) = Target::of(store) else { return Ok(Ok(())) };
    let answer = ask(authorized, Call::health(target, &metadata(authorized)))?;
    Ok(answer.and_then(|body| healthy(&body)))
}
