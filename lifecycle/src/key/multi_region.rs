//! Multi-Region keys: related keys in several Regions that have the same id and the same material.
//!
//! One of them is the *primary*: it alone can be replicated, and it holds what its *replicas* share but need no copy of,
//! the rotation settings. Everything else that they share (spec, usage, origin, material) each has itself.
//!
//! AWS: KMS developer guide, "Multi-Region keys in AWS KMS".

use serde::{Deserialize, Deserializer, Serialize};

use super::{ImportedMaterial, Key, KeyPolicy, KeyState, Material, Origin, Presence, Switch};
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region, Scope};
use crate::tag::Tag;

/// The place of a multi-Region key among the keys that it is related to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiRegion {
    /// What the key is to the others.
    pub role: Role,
    /// What the key is going through, for a few seconds.
    pub transition: Option<Transition>,
}

/// What a multi-Region key is to the keys that it is related to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The primary.
    Primary {
        /// The Regions of its replicas, in the order in which these were made.
        replicas: Vec<Region>,
    },
    /// A replica.
    Replica {
        /// The Region of its primary.
        primary: Region,
    },
}

/// A state that ends by itself.
///
/// AWS: KMS developer guide, "Key states of AWS KMS keys", Creating and Updating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// A new replica gets its material.
    Creating {
        /// When it has it.
        until: Timestamp,
    },
    /// The key becomes the primary, or ceases to be it.
    Updating {
        /// When that is complete.
        until: Timestamp,
    },
}

impl Transition {
    /// The state of the key meanwhile.
    #[must_use]
    pub fn state(self) -> KeyState {
        match self {
            Transition::Creating { .. } => KeyState::Creating,
            Transition::Updating { .. } => KeyState::Updating,
        }
    }

    /// When it ends.
    #[must_use]
    pub fn until(self) -> Timestamp {
        let (Transition::Creating { until } | Transition::Updating { until }) = self;
        until
    }
}

impl MultiRegion {
    /// A primary without replicas.
    #[must_use]
    pub fn primary() -> Self {
        MultiRegion { role: Role::Primary { replicas: Vec::new() }, transition: None }
    }
}

/// Keys that were stored before keys could be replicated say only whether they are multi-Region keys.
pub(super) fn stored<'de, D: Deserializer<'de>>(source: D) -> Result<Option<MultiRegion>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Flag(bool),
        Place(Option<MultiRegion>),
    }
    Ok(match Stored::deserialize(source)? {
        Stored::Flag(is) => is.then(MultiRegion::primary),
        Stored::Place(place) => place,
    })
}

/// What a replica has of its own, as its maker wants it.
///
/// AWS: KMS API reference, "ReplicateKey": none of it is copied from the primary.
#[derive(Clone, Debug)]
pub struct ReplicaAttributes {
    /// The key policy.
    pub policy: KeyPolicy,
    /// Free text, at most 8,192 characters.
    pub description: std::sync::Arc<str>,
    /// Tags, in their order.
    pub tags: Vec<Tag>,
}

impl Key {
    /// The related key of another Region, whether or not there is one.
    #[must_use]
    pub fn arn_in(&self, region: Region) -> KeyArn {
        KeyArn { scope: Scope { region, ..self.arn.scope }, ..self.arn }
    }

    /// The primary of the related keys, which may be this key; `None` for a single-Region key.
    #[must_use]
    pub fn primary(&self) -> Option<KeyArn> {
        Some(match self.multi_region.as_ref()?.role {
            Role::Primary { .. } => self.arn,
            Role::Replica { primary } => self.arn_in(primary),
        })
    }

    /// Whether the key is a multi-Region primary.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.primary() == Some(self.arn)
    }

    /// Whether the key is a replica.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.multi_region.is_some() && !self.is_primary()
    }

    /// What a multi-Region key is to its related keys, as AWS names it; `None` for a single-Region key.
    ///
    /// AWS: KMS API reference, "MultiRegionConfiguration", MultiRegionKeyType.
    #[must_use]
    pub fn multi_region_type(&self) -> Option<&'static str> {
        Some(match self.multi_region.as_ref()?.role {
            Role::Primary { .. } => "PRIMARY",
            Role::Replica { .. } => "REPLICA",
        })
    }

    /// The replicas of a primary, in the order in which they were made; none for any other key.
    pub fn replicas(&self) -> impl Iterator<Item = KeyArn> + '_ {
        let regions = match self.multi_region.as_ref().map(|place| &place.role) {
            Some(Role::Primary { replicas }) => replicas.as_slice(),
            _ => &[],
        };
        regions.iter().map(|region| self.arn_in(*region))
    }

    /// What a multi-Region key is going through.
    #[must_use]
    pub fn transition(&self) -> Option<Transition> {
        self.multi_region.as_ref()?.transition
    }

    /// The key without what it was going through.
    #[must_use]
    pub fn settled(&self) -> Key {
        let multi_region = self.multi_region.clone();
        let multi_region = multi_region.map(|place| MultiRegion { transition: None, ..place });
        Key { multi_region, ..self.clone() }
    }

    fn placed(&self, role: Role, transition: Option<Transition>) -> Key {
        Key { multi_region: Some(MultiRegion { role, transition }), ..self.clone() }
    }

    /// The primary with one more replica, and the replica, which is Creating until `until` and has no record of a material
    /// yet (see [`Key::counterpart`]). The key must be a primary that has no replica in `region`.
    #[must_use]
    pub fn replicate(
        &self,
        region: Region,
        attributes: ReplicaAttributes,
        now: Timestamp,
        until: Timestamp,
    ) -> (Key, Key) {
        let ReplicaAttributes { policy, description, tags } = attributes;
        let replica = Key {
            arn: self.arn_in(region),
            description,
            created_at: now,
            switch: Switch::Enabled,
            pending_deletion: None,
            policy,
            tags,
            imported: Vec::new(),
            rotation: None,
            on_demand_rotations: 0,
            ..self.placed(
                Role::Replica { primary: self.arn.scope.region },
                Some(Transition::Creating { until }),
            )
        };
        let replica = replica.informed_by(self);
        let replicas = self.replicas().map(|arn| arn.scope.region).chain([region]).collect();
        (self.placed(Role::Primary { replicas }, self.transition()), replica)
    }

    /// This related key, knowing what `other` knows of their materials: which there are, which encrypts, what stands where
    /// and what it is called. Which of the imported ones are there, and how long, is each key's own.
    ///
    /// AWS: KMS developer guide, "Import key material into multi-Region keys".
    #[must_use]
    pub fn informed_by(&self, other: &Key) -> Key {
        let imported = other.imported.iter().map(|material| {
            let own = self.imported(material.id);
            let presence = own.map_or(Presence::Missing, |own| own.presence);
            ImportedMaterial { presence, ..material.clone() }
        });
        Key {
            imported: imported.collect(),
            current_material: other.current_material,
            material_count: other.material_count,
            ..self.clone()
        }
    }

    /// This related key's record of a material that `material` is another's record of. Made by AWS KMS, it is the same in
    /// every Region; imported, it is there only if `own`, the record that this key has by now, has the bytes.
    #[must_use]
    pub fn counterpart(&self, material: &Material, own: Option<&Material>) -> Material {
        let secret = match self.origin {
            Origin::External => own.and_then(|own| own.secret.clone()),
            _ => material.secret.clone(),
        };
        Material { key: self.arn, secret, ..material.clone() }
    }

    /// The primary without the replica of a Region. If it was the last that a deletion waited for, the waiting period
    /// begins now.
    ///
    /// AWS: KMS developer guide, "Delete multi-Region keys".
    #[must_use]
    pub fn without_replica(&self, region: Region, now: Timestamp) -> Key {
        let left: Vec<Region> =
            self.replicas().map(|arn| arn.scope.region).filter(|left| *left != region).collect();
        let alone = left.is_empty();
        let mut key = self.placed(Role::Primary { replicas: left }, self.transition());
        if let Some(pending) = key.pending_deletion.as_mut().filter(|_| alone) {
            pending.deletion_at = pending.deletion_at.or(Some(now.plus_days(pending.window_days)));
        }
        key
    }

    /// All related keys after `replica`, which is one of this primary's, has become the primary: itself first, then this
    /// key, then the other replicas, which `others` are. What the primary alone holds moves with the role.
    ///
    /// AWS: KMS developer guide, "Change the primary key in a set of multi-Region keys".
    #[must_use]
    pub fn hand_over<'a>(
        &self,
        replica: &Key,
        others: impl IntoIterator<Item = &'a Key>,
        until: Timestamp,
    ) -> Vec<Key> {
        let primary = replica.arn.scope.region;
        let updating = Some(Transition::Updating { until });
        // The place of the new primary among the replicas is that of the old one.
        let place = |arn: KeyArn| if arn == replica.arn { self.arn } else { arn };
        let replicas = self.replicas().map(|arn| place(arn).scope.region).collect();
        let raised = Key {
            rotation: self.rotation,
            on_demand_rotations: self.on_demand_rotations,
            ..replica.placed(Role::Primary { replicas }, updating)
        };
        let lowered = Key {
            rotation: None,
            on_demand_rotations: 0,
            ..self.placed(Role::Replica { primary }, updating)
        };
        let others =
            others.into_iter().map(|other| other.placed(Role::Replica { primary }, other.transition()));
        [raised, lowered].into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_stored_before_keys_could_be_replicated_is_a_lone_primary_or_none() {
        #[derive(Deserialize)]
        struct Of(#[serde(deserialize_with = "stored")] Option<MultiRegion>);
        let read = |text: &str| serde_json::from_str::<Of>(text).unwrap().0;
        assert_eq!((read("false"), read("null")), (None, None));
        assert_eq!(read("true"), Some(MultiRegion::primary()));
        let replica = MultiRegion {
            role: Role::Replica { primary: Region::us_east_1() },
            transition: Some(Transition::Creating { until: Timestamp(7) }),
        };
        assert_eq!(read(&serde_json::to_string(&replica).unwrap()), Some(replica));
        assert!(serde_json::from_str::<Of>("7").is_err());
    }
}
