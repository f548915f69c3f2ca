//! Imported material: what a key of the origin `EXTERNAL` knows of each of its materials. The bytes are
//! [`Material`] records, which stay without their bytes when those are deleted.
//!
//! AWS: KMS developer guide, "Importing key material for AWS KMS keys".

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Key, Material, Origin, RotationType, Switch, wire_enum};
use crate::clock::Timestamp;
use crate::crypto::Secret;
use crate::crypto::envelope::material_id;
use crate::ids::MaterialId;

/// One material that was imported into a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedMaterial {
    /// Its name.
    pub id: MaterialId,
    /// Whether it is there, and how long.
    pub presence: Presence,
    /// Whether it belongs to the key for good, or waits for RotateKeyOnDemand.
    pub standing: Standing,
    /// What the user calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
}

/// Whether material is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// It was deleted or has expired, and is to be imported again.
    Missing,
    /// It is there and does not expire.
    Unlimited,
    /// It is there, and expires at this instant.
    Until(Timestamp),
}

/// Whether a key depends on a material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It encrypts, or has encrypted: the key is not usable without it.
    Permanent,
    /// It encrypts after the next rotation, and may be given up until then.
    PendingRotation,
}

wire_enum! {
    /// Whether imported material is to be new to its key.
    ///
    /// AWS: KMS API reference, "ImportKeyMaterial", ImportType.
    ImportType {
        /// It must be new.
        New = "NEW_KEY_MATERIAL",
        /// It must have been imported before.
        Existing = "EXISTING_KEY_MATERIAL",
    }
}

wire_enum! {
    /// Whether imported material expires.
    ///
    /// AWS: KMS API reference, "ImportKeyMaterial", ExpirationModel.
    ExpirationModel {
        /// It does, at its `ValidTo`.
        Expires = "KEY_MATERIAL_EXPIRES",
        /// It does not.
        DoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

impl Presence {
    /// Whether the material is there at an instant.
    #[must_use]
    pub fn is_present_at(self, now: Timestamp) -> bool {
        match self {
            Presence::Missing => false,
            Presence::Unlimited => true,
            Presence::Until(end) => now < end,
        }
    }

    /// When the material expires.
    #[must_use]
    pub fn ends_at(self) -> Option<Timestamp> {
        match self {
            Presence::Missing | Presence::Unlimited => None,
            Presence::Until(end) => Some(end),
        }
    }

    /// Whether the material expires; `None` while it is missing.
    #[must_use]
    pub fn model_at(self, now: Timestamp) -> Option<ExpirationModel> {
        self.is_present_at(now).then(|| match self.ends_at() {
            Some(_) => ExpirationModel::Expires,
            None => ExpirationModel::DoesNotExpire,
        })
    }
}

/// Material to import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The bytes, in the form of [`super::KeySpec::generate`].
    pub secret: Secret,
    /// Whether they are to be new; by default exactly if nothing was ever imported.
    pub import_type: Option<ImportType>,
    /// The id that they are to have.
    pub id: Option<MaterialId>,
    /// How long they stay: not [`Presence::Missing`].
    pub presence: Presence,
    /// What the user calls them; by default what they were called before.
    pub description: Option<Arc<str>>,
}

/// Why material is not imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// It is not the material that was to be imported.
    Incorrect,
    /// New material is to have an id that was known before.
    KnownId,
    /// It would be a second one that waits for a rotation.
    Pending {
        /// The id of the material.
        new: MaterialId,
        /// That of the material that waits already.
        pending: MaterialId,
    },
}

impl Key {
    /// What is known of one imported material.
    #[must_use]
    pub fn imported(&self, id: MaterialId) -> Option<&ImportedMaterial> {
        self.imported.iter().find(|material| material.id == id)
    }

    /// The imported material that waits for a rotation.
    #[must_use]
    pub fn pending_material_at(&self, now: Timestamp) -> Option<&ImportedMaterial> {
        let pending = self.imported.iter().find(|material| material.standing == Standing::PendingRotation);
        pending.filter(|material| material.presence.is_present_at(now))
    }

    fn permanent(&self) -> impl Iterator<Item = &ImportedMaterial> {
        self.imported.iter().filter(|material| material.standing == Standing::Permanent)
    }

    /// Whether the key waits for material: it has none yet, or not all that it depends on is there.
    #[must_use]
    pub fn is_pending_import_at(&self, now: Timestamp) -> bool {
        let all = || self.permanent().all(|material| material.presence.is_present_at(now));
        self.origin == Origin::External && (self.permanent().next().is_none() || !all())
    }

    /// How long everything that the key depends on stays; [`Presence::Missing`] if something is not there.
    #[must_use]
    pub fn presence_at(&self, now: Timestamp) -> Presence {
        if self.is_pending_import_at(now) {
            return Presence::Missing;
        }
        let first = self.permanent().filter_map(|material| material.presence.ends_at()).min();
        first.map_or(Presence::Unlimited, Presence::Until)
    }

    /// The key with imported material, and the record of the bytes. `known` is the record of the same material, if there
    /// is one. A key that waited for just this is enabled afterwards.
    ///
    /// AWS: KMS API reference, "ImportKeyMaterial".
    ///
    /// # Errors
    /// Why the material cannot be imported; then nothing changes.
    pub fn import(
        &self,
        import: Import,
        known: Option<&Material>,
        now: Timestamp,
    ) -> Result<(Key, Material), ImportError> {
        let Import { secret, import_type, id: named, presence, description } = import;
        let is_first = self.permanent().next().is_none();
        let default = if is_first { ImportType::New } else { ImportType::Existing };
        let import_type = import_type.unwrap_or(default);
        if import_type == ImportType::New && named.is_some() {
            return Err(ImportError::KnownId);
        }
        let id = material_id(self.arn.id, &secret);
        let before = self.imported(id);
        let is_new = before.is_none();
        if is_new != (import_type == ImportType::New) || named.is_some_and(|named| named != id) {
            return Err(ImportError::Incorrect);
        }
        let mut key = self.clone();
        if is_new {
            let pending = self.imported.iter().find(|known| known.standing == Standing::PendingRotation);
            if let Some(pending) = pending {
                return Err(ImportError::Pending { new: id, pending: pending.id });
            }
            let standing = if is_first { Standing::Permanent } else { Standing::PendingRotation };
            key.imported.push(ImportedMaterial { id, presence, standing, description });
            if is_first {
                key.current_material = Some(id);
            }
        } else {
            for material in key.imported.iter_mut().filter(|material| material.id == id) {
                material.presence = presence;
                if description.is_some() {
                    material.description.clone_from(&description);
                }
            }
        }
        if self.is_pending_import_at(now) && !key.is_pending_import_at(now) {
            key.switch = Switch::Enabled;
        }
        let material = Material {
            key: self.arn,
            id,
            number: known.map_or(self.material_count, |known| known.number),
            created_at: known.map_or(now, |known| known.created_at),
            rotation: known.and_then(|known| known.rotation),
            secret: Some(secret),
        };
        key.material_count += u32::from(is_new && is_first);
        Ok((key, material))
    }

    /// The key without the bytes of one imported material, and what is left of the record of those: nothing of material
    /// that the key does not depend on yet, unless it is a replica, which goes on waiting for what its primary has. `None` if
    /// there is nothing to remove.
    #[must_use]
    pub fn without_material(&self, known: &Material) -> Option<(Key, Option<Material>)> {
        let entry = self.imported(known.id)?;
        let mut key = self.clone();
        if entry.standing == Standing::PendingRotation && !self.is_replica() {
            key.imported.retain(|material| material.id != known.id);
            return Some((key, None));
        }
        if entry.presence == Presence::Missing {
            return None;
        }
        for material in key.imported.iter_mut().filter(|material| material.id == known.id) {
            material.presence = Presence::Missing;
        }
        Some((key, Some(Material { secret: None, ..known.clone() })))
    }

    /// The key after a rotation to the imported material that waits for it.
    ///
    /// AWS: KMS developer guide, "Perform on-demand key rotation", keys with imported key material.
    #[must_use]
    pub fn rotate_to(&self, pending: &Material, at: Timestamp) -> (Key, Material) {
        let mut key = self.clone();
        for material in key.imported.iter_mut().filter(|material| material.id == pending.id) {
            material.standing = Standing::Permanent;
        }
        key.current_material = Some(pending.id);
        key.material_count += 1;
        key.on_demand_rotations += 1;
        (key, Material { created_at: at, rotation: Some(RotationType::OnDemand), ..pending.clone() })
    }
}
