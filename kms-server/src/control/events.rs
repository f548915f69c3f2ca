//! `/_kms/events`: the records of the audit log, and waiting for the next one.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Refusal, query, wait};
use crate::observe::audit::AuditFilter;
use crate::observe::log::Search;
use crate::service::Service;

/// Records in one answer, unless `limit` says otherwise.
pub(super) const EVENTS_DEFAULT: usize = 100;

/// The most records in one answer.
pub(super) const EVENTS_MAX: usize = 10_000;

/// How long records gather before whoever waits for one looks again.
const GATHER: std::time::Duration = std::time::Duration::from_millis(20);

/// `GET /_kms/events`.
pub(super) async fn look(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let mut filter = AuditFilter { limit: EVENTS_DEFAULT, ..AuditFilter::default() };
    let mut time = None;
    for (name, value) in query(request)? {
        match name.as_str() {
            "since" | "until" => {
                let at = Some(event_time(&name, &value)?);
                if name == "since" { filter.since = at } else { filter.until = at }
            }
            "event" => filter.event = Some(value),
            "key" => filter.key = Some(value),
            "principal" => filter.principal = Some(value),
            "after" => filter.after = Some(value),
            "wait" => time = Some(wait::time(service, &name, &value)?),
            "limit" => {
                let limit = value.parse::<usize>().ok().filter(|limit| (1..=EVENTS_MAX).contains(limit));
                filter.limit = limit.ok_or_else(|| {
                    Refusal::bad_request(format!(
                        "limit must be a number from 1 to {EVENTS_MAX}, not {value}"
                    ))
                })?;
            }
            other => {
                return Err(Refusal::bad_request(format!(
                    "{other} is no filter; there are since, until, event, key, principal, after, limit and wait"
                )));
            }
        }
    }
    let mut written = service.parts().audit.written();
    written.mark_unchanged();
    let search = filter.search();
    let (look, mut found) = read(service, (filter, search)).await?;
    if let (Some(time), true) = (time, found.is_empty()) {
        let next = next(service, look, written);
        found = service.parts().waits.wait(time, next).await?.transpose()?.unwrap_or_default();
    }
    Ok(json!({ "Records": found }))
}

/// The first records that a search finds, as soon as there are any. None only when the log has ended.
async fn next(
    service: &Service,
    mut look: (AuditFilter, Search),
    mut written: watch::Receiver<u64>,
) -> Result<Vec<Value>, Refusal> {
    while written.changed().await.is_ok() {
        tokio::time::sleep(GATHER).await;
        written.mark_unchanged();
        let found;
        (look, found) = read(service, look).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// What a search finds among all that was recorded before.
async fn read(
    service: &Service,
    (filter, mut search): (AuditFilter, Search),
) -> Result<((AuditFilter, Search), Vec<Value>), Refusal> {
    service.parts().audit.flush().await;
    let service = service.clone();
    let read = tokio::task::spawn_blocking(move || {
        let found = service.parts().audit.search(&filter, &mut search);
        found.map(|found| ((filter, search), found))
    });
    read.await.map_err(Refusal::internal)?.map_err(Refusal::internal)
}

/// A moment as records write it, to compare with: whatever the offset that it was given in.
pub(super) fn event_time(name: &str, text: &str) -> Result<String, Refusal> {
    let moment: jiff::Timestamp = text.parse().map_err(|_| {
        Refusal::bad_request(format!("{name} must be a moment such as 2026-01-01T00:00:00Z, not {text}"))
    })?;
    Ok(moment.to_string())
}
