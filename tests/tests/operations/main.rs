//! The delivered operations, the control API and the audit log as their callers see them: through the AWS SDK
//! for Rust, and as plain requests where an SDK would refuse to send them or hide the exact answer.

#![cfg(test)]

mod aliases;
mod audit;
mod authorization;
mod clock;
mod clock_properties;
mod control;
mod coverage;
mod data_keys;
mod deletion;
mod encryption;
mod explain;
mod faults;
mod grants;
mod identifiers;
mod keys;
mod managed;
mod model;
mod not_built;
mod paging;
mod policies;
mod principals;
mod protocol;
mod quotas;
mod random;
mod rotation;
mod snapshots;
mod states;
mod sts;
mod subject;
mod tags;
mod usage;
mod waiting;
mod wire;
