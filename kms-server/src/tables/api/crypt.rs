//! The use of a table: may it be used, and its records sealed and opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use lifecycle::at_rest::{
    Access, Answer, Connection, Input, Operation, RecordKeys, Refusal, SealError, Structure, TableName,
};
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
    let mut sealed = Vec::with_capacity(records.len());
    // Keys seal so many records, and then have to be asked for again.
    let mut keys = None;
    for (key, data) in &records {
        let bytes = loop {
            let held = match &keys {
                Some(held) => held,
                None => keys.insert(keys_for(service, &access).await?),
            };
            match held.seal(key, data) {
                Ok(bytes) => break bytes,
                Err(SealError::Exhausted) => keys = None,
                Err(error) => return Err(Refusal::internal(error.to_string()).into()),
            }
        };
        sealed.push(STANDARD.encode(bytes));
    }
    if records.is_empty() {
        keys_for(service, &access).await?;
    }
    Ok(json!({ "records": sealed }))
}

/// `POST …/open`: records that the store kept.
pub(super) async fn open(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let (access, records) = read(service, &table, body, Operation::GetItem)?;
    let keys = keys_for(service, &access).await?;
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
    let records_max = service.parts().tables.options().records_max;
    if records.len() > records_max {
        let text = format!("{} records in one call; there may be {records_max}", records.len());
        return Err(Fault::bad_request(text));
    }
    let operation = operation.unwrap_or(usual);
    if !operation.needs_key() {
        return Err(Fault::bad_request(format!("{operation:?} neither reads nor writes records")));
    }
    let bytes = |text: &str, at: usize, what: &str| {
        let wrong = |_| Fault::bad_request(format!("record {at}: `{what}` is not base64"));
        STANDARD.decode(text).map_err(wrong)
    };
    let decoded = records
        .iter()
        .enumerate()
        .map(|(at, record)| Ok::<_, Fault>((bytes(record.key, at, "key")?, bytes(record.data, at, "data")?)));
    let decoded = decoded.collect::<Result<_, _>>()?;
    let caller = caller(who.as_deref(), table)?;
    Ok((Access { table: table.clone(), caller, connection, operation, structure }, decoded))
}

async fn keys_for(service: &Service, access: &Access) -> Result<RecordKeys, Fault> {
    match ask(service, Input::Access(access.clone())).await?.0 {
        Answer::Keys(keys) => Ok(keys),
        _ => Err(Fault::bad_request(format!("{:?} gets no keys", access.operation))),
    }
}
