//! External key store proxies: what is asked of them, what they answer, and the way there.
//!
//! An operation says what it has to ask, and fails; whoever runs it sends the [`Call`], with nothing held up meanwhile,
//! and runs the operation again, which then finds the answer in its [`Conversation`].
//!
//! AWS: External Key Store Proxy API Specification, version 1; KMS developer guide, "External key stores".

mod call;
mod client;
mod conversation;
mod failure;
mod reply;
mod response;
mod routes;

pub use call::{Call, Metadata, Target};
pub use client::Client;
pub use conversation::{Conversation, Pending};
pub use failure::Failure;
pub use reply::{KeyFault, decrypted, encrypted, healthy, usable};
pub use routes::{Route, RouteError, Routes};

/// What a proxy answered: the body of a success, or why there is none.
pub type Answer = Result<bytes::Bytes, Failure>;
