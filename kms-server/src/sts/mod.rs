//! The Security Token Service, on the same port as KMS: temporary credentials and who their callers are.
//!
//! Requests come in AWS's query protocol (`query`), are held against the model (`model`) and answered in XML
//! (`answer`). Nothing is stored: the credentials that are given out carry their session, see
//! [`SessionKey`](crate::auth::SessionKey).
//!
//! AWS: Security Token Service API Reference, version 2011-06-15.

mod access_key_info;
mod answer;
mod assume_role;
mod authorize;
mod caller_identity;
mod context;
mod error;
mod identity_provider;
mod issue;
mod jwt;
mod mfa;
mod model;
mod query;
mod record;
mod session_tags;
mod session_token;
mod web_identity;

pub use identity_provider::{IdentityProvider, ProviderError, is_issuer};
pub use model::VERSION;

use bytes::Bytes;
use http::{Request, Response, header};
use lifecycle::crypto::Entropy;
use lifecycle::iam::Directory;
use lifecycle::ids::Uuid;
use serde_json::Value;

use crate::api::shape::Structure;
use crate::api::validate::validate;
use crate::auth::{Authenticator, Caller, Now};
use crate::engine::{Snapshot, wall};
use crate::message::{Connection, Message, Transport, add_domain_time};
use crate::observe::log::Place;
use crate::observe::metrics::Outcome;
use crate::service::Service;
use error::{Code, StsError};
use model::{Body, CallerRule, Operation};
use query::Parameters;
use record::Record;

/// The signing name of the service.
const SIGNING_NAME: &str = "sts";

/// Every operation of STS with the shape of its parameters; none of one that is not built.
pub fn operations() -> impl Iterator<Item = (&'static str, Option<&'static Structure>)> {
    model::OPERATIONS.iter().map(|operation| (operation.name, operation.input()))
}

/// Whether a request is for STS.
pub(crate) fn is_request(request: &Request<Bytes>) -> bool {
    query::is_query(request)
}

/// What an operation works on.
struct Call<'a> {
    /// Who calls; `None` where nobody needs to sign.
    caller: Option<&'a Caller>,
    snapshot: &'a Snapshot,
    now: Now,
    authenticator: &'a Authenticator,
    providers: &'a [IdentityProvider],
    entropy: &'a dyn Entropy,
    /// Steps that the evaluation of one permission may take.
    policy_steps_max: u64,
    facts: Facts<'a>,
    /// The subject of the caller's web identity, for the record.
    subject: Option<crate::auth::WebIdentity>,
    /// The ARN of the role that the request is about, for the record.
    role: Option<String>,
}

/// What is known of a request besides its caller.
#[derive(Clone, Copy)]
struct Facts<'a> {
    source_ip: &'a str,
    user_agent: &'a str,
    region: &'a str,
    secure: bool,
}

impl<'a> Call<'a> {
    fn directory(&self) -> &'a Directory {
        self.snapshot.state.directory()
    }

    /// The caller of an operation that must be signed.
    fn signer(&self) -> Result<&'a Caller, StsError> {
        self.caller.ok_or_else(StsError::internal)
    }
}

/// Answers a request.
pub(crate) async fn call(service: &Service, request: &Request<Bytes>) -> Response<Bytes> {
    let parts = service.parts();
    let place = parts.audit.reserve().await;
    let snapshot = parts.engine.snapshot();
    let now = Now { wall: wall::now(), domain: snapshot.now(), epoch: snapshot.clock.epoch() };
    let mut response = match (service.ids(), place) {
        (Ok(ids), Ok(place)) => decide(service, request, ids, place, &snapshot, now),
        (Ok([request_id, _]), Err(_)) => {
            let error = StsError::new(Code::InternalFailure, "The audit log takes no more records.");
            answer::failure(&error, request_id.as_str())
        }
        (Err(_), _) => answer::failure(&StsError::internal(), ""),
    };
    add_domain_time(response.headers_mut(), now.domain);
    response
}

/// Answers a request that has its place in the audit log.
fn decide(
    service: &Service,
    request: &Request<Bytes>,
    [request_id, event_id]: [Uuid; 2],
    place: Place<'_>,
    snapshot: &Snapshot,
    now: Now,
) -> Response<Bytes> {
    let parts = service.parts();
    let connection = request.extensions().get::<Connection>();
    let peer = connection.and_then(|connection| connection.peer).map(|peer| peer.ip().to_string());
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let mut record = Record {
        operation: None,
        caller: None,
        subject: None,
        input: Value::Null,
        role: None,
        at: now.domain,
        event_id: event_id.as_str(),
        request_id: request_id.as_str(),
        source_ip: peer.as_deref().unwrap_or("127.0.0.1"),
        user_agent: agent.unwrap_or_default(),
        region: parts.region.as_str(),
        account: parts.account.as_str(),
    };
    let facts = Facts {
        source_ip: record.source_ip,
        user_agent: record.user_agent,
        region: record.region,
        secure: connection.is_some_and(|connection| connection.transport == Transport::Tls),
    };
    let result = run(service, request, snapshot, now, facts, &mut record);
    let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
    parts.metrics.count_sts(record.operation.map_or("", |operation| operation.name), outcome);
    place.record(|line| record.write(&result, line));
    match (result, record.operation) {
        (Ok(result), Some(operation)) => answer::success(operation.name, &result, request_id.as_str()),
        (Ok(_), None) => answer::failure(&StsError::internal(), request_id.as_str()),
        (Err(error), _) => answer::failure(&error, request_id.as_str()),
    }
}

/// The order of checks: operation, caller, types, constraints, and then the operation's own.
fn run(
    service: &Service,
    request: &Request<Bytes>,
    snapshot: &Snapshot,
    now: Now,
    facts: Facts<'_>,
    record: &mut Record<'_>,
) -> Result<Value, StsError> {
    let parts = service.parts();
    let parameters = Parameters::read(request)?;
    let operation = operation(&parameters)?;
    record.operation = Some(operation);
    let caller = match operation.caller {
        CallerRule::Anonymous => None,
        CallerRule::Signed => {
            let signed = Message::of(request);
            let directory = snapshot.state.directory();
            Some(parts.authenticator.authenticate(&signed, SIGNING_NAME, now, directory)?)
        }
    };
    record.caller.clone_from(&caller);
    let Body::Built { input: structure, run } = operation.body else {
        let message = format!("{} is not implemented by this server.", operation.name);
        return Err(StsError::new(Code::NotImplemented, message));
    };
    let mut input = parameters.object(structure)?;
    let validated = validate(structure, &mut input);
    record.input.clone_from(&input);
    validated?;
    let region = caller.as_ref().map(|caller| caller.region);
    let facts = Facts { region: region.as_ref().map_or(facts.region, |region| region.as_str()), ..facts };
    let mut call = Call {
        caller: caller.as_ref(),
        snapshot,
        now,
        authenticator: &parts.authenticator,
        providers: &parts.identity_providers,
        entropy: &*parts.entropy,
        policy_steps_max: parts.authorization.policy_steps_max,
        facts,
        subject: None,
        role: None,
    };
    let result = run(&mut call, &input);
    record.subject = call.subject;
    record.role = call.role;
    result
}

/// AWS (observed): one text for an unknown operation and for an unknown version.
fn operation(parameters: &Parameters) -> Result<&'static Operation, StsError> {
    let Some(action) = parameters.get("Action") else {
        return Err(StsError::new(Code::MissingAction, "The request must contain the parameter Action."));
    };
    let version = parameters.get("Version").unwrap_or("NO_VERSION_SPECIFIED");
    let found = Operation::find(action).filter(|_| version == model::VERSION);
    found.ok_or_else(|| {
        let shown = |text: &str| text.chars().take(100).collect::<String>();
        let (action, version) = (shown(action), shown(version));
        let message = format!("Could not find operation {action} for version {version}");
        StsError::new(Code::InvalidAction, message)
    })
}
