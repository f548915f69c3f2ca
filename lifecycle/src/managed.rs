//! The keys that AWS makes by itself: for a customer, *AWS managed keys*; for its own use, *AWS owned keys*.
//!
//! Each integrated service has an alias `alias/aws/{service}` in every account and Region, before any key stands behind it.
//! The key comes into being when it is first needed. In the account of a customer it is the AWS managed key of the
//! service: the customer may look at it and, through the service, use it. In the account of AWS itself
//! ([`AccountId::aws`](crate::ids::AccountId::aws)) it is the key that the service owns, of which no customer ever
//! hears.
//!
//! Both are keys like any other: with material of their own, rotated by the [`calendar`](crate::key::calendar), and
//! protected by nothing but their key policy.
//!
//! AWS: KMS developer guide, "AWS KMS keys", AWS managed keys and AWS owned keys; "Aliases in AWS KMS", predefined
//! aliases.

mod policy;
mod service;

use std::sync::Arc;

pub use service::{SERVICES, Service};

use crate::alias::Alias;
use crate::clock::Timestamp;
use crate::crypto::envelope::{MATERIAL_LENGTH, material_id};
use crate::crypto::{Entropy, EntropyError, Secret};
use crate::ids::{AliasArn, KeyArn, KeyId, Scope};
use crate::key::{AutomaticRotation, Key, KeyManager, KeySpec, KeyUsage, Material, Origin, Switch};
use crate::state::{Change, Record, View};

/// A key that has just been made, with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The service that it was made for.
    pub service: &'static Service,
    /// The key.
    pub key: Key,
    /// Its first material.
    pub material: Material,
    /// The predefined alias, which names it from now on.
    pub alias: Alias,
}

impl Made {
    /// The changes that bring it into the state.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        vec![
            Change::Put(Record::Material(Arc::new(self.material.clone()))),
            Change::Put(Record::Key(Arc::new(self.key.clone()))),
            Change::Put(Record::Alias(Arc::new(self.alias.clone()))),
        ]
    }
}

/// The key that [`provision`] would make, as far as it is known before: what requests for it are judged by. Its id is a
/// placeholder, and it has no material. `None` if `alias` is not predefined.
#[must_use]
pub fn planned(alias: &AliasArn, now: Timestamp) -> Option<Key> {
    let service = Service::of_alias(&alias.name)?;
    Some(service.key(KeyArn { scope: alias.scope, id: KeyId::single_region([0; 16]) }, now))
}

/// Makes the key behind a predefined alias. `None` if there is one already, or if `alias` is not predefined: asking any
/// number of times makes one key.
///
/// # Errors
/// The source of randomness failed; then nothing may be changed.
pub fn provision(
    view: View<'_>,
    alias: &AliasArn,
    entropy: &dyn Entropy,
) -> Result<Option<Made>, EntropyError> {
    let Some(service) = Service::of_alias(&alias.name) else { return Ok(None) };
    if view.alias(alias).is_some() {
        return Ok(None);
    }
    let now = view.now();
    let arn = KeyArn { scope: alias.scope, id: KeyId::single_region(entropy.array()?) };
    let secret = Secret::new(entropy.array::<MATERIAL_LENGTH>()?.to_vec());
    let material = Material {
        key: arn,
        id: material_id(arn.id, &secret),
        number: 0,
        created_at: now,
        rotation: None,
        secret: Some(secret),
    };
    let key = Key { current_material: Some(material.id), material_count: 1, ..service.key(arn, now) };
    let alias = Alias { arn: alias.clone(), target: arn.id, created_at: now, updated_at: now };
    Ok(Some(Made { service, key, material, alias }))
}

impl Service {
    /// The alias of its key in an account and Region; in the account of AWS, of the key that it owns.
    #[must_use]
    pub fn alias(&self, scope: Scope) -> Option<AliasArn> {
        Some(AliasArn { scope, name: format!("alias/aws/{}", self.name).parse().ok()? })
    }

    /// Its key, without material.
    fn key(&self, arn: KeyArn, now: Timestamp) -> Key {
        Key {
            arn,
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            manager: KeyManager::Aws,
            multi_region: None,
            description: self.description(arn.scope).into(),
            created_at: now,
            switch: Switch::Enabled,
            pending_deletion: None,
            policy: policy::of(self, arn.scope),
            tags: Vec::new(),
            current_material: None,
            material_count: 0,
            rotation: Some(AutomaticRotation::by_aws(now)),
            on_demand_rotations: 0,
            custom_store: None,
            imported: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
