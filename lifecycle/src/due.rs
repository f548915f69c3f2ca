//! What falls due: each kind of event that time brings about by itself is declared here once.

use std::fmt;

use crate::clock::Timestamp;
use crate::custom_store::{Connection, CustomKeyStore};
use crate::ids::{KeyArn, MaterialId, StoreName};
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
    /// A multi-Region key is ready: a new replica has its material, or a change of the primary Region is complete.
    SynchronizeMultiRegionKey(KeyArn),
    /// A key gets new material on its schedule.
    RotateKey(KeyArn),
    /// The waiting period of a key ends: the key, its material, its aliases and its grants cease to exist.
    DeleteKey(KeyArn),
    /// Imported material of a key expires.
    DeleteExpiredKeyMaterial(KeyArn, MaterialId),
    /// An attempt to connect a custom key store comes to its end, good or bad.
    ConnectStore(StoreName),
    /// A custom key store is disconnected.
    DisconnectStore(StoreName),
}

impl Event {
    /// The names of all kinds, in their order.
    pub const KINDS: &[&str] = &[
        "SynchronizeMultiRegionKey",
        "RotateKey",
        "DeleteKey",
        "DeleteExpiredKeyMaterial",
        "ConnectCustomKeyStore",
        "DisconnectCustomKeyStore",
    ];

    /// The name of the kind, which is that of the service event in the audit log, or of the operation that began it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::SynchronizeMultiRegionKey(_) => "SynchronizeMultiRegionKey",
            Event::RotateKey(_) => "RotateKey",
            Event::DeleteKey(_) => "DeleteKey",
            Event::DeleteExpiredKeyMaterial(..) => "DeleteExpiredKeyMaterial",
            Event::ConnectStore(_) => "ConnectCustomKeyStore",
            Event::DisconnectStore(_) => "DisconnectCustomKeyStore",
        }
    }

    /// Whether it makes something that a view of its instant cannot show before it has happened. An end needs no
    /// such wait: what has ended is not in the view any more. But with a multi-Region key, related keys change.
    #[must_use]
    pub fn makes(&self) -> bool {
        match self {
            Event::SynchronizeMultiRegionKey(_)
            | Event::RotateKey(_)
            | Event::ConnectStore(_)
            | Event::DisconnectStore(_) => true,
            Event::DeleteKey(key) | Event::DeleteExpiredKeyMaterial(key, _) => key.id.is_multi_region(),
        }
    }

    /// The ARN of the key, or the name of the custom key store, that it happens to.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Event::SynchronizeMultiRegionKey(key)
            | Event::RotateKey(key)
            | Event::DeleteKey(key)
            | Event::DeleteExpiredKeyMaterial(key, _) => key.to_string(),
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
    let deletion = key.deletion_at().map(|at| Due { at, event: Event::DeleteKey(key.arn) });
    let ready =
        key.transition().map(|it| Due { at: it.until(), event: Event::SynchronizeMultiRegionKey(key.arn) });
    let expiries = key.imported.iter().filter_map(|material| {
        let event = Event::DeleteExpiredKeyMaterial(key.arn, material.id);
        material.presence.ends_at().map(|at| Due { at, event })
    });
    ready.into_iter().chain(rotation).chain(deletion).chain(expiries)
}

/// What will happen to a custom key store as it is.
pub(crate) fn of_store(store: &CustomKeyStore) -> impl Iterator<Item = Due> + use<> {
    let event = match store.connection {
        Connection::Disconnecting { .. } => Event::DisconnectStore(store.arn),
        _ => Event::ConnectStore(store.arn),
    };
    store.connection.settles_at().map(|at| Due { at, event }).into_iter()
}
