//! One audit record in CloudTrail's shape.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail".

use lifecycle::clock::Timestamp;
use lifecycle::policy::Principal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::api::error::KmsError;
use crate::api::shape::{Member, Shape, Structure};
use crate::auth::Caller;
use crate::operations::declaration::Effect;
use crate::operations::is_custom_tag;
use crate::operations::registry::Entry;
use crate::pipeline::{self, Trace};

/// Everything that a record tells. It borrows, because one is written for every request.
pub struct AuditRecord<'a> {
    /// The operation, if the request named one.
    pub entry: Option<&'static Entry>,
    /// Who called; absent when authentication failed.
    pub caller: Option<&'a Caller>,
    /// The members of the request, if they could be parsed.
    pub input: Option<&'a Value>,
    /// The response of an operation that changed something.
    pub elements: Option<&'a Value>,
    /// What was found on the way.
    pub trace: &'a Trace,
    /// The error, if there was one.
    pub error: Option<&'a KmsError>,
    /// Domain time.
    pub at: Timestamp,
    /// Names this record.
    pub event_id: &'a str,
    /// Names the request.
    pub request_id: &'a str,
    /// The peer's address.
    pub source_ip: &'a str,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The account and Region of the record when there is no caller.
    pub region: &'a str,
    /// See `region`.
    pub account: &'a str,
}

impl Serialize for AuditRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("eventVersion", "1.11")?;
        map.serialize_entry("userIdentity", &Identity(self))?;
        map.serialize_entry("eventTime", &EventTime(self.at))?;
        map.serialize_entry("eventSource", "kms.amazonaws.com")?;
        map.serialize_entry("eventName", self.entry.map_or("UnknownOperation", Entry::name))?;
        map.serialize_entry("awsRegion", self.region)?;
        map.serialize_entry("sourceIPAddress", self.source_ip)?;
        map.serialize_entry("userAgent", self.user_agent)?;
        if let Some(error) = self.error {
            map.serialize_entry("errorCode", error.code.name_in_audit())?;
            if let Some(message) = &error.message {
                map.serialize_entry("errorMessage", message)?;
            }
        }
        map.serialize_entry("requestParameters", &self.parameters())?;
        let elements = self.elements.filter(|_| self.error.is_none());
        map.serialize_entry("responseElements", &elements.map(LowerCamel))?;
        map.serialize_entry("requestID", self.request_id)?;
        map.serialize_entry("eventID", self.event_id)?;
        let reads = self.entry.is_some_and(|entry| entry.declaration.effect == Effect::Reads);
        map.serialize_entry("readOnly", &reads)?;
        // AWS (observed): the list is empty where no key is needed, and missing where none was found.
        if self.error.is_none() || !self.trace.resources.is_empty() {
            map.serialize_entry("resources", &Resources(self.trace))?;
        }
        map.serialize_entry("eventType", "AwsApiCall")?;
        map.serialize_entry("managementEvent", &true)?;
        map.serialize_entry("recipientAccountId", self.account)?;
        map.serialize_entry("eventCategory", "Management")?;
        map.end()
    }
}

impl AuditRecord<'_> {
    /// Never what is secret or bulky: blobs, grant tokens, and the random length that AWS leaves out too.
    fn parameters(&self) -> Option<Parameters<'_>> {
        let entry = self.entry.filter(|entry| entry.name() != "GenerateRandom")?;
        let parameters = Parameters { structure: entry.declaration.model.input, value: self.input? };
        parameters.shown().next().is_some().then_some(parameters)
    }
}

struct EventTime(Timestamp);

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_second(self.0.whole_seconds()) {
            Ok(instant) => serializer.collect_str(&instant),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

struct Identity<'a>(&'a AuditRecord<'a>);

impl Serialize for Identity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0.caller {
            Some(caller) => {
                map.serialize_entry("type", identity_type(caller.principal()))?;
                map.serialize_entry("principalId", &*caller.identity.user_id)?;
                map.serialize_entry("arn", caller.arn())?;
                map.serialize_entry("accountId", &caller.identity.account())?;
                if let Some(access_key) = &caller.access_key_id {
                    map.serialize_entry("accessKeyId", access_key)?;
                }
            }
            None => map.serialize_entry("type", "Unknown")?,
        }
        map.end()
    }
}

fn identity_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root(_) => "Root",
        Principal::User { .. } => "IAMUser",
        Principal::Role { .. } => "Role",
        Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service(_) => "AWSService",
    }
}

struct Resources<'a>(&'a Trace);

impl Serialize for Resources<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Resource {
            #[serde(rename = "accountId")]
            account: String,
            r#type: &'static str,
            #[serde(rename = "ARN")]
            arn: String,
        }
        let resource = |account: String, arn: String| Resource { account, r#type: "AWS::KMS::Key", arn };
        serializer.collect_seq(self.0.resources.iter().map(|found| match found {
            pipeline::Resource::Alias(alias) => resource(alias.scope.account.to_string(), alias.to_string()),
            pipeline::Resource::Key(key) => resource(key.scope.account.to_string(), key.to_string()),
        }))
    }
}

/// The members of a request under their audit names.
struct Parameters<'a> {
    structure: &'static Structure,
    value: &'a Value,
}

impl<'a> Parameters<'a> {
    fn shown(&self) -> impl Iterator<Item = (&'static Member, &'a Value)> + use<'a> {
        let value = self.value;
        let members =
            self.structure.members.iter().filter_map(move |member| Some((member, value.get(member.name)?)));
        members.filter(|(member, value)| {
            let secret = matches!(member.shape, Shape::Blob { .. }) || member.name == "GrantTokens";
            !secret && !value.is_null()
        })
    }
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (member, value) in self.shown() {
            map.serialize_key(&lower_camel(member.name))?;
            match member.shape {
                Shape::Map { .. } => map.serialize_value(value)?,
                Shape::Structure(structure) => map.serialize_value(&Parameters { structure, value })?,
                _ => map.serialize_value(&LowerCamel(value))?,
            }
        }
        map.end()
    }
}

/// A value whose object members start in lower case, and whose dates are texts.
struct LowerCamel<'a>(&'a Value);

impl Serialize for LowerCamel<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(LowerCamel)),
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                let instruction = members.get("TagKey").and_then(Value::as_str).is_some_and(is_custom_tag);
                // AWS (observed): a deletion shows its date or, while there is none, the window.
                let dated = members.contains_key("DeletionDate");
                for (name, value) in members {
                    if dated && name == "PendingWindowInDays" {
                        continue;
                    }
                    map.serialize_key(&lower_camel(name))?;
                    match value {
                        // The tag that carries key material must not carry it into the log.
                        Value::String(_) if instruction && name == "TagValue" => {
                            map.serialize_value("HIDDEN_DUE_TO_SECURITY_REASONS")?;
                        }
                        Value::Number(seconds) if name.ends_with("Date") => {
                            map.serialize_value(&date(seconds.as_f64().unwrap_or_default()))?;
                        }
                        _ => map.serialize_value(&LowerCamel(value))?,
                    }
                }
                map.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

fn lower_camel(name: &str) -> String {
    if name == "AWSAccountId" {
        return "aWSAccountId".to_owned();
    }
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// CloudTrail's dates, such as `May 21, 2025, 5:47:45 AM`.
#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
fn date(seconds: f64) -> String {
    match jiff::Timestamp::from_second(seconds as i64) {
        Ok(instant) => instant.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_cloudtrail() {
        assert_eq!(date(1_747_806_465.25), "May 21, 2025, 5:47:45 AM");
        assert_eq!(date(1_660_171_107.0), "Aug 10, 2022, 10:38:27 PM");
    }

    #[test]
    fn key_material_in_a_tag_is_hidden() {
        let tags = serde_json::json!([{"TagKey": "_custom_key_material_", "TagValue": "c2VjcmV0"}]);
        let text = serde_json::to_string(&LowerCamel(&tags)).unwrap();
        assert_eq!(
            text,
            r#"[{"tagKey":"_custom_key_material_","tagValue":"HIDDEN_DUE_TO_SECURITY_REASONS"}]"#
        );
    }
}
