//! The contract against the store in memory, whose disk is what it would write there.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::at_rest::sample::contract::{self, Store, Subject};
use crate::at_rest::sample::{SampleStore, StreamRecord};

#[derive(Clone, Default)]
struct Disk {
    store: Rc<RefCell<SampleStore>>,
    journal: Rc<RefCell<Vec<Change>>>,
}

impl Subject for Disk {
    type Store = Disk;
    type Journal = Disk;

    fn open(&self) -> (Disk, Disk, Vec<Change>) {
        (self.clone(), self.clone(), self.journal.borrow().clone())
    }

    fn bytes(&self) -> Vec<u8> {
        let store = self.store.borrow();
        let rows = store.tables.values().chain(store.backups.values()).flat_map(|table| table.values());
        let rows = rows.chain(store.plaintext.values()).flat_map(|rows| rows.values().flatten());
        let streams = store.streams.values().flatten().flat_map(|record| &record.sealed);
        let journal = serde_json::to_vec(&*self.journal.borrow()).unwrap();
        rows.chain(streams).copied().chain(journal).collect()
    }
}

impl Journal for Disk {
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        self.journal.borrow_mut().extend_from_slice(changes);
        Ok(())
    }
}

impl TableStore for Disk {
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        self.store.borrow_mut().perform(task, keys)
    }

    fn trim_streams(&mut self, made_until: Timestamp) {
        self.store.borrow_mut().trim_streams(made_until);
    }
}

impl Store for Disk {
    fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: &[u8]) {
        self.store.borrow_mut().put(table, structure, key, sealed.to_vec());
    }

    fn get(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<Vec<u8>> {
        self.store.borrow().get(table, structure, key).cloned()
    }

    fn append_to_stream(&mut self, table: Incarnation, made_at: Timestamp, sealed: &[u8]) {
        let record = StreamRecord { made_at, key: Vec::new(), sealed: sealed.to_vec() };
        self.store.borrow_mut().streams.entry(table).or_default().push(record);
    }

    fn stream(&mut self, table: Incarnation) -> Vec<Vec<u8>> {
        let store = self.store.borrow();
        store.streams.get(&table).into_iter().flatten().map(|record| record.sealed.clone()).collect()
    }

    fn put_in_the_clear(&mut self, table: Incarnation, key: &[u8], value: &[u8]) -> bool {
        let mut store = self.store.borrow_mut();
        store.plaintext.entry(table).or_default().insert(key.to_vec(), value.to_vec());
        true
    }
}

#[test]
fn the_store_in_memory_keeps_the_contract() {
    contract::check(Disk::default).unwrap();
}

/// A store that forgets what it was asked to do.
struct Forgetful(Disk);

impl Subject for Forgetful {
    type Store = Disk;
    type Journal = Disk;

    fn open(&self) -> (Disk, Disk, Vec<Change>) {
        let (store, _, changes) = self.0.open();
        // What is appended goes nowhere.
        (store, Disk::default(), changes)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

#[test]
fn a_store_that_loses_its_journal_breaks_the_contract() {
    assert!(contract::check(|| Forgetful(Disk::default())).is_err());
}
