//! One fault: which requests it may strike, and what becomes of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lifecycle::clock::Timestamp;
use lifecycle::ids::{AliasArn, AliasName, KeyArn, KeyId, KeyReference};
use lifecycle::policy::Principal;
use lifecycle::state::View;
use serde_json::{Value, json};

use crate::api::error::{ErrorCode, KmsError};
use crate::auth::Caller;
use crate::operations::registry::Entry;

/// What a request may be made to fail with.
///
/// AWS: KMS API reference, errors of the operations and "Common Error Types".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// The account calls too often.
    Throttling,
    /// A fault of the service.
    Internal,
    /// The key cannot be reached at the moment.
    KeyUnavailable,
    /// Something that the service depends on did not answer in time.
    DependencyTimeout,
}

impl FaultError {
    /// Every kind.
    pub const ALL: [FaultError; 4] = [
        FaultError::Throttling,
        FaultError::Internal,
        FaultError::KeyUnavailable,
        FaultError::DependencyTimeout,
    ];

    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            FaultError::Throttling => ErrorCode::ThrottlingException,
            FaultError::Internal => ErrorCode::KMSInternalException,
            FaultError::KeyUnavailable => ErrorCode::KeyUnavailableException,
            FaultError::DependencyTimeout => ErrorCode::DependencyTimeoutException,
        }
    }

    /// The name of the code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.code().name()
    }

    /// The kind whose code has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether an operation can answer it: throttling any, the others those whose model declares it.
    #[must_use]
    pub fn is_error_of(self, operation: &Entry) -> bool {
        self == FaultError::Throttling || operation.declaration.model.errors.contains(&self.code())
    }

    /// The error as AWS answers it. Texts of the server's faults are not published; none is sent.
    fn error(self, message: Option<&str>) -> KmsError {
        match (message, self) {
            (Some(message), _) => KmsError::new(self.code(), message.to_owned()),
            (None, FaultError::Throttling) => KmsError::throttled(),
            (None, _) => KmsError { code: self.code(), message: None::<Cow<'static, str>> },
        }
    }
}

/// How a fault names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// The key of this id, in any account and Region.
    Id(KeyId),
    /// The key.
    Arn(KeyArn),
    /// Whatever key the alias of this name belongs to at the time, in any account and Region.
    Alias(AliasName),
    /// Whatever key the alias belongs to at the time.
    AliasArn(AliasArn),
}

impl KeyName {
    /// Reads a key id, a key ARN, an alias name or an alias ARN.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match KeyReference::parse(text).ok()? {
            KeyReference::Id(id) => KeyName::Id(id),
            KeyReference::Arn(arn) => KeyName::Arn(arn),
            KeyReference::Alias(name) => KeyName::Alias(name),
            KeyReference::AliasArn(arn) => KeyName::AliasArn(arn),
        })
    }

    fn means(&self, key: KeyArn, view: View<'_>) -> bool {
        let has = |name: &AliasName| view.aliases_of(key, None).any(|alias| alias == name);
        match self {
            KeyName::Id(id) => key.id == *id,
            KeyName::Arn(arn) => key == *arn,
            KeyName::Alias(name) => has(name),
            KeyName::AliasArn(arn) => arn.scope == key.scope && has(&arn.name),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyName::Id(id) => f.write_str(id.as_str()),
            KeyName::Arn(arn) => arn.fmt(f),
            KeyName::Alias(name) => f.write_str(name.as_str()),
            KeyName::AliasArn(arn) => arn.fmt(f),
        }
    }
}

/// A fault as it was asked for. Lists that are empty match everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// How the request fails; `None` only delays it.
    pub error: Option<FaultError>,
    /// A text in place of AWS's.
    pub message: Option<String>,
    /// How long the request waits first, on the wall clock.
    pub latency: Duration,
    /// Names of operations.
    pub operations: Vec<&'static str>,
    /// Keys that the request is about.
    pub keys: Vec<KeyName>,
    /// ARNs of callers, with their sessions; or whole accounts.
    pub principals: Vec<String>,
    /// The share of the matching requests that are struck, from 0 to 1; `None` is all of them.
    pub share: Option<f64>,
    /// Decides which requests make up the share.
    pub seed: u64,
    /// The fault begins at this moment of domain time.
    pub from: Option<Timestamp>,
    /// It has ended by this moment of domain time.
    pub until: Option<Timestamp>,
    /// How many requests it strikes before it is spent.
    pub count: Option<u64>,
}

/// What faults look at.
pub struct Target<'a> {
    /// The operation.
    pub operation: &'static Entry,
    /// Who calls.
    pub caller: &'a Caller,
    /// The keys that the request names or its ciphertext belongs to; none if they are not there.
    pub keys: &'a [KeyArn],
    /// The state, at the instant of the request.
    pub view: View<'a>,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub struct Strike {
    /// How long it waits.
    pub latency: Duration,
    /// What it then fails with.
    pub error: Option<(FaultError, KmsError)>,
}

/// A fault that was added.
pub(super) struct Fault {
    id: u64,
    draft: Draft,
    matched: AtomicU64,
    struck: AtomicU64,
}

impl Fault {
    pub(super) fn new(id: u64, draft: Draft) -> Self {
        Fault { id, draft, matched: AtomicU64::new(0), struck: AtomicU64::new(0) }
    }

    pub(super) fn is(&self, id: &str) -> bool {
        self.id.to_string() == id
    }

    pub(super) fn names_keys(&self) -> bool {
        !self.draft.keys.is_empty()
    }

    /// What it does to a request; `None` if it leaves it alone.
    pub(super) fn strike(&self, target: &Target<'_>) -> Option<Strike> {
        if !self.matches(target) {
            return None;
        }
        let number = self.matched.fetch_add(1, Ordering::Relaxed);
        if self.draft.share.is_some_and(|share| draw(self.draft.seed, number) >= share) {
            return None;
        }
        let left = |struck: u64| self.draft.count.is_none_or(|count| struck < count).then_some(struck + 1);
        self.struck.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).ok()?;
        let message = self.draft.message.as_deref();
        Some(Strike {
            latency: self.draft.latency,
            error: self.draft.error.map(|kind| (kind, kind.error(message))),
        })
    }

    fn matches(&self, target: &Target<'_>) -> bool {
        let Draft { error, operations, keys, principals, from, until, .. } = &self.draft;
        let now = target.view.now();
        from.is_none_or(|from| from <= now)
            && until.is_none_or(|until| now < until)
            && error.is_none_or(|error| error.is_error_of(target.operation))
            && (operations.is_empty() || operations.contains(&target.operation.name()))
            && (principals.is_empty()
                || principals.iter().any(|principal| is_caller(principal, target.caller)))
            && (keys.is_empty()
                || target.keys.iter().any(|key| keys.iter().any(|name| name.means(*key, target.view))))
    }

    pub(super) fn shown(&self) -> Value {
        let Draft { error, message, latency, operations, keys, principals, share, seed, from, until, count } =
            &self.draft;
        let (matched, struck) = (self.matched.load(Ordering::Relaxed), self.struck.load(Ordering::Relaxed));
        let spent = count.is_some_and(|count| struck >= count);
        let mut shown =
            json!({ "id": self.id.to_string(), "matched": matched, "struck": struck, "spent": spent });
        let mut put = |name: &str, value: Value| {
            if let Some(members) = shown.as_object_mut().filter(|_| !value.is_null()) {
                members.insert(name.to_owned(), value);
            }
        };
        let list = |texts: Vec<String>| if texts.is_empty() { Value::Null } else { texts.into() };
        let moment = |at: &Option<Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
        put("error", error.map(FaultError::as_str).into());
        put("message", message.as_deref().into());
        put("latency_ms", if latency.is_zero() { Value::Null } else { json!(latency.as_millis()) });
        put("operations", list(operations.iter().map(|name| (*name).to_owned()).collect()));
        put("keys", list(keys.iter().map(KeyName::to_string).collect()));
        put("principals", list(principals.clone()));
        put("share", (*share).into());
        put("seed", share.map(|_| *seed).into());
        put("from", moment(from));
        put("until", moment(until));
        put("count", (*count).into());
        shown
    }
}

/// Whether a fault's principal is the caller: its ARN, the ARN of its role, or its account.
fn is_caller(principal: &str, caller: &Caller) -> bool {
    if principal == caller.arn() || principal == caller.identity.account().as_str() {
        return true;
    }
    match caller.principal() {
        Principal::AssumedRole { account, role, .. } => {
            let role = Principal::Role { account: account.clone(), name: role.clone() };
            principal == role.arn()
        }
        _ => false,
    }
}

/// A number from 0 up to 1 for the `number`th request: SplitMix64's mixing of a counter, so that it depends on neither
/// time nor what was drawn before.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
fn draw(seed: u64, number: u64) -> f64 {
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_from_seed_and_number_alone_and_spread_evenly() {
        let drawn: Vec<f64> = (0..10_000).map(|number| draw(7, number)).collect();
        assert!(drawn.iter().all(|draw| (0.0..1.0).contains(draw)));
        let below = drawn.iter().filter(|draw| **draw < 0.25).count();
        assert!((2_300..2_700).contains(&below), "{below}");
        assert_eq!(draw(7, 3), drawn[3]);
        assert_ne!(draw(8, 3), drawn[3]);
        // SplitMix64 of the seed 0, as its author publishes it.
        assert_eq!((draw(0, 0) * (1_u64 << 53) as f64) as u64, 0xE220_A839_7B1D_CDAF >> 11);
    }

    #[test]
    fn keys_are_named_in_four_ways() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
        for text in [id, &arn, "alias/app", "arn:aws:kms:us-east-1:111122223333:alias/app"] {
            assert_eq!(KeyName::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(KeyName::parse("app"), None);
    }

    #[test]
    fn each_error_has_a_counter_of_its_own() {
        for (at, kind) in FaultError::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
            assert_eq!(FaultError::named(kind.as_str()), Some(kind));
        }
        assert_eq!(FaultError::named("DisabledException"), None);
    }
}
