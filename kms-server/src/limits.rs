//! Quotas of the service, and its delays, each with AWS's default but for delays, which are none or short.
//!
//! AWS: KMS developer guide, "Quotas".

use std::time::Duration;

/// Upper bounds that the operations enforce, and how long a change takes to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Customer managed keys per account and Region.
    pub keys_max: usize,
    /// Aliases per key.
    pub aliases_per_key_max: usize,
    /// Grants per customer managed key.
    pub grants_per_key_max: usize,
    /// Domain time until a new grant counts for requests without its token.
    pub grant_consistency_delay: Duration,
    /// Domain time for which a new replica of a multi-Region key is Creating.
    pub replica_creating_time: Duration,
    /// Domain time for which a multi-Region key is Updating after a change of the primary Region.
    pub primary_updating_time: Duration,
    /// Tags per key.
    pub tags_per_key_max: usize,
    /// Bytes of a key policy.
    pub policy_bytes_max: usize,
    /// Custom key stores per account and Region.
    pub custom_key_stores_max: usize,
    /// Domain time until an attempt to connect a custom key store ends.
    pub custom_key_store_connect_time: Duration,
    /// Domain time until a custom key store is disconnected.
    pub custom_key_store_disconnect_time: Duration,
    /// Bytes of an encryption context in its length-prefixed form.
    pub encryption_context_bytes_max: usize,
    /// Named snapshots of the whole state. AWS has none.
    pub snapshots_max: usize,
    /// Requests of the control API that wait for something to happen.
    pub waiters_max: usize,
    /// How long such a request waits at most.
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            keys_max: 100_000,
            aliases_per_key_max: 50,
            grants_per_key_max: 50_000,
            grant_consistency_delay: Duration::ZERO,
            replica_creating_time: Duration::from_secs(5),
            primary_updating_time: Duration::from_secs(5),
            tags_per_key_max: 50,
            policy_bytes_max: 32_768,
            custom_key_stores_max: 10,
            custom_key_store_connect_time: Duration::ZERO,
            custom_key_store_disconnect_time: Duration::ZERO,
            encryption_context_bytes_max: 8_192,
            snapshots_max: 16,
            waiters_max: 1_000,
            wait_max: Duration::from_secs(60),
        }
    }
}
