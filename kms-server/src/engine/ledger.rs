//! The last use of each key, beside the state: recording one takes neither a lock nor the writer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use arc_swap::{ArcSwap, ArcSwapOption};
use foldhash::fast::RandomState;
use lifecycle::ids::KeyArn;
use lifecycle::state::Usage;
use rpds::HashTrieMapSync;

#[derive(Default)]
struct Cell {
    last: ArcSwapOption<Usage>,
    /// Whether the use waits to be stored; a key is queued once, however often it is used meanwhile.
    dirty: AtomicBool,
}

/// Last uses since start. `kill -9` may lose those of its last minute.
pub struct Ledger {
    cells: ArcSwap<HashTrieMapSync<KeyArn, Arc<Cell>, RandomState>>,
    dirty: mpsc::Sender<KeyArn>,
    waiting: Mutex<mpsc::Receiver<KeyArn>>,
}

impl Default for Ledger {
    fn default() -> Self {
        let (dirty, waiting) = mpsc::channel();
        Ledger { cells: ArcSwap::default(), dirty, waiting: Mutex::new(waiting) }
    }
}

impl Ledger {
    /// Records a use.
    pub fn record(&self, usage: Usage) {
        let key = usage.key;
        let cell = self.cell(key);
        cell.last.store(Some(Arc::new(usage)));
        if !cell.dirty.swap(true, Ordering::AcqRel) {
            // The receiver lives as long as the sender.
            let _ = self.dirty.send(key);
        }
    }

    /// The last use of a key since start.
    #[must_use]
    pub fn get(&self, key: &KeyArn) -> Option<Arc<Usage>> {
        self.cells.load().get(key).and_then(|cell| cell.last.load_full())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.cells.store(Arc::default());
        drop(self.take_dirty());
    }

    /// The uses that have not been stored.
    pub(super) fn take_dirty(&self) -> Vec<Arc<Usage>> {
        let Ok(waiting) = self.waiting.lock() else { return Vec::new() };
        let keys: Vec<KeyArn> = waiting.try_iter().collect();
        let cells = self.cells.load();
        let cells = keys.iter().filter_map(|key| cells.get(key));
        cells
            .filter_map(|cell| {
                cell.dirty.store(false, Ordering::Release);
                cell.last.load_full()
            })
            .collect()
    }

    /// Queues uses again that could not be stored.
    pub(super) fn put_back(&self, uses: &[Arc<Usage>]) {
        for usage in uses {
            if !self.cell(usage.key).dirty.swap(true, Ordering::AcqRel) {
                let _ = self.dirty.send(usage.key);
            }
        }
    }

    fn cell(&self, key: KeyArn) -> Arc<Cell> {
        if let Some(cell) = self.cells.load().get(&key) {
            return Arc::clone(cell);
        }
        let new = Arc::new(Cell::default());
        self.cells.rcu(|cells| match cells.contains_key(&key) {
            true => Arc::clone(cells),
            false => Arc::new(cells.insert(key, Arc::clone(&new))),
        });
        self.cells.load().get(&key).cloned().unwrap_or(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::clock::Timestamp;
    use lifecycle::ids::Uuid;

    fn usage(at: i64) -> Usage {
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        Usage {
            key: key.parse().unwrap(),
            operation: "Decrypt".into(),
            at: Timestamp(at),
            event_id: Uuid::default(),
            request_id: Uuid::default(),
        }
    }

    #[test]
    fn a_key_is_queued_once_and_shows_its_last_use() {
        let ledger = Ledger::default();
        (1..=3).for_each(|at| ledger.record(usage(at)));
        assert_eq!(ledger.get(&usage(0).key).unwrap().at, Timestamp(3));
        let dirty = ledger.take_dirty();
        assert_eq!(dirty.iter().map(|usage| usage.at.0).collect::<Vec<_>>(), [3]);
        assert!(ledger.take_dirty().is_empty());
        ledger.put_back(&dirty);
        assert_eq!(ledger.take_dirty().len(), 1);
        ledger.clear();
        assert!(ledger.get(&usage(0).key).is_none());
    }

    #[test]
    fn concurrent_first_uses_share_one_cell() {
        let ledger = Ledger::default();
        std::thread::scope(|scope| {
            for at in 0..8 {
                let ledger = &ledger;
                scope.spawn(move || (0..100).for_each(|_| ledger.record(usage(at))));
            }
        });
        assert_eq!(ledger.take_dirty().len(), 1);
    }
}
