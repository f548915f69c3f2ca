//! The delivered operations, the control API and the audit log as their callers see them: through the AWS SDK
//! for Rust, and as plain requests where an SDK would refuse to send them or hide the exact answer.

#![cfg(test)]

mod agreement;
mod aliases;
mod asymmetric_encryption;
mod audit;
mod authorization;
mod clock;
mod control;
mod coverage;
mod data_keys;
mod deletion;
mod encryption;
mod explain;
mod grants;
mod identifiers;
mod key_pairs;
mod keys;
mod mac;
mod material;
mod model;
mod not_built;
mod paging;
mod policies;
mod principals;
mod protocol;
mod random;
mod rotation;
mod signing;
mod states;
mod sts;
mod subject;
mod tags;
mod usage;
mod wire;
