use std::num::NonZeroU32;
use std::path::PathBuf;

use super::database::{Database, Found, MIGRATIONS};
use super::error::{Outcome, StoreError};
use super::lock::DirLock;
use super::root_key::RootKeySource;
use super::seal::{Sealer, Tagged};
use super::{Batch, Change, Kind, OldSecrets, Row, Store, unknown_kinds};
use lifecycle::crypto::Secret;

/// The name of the database in the data directory.
pub const DATABASE_FILE: &str = "kms.db";

/// Slots come in multiples of this many bytes, so that a freed one fits the next secret of about the same length.
const SLOT_STEP: usize = 128;
/// The length of the sealed secret stands in front of it.
const SLOT_PREFIX: usize = 4;

/// How to open a [`SqliteStore`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the database and its lock; created if needed.
    pub data_dir: PathBuf,
    /// The key that seals the secrets.
    pub root_key: RootKeySource,
    /// The most pages, of 4 KiB, that the database may grow to; `None` leaves it to the disk. A limit below the present size stops growth only.
    pub page_limit: Option<NonZeroU32>,
}

/// Rows in an SQLite database, with secrets sealed under the root key: a write-ahead log that is synced at every commit.
pub struct SqliteStore {
    // Before the lock: the files are closed when the lock is released.
    database: Database,
    sealer: Sealer,
    version: u64,
    checkpoints: u64,
    condition: Condition,
    _lock: DirLock,
}

/// What the store has cost so far, for checks of efficiency that do not depend on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// SQL statements that were run, those of opening included.
    pub statements: u64,
    /// How often the write-ahead log was cut to nothing.
    pub checkpoints: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Running,
    /// The log could not be cut at start; to be done with the next commit that succeeds.
    LogUncut,
    /// A commit ended with an unknown outcome.
    Stopped,
}

/// Whether a batch overwrote secrets whose rows no longer have one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freed {
    Nothing,
    Slots,
}

impl SqliteStore {
    /// Locks the data directory and opens its database, creating both if needed. The root key is checked before any row is read.
    ///
    /// # Errors
    /// Every variant of [`StoreError`] but `NotErased`; nothing in an existing database is changed by an open that fails, except for migrations that were
    /// completed.
    pub fn open(options: &Options) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(options, MIGRATIONS)
    }

    fn open_with(options: &Options, migrations: &[&str]) -> Result<SqliteStore, StoreError> {
        let lock = DirLock::acquire(&options.data_dir)?;
        let database = Database::open(&options.data_dir.join(DATABASE_FILE))?;
        let root = match database.inspect(migrations)? {
            Found::Nothing => {
                let root = options.root_key.provide()?;
                database.prepare(options.page_limit)?;
                database.create(migrations, &root)?;
                root
            }
            Found::Sealed(check) => {
                let root = options.root_key.find(&check)?;
                database.check_integrity()?;
                database.prepare(options.page_limit)?;
                database.migrate(migrations)?;
                root
            }
        };
        let sealer = Sealer::new(root);
        let version = database.version(&sealer)?;
        let mut store = SqliteStore {
            database,
            sealer,
            version,
            checkpoints: 0,
            condition: Condition::LogUncut,
            _lock: lock,
        };
        // A server that was stopped between a commit and its erasure catches up here. A disk too full for it must not keep the keys from being used.
        if let Err(error) = store.cut_log() {
            tracing::warn!(%error, "the write-ahead log could not be cut; trying again with the next change");
        }
        Ok(store)
    }

    /// What the store has cost since it was opened.
    pub fn cost(&self) -> Cost {
        Cost { statements: self.database.statements(), checkpoints: self.checkpoints }
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &rusqlite::Connection {
        self.database.connection()
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.condition != Condition::Stopped {
            return Ok(());
        }
        Err(StoreError::Unknown {
            path: self.database.path().to_owned(),
            detail: "an earlier change ended so".into(),
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        if batch.old_secrets == OldSecrets::Erased {
            // With the log empty and the database grown already, the checkpoint after the commit has next to nothing left to fail on.
            self.cut_log()?;
        }
        let version = self.version.saturating_add(1);
        let sealer = &self.sealer;
        let freed = self.database.transact(|db| {
            let mut freed = Freed::Nothing;
            for change in &batch.changes {
                if apply(db, sealer, version, change)? == Freed::Slots {
                    freed = Freed::Slots;
                }
            }
            db.write_version(sealer, version)?;
            Ok(freed)
        })?;
        self.version = version;
        if batch.old_secrets == OldSecrets::Erased || freed == Freed::Slots {
            let path = self.database.path().to_owned();
            self.cut_log().map_err(|error| StoreError::NotErased { path, detail: error.to_string() })?;
        } else if self.condition == Condition::LogUncut && self.cut_log().is_err() {
            tracing::debug!("the write-ahead log could not be cut yet");
        }
        Ok(version)
    }

    fn cut_log(&mut self) -> Result<(), StoreError> {
        self.database.truncate_log()?;
        self.checkpoints = self.checkpoints.saturating_add(1);
        self.condition = Condition::Running;
        Ok(())
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        self.running()?;
        let mut rows = Vec::new();
        let sql = "SELECT r.kind, r.id, r.version, r.body, r.tag, r.slot, s.free, s.bytes \
                   FROM records r LEFT JOIN slots s ON s.slot = r.slot ORDER BY r.kind, r.id";
        self.database.each(sql, [], |row| {
            rows.push(read(&self.database, &self.sealer, row)?);
            Ok(())
        })?;
        if rows.iter().any(|row| row.version > self.version) {
            return Err(self.database.corrupt("a record is newer than the last change"));
        }
        for (kind, count) in unknown_kinds(&rows) {
            tracing::warn!(%kind, count, "the database holds records of a kind that this server does not know; they are kept");
        }
        Ok(rows)
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        self.running()?;
        if batch.changes.is_empty() {
            return Ok(self.version);
        }
        let result = self.write(batch);
        if result.as_ref().is_err_and(|error| error.outcome() == Outcome::Unknown) {
            self.condition = Condition::Stopped;
        }
        result
    }
}

/// A row of `kind, id, version, body, tag, slot, free, bytes`, if it is as it was written.
pub(super) fn read(db: &Database, sealer: &Sealer, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let fail = |error| db.fail(&error);
    let (kind, id): (String, String) = (row.get(0).map_err(fail)?, row.get(1).map_err(fail)?);
    let damaged = |what: &str| db.corrupt(format!("record {kind}/{id} {what}"));
    let version: i64 = row.get(2).map_err(fail)?;
    let version = u64::try_from(version).map_err(|_| damaged("has no version"))?;
    let body: Vec<u8> = row.get(3).map_err(fail)?;
    let tag: Vec<u8> = row.get(4).map_err(fail)?;
    let slot: Option<i64> = row.get(5).map_err(fail)?;
    if !sealer.matches_tag(Tagged { kind: &kind, id: &id, version, body: &body, slot }, &tag) {
        return Err(damaged("was altered"));
    }
    let secret = match slot {
        None => None,
        Some(_) => {
            let free: Option<i64> = row.get(6).map_err(fail)?;
            let bytes: Option<Vec<u8>> = row.get(7).map_err(fail)?;
            let sealed = match (free, &bytes) {
                (Some(0), Some(bytes)) => unpad(bytes),
                _ => None,
            };
            let sealed = sealed.ok_or_else(|| damaged("has lost its secret"))?;
            Some(
                sealer
                    .open(&kind, &id, sealed)
                    .map_err(|problem| damaged(&format!("has a secret that {problem}")))?,
            )
        }
    };
    Ok(Row { kind: Kind::from_name(kind), id, version, body, secret })
}

fn apply(db: &Database, sealer: &Sealer, version: u64, change: &Change) -> Result<Freed, StoreError> {
    match change {
        Change::Delete { kind, id } => {
            let slot: Option<Option<i64>> = db.row(
                "DELETE FROM records WHERE kind = ?1 AND id = ?2 RETURNING slot",
                (kind.name(), id),
                |row| row.get(0),
            )?;
            free_slot(db, slot.flatten())
        }
        Change::Put { kind, id, body, secret } => {
            let old: Option<Option<i64>> =
                db.row("SELECT slot FROM records WHERE kind = ?1 AND id = ?2", (kind.name(), id), |row| {
                    row.get(0)
                })?;
            let (slot, freed) = place(db, sealer, (kind.name(), id), old.flatten(), secret.as_ref())?;
            write_record(db, sealer, Tagged { kind: kind.name(), id, version, body, slot })?;
            Ok(freed)
        }
    }
}

pub(super) fn write_record(db: &Database, sealer: &Sealer, row: Tagged<'_>) -> Result<(), StoreError> {
    let tag = sealer.tag(row);
    // SQLite counts to i64::MAX; a version beyond it would need more commits than a disk lives for.
    let version = i64::try_from(row.version).unwrap_or(i64::MAX);
    let sql = "INSERT INTO records (kind, id, version, body, slot, tag) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, id) \
               DO UPDATE SET version = excluded.version, body = excluded.body, slot = excluded.slot, tag = excluded.tag";
    db.run(sql, (row.kind, row.id, version, row.body, row.slot, tag)).map(drop)
}

/// Writes the secret of a record, if it has one, and says where.
fn place(
    db: &Database,
    sealer: &Sealer,
    (kind, id): (&str, &str),
    old: Option<i64>,
    secret: Option<&Secret>,
) -> Result<(Option<i64>, Freed), StoreError> {
    let Some(secret) = secret else {
        return Ok((None, free_slot(db, old)?));
    };
    let bytes = pad(db, sealer.seal(kind, id, secret)?)?;
    if let Some(slot) = old
        && overwrite_slot(db, slot, &bytes)?
    {
        return Ok((old, Freed::Nothing));
    }
    let freed = free_slot(db, old)?;
    let size = slot_size(bytes.len());
    let free =
        db.row("SELECT slot FROM slots WHERE free = 1 AND size = ?1 LIMIT 1", [size], |row| row.get(0))?;
    let slot = match free {
        Some(slot) => {
            // The index that found the slot may be damaged in ways that the check at start does not see: never overwrite one that is in use.
            let changed = db.run(
                "UPDATE slots SET free = 0, bytes = ?2 WHERE slot = ?1 AND size = ?3 AND free = 1",
                (slot, &bytes, size),
            )?;
            if changed != 1 {
                return Err(db.corrupt("the list of free slots was altered"));
            }
            slot
        }
        None => {
            let sql = "INSERT INTO slots (size, free, bytes) VALUES (?1, 0, ?2) RETURNING slot";
            db.row(sql, (size, &bytes), |row| row.get(0))?
                .ok_or_else(|| db.corrupt("a secret could not be placed"))?
        }
    };
    Ok((Some(slot), freed))
}

/// Overwrites a slot in place, if what it is to hold has its size.
pub(super) fn overwrite_slot(db: &Database, slot: i64, bytes: &[u8]) -> Result<bool, StoreError> {
    let changed = db.run(
        "UPDATE slots SET bytes = ?2 WHERE slot = ?1 AND size = ?3 AND free = 0",
        (slot, bytes, slot_size(bytes.len())),
    )?;
    Ok(changed == 1)
}

fn free_slot(db: &Database, slot: Option<i64>) -> Result<Freed, StoreError> {
    let Some(slot) = slot else {
        return Ok(Freed::Nothing);
    };
    db.run("UPDATE slots SET free = 1, bytes = zeroblob(size) WHERE slot = ?1", [slot])?;
    Ok(Freed::Slots)
}

/// A sealed secret as the content of a slot: its length, itself, and zeros up to the next step.
pub(super) fn pad(db: &Database, mut sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let too_long = |_| StoreError::Refused {
        path: db.path().to_owned(),
        reason: super::Refusal::Other,
        detail: "a secret is longer than 4 GiB".into(),
    };
    let length = u32::try_from(sealed.len()).map_err(too_long)?;
    let size = sealed.len().saturating_add(SLOT_PREFIX).next_multiple_of(SLOT_STEP);
    sealed.splice(0..0, length.to_be_bytes());
    sealed.resize(size, 0);
    Ok(sealed)
}

fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<SLOT_PREFIX>()?;
    let (sealed, padding) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    padding.iter().all(|byte| *byte == 0).then_some(sealed)
}

fn slot_size(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
