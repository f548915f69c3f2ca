//! Access keys and whom they belong to, as settings and seeds write them.

use std::str;

use lifecycle::crypto::Secret;
use lifecycle::iam::AccessKey;
use lifecycle::ids::{AccountId, Region};
use lifecycle::policy::{Account, Principal, ServicePrincipal};

use super::value::{Notation, Value, ValueError};
use crate::document::{DocumentError, Fields, Node, quoted};
use crate::principals::{ACCESS_KEY_ID, SECRET, is_access_key_id, is_secret, principal};

/// Reads whom an access key belongs to: an account, whose root user is meant, the ARN of a principal that can sign, or a
/// service, for which the key is a credential in every Region.
// AWS: "IAM identifiers"
pub(super) fn owner(text: &str) -> Option<Principal> {
    if let Ok(account) = text.parse() {
        return Some(Principal::Root(Account::of("aws", account)));
    }
    // A service of AWS has a name in every Region; one that names a Region has none in others.
    let everywhere = |service: &ServicePrincipal| service.in_region(Region::us_east_1()) != *service;
    if let Some(service) = ServicePrincipal::parse(text).filter(everywhere) {
        return Some(Principal::Service(service));
    }
    // A role itself signs nothing; its sessions do.
    principal(text).filter(|owner| !matches!(owner, Principal::Role { .. }))
}

/// An account's 12 digits, or the ARN.
fn owner_text(owner: &Principal) -> String {
    match owner {
        Principal::Root(account) if account.partition() == "aws" => account.id().to_owned(),
        other => other.arn(),
    }
}

/// The field of an access key that is wrong, and why.
type WrongField = (&'static str, String);

/// Reads `{ id, secret, principal }`. Where `root` names an account, `principal` may be left out and must belong to it.
///
/// # Errors
/// A field is unknown, missing, or no such value.
pub(crate) fn access_key(node: &Node, root: Option<AccountId>) -> Result<AccessKey, DocumentError> {
    let fields = Fields::of(node, "an access key", &["id", "secret", "principal"])?;
    let principal = match (fields.node("principal"), &root) {
        (None, Some(account)) => account.as_str(),
        _ => fields.text("principal")?,
    };
    let account_of = |owner: &Principal| owner.account().map(|account| account.id().to_owned());
    checked(fields.text("id")?, fields.text("secret")?, principal)
        .and_then(|key| match root {
            Some(account) if account_of(&key.owner).as_deref() != Some(account.as_str()) => {
                Err(("principal", format!("this principal does not belong to account {account}")))
            }
            _ => Ok(key),
        })
        .map_err(|(field, reason)| fields.node(field).unwrap_or(node).error(reason))
}

fn checked(id: &str, secret: &str, principal: &str) -> Result<AccessKey, WrongField> {
    if !is_access_key_id(id) {
        return Err(("id", format!("expected {ACCESS_KEY_ID}")));
    }
    // A colon separates the secret from the principal where the key is one text.
    if !is_secret(secret) || secret.contains(':') {
        return Err(("secret", format!("expected {SECRET} without `:`")));
    }
    let owner = owner(principal).ok_or_else(|| {
        let expected = "expected an account of 12 digits, the ARN of a user or role session such as \
                        arn:aws:iam::111122223333:user/app, or a service such as dynamodb.amazonaws.com";
        ("principal", format!("{expected}, found {}", quoted(principal)))
    })?;
    Ok(AccessKey { id: id.into(), secret: Secret::new(secret.as_bytes().to_vec()), owner })
}

/// Reads `ID:SECRET:PRINCIPAL`.
fn parsed(text: &str) -> Result<AccessKey, WrongField> {
    let mut parts = text.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(secret), Some(principal)) => checked(id, secret, principal),
        _ => Err(("key", "expected ID:SECRET:PRINCIPAL".to_owned())),
    }
}

/// The configured access keys, each id once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessKeys(Vec<AccessKey>);

impl AccessKeys {
    /// Most keys that settings can hold; more come from a file of principals.
    const KEYS_MAX: usize = 1_000;

    /// The keys in the order in which they are given.
    pub fn as_slice(&self) -> &[AccessKey] {
        &self.0
    }

    /// Adds `key`, unless its id is taken or the list is full.
    fn push(&mut self, key: AccessKey) -> Result<(), String> {
        if self.0.len() >= Self::KEYS_MAX {
            return Err(format!("there are more than {} access keys", Self::KEYS_MAX));
        }
        if self.0.iter().any(|known| known.id == key.id) {
            return Err(format!("the access key id {} is given twice", quoted(&key.id)));
        }
        self.0.push(key);
        Ok(())
    }
}

/// The secret as text, which it was read from.
fn secret_text(key: &AccessKey) -> &str {
    str::from_utf8(key.secret.expose()).unwrap_or_default()
}

/// In TOML a list of tables; in a flag or variable `ID:SECRET:PRINCIPAL`, several apart by spaces.
impl Value for AccessKeys {
    const NOTATION: Notation = Notation::List("ID:SECRET:PRINCIPAL");

    fn expected() -> String {
        "access keys as ID:SECRET:PRINCIPAL, apart by spaces".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let mut keys = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            parsed(word)
                .map_err(|(field, reason)| format!("{field}: {reason}"))
                .and_then(|key| keys.push(key))
                .map_err(|reason| ValueError::new(format!("access key {}: {reason}", index + 1)))?;
        }
        Ok(keys)
    }

    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let mut keys = Self::default();
        for element in node.list("access keys")? {
            keys.push(access_key(element, None)?).map_err(|reason| element.error(reason))?;
        }
        Ok(keys)
    }

    fn to_text(&self) -> String {
        let words: Vec<_> = self
            .0
            .iter()
            .map(|key| [&*key.id, secret_text(key), &owner_text(&key.owner)].join(":"))
            .collect();
        words.join(" ")
    }

    fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let tables: Vec<_> = self
            .0
            .iter()
            .map(|key| {
                let (id, secret) = (string(&key.id), string(secret_text(key)));
                format!("{{ id = {id}, secret = {secret}, principal = {} }}", string(&owner_text(&key.owner)))
            })
            .collect();
        format!("[{}]", tables.join(", "))
    }
}
