//! Backups: they keep the wrapped keys that their table had.
//!
//! AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes": a backup stays under its key.

use super::access::{admitted, caller_key};
use super::{Cx, Outcome, Planned, Stop};
use crate::at_rest::backup::{Backup, BackupType};
use crate::at_rest::change::{Change, Fact, What, Work};
use crate::at_rest::error::Refusal;
use crate::at_rest::input::Answer;
use crate::at_rest::name::{Caller, Connection, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::settings::Span;
use crate::at_rest::table::Table;

/// A backup of what lies there, with an ARN that no other has.
pub(super) fn snapshot(cx: &Cx<'_>, table: &Table, kind: BackupType, name: &str) -> Option<Backup> {
    let mut at = cx.now;
    loop {
        let backup = Backup::of(table, kind, name, at)?;
        if !cx.state.backups.contains_key(&backup.arn) {
            return Some(backup);
        }
        at = Span(1).after(at);
    }
}

/// CreateBackup.
pub(in crate::at_rest) fn create(
    cx: &Cx<'_>,
    name: &TableName,
    caller: &Caller,
    connection: Option<Connection>,
    backup_name: &str,
) -> Result<Outcome, Stop> {
    let well_formed = (3..=255).contains(&backup_name.len())
        && backup_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !well_formed {
        return Err(Refusal::validation(format!(
            "1 validation error detected: Value '{}' at 'backupName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [a-zA-Z0-9_.-]+",
            backup_name.chars().take(255).collect::<String>()
        ))
        .into());
    }
    let table = admitted(cx, name, Operation::CreateBackup)?;
    let ready = table.active_at.map(|at| cx.settings.backups_ready.after(at));
    if ready.is_some_and(|ready| cx.now < ready) {
        return Err(Refusal::new(
            "ContinuousBackupsUnavailableException",
            format!("Backups are being enabled for the table: {}. Please retry later", name.name),
        )
        .into());
    }
    let effects = caller_key(cx, table, caller, connection)?;
    let backup = snapshot(cx, table, BackupType::User, backup_name)
        .ok_or_else(|| Operation::CreateBackup.without_table(&name.name))?;
    Ok(Outcome::new(Planned::Ready(Answer::Backup(Box::new(backup.clone()))))
        .with(super::archive::copy(cx, table, backup))
        .effect(effects))
}

/// DeleteBackup.
pub(in crate::at_rest) fn delete(cx: &Cx<'_>, arn: &str) -> Result<Outcome, Stop> {
    let backup = cx.state.backups.get(arn).ok_or_else(|| Refusal::no_backup(arn))?;
    if let (BackupType::System, Some(expires_at)) = (backup.kind, backup.expires_at) {
        return Err(Refusal::validation(format!(
            "Invalid Request: User is not allowed to delete the system backup with arn {arn}. It will automatically \
             expire on {expires_at}"
        ))
        .into());
    }
    if backup.restoring.is_some() {
        return Err(in_use(arn).into());
    }
    Ok(Outcome::done().with(gone(cx, backup)))
}

pub(super) fn in_use(arn: &str) -> Refusal {
    Refusal::new("BackupInUseException", format!("Backup is being used by another operation: {arn}"))
}

fn gone(cx: &Cx<'_>, backup: &Backup) -> [Change; 2] {
    let id = cx.state.tasks_made.saturating_add(1);
    let work = Work::DropBackup { backup_arn: backup.arn.clone() };
    let (table, incarnation) = (backup.table.clone(), backup.incarnation);
    [
        Change::PutTask(crate::at_rest::change::Task { id, table, incarnation, work }),
        Change::RemoveBackup { arn: backup.arn.clone() },
    ]
}

/// A backup that ends by itself.
pub(super) fn expire(cx: &Cx<'_>, arn: &str) -> Outcome {
    let Some(backup) = cx.state.backups.get(arn) else { return Outcome::done() };
    if backup.restoring.is_some() {
        let expires_at = Some(cx.settings.retry.after(cx.now));
        return Outcome::done().with([Change::PutBackup(Box::new(Backup { expires_at, ..backup.clone() }))]);
    }
    let fact = Fact {
        at: cx.now,
        table: backup.table.clone(),
        incarnation: backup.incarnation,
        what: What::BackupExpired { backup_arn: arn.to_owned() },
    };
    Outcome::done().with(gone(cx, backup)).with([Change::Fact(fact)])
}
