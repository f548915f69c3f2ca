//! `/_kms/snapshots`: everything that there is, kept under a name to come back to.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::clash;
use super::{Refusal, percent_decode};
use crate::engine::saved::{Existing, Kept, SaveError, Saved, SavedName};
use crate::service::Service;

/// Where the snapshots are.
const PATH: &str = "/_kms/snapshots";

/// What follows the name of a snapshot in the path of a restore.
const RESTORE: &str = "/restore";

/// Answers a call below [`PATH`]; `None` if it is none.
pub(super) async fn call(service: &Service, request: &Request<Bytes>) -> Option<Result<Value, Refusal>> {
    let rest = request.uri().path().strip_prefix(PATH)?;
    if rest.is_empty() {
        return (*request.method() == Method::GET).then(|| Ok(list(service)));
    }
    let rest = rest.strip_prefix('/')?;
    match (request.method(), rest.strip_suffix(RESTORE)) {
        (&Method::POST, Some(name)) => Some(restore(service, name).await),
        (&Method::POST, None) => Some(take(service, rest, request.body()).await),
        (&Method::DELETE, None) => Some(delete(service, rest).await),
        _ => None,
    }
}

fn name(text: &str) -> Result<SavedName, Refusal> {
    let text = percent_decode(text).unwrap_or_default();
    text.parse().map_err(|error| Refusal::bad_request(format!("{error}, unlike {text:?}")))
}

fn missing(name: &SavedName) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("there is no snapshot {name}"))
}

fn described(name: &SavedName, saved: &Saved) -> Value {
    json!({
        "name": name.as_str(),
        "domain_time": saved.at.to_string(),
        "rate": saved.rate,
        "kept": saved.kept,
        "keys": saved.state.key_count(),
        "records": saved.records,
    })
}

fn list(service: &Service) -> Value {
    let snapshot = service.parts().engine.snapshot();
    let all: Vec<Value> = snapshot.saves.iter().map(|(name, saved)| described(name, saved)).collect();
    json!({ "snapshots": all })
}

/// How a snapshot is taken.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    #[serde(default)]
    kept: Kept,
    /// Whether it takes the place of one with its name.
    #[serde(default)]
    replace: bool,
}

async fn take(service: &Service, text: &str, body: &[u8]) -> Result<Value, Refusal> {
    let name = name(text)?;
    let take = if body.is_empty() { Take::default() } else { super::clock::read(body)? };
    let existing = if take.replace { Existing::Replaced } else { Existing::Stays };
    let parts = service.parts();
    let saves_max = parts.limits.snapshots_max;
    let saved = parts.engine.save(name.clone(), take.kept, existing, saves_max).await?;
    saved.map(|saved| described(&name, &saved)).map_err(|error| match error {
        SaveError::Exists => Refusal(
            StatusCode::CONFLICT,
            format!("there is a snapshot {name} already; `replace` puts another in its place"),
        ),
        SaveError::TooMany => Refusal(
            StatusCode::CONFLICT,
            format!(
                "there are {saves_max} snapshots, and no more may be; delete one, or raise the setting \
                 storage.snapshots_max"
            ),
        ),
        SaveError::Unencodable => Refusal::internal("a record could not be written"),
    })
}

async fn delete(service: &Service, text: &str) -> Result<Value, Refusal> {
    let name = name(text)?;
    match service.parts().engine.unsave(name.clone()).await? {
        true => Ok(json!({ "deleted": name.as_str() })),
        false => Err(missing(&name)),
    }
}

async fn restore(service: &Service, text: &str) -> Result<Value, Refusal> {
    let name = name(text)?;
    let engine = &service.parts().engine;
    let saved = engine.snapshot().saves.get(&name).cloned().ok_or_else(|| missing(&name))?;
    if let Some(clash) = clash(&engine.snapshot().state, saved.state.records()) {
        let message =
            format!("{clash} is in the snapshot, and configured on this server now; remove it there");
        return Err(Refusal(StatusCode::CONFLICT, message));
    }
    engine.restore(saved).await?;
    let snapshot = engine.snapshot();
    Ok(json!({
        "restored": name.as_str(),
        "now": snapshot.now().to_string(),
        "epoch": snapshot.clock.epoch(),
        "keys": snapshot.state.key_count(),
    }))
}
