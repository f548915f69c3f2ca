//! `/_kms/faults`: faults are added, shown and removed.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::Refusal;
use crate::document::Node;
use crate::faults::{self, FAULTS_MAX, TooMany};
use crate::service::Service;

/// Where the faults are.
pub(super) const PATH: &str = "/_kms/faults";

/// Answers a call below [`PATH`]; `None` if it is none.
pub(super) fn call(service: &Service, request: &Request<Bytes>) -> Option<Result<Value, Refusal>> {
    let all = &service.parts().faults;
    let rest = request.uri().path().strip_prefix(PATH)?;
    match (request.method(), rest.strip_prefix('/')) {
        (&Method::GET, None) if rest.is_empty() => Some(Ok(json!({ "faults": all.shown() }))),
        (&Method::POST, None) if rest.is_empty() => Some(add(service, request.body())),
        (&Method::DELETE, None) if rest.is_empty() => Some(Ok(json!({ "deleted": all.clear() }))),
        (&Method::DELETE, Some(id)) => Some(match all.remove(id) {
            true => Ok(json!({ "deleted": 1 })),
            false => Err(Refusal(StatusCode::NOT_FOUND, format!("there is no fault {id}"))),
        }),
        _ => None,
    }
}

fn add(service: &Service, body: &[u8]) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the fault is not JSON: {error}")))?;
    let draft = faults::read(&Node::of_json(value)).map_err(|error| Refusal::bad_request(error.reason))?;
    service.parts().faults.add(draft).map_err(|TooMany| {
        Refusal(StatusCode::CONFLICT, format!("there are {FAULTS_MAX} faults already; remove one first"))
    })
}
