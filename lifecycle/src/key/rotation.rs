//! Rotation: new material for a key that keeps its name, its policy and everything it ever encrypted.
//!
//! AWS: KMS developer guide, "Rotate AWS KMS keys".

use serde::{Deserialize, Serialize};

use super::{Key, KeyManager, Material, Switch, calendar, wire_enum};
use crate::clock::Timestamp;
use crate::crypto::envelope::{MATERIAL_LENGTH, material_id};
use crate::crypto::{Entropy, EntropyError, Secret};

/// The rotation period of a key whose user names none, in days.
pub const ROTATION_PERIOD_DAYS_DEFAULT: u32 = 365;

/// Rotations on demand that a key may have in its life.
///
/// AWS: KMS developer guide, "Resource quotas".
pub const ON_DEMAND_ROTATIONS_MAX: u32 = 25;

/// Automatic rotation: as the user switched it on or, of a key that AWS manages, by the [`calendar`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticRotation {
    /// 90 to 2,560 days. Of a key that AWS manages, the period of today.
    pub period_days: u32,
    /// What the period is counted from: the last automatic rotation, or the instant at which rotation was
    /// switched on.
    pub since: Timestamp,
    /// When the key rotates next, if it is enabled then.
    pub next_at: Timestamp,
}

wire_enum! {
    /// Why a key was rotated.
    ///
    /// AWS: KMS API reference, "RotationsListEntry".
    RotationType {
        /// On its schedule.
        Automatic = "AUTOMATIC",
        /// Because the user asked for it.
        OnDemand = "ON_DEMAND",
    }
}

impl AutomaticRotation {
    /// Rotation of a key that AWS manages, and that was made or last rotated at `since`.
    #[must_use]
    pub fn by_aws(since: Timestamp) -> Self {
        AutomaticRotation {
            period_days: calendar::PERIOD_DAYS,
            since,
            next_at: calendar::next_rotation(since),
        }
    }

    /// Rotation every `period_days`, first that long after `since`, but not before `now`.
    fn new(period_days: u32, since: Timestamp, now: Timestamp) -> Self {
        AutomaticRotation { period_days, since, next_at: since.plus_days(period_days).max(now) }
    }

    /// The same, but next not before `now`.
    pub(super) fn not_before(self, now: Timestamp) -> Self {
        AutomaticRotation { next_at: self.next_at.max(now), ..self }
    }
}

impl Key {
    /// The key with automatic rotation switched on, or with another period. Without a period it keeps the one it has,
    /// or gets [`ROTATION_PERIOD_DAYS_DEFAULT`]. A key that AWS manages keeps to the calendar, whoever asks.
    #[must_use]
    pub fn enable_rotation(&self, period_days: Option<u32>, now: Timestamp) -> Key {
        if self.manager == KeyManager::Aws {
            return self.clone();
        }
        let rotation = match (self.rotation, period_days) {
            (Some(rotation), None) => rotation,
            (Some(rotation), Some(period)) => AutomaticRotation::new(period, rotation.since, now),
            (None, period) => {
                AutomaticRotation::new(period.unwrap_or(ROTATION_PERIOD_DAYS_DEFAULT), now, now)
            }
        };
        Key { rotation: Some(rotation), ..self.clone() }
    }

    /// The key with automatic rotation switched off. What it has rotated to stays. That of a key that AWS manages is
    /// never off.
    #[must_use]
    pub fn disable_rotation(&self) -> Key {
        let rotation = self.rotation.filter(|_| self.manager == KeyManager::Aws);
        Key { rotation, ..self.clone() }
    }

    /// Automatic rotation as it is known at an instant; `None` if it is off. That of a key that waits to be deleted
    /// is off; the setting comes back with the key.
    #[must_use]
    pub fn rotation_at(&self, now: Timestamp) -> Option<AutomaticRotation> {
        let rotation = self.rotation.filter(|_| self.pending_deletion.is_none())?;
        Some(match self.manager {
            KeyManager::Aws => {
                let (period_days, next_at) = calendar::shown_at(now, rotation.since);
                AutomaticRotation { period_days, next_at, ..rotation }
            }
            KeyManager::Customer => rotation,
        })
    }

    /// When the key rotates by itself: never while it is disabled or waits to be deleted. A replica gets its material
    /// when its primary rotates.
    #[must_use]
    pub fn rotates_at(&self) -> Option<Timestamp> {
        let waits = self.pending_deletion.is_some()
            || self.transition().is_some_and(|it| it.state() == super::KeyState::Creating);
        self.rotation.filter(|_| !waits && self.switch == Switch::Enabled).map(|rotation| rotation.next_at)
    }

    /// The key with new material, which encrypts from now on.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn rotate(
        &self,
        kind: RotationType,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Key, Material), EntropyError> {
        let secret = Secret::new(entropy.array::<MATERIAL_LENGTH>()?.to_vec());
        let material = Material {
            key: self.arn,
            id: material_id(self.arn.id, &secret),
            number: self.material_count,
            created_at: at,
            rotation: Some(kind),
            secret: Some(secret),
        };
        let rotation = match kind {
            RotationType::Automatic => self.rotation.map(|rotation| match self.manager {
                KeyManager::Aws => AutomaticRotation::by_aws(at),
                KeyManager::Customer => AutomaticRotation::new(rotation.period_days, at, at),
            }),
            // AWS: a rotation on demand leaves the schedule as it is.
            RotationType::OnDemand => self.rotation,
        };
        let key = Key {
            current_material: Some(material.id),
            material_count: self.material_count + 1,
            rotation,
            on_demand_rotations: self.on_demand_rotations + u32::from(kind == RotationType::OnDemand),
            ..self.clone()
        };
        Ok((key, material))
    }
}
