//! Grants and their indexes, and how a view sees them.

use std::ops::Bound;
use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::View;
use crate::grant::{Grant, GrantPrincipal, spellings};
use crate::ids::{GrantId, KeyArn, Region};
use crate::policy::Principal;

/// A grant among those of all keys.
type Name = (KeyArn, GrantId);

/// The grants of each key by some text, in order of id.
type ByText = RedBlackTreeSetSync<(KeyArn, Arc<str>, GrantId)>;

/// All grants.
#[derive(Clone, Default)]
pub(super) struct Grants {
    all: RedBlackTreeMapSync<Name, Arc<Grant>>,
    /// By the text of the grantee.
    by_grantee: ByText,
    /// By the name that the maker gave.
    by_name: ByText,
    /// By Region and text of the retiring principal.
    by_retiring: RedBlackTreeSetSync<(Region, Arc<str>, Name)>,
    counts: HashTrieMapSync<KeyArn, usize>,
}

impl Grants {
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.all.values()
    }

    pub(super) fn put(&mut self, grant: Arc<Grant>) {
        self.delete(grant.key, grant.id);
        self.by_grantee.insert_mut((grant.key, Arc::clone(grant.grantee.text()), grant.id));
        if let Some(name) = &grant.name {
            self.by_name.insert_mut((grant.key, Arc::clone(name), grant.id));
        }
        if let Some(retiring) = &grant.retiring {
            self.by_retiring.insert_mut(retiring_entry(&grant, retiring));
        }
        self.counts.insert_mut(grant.key, self.count(&grant.key) + 1);
        self.all.insert_mut((grant.key, grant.id), grant);
    }

    pub(super) fn delete(&mut self, key: KeyArn, id: GrantId) {
        let Some(grant) = self.all.get(&(key, id)).cloned() else { return };
        self.by_grantee.remove_mut(&(key, Arc::clone(grant.grantee.text()), id));
        if let Some(name) = &grant.name {
            self.by_name.remove_mut(&(key, Arc::clone(name), id));
        }
        if let Some(retiring) = &grant.retiring {
            self.by_retiring.remove_mut(&retiring_entry(&grant, retiring));
        }
        match self.count(&key) {
            0 | 1 => self.counts.remove_mut(&key),
            more => {
                self.counts.insert_mut(key, more - 1);
                true
            }
        };
        self.all.remove_mut(&(key, id));
    }

    fn count(&self, key: &KeyArn) -> usize {
        self.counts.get(key).copied().unwrap_or(0)
    }

    /// How many entries the indexes have: by grantee, by name, by retiring principal, and of counts.
    #[cfg(test)]
    pub(super) fn entries(&self) -> [usize; 4] {
        [self.by_grantee.size(), self.by_name.size(), self.by_retiring.size(), self.counts.size()]
    }

    /// The grants of a key that an index has under `text`, those after `after`.
    fn under<'a>(
        &'a self,
        index: &'a ByText,
        key: KeyArn,
        text: Arc<str>,
        after: Option<GrantId>,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let start = match after {
            Some(id) => Bound::Excluded((key, Arc::clone(&text), id)),
            None => Bound::Included((key, Arc::clone(&text), GrantId::FIRST)),
        };
        let range = index.range((start, Bound::Unbounded));
        #[cfg(test)]
        let range = range.inspect(|_| LOOKED_AT.with(|count| count.set(count.get() + 1)));
        let found = range.take_while(move |(of, under, _)| *of == key && *under == text);
        found.filter_map(|(key, _, id)| self.all.get(&(*key, *id)))
    }
}

#[cfg(test)]
thread_local! {
    /// How many entries of the indexes by text this thread has looked at.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn retiring_entry(grant: &Grant, retiring: &GrantPrincipal) -> (Region, Arc<str>, Name) {
    (grant.key.scope.region, Arc::clone(retiring.text()), (grant.key, grant.id))
}

impl<'a> View<'a> {
    /// A grant of a key.
    #[must_use]
    pub fn grant(&self, key: KeyArn, id: GrantId) -> Option<&'a Arc<Grant>> {
        self.state.grants.all.get(&(key, id)).filter(|_| self.key(&key).is_some())
    }

    /// The grants of a key that come after `after`, by id.
    pub fn grants(
        &self,
        key: KeyArn,
        after: Option<GrantId>,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let start = match after {
            Some(id) => Bound::Excluded((key, id)),
            None => Bound::Included((key, GrantId::FIRST)),
        };
        let all = self.key(&key).map(|_| &self.state.grants.all);
        let range = all.into_iter().flat_map(move |all| all.range((start, Bound::Unbounded)));
        range.take_while(move |((of, _), _)| *of == key).map(|(_, grant)| grant)
    }

    /// The grants of a key whose grantee is spelt exactly so, that come after `after`, by id.
    pub fn grants_of_grantee(
        &self,
        key: KeyArn,
        grantee: &str,
        after: Option<GrantId>,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let grants = self.key(&key).map(|_| &self.state.grants);
        let grantee = Arc::<str>::from(grantee);
        grants.into_iter().flat_map(move |all| all.under(&all.by_grantee, key, Arc::clone(&grantee), after))
    }

    /// The grants of a key that have this name.
    pub fn grants_named(
        &self,
        key: KeyArn,
        name: Arc<str>,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let grants = self.key(&key).map(|_| &self.state.grants);
        grants.into_iter().flat_map(move |all| all.under(&all.by_name, key, Arc::clone(&name), None))
    }

    /// The grants of a key whose grantee is `caller`, its role, its account or its service. Grants of others cost
    /// nothing.
    pub fn grants_for(
        &self,
        key: KeyArn,
        caller: &Principal,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let grants = self.key(&key).map(|_| &self.state.grants);
        let texts = grants.map(|_| spellings(caller)).unwrap_or_default();
        texts.into_iter().flat_map(move |text| {
            grants.into_iter().flat_map(move |all| all.under(&all.by_grantee, key, Arc::clone(&text), None))
        })
    }

    /// The grants of all keys in a Region whose retiring principal is spelt exactly so, that come after `after`, by
    /// key and id.
    pub fn retirable(
        &self,
        region: Region,
        retiring: &str,
        after: Option<(KeyArn, GrantId)>,
    ) -> impl Iterator<Item = &'a Arc<Grant>> + use<'a> {
        let view = *self;
        let retiring = Arc::<str>::from(retiring);
        let start = match after {
            Some(name) => Bound::Excluded((region, Arc::clone(&retiring), name)),
            None => Bound::Included((region, Arc::clone(&retiring), (KeyArn::FIRST, GrantId::FIRST))),
        };
        let range = view.state.grants.by_retiring.range((start, Bound::Unbounded));
        let found = range.take_while(move |(of, text, _)| *of == region && *text == retiring);
        found.filter_map(move |(_, _, (key, id))| view.grant(*key, *id))
    }

    /// How many grants a key has.
    #[must_use]
    pub fn grant_count(&self, key: &KeyArn) -> usize {
        self.key(key).map_or(0, |_| self.state.grants.count(key))
    }
}
