//! Requests counted by month, caller, key and operation, in memory since the start.
//!
//! Each thread counts in a part of its own, so that counting neither waits nor copies: the parts are added up when
//! somebody asks. What does not fit any more is still counted, but as one number.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use lifecycle::clock::Timestamp;
use lifecycle::ids::{KeyArn, Scope};

use super::Month;
use super::price::PriceClass;
use crate::observe::metrics::Outcome;

/// Parts; threads beyond this number share them.
const PARTS: usize = 16;

/// Rows in one part.
const ROWS_MAX: usize = 10_000;

/// What requests are counted by, but for the principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// The month of domain time.
    pub month: Month,
    /// The account of the caller, which is the one that pays, and the Region.
    pub scope: Scope,
    /// The key; the first of several.
    pub key: Option<KeyArn>,
    /// The operation.
    pub operation: &'static str,
    /// What it costs.
    pub class: PriceClass,
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
    }
}

#[derive(Default)]
struct Part {
    /// The callers, and what each did.
    principals: HashMap<Box<str>, HashMap<Row, Counts, RandomState>, RandomState>,
    rows: usize,
    uncounted: u64,
}

/// All counts.
#[derive(Default)]
pub struct Tally {
    parts: [Mutex<Part>; PARTS],
    /// The epoch of the domain clock that is counted.
    epoch: AtomicU64,
    since: Mutex<Option<Timestamp>>,
}

/// The counts at one moment.
pub struct Counted {
    /// Domain time of the first request; `None` before it.
    pub since: Option<Timestamp>,
    /// By principal and row.
    pub rows: BTreeMap<(Box<str>, Row), Counts>,
    /// Requests that fit in no row.
    pub uncounted: u64,
}

impl Tally {
    /// Counts a request. `epoch` is that of the clock that shows `at`: a new one begins new counts.
    pub fn count(&self, principal: &str, row: Row, outcome: Outcome, epoch: u64, at: Timestamp) {
        if self.epoch.load(Ordering::Relaxed) != epoch {
            self.restart(epoch);
        }
        let Some(part) = self.parts.get(part()) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.rows == 0 && part.uncounted == 0 {
            self.begin(at);
        }
        let full = part.rows >= ROWS_MAX;
        let known = part.principals.get_mut(principal).and_then(|rows| rows.get_mut(&row));
        let counts = match known {
            Some(counts) => counts,
            None if full => {
                part.uncounted += 1;
                return;
            }
            None => {
                part.rows += 1;
                part.principals.entry(principal.into()).or_default().entry(row).or_default()
            }
        };
        match outcome {
            Outcome::Success => counts.succeeded += 1,
            Outcome::Failure => counts.failed += 1,
        }
    }

    fn begin(&self, at: Timestamp) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = Some(since.map_or(at, |since| since.min(at)));
    }

    /// Forgets what was counted in another epoch.
    fn restart(&self, epoch: u64) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.swap(epoch, Ordering::Relaxed) != epoch {
            *since = None;
            for part in &self.parts {
                *part.lock().unwrap_or_else(PoisonError::into_inner) = Part::default();
            }
        }
    }

    /// Adds up the parts. Counts of another epoch than `epoch` are none.
    #[must_use]
    pub fn counted(&self, epoch: u64) -> Counted {
        let mut counted = Counted { since: None, rows: BTreeMap::new(), uncounted: 0 };
        if self.epoch.load(Ordering::Relaxed) != epoch {
            return counted;
        }
        counted.since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            counted.uncounted += part.uncounted;
            for (principal, rows) in &part.principals {
                for (row, counts) in rows {
                    counted.rows.entry((principal.clone(), *row)).or_default().add(*counts);
                }
            }
        }
        counted
    }
}

/// The part of this thread.
fn part() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: Cell<Option<usize>> = const { Cell::new(None) };
    }
    PART.get().unwrap_or_else(|| {
        let part = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
        PART.set(Some(part));
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_767_225_600_000);

    fn row(account: u32) -> Row {
        let scope = Scope {
            account: format!("{account:012}").parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        Row {
            month: Month::of(AT),
            scope,
            key: None,
            operation: "GenerateRandom",
            class: PriceClass::Symmetric,
        }
    }

    #[test]
    fn threads_count_together() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for outcome in [Outcome::Success, Outcome::Success, Outcome::Failure] {
                        tally.count("arn", row(1), outcome, 0, AT);
                    }
                });
            }
        });
        let counted = tally.counted(0);
        assert_eq!((counted.rows.len(), counted.since), (1, Some(AT)));
        assert_eq!(counted.rows[&("arn".into(), row(1))], Counts { succeeded: 40, failed: 20 });
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let tally = Tally::default();
        let requests = u32::try_from(ROWS_MAX).unwrap() + 5;
        (0..requests).for_each(|account| tally.count("arn", row(account), Outcome::Success, 0, AT));
        tally.count("arn", row(0), Outcome::Success, 0, AT);
        let counted = tally.counted(0);
        assert_eq!((counted.rows.len(), counted.uncounted), (ROWS_MAX, 5));
        assert_eq!(counted.rows[&("arn".into(), row(0))].succeeded, 2);
    }

    #[test]
    fn a_new_epoch_begins_at_nothing() {
        let tally = Tally::default();
        tally.count("arn", row(1), Outcome::Success, 0, AT);
        assert!(tally.counted(1).rows.is_empty());
        tally.count("arn", row(2), Outcome::Success, 1, Timestamp(0));
        let counted = tally.counted(1);
        assert_eq!((counted.rows.len(), counted.since), (1, Some(Timestamp(0))));
        assert!(tally.counted(0).rows.is_empty());
    }
}
