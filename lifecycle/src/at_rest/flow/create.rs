//! A table from its request to ACTIVE.

use std::collections::BTreeMap;

use super::cleanup::retire;
use super::select::Selection;
use super::{Cx, Effect, Outcome, Planned, Stop, Verdict};
use crate::at_rest::change::{Change, What, Work};
use crate::at_rest::error::Refusal;
use crate::at_rest::memory::Unit;
use crate::at_rest::name::{Caller, Incarnation, TableName};
use crate::at_rest::port::{GRANTS_PER_TABLE, Reason};
use crate::at_rest::quota::SwitchQuota;
use crate::at_rest::sse::{Protector, SseSpecification};
use crate::at_rest::state::Subject;
use crate::at_rest::table::{Features, Health, Restore, Status, Table, TableGrant};
use crate::at_rest::wrap::WrappedDataKey;
use crate::crypto::Secret;

/// Whether a table of this name and life can be made.
pub(super) fn check_new(cx: &Cx<'_>, table: &TableName, incarnation: Incarnation) -> Result<(), Refusal> {
    if !table.is_well_formed() {
        return Err(Refusal::validation(
            "TableName must be at least 3 characters long and at most 255 characters long, and consist of the \
             characters a-z, A-Z, 0-9, _, - and .",
        ));
    }
    if cx.state.table(table).is_some() {
        return Err(Refusal::new("ResourceInUseException", format!("Table already exists: {}", table.name)));
    }
    if cx.state.tables.contains_key(&incarnation) {
        return Err(Refusal::validation(format!("The incarnation {incarnation} belongs to another table")));
    }
    let others = cx.state.intents.values().filter(|intent| {
        !cx.intents.contains(&intent.incarnation) && cx.busy.contains(&Subject::Intent(intent.incarnation))
    });
    match others.filter(|intent| intent.table == *table || intent.incarnation == incarnation).count() {
        0 => Ok(()),
        _ => Err(Refusal::in_use(&format!("Table is being created: {}", table.name))),
    }
}

/// The record of a table that was accepted.
pub(super) fn accepted(
    cx: &Cx<'_>,
    name: &TableName,
    incarnation: Incarnation,
    (protector, grants): (Protector, Vec<TableGrant>),
) -> Table {
    Table {
        name: name.clone(),
        incarnation,
        created_at: cx.now,
        active_at: None,
        status: Status::Creating,
        protector,
        key: None,
        data_keys: BTreeMap::new(),
        grants,
        grants_named: GRANTS_PER_TABLE,
        health: Health::default(),
        switch: None,
        quota: SwitchQuota::default(),
        restore: None,
        archival_backup: None,
        replica_of: None,
        features: Features::default(),
    }
}

/// CreateTable.
pub(in crate::at_rest) fn create(
    cx: &Cx<'_>,
    name: &TableName,
    incarnation: Incarnation,
    caller: &Caller,
    sse: &SseSpecification,
) -> Result<Outcome, Stop> {
    let wanted = sse.wanted()?;
    check_new(cx, name, incarnation)?;
    let selection = Selection {
        table: name,
        incarnation,
        caller,
        first_grant: 0,
        replica: None,
        reason: Reason::Selection,
    };
    let table = accepted(cx, name, incarnation, selection.run(cx, &wanted)?);
    Ok(Outcome::new(Planned::Table(incarnation)).put(table))
}

/// A table that existed before encryption gets an AWS owned key at once.
///
/// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes".
pub(in crate::at_rest) fn attach(
    cx: &Cx<'_>,
    name: &TableName,
    incarnation: Incarnation,
) -> Result<Outcome, Stop> {
    check_new(cx, name, incarnation)?;
    let table = accepted(cx, name, incarnation, (Protector::Owned, Vec::new()));
    let task = cx.task(&table, 0, Work::Encrypt);
    let (secret, key) = match cx.generate(name, &Protector::Owned, 1, Reason::Background)? {
        Ok(made) => made,
        Err(verdict) => return Ok(Outcome::refused(refusal_of(verdict))),
    };
    let table = Table { status: Status::Active, active_at: Some(cx.now), key: Some(key), ..table };
    Ok(Outcome::new(Planned::Table(incarnation)).put(table).with([task]).effect([Effect::Remember(
        incarnation,
        1,
        Some(Unit::Service),
        secret,
    )]))
}

pub(super) fn refusal_of(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Refused(refusal) | Verdict::Silent(refusal) => refusal,
        Verdict::Open(_) => Refusal::internal("an opened key was taken for a refusal"),
    }
}

/// CREATING ends: the table gets its key.
pub(super) fn finish(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let source = match &table.restore {
        None => None,
        Some(restore) => match open_source(cx, table, restore)? {
            Verdict::Open(secret) => Some((restore, secret)),
            Verdict::Refused(_) => return failed_restore(cx, table),
            Verdict::Silent(_) => return Ok(later(cx, table)),
        },
    };
    let reason = if source.is_some() { Reason::Backup } else { Reason::Selection };
    let (secret, key) = match cx.generate(&table.name, &table.protector, 1, reason)? {
        Ok(made) => made,
        Err(Verdict::Silent(_)) => return Ok(later(cx, table)),
        Err(_) if source.is_some() => return failed_restore(cx, table),
        Err(_) => {
            // AWS (observed): the table stays CREATING and disappears about an hour later.
            let probe_at = table.next_probe(cx.settings, cx.now);
            let health = Health { lost_at: Some(cx.now), probe_at, ..Health::default() };
            return Ok(Outcome::done().put(Table { health, ..table.clone() }));
        }
    };
    let data_keys = match &source {
        None => Some(BTreeMap::new()),
        Some((restore, old)) => rewrap(cx, &restore.data_keys, old, &secret),
    };
    let Some(data_keys) = data_keys else { return failed_restore(cx, table) };
    let active = Table {
        status: Status::Active,
        active_at: Some(cx.now),
        health: Health { probe_at: table.next_probe(cx.settings, cx.now), ..Health::default() },
        key: Some(key),
        data_keys,
        restore: None,
        ..table.clone()
    };
    let mut outcome = Outcome::done().with([cx.fact(table, What::Created)]);
    if let Some(restore) = &table.restore {
        let work = match &restore.backup {
            Some(arn) => Work::Fill { backup_arn: arn.clone() },
            None => Work::Copy { from: restore.source },
        };
        outcome = outcome.with([cx.task(table, 0, work)]).with(release(cx, restore));
    }
    Ok(outcome.put(active).effect([Effect::Remember(table.incarnation, 1, Some(Unit::Service), secret)]))
}

fn open_source(cx: &Cx<'_>, table: &Table, restore: &Restore) -> Result<Verdict, Stop> {
    cx.open(&table.name, &restore.key, Cx::caller(&restore.caller), Reason::Backup)
}

/// Data keys under another table key.
pub(super) fn rewrap(
    cx: &Cx<'_>,
    keys: &BTreeMap<u32, WrappedDataKey>,
    old: &Secret,
    new: &Secret,
) -> Option<BTreeMap<u32, WrappedDataKey>> {
    let rewrap = |key: &WrappedDataKey| Some((key.number, key.rewrap(old, new, &**cx.entropy).ok()?));
    keys.values().map(rewrap).collect()
}

fn later(cx: &Cx<'_>, table: &Table) -> Outcome {
    let retry_at = Some(cx.settings.retry.after(cx.now));
    Outcome::done().put(Table { health: Health { retry_at, ..table.health }, ..table.clone() })
}

/// The backup may be restored again.
fn release(cx: &Cx<'_>, restore: &Restore) -> Option<Change> {
    let backup = cx.state.backups.get(restore.backup.as_ref()?)?;
    let mut backup = backup.clone();
    backup.restoring = None;
    Some(Change::PutBackup(Box::new(backup)))
}

fn failed_restore(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    Ok(gone(cx, table, What::RestoreFailed)?
        .with(table.restore.as_ref().and_then(|restore| release(cx, restore))))
}

/// A table whose key was lost before it was ACTIVE.
pub(super) fn vanish(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    gone(cx, table, What::Vanished)
}

fn gone(cx: &Cx<'_>, table: &Table, what: What) -> Result<Outcome, Stop> {
    let left = retire(cx, &table.name, &table.grants)?;
    Ok(Outcome::done()
        .with(left)
        .with(super::replica::left(cx, table))
        .with([Change::RemoveTable { incarnation: table.incarnation }, cx.fact(table, what)])
        .effect([Effect::Forget(table.incarnation)]))
}
