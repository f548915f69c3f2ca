//! The service as a value: one HTTP request in, one response out, no web framework.

mod circumstances;

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::{Entropy, Secret};
use lifecycle::grant::TokenKey;
use lifecycle::ids::{AccountId, Region, Uuid};
use lifecycle::state::Usage;
use serde_json::Value;

use crate::api::error::{ErrorCode, KmsError};
use crate::api::validate::{parse_json, validate};
use crate::auth::{AuthError, AuthErrorCode, Authenticator, Caller, Now, SignedRequest};
use crate::control;
use crate::engine::{Engine, SubmitError, wall};
use crate::http::{Connection, Handler, Refused};
use crate::limits::Limits;
use crate::observe::audit::AuditLog;
use crate::observe::metrics::{Metrics, Outcome};
use crate::observe::record::AuditRecord;
use crate::operations::declaration::{Tracking, Work};
use crate::operations::registry::{self, Body, Entry};
use crate::operations::{Environment, MarkerKey};
use crate::pipeline::{self, Answer, Authorization, Circumstances, Trace};
use crate::sts::{self, IdentityProvider};

pub use circumstances::ServiceHeaders;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "TrentService.";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

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
    /// Whose tokens AssumeRoleWithWebIdentity takes.
    pub identity_providers: Vec<IdentityProvider>,
    /// How requests are authorised.
    pub authorization: Authorization,
    /// Whether clients may play services.
    pub service_headers: ServiceHeaders,
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
    at: Timestamp,
}

/// A request that another thread carries out.
#[derive(Clone)]
struct Order {
    entry: &'static Entry,
    caller: Caller,
    input: Arc<Value>,
    circumstances: Circumstances,
    at: Timestamp,
}

impl Order {
    fn request(&self) -> pipeline::Request<'_> {
        pipeline::Request {
            entry: self.entry,
            caller: &self.caller,
            input: &self.input,
            circumstances: &self.circumstances,
        }
    }
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
        Service(Arc::new(parts))
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
            at: self.now(),
        };
        let (decided, _) = self.command(order).await?;
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
            self.operation(&request).await
        }
    }

    /// Stores what memory holds and stops the writer and the audit log. Later requests fail.
    pub async fn stop(&self) {
        self.0.engine.stop().await;
        self.0.audit.stop().await;
    }

    async fn operation(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let Ok([request_id, event_id]) = self.ids() else {
            return failure(&KmsError::bare(ErrorCode::KMSInternalException), "");
        };
        let Ok(place) = self.0.audit.reserve().await else {
            let error =
                KmsError::new(ErrorCode::KMSInternalException, "The audit log takes no more records.");
            return failure(&error, request_id.as_str());
        };
        let mut exchange = Exchange {
            request_id,
            event_id,
            entry: None,
            caller: None,
            input: None,
            circumstances: Self::circumstances(request),
            trace: Trace::default(),
            at: self.now(),
        };
        let result = self.run(request, &mut exchange).await;
        self.count(&exchange, &result);
        place.record(|line| self.write_record(&exchange, &result, line));
        match result {
            Ok(answer) => success(answer.body, exchange.request_id.as_str()),
            Err(error) => failure(&error, exchange.request_id.as_str()),
        }
    }

    /// New ids of a request and of its record.
    pub(crate) fn ids(&self) -> Result<[Uuid; 2], lifecycle::crypto::EntropyError> {
        let mut random = [[0; 16]; 2];
        self.0.entropy.fill(random.as_flattened_mut())?;
        Ok(random.map(Uuid::v4))
    }

    async fn run(&self, request: &Request<Bytes>, exchange: &mut Exchange) -> Result<Answer, KmsError> {
        let entry = self.prepare(request, exchange)?;
        let (caller, input) = exchange.prepared()?;
        if !pipeline::is_command(entry) && self.0.engine.is_behind(exchange.at) {
            Box::pin(self.0.engine.catch_up()).await?;
        }
        if !pipeline::is_command(entry) && Work::of(input) == Work::Quick {
            let request = pipeline::Request { entry, caller, input, circumstances: &exchange.circumstances };
            let mut trace = Trace::default();
            let answer = self.answer(&request, exchange.at, &mut trace);
            exchange.trace = trace;
            return answer;
        }
        let order = Order {
            entry,
            caller: caller.clone(),
            input: Arc::clone(input),
            circumstances: exchange.circumstances.clone(),
            at: exchange.at,
        };
        let (answer, trace) = match pipeline::is_command(entry) {
            true => Box::pin(self.command(order)).await?,
            false => Box::pin(self.elsewhere(order, Service::answer)).await?,
        };
        exchange.trace = trace;
        answer
    }

    /// Has a command prepared if that takes long, and decided by the writer.
    async fn command(&self, order: Order) -> Result<(Result<Answer, KmsError>, Trace), KmsError> {
        let prepared = match Work::of(&order.input) {
            Work::Quick => None,
            Work::Slow => match self.elsewhere(order.clone(), Service::make_ready).await? {
                (Ok(prepared), _) => prepared,
                (Err(error), trace) => return Ok((Err(error), trace)),
            },
        };
        let service = self.clone();
        let decided = self.0.engine.submit(move |draft| {
            let mut trace = Trace::default();
            let decided = service.decide(&order.request(), prepared.as_ref(), draft, &mut trace);
            (decided, trace)
        });
        Ok(decided.await?)
    }

    /// Does what takes long on a thread that serves nobody else.
    async fn elsewhere<T: Send + 'static>(
        &self,
        order: Order,
        work: fn(&Service, &pipeline::Request<'_>, Timestamp, &mut Trace) -> Result<T, KmsError>,
    ) -> Result<(Result<T, KmsError>, Trace), KmsError> {
        let service = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut trace = Trace::default();
            let result = work(&service, &order.request(), order.at, &mut trace);
            (result, trace)
        });
        done.await.map_err(|_| KmsError::bare(ErrorCode::KMSInternalException))
    }

    /// The stages before the pipeline, in AWS's order: operation, caller, JSON, validation.
    fn prepare(&self, request: &Request<Bytes>, exchange: &mut Exchange) -> Result<&'static Entry, KmsError> {
        let unknown = || KmsError::bare(ErrorCode::UnknownOperationException);
        if request.method() != Method::POST || request.uri().path() != "/" {
            return Err(unknown());
        }
        let entry = target(request.headers()).and_then(registry::find).ok_or_else(unknown)?;
        exchange.entry = Some(entry);
        let signed = SignedRequest {
            method: request.method().as_str(),
            uri: request.uri(),
            headers: request.headers(),
            body: request.body(),
        };
        let snapshot = self.0.engine.snapshot();
        let now = Now { wall: wall::now(), domain: exchange.at, epoch: snapshot.clock.epoch() };
        let caller = self.0.authenticator.authenticate(&signed, "kms", now, snapshot.state.directory())?;
        exchange.caller = Some(match self.0.service_headers {
            ServiceHeaders::Heed => {
                circumstances::add_services(request.headers(), &mut exchange.circumstances, caller)?
            }
            ServiceHeaders::Ignore => caller,
        });
        let mut input = parse_json(request.body(), self.0.json_depth_max)?;
        let validated = validate(entry.declaration.model.input, &mut input);
        exchange.input = Some(Arc::new(input));
        validated.map(|()| entry)
    }

    /// Runs an operation that changes nothing on the state of this moment.
    fn answer(
        &self,
        request: &pipeline::Request<'_>,
        at: Timestamp,
        trace: &mut Trace,
    ) -> Result<Answer, KmsError> {
        let snapshot = self.0.engine.snapshot();
        let view = snapshot.state.at(at);
        match request.entry.body {
            Body::Query(run) => run(request, view, &self.environment(), trace),
            _ => Err(pipeline::not_built(request, view, &self.environment(), trace)),
        }
    }

    /// Prepares a command on the state of this moment.
    fn make_ready(
        &self,
        request: &pipeline::Request<'_>,
        at: Timestamp,
        trace: &mut Trace,
    ) -> Result<Option<Secret>, KmsError> {
        let Body::Command(body) = &request.entry.body else { return Ok(None) };
        let snapshot = self.0.engine.snapshot();
        (body.prepare)(request, snapshot.state.at(at), &self.environment(), trace)
    }

    /// Runs a command on the writer's state.
    fn decide(
        &self,
        request: &pipeline::Request<'_>,
        prepared: Option<&Secret>,
        draft: &mut crate::engine::Draft<'_>,
        trace: &mut Trace,
    ) -> Result<Answer, KmsError> {
        let Body::Command(body) = &request.entry.body else {
            return Err(KmsError::bare(ErrorCode::KMSInternalException));
        };
        let view = draft.state().at(draft.now());
        let (answer, changes) = (body.decide)(request, prepared, view, &self.environment(), trace)?;
        draft.apply(changes);
        Ok(answer)
    }

    /// What surrounds a request apart from services.
    pub(crate) fn circumstances(request: &Request<Bytes>) -> Circumstances {
        circumstances::of_connection(request.headers(), request.extensions().get::<Connection>())
    }

    /// What operations may draw on besides state and input.
    pub(crate) fn environment(&self) -> Environment<'_> {
        Environment {
            entropy: &*self.0.entropy,
            limits: &self.0.limits,
            marker_key: &self.0.marker_key,
            token_key: &self.0.token_key,
            ledger: self.0.engine.ledger(),
            authorization: self.0.authorization,
        }
    }

    fn count(&self, exchange: &Exchange, result: &Result<Answer, KmsError>) {
        let name = exchange.entry.map_or("", Entry::name);
        let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
        self.0.metrics.count(name, outcome);
        let tracked = exchange.entry.filter(|entry| entry.declaration.tracking == Tracking::Tracked);
        if let (Some(entry), Outcome::Success) = (tracked, outcome) {
            for key in exchange.trace.keys() {
                self.0.engine.ledger().record(Usage {
                    key,
                    operation: entry.name().into(),
                    at: exchange.at,
                    event_id: exchange.event_id,
                    request_id: exchange.request_id,
                });
            }
        }
    }

    fn write_record(&self, exchange: &Exchange, result: &Result<Answer, KmsError>, line: &mut Vec<u8>) {
        let scope = exchange.caller.as_ref().map(Caller::scope);
        let circumstances = &exchange.circumstances;
        let record = AuditRecord {
            entry: exchange.entry,
            caller: exchange.caller.as_ref(),
            input: exchange.input.as_deref(),
            elements: result.as_ref().ok().and_then(|answer| answer.elements.as_ref()),
            trace: &exchange.trace,
            error: result.as_ref().err(),
            at: exchange.at,
            event_id: exchange.event_id.as_str(),
            request_id: exchange.request_id.as_str(),
            source_ip: circumstances.source_ip,
            user_agent: circumstances.user_agent(),
            region: scope.as_ref().map_or(self.0.region.as_str(), |scope| scope.region.as_str()),
            account: scope.as_ref().map_or(self.0.account.as_str(), |scope| scope.account.as_str()),
        };
        record.write(line);
    }
}

impl Handler for Service {
    fn call(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> {
        Service::call(self, request)
    }

    fn refused(&self, reason: Refused) {
        self.0.metrics.refuse(reason);
    }
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get(&TARGET)?.to_str().ok()?.strip_prefix(TARGET_PREFIX)
}

fn success(body: Bytes, request_id: &str) -> Response<Bytes> {
    let mut response = respond(StatusCode::OK, body, request_id);
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, must-revalidate, private"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    response
}

fn failure(error: &KmsError, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(status, error.body().into(), request_id)
}

fn respond(status: StatusCode, body: Bytes, request_id: &str) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
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
            // AWS: KMS developer guide, "Throttling AWS KMS requests".
            SubmitError::Full => KmsError::new(
                ErrorCode::ThrottlingException,
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            ),
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
        fn size<F>(_: impl Fn(&'static Service, Request<Bytes>) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(|service, request| service.call(request));
        assert!(size <= 850, "{size} bytes");
    }
}
