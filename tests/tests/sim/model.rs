//! What AWS documents, in the simplest words: lists that are searched from end to end, and one pass over all keys for
//! every instant at which something happens. It shares nothing with the server but the form of a date.

mod grants;
mod ids;

use super::script::{Act, DAY, MINUTE, Named, SCOPES, USERS, Who};

pub(super) use grants::{Grant, named_operations};
pub(super) use ids::Learned;

/// Everything that exists or existed.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// Milliseconds since the Unix epoch.
    pub(super) now: i64,
    /// Milliseconds until a grant counts without its token.
    pub(super) delay: i64,
    pub(super) keys: Vec<Key>,
    pub(super) aliases: Vec<Alias>,
    pub(super) grants: Vec<Grant>,
    pub(super) sealed: Vec<Sealed>,
    /// The custom key store of each of [`SCOPES`].
    pub(super) stores: [Option<Store>; SCOPES.len()],
}

/// A custom key store.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) id: Learned,
    pub(super) connected: bool,
}

#[derive(Clone)]
pub(super) struct Key {
    /// An index into [`SCOPES`].
    pub(super) scope: usize,
    pub(super) arn: Learned,
    /// Whether it is in the custom key store of its scope, which is connected.
    pub(super) in_store: bool,
    pub(super) available: bool,
    pub(super) created_at: i64,
    pub(super) enabled: bool,
    pub(super) deletion_at: Option<i64>,
    pub(super) gone: bool,
    pub(super) rotation: Option<Rotation>,
    pub(super) on_demand: usize,
    /// Oldest first. Never fewer while the key exists.
    pub(super) materials: Vec<Material>,
}

#[derive(Clone, Copy)]
pub(super) struct Rotation {
    pub(super) period_days: u32,
    /// The last automatic rotation, or when rotation was switched on.
    pub(super) base: i64,
}

impl Rotation {
    pub(super) fn next(self) -> i64 {
        self.base + i64::from(self.period_days) * DAY
    }
}

#[derive(Clone)]
pub(super) struct Material {
    pub(super) id: Learned,
    /// `AUTOMATIC` or `ON_DEMAND`, and when; the first material came with the key.
    pub(super) rotated: Option<(&'static str, i64)>,
}

#[derive(Clone)]
pub(super) struct Alias {
    pub(super) scope: usize,
    pub(super) name: u8,
    pub(super) key: usize,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// A ciphertext.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) key: usize,
    /// The number of the material that made it.
    pub(super) material: usize,
    /// In base64, as are the plaintext's bytes.
    pub(super) blob: String,
    pub(super) plaintext: String,
}

/// What time brought about: when, what, and to which key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Happened {
    pub(super) at: i64,
    pub(super) event: Event,
    pub(super) key: usize,
}

/// In the order in which two of the same instant happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    RotateKey,
    DeleteKey,
}

/// The error code of a refusal.
pub(super) type Outcome<T = ()> = Result<T, &'static str>;

pub(super) const DENIED: &str = "AccessDeniedException";
pub(super) const NOT_FOUND: &str = "NotFoundException";
pub(super) const INVALID_STATE: &str = "KMSInvalidStateException";
pub(super) const DISABLED: &str = "DisabledException";
pub(super) const INVALID: &str = "ValidationException";
pub(super) const UNSUPPORTED: &str = "UnsupportedOperationException";
const INVALID_STORE_STATE: &str = "CustomKeyStoreInvalidStateException";

impl Key {
    fn new(scope: usize, in_store: bool, now: i64) -> Key {
        Key {
            scope,
            arn: Learned::default(),
            in_store,
            available: true,
            created_at: now,
            enabled: true,
            deletion_at: None,
            gone: false,
            rotation: None,
            on_demand: 0,
            materials: vec![Material { id: Learned::default(), rotated: None }],
        }
    }

    pub(super) fn account(&self) -> &'static str {
        SCOPES[self.scope].0
    }

    pub(super) fn state(&self) -> &'static str {
        match (self.deletion_at, self.available, self.enabled) {
            (Some(_), ..) => "PendingDeletion",
            (None, false, _) => "Unavailable",
            (None, true, true) => "Enabled",
            (None, true, false) => "Disabled",
        }
    }

    /// The setting as GetKeyRotationStatus shows it: a key that waits to be deleted does not rotate.
    pub(super) fn shown_rotation(&self) -> Option<Rotation> {
        self.rotation.filter(|_| self.deletion_at.is_none())
    }

    fn not_pending_deletion(&self) -> Outcome {
        if self.deletion_at.is_some() { Err(INVALID_STATE) } else { Ok(()) }
    }

    fn usable(&self) -> Outcome {
        self.usable_or_unavailable()?;
        if self.available { Ok(()) } else { Err(INVALID_STATE) }
    }

    /// What hides in an unavailable key is not looked at.
    fn usable_or_unavailable(&self) -> Outcome {
        self.not_pending_deletion()?;
        if self.enabled || !self.available { Ok(()) } else { Err(DISABLED) }
    }

    /// Keys in custom key stores do not rotate.
    fn rotatable(&self) -> Outcome {
        self.usable_or_unavailable()?;
        if self.in_store { Err(UNSUPPORTED) } else { Ok(()) }
    }

    fn rotate(&mut self, kind: &'static str, now: i64) {
        self.materials.push(Material { id: Learned::default(), rotated: Some((kind, now)) });
    }
}

/// A success that makes a ciphertext, or opens one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Crypto {
    /// With the current material of this key.
    Seals(usize),
    /// This ciphertext.
    Opens(usize),
    /// A ciphertext is opened and made again under this key.
    Reseals(usize, usize),
}

impl Model {
    /// When and what happens next, if anything.
    pub(super) fn next(&self) -> Option<Happened> {
        (0..self.keys.len()).filter_map(|key| self.next_of(key)).min_by_key(|happened| self.rank(happened))
    }

    /// Of two events at one instant, the kinds have their order, and so have the keys' names.
    fn rank(&self, happened: &Happened) -> (i64, Event, &str) {
        (happened.at, happened.event, self.keys[happened.key].arn.known())
    }

    fn next_of(&self, at: usize) -> Option<Happened> {
        let key = &self.keys[at];
        if key.gone {
            return None;
        }
        if let Some(deletion_at) = key.deletion_at {
            return Some(Happened { at: deletion_at, event: Event::DeleteKey, key: at });
        }
        let rotation = key.rotation.filter(|_| key.enabled)?;
        // A rotation that was missed takes place as soon as it can.
        Some(Happened { at: rotation.next().max(self.now), event: Event::RotateKey, key: at })
    }

    /// Lets time pass, and tells what happened in order.
    pub(super) fn advance(&mut self, to: i64) -> Vec<Happened> {
        let mut all = Vec::new();
        while let Some(happened) = self.next().filter(|happened| happened.at <= to) {
            self.now = happened.at;
            let key = &mut self.keys[happened.key];
            match happened.event {
                Event::RotateKey => {
                    key.rotate("AUTOMATIC", happened.at);
                    key.rotation = key.rotation.map(|rotation| Rotation { base: happened.at, ..rotation });
                }
                Event::DeleteKey => {
                    key.gone = true;
                    self.aliases.retain(|alias| alias.key != happened.key);
                    let of_key = self.grants.iter_mut().filter(|grant| grant.key == happened.key);
                    of_key.for_each(|grant| grant.ended = true);
                }
            }
            all.push(happened);
        }
        self.now = self.now.max(to);
        all
    }

    /// Does what a step asks for, unless it is refused.
    pub(super) fn apply(&mut self, act: Act) -> Outcome<Option<Crypto>> {
        let outcome = self.carry_out(act);
        // What a command made due happens at once.
        self.advance(self.now);
        outcome
    }

    fn carry_out(&mut self, act: Act) -> Outcome<Option<Crypto>> {
        let now = self.now;
        match act {
            Act::CreateKey { scope } => self.keys.push(Key::new(scope % SCOPES.len(), false, now)),
            Act::CreateStore { .. }
            | Act::ConnectStore { .. }
            | Act::DisconnectStore { .. }
            | Act::DeleteStore { .. }
            | Act::CreateKeyInStore { .. } => self.store_act(act)?,
            Act::DescribeKey { key, by, token } => {
                let key = self.reached(key, by)?;
                self.allowed(key, by, "DescribeKey", token)?;
            }
            Act::EnableKey { key, by } => {
                let key = self.managed(key, by)?;
                key.not_pending_deletion()?;
                key.enabled = true;
            }
            Act::DisableKey { key, by } => {
                let key = self.managed(key, by)?;
                key.not_pending_deletion()?;
                key.enabled = false;
            }
            Act::EnableKeyRotation { key, by, period } => {
                if period.is_some_and(|days| !(90..=2_560).contains(&days)) {
                    return Err(INVALID);
                }
                let key = self.managed(key, by)?;
                key.rotatable()?;
                let rotation = key.rotation.unwrap_or(Rotation { period_days: 365, base: now });
                key.rotation =
                    Some(Rotation { period_days: period.unwrap_or(rotation.period_days), ..rotation });
            }
            Act::DisableKeyRotation { key, by } => {
                let key = self.managed(key, by)?;
                key.rotatable()?;
                key.rotation = None;
            }
            Act::RotateKeyOnDemand { key, by } => {
                let key = self.managed(key, by)?;
                key.rotatable()?;
                if key.on_demand == 25 {
                    return Err("LimitExceededException");
                }
                if key.rotation.is_some_and(|rotation| rotation.next() <= now + 20 * MINUTE) {
                    return Err("ConflictException");
                }
                key.on_demand += 1;
                key.rotate("ON_DEMAND", now);
            }
            Act::ScheduleKeyDeletion { key, by, window } => {
                let window = window.unwrap_or(30);
                if !(7..=30).contains(&window) {
                    return Err(INVALID);
                }
                let key = self.managed(key, by)?;
                key.not_pending_deletion()?;
                key.deletion_at = Some(now + i64::from(window) * DAY);
            }
            Act::CancelKeyDeletion { key, by } => {
                let key = self.managed(key, by)?;
                key.deletion_at.ok_or(INVALID_STATE)?;
                key.deletion_at = None;
                key.enabled = false;
            }
            Act::Encrypt { key, by, token } => return self.seal(key, by, "Encrypt", token).map(Some),
            Act::GenerateDataKey { key, by, token } => {
                return self.seal(key, by, "GenerateDataKey", token).map(Some);
            }
            Act::EncryptByAlias { scope, name } => {
                let alias = self.alias(scope % SCOPES.len(), name).ok_or(NOT_FOUND)?;
                let key = self.aliases[alias].key;
                return self.seal(key, Who::Owner, "Encrypt", None).map(Some);
            }
            Act::Decrypt { sealed, by, named, token, right_context } => {
                let sealed = sealed % self.sealed.len();
                return self.open(sealed, by, named, token, right_context).map(Some);
            }
            Act::ReEncrypt { sealed, to } => {
                let (sealed, to) = (sealed % self.sealed.len(), to % self.keys.len());
                let from = &self.keys[self.sealed[sealed].key];
                if from.gone {
                    return Err(DENIED);
                }
                if self.keys[to].gone {
                    return Err(NOT_FOUND);
                }
                from.usable()?;
                self.keys[to].usable()?;
                return Ok(Some(Crypto::Reseals(sealed, to)));
            }
            Act::CreateAlias { key, name } => {
                let key = self.reached(key, Who::Owner)?;
                self.keys[key].not_pending_deletion()?;
                let scope = self.keys[key].scope;
                if self.alias(scope, name).is_some() {
                    return Err("AlreadyExistsException");
                }
                self.aliases.push(Alias { scope, name, key, created_at: now, updated_at: now });
            }
            Act::UpdateAlias { key, name } => {
                let key = self.reached(key, Who::Owner)?;
                let alias = self.alias(self.keys[key].scope, name).ok_or(NOT_FOUND)?;
                self.keys[key].not_pending_deletion()?;
                let alias = &mut self.aliases[alias];
                (alias.key, alias.updated_at) = (key, now);
            }
            Act::DeleteAlias { scope, name } => {
                let alias = self.alias(scope % SCOPES.len(), name).ok_or(NOT_FOUND)?;
                self.aliases.remove(alias);
            }
            Act::CreateGrant { .. } | Act::RetireGrant { .. } | Act::RevokeGrant { .. } => {
                self.grant_act(act)?;
            }
            Act::Advance { .. } | Act::AdvanceToNext { .. } | Act::Restart { .. } => {}
        }
        Ok(None)
    }

    /// The custom key store of a scope is there: acts without it make no sense.
    fn store_act(&mut self, act: Act) -> Outcome {
        let (Act::CreateStore { scope }
        | Act::ConnectStore { scope }
        | Act::DisconnectStore { scope }
        | Act::DeleteStore { scope }
        | Act::CreateKeyInStore { scope }) = act
        else {
            return Ok(());
        };
        let scope = scope % SCOPES.len();
        let connected = self.stores[scope].as_ref().is_some_and(|store| store.connected);
        let holds = |key: &Key| (key.scope, key.in_store, key.gone) == (scope, true, false);
        match act {
            Act::CreateStore { .. } => self.stores[scope] = Some(Store::default()),
            Act::ConnectStore { .. } => self.connect(scope, true),
            Act::DisconnectStore { .. } if connected => self.connect(scope, false),
            // A key that waits for its deletion counts until it is gone.
            Act::DeleteStore { .. } if !connected && self.keys.iter().any(holds) => {
                return Err("CustomKeyStoreHasCMKsException");
            }
            Act::DeleteStore { .. } if !connected => self.stores[scope] = None,
            Act::CreateKeyInStore { .. } if connected => {
                self.keys.push(Key::new(scope, true, self.now));
            }
            _ => return Err(INVALID_STORE_STATE),
        }
        Ok(())
    }

    /// The keys of a custom key store come and go with its connection.
    fn connect(&mut self, scope: usize, connected: bool) {
        self.stores[scope].iter_mut().for_each(|store| store.connected = connected);
        let inside = self.keys.iter_mut().filter(|key| key.scope == scope && key.in_store);
        inside.for_each(|key| key.available = connected);
    }

    fn seal(&self, key: usize, by: Who, operation: &str, token: Option<usize>) -> Outcome<Crypto> {
        let key = self.reached(key, by)?;
        self.allowed(key, by, operation, token)?;
        self.keys[key].usable()?;
        Ok(Crypto::Seals(key))
    }

    fn open(
        &self,
        sealed: usize,
        by: Who,
        named: Named,
        token: Option<usize>,
        right_context: bool,
    ) -> Outcome<Crypto> {
        let key = self.sealed[sealed].key;
        match named {
            Named::Right => drop(self.reached(key, by)?),
            Named::Wrong(other) => drop(self.reached(other, by)?),
            Named::Not => {}
        }
        // A ciphertext of a key that is gone, or of another Region, is one of an unknown key.
        if self.keys[key].gone || by == Who::Elsewhere {
            return Err(DENIED);
        }
        // Whose the ciphertext is learns only who may use the key that the request names.
        if let Named::Wrong(other) = named
            && other % self.keys.len() != key
        {
            self.allowed(other % self.keys.len(), by, "Decrypt", token)?;
            return Err("IncorrectKeyException");
        }
        self.allowed(key, by, "Decrypt", token)?;
        self.keys[key].usable()?;
        if right_context { Ok(Crypto::Opens(sealed)) } else { Err("InvalidCiphertextException") }
    }

    /// The key that a caller names by its ARN, if there is one to be seen.
    pub(super) fn reached(&self, key: usize, by: Who) -> Outcome<usize> {
        let at = key % self.keys.len();
        let key = &self.keys[at];
        if by == Who::Elsewhere {
            return Err(NOT_FOUND);
        }
        match (key.gone, account_of(by, key) == key.account()) {
            (false, _) => Ok(at),
            (true, true) => Err(NOT_FOUND),
            (true, false) => Err(DENIED),
        }
    }

    /// The key, for a caller who may do with it what no grant allows.
    fn managed(&mut self, key: usize, by: Who) -> Outcome<&mut Key> {
        let at = self.reached(key, by)?;
        if by == Who::Owner { Ok(&mut self.keys[at]) } else { Err(DENIED) }
    }

    pub(super) fn alias(&self, scope: usize, name: u8) -> Option<usize> {
        self.aliases.iter().position(|alias| (alias.scope, alias.name) == (scope, name))
    }
}

/// The account of a caller.
pub(super) fn account_of(by: Who, key: &Key) -> &'static str {
    match by {
        Who::Owner | Who::Elsewhere => key.account(),
        Who::Stranger => another_account(key.account()),
        Who::User(user) => USERS[user % USERS.len()].split(':').nth(4).unwrap(),
    }
}

pub(super) fn another_account(account: &str) -> &'static str {
    SCOPES.iter().map(|(other, _)| *other).find(|other| *other != account).unwrap()
}
