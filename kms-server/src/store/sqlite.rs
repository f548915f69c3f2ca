//! Records in SQLite.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lifecycle::crypto::Entropy;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::root_key::CHECK_LENGTH;
use super::seal;
use super::{Batch, Change, DirectoryLock, RootKey, RootKeyFile, Row, Store, StoreError};

/// Marks a database as one of ours: "KMS1".
const APPLICATION_ID: i32 = 0x4b4d_5331;

/// How each version of the schema is made from the one before. A database of version `n` has had the first `n`.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// Where the database is, and how it is opened.
pub struct SqliteOptions {
    /// The data directory; the database in it is `kms.sqlite3`.
    pub folder: PathBuf,
    /// The root key.
    pub root_key: RootKeySource,
    /// The most pages of 4,096 bytes that the database may have; `None` is no limit.
    pub pages_max: Option<u32>,
}

/// Where the root key comes from.
pub enum RootKeySource {
    /// It was given.
    Given(RootKey),
    /// A file, which is made together with a new database.
    File(RootKeyFile),
}

/// A store in a file.
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) root_key: RootKey,
    entropy: Arc<dyn Entropy>,
    version: u64,
    _lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens the database of a data directory, or makes a new one.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], with what to do: another server, a directory that cannot be written, a missing or
    /// wrong root key, a corrupt database, a database of a newer version.
    pub fn open(options: &SqliteOptions, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let lock = DirectoryLock::acquire(&options.folder)?;
        let path = database_path(&options.folder);
        let is_new = !path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let candidates = root_keys(&options.root_key, is_new, &*entropy)?;
        let mut connection = Connection::open(&path).map_err(|error| unusable(&path, &error))?;
        // SQLite opens a file that it may not write all the same, and fails at the first write.
        if connection.is_readonly("main").map_err(|error| unusable(&path, &error))? {
            return Err(StoreError::Unusable(format!(
                "the database {} may only be read. Make it writable, choose another directory with --data-dir, or \
                 keep nothing with --memory",
                path.display()
            )));
        }
        prepare(&mut connection, &path, options.pages_max)?;
        let stored = stored(&connection).map_err(|error| unusable(&path, &error))?;
        let (version, root_key) = match stored {
            Some((version, check)) => (version, matching(candidates, &check, &options.root_key)?),
            None => {
                let key = candidates.into_iter().next().ok_or_else(|| wrong_root_key(&options.root_key))?;
                let insert = "INSERT INTO store (only, version, key_check) VALUES (1, 0, ?1)";
                connection.execute(insert, [&key.check()[..]]).map_err(|error| unusable(&path, &error))?;
                (0, key)
            }
        };
        // What a crash left in the -wal file may hold a secret that was to be destroyed.
        checkpoint(&connection).map_err(|error| unusable(&path, &error))?;
        Ok(SqliteStore { connection, root_key, entropy, version, _lock: lock })
    }

    /// Checks every page of the database.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn integrity(&self) -> Result<String, StoreError> {
        let checked = self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
        checked.map_err(|error| StoreError::Unusable(error.to_string()))
    }

    pub(super) fn seal(&self, key: &RootKey, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        let seal = |secret| seal::seal(key.secret(), &row.kind, &row.id, secret, &*self.entropy);
        row.secret.as_ref().map(seal).transpose().map_err(|error| StoreError::Clean(error.to_string()))
    }

    /// Runs `work` in one transaction. Whatever fails before the commit leaves nothing behind.
    pub(super) fn transaction(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| clean(&error))?;
        if let Err(error) = work(&transaction) {
            let clean = clean(&error);
            // SQLite rolls back by itself when the disk is full; there is nothing left to roll back then.
            if transaction.is_autocommit() {
                return Err(clean);
            }
            return match transaction.rollback() {
                Ok(()) => Err(clean),
                Err(error) => Err(StoreError::UnknownOutcome(format!("{clean}; no roll-back: {error}"))),
            };
        }
        match transaction.commit() {
            Ok(()) => Ok(()),
            // A full disk or a lock is noticed before the commit record is written; the transaction was rolled back
            // when it was dropped. After any other failure, what the file holds is not known.
            Err(error) if is_full_or_busy(&error) && self.connection.is_autocommit() => Err(clean(&error)),
            Err(error) => Err(StoreError::UnknownOutcome(format!("the commit failed: {error}"))),
        }
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        let failed = |error: rusqlite::Error| {
            StoreError::Unusable(format!("the database cannot be read: {error}. Restore it from a backup"))
        };
        let count: usize = self
            .connection
            .query_row("SELECT count(*) FROM records", [], |row| row.get(0))
            .map_err(failed)?;
        let mut rows = Vec::with_capacity(count);
        let mut statement =
            self.connection.prepare("SELECT kind, id, version, body, sealed FROM records").map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            let (kind, id): (String, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let sealed: Option<Vec<u8>> = row.get(4).map_err(failed)?;
            let secret =
                sealed.map(|sealed| seal::open(self.root_key.secret(), &kind, &id, &sealed)).transpose();
            let secret = secret.map_err(|_| {
                StoreError::Unusable(format!(
                    "the sealed bytes of {kind} {id} were altered. Restore a backup"
                ))
            })?;
            let (version, body) = (row.get(2).map_err(failed)?, row.get(3).map_err(failed)?);
            rows.push(Row { kind, id, version, body, secret });
        }
        Ok(rows)
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let version = self.version + 1;
        let sealed: Vec<Option<Vec<u8>>> = batch
            .changes
            .iter()
            .map(|change| match change {
                Change::Put(row) => self.seal(&self.root_key, row),
                Change::Delete { .. } => Ok(None),
            })
            .collect::<Result<_, _>>()?;
        self.transaction(|transaction| {
            for (change, sealed) in batch.changes.iter().zip(&sealed) {
                write(transaction, version, change, sealed.as_deref())?;
            }
            let mut bump = transaction.prepare_cached("UPDATE store SET version = ?1")?;
            bump.execute([version]).map(|_| ())
        })?;
        self.version = version;
        if batch.destroys_secret {
            // The batch is stored, but the old bytes may still be in the -wal file: it does not count yet.
            checkpoint(&self.connection).map_err(|error| {
                StoreError::UnknownOutcome(format!("destroyed secrets may be left in the -wal file: {error}"))
            })?;
        }
        Ok(version)
    }
}

fn write(
    transaction: &Transaction<'_>,
    version: u64,
    change: &Change,
    sealed: Option<&[u8]>,
) -> rusqlite::Result<()> {
    match change {
        Change::Put(Row { kind, id, body, .. }) => transaction
            .prepare_cached(
                "INSERT INTO records (kind, id, version, body, sealed) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (kind, id) DO UPDATE SET version = ?3, body = ?4, sealed = ?5",
            )?
            .execute(params![kind, id, version, body, sealed]),
        Change::Delete { kind, id } => transaction
            .prepare_cached("DELETE FROM records WHERE kind = ?1 AND id = ?2")?
            .execute(params![kind, id]),
    }
    .map(|_| ())
}

/// The database of a data directory.
pub(super) fn database_path(folder: &Path) -> PathBuf {
    folder.join("kms.sqlite3")
}

fn prepare(connection: &mut Connection, path: &Path, pages_max: Option<u32>) -> Result<(), StoreError> {
    let unusable = |error: rusqlite::Error| unusable(path, &error);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let (application, version) =
        (pragma("application_id").map_err(unusable)?, pragma("user_version").map_err(unusable)?);
    let tables: i32 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(unusable)?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Unusable(format!(
            "{} is no database of kms-server. Choose another directory with --data-dir",
            path.display()
        )));
    }
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if version > known {
        return Err(StoreError::Unusable(format!(
            "{} has version {version}, this kms-server reads up to {known}. Use the kms-server that wrote it, or a \
             newer one",
            path.display()
        )));
    }
    let pages_max = pages_max.unwrap_or(u32::MAX - 1);
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA max_page_count = {pages_max};"
        ))
        .map_err(unusable)?;
    let done = usize::try_from(version).unwrap_or(0);
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(unusable)?;
        transaction
            .execute_batch(&format!(
                "{migration}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};",
                at + 1
            ))
            .map_err(unusable)?;
        transaction.commit().map_err(unusable)?;
    }
    Ok(())
}

fn stored(connection: &Connection) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    let query = "SELECT version, key_check FROM store";
    connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The keys that may be the right one: the file's, and the next one of a change that a crash cut short.
fn root_keys(
    source: &RootKeySource,
    is_new: bool,
    entropy: &dyn Entropy,
) -> Result<Vec<RootKey>, StoreError> {
    let unusable = |error: super::RootKeyError| StoreError::Unusable(error.to_string());
    match source {
        RootKeySource::Given(key) => Ok(vec![key.clone()]),
        RootKeySource::File(file) if is_new && !file.path().exists() => {
            let key = RootKey::generate(entropy).map_err(unusable)?;
            file.create(&key).map_err(unusable)?;
            Ok(vec![key])
        }
        RootKeySource::File(file) => {
            let key = file.read().map_err(unusable)?;
            Ok([key].into_iter().chain(file.next().read().ok()).collect())
        }
    }
}

fn matching(candidates: Vec<RootKey>, check: &[u8], source: &RootKeySource) -> Result<RootKey, StoreError> {
    debug_assert_eq!(check.len(), CHECK_LENGTH);
    let (at, key) = candidates
        .into_iter()
        .enumerate()
        .find(|(_, key)| key.check()[..] == *check)
        .ok_or_else(|| wrong_root_key(source))?;
    if let (1, RootKeySource::File(file)) = (at, source) {
        file.finish_change().map_err(|error| StoreError::Unusable(error.to_string()))?;
    }
    Ok(key)
}

fn wrong_root_key(source: &RootKeySource) -> StoreError {
    let given = match source {
        RootKeySource::Given(_) => "the root key that was given".to_owned(),
        RootKeySource::File(file) => format!("the root key in {}", file.path().display()),
    };
    StoreError::Unusable(format!(
        "{given} is not the one that sealed this database. Give the right one with --root-key-file or the variable \
         KMS_SERVER_ROOT_KEY; nothing was changed"
    ))
}

/// Moves everything from the -wal file into the database and empties it.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

fn is_full_or_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn clean(error: &rusqlite::Error) -> StoreError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; free some space and try again",
        Some(ErrorCode::ReadOnly) => "; make the data directory writable",
        _ => "",
    };
    StoreError::Clean(format!("{error}{advice}"))
}

fn unusable(path: &Path, error: &rusqlite::Error) -> StoreError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "The file is damaged: restore it from a backup, or choose another directory with --data-dir"
        }
        Some(ErrorCode::DiskFull) => "Free some space, or raise the page limit",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "Make the directory writable, choose another with --data-dir, or keep nothing with --memory"
        }
        _ => "Nothing was changed",
    };
    StoreError::Unusable(format!("the database {} cannot be used: {error}. {advice}", path.display()))
}
