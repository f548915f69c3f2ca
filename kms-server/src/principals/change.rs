//! What may be done to the stored principals: decided on a directory, carried out by the writer.

use std::fmt;
use std::sync::Arc;

use lifecycle::crypto::{Entropy, EntropyError, Secret};
use lifecycle::iam::{
    ACCESS_KEY_PREFIX, AccessKey, Directory, EntityName, Entry, EntryId, ROLE_PREFIX, Role, Source,
    USER_PREFIX, User, secret_access_key, unique_id,
};
use lifecycle::ids::AccountId;
use lifecycle::policy::{self, Principal};
use lifecycle::state::{Change, Record, RecordId};

use super::read::{AccessKeyRead, Read, Subject, is_access_key_id, principal, read};
use crate::document::{Node, quoted};

/// Access keys that a user, or the root user of an account, may have when one more is made.
// AWS: IAM User Guide, "IAM and AWS STS quotas".
const ACCESS_KEYS_MAX: usize = 2;

/// Why nothing was done; each tells what to do instead.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such thing.
    NotFound(String),
    /// It is configured, or something else has its name.
    Conflict(String),
    /// What was given is wrong.
    Invalid(String),
    /// The system has no random bytes.
    Entropy,
}

impl From<EntropyError> for Refused {
    fn from(_: EntropyError) -> Self {
        Refused::Entropy
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotFound(text) | Refused::Conflict(text) | Refused::Invalid(text) => f.write_str(text),
            Refused::Entropy => EntropyError.fmt(f),
        }
    }
}

/// How a user names an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// An account, by its 12 digits or the ARN of its root user.
    Account(AccountId, Principal),
    /// A user or a role, by its ARN.
    Entity(Principal, EntityName),
    /// An access key, by its id.
    AccessKey(Arc<str>),
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// It can be none of the three.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let wrong = || {
            Refused::Invalid(format!(
                "{} names no principal; give an account of 12 digits, the ARN of a user or role such as \
                 arn:aws:iam::111122223333:user/app, or an access key id",
                quoted(text)
            ))
        };
        if let Ok(account) = text.parse() {
            return Ok(Name::Account(account, Principal::Root(policy::Account::of("aws", account))));
        }
        if !text.starts_with("arn:") {
            return if is_access_key_id(text) { Ok(Name::AccessKey(text.into())) } else { Err(wrong()) };
        }
        let principal = principal(text).ok_or_else(wrong)?;
        match (&principal, EntityName::of(&principal)) {
            (Principal::Root(account), _) => {
                let id = account.id().parse().map_err(|_| wrong())?;
                Ok(Name::Account(id, principal))
            }
            (Principal::User { .. } | Principal::Role { .. }, Some(name)) => {
                Ok(Name::Entity(principal, name))
            }
            _ => Err(wrong()),
        }
    }

    /// What names the entry in a directory.
    #[must_use]
    pub fn id(&self) -> EntryId {
        match self {
            Name::Account(id, _) => EntryId::Account(*id),
            Name::Entity(Principal::User { .. }, name) => EntryId::User(name.clone()),
            Name::Entity(_, name) => EntryId::Role(name.clone()),
            Name::AccessKey(id) => EntryId::AccessKey(Arc::clone(id)),
        }
    }

    /// To whom access keys belong that are named by their owner.
    fn owner(&self) -> Option<&Principal> {
        match self {
            Name::Account(_, principal) | Name::Entity(principal, _) => Some(principal),
            Name::AccessKey(_) => None,
        }
    }

    /// The entry, its path and case included.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, directory: &Directory) -> Result<Entry, Refused> {
        let found = directory.entry(&self.id()).filter(|entry| match (self, entry) {
            (Name::Entity(principal, _), Entry::User(user)) => user.principal == *principal,
            (Name::Entity(principal, _), Entry::Role(role)) => role.principal == *principal,
            _ => true,
        });
        found.ok_or_else(|| Refused::NotFound(format!("there is no principal {self}")))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Account(id, _) => id.fmt(f),
            Name::Entity(principal, _) => principal.fmt(f),
            Name::AccessKey(id) => f.write_str(id),
        }
    }
}

/// Refuses to touch what is configured.
fn check_stored(directory: &Directory, id: &EntryId, label: impl fmt::Display) -> Result<(), Refused> {
    match directory.source(id) {
        Some(Source::Configured) => Err(Refused::Conflict(format!(
            "{label} is configured, and so cannot be changed here; change the file"
        ))),
        Some(Source::Stored) | None => Ok(()),
    }
}

/// An account, user or role, whole: it is added, or replaces the one of its name. Access keys are replaced only if they
/// are given. One without a unique id keeps the one it has.
///
/// # Errors
/// It is configured, another principal has the name or an access key id, or `node` is no such principal.
pub fn put(
    directory: &Directory,
    name: &Name,
    node: &Node,
    entropy: &dyn Entropy,
) -> Result<Vec<Change>, Refused> {
    let (subject, owner) = match name {
        Name::Account(_, owner) => (Subject::Account, owner),
        Name::Entity(owner @ Principal::User { .. }, _) => (Subject::User, owner),
        Name::Entity(owner, _) => (Subject::Role, owner),
        Name::AccessKey(_) => {
            let hint = "an access key is put with the user that it belongs to; name the user";
            return Err(Refused::Invalid(hint.to_owned()));
        }
    };
    check_stored(directory, &name.id(), name)?;
    let Read { entry, with_id, access_keys } =
        read(node, subject, Some(owner)).map_err(|error| Refused::Invalid(error.reason))?;
    let present = directory.entry(&name.id());
    if let Some(present) = present.as_ref().filter(|_| name.find(directory).is_err()) {
        return Err(Refused::Conflict(format!(
            "{} is there already, and names are unique whatever their path and case; delete it first",
            present.label()
        )));
    }
    let entry = if with_id { entry } else { with_unique_id(entry, present.as_ref(), entropy)? };
    let mut changes = vec![Change::Put(Record::Principal(entry))];
    if let Some(keys) = access_keys {
        changes.extend(put_access_keys(directory, owner, keys)?);
    }
    Ok(changes)
}

/// The entry with the unique id that it has, or a new one.
fn with_unique_id(
    entry: Entry,
    present: Option<&Entry>,
    entropy: &dyn Entropy,
) -> Result<Entry, EntropyError> {
    Ok(match (entry, present) {
        (Entry::User(user), Some(Entry::User(present))) => {
            Entry::User(Arc::new(User { id: Arc::clone(&present.id), ..User::clone(&user) }))
        }
        (Entry::User(user), _) => {
            Entry::User(Arc::new(User { id: unique_id(USER_PREFIX, entropy)?, ..User::clone(&user) }))
        }
        (Entry::Role(role), Some(Entry::Role(present))) => {
            Entry::Role(Arc::new(Role { id: Arc::clone(&present.id), ..Role::clone(&role) }))
        }
        (Entry::Role(role), _) => {
            Entry::Role(Arc::new(Role { id: unique_id(ROLE_PREFIX, entropy)?, ..Role::clone(&role) }))
        }
        (other, _) => other,
    })
}

/// The access keys of `owner` become `keys`, but for configured ones, which stay.
fn put_access_keys(
    directory: &Directory,
    owner: &Principal,
    keys: Vec<AccessKeyRead>,
) -> Result<Vec<Change>, Refused> {
    let mut changes = Vec::new();
    let mut named = std::collections::HashSet::new();
    for AccessKeyRead { id, secret } in keys {
        if !named.insert(Arc::clone(&id)) {
            return Err(Refused::Invalid(format!("the access key {id} is given twice")));
        }
        let present = directory.access_key(&id).map(|(key, _)| key);
        if let Some(other) = present.filter(|present| present.owner != *owner) {
            return Err(Refused::Conflict(format!("the access key {id} belongs to {}", other.owner)));
        }
        match (secret, present) {
            (None, Some(_)) => {}
            (None, None) => {
                return Err(Refused::Invalid(format!("the access key {id} is new, and so needs a `secret`")));
            }
            (Some(secret), _) => {
                check_stored(directory, &EntryId::AccessKey(Arc::clone(&id)), &id)?;
                let key = AccessKey { id, secret, owner: owner.clone() };
                changes.push(Change::Put(Record::Principal(Entry::AccessKey(Arc::new(key)))));
            }
        }
    }
    let left_out = directory.access_keys_of(owner).filter(|key| !named.contains(&key.id));
    changes.extend(deletions(directory, left_out));
    Ok(changes)
}

/// Removes the stored ones of some access keys.
fn deletions<'a>(
    directory: &'a Directory,
    keys: impl Iterator<Item = &'a Arc<AccessKey>>,
) -> impl Iterator<Item = Change> {
    let ids = keys.map(|key| EntryId::AccessKey(Arc::clone(&key.id)));
    let stored = ids.filter(|id| directory.source(id) == Some(Source::Stored));
    stored.map(|id| Change::Delete(RecordId::Principal(id)))
}

/// Removes an entry, with its stored access keys.
///
/// # Errors
/// It is configured, or not there.
pub fn delete(directory: &Directory, name: &Name) -> Result<Vec<Change>, Refused> {
    check_stored(directory, &name.id(), name)?;
    let keys = name.owner().into_iter().flat_map(|owner| directory.access_keys_of(owner));
    let keys: Vec<Change> = deletions(directory, keys).collect();
    // Nothing may be known of an account but the access keys of its root user.
    let alone =
        matches!(name, Name::Account(..)) && !keys.is_empty() && directory.entry(&name.id()).is_none();
    if alone {
        return Ok(keys);
    }
    name.find(directory)?;
    let entry = Change::Delete(RecordId::Principal(name.id()));
    Ok(std::iter::once(entry).chain(keys).collect())
}

/// A new access key of a user or of the root user of an account, with its secret, which is shown this once.
///
/// # Errors
/// The owner is configured, not there, a role, or has enough access keys.
pub fn create_access_key(
    directory: &Directory,
    name: &Name,
    entropy: &dyn Entropy,
) -> Result<(AccessKey, Vec<Change>), Refused> {
    let owner = match name {
        Name::Account(_, root) => root,
        Name::Entity(user @ Principal::User { .. }, _) => user,
        Name::Entity(..) => {
            return Err(Refused::Invalid(format!("{name} is a role, which has no access keys; assume it")));
        }
        Name::AccessKey(_) => {
            return Err(Refused::Invalid("name the user or account, not an access key".to_owned()));
        }
    };
    check_stored(directory, &name.id(), name)?;
    if matches!(name, Name::Entity(..)) {
        name.find(directory)?;
    }
    if directory.access_keys_of(owner).count() >= ACCESS_KEYS_MAX {
        return Err(Refused::Conflict(format!(
            "{name} has {ACCESS_KEYS_MAX} access keys, and may not have more; delete one first"
        )));
    }
    let id = unique_id(ACCESS_KEY_PREFIX, entropy)?;
    let secret: Secret = secret_access_key(entropy)?;
    let key = AccessKey { id, secret, owner: owner.clone() };
    let change = Change::Put(Record::Principal(Entry::AccessKey(Arc::new(key.clone()))));
    Ok((key, vec![change]))
}
