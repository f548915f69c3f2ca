//! CloudTrail's LookupEvents, on the same port as KMS: what the audit log has of the caller's account and Region.
//!
//! AWS: CloudTrail API Reference, "LookupEvents".

mod authorize;
mod error;
mod event;
mod lookup;
mod record;
mod request;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;

use crate::api::validate::{parse_json, validate};
use crate::auth::{Caller, Now};
use crate::engine::wall;
use crate::message::{Message, add_domain_time};
use crate::pipeline::Circumstances;
use crate::service::Service;
use error::{Code, Error};
use record::Record;

/// The one operation that is built.
const LOOKUP_EVENTS: &str = "LookupEvents";

/// The signing name of the service.
const SIGNING_NAME: &str = "cloudtrail";

/// What may stand before the name of the service in `X-Amz-Target`: older clients send it, newer ones do not.
const NAMESPACE: &str = "com.amazonaws.cloudtrail.v20131101.";
const SERVICE: &str = "CloudTrail_20131101.";

/// Longest name of an operation that a record repeats, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Whether a request is for CloudTrail.
pub(crate) fn is_request(request: &Request<Bytes>) -> bool {
    target(request.headers()).is_some()
}

/// The name of the operation.
fn target(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix(NAMESPACE).unwrap_or(target).strip_prefix(SERVICE)
}

/// What is known of a request on its way.
struct Exchange<'a> {
    operation: &'a str,
    circumstances: Circumstances,
    now: Now,
    caller: Option<Caller>,
    input: Value,
    /// Why policies do not allow the request, if they do not.
    denial: Option<Value>,
}

/// Answers a request.
pub(crate) async fn call(service: &Service, request: &Request<Bytes>) -> Response<Bytes> {
    let parts = service.parts();
    let internal = || Error::new(Code::InternalFailure, "An internal fault has occurred.");
    let Ok([request_id, event_id]) = service.ids() else { return respond(Err(internal()), "") };
    let Ok(place) = parts.audit.reserve().await else {
        let error = Error::new(Code::InternalFailure, "The audit log takes no more records.");
        return respond(Err(error), request_id.as_str());
    };
    let (domain, epoch) = {
        let snapshot = parts.engine.snapshot();
        (snapshot.now(), snapshot.clock.epoch())
    };
    let name = target(request.headers()).unwrap_or_default();
    let plain =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut exchange = Exchange {
        operation: if plain { name } else { "UnknownOperation" },
        circumstances: Service::circumstances(request),
        now: Now { wall: wall::now(), domain, epoch },
        caller: None,
        input: Value::Null,
        denial: None,
    };
    let result = run(service, request, &mut exchange).await;
    let record = Record {
        exchange: &exchange,
        error: result.as_ref().err(),
        event_id: event_id.as_str(),
        request_id: request_id.as_str(),
        region: parts.region.as_str(),
        account: parts.account.as_str(),
    };
    place.record(|line| record.write(line));
    let mut response = respond(result, request_id.as_str());
    add_domain_time(response.headers_mut(), domain);
    response
}

/// The order of checks: operation, caller, types, authorisation, parameters.
async fn run(
    service: &Service,
    request: &Request<Bytes>,
    exchange: &mut Exchange<'_>,
) -> Result<Value, Error> {
    let parts = service.parts();
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err(Error::bare(Code::UnknownOperationException));
    }
    match exchange.operation {
        LOOKUP_EVENTS => {}
        "UnknownOperation" => return Err(Error::bare(Code::UnknownOperationException)),
        other => {
            let message = format!("CloudTrail's {other} is not implemented by this server.");
            return Err(Error::new(Code::NotImplementedException, message));
        }
    }
    let snapshot = parts.engine.snapshot();
    let directory = snapshot.state.directory();
    let caller =
        parts.authenticator.authenticate(&Message::of(request), SIGNING_NAME, exchange.now, directory)?;
    drop(snapshot);
    let scope = caller.scope();
    exchange.caller = Some(caller);
    let mut input = parse_json(request.body(), parts.json_depth_max)?;
    let validated = validate(&request::LOOKUP_EVENTS, &mut input);
    exchange.input = input;
    validated?;
    authorize::authorize(exchange, parts.authorization)?;
    let lookup = request::Lookup::read(&exchange.input, scope, exchange.now.domain, &parts.marker_key)?;
    let Some(lookup) = lookup else { return Ok(serde_json::json!({ "Events": [] })) };
    parts.audit.flush().await;
    let reader = service.clone();
    let found = tokio::task::spawn_blocking(move || {
        lookup::page(&reader.parts().audit, &lookup, &reader.parts().marker_key)
    });
    found.await.map_err(|error| Error::new(Code::InternalFailure, error.to_string()))?
}

fn respond(result: Result<Value, Error>, request_id: &str) -> Response<Bytes> {
    let (status, body) = match result {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (error.status(), error.body()),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}
