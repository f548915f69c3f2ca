//! A record of the audit log as an event that was looked up.
//!
//! AWS: CloudTrail API Reference, "Event".

use serde_json::{Map, Value, json};

use super::request::{AttributeKey, Lookup};

/// A record, and what is asked of it.
pub(super) struct Found(Value);

impl Found {
    pub(super) fn new(record: Value) -> Self {
        Found(record)
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer).and_then(Value::as_str)
    }

    fn resources(&self) -> impl Iterator<Item = (&str, &str)> {
        let resources = self.0.get("resources").and_then(Value::as_array).into_iter().flatten();
        resources
            .filter_map(|resource| Some((resource.get("type")?.as_str()?, resource.get("ARN")?.as_str()?)))
    }

    /// The user, the session of a role, or the unique id of a foreign caller; `None` for services.
    fn user_name(&self) -> Option<&str> {
        let session = || self.text("/userIdentity/principalId").map(|id| id.rsplit(':').next().unwrap_or(id));
        match self.text("/userIdentity/type")? {
            "Root" => Some("root"),
            "IAMUser" | "WebIdentityUser" => self.text("/userIdentity/userName").or_else(session),
            "AssumedRole" | "FederatedUser" | "AWSAccount" => session(),
            _ => None,
        }
    }

    /// Whether it is among the events that are asked for.
    pub(super) fn passes(&self, lookup: &Lookup) -> bool {
        let own = self.text("/recipientAccountId") == Some(lookup.scope.account.as_str())
            && self.text("/awsRegion") == Some(lookup.scope.region.as_str());
        let in_time = self.seconds().is_some_and(|at| (lookup.from..=lookup.to).contains(&at));
        own && in_time && lookup.attribute.as_ref().is_none_or(|(key, value)| self.has(*key, value))
    }

    fn has(&self, key: AttributeKey, value: &str) -> bool {
        match key {
            AttributeKey::EventId => self.text("/eventID") == Some(value),
            AttributeKey::EventName => self.text("/eventName") == Some(value),
            AttributeKey::EventSource => self.text("/eventSource") == Some(value),
            AttributeKey::AccessKeyId => self.text("/userIdentity/accessKeyId") == Some(value),
            AttributeKey::Username => self.user_name() == Some(value),
            AttributeKey::ReadOnly => self.read_only() == Some(value),
            AttributeKey::ResourceType => self.resources().any(|(kind, _)| kind == value),
            AttributeKey::ResourceName => self.resources().any(|(_, name)| name == value),
        }
    }

    fn read_only(&self) -> Option<&'static str> {
        let reads = self.0.get("readOnly").and_then(Value::as_bool);
        reads.map(|reads| if reads { "true" } else { "false" })
    }

    /// When it was, in seconds since the epoch.
    fn seconds(&self) -> Option<i64> {
        let at: jiff::Timestamp = self.text("/eventTime")?.parse().ok()?;
        Some(at.as_second())
    }

    /// The event as an answer shows it; `line` is the whole record.
    pub(super) fn shown(&self, line: &str) -> Value {
        let resources =
            self.resources().map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name}));
        let mut event = Map::new();
        event.insert("EventTime".to_owned(), self.seconds().into());
        event.insert("Resources".to_owned(), resources.collect());
        event.insert("CloudTrailEvent".to_owned(), line.into());
        let members = [
            ("EventId", self.text("/eventID")),
            ("EventName", self.text("/eventName")),
            ("ReadOnly", self.read_only()),
            ("AccessKeyId", self.text("/userIdentity/accessKeyId")),
            ("EventSource", self.text("/eventSource")),
            ("Username", self.user_name()),
        ];
        let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        event.extend(present);
        event.into()
    }
}
