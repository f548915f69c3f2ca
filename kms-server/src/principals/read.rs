//! From a document to the entries of a directory.

use std::sync::Arc;

use lifecycle::crypto::Secret;
use lifecycle::iam::{
    AccessKey, Account, Entry, Organization, ROLE_PREFIX, Role, SESSION_SECONDS_DEFAULT, SESSION_SECONDS_MAX,
    SESSION_SECONDS_MIN, USER_PREFIX, User, derived_id,
};
use lifecycle::ids::AccountId;
use lifecycle::policy::{self, Kind, Principal};
use lifecycle::tag::{self, Tag};

use super::policy::{list, one, trust};
use crate::document::{DocumentError, Fields, Node, Value, quoted};

/// Most tags of a user or role.
// AWS: IAM User Guide, "IAM and AWS STS quotas".
const TAGS_MAX: usize = 50;

/// What a table describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// An account.
    Account,
    /// A user.
    User,
    /// A role.
    Role,
}

/// A principal as it was written.
#[derive(Debug)]
pub(super) struct Read {
    /// The account, user or role. A unique id that was not given follows from the ARN.
    pub(super) entry: Entry,
    /// Whether a unique id was given.
    pub(super) with_id: bool,
    /// Its access keys; `None` if nothing was said about them.
    pub(super) access_keys: Option<Vec<AccessKeyRead>>,
}

/// An access key as it was written.
#[derive(Debug)]
pub(super) struct AccessKeyRead {
    /// Its id.
    pub(super) id: Arc<str>,
    /// Its secret; without one, a key is meant that exists.
    pub(super) secret: Option<Secret>,
}

/// Everything in a document with the lists `accounts`, `users` and `roles`.
///
/// # Errors
/// The first fault.
pub fn entries_of(root: &Node) -> Result<Vec<Entry>, DocumentError> {
    let fields = Fields::of(root, "a file of principals", &["accounts", "users", "roles"])?;
    let mut entries = Vec::new();
    for (name, subject) in
        [("accounts", Subject::Account), ("users", Subject::User), ("roles", Subject::Role)]
    {
        for node in fields.elements(name)? {
            let Read { entry, access_keys, .. } = read(node, subject, None)?;
            for key in access_keys.into_iter().flatten() {
                let AccessKeyRead { id, secret: Some(secret) } = key else {
                    return Err(
                        node.error(format!("the access key {} needs the field `secret`", quoted(&key.id)))
                    );
                };
                let key = AccessKey { id, secret, owner: owner(&entry) };
                entries.push((Entry::AccessKey(Arc::new(key)), node));
            }
            entries.push((entry, node));
        }
    }
    let mut taken = std::collections::HashSet::new();
    for (entry, node) in &entries {
        if !taken.insert(entry.id()) {
            return Err(node.error(format!("{} is given twice", entry.label())));
        }
    }
    Ok(entries.into_iter().map(|(entry, _)| entry).collect())
}

/// To whom the access keys of an entry belong: to an account's root user, or to the user.
fn owner(entry: &Entry) -> Principal {
    match entry {
        Entry::Account(account) => Principal::Root(policy::Account::of("aws", account.id)),
        Entry::User(user) => user.principal.clone(),
        Entry::Role(role) => role.principal.clone(),
        Entry::AccessKey(key) => key.owner.clone(),
    }
}

/// Reads one account, user or role. Where `named` tells who it is, the fields that do may be left out.
///
/// # Errors
/// The first fault; it names the principal.
pub(super) fn read(node: &Node, subject: Subject, named: Option<&Principal>) -> Result<Read, DocumentError> {
    match subject {
        Subject::Account => account(node, named),
        Subject::User => user(node, named),
        Subject::Role => role(node, named),
    }
}

/// Names the principal in a fault of one of its fields.
fn about(label: &str) -> impl Fn(DocumentError) -> DocumentError {
    move |error| DocumentError::new(error.position, format!("{label}: {}", error.reason))
}

fn account(node: &Node, named: Option<&Principal>) -> Result<Read, DocumentError> {
    let fields = Fields::of(node, "an account", &["id", "name", "organization", "access_keys"])?;
    let id = match (fields.optional_text("id")?, named.and_then(Principal::account)) {
        (Some(text), known) => {
            let place = fields.node("id").unwrap_or(node);
            if known.is_some_and(|known| known.id() != text) {
                return Err(
                    place.error(format!("{} is another account than the one that is put", quoted(text)))
                );
            }
            account_id(place, text)?
        }
        (None, Some(known)) => account_id(node, known.id())?,
        (None, None) => return Err(node.error("an account needs the field `id`")),
    };
    let read = || {
        Ok(Account {
            id,
            name: fields.optional_text("name")?.map(Into::into),
            organization: fields.node("organization").map(organization).transpose()?,
        })
    };
    let label = format!("account {id}");
    let entry = Entry::Account(Arc::new(read().map_err(about(&label))?));
    Ok(Read { entry, with_id: true, access_keys: access_keys(&fields).map_err(about(&label))? })
}

fn account_id(node: &Node, text: &str) -> Result<AccountId, DocumentError> {
    text.parse().map_err(|_| {
        let expected = "expected an account of 12 digits in quotes, such as \"111122223333\"";
        node.error(format!("{expected}, found {}", quoted(text)))
    })
}

// AWS: Organizations API reference, the patterns of organization ids.
fn organization(node: &Node) -> Result<Organization, DocumentError> {
    const LEVELS_MAX: usize = 10;
    let fields = Fields::of(node, "an organization", &["id", "path", "service_control", "resource_control"])?;
    let id = fields.text("id")?;
    let tail = id.strip_prefix("o-").unwrap_or_default();
    if !(10..=32).contains(&tail.len()) || !tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    {
        let place = fields.node("id").unwrap_or(node);
        return Err(place.error("the id of an organization is `o-` and 10 to 32 small letters and digits"));
    }
    let path = fields.optional_text("path")?;
    if path.is_some_and(|path| !(path.starts_with(&format!("{id}/")) && path.ends_with('/'))) {
        let place = fields.node("path").unwrap_or(node);
        return Err(place.error(format!("a path begins with `{id}/` and ends with a slash")));
    }
    let mut service_control = Vec::new();
    for level in fields.elements("service_control")? {
        service_control.push(list(level, Kind::Identity)?);
    }
    if service_control.len() > LEVELS_MAX {
        return Err(node.error(format!("an organization has at most {LEVELS_MAX} levels")));
    }
    let resource_control = fields.node("resource_control").map(|node| list(node, Kind::KeyPolicy));
    Ok(Organization {
        id: id.into(),
        path: path.map(Into::into),
        service_control,
        resource_control: resource_control.transpose()?.unwrap_or_default(),
    })
}

fn user(node: &Node, named: Option<&Principal>) -> Result<Read, DocumentError> {
    let known = ["arn", "account", "name", "id", "tags", "policies", "boundary", "access_keys"];
    let fields = Fields::of(node, "a user", &known)?;
    let principal = described(&fields, node, named, Subject::User)?;
    let label = principal.arn();
    let read = || {
        Ok(User {
            id: unique_id(&fields, USER_PREFIX, &label)?,
            tags: tags(&fields)?,
            policies: policies(&fields)?,
            boundary: boundary(&fields)?,
            principal,
        })
    };
    let entry = Entry::User(Arc::new(read().map_err(about(&label))?));
    let access_keys = access_keys(&fields).map_err(about(&label))?;
    Ok(Read { entry, with_id: fields.node("id").is_some(), access_keys })
}

fn role(node: &Node, named: Option<&Principal>) -> Result<Read, DocumentError> {
    let known =
        ["arn", "account", "name", "id", "trust", "tags", "policies", "boundary", "max_session_seconds"];
    let fields = Fields::of(node, "a role", &known)?;
    let principal = described(&fields, node, named, Subject::Role)?;
    let label = principal.arn();
    let read = || {
        let statement = fields.node("trust").ok_or_else(|| node.error("a role needs the field `trust`"))?;
        Ok(Role {
            id: unique_id(&fields, ROLE_PREFIX, &label)?,
            trust: trust(statement)?,
            tags: tags(&fields)?,
            policies: policies(&fields)?,
            boundary: boundary(&fields)?,
            max_session_seconds: max_session_seconds(&fields)?,
            principal,
        })
    };
    let entry = Entry::Role(Arc::new(read().map_err(about(&label))?));
    Ok(Read { entry, with_id: fields.node("id").is_some(), access_keys: None })
}

/// The user or role that `arn`, or `account` and `name`, or the caller names.
fn described(
    fields: &Fields<'_>,
    node: &Node,
    named: Option<&Principal>,
    subject: Subject,
) -> Result<Principal, DocumentError> {
    let kind = if subject == Subject::User { "user" } else { "role" };
    let given = match (fields.optional_text("arn")?, fields.optional_text("account")?, named) {
        (Some(_), Some(_), _) => return Err(node.error("give either `arn`, or `account` and `name`")),
        (Some(arn), None, _) => Some((fields.node("arn").unwrap_or(node), arn.to_owned())),
        (None, Some(account), _) => {
            let place = fields.node("account").unwrap_or(node);
            let (account, name) = (account_id(place, account)?, fields.text("name")?);
            let name = name.trim_start_matches('/');
            Some((fields.node("name").unwrap_or(node), format!("arn:aws:iam::{account}:{kind}/{name}")))
        }
        (None, None, Some(_)) => None,
        (None, None, None) => {
            return Err(node.error(format!("a {kind} needs the field `arn`, or `account` and `name`")));
        }
    };
    let principal = match given {
        None => named.cloned(),
        Some((place, arn)) => {
            let found = super::principal(&arn).filter(|found| match subject {
                Subject::User => matches!(found, Principal::User { .. }),
                Subject::Role | Subject::Account => matches!(found, Principal::Role { .. }),
            });
            let found = found.ok_or_else(|| {
                let example = format!("arn:aws:iam::111122223333:{kind}/app");
                place.error(format!("expected the ARN of a {kind} such as {example}, found {}", quoted(&arn)))
            })?;
            if named.is_some_and(|named| *named != found) {
                return Err(place.error(format!("{found} is another {kind} than the one that is put")));
            }
            Some(found)
        }
    };
    let principal = principal.ok_or_else(|| node.error(format!("a {kind} needs the field `arn`")))?;
    // AWS: IAM User Guide, "IAM and AWS STS quotas": names have at most 64 characters.
    let arn = principal.arn();
    match arn.rsplit('/').next().unwrap_or_default().len() {
        0..=64 => Ok(principal),
        _ => Err(node.error(format!("the name of a {kind} has at most 64 characters"))),
    }
}

fn unique_id(fields: &Fields<'_>, prefix: &str, arn: &str) -> Result<Arc<str>, DocumentError> {
    let Some(node) = fields.node("id") else { return Ok(derived_id(prefix, arn)) };
    let text = node.text("`id`")?;
    let tail = text.strip_prefix(prefix).unwrap_or_default();
    let fits = (12..=124).contains(&tail.len())
        && tail.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    fits.then(|| text.into()).ok_or_else(|| {
        node.error(format!("the unique id begins with {prefix}, and 17 capital letters and digits follow"))
    })
}

fn tags(fields: &Fields<'_>) -> Result<Vec<Tag>, DocumentError> {
    fields.node("tags").map_or_else(|| Ok(Vec::new()), tags_of)
}

/// Reads the tags of a user or role, a table of texts.
pub(crate) fn tags_of(node: &Node) -> Result<Vec<Tag>, DocumentError> {
    let entries = node.table("the tags")?;
    if entries.len() > TAGS_MAX {
        return Err(node.error(format!("at most {TAGS_MAX} tags, not {}", entries.len())));
    }
    let mut tags = Vec::with_capacity(entries.len());
    for entry in entries {
        let (key, value) = (&entry.key, entry.node.text("the value of a tag")?);
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            let reason = "a tag has a key of 1 to 128 characters and a value of at most 256";
            return Err(DocumentError::new(entry.position, reason));
        }
        tags.push(Tag { tag_key: key.clone(), tag_value: value.to_owned() });
    }
    tag::check(&tags).map_err(|error| {
        node.error(match error {
            tag::TagError::Duplicate => "a key of a tag is given twice",
            tag::TagError::InvalidCharacter => "tags have letters, digits, spaces and _.:/=+-@",
            tag::TagError::Reserved => "keys of tags that begin with aws: are reserved",
        })
    })?;
    Ok(tags)
}

fn policies(fields: &Fields<'_>) -> Result<Vec<lifecycle::iam::Policy>, DocumentError> {
    let policies = fields.node("policies").map(|node| list(node, Kind::Identity)).transpose()?;
    Ok(policies.unwrap_or_default())
}

fn boundary(fields: &Fields<'_>) -> Result<Option<lifecycle::iam::Policy>, DocumentError> {
    fields.node("boundary").map(|node| one(node, Kind::Identity, "boundary")).transpose()
}

fn max_session_seconds(fields: &Fields<'_>) -> Result<u32, DocumentError> {
    let Some(node) = fields.node("max_session_seconds") else { return Ok(SESSION_SECONDS_DEFAULT) };
    let seconds = match node.value {
        Value::Integer(seconds) => u32::try_from(seconds).ok(),
        _ => None,
    };
    seconds.filter(|seconds| (SESSION_SECONDS_MIN..=SESSION_SECONDS_MAX).contains(seconds)).ok_or_else(|| {
        node.error(format!(
            "expected {SESSION_SECONDS_MIN} to {SESSION_SECONDS_MAX} seconds for `max_session_seconds`"
        ))
    })
}

fn access_keys(fields: &Fields<'_>) -> Result<Option<Vec<AccessKeyRead>>, DocumentError> {
    if fields.node("access_keys").is_none() {
        return Ok(None);
    }
    fields.elements("access_keys")?.iter().map(access_key).collect::<Result<_, _>>().map(Some)
}

fn access_key(node: &Node) -> Result<AccessKeyRead, DocumentError> {
    let fields = Fields::of(node, "an access key", &["id", "secret"])?;
    let id = fields.text("id")?;
    if !is_access_key_id(id) {
        return Err(node.error(format!("expected {ACCESS_KEY_ID}")));
    }
    let secret = fields.optional_text("secret")?;
    if secret.is_some_and(|secret| !is_secret(secret)) {
        return Err(node.error(format!("expected {SECRET}")));
    }
    let secret = secret.map(|secret| Secret::new(secret.as_bytes().to_vec()));
    Ok(AccessKeyRead { id: id.into(), secret })
}

/// What an access key id is, for a message.
pub const ACCESS_KEY_ID: &str = "an access key id of 1 to 128 letters, digits and `_`";

/// Whether a text is an access key id.
#[must_use]
pub fn is_access_key_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What a secret access key is, for a message.
pub const SECRET: &str = "a secret access key of 1 to 256 visible ASCII characters";

/// Whether a text is a secret access key.
#[must_use]
pub fn is_secret(secret: &str) -> bool {
    (1..=256).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The principal of an ARN in a partition of AWS, if no part of its path is empty.
#[must_use]
pub fn principal(arn: &str) -> Option<Principal> {
    let aws = |partition: &str| partition == "aws" || partition.starts_with("aws-");
    Principal::parse(arn)
        .filter(|_| !arn.contains("//"))
        .filter(|principal| principal.account().is_some_and(|account| aws(account.partition())))
}
