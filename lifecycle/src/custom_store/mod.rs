//! Custom key stores: keys whose material lives in an AWS CloudHSM cluster or behind an external key store proxy.
//!
//! AWS: KMS developer guide, "Key stores".

mod cluster;
mod connection;
mod settings;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use cluster::{
    Cluster, ClusterError, ClusterState, HSMS_MAX, HSMS_TO_CONNECT, HSMS_TO_CREATE, is_cluster_id,
};
pub use connection::{Connection, ConnectionErrorCode, NotNow};
pub use settings::{Clash, Connectivity, Proxy, VpcService};

use crate::clock::Timestamp;
use crate::crypto::Secret;
use crate::ids::StoreName;
use crate::key::Origin;

/// A custom key store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomKeyStore {
    /// Its account, its Region and its id.
    pub arn: StoreName,
    /// Its name, which no other store of its account and Region has.
    pub name: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it can be used.
    pub connection: Connection,
    /// What holds its keys.
    pub backing: Backing,
    /// The password of the `kmsuser` account, or the raw secret access key of the proxy. It is sealed beside the rest, and
    /// absent after an import of a state that was exported without secrets.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

/// What holds the keys of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Backing {
    /// A cluster.
    AwsCloudhsm {
        /// Its id.
        cluster: Arc<str>,
        /// The certificate by which it is known, as PEM.
        trust_anchor: Arc<str>,
    },
    /// A proxy before an external key manager.
    ExternalKeyStore(Proxy),
}

impl Backing {
    /// The `CustomKeyStoreType` on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.origin().as_str()
    }

    /// The origin of the keys in such a store.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self {
            Backing::AwsCloudhsm { .. } => Origin::AwsCloudhsm,
            Backing::ExternalKeyStore(_) => Origin::ExternalKeyStore,
        }
    }

    /// The proxy of an external store.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Backing::ExternalKeyStore(proxy) => Some(proxy),
            Backing::AwsCloudhsm { .. } => None,
        }
    }

    /// The id of the cluster of an AWS CloudHSM key store.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<str>> {
        match self {
            Backing::AwsCloudhsm { cluster, .. } => Some(cluster),
            Backing::ExternalKeyStore(_) => None,
        }
    }
}

impl CustomKeyStore {
    /// Whether its keys can be used.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection == Connection::Connected
    }

    /// The store with another connection.
    #[must_use]
    pub fn with_connection(&self, connection: Connection) -> CustomKeyStore {
        CustomKeyStore { connection, ..self.clone() }
    }
}
