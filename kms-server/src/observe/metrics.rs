//! Counters in Prometheus's text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::http::Refused;
use crate::operations::registry::{self, OPERATIONS};

/// Requests by operation and outcome since start, and those that no operation saw.
pub struct Metrics {
    /// One pair per registered operation, in the registry's order: successes, failures.
    operations: Box<[[AtomicU64; 2]]>,
    /// Requests that named no operation.
    unknown: AtomicU64,
    /// Requests that the edge refused, in the order of [`Refused::ALL`].
    refused: [AtomicU64; Refused::ALL.len()],
    /// Calls of STS by operation: successes, failures. They are few.
    sts: Mutex<BTreeMap<&'static str, [u64; 2]>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            operations: OPERATIONS.iter().map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            unknown: AtomicU64::new(0),
            refused: Refused::ALL.map(|_| AtomicU64::new(0)),
            sts: Mutex::default(),
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With its answer.
    Success,
    /// With an error.
    Failure,
}

impl Metrics {
    /// Counts a request by the name of its operation.
    pub fn count(&self, operation: &str, outcome: Outcome) {
        let counters = registry::place(operation).and_then(|place| self.operations.get(place));
        let counter = match (counters, outcome) {
            (Some([success, _]), Outcome::Success) => success,
            (Some([_, failure]), Outcome::Failure) => failure,
            (None, _) => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call of the Security Token Service; of one that named no operation, the name is empty.
    pub fn count_sts(&self, operation: &'static str, outcome: Outcome) {
        let mut calls = self.sts.lock().unwrap_or_else(PoisonError::into_inner);
        let [successes, failures] = calls.entry(operation).or_default();
        match outcome {
            Outcome::Success => *successes += 1,
            Outcome::Failure => *failures += 1,
        }
    }

    /// Counts a request that the edge answered itself.
    pub fn refuse(&self, reason: Refused) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The text that Prometheus reads. Operations that were never called are left out.
    #[must_use]
    pub fn render(&self, keys: usize, version: u64) -> String {
        let mut text = String::from(
            "# HELP kms_requests_total Requests by operation and outcome.\n# TYPE kms_requests_total counter\n",
        );
        for (entry, counters) in OPERATIONS.iter().zip(&self.operations) {
            for (counter, outcome) in counters.iter().zip(["success", "failure"]) {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    let name = entry.name();
                    let _ = writeln!(
                        text,
                        "kms_requests_total{{operation=\"{name}\",outcome=\"{outcome}\"}} {count}"
                    );
                }
            }
        }
        text.push_str(
            "# HELP kms_sts_requests_total Calls of STS by operation and outcome.\n\
             # TYPE kms_sts_requests_total counter\n",
        );
        for (name, counts) in &*self.sts.lock().unwrap_or_else(PoisonError::into_inner) {
            for (count, outcome) in counts.iter().zip(["success", "failure"]).filter(|(count, _)| **count > 0)
            {
                let _ = writeln!(
                    text,
                    "kms_sts_requests_total{{operation=\"{name}\",outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        let unknown = self.unknown.load(Ordering::Relaxed);
        let _ = write!(
            text,
            "# HELP kms_unknown_operations_total Requests that named no operation.\n\
             # TYPE kms_unknown_operations_total counter\nkms_unknown_operations_total {unknown}\n\
             # HELP kms_refused_requests_total Requests that were refused before any operation saw them.\n\
             # TYPE kms_refused_requests_total counter\n"
        );
        for (reason, counter) in Refused::ALL.iter().zip(&self.refused) {
            let (reason, count) = (reason.as_str(), counter.load(Ordering::Relaxed));
            let _ = writeln!(text, "kms_refused_requests_total{{reason=\"{reason}\"}} {count}");
        }
        let _ = write!(
            text,
            "# HELP kms_keys Keys in all accounts and Regions.\n# TYPE kms_keys gauge\nkms_keys {keys}\n\
             # HELP kms_store_version Version of the last stored batch.\n# TYPE kms_store_version gauge\n\
             kms_store_version {version}\n"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        for (at, reason) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
    }

    #[test]
    fn requests_are_counted_by_operation_and_outcome() {
        let metrics = Metrics::default();
        metrics.count("Encrypt", Outcome::Success);
        metrics.count("Encrypt", Outcome::Success);
        metrics.count("Encrypt", Outcome::Failure);
        metrics.count("Nonsense", Outcome::Failure);
        metrics.refuse(Refused::TooSlow);
        metrics.count_sts("AssumeRole", Outcome::Failure);
        let text = metrics.render(3, 7);
        for line in [
            "kms_requests_total{operation=\"Encrypt\",outcome=\"success\"} 2",
            "kms_requests_total{operation=\"Encrypt\",outcome=\"failure\"} 1",
            "kms_unknown_operations_total 1",
            "kms_sts_requests_total{operation=\"AssumeRole\",outcome=\"failure\"} 1",
            "kms_refused_requests_total{reason=\"too_large\"} 0",
            "kms_refused_requests_total{reason=\"too_slow\"} 1",
            "kms_keys 3",
            "kms_store_version 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("Decrypt"));
    }
}
