//! Keys in the clear: who may use which, and until when. Nothing here is stored.

use std::collections::HashMap;
use std::sync::Arc;

use super::change::Change;
use super::name::{Caller, Connection, Incarnation, Structure};
use super::seal::{DataKey, Keys, RecordKeys};
use super::settings::{CacheUnit, Settings};
use super::table::Table;
use super::wrap::{WrapError, WrappedDataKey};
use crate::clock::Timestamp;
use crate::crypto::{Entropy, Secret};

/// Who shares a cache entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    /// A connection, and the principal that signs on it.
    Connection(Connection, String),
    /// A principal.
    Principal(String),
    /// The service, for its own work.
    Service,
}

impl Unit {
    /// The unit of a request; a request without a connection has none under [`CacheUnit::Connection`].
    pub(super) fn of(caller: &Caller, connection: Option<Connection>, settings: &Settings) -> Option<Self> {
        match settings.cache_unit {
            CacheUnit::Principal => Some(Unit::Principal(caller.arn.clone())),
            CacheUnit::Connection => {
                connection.map(|connection| Unit::Connection(connection, caller.arn.clone()))
            }
        }
    }
}

type Generation = (Incarnation, u32);

/// The keys of one generation.
struct Opened {
    table_key: Secret,
    structures: HashMap<Structure, Arc<Keys>>,
}

/// The caches.
#[derive(Default)]
pub(super) struct Memory {
    /// When the last Decrypt of a unit was.
    entries: HashMap<Generation, HashMap<Unit, Timestamp>>,
    opened: HashMap<Generation, Opened>,
    count: usize,
    /// Seals that were reserved for data keys that are not in memory any more.
    credits: HashMap<(Incarnation, u32), u64>,
}

impl Memory {
    /// Whether a unit may use the table key at `now`: its last Decrypt is not too long ago.
    pub(super) fn is_valid(&self, table: &Table, unit: &Unit, now: Timestamp, settings: &Settings) -> bool {
        self.opened_at(table, unit).is_some_and(|at| now < settings.cache_validity.after(at))
    }

    /// When the last Decrypt of a unit was, if its key is still there.
    pub(super) fn opened_at(&self, table: &Table, unit: &Unit) -> Option<Timestamp> {
        let generation = (table.incarnation, table.generation());
        let at = self.entries.get(&generation)?.get(unit)?;
        self.opened.contains_key(&generation).then_some(*at)
    }

    /// The table key, if some unit has it.
    pub(super) fn table_key(&self, table: &Table) -> Option<&Secret> {
        self.opened.get(&(table.incarnation, table.generation())).map(|opened| &opened.table_key)
    }

    /// Notes a Decrypt.
    pub(super) fn remember(
        &mut self,
        generation: Generation,
        unit: Option<Unit>,
        table_key: &Secret,
        now: Timestamp,
        settings: &Settings,
    ) {
        if self.count >= settings.cache_entries_max {
            self.prune(now, settings);
        }
        let opened = || Opened { table_key: table_key.clone(), structures: HashMap::new() };
        self.opened.entry(generation).or_insert_with(opened);
        if let Some(unit) = unit {
            let before = self.entries.entry(generation).or_default().insert(unit, now);
            self.count += usize::from(before.is_none());
        }
    }

    /// Drops the entry of one unit.
    pub(super) fn drop_unit(&mut self, table: &Table, unit: &Unit) {
        let generation = (table.incarnation, table.generation());
        if let Some(units) = self.entries.get_mut(&generation) {
            self.count -= usize::from(units.remove(unit).is_some());
        }
    }

    /// Wipes every key of a table.
    pub(super) fn forget(&mut self, incarnation: Incarnation) {
        self.forget_before(incarnation, u32::MAX);
    }

    /// Wipes the keys of a table's earlier generations.
    pub(super) fn forget_before(&mut self, incarnation: Incarnation, generation: u32) {
        let first = (incarnation, 0);
        let last = (incarnation, generation);
        let within = |of: &Generation| first <= *of && *of < last;
        let before: Vec<Generation> =
            self.opened.keys().chain(self.entries.keys()).copied().filter(within).collect();
        for generation in before {
            self.count -= self.entries.remove(&generation).map_or(0, |units| units.len());
            self.wipe(generation);
        }
    }

    /// Wipes the keys of a generation. Handles that are still around cannot seal any more; what they did not use is kept
    /// for the next time, so that loading a key often does not use it up.
    fn wipe(&mut self, generation: Generation) {
        let Some(opened) = self.opened.remove(&generation) else { return };
        for keys in opened.structures.values() {
            let credit = self.credits.entry((generation.0, keys.current.number())).or_default();
            *credit = credit.saturating_add(keys.current.revoke());
        }
    }

    /// Wipes what has ended, and if that is not enough, what ends first. The service keeps its keys: how long they
    /// count is a question of what it does with them.
    pub(super) fn prune(&mut self, now: Timestamp, settings: &Settings) {
        let ends = |at: &Timestamp| settings.unreachable_grace.after(settings.cache_validity.after(*at));
        let mut ended = now;
        loop {
            self.entries.retain(|_, units| {
                units.retain(|unit, at| *unit == Unit::Service || ended < ends(at));
                !units.is_empty()
            });
            self.count = self.entries.values().map(HashMap::len).sum();
            let callers = || self.entries.values().flatten().filter(|(unit, _)| **unit != Unit::Service);
            if self.count < settings.cache_entries_max.max(1) || callers().next().is_none() {
                break;
            }
            // Halve what is left: the middle of the ends that there are.
            let mut at: Vec<Timestamp> = callers().map(|(_, at)| ends(at)).collect();
            at.sort_unstable();
            ended = at.get(at.len() / 2).copied().unwrap_or(now);
        }
        let unused = |generation: &Generation| !self.entries.contains_key(generation);
        for generation in self.opened.keys().copied().filter(unused).collect::<Vec<_>>() {
            self.wipe(generation);
        }
    }

    /// The keys of a structure, with seals left to make; a structure that has no key gets one. The changes have to
    /// be stored before the keys are used.
    pub(super) fn record_keys(
        &mut self,
        table: &Table,
        structure: &Structure,
        settings: &Settings,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<(RecordKeys, Option<Change>), WrapError> {
        let opened = self.opened.get_mut(&(table.incarnation, table.generation())).ok_or(WrapError)?;
        if let Some(keys) = opened.structures.get(structure).filter(|keys| !keys.current.is_exhausted()) {
            return Ok((RecordKeys::new(keys.clone()), None));
        }
        let newest = table.data_keys_of(structure).next_back();
        // Only keys of its own incarnation seal: a restored table opens with those of its source.
        let newest = newest.filter(|key| key.origin == table.incarnation);
        let credit = newest.and_then(|key| self.credits.remove(&(table.incarnation, key.number)));
        let credit = credit.filter(|seals| *seals > 0);
        let block = credit.unwrap_or(settings.seals_per_load.clamp(1, super::seal::SEALS_MAX));
        let usable = newest.filter(|key| credit.is_some() || key.has_room(block));
        let mut current = match usable {
            Some(key) => key.clone(),
            None => {
                let number = table.data_keys.keys().next_back().map_or(1, |last| last.saturating_add(1));
                let (account, origin) = (table.name.scope.account, table.incarnation);
                let made =
                    WrappedDataKey::make(number, structure, account, origin, &opened.table_key, &**entropy);
                made?
            }
        };
        if credit.is_none() {
            current.reserved = current.reserved.saturating_add(block);
        }
        let load = |key: &WrappedDataKey, seals| {
            let secret = key.open(&opened.table_key)?;
            DataKey::new(key.number, key.binding(), &secret, seals).map(Arc::new).ok_or(WrapError)
        };
        let others = table.data_keys_of(structure).filter(|key| key.number != current.number);
        let keys = Arc::new(Keys {
            current: load(&current, block)?,
            others: others.rev().map(|key| load(key, 0)).collect::<Result<_, _>>()?,
            entropy: entropy.clone(),
        });
        opened.structures.insert(structure.clone(), keys.clone());
        if credit.is_some() {
            return Ok((RecordKeys::new(keys), None));
        }
        let mut table = table.clone();
        table.data_keys.insert(current.number, current);
        Ok((RecordKeys::new(keys), Some(Change::PutTable(Box::new(table)))))
    }
}
