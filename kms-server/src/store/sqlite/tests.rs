//! Opening, refusing and migrating. What damaged files do is in `damage`, what a full or failing disk
//! does in `fault`, what is left of secrets in `erasure`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use zeroize::Zeroizing;

use super::super::root_key::RootKeyError;
use super::*;
use crate::store::Refusal;
use crate::store::contract::{Plain, Random, batch, delete, erasing, plain, put};

mod damage;
mod erasure;
mod fault;

const SCHEMA_1: &str = include_str!("schema_1.sql");
const SCHEMA_1_KEY: [u8; 32] = [1; 32];

fn options(dir: &Path) -> Options {
    Options {
        data_dir: dir.join("data"),
        root_key: RootKeySource::File(dir.join("root.key")),
        page_limit: None,
    }
}

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&options(dir))
}

fn open_error(dir: &Path) -> StoreError {
    open(dir).map(drop).unwrap_err()
}

fn database(dir: &Path) -> std::path::PathBuf {
    dir.join("data").join(DATABASE_FILE)
}

fn rows(dir: &Path) -> Result<Vec<Plain>, StoreError> {
    open(dir)?.load().map(|rows| plain(&rows))
}

/// A directory with a database of some pages, and its rows.
fn filled() -> (tempfile::TempDir, Vec<Plain>) {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(3);
    let mut store = open(dir.path()).unwrap();
    for n in 0..40 {
        let (kind, secret) =
            if n % 2 == 0 { (Kind::KEY, None) } else { (Kind::MATERIAL, Some(random.bytes(32))) };
        let length = random.below(900);
        store
            .commit(&batch(vec![put(kind, &format!("id-{n}"), &random.bytes(length), secret.as_deref())]))
            .unwrap();
    }
    store
        .commit(&erasing(vec![
            delete(Kind::MATERIAL, "id-1"),
            put(Kind::MATERIAL, "big", b"", Some(&[5; 9000])),
        ]))
        .unwrap();
    let rows = plain(&store.load().unwrap());
    drop(store);
    (dir, rows)
}

fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn a_first_start_creates_everything_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    store.commit(&batch(vec![put(Kind::KEY, "a", b"", None)])).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = dir.path().join("data");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&dir.path().join("root.key")), 0o600);
    assert_eq!((mode(&data.join("kms.db")), mode(&data.join("kms.db-wal"))), (0o600, 0o600));
}

#[test]
fn commits_are_synced_to_a_write_ahead_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let pragma = |name: &str| -> String {
        let value: rusqlite::types::Value =
            store.connection().pragma_query_value(None, name, |row| row.get(0)).unwrap();
        format!("{value:?}")
    };
    let expected = [
        ("journal_mode", "Text(\"wal\")"),
        ("synchronous", "Integer(2)"),
        ("secure_delete", "Integer(1)"),
        ("locking_mode", "Text(\"exclusive\")"),
        ("trusted_schema", "Integer(0)"),
    ];
    for (name, value) in expected {
        assert_eq!(pragma(name), value, "{name}");
    }
}

#[test]
fn loading_is_one_statement_and_a_commit_three_and_some_per_change() {
    let (dir, rows) = filled();
    let mut store = open(dir.path()).unwrap();
    let mut spent = |work: &dyn Fn(&mut SqliteStore)| {
        let before = store.cost();
        work(&mut store);
        let after = store.cost();
        (after.statements - before.statements, after.checkpoints - before.checkpoints)
    };
    assert_eq!(spent(&|store| assert_eq!(store.load().unwrap().len(), rows.len())), (1, 0));
    let mut spent_on = |batch: &Batch| spent(&|store| assert!(store.commit(batch).unwrap() > 40));
    let plain = |n: u64| batch((0..n).map(|n| put(Kind::KEY, &format!("new-{n}"), b"", None)).collect());
    assert_eq!(spent_on(&plain(1)), (3 + 2, 0));
    assert_eq!(spent_on(&plain(100)), (3 + 2 * 100, 0));
    let sealed = batch(vec![put(Kind::MATERIAL, "new", b"", Some(&[1; 32]))]);
    assert_eq!(spent_on(&sealed), (3 + 4, 0));
    let deleting = batch(vec![delete(Kind::KEY, "new-0")]);
    assert_eq!(spent_on(&deleting), (3 + 1, 0));
    let destroying = erasing(vec![delete(Kind::MATERIAL, "new")]);
    assert_eq!(spent_on(&destroying), (3 + 2 + 2, 2), "a checkpoint before and one after");
}

#[test]
fn a_large_load_is_one_statement_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    store
        .commit(&batch(
            (0..5000).map(|n| put(Kind::MATERIAL, &format!("{n}"), b"{}", Some(&[7; 32]))).collect(),
        ))
        .unwrap();
    let before = store.cost().statements;
    assert_eq!(store.load().unwrap().len(), 5000);
    assert_eq!(store.cost().statements - before, 1);
    let plan: Vec<String> = {
        let sql = "EXPLAIN QUERY PLAN SELECT r.kind, s.bytes FROM records r LEFT JOIN slots s ON s.slot = r.slot ORDER BY r.kind, r.id";
        let mut statement = store.connection().prepare(sql).unwrap();
        statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(
        plan,
        ["SCAN r", "SEARCH s USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"],
        "no sorting, no second scan"
    );
}

#[test]
fn without_its_root_key_nothing_opens_and_nothing_changes() {
    let (dir, rows_before) = filled();
    let key_file = dir.path().join("root.key");
    let right = fs::read(&key_file).unwrap();
    let image = fs::read(database(dir.path())).unwrap();

    fs::remove_file(&key_file).unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, StoreError::RootKey(RootKeyError::Missing { .. })), "{error}");
    assert!(!key_file.exists());

    fs::write(&key_file, "01".repeat(32)).unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, StoreError::RootKey(RootKeyError::Wrong { .. })), "{error}");

    let value =
        RootKeySource::Value { name: "KMS_SERVER_ROOT_KEY".into(), text: Zeroizing::new("password".into()) };
    let error = SqliteStore::open(&Options { root_key: value, ..options(dir.path()) }).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::RootKey(RootKeyError::Malformed { .. })), "{error}");

    assert_eq!(fs::read(database(dir.path())).unwrap(), image);
    fs::write(&key_file, right).unwrap();
    assert_eq!(rows(dir.path()).unwrap(), rows_before);
}

#[test]
fn the_root_key_is_checked_before_a_row_is_read() {
    let (dir, _) = filled();
    Connection::open(database(dir.path())).unwrap().execute("UPDATE records SET tag = X''", []).unwrap();
    fs::write(dir.path().join("root.key"), [9; 32]).unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::RootKey(RootKeyError::Wrong { .. })));
}

#[test]
fn a_newer_schema_is_left_alone() {
    let (dir, _) = filled();
    Connection::open(database(dir.path())).unwrap().execute_batch("PRAGMA user_version = 7").unwrap();
    let image = fs::read(database(dir.path())).unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, StoreError::NewerSchema { found: 7, supported: 1, .. }), "{error:?}");
    contains(&error.to_string(), &["kms.db", "newer kms-server", "its schema is 7"]);
    assert_eq!(fs::read(database(dir.path())).unwrap(), image);
}

fn schema_1(dir: &Path) {
    fs::create_dir_all(dir.join("data")).unwrap();
    Connection::open(database(dir)).unwrap().execute_batch(SCHEMA_1).unwrap();
    fs::write(dir.join("root.key"), SCHEMA_1_KEY).unwrap();
}

fn schema_1_rows() -> Vec<Plain> {
    vec![
        ("key".into(), "k-1".into(), b"{}".to_vec(), None),
        ("material".into(), "m-1".into(), br#"{"v":1}"#.to_vec(), Some(b"golden".to_vec())),
    ]
}

#[test]
fn the_first_schema_opens_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    schema_1(dir.path());
    assert_eq!(rows(dir.path()).unwrap(), schema_1_rows());
    assert_eq!(open(dir.path()).unwrap().commit(&batch(vec![delete(Kind::KEY, "k-1")])).unwrap(), 3);
}

#[test]
fn migrations_run_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    schema_1(dir.path());
    let steps = [
        MIGRATIONS[0],
        "CREATE TABLE history (step INTEGER NOT NULL) STRICT; INSERT INTO history VALUES (2)",
        "ALTER TABLE records ADD COLUMN note TEXT; INSERT INTO history VALUES (3)",
    ];
    for _ in 0..2 {
        let mut store = SqliteStore::open_with(&options(dir.path()), &steps).unwrap();
        assert_eq!(plain(&store.load().unwrap()), schema_1_rows());
        let query =
            "SELECT group_concat(step) || ' ' || (SELECT user_version FROM pragma_user_version) FROM history";
        let state: String = store.connection().query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(state, "2,3 3");
    }
    assert!(matches!(open_error(dir.path()), StoreError::NewerSchema { found: 3, supported: 1, .. }));
}

#[test]
fn a_new_database_has_the_newest_schema() {
    let dir = tempfile::tempdir().unwrap();
    let steps = [MIGRATIONS[0], "CREATE TABLE history (step INTEGER NOT NULL) STRICT"];
    drop(SqliteStore::open_with(&options(dir.path()), &steps).unwrap());
    assert!(matches!(open_error(dir.path()), StoreError::NewerSchema { found: 2, .. }));
    assert!(SqliteStore::open_with(&options(dir.path()), &steps).unwrap().load().unwrap().is_empty());
}

#[test]
fn a_migration_that_fails_undoes_its_own_step_only() {
    let dir = tempfile::tempdir().unwrap();
    schema_1(dir.path());
    let steps = [
        MIGRATIONS[0],
        "CREATE TABLE second (x INTEGER) STRICT",
        "CREATE TABLE third (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)",
    ];
    SqliteStore::open_with(&options(dir.path()), &steps).map(drop).unwrap_err();
    let conn = Connection::open(database(dir.path())).unwrap();
    let state: (i64, i64, i64) = conn
        .query_row(
            "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema WHERE name = 'second'), \
             (SELECT count(*) FROM sqlite_schema WHERE name = 'third')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(state, (2, 1, 0));
    drop(conn);
    let mut store = SqliteStore::open_with(&options(dir.path()), &steps[..2]).unwrap();
    assert_eq!(plain(&store.load().unwrap()), schema_1_rows());
}

#[test]
fn one_server_has_the_database() {
    let (dir, expected) = filled();
    let first = open(dir.path()).unwrap();
    let error = open_error(dir.path());
    assert!(
        matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    drop(first);

    // A program that does not look at the lock file is kept out all the same, and keeps the server out.
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE").unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, StoreError::Refused { reason: Refusal::Busy, .. }), "{error}");
    contains(&error.to_string(), &["another process has the database open", "End it"]);
    drop(other);
    let first = open(dir.path()).unwrap();
    let other = Connection::open(database(dir.path())).unwrap();
    let refused =
        other.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    drop(first);
    assert_eq!(rows(dir.path()).unwrap(), expected);
}

/// Files and directories without write permission do not stop the superuser, so this runs itself again as nobody.
#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut child = fault::child(dir.path(), "store::sqlite::tests::child_meets_what_it_cannot_write");
    if fault::is_superuser(dir.path()) {
        use std::os::unix::process::CommandExt;
        child.uid(65534).gid(65534);
    }
    fault::passes(child);
}

#[test]
#[ignore = "runs in a child process of what_cannot_be_written_is_refused_by_name"]
fn child_meets_what_it_cannot_write() {
    let Some(dir) = fault::child_dir() else { return };
    let mut store = open(&dir).unwrap();
    store.commit(&batch(vec![put(Kind::KEY, "a", b"", None)])).unwrap();
    drop(store);
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let data = dir.join("data");

    set_mode(&database(&dir), 0o400);
    let error = open_error(&dir);
    assert!(matches!(error, StoreError::Refused { reason: Refusal::ReadOnly, .. }), "{error:?}");
    contains(&error.to_string(), &["kms.db", "nothing was changed", "writable"]);
    set_mode(&database(&dir), 0o600);

    fs::remove_file(data.join("lock")).unwrap();
    set_mode(&data, 0o500);
    let error = open_error(&dir);
    assert!(matches!(error, StoreError::Directory { .. }), "{error:?}");
    contains(&error.to_string(), &["data cannot be used", "Permission denied", "writable", "--memory"]);
    set_mode(&data, 0o700);

    // The lock file is there, the log cannot be.
    File::create(data.join("lock")).unwrap();
    set_mode(&data, 0o500);
    let error = open_error(&dir);
    assert!(matches!(error, StoreError::Refused { reason: Refusal::ReadOnly, .. }), "{error:?}");
    set_mode(&data, 0o700);

    let key_file = dir.join("root.key");
    set_mode(&key_file, 0o000);
    let error = open_error(&dir);
    assert!(
        matches!(&error, StoreError::RootKey(RootKeyError::File { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied),
        "{error:?}"
    );
    set_mode(&key_file, 0o600);

    assert_eq!(rows(&dir).unwrap().len(), 1);
}
