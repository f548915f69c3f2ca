//! `/_kms/notifications`: the EventBridge events of what happened to keys by itself.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::events::{EVENTS_DEFAULT, EVENTS_MAX, event_time};
use super::{Refusal, query};
use crate::observe::notifications::NotificationFilter;
use crate::service::Service;

/// `GET /_kms/notifications`.
pub(super) async fn list(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let filter = filter(request)?;
    service.parts().notifications.flush().await;
    let reader = service.clone();
    let found = tokio::task::spawn_blocking(move || reader.parts().notifications.read(&filter)).await;
    let found = found.map_err(Refusal::internal)?.map_err(Refusal::internal)?;
    Ok(json!({ "Notifications": found }))
}

fn filter(request: &Request<Bytes>) -> Result<NotificationFilter, Refusal> {
    let mut filter = NotificationFilter { limit: EVENTS_DEFAULT, ..NotificationFilter::default() };
    for (name, value) in query(request)? {
        match name.as_str() {
            "since" => filter.since = Some(event_time(&name, &value)?),
            "until" => filter.until = Some(event_time(&name, &value)?),
            "event" => filter.event = Some(value),
            "key" => filter.key = Some(value),
            "after" => filter.after = Some(value),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=EVENTS_MAX).contains(limit));
                filter.limit = limit.ok_or_else(|| {
                    let text = format!("limit must be a number from 1 to {EVENTS_MAX}, not {value}");
                    Refusal::bad_request(text)
                })?;
            }
            other => {
                return Err(Refusal::bad_request(format!(
                    "{other} is no filter; there are since, until, event, key, after and limit"
                )));
            }
        }
    }
    Ok(filter)
}
