//! What can be seen from outside: the audit log, the notifications and the metrics.

pub mod audit;
pub mod delivery;
pub(crate) mod json;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod notifications;
pub mod record;
mod segments;
mod sender;
mod service_event;
mod table_event;
pub mod webhook;
