//! Files that are something else, damaged, or altered.

use super::*;

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let (good, _) = filled();
    let image = fs::read(database(good.path())).unwrap();
    let foreign = {
        let dir = tempfile::tempdir().unwrap();
        Connection::open(dir.path().join("x"))
            .unwrap()
            .execute_batch("CREATE TABLE users (name TEXT)")
            .unwrap();
        fs::read(dir.path().join("x")).unwrap()
    };
    let mut no_magic = image.clone();
    no_magic[..16].fill(b'x');
    let garbage = Random(5).bytes(100_000);
    for content in [
        b"not a database, and longer than a header of one hundred bytes ".repeat(40),
        garbage,
        no_magic,
        foreign,
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(database(dir.path()), &content).unwrap();
        let error = open_error(dir.path());
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error:?}");
        contains(&error.to_string(), &["kms.db", "left as it is", "backup"]);
        assert_eq!(fs::read(database(dir.path())).unwrap(), content);
        assert!(!dir.path().join("root.key").exists(), "no key for what is no new database");
    }
}

#[test]
fn an_empty_file_is_a_new_database() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(database(dir.path()), "").unwrap();
    assert!(rows(dir.path()).unwrap().is_empty());
}

#[test]
fn a_damaged_page_is_refused_with_what_to_do() {
    let (dir, _) = filled();
    let image = fs::read(database(dir.path())).unwrap();
    let pages = image.len() / 4096;
    assert!(pages > 8, "{pages}");
    for page in 1..pages {
        let mut damaged = image.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(database(dir.path()), &damaged).unwrap();
        let error = rows(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "page {page}: {error:?}");
        contains(&error.to_string(), &["kms.db is damaged", "copy the whole directory", "backup"]);
    }
    fs::write(database(dir.path()), &image[..image.len() - 4096]).unwrap();
    assert!(matches!(rows(dir.path()), Err(StoreError::Corrupt { .. })), "a page is missing");
}

/// Whatever byte is damaged, what loads is what was stored, or nothing loads.
#[test]
fn no_flipped_byte_changes_a_row() {
    let (dir, expected) = filled();
    let image = fs::read(database(dir.path())).unwrap();
    let (mut refused, mut harmless) = (0, 0);
    // Every byte of the first header, then a prime step through all pages.
    for at in (0..100).chain((100..image.len()).step_by(197)) {
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(database(dir.path()), &damaged).unwrap();
        match rows(dir.path()) {
            Ok(rows) => {
                assert!(rows == expected, "byte {at}");
                harmless += 1;
            }
            Err(error) => {
                let told = matches!(
                    error,
                    StoreError::Corrupt { .. }
                        | StoreError::NotADatabase { .. }
                        | StoreError::NewerSchema { .. }
                        | StoreError::Refused { .. }
                );
                assert!(told, "byte {at}: {error:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 120 && harmless > 0, "{refused} {harmless}");
    let _ = fs::remove_file(dir.path().join("data/kms.db-wal"));
    fs::write(database(dir.path()), &image).unwrap();
    assert_eq!(rows(dir.path()).unwrap(), expected);
}

#[test]
fn an_altered_row_is_named() {
    let cases = [
        ("UPDATE records SET body = X'7B7D' WHERE id = 'id-3'", "record material/id-3 was altered"),
        ("UPDATE records SET version = 99 WHERE id = 'id-3'", "record material/id-3 was altered"),
        ("UPDATE records SET version = -1 WHERE id = 'id-3'", "record material/id-3 has no version"),
        ("UPDATE records SET slot = NULL WHERE id = 'id-3'", "record material/id-3 was altered"),
        ("UPDATE records SET kind = 'key' WHERE id = 'id-3'", "record key/id-3 was altered"),
        ("UPDATE records SET id = 'id-x' WHERE id = 'id-3'", "record material/id-x was altered"),
        ("UPDATE slots SET free = 1", "record material/big has lost its secret"),
        ("DELETE FROM slots", "record material/big has lost its secret"),
        ("UPDATE slots SET bytes = zeroblob(size)", "record material/big has a secret that is empty"),
        (
            "UPDATE slots SET bytes = (SELECT bytes FROM slots s WHERE s.size = slots.size ORDER BY slot DESC)",
            "belongs to another row",
        ),
        (
            "UPDATE meta SET value = X'00' WHERE name = 'root_key'",
            "what it says about its root key was altered",
        ),
        ("DELETE FROM meta WHERE name = 'root_key'", "what it says about its root key was altered"),
        (
            "UPDATE meta SET value = X'00' WHERE name = 'version'",
            "the version of the last change was altered",
        ),
        ("PRAGMA user_version = 0", "it has schema 0"),
        ("DROP TABLE slots", "no such table: slots"),
    ];
    for (sql, expected) in cases {
        let (dir, _) = filled();
        Connection::open(database(dir.path())).unwrap().execute_batch(sql).unwrap();
        let message = rows(dir.path()).unwrap_err().to_string();
        contains(&message, &["kms.db is damaged", expected]);
    }
}

#[test]
fn a_slot_in_use_is_not_taken_for_a_free_one() {
    let (dir, expected) = filled();
    // An index that says that every slot is free, over a table that says otherwise.
    let conn = Connection::open(database(dir.path())).unwrap();
    conn.execute_batch(
        "DROP INDEX free_slots; UPDATE slots SET free = 1 - free; CREATE INDEX free_slots ON slots (size) WHERE free = 1; \
         PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = 'CREATE INDEX free_slots ON slots (size) WHERE free = 2' WHERE name = 'free_slots';",
    )
    .unwrap();
    drop(conn);
    let conn = Connection::open(database(dir.path())).unwrap();
    conn.execute_batch(
        "UPDATE slots SET free = 1 - free; PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = 'CREATE INDEX free_slots ON slots (size) WHERE free = 1' WHERE name = 'free_slots';",
    )
    .unwrap();
    drop(conn);
    let mut store = open(dir.path()).unwrap();
    let error = store.commit(&batch(vec![put(Kind::MATERIAL, "new", b"", Some(&[1; 32]))])).unwrap_err();
    contains(&error.to_string(), &["the list of free slots was altered"]);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(store.commit(&batch(vec![put(Kind::KEY, "new", b"", None)])).is_err(), "stopped");
    drop(store);
    assert_eq!(rows(dir.path()).unwrap(), expected);
}
