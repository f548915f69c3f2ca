//! The rules of AWS KMS keys as a pure library.
//!
//! Nothing in this crate performs I/O, spawns a thread, reads an environment variable or asks what time it
//! is. Time and randomness are inputs, and live state is one immutable value: a [`state::State`] is read
//! through a [`state::View`] at an instant and changed only by applying [`state::Change`]s.

pub mod alias;
pub mod at_rest;
pub mod authorize;
pub mod clock;
pub mod crypto;
pub mod custom_store;
pub mod due;
pub mod event;
pub mod grant;
pub mod iam;
pub mod ids;
pub mod key;
pub mod managed;
pub mod policy;
pub mod schedule;
pub mod state;
pub mod tag;
