//! What a custom key store is set to, and what no two stores may share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Backing, Cluster, CustomKeyStore};
use crate::ids::AccountId;
use crate::key::wire_enum;

wire_enum! {
    /// The way from AWS KMS to a proxy.
    Connectivity {
        /// Over the internet.
        PublicEndpoint = "PUBLIC_ENDPOINT",
        /// Through an Amazon VPC endpoint service.
        VpcEndpointService = "VPC_ENDPOINT_SERVICE",
    }
}

/// The proxy of an external key store.
///
/// AWS: KMS API reference, "XksProxyConfigurationType".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// The way to it.
    pub connectivity: Connectivity,
    /// Names the credential with which requests to it are signed.
    pub access_key_id: Arc<str>,
    /// `https://` and its host.
    pub endpoint: Arc<str>,
    /// Where its API begins; ends with `/kms/xks/v1`.
    pub path: Arc<str>,
    /// The endpoint service, exactly if the connectivity is [`Connectivity::VpcEndpointService`].
    pub service: Option<VpcService>,
}

/// An Amazon VPC endpoint service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcService {
    /// Its name, such as `com.amazonaws.vpce.us-east-1.vpce-svc-…`.
    pub name: Arc<str>,
    /// The account that owns it, if it is said.
    pub owner: Option<AccountId>,
}

/// Something that another store of the account and Region has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clash {
    /// Its name.
    Name,
    /// Its cluster, or one that shares a backup history with it.
    Cluster,
    /// The host of its proxy, by another way or with a private DNS name.
    Endpoint,
    /// The host and path of its proxy.
    Uri,
    /// Its VPC endpoint service.
    VpcService,
}

impl CustomKeyStore {
    /// What this store has that another may not have, too; `cluster` finds the cluster of an id.
    ///
    /// AWS: KMS API reference, "CreateCustomKeyStore" and "UpdateCustomKeyStore".
    #[must_use]
    pub fn clash<'c>(
        &self,
        other: &CustomKeyStore,
        cluster: impl Fn(&str) -> Option<&'c Cluster>,
    ) -> Option<Clash> {
        if self.name == other.name {
            return Some(Clash::Name);
        }
        match (&self.backing, &other.backing) {
            (Backing::AwsCloudhsm { cluster: ours, .. }, Backing::AwsCloudhsm { cluster: theirs, .. }) => {
                let related = || cluster(ours).zip(cluster(theirs)).is_some_and(|(a, b)| a.is_related_to(b));
                (ours == theirs || related()).then_some(Clash::Cluster)
            }
            (Backing::ExternalKeyStore(ours), Backing::ExternalKeyStore(theirs)) => ours.clash(theirs),
            _ => None,
        }
    }
}

impl Proxy {
    fn clash(&self, other: &Proxy) -> Option<Clash> {
        let service = |proxy: &Proxy| proxy.service.as_ref().map(|service| Arc::clone(&service.name));
        let both_public =
            self.connectivity == Connectivity::PublicEndpoint && self.connectivity == other.connectivity;
        if service(self).is_some() && service(self) == service(other) {
            return Some(Clash::VpcService);
        }
        if self.endpoint != other.endpoint {
            return None;
        }
        if !both_public {
            return Some(Clash::Endpoint);
        }
        (self.path == other.path).then_some(Clash::Uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::custom_store::{ClusterState, Connection};
    use crate::ids::{Scope, StoreId, StoreName};

    fn store(name: &str, backing: Backing) -> CustomKeyStore {
        let scope = Scope { account: AccountId::zero(), region: crate::ids::Region::us_east_1() };
        let arn = StoreName { scope, id: StoreId::FIRST };
        let connection = Connection::Disconnected;
        CustomKeyStore { arn, name: name.into(), created_at: Timestamp(0), connection, backing, secret: None }
    }

    fn proxy(host: &str, path: &str, service: Option<&str>) -> Backing {
        Backing::ExternalKeyStore(Proxy {
            connectivity: match service {
                Some(_) => Connectivity::VpcEndpointService,
                None => Connectivity::PublicEndpoint,
            },
            access_key_id: "ABCDEFGHIJKLMNOPQRST".into(),
            endpoint: format!("https://{host}").into(),
            path: path.into(),
            service: service.map(|name| VpcService { name: name.into(), owner: None }),
        })
    }

    #[test]
    fn stores_share_what_aws_lets_them_share() {
        let cluster = |id: &str| Backing::AwsCloudhsm { cluster: id.into(), trust_anchor: "".into() };
        let known = ["a", "b", "c"].map(|id| Cluster {
            id: id.into(),
            state: ClusterState::Active,
            active_hsms: 2,
            trust_anchor: "".into(),
            backup_of: if id == "c" { "a".into() } else { id.into() },
            failure: None,
            password: None,
        });
        let (path, other) = ("/kms/xks/v1", "/x/kms/xks/v1");
        for (first, second, clash) in [
            (cluster("a"), cluster("a"), Some(Clash::Cluster)),
            (cluster("a"), cluster("c"), Some(Clash::Cluster)),
            (cluster("a"), cluster("b"), None),
            (cluster("a"), proxy("h", path, None), None),
            (proxy("h", path, None), proxy("h", path, None), Some(Clash::Uri)),
            (proxy("h", path, None), proxy("h", other, None), None),
            (proxy("h", path, None), proxy("i", path, None), None),
            (proxy("h", path, None), proxy("h", other, Some("s")), Some(Clash::Endpoint)),
            (proxy("h", path, Some("s")), proxy("h", other, Some("t")), Some(Clash::Endpoint)),
            (proxy("h", path, Some("s")), proxy("i", path, Some("s")), Some(Clash::VpcService)),
            (proxy("h", path, Some("s")), proxy("i", path, Some("t")), None),
        ] {
            let (first, second) = (store("1", first), store("2", second));
            let find = |id: &str| known.iter().find(|cluster| *cluster.id == *id);
            assert_eq!(first.clash(&second, find), clash, "{first:?} {second:?}");
            assert_eq!(second.clash(&first, find), clash, "{second:?} {first:?}");
            let named = CustomKeyStore { name: "1".into(), ..second };
            assert_eq!(first.clash(&named, find), Some(Clash::Name));
        }
    }
}
