//! What every store promises, and what the one on SQLite promises besides.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lifecycle::crypto::{Secret, SeededEntropy};

use super::rekey::reseal;
use super::sqlite::database_path;
use super::*;

fn put(kind: &str, id: &str, body: &str, secret: Option<&[u8]>) -> Change {
    let secret = secret.map(|secret| Secret::new(secret.to_vec()));
    Change::Put(Row { kind: kind.to_owned(), id: id.to_owned(), version: 0, body: body.into(), secret })
}

fn delete(kind: &str, id: &str) -> Change {
    Change::Delete { kind: kind.to_owned(), id: id.to_owned() }
}

fn batch(changes: Vec<Change>) -> Batch {
    Batch { changes, destroys_secret: false }
}

fn options(folder: &Path) -> SqliteOptions {
    let root_key = RootKeySource::File(RootKeyFile::new(folder.join("root.key")));
    SqliteOptions { folder: folder.to_path_buf(), root_key, pages_max: None }
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&options(folder), Arc::new(SeededEntropy::new(7)))
}

fn why(result: Result<SqliteStore, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the store was opened"),
    }
}

fn sorted(store: &mut dyn Store) -> Vec<Row> {
    let mut rows = store.load().unwrap();
    rows.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    rows
}

/// The bytes of every file in a folder, the root key's apart.
fn files(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| !file.ends_with("root.key")).flat_map(|file| fs::read(file).unwrap()).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn contract(store: &mut dyn Store) {
    assert!(store.load().unwrap().is_empty());
    let first = store.commit(&batch(vec![
        put("key", "a", "1", None),
        put("material", "a", "m", Some(b"secret a")),
        put("material", "b", "n", Some(b"secret b")),
    ]));
    let first = first.unwrap();
    let second = store.commit(&batch(vec![
        put("key", "a", "2", None),
        put("key", "b", "3", None),
        delete("material", "b"),
        delete("nothing", "here"),
        put("key", "c", "4", None),
        delete("key", "c"),
    ]));
    let second = second.unwrap();
    assert!(second > first, "versions rise");
    let row = |kind: &str, id: &str, version, body: &str, secret: Option<&[u8]>| match put(
        kind, id, body, secret,
    ) {
        Change::Put(row) => Row { version, ..row },
        Change::Delete { .. } => unreachable!(),
    };
    let expected = [
        row("key", "a", second, "2", None),
        row("key", "b", second, "3", None),
        row("material", "a", first, "m", Some(b"secret a")),
    ];
    assert_eq!(sorted(store), expected);
}

#[test]
fn memory_keeps_the_contract() {
    contract(&mut MemoryStore::default());
}

#[test]
fn sqlite_keeps_the_contract_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    contract(&mut store);
    let before = sorted(&mut store);
    drop(store);
    let mut again = open(folder.path()).unwrap();
    assert_eq!(sorted(&mut again), before);
    let version = again.commit(&batch(vec![put("key", "z", "", None)])).unwrap();
    assert!(before.iter().all(|row| row.version < version), "versions rise across a restart");
    assert_eq!(again.integrity().unwrap(), "ok");
}

#[test]
fn an_injected_fault_stores_nothing() {
    let mut store = MemoryStore::default();
    for fault in [Fault::Clean, Fault::UnknownOutcome] {
        store.set_fault(Some(fault));
        assert!(store.commit(&batch(vec![put("key", "a", "", None)])).is_err());
        store.set_fault(None);
        assert!(store.load().unwrap().is_empty());
    }
}

#[test]
fn secrets_reach_the_disk_sealed_only() {
    let folder = tempfile::tempdir().unwrap();
    let secret = *b"0123456789abcdefFEDCBA9876543210";
    let mut store = open(folder.path()).unwrap();
    store.commit(&batch(vec![put("material", "a", "visible body", Some(&secret))])).unwrap();
    let root = fs::read_to_string(folder.path().join("root.key")).unwrap();
    let root = RootKey::parse(&root).unwrap();
    for when in ["while open", "after closing"] {
        let bytes = files(folder.path());
        assert!(holds(&bytes, b"visible body"), "the search would find what is there, {when}");
        for form in [&secret[..], lifecycle::ids::hex(&secret).as_bytes(), root.secret().expose()] {
            assert!(!holds(&bytes, form), "{when}");
        }
        if when == "while open" {
            store = open_again(store, folder.path());
        }
    }
    assert_eq!(store.load().unwrap().len(), 1);
}

fn open_again(store: SqliteStore, folder: &Path) -> SqliteStore {
    drop(store);
    open(folder).unwrap()
}

#[test]
fn a_destroyed_secret_is_in_no_file_when_the_batch_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    store.commit(&batch(vec![put("material", "a", "body of a", Some(b"secret"))])).unwrap();
    let sealed: Vec<u8> =
        store.connection.query_row("SELECT sealed FROM records", [], |row| row.get(0)).unwrap();
    assert!(holds(&files(folder.path()), &sealed));
    store.commit(&Batch { changes: vec![delete("material", "a")], destroys_secret: true }).unwrap();
    let bytes = files(folder.path());
    assert!(!holds(&bytes, &sealed) && !holds(&bytes, b"body of a"));
}

#[test]
fn a_full_database_fails_cleanly_and_works_again_when_pages_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let limited = SqliteOptions { pages_max: Some(40), ..options(folder.path()) };
    let mut store = SqliteStore::open(&limited, Arc::new(SeededEntropy::new(7))).unwrap();
    let body = "x".repeat(3_000);
    let mut stored = 0;
    let error = loop {
        let changes = vec![
            put("key", &format!("{stored:03}"), &body, None),
            put("twin", &stored.to_string(), "", None),
        ];
        match store.commit(&batch(changes)) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the limit was never reached");
    };
    assert!(matches!(&error, StoreError::Clean(why) if why.contains("free some space")), "{error:?}");
    assert_eq!(store.load().unwrap().len(), stored * 2, "the old state stands");
    let again = batch((0..3).map(|n| put("key", &format!("again {n}"), &body, None)).collect());
    assert!(matches!(store.commit(&again), Err(StoreError::Clean(_))));
    store.commit(&batch((0..5).map(|n| delete("key", &format!("{n:03}"))).collect())).unwrap();
    store.commit(&again).unwrap();
}

#[test]
fn a_wrong_or_missing_root_key_changes_nothing_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    contract(&mut open(folder.path()).unwrap());
    let file = folder.path().join("root.key");
    let right = fs::read_to_string(&file).unwrap();
    fs::write(&file, "00".repeat(32)).unwrap();
    let said = why(open(folder.path()));
    assert!(said.contains("is not the one that sealed") && said.contains("--root-key-file"), "{said}");
    fs::remove_file(&file).unwrap();
    let said = why(open(folder.path()));
    assert!(said.contains("cannot be read") && !file.exists(), "no new key beside an old database: {said}");
    fs::write(&file, right).unwrap();
    assert_eq!(open(folder.path()).unwrap().load().unwrap().len(), 3);
}

#[test]
fn damaged_foreign_and_newer_databases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    contract(&mut open(folder.path()).unwrap());
    let path = database_path(folder.path());
    let good = fs::read(&path).unwrap();

    fs::write(&path, b"this is no database, and longer than a header of SQLite would be. ".repeat(20))
        .unwrap();
    let said = why(open(folder.path()));
    assert!(said.contains("damaged") && said.contains("backup"), "{said}");

    fs::write(&path, &good).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let said = why(open(folder.path()));
    assert!(said.contains("version 99") && said.contains("newer"), "{said}");

    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (a)").unwrap();
    assert!(why(open(folder.path())).contains("no database of kms-server"));

    fs::write(&path, &good).unwrap();
    assert_eq!(open(folder.path()).unwrap().load().unwrap().len(), 3, "refusing has changed nothing");
}

#[test]
fn altered_pages_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let rows = (0..200).map(|n| put("material", &n.to_string(), "body", Some(b"a secret"))).collect();
    store.commit(&batch(rows)).unwrap();
    drop(store);
    let path = database_path(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let sealed_at = bytes.len() - 60;
    bytes[sealed_at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let noticed = match open(folder.path()) {
        Ok(mut store) => store.load().is_err() || store.integrity().is_ok_and(|said| said != "ok"),
        Err(_) => true,
    };
    assert!(noticed);
}

#[test]
fn a_second_server_and_an_unusable_directory_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    assert!(why(open(folder.path())).contains("another kms-server"));
    drop(first);
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    assert!(why(open(&file)).contains("cannot be used"));
}

#[test]
fn rekey_seals_everything_anew_whatever_moment_it_is_cut_short_at() {
    let folder = tempfile::tempdir().unwrap();
    contract(&mut open(folder.path()).unwrap());
    let entropy = || Arc::new(SeededEntropy::new(9));
    let new_key = || RootKey::generate(&*entropy()).unwrap();
    let file = RootKeyFile::new(folder.path().join("root.key"));
    let old_key = file.read().unwrap();
    let loads = || open(folder.path()).unwrap().load().unwrap().len() == 3;

    // Cut short before the database changed: the old key is still the right one.
    file.next().create(&new_key()).unwrap();
    assert!(loads() && file.read().unwrap() == old_key);

    // Cut short after the database changed: opening finishes the change.
    let mut store = open(folder.path()).unwrap();
    assert_eq!(reseal(&mut store, &new_key(), &mut |_, _| {}).unwrap(), 1);
    drop(store);
    assert!(loads() && file.read().unwrap() == new_key() && !file.next().path().exists());

    // Not cut short.
    let mut seen = Vec::new();
    let newest = RootKey::generate(&SeededEntropy::new(10)).unwrap();
    let count =
        rekey(&options(folder.path()), NewRootKey::InPlace(newest.clone()), entropy(), &mut |done, all| {
            seen.push((done, all))
        });
    assert_eq!((count.unwrap(), seen), (1, vec![(1, 1)]));
    assert!(loads() && file.read().unwrap() == newest);

    // To a place of the user's choice: the old file is left alone and no longer fits.
    let elsewhere = RootKey::generate(&SeededEntropy::new(11)).unwrap();
    let new = NewRootKey::Elsewhere(elsewhere.clone());
    assert_eq!(rekey(&options(folder.path()), new, entropy(), &mut |_, _| {}).unwrap(), 1);
    assert!(file.read().unwrap() == newest && why(open(folder.path())).contains("not the one that sealed"));
    let given = SqliteOptions { root_key: RootKeySource::Given(elsewhere), ..options(folder.path()) };
    assert_eq!(SqliteStore::open(&given, entropy()).unwrap().load().unwrap().len(), 3);
    let in_place = NewRootKey::InPlace(newest);
    assert!(rekey(&given, in_place, entropy(), &mut |_, _| {}).is_err(), "there is no file to replace");
}

#[test]
fn a_batch_costs_one_transaction_whatever_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let frames = |store: &SqliteStore| {
        let query = "PRAGMA wal_checkpoint(PASSIVE)";
        store.connection.query_row(query, [], |row| row.get::<_, i64>(1)).unwrap()
    };
    let rows = (0..100).map(|n| put("key", &n.to_string(), "small", None)).collect();
    store.commit(&batch(rows)).unwrap();
    assert!(frames(&store) < 20, "a hundred small rows share their pages");
}
