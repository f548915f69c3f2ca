//! What KMS was asked for which table and why, and what that costs.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::name::TableName;
use super::port::{Identity, KmsCall, KmsFault, Reason};
use crate::clock::Timestamp;

/// The calls for one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// By operation and reason; failed calls count too.
    pub by_reason: BTreeMap<String, BTreeMap<Reason, u64>>,
    /// How many of them failed.
    pub failed: u64,
    /// How many Decrypts callers caused.
    pub decrypts: u64,
    /// How many would have been needed if every principal had used one connection: one in five minutes with requests.
    pub decrypts_needed: u64,
}

impl Calls {
    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason.values().flat_map(BTreeMap::values).sum()
    }

    /// The calls that reuse of connections would have saved.
    #[must_use]
    pub fn avoidable(&self) -> u64 {
        self.decrypts.saturating_sub(self.decrypts_needed)
    }
}

/// The calls of all tables since the engine was loaded.
#[derive(Debug, Default)]
pub struct Ledger {
    tables: BTreeMap<TableName, Calls>,
    /// The last five minutes in which a principal needed a Decrypt.
    buckets: HashMap<(TableName, String), i64>,
}

/// The length of a bucket: how long a key stays in a cache.
const BUCKET_MS: i64 = 5 * 60 * 1_000;

/// So many principals are told apart; beyond that, the figure of needed calls starts anew.
const BUCKETS_MAX: usize = 100_000;

impl Ledger {
    pub(super) fn record(&mut self, call: &KmsCall, fault: Option<&KmsFault>, now: Timestamp) {
        let calls = self.tables.entry(call.table.clone()).or_default();
        let by_reason = calls.by_reason.entry(call.request.operation().to_owned()).or_default();
        *by_reason.entry(call.reason).or_default() += 1;
        calls.failed += u64::from(fault.is_some());
        if let (Identity::Caller(caller), Reason::FirstUse | Reason::Refresh) = (&call.identity, call.reason)
        {
            calls.decrypts += 1;
            let bucket = now.0.div_euclid(BUCKET_MS);
            if self.buckets.len() >= BUCKETS_MAX {
                self.buckets.clear();
            }
            let before = self.buckets.insert((call.table.clone(), caller.arn.clone()), bucket);
            calls.decrypts_needed += u64::from(before != Some(bucket));
        }
    }

    /// The calls for each table.
    #[must_use]
    pub fn tables(&self) -> &BTreeMap<TableName, Calls> {
        &self.tables
    }

    /// The calls for a table.
    #[must_use]
    pub fn of(&self, table: &TableName) -> Calls {
        self.tables.get(table).cloned().unwrap_or_default()
    }
}

/// Prices, in millionths of a US dollar.
///
/// AWS: "AWS KMS pricing", "AWS CloudTrail pricing", "Amazon DynamoDB pricing"; those of storage differ by Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// 10,000 requests to KMS.
    pub requests_10k: u64,
    /// Requests to KMS that are free in a month.
    pub free_requests: u64,
    /// A customer managed key for a month.
    pub customer_key_month: u64,
    /// 100,000 events in a further copy of CloudTrail's management events.
    pub trail_events_100k: u64,
    /// A gigabyte of backup for a month.
    pub backup_gb_month: u64,
}

impl Default for Prices {
    fn default() -> Self {
        Prices {
            requests_10k: 30_000,
            free_requests: 20_000,
            customer_key_month: 1_000_000,
            trail_events_100k: 2_000_000,
            backup_gb_month: 100_000,
        }
    }
}

/// What a month costs, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Requests to KMS beyond the free ones.
    pub requests: u64,
    /// Customer managed keys.
    pub keys: u64,
    /// Copies of CloudTrail's events beyond the first.
    pub trail: u64,
    /// Backups on demand, also those that archiving made.
    pub backups: u64,
}

/// What a month is billed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests under managed and customer managed keys; there are none under AWS owned keys.
    pub requests: u64,
    /// Customer managed keys.
    pub customer_keys: u64,
    /// Copies of CloudTrail's management events, of which the first is free.
    pub trail_copies: u64,
    /// Megabytes in backups on demand.
    pub backup_megabytes: u64,
}

impl Prices {
    /// The bill of a month.
    #[must_use]
    pub fn bill(&self, usage: &Usage) -> Bill {
        let share = |count: u64, price: u64, unit: u64| {
            u64::try_from(u128::from(count) * u128::from(price) / u128::from(unit.max(1))).unwrap_or(u64::MAX)
        };
        let paid = usage.requests.saturating_sub(self.free_requests);
        let copied = usage.requests.saturating_mul(usage.trail_copies.saturating_sub(1));
        Bill {
            requests: share(paid, self.requests_10k, 10_000),
            keys: usage.customer_keys.saturating_mul(self.customer_key_month),
            trail: share(copied, self.trail_events_100k, 100_000),
            backups: share(usage.backup_megabytes, self.backup_gb_month, 1_024),
        }
    }
}
