//! KMS keys: what a key is, and the state it is in.

pub mod calendar;
mod import;
mod material;
mod multi_region;
mod policy;
#[cfg(feature = "kms")]
mod private;
#[cfg(feature = "kms")]
mod public;
mod rotation;
mod spec;
mod state;
#[cfg(feature = "kms")]
mod wrapping;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

pub use import::{ExpirationModel, Import, ImportError, ImportType, ImportedMaterial, Presence, Standing};
pub use material::Material;
pub use multi_region::{MultiRegion, ReplicaAttributes, Role, Transition};
pub use policy::KeyPolicy;
#[cfg(feature = "kms")]
pub use private::{PrivateKey, SigningInput};
#[cfg(feature = "kms")]
pub use public::PublicKey;
pub use rotation::{AutomaticRotation, ON_DEMAND_ROTATIONS_MAX, ROTATION_PERIOD_DAYS_DEFAULT, RotationType};
pub(crate) use spec::wire_enum;
pub use spec::{
    EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, KeyManager, KeySpec, KeyUsage,
    MacAlgorithm, MessageType, Origin, SigningAlgorithm,
};
pub use state::{DELETION_WINDOW_DAYS, KeyState, PendingDeletion, StateError, Switch};
#[cfg(feature = "kms")]
pub use wrapping::{UnwrapError, WrappingAlgorithm, WrappingKey, WrappingKeySpec};

use crate::clock::Timestamp;
use crate::ids::{KeyArn, MaterialId, StoreId};
use crate::tag::Tag;

/// A KMS key without its secret bytes, which are [`Material`] records of their own.
///
/// AWS: KMS API reference, "KeyMetadata".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The key's name for its whole life.
    pub arn: KeyArn,
    /// What kind of material it has.
    pub spec: KeySpec,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: Origin,
    /// Who manages it.
    pub manager: KeyManager,
    /// Its place among the related keys of other Regions; `None` for a single-Region key.
    #[serde(deserialize_with = "multi_region::stored")]
    pub multi_region: Option<MultiRegion>,
    /// Free text, at most 8,192 characters.
    pub description: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// What the user last asked for with EnableKey or DisableKey.
    pub switch: Switch,
    /// Set while the key waits to be deleted.
    pub pending_deletion: Option<PendingDeletion>,
    /// The key policy as AWS prints it.
    pub policy: KeyPolicy,
    /// In the order in which they were added.
    pub tags: Vec<Tag>,
    /// The material that encrypts; none while the first is still to be imported.
    #[serde(default, alias = "materials", deserialize_with = "last_material")]
    pub current_material: Option<MaterialId>,
    /// How many materials the key has had. All of them stay, so that whatever they encrypted can be decrypted; one that
    /// is imported and waits for a rotation does not count yet.
    #[serde(default = "one_material")]
    pub material_count: u32,
    /// Automatic rotation, if it is on.
    pub rotation: Option<AutomaticRotation>,
    /// How often the key was rotated on demand.
    #[serde(default)]
    pub on_demand_rotations: u32,
    /// What was imported, if its origin is `EXTERNAL`: the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<ImportedMaterial>,
    /// Where it lives, if that is a custom key store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_store: Option<Residence>,
}

/// Where a key in a custom key store lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residence {
    /// The store, of the key's account and Region.
    pub store: StoreId,
    /// The external key that it stands for, exactly if the store is an external one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xks_key_id: Option<Arc<str>>,
}

/// Keys that were stored before keys could rotate list their materials, of which each had one.
fn last_material<'de, D: Deserializer<'de>>(source: D) -> Result<Option<MaterialId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Current(Option<MaterialId>),
        All(Vec<MaterialId>),
    }
    Ok(match Stored::deserialize(source)? {
        Stored::Current(id) => id,
        Stored::All(ids) => ids.last().copied(),
    })
}

fn one_material() -> u32 {
    1
}

impl Key {
    /// The state of the key at an instant, as far as it follows from the key alone; [`crate::state::View::key_state`] knows
    /// the rest.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> KeyState {
        match (&self.pending_deletion, self.transition(), self.switch) {
            (Some(pending), ..) if pending.deletion_at.is_none() => KeyState::PendingReplicaDeletion,
            (Some(_), ..) => KeyState::PendingDeletion,
            (None, Some(transition), _) => transition.state(),
            (None, None, _) if self.is_pending_import_at(now) => KeyState::PendingImport,
            (None, None, Switch::Enabled) => KeyState::Enabled,
            (None, None, Switch::Disabled) => KeyState::Disabled,
        }
    }

    /// Whether the key is gone at `now`: its waiting period has ended.
    #[must_use]
    pub fn is_deleted_at(&self, now: Timestamp) -> bool {
        self.deletion_at().is_some_and(|at| at <= now)
    }

    /// When the key ceases to exist, if its waiting period runs.
    #[must_use]
    pub fn deletion_at(&self) -> Option<Timestamp> {
        self.pending_deletion?.deletion_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_stored_before_keys_could_rotate_has_its_one_material() {
        let id = "ab".repeat(32);
        let stored = format!(
            r#"{{"arn":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "spec":"SYMMETRIC_DEFAULT","usage":"ENCRYPT_DECRYPT","origin":"AWS_KMS","manager":"CUSTOMER",
            "multi_region":false,"description":"","created_at":0,"switch":"Enabled","pending_deletion":null,
            "policy":"","tags":[],"materials":["{id}"]}}"#
        );
        let key: Key = serde_json::from_str(&stored).unwrap();
        assert_eq!(key.current_material, Some(id.parse().unwrap()));
        assert_eq!((key.material_count, key.rotation, key.on_demand_rotations), (1, None, 0));
        assert_eq!(key.multi_region, None);
        let again: Key = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(again, key);
    }
}
