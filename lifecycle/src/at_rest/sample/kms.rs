//! A KMS with just enough of one: states, grants, and who is denied what.

mod kinds;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, ready};

use crate::at_rest::drive::KmsPort;
use crate::at_rest::name::{Blob, Caller};
use crate::at_rest::port::{
    GRANT_OPERATIONS, Identity, KmsCall, KmsFault, KmsOutput, KmsReply, KmsRequest, Manager, SERVICE,
};
use crate::at_rest::settings::Span;
use crate::at_rest::sse::MANAGED_ALIAS;
use crate::clock::Timestamp;
use crate::crypto::envelope::{self, EncryptionContext};
use crate::crypto::{Entropy, Secret, SeededEntropy};
use crate::ids::{
    AccountId, GrantId, KeyArn, KeyId, KeyReference, KeyReferenceError, MaterialId, Scope, Uuid,
};
use crate::key::calendar::next_rotation;

/// The state of a sample key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// In use.
    Enabled,
    /// Disabled.
    Disabled,
    /// To be deleted at an instant.
    PendingDeletion(Timestamp),
    /// Without imported material.
    PendingImport,
}

struct Grant {
    name: Uuid,
    context: EncryptionContext,
}

struct SampleKey {
    manager: Manager,
    /// Whether it encrypts; keys that sign cannot be used.
    symmetric: bool,
    /// Whether its policy lets DynamoDB's callers make grants; that of another service's managed key does not.
    grantable: bool,
    state: KeyState,
    /// When its imported material expires.
    expires_at: Option<Timestamp>,
    /// The custom key store that it is in.
    store: Option<String>,
    materials: Vec<(MaterialId, Secret)>,
    grants: BTreeMap<GrantId, Grant>,
    /// The same by what they cover: a key of many tables has many.
    covered: BTreeMap<EncryptionContext, BTreeMap<Uuid, GrantId>>,
    denied: BTreeSet<(String, String)>,
    shared_with: BTreeSet<AccountId>,
    changed_at: Timestamp,
    /// When a managed key last rotated by itself, or was made.
    rotated_at: Timestamp,
}

/// A call that a [`SampleKms`] saw.
pub type Seen = (Timestamp, KmsCall, Option<String>);

struct Inner {
    keys: BTreeMap<KeyArn, SampleKey>,
    aliases: BTreeMap<(Scope, String), KeyArn>,
    stores: BTreeMap<String, kinds::Store>,
    entropy: SeededEntropy,
    calls: Vec<Seen>,
    unreachable: bool,
}

/// A KMS in memory that draws everything from a seed.
pub struct SampleKms(RefCell<Inner>);

fn fault(code: &str, message: impl Into<String>) -> KmsFault {
    let request_id = "00000000-0000-4000-8000-000000000000".to_owned();
    KmsFault { code: code.to_owned(), message: message.into(), request_id }
}

fn not_found(arn: impl std::fmt::Display) -> KmsFault {
    fault("NotFoundException", format!("Key '{arn}' does not exist"))
}

/// What KMS says when it does not say whether a key exists.
const NO_ACCESS: &str = "The ciphertext refers to a customer master key that does not exist, does not exist in this \
                         region, or you are not allowed to access.";

impl SampleKms {
    /// A KMS without keys.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SampleKms(RefCell::new(Inner {
            keys: BTreeMap::new(),
            aliases: BTreeMap::new(),
            stores: BTreeMap::new(),
            entropy: SeededEntropy::new(seed),
            calls: Vec::new(),
            unreachable: false,
        }))
    }

    /// Makes a customer managed key.
    pub fn create_key(&self, scope: Scope, at: Timestamp) -> KeyArn {
        self.0.borrow_mut().create(scope, Manager::Customer, at)
    }

    /// Makes a key that signs and cannot encrypt.
    pub fn create_signing_key(&self, scope: Scope, at: Timestamp) -> KeyArn {
        let key = self.create_key(scope, at);
        self.with(key, at, |key| key.symmetric = false);
        key
    }

    /// Makes the managed key of another service.
    pub fn create_foreign_managed_key(&self, scope: Scope, alias: &str, at: Timestamp) -> KeyArn {
        let key = self.0.borrow_mut().create(scope, Manager::Aws, at);
        self.with(key, at, |key| key.grantable = false);
        self.set_alias(scope, alias, key);
        key
    }

    /// Points an alias to a key.
    pub fn set_alias(&self, scope: Scope, alias: &str, key: KeyArn) {
        self.0.borrow_mut().aliases.insert((scope, alias.to_owned()), key);
    }

    /// Changes a key's state.
    pub fn set_state(&self, key: KeyArn, state: KeyState, at: Timestamp) {
        self.with(key, at, |key| key.state = state);
    }

    /// DisableKey.
    pub fn disable(&self, key: KeyArn, at: Timestamp) {
        self.set_state(key, KeyState::Disabled, at);
    }

    /// EnableKey.
    pub fn enable(&self, key: KeyArn, at: Timestamp) {
        self.set_state(key, KeyState::Enabled, at);
    }

    /// ScheduleKeyDeletion.
    pub fn schedule_deletion(&self, key: KeyArn, days: i64, at: Timestamp) {
        self.set_state(key, KeyState::PendingDeletion(Span::days(days).after(at)), at);
    }

    /// RotateKeyOnDemand: new material, and the old one still opens.
    pub fn rotate(&self, key: KeyArn, at: Timestamp) {
        let mut inner = self.0.borrow_mut();
        let material = inner.material(key.id);
        // Related keys have their material in common.
        for (_, key) in inner.keys.iter_mut().filter(|(arn, _)| arn.id == key.id) {
            key.materials.push(material.clone());
            key.changed_at = at;
        }
    }

    /// How often a key has rotated by an instant.
    #[must_use]
    pub fn rotations(&self, key: KeyArn, at: Timestamp) -> usize {
        let mut inner = self.0.borrow_mut();
        inner.rotate_due(key, at);
        inner.keys.get(&key).map_or(0, |key| key.materials.len().saturating_sub(1))
    }

    /// Has the policy deny an action to a principal, or to the service with [`SERVICE`].
    pub fn deny(&self, key: KeyArn, principal: &str, action: &str, at: Timestamp) {
        self.with(key, at, |key| key.denied.insert((principal.to_owned(), action.to_owned())));
    }

    /// Has the policy deny nothing any more.
    pub fn allow_all(&self, key: KeyArn, at: Timestamp) {
        self.with(key, at, |key| key.denied.clear());
    }

    /// Lets another account use a key.
    pub fn share(&self, key: KeyArn, account: AccountId, at: Timestamp) {
        self.with(key, at, |key| key.shared_with.insert(account));
    }

    /// RevokeGrant, for all grants of a key.
    pub fn revoke_grants(&self, key: KeyArn, at: Timestamp) {
        self.with(key, at, |key| {
            key.grants.clear();
            key.covered.clear();
        });
    }

    /// The names of the grants on a key, with their contexts.
    #[must_use]
    pub fn grants(&self, key: KeyArn) -> Vec<(Uuid, EncryptionContext)> {
        let inner = self.0.borrow();
        let grants = inner.keys.get(&key).into_iter().flat_map(|key| key.grants.values());
        grants.map(|grant| (grant.name, grant.context.clone())).collect()
    }

    /// The key behind an alias.
    #[must_use]
    pub fn alias(&self, scope: Scope, alias: &str) -> Option<KeyArn> {
        self.0.borrow().aliases.get(&(scope, alias.to_owned())).copied()
    }

    /// ListKeys, for one account and Region.
    #[must_use]
    pub fn keys(&self, scope: Scope) -> Vec<KeyArn> {
        self.0.borrow().keys.keys().filter(|key| key.scope == scope).copied().collect()
    }

    /// `KeyManager` of a key.
    #[must_use]
    pub fn manager(&self, key: KeyArn) -> Option<Manager> {
        self.0.borrow().keys.get(&key).map(|key| key.manager)
    }

    /// A request of a customer that names the key directly and not through a service: of a managed key, only looking is allowed.
    ///
    /// # Errors
    /// `AccessDeniedException`, or `NotFoundException` for a key that is not there.
    pub fn direct(&self, caller: &Caller, action: &str, key: KeyArn) -> Result<(), KmsFault> {
        let inner = self.0.borrow();
        let found = inner.keys.get(&key).ok_or_else(|| not_found(key))?;
        let looks = ["Describe", "Get", "List"].iter().any(|prefix| action.starts_with(prefix));
        if found.manager == Manager::Customer || looks || action == "RevokeGrant" {
            return Ok(());
        }
        Err(fault(
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: kms:{action} on resource: {key} because no resource-based policy \
                 allows the kms:{action} action",
                caller.arn
            ),
        ))
    }

    /// Whether a key was scheduled for deletion and its date has come.
    #[must_use]
    pub fn is_deleted(&self, key: KeyArn, at: Timestamp) -> bool {
        self.0.borrow().keys.get(&key).is_none_or(|key| is_deleted(key, at))
    }

    /// Whether KMS answers at all.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.0.borrow_mut().unreachable = unreachable;
    }

    /// The calls since the last time that somebody asked.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }

    /// Answers a call.
    pub fn answer(&self, call: &KmsCall, at: Timestamp) -> KmsReply {
        let mut inner = self.0.borrow_mut();
        let reply = inner.answer(call, at);
        let error = reply.as_ref().err().map(|fault| fault.code.clone());
        inner.calls.push((at, call.clone(), error));
        reply
    }

    fn with<T>(&self, key: KeyArn, at: Timestamp, change: impl FnOnce(&mut SampleKey) -> T) {
        if let Some(key) = self.0.borrow_mut().keys.get_mut(&key) {
            change(key);
            key.changed_at = at;
        }
    }
}

impl KmsPort for SampleKms {
    fn call(&self, call: &KmsCall, at: Timestamp) -> impl Future<Output = KmsReply> {
        ready(self.answer(call, at))
    }

    fn changed_at(&self, key: KeyArn) -> Option<Timestamp> {
        self.0.borrow().keys.get(&key).map(|key| key.changed_at)
    }
}

impl Inner {
    fn random<const N: usize>(&self) -> [u8; N] {
        let entropy: &dyn Entropy = &self.entropy;
        // A seed never fails.
        entropy.array().unwrap_or([0; N])
    }

    fn material(&self, id: KeyId) -> (MaterialId, Secret) {
        let secret = Secret::new(self.random::<32>().to_vec());
        (envelope::material_id(id, &secret), secret)
    }

    fn create(&mut self, scope: Scope, manager: Manager, at: Timestamp) -> KeyArn {
        self.insert(KeyArn { scope, id: KeyId::single_region(self.random()) }, manager, at)
    }

    fn insert(&mut self, arn: KeyArn, manager: Manager, at: Timestamp) -> KeyArn {
        let key = SampleKey {
            manager,
            symmetric: true,
            grantable: true,
            state: KeyState::Enabled,
            expires_at: None,
            store: None,
            materials: vec![self.material(arn.id)],
            grants: BTreeMap::new(),
            covered: BTreeMap::new(),
            denied: BTreeSet::new(),
            shared_with: BTreeSet::new(),
            changed_at: at,
            rotated_at: at,
        };
        self.keys.insert(arn, key);
        arn
    }

    /// A managed key rotates by AWS's calendar.
    fn rotate_due(&mut self, arn: KeyArn, at: Timestamp) {
        let last = self.keys.get(&arn).filter(|key| key.manager == Manager::Aws).map(|key| key.rotated_at);
        let mut next = last.map(next_rotation).filter(|next| *next <= at);
        while let Some(rotated_at) = next {
            let material = self.material(arn.id);
            if let Some(key) = self.keys.get_mut(&arn) {
                key.materials.push(material);
                key.rotated_at = rotated_at;
            }
            next = Some(next_rotation(rotated_at)).filter(|next| *next <= at);
        }
    }

    fn answer(&mut self, call: &KmsCall, at: Timestamp) -> KmsReply {
        if let KmsRequest::GenerateDataKey { key, .. } | KmsRequest::Decrypt { key, .. } = &call.request {
            self.rotate_due(*key, at);
        }
        if self.unreachable {
            return Err(KmsFault::unreachable("no answer"));
        }
        match &call.request {
            KmsRequest::DescribeKey { key_id } => {
                let arn = self.resolve(call, key_id, at)?;
                self.authorize(call, arn, at)?;
                let key = self.keys.get(&arn).ok_or_else(|| not_found(arn))?;
                Ok(KmsOutput::Described { arn, manager: key.manager })
            }
            KmsRequest::CreateGrant { key: arn, name, context } => {
                self.authorize(call, *arn, at)?;
                self.usable(*arn, at)?;
                let id = GrantId(self.random());
                let key = self.keys.get_mut(arn).ok_or_else(|| not_found(*arn))?;
                let named = key.covered.entry(context.clone()).or_default();
                if let Some(grant) = named.get(name) {
                    return Ok(KmsOutput::Granted { grant: *grant });
                }
                named.insert(*name, id);
                key.grants.insert(id, Grant { name: *name, context: context.clone() });
                Ok(KmsOutput::Granted { grant: id })
            }
            KmsRequest::GenerateDataKey { key: arn, context } => {
                self.authorize(call, *arn, at)?;
                self.usable(*arn, at)?;
                let plaintext = Secret::new(self.random::<32>().to_vec());
                let key = self.keys.get(arn).ok_or_else(|| not_found(*arn))?;
                let (id, material) =
                    key.materials.last().ok_or_else(|| fault("KMSInternalException", "no material"))?;
                self.served(*arn)?;
                let blob = envelope::seal(material, *id, context, plaintext.expose(), &self.entropy);
                let blob = blob.map_err(|_| fault("KMSInternalException", "no random bytes"))?;
                Ok(KmsOutput::DataKey { plaintext, blob: Blob(blob) })
            }
            KmsRequest::Decrypt { key: arn, blob, context } => {
                self.authorize(call, *arn, at)?;
                self.usable(*arn, at)?;
                let key = self.keys.get(arn).ok_or_else(|| not_found(*arn))?;
                self.served(*arn)?;
                let named = envelope::material_named_by(&blob.0, blob.0.len());
                let material = key.materials.iter().find(|(id, _)| Some(*id) == named);
                let opened =
                    material.and_then(|(id, secret)| envelope::open(secret, *id, context, &blob.0).ok());
                let plaintext = opened.ok_or_else(|| fault("InvalidCiphertextException", ""))?;
                Ok(KmsOutput::Decrypted { plaintext })
            }
            KmsRequest::RetireGrant { key: arn, grant } => {
                let key = self.keys.get_mut(arn).ok_or_else(|| not_found(*arn))?;
                let retired = key.grants.remove(grant);
                let retired = retired
                    .ok_or_else(|| fault("NotFoundException", format!("Grant ID {grant} not found")))?;
                if let Some(named) = key.covered.get_mut(&retired.context) {
                    named.remove(&retired.name);
                }
                Ok(KmsOutput::Retired)
            }
        }
    }

    fn resolve(&mut self, call: &KmsCall, key_id: &str, at: Timestamp) -> Result<KeyArn, KmsFault> {
        let account = match &call.identity {
            Identity::Caller(caller) => caller.account,
            Identity::Service => call.table.scope.account,
        };
        let scope = Scope { account, region: call.region };
        let here = |of: Scope| {
            let elsewhere = || fault("NotFoundException", format!("Invalid arn {}", of.region));
            if of.region == call.region { Ok(of) } else { Err(elsewhere()) }
        };
        let (scope, name) = match KeyReference::parse(key_id) {
            Ok(KeyReference::Id(id)) => return Ok(KeyArn { scope, id }),
            Ok(KeyReference::Arn(arn)) => return here(arn.scope).map(|_| arn),
            Ok(KeyReference::Alias(name)) => (scope, name),
            Ok(KeyReference::AliasArn(arn)) => (here(arn.scope)?, arn.name),
            Err(KeyReferenceError::MalformedId) => {
                return Err(not_found(scope.arn_of(&format!("key/{key_id}"))));
            }
            Err(_) => return Err(fault("NotFoundException", format!("Invalid arn {key_id}"))),
        };
        let entry = (scope, name.as_str().to_owned());
        match self.aliases.get(&entry) {
            Some(key) => Ok(*key),
            // AWS: KMS API reference, "DescribeKey": of a predefined alias it makes the key.
            None if name.as_str() == MANAGED_ALIAS => {
                let key = self.create(scope, Manager::Aws, at);
                self.aliases.insert(entry, key);
                Ok(key)
            }
            None => Err(fault(
                "NotFoundException",
                format!("Alias {} is not found.", scope.arn_of(name.as_str())),
            )),
        }
    }

    fn authorize(&self, call: &KmsCall, arn: KeyArn, at: Timestamp) -> Result<(), KmsFault> {
        let action = call.request.operation();
        let denied = |message: String| Err(fault("AccessDeniedException", message));
        let Some(key) = self.keys.get(&arn).filter(|key| !is_deleted(key, at)) else {
            return Err(not_found(arn));
        };
        let who = match &call.identity {
            Identity::Caller(caller) => {
                let may = caller.account == arn.scope.account
                    || key.manager == Manager::Customer && key.shared_with.contains(&caller.account);
                if !may && action == "Decrypt" {
                    return denied(NO_ACCESS.to_owned());
                }
                if !may {
                    return denied(format!(
                        "User: {} is not authorized to perform: kms:{action} on this resource because the resource does \
                         not exist in this Region, no resource-based policies allow access, or a resource-based policy \
                         explicitly denies access",
                        caller.arn
                    ));
                }
                if action == "CreateGrant" && !key.grantable {
                    return denied(format!(
                        "User: {} is not authorized to perform: kms:CreateGrant on resource: {arn} because no \
                         resource-based policy allows the kms:CreateGrant action",
                        caller.arn
                    ));
                }
                caller.arn.as_str()
            }
            Identity::Service => {
                let context = match &call.request {
                    KmsRequest::GenerateDataKey { context, .. } | KmsRequest::Decrypt { context, .. } => {
                        context
                    }
                    _ => &EncryptionContext::new(),
                };
                // The engine's grants name both pairs of the context, so what is included is equal.
                let covered = key.covered.get(context).is_some_and(|named| !named.is_empty());
                if !covered || !GRANT_OPERATIONS.contains(&action) {
                    return denied(NO_ACCESS.to_owned());
                }
                SERVICE
            }
        };
        if !key.denied.contains(&(who.to_owned(), action.to_owned())) {
            return Ok(());
        }
        match action {
            "Decrypt" => denied(NO_ACCESS.to_owned()),
            _ => denied(format!(
                "User: {who} is not authorized to perform: kms:{action} on resource: {arn} with an explicit deny in a \
                 resource-based policy"
            )),
        }
    }

    fn usable(&self, arn: KeyArn, at: Timestamp) -> Result<(), KmsFault> {
        let key = self.keys.get(&arn).filter(|key| !is_deleted(key, at)).ok_or_else(|| not_found(arn))?;
        if !key.symmetric {
            return Err(fault(
                "ValidationException",
                "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
            ));
        }
        let state = |what: &str| Err(fault("KMSInvalidStateException", format!("{arn} is {what}.")));
        match key.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(fault("DisabledException", format!("{arn} is disabled."))),
            KeyState::PendingDeletion(_) => state("pending deletion"),
            KeyState::PendingImport => state("pending import"),
        }
    }

    /// What stands behind the key's custom key store serves it; a grant needs no such thing.
    fn served(&self, arn: KeyArn) -> Result<(), KmsFault> {
        let store =
            self.keys.get(&arn).and_then(|key| key.store.as_ref()).and_then(|name| self.stores.get(name));
        store.map_or(Ok(()), |store| store.serves(arn))
    }
}

fn is_deleted(key: &SampleKey, at: Timestamp) -> bool {
    matches!(key.state, KeyState::PendingDeletion(deleted_at) if deleted_at <= at)
}
