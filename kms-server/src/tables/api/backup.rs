//! Backups, what is restored from them, and exports.

use http::Request;
use lifecycle::at_rest::service::ExportEncryption;
use lifecycle::at_rest::{
    Access, Answer, Backup, BackupType, Connection, Incarnation, Input, Operation, Refusal, Source,
    SseSpecification, Structure, TableName,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{caller, incarnation, table_answer};
use super::{Fault, capabilities, parameter, read_body};
use crate::service::Service;
use crate::tables::{ask, look};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    caller: Option<String>,
    connection: Option<Connection>,
    name: String,
}

/// `POST …/backups`: CreateBackup.
pub(super) async fn create(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Create { caller: who, connection, name } = read_body(body)?;
    // AWS: DynamoDB API reference, "CreateBackup", parameter `BackupName`.
    let fits = (3..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !fits {
        return Err(Fault::bad_request("`name` has 3 to 255 letters, digits, underscores, hyphens and dots"));
    }
    capabilities::require(service, "snapshot").await?;
    let caller = caller(who.as_deref(), &table)?;
    match ask(service, Input::Backup { table, caller, connection, name }).await?.0 {
        Answer::Backup(backup) => Ok(json!({ "BackupDetails": shown(&backup) })),
        _ => Err(Refusal::internal("a backup was not answered by one").into()),
    }
}

/// `GET /_kms/tables/backups`, all or the one of the parameter `arn`.
pub(super) async fn list(service: &Service, request: &Request<bytes::Bytes>) -> Result<Value, Fault> {
    let arn = parameter(request, "arn")?;
    let found = look(service, move |engine, _| {
        let all = engine.into_iter().flat_map(lifecycle::at_rest::Engine::backups);
        let found = all.filter(|backup| arn.as_ref().is_none_or(|arn| backup.arn == *arn));
        let found: Vec<Value> = found.map(shown).collect();
        match (arn, found.is_empty()) {
            (Some(arn), true) => Err(Refusal::no_backup(&arn)),
            _ => Ok(found),
        }
    });
    Ok(json!({ "backups": found.await?? }))
}

/// `DELETE /_kms/tables/backups?arn=…`.
pub(super) async fn delete(service: &Service, request: &Request<bytes::Bytes>) -> Result<Value, Fault> {
    let arn = parameter(request, "arn")?.ok_or_else(|| Fault::bad_request("give `arn`, the backup's"))?;
    ask(service, Input::DeleteBackup { arn }).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    caller: Option<String>,
    incarnation: Option<Incarnation>,
    /// The ARN of a backup.
    backup: Option<String>,
    /// A table with point-in-time recovery, in the Region of the new one.
    table: Option<String>,
    #[serde(rename = "SSESpecificationOverride")]
    sse: Option<SseSpecification>,
}

/// `POST …/restore`: the table of the path comes to be, from a backup or from another table.
pub(super) async fn restore(service: &Service, target: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Restore { caller: who, incarnation: life, backup, table, sse } = read_body(body)?;
    let (source, needed) = match (backup, table) {
        (Some(arn), None) => (Source::Backup(arn), "fill"),
        (None, Some(name)) => (Source::Table(TableName { name, ..target.clone() }), "copy"),
        _ => {
            let text =
                "give either `backup`, an ARN, or `table`, the name of one with point-in-time recovery";
            return Err(Fault::bad_request(text));
        }
    };
    capabilities::require(service, needed).await?;
    let (caller, incarnation) = (caller(who.as_deref(), &target)?, incarnation(service, life)?);
    let input = Input::Restore { source, target: target.clone(), incarnation, caller, sse };
    let (answer, _) = ask(service, input).await?;
    table_answer(&target, answer)
}

#[derive(Deserialize)]
struct Export {
    caller: Option<String>,
    connection: Option<Connection>,
    #[serde(rename = "S3SseAlgorithm")]
    algorithm: Option<String>,
    #[serde(rename = "S3SseKmsKeyId")]
    key: Option<String>,
}

/// `POST …/export`: whether ExportTableToPointInTime may go on. What it writes is under the bucket's key, not the table's.
pub(super) async fn export(service: &Service, table: TableName, body: &[u8]) -> Result<Value, Fault> {
    let Export { caller: who, connection, algorithm, key } = read_body(body)?;
    ExportEncryption { s3_sse_algorithm: algorithm, s3_sse_kms_key_id: key }.check()?;
    let caller = caller(who.as_deref(), &table)?;
    let operation = Operation::ExportTableToPointInTime;
    let access = Access { table, caller, connection, operation, structure: Structure::Base };
    ask(service, Input::Access(access)).await?;
    Ok(json!({ "allowed": true }))
}

/// `BackupDetails` and the key that the backup keeps.
fn shown(backup: &Backup) -> Value {
    let kind = match backup.kind {
        BackupType::User => "USER",
        BackupType::System => "SYSTEM",
    };
    json!({
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupStatus": "AVAILABLE",
        "BackupType": kind,
        "BackupCreationDateTime": backup.created_at.epoch_seconds(),
        "BackupExpiryDateTime": backup.expires_at.map(lifecycle::clock::Timestamp::epoch_seconds),
        "TableName": backup.table.name,
        "TableId": backup.incarnation,
        "SSEDescription": backup.sse_description(),
        "KeyKind": backup.key.protector.kind(),
    })
}
