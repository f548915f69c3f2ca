//! Seed files: the accounts and keys that a server has from the start, in TOML or YAML.
//!
//! Parsing is pure and checks all that a file can tell by itself. What depends on the server (quotas, whether an id or alias is
//! taken already) is checked where a seed is applied.
//!
//! ```yaml
//! accounts:
//!   - id: "111122223333"
//!     access_keys:
//!       - { id: AKIDEXAMPLE, secret: example, principal: "arn:aws:iam::111122223333:user/app" }
//! keys:
//!   - account: "111122223333"
//!     region: eu-west-1
//!     id: 1234abcd-12ab-34cd-56ef-1234567890ab
//!     aliases: [alias/app]
//!     tags: { stage: test }
//! ```

mod apply;
mod key;
mod spec;

#[cfg(test)]
mod tests;

pub use self::apply::ApplyError;
pub use self::key::{SeedKey, SeedMaterial};
pub use self::spec::{SeedOrigin, SeedSpec, SeedUsage};

use crate::config::{self, Value as _, ValueError};
use crate::document::{DocumentError, Fields, Language, Node, Position, quoted};
use lifecycle::iam::AccessKey;
use lifecycle::ids::AccountId;
use std::collections::HashSet;
use std::fmt;

/// Longest seed in bytes.
pub const SEED_BYTES_MAX: usize = 16 << 20;

/// The accounts and keys of a seed file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seed {
    /// Accounts with their access keys, each account once. A key may be in an account that is not named here.
    pub accounts: Vec<SeedAccount>,
    /// Keys in the order of the file. Within an account and Region each id and alias is there once.
    pub keys: Vec<SeedKey>,
}

/// An account and who may sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedAccount {
    /// The account.
    pub id: AccountId,
    /// Access keys of its root, users and roles.
    pub access_keys: Vec<AccessKey>,
}

/// Why a seed cannot be used. `Display` is `name:line:column: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedError {
    name: String,
    position: Option<Position>,
    reason: String,
}

impl SeedError {
    /// Where in the file, if it is a matter of its content.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What is wrong and what to write instead.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}:{position}: {}", self.name, self.reason),
            None => write!(f, "{}: {}", self.name, self.reason),
        }
    }
}

impl std::error::Error for SeedError {}

impl Seed {
    /// Reads the text of the seed file `name`, whose extension tells the language: `.toml`, `.yaml` or `.yml`.
    ///
    /// # Errors
    /// The first fault of the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, SeedError> {
        let Some(language) = Language::of(name) else {
            let reason = "a seed is TOML or YAML: its name must end in .toml, .yaml or .yml".to_owned();
            return Err(SeedError { name: name.to_owned(), position: None, reason });
        };
        Node::parse(language, text, SEED_BYTES_MAX).and_then(|root| Self::from_node(&root)).map_err(|error| {
            SeedError { name: name.to_owned(), position: Some(error.position), reason: error.reason }
        })
    }

    fn from_node(root: &Node) -> Result<Self, DocumentError> {
        let fields = Fields::of(root, "a seed", &["accounts", "keys"])?;
        let mut seed = Self::default();
        let mut taken = Taken::default();
        for node in fields.elements("accounts")? {
            seed.accounts.push(SeedAccount::from_node(node, &mut taken)?);
        }
        for node in fields.elements("keys")? {
            seed.keys.push(SeedKey::from_node(node, &mut taken)?);
        }
        Ok(seed)
    }
}

impl SeedAccount {
    fn from_node(node: &Node, taken: &mut Taken) -> Result<Self, DocumentError> {
        let fields = Fields::of(node, "an account", &["id", "access_keys"])?;
        let id = fields.node("id").ok_or_else(|| node.error("an account needs the field `id`"))?;
        let account = AccountId::from_node(id).map_err(|error| at(id, error))?;
        if !taken.accounts.insert(account) {
            return Err(id.error(format!("account {account} is given twice")));
        }
        let mut access_keys = Vec::new();
        for element in fields.elements("access_keys")? {
            let key = config::access_key(element, Some(account))?;
            if !taken.access_keys.insert(key.id.to_string()) {
                return Err(element.error(format!("the access key id {} is given twice", quoted(&key.id))));
            }
            access_keys.push(key);
        }
        Ok(Self { id: account, access_keys })
    }
}

/// The names that are given already.
#[derive(Default)]
struct Taken {
    accounts: HashSet<AccountId>,
    access_keys: HashSet<String>,
    ids: HashSet<(key::Scope, String)>,
    aliases: HashSet<(key::Scope, String)>,
    multi_region_ids: HashSet<(Option<AccountId>, String)>,
}

/// The error of a value, at its node unless it knows better.
fn at(node: &Node, error: ValueError) -> DocumentError {
    DocumentError::new(error.position.unwrap_or(node.position), error.reason)
}
