//! All live state as one immutable value, its changes, and the view of it at an instant.
//!
//! Cloning a [`State`] is cheap, because its maps share structure. Every index is kept by [`State::apply`]
//! and by nothing else.

mod grants;
mod record;
mod related;
mod stores;
mod tables;

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};
use serde::{Deserialize, Serialize};

use crate::alias::Alias;
use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::due::{self, Due};
use crate::event::{self, Fact, FactId, ServiceEvent};
use crate::iam::{Clash, Directory, Entry, Source};
use crate::ids::{AliasArn, AliasName, KeyArn, KeyId, MaterialId, Scope, Uuid};
use crate::key::{Key, KeyManager, Material};

pub use record::{Record, RecordId};
pub use tables::TableRecord;

/// The last successful cryptographic use of a key.
///
/// AWS: KMS API reference, "KeyLastUsageData".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The key that was used.
    pub key: KeyArn,
    /// The operation, such as `Decrypt`.
    pub operation: Cow<'static, str>,
    /// When.
    pub at: Timestamp,
    /// The audit record of the use.
    pub event_id: Uuid,
    /// The request that used it.
    pub request_id: Uuid,
}

/// One step from a state to the next.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds a record or replaces the one of the same id.
    Put(Record),
    /// Removes a record; removing one that does not exist changes nothing.
    Delete(RecordId),
}

/// Everything that is known, at no particular instant. Read it through a [`View`].
#[derive(Clone, Default)]
pub struct State {
    keys: RedBlackTreeMapSync<KeyArn, Arc<Key>>,
    aliases: RedBlackTreeMapSync<AliasArn, Arc<Alias>>,
    /// Related multi-Region keys share material ids, hence the list; it nearly always has one element.
    materials: HashTrieMapSync<MaterialId, Arc<[Arc<Material>]>, RandomState>,
    usages: RedBlackTreeMapSync<KeyArn, Arc<Usage>>,
    grants: grants::Grants,
    stores: stores::Stores,
    aliases_by_key: RedBlackTreeSetSync<(KeyArn, AliasName)>,
    customer_keys: HashTrieMapSync<Scope, usize>,
    /// The materials of each key by number.
    materials_by_key: RedBlackTreeMapSync<(KeyArn, u32), Arc<Material>>,
    due: RedBlackTreeSetSync<Due>,
    directory: Directory,
    tables: RedBlackTreeMapSync<Box<str>, Arc<TableRecord>>,
    outbox: RedBlackTreeMapSync<FactId, Arc<Fact>>,
    /// One more than any fact had that was ever put: a number is never used again, whatever was removed.
    next_fact: u64,
}

impl State {
    /// The state that holds exactly these records.
    #[must_use]
    pub fn load(records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = State::default();
        records.into_iter().for_each(|record| state.put(record));
        state
    }

    /// Applies changes in order. It cannot fail: whatever could be wrong was decided before.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match change {
                Change::Put(record) => self.put(record),
                Change::Delete(id) => self.delete(&id),
            }
        }
    }

    /// Adds principals that are configured: they are read at every start and are no records.
    ///
    /// # Errors
    /// One of them is there already.
    pub fn configure(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), Clash> {
        self.directory.configure(entries)
    }

    /// All principals, at any instant.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The state as seen at an instant.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> View<'_> {
        View { state: self, now }
    }

    /// Every record, in a fixed order.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let keys = self.keys.values().map(|key| Record::Key(Arc::clone(key)));
        let materials = self.materials_by_key.values().map(|material| Record::Material(Arc::clone(material)));
        let aliases = self.aliases.values().map(|alias| Record::Alias(Arc::clone(alias)));
        let usages = self.usages.values().map(|usage| Record::Usage(Arc::clone(usage)));
        let grants = self.grants.all().map(|grant| Record::Grant(Arc::clone(grant)));
        let stored = self.directory.entries().filter(|(_, source)| *source == Source::Stored);
        let principals = stored.map(|(entry, _)| Record::Principal(entry));
        let facts = self.outbox.values().map(|fact| Record::Fact(Arc::clone(fact)));
        let stores = self.stores.stores().map(|store| Record::CustomStore(Arc::clone(store)));
        let stores = stores.chain(self.stores.clusters().map(|cluster| Record::Cluster(Arc::clone(cluster))));
        let tables = self.tables.values().map(|table| Record::Table(Arc::clone(table)));
        let all = keys.chain(materials).chain(aliases).chain(usages).chain(grants).chain(principals);
        all.chain(stores).chain(tables).chain(facts)
    }

    /// What has happened and is to be told, in its order: what comes after `after`.
    pub fn outbox(&self, after: Option<FactId>) -> impl Iterator<Item = &Arc<Fact>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.outbox.range((start, Bound::Unbounded)).map(|(_, fact)| fact)
    }

    /// How much is to be told.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.outbox.size()
    }

    /// What is to be told last.
    #[must_use]
    pub fn outbox_last(&self) -> Option<FactId> {
        self.outbox.last().map(|(id, _)| *id)
    }

    /// How many keys there are, in all accounts and Regions.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.size()
    }

    /// What falls due, soonest first.
    pub fn due(&self) -> impl Iterator<Item = &Due> {
        let due = self.due.iter();
        #[cfg(test)]
        let due = due.inspect(|_| DUE_LOOKED_AT.with(|count| count.set(count.get() + 1)));
        due
    }

    fn material(&self, key: &KeyArn, id: MaterialId) -> Option<&Arc<Material>> {
        self.materials.get(&id)?.iter().find(|material| material.key == *key)
    }

    fn put(&mut self, record: Record) {
        match record {
            Record::Key(key) => {
                self.delete(&RecordId::Key(key.arn));
                self.count_customer_key(&key, 1);
                due::of_key(&key).for_each(|due| self.due.insert_mut(due));
                self.stores.put_key(&key);
                self.keys.insert_mut(key.arn, key);
            }
            Record::Alias(alias) => {
                self.delete(&RecordId::Alias(alias.arn.clone()));
                self.aliases_by_key.insert_mut((target_of(&alias), alias.arn.name.clone()));
                self.aliases.insert_mut(alias.arn.clone(), alias);
            }
            Record::Cluster(cluster) => self.stores.put_cluster(cluster),
            Record::CustomStore(store) => {
                self.delete(&RecordId::CustomStore(store.arn));
                due::of_store(&store).for_each(|due| self.due.insert_mut(due));
                self.stores.put(store);
            }
            Record::Grant(grant) => self.grants.put(grant),
            Record::Material(material) => {
                self.delete(&RecordId::Material(material.key, material.id));
                self.materials_by_key.insert_mut((material.key, material.number), Arc::clone(&material));
                let known = self.materials.get(&material.id).map_or(&[][..], |known| known);
                let mut all: Vec<_> =
                    known.iter().filter(|known| known.key != material.key).cloned().collect();
                all.push(Arc::clone(&material));
                self.materials.insert_mut(material.id, all.into());
            }
            Record::Usage(usage) => {
                self.usages.insert_mut(usage.key, usage);
            }
            Record::Principal(entry) => self.directory.store(entry),
            Record::Table(table) => {
                self.tables.insert_mut(table.id.clone(), table);
            }
            Record::Fact(fact) => {
                self.next_fact = self.next_fact.max(fact.id.number.saturating_add(1));
                self.outbox.insert_mut(fact.id, fact);
            }
        }
    }

    fn delete(&mut self, id: &RecordId) {
        match id {
            RecordId::Key(arn) => {
                let Some(key) = self.keys.get(arn).cloned() else { return };
                self.count_customer_key(&key, -1);
                for due in due::of_key(&key) {
                    self.due.remove_mut(&due);
                }
                self.stores.delete_key(&key);
                self.keys.remove_mut(arn);
            }
            RecordId::Alias(arn) => {
                let Some(alias) = self.aliases.get(arn).cloned() else { return };
                self.aliases_by_key.remove_mut(&(target_of(&alias), arn.name.clone()));
                self.aliases.remove_mut(arn);
            }
            RecordId::Cluster(id) => self.stores.delete_cluster(id),
            RecordId::CustomStore(arn) => {
                let Some(store) = self.stores.get(arn).cloned() else { return };
                for due in due::of_store(&store) {
                    self.due.remove_mut(&due);
                }
                self.stores.delete(arn);
            }
            RecordId::Grant(key, id) => self.grants.delete(*key, *id),
            RecordId::Material(key, id) => {
                if let Some(number) = self.material(key, *id).map(|material| material.number) {
                    self.materials_by_key.remove_mut(&(*key, number));
                }
                let Some(known) = self.materials.get(id) else { return };
                let left: Arc<[_]> = known.iter().filter(|material| material.key != *key).cloned().collect();
                if left.is_empty() {
                    self.materials.remove_mut(id);
                } else {
                    self.materials.insert_mut(*id, left);
                }
            }
            RecordId::Usage(arn) => {
                self.usages.remove_mut(arn);
            }
            RecordId::Principal(id) => self.directory.remove(id),
            RecordId::Table(id) => {
                self.tables.remove_mut(id);
            }
            RecordId::Fact(id) => {
                self.outbox.remove_mut(id);
            }
        }
    }

    fn count_customer_key(&mut self, key: &Key, step: isize) {
        if key.manager == KeyManager::Customer {
            let count = self.customer_keys.get(&key.arn.scope).copied().unwrap_or(0);
            self.customer_keys.insert_mut(key.arn.scope, count.saturating_add_signed(step));
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How many due entries this thread has looked at.
    pub(crate) static DUE_LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn target_of(alias: &Alias) -> KeyArn {
    KeyArn { scope: alias.arn.scope, id: alias.target }
}

/// A state at an instant: a key whose waiting period has ended is not there any more, nor is anything that
/// belonged to it, whether or not its records have been removed yet.
#[derive(Clone, Copy)]
pub struct View<'a> {
    state: &'a State,
    now: Timestamp,
}

impl<'a> View<'a> {
    /// The instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// All principals.
    #[must_use]
    pub fn directory(&self) -> &'a Directory {
        &self.state.directory
    }

    /// A key by ARN.
    #[must_use]
    pub fn key(&self, arn: &KeyArn) -> Option<&'a Arc<Key>> {
        self.state.keys.get(arn).filter(|key| !key.is_deleted_at(self.now))
    }

    /// An alias by ARN.
    #[must_use]
    pub fn alias(&self, arn: &AliasArn) -> Option<&'a Arc<Alias>> {
        self.state.aliases.get(arn).filter(|alias| self.key(&target_of(alias)).is_some())
    }

    /// The keys of all accounts and Regions.
    pub fn all_keys(&self) -> impl Iterator<Item = &'a Arc<Key>> + use<'a> {
        let now = self.now;
        self.state.keys.values().filter(move |key| !key.is_deleted_at(now))
    }

    /// The keys of a scope that come after `after`, by key id.
    pub fn keys(&self, scope: Scope, after: Option<KeyId>) -> impl Iterator<Item = &'a Arc<Key>> + use<'a> {
        let view = *self;
        let start = match after {
            Some(id) => Bound::Excluded(KeyArn { scope, id }),
            None => Bound::Included(KeyArn { scope, id: KeyId::FIRST }),
        };
        let range = view.state.keys.range((start, Bound::Unbounded)).map(|(_, key)| key);
        range.take_while(move |key| key.arn.scope == scope).filter(move |key| !key.is_deleted_at(view.now))
    }

    /// The aliases of a scope that come after `after`, by name.
    pub fn aliases(
        &self,
        scope: Scope,
        after: Option<AliasName>,
    ) -> impl Iterator<Item = &'a Arc<Alias>> + use<'a> {
        let view = *self;
        let start = match after {
            Some(name) => Bound::Excluded(AliasArn { scope, name }),
            None => Bound::Included(AliasArn { scope, name: AliasName::first() }),
        };
        let range = view.state.aliases.range((start, Bound::Unbounded)).map(|(_, alias)| alias);
        range
            .take_while(move |alias| alias.arn.scope == scope)
            .filter(move |alias| view.key(&target_of(alias)).is_some())
    }

    /// The names of a key's aliases that come after `after`, in order.
    pub fn aliases_of(
        &self,
        key: KeyArn,
        after: Option<AliasName>,
    ) -> impl Iterator<Item = &'a AliasName> + use<'a> {
        let start = match after {
            Some(name) => Bound::Excluded((key, name)),
            None => Bound::Included((key, AliasName::first())),
        };
        let range = self.state.aliases_by_key.range((start, Bound::Unbounded));
        range.take_while(move |(of, _)| *of == key).map(|(_, name)| name)
    }

    /// One material of one key.
    #[must_use]
    pub fn material(&self, key: &KeyArn, id: MaterialId) -> Option<&'a Arc<Material>> {
        self.state.material(key, id)
    }

    /// All materials of a key, oldest first.
    pub fn materials_of(&self, key: KeyArn) -> impl Iterator<Item = &'a Arc<Material>> + use<'a> {
        let range = self.state.materials_by_key.range((key, 0)..=(key, u32::MAX));
        range.map(|(_, material)| material)
    }

    /// Every key that has the material, of any account and Region.
    pub fn keys_with_material(&self, id: MaterialId) -> impl Iterator<Item = &'a Arc<Key>> + use<'a> {
        let view = *self;
        let known = view.state.materials.get(&id).map_or(&[][..], |known| known);
        known.iter().filter_map(move |material| view.key(&material.key))
    }

    /// How many customer managed keys the scope has, those waiting to be deleted included.
    #[must_use]
    pub fn customer_key_count(&self, scope: &Scope) -> usize {
        self.state.customer_keys.get(scope).copied().unwrap_or(0)
    }

    /// The record by which it is told what happens to `key` at `at`. It belongs beside the change that makes it happen.
    /// There is none for a key whose account hears nothing of it.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn tell(
        &self,
        key: &Key,
        at: Timestamp,
        event: ServiceEvent,
        entropy: &dyn Entropy,
    ) -> Result<Option<Change>, EntropyError> {
        self.tell_after(0, key, at, event, entropy)
    }

    /// The same, after `before` other facts of the same changes.
    fn tell_after(
        &self,
        before: usize,
        key: &Key,
        at: Timestamp,
        event: ServiceEvent,
        entropy: &dyn Entropy,
    ) -> Result<Option<Change>, EntropyError> {
        if !event::is_told(&key.arn) {
            return Ok(None);
        }
        let number = self.state.next_fact.saturating_add(before as u64);
        let id = FactId { number, id: Uuid::v4(entropy.array()?) };
        Ok(Some(Change::Put(Record::Fact(Arc::new(Fact { id, at, event })))))
    }

    /// The last use of a key that has been recorded.
    #[must_use]
    pub fn usage(&self, key: &KeyArn) -> Option<&'a Arc<Usage>> {
        self.state.usages.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;
    use crate::grant::Grant;
    use crate::iam::{AccessKey, Account};
    use crate::ids::GrantId;
    use crate::key::{EncryptionAlgorithm, KeySpec, KeyUsage, Origin, Switch};
    use crate::policy::Principal;
    use proptest::prelude::*;

    #[test]
    fn configured_principals_are_no_records_and_outlive_them() {
        let mut state = State::load([Record::Principal(access_key(1))]);
        state.configure([access_key(2), account()]).unwrap();
        assert_eq!(state.records().collect::<Vec<_>>(), [Record::Principal(access_key(1))]);
        let all: Vec<_> = state.records().map(|record| Change::Delete(record.id())).collect();
        state.apply(all);
        assert!(state.directory().access_key("1").is_none() && state.directory().access_key("2").is_some());
        assert!(state.configure([access_key(2)]).is_err());
    }

    fn scope() -> Scope {
        Scope { account: "111122223333".parse().unwrap(), region: "us-east-1".parse().unwrap() }
    }

    fn arn(number: u8) -> KeyArn {
        KeyArn { scope: scope(), id: KeyId::single_region([number; 16]) }
    }

    fn key(number: u8) -> Key {
        assert_eq!(
            KeySpec::SymmetricDefault.encryption_algorithms(),
            [EncryptionAlgorithm::SymmetricDefault]
        );
        Key {
            arn: arn(number),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            manager: KeyManager::Customer,
            multi_region: None,
            description: "".into(),
            created_at: Timestamp(0),
            switch: Switch::Enabled,
            pending_deletion: None,
            policy: "".into(),
            tags: vec![],
            current_material: Some(MaterialId([number; 32])),
            material_count: 1,
            rotation: None,
            on_demand_rotations: 0,
            custom_store: None,
            imported: Vec::new(),
        }
    }

    fn material(number: u8) -> Material {
        Material {
            key: arn(number),
            id: MaterialId([number % 3; 32]),
            number: u32::from(number % 3),
            created_at: Timestamp(0),
            rotation: None,
            secret: None,
        }
    }

    fn alias(name: u8, target: u8) -> Alias {
        let name = format!("alias/{name}").parse().unwrap();
        let arn = AliasArn { scope: scope(), name };
        Alias { arn, target: self::arn(target).id, created_at: Timestamp(0), updated_at: Timestamp(0) }
    }

    fn grant(id: u8, key: u8, who: u8) -> Grant {
        let named = |who: u8| {
            let text = ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/app"];
            let text = text[usize::from(who % 2)];
            crate::grant::GrantPrincipal::parse(crate::grant::Member::Principal, text).unwrap()
        };
        Grant {
            key: arn(key),
            id: GrantId([id; 32]),
            name: (who > 2).then(|| who.to_string().into()),
            created_at: Timestamp(0),
            grantee: named(who),
            retiring: (who < 4).then(|| named(who / 2)),
            issuing_account: scope().account,
            operations: [crate::grant::GrantOperation::Decrypt].into(),
            constraints: Default::default(),
        }
    }

    #[test]
    fn a_key_past_its_deletion_date_is_gone_with_its_aliases() {
        let pending = key(1).schedule_deletion(Timestamp(0), 7).unwrap();
        let state = State::load([
            Record::Key(Arc::new(pending)),
            Record::Alias(Arc::new(alias(1, 1))),
            Record::Grant(Arc::new(grant(1, 1, 0))),
        ]);
        let end = Timestamp(0).plus_days(7);
        let before = state.at(Timestamp(end.0 - 1));
        assert!(before.key(&arn(1)).is_some() && before.aliases(scope(), None).count() == 1);
        let after = state.at(end);
        assert!(after.key(&arn(1)).is_none() && after.alias(&alias(1, 1).arn).is_none());
        assert_eq!((after.keys(scope(), None).count(), after.aliases(scope(), None).count()), (0, 0));
        let root = "arn:aws:iam::111122223333:root";
        let caller = crate::policy::Principal::parse(root).unwrap();
        let grants = |view: View<'_>| {
            let one = view.grant(arn(1), GrantId([1; 32])).is_some();
            let found = [
                view.grants(arn(1), None).count(),
                view.grants_for(arn(1), &caller).count(),
                view.grants_of_grantee(arn(1), root, None).count(),
                view.retirable(scope().region, root, None).count(),
                view.grant_count(&arn(1)),
            ];
            (one, found)
        };
        assert_eq!(grants(before), (true, [1; 5]));
        assert_eq!(grants(after), (false, [0; 5]));
        let mut state = state.clone();
        while let Some(due) = crate::schedule::next_due(&state).filter(|due| due.at <= end) {
            let changes =
                crate::schedule::changes(&state, &due, &crate::crypto::SeededEntropy::new(1)).unwrap();
            state.apply(changes);
        }
        let left: Vec<Record> = state.records().collect();
        let [Record::Fact(fact)] = &left[..] else { panic!("nothing but the fact is left behind: {left:?}") };
        assert_eq!((fact.at, &fact.event), (end, &ServiceEvent::DeleteKey { key: arn(1) }));
    }

    #[test]
    fn grants_of_others_are_not_looked_at() {
        let caller = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/one").unwrap();
        // How many grants are found for the caller, and how many are looked at, beside so many of others.
        let looked_at = |others: u16| {
            let of_others = (0..others).map(|at| {
                let mut id = [9; 32];
                id[..2].copy_from_slice(&at.to_be_bytes());
                // Their names are before, between and behind those that the caller goes by.
                let name = ["role/a", "role/app-", "user/"][usize::from(at % 3)];
                let text = format!("arn:aws:iam::111122223333:{name}{at}");
                let grantee = crate::grant::GrantPrincipal::parse(crate::grant::Member::Principal, &text);
                Grant { id: GrantId(id), grantee: grantee.unwrap(), ..grant(0, 1, 1) }
            });
            let own = [grant(1, 1, 0), grant(2, 1, 1), grant(3, 1, 1)];
            let grants = of_others.chain(own).map(|grant| Record::Grant(Arc::new(grant)));
            let state = State::load(grants.chain([Record::Key(Arc::new(key(1)))]));
            let view = state.at(Timestamp(0));
            assert_eq!(view.grant_count(&arn(1)), usize::from(others) + 3);
            grants::LOOKED_AT.set(0);
            (view.grants_for(arn(1), &caller).count(), grants::LOOKED_AT.get())
        };
        // The caller goes by three names; the search for each ends with the next entry, if there is one.
        let few = looked_at(3);
        assert_eq!((few.0, few.1 <= 3 + 3), (3, true), "{few:?}");
        assert_eq!(looked_at(10_000), few);
    }

    fn access_key(number: u8) -> Entry {
        let owner = Principal::parse("arn:aws:iam::111122223333:root").unwrap();
        let secret = Secret::new(vec![number]);
        Entry::AccessKey(Arc::new(AccessKey { id: number.to_string().into(), secret, owner }))
    }

    fn account() -> Entry {
        Entry::Account(Arc::new(Account::new(scope().account)))
    }

    fn fact(number: u8) -> Fact {
        let id = FactId { number: number.into(), id: Uuid::v4([number; 16]) };
        Fact { id, at: Timestamp(0), event: ServiceEvent::DeleteKey { key: arn(number) } }
    }

    #[test]
    fn the_number_of_a_fact_is_never_used_again() {
        let mut state = State::default();
        let entropy = crate::crypto::SeededEntropy::new(1);
        let mut last = None;
        for round in 0..4 {
            let event = ServiceEvent::DeleteKey { key: arn(1) };
            let told = state.at(Timestamp(0)).tell(&key(1), Timestamp(round), event, &entropy);
            state.apply(told.unwrap());
            let waiting: Vec<FactId> = state.outbox(last).map(|fact| fact.id).collect();
            assert_eq!(waiting.len(), 1, "it comes after all that came before");
            last = waiting.first().copied();
            // Every other time all are told before the next happens.
            if round % 2 == 1 {
                let all: Vec<_> =
                    state.outbox(None).map(|fact| Change::Delete(RecordId::Fact(fact.id))).collect();
                state.apply(all);
                assert_eq!(state.outbox(None).count(), 0);
            }
        }
    }

    fn change() -> impl Strategy<Value = Change> {
        let number = 0..6_u8;
        prop_oneof![
            number.clone().prop_map(|n| Change::Put(Record::Key(Arc::new(key(n))))),
            (number.clone(), 90..100_u32).prop_map(|(n, days)| Change::Put(Record::Key(Arc::new(
                key(n).enable_rotation(Some(days), Timestamp(0))
            )))),
            (number.clone(), 7..30_u32).prop_map(|(n, days)| Change::Put(Record::Key(Arc::new(
                key(n).schedule_deletion(Timestamp(0), days).unwrap()
            )))),
            number.clone().prop_map(|n| Change::Put(Record::Material(Arc::new(material(n))))),
            (number.clone(), number.clone())
                .prop_map(|(n, t)| Change::Put(Record::Alias(Arc::new(alias(n, t))))),
            number.clone().prop_map(|n| Change::Delete(RecordId::Key(arn(n)))),
            number.clone().prop_map(|n| Change::Put(Record::Principal(access_key(n)))),
            number.clone().prop_map(|n| Change::Delete(RecordId::Principal(access_key(n).id()))),
            any::<bool>().prop_map(|put| match put {
                true => Change::Put(Record::Principal(account())),
                false => Change::Delete(RecordId::Principal(account().id())),
            }),
            number.clone().prop_map(|n| Change::Delete(RecordId::Material(arn(n), MaterialId([n % 3; 32])))),
            (number.clone(), number.clone(), number.clone())
                .prop_map(|(n, key, who)| Change::Put(Record::Grant(Arc::new(grant(n, key, who))))),
            (number.clone(), number.clone())
                .prop_map(|(n, key)| Change::Delete(RecordId::Grant(arn(key), GrantId([n; 32])))),
            number.clone().prop_map(|n| Change::Put(Record::Fact(Arc::new(fact(n))))),
            number.clone().prop_map(|n| Change::Delete(RecordId::Fact(fact(n).id))),
            (number.clone(), number.clone())
                .prop_map(|(n, at)| Change::Put(Record::CustomStore(Arc::new(stores::tests::store(n, at))))),
            number
                .clone()
                .prop_map(|n| Change::Delete(RecordId::CustomStore(stores::tests::store(n, 0).arn))),
            number.prop_map(|n| Change::Delete(RecordId::Alias(alias(n, 0).arn))),
        ]
    }

    /// Every way to find grants agrees with a scan of all of them.
    fn check_grants(state: &State) {
        let view = state.at(Timestamp(0));
        let all = || state.grants.all();
        let counted: std::collections::BTreeSet<_> = all().map(|grant| grant.key).collect();
        let named = all().filter(|grant| grant.name.is_some()).count();
        let retirable = all().filter(|grant| grant.retiring.is_some()).count();
        // A look-up would not notice what deleted grants had left behind.
        assert_eq!(state.grants.entries(), [all().count(), named, retirable, counted.len()]);
        let visible = || all().filter(|grant| view.key(&grant.key).is_some());
        let callers = [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/bob",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:sts::111122223333:assumed-role/app/s",
        ];
        let sorted = |found: Vec<&Arc<Grant>>| {
            let mut found: Vec<_> = found.iter().map(|grant| (grant.key, grant.id)).collect();
            found.sort();
            found
        };
        for key in (0..6).map(arn) {
            let of_key: Vec<_> = visible().filter(|grant| grant.key == key).collect();
            assert_eq!(view.grants(key, None).collect::<Vec<_>>(), of_key);
            assert_eq!(view.grant_count(&key), of_key.len());
            let after = GrantId([2; 32]);
            let rest: Vec<_> = of_key.iter().filter(|grant| grant.id > after).copied().collect();
            assert_eq!(view.grants(key, Some(after)).collect::<Vec<_>>(), rest);
            for name in ["3", "4", "x"] {
                let named = of_key.iter().filter(|grant| grant.name.as_deref() == Some(name));
                let found: Vec<_> = view.grants_named(key, name.into()).collect();
                assert_eq!(found, named.copied().collect::<Vec<_>>());
            }
            for text in callers {
                let caller = crate::policy::Principal::parse(text).unwrap();
                let matching = of_key.iter().filter(|grant| grant.grantee.matches(&caller).is_some());
                assert_eq!(
                    sorted(view.grants_for(key, &caller).collect()),
                    sorted(matching.copied().collect())
                );
                let spelt = rest.iter().filter(|grant| grant.grantee.as_str() == text);
                let found: Vec<_> = view.grants_of_grantee(key, text, Some(after)).collect();
                assert_eq!(found, spelt.copied().collect::<Vec<_>>());
            }
        }
        for text in callers {
            let spelt = |grant: &&Arc<Grant>| grant.retiring.as_ref().is_some_and(|who| who.as_str() == text);
            let expected: Vec<_> = visible().filter(spelt).collect();
            assert_eq!(view.retirable(scope().region, text, None).collect::<Vec<_>>(), expected);
            if let Some(first) = expected.first() {
                let rest: Vec<_> =
                    view.retirable(scope().region, text, Some((first.key, first.id))).collect();
                assert_eq!(rest, expected[1..]);
            }
        }
    }

    proptest! {
        #[test]
        fn indexes_agree_with_a_scan(changes in proptest::collection::vec(change(), 0..60)) {
            let mut state = State::default();
            state.apply(changes);
            let keys: Vec<_> = state.keys.values().cloned().collect();
            let expected: Vec<_> = state.aliases.values().map(|a| (target_of(a), a.arn.name.clone())).collect();
            let mut by_key: Vec<_> = state.aliases_by_key.iter().cloned().collect();
            by_key.sort_by(|a, b| a.1.cmp(&b.1));
            prop_assert_eq!(by_key, expected);
            let mut due: Vec<_> = keys.iter().flat_map(|key| due::of_key(key)).collect();
            due.extend(state.stores.stores().flat_map(|store| due::of_store(store)));
            stores::tests::check(&state);
            due.sort();
            prop_assert_eq!(state.due().copied().collect::<Vec<_>>(), due);
            let mut numbered: Vec<_> = state.materials.values().flat_map(|all| all.iter().cloned()).collect();
            numbered.sort_by_key(|material| (material.key, material.number));
            prop_assert_eq!(state.materials_by_key.values().cloned().collect::<Vec<_>>(), numbered);
            prop_assert_eq!(state.at(Timestamp(0)).customer_key_count(&scope()), keys.len());
            check_grants(&state);
            let described = state.directory().account(scope().account).is_some();
            let entries: Vec<_> = state.directory().entries().map(|(entry, _)| entry.id()).collect();
            prop_assert_eq!(entries.contains(&account().id()), described);
            let rebuilt = State::load(state.records());
            prop_assert_eq!(rebuilt.records().collect::<Vec<_>>(), state.records().collect::<Vec<_>>());
        }
    }
}
