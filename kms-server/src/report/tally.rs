//! Requests counted by month, caller, key and operation, in memory since the start.
//!
//! The map is free of locks, so that counting never waits. What does not fit any more is still counted, but as one number.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use foldhash::fast::RandomState;
use lifecycle::clock::Timestamp;
use lifecycle::ids::{KeyArn, Scope};
use papaya::{Equivalent, HashMap};

use super::Month;
use super::price::PriceClass;
use crate::observe::metrics::Outcome;

/// Rows that are counted apart.
const ROWS_MAX: usize = 50_000;

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

/// What a number stands for: a row of one caller, in an epoch of the domain clock.
#[derive(PartialEq, Eq)]
struct Entry {
    epoch: u64,
    principal: Box<str>,
    row: Row,
}

/// The same, borrowed.
#[derive(Hash)]
struct Sought<'a> {
    epoch: u64,
    principal: &'a str,
    row: &'a Row,
}

impl Entry {
    fn sought(&self) -> Sought<'_> {
        Sought { epoch: self.epoch, principal: &self.principal, row: &self.row }
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sought().hash(state);
    }
}

impl Equivalent<Entry> for Sought<'_> {
    fn equivalent(&self, entry: &Entry) -> bool {
        self.epoch == entry.epoch && *self.row == entry.row && *self.principal == *entry.principal
    }
}

struct Numbers {
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Domain time of the first request, in milliseconds.
    since: AtomicI64,
}

/// All counts.
#[derive(Default)]
pub struct Tally {
    rows: HashMap<Entry, Numbers, RandomState>,
    uncounted: AtomicU64,
    /// The epoch that is counted.
    epoch: AtomicU64,
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
        let rows = self.rows.pin();
        let numbers = match rows.get(&Sought { epoch, principal, row: &row }) {
            Some(numbers) => numbers,
            None if rows.len() >= ROWS_MAX => {
                self.uncounted.fetch_add(1, Ordering::Relaxed);
                return;
            }
            None => rows.get_or_insert_with(Entry { epoch, principal: principal.into(), row }, || Numbers {
                succeeded: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                since: AtomicI64::new(at.0),
            }),
        };
        if at.0 < numbers.since.load(Ordering::Relaxed) {
            numbers.since.fetch_min(at.0, Ordering::Relaxed);
        }
        let number = match outcome {
            Outcome::Success => &numbers.succeeded,
            Outcome::Failure => &numbers.failed,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets what was counted in another epoch.
    fn restart(&self, epoch: u64) {
        if self.epoch.swap(epoch, Ordering::Relaxed) != epoch {
            self.uncounted.store(0, Ordering::Relaxed);
            self.rows.pin().retain(|entry, _| entry.epoch == epoch);
        }
    }

    /// The counts of an epoch; there are none of another than the last.
    #[must_use]
    pub fn counted(&self, epoch: u64) -> Counted {
        let mut counted = Counted { since: None, rows: BTreeMap::new(), uncounted: 0 };
        if self.epoch.load(Ordering::Relaxed) != epoch {
            return counted;
        }
        counted.uncounted = self.uncounted.load(Ordering::Relaxed);
        for (entry, numbers) in self.rows.pin().iter().filter(|(entry, _)| entry.epoch == epoch) {
            let since = Timestamp(numbers.since.load(Ordering::Relaxed));
            counted.since = Some(counted.since.map_or(since, |earliest| earliest.min(since)));
            let counts = Counts {
                succeeded: numbers.succeeded.load(Ordering::Relaxed),
                failed: numbers.failed.load(Ordering::Relaxed),
            };
            counted.rows.insert((entry.principal.clone(), entry.row), counts);
        }
        counted
    }
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
