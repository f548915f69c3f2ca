use std::cell::Cell;
use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, OpenFlags, OptionalExtension, Params};

use super::error::{Refusal, StoreError};
use super::file;
use super::root_key::{KeyCheck, RootKey};
use super::seal::{Sealer, Tagged};

/// The steps from one schema to the next; step n makes schema n + 1. A step that was released is never changed, only followed by another.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// "KMSs": marks the file as a database of this server.
const APPLICATION_ID: i64 = 0x4b4d_5373;
/// How long to wait for a stray reader, such as a backup, before giving up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// More than the number of different statements.
const STATEMENT_CACHE: usize = 32;

const META_KEY_CHECK: &str = "root_key";
const META_VERSION: &str = "version";

/// One connection, the only one, to one database file.
pub(super) struct Database {
    conn: Connection,
    path: PathBuf,
    statements: Cell<u64>,
}

/// What was found in a database file.
pub(super) enum Found {
    Nothing,
    Sealed(KeyCheck),
}

impl Database {
    /// Opens the file, creating an empty one for this user if needed, and changes nothing in it.
    pub(super) fn open(path: &Path) -> Result<Database, StoreError> {
        let unusable = |error| StoreError::Directory { dir: file::parent(path).to_owned(), error };
        match file::create_private(path) {
            Ok(_) => file::sync_dir(file::parent(path)).map_err(unusable)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(error)),
        }
        Database::open_existing(path)
    }

    /// Opens a file that must exist, and changes nothing in it.
    pub(super) fn open_existing(path: &Path) -> Result<Database, StoreError> {
        let fail = |error| StoreError::before_commit(path, &error);
        if !fs::exists(path)
            .map_err(|error| StoreError::Directory { dir: file::parent(path).to_owned(), error })?
        {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(fail)?;
        conn.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        let database = Database { conn, path: path.to_owned(), statements: Cell::new(0) };
        // Exclusive: no other process can read a half of the state, hold up an erasure or write, whatever lock file it looks at; and there is no
        // shared-memory file, which a full disk would turn into a bus error.
        database.pragma::<String>("PRAGMA locking_mode = EXCLUSIVE")?;
        database
            .batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")?;
        if database.conn.is_readonly(MAIN_DB).map_err(fail)? {
            let detail = "the file is read-only".to_owned();
            return Err(StoreError::Refused { path: database.path, reason: Refusal::ReadOnly, detail });
        }
        Ok(database)
    }

    /// Looks at what must be known before a row is read: whose file it is, its schema, and its root key.
    pub(super) fn inspect(&self, newest: &[&str]) -> Result<Found, StoreError> {
        let application: i64 = self.pragma("PRAGMA application_id")?;
        let found = self.schema()?;
        if application == 0 && found == 0 && self.pragma::<i64>("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(Found::Nothing);
        }
        if application != APPLICATION_ID {
            return Err(StoreError::NotADatabase { path: self.path.clone() });
        }
        let supported = schema_of(newest);
        if found > supported {
            return Err(StoreError::NewerSchema { path: self.path.clone(), found, supported });
        }
        if found < 1 {
            return Err(self.corrupt(format!("it has schema {found}")));
        }
        let check = self.meta(META_KEY_CHECK)?.and_then(|value| KeyCheck::from_bytes(&value));
        check.map(Found::Sealed).ok_or_else(|| self.corrupt("what it says about its root key was altered"))
    }

    /// Makes commits durable and deletions thorough from here on.
    pub(super) fn prepare(&self, page_limit: Option<NonZeroU32>) -> Result<(), StoreError> {
        let mode: String = self.pragma("PRAGMA journal_mode = WAL")?;
        if mode != "wal" {
            let detail =
                format!("the file system allows journal mode {mode} only, and not a write-ahead log");
            return Err(StoreError::Refused { path: self.path.clone(), reason: Refusal::Other, detail });
        }
        self.batch("PRAGMA synchronous = FULL")?;
        self.pragma::<i64>("PRAGMA secure_delete = ON")?;
        if let Some(limit) = page_limit {
            self.pragma::<i64>(&format!("PRAGMA max_page_count = {limit}"))?;
        }
        Ok(())
    }

    /// Creates the newest schema, sealed under `root`, in one transaction.
    pub(super) fn create(&self, migrations: &[&str], root: &RootKey) -> Result<(), StoreError> {
        self.transact(|db| {
            migrations.iter().try_for_each(|step| db.batch(step))?;
            db.batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
                schema_of(migrations)
            ))?;
            db.write_key_check(root)?;
            db.write_version(&Sealer::new(root.clone()), 0)
        })
    }

    /// Brings an older schema up to date, each step in its own transaction.
    pub(super) fn migrate(&self, migrations: &[&str]) -> Result<(), StoreError> {
        let from = self.schema()?;
        for (step, target) in migrations.iter().zip(1_i64..).filter(|(_, target)| *target > from) {
            self.transact(|db| {
                db.batch(step)?;
                db.batch(&format!("PRAGMA user_version = {target}"))
            })?;
        }
        Ok(())
    }

    /// Fails when a page or an index of the database is damaged.
    pub(super) fn check_integrity(&self) -> Result<(), StoreError> {
        let verdict: String = self.pragma("PRAGMA quick_check(1)")?;
        if verdict == "ok" { Ok(()) } else { Err(self.corrupt(verdict)) }
    }

    pub(super) fn write_key_check(&self, root: &RootKey) -> Result<(), StoreError> {
        self.write_meta(META_KEY_CHECK, &root.check().to_bytes())
    }

    /// The version of the last batch.
    pub(super) fn version(&self, sealer: &Sealer) -> Result<u64, StoreError> {
        let value = self.meta(META_VERSION)?.unwrap_or_default();
        value
            .split_first_chunk()
            .map(|(version, tag)| (u64::from_be_bytes(*version), tag))
            .filter(|(version, tag)| sealer.matches_tag(version_row(*version), tag))
            .map(|(version, _)| version)
            .ok_or_else(|| self.corrupt("the version of the last change was altered"))
    }

    pub(super) fn write_version(&self, sealer: &Sealer, version: u64) -> Result<(), StoreError> {
        let value = [&version.to_be_bytes()[..], &sealer.tag(version_row(version))].concat();
        self.write_meta(META_VERSION, &value)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
    }

    fn write_meta(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.run("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)).map(drop)
    }

    fn schema(&self) -> Result<i64, StoreError> {
        self.pragma("PRAGMA user_version")
    }

    /// Moves everything from the write-ahead log into the database and cuts the log to nothing.
    pub(super) fn truncate_log(&self) -> Result<(), StoreError> {
        let busy: i64 = self.pragma("PRAGMA wal_checkpoint(TRUNCATE)")?;
        if busy == 0 {
            return Ok(());
        }
        let detail = "the write-ahead log is in use".to_owned();
        Err(StoreError::Refused { path: self.path.clone(), reason: Refusal::Busy, detail })
    }

    /// Runs `work` in one transaction. Unless the error says otherwise, nothing has happened when this fails.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run("BEGIN IMMEDIATE", [])?;
        let result = work(self).and_then(|value| match self.execute("COMMIT", []) {
            Ok(_) => Ok(value),
            Err(error) => Err(StoreError::at_commit(&self.path, &error)),
        });
        if result.is_err() {
            self.roll_back()?;
        }
        result
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        // Some errors roll back by themselves, and then there is nothing to undo.
        let failed = if self.conn.is_autocommit() { None } else { self.execute("ROLLBACK", []).err() };
        match failed {
            None if self.conn.is_autocommit() => Ok(()),
            failed => {
                let detail = failed.map_or_else(
                    || "the transaction could not be undone".to_owned(),
                    |error| error.to_string(),
                );
                Err(StoreError::Unknown { path: self.path.clone(), detail })
            }
        }
    }

    /// Runs a cached statement and says how many rows it changed.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        self.execute(sql, params).map_err(|error| self.fail(&error))
    }

    fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.count();
        self.conn.prepare_cached(sql)?.execute(params)
    }

    /// The first row of a cached statement.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.count();
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional())
            .map_err(|error| self.fail(&error))
    }

    /// Every row of a cached statement, one at a time.
    pub(super) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.count();
        let fail = |error| self.fail(&error);
        let mut statement = self.conn.prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.query(params).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            read(row)?;
        }
        Ok(())
    }

    fn pragma<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, StoreError> {
        self.count();
        self.conn.query_row(sql, [], |row| row.get(0)).map_err(|error| self.fail(&error))
    }

    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.count();
        self.conn.execute_batch(sql).map_err(|error| self.fail(&error))
    }

    fn count(&self) {
        self.statements.set(self.statements.get().saturating_add(1));
    }

    /// How many statements have run.
    pub(super) fn statements(&self) -> u64 {
        self.statements.get()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fail(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::before_commit(&self.path, error)
    }

    pub(super) fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), detail: detail.into() }
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }
}

fn schema_of(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

/// The version as a row, so that it is tagged like one; no record has an empty kind.
fn version_row(version: u64) -> Tagged<'static> {
    Tagged { kind: "", id: META_VERSION, version, body: &[], slot: None }
}
