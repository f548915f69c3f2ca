//! A store that is a few plain tables of SQLite.

use std::path::PathBuf;

use lifecycle::at_rest::sample::contract::{Store, Subject};
use lifecycle::at_rest::{
    Change, Incarnation, Journal, JournalError, Structure, TableStore, Task, TaskError, TaskKeys, Work,
};
use lifecycle::clock::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tempfile::TempDir;

use super::bytes_in;

const SCHEMA: &str = "
    PRAGMA secure_delete = ON;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS records (place TEXT, structure TEXT, key BLOB, sealed BLOB,
        PRIMARY KEY (place, structure, key));
    CREATE TABLE IF NOT EXISTS streams (at INTEGER PRIMARY KEY, place TEXT, made_at INTEGER, sealed BLOB);
    CREATE TABLE IF NOT EXISTS clear (place TEXT, key BLOB, value BLOB, PRIMARY KEY (place, key));
    CREATE TABLE IF NOT EXISTS journal (at INTEGER PRIMARY KEY, change TEXT);
";

/// A folder with a database.
pub(crate) struct SqliteDisk(TempDir);

impl SqliteDisk {
    pub(crate) fn new() -> Self {
        SqliteDisk(TempDir::new().unwrap())
    }

    fn connect(&self) -> Connection {
        let file: PathBuf = self.0.path().join("tables.sqlite");
        let connection = Connection::open(file).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
    }
}

impl Subject for SqliteDisk {
    type Store = SqliteStore;
    type Journal = SqliteJournal;

    fn open(&self) -> (SqliteStore, SqliteJournal, Vec<Change>) {
        let journal = self.connect();
        let changes = {
            let mut query = journal.prepare("SELECT change FROM journal ORDER BY at").unwrap();
            let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(|change| serde_json::from_str(&change.unwrap()).unwrap()).collect()
        };
        (SqliteStore(self.connect()), SqliteJournal(journal), changes)
    }

    fn bytes(&self) -> Vec<u8> {
        bytes_in(self.0.path())
    }
}

pub(crate) struct SqliteJournal(Connection);

impl Journal for SqliteJournal {
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let transaction = self.0.transaction().map_err(|_| JournalError)?;
        for change in changes {
            let text = serde_json::to_string(change).map_err(|_| JournalError)?;
            let insert = transaction.execute("INSERT INTO journal (change) VALUES (?1)", [text]);
            insert.map_err(|_| JournalError)?;
        }
        transaction.commit().map_err(|_| JournalError)
    }
}

pub(crate) struct SqliteStore(Connection);

impl SqliteStore {
    fn copy(&self, from: &str, to: &str) {
        let copy =
            "INSERT OR REPLACE INTO records SELECT ?2, structure, key, sealed FROM records WHERE place = ?1";
        self.0.execute(copy, [from, to]).unwrap();
    }

    fn drop_place(&self, place: &str) {
        self.0.execute("DELETE FROM records WHERE place = ?1", [place]).unwrap();
    }
}

impl TableStore for SqliteStore {
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let table = task.incarnation.as_str();
        match &task.work {
            Work::Snapshot { backup_arn } => self.copy(table, backup_arn),
            Work::Fill { backup_arn } => self.copy(backup_arn, table),
            Work::Copy { from } => self.copy(from.as_str(), table),
            Work::Drop => self.drop_place(table),
            Work::DropBackup { backup_arn } => self.drop_place(backup_arn),
            Work::Encrypt => {
                let keys = keys(Structure::Base).map_err(|_| TaskError::Later)?;
                let transaction = self.0.transaction().unwrap();
                let clear: Vec<(Vec<u8>, Vec<u8>)> = {
                    let mut query =
                        transaction.prepare("SELECT key, value FROM clear WHERE place = ?1").unwrap();
                    let rows = query.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                    rows.map(Result::unwrap).collect()
                };
                for (key, value) in clear {
                    let sealed = keys.seal(&key, &value).map_err(|_| TaskError::Later)?;
                    let insert = "INSERT OR REPLACE INTO records VALUES (?1, 'base', ?2, ?3)";
                    transaction.execute(insert, params![table, key, sealed]).unwrap();
                }
                transaction.execute("DELETE FROM clear WHERE place = ?1", [table]).unwrap();
                transaction.commit().unwrap();
            }
            Work::Detach => return Err(TaskError::Unsupported),
        }
        Ok(())
    }

    fn trim_streams(&mut self, made_until: Timestamp) {
        self.0.execute("DELETE FROM streams WHERE made_at <= ?1", [made_until.0]).unwrap();
    }
}

impl Store for SqliteStore {
    fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: &[u8]) {
        let insert = "INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3, ?4)";
        self.0.execute(insert, params![table.as_str(), structure.to_string(), key, sealed]).unwrap();
    }

    fn get(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<Vec<u8>> {
        let select = "SELECT sealed FROM records WHERE place = ?1 AND structure = ?2 AND key = ?3";
        let parameters = params![table.as_str(), structure.to_string(), key];
        self.0.query_row(select, parameters, |row| row.get(0)).optional().unwrap()
    }

    fn append_to_stream(&mut self, table: Incarnation, made_at: Timestamp, sealed: &[u8]) {
        let insert = "INSERT INTO streams (place, made_at, sealed) VALUES (?1, ?2, ?3)";
        self.0.execute(insert, params![table.as_str(), made_at.0, sealed]).unwrap();
    }

    fn stream(&mut self, table: Incarnation) -> Vec<Vec<u8>> {
        let mut query = self.0.prepare("SELECT sealed FROM streams WHERE place = ?1 ORDER BY at").unwrap();
        query.query_map([table.as_str()], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn put_in_the_clear(&mut self, table: Incarnation, key: &[u8], value: &[u8]) -> bool {
        let insert = "INSERT INTO clear VALUES (?1, ?2, ?3)";
        self.0.execute(insert, params![table.as_str(), key, value]).unwrap();
        true
    }
}
