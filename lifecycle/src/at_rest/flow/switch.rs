//! From one key to another, while the table is in use.
//!
//! AWS: DynamoDB developer guide, "Managing encrypted tables": the new table key takes over the data keys, no item is
//! rewritten. The steps that are seen, and when, are observed.

use super::cleanup::retire;
use super::create::rewrap;
use super::health::{self, verdict};
use super::select::Selection;
use super::{Cx, Effect, Outcome, Planned, Stop, Verdict};
use crate::at_rest::backup::GlobalTableVersion;
use crate::at_rest::change::What;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::ReplicaKey;
use crate::at_rest::memory::Unit;
use crate::at_rest::name::{Caller, TableName};
use crate::at_rest::port::{GRANTS_PER_TABLE, Identity, Reason};
use crate::at_rest::sse::{KeyKind, MANAGED_ALIAS, Protector, SseSpecification, Wanted};
use crate::at_rest::table::{Health, Status, Switch, Table};
use crate::crypto::Secret;

/// UpdateTable with an `SSESpecification`.
pub(in crate::at_rest) fn request(
    cx: &Cx<'_>,
    name: &TableName,
    caller: &Caller,
    sse: &SseSpecification,
    replicas: &[ReplicaKey],
    with_other_changes: bool,
) -> Result<Outcome, Stop> {
    let wanted = sse.wanted()?;
    if with_other_changes {
        return Err(Refusal::invalid_value(
            "Server-Side Encryption modification must be the only operation in the request",
        )
        .into());
    }
    let table = cx.state.table(name).ok_or_else(|| Refusal::no_table(&name.name))?;
    crate::at_rest::operation::Operation::UpdateTable.admit(table)?;
    let members = members(cx, table, &wanted, replicas)?;
    if members.iter().all(|(table, wanted)| is_running(table, wanted)) {
        return resume(cx, table, caller, members.iter().map(|(member, _)| *member));
    }
    for (table, wanted) in &members {
        check(cx, table, wanted)?;
    }
    let mut outcome = Outcome::new(Planned::Table(table.incarnation));
    for (at, (member, wanted)) in members.iter().enumerate() {
        let (table, effect) = accept(cx, member, caller, wanted, at > 0)?;
        outcome = outcome.put(table).effect([effect]);
    }
    Ok(outcome)
}

/// The same request again, for a change under way: accepted. A change that waits for a key that it was refused is tried
/// again, now also as whoever asks, since the grants on either key may be gone for good.
fn resume<'a>(
    cx: &Cx<'_>,
    asked: &Table,
    caller: &Caller,
    members: impl Iterator<Item = &'a Table>,
) -> Result<Outcome, Stop> {
    let mut outcome = Outcome::new(Planned::Table(asked.incarnation));
    for table in members {
        let Some(switch) = table.switch.as_ref().filter(|switch| switch.stuck) else { continue };
        let (Verdict::Open(old), opened_as) = open_old(cx, table, Some(caller))? else { continue };
        let wanted = match switch.to.key() {
            Some(key) => Wanted::Kms(key.to_string()),
            None => Wanted::Owned,
        };
        // The same names: grants that are still there are not made again.
        let first_grant = table.grants_named.saturating_sub(GRANTS_PER_TABLE);
        let replica = (table.incarnation != asked.incarnation).then_some(table.name.scope.region);
        let (name, incarnation) = (&table.name, table.incarnation);
        let selection =
            Selection { table: name, incarnation, caller, first_grant, replica, reason: Reason::Switch };
        let (_, grants) = selection.run(cx, &wanted)?;
        let switch = Some(Switch { stuck: false, retry_at: None, opened_as, grants, ..switch.clone() });
        let effect = Effect::Remember(table.incarnation, table.generation(), Some(Unit::Service), old);
        outcome = outcome.put(Table { switch, ..table.clone() }).effect([effect]);
    }
    Ok(outcome)
}

/// The tables that change together, and to which key.
///
/// AWS: DynamoDB developer guide, "Global tables: encryption at rest"; the texts are observed.
fn members<'a>(
    cx: &Cx<'a>,
    table: &'a Table,
    wanted: &Wanted,
    replicas: &[ReplicaKey],
) -> Result<Vec<(&'a Table, Wanted)>, Refusal> {
    let alone = vec![(table, wanted.clone())];
    let global = table.replica_of.and_then(|of| cx.state.global_tables.get(&of.global_table));
    let Some(global) = global else {
        return match replicas {
            [] => Ok(alone),
            _ => Err(Refusal::validation(
                "Replica specified in the Replica Update or Delete action of the request was not found",
            )),
        };
    };
    let is_customer = |wanted: &Wanted| matches!(wanted, Wanted::Kms(key) if !is_managed(key));
    if global.version == GlobalTableVersion::V2017 {
        return match is_customer(wanted) {
            true => Err(Refusal::invalid_value("KMSMasterKeyId is not supported")),
            false => Ok(alone),
        };
    }
    let mut members = alone;
    for replica in replicas {
        if !global.replicas.contains_key(&replica.region) {
            return Err(Refusal::validation(
                "Replica specified in the Replica Update or Delete action of the request was not found",
            ));
        }
    }
    for (region, incarnation) in &global.replicas {
        let Some(other) =
            cx.state.tables.get(incarnation).filter(|other| other.incarnation != table.incarnation)
        else {
            continue;
        };
        let named = replicas.iter().find(|replica| replica.region == *region);
        let key = named.and_then(|replica| replica.key.as_deref());
        members.push((other, replica_key(wanted, key)?));
    }
    Ok(members)
}

fn is_managed(key: &str) -> bool {
    key == MANAGED_ALIAS || key.ends_with(":alias/aws/dynamodb")
}

/// The key of a replica of a table that wants `source`.
pub(super) fn replica_key(source: &Wanted, key: Option<&str>) -> Result<Wanted, Refusal> {
    let customer = |wanted: &str| !is_managed(wanted);
    match (source, key) {
        (Wanted::Owned, None) => Ok(Wanted::Owned),
        (Wanted::Owned, Some(_)) => Err(Refusal::invalid_value(
            "KMSMasterKeyId must not be specified for a replica of a table without SSEType KMS",
        )),
        (Wanted::Kms(source), None) if customer(source) => {
            Err(Refusal::invalid_value("KMSMasterKeyId must be specified for each replica."))
        }
        (Wanted::Kms(_), None) => Ok(Wanted::Kms(MANAGED_ALIAS.to_owned())),
        (Wanted::Kms(source), Some(key)) if customer(source) == customer(key) => {
            Ok(Wanted::Kms(key.to_owned()))
        }
        (Wanted::Kms(_), Some(_)) => Err(Refusal::invalid_value(
            "All replica keys must either be Customer Managed CMK or AWS Managed CMK.",
        )),
    }
}

/// Whether exactly this change is under way.
fn is_running(table: &Table, wanted: &Wanted) -> bool {
    table.switch.as_ref().is_some_and(|switch| switch.wanted == *wanted)
}

/// Everything that is known without a call.
fn check(cx: &Cx<'_>, table: &Table, wanted: &Wanted) -> Result<(), Refusal> {
    if table.switch.is_some() {
        return Err(Refusal::in_use("Server-Side Encryption is still being updated"));
    }
    match (&table.protector, wanted) {
        (Protector::Owned, Wanted::Owned) => {
            return Err(Refusal::invalid_value("Table is already encrypted by default"));
        }
        // AWS (observed): only the full ARN is known again; a key id or an alias starts a change to the same key.
        (Protector::Kms { key, .. }, Wanted::Kms(wanted)) if *wanted == *key.text() => {
            return Err(Refusal::invalid_value(
                "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to \
                 change Master Key",
            ));
        }
        _ => {}
    }
    match wanted {
        // AWS: a change to an AWS owned key is always allowed.
        Wanted::Owned => Ok(()),
        Wanted::Kms(_) => table.quota.check(table.created_at, cx.now, cx.settings),
    }
}

/// Checks both keys, and begins.
fn accept(
    cx: &Cx<'_>,
    table: &Table,
    caller: &Caller,
    wanted: &Wanted,
    is_replica: bool,
) -> Result<(Table, Effect), Stop> {
    let (old, opened_as) = match open_old(cx, table, Some(caller))? {
        (Verdict::Open(secret), opened_as) => (secret, opened_as),
        (verdict, _) => return Err(super::create::refusal_of(verdict).into()),
    };
    let selection = Selection {
        table: &table.name,
        incarnation: table.incarnation,
        caller,
        first_grant: table.grants_named,
        replica: is_replica.then_some(table.name.scope.region),
        reason: Reason::Switch,
    };
    let (to, grants) = selection.run(cx, wanted)?;
    let switch = Switch {
        from: table.protector,
        to,
        wanted: wanted.clone(),
        grants,
        started_at: cx.now,
        moved_at: None,
        stuck: false,
        retry_at: None,
        opened_as,
    };
    let accepted = Table {
        switch: Some(switch),
        grants_named: table.grants_named.saturating_add(GRANTS_PER_TABLE),
        quota: table.quota.used(table.created_at, cx.now, cx.settings),
        ..table.clone()
    };
    let effect = Effect::Remember(table.incarnation, table.generation(), Some(Unit::Service), old);
    Ok((accepted, effect))
}

/// Opens the table key that is left: by the grants, or if those are gone, as whoever asked for the change.
fn open_old(cx: &Cx<'_>, table: &Table, caller: Option<&Caller>) -> Result<(Verdict, Option<Caller>), Stop> {
    let Some(key) = &table.key else {
        return Ok((Verdict::Silent(Refusal::internal("the table has no key")), None));
    };
    match cx.open(&table.name, key, Identity::Service, Reason::Switch)? {
        Verdict::Refused(refusal) => match caller {
            Some(caller) => {
                let verdict = cx.open(&table.name, key, Cx::caller(caller), Reason::Switch)?;
                Ok((verdict, Some(caller.clone())))
            }
            None => Ok((Verdict::Refused(refusal), None)),
        },
        verdict => Ok((verdict, None)),
    }
}

/// The new key begins to count; also tried again after a key that it needs had been refused.
pub(super) fn advance(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let Some(switch) = &table.switch else { return Ok(Outcome::done()) };
    if switch.moved_at.is_some() {
        return end(cx, table);
    }
    let fresh = cx.memory.is_valid(table, &Unit::Service, cx.now, cx.settings);
    let old = match cx.memory.table_key(table).filter(|_| fresh) {
        Some(secret) => Verdict::Open(secret.clone()),
        None => open_old(cx, table, switch.opened_as.as_ref())?.0,
    };
    let old: Secret = match old {
        Verdict::Open(secret) => secret,
        Verdict::Refused(_) => return Ok(stuck(cx, table, switch, Old::Lost)),
        Verdict::Silent(_) => return Ok(later(cx, table, switch)),
    };
    let generation = table.generation().saturating_add(1);
    let (secret, key) = match cx.generate(&table.name, &switch.to, generation, Reason::Switch)? {
        Ok(made) => made,
        Err(Verdict::Silent(_)) => return Ok(later(cx, table, switch)),
        Err(_) => return Ok(stuck(cx, table, switch, Old::Opens)),
    };
    let Some(data_keys) = rewrap(cx, &table.data_keys, &old, &secret) else {
        return Ok(Outcome::refused(Refusal::internal("a data key does not open")));
    };
    let moved = Switch {
        moved_at: Some(cx.now),
        stuck: false,
        retry_at: None,
        // From now on these are the old ones, to be retired at the end.
        grants: table.grants.clone(),
        ..switch.clone()
    };
    let table = Table {
        protector: switch.to,
        key: Some(key),
        data_keys,
        grants: switch.grants.clone(),
        switch: Some(moved),
        health: Health { probe_at: table.next_probe(cx.settings, cx.now), ..Health::default() },
        ..table.clone()
    };
    let effects = [
        Effect::Remember(table.incarnation, generation, Some(Unit::Service), secret),
        Effect::ForgetBefore(table.incarnation, generation),
    ];
    Ok(Outcome::done().put(table).effect(effects))
}

/// What there is of the old key when a change gets stuck.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    Opens,
    Lost,
}

/// A key was refused: the old one stays, and the change waits. If only the new one is refused, the table can go on without.
fn stuck(cx: &Cx<'_>, table: &Table, switch: &Switch, old: Old) -> Outcome {
    let lost_at = match table.status {
        Status::Active => table.health.lost_at.or(table.health.changed_at).or(Some(cx.now)),
        _ => table.health.lost_at,
    };
    let since = table.health.usable_at.or(table.health.changed_at).unwrap_or(cx.now).min(cx.now);
    let recovers = old == Old::Opens && matches!(table.status, Status::Inaccessible { .. });
    let health = Health {
        lost_at,
        usable_at: recovers.then_some(since),
        probe_at: table.next_probe(cx.settings, cx.now),
        changed_at: None,
        retry_at: None,
    };
    let switch = Some(Switch { stuck: true, ..switch.clone() });
    Outcome::done().put(Table { switch, health, ..table.clone() })
}

/// KMS did not answer.
fn later(cx: &Cx<'_>, table: &Table, switch: &Switch) -> Outcome {
    let retry_at = Some(cx.settings.retry.after(cx.now));
    let health = Health { retry_at: retry_at.filter(|_| table.health.probe_at.is_some()), ..table.health };
    let switch = Some(Switch { retry_at, ..switch.clone() });
    Outcome::done().put(Table { switch, health, ..table.clone() })
}

/// The change ends: the grants on the old key go. A table that had lost its key has one again.
pub(super) fn end(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let Some(switch) = &table.switch else { return Ok(Outcome::done()) };
    let left = retire(cx, &table.name, &switch.grants)?;
    let mut ended = Table { switch: None, ..table.clone() };
    let mut changes = vec![cx.fact(table, What::Switched { key_arn: table.protector.key() })];
    let mut effects = vec![Effect::ForgetBefore(table.incarnation, table.generation())];
    if let Status::Inaccessible { .. } = table.status {
        match verdict(cx, table)? {
            Some(Verdict::Silent(_)) => return Ok(later(cx, table, switch)),
            Some(Verdict::Refused(_)) => {}
            found => {
                ended.status = Status::Active;
                ended.health = Health { probe_at: table.health.probe_at, ..Health::default() };
                changes.push(cx.fact(table, What::Recovered));
                effects.extend(found.and_then(|verdict| health::remembered(table, &verdict)));
            }
        }
    }
    Ok(Outcome::done().put(ended).with(left).with(changes).effect(effects))
}

/// The kind of key that a table of this kind may not have in a global table of the older version.
pub(super) fn is_refused_in(version: GlobalTableVersion, kind: KeyKind) -> bool {
    version == GlobalTableVersion::V2017 && kind == KeyKind::Customer
}
