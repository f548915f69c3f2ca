//! Tables as they come and go.

use lifecycle::at_rest::{Answer, Caller, Incarnation, Input, Refusal, SseSpecification, TableName};
use lifecycle::ids::Uuid;
use lifecycle::policy::Principal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, described, read_body};
use crate::service::Service;
use crate::tables::{ask, look};

/// Who calls the table store: the ARN of a principal; the root user of the table's account if it is left out.
pub(super) fn caller(text: Option<&str>, table: &TableName) -> Result<Caller, Fault> {
    let Some(text) = text else { return Ok(Caller::root(table.scope.account)) };
    let wrong = || Fault::bad_request("`caller` is no ARN of a user, a role, a session or a root user");
    match Principal::parse(text).ok_or_else(wrong)? {
        Principal::Service(_) => Err(wrong()),
        principal => {
            let account = principal.account().and_then(|account| account.id().parse().ok());
            Ok(Caller { arn: text.to_owned(), account: account.ok_or_else(wrong)? })
        }
    }
}

/// The life of a table: what the store gives, or one that no table has had.
pub(super) fn incarnation(service: &Service, given: Option<Incarnation>) -> Result<Incarnation, Fault> {
    match given {
        Some(given) => Ok(given),
        None => {
            let random = service.parts().entropy.array();
            Ok(Uuid::v4(random.map_err(|error| Refusal::internal(error.to_string()))?))
        }
    }
}

/// What the engine answers about a table.
pub(super) fn table_answer(table: &TableName, answer: Answer) -> Result<Value, Fault> {
    match answer {
        Answer::Table(description) => Ok(json!({ "Table": described(table, &description)? })),
        Answer::Backup(backup) => Ok(json!({ "BackupArn": backup.arn })),
        Answer::Done | Answer::Keys(_) => Ok(json!({})),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    caller: Option<String>,
    incarnation: Option<Incarnation>,
    #[serde(default, rename = "SSESpecification")]
    sse: SseSpecification,
}

/// `PUT /_kms/tables/{account}/{region}/{name}`: CreateTable, also by an import.
pub(super) async fn create(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Create { caller: who, incarnation: life, sse } = read_body(body)?;
    let (caller, incarnation) = (caller(who.as_deref(), &table)?, incarnation(service, life)?);
    let (answer, _) = ask(service, Input::Create { table: table.clone(), incarnation, caller, sse }).await?;
    table_answer(&table, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach {
    incarnation: Option<Incarnation>,
}

/// `POST …/attach`: a table that exists without encryption.
pub(super) async fn attach(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Attach { incarnation: life } = read_body(body)?;
    let incarnation = incarnation(service, life)?;
    let (answer, _) = ask(service, Input::Attach { table: table.clone(), incarnation }).await?;
    table_answer(&table, answer)
}

/// `DELETE …`: DeleteTable. The answer shows the table as it was.
pub(super) async fn delete(service: &Service, table: TableName) -> Result<Value, Fault> {
    let name = table.clone();
    let before = look(service, move |engine, _| engine?.describe(&name)).await?;
    ask(service, Input::Delete { table: table.clone() }).await?;
    let mut shown = before.map(|before| described(&table, &before)).transpose()?.unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.insert("TableStatus".to_owned(), "DELETING".into());
    }
    Ok(json!({ "Table": shown }))
}
