//! The order of checks, held by one function: whatever an operation declares is enforced here.
//!
//! Parameters, identifiers, look-up, authorisation, key usage, key state, compatibility, dry run, and then the
//! operation itself. Validation of members has happened before.

mod authorize;
mod facts;
mod resolve;

pub use authorize::{
    Action, Authorization, DescribedGrant, GivenGrant, Mode, Question, Unanswerable, actions, explain,
};
pub use facts::{Circumstances, Endpoint, ServiceCall};

use std::sync::Arc;

use bytes::Bytes;
use lifecycle::crypto::Secret;
use lifecycle::custom_store::CustomKeyStore;
use lifecycle::ids::{AccountId, AliasArn, GrantId, KeyArn, MaterialId};
use lifecycle::key::{Key, KeySpec, KeyState, KeyUsage, Origin, Residence};
use lifecycle::policy::Context;
use lifecycle::state::{Change, Record, RecordId, View};
use serde::Deserialize;
use serde_json::Value;

use crate::api::blob::to_json;
use crate::api::error::{ErrorCode, KmsError};
use crate::api::shape::Output;
use crate::auth::Caller;
use crate::operations::declaration::{Declaration, States, Target};
use crate::operations::registry::{Body, Entry};
use crate::operations::{
    Authorized, Command, Environment, NOT_CONNECTED, Operation, Query, Resolved, ResolvedKey,
};

/// Proof that a request went through this module: nobody else can make one.
pub struct Permit(());

/// A validated request.
pub struct Request<'a> {
    /// The operation.
    pub entry: &'static Entry,
    /// Who calls, and for which account and Region.
    pub caller: &'a Caller,
    /// The members of the request.
    pub input: &'a Value,
    /// The connection, and the service that calls on behalf of somebody.
    pub circumstances: &'a Circumstances,
}

/// What became known of a request on its way, for the audit log; filled in whether or not it succeeds.
#[derive(Default)]
pub struct Trace {
    /// What was found or made, in that order.
    pub resources: Vec<Resource>,
    /// The grant that was ended.
    pub ended: Option<GrantId>,
    /// Why policies and grants do not allow the request, if they do not.
    pub denial: Option<Value>,
    /// The predefined alias whose key has to be made before the query can be answered.
    pub unmade: Option<Box<AliasArn>>,
    /// The custom key store that the request names.
    pub store: Option<Arc<CustomKeyStore>>,
    /// Whether a query has to ask an external key store proxy before it can be answered.
    pub asks_proxy: bool,
}

/// Something that a request concerns.
pub enum Resource {
    /// A key.
    Key(KeyArn),
    /// A key, and the one of its materials that encrypted or decrypted.
    Used(KeyArn, MaterialId),
    /// A key in a custom key store that was to encrypt or decrypt, and where it lives.
    Stored(KeyArn, Residence),
    /// An alias.
    Alias(AliasArn),
}

impl Resource {
    /// The account that it belongs to.
    #[must_use]
    pub fn account(&self) -> AccountId {
        match self {
            Resource::Key(key) | Resource::Used(key, _) | Resource::Stored(key, _) => key.scope.account,
            Resource::Alias(alias) => alias.scope.account,
        }
    }
}

impl Trace {
    /// The keys among the resources.
    pub fn keys(&self) -> impl Iterator<Item = KeyArn> + '_ {
        self.resources.iter().filter_map(|resource| match resource {
            Resource::Key(key) | Resource::Used(key, _) | Resource::Stored(key, _) => Some(*key),
            Resource::Alias(_) => None,
        })
    }

    /// Adds which material of each key was used, where a key may have several.
    fn add_used(&mut self, entry: &Entry, resolved: &Resolved) {
        if entry.declaration.usage != Some(KeyUsage::EncryptDecrypt) {
            return;
        }
        for (resource, found) in self.resources.iter_mut().zip(&resolved.keys) {
            let material = found.material.or(found.key.current_material);
            let has_id = found.key.spec == KeySpec::SymmetricDefault && found.key.custom_store.is_none();
            if let Some(material) = material.filter(|_| has_id) {
                *resource = Resource::Used(found.key.arn, material);
            }
        }
    }

    /// Adds where each key lives that will encrypt or decrypt, if that is a custom key store.
    fn add_stored(&mut self, entry: &Entry, resolved: &Resolved) {
        if entry.declaration.usage != Some(KeyUsage::EncryptDecrypt) {
            return;
        }
        for (resource, found) in self.resources.iter_mut().zip(&resolved.keys) {
            if let Some(residence) = &found.key.custom_store {
                *resource = Resource::Stored(found.key.arn, residence.clone());
            }
        }
    }

    /// Adds what a command makes anew or finds by itself; everything else that it changes was found before.
    fn add_made(&mut self, changes: &[Change]) {
        let nothing_found = self.resources.is_empty();
        let no_alias = !self.resources.iter().any(|resource| matches!(resource, Resource::Alias(_)));
        self.resources.extend(changes.iter().filter_map(|change| match change {
            Change::Put(Record::Key(key)) if nothing_found => Some(Resource::Key(key.arn)),
            // A token names no key that could have been looked up before.
            Change::Delete(RecordId::Grant(key, _)) if nothing_found => Some(Resource::Key(*key)),
            Change::Put(Record::Alias(alias)) if no_alias => Some(Resource::Alias(alias.arn.clone())),
            _ => None,
        }));
        self.ended = changes.iter().find_map(|change| match change {
            Change::Delete(RecordId::Grant(_, id)) => Some(*id),
            _ => None,
        });
    }
}

/// A successful answer.
pub struct Answer {
    /// The body of the response.
    pub body: Bytes,
    /// The response as a value, of operations that change something.
    pub elements: Option<Value>,
}

/// The body of a query in the registry.
pub type QueryBody = fn(&Request<'_>, View<'_>, &Environment<'_>, &mut Trace) -> Result<Answer, KmsError>;

/// Makes what a command needs and what takes long, before the writer decides.
pub type Preparation =
    fn(&Request<'_>, View<'_>, &Environment<'_>, &mut Trace) -> Result<Option<Secret>, KmsError>;

/// Decides a command on the writer's state, with what was prepared.
pub type Decision =
    fn(&Request<'_>, Option<&Secret>, View<'_>, &Environment<'_>, &mut Trace) -> Result<Decided, KmsError>;

/// What a command decided: its answer, and the changes without which it does not count.
pub type Decided = (Answer, Vec<Change>);

/// The body of a command in the registry.
pub struct CommandBody {
    /// Only for requests that take long.
    pub prepare: Preparation,
    /// For every request.
    pub decide: Decision,
}

/// Runs a query.
///
/// # Errors
/// AWS's error for the first check that fails, in AWS's order. A query that passes all of them, but is for a key that
/// AWS has yet to make, fails too: [`Trace::unmade`] says what to make before it is run again. So does one that has to
/// ask a proxy, unless there is a conversation for it.
pub fn query<Q: Query>(
    request: &Request<'_>,
    view: View<'_>,
    environment: &Environment<'_>,
    trace: &mut Trace,
) -> Result<Answer, KmsError> {
    let Admitted { input, resolved } = admit::<Q>(request, view, environment, trace)?;
    check_dry_run(request)?;
    if let Some(unmade) = resolved.unmade {
        trace.unmade = Some(Box::new(unmade.alias));
        return Err(KmsError::bare(ErrorCode::KMSInternalException));
    }
    trace.add_stored(request.entry, &resolved);
    let is_external = |found: &ResolvedKey| found.key.origin == Origin::ExternalKeyStore;
    let encrypts = request.entry.declaration.usage == Some(KeyUsage::EncryptDecrypt);
    if environment.conversation.is_none() && encrypts && resolved.keys.iter().any(is_external) {
        trace.asks_proxy = true;
        return Err(KmsError::bare(ErrorCode::KMSInternalException));
    }
    let authorized = Authorized {
        view,
        request,
        caller: request.caller,
        resolved: &resolved,
        environment,
        prepared: None,
        _permit: Permit(()),
    };
    let output = Q::run(&authorized, &input)?;
    trace.add_used(request.entry, &resolved);
    Ok(Answer { body: encode(request.entry.declaration.model.output, &output)?, elements: None })
}

/// Prepares a command.
///
/// # Errors
/// AWS's error for the first check that fails, in AWS's order; then nothing changes.
pub fn prepare<C: Command>(
    request: &Request<'_>,
    view: View<'_>,
    environment: &Environment<'_>,
    trace: &mut Trace,
) -> Result<Option<Secret>, KmsError> {
    let Admitted { input, resolved } = admit::<C>(request, view, environment, trace)?;
    let authorized = Authorized {
        view,
        request,
        caller: request.caller,
        resolved: &resolved,
        environment,
        prepared: None,
        _permit: Permit(()),
    };
    C::prepare(&authorized, &input)
}

/// Decides a command.
///
/// # Errors
/// AWS's error for the first check that fails, in AWS's order; then nothing changes.
pub fn command<C: Command>(
    request: &Request<'_>,
    prepared: Option<&Secret>,
    view: View<'_>,
    environment: &Environment<'_>,
    trace: &mut Trace,
) -> Result<Decided, KmsError> {
    let Admitted { input, resolved } = admit::<C>(request, view, environment, trace)?;
    let authorized = Authorized {
        view,
        request,
        caller: request.caller,
        resolved: &resolved,
        environment,
        prepared,
        _permit: Permit(()),
    };
    trace.store = C::store(&authorized, &input).cloned();
    let (output, changes) = C::decide(&authorized, &input)?;
    // Nothing has changed yet: a dry run ends here, and knows of everything that the operation itself refuses.
    check_dry_run(request)?;
    trace.add_made(&changes);
    let body = encode(request.entry.declaration.model.output, &output)?;
    let elements = serde_json::from_slice(&body).ok();
    Ok((Answer { body, elements }, changes))
}

/// A request that has passed every check.
struct Admitted<I> {
    input: I,
    resolved: Resolved,
}

/// The order of checks.
///
/// AWS (observed): a ciphertext of another key than the named one before usage, usage before state, state before spec
/// and algorithm; a dry run ends after all of them.
fn admit<O: Operation>(
    request: &Request<'_>,
    view: View<'_>,
    environment: &Environment<'_>,
    trace: &mut Trace,
) -> Result<Admitted<O::Input>, KmsError> {
    let declaration = &request.entry.declaration;
    let input = O::Input::deserialize(request.input)
        .map_err(|error| KmsError::new(ErrorCode::SerializationException, error.to_string()))?;
    O::parameters(&input, environment.limits)?;
    let mut resolved = resolve::resolve(request, view, trace)?;
    resolved.retired = O::retired(&input, &resolved, view, environment, request.caller)?;
    resolved.granted = O::granted(&input)?;
    authorize::authorize(request, view, environment, &resolved, trace)?;
    if resolved.is_of_other_key {
        return Err(KmsError::new(
            ErrorCode::IncorrectKeyException,
            "The key ID in the request does not identify a CMK that can perform this operation.",
        ));
    }
    O::before_usage(&input)?;
    for (target, found) in key_targets(declaration).zip(&resolved.keys) {
        check_usage(declaration, target, &found.key)?;
    }
    for (target, found) in key_targets(declaration).zip(&resolved.keys) {
        check_state(target, &found.key, view)?;
    }
    O::compatible(&input, &resolved)?;
    Ok(Admitted { input, resolved })
}

/// The keys that a request names, or that its ciphertext belongs to; none if any of them cannot be found.
pub(crate) fn keys_of(request: &Request<'_>, view: View<'_>) -> Vec<Arc<Key>> {
    let resolved = resolve::resolve(request, view, &mut Trace::default());
    resolved.map_or_else(|_| Vec::new(), |found| found.keys.into_iter().map(|found| found.key).collect())
}

/// The facts of another permission, without `kms:`, on a key of the same request.
pub(crate) fn facts_of(
    request: &Request<'_>,
    action: &str,
    key: Option<&Key>,
    view: View<'_>,
    environment: &Environment<'_>,
) -> Context {
    let asked = facts::Asked { action, key, replicated: None, same_key: false };
    facts::gather(request, asked, view, environment, Context::new())
}

fn check_dry_run(request: &Request<'_>) -> Result<(), KmsError> {
    if request.input.get("DryRun") != Some(&Value::Bool(true)) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::DryRunOperationException,
        "The request would have succeeded, but the DryRun option is set.",
    ))
}

fn key_targets(declaration: &Declaration) -> impl Iterator<Item = &'static Target> {
    declaration.targets.iter().filter(|target| !matches!(target, Target::Alias { .. }))
}

fn check_usage(declaration: &Declaration, target: &Target, key: &Key) -> Result<(), KmsError> {
    let action = match target {
        Target::Key { action, .. } | Target::Ciphertext { action, .. } | Target::Replica { action, .. } => {
            action
        }
        Target::Alias { .. } => return Ok(()),
    };
    if declaration.usage.is_none_or(|usage| usage == key.usage) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::InvalidKeyUsageException,
        format!("{} key usage is {} which is not valid for {action}.", key.arn, key.usage),
    ))
}

fn check_state(target: &Target, key: &Key, view: View<'_>) -> Result<(), KmsError> {
    let states = match target {
        Target::Key { states, .. } | Target::Replica { states, .. } => *states,
        Target::Ciphertext { .. } => crate::operations::declaration::USABLE,
        Target::Alias { .. } => return Ok(()),
    };
    let state = view.key_state(key);
    let awaiting = matches!(state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
    let (admitted, what) = match states {
        States::Every => (true, ""),
        States::Only(states) => (states.contains(&state), refusal(state)),
        States::AwaitingDeletion => (awaiting, "not pending deletion"),
    };
    if admitted {
        return Ok(());
    }
    let code = match what {
        "disabled" => ErrorCode::DisabledException,
        _ => ErrorCode::KMSInvalidStateException,
    };
    let message = match (what, key.origin) {
        ("unavailable", Origin::ExternalKeyStore) => NOT_CONNECTED.to_owned(),
        _ => format!("{} is {what}.", key.arn),
    };
    Err(KmsError::new(code, message))
}

/// How an error text names a state that does not allow the operation.
fn refusal(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "enabled",
        KeyState::Disabled => "disabled",
        KeyState::PendingDeletion => "pending deletion",
        KeyState::PendingImport => "pending import",
        KeyState::PendingReplicaDeletion => "pending replica deletion",
        KeyState::Unavailable => "unavailable",
        KeyState::Creating => "creating",
        KeyState::Updating => "updating",
    }
}

fn encode(output: Output, value: &impl serde::Serialize) -> Result<Bytes, KmsError> {
    match output {
        Output::NoBody => Ok(Bytes::new()),
        Output::Empty => Ok(Bytes::from_static(b"{}")),
        Output::Structure(_) => {
            to_json(value).map(Bytes::from).map_err(|_| KmsError::bare(ErrorCode::KMSInternalException))
        }
    }
}

/// Whether the operation goes to the writer.
#[must_use]
pub fn is_command(entry: &Entry) -> bool {
    matches!(entry.body, Body::Command(_))
}
