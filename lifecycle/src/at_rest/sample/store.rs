//! A table store in memory: sealed records only.

use std::collections::BTreeMap;

use crate::at_rest::change::{Task, Work};
use crate::at_rest::drive::{TableStore, TaskError, TaskKeys};
use crate::at_rest::name::{Incarnation, Structure};
use crate::clock::Timestamp;

/// A record of a stream: when it was made, and its sealed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// When it was made.
    pub made_at: Timestamp,
    /// Its key, by which it was sealed.
    pub key: Vec<u8>,
    /// What is stored.
    pub sealed: Vec<u8>,
}

type Records = BTreeMap<Structure, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Everything that the store has, as it would lie on a disk.
#[derive(Clone, Debug, Default)]
pub struct SampleStore {
    /// Sealed records by table, structure and key.
    pub tables: BTreeMap<Incarnation, Records>,
    /// Records that were there before encryption.
    pub plaintext: BTreeMap<Incarnation, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Backups: copies of sealed records.
    pub backups: BTreeMap<String, Records>,
    /// Streams.
    pub streams: BTreeMap<Incarnation, Vec<StreamRecord>>,
}

impl SampleStore {
    /// Stores a sealed record.
    pub fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: Vec<u8>) {
        let records = self.tables.entry(table).or_default().entry(structure.clone()).or_default();
        records.insert(key.to_vec(), sealed);
    }

    /// A sealed record.
    #[must_use]
    pub fn get(&self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<&Vec<u8>> {
        self.tables.get(&table)?.get(structure)?.get(key)
    }

    /// Removes a record.
    pub fn delete(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) {
        if let Some(records) = self.tables.get_mut(&table).and_then(|table| table.get_mut(structure)) {
            records.remove(key);
        }
    }

    /// Whether bytes are found anywhere in what the store keeps.
    #[must_use]
    pub fn contains(&self, bytes: &[u8]) -> bool {
        let sealed = self.tables.values().chain(self.backups.values()).flat_map(BTreeMap::values);
        let rows = sealed.chain(self.plaintext.values()).flat_map(BTreeMap::values);
        let streams = self.streams.values().flatten().map(|record| &record.sealed);
        rows.chain(streams).any(|stored| stored.windows(bytes.len().max(1)).any(|window| window == bytes))
    }
}

impl TableStore for SampleStore {
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let table = task.incarnation;
        match &task.work {
            Work::Snapshot { backup_arn } => {
                let records = self.tables.get(&table).cloned().unwrap_or_default();
                self.backups.insert(backup_arn.clone(), records);
            }
            Work::Fill { backup_arn } => {
                let records = self.backups.get(backup_arn).cloned().unwrap_or_default();
                self.tables.insert(table, records);
            }
            Work::Copy { from } => {
                let records = self.tables.get(from).cloned().unwrap_or_default();
                self.tables.insert(table, records);
            }
            Work::Encrypt => {
                let base = keys(Structure::Base).map_err(|_| TaskError::Later)?;
                for (key, plaintext) in self.plaintext.remove(&table).unwrap_or_default() {
                    let sealed = base.seal(&key, &plaintext).map_err(|_| TaskError::Later)?;
                    self.put(table, &Structure::Base, &key, sealed);
                }
            }
            Work::Drop => {
                self.tables.remove(&table);
            }
            Work::DropBackup { backup_arn } => {
                self.backups.remove(backup_arn);
            }
            Work::Detach => {}
        }
        Ok(())
    }

    fn trim_streams(&mut self, made_until: Timestamp) {
        for stream in self.streams.values_mut() {
            stream.retain(|record| record.made_at > made_until);
        }
    }
}
