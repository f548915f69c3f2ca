//! The log of notifications: the EventBridge events that were sent.

use std::io;
use std::sync::Arc;

use serde_json::Value;

use super::audit::is_named;
use super::delivery::Delivery;
use super::log::{Log, Search};

/// The log, to which the [`Delivery`] writes.
pub struct Notifications {
    log: Arc<Log>,
    delivery: Arc<Delivery>,
}

/// Which notifications to read.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Not before this `time`.
    pub since: Option<String>,
    /// Before this `time`.
    pub until: Option<String>,
    /// The `detail-type`.
    pub event: Option<String>,
    /// A key: its ARN, or a part of it such as the key id, among the `resources`.
    pub key: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Only notifications after the one with this `id`.
    pub after: Option<String>,
}

impl Notifications {
    /// The log that `delivery` writes to.
    #[must_use]
    pub fn new(log: Arc<Log>, delivery: Arc<Delivery>) -> Self {
        Notifications { log, delivery }
    }

    /// Waits until everything that has happened before is written.
    pub async fn flush(&self) {
        self.delivery.settle().await;
    }

    /// The notifications that pass the filter, oldest first. Call [`Notifications::flush`] first to see the latest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self, filter: &NotificationFilter) -> io::Result<Vec<Value>> {
        let mut search = Search::new("id", filter.after.clone(), filter.limit);
        self.log.search(&mut search, |event| filter.passes(event))
    }

    /// Tells what has happened and stops telling: what is not told then is told at the next start. Comes before the end
    /// of the writer, which removes what was told.
    pub async fn stop_telling(&self) {
        self.delivery.stop().await;
    }

    /// Writes what is left.
    pub async fn stop(&self) {
        self.log.stop().await;
    }
}

impl NotificationFilter {
    fn passes(&self, event: &Value) -> bool {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let time = text("time");
        let names = |key: &str| {
            let resources = event.get("resources").and_then(Value::as_array);
            resources.into_iter().flatten().filter_map(Value::as_str).any(|arn| is_named(arn, key))
        };
        self.since.as_deref().is_none_or(|since| time >= since)
            && self.until.as_deref().is_none_or(|until| time < until)
            && self.event.as_deref().is_none_or(|event| text("detail-type") == event)
            && self.key.as_deref().is_none_or(names)
    }
}
