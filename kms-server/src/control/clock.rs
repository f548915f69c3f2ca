//! The domain clock: shown, waited for, advanced, frozen and resumed.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use lifecycle::clock::Timestamp;
use lifecycle::due::Event;
use lifecycle::event::TABLE_KINDS;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, query, wait};
use crate::engine::{Bounds, Engine, Happening, Snapshot, SubmitError, wall};
use crate::service::Service;

/// Events that one answer tells of; the counts tell of all.
const TIMELINE_MAX: usize = 10_000;

/// The latest instant that the clock may show: beyond it dates have no form that clients read.
const LATEST: &str = "9999-01-01T00:00:00Z";

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        let status = match error {
            SubmitError::Full => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal(status, error.to_string())
    }
}

/// `GET /_kms/clock`, at once or when something has come about:
///
/// - `wait_for=INSTANT`: the clock shows the instant or a later one;
/// - `wait_for=KIND`: an event of the kind has happened, since the call was made or, with `since=INSTANT`, at that
///   instant of the clock or later, where only the present epoch counts;
/// - `timeout=DURATION`: how long to wait on the machine's clock.
pub(super) async fn look(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let (mut wait_for, mut since, mut timeout) = (None, None, None);
    for (name, value) in query(request)? {
        match name.as_str() {
            "wait_for" => wait_for = Some(value),
            "since" => since = Some(instant(&value)?),
            "timeout" => timeout = Some(wait::time(service, &name, &value)?),
            other => {
                let text = format!("{other} is no parameter; there are wait_for, since and timeout");
                return Err(Refusal::bad_request(text));
            }
        }
    }
    let Some(wait_for) = wait_for else {
        if since.is_some() || timeout.is_some() {
            return Err(Refusal::bad_request("`since` and `timeout` say nothing without `wait_for`"));
        }
        return Ok(show(&service.parts().engine.snapshot()));
    };
    let awaited = Awaited::read(&wait_for, since)?;
    let parts = service.parts();
    let time = timeout.unwrap_or(parts.waits.wait_max());
    let met = parts.waits.wait(time, awaited.met(&parts.engine)).await?;
    super::catch_up(service).await;
    let mut answer = show(&parts.engine.snapshot());
    if let Some(answer) = answer.as_object_mut() {
        let event = met.as_ref().and_then(|event| event.as_ref()).map(told);
        answer.insert("reached".to_owned(), met.is_some().into());
        answer.insert("event".to_owned(), event.into());
    }
    Ok(answer)
}

/// The names of everything that happens by itself.
fn kinds() -> impl Iterator<Item = &'static str> {
    Event::KINDS.iter().chain(TABLE_KINDS).copied()
}

/// What a call waits for.
enum Awaited {
    Instant(Timestamp),
    Event { kind: &'static str, since: Option<Timestamp> },
}

impl Awaited {
    fn read(text: &str, since: Option<Timestamp>) -> Result<Self, Refusal> {
        if let Some(kind) = kinds().find(|kind| *kind == text) {
            return Ok(Awaited::Event { kind, since });
        }
        if since.is_some() {
            return Err(Refusal::bad_request("`since` is for kinds of events"));
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| {
            let kinds = kinds().collect::<Vec<_>>().join(", ");
            let what =
                format!("{text:?} is no instant such as 2030-01-01T00:00:00Z, and no kind of event: {kinds}");
            Refusal::bad_request(what)
        })?;
        Ok(Awaited::Instant(bounded(instant)?))
    }

    /// Waits, for ever if need be; tells the event.
    async fn met(&self, engine: &Engine) -> Option<Happening> {
        let mut happened = engine.happened();
        let before = happened.borrow().count();
        loop {
            // Marked as seen before looking, so that nothing comes about unnoticed in between.
            let seen = happened.borrow_and_update().clone();
            let pause = match self {
                Awaited::Instant(to) => match until(&engine.snapshot(), *to) {
                    None => return None,
                    Some(pause) => pause,
                },
                Awaited::Event { kind, since } => {
                    let counts = |(number, due): &(u64, Happening)| match since {
                        Some(since) => due.at >= *since,
                        None => *number > before,
                    };
                    if let Some((_, due)) = seen.last(kind).filter(counts) {
                        return Some(due);
                    }
                    Duration::MAX
                }
            };
            tokio::select! {
                changed = happened.changed() => if changed.is_err() {
                    // The writer has stopped, and with it the service: its stop ends this wait.
                    std::future::pending::<()>().await;
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// How long the clock, left alone, takes to show an instant; `None` if it does.
fn until(snapshot: &Snapshot, to: Timestamp) -> Option<Duration> {
    if snapshot.now() >= to {
        return None;
    }
    if snapshot.clock.rate() <= 0.0 {
        return Some(Duration::MAX);
    }
    let wall = wall::now();
    let left = snapshot.clock.wall_at(to, wall).0.saturating_sub(wall.0);
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0).max(1)))
}

fn show(snapshot: &Snapshot) -> Value {
    let rate = snapshot.clock.rate();
    json!({
        "now": snapshot.now().to_string(),
        "mode": if rate > 0.0 { "running" } else { "frozen" },
        "rate": rate,
        "epoch": snapshot.clock.epoch(),
        "next_due": snapshot.next_due().as_ref().map(told),
    })
}

fn told(due: &Happening) -> Value {
    json!({ "at": due.at.to_string(), "event": due.kind, "resource": &*due.resource })
}

/// Where the clock is to go: exactly one of the first three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// A duration: `P400D`, `400d`, `18mo`, `1y 2w`.
    by: Option<String>,
    /// An instant, or `next`: the next due event.
    to: Option<String>,
    /// The instant of an advance that ended early: to go on with it. Unlike `to` it may have come by itself meanwhile.
    r#continue: Option<String>,
    /// Events after which the advance ends early, with all that is due at the same instant.
    events_max: Option<usize>,
}

/// `POST /_kms/clock/advance`.
pub(super) async fn advance(service: &Service, body: &[u8]) -> Result<Value, Refusal> {
    let Advance { by, to, r#continue, events_max } = read(body)?;
    let engine = &service.parts().engine;
    let (now, next) = {
        let snapshot = engine.snapshot();
        (snapshot.now(), snapshot.next_due())
    };
    let to = match (by, to.as_deref(), r#continue) {
        (Some(by), None, None) => after(now, &by)?,
        (None, Some("next"), None) => next.map_or(now, |due| due.at.max(now)),
        (None, Some(to), None) => instant(to)?,
        (None, None, Some(to)) => instant(&to)?.max(now),
        _ => {
            let text = "give either `by`, a duration such as 90d, or `to`, an instant such as 2030-01-01T00:00:00Z or `next`, \
                        or what an earlier answer says to `continue` with";
            return Err(Refusal::bad_request(text));
        }
    };
    if to < now {
        return Err(Refusal::bad_request(format!("the clock shows {now} and never goes back to {to}")));
    }
    if events_max == Some(0) {
        return Err(Refusal::bad_request("with `events_max` 0 the clock would never get anywhere"));
    }
    let bounds = Bounds { events_max: events_max.unwrap_or(usize::MAX), timeline_max: TIMELINE_MAX };
    let advanced = engine.advance_within(to, bounds).await?;
    Ok(json!({
        "from": now.to_string(),
        "to": engine.snapshot().now().to_string(),
        "events": advanced.counts,
        "timeline": advanced.timeline.iter().map(told).collect::<Vec<_>>(),
        "timeline_truncated": advanced.events() > advanced.timeline.len(),
        "continue": (!advanced.arrived).then(|| to.to_string()),
    }))
}

/// `POST /_kms/clock/freeze`.
pub(super) async fn freeze(service: &Service) -> Result<Value, Refusal> {
    set_rate(service, 0.0).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    /// Domain seconds per second.
    rate: Option<f64>,
}

/// `POST /_kms/clock/resume`.
pub(super) async fn resume(service: &Service, body: &[u8]) -> Result<Value, Refusal> {
    let Resume { rate } = if body.is_empty() { Resume::default() } else { read(body)? };
    let rate = rate.unwrap_or(1.0);
    if !(rate > 0.0 && rate <= RATE_MAX) {
        let text = format!("`rate` is domain seconds per second, more than 0 and at most {RATE_MAX}");
        return Err(Refusal::bad_request(text));
    }
    set_rate(service, rate).await
}

/// A year in about three seconds.
const RATE_MAX: f64 = 10_000_000.0;

async fn set_rate(service: &Service, rate: f64) -> Result<Value, Refusal> {
    service.parts().engine.set_rate(rate).await?;
    Ok(show(&service.parts().engine.snapshot()))
}

/// A body.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("the body: {error}")))
}

fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let unreadable = |_| {
        Refusal::bad_request(format!("{text:?} is no instant such as 2030-01-01T00:00:00Z, and not `next`"))
    };
    let instant: jiff::Timestamp = text.parse().map_err(unreadable)?;
    bounded(instant)
}

/// The instant that a duration after `now` is. Days have 24 hours; months and years are those of the calendar, in UTC.
fn after(now: Timestamp, text: &str) -> Result<Timestamp, Refusal> {
    let unreadable =
        |_| Refusal::bad_request(format!("{text:?} is no duration such as 90d, 18mo, 1y 2w or P400D"));
    let span: Span = text.parse().map_err(unreadable)?;
    if span.is_negative() {
        return Err(Refusal::bad_request("the clock never goes back".to_owned()));
    }
    let too_late = |_| Refusal::bad_request(format!("the clock ends at {LATEST}"));
    let start = jiff::Timestamp::from_millisecond(now.0).map_err(Refusal::internal)?;
    let end = start.to_zoned(TimeZone::UTC).checked_add(span).map_err(too_late)?;
    bounded(end.timestamp())
}

fn bounded(instant: jiff::Timestamp) -> Result<Timestamp, Refusal> {
    let latest: jiff::Timestamp = LATEST.parse().map_err(Refusal::internal)?;
    if instant.duration_since(latest) > SignedDuration::ZERO {
        return Err(Refusal::bad_request(format!("the clock ends at {LATEST}")));
    }
    Ok(Timestamp(instant.as_millisecond()))
}
