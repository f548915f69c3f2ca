//! `/_kms/explain`: an authorisation question, or a request that was denied, and the answer with its reasons.

mod question;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Map, Value};

use super::{Refusal, query};
use crate::document::Node;
use crate::observe::audit::AuditFilter;
use crate::pipeline::{self, Circumstances};
use crate::service::Service;

/// The one member of a question about a request that has been made.
const REQUEST: &str = "request";

/// Longest id of a request that is looked for, in bytes; this server's have 36.
const ID_BYTES_MAX: usize = 128;

/// Tells of the request that the query names.
pub(super) async fn past(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let mut id = None;
    for (name, value) in query(request)? {
        if name != REQUEST {
            return Err(Refusal::bad_request(format!("{name} is no parameter; there is request")));
        }
        id = Some(value);
    }
    let id = id.ok_or_else(|| {
        Refusal::bad_request("say which request: ?request=ID; any other question is a POST with a body")
    })?;
    denied_before(service, id).await
}

/// Answers the question of the body.
pub(super) async fn ask(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(request.body())
        .map_err(|error| Refusal::bad_request(format!("the question is not JSON: {error}")))?;
    if let Some(id) = body.get(REQUEST) {
        let only = body.as_object().is_some_and(|members| members.len() == 1);
        let id = id.as_str().filter(|_| only).ok_or_else(|| {
            Refusal::bad_request("`request` is the id of a request, and says everything: it stands alone")
        })?;
        return denied_before(service, id.to_owned()).await;
    }
    let question =
        question::read(&Node::of_json(body)).map_err(|error| Refusal::bad_request(error.reason))?;
    // Who asks here is no part of the question, but that he is at this machine is.
    let around = Circumstances { user_agent: None, ..Service::circumstances(request) };
    let parts = service.parts();
    let snapshot = parts.engine.snapshot();
    let view = snapshot.state.at(snapshot.now());
    let answer = pipeline::explain(&question, parts.region, around, view, &service.environment());
    answer.map(flat).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// What the audit log tells of a denial that has happened.
async fn denied_before(service: &Service, id: String) -> Result<Value, Refusal> {
    if id.len() > ID_BYTES_MAX {
        return Err(Refusal::bad_request(format!("the id of a request has at most {ID_BYTES_MAX} bytes")));
    }
    service.parts().audit.flush().await;
    let filter = AuditFilter { request: Some(id.clone()), limit: 1, ..AuditFilter::default() };
    let reader = service.clone();
    let found =
        tokio::task::spawn_blocking(move || reader.parts().audit.search(&filter, &mut filter.search())).await;
    let found = found.map_err(Refusal::internal)?.map_err(Refusal::internal)?;
    let missing = |text: String| Refusal(StatusCode::NOT_FOUND, text);
    let record = found.first().ok_or_else(|| missing(format!("the audit log has no request {id}")))?;
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let Some(told) = record.pointer("/additionalEventData/authorization") else {
        return Err(missing(match (text("errorCode"), text("errorMessage")) {
            (None, _) => format!("request {id} was not denied: it succeeded"),
            (Some(code), None) => format!("request {id} was not denied by a policy: it ended with {code}"),
            (Some(code), Some(message)) => {
                format!("request {id} was not denied by a policy: it ended with {code}: {message}")
            }
        }));
    };
    let mut answer = flat(told.clone());
    if let Some(members) = answer.as_object_mut() {
        members.insert(REQUEST.to_owned(), id.into());
        members.insert("time".to_owned(), text("eventTime").into());
        // In the mode `log` the request went on.
        let refused = text("errorCode") == Some("AccessDenied");
        members.insert("refused".to_owned(), refused.into());
    }
    Ok(answer)
}

/// The decision beside what it is about.
fn flat(told: Value) -> Value {
    let Value::Object(mut about) = told else { return told };
    let explanation = about.remove("explanation");
    let mut answer = match explanation {
        Some(Value::Object(explanation)) => explanation,
        _ => Map::new(),
    };
    answer.append(&mut about);
    answer.into()
}
