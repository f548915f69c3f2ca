//! What may come between a request and its operation: quotas of its account, and faults that a test injects.
//!
//! Both wait or refuse before anything is looked up for the request's sake, and so before anything can change.

use std::sync::Arc;

use lifecycle::key::Key;
use lifecycle::state::View;

use super::run::Moment;
use super::{Exchange, Service};
use crate::api::error::KmsError;
use crate::faults::{Strike, Target};
use crate::operations::registry::Entry;
use crate::pipeline;
use crate::quotas::charges;

impl Service {
    /// Whether anything may come between.
    pub(super) fn disturbs(&self) -> bool {
        !self.parts().faults.is_empty() || self.parts().request_quotas.share().is_some()
    }

    /// Holds up a prepared request, or refuses it. A request that waits holds no place in the audit log and no thread.
    ///
    /// AWS: throttling comes before anything that depends on the key.
    pub(super) async fn disturb(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
    ) -> Result<(), KmsError> {
        let strike = {
            let snapshot = self.parts().engine.snapshot();
            self.strike(entry, exchange, snapshot.state.at(exchange.moment.at))?
        };
        if !strike.latency.is_zero() {
            tokio::time::sleep(strike.latency).await;
            // The operation works on the state of the moment at which it begins.
            let snapshot = self.parts().engine.snapshot();
            exchange.moment = Moment { at: snapshot.now(), version: snapshot.version };
        }
        strike.error.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// What comes between, decided at once.
    pub(super) fn strike(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
        view: View<'_>,
    ) -> Result<Strike, KmsError> {
        let parts = self.parts();
        let (caller, input) = exchange.prepared()?;
        let limited = parts.request_quotas.share().is_some();
        let mut keys: Vec<Arc<Key>> = Vec::new();
        if limited || parts.faults.name_keys() {
            let circumstances = &exchange.circumstances;
            keys = pipeline::keys_of(&pipeline::Request { entry, caller, input, circumstances }, view);
        }
        if limited {
            let charges = charges(entry, input, &keys, caller.scope());
            if !parts.request_quotas.admit(&charges, exchange.moment.at) {
                return Err(KmsError::throttled());
            }
        }
        let arns: Vec<_> = keys.iter().map(|key| key.arn).collect();
        let target = Target { operation: entry, caller, keys: &arns, view };
        let strike = parts.faults.strike(&target);
        if strike.error.is_some() {
            exchange.trace.resources.extend(arns.into_iter().map(pipeline::Resource::Key));
        }
        Ok(strike)
    }
}
