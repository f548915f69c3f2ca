//! Keys that belong together: those of one multi-Region set.

use std::sync::Arc;

use super::{Change, View};
use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::event::ServiceEvent;
use crate::ids::{AccountId, KeyArn, KeyId};
use crate::key::Key;

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
