//! What the authenticator remembers between requests. Readers take no lock.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use lifecycle::crypto::Secret;
use lifecycle::iam::{Account, Directory, Identity};
use lifecycle::ids::{AccountId, Region};
use lifecycle::policy::{self, Principal};

use super::claim::Claim;
use super::sigv4::{CredentialScope, SigningKey};

/// The longest access key id, in characters.
const ID_LENGTH_MAX: usize = 128;

/// Signing keys kept, over all access keys. One client needs one for each Region and day.
const SIGNING_KEYS_MAX: usize = 256;

/// Root users kept of accounts that nobody described. A test that makes an account for itself needs one.
const ROOTS_MAX: usize = 4_096;

/// Whether a text can be an access key id at all.
pub(super) fn is_access_key_id(text: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/,=".contains(&byte))
}

/// A bounded map whose readers take no lock. A full one starts over: what is in use comes back, the rest does not.
#[derive(Debug)]
pub(super) struct Memory<K, V>(ArcSwap<HashMap<K, V, RandomState>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Memory(ArcSwap::from_pointee(HashMap::default()))
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Memory<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.load().get(key).cloned()
    }

    pub(super) fn remember(&self, key: &K, value: &V, max: usize) {
        self.0.rcu(|known| {
            let mut next = if known.len() < max { HashMap::clone(known) } else { HashMap::default() };
            next.insert(key.clone(), value.clone());
            next
        });
    }
}

/// Signing keys by credential text, which spells access key id, day, Region and service.
#[derive(Debug, Default)]
pub(super) struct SigningKeys(Memory<Box<str>, Derived>);

/// A signing key with the secret that it was derived from: an access key may get another secret, and its id may be
/// given again.
#[derive(Clone, Debug)]
struct Derived {
    secret: Secret,
    key: SigningKey,
}

impl SigningKeys {
    /// The signing key of `secret` for a claim with this scope, from memory when the claim's credential was seen before.
    pub(super) fn signing_key(
        &self,
        secret: &Secret,
        claim: &Claim<'_>,
        scope: &CredentialScope<'_>,
    ) -> SigningKey {
        self.known(secret, claim).unwrap_or_else(|| SigningKey::derive(secret, scope))
    }

    /// Remembers a signing key that made a valid signature. Only those: strangers cannot fill the memory.
    pub(super) fn remember(&self, secret: &Secret, claim: &Claim<'_>, key: &SigningKey) {
        if self.known(secret, claim).is_none() {
            let derived = Derived { secret: secret.clone(), key: key.clone() };
            self.0.remember(&claim.credential.as_ref().into(), &derived, SIGNING_KEYS_MAX);
        }
    }

    fn known(&self, secret: &Secret, claim: &Claim<'_>) -> Option<SigningKey> {
        let known = self.0.0.load();
        let derived = known.get(claim.credential.as_ref())?;
        (derived.secret == *secret).then(|| derived.key.clone())
    }
}

/// The root users as whom unknown access keys act.
#[derive(Debug, Default)]
pub(super) struct Roots(Memory<(AccountId, &'static str), Root>);

#[derive(Clone, Debug)]
struct Root {
    /// What the directory told about the account when the identity was built.
    account: Option<Arc<Account>>,
    identity: Arc<Identity>,
}

impl Roots {
    /// The root user of an account, in the partition of `region`.
    pub(super) fn root(&self, directory: &Directory, account: AccountId, region: Region) -> Arc<Identity> {
        let described = directory.account(account);
        let key = (account, region.partition());
        if let Some(root) = self.0.0.load().get(&key) {
            let same = match (&root.account, described) {
                (None, None) => true,
                (Some(then), Some(now)) => Arc::ptr_eq(then, now),
                _ => false,
            };
            if same {
                return Arc::clone(&root.identity);
            }
        }
        let principal = Principal::Root(policy::Account::of(region.partition(), account));
        let identity = Arc::new(directory.identity(&principal));
        let root = Root { account: described.cloned(), identity: Arc::clone(&identity) };
        self.0.remember(&key, &root, ROOTS_MAX);
        identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_id_has_visible_characters_that_no_credential_needs() {
        for id in ["", "a b", "a/b", "a,b", "a=b", "a\n", "\u{e9}", &"x".repeat(129)] {
            assert!(!is_access_key_id(id), "{id:?}");
        }
        for id in ["test", "111122223333", "AKIAIOSFODNN7EXAMPLE", &"x".repeat(128)] {
            assert!(is_access_key_id(id), "{id:?}");
        }
    }

    #[test]
    fn a_root_user_is_built_again_when_its_account_changes() {
        use lifecycle::iam::{Entry, Organization};
        let (roots, region) = (Roots::default(), "cn-north-1".parse().unwrap());
        let account: AccountId = "111122223333".parse().unwrap();
        let empty = Directory::default();
        let first = roots.root(&empty, account, region);
        assert_eq!(first.arn(), "arn:aws-cn:iam::111122223333:root");
        assert!(Arc::ptr_eq(&first, &roots.root(&empty, account, region)));
        let mut described = Directory::default();
        let organization = Organization {
            id: "o-a1b2c3d4e5".into(),
            path: None,
            service_control: vec![],
            resource_control: vec![],
        };
        let known = Account { organization: Some(organization), ..Account::new(account) };
        described.configure([Entry::Account(Arc::new(known))]).unwrap();
        let second = roots.root(&described, account, region);
        assert!(second.policies.everything && second.organization.is_some());
        assert!(Arc::ptr_eq(&second, &roots.root(&described, account, region)));
        assert!(roots.root(&empty, account, region).organization.is_none());
    }
}
