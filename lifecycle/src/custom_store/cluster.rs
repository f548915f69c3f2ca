//! Simulated AWS CloudHSM clusters: what a test says about them is all that AWS KMS sees of them.
//!
//! AWS: CloudHSM API reference, "Cluster"; KMS developer guide, "AWS CloudHSM key stores".

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::connection::ConnectionErrorCode;
use crate::crypto::Secret;
use crate::key::wire_enum;

wire_enum! {
    /// The state of a cluster.
    ClusterState {
        /// Ready.
        Active = "ACTIVE",
        /// Being made.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Active, but not every HSM works.
        Degraded = "DEGRADED",
        /// Being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Deleted.
        Deleted = "DELETED",
        /// Initialised, but no crypto user is active yet.
        Initialized = "INITIALIZED",
        /// Being initialised.
        InitializeInProgress = "INITIALIZE_IN_PROGRESS",
        /// Not initialised yet.
        Uninitialized = "UNINITIALIZED",
        /// Being changed.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
    }
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id, such as `cluster-2a23b4cdefg`.
    pub id: Arc<str>,
    /// Its state.
    pub state: ClusterState,
    /// How many HSMs are active, each in an Availability Zone of its own.
    pub active_hsms: u32,
    /// The certificate with which the cluster was initialised, as PEM.
    pub trust_anchor: Arc<str>,
    /// The cluster from whose backup it was made, or it itself: clusters of one origin are related.
    pub backup_of: Arc<str>,
    /// Why the next attempts to connect to it fail, whatever else holds.
    pub failure: Option<ConnectionErrorCode>,
    /// The password of the `kmsuser` account; the store seals it beside the rest.
    #[serde(skip)]
    pub password: Option<Secret>,
}

/// Most HSMs of a cluster.
///
/// AWS: CloudHSM user guide, "Quotas".
pub const HSMS_MAX: u32 = 28;

/// Whether a text is the id of a cluster: `cluster-` and 11 to 16 letters and digits from 2 to 7.
///
/// AWS: KMS API reference, `CloudHsmClusterId`.
#[must_use]
pub fn is_cluster_id(text: &str) -> bool {
    let rest = text.strip_prefix("cluster-").unwrap_or_default();
    (11..=16).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7'))
}

/// HSMs that CreateCustomKeyStore, UpdateCustomKeyStore and CreateKey need.
///
/// AWS: KMS API reference, "CloudHsmClusterInvalidConfigurationException".
pub const HSMS_TO_CREATE: u32 = 2;

/// HSMs that ConnectCustomKeyStore and cryptographic operations need.
pub const HSMS_TO_CONNECT: u32 = 1;

/// Why a cluster cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterError {
    /// There is none of that id.
    NotFound,
    /// It is not active.
    NotActive,
    /// It has too few active HSMs.
    TooFewHsms {
        /// How many it needs.
        needed: u32,
    },
}

impl Cluster {
    /// Whether it can serve with `needed` HSMs.
    ///
    /// # Errors
    /// Why not.
    pub fn serves(&self, needed: u32) -> Result<(), ClusterError> {
        if !matches!(self.state, ClusterState::Active | ClusterState::Degraded) {
            return Err(ClusterError::NotActive);
        }
        if self.active_hsms < needed {
            return Err(ClusterError::TooFewHsms { needed });
        }
        Ok(())
    }

    /// Whether two clusters share a backup history.
    #[must_use]
    pub fn is_related_to(&self, other: &Cluster) -> bool {
        self.backup_of == other.backup_of
    }

    /// Whether a certificate is the one with which it was initialised. Space around and the form of line ends do not
    /// count.
    #[must_use]
    pub fn trusts(&self, certificate: &str) -> bool {
        self.trust_anchor.split_whitespace().eq(certificate.split_whitespace())
    }

    /// Why an attempt to connect with this password will fail.
    #[must_use]
    pub fn failure_to_connect(&self, password: Option<&Secret>) -> Option<ConnectionErrorCode> {
        // A password that was left out of an export is not known to be right.
        let is_right = password.is_some() && self.password.as_ref() == password;
        self.failure.or((!is_right).then_some(ConnectionErrorCode::InvalidCredentials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_serves_while_it_is_active_and_has_hsms() {
        let password = Secret::new(b"kmsPswd".to_vec());
        let cluster = Cluster {
            id: "cluster-2a23b4cdefg".into(),
            state: ClusterState::Active,
            active_hsms: 1,
            trust_anchor: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into(),
            backup_of: "cluster-2a23b4cdefg".into(),
            failure: None,
            password: Some(password.clone()),
        };
        assert_eq!(cluster.serves(HSMS_TO_CONNECT), Ok(()));
        assert_eq!(cluster.serves(HSMS_TO_CREATE), Err(ClusterError::TooFewHsms { needed: 2 }));
        let deleted = Cluster { state: ClusterState::Deleted, ..cluster.clone() };
        assert_eq!(deleted.serves(HSMS_TO_CONNECT), Err(ClusterError::NotActive));
        assert!(cluster.trusts("-----BEGIN CERTIFICATE-----\r\nAA==\r\n-----END CERTIFICATE-----"));
        assert!(!cluster.trusts("-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----"));
        assert_eq!(cluster.failure_to_connect(Some(&password)), None);
        let other = Secret::new(b"another".to_vec());
        let wrong = Some(ConnectionErrorCode::InvalidCredentials);
        assert_eq!(cluster.failure_to_connect(Some(&other)), wrong);
        assert_eq!(cluster.failure_to_connect(None), wrong);
        let locked = Cluster { failure: Some(ConnectionErrorCode::UserLockedOut), ..cluster };
        assert_eq!(locked.failure_to_connect(Some(&other)), Some(ConnectionErrorCode::UserLockedOut));
    }
}
