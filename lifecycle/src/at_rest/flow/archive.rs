//! What becomes of a table whose key does not come back.

use super::health::{later, verdict, with};
use super::{Cx, Effect, Outcome, Stop, Verdict};
use crate::at_rest::backup::{Backup, BackupType};
use crate::at_rest::change::{Change, What, Work};
use crate::at_rest::table::{Health, Status, Table};

/// More than seven days have passed: archiving begins, unless the key is there after all.
///
/// AWS: DynamoDB developer guide, "Encryption at rest: how it works": an on-demand backup is made; it holds what lies there,
/// still under its keys, so that none is needed.
pub(super) fn archive(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let Status::Inaccessible { since: inaccessible_since } = table.status else {
        return Ok(Outcome::done());
    };
    match verdict(cx, table)? {
        Some(Verdict::Silent(_)) => return Ok(later(cx, table)),
        Some(Verdict::Open(_)) => {
            let usable_at = Some(cx.now);
            return Ok(with(table, Health { usable_at, retry_at: None, ..table.health }));
        }
        Some(Verdict::Refused(_)) | None => {}
    }
    let backup =
        super::backup::snapshot(cx, table, BackupType::User, &format!("{}-archive", table.name.name));
    let archival_backup = backup.as_ref().map(|backup| backup.arn.clone());
    let status = Status::Archiving { inaccessible_since, since: cx.now };
    let health = Health { lost_at: table.health.lost_at, ..Health::default() };
    // A change of the key under way has come to nothing; the backup has the key that the table had.
    let unused = table.switch.as_ref().map(|switch| switch.grants.as_slice()).unwrap_or_default();
    let left = super::cleanup::retire(cx, &table.name, unused)?;
    let archiving = Table { status, health, archival_backup, switch: None, ..table.clone() };
    let copied = backup.map(|backup| copy(cx, table, backup)).into_iter().flatten();
    Ok(Outcome::done()
        .put(archiving)
        .with(copied)
        .with(left)
        .with([cx.fact(table, What::Archiving)])
        .effect([Effect::Forget(table.incarnation)]))
}

/// The record of a backup, and the task to copy the data.
pub(super) fn copy(cx: &Cx<'_>, table: &Table, backup: Backup) -> [Change; 2] {
    let task = cx.task(table, 0, Work::Snapshot { backup_arn: backup.arn.clone() });
    [Change::PutBackup(Box::new(backup)), task]
}

/// Archiving ends.
pub(super) fn archived(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let Status::Archiving { inaccessible_since, since } = table.status else { return Ok(Outcome::done()) };
    let status = Status::Archived { inaccessible_since, since };
    let fact = table.archival_backup.clone().map(|backup_arn| What::Archived { backup_arn });
    Ok(Outcome::done().put(Table { status, ..table.clone() }).with(fact.map(|what| cx.fact(table, what))))
}
