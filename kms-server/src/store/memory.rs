use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{Refusal, StoreError};
use super::{Batch, Change, Kind, Row, Store};

/// How an injected commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cleanly, as with a full disk: nothing is changed.
    Refused,
    /// With an unknown outcome, and the batch is there after a restart.
    UnknownKept,
    /// With an unknown outcome, and the batch is not there after a restart.
    UnknownLost,
}

/// Rows in memory: for `--memory`, and for tests, which can make commits fail and "restart" by opening the same rows again.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Arc<Mutex<Contents>>,
    faults: BTreeMap<u64, Fault>,
    attempts: u64,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Contents {
    rows: BTreeMap<(Kind, String), Row>,
    version: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// What a restart would find: a store without faults over the same rows.
    pub fn reopen(&self) -> MemoryStore {
        MemoryStore { contents: Arc::clone(&self.contents), ..MemoryStore::default() }
    }

    /// Lets the `nth` commit from now on fail, counted from 1; empty batches do not count.
    pub fn fail_commit(&mut self, nth: u64, fault: Fault) {
        self.faults.insert(self.attempts.saturating_add(nth), fault);
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Batches are applied by code that cannot panic, so the rows of a poisoned lock are whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.stopped { Err(unknown("an earlier change ended so")) } else { Ok(()) }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        self.running()?;
        Ok(self.contents().rows.values().cloned().collect())
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        self.running()?;
        if batch.changes.is_empty() {
            return Ok(self.contents().version);
        }
        self.attempts = self.attempts.saturating_add(1);
        match self.faults.remove(&self.attempts) {
            None => Ok(self.contents().apply(batch)),
            Some(Fault::Refused) => Err(StoreError::Refused {
                path: PathBuf::new(),
                reason: Refusal::Full,
                detail: "injected fault".into(),
            }),
            Some(fault) => {
                if fault == Fault::UnknownKept {
                    self.contents().apply(batch);
                }
                self.stopped = true;
                Err(unknown("injected fault"))
            }
        }
    }
}

impl Contents {
    fn apply(&mut self, batch: &Batch) -> u64 {
        self.version = self.version.saturating_add(1);
        for change in batch.changes.iter().cloned() {
            match change {
                Change::Delete { kind, id } => {
                    self.rows.remove(&(kind, id));
                }
                Change::Put { kind, id, body, secret } => {
                    let row = Row { kind: kind.clone(), id: id.clone(), version: self.version, body, secret };
                    self.rows.insert((kind, id), row);
                }
            }
        }
        self.version
    }
}

fn unknown(detail: &str) -> StoreError {
    StoreError::Unknown { path: PathBuf::new(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Outcome;

    fn put(id: &str) -> Batch {
        let change = Change::Put { kind: Kind::KEY, id: id.into(), body: vec![], secret: None };
        Batch { changes: vec![change], ..Batch::default() }
    }

    fn ids(store: &mut MemoryStore) -> Vec<String> {
        store.load().unwrap().into_iter().map(|row| row.id).collect()
    }

    #[test]
    fn the_nth_commit_fails_cleanly_and_only_that_one() {
        let mut store = MemoryStore::new();
        store.commit(&put("a")).unwrap();
        store.fail_commit(2, Fault::Refused);
        assert_eq!(store.commit(&put("b")).unwrap(), 2);
        assert_eq!(store.commit(&Batch::default()).unwrap(), 2);
        assert_eq!(store.commit(&put("c")).unwrap_err().outcome(), Outcome::Unchanged);
        assert_eq!(ids(&mut store), ["a", "b"]);
        assert_eq!(store.commit(&put("c")).unwrap(), 3);
    }

    #[test]
    fn after_an_unknown_outcome_only_a_restart_helps() {
        for (fault, found) in [(Fault::UnknownKept, &["a", "b"][..]), (Fault::UnknownLost, &["a"][..])] {
            let mut store = MemoryStore::new();
            store.commit(&put("a")).unwrap();
            store.fail_commit(1, fault);
            for _ in 0..2 {
                assert_eq!(store.commit(&put("b")).unwrap_err().outcome(), Outcome::Unknown);
                assert_eq!(store.load().unwrap_err().outcome(), Outcome::Unknown);
            }
            assert_eq!(ids(&mut store.reopen()), found, "{fault:?}");
        }
    }
}
