//! Keys of particular kinds: with imported material, multi-Region, in custom key stores.
//!
//! Of each there is what a table can feel of it: when the key works, and what KMS says when it does not.

use super::{KeyState, SampleKms, fault};
use crate::at_rest::port::{KmsFault, Manager};
use crate::clock::Timestamp;
use crate::ids::{KeyArn, KeyId, Region, Scope};

/// A custom key store.
pub(super) struct Store {
    /// Whether it is behind a proxy, and not a cluster of HSMs.
    external: bool,
    connected: bool,
    /// Whether what stands behind it does what it is asked.
    works: bool,
}

/// What is said of a key whose external key store is not connected.
///
/// AWS: External Key Store Proxy API Specification, "KMS exception messages".
const NOT_CONNECTED: &str = "This KMS key is in a custom key store that is not connected to its external key store proxy. \
                             Connect the external key store and try the request again.";

/// What is said of a proxy that does not reach its key manager. AWS: the same.
const NO_KEY_MANAGER: &str = "The external key store proxy rejected the request because it cannot communicate with the \
                              external key manager. Verify that the external key store proxy configuration is correct \
                              and that the external key manager is available.";

impl Store {
    /// Whether a key in it can be used.
    pub(super) fn serves(&self, key: KeyArn) -> Result<(), KmsFault> {
        let said = match (self.connected, self.works, self.external) {
            (true, true, _) => return Ok(()),
            (false, _, true) => NOT_CONNECTED.to_owned(),
            (true, false, true) => NO_KEY_MANAGER.to_owned(),
            _ => format!("{key} is unavailable."),
        };
        Err(fault("KMSInvalidStateException", said))
    }
}

impl SampleKms {
    /// Makes a key with imported material, which expires at an instant or never.
    pub fn create_imported(&self, scope: Scope, until: Option<Timestamp>, at: Timestamp) -> KeyArn {
        let key = self.create_key(scope, at);
        self.with(key, at, |key| key.expires_at = until);
        key
    }

    /// ImportKeyMaterial, of the same material: the only one that the key takes.
    pub fn import(&self, key: KeyArn, until: Option<Timestamp>, at: Timestamp) {
        self.with(key, at, |key| {
            key.expires_at = until;
            if key.state == KeyState::PendingImport {
                key.state = KeyState::Enabled;
            }
        });
    }

    /// DeleteImportedKeyMaterial.
    pub fn delete_material(&self, key: KeyArn, at: Timestamp) {
        self.with(key, at, |key| (key.state, key.expires_at) = (KeyState::PendingImport, None));
    }

    /// When imported material expires next, if that is by an instant.
    #[must_use]
    pub fn next_expiry(&self, by: Timestamp) -> Option<Timestamp> {
        let inner = self.0.borrow();
        inner.keys.values().filter_map(|key| key.expires_at).filter(|at| *at <= by).min()
    }

    /// The material that expires by an instant is gone.
    ///
    /// AWS: KMS developer guide, "Setting an expiration time": the key then waits for its material.
    pub fn expire(&self, at: Timestamp) {
        let mut inner = self.0.borrow_mut();
        let expired = inner.keys.values_mut().filter(|key| key.expires_at.is_some_and(|ends| ends <= at));
        for key in expired {
            (key.expires_at, key.changed_at) = (None, at);
            if key.state == KeyState::Enabled {
                key.state = KeyState::PendingImport;
            }
        }
    }

    /// Makes a multi-Region key: a primary without replicas.
    pub fn create_multi_region(&self, scope: Scope, at: Timestamp) -> KeyArn {
        let mut inner = self.0.borrow_mut();
        let id = KeyId::multi_region(inner.random());
        inner.insert(KeyArn { scope, id }, Manager::Customer, at)
    }

    /// ReplicateKey: the replica has the id and the material of its primary, and all else of its own.
    pub fn replicate(&self, primary: KeyArn, region: Region, at: Timestamp) -> KeyArn {
        let mut inner = self.0.borrow_mut();
        let materials = inner.keys.get(&primary).map(|key| key.materials.clone()).unwrap_or_default();
        let arn = KeyArn { scope: Scope { region, ..primary.scope }, id: primary.id };
        inner.insert(arn, Manager::Customer, at);
        if let Some(replica) = inner.keys.get_mut(&arn) {
            replica.materials = materials;
        }
        arn
    }

    /// Makes a connected custom key store, behind a proxy or in a cluster.
    pub fn create_store(&self, name: &str, external: bool) {
        let store = Store { external, connected: true, works: true };
        self.0.borrow_mut().stores.insert(name.to_owned(), store);
    }

    /// Has a key be one in a custom key store.
    pub fn put_in_store(&self, key: KeyArn, store: &str, at: Timestamp) {
        self.with(key, at, |key| key.store = Some(store.to_owned()));
    }

    /// ConnectCustomKeyStore, DisconnectCustomKeyStore.
    pub fn set_connected(&self, store: &str, connected: bool, at: Timestamp) {
        self.with_store(store, at, |store| store.connected = connected);
    }

    /// What stands behind a custom key store fails, or works again.
    pub fn set_works(&self, store: &str, works: bool, at: Timestamp) {
        self.with_store(store, at, |store| store.works = works);
    }

    fn with_store(&self, name: &str, at: Timestamp, change: impl FnOnce(&mut Store)) {
        let mut inner = self.0.borrow_mut();
        inner.stores.get_mut(name).map(change);
        let inside = inner.keys.values_mut().filter(|key| key.store.as_deref() == Some(name));
        inside.for_each(|key| key.changed_at = at);
    }

    /// `KeyState` of a key.
    #[must_use]
    pub fn key_state(&self, key: KeyArn, at: Timestamp) -> Option<&'static str> {
        let inner = self.0.borrow();
        let found = inner.keys.get(&key).filter(|key| !super::is_deleted(key, at))?;
        let store = found.store.as_ref().and_then(|name| inner.stores.get(name));
        Some(match found.state {
            KeyState::PendingDeletion(_) => "PendingDeletion",
            _ if store.is_some_and(|store| !store.connected) => "Unavailable",
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingImport => "PendingImport",
        })
    }
}
