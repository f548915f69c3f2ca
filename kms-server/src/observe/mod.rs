//! What can be seen from outside: the audit log and the metrics.

pub mod audit;
pub(crate) mod json;
pub mod metrics;
pub mod record;
