//! Custom key stores, the clusters that are simulated for them, and which keys live where.

use std::ops::Bound;
use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::View;
use crate::custom_store::{Cluster, CustomKeyStore};
use crate::ids::{KeyArn, KeyId, Scope, StoreId, StoreName};
use crate::key::{Key, KeyState};

/// The stores and their indexes.
#[derive(Clone, Default)]
pub(super) struct Stores {
    stores: RedBlackTreeMapSync<StoreName, Arc<CustomKeyStore>>,
    clusters: RedBlackTreeMapSync<Arc<str>, Arc<Cluster>>,
    /// Store, id of the external key (empty for keys in a cluster), key.
    keys: RedBlackTreeSetSync<(StoreName, Arc<str>, KeyArn)>,
}

/// The entry of a key that lives in a store.
fn entry(key: &Key) -> Option<(StoreName, Arc<str>, KeyArn)> {
    let residence = key.custom_store.as_ref()?;
    let store = StoreName { scope: key.arn.scope, id: residence.store };
    Some((store, residence.xks_key_id.clone().unwrap_or_default(), key.arn))
}

impl Stores {
    pub(super) fn get(&self, arn: &StoreName) -> Option<&Arc<CustomKeyStore>> {
        self.stores.get(arn)
    }

    pub(super) fn put(&mut self, store: Arc<CustomKeyStore>) {
        self.stores.insert_mut(store.arn, store);
    }

    pub(super) fn delete(&mut self, arn: &StoreName) {
        self.stores.remove_mut(arn);
    }

    pub(super) fn put_cluster(&mut self, cluster: Arc<Cluster>) {
        self.clusters.insert_mut(Arc::clone(&cluster.id), cluster);
    }

    pub(super) fn delete_cluster(&mut self, id: &str) {
        self.clusters.remove_mut(id);
    }

    pub(super) fn put_key(&mut self, key: &Key) {
        if let Some(entry) = entry(key) {
            self.keys.insert_mut(entry);
        }
    }

    pub(super) fn delete_key(&mut self, key: &Key) {
        if let Some(entry) = entry(key) {
            self.keys.remove_mut(&entry);
        }
    }

    pub(super) fn stores(&self) -> impl Iterator<Item = &Arc<CustomKeyStore>> {
        self.stores.values()
    }

    pub(super) fn clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.clusters.values()
    }
}

impl<'a> View<'a> {
    /// A custom key store.
    #[must_use]
    pub fn custom_store(&self, name: &StoreName) -> Option<&'a Arc<CustomKeyStore>> {
        self.state.stores.get(name)
    }

    /// The custom key stores of a scope that come after `after`, by id.
    pub fn custom_stores(
        &self,
        scope: Scope,
        after: Option<StoreId>,
    ) -> impl Iterator<Item = &'a Arc<CustomKeyStore>> + use<'a> {
        let start = match after {
            Some(id) => Bound::Excluded(StoreName { scope, id }),
            None => Bound::Included(StoreName { scope, id: StoreId::FIRST }),
        };
        let range = self.state.stores.stores.range((start, Bound::Unbounded)).map(|(_, store)| store);
        range.take_while(move |store| store.arn.scope == scope)
    }

    /// The custom key stores of all accounts and Regions.
    pub fn all_custom_stores(&self) -> impl Iterator<Item = &'a Arc<CustomKeyStore>> + use<'a> {
        self.state.stores.stores()
    }

    /// The store in which a key lives.
    #[must_use]
    pub fn store_of(&self, key: &Key) -> Option<&'a Arc<CustomKeyStore>> {
        let id = key.custom_store.as_ref()?.store;
        self.custom_store(&StoreName { scope: key.arn.scope, id })
    }

    /// A key of a store, if it holds any; those that wait to be deleted count until they are.
    #[must_use]
    pub fn any_key_in(&self, store: StoreName) -> Option<&'a Arc<Key>> {
        self.keys_in(store, &"".into()).next()
    }

    /// The key of a store that stands for an external key.
    #[must_use]
    pub fn key_for_external(&self, store: StoreName, xks_key_id: &Arc<str>) -> Option<&'a Arc<Key>> {
        let is_it = |key: &&Arc<Key>| {
            key.custom_store
                .as_ref()
                .is_some_and(|residence| residence.xks_key_id.as_ref() == Some(xks_key_id))
        };
        self.keys_in(store, xks_key_id).take(1).find(is_it)
    }

    fn keys_in(&self, store: StoreName, from: &Arc<str>) -> impl Iterator<Item = &'a Arc<Key>> + use<'a> {
        let view = *self;
        let first = (store, Arc::clone(from), KeyArn { scope: store.scope, id: KeyId::FIRST });
        let range = view.state.stores.keys.range((Bound::Included(first), Bound::Unbounded));
        range.take_while(move |(of, ..)| *of == store).filter_map(move |(.., key)| view.key(key))
    }

    /// A simulated cluster by its id.
    #[must_use]
    pub fn cluster(&self, id: &str) -> Option<&'a Arc<Cluster>> {
        self.state.stores.clusters.get(id)
    }

    /// All simulated clusters that were put, by id.
    pub fn clusters(&self) -> impl Iterator<Item = &'a Arc<Cluster>> + use<'a> {
        self.state.stores.clusters.values()
    }

    /// The state of a key: a key in a store that is not connected is unavailable, unless it waits to be deleted.
    ///
    /// AWS: KMS developer guide, "Key states of AWS KMS keys".
    #[must_use]
    pub fn key_state(&self, key: &Key) -> KeyState {
        let unavailable = || self.store_of(key).is_none_or(|store| !store.is_connected());
        match key.state_at(self.now) {
            KeyState::Enabled | KeyState::Disabled if key.custom_store.is_some() && unavailable() => {
                KeyState::Unavailable
            }
            state => state,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::custom_store::{Backing, Connection};
    use crate::ids::{AccountId, Region};
    use crate::key::{Residence, Switch};
    use crate::state::{Change, Record, State};

    /// A store of one of some ids; which of the connections it has, follows from `at`.
    pub(in crate::state) fn store(number: u8, at: u8) -> CustomKeyStore {
        let scope = Scope { account: "111122223333".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        let until = Timestamp(at.into());
        CustomKeyStore {
            arn: StoreName { scope, id: StoreId::new([number; 16]) },
            name: number.to_string().into(),
            created_at: Timestamp(0),
            connection: match at % 3 {
                0 => Connection::Connected,
                1 => Connection::Connecting { until, failure: None },
                _ => Connection::Disconnecting { until },
            },
            backing: Backing::AwsCloudhsm { cluster: "c".into(), trust_anchor: "".into() },
            secret: None,
        }
    }

    /// The index of keys agrees with a scan.
    pub(in crate::state) fn check(state: &State) {
        let mut expected: Vec<_> = state.keys.values().filter_map(|key| entry(key)).collect();
        expected.sort();
        assert_eq!(state.stores.keys.iter().cloned().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_key_is_found_by_its_store_and_its_external_id() {
        let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
        let home = StoreName { scope, id: StoreId::new([1; 16]) };
        let key = |number: u8, xks: Option<&str>| {
            let arn = KeyArn { scope, id: KeyId::single_region([number; 16]) };
            let plan = crate::managed::planned(
                &crate::ids::AliasArn { scope, name: "alias/aws/s3".parse().unwrap() },
                Timestamp(0),
            );
            let residence = Residence { store: home.id, xks_key_id: xks.map(Into::into) };
            Record::Key(Arc::new(Key { arn, custom_store: Some(residence), ..plan.unwrap() }))
        };
        let mut state = State::load([key(1, Some("b")), key(2, Some("d"))]);
        let other = StoreName { id: StoreId::new([2; 16]), ..home };
        let find = |state: &State, store, id: &str| {
            state.at(Timestamp(0)).key_for_external(store, &id.into()).map(|key| key.arn.id)
        };
        assert_eq!(find(&state, home, "b"), Some(KeyId::single_region([1; 16])));
        assert_eq!(find(&state, home, "d"), Some(KeyId::single_region([2; 16])));
        for (store, id) in [(home, "a"), (home, "c"), (home, "e"), (home, ""), (other, "b")] {
            assert_eq!(find(&state, store, id), None, "{id}");
        }
        assert!(state.at(Timestamp(0)).any_key_in(home).is_some());
        assert!(state.at(Timestamp(0)).any_key_in(other).is_none());
        let ids = [1, 2].map(|number| KeyArn { scope, id: KeyId::single_region([number; 16]) });
        state.apply(ids.map(|arn| Change::Delete(crate::state::RecordId::Key(arn))));
        assert!(state.at(Timestamp(0)).any_key_in(home).is_none());
    }

    #[test]
    fn a_key_is_unavailable_unless_its_store_is_connected() {
        let connected = store(1, 0);
        let scope = connected.arn.scope;
        let alias = crate::ids::AliasArn { scope, name: "alias/aws/s3".parse().unwrap() };
        let plan = crate::managed::planned(&alias, Timestamp(0)).unwrap();
        let residence = Residence { store: connected.arn.id, xks_key_id: None };
        let key = Key { custom_store: Some(residence), ..plan.clone() };
        let disabled = Key { switch: Switch::Disabled, ..key.clone() };
        let leaving = key.schedule_deletion(Timestamp(0), 7).unwrap();
        for (connection, [enabled, off]) in [
            (Connection::Connected, [KeyState::Enabled, KeyState::Disabled]),
            (Connection::Disconnected, [KeyState::Unavailable; 2]),
            (Connection::Connecting { until: Timestamp(9), failure: None }, [KeyState::Unavailable; 2]),
        ] {
            let state = State::load([Record::CustomStore(Arc::new(connected.with_connection(connection)))]);
            let view = state.at(Timestamp(0));
            assert_eq!(view.key_state(&key), enabled);
            assert_eq!(view.key_state(&disabled), off);
            assert_eq!(view.key_state(&leaving), KeyState::PendingDeletion);
            assert_eq!(view.key_state(&plan), KeyState::Enabled);
        }
    }
}
