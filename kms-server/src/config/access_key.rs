//! Access keys and the principals behind them, as settings and seeds write them.

use super::identity::AccountId;
use super::value::{Notation, Value, ValueError};
use crate::document::{DocumentError, Fields, Node, quoted};
use std::fmt;
use zeroize::Zeroizing;

/// A secret text: wiped when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whom an access key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root of an account.
    Root(AccountId),
    /// A user, role or session, by its ARN.
    Arn {
        /// The whole ARN.
        arn: String,
        /// The account in it.
        account: AccountId,
    },
}

impl Principal {
    /// The account of the principal.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Root(account) | Self::Arn { account, .. } => account,
        }
    }

    /// Reads an account or the ARN of a principal of IAM or STS.
    // AWS: "IAM identifiers"
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(account) = AccountId::parse(text) {
            return Some(Self::Root(account));
        }
        let mut parts = text.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, AccountId::parse(parts.next()?)?, parts.next()?);
        if scheme != "arn" || !matches!(partition, "aws" | "aws-cn" | "aws-us-gov") || !region.is_empty() {
            return None;
        }
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        match (service, kind) {
            ("iam", "root") if resource == "root" => Some(Self::Root(account)),
            ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user")
                if is_principal_name(name) =>
            {
                Some(Self::Arn { arn: text.to_owned(), account })
            }
            _ => None,
        }
    }

    /// The account's 12 digits, or the ARN.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root(account) => account.as_str(),
            Self::Arn { arn, .. } => arn,
        }
    }
}

fn is_principal_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    name.len() <= 576 && name.chars().all(allowed) && name.split('/').all(|part| !part.is_empty())
}

/// An access key and whom it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The access key id that a request names.
    pub id: String,
    /// The secret access key that signs it.
    pub secret: SecretText,
    /// Whom a request with this key comes from.
    pub principal: Principal,
}

/// The field of an access key that is wrong, and why.
type WrongField = (&'static str, String);

impl AccessKey {
    /// Reads `{ id, secret, principal }`. Where `root` names an account, `principal` may be left out and must belong to it.
    ///
    /// # Errors
    /// A field is unknown, missing, or no such value.
    pub fn from_node(node: &Node, root: Option<&AccountId>) -> Result<Self, DocumentError> {
        let fields = Fields::of(node, "an access key", &["id", "secret", "principal"])?;
        let principal = match (fields.node("principal"), root) {
            (None, Some(account)) => account.as_str(),
            _ => fields.text("principal")?,
        };
        let key = Self::new(fields.text("id")?, fields.text("secret")?, principal)
            .and_then(|key| match root {
                Some(account) if key.principal.account() != account => {
                    Err(("principal", format!("this principal does not belong to account {account}")))
                }
                _ => Ok(key),
            })
            .map_err(|(field, reason)| fields.node(field).unwrap_or(node).error(reason))?;
        Ok(key)
    }

    fn new(id: &str, secret: &str, principal: &str) -> Result<Self, WrongField> {
        if !is_access_key_id(id) {
            return Err(("id", "expected an access key id of 1 to 128 letters, digits and `_`".to_owned()));
        }
        if !is_secret(secret) {
            let reason = "expected a secret access key of 1 to 256 visible ASCII characters without `:`";
            return Err(("secret", reason.to_owned()));
        }
        let principal = Principal::parse(principal).ok_or_else(|| {
            let expected =
                "expected an account of 12 digits or an ARN such as arn:aws:iam::111122223333:role/app";
            ("principal", format!("{expected}, found {}", quoted(principal)))
        })?;
        Ok(Self { id: id.to_owned(), secret: SecretText::new(secret), principal })
    }

    /// Reads `ID:SECRET:PRINCIPAL`.
    fn parse(text: &str) -> Result<Self, WrongField> {
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(id), Some(secret), Some(principal)) => Self::new(id, secret, principal),
            _ => Err(("key", "expected ID:SECRET:PRINCIPAL".to_owned())),
        }
    }
}

fn is_access_key_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_secret(secret: &str) -> bool {
    (1..=256).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// The configured access keys, each id once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessKeys(Vec<AccessKey>);

impl AccessKeys {
    /// Most keys that settings can hold; more principals come from a seed.
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

/// In TOML a list of tables; in a flag or variable `ID:SECRET:PRINCIPAL`, several apart by spaces.
impl Value for AccessKeys {
    const NOTATION: Notation = Notation::List;

    fn expected() -> String {
        "access keys as ID:SECRET:PRINCIPAL, apart by spaces".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let mut keys = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            AccessKey::parse(word)
                .map_err(|(field, reason)| format!("{field}: {reason}"))
                .and_then(|key| keys.push(key))
                .map_err(|reason| ValueError::new(format!("access key {}: {reason}", index + 1)))?;
        }
        Ok(keys)
    }

    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let mut keys = Self::default();
        for element in node.list("access keys")? {
            keys.push(AccessKey::from_node(element, None)?).map_err(|reason| element.error(reason))?;
        }
        Ok(keys)
    }

    fn to_text(&self) -> String {
        let words: Vec<_> = self
            .0
            .iter()
            .map(|key| [&key.id, key.secret.expose(), key.principal.as_str()].join(":"))
            .collect();
        words.join(" ")
    }

    fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let tables: Vec<_> = self
            .0
            .iter()
            .map(|key| {
                let (id, secret) = (string(&key.id), string(key.secret.expose()));
                format!("{{ id = {id}, secret = {secret}, principal = {} }}", string(key.principal.as_str()))
            })
            .collect();
        format!("[{}]", tables.join(", "))
    }
}
