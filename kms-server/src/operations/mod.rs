//! The operations, one file per family. An operation declares what it needs; the pipeline enforces it.
//!
//! Operations never see the store, the engine or HTTP: a query reads a [`Authorized`] view, a command decides
//! what is to change.

mod agreement;
mod aliases;
mod custom_stores;
mod data_keys;
pub mod declaration;
mod encryption;
mod grants;
mod import;
mod kem;
mod key_pairs;
mod keys;
mod mac;
mod material;
mod metadata;
mod page;
mod policies;
mod primary_region;
mod public_key;
mod random;
mod recipient;
pub mod registry;
mod replicate;
mod rotation;
mod signing;
mod tags;
mod usage;

pub(crate) use custom_stores::NOT_CONNECTED;
pub use import::ImportTokenKey;
pub(crate) use keys::is_custom_tag;
pub use page::MarkerKey;
pub(crate) use recipient::attested;
pub(crate) use usage::last_activity;

use std::collections::BTreeSet;
use std::sync::Arc;

use lifecycle::alias::Alias;
use lifecycle::crypto::{Entropy, EntropyError, Secret};
use lifecycle::custom_store::{Cluster, CustomKeyStore};
use lifecycle::grant::{Constraints, Grant, GrantOperation, TokenKey};
use lifecycle::ids::{AliasArn, MaterialId};
use lifecycle::key::Key;
use lifecycle::state::{Change, Usage, View};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::error::{ErrorCode, KmsError};
use crate::attestation::{Attestation, Verifier};
use crate::auth::Caller;
use crate::limits::Limits;
use crate::pipeline::{Authorization, Request};
use crate::xks::{Conversation, Routes};

/// What the steps of every operation may draw on besides state and input.
pub struct Environment<'a> {
    /// Random bytes.
    pub entropy: &'a dyn Entropy,
    /// Quotas and other limits.
    pub limits: &'a Limits,
    /// Signs list markers.
    pub marker_key: &'a MarkerKey,
    /// Makes and reads grant tokens.
    pub token_key: &'a TokenKey,
    /// Seals and opens import tokens.
    pub import_token_key: &'a ImportTokenKey,
    /// Verifies attestation documents.
    pub attestation: &'a Verifier,
    /// The last uses that are not yet in the state.
    pub ledger: &'a dyn LastUses,
    /// How requests are authorised.
    pub authorization: Authorization,
    /// The configured AWS CloudHSM clusters.
    pub clusters: &'a [Cluster],
    /// The ways to external key store proxies.
    pub proxies: &'a Routes,
    /// What proxies have answered to this request; `None` until it is known that it has to ask any.
    pub conversation: Option<&'a Conversation>,
}

impl Environment<'_> {
    /// The grant that a token names, on a key of a Region.
    ///
    /// # Errors
    /// `InvalidGrantTokenException` for a token that is not genuine, or whose grant is no more.
    pub(crate) fn grant_of_token<'v>(
        &self,
        view: View<'v>,
        region: lifecycle::ids::Region,
        token: &str,
    ) -> Result<&'v Arc<Grant>, KmsError> {
        let named = self.token_key.read(token).filter(|(key, _)| key.scope.region == region);
        let grant = named.and_then(|(key, id)| view.grant(key, id));
        grant.ok_or_else(|| KmsError::bare(ErrorCode::InvalidGrantTokenException))
    }
}

/// The last use of each key since start, kept beside the state.
pub trait LastUses: Send + Sync {
    /// The last use of a key, if it was used since the server started.
    fn last_use(&self, key: &lifecycle::ids::KeyArn) -> Option<Arc<Usage>>;
}

/// The keys and aliases that a request names, found.
#[derive(Default)]
pub struct Resolved {
    /// The keys, in the order of the declaration's targets.
    pub keys: Vec<ResolvedKey>,
    /// The alias that is the subject of the request.
    pub alias: Option<Arc<Alias>>,
    /// The key behind that alias.
    pub behind_alias: Option<Arc<Key>>,
    /// The grant that the request is to retire.
    pub retired: Option<Retired>,
    /// What the request is to grant.
    pub granted: Option<Terms>,
    /// The key among them that AWS has yet to make.
    pub unmade: Option<Box<Unmade>>,
    /// Whom the answer is for alone, if it is for an enclave.
    pub recipient: Option<Attestation>,
    /// Whether the ciphertext belongs to another key than the one that the request names, which is then the last.
    pub is_of_other_key: bool,
}

/// A key that stands behind a predefined alias as soon as the request is allowed.
pub struct Unmade {
    /// The alias.
    pub alias: AliasArn,
    /// What the request is judged by.
    pub key: Arc<Key>,
}

/// What a grant lets its grantee do.
pub struct Terms {
    /// The operations.
    pub operations: BTreeSet<GrantOperation>,
    /// Which of their requests.
    pub constraints: Constraints,
}

/// A grant that a request is to retire: who may, is for the grant to say.
pub struct Retired {
    /// The grant.
    pub grant: Arc<Grant>,
    /// Whether the request has its token, so that it counts already.
    pub by_token: bool,
}

/// A key that a request names.
pub struct ResolvedKey {
    /// The key.
    pub key: Arc<Key>,
    /// The material that the ciphertext names, for a key found through one.
    pub material: Option<MaterialId>,
}

/// A request that may go ahead. Only the pipeline makes one, so no operation runs unauthorised.
pub struct Authorized<'a> {
    pub(crate) view: View<'a>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) resolved: &'a Resolved,
    pub(crate) environment: &'a Environment<'a>,
    /// The key material that was made for a command beforehand.
    pub(crate) prepared: Option<&'a Secret>,
    pub(crate) _permit: crate::pipeline::Permit,
}

impl Authorized<'_> {
    /// The first, usually only, key of the request.
    ///
    /// # Errors
    /// Never for an operation that declares a key.
    pub(crate) fn key(&self) -> Result<&Arc<Key>, KmsError> {
        self.key_at(0)
    }

    /// The key of the declaration's target number `at`.
    ///
    /// # Errors
    /// Never for an operation that declares so many keys.
    pub(crate) fn key_at(&self, at: usize) -> Result<&Arc<Key>, KmsError> {
        let found = self.resolved.keys.get(at).map(|resolved| &resolved.key);
        found.ok_or_else(|| KmsError::bare(ErrorCode::KMSInternalException))
    }

    /// The account and Region in which the caller acts.
    pub(crate) fn scope(&self) -> lifecycle::ids::Scope {
        self.caller.scope()
    }
}

/// An operation with a body.
pub trait Operation {
    /// The name on the wire.
    const NAME: &'static str;
    /// The request after validation. Its members agree with the model, which a test checks.
    type Input: DeserializeOwned + Send + 'static;
    /// The response. `()` for operations whose response the model leaves empty.
    type Output: Serialize;

    /// Rules between parameters that need no key. They come before any look-up.
    ///
    /// # Errors
    /// AWS's error for the first rule that is broken.
    fn parameters(_input: &Self::Input, _limits: &Limits) -> Result<(), KmsError> {
        Ok(())
    }

    /// The grant that the request is to retire.
    ///
    /// # Errors
    /// AWS's error if there is no such grant.
    fn retired(
        _input: &Self::Input,
        _resolved: &Resolved,
        _view: View<'_>,
        _environment: &Environment<'_>,
        _caller: &Caller,
    ) -> Result<Option<Retired>, KmsError> {
        Ok(None)
    }

    /// What the request is to grant: whoever may grant by virtue of a grant can grant no more than that.
    ///
    /// # Errors
    /// AWS's error if it cannot be granted to anybody.
    fn granted(_input: &Self::Input) -> Result<Option<Terms>, KmsError> {
        Ok(None)
    }

    /// Rules that AWS checks before the usage and the state of the key.
    ///
    /// # Errors
    /// AWS's error for the first rule that is broken.
    fn before_usage(_input: &Self::Input) -> Result<(), KmsError> {
        Ok(())
    }

    /// Key spec, algorithm, message type and size: checked after usage and state.
    ///
    /// # Errors
    /// AWS's error for the first rule that is broken.
    fn compatible(_input: &Self::Input, _resolved: &Resolved) -> Result<(), KmsError> {
        Ok(())
    }
}

/// An operation that changes nothing. It has no path to the writer.
pub trait Query: Operation {
    /// Answers.
    ///
    /// # Errors
    /// AWS's error.
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError>;
}

/// An operation that changes state.
pub trait Command: Operation {
    /// Makes key material that takes long, so that the writer need not wait for it. What it was made for is authorised
    /// now and once more by the writer, and may be refused then.
    ///
    /// # Errors
    /// AWS's error; then nothing changes.
    fn prepare(_: &Authorized<'_>, _input: &Self::Input) -> Result<Option<Secret>, KmsError> {
        Ok(None)
    }

    /// The custom key store that the request names, for its record.
    fn store<'a>(_: &Authorized<'a>, _input: &Self::Input) -> Option<&'a Arc<CustomKeyStore>> {
        None
    }

    /// Decides the answer and the changes. Nothing is changed unless all of them are stored.
    ///
    /// # Errors
    /// AWS's error; then nothing changes.
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError>;
}

impl From<EntropyError> for KmsError {
    fn from(_: EntropyError) -> Self {
        KmsError::bare(ErrorCode::KMSInternalException)
    }
}

/// What DescribeKey says of a key, for the control API.
pub(crate) fn key_metadata(view: View<'_>, key: &Key) -> impl Serialize + use<> {
    metadata::KeyMetadata::of(view, key)
}
