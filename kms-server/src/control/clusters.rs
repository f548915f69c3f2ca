//! `/_kms/clusters`: simulated AWS CloudHSM clusters are put, shown and removed.
//!
//! A cluster that was put is stored like a key, and stands before a configured one of the same id; without it, that one
//! counts again. No answer shows a password.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use lifecycle::crypto::Secret;
use lifecycle::custom_store::{Cluster, ClusterState, ConnectionErrorCode, HSMS_MAX, is_cluster_id};
use lifecycle::state::{Change, Record, RecordId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, percent_decode};
use crate::service::Service;

/// Where the clusters are.
pub(super) const PATH: &str = "/_kms/clusters";

/// Clusters that may be put.
const CLUSTERS_MAX: usize = 1_000;

/// Bytes of a certificate, and characters of a password, that custom key stores can have.
const CERTIFICATE_MAX: usize = 5_000;
const PASSWORD: std::ops::RangeInclusive<usize> = 7..=32;

/// A cluster as it is put, whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    #[serde(default = "active")]
    state: ClusterState,
    #[serde(default = "two")]
    active_hsms: u32,
    trust_anchor_certificate: String,
    kmsuser_password: String,
    backup_of: Option<String>,
    failure: Option<ConnectionErrorCode>,
}

fn active() -> ClusterState {
    ClusterState::Active
}

fn two() -> u32 {
    2
}

/// Answers a call below [`PATH`]; `None` if it is none.
pub(super) async fn call(service: &Service, request: &Request<Bytes>) -> Option<Result<Value, Refusal>> {
    let rest = request.uri().path().strip_prefix(PATH)?;
    match (request.method(), rest.strip_prefix('/')) {
        (&Method::GET, None) if rest.is_empty() => Some(Ok(list(service))),
        (&Method::PUT, Some(id)) => Some(put(service, id, request.body()).await),
        (&Method::DELETE, Some(id)) => Some(delete(service, id).await),
        _ => None,
    }
}

fn list(service: &Service) -> Value {
    let snapshot = service.parts().engine.snapshot();
    let view = snapshot.state.at(snapshot.now());
    let configured = service.parts().clusters.iter().filter(|cluster| view.cluster(&cluster.id).is_none());
    let configured = configured.map(|cluster| described(cluster, "configured"));
    let stored = view.clusters().map(|cluster| described(cluster, "stored"));
    json!({ "clusters": configured.chain(stored).collect::<Vec<_>>() })
}

fn described(cluster: &Cluster, source: &str) -> Value {
    json!({
        "id": &*cluster.id,
        "source": source,
        "state": cluster.state,
        "active_hsms": cluster.active_hsms,
        "trust_anchor_certificate": &*cluster.trust_anchor,
        "backup_of": &*cluster.backup_of,
        "failure": cluster.failure,
    })
}

fn id(text: &str) -> Result<Arc<str>, Refusal> {
    let id = percent_decode(text).filter(|id| is_cluster_id(id));
    id.map(Into::into).ok_or_else(|| {
        Refusal::bad_request("the id of a cluster is cluster- and 11 to 16 letters and digits from 2 to 7")
    })
}

async fn put(service: &Service, text: &str, body: &[u8]) -> Result<Value, Refusal> {
    let id = id(text)?;
    let put: Put = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the cluster cannot be read: {error}")))?;
    if put.trust_anchor_certificate.is_empty() || put.trust_anchor_certificate.len() > CERTIFICATE_MAX {
        return Err(Refusal::bad_request(format!(
            "trust_anchor_certificate must have 1 to {CERTIFICATE_MAX} bytes"
        )));
    }
    if !PASSWORD.contains(&put.kmsuser_password.chars().count()) {
        return Err(Refusal::bad_request("kmsuser_password must have 7 to 32 characters"));
    }
    if put.active_hsms > HSMS_MAX {
        return Err(Refusal::bad_request(format!("a cluster has at most {HSMS_MAX} HSMs")));
    }
    if put.backup_of.as_deref().is_some_and(|origin| !is_cluster_id(origin)) {
        return Err(Refusal::bad_request("backup_of must be the id of a cluster"));
    }
    if let Some(code) = put.failure.filter(|code| !code.is_of_cluster()) {
        return Err(Refusal::bad_request(format!("no cluster fails with {code}: that is what a proxy does")));
    }
    let cluster = Arc::new(Cluster {
        backup_of: put.backup_of.map_or_else(|| Arc::clone(&id), Into::into),
        id,
        state: put.state,
        active_hsms: put.active_hsms,
        trust_anchor: put.trust_anchor_certificate.into(),
        failure: put.failure,
        password: Some(Secret::new(put.kmsuser_password.into_bytes())),
    });
    let shown = described(&cluster, "stored");
    let stored = service.parts().engine.submit(move |draft| {
        let view = draft.state().at(draft.now());
        let is_full = view.cluster(&cluster.id).is_none() && view.clusters().count() >= CLUSTERS_MAX;
        if !is_full {
            draft.apply(vec![Change::Put(Record::Cluster(cluster))]);
        }
        !is_full
    });
    match stored.await.map_err(Refusal::internal)? {
        true => Ok(shown),
        false => {
            let message = format!("there are {CLUSTERS_MAX} clusters already; remove one first");
            Err(Refusal(StatusCode::CONFLICT, message))
        }
    }
}

async fn delete(service: &Service, text: &str) -> Result<Value, Refusal> {
    let id = id(text)?;
    let shown = Arc::clone(&id);
    let removed = service.parts().engine.submit(move |draft| {
        let found = draft.state().at(draft.now()).cluster(&id).is_some();
        if found {
            draft.apply(vec![Change::Delete(RecordId::Cluster(id))]);
        }
        found
    });
    match removed.await.map_err(Refusal::internal)? {
        true => Ok(json!({ "deleted": &*shown })),
        false => Err(Refusal(StatusCode::NOT_FOUND, format!("no cluster {shown} was put"))),
    }
}
