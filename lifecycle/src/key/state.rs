//! Key states and the moves between them.
//!
//! AWS: KMS developer guide, "Key states of AWS KMS keys".

use serde::{Deserialize, Serialize};

use super::Key;
use crate::clock::Timestamp;

/// What DescribeKey shows as `KeyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Switched off by the user, or back from pending deletion.
    Disabled,
    /// Waiting to be deleted.
    PendingDeletion,
    /// Waiting for imported material.
    PendingImport,
    /// A multi-Region primary that waits for its replicas to be deleted.
    PendingReplicaDeletion,
    /// Its custom key store is disconnected.
    Unavailable,
    /// A replica that is being made.
    Creating,
    /// A multi-Region key whose primary Region is changing.
    Updating,
}

impl KeyState {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
            KeyState::PendingImport => "PendingImport",
            KeyState::PendingReplicaDeletion => "PendingReplicaDeletion",
            KeyState::Unavailable => "Unavailable",
            KeyState::Creating => "Creating",
            KeyState::Updating => "Updating",
        }
    }
}

/// Whether the user wants the key usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switch {
    /// As created, or after EnableKey.
    Enabled,
    /// After DisableKey or CancelKeyDeletion.
    Disabled,
}

/// A deletion that has been scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDeletion {
    /// When the key ceases to exist; `None` while the waiting period does not run, because a primary waits for its
    /// replicas to be gone.
    pub deletion_at: Option<Timestamp>,
    /// The waiting period that was asked for.
    pub window_days: u32,
}

/// The shortest and the longest waiting period, in days.
pub const DELETION_WINDOW_DAYS: std::ops::RangeInclusive<u32> = 7..=30;

/// A move that the key's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// CancelKeyDeletion of a key that is not waiting to be deleted.
    NotPendingDeletion,
    /// The waiting period is outside [`DELETION_WINDOW_DAYS`].
    Window,
}

impl Key {
    /// The key switched on or off. A rotation that fell due while the key was off takes place when it is on again.
    ///
    /// AWS: KMS developer guide, "Enable automatic key rotation".
    #[must_use]
    pub fn switch_to(&self, switch: Switch, now: Timestamp) -> Key {
        let rotation = self.rotation.map(|rotation| rotation.not_before(now));
        let rotation = if switch == Switch::Enabled { rotation } else { self.rotation };
        Key { switch, rotation, ..self.clone() }
    }

    /// The key with a scheduled deletion. The waiting period of a primary begins when it has no replicas any more.
    ///
    /// AWS: KMS developer guide, "Delete multi-Region keys".
    ///
    /// # Errors
    /// [`StateError::Window`] for a waiting period that AWS does not accept.
    pub fn schedule_deletion(&self, now: Timestamp, window_days: u32) -> Result<Key, StateError> {
        if !DELETION_WINDOW_DAYS.contains(&window_days) {
            return Err(StateError::Window);
        }
        let deletion_at = self.replicas().next().is_none().then(|| now.plus_days(window_days));
        let pending = PendingDeletion { deletion_at, window_days };
        Ok(Key { pending_deletion: Some(pending), ..self.settled() })
    }

    /// The key without its scheduled deletion: always Disabled.
    ///
    /// # Errors
    /// [`StateError::NotPendingDeletion`] when none is scheduled.
    pub fn cancel_deletion(&self) -> Result<Key, StateError> {
        if self.pending_deletion.is_none() {
            return Err(StateError::NotPendingDeletion);
        }
        Ok(Key { pending_deletion: None, switch: Switch::Disabled, ..self.clone() })
    }
}
