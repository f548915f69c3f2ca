//! The access keys that the server knows.
//!
//! AWS: IAM User Guide, "Manage access keys for IAM users" and "Temporary security credentials in IAM".

use std::collections::HashMap;
use std::fmt;

use arc_swap::ArcSwap;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;

use super::claim::Claim;
use super::principal::PrincipalArn;
use super::sigv4::{CredentialScope, SigningKey};

/// The longest access key id, in characters.
const ID_LENGTH_MAX: usize = 128;

/// Signing keys kept, over all access keys. One client needs one for each Region and day.
const SIGNING_KEYS_MAX: usize = 256;

/// An access key: who signs with it, and with what secret. The secret parts are zeroed on drop and never printed.
#[derive(Clone, Debug)]
pub struct AccessKey {
    id: String,
    secret: Secret,
    principal: PrincipalArn,
    session: Option<Session>,
}

/// What makes an access key temporary.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) token: Secret,
    pub(super) expires_at: Option<Timestamp>,
}

impl AccessKey {
    /// A long-term access key of `principal`.
    ///
    /// # Errors
    /// When the id is not 1 to 128 visible ASCII characters without `/`, `,` and `=`, or the secret is empty.
    pub fn new(id: &str, secret: Secret, principal: PrincipalArn) -> Result<Self, CredentialError> {
        if !is_access_key_id(id) {
            return Err(CredentialError::Id(id.chars().take(ID_LENGTH_MAX).collect()));
        }
        if secret.expose().is_empty() {
            return Err(CredentialError::EmptySecret(id.to_owned()));
        }
        Ok(AccessKey { id: id.to_owned(), secret, principal, session: None })
    }

    /// The same key as a temporary one: requests must carry `token`, and none is accepted from `expires_at` on.
    #[must_use]
    pub fn temporary(mut self, token: Secret, expires_at: Option<Timestamp>) -> Self {
        self.session = Some(Session { token, expires_at });
        self
    }

    /// The access key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who signs with the key.
    #[must_use]
    pub fn principal(&self) -> &PrincipalArn {
        &self.principal
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }
}

/// Whether a text can be an access key id at all.
pub(super) fn is_access_key_id(text: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/,=".contains(&byte))
}

/// An access key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// The text is not an access key id.
    Id(String),
    /// The key with this id has an empty secret.
    EmptySecret(String),
    /// Two keys have this id.
    Duplicate(String),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialError::Id(id) => write!(
                f,
                "access key id {id:?} is not 1 to {ID_LENGTH_MAX} visible ASCII characters without '/', ',' and '='"
            ),
            CredentialError::EmptySecret(id) => write!(f, "the secret of access key {id:?} is empty"),
            CredentialError::Duplicate(id) => write!(f, "access key {id:?} is given twice"),
        }
    }
}

impl std::error::Error for CredentialError {}

/// The access keys by id, with the signing keys derived from them lately.
///
/// A table is made once and never changed, so a derived key can never belong to a secret that was replaced.
#[derive(Debug, Default)]
pub struct Credentials {
    keys: HashMap<String, AccessKey>,
    signing_keys: SigningKeys,
}

impl Credentials {
    /// Builds the table.
    ///
    /// # Errors
    /// When two keys have the same id.
    pub fn new(keys: impl IntoIterator<Item = AccessKey>) -> Result<Self, CredentialError> {
        let mut table = HashMap::new();
        for key in keys {
            if let Some(earlier) = table.insert(key.id.clone(), key) {
                return Err(CredentialError::Duplicate(earlier.id));
            }
        }
        Ok(Credentials { keys: table, signing_keys: SigningKeys::default() })
    }

    /// The key with this id.
    #[must_use]
    pub fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.keys.get(id)
    }

    /// Whether no access key is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The signing key of `key` for a claim with this scope, from memory when the claim's credential was seen before.
    pub(super) fn signing_key(
        &self,
        key: &AccessKey,
        claim: &Claim<'_>,
        scope: &CredentialScope<'_>,
    ) -> SigningKey {
        let known = self.signing_keys.0.load().get(claim.credential.as_ref()).cloned();
        known.unwrap_or_else(|| SigningKey::derive(&key.secret, scope))
    }

    /// Remembers a signing key that made a valid signature. Only those: strangers cannot fill the memory.
    pub(super) fn remember(&self, claim: &Claim<'_>, key: &SigningKey) {
        self.signing_keys.remember(&claim.credential, key);
    }
}

/// Signing keys by credential text, which spells access key id, day, Region and service. Readers take no lock.
#[derive(Debug, Default)]
struct SigningKeys(ArcSwap<HashMap<Box<str>, SigningKey>>);

impl SigningKeys {
    fn remember(&self, credential: &str, key: &SigningKey) {
        if self.0.load().contains_key(credential) {
            return;
        }
        self.0.rcu(|known| {
            // A full memory starts over: what is in use comes back, yesterday's keys do not.
            let mut next =
                if known.len() < SIGNING_KEYS_MAX { HashMap::clone(known) } else { HashMap::new() };
            next.insert(credential.into(), key.clone());
            next
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str) -> Result<AccessKey, CredentialError> {
        let principal = "arn:aws:iam::111122223333:user/alice".parse().unwrap();
        AccessKey::new(id, Secret::new(secret.into()), principal)
    }

    #[test]
    fn unusable_keys_are_refused() {
        for id in ["", "a b", "a/b", "a,b", "a=b", "a\n", "\u{e9}", &"x".repeat(129)] {
            let error = key(id, "s").unwrap_err();
            assert!(matches!(error, CredentialError::Id(_)), "{id:?}");
        }
        assert_eq!(key("AKID", "").unwrap_err().to_string(), "the secret of access key \"AKID\" is empty");
        let twice = Credentials::new([key("AKID", "a").unwrap(), key("AKID", "b").unwrap()]);
        assert_eq!(twice.unwrap_err(), CredentialError::Duplicate("AKID".into()));
    }

    #[test]
    fn secrets_are_not_printed() {
        let key = key("AKID", "hush-hush").unwrap().temporary(Secret::new(b"token-text".into()), None);
        let printed = format!("{key:?} {:?}", Credentials::new([key.clone()]).unwrap());
        assert!(printed.contains("AKID") && !printed.contains("hush") && !printed.contains("token-text"));
    }

    #[test]
    fn the_memory_of_signing_keys_is_bounded() {
        let keys = SigningKeys::default();
        let scope =
            CredentialScope { date: "20150830", region: "us-east-1".parse().unwrap(), service: "kms" };
        let key = SigningKey::derive(&Secret::new(b"s".into()), &scope);
        for at in 0..3 * SIGNING_KEYS_MAX {
            keys.remember(&format!("k{at}"), &key);
            keys.remember(&format!("k{at}"), &key);
            let known = keys.0.load();
            assert!(known.len() <= SIGNING_KEYS_MAX && known.contains_key(format!("k{at}").as_str()));
        }
        assert_eq!(keys.0.load().len(), SIGNING_KEYS_MAX);
    }
}
