//! The contract of [`Store`], kept by every implementation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

/// A row without its version, comparable.
pub(super) type Plain = (String, String, Vec<u8>, Option<Vec<u8>>);

pub(super) fn put(kind: Kind, id: &str, body: &[u8], secret: Option<&[u8]>) -> Change {
    Change::Put {
        kind,
        id: id.into(),
        body: body.to_vec(),
        secret: secret.map(|bytes| Secret::new(bytes.to_vec())),
    }
}

pub(super) fn delete(kind: Kind, id: &str) -> Change {
    Change::Delete { kind, id: id.into() }
}

pub(super) fn batch(changes: Vec<Change>) -> Batch {
    Batch { changes, old_secrets: OldSecrets::MayLinger }
}

pub(super) fn erasing(changes: Vec<Change>) -> Batch {
    Batch { changes, old_secrets: OldSecrets::Erased }
}

pub(super) fn plain(rows: &[Row]) -> Vec<Plain> {
    let secret = |row: &Row| row.secret.as_ref().map(|secret| secret.expose().to_vec());
    rows.iter()
        .map(|row| (row.kind.name().to_owned(), row.id.clone(), row.body.clone(), secret(row)))
        .collect()
}

/// A way to make, break and restart one implementation.
trait Subject {
    type Store: Store;
    /// Opens the same stored state again; the store of the last call is gone.
    fn open(&mut self) -> Self::Store;
    /// Lets the next commit fail cleanly.
    fn refuse(&mut self, store: &mut Self::Store);
    /// Ends what `refuse` began.
    fn relent(&mut self, store: &mut Self::Store);
}

struct Memory(MemoryStore);

impl Subject for Memory {
    type Store = MemoryStore;

    fn open(&mut self) -> MemoryStore {
        self.0.reopen()
    }

    fn refuse(&mut self, store: &mut MemoryStore) {
        store.fail_commit(1, Fault::Refused);
    }

    fn relent(&mut self, _: &mut MemoryStore) {}
}

struct Sqlite(tempfile::TempDir);

impl Subject for Sqlite {
    type Store = SqliteStore;

    fn open(&mut self) -> SqliteStore {
        let path: PathBuf = self.0.path().into();
        let root_key = RootKeySource::File(path.join("root.key"));
        SqliteStore::open(&Options { data_dir: path.join("data"), root_key, page_limit: None }).unwrap()
    }

    fn refuse(&mut self, store: &mut SqliteStore) {
        store.connection().execute_batch("PRAGMA query_only = ON").unwrap();
    }

    fn relent(&mut self, store: &mut SqliteStore) {
        store.connection().execute_batch("PRAGMA query_only = OFF").unwrap();
    }
}

macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $case() { super::$case(&mut super::Memory(Default::default())); })*
        }
        mod sqlite {
            $(#[test] fn $case() { super::$case(&mut super::Sqlite(tempfile::tempdir().unwrap())); })*
        }
    };
}

contract! {
    a_new_store_is_empty,
    rows_come_back_as_they_were_written_in_order,
    every_batch_has_the_next_version_and_its_rows_carry_it,
    a_version_is_not_used_again_after_a_restart,
    an_empty_batch_changes_nothing,
    put_replaces_the_whole_row,
    the_last_change_of_a_row_counts,
    deleting_what_is_not_there_is_fine,
    a_refused_commit_leaves_the_old_state_and_can_be_repeated,
    unknown_kinds_are_kept_and_counted,
    any_text_is_an_id,
    a_model_agrees,
}

fn a_new_store_is_empty(subject: &mut impl Subject) {
    assert!(subject.open().load().unwrap().is_empty());
    assert!(subject.open().load().unwrap().is_empty());
}

fn rows_come_back_as_they_were_written_in_order(subject: &mut impl Subject) {
    let changes = vec![
        put(Kind::MATERIAL, "m2", b"two", Some(&[2; 32])),
        put(Kind::KEY, "b", b"{}", None),
        put(Kind::MATERIAL, "m1", b"", Some(&[1; 5000])),
        put(Kind::KEY, "a", &[0, 255, 7], Some(b"")),
    ];
    let expected = [
        ("key".into(), "a".into(), vec![0, 255, 7], Some(vec![])),
        ("key".into(), "b".into(), b"{}".to_vec(), None),
        ("material".into(), "m1".into(), vec![], Some(vec![1; 5000])),
        ("material".into(), "m2".into(), b"two".to_vec(), Some(vec![2; 32])),
    ];
    let mut store = subject.open();
    store.commit(&batch(changes)).unwrap();
    assert_eq!(plain(&store.load().unwrap()), expected);
    drop(store);
    assert_eq!(plain(&subject.open().load().unwrap()), expected);
}

fn every_batch_has_the_next_version_and_its_rows_carry_it(subject: &mut impl Subject) {
    let mut store = subject.open();
    assert_eq!(
        store.commit(&batch(vec![put(Kind::KEY, "a", b"", None), put(Kind::KEY, "b", b"", None)])).unwrap(),
        1
    );
    assert_eq!(store.commit(&batch(vec![put(Kind::KEY, "c", b"", None)])).unwrap(), 2);
    assert_eq!(store.commit(&erasing(vec![put(Kind::KEY, "a", b"new", None)])).unwrap(), 3);
    let versions: Vec<_> = store.load().unwrap().into_iter().map(|row| (row.id, row.version)).collect();
    assert_eq!(versions, [("a".into(), 3), ("b".into(), 1), ("c".into(), 2)]);
}

fn a_version_is_not_used_again_after_a_restart(subject: &mut impl Subject) {
    let mut store = subject.open();
    store.commit(&batch(vec![put(Kind::KEY, "a", b"", None)])).unwrap();
    store.commit(&batch(vec![delete(Kind::KEY, "a")])).unwrap();
    drop(store);
    assert_eq!(subject.open().commit(&batch(vec![put(Kind::KEY, "b", b"", None)])).unwrap(), 3);
}

fn an_empty_batch_changes_nothing(subject: &mut impl Subject) {
    let mut store = subject.open();
    assert_eq!(store.commit(&Batch::default()).unwrap(), 0);
    store.commit(&batch(vec![put(Kind::KEY, "a", b"", None)])).unwrap();
    assert_eq!(store.commit(&erasing(vec![])).unwrap(), 1);
    assert_eq!(store.commit(&batch(vec![delete(Kind::KEY, "a")])).unwrap(), 2);
}

fn put_replaces_the_whole_row(subject: &mut impl Subject) {
    let mut store = subject.open();
    let secrets: [Option<&[u8]>; 7] =
        [Some(&[1; 32]), Some(&[2; 32]), Some(&[3; 2000]), None, Some(&[4; 32]), Some(b""), None];
    for (n, secret) in secrets.into_iter().enumerate() {
        store.commit(&batch(vec![put(Kind::MATERIAL, "m", &[n as u8], secret)])).unwrap();
        let expected = ("material".into(), "m".into(), vec![n as u8], secret.map(<[u8]>::to_vec));
        assert_eq!(plain(&store.load().unwrap()), [expected], "step {n}");
    }
}

fn the_last_change_of_a_row_counts(subject: &mut impl Subject) {
    let mut store = subject.open();
    let changes = vec![
        put(Kind::KEY, "a", b"1", Some(b"x")),
        put(Kind::KEY, "a", b"2", None),
        put(Kind::KEY, "b", b"1", Some(b"y")),
        delete(Kind::KEY, "b"),
        delete(Kind::KEY, "c"),
        put(Kind::KEY, "c", b"3", Some(b"z")),
    ];
    store.commit(&batch(changes)).unwrap();
    let expected = [
        ("key".into(), "a".into(), b"2".to_vec(), None),
        ("key".into(), "c".into(), b"3".to_vec(), Some(b"z".to_vec())),
    ];
    assert_eq!(plain(&store.load().unwrap()), expected);
}

fn deleting_what_is_not_there_is_fine(subject: &mut impl Subject) {
    let mut store = subject.open();
    assert_eq!(store.commit(&erasing(vec![delete(Kind::KEY, "a")])).unwrap(), 1);
    assert!(store.load().unwrap().is_empty());
}

fn a_refused_commit_leaves_the_old_state_and_can_be_repeated(subject: &mut impl Subject) {
    let mut store = subject.open();
    store.commit(&batch(vec![put(Kind::KEY, "a", b"old", Some(b"old secret"))])).unwrap();
    let before = plain(&store.load().unwrap());
    let change =
        batch(vec![put(Kind::KEY, "a", b"new", Some(b"new secret")), put(Kind::KEY, "b", b"", None)]);
    subject.refuse(&mut store);
    let error = store.commit(&change).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unchanged, "{error}");
    assert!(error.to_string().starts_with("nothing was changed"), "{error}");
    assert_eq!(plain(&store.load().unwrap()), before);
    subject.relent(&mut store);
    assert_eq!(store.commit(&change).unwrap(), 2);
    assert_eq!(store.load().unwrap().len(), 2);
}

fn unknown_kinds_are_kept_and_counted(subject: &mut impl Subject) {
    let future = || Kind::from_name("hologram");
    let mut store = subject.open();
    let changes = vec![
        put(future(), "1", b"h", Some(b"s")),
        put(future(), "2", b"h", None),
        put(Kind::KEY, "a", b"", None),
    ];
    store.commit(&batch(changes)).unwrap();
    drop(store);
    let mut store = subject.open();
    store.commit(&batch(vec![delete(Kind::KEY, "a")])).unwrap();
    let rows = store.load().unwrap();
    assert_eq!(unknown_kinds(&rows), BTreeMap::from([(future(), 2)]));
    let kept = [
        ("hologram".into(), "1".into(), b"h".to_vec(), Some(b"s".to_vec())),
        ("hologram".into(), "2".into(), b"h".to_vec(), None),
    ];
    assert_eq!(plain(&rows), kept);
}

fn any_text_is_an_id(subject: &mut impl Subject) {
    let long = "x".repeat(10_000);
    let ids = ["", "\0", "a\0b", "'; DROP TABLE records; --", "ключ", long.as_str()];
    let mut store = subject.open();
    store
        .commit(&batch(ids.map(|id| put(Kind::ALIAS, id, id.as_bytes(), Some(id.as_bytes()))).into()))
        .unwrap();
    drop(store);
    for (_, id, body, secret) in plain(&subject.open().load().unwrap()) {
        assert_eq!((&body, &secret), (&id.clone().into_bytes(), &Some(id.into_bytes())));
    }
    assert_eq!(subject.open().load().unwrap().len(), ids.len());
}

/// Random changes, refusals and restarts against a map.
fn a_model_agrees(subject: &mut impl Subject) {
    let mut random = Random(7);
    let mut model: BTreeMap<(String, String), Plain> = BTreeMap::new();
    let mut store = subject.open();
    let mut version = 0;
    for _ in 0..300 {
        let changes: Vec<Change> = (0..=random.below(4)).map(|_| random.change()).collect();
        let next = if random.below(2) == 0 { batch(changes) } else { erasing(changes) };
        match random.below(10) {
            0 => {
                drop(store);
                store = subject.open();
            }
            1 => {
                subject.refuse(&mut store);
                store.commit(&next).unwrap_err();
                subject.relent(&mut store);
                continue;
            }
            _ => {}
        }
        version += 1;
        assert_eq!(store.commit(&next).unwrap(), version);
        for change in next.changes {
            match change {
                Change::Delete { kind, id } => drop(model.remove(&(kind.name().into(), id))),
                Change::Put { kind, id, body, secret } => {
                    let key = (kind.name().to_owned(), id);
                    model.insert(
                        key.clone(),
                        (key.0, key.1, body, secret.map(|secret| secret.expose().to_vec())),
                    );
                }
            }
        }
        assert_eq!(plain(&store.load().unwrap()), model.values().cloned().collect::<Vec<_>>());
    }
}

/// A small generator (xorshift64*), so that a failure can be repeated.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    pub(super) fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn change(&mut self) -> Change {
        let kind = [Kind::KEY, Kind::MATERIAL][self.below(2) as usize].clone();
        let id = format!("id-{}", self.below(20));
        if self.below(3) == 0 {
            return delete(kind, &id);
        }
        let (body, secret) = (self.below(600), self.below(500));
        let secret = (self.below(3) > 0).then(|| self.bytes(secret));
        put(kind, &id, &self.bytes(body), secret.as_deref())
    }
}
