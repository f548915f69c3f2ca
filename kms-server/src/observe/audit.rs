//! The audit log: a record of every request, and of what happens by itself.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::delivery::Delivery;
use super::log::{Log, LogFull, Place, Position, Search};

/// The log. What happens by itself comes into it by the [`Delivery`].
pub struct AuditLog {
    log: Arc<Log>,
    delivery: Arc<Delivery>,
}

/// Which records to read.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Not before this `eventTime`.
    pub since: Option<String>,
    /// Before this `eventTime`.
    pub until: Option<String>,
    /// The `requestID`.
    pub request: Option<String>,
    /// The `eventName`.
    pub event: Option<String>,
    /// A key: its ARN, or a part of it such as the key id, among the `resources`.
    pub key: Option<String>,
    /// The caller: its ARN, or the name of a service.
    pub principal: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Only records after the one with this `eventID`.
    pub after: Option<String>,
}

impl AuditLog {
    /// The log that `delivery` writes to as well.
    #[must_use]
    pub fn new(log: Arc<Log>, delivery: Arc<Delivery>) -> Self {
        AuditLog { log, delivery }
    }

    /// A place for one record.
    ///
    /// # Errors
    /// [`LogFull`] when none came free in time.
    pub async fn reserve(&self) -> Result<Place<'_>, LogFull> {
        self.log.reserve().await
    }

    /// A place for a record of what has been carried out already, however many wait: such a record is never left out.
    #[must_use]
    pub fn owed(&self) -> Place<'_> {
        self.log.owed()
    }

    /// Waits until everything that has happened before is written: requests whose records were handed over, and what
    /// happened by itself.
    pub async fn flush(&self) {
        self.delivery.settle().await;
        self.log.flush().await;
    }

    /// The records that pass the filter and that its search has not seen yet, oldest first. Call [`AuditLog::flush`] first
    /// to see the latest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn search(&self, filter: &AuditFilter, search: &mut Search) -> io::Result<Vec<Value>> {
        self.log.search(search, |record| filter.passes(record))
    }

    /// Changes whenever records were written.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.log.written()
    }

    /// Shows every line before a position to `visit`, newest first, until it has seen enough.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn newest_first(
        &self,
        before: Option<Position>,
        visit: impl FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.log.newest_first(before, visit)
    }

    /// Removes the files that are past their time, here and in the log of notifications.
    pub fn remove_expired(&self) {
        self.log.remove_expired();
        self.delivery.remove_expired();
    }

    /// Writes what is left; later requests find no place.
    pub async fn stop(&self) {
        self.log.stop().await;
    }
}

impl AuditFilter {
    /// A look for what passes.
    #[must_use]
    pub fn search(&self) -> Search {
        Search::new("eventID", self.after.clone(), self.limit)
    }

    fn passes(&self, record: &Value) -> bool {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let time = text("eventTime");
        self.since.as_deref().is_none_or(|since| time >= since)
            && self.until.as_deref().is_none_or(|until| time < until)
            && self.request.as_deref().is_none_or(|request| text("requestID") == request)
            && self.event.as_deref().is_none_or(|event| text("eventName") == event)
            && self.key.as_deref().is_none_or(|key| names_key(record, key))
            && self.principal.as_deref().is_none_or(|principal| is_caller(record, principal))
    }
}

/// Services have no ARN.
fn is_caller(record: &Value, principal: &str) -> bool {
    let identity = |name: &str| record.get("userIdentity")?.get(name)?.as_str();
    match identity("type") {
        Some("AWSService") => identity("invokedBy") == Some(principal),
        _ => identity("arn") == Some(principal),
    }
}

fn names_key(record: &Value, key: &str) -> bool {
    let resources = record.get("resources").and_then(Value::as_array);
    let mut arns = resources.into_iter().flatten().filter_map(|resource| resource.get("ARN")?.as_str());
    arns.any(|arn| is_named(arn, key))
}

/// Whether `name` is an ARN or the last part of it.
pub(super) fn is_named(arn: &str, name: &str) -> bool {
    arn.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_select_records() {
        let record = |number: usize| {
            json!({
                "eventID": format!("e{number}"),
                "eventName": if number.is_multiple_of(2) { "Encrypt" } else { "Decrypt" },
                "eventTime": format!("2026-01-01T00:00:{number:02}Z"),
                "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{}", number % 3)},
                "resources": [{"ARN": format!("arn:aws:kms:us-east-1:111122223333:key/k{number}")}],
            })
        };
        let all: Vec<Value> = (0..6).map(record).collect();
        let passing = |filter: &AuditFilter| -> Vec<&str> {
            let passing = all.iter().filter(|record| filter.passes(record));
            passing.map(|record| record["eventID"].as_str().unwrap()).collect()
        };
        let text = |text: &str| Some(text.to_owned());
        let none = AuditFilter::default();
        for (filter, expected) in [
            (none.clone(), &["e0", "e1", "e2", "e3", "e4", "e5"][..]),
            (AuditFilter { event: text("Decrypt"), ..none.clone() }, &["e1", "e3", "e5"]),
            (AuditFilter { key: text("k4"), ..none.clone() }, &["e4"]),
            (AuditFilter { key: text("4"), ..none.clone() }, &[]),
            (
                AuditFilter { principal: text("arn:aws:iam::111122223333:user/1"), ..none.clone() },
                &["e1", "e4"],
            ),
            (
                AuditFilter {
                    since: text("2026-01-01T00:00:01Z"),
                    until: text("2026-01-01T00:00:03Z"),
                    ..none.clone()
                },
                &["e1", "e2"],
            ),
        ] {
            assert_eq!(passing(&filter), expected, "{filter:?}");
        }
        let service = json!({"userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}});
        assert!(AuditFilter { principal: text("s3.amazonaws.com"), ..none }.passes(&service));
    }
}
