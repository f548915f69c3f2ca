//! Keys that belong together: those of one multi-Region set.

use std::sync::Arc;

use super::{Change, Record, View};
use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::event::ServiceEvent;
use crate::ids::{AccountId, KeyArn, KeyId, MaterialId};
use crate::key::{Key, Material};

impl<'a> View<'a> {
    /// The primary of a multi-Region key, which may be the key itself; `None` for a single-Region key.
    #[must_use]
    pub fn primary_of(&self, key: &Key) -> Option<&'a Arc<Key>> {
        self.key(&key.primary()?)
    }

    /// The replicas of a primary, in the order in which they were made; none for any other key.
    pub fn replicas_of<'k>(&self, key: &'k Key) -> impl Iterator<Item = &'a Arc<Key>> + use<'a, 'k> {
        let view = *self;
        key.replicas().filter_map(move |arn| view.key(&arn))
    }

    /// The keys that are related to a key, without itself; none for a single-Region key.
    pub fn related_to<'k>(&self, key: &'k Key) -> impl Iterator<Item = &'a Arc<Key>> + use<'a, 'k> {
        let view = *self;
        let primary = view.primary_of(key);
        let replicas = primary.into_iter().flat_map(move |primary| view.replicas_of(primary));
        primary.into_iter().chain(replicas).filter(move |related| related.arn != key.arn)
    }

    /// Whether a key and all keys that are related to it have an imported material.
    #[must_use]
    pub fn is_imported_everywhere(&self, key: &Key, id: MaterialId) -> bool {
        let has =
            |key: &Key| key.imported(id).is_some_and(|material| material.presence.is_present_at(self.now()));
        has(key) && self.related_to(key).all(|related| has(related))
    }

    /// The imported material to which a key can rotate now: it waits for that, and every related key has it.
    ///
    /// AWS: KMS developer guide, "Perform on-demand key rotation", multi-Region keys with imported key material.
    #[must_use]
    pub fn rotation_candidate(&self, key: &Key) -> Option<&'a Arc<Material>> {
        let pending = key.pending_material_at(self.now())?;
        self.material(&key.arn, pending.id).filter(|_| self.is_imported_everywhere(key, pending.id))
    }

    /// What the other related keys change when `key` has become what it is here: they learn of its imported materials, and
    /// have a record of each that `told` is one of.
    pub fn inform<'m>(
        &self,
        key: &'m Key,
        told: Option<&'m Material>,
    ) -> impl Iterator<Item = Change> + use<'a, 'm> {
        let view = *self;
        view.related_to(key).flat_map(move |related| {
            let informed = related.informed_by(key);
            let material = told.map(|told| {
                let own = view.material(&related.arn, told.id);
                Record::Material(Arc::new(informed.counterpart(told, own.map(|own| &**own))))
            });
            material.into_iter().chain([Record::Key(Arc::new(informed))]).map(Change::Put)
        })
    }

    /// Whether an account has a key of this id in any Region: multi-Region keys of one id are related.
    #[must_use]
    pub fn has_key_of_id(&self, account: AccountId, id: KeyId) -> bool {
        let scopes = self.state.customer_keys.keys().filter(|scope| scope.account == account);
        let mut arns = scopes.map(|scope| KeyArn { scope: *scope, id });
        arns.any(|arn| self.key(&arn).is_some())
    }

    /// The records by which it is told what happens to several keys at `at`, in their order. See [`View::tell`].
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn tell_each<'k>(
        &self,
        events: impl IntoIterator<Item = (&'k Key, ServiceEvent)>,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<Change>, EntropyError> {
        let mut changes = Vec::new();
        for (key, event) in events {
            changes.extend(self.tell_after(changes.len(), key, at, event, entropy)?);
        }
        Ok(changes)
    }
}
