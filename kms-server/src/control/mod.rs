//! The control API below `/_kms/`: what the command line and test fixtures call. JSON in, JSON out.

mod clock;
mod clusters;
mod events;
mod explain;
mod faults;
mod metrics;
mod notifications;
mod principals;
mod report;
mod snapshots;
mod state;
mod wait;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use lifecycle::ids::AliasArn;
use lifecycle::state::View;
use serde_json::{Value, json};

use crate::engine::Snapshot;
use crate::http::{Connection, guard};
use crate::message::{add_domain_time, percent_decode, query_pairs};
use crate::operations::key_metadata;
use crate::service::Service;
use crate::tables;

/// The header that carries the passphrase of a state export or import.
pub const PASSPHRASE_HEADER: &str = "x-kms-passphrase";

/// Why a control call was refused: the status, and what to do.
pub(crate) struct Refusal(StatusCode, String);

impl Refusal {
    fn bad_request(message: impl Into<String>) -> Self {
        Refusal(StatusCode::BAD_REQUEST, message.into())
    }

    fn internal(message: impl std::fmt::Display) -> Self {
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }
}

/// Answers a control call.
pub(crate) async fn call(service: &Service, request: Request<Bytes>) -> Response<Bytes> {
    let mut response = answer(service, request).await;
    // A call may move the clock: it tells where it has left it.
    add_domain_time(response.headers_mut(), service.parts().engine.snapshot().now());
    response
}

async fn answer(service: &Service, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    // Whoever calls in process is no web page, and health tells nothing that a page could use.
    let open = matches!(path.as_str(), "/_kms/health" | "/_localstack/health");
    let connection = request.extensions().get::<Connection>().filter(|_| !open);
    if let Some(Err(refusal)) = connection.map(|connection| guard::check(&request, connection.local)) {
        return refusal.response();
    }
    if path.starts_with("/_kms/tables") {
        return tables::api::call(service, &request).await;
    }
    catch_up(service).await;
    let answered = match (request.method(), path.as_str()) {
        (&Method::GET, "/_kms/health" | "/_localstack/health") => Ok(health(service)),
        (&Method::GET, "/_kms/clock") => clock::look(service, &request).await,
        (&Method::POST, "/_kms/clock/advance") => clock::advance(service, request.body()).await,
        (&Method::POST, "/_kms/clock/freeze") => clock::freeze(service).await,
        (&Method::POST, "/_kms/clock/resume") => clock::resume(service, request.body()).await,
        (&Method::GET, "/_kms/events") => events::look(service, &request).await,
        (&Method::GET, "/_kms/explain") => explain::past(service, &request).await,
        (&Method::POST, "/_kms/explain") => explain::ask(service, &request).await,
        (&Method::GET, "/_kms/keys") => Ok(keys(&service.parts().engine.snapshot())),
        (&Method::GET, "/_kms/notifications") => notifications::list(service, &request).await,
        (&Method::GET, "/_kms/metrics") => return metrics::show(service),
        (&Method::GET, "/_kms/report") => report::show(service, &request).await,
        (&Method::GET, "/_kms/state") => state::export(service, &request).await,
        (&Method::PUT, "/_kms/state") => state::import(service, &request).await,
        (&Method::POST, "/_kms/reset") => state::reset(service).await,
        (&Method::GET, path) if path.starts_with("/_kms/keys/") => {
            key(service, path.trim_start_matches("/_kms/keys/"))
        }
        (_, path) if path.starts_with("/_kms/snapshots") => {
            let answered = snapshots::call(service, &request).await;
            answered.unwrap_or_else(|| Err(unknown(request.method(), path)))
        }
        (_, path) if path.starts_with("/_kms/faults") => {
            faults::call(service, &request).unwrap_or_else(|| Err(unknown(request.method(), path)))
        }
        (_, path) if path.starts_with("/_kms/clusters") => {
            let answered = clusters::call(service, &request).await;
            answered.unwrap_or_else(|| Err(unknown(request.method(), path)))
        }
        (_, path) if path.starts_with("/_kms/principals") => {
            let answered = principals::call(service, &request).await;
            answered.unwrap_or_else(|| Err(unknown(request.method(), path)))
        }
        (method, path) => Err(unknown(method, path)),
    };
    match answered {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(Refusal(status, message)) => respond(status, &json!({ "message": message })),
    }
}

/// What has fallen due and shows in no view before it has happened, happens first.
async fn catch_up(service: &Service) {
    let behind = |snapshot: &Snapshot| snapshot.is_behind(snapshot.now());
    if behind(&service.parts().engine.snapshot())
        && let Err(error) = service.parts().engine.catch_up().await
    {
        tracing::warn!(%error, "what has fallen due could not be stored");
    }
}

fn unknown(method: &Method, path: &str) -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        format!("{method} {path} is no control call; GET /_kms/health answers if the server is up"),
    )
}

fn respond(status: StatusCode, value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn health(service: &Service) -> Value {
    let now = service.parts().engine.snapshot().now();
    json!({
        "status": "running",
        "version": env!("CARGO_PKG_VERSION"),
        "domain_time": now.to_string(),
        // What clients of LocalStack wait for.
        "services": { "kms": "running" },
    })
}

/// The pairs of the query string, decoded.
fn query(request: &Request<Bytes>) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = query_pairs(request.uri().query().unwrap_or_default());
    pairs.ok_or_else(|| Refusal::bad_request("the query string is not UTF-8 text"))
}

fn keys(snapshot: &Snapshot) -> Value {
    let view = snapshot.state.at(snapshot.now());
    let keys: Vec<Value> = view.all_keys().map(|key| described(view, key)).collect();
    json!({ "keys": keys })
}

/// A key by its id, its ARN, or the name or ARN of an alias, wherever it lives; an id may exist in several accounts
/// and Regions.
fn key(service: &Service, name: &str) -> Result<Value, Refusal> {
    let name = percent_decode(name).ok_or_else(|| Refusal::bad_request("the key name is not UTF-8 text"))?;
    let snapshot = service.parts().engine.snapshot();
    let view = snapshot.state.at(snapshot.now());
    let found: Vec<Value> = view
        .all_keys()
        .filter(|key| {
            key.arn.id.as_str() == name
                || key.arn.to_string() == name
                || view.aliases_of(key.arn, None).any(|alias| {
                    let arn = AliasArn { scope: key.arn.scope, name: alias.clone() };
                    alias.as_str() == name || arn.to_string() == name
                })
        })
        .map(|key| described(view, key))
        .collect();
    if found.is_empty() {
        return Err(Refusal(StatusCode::NOT_FOUND, format!("no key has the id, ARN or alias {name}")));
    }
    Ok(json!({ "keys": found }))
}

fn described(view: View<'_>, key: &lifecycle::key::Key) -> Value {
    let aliases: Vec<&str> = view.aliases_of(key.arn, None).map(lifecycle::ids::AliasName::as_str).collect();
    let tags: Vec<Value> =
        key.tags.iter().map(|tag| json!({"TagKey": tag.tag_key, "TagValue": tag.tag_value})).collect();
    json!({
        "metadata": key_metadata(view, key),
        "region": key.arn.scope.region.as_str(),
        "aliases": aliases,
        "tags": tags,
        "policy": key.policy.as_str(),
        "materials": view.materials_of(key.arn).map(|material| material.id.to_string()).collect::<Vec<_>>(),
    })
}
