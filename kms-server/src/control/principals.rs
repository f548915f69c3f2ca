//! The principals: listed, shown, put, deleted, and given access keys.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use lifecycle::iam::{Directory, Entry, Source};
use lifecycle::state::Change;
use serde_json::{Value, json};

use super::{Refusal, percent_decode};
use crate::document::Node;
use crate::principals::{self, Name, Refused, printed};
use crate::service::Service;

/// Where the principals are.
pub(super) const PATH: &str = "/_kms/principals";

/// What follows the name of a principal in the path of a new access key.
const ACCESS_KEYS: &str = "/access-keys";

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Conflict(_) => StatusCode::CONFLICT,
            Refused::Invalid(_) => StatusCode::BAD_REQUEST,
            Refused::Entropy => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal(status, refused.to_string())
    }
}

/// Answers a call below [`PATH`]; `None` if it is none.
pub(super) async fn call(service: &Service, request: &Request<Bytes>) -> Option<Result<Value, Refusal>> {
    let rest = request.uri().path().strip_prefix(PATH)?;
    if rest.is_empty() {
        let get = *request.method() == Method::GET;
        return get.then(|| Ok(list(service.parts().engine.snapshot().state.directory())));
    }
    let rest = rest.strip_prefix('/')?;
    match (request.method(), rest.strip_suffix(ACCESS_KEYS)) {
        (&Method::GET, _) => Some(show(service, rest)),
        (&Method::PUT, _) => Some(put(service, rest, request.body()).await),
        (&Method::DELETE, _) => Some(delete(service, rest).await),
        (&Method::POST, Some(name)) => Some(create_access_key(service, name).await),
        _ => None,
    }
}

fn name(text: &str) -> Result<Name, Refusal> {
    let text = percent_decode(text)
        .ok_or_else(|| Refusal::bad_request("the name of the principal is not UTF-8 text"))?;
    Ok(Name::parse(&text)?)
}

/// Access keys stand with their owners; those whose owner nothing describes stand alone.
fn list(directory: &Directory) -> Value {
    let shown = directory.entries().filter(|(entry, _)| match entry {
        Entry::AccessKey(key) => !directory.describes(&key.owner),
        _ => true,
    });
    let entries: Vec<Value> = shown.map(|(entry, source)| described(&entry, source, directory)).collect();
    json!({ "principals": entries })
}

fn described(entry: &Entry, source: Source, directory: &Directory) -> Value {
    let kind = match entry {
        Entry::Account(_) => "account",
        Entry::User(_) => "user",
        Entry::Role(_) => "role",
        Entry::AccessKey(_) => "access_key",
    };
    let source = match source {
        Source::Configured => "configured",
        Source::Stored => "stored",
    };
    json!({ "kind": kind, "source": source, "principal": printed(entry, directory) })
}

fn show(service: &Service, text: &str) -> Result<Value, Refusal> {
    let name = name(text)?;
    let snapshot = service.parts().engine.snapshot();
    let directory = snapshot.state.directory();
    let entry = name.find(directory)?;
    let source = directory.source(&entry.id()).unwrap_or(Source::Stored);
    Ok(described(&entry, source, directory))
}

async fn put(service: &Service, text: &str, body: &[u8]) -> Result<Value, Refusal> {
    let name = name(text)?;
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the principal is not JSON: {error}")))?;
    let (node, shown) = (Node::of_json(value), name.clone());
    let entropy = Arc::clone(&service.parts().entropy);
    submit(service, move |directory| Ok(((), principals::put(directory, &name, &node, &*entropy)?))).await?;
    show_name(service, &shown)
}

fn show_name(service: &Service, name: &Name) -> Result<Value, Refusal> {
    let snapshot = service.parts().engine.snapshot();
    let directory = snapshot.state.directory();
    let entry = name.find(directory)?;
    Ok(described(&entry, Source::Stored, directory))
}

async fn delete(service: &Service, text: &str) -> Result<Value, Refusal> {
    let name = name(text)?;
    let deleted = name.to_string();
    submit(service, move |directory| Ok(((), principals::delete(directory, &name)?))).await?;
    Ok(json!({ "deleted": deleted }))
}

async fn create_access_key(service: &Service, text: &str) -> Result<Value, Refusal> {
    let name = name(text)?;
    let entropy = Arc::clone(&service.parts().entropy);
    let key =
        submit(service, move |directory| principals::create_access_key(directory, &name, &*entropy)).await?;
    let secret = std::str::from_utf8(key.secret.expose()).map_err(Refusal::internal)?;
    Ok(json!({ "id": &*key.id, "secret": secret, "owner": key.owner.arn() }))
}

/// Decides on the writer's directory, and waits until the changes are stored.
async fn submit<T: Send + 'static>(
    service: &Service,
    decide: impl FnOnce(&Directory) -> Result<(T, Vec<Change>), Refused> + Send + 'static,
) -> Result<T, Refusal> {
    let decided = service.parts().engine.submit(move |draft| {
        let (answer, changes) = decide(draft.state().directory())?;
        draft.apply(changes);
        Ok::<T, Refused>(answer)
    });
    Ok(decided.await.map_err(Refusal::internal)??)
}
