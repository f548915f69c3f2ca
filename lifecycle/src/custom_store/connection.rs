//! The connection of a custom key store, and the moves between its states.
//!
//! AWS: KMS API reference, "CustomKeyStoresListEntry", `ConnectionState` and `ConnectionErrorCode`.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::key::wire_enum;

wire_enum! {
    /// Why a store could not be connected.
    ConnectionErrorCode {
        /// No cluster has the id of the store's.
        ClusterNotFound = "CLUSTER_NOT_FOUND",
        /// The cluster has no active HSM.
        InsufficientCloudhsmHsms = "INSUFFICIENT_CLOUDHSM_HSMS",
        /// A private subnet of the cluster has no free address.
        InsufficientFreeAddressesInSubnet = "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
        /// Something failed within AWS KMS.
        InternalError = "INTERNAL_ERROR",
        /// The password, or the credential of the proxy, is not the right one.
        InvalidCredentials = "INVALID_CREDENTIALS",
        /// The network between AWS KMS and the cluster or proxy failed.
        NetworkErrors = "NETWORK_ERRORS",
        /// A subnet of the cluster has been deleted.
        SubnetNotFound = "SUBNET_NOT_FOUND",
        /// The `kmsuser` account is locked.
        UserLockedOut = "USER_LOCKED_OUT",
        /// Somebody else is logged in as `kmsuser`.
        UserLoggedIn = "USER_LOGGED_IN",
        /// The cluster has no `kmsuser` account.
        UserNotFound = "USER_NOT_FOUND",
        /// The proxy does not let AWS KMS in.
        XksProxyAccessDenied = "XKS_PROXY_ACCESS_DENIED",
        /// The proxy does not know the path.
        XksProxyInvalidConfiguration = "XKS_PROXY_INVALID_CONFIGURATION",
        /// What the proxy answers cannot be understood.
        XksProxyInvalidResponse = "XKS_PROXY_INVALID_RESPONSE",
        /// There is no TLS connection to be had with the proxy.
        XksProxyInvalidTlsConfiguration = "XKS_PROXY_INVALID_TLS_CONFIGURATION",
        /// The proxy, or every key manager behind it, is not there.
        XksProxyNotReachable = "XKS_PROXY_NOT_REACHABLE",
        /// The proxy did not answer in time.
        XksProxyTimedOut = "XKS_PROXY_TIMED_OUT",
        /// The VPC endpoint service is not set up as it must be.
        XksVpcEndpointServiceInvalidConfiguration = "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
        /// There is no such VPC endpoint service.
        XksVpcEndpointServiceNotFound = "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
    }
}

impl ConnectionErrorCode {
    /// Whether a cluster can be the reason; the others are those of proxies.
    #[must_use]
    pub fn is_of_cluster(self) -> bool {
        !self.as_str().starts_with("XKS_")
    }
}

/// Whether a store can be used. Whoever waits for an end knows when it comes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Connection {
    /// Its keys can be used.
    Connected,
    /// It will be connected, or will have failed to.
    Connecting {
        /// When.
        until: Timestamp,
        /// Why it will have failed, which showed when the attempt began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<ConnectionErrorCode>,
    },
    /// It was disconnected, or never connected.
    Disconnected,
    /// It will be disconnected.
    Disconnecting {
        /// When.
        until: Timestamp,
    },
    /// The last attempt to connect it failed.
    Failed {
        /// Why.
        code: ConnectionErrorCode,
    },
}

/// The state of the connection does not allow the move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow;

impl Connection {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Connection::Connected => "CONNECTED",
            Connection::Connecting { .. } => "CONNECTING",
            Connection::Disconnected => "DISCONNECTED",
            Connection::Disconnecting { .. } => "DISCONNECTING",
            Connection::Failed { .. } => "FAILED",
        }
    }

    /// Whether an attempt to connect may begin. In a store that is connected, or is about to be, there is nothing to do.
    ///
    /// # Errors
    /// [`NotNow`] for a store that has failed, which has to be disconnected first, and one that is being disconnected.
    ///
    /// AWS: KMS API reference, "ConnectCustomKeyStore".
    pub fn may_connect(&self) -> Result<bool, NotNow> {
        match self {
            Connection::Disconnected => Ok(true),
            Connection::Connected | Connection::Connecting { .. } => Ok(false),
            Connection::Failed { .. } | Connection::Disconnecting { .. } => Err(NotNow),
        }
    }

    /// On its way to be disconnected at `until`. An attempt to connect ends with it.
    ///
    /// # Errors
    /// [`NotNow`] for a store that is disconnected, or is about to be.
    ///
    /// AWS: KMS API reference, "DisconnectCustomKeyStore".
    pub fn disconnect(&self, until: Timestamp) -> Result<Connection, NotNow> {
        match self {
            Connection::Disconnected | Connection::Disconnecting { .. } => Err(NotNow),
            _ => Ok(Connection::Disconnecting { until }),
        }
    }

    /// When it changes by itself.
    #[must_use]
    pub fn settles_at(&self) -> Option<Timestamp> {
        match self {
            Connection::Connecting { until, .. } | Connection::Disconnecting { until } => Some(*until),
            _ => None,
        }
    }

    /// What it is after that.
    #[must_use]
    pub fn settled(&self) -> Connection {
        match *self {
            Connection::Connecting { failure: Some(code), .. } => Connection::Failed { code },
            Connection::Connecting { failure: None, .. } => Connection::Connected,
            Connection::Disconnecting { .. } => Connection::Disconnected,
            settled => settled,
        }
    }

    /// Why the last attempt to connect failed.
    #[must_use]
    pub fn failure(&self) -> Option<ConnectionErrorCode> {
        match self {
            Connection::Failed { code } => Some(*code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_moves_as_documented() {
        use Connection::{Connected, Connecting, Disconnected, Disconnecting, Failed};
        let at = Timestamp(7);
        let code = ConnectionErrorCode::UserLoggedIn;
        let connecting = Connecting { until: at, failure: None };
        let failing = Connecting { until: at, failure: Some(code) };
        let disconnecting = Disconnecting { until: at };
        for (connection, connects, disconnects, settled) in [
            (Connected, Ok(false), Ok(disconnecting), Connected),
            (connecting, Ok(false), Ok(disconnecting), Connected),
            (failing, Ok(false), Ok(disconnecting), Failed { code }),
            (Failed { code }, Err(NotNow), Ok(disconnecting), Failed { code }),
            (Disconnected, Ok(true), Err(NotNow), Disconnected),
            (disconnecting, Err(NotNow), Err(NotNow), Disconnected),
        ] {
            assert_eq!(connection.may_connect(), connects, "{connection:?}");
            assert_eq!(connection.disconnect(at), disconnects, "{connection:?}");
            assert_eq!(connection.settled(), settled, "{connection:?}");
            assert_eq!(connection.settles_at().is_some(), connection != settled);
            let stored = serde_json::to_value(connection).unwrap();
            assert_eq!(stored["state"], connection.as_str());
            assert_eq!(serde_json::from_value::<Connection>(stored).unwrap(), connection);
        }
    }
}
