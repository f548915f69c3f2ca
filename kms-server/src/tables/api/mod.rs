//! `/_kms/tables/…`: what a table store asks and tells. JSON in, JSON out; refusals are those of DynamoDB.

mod backup;
mod capabilities;
mod crypt;
mod read;
mod report;
mod table;
mod work;

pub(crate) use report::shown_report;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use lifecycle::at_rest::{Description, Refusal, TableName};
use lifecycle::ids::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::service::Service;

/// The root of all paths here.
const ROOT: &str = "/_kms/tables";

/// Why a call was not carried out.
pub(super) enum Fault {
    /// The engine or KMS refuses, in DynamoDB's words.
    Refused(Refusal),
    /// The call itself is wrong: a status, and what to do.
    Call(StatusCode, String),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl Fault {
    fn bad_request(message: impl Into<String>) -> Self {
        Fault::Call(StatusCode::BAD_REQUEST, message.into())
    }

    fn unknown(method: &Method, path: &str) -> Self {
        let text = format!("{method} {path} is no call; kms-server/docs/tables.md lists them");
        Fault::Call(StatusCode::NOT_FOUND, text)
    }
}

/// Answers a call below `/_kms/tables`.
pub(crate) async fn call(service: &Service, request: &Request<Bytes>) -> Response<Bytes> {
    match route(service, request).await {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(Fault::Call(status, message)) => respond(status, &json!({ "message": message })),
        Err(Fault::Refused(Refusal { status, code, message })) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            // AWS: DynamoDB developer guide, "Error handling with DynamoDB".
            let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
            respond(status, &json!({ "__type": kind, "message": message }))
        }
    }
}

async fn route(service: &Service, request: &Request<Bytes>) -> Result<Value, Fault> {
    let (method, path) = (request.method(), request.uri().path());
    let unknown = || Fault::unknown(method, path);
    let rest = path.strip_prefix(ROOT).ok_or_else(unknown)?;
    let parts: Vec<&str> = rest.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    let body = request.body();
    match (method, parts.as_slice()) {
        (&Method::GET, []) => read::list(service).await,
        (&Method::GET, ["backups"]) => backup::list(service, request).await,
        (&Method::DELETE, ["backups"]) => backup::delete(service, request).await,
        (&Method::GET, ["capabilities"]) => capabilities::show(service).await,
        (&Method::PUT, ["capabilities"]) => capabilities::declare(service, body).await,
        (&Method::GET, ["report"]) => report::report(service).await,
        (&Method::GET, ["tasks"]) => work::tasks(service).await,
        (&Method::POST, ["tasks", id]) => work::done(service, id).await,
        (&Method::POST, ["service-data", account, region, what @ ("seal" | "open")]) => {
            crypt::service_data(service, scope(account, region)?, what, body).await
        }
        (_, [account, region, name, rest @ ..]) => {
            let table = table_name(account, region, name)?;
            match (method, rest) {
                (&Method::GET, []) => read::show(service, table).await,
                (&Method::PUT, []) => table::create(service, table, body).await,
                (&Method::DELETE, []) => table::delete(service, table).await,
                (&Method::POST, ["attach"]) => table::attach(service, table, body).await,
                (&Method::POST, ["access"]) => crypt::access(service, table, body).await,
                (&Method::POST, ["seal"]) => crypt::seal(service, table, body).await,
                (&Method::POST, ["open"]) => crypt::open(service, table, body).await,
                (&Method::PUT, ["key"]) => table::switch(service, table, body).await,
                (&Method::PUT, ["features", feature]) => {
                    table::set_feature(service, table, feature, body).await
                }
                (&Method::POST, ["backups"]) => backup::create(service, table, body).await,
                (&Method::POST, ["restore"]) => backup::restore(service, table, body).await,
                (&Method::POST, ["export"]) => backup::export(service, table, body).await,
                (&Method::POST, ["replicas"]) => table::replicate(service, table, body).await,
                (&Method::POST, ["upgrade"]) => table::upgrade(service, table).await,
                (&Method::GET, ["timeline"]) => read::timeline(service, table).await,
                (&Method::GET, ["stream"]) => work::stream(service, table).await,
                (&Method::POST, ["ttl"]) => work::expired(service, table, body).await,
                _ => Err(unknown()),
            }
        }
        _ => Err(unknown()),
    }
}

fn table_name(account: &str, region: &str, name: &str) -> Result<TableName, Fault> {
    Ok(TableName::new(scope(account, region)?, name))
}

fn scope(account: &str, region: &str) -> Result<Scope, Fault> {
    let account = account.parse().map_err(|_| Fault::bad_request(format!("{account} is no account id")))?;
    let region = region.parse().map_err(|_| Fault::bad_request(format!("{region} is no Region")))?;
    Ok(Scope { account, region })
}

/// A parameter of the query string, decoded.
fn parameter(request: &Request<Bytes>, name: &str) -> Result<Option<String>, Fault> {
    let pairs = crate::message::query_pairs(request.uri().query().unwrap_or_default());
    let pairs = pairs.ok_or_else(|| Fault::bad_request("the query string is not UTF-8 text"))?;
    match pairs.iter().find(|(given, _)| given != name) {
        Some((other, _)) => Err(Fault::bad_request(format!("{other} is no parameter; there is {name}"))),
        None => Ok(pairs.into_iter().map(|(_, value)| value).next_back()),
    }
}

fn respond(status: StatusCode, value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body; an empty one is one without members.
fn read_body<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Fault::bad_request(format!("the body: {error}")))
}

/// A table as an answer shows it.
fn described(table: &TableName, description: &Description) -> Result<Value, Fault> {
    let unwritable = |error: serde_json::Error| Refusal::internal(error.to_string());
    let mut value = serde_json::to_value(description).map_err(unwritable)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("TableName".to_owned(), table.name.clone().into());
        members.insert("TableArn".to_owned(), table.arn().into());
        // AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes": what the console shows.
        members.insert("ConsoleType".to_owned(), description.kind.console_type().into());
    }
    Ok(value)
}
