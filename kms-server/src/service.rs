//! The service as a value: one HTTP request in, one response out, no web framework.

mod abroad;
pub(crate) mod circumstances;
mod disturbance;
pub(crate) mod forward;
pub(crate) mod inside;
mod provision;
mod run;
pub mod waits;

use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::Entropy;
use lifecycle::custom_store::Cluster;
use lifecycle::grant::TokenKey;
use lifecycle::ids::{AccountId, Region, Uuid};
use lifecycle::policy::{Principal, ServicePrincipal};
use lifecycle::state::Usage;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::api::error::{ErrorCode, KmsError};
use crate::api::validate::{parse_json, validate};
use crate::attestation::Verifier;
use crate::auth::{AuthError, AuthErrorCode, Authenticator, Caller, KMS, Now};
use crate::cloudtrail;
use crate::control;
use crate::engine::{Engine, SubmitError, wall};
use crate::faults::Faults;
use crate::http::{Handler, Refused};
use crate::limits::Limits;
use crate::message::{Message, OperationReply, Reply};
use crate::observe::audit::AuditLog;
use crate::observe::log::Place;
use crate::observe::metrics::{Metrics, Outcome};
use crate::observe::notifications::Notifications;
use crate::observe::record::{self, AuditRecord};
use crate::operations::declaration::Tracking;
use crate::operations::registry::{self, Entry};
use crate::operations::{Environment, ImportTokenKey, MarkerKey};
use crate::pipeline::{self, Answer, Authorization, Circumstances, Trace};
use crate::quotas::RequestQuotas;
use crate::report::{Month, Row, Tally, price_class};
use crate::sts::{self, IdentityProvider};
use crate::tables::Tables;
use crate::xks::{self, Conversation};
use run::{Moment, Order};
use waits::Waits;

pub use circumstances::ServiceHeaders;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "TrentService.";

/// A KMS. Cloning it gives another handle to the same one.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

/// What a service is made of.
pub struct Inner {
    /// State and writer.
    pub engine: Engine,
    /// Who may call.
    pub authenticator: Authenticator,
    /// The record of every request.
    pub audit: AuditLog,
    /// The events that were sent of what happens by itself.
    pub notifications: Notifications,
    /// Counters.
    pub metrics: Metrics,
    /// Random bytes for keys, nonces and ids.
    pub entropy: Arc<dyn Entropy>,
    /// Quotas.
    pub limits: Limits,
    /// Nesting of a request body.
    pub json_depth_max: usize,
    /// The account of unsigned requests.
    pub account: AccountId,
    /// The Region of unsigned requests.
    pub region: Region,
    /// Signs list markers.
    pub marker_key: Arc<MarkerKey>,
    /// Makes and reads grant tokens.
    pub token_key: TokenKey,
    /// Seals and opens import tokens.
    pub import_token_key: ImportTokenKey,
    /// Verifies attestation documents.
    pub attestation: Verifier,
    /// Whose tokens AssumeRoleWithWebIdentity takes.
    pub identity_providers: Vec<IdentityProvider>,
    /// How requests are authorised.
    pub authorization: Authorization,
    /// Whether clients may play services.
    pub service_headers: ServiceHeaders,
    /// Requests that wait for something to happen.
    pub waits: Waits,
    /// What tests inject.
    pub faults: Faults,
    /// How often accounts may call.
    pub request_quotas: RequestQuotas,
    /// Requests by caller, key and operation.
    pub tally: Tally,
    /// Tables that are encrypted at rest.
    pub tables: Tables,
    /// Turns to make keys that take long.
    pub making: Semaphore,
    /// The configured AWS CloudHSM clusters.
    pub clusters: Vec<Cluster>,
    /// Calls external key store proxies.
    pub proxies: xks::Client,
}

/// A request on its way: what is known of it so far.
struct Exchange {
    request_id: Uuid,
    event_id: Uuid,
    entry: Option<&'static Entry>,
    caller: Option<Caller>,
    input: Option<Arc<Value>>,
    circumstances: Circumstances,
    trace: Trace,
    moment: Moment,
    /// What proxies have said so far, of a request that has to ask any.
    conversation: Option<Arc<Conversation>>,
    /// The service whose credential signed it.
    called_by: Option<ServicePrincipal>,
}

impl Exchange {
    /// The caller and the members of a request that is prepared.
    fn prepared(&self) -> Result<(&Caller, &Arc<Value>), KmsError> {
        let prepared = self.caller.as_ref().zip(self.input.as_ref());
        prepared.ok_or_else(|| KmsError::bare(ErrorCode::KMSInternalException))
    }
}

impl Service {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Inner) -> Self {
        let inner = Arc::new(parts);
        inner.tables.attach(Arc::downgrade(&inner));
        Service(inner)
    }

    /// The service with these parts.
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Service(inner)
    }

    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &Inner {
        &self.0
    }

    /// Carries out a command for a caller that needs no authentication, such as a seed file.
    ///
    /// # Errors
    /// As the same request over HTTP.
    pub async fn execute(&self, operation: &str, caller: Caller, mut input: Value) -> Result<(), KmsError> {
        let unknown = || KmsError::bare(ErrorCode::UnknownOperationException);
        let entry =
            registry::find(operation).filter(|entry| pipeline::is_command(entry)).ok_or_else(unknown)?;
        validate(entry.declaration.model.input, &mut input)?;
        let order = Order {
            entry,
            caller,
            input: Arc::new(input),
            circumstances: Circumstances::default(),
            request_id: Uuid::v4([0; 16]),
        };
        let (decided, ..) = self.command(order).await?;
        decided.map(|_| ())
    }

    fn now(&self) -> Timestamp {
        self.0.engine.snapshot().now()
    }

    /// Answers a request.
    // An `async fn` would keep its argument twice, and each future is allocated and moved: hence the block, and boxes
    // around what crypto requests never await.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    pub fn call(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> {
        async move {
            let path = request.uri().path();
            if path.starts_with("/_kms/") || path == "/_localstack/health" {
                return Box::pin(control::call(self, request)).await;
            }
            if sts::is_request(&request) {
                return Box::pin(sts::call(self, &request)).await;
            }
            if cloudtrail::is_request(&request) {
                return Box::pin(cloudtrail::call(self, &request)).await;
            }
            self.operation(&Message::of(&request)).await.into_response()
        }
    }

    /// Tells what has happened, stores what memory holds and stops the writer and the logs. Later requests fail.
    pub async fn stop(&self) {
        self.0.waits.stop();
        self.0.notifications.stop_telling().await;
        self.0.engine.stop().await;
        self.0.notifications.stop().await;
        self.0.audit.stop().await;
    }

    async fn operation(&self, message: &Message<'_>) -> Reply {
        let Ok([request_id, event_id]) = self.ids() else {
            return failure(&KmsError::bare(ErrorCode::KMSInternalException), None, self.now());
        };
        let moment = {
            let snapshot = self.0.engine.snapshot();
            Moment { at: snapshot.now(), version: snapshot.version }
        };
        let mut exchange = Exchange {
            request_id,
            event_id,
            entry: None,
            caller: None,
            input: None,
            circumstances: circumstances::of_connection(message),
            trace: Trace::default(),
            moment,
            conversation: None,
            called_by: None,
        };
        let mut prepared = self.prepare(message, &mut exchange);
        if let (Ok(entry), true) = (&prepared, self.disturbs()) {
            let entry = *entry;
            prepared = Box::pin(self.disturb(entry, &mut exchange)).await.map(|()| entry);
        }
        // Nothing has been done yet: what cannot be recorded does not happen.
        let Ok(place) = self.0.audit.reserve().await else {
            let error =
                KmsError::new(ErrorCode::KMSInternalException, "The audit log takes no more records.");
            return failure(&error, Some(request_id), exchange.moment.at);
        };
        let result = match prepared {
            Ok(entry) => self.run(entry, &mut exchange).await,
            Err(error) => Err(error),
        };
        self.count(&exchange, &result);
        self.record(place, &exchange, &result);
        let reply = match result {
            Ok(answer) => reply(200, Some(exchange.request_id), exchange.moment.at, answer.body),
            Err(error) => failure(&error, Some(exchange.request_id), exchange.moment.at),
        };
        match &exchange.called_by {
            Some(service) => forward::acknowledged(reply, service),
            None => reply,
        }
    }

    /// New ids of a request and of its record.
    pub(crate) fn ids(&self) -> Result<[Uuid; 2], lifecycle::crypto::EntropyError> {
        let mut random = [[0; 16]; 2];
        self.0.entropy.fill(random.as_flattened_mut())?;
        Ok(random.map(Uuid::v4))
    }

    /// The stages before the pipeline, in AWS's order: operation, caller, JSON, validation.
    fn prepare(&self, message: &Message<'_>, exchange: &mut Exchange) -> Result<&'static Entry, KmsError> {
        let unknown = || KmsError::bare(ErrorCode::UnknownOperationException);
        if message.method != "POST" || message.path != "/" {
            return Err(unknown());
        }
        let entry = target(message).and_then(registry::find).ok_or_else(unknown)?;
        exchange.entry = Some(entry);
        let snapshot = self.0.engine.snapshot();
        let now = Now { wall: wall::now(), domain: exchange.moment.at, epoch: snapshot.clock.epoch() };
        let caller = self.0.authenticator.authenticate(message, KMS, now, snapshot.state.directory())?;
        exchange.admit(message, caller, self.0.service_headers, snapshot.state.directory())?;
        let mut input = parse_json(message.body, self.0.json_depth_max)?;
        let validated = validate(entry.declaration.model.input, &mut input);
        exchange.input = Some(Arc::new(input));
        validated.map(|()| entry)
    }

    /// What surrounds a request apart from services.
    pub(crate) fn circumstances(request: &Request<Bytes>) -> Circumstances {
        circumstances::of_connection(&Message::of(request))
    }

    /// What operations may draw on besides state and input.
    pub(crate) fn environment(&self) -> Environment<'_> {
        Environment {
            entropy: &*self.0.entropy,
            limits: &self.0.limits,
            marker_key: &self.0.marker_key,
            token_key: &self.0.token_key,
            import_token_key: &self.0.import_token_key,
            attestation: &self.0.attestation,
            ledger: self.0.engine.ledger(),
            authorization: self.0.authorization,
            clusters: &self.0.clusters,
            proxies: self.0.proxies.routes(),
            conversation: None,
        }
    }

    fn count(&self, exchange: &Exchange, result: &Result<Answer, KmsError>) {
        let name = exchange.entry.map_or("", Entry::name);
        let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
        self.0.metrics.count(name, outcome);
        self.tally(exchange, outcome);
        let tracked = exchange.entry.filter(|entry| entry.declaration.tracking == Tracking::Tracked);
        if let (Some(entry), Outcome::Success) = (tracked, outcome) {
            for key in exchange.trace.keys() {
                self.0.engine.ledger().record(Usage {
                    key,
                    operation: entry.name().into(),
                    at: exchange.moment.at,
                    event_id: exchange.event_id,
                    request_id: exchange.request_id,
                });
            }
        }
    }

    /// Counts the request for the report: on the account of its caller, sessions of a role together.
    fn tally(&self, exchange: &Exchange, outcome: Outcome) {
        let (Some(entry), Some(caller)) = (exchange.entry, &exchange.caller) else { return };
        let snapshot = self.0.engine.snapshot();
        let view = snapshot.state.at(exchange.moment.at);
        let pair =
            || exchange.input.as_ref().and_then(|input| input.get("KeyPairSpec")).and_then(Value::as_str);
        let specs = exchange.trace.keys().filter_map(|key| view.key(&key)).map(|key| key.spec);
        let row = Row {
            month: Month::of(exchange.moment.at),
            scope: caller.scope(),
            key: exchange.trace.keys().next(),
            operation: entry.name(),
            class: price_class(entry, pair, specs),
        };
        let principal = match (caller.principal(), caller.arn().rsplit_once('/')) {
            (Principal::AssumedRole { .. }, Some((role, _session))) => role.into(),
            (Principal::Service(service), _) => service.global(),
            _ => caller.arn().into(),
        };
        self.0.tally.count(&principal, row, outcome, snapshot.clock.epoch(), exchange.moment.at);
    }

    /// Hands over the record of a request, one for each account that it concerns, and one for another Region.
    fn record(&self, place: Place<'_>, exchange: &Exchange, result: &Result<Answer, KmsError>) {
        let (caller, error) = (exchange.caller.as_ref(), result.as_ref().err());
        let recipients = record::recipients(caller, self.0.account, &exchange.trace, error);
        let abroad = result.as_ref().ok().and_then(|answer| Some((answer, abroad::key_abroad(exchange)?)));
        let circumstances = &exchange.circumstances;
        // A service has no account whose record would be the first of several.
        let service = caller.is_some_and(|caller| matches!(caller.principal(), Principal::Service(_)));
        let shared = recipients.len() > 1 || service && !exchange.trace.resources.is_empty();
        let first = exchange.event_id;
        place.records(recipients.len() + usize::from(abroad.is_some()), |at, line| {
            let recipient = recipients.get(at).or(recipients.first()).copied().unwrap_or(self.0.account);
            let event_id = if at == 0 { first } else { record::derived_id(first, recipient.as_str()) };
            let record = AuditRecord {
                entry: exchange.entry,
                caller,
                input: exchange.input.as_deref(),
                elements: result.as_ref().ok().and_then(|answer| answer.elements.as_ref()),
                trace: &exchange.trace,
                error,
                at: exchange.moment.at,
                event_id: event_id.as_str(),
                request_id: exchange.request_id.as_str(),
                source_ip: circumstances.source_ip,
                user_agent: circumstances.user_agent(),
                via: circumstances.via(),
                region: caller.map_or(self.0.region.as_str(), |caller| caller.region.as_str()),
                recipient,
                shared_event_id: shared.then(|| record::derived_id(first, "shared")),
            };
            match abroad.filter(|_| at == recipients.len()) {
                Some((answer, key)) => {
                    let event_id = record::derived_id(first, key.scope.region.as_str());
                    abroad::write(key, answer, &record, event_id.as_str(), line);
                }
                None => record.write(line),
            }
        });
    }
}

impl Handler for Service {
    // See `call` for the form.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its argument twice")]
    fn call(&self, message: Message<'_>) -> impl Future<Output = Reply> {
        async move {
            if message.path == "/" && target(&message).is_some() {
                return self.operation(&message).await;
            }
            match message.to_request() {
                Ok(request) => Reply::Other(Box::pin(Service::call(self, request)).await),
                Err(error) => {
                    let error = KmsError::new(ErrorCode::SerializationException, error.to_string());
                    failure(&error, None, self.now())
                }
            }
        }
    }

    fn refused(&self, reason: Refused) {
        self.0.metrics.refuse(reason);
    }
}

/// The name of the operation that a request to KMS asks for.
fn target<'a>(message: &Message<'a>) -> Option<&'a str> {
    message.headers.text(TARGET)?.strip_prefix(TARGET_PREFIX)
}

fn failure(error: &KmsError, request_id: Option<Uuid>, at: Timestamp) -> Reply {
    reply(error.code.status(), request_id, at, error.body().into())
}

fn reply(status: u16, request_id: Option<Uuid>, at: Timestamp, body: Bytes) -> Reply {
    Reply::Operation(OperationReply { status, request_id, at, body })
}

impl From<AuthError> for KmsError {
    fn from(error: AuthError) -> Self {
        let code = match error.code {
            AuthErrorCode::ExpiredToken => ErrorCode::ExpiredTokenException,
            AuthErrorCode::IncompleteSignature => ErrorCode::IncompleteSignatureException,
            AuthErrorCode::InvalidSignature => ErrorCode::InvalidSignatureException,
            AuthErrorCode::MissingAuthenticationToken => ErrorCode::MissingAuthenticationTokenException,
            AuthErrorCode::UnrecognizedClient => ErrorCode::UnrecognizedClientException,
        };
        KmsError::new(code, error.message)
    }
}

impl From<SubmitError> for KmsError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full => KmsError::throttled(),
            SubmitError::Stopped | SubmitError::Commit(_) | SubmitError::Entropy(_) => {
                KmsError::new(ErrorCode::KMSInternalException, error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The edge allocates and moves the future of each request.
    #[test]
    fn the_future_of_a_request_is_small() {
        fn size<F>(_: impl Fn(&'static Service, Message<'static>) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(Handler::call);
        assert!(size <= 850, "{size} bytes");
    }
}
