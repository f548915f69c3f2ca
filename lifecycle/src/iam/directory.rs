//! All principals as one immutable value.

use std::fmt;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use super::entry::{AccessKey, Account, Entry, EntryId, Role, User, account_of};
use super::identifier::EntityName;
use super::identity::{Identity, RoleSession};
use crate::ids::AccountId;
use crate::policy::Principal;

/// Where an entry comes from, and so who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the configuration: read at every start, never stored, never changed.
    Configured,
    /// From the store.
    Stored,
}

/// An entry that is configured and stored, or configured twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The entry: an account id, an ARN or an access key id.
    pub label: String,
    /// Where the other one comes from.
    pub with: Source,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.with {
            Source::Configured => write!(f, "{} is configured twice", self.label),
            Source::Stored => write!(f, "{} is configured, and stored as well", self.label),
        }
    }
}

impl std::error::Error for Clash {}

/// Accounts, users, roles and access keys. Cloning it is cheap, because its maps share structure.
#[derive(Clone, Default)]
pub struct Directory {
    accounts: RedBlackTreeMapSync<AccountId, Held<Account>>,
    users: RedBlackTreeMapSync<EntityName, Held<User>>,
    roles: RedBlackTreeMapSync<EntityName, Held<Role>>,
    access_keys: RedBlackTreeMapSync<Arc<str>, HeldKey>,
}

struct Held<T> {
    entry: Arc<T>,
    source: Source,
}

/// An access key, with its owner as every request sees him. Kept in step by [`Directory::refresh`].
#[derive(Clone)]
struct HeldKey {
    held: Held<AccessKey>,
    identity: Arc<Identity>,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Held { entry: Arc::clone(&self.entry), source: self.source }
    }
}

impl Directory {
    /// Adds configured entries.
    ///
    /// # Errors
    /// One of them is there already.
    pub fn configure(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), Clash> {
        for entry in entries {
            if let Some(with) = self.source(&entry.id()) {
                return Err(Clash { label: entry.label(), with });
            }
            self.put(entry, Source::Configured);
        }
        Ok(())
    }

    /// Adds a stored entry, or replaces the one of the same id.
    pub(crate) fn store(&mut self, entry: Entry) {
        self.put(entry, Source::Stored);
    }

    /// Removes an entry; removing one that is not there changes nothing. What belongs to it stays: see
    /// [`Self::access_keys_of`].
    pub(crate) fn remove(&mut self, id: &EntryId) {
        match id {
            EntryId::Account(id) => {
                self.accounts.remove_mut(id);
                self.refresh(*id);
            }
            EntryId::User(name) => {
                self.users.remove_mut(name);
                self.refresh(name.account());
            }
            EntryId::Role(name) => {
                self.roles.remove_mut(name);
                self.refresh(name.account());
            }
            EntryId::AccessKey(id) => {
                self.access_keys.remove_mut(id);
            }
        }
    }

    fn put(&mut self, entry: Entry, source: Source) {
        match entry {
            Entry::Account(account) => {
                let id = account.id;
                self.accounts.insert_mut(id, Held { entry: account, source });
                self.refresh(id);
            }
            Entry::User(user) => {
                let name = user.name();
                self.users.insert_mut(name.clone(), Held { entry: user, source });
                self.refresh(name.account());
            }
            Entry::Role(role) => {
                let name = role.name();
                self.roles.insert_mut(name.clone(), Held { entry: role, source });
                self.refresh(name.account());
            }
            Entry::AccessKey(key) => {
                let identity = Arc::new(self.identity(&key.owner));
                let id = Arc::clone(&key.id);
                self.access_keys.insert_mut(id, HeldKey { held: Held { entry: key, source }, identity });
            }
        }
    }

    /// Builds the identities of an account's access keys again.
    fn refresh(&mut self, account: AccountId) {
        let of_account = |key: &&HeldKey| key.identity.account() == account;
        let keys: Vec<HeldKey> = self.access_keys.values().filter(of_account).cloned().collect();
        for HeldKey { held, .. } in keys {
            let identity = Arc::new(self.identity(&held.entry.owner));
            self.access_keys.insert_mut(Arc::clone(&held.entry.id), HeldKey { held, identity });
        }
    }

    /// Where an entry comes from, if it is there.
    #[must_use]
    pub fn source(&self, id: &EntryId) -> Option<Source> {
        match id {
            EntryId::Account(id) => self.accounts.get(id).map(|held| held.source),
            EntryId::User(name) => self.users.get(name).map(|held| held.source),
            EntryId::Role(name) => self.roles.get(name).map(|held| held.source),
            EntryId::AccessKey(id) => self.access_keys.get(id).map(|key| key.held.source),
        }
    }

    /// An entry.
    #[must_use]
    pub fn entry(&self, id: &EntryId) -> Option<Entry> {
        Some(match id {
            EntryId::Account(id) => Entry::Account(Arc::clone(self.account(*id)?)),
            EntryId::User(name) => Entry::User(Arc::clone(self.user(name)?)),
            EntryId::Role(name) => Entry::Role(Arc::clone(self.role(name)?)),
            EntryId::AccessKey(id) => Entry::AccessKey(Arc::clone(self.access_key(id)?.0)),
        })
    }

    /// Every entry with where it comes from: accounts, users, roles, access keys, each in order of their ids.
    pub fn entries(&self) -> impl Iterator<Item = (Entry, Source)> + '_ {
        let accounts = self.accounts.values().map(|h| (Entry::Account(Arc::clone(&h.entry)), h.source));
        let users = self.users.values().map(|h| (Entry::User(Arc::clone(&h.entry)), h.source));
        let roles = self.roles.values().map(|h| (Entry::Role(Arc::clone(&h.entry)), h.source));
        let held = self.access_keys.values().map(|key| &key.held);
        let keys = held.map(|h| (Entry::AccessKey(Arc::clone(&h.entry)), h.source));
        accounts.chain(users).chain(roles).chain(keys)
    }

    /// Whether there is nobody: no user, no role, no access key. Accounts alone are not principals.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty() && self.access_keys.is_empty()
    }

    /// What is known of an account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(&id).map(|held| &held.entry)
    }

    /// A user by name.
    #[must_use]
    pub fn user(&self, name: &EntityName) -> Option<&Arc<User>> {
        self.users.get(name).map(|held| &held.entry)
    }

    /// A role by name. Sessions know their role without its path.
    #[must_use]
    pub fn role(&self, name: &EntityName) -> Option<&Arc<Role>> {
        self.roles.get(name).map(|held| &held.entry)
    }

    /// The user of an ARN, its path and case included.
    #[must_use]
    pub fn user_by_arn(&self, arn: &str) -> Option<&Arc<User>> {
        let principal = Principal::parse(arn)?;
        self.user(&EntityName::of(&principal)?).filter(|user| user.principal == principal)
    }

    /// The role of an ARN, its path and case included.
    #[must_use]
    pub fn role_by_arn(&self, arn: &str) -> Option<&Arc<Role>> {
        let principal = Principal::parse(arn)?;
        self.role(&EntityName::of(&principal)?).filter(|role| role.principal == principal)
    }

    /// An access key and its owner. Costs no more than a look into a map.
    #[must_use]
    pub fn access_key(&self, id: &str) -> Option<(&Arc<AccessKey>, &Arc<Identity>)> {
        self.access_keys.get(id).map(|key| (&key.held.entry, &key.identity))
    }

    /// Whether there is an entry for a user or a role, or for the account of a root user.
    #[must_use]
    pub fn describes(&self, principal: &Principal) -> bool {
        match (principal, EntityName::of(principal)) {
            (Principal::Root(_), _) => self.account(account_of(principal)).is_some(),
            (Principal::User { .. }, Some(name)) => {
                self.user(&name).is_some_and(|user| user.principal == *principal)
            }
            (Principal::Role { .. }, Some(name)) => {
                self.role(&name).is_some_and(|role| role.principal == *principal)
            }
            _ => false,
        }
    }

    /// The access keys that belong to a principal.
    pub fn access_keys_of<'a>(
        &'a self,
        owner: &'a Principal,
    ) -> impl Iterator<Item = &'a Arc<AccessKey>> + 'a {
        // An account is one, in whatever partition its root user is named.
        let root = matches!(owner, Principal::Root(_)).then(|| account_of(owner));
        let belongs = move |key: &&Arc<AccessKey>| match root {
            Some(account) => matches!(key.owner, Principal::Root(_)) && account_of(&key.owner) == account,
            None => key.owner == *owner,
        };
        self.access_keys.values().map(|key| &key.held.entry).filter(belongs)
    }

    /// A principal as authorization sees it, whether or not the directory describes it. Of a role session, whose ARN does
    /// not tell the path of its role, the role is looked up by its name.
    #[must_use]
    pub fn identity(&self, principal: &Principal) -> Identity {
        let account = self.account(account_of(principal)).map(|account| &**account);
        let name = EntityName::of(principal);
        let described = name.and_then(|name| match principal {
            Principal::User { .. } => {
                let user = self.user(&name).filter(|user| user.principal == *principal)?;
                Some(Identity::of_user(user, account))
            }
            Principal::Role { .. } => {
                let role = self.role(&name).filter(|role| role.principal == *principal)?;
                Some(Identity::of_role(role, account))
            }
            Principal::AssumedRole { session, provider, .. } => {
                let session =
                    RoleSession { name: session, provider: provider.as_deref(), ..RoleSession::default() };
                Identity::of_session(self.role(&name)?, account, session)
            }
            _ => None,
        });
        described.unwrap_or_else(|| Identity::undescribed(principal.clone(), account))
    }
}
