//! What falls due: each kind of event that time brings about by itself is declared here once.

use std::fmt;

use crate::clock::Timestamp;
use crate::custom_store::{Connection, CustomKeyStore};
use crate::ids::{KeyArn, StoreName};
use crate::key::Key;

/// Something that happens by itself at an instant. Ordered by instant, then kind, then resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When it happens.
    pub at: Timestamp,
    /// What happens.
    pub event: Event,
}

/// The kinds of due events. Of two at one instant, the kind that is declared first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A key gets new material on its schedule.
    RotateKey(KeyArn),
    /// The waiting period of a key ends: the key, its material, its aliases and its grants cease to exist.
    DeleteKey(KeyArn),
    /// An attempt to connect a custom key store comes to its end, good or bad.
    ConnectStore(StoreName),
    /// A custom key store is disconnected.
    DisconnectStore(StoreName),
}

impl Event {
    /// The names of all kinds, in their order.
    pub const KINDS: &[&str] = &["RotateKey", "DeleteKey", "ConnectCustomKeyStore", "DisconnectCustomKeyStore"];

    /// The name of the kind, which is that of the service event in the audit log, or of the operation that began it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RotateKey(_) => "RotateKey",
            Event::DeleteKey(_) => "DeleteKey",
            Event::ConnectStore(_) => "ConnectCustomKeyStore",
            Event::DisconnectStore(_) => "DisconnectCustomKeyStore",
        }
    }

    /// Whether it makes something that a view of its instant cannot show before it has happened. An end needs no
    /// such wait: what has ended is not in the view any more.
    #[must_use]
    pub fn makes(&self) -> bool {
        !matches!(self, Event::DeleteKey(_))
    }

    /// The ARN of the key, or the name of the custom key store, that it happens to.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Event::RotateKey(key) | Event::DeleteKey(key) => key.to_string(),
            Event::ConnectStore(store) | Event::DisconnectStore(store) => store.to_string(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.resource())
    }
}

/// What will happen to a key as it is.
pub(crate) fn of_key(key: &Key) -> impl Iterator<Item = Due> {
    let rotation = key.rotates_at().map(|at| Due { at, event: Event::RotateKey(key.arn) });
    let deletion =
        key.pending_deletion.map(|pending| Due { at: pending.deletion_at, event: Event::DeleteKey(key.arn) });
    rotation.into_iter().chain(deletion)
}

/// What will happen to a custom key store as it is.
pub(crate) fn of_store(store: &CustomKeyStore) -> impl Iterator<Item = Due> + use<> {
    let event = match store.connection {
        Connection::Disconnecting { .. } => Event::DisconnectStore(store.arn),
        _ => Event::ConnectStore(store.arn),
    };
    store.connection.settles_at().map(|at| Due { at, event }).into_iter()
}
