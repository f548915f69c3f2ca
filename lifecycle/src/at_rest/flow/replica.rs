//! Global tables: every replica has its own key in its own Region.

use std::collections::{BTreeMap, BTreeSet};

use super::create::{accepted, check_new};
use super::select::Selection;
use super::switch::{is_refused_in, replica_key};
use super::{Cx, Outcome, Planned, Stop};
use crate::at_rest::backup::{Consistency, GlobalTable, GlobalTableVersion};
use crate::at_rest::change::{Change, What, Work};
use crate::at_rest::error::Refusal;
use crate::at_rest::name::{Caller, Incarnation, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::port::Reason;
use crate::at_rest::sse::{KeyKind, MANAGED_ALIAS, Wanted};
use crate::at_rest::table::{Membership, Status, Table};
use crate::ids::{Region, Scope};

/// What a new global table is.
pub(in crate::at_rest) struct Plan<'p> {
    pub(in crate::at_rest) region: Region,
    pub(in crate::at_rest) incarnation: Incarnation,
    pub(in crate::at_rest) caller: &'p Caller,
    pub(in crate::at_rest) key: Option<&'p str>,
    pub(in crate::at_rest) version: GlobalTableVersion,
    pub(in crate::at_rest) consistency: Consistency,
}

/// UpdateTable with `ReplicaUpdates[].Create`.
///
/// AWS: DynamoDB API reference, "CreateReplicationGroupMemberAction"; the texts are observed.
pub(in crate::at_rest) fn add(cx: &Cx<'_>, name: &TableName, plan: &Plan<'_>) -> Result<Outcome, Stop> {
    let table = cx.state.table(name).ok_or_else(|| Refusal::no_table(&name.name))?;
    Operation::UpdateTable.admit(table)?;
    let global = global_of(cx, table).cloned().unwrap_or_else(|| GlobalTable {
        id: table.incarnation,
        version: plan.version,
        consistency: plan.consistency,
        replicas: BTreeMap::from([(name.scope.region, table.incarnation)]),
        left: BTreeSet::new(),
    });
    check(cx, table, &global, plan)?;
    let source = match table.protector.kind() {
        KeyKind::Owned => Wanted::Owned,
        KeyKind::Managed => Wanted::Kms(MANAGED_ALIAS.to_owned()),
        KeyKind::Customer => {
            Wanted::Kms(table.protector.key().map(|key| key.to_string()).unwrap_or_default())
        }
    };
    let wanted = replica_key(&source, plan.key)?;
    let target = TableName::new(Scope { region: plan.region, ..name.scope }, &name.name);
    check_new(cx, &target, plan.incarnation)?;
    let selection = Selection {
        table: &target,
        incarnation: plan.incarnation,
        caller: plan.caller,
        first_grant: 0,
        replica: Some(plan.region),
        reason: Reason::Selection,
    };
    let chosen = selection.run(cx, &wanted)?;
    let replica_of = Some(Membership { global_table: global.id, consistency: global.consistency });
    let replica = Table { replica_of, ..accepted(cx, &target, plan.incarnation, chosen) };
    let mut global = global;
    global.replicas.insert(plan.region, plan.incarnation);
    global.left.remove(&plan.region);
    Ok(Outcome::new(Planned::Table(table.incarnation))
        .put(Table { replica_of, ..table.clone() })
        .put(replica)
        .with([Change::PutGlobalTable(global)]))
}

fn check(cx: &Cx<'_>, table: &Table, global: &GlobalTable, plan: &Plan<'_>) -> Result<(), Refusal> {
    if is_refused_in(global.version, table.protector.kind()) {
        return Err(Refusal::invalid_value("KMSMasterKeyId is not supported"));
    }
    if global.replicas.contains_key(&plan.region) {
        return Err(Refusal::validation(format!(
            "Failed to create a the new replica of table with name: '{}' because one or more replicas already existed \
             as tables.",
            table.name.name
        )));
    }
    let blocked = |table: &Table| {
        table.switch.is_some() || table.health.lost_at.is_some() || table.status != Status::Active
    };
    let members = global.replicas.values().filter_map(|incarnation| cx.state.tables.get(incarnation));
    if members.chain([table]).any(blocked) {
        return Err(Refusal::validation(
            "Operation cannot be performed while replica server-side encryption status is in UPDATING state. Please \
             retry the request after the status is updated to ENABLED.",
        ));
    }
    Ok(())
}

fn global_of<'a>(cx: &Cx<'a>, table: &Table) -> Option<&'a GlobalTable> {
    cx.state.global_tables.get(&table.replica_of?.global_table)
}

/// A global table becomes one of version 2019.11.21. Replicas keep their keys; a change of the key then changes all.
pub(in crate::at_rest) fn upgrade(cx: &Cx<'_>, name: &TableName) -> Result<Outcome, Stop> {
    let table = cx.state.table(name).ok_or_else(|| Refusal::no_table(&name.name))?;
    let Some(global) = global_of(cx, table) else {
        return Err(Refusal::new(
            "GlobalTableNotFoundException",
            format!("Global table with name: '{}' does not exist", name.name),
        )
        .into());
    };
    let upgraded = GlobalTable { version: GlobalTableVersion::V2019, ..global.clone() };
    Ok(Outcome::new(Planned::Table(table.incarnation)).with([Change::PutGlobalTable(upgraded)]))
}

/// The global table without this replica.
pub(super) fn left(cx: &Cx<'_>, table: &Table) -> Vec<Change> {
    let Some(global) = global_of(cx, table) else { return Vec::new() };
    let mut global = global.clone();
    global.replicas.retain(|_, incarnation| *incarnation != table.incarnation);
    global.left.insert(table.name.scope.region);
    if !global.replicas.is_empty() {
        return vec![Change::PutGlobalTable(global)];
    }
    vec![Change::RemoveGlobalTable { id: global.id }]
}

/// A replica whose key has been inaccessible for too long leaves; the table itself stays.
///
/// AWS: DynamoDB developer guide, "Encryption at rest: how it works".
pub(super) fn leave(cx: &Cx<'_>, table: &Table) -> Outcome {
    let region = table.name.scope.region;
    Outcome::done()
        .with(left(cx, table))
        .put(Table { replica_of: None, ..table.clone() })
        .with([cx.task(table, 0, Work::Detach), cx.fact(table, What::ReplicaRemoved { region })])
}
