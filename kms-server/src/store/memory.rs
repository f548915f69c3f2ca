//! A store that forgets, for tests, with faults on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Batch, Change, Row, Store, StoreError};

/// A failure that the next commits are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is stored, as when the disk is full.
    Clean,
    /// Whether the batch is stored cannot be known; here it is not.
    UnknownOutcome,
}

/// Records in memory. A clone is another handle to the same records, as another process would have on a file.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    rows: BTreeMap<(String, String), Row>,
    version: u64,
    fault: Option<Fault>,
}

impl MemoryStore {
    /// Makes every commit fail from now on, or no longer.
    pub fn set_fault(&self, fault: Option<Fault>) {
        if let Ok(mut memory) = self.0.lock() {
            memory.fault = fault;
        }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        Ok(self.0.lock().map_err(poisoned)?.rows.values().cloned().collect())
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let mut memory = self.0.lock().map_err(poisoned)?;
        match memory.fault {
            Some(Fault::Clean) => return Err(StoreError::Clean("a fault was injected".to_owned())),
            Some(Fault::UnknownOutcome) => {
                return Err(StoreError::UnknownOutcome("a fault was injected".to_owned()));
            }
            None => {}
        }
        memory.version += 1;
        let version = memory.version;
        for change in &batch.changes {
            match change {
                Change::Put(row) => {
                    let row = Row { version, ..row.clone() };
                    memory.rows.insert((row.kind.clone(), row.id.clone()), row);
                }
                Change::Delete { kind, id } => {
                    memory.rows.remove(&(kind.clone(), id.clone()));
                }
            }
        }
        Ok(version)
    }
}

fn poisoned<T>(_: std::sync::PoisonError<T>) -> StoreError {
    StoreError::UnknownOutcome("another holder of the store has failed".to_owned())
}
