//! Full disks, failing disks, and processes that are killed.

use std::env;
use std::num::NonZeroU32;

use super::*;

/// Named by the parent in the child's working directory, so that `cargo test -- --ignored` does not take a source directory for one.
const CHILD_MARK: &str = "child-of-a-test";

/// A process that runs one ignored test of this program in `dir`.
pub(super) fn child(dir: &Path, test: &str) -> Command {
    fs::write(dir.join(CHILD_MARK), "").unwrap();
    // A copy, because another user may not be able to read where the original is.
    let program = dir.join("test-program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--ignored", "--nocapture"]).current_dir(dir);
    command
}

pub(super) fn child_dir() -> Option<std::path::PathBuf> {
    let dir = env::current_dir().unwrap();
    dir.join(CHILD_MARK).exists().then(|| dir.join("place"))
}

pub(super) fn passes(mut child: Command) {
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let all = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{all}");
}

pub(super) fn is_superuser(dir: &Path) -> bool {
    let probe = dir.join("probe");
    fs::write(&probe, "").unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o400)).unwrap();
    let writable = fs::OpenOptions::new().write(true).open(&probe).is_ok();
    fs::remove_file(&probe).unwrap();
    writable
}

fn big(id: &str) -> Batch {
    let changes = (0..4).map(|n| put(Kind::KEY, &format!("{id}-{n}"), &[9; 3000], Some(&[n; 32]))).collect();
    batch(changes)
}

#[test]
fn at_the_page_limit_a_commit_fails_cleanly_and_succeeds_once_pages_are_free() {
    let dir = tempfile::tempdir().unwrap();
    let limited = Options { page_limit: NonZeroU32::new(60), ..options(dir.path()) };
    let mut store = SqliteStore::open(&limited).unwrap();
    let mut written = 0;
    let error = loop {
        match store.commit(&big(&format!("{written}"))) {
            Ok(version) => {
                written += 1;
                assert_eq!(version, written);
            }
            Err(error) => break error,
        }
        assert!(written < 100);
    };
    assert!(written > 3, "{written}");
    assert!(matches!(error, StoreError::Refused { reason: Refusal::Full, .. }), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unchanged);
    contains(&error.to_string(), &["nothing was changed", "page limit", "Free space or raise the limit"]);

    // The old state stands, in this process and for the next one, and the same call goes on failing.
    let refused = big(&format!("{written}"));
    let state = plain(&store.load().unwrap());
    assert_eq!(state.len() as u64, 4 * written);
    assert_eq!(store.commit(&refused).unwrap_err().outcome(), Outcome::Unchanged);
    drop(store);
    let mut store = SqliteStore::open(&limited).unwrap();
    assert_eq!(plain(&store.load().unwrap()), state);
    store.commit(&refused).unwrap_err();

    // Deleting works without a page to spare, and then the same call succeeds.
    let deletions = (0..4).map(|n| delete(Kind::KEY, &format!("0-{n}"))).collect();
    assert_eq!(store.commit(&erasing(deletions)).unwrap(), written + 1);
    assert_eq!(store.commit(&refused).unwrap(), written + 2);
    assert_eq!(store.load().unwrap().len() as u64, 4 * written);
}

#[test]
fn a_raised_page_limit_frees_the_way_too() {
    let dir = tempfile::tempdir().unwrap();
    let limited = |pages| Options { page_limit: NonZeroU32::new(pages), ..options(dir.path()) };
    let mut store = SqliteStore::open(&limited(20)).unwrap();
    let mut refused = 0;
    while store.commit(&big(&format!("{refused}"))).is_ok() {
        refused += 1;
    }
    drop(store);
    let mut store = SqliteStore::open(&limited(40)).unwrap();
    assert_eq!(store.commit(&big(&format!("{refused}"))).unwrap(), refused + 1);
}

#[test]
fn a_database_that_cannot_be_created_for_want_of_space_is_created_later() {
    let dir = tempfile::tempdir().unwrap();
    let limited = Options { page_limit: NonZeroU32::new(2), ..options(dir.path()) };
    let error = SqliteStore::open(&limited).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Refused { reason: Refusal::Full, .. }), "{error:?}");
    assert!(rows(dir.path()).unwrap().is_empty());
}

/// A limit on the size of files makes the write-ahead log fail in the middle of a commit, as a failing disk would.
#[test]
fn a_commit_on_a_failing_disk_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let child = child(dir.path(), "store::sqlite::tests::fault::child_commits_until_the_disk_fails");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$0\" \"$@\""])
        .arg(child.get_program())
        .args(child.get_args());
    limited.current_dir(dir.path());
    passes(limited);
    let place = dir.path().join("place");
    let acknowledged: usize = fs::read_to_string(dir.path().join("acknowledged")).unwrap().parse().unwrap();
    let found = rows(&place).unwrap();
    assert!(acknowledged > 3);
    assert!(
        found.len() == 4 * acknowledged || found.len() == 4 * (acknowledged + 1),
        "{} rows after {acknowledged}",
        found.len()
    );
    open(&place).unwrap().commit(&big("after")).unwrap();
}

#[test]
#[ignore = "runs in a child process of a_commit_on_a_failing_disk_is_whole_or_not_there"]
fn child_commits_until_the_disk_fails() {
    let Some(dir) = child_dir() else { return };
    let mut store = open(&dir).unwrap();
    for n in 0..1000 {
        let Err(error) = store.commit(&big(&format!("{n}"))) else { continue };
        fs::write(dir.join("../acknowledged"), n.to_string()).unwrap();
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
        contains(
            &error.to_string(),
            &["it is unknown whether the last change was stored", "must stop", "start it again"],
        );
        assert_eq!(store.commit(&big("more")).unwrap_err().outcome(), Outcome::Unknown);
        assert_eq!(store.load().unwrap_err().outcome(), Outcome::Unknown);
        return;
    }
    panic!("the disk never failed");
}

/// A crash can leave any beginning of the log that was written after the last sync; an acknowledged batch was synced.
#[test]
fn any_beginning_of_the_log_is_a_number_of_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let (mut states, mut ends) = (vec![Vec::new()], vec![0]);
    let log = dir.path().join("data/kms.db-wal");
    for n in 0..6_u8 {
        let mut changes = vec![put(Kind::MATERIAL, "same", &[n; 2500], Some(&[n; 32]))];
        changes.extend((0..n).map(|k| put(Kind::KEY, &format!("{n}-{k}"), &[k; 1500], None)));
        store.commit(&batch(changes)).unwrap();
        states.push(plain(&store.load().unwrap()));
        ends.push(fs::metadata(&log).unwrap().len() as usize);
    }
    let (image, log) = (fs::read(database(dir.path())).unwrap(), fs::read(&log).unwrap());
    assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");

    let crashed = tempfile::tempdir().unwrap();
    fs::create_dir(crashed.path().join("data")).unwrap();
    fs::copy(dir.path().join("root.key"), crashed.path().join("root.key")).unwrap();
    let cuts = (0..log.len())
        .step_by(1031)
        .chain(ends.iter().copied())
        .chain(ends.iter().skip(1).map(|end| end - 1));
    for cut in cuts {
        fs::write(database(crashed.path()), &image).unwrap();
        fs::write(crashed.path().join("data/kms.db-wal"), &log[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert!(rows(crashed.path()).unwrap() == states[whole], "cut at {cut}, {whole} batches are whole");
    }
}
