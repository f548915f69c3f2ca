//! A new root key for an existing database.

use std::sync::Arc;

use lifecycle::crypto::Entropy;
use rusqlite::params;

use super::sqlite::{RootKeySource, SqliteOptions, SqliteStore, checkpoint};
use super::{RootKey, RootKeyFile, Row, Store, StoreError};

/// A new root key, and where it will be found.
pub enum NewRootKey {
    /// It takes the place of the present one in its file.
    InPlace(RootKey),
    /// Whoever opens the store next brings it along.
    Elsewhere(RootKey),
}

/// Seals every secret anew, in one transaction, and gives their number.
///
/// In place, the change survives a crash at any point: the new key is in `{file}.next` before the database changes,
/// and takes the place of the old one afterwards, by this function or when the store is next opened.
///
/// # Errors
/// As [`SqliteStore::open`], or the present key is in no file that could be replaced; then nothing was changed.
pub fn rekey(
    options: &SqliteOptions,
    new: NewRootKey,
    entropy: Arc<dyn Entropy>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize, StoreError> {
    let mut store = SqliteStore::open(options, entropy)?;
    let (key, file) = match (new, &options.root_key) {
        (NewRootKey::Elsewhere(key), _) => (key, None),
        (NewRootKey::InPlace(key), RootKeySource::File(file)) => (key, Some(file)),
        (NewRootKey::InPlace(_), RootKeySource::Given(_)) => {
            return Err(StoreError::Unusable(
                "the present root key is in no file: say where the new one is with --to-file or --to-variable".to_owned(),
            ));
        }
    };
    if let Some(file) = file {
        prepare_next(file, &key)?;
    }
    let count = reseal(&mut store, &key, progress)?;
    if let Some(file) = file {
        file.finish_change().map_err(|error| StoreError::Unusable(error.to_string()))?;
    }
    Ok(count)
}

/// Writes the next key. One that an earlier attempt left behind never took effect, or it would be in place.
fn prepare_next(file: &RootKeyFile, new: &RootKey) -> Result<(), StoreError> {
    let next = file.next();
    match std::fs::remove_file(next.path()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StoreError::Unusable(format!("{} is in the way: {error}", next.path().display())));
        }
        _ => {}
    }
    next.create(new).map_err(|error| StoreError::Unusable(error.to_string()))
}

pub(super) fn reseal(
    store: &mut SqliteStore,
    new: &RootKey,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize, StoreError> {
    let rows: Vec<Row> = store.load()?.into_iter().filter(|row| row.secret.is_some()).collect();
    let count = rows.len();
    let sealed: Vec<_> = rows.iter().map(|row| store.seal(new, row)).collect::<Result<_, _>>()?;
    store.transaction(|transaction| {
        let mut update = transaction.prepare("UPDATE records SET sealed = ?3 WHERE kind = ?1 AND id = ?2")?;
        for (at, (row, sealed)) in rows.iter().zip(&sealed).enumerate() {
            update.execute(params![row.kind, row.id, sealed])?;
            progress(at + 1, count);
        }
        transaction.execute("UPDATE store SET key_check = ?1", [&new.check()[..]]).map(|_| ())
    })?;
    store.root_key = new.clone();
    checkpoint(&store.connection)
        .map_err(|error| StoreError::UnknownOutcome(format!("the -wal file was not emptied: {error}")))?;
    Ok(count)
}
