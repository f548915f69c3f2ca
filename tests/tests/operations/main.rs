//! The delivered operations, the control API and the audit log as their callers see them: through the AWS SDK
//! for Rust, and as plain requests where an SDK would refuse to send them or hide the exact answer.

#![cfg(test)]

mod agreement;
mod aliases;
mod asymmetric_encryption;
mod audit;
mod authorization;
mod clock;
mod clock_properties;
mod cloudtrail;
mod control;
mod coverage;
mod custom_stores;
mod data_keys;
mod deletion;
mod delivery;
mod encryption;
mod events;
mod explain;
mod faults;
mod grants;
mod identifiers;
mod import;
mod key_pairs;
mod keys;
mod mac;
mod managed;
mod material;
mod model;
mod multi_region;
mod paging;
mod policies;
mod principals;
mod protocol;
mod quotas;
mod random;
mod recipient;
mod rotation;
mod signing;
mod snapshots;
mod states;
mod sts;
mod subject;
mod tables;
mod tags;
mod usage;
mod waiting;
mod webhook;
mod wire;
