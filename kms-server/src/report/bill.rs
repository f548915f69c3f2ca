//! What AWS would have charged: months of keys, from the state, and requests, from the counts.

use std::collections::BTreeMap;

use lifecycle::clock::Timestamp;
use lifecycle::ids::AccountId;
use lifecycle::key::{Key, KeyManager};
use lifecycle::state::View;

use super::price::{FREE_REQUESTS, KEY_MONTH_USD, PRICED_ROTATIONS, PriceClass, PriceRow};
use super::{Counted, Month};
use crate::engine::{DepartedKey, rotations};

/// The bill of one account for one month, up to the instant of the view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// Time of customer managed keys.
    pub keys: KeyTime,
    /// Requests that succeeded, by class; only those that there were.
    pub requests: BTreeMap<PriceClass, u64>,
}

/// Time of customer managed keys, in months.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KeyTime {
    /// Of the keys themselves.
    pub key_months: f64,
    /// Of their first and second rotations, which cost as much as a key each.
    pub rotation_months: f64,
}

impl Bill {
    /// What the keys cost, in US dollars.
    #[must_use]
    pub fn keys_usd(&self) -> f64 {
        (self.keys.key_months + self.keys.rotation_months) * KEY_MONTH_USD
    }

    /// Requests that the free tier covers.
    #[must_use]
    pub fn free_requests(&self) -> u64 {
        let covered = PriceClass::ALL.iter().filter(|row| row.in_free_tier);
        covered.map(|row| self.of(row.class)).sum::<u64>().min(FREE_REQUESTS)
    }

    /// The requests of a class that cost something, and what they cost in US dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of requests fit in 53 bits")]
    pub fn charged(&self, row: &PriceRow) -> (u64, f64) {
        // One class is in the free tier, so that all of it is its own.
        let free = if row.in_free_tier { self.free_requests() } else { 0 };
        let charged = self.of(row.class) - free;
        (charged, charged as f64 * row.usd_per_10_000 / 10_000.0)
    }

    /// All of it, in US dollars.
    #[must_use]
    pub fn total_usd(&self) -> f64 {
        self.keys_usd() + PriceClass::ALL.iter().map(|row| self.charged(row).1).sum::<f64>()
    }

    fn of(&self, class: PriceClass) -> u64 {
        self.requests.get(&class).copied().unwrap_or_default()
    }
}

/// The bills of the last `months_max` months, by month and account; only of accounts that have something on them.
///
/// `departed` are keys that are gone, which have cost something before.
#[must_use]
pub fn bills(
    view: View<'_>,
    departed: &[DepartedKey],
    counted: &Counted,
    months_max: usize,
) -> BTreeMap<(Month, AccountId), Bill> {
    let mut bills: BTreeMap<(Month, AccountId), Bill> = BTreeMap::new();
    let this = Month::of(view.now());
    let months: Vec<Month> =
        std::iter::successors(Some(this), |month| month.before()).take(months_max).collect();
    let there = view.all_keys().map(|key| (key, rotations(view, key.arn)));
    let gone = departed.iter().map(|gone| (&gone.key, gone.rotated_at.clone()));
    for (key, rotated_at) in there.chain(gone).filter(|(key, _)| key.manager == KeyManager::Customer) {
        let end = billed_until(key, view.now());
        for month in &months {
            if month.span().1 <= key.created_at {
                break;
            }
            let key_months = share(*month, key.created_at, end);
            let rotation_months =
                rotated_at.iter().take(PRICED_ROTATIONS).map(|at| share(*month, *at, end)).sum::<f64>();
            if key_months > 0.0 {
                let keys = &mut bills.entry((*month, key.arn.scope.account)).or_default().keys;
                keys.key_months += key_months;
                keys.rotation_months += rotation_months;
            }
        }
    }
    for ((_, row), counts) in &counted.rows {
        if counts.succeeded > 0 && months.contains(&row.month) {
            let bill = bills.entry((row.month, row.scope.account)).or_default();
            *bill.requests.entry(row.class).or_default() += counts.succeeded;
        }
    }
    bills
}

/// A key that waits for its deletion is not charged once its waiting period runs; if that is cancelled, it is as if it had never been scheduled.
fn billed_until(key: &Key, now: Timestamp) -> Timestamp {
    let scheduled = key.pending_deletion.and_then(|pending| {
        let deletion_at = pending.deletion_at?;
        Some(Timestamp(deletion_at.0 - i64::from(pending.window_days) * 86_400_000))
    });
    scheduled.map_or(now, |scheduled| scheduled.min(now))
}

/// Which share of a month lies between two instants.
#[expect(clippy::cast_precision_loss, reason = "a month has few milliseconds")]
fn share(month: Month, from: Timestamp, until: Timestamp) -> f64 {
    let (start, end) = month.span();
    let within = until.0.min(end.0) - from.0.max(start.0);
    within.max(0) as f64 / (end.0 - start.0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_tier_covers_symmetric_requests_only() {
        let requests = [(PriceClass::Symmetric, 120_000), (PriceClass::RsaKeyPair, 10_000)];
        let bill =
            Bill { keys: KeyTime { key_months: 1.5, rotation_months: 0.5 }, requests: requests.into() };
        assert_eq!((bill.keys_usd(), bill.free_requests()), (2.0, 20_000));
        let charged: Vec<_> = PriceClass::ALL.iter().map(|row| bill.charged(row)).collect();
        let nothing = (0, 0.0);
        let (calls, dollars) = charged[0];
        assert!(calls == 100_000 && (dollars - 0.3).abs() < 1e-9, "{dollars}");
        assert_eq!(charged[1..], [nothing, nothing, nothing, (10_000, 12.0)]);
        assert!((bill.total_usd() - 14.3).abs() < 1e-9);
        let few = Bill { requests: [(PriceClass::Symmetric, 7)].into(), ..Bill::default() };
        assert_eq!((few.free_requests(), few.total_usd()), (7, 0.0));
    }

    #[test]
    fn a_month_is_shared_by_time() {
        let month = Month::of(Timestamp(1_767_225_600_000));
        let (start, end) = month.span();
        let middle = Timestamp(i64::midpoint(start.0, end.0));
        assert_eq!(share(month, Timestamp(0), Timestamp(i64::MAX)), 1.0);
        assert_eq!(share(month, middle, Timestamp(i64::MAX)), 0.5);
        assert_eq!(share(month, end, Timestamp(i64::MAX)), 0.0);
        assert_eq!(share(month, Timestamp(0), start), 0.0);
    }
}
