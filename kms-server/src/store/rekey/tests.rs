use std::fs;
use std::path::PathBuf;

use super::*;
use crate::store::contract::{Plain, batch, delete, plain, put};
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{Kind, Outcome, Store};

/// More than one chunk.
const ROWS: usize = 700;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A database with rows, sealed under a key in a file.
    fn new() -> (Place, Vec<Plain>) {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        let mut store = place.open().unwrap();
        let secret = |n: usize| n.is_multiple_of(2).then(|| vec![n as u8; n]);
        let changes =
            (0..ROWS).map(|n| put(Kind::MATERIAL, &format!("{n}"), &n.to_be_bytes(), secret(n).as_deref()));
        store.commit(&batch(changes.collect())).unwrap();
        store.commit(&batch(vec![put(Kind::from_name("hologram"), "h", b"", Some(b"kept"))])).unwrap();
        store.commit(&batch(vec![delete(Kind::MATERIAL, "2"), put(Kind::KEY, "k", b"", None)])).unwrap();
        let rows = plain(&store.load().unwrap());
        (place, rows)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.path().join("root.key")
    }

    fn source(&self) -> RootKeySource {
        RootKeySource::File(self.key_file())
    }

    fn open_with(&self, root_key: RootKeySource) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&Options { data_dir: self.data(), root_key, page_limit: None })
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        self.open_with(self.source())
    }

    fn rows(&self) -> Vec<Plain> {
        plain(&self.open().unwrap().load().unwrap())
    }

    fn key(&self) -> RootKey {
        root_key::read_or_create(&self.key_file()).unwrap()
    }

    /// What a killed process would leave at this moment.
    fn copy(&self) -> Place {
        let copy = Place { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(copy.data()).unwrap();
        for (from, to) in [(self.dir.path(), copy.dir.path()), (&self.data(), &copy.data())] {
            for entry in fs::read_dir(from)
                .unwrap()
                .map(Result::unwrap)
                .filter(|entry| entry.file_type().unwrap().is_file())
            {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        copy
    }
}

#[test]
fn every_secret_is_sealed_again_and_the_old_key_is_of_no_use() {
    let (place, rows) = Place::new();
    let old = place.key();
    let new = RootKey::generate().unwrap();
    let before = fs::read(place.data().join(DATABASE_FILE)).unwrap();
    let mut seen = Vec::new();
    let report = rekey(&place.data(), &old, &new, &mut |done, total| seen.push((done, total))).unwrap();

    let secrets = rows.iter().filter(|row| row.3.is_some()).count() as u64;
    assert_eq!(report, Report { from: old.id(), to: new.id(), rows: rows.len() as u64, secrets });
    assert_eq!(seen, [(256, 701), (512, 701), (701, 701)]);
    assert!(matches!(place.open(), Err(StoreError::RootKey(RootKeyError::Wrong { .. }))));
    fs::write(place.key_file(), new.expose()).unwrap();
    assert_eq!(place.rows(), rows);
    assert_eq!(
        place.open().unwrap().commit(&batch(vec![put(Kind::KEY, "k", b"", None)])).unwrap(),
        4,
        "versions go on"
    );

    let after = fs::read(place.data().join(DATABASE_FILE)).unwrap();
    let old_seal = [&[1][..], old.id().as_bytes()].concat();
    let seals =
        |file: &[u8]| file.windows(old_seal.len()).filter(|window| *window == old_seal).count() as u64;
    assert_eq!((seals(&before), seals(&after)), (secrets, 0), "in the database");
    assert_eq!(fs::metadata(place.data().join("kms.db-wal")).map_or(0, |file| file.len()), 0, "in the log");
}

#[test]
fn a_key_file_is_swapped_with_the_database() {
    let (place, rows) = Place::new();
    let old = place.key();
    let report = rekey_file(&place.data(), &place.key_file(), &mut |_, _| {}).unwrap();
    assert_eq!((report.from, report.to), (old.id(), place.key().id()));
    assert_ne!(report.from, report.to);
    assert!(!root_key::next_path(&place.key_file()).exists());
    assert_eq!(place.rows(), rows);
}

#[test]
fn a_crash_at_any_point_leaves_a_database_that_opens() {
    let (place, rows) = Place::new();
    let next = root_key::next_path(&place.key_file());

    // The next key is written, and the database has not changed.
    let new = root_key::read_or_create(&next).unwrap();
    assert_eq!(place.rows(), rows);
    assert!(next.exists(), "kept: another database may share the file and need it");

    // In the middle of the transaction, at each step of it.
    let mut crashed = Vec::new();
    let old = place.key();
    rekey(&place.data(), &old, &new, &mut |_, _| crashed.push(place.copy())).unwrap();
    assert_eq!(crashed.len(), 3);
    for copy in &crashed {
        assert_eq!(copy.rows(), rows);
        assert_eq!(copy.key().id(), old.id());
        let report = rekey_file(&copy.data(), &copy.key_file(), &mut |_, _| {}).unwrap();
        assert_eq!(report.to, new.id(), "goes on with the key that was written");
        assert_eq!(copy.rows(), rows);
    }

    // The database has changed, and the file has not: opening completes the swap.
    assert_eq!((place.key().id(), next.exists()), (old.id(), true));
    let copy = place.copy();
    assert_eq!(place.rows(), rows);
    assert_eq!((place.key().id(), next.exists()), (new.id(), false));

    // So does another rekey, which then does its own.
    let report = rekey_file(&copy.data(), &copy.key_file(), &mut |_, _| {}).unwrap();
    assert_eq!(report.from, new.id());
    assert_eq!((copy.key().id(), copy.rows()), (report.to, rows));
}

#[test]
fn a_rekey_that_cannot_be_is_refused_with_nothing_changed() {
    let (place, rows) = Place::new();
    let (right, wrong) = (place.key(), RootKey::from_bytes([9; 32]));
    let none = &mut |_: u64, _: u64| {};

    let refused = rekey(&place.data(), &wrong, &right, none).unwrap_err();
    assert!(refused.to_string().starts_with("the old root key holds root key"), "{refused}");
    let refused = rekey(&place.data(), &right, &right, none).unwrap_err();
    assert!(refused.to_string().contains("already: give a new key"), "{refused}");
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = rekey(elsewhere.path(), &right, &wrong, none).unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused}");
    assert!(!elsewhere.path().join(DATABASE_FILE).exists());

    let server = place.open().unwrap();
    let refused = rekey(&place.data(), &right, &wrong, none).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { pid: Some(_), .. }), "{refused}");
    drop(server);
    assert_eq!(place.rows(), rows);
}

#[test]
fn an_altered_row_stops_a_rekey_before_anything_is_changed() {
    let (place, _) = Place::new();
    let database = place.data().join(DATABASE_FILE);
    rusqlite::Connection::open(&database)
        .unwrap()
        .execute("UPDATE records SET body = X'00' WHERE id = '699'", [])
        .unwrap();
    let before = fs::read(&database).unwrap();
    let error =
        rekey(&place.data(), &place.key(), &RootKey::generate().unwrap(), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("record material/699 was altered"), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(fs::read(&database).unwrap(), before);
}
