//! The use of a table: may it be used, and its records sealed and opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use lifecycle::at_rest::{
    Access, Answer, Connection, Input, Operation, RecordKeys, Refusal, SealError, Structure, TableName,
};
use lifecycle::ids::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

use super::table::caller;
use super::{Fault, read_body};
use crate::service::Service;
use crate::tables::ask;

/// A request to the table store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    caller: Option<String>,
    connection: Option<Connection>,
    operation: Operation,
    #[serde(default = "base")]
    structure: Structure,
}

/// The same, with the records that it reads or writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Crypt<'b> {
    caller: Option<String>,
    connection: Option<Connection>,
    operation: Option<Operation>,
    #[serde(default = "base")]
    structure: Structure,
    #[serde(borrow)]
    records: Vec<Sealable<'b>>,
}

/// A record, both in base64: its key, which binds it and is not sealed itself, and its bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealable<'b> {
    key: &'b str,
    data: &'b str,
}

fn base() -> Structure {
    Structure::Base
}

/// `POST …/access`: whether a request may use the table now. It may cause a call to KMS, or not, as the caches are.
pub(super) async fn access(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Use { caller: who, connection, operation, structure } = read_body(body)?;
    let caller = caller(who.as_deref(), &table)?;
    let input = Input::Access(Access { table, caller, connection, operation, structure });
    let (answer, at) = ask(service, input).await?;
    Ok(json!({ "allowed": true, "keys": matches!(answer, Answer::Keys(_)), "at": at.to_string() }))
}

/// `POST …/seal`: records for the store to keep.
pub(super) async fn seal(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let (access, records) = read(service, &table, body, Operation::PutItem)?;
    seal_all(service, &Input::Access(access), &records).await
}

/// `POST …/open`: records that the store kept.
pub(super) async fn open(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let (access, records) = read(service, &table, body, Operation::GetItem)?;
    open_all(service, Input::Access(access), &records).await
}

/// Data of the service's own, which is under AWS owned keys whatever key a table has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfService<'b> {
    structure: Structure,
    #[serde(borrow)]
    records: Vec<Sealable<'b>>,
}

/// `POST /_kms/tables/service-data/{account}/{region}/seal` and `open`.
pub(super) async fn service_data(
    service: &Service,
    scope: Scope,
    what: &str,
    body: &[u8],
) -> Result<Value, Fault> {
    let OfService { structure, records } = read_body(body)?;
    let records = decode(service, &records)?;
    let input = Input::ServiceData { scope, structure };
    match what {
        "seal" => seal_all(service, &input, &records).await,
        _ => open_all(service, input, &records).await,
    }
}

async fn seal_all(service: &Service, input: &Input, records: &Records) -> Result<Value, Fault> {
    let mut keys = keys_for(service, input.clone()).await?;
    let mut sealed = Vec::with_capacity(records.len());
    for (key, data) in records {
        let mut attempt = keys.seal(key, data);
        if attempt == Err(SealError::Exhausted) {
            // Keys seal so many records, and then have to be asked for again.
            keys = keys_for(service, input.clone()).await?;
            attempt = keys.seal(key, data);
        }
        sealed.push(STANDARD.encode(attempt.map_err(|error| Refusal::internal(error.to_string()))?));
    }
    Ok(json!({ "records": sealed }))
}

async fn open_all(service: &Service, input: Input, records: &Records) -> Result<Value, Fault> {
    let keys = keys_for(service, input).await?;
    let opened = records.iter().enumerate().map(|(at, (key, data))| {
        let opened = keys.open(key, data);
        opened
            .map(|bytes| STANDARD.encode(bytes))
            .map_err(|error| Fault::Call(StatusCode::UNPROCESSABLE_ENTITY, format!("record {at}: {error}")))
    });
    Ok(json!({ "records": opened.collect::<Result<Vec<_>, _>>()? }))
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

fn read(
    service: &Service,
    table: &TableName,
    body: &[u8],
    usual: Operation,
) -> Result<(Access, Records), Fault> {
    let Crypt { caller: who, connection, operation, structure, records } = read_body(body)?;
    let operation = operation.unwrap_or(usual);
    if !operation.needs_key() {
        return Err(Fault::bad_request(format!("{operation:?} neither reads nor writes records")));
    }
    let decoded = decode(service, &records)?;
    let caller = caller(who.as_deref(), table)?;
    Ok((Access { table: table.clone(), caller, connection, operation, structure }, decoded))
}

fn decode(service: &Service, records: &[Sealable<'_>]) -> Result<Records, Fault> {
    let records_max = service.parts().tables.options().records_max;
    if records.len() > records_max {
        let text = format!("{} records in one call; there may be {records_max}", records.len());
        return Err(Fault::bad_request(text));
    }
    let bytes = |text: &str, at: usize, what: &str| {
        let wrong = |_| Fault::bad_request(format!("record {at}: `{what}` is not base64"));
        STANDARD.decode(text).map_err(wrong)
    };
    let decoded = records
        .iter()
        .enumerate()
        .map(|(at, record)| Ok((bytes(record.key, at, "key")?, bytes(record.data, at, "data")?)));
    decoded.collect()
}

async fn keys_for(service: &Service, input: Input) -> Result<RecordKeys, Fault> {
    match ask(service, input).await?.0 {
        Answer::Keys(keys) => Ok(keys),
        _ => Err(Fault::bad_request("this operation gets no keys")),
    }
}
