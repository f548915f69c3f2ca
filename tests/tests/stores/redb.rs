//! A store in redb, whose pages are copied on write.

use std::sync::Arc;

use lifecycle::at_rest::sample::contract::{Store, Subject};
use lifecycle::at_rest::{
    Change, Incarnation, Journal, JournalError, Structure, TableStore, Task, TaskError, TaskKeys, Work,
};
use lifecycle::clock::Timestamp;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use tempfile::TempDir;

use super::bytes_in;

/// Of a table or a backup, a structure, and a key.
const RECORDS: TableDefinition<'_, (&str, &str, &[u8]), &[u8]> = TableDefinition::new("records");
/// Of a table, an instant, and a number.
const STREAMS: TableDefinition<'_, (&str, i64, u64), &[u8]> = TableDefinition::new("streams");
const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

/// A folder with a database.
pub(crate) struct RedbDisk(TempDir);

impl RedbDisk {
    pub(crate) fn new() -> Self {
        RedbDisk(TempDir::new().unwrap())
    }
}

impl Subject for RedbDisk {
    type Store = RedbStore;
    type Journal = RedbStore;

    fn open(&self) -> (RedbStore, RedbStore, Vec<Change>) {
        let store = RedbStore(Arc::new(Database::create(self.0.path().join("tables.redb")).unwrap()));
        store.write(|transaction| {
            transaction.open_table(RECORDS).unwrap();
            transaction.open_table(STREAMS).unwrap();
            transaction.open_table(JOURNAL).unwrap();
        });
        let changes = {
            let read = store.0.begin_read().unwrap();
            let journal = read.open_table(JOURNAL).unwrap();
            let rows = journal.iter().unwrap();
            rows.map(|row| serde_json::from_slice(row.unwrap().1.value()).unwrap()).collect()
        };
        (RedbStore(store.0.clone()), store, changes)
    }

    fn bytes(&self) -> Vec<u8> {
        bytes_in(self.0.path())
    }
}

pub(crate) struct RedbStore(Arc<Database>);

impl RedbStore {
    fn write<T>(&self, write: impl FnOnce(&WriteTransaction) -> T) -> T {
        let transaction = self.0.begin_write().unwrap();
        let done = write(&transaction);
        transaction.commit().unwrap();
        done
    }

    /// The records of a table or a backup: structure, key, sealed record.
    fn records(&self, place: &str) -> Vec<(String, Vec<u8>, Vec<u8>)> {
        let read = self.0.begin_read().unwrap();
        let records = read.open_table(RECORDS).unwrap();
        let from = (place, "", &[][..]);
        let rows = records.range(from..).unwrap().map(Result::unwrap);
        let rows = rows.take_while(|(key, _)| key.value().0 == place);
        rows.map(|(key, sealed)| {
            let (_, structure, key) = key.value();
            (structure.to_owned(), key.to_vec(), sealed.value().to_vec())
        })
        .collect()
    }

    fn copy(&self, from: &str, to: &str) {
        let rows = self.records(from);
        self.write(|transaction| {
            let mut records = transaction.open_table(RECORDS).unwrap();
            for (structure, key, sealed) in &rows {
                records.insert((to, &**structure, &**key), &**sealed).unwrap();
            }
        });
    }

    fn drop_place(&self, place: &str) {
        let rows = self.records(place);
        self.write(|transaction| {
            let mut records = transaction.open_table(RECORDS).unwrap();
            for (structure, key, _) in &rows {
                records.remove((place, &**structure, &**key)).unwrap();
            }
        });
    }
}

impl Journal for RedbStore {
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        self.write(|transaction| {
            let mut journal = transaction.open_table(JOURNAL).map_err(|_| JournalError)?;
            let first = journal.len().map_err(|_| JournalError)?;
            for (number, change) in (first..).zip(changes) {
                let text = serde_json::to_vec(change).map_err(|_| JournalError)?;
                journal.insert(number, &*text).map_err(|_| JournalError)?;
            }
            Ok(())
        })
    }
}

impl TableStore for RedbStore {
    fn perform(&mut self, task: &Task, _: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let table = task.incarnation.as_str();
        match &task.work {
            Work::Snapshot { backup_arn } => self.copy(table, backup_arn),
            Work::Fill { backup_arn } => self.copy(backup_arn, table),
            Work::Copy { from } => self.copy(from.as_str(), table),
            Work::Drop => self.drop_place(table),
            Work::DropBackup { backup_arn } => self.drop_place(backup_arn),
            Work::Encrypt | Work::Detach => return Err(TaskError::Unsupported),
        }
        Ok(())
    }

    fn trim_streams(&mut self, made_until: Timestamp) {
        self.write(|transaction| {
            let mut streams = transaction.open_table(STREAMS).unwrap();
            streams.retain(|(_, made_at, _), _| made_at > made_until.0).unwrap();
        });
    }
}

impl Store for RedbStore {
    fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: &[u8]) {
        self.write(|transaction| {
            let mut records = transaction.open_table(RECORDS).unwrap();
            records.insert((table.as_str(), &*structure.to_string(), key), sealed).unwrap();
        });
    }

    fn get(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<Vec<u8>> {
        let read = self.0.begin_read().unwrap();
        let records = read.open_table(RECORDS).unwrap();
        let sealed = records.get((table.as_str(), &*structure.to_string(), key)).unwrap();
        sealed.map(|sealed| sealed.value().to_vec())
    }

    fn append_to_stream(&mut self, table: Incarnation, made_at: Timestamp, sealed: &[u8]) {
        self.write(|transaction| {
            let mut streams = transaction.open_table(STREAMS).unwrap();
            let number = streams.len().unwrap();
            streams.insert((table.as_str(), made_at.0, number), sealed).unwrap();
        });
    }

    fn stream(&mut self, table: Incarnation) -> Vec<Vec<u8>> {
        let read = self.0.begin_read().unwrap();
        let streams = read.open_table(STREAMS).unwrap();
        let rows =
            streams.range((table.as_str(), i64::MIN, 0)..=(table.as_str(), i64::MAX, u64::MAX)).unwrap();
        rows.map(|row| row.unwrap().1.value().to_vec()).collect()
    }

    /// It was never without encryption: pages that were copied on write would keep what lay there.
    fn put_in_the_clear(&mut self, _: Incarnation, _: &[u8], _: &[u8]) -> bool {
        false
    }
}
