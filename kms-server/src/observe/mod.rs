//! What can be seen from outside: the audit log and the metrics.

pub mod audit;
pub mod metrics;
pub mod record;
