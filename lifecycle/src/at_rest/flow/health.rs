//! Loss and return of a key: always the answer to a call, noticed with a delay.

use super::{Cx, Effect, Outcome, Stop, Verdict};
use crate::at_rest::change::What;
use crate::at_rest::memory::Unit;
use crate::at_rest::port::{Identity, Reason};
use crate::at_rest::settings::Span;
use crate::at_rest::table::{Health, Status, Table};

/// Whether the service can use the table's key.
pub(super) fn verdict(cx: &Cx<'_>, table: &Table) -> Result<Option<Verdict>, Stop> {
    let Some(key) = &table.key else { return Ok(None) };
    cx.open(&table.name, key, Identity::Service, Reason::Background).map(Some)
}

pub(super) fn remembered(table: &Table, verdict: &Verdict) -> Option<Effect> {
    match verdict {
        Verdict::Open(secret) => {
            Some(Effect::Remember(table.incarnation, table.generation(), Some(Unit::Service), secret.clone()))
        }
        _ => None,
    }
}

pub(super) fn with(table: &Table, health: Health) -> Outcome {
    Outcome::done().put(Table { health, ..table.clone() })
}

/// KMS did not answer: nothing is concluded.
pub(super) fn later(cx: &Cx<'_>, table: &Table) -> Outcome {
    let retry_at = Some(cx.settings.retry.after(cx.now));
    with(table, Health { retry_at, ..table.health })
}

/// The key is tried.
pub(super) fn probe(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let next = Health {
        probe_at: table.next_probe(cx.settings, cx.now),
        changed_at: None,
        retry_at: None,
        ..table.health
    };
    if table.status == Status::Creating {
        // A lost key may be back in time.
        return match table.health.lost_at {
            Some(_) => super::create::finish(cx, table),
            None => Ok(with(table, next)),
        };
    }
    if table.switch.as_ref().is_some_and(|switch| switch.stuck) {
        return super::switch::advance(cx, table);
    }
    let Some(verdict) = verdict(cx, table)? else { return Ok(with(table, next)) };
    let since = table.health.changed_at.unwrap_or(cx.now).min(cx.now);
    let health = match (&verdict, table.status) {
        (Verdict::Silent(_), _) => return Ok(later(cx, table)),
        (Verdict::Open(_), Status::Inaccessible { .. }) => {
            Health { lost_at: None, usable_at: next.usable_at.or(Some(since)), ..next }
        }
        (Verdict::Open(_), _) => Health { lost_at: None, usable_at: None, ..next },
        (Verdict::Refused(_), Status::Inaccessible { .. }) => Health { usable_at: None, ..next },
        (Verdict::Refused(_), _) => Health { lost_at: next.lost_at.or(Some(since)), ..next },
    };
    // Nothing of the service's own work goes on with a key that was lost for good.
    let lost = matches!((&verdict, table.status), (Verdict::Refused(_), Status::Inaccessible { .. }));
    let forget = (lost && !ttl_goes_on(cx, table)).then_some(Effect::Forget(table.incarnation));
    Ok(with(table, health).effect(remembered(table, &verdict)).effect(forget))
}

/// Whether deletes by time to live go on without the key.
fn ttl_goes_on(cx: &Cx<'_>, table: &Table) -> bool {
    table.health.lost_at.is_some_and(|at| cx.now <= cx.settings.ttl_after_loss.after(at))
}

/// The loss is noticed, unless the key is back.
///
/// AWS: DynamoDB developer guide, "Encryption at rest: how it works".
pub(super) fn detect(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let health = Health { lost_at: None, usable_at: None, retry_at: None, ..table.health };
    match verdict(cx, table)? {
        Some(Verdict::Silent(_)) => Ok(later(cx, table)),
        Some(Verdict::Refused(_)) => {
            let since = cx.now;
            let what = What::KeyInaccessible {
                key_arn: table.protector.key(),
                detected_at: since,
                archive_at: cx.settings.archive_after.after(since),
            };
            let status = Status::Inaccessible { since };
            let lost_at = table.health.lost_at;
            let mut health = Health { lost_at, ..health };
            // The service's key is wiped now, or once deletes by time to live have ended.
            let forget = match lost_at.filter(|_| ttl_goes_on(cx, table)) {
                None => Some(Effect::Forget(table.incarnation)),
                Some(lost_at) => {
                    let ended = Span(1).after(cx.settings.ttl_after_loss.after(lost_at));
                    health.probe_at = Some(health.probe_at.map_or(ended, |probe| probe.min(ended)));
                    None
                }
            };
            Ok(Outcome::done()
                .put(Table { status, health, ..table.clone() })
                .with([cx.fact(table, what)])
                .effect(forget))
        }
        found => Ok(with(table, health).effect(found.and_then(|verdict| remembered(table, &verdict)))),
    }
}

/// The return is noticed, unless the key is lost again.
pub(super) fn recover(cx: &Cx<'_>, table: &Table) -> Result<Outcome, Stop> {
    let health = Health { lost_at: None, usable_at: None, retry_at: None, ..table.health };
    match verdict(cx, table)? {
        Some(Verdict::Silent(_)) => Ok(later(cx, table)),
        Some(Verdict::Refused(_)) => Ok(with(table, Health { lost_at: table.health.lost_at, ..health })),
        found => Ok(Outcome::done()
            .put(Table { status: Status::Active, health, ..table.clone() })
            .with([cx.fact(table, What::Recovered)])
            .effect(found.and_then(|verdict| remembered(table, &verdict)))),
    }
}
