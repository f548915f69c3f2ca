//! The domain clock: shown, advanced, frozen and resumed.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use lifecycle::clock::Timestamp;
use lifecycle::due::Due;
use lifecycle::schedule;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;
use crate::engine::{Snapshot, SubmitError};
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

/// `GET /_kms/clock`.
pub(super) fn show(snapshot: &Snapshot) -> Value {
    let rate = snapshot.clock.rate();
    json!({
        "now": snapshot.now().to_string(),
        "mode": if rate > 0.0 { "running" } else { "frozen" },
        "rate": rate,
        "epoch": snapshot.clock.epoch(),
        "next_due": schedule::next_due(&snapshot.state).as_ref().map(told),
    })
}

fn told(due: &Due) -> Value {
    json!({ "at": due.at.to_string(), "event": due.event.kind(), "resource": due.event.key().to_string() })
}

/// Where the clock is to go: exactly one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// A duration: `P400D`, `400d`, `18mo`, `1y 2w`.
    by: Option<String>,
    /// An instant, or `next`: the next due event.
    to: Option<String>,
}

/// `POST /_kms/clock/advance`.
pub(super) async fn advance(service: &Service, body: &[u8]) -> Result<Value, Refusal> {
    let Advance { by, to } = read(body)?;
    let engine = &service.parts().engine;
    let (now, next) = {
        let snapshot = engine.snapshot();
        (snapshot.now(), schedule::next_due(&snapshot.state))
    };
    let to = match (by, to.as_deref()) {
        (Some(by), None) => after(now, &by)?,
        (None, Some("next")) => next.map_or(now, |due| due.at.max(now)),
        (None, Some(to)) => instant(to)?,
        _ => {
            let text = "give either `by`, a duration such as 90d, or `to`, an instant such as 2030-01-01T00:00:00Z or `next`";
            return Err(Refusal::bad_request(text));
        }
    };
    if to < now {
        return Err(Refusal::bad_request(format!("the clock shows {now} and never goes back to {to}")));
    }
    let happened = engine.advance(to).await?;
    let mut counts = BTreeMap::new();
    for due in &happened {
        *counts.entry(due.event.kind()).or_insert(0_usize) += 1;
    }
    Ok(json!({
        "from": now.to_string(),
        "to": engine.snapshot().now().to_string(),
        "events": counts,
        "timeline": happened.iter().take(TIMELINE_MAX).map(told).collect::<Vec<_>>(),
        "timeline_truncated": happened.len() > TIMELINE_MAX,
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

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
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
