//! Tables as they come and go.

use lifecycle::at_rest::{
    Answer, Caller, Connection, Consistency, Feature, GlobalTableVersion, Incarnation, Input, Refusal,
    ReplicaKey, SseSpecification, TableName,
};
use lifecycle::ids::{Region, Uuid};
use lifecycle::policy::Principal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, capabilities, described, read_body};
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
    capabilities::require(service, "encrypt").await?;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    caller: Option<String>,
    #[serde(rename = "SSESpecification")]
    sse: SseSpecification,
    #[serde(default)]
    replicas: Vec<ReplicaKey>,
    #[serde(default)]
    with_other_changes: bool,
}

/// `PUT …/key`: UpdateTable with an `SSESpecification`.
pub(super) async fn switch(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Switch { caller: who, sse, replicas, with_other_changes } = read_body(body)?;
    let caller = caller(who.as_deref(), &table)?;
    let input = Input::Switch { table: table.clone(), caller, sse, replicas, with_other_changes };
    let (answer, _) = ask(service, input).await?;
    table_answer(&table, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    caller: Option<String>,
    connection: Option<Connection>,
    enabled: bool,
}

/// `PUT …/features/{feature}`: a setting that decides what happens to the table's data.
pub(super) async fn set_feature(
    service: &Service,
    table: TableName,
    feature: &str,
    body: &[u8],
) -> Result<Value, Fault> {
    let Setting { caller: who, connection, enabled } = read_body(body)?;
    let unknown = |_| {
        let all = "stream, time_to_live, point_in_time_recovery and contributor_insights";
        Fault::bad_request(format!("{feature} is no feature; there are {all}"))
    };
    let feature: Feature = serde_json::from_value(Value::from(feature)).map_err(unknown)?;
    if enabled {
        capabilities::require(service, capabilities::of_feature(feature)).await?;
    }
    let caller = caller(who.as_deref(), &table)?;
    let input = Input::SetFeature { table: table.clone(), caller, connection, feature, enabled };
    let (answer, _) = ask(service, input).await?;
    table_answer(&table, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replicate {
    caller: Option<String>,
    region: Region,
    incarnation: Option<Incarnation>,
    #[serde(rename = "KMSMasterKeyId")]
    key: Option<String>,
    #[serde(default = "newest")]
    version: GlobalTableVersion,
    #[serde(default = "eventual")]
    consistency: Consistency,
}

fn newest() -> GlobalTableVersion {
    GlobalTableVersion::V2019
}

fn eventual() -> Consistency {
    Consistency::Eventual
}

/// `POST …/replicas`: a replica in another Region.
pub(super) async fn replicate(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Replicate { caller: who, region, incarnation: life, key, version, consistency } = read_body(body)?;
    capabilities::require(service, "replicas").await?;
    let (caller, incarnation) = (caller(who.as_deref(), &table)?, incarnation(service, life)?);
    let name = table.clone();
    let input = Input::AddReplica { table, region, incarnation, caller, key, version, consistency };
    let (answer, _) = ask(service, input).await?;
    table_answer(&name, answer)
}

/// `POST …/upgrade`: a global table of version 2017.11.29 becomes one of 2019.11.21.
pub(super) async fn upgrade(service: &Service, table: TableName) -> Result<Value, Fault> {
    let name = table.clone();
    let (answer, _) = ask(service, Input::UpgradeGlobalTable { table }).await?;
    table_answer(&name, answer)
}
