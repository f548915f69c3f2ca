//! What can be found in the files of a secret: sealed, nothing after it is destroyed; in the clear, nothing ever.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::*;

/// The content of every file in the data directory.
fn files(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir.join("data")).unwrap() {
        all.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

fn holds(files: &[u8], part: &[u8]) -> bool {
    count(files, &[part]) > 0
}

/// How many of the parts are in the files, in one pass.
fn count(files: &[u8], parts: &[impl AsRef<[u8]>]) -> usize {
    let mut by_start: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for part in parts {
        by_start.entry(&part.as_ref()[..8]).or_default().push(part.as_ref());
    }
    let mut found: HashSet<&[u8]> = HashSet::new();
    for (at, start) in files.windows(8).enumerate() {
        let candidates = by_start.get(start).into_iter().flatten();
        found.extend(candidates.filter(|part| files[at..].starts_with(part)));
    }
    found.len()
}

/// A part of the sealed form of each record's secret: what only this seal has.
fn seals(store: &SqliteStore) -> BTreeMap<String, Vec<u8>> {
    let sql = "SELECT r.id, substr(s.bytes, 14, 32) FROM records r JOIN slots s ON s.slot = r.slot";
    let mut statement = store.connection().prepare(sql).unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn secrets_never_reach_a_file_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let secret = Random(11).bytes(48);
    let mut store = open(dir.path()).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let search = |when: &str| {
        let files = files(dir.path());
        assert!(holds(&files, b"a body in the clear"), "{when}: the search finds what is there");
        let lower: Vec<u8> = files.to_ascii_lowercase();
        // Each alignment of base64 has a window that starts at it.
        let raw: Vec<_> = secret.windows(12).map(<[u8]>::to_vec).collect();
        let in_hex: Vec<_> = secret.windows(12).map(|part| hex(part).into_bytes()).collect();
        let in_base64: Vec<_> =
            secret.windows(12).map(|part| STANDARD_NO_PAD.encode(part).into_bytes()).collect();
        assert_eq!(
            (count(&files, &raw), count(&lower, &in_hex), count(&files, &in_base64)),
            (0, 0, 0),
            "{when}"
        );
    };
    for n in 0..20 {
        store
            .commit(&batch(vec![put(Kind::MATERIAL, &format!("{n}"), b"a body in the clear", Some(&secret))]))
            .unwrap();
    }
    search("in the log");
    store
        .commit(&erasing(vec![put(Kind::MATERIAL, "0", b"", Some(&secret)), delete(Kind::MATERIAL, "1")]))
        .unwrap();
    search("after a checkpoint");
    drop(store);
    search("after the end");
    fs::remove_file(dir.path().join("root.key")).unwrap();
    open_error(dir.path());
    search("after a refusal");
}

#[test]
fn a_destroyed_secret_is_in_no_file_when_the_commit_returns() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let mut random = Random(13);
    let mut live: Vec<String> = Vec::new();
    let mut destroyed: Vec<Vec<u8>> = Vec::new();
    for n in 0..60 {
        // Rows that come, grow and shrink, so that SQLite moves them between pages.
        let mut changes = Vec::new();
        for k in 0..12 {
            let id = format!("{:016x}", random.below(u64::MAX >> 34) << 20 | n << 8 | k);
            let (body, secret) = (random.below(900), [32, 32, 64, 1200, 6000][random.below(5) as usize]);
            changes.push(put(Kind::MATERIAL, &id, &random.bytes(body), Some(&vec![n as u8; secret])));
            changes.push(put(Kind::KEY, &id, &random.bytes(body), None));
            live.push(id);
        }
        store.commit(&batch(changes)).unwrap();

        let before = seals(&store);
        let mut changes = Vec::new();
        for _ in 0..6 {
            let id = live.swap_remove(random.below(live.len() as u64) as usize);
            destroyed.push(before[&id].clone());
            changes.push(match random.below(3) {
                0 => delete(Kind::MATERIAL, &id),
                1 => put(Kind::MATERIAL, &id, b"", None),
                _ => put(Kind::MATERIAL, &id, b"", Some(&[1; 700])),
            });
        }
        store.commit(&erasing(changes)).unwrap();
        if n % 6 == 5 {
            let files = files(dir.path());
            assert_eq!(count(&files, &destroyed), 0, "of {} in round {n}", destroyed.len());
            let kept: Vec<_> = seals(&store).into_values().collect();
            assert_eq!(count(&files, &kept), kept.len(), "the search finds what is there");
        }
    }
    assert!(destroyed.len() == 360);
    // What the erasure rests on: slots are used again and never removed, so that SQLite never moves one.
    let sql = "SELECT count(*), max(slot) FROM slots";
    let (slots, last): (usize, usize) =
        store.connection().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(slots, last);
    let used = seals(&store).len();
    assert!(slots < used + 200, "{slots} slots for {used} secrets");
}

#[test]
fn a_row_that_loses_its_secret_is_erased_without_being_asked() {
    let changes = [
        delete(Kind::MATERIAL, "m"),
        put(Kind::MATERIAL, "m", b"", None),
        put(Kind::MATERIAL, "m", b"", Some(&[1; 999])),
    ];
    // Keys of RSA are long, and a longer secret than any that exists does not fit on a page of the database.
    let secrets: [&[u8]; 3] = [&[7; 32], &[7; 2_400], &[7; 5_000]];
    for (change, secret) in changes.iter().flat_map(|change| secrets.map(|secret| (change.clone(), secret))) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).unwrap();
        store.commit(&batch(vec![put(Kind::MATERIAL, "m", b"", Some(secret))])).unwrap();
        let seal = seals(&store)["m"].clone();
        assert!(holds(&files(dir.path()), &seal));
        store.commit(&batch(vec![change])).unwrap();
        assert!(!holds(&files(dir.path()), &seal));
        assert_eq!(fs::metadata(dir.path().join("data/kms.db-wal")).unwrap().len(), 0);
    }
}

#[test]
fn a_replaced_secret_may_linger_until_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let write = || vec![put(Kind::MATERIAL, "m", b"", Some(&[7; 32]))];
    store.commit(&batch(write())).unwrap();
    let first = seals(&store)["m"].clone();
    store.commit(&batch(write())).unwrap();
    let second = seals(&store)["m"].clone();
    assert!(
        holds(&files(dir.path()), &first),
        "in the log still: no checkpoint for a batch that does not need one"
    );
    store.commit(&erasing(write())).unwrap();
    let files = files(dir.path());
    assert!(!holds(&files, &first) && !holds(&files, &second));
}

/// A server that is killed between a commit and its erasure.
#[test]
fn a_start_erases_what_the_log_still_holds() {
    let (dir, _) = filled();
    let mut store = open(dir.path()).unwrap();
    store.commit(&batch(vec![put(Kind::MATERIAL, "m", b"", Some(&[7; 32]))])).unwrap();
    let seal = seals(&store)["m"].clone();
    let sql = "BEGIN; UPDATE slots SET free = 1, bytes = zeroblob(size) WHERE slot = (SELECT slot FROM records WHERE id = 'm'); \
               DELETE FROM records WHERE id = 'm'; COMMIT";
    store.connection().execute_batch(sql).unwrap();
    let killed = tempfile::tempdir().unwrap();
    fs::create_dir(killed.path().join("data")).unwrap();
    for name in ["root.key", "data/kms.db", "data/kms.db-wal"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    assert!(holds(&files(killed.path()), &seal));
    let mut store = open(killed.path()).unwrap();
    assert!(!holds(&files(killed.path()), &seal));
    assert!(store.load().unwrap().iter().all(|row| row.id != "m"));
}
