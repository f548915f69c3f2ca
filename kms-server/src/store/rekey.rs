use std::path::Path;

use super::database::{Database, Found, MIGRATIONS};
use super::error::StoreError;
use super::lock::DirLock;
use super::root_key::{self, RootKey, RootKeyError, RootKeyId, RootKeySource};
use super::seal::{Sealer, Tagged};
use super::sqlite::{self, DATABASE_FILE};

/// How many rows are held in memory at a time.
const CHUNK: i64 = 256;

/// What a rekey did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The root key that is no longer needed, except for backups that were made before.
    pub from: RootKeyId,
    /// The root key that is needed from now on.
    pub to: RootKeyId,
    /// Rows whose tag was renewed: all of them.
    pub rows: u64,
    /// Secrets that were sealed again.
    pub secrets: u64,
}

/// Changes the root key of the database in `data_dir`, which no server may have open: every secret is sealed again in one transaction, and no byte of
/// the old seals is left when this returns. `progress` is told how many rows of how many are done.
///
/// # Errors
/// [`StoreError::RootKey`] when `old` is not the key of the database, or `new` is. Unless [`StoreError::outcome`] says otherwise the database is still
/// sealed under `old`.
pub fn rekey(
    data_dir: &Path,
    old: &RootKey,
    new: &RootKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let _lock = DirLock::acquire(data_dir)?;
    let (database, old) = open(data_dir, |check| check.accept(old.clone(), "the old root key"))?;
    reseal(&database, old, new, progress)
}

/// Changes the root key of the database in `data_dir` to a new random one, and the key file with it.
///
/// The new key is written to `<key_file>.next` before, and takes the place of the old one after the database has changed. A process that dies in
/// between leaves both files, and whoever opens the database next completes the swap. A `.next` file that a rekey left before its database changed
/// is used by the next one.
///
/// # Errors
/// As [`rekey`]; also when the key files cannot be written.
pub fn rekey_file(
    data_dir: &Path,
    key_file: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let _lock = DirLock::acquire(data_dir)?;
    let source = RootKeySource::File(key_file.to_owned());
    let (database, old) = open(data_dir, |check| source.find(check))?;
    let new = root_key::read_or_create(&root_key::next_path(key_file))?;
    let report = reseal(&database, old, &new, progress)?;
    root_key::swap_in_next(key_file)?;
    Ok(report)
}

fn open(
    data_dir: &Path,
    find: impl FnOnce(&root_key::KeyCheck) -> Result<RootKey, RootKeyError>,
) -> Result<(Database, RootKey), StoreError> {
    let path = data_dir.join(DATABASE_FILE);
    let database = Database::open_existing(&path)?;
    let Found::Sealed(check) = database.inspect(MIGRATIONS)? else {
        return Err(StoreError::Missing { path });
    };
    let root = find(&check)?;
    database.check_integrity()?;
    database.prepare(None)?;
    database.migrate(MIGRATIONS)?;
    Ok((database, root))
}

fn reseal(
    database: &Database,
    old: RootKey,
    new: &RootKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    if old.id() == new.id() {
        return Err(RootKeyError::Unchanged { id: new.id() }.into());
    }
    let mut report = Report { from: old.id(), to: new.id(), rows: 0, secrets: 0 };
    let (old, new_sealer) = (Sealer::new(old), Sealer::new(new.clone()));
    // As before an erasure: what can fail for want of space fails before anything has changed.
    database.truncate_log()?;
    database.transact(|db| {
        let total: i64 = db.row("SELECT count(*) FROM records", [], |row| row.get(0))?.unwrap_or(0);
        let total = u64::try_from(total).unwrap_or(0);
        let version = db.version(&old)?;
        let mut last = None;
        loop {
            let chunk = read_chunk(db, &old, last.as_ref())?;
            let Some((row, _)) = chunk.last() else { break };
            last = Some((row.kind.name().to_owned(), row.id.clone()));
            for (row, slot) in &chunk {
                report.secrets = report.secrets.saturating_add(write_row(db, &new_sealer, row, *slot)?);
                report.rows = report.rows.saturating_add(1);
            }
            progress(report.rows, total);
        }
        db.write_version(&new_sealer, version)?;
        db.write_key_check(new)
    })?;
    let path = database.path().to_owned();
    database.truncate_log().map_err(|error| StoreError::NotErased { path, detail: error.to_string() })?;
    Ok(report)
}

type Chunk = Vec<(super::Row, Option<i64>)>;

fn read_chunk(db: &Database, old: &Sealer, last: Option<&(String, String)>) -> Result<Chunk, StoreError> {
    let mut chunk = Vec::new();
    let mut push = |row: &rusqlite::Row<'_>| {
        let slot = row.get(5).map_err(|error| db.fail(&error))?;
        chunk.push((sqlite::read(db, old, row)?, slot));
        Ok(())
    };
    const COLUMNS: &str = "SELECT r.kind, r.id, r.version, r.body, r.tag, r.slot, s.free, s.bytes FROM records r LEFT JOIN slots s ON s.slot = r.slot";
    match last {
        None => db.each(&format!("{COLUMNS} ORDER BY r.kind, r.id LIMIT ?1"), [CHUNK], &mut push)?,
        Some((kind, id)) => {
            let sql = format!("{COLUMNS} WHERE (r.kind, r.id) > (?1, ?2) ORDER BY r.kind, r.id LIMIT ?3");
            db.each(&sql, (kind, id, CHUNK), &mut push)?;
        }
    }
    Ok(chunk)
}

/// Writes a row as it was, under the new key; says how many secrets that were.
fn write_row(db: &Database, new: &Sealer, row: &super::Row, slot: Option<i64>) -> Result<u64, StoreError> {
    let kind = row.kind.name();
    if let (Some(slot), Some(secret)) = (slot, &row.secret) {
        let bytes = sqlite::pad(db, new.seal(kind, &row.id, secret)?)?;
        if !sqlite::overwrite_slot(db, slot, &bytes)? {
            return Err(db.corrupt(format!("record {kind}/{} has lost its secret", row.id)));
        }
    }
    sqlite::write_record(db, new, Tagged { kind, id: &row.id, version: row.version, body: &row.body, slot })?;
    Ok(u64::from(row.secret.is_some()))
}

#[cfg(test)]
mod tests;
