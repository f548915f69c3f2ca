//! The end of a table.

use super::cleanup::retire;
use super::{Cx, Effect, Outcome, Stop};
use crate::at_rest::backup::BackupType;
use crate::at_rest::change::{Change, What, Work};
use crate::at_rest::error::Refusal;
use crate::at_rest::name::TableName;
use crate::at_rest::operation::Operation;
use crate::at_rest::table::{Health, Status, Table};

/// DeleteTable: works whatever the key does, and retires the grants.
///
/// AWS: DynamoDB developer guide, "Using grants to authorize DynamoDB"; that it works without the key is observed.
pub(in crate::at_rest) fn request(cx: &Cx<'_>, name: &TableName) -> Result<Outcome, Stop> {
    let table = cx.state.table(name).ok_or_else(|| Refusal::no_table(&name.name))?;
    if cx.is_first() {
        Operation::DeleteTable.admit(table)?;
        let health = Health::default();
        let deleting = Table { status: Status::Deleting, health, ..table.clone() };
        cx.announce(Change::PutTable(Box::new(deleting)));
    }
    finish(cx, table)
}

/// The rest of a deletion.
pub(super) fn finish(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let left = retire(cx, &table.name, &table.grants)?;
    let mut outcome = Outcome::done().with(left).with(super::replica::left(cx, table));
    let mut tasks = 0;
    if table.features.point_in_time_recovery {
        let name = format!("{}$DeletedTableBackup", table.name.name);
        if let Some(mut backup) = super::backup::snapshot(cx, table, BackupType::System, &name) {
            backup.expires_at = Some(cx.settings.system_backup_retention.after(cx.now));
            outcome = outcome.with(super::archive::copy(cx, table, backup));
            tasks = 1;
        }
    }
    Ok(outcome
        .with([
            cx.task(table, tasks, Work::Drop),
            Change::RemoveTable { incarnation: table.incarnation },
            cx.fact(table, What::Deleted),
        ])
        .effect([Effect::Forget(table.incarnation)]))
}
