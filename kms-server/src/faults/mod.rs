//! Faults that a test injects: requests that take long or fail as they sometimes do on AWS.
//!
//! A fault says which requests it may strike and what becomes of them. Faults live in memory: no restart keeps them.
//! While there is none, a request pays one load of a pointer. Which of the matching requests are struck follows from
//! the fault's seed and the number of the request alone, so that a test which makes the same requests sees the same.

mod fault;
mod read;

pub use fault::{Draft, FaultError, KeyName, Strike, Target};
pub use read::read;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;

use fault::Fault;

/// Faults at one time: what a request may have to look at.
pub const FAULTS_MAX: usize = 100;

/// The longest that a request is held up, by all faults together.
pub const LATENCY_MAX: Duration = Duration::from_secs(60);

/// All faults of a server.
#[derive(Default)]
pub struct Faults {
    active: ArcSwap<Vec<Arc<Fault>>>,
    /// The number of the latest fault, held while the list changes.
    latest: Mutex<u64>,
    delayed: AtomicU64,
    /// Requests that failed, in the order of [`FaultError::ALL`].
    failed: [AtomicU64; FaultError::ALL.len()],
}

/// There are [`FAULTS_MAX`] faults already.
#[derive(Debug)]
pub struct TooMany;

impl Faults {
    /// Whether there is no fault, so that nothing need be known about a request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.load().is_empty()
    }

    /// Adds a fault, and shows it as it stands in the list.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn add(&self, draft: Draft) -> Result<Value, TooMany> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let active = self.active.load_full();
        if active.len() >= FAULTS_MAX {
            return Err(TooMany);
        }
        *latest += 1;
        let fault = Arc::new(Fault::new(*latest, draft));
        let shown = fault.shown();
        self.active.store(Arc::new(active.iter().cloned().chain([fault]).collect()));
        Ok(shown)
    }

    /// Every fault, oldest first, with how often it has matched and struck.
    #[must_use]
    pub fn shown(&self) -> Vec<Value> {
        self.active.load().iter().map(|fault| fault.shown()).collect()
    }

    /// Removes the fault of this number. Whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        self.retain(|fault| !fault.is(id)) > 0
    }

    /// Removes every fault. How many there were.
    pub fn clear(&self) -> usize {
        self.retain(|_| false)
    }

    fn retain(&self, keep: impl Fn(&Fault) -> bool) -> usize {
        let _changing = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let active = self.active.load_full();
        let kept: Vec<Arc<Fault>> = active.iter().filter(|fault| keep(fault)).cloned().collect();
        let removed = active.len() - kept.len();
        self.active.store(Arc::new(kept));
        removed
    }

    /// Whether any fault asks for keys, so that those of a request must be found first.
    #[must_use]
    pub fn name_keys(&self) -> bool {
        self.active.load().iter().any(|fault| fault.names_keys())
    }

    /// What becomes of a request: the faults that match it strike in their order, up to the first that makes it fail.
    /// Latencies add up.
    #[must_use]
    pub fn strike(&self, target: &Target<'_>) -> Strike {
        let mut strike = Strike::default();
        for fault in self.active.load().iter() {
            let Some(struck) = fault.strike(target) else { continue };
            strike.latency = strike.latency.saturating_add(struck.latency).min(LATENCY_MAX);
            if struck.error.is_some() {
                strike.error = struck.error;
                break;
            }
        }
        if !strike.latency.is_zero() {
            self.delayed.fetch_add(1, Ordering::Relaxed);
        }
        let kind = strike.error.as_ref().and_then(|(kind, _)| self.failed.get(*kind as usize));
        if let Some(counter) = kind {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        strike
    }

    /// Requests that were struck since the start, by what became of them.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let failed = FaultError::ALL.iter().zip(&self.failed).map(|(kind, counter)| (kind.as_str(), counter));
        let all = std::iter::once(("latency", &self.delayed)).chain(failed);
        all.map(|(kind, counter)| (kind, counter.load(Ordering::Relaxed)))
    }

    /// How many faults there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.active.load().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Caller;
    use crate::operations::registry;
    use lifecycle::clock::Timestamp;
    use lifecycle::iam::Identity;
    use lifecycle::policy::Principal;
    use lifecycle::state::State;

    #[test]
    fn latencies_add_up_to_the_longest_allowed_and_nothing_follows_an_error() {
        let faults = Faults::default();
        let slow = Draft { latency: Duration::from_secs(40), ..Draft::default() };
        let failing = Draft { error: Some(FaultError::Throttling), ..slow.clone() };
        let root = Principal::parse("arn:aws:iam::111122223333:root").unwrap();
        let identity = Arc::new(Identity::undescribed(root, None));
        let caller = Caller::unverified(identity, None, "us-east-1".parse().unwrap());
        let state = State::default();
        let operation = registry::find("Decrypt").unwrap();
        let target = Target { operation, caller: &caller, keys: &[], view: state.at(Timestamp(0)) };
        let struck = |draft: &Draft| {
            faults.add(draft.clone()).unwrap();
            let strike = faults.strike(&target);
            (strike.latency.as_secs(), strike.error.is_some())
        };
        assert_eq!(struck(&slow), (40, false));
        assert_eq!(struck(&slow), (60, false));
        assert_eq!(struck(&failing), (60, true));
        let struck_of = |at: usize| faults.shown()[at]["struck"].clone();
        assert_eq!(struck(&failing), (60, true));
        assert_eq!((struck_of(2), struck_of(3)), (2.into(), 0.into()));
        assert_eq!(faults.counts().collect::<Vec<_>>()[..2], [("latency", 4), ("ThrottlingException", 2)]);
    }
}
