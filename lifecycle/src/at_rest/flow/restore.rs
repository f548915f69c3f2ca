//! Restores: two keys are needed, that of the backup to read and that of the new table to write.
//!
//! AWS: DynamoDB developer guide, "Restoring a DynamoDB table from a backup".

use super::create::{accepted, check_new, refusal_of};
use super::select::Selection;
use super::{Cx, Outcome, Planned, Stop, Verdict};
use crate::at_rest::backup::Backup;
use crate::at_rest::change::Change;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::Source;
use crate::at_rest::name::{Caller, Incarnation, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::port::Reason;
use crate::at_rest::sse::{Protector, SseSpecification, Wanted};
use crate::at_rest::table::{Restore, Table};

/// RestoreTableFromBackup and RestoreTableToPointInTime.
pub(in crate::at_rest) fn request(
    cx: &Cx<'_>,
    source: &Source,
    target: &TableName,
    incarnation: Incarnation,
    caller: &Caller,
    sse: Option<&SseSpecification>,
) -> Result<Outcome, Stop> {
    let overriding = sse.map(SseSpecification::wanted).transpose()?;
    let (restore, region, backup) = match source {
        Source::Backup(arn) => {
            let backup = cx.state.backups.get(arn).ok_or_else(|| Refusal::no_backup(arn))?;
            if backup.restoring.is_some() {
                return Err(super::backup::in_use(arn).into());
            }
            let restore = Restore {
                backup: Some(arn.clone()),
                source: backup.incarnation,
                key: backup.key.clone(),
                data_keys: backup.data_keys.clone(),
                caller: caller.clone(),
            };
            (restore, backup.table.scope.region, Some(backup))
        }
        Source::Table(name) => {
            let restore = of_table(cx, name, caller)?;
            (restore, name.scope.region, None)
        }
    };
    let wanted = match (overriding, &restore.key.protector) {
        (Some(wanted), _) => wanted,
        (None, _) if region != target.scope.region => {
            return Err(Refusal::validation(
                "Invalid Request: sseSpecificationOverride must be provided for cross-region restores",
            )
            .into());
        }
        (None, Protector::Owned) => Wanted::Owned,
        (None, Protector::Kms { key, .. }) => Wanted::Kms(key.to_string()),
    };
    check_new(cx, target, incarnation)?;
    match cx.open(target, &restore.key, Cx::caller(caller), Reason::Backup)? {
        Verdict::Open(_) => {}
        verdict => return Err(refusal_of(verdict).into()),
    }
    let selection = Selection {
        table: target,
        incarnation,
        caller,
        first_grant: 0,
        replica: None,
        reason: Reason::Backup,
    };
    let table = accepted(cx, target, incarnation, selection.run(cx, &wanted)?);
    let used = backup.map(|backup| Backup { restoring: Some(incarnation), ..backup.clone() });
    Ok(Outcome::new(Planned::Table(incarnation))
        .put(Table { restore: Some(restore), ..table })
        .with(used.map(|backup| Change::PutBackup(Box::new(backup)))))
}

/// A restore to a point in time has the keys that the table has now.
///
/// AWS: DynamoDB developer guide, "Point-in-time recovery": settings come from the current source table.
fn of_table(cx: &Cx<'_>, name: &TableName, caller: &Caller) -> Result<Restore, Refusal> {
    let operation = Operation::ExportTableToPointInTime;
    let table = super::access::admitted(cx, name, operation)?;
    if !table.features.point_in_time_recovery {
        return Err(Refusal::new(
            "PointInTimeRecoveryUnavailableException",
            format!("Point in time recovery is not enabled for table '{}'", name.name),
        ));
    }
    let key = table.key.clone().ok_or_else(|| operation.without_table(&name.name))?;
    Ok(Restore {
        backup: None,
        source: table.incarnation,
        key,
        data_keys: table.data_keys.clone(),
        caller: caller.clone(),
    })
}
