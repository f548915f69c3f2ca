//! Quotas of the service, each with AWS's default.
//!
//! AWS: KMS developer guide, "Quotas".

/// Upper bounds that the operations enforce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Customer managed keys per account and Region.
    pub keys_max: usize,
    /// Aliases per key.
    pub aliases_per_key_max: usize,
    /// Tags per key.
    pub tags_per_key_max: usize,
    /// Bytes of a key policy.
    pub policy_bytes_max: usize,
    /// Bytes of an encryption context in its length-prefixed form.
    pub encryption_context_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            keys_max: 100_000,
            aliases_per_key_max: 50,
            tags_per_key_max: 50,
            policy_bytes_max: 32_768,
            encryption_context_bytes_max: 8_192,
        }
    }
}
