//! The use of a table: who gets its keys, and by which call.

use super::{Cx, Effect, Outcome, Planned, Stop, Verdict};
use crate::at_rest::change::Change;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Access, Feature};
use crate::at_rest::memory::Unit;
use crate::at_rest::name::{Caller, Connection, Incarnation, Structure, TableName};
use crate::at_rest::operation::{Nature, Operation};
use crate::at_rest::port::{Identity, Reason};
use crate::at_rest::settings::Observation;
use crate::at_rest::sse::Protector;
use crate::at_rest::table::{Features, Health, Status, Table};
use crate::ids::{Scope, Uuid};

/// An [`Access`].
pub(in crate::at_rest) fn access(cx: &Cx<'_>, access: &Access) -> Result<Outcome, Stop> {
    let Access { table: name, caller, connection, operation, structure } = access;
    let table = admitted(cx, name, *operation)?;
    if !operation.needs_key() {
        return Ok(Outcome::done());
    }
    fits(cx, table, structure)?;
    let effects = match operation.nature() {
        Nature::Service => service_key(cx, table, *operation)?,
        _ => {
            agreeing(cx, table, *operation)?;
            caller_key(cx, table, caller, *connection)?
        }
    };
    Ok(Outcome::new(Planned::Keys(table.incarnation, structure.clone())).effect(effects))
}

/// The table, if its status lets the operation begin.
pub(super) fn admitted<'a>(
    cx: &Cx<'a>,
    name: &TableName,
    operation: Operation,
) -> Result<&'a Table, Refusal> {
    let table = cx.state.table(name).ok_or_else(|| operation.without_table(&name.name))?;
    operation.admit(table).map(|()| table)
}

/// Whether the structure has a data key or may get one.
fn fits(cx: &Cx<'_>, table: &Table, structure: &Structure) -> Result<(), Refusal> {
    let room = table.data_keys.len() < cx.settings.structures_max;
    if room || table.data_keys_of(structure).next().is_some() {
        return Ok(());
    }
    Err(Refusal::new("LimitExceededException", "The table has too many structures"))
}

/// A global table with strong consistency is written everywhere or nowhere.
///
/// AWS: DynamoDB developer guide, "How DynamoDB global tables work", multi-Region strong consistency; the text is a choice.
fn agreeing(cx: &Cx<'_>, table: &Table, operation: Operation) -> Result<(), Refusal> {
    use crate::at_rest::backup::Consistency;
    let strong = table.replica_of.filter(|of| of.consistency == Consistency::Strong && operation.writes());
    let global = strong.and_then(|of| cx.state.global_tables.get(&of.global_table));
    let lost = global.into_iter().flat_map(|global| &global.replicas).find(|(_, incarnation)| {
        let replica = cx.state.tables.get(incarnation);
        replica.is_some_and(|replica| replica.health.lost_at.is_some() || replica.status != Status::Active)
    });
    match lost {
        None => Ok(()),
        Some((region, _)) => {
            Err(Refusal::internal(format!("The replica in {region} does not have access to its key")))
        }
    }
}

/// Gets the table key for a caller: from the cache, or by a Decrypt as the caller.
///
/// AWS: DynamoDB developer guide, "DynamoDB interaction with AWS KMS".
pub(super) fn caller_key(
    cx: &Cx<'_>,
    table: &Table,
    caller: &Caller,
    connection: Option<Connection>,
) -> Result<Vec<Effect>, Stop> {
    let Some(key) = &table.key else { return Err(Refusal::not_found().into()) };
    let remember = |unit, secret| vec![Effect::Remember(table.incarnation, key.generation, unit, secret)];
    if key.protector == Protector::Owned {
        return owned_key(cx, table);
    }
    let unit = Unit::of(caller, connection, cx.settings);
    if unit.as_ref().is_some_and(|unit| cx.memory.is_valid(table, unit, cx.now, cx.settings)) {
        return Ok(Vec::new());
    }
    let opened_at = unit.as_ref().and_then(|unit| cx.memory.opened_at(table, unit));
    let reason = if opened_at.is_some() { Reason::Refresh } else { Reason::FirstUse };
    let secret = match cx.open(&table.name, key, Cx::caller(caller), reason)? {
        Verdict::Open(secret) => secret,
        Verdict::Silent(refusal) => {
            let grace = cx.settings.unreachable_grace;
            let until = opened_at.map(|at| grace.after(cx.settings.cache_validity.after(at)));
            return if until.is_some_and(|until| cx.now < until) {
                Ok(Vec::new())
            } else {
                Err(refusal.into())
            };
        }
        Verdict::Refused(refusal) => {
            let mut outcome = Outcome::refused(refusal);
            outcome.effects.extend(unit.map(|unit| Effect::DropUnit(table.incarnation, unit)));
            // Whether the service is refused as well is for it to find out.
            let unaware = matches!(cx.settings.observation, Observation::Probed(_))
                && table.status == Status::Active
                && table.health.lost_at.is_none();
            if unaware {
                let health = Health { probe_at: Some(cx.now), ..table.health };
                outcome = outcome.put(Table { health, ..table.clone() });
            }
            return Err(Stop::End(Box::new(outcome)));
        }
    };
    if let Status::Inaccessible { .. } = table.status {
        // The caller may still use a key whose grants the service has lost; the table cannot be used without them.
        match cx.open(&table.name, key, Identity::Service, Reason::Background)? {
            Verdict::Open(_) => {}
            Verdict::Refused(refusal) | Verdict::Silent(refusal) => return Err(refusal.into()),
        }
    }
    Ok(remember(unit, secret))
}

fn owned_key(cx: &Cx<'_>, table: &Table) -> Result<Vec<Effect>, Stop> {
    let (Some(key), None) = (&table.key, cx.memory.table_key(table)) else { return Ok(Vec::new()) };
    match cx.open(&table.name, key, Identity::Service, Reason::Background)? {
        Verdict::Open(secret) => {
            Ok(vec![Effect::Remember(table.incarnation, key.generation, Some(Unit::Service), secret)])
        }
        Verdict::Refused(refusal) | Verdict::Silent(refusal) => Err(refusal.into()),
    }
}

/// Gets the table key for the service's own work.
///
/// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes": deletes by time to live go on for 30 minutes.
pub(super) fn service_key(cx: &Cx<'_>, table: &Table, operation: Operation) -> Result<Vec<Effect>, Stop> {
    let Some(key) = &table.key else { return Err(Refusal::not_found().into()) };
    if operation == Operation::Replicate {
        // AWS: replication stops with the loss of the key, not with its detection.
        let joined = table.replica_of.is_some() && table.status == Status::Active;
        if !joined || table.health.lost_at.is_some() {
            return Err(Refusal::validation(format!(
                "Table {} does not take part in replication",
                table.name.arn()
            ))
            .into());
        }
    }
    if key.protector == Protector::Owned {
        return owned_key(cx, table);
    }
    let lost_at = table.health.lost_at;
    if lost_at.is_none() && cx.memory.is_valid(table, &Unit::Service, cx.now, cx.settings) {
        return Ok(Vec::new());
    }
    match cx.open(&table.name, key, Identity::Service, Reason::Background)? {
        Verdict::Open(secret) => {
            Ok(vec![Effect::Remember(table.incarnation, key.generation, Some(Unit::Service), secret)])
        }
        Verdict::Refused(refusal) => {
            let since = lost_at.unwrap_or(cx.now);
            let goes_on = operation == Operation::TtlDelete
                && cx.now <= cx.settings.ttl_after_loss.after(since)
                && cx.memory.opened_at(table, &Unit::Service).is_some();
            if goes_on {
                return Ok(Vec::new());
            }
            let mut outcome = Outcome::refused(refusal);
            if lost_at.is_none() && table.status == Status::Active {
                let health = Health { lost_at: Some(since), ..table.health };
                outcome = outcome.put(Table { health, ..table.clone() });
            }
            Err(Stop::End(Box::new(outcome)))
        }
        Verdict::Silent(refusal) => Err(refusal.into()),
    }
}

/// Turns a setting on or off.
pub(in crate::at_rest) fn set_feature(
    cx: &Cx<'_>,
    name: &TableName,
    (caller, connection): (&Caller, Option<Connection>),
    feature: Feature,
    enabled: bool,
) -> Result<Outcome, Stop> {
    let operation = match feature {
        Feature::Stream => Operation::UpdateTable,
        Feature::TimeToLive => Operation::UpdateTimeToLive,
        Feature::PointInTimeRecovery => Operation::UpdateContinuousBackups,
        Feature::ContributorInsights => Operation::UpdateContributorInsights,
    };
    let table = admitted(cx, name, operation)?;
    let features = table.features;
    let changed = features.ttl_changed_at.map(|at| cx.settings.ttl_change.after(at));
    if feature == Feature::TimeToLive && changed.is_some_and(|until| cx.now < until) {
        return Err(Refusal::validation(
            "Time to live has been modified multiple times within a fixed interval",
        )
        .into());
    }
    let effects = if operation.needs_key() { caller_key(cx, table, caller, connection)? } else { Vec::new() };
    let features = match feature {
        Feature::Stream => Features { stream: enabled, ..features },
        Feature::TimeToLive => Features { ttl_changed_at: Some(cx.now), ..features },
        Feature::PointInTimeRecovery => Features { point_in_time_recovery: enabled, ..features },
        Feature::ContributorInsights => Features { contributor_insights: enabled, ..features },
    };
    Ok(Outcome::new(Planned::Table(table.incarnation))
        .put(Table { features, ..table.clone() })
        .effect(effects))
}

/// The name of the record that holds the keys of the service's own data; no table can have it.
const SERVICE_DATA: &str = "/service-data";

/// Keys for the service's own data: under an AWS owned key, so no customer key hides or shows them.
///
/// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes": transactions, Contributor Insights.
pub(in crate::at_rest) fn service_data(
    cx: &Cx<'_>,
    scope: Scope,
    structure: &Structure,
) -> Result<Outcome, Stop> {
    if !matches!(structure, Structure::Transactions | Structure::Insights) {
        return Err(Refusal::validation("Only transactions and insights are data of the service").into());
    }
    let name = TableName::new(scope, SERVICE_DATA);
    if let Some(table) = cx.state.table(&name) {
        let effects = owned_key(cx, table)?;
        return Ok(Outcome::new(Planned::Keys(table.incarnation, structure.clone())).effect(effects));
    }
    let random: [u8; 16] =
        cx.entropy.array().map_err(|_| Refusal::internal("the system has no random bytes to give"))?;
    let incarnation: Incarnation = Uuid::v4(random);
    let table = super::create::accepted(cx, &name, incarnation, (Protector::Owned, Vec::new()));
    let (secret, key) = match cx.generate(&name, &Protector::Owned, 1, Reason::Background)? {
        Ok(made) => made,
        Err(verdict) => return Err(super::create::refusal_of(verdict).into()),
    };
    let table = Table { status: Status::Active, active_at: Some(cx.now), key: Some(key), ..table };
    Ok(Outcome::new(Planned::Keys(incarnation, structure.clone()))
        .with([Change::PutTable(Box::new(table))])
        .effect([Effect::Remember(incarnation, 1, Some(Unit::Service), secret)]))
}
