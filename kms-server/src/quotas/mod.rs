//! Request quotas: how often an account may call in a Region, counted only if a server is told to enforce them.
//!
//! A quota is a bucket that holds what may come in one second and fills up evenly in that time, on the domain clock: a
//! client that runs at a clock's rate has the quota of that clock's seconds, and on a frozen clock a bucket fills only
//! when the clock is moved, so that a test meets the limit exactly.
//!
//! AWS: KMS developer guide, "Request quotas" and "Throttling AWS KMS requests".

mod table;

pub use table::{Charge, Quota, charges};

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::clock::Timestamp;
use lifecycle::ids::Scope;

/// Parts of the buckets, each with a lock of its own.
const SHARDS: usize = 16;

/// Buckets in one part. When they do not suffice, those that are full are forgotten, which changes nothing, and if there
/// are none of these, all: their owners begin another second.
const BUCKETS_MAX: usize = 4_096;

/// Microseconds in the span in which a bucket fills up.
const SECOND: i64 = 1_000_000;

/// The request quotas of all accounts and Regions.
pub struct RequestQuotas {
    /// What share of AWS's quotas is granted; `None` enforces none.
    share: Option<f64>,
    hasher: RandomState,
    shards: [Mutex<HashMap<(Scope, Quota), Bucket>>; SHARDS],
}

/// What one account has used of a quota in one Region.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// When it will be full again, in microseconds of domain time.
    full_at: i64,
    per_second: f64,
    admitted: u64,
    throttled: u64,
}

/// A quota that was used lately, for the report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// The account and Region.
    pub scope: Scope,
    /// The quota.
    pub quota: Quota,
    /// Requests that are granted in a second.
    pub per_second: f64,
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that were refused.
    pub throttled: u64,
}

impl RequestQuotas {
    /// Quotas of a share of AWS's: 1 is AWS's own; 0 enforces none.
    #[must_use]
    pub fn new(share: f64) -> Self {
        RequestQuotas {
            share: Some(share).filter(|share| *share > 0.0),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The share of AWS's quotas that is granted; `None` if they are not enforced.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        self.share
    }

    /// Counts a request against each quota that it uses. Whether all of them have room for it.
    pub fn admit(&self, charges: &[Charge], now: Timestamp) -> bool {
        let Some(share) = self.share else { return true };
        charges.iter().all(|charge| self.take(charge, share, now))
    }

    fn take(&self, charge: &Charge, share: f64, now: Timestamp) -> bool {
        let of = (charge.scope, charge.quota);
        let now = now.0.saturating_mul(1_000);
        let mut buckets = self.shard(&of);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&of) {
            buckets.retain(|_, bucket| bucket.full_at > now);
            if buckets.len() >= BUCKETS_MAX {
                buckets.clear();
            }
        }
        let per_second = charge.per_second * share;
        let bucket =
            buckets.entry(of).or_insert(Bucket { full_at: now, per_second, admitted: 0, throttled: 0 });
        let admitted = bucket.take(charge.requests, now);
        *(if admitted { &mut bucket.admitted } else { &mut bucket.throttled }) += 1;
        admitted
    }

    fn shard(&self, of: &(Scope, Quota)) -> MutexGuard<'_, HashMap<(Scope, Quota), Bucket>> {
        let shards = SHARDS as u64;
        let at = usize::try_from(self.hasher.hash_one(of) % shards).unwrap_or_default();
        let shard = self.shards.get(at).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every quota that was used lately, in order.
    #[must_use]
    pub fn used(&self) -> Vec<Used> {
        let mut used = Vec::new();
        for shard in &self.shards {
            let buckets = shard.lock().unwrap_or_else(PoisonError::into_inner);
            used.extend(buckets.iter().map(|(&(scope, quota), bucket)| {
                let Bucket { per_second, admitted, throttled, .. } = *bucket;
                Used { scope, quota, per_second, admitted, throttled }
            }));
        }
        used.sort_by_key(|used| (used.scope, used.quota));
        used
    }
}

impl Bucket {
    /// Takes room for so many requests, if there is some.
    fn take(&mut self, requests: u32, now: i64) -> bool {
        // After a reset the clock may show an earlier time: no bucket takes longer than this to fill up.
        let each = self.interval();
        let room = (SECOND - each).max(0);
        if self.full_at > now.saturating_add(SECOND.max(each).saturating_mul(2)) {
            self.full_at = now;
        }
        let full_at = self.full_at.max(now);
        // A request that counts several times passes where its first does: a bucket smaller than it must not bar it.
        if full_at - now > room {
            return false;
        }
        self.full_at = full_at.saturating_add(each.saturating_mul(requests.into()));
        true
    }

    /// The time in which room for one request comes free, in microseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most some days")]
    fn interval(&self) -> i64 {
        ((SECOND as f64 / self.per_second).round() as i64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn charge(account: &str, per_second: f64) -> Charge {
        let scope = Scope { account: account.parse().unwrap(), region: "us-east-1".parse().unwrap() };
        Charge { scope, quota: Quota::Operation("CreateKey"), per_second, requests: 1 }
    }

    const NOW: i64 = 1_767_225_600_000;

    fn admitted(quotas: &RequestQuotas, charge: Charge, at: i64, tries: usize) -> usize {
        (0..tries).filter(|_| quotas.admit(&[charge], Timestamp(at))).count()
    }

    #[test]
    fn a_second_has_room_for_its_requests_and_frees_it_evenly() {
        let quotas = RequestQuotas::new(1.0);
        let charge = charge("111122223333", 5.0);
        assert_eq!(admitted(&quotas, charge, NOW, 20), 5);
        assert_eq!(admitted(&quotas, charge, NOW + 199, 20), 0);
        assert_eq!(admitted(&quotas, charge, NOW + 200, 20), 1);
        assert_eq!(admitted(&quotas, charge, NOW + 10_000, 20), 5);
        let used = quotas.used();
        assert_eq!((used.len(), used[0].admitted, used[0].throttled), (1, 11, 69));
    }

    #[test]
    fn accounts_do_not_share_and_none_is_counted_when_nothing_is_enforced() {
        let quotas = RequestQuotas::new(1.0);
        assert_eq!(admitted(&quotas, charge("111122223333", 1.0), NOW, 3), 1);
        assert_eq!(admitted(&quotas, charge("444455556666", 1.0), NOW, 3), 1);
        let off = RequestQuotas::new(0.0);
        assert_eq!(admitted(&off, charge("111122223333", 1.0), NOW, 30), 30);
        assert!(off.used().is_empty() && off.share().is_none());
    }

    #[test]
    fn a_share_below_one_request_a_second_admits_one_at_a_time() {
        let quotas = RequestQuotas::new(0.1);
        let charge = charge("111122223333", 5.0);
        assert_eq!(admitted(&quotas, charge, NOW, 3), 1);
        assert_eq!(admitted(&quotas, charge, NOW + 1_999, 3), 0);
        assert_eq!(admitted(&quotas, charge, NOW + 2_000, 3), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_bar_anybody() {
        let quotas = RequestQuotas::new(1.0);
        let charge = charge("111122223333", 5.0);
        assert_eq!(admitted(&quotas, charge, NOW, 9), 5);
        assert_eq!(admitted(&quotas, charge, 0, 9), 5);
    }

    #[test]
    fn memory_is_bounded() {
        let quotas = RequestQuotas::new(1.0);
        for number in 0..(SHARDS * BUCKETS_MAX + 10_000) {
            assert!(quotas.admit(&[charge(&format!("{number:012}"), 5.0)], Timestamp(NOW)));
        }
        assert!(quotas.used().len() <= SHARDS * BUCKETS_MAX);
        // Buckets that are full are forgotten first.
        for number in 0..100_000 {
            assert!(quotas.admit(&[charge(&format!("{number:012}"), 5.0)], Timestamp(NOW + 10_000 + number)));
        }
        assert!(quotas.used().len() <= SHARDS * BUCKETS_MAX);
    }

    proptest! {
        /// However requests are spread, no span of time sees more than a second's worth beyond its own.
        #[test]
        fn no_span_sees_more_than_its_quota(
            per_second in 1_u32..200,
            gaps in prop::collection::vec(0_i64..200, 1..300),
        ) {
            let quotas = RequestQuotas::new(1.0);
            let charge = charge("111122223333", per_second.into());
            let (mut at, mut passed) = (NOW, 0_u32);
            for gap in gaps {
                at += gap;
                passed += u32::from(quotas.admit(&[charge], Timestamp(at)));
                let span = f64::from(u32::try_from(at - NOW).unwrap()) / 1_000.0;
                prop_assert!(f64::from(passed) <= f64::from(per_second) * (span + 1.0) * 1.001 + 1.0);
            }
        }
    }
}
