//! Grants that have to go.

use super::{Cx, Outcome, Stop};
use crate::at_rest::backup::{ATTEMPTS_MAX, Intent, Retirement};
use crate::at_rest::change::{Change, Fact, What};
use crate::at_rest::name::TableName;
use crate::at_rest::port::{Identity, KmsOutput, KmsRequest, Reason};
use crate::at_rest::settings::Span;
use crate::at_rest::table::TableGrant;
use crate::clock::Timestamp;
use crate::ids::GrantId;

/// Retires grants; what KMS does not do now is written down for later.
pub(in crate::at_rest) fn retire(
    cx: &Cx<'_>,
    table: &TableName,
    grants: &[TableGrant],
) -> Result<Vec<Change>, Stop> {
    let mut left = Vec::new();
    for grant in grants {
        if !retire_one(cx, table, *grant)? {
            let retry_at = cx.settings.retry.after(cx.now);
            let retirement = Retirement { grant: *grant, table: table.clone(), retry_at, attempts: 1 };
            left.push(Change::PutRetirement(retirement));
        }
    }
    Ok(left)
}

/// Whether the grant is gone.
fn retire_one(cx: &Cx<'_>, table: &TableName, grant: TableGrant) -> Result<bool, Stop> {
    let TableGrant { key, grant } = grant;
    let request = KmsRequest::RetireGrant { key, grant };
    Ok(match cx.call(table, key.scope.region, Identity::Service, Reason::Retirement, request)? {
        Ok(_) => true,
        // The grant, or its key, is gone already.
        Err(fault) => matches!(fault.code.as_str(), "NotFoundException" | "InvalidGrantIdException"),
    })
}

/// How long to wait after so many failures: longer each time, up to about a day.
fn pause(cx: &Cx<'_>, attempts: u32) -> Timestamp {
    Span(cx.settings.retry.0.max(1).saturating_mul(1 << attempts.min(10))).after(cx.now)
}

/// Tries again to retire a grant.
pub(in crate::at_rest) fn retirement(cx: &Cx<'_>, id: GrantId) -> Result<Outcome, Stop> {
    let Some(retirement) = cx.state.retirements.get(&id) else { return Ok(Outcome::done()) };
    if retire_one(cx, &retirement.table, retirement.grant)? {
        return Ok(Outcome::done().with([Change::RemoveRetirement { grant: id }]));
    }
    let attempts = retirement.attempts.saturating_add(1);
    if attempts >= ATTEMPTS_MAX {
        let fact = Fact {
            at: cx.now,
            table: retirement.table.clone(),
            incarnation: crate::ids::Uuid::default(),
            what: What::GrantLeft { key_arn: retirement.grant.key },
        };
        return Ok(Outcome::done().with([Change::RemoveRetirement { grant: id }, Change::Fact(fact)]));
    }
    let next = Retirement { retry_at: pause(cx, attempts), attempts, ..retirement.clone() };
    Ok(Outcome::done().with([Change::PutRetirement(next)]))
}

/// Undoes an intent that nobody carries out, because the process ended: makes the grants again, which returns those
/// that exist, and retires them.
pub(in crate::at_rest) fn undo(cx: &Cx<'_>, intent: &Intent) -> Result<Outcome, Stop> {
    let Intent { incarnation, table, key, caller, names, attempts, .. } = intent;
    let mut changes = Vec::new();
    // What is in a table's record was carried out.
    let kept = |grant: TableGrant| {
        let table = cx.state.tables.get(incarnation);
        table.is_some_and(|table| {
            let switched = table.switch.as_ref().map(|switch| &switch.grants);
            table.grants.iter().chain(switched.into_iter().flatten()).any(|kept| *kept == grant)
        })
    };
    for name in names {
        let request = KmsRequest::CreateGrant { key: *key, name: *name, context: table.context() };
        match cx.call(table, table.scope.region, Cx::caller(caller), Reason::Retirement, request)? {
            Ok(KmsOutput::Granted { grant }) => {
                let grant = TableGrant { key: *key, grant: *grant };
                if !kept(grant) {
                    changes.extend(retire(cx, table, &[grant])?);
                }
            }
            Err(fault) if fault.code == "NotFoundException" => {}
            _ if attempts.saturating_add(1) < ATTEMPTS_MAX => {
                let attempts = attempts.saturating_add(1);
                let next = Intent { retry_at: pause(cx, attempts), attempts, ..intent.clone() };
                return Ok(Outcome::done().with([Change::PutIntent(next)]));
            }
            _ => changes.push(Change::Fact(Fact {
                at: cx.now,
                table: table.clone(),
                incarnation: *incarnation,
                what: What::GrantLeft { key_arn: *key },
            })),
        }
    }
    changes.push(Change::RemoveIntent { incarnation: *incarnation });
    Ok(Outcome::done().with(changes))
}
