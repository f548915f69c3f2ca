//! A fact in the forms in which AWS tells it: a CloudTrail service event, and an EventBridge event.
//!
//! AWS: KMS developer guide, "RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial" and "SynchronizeMultiRegionKey" under
//! "Logging AWS KMS API calls with AWS CloudTrail", and
//! "Monitor KMS keys with Amazon EventBridge".

use lifecycle::event::{Fact, ServiceEvent};

use super::json::Json;
use super::record::{derived_id, write_event_time, write_key};

/// Whoever does what AWS does by itself.
const INTERNAL: &str = "AWS Internal";

/// The record in the audit log, one line of JSON without its end. It has the id of the fact.
pub(super) fn cloudtrail(fact: &Fact) -> Option<Vec<u8>> {
    // What happens to a table is no event of KMS.
    let key = fact.event.key()?;
    let mut line = Vec::new();
    let json = &mut Json(&mut line);
    let scope = fact.scope();
    json.raw(r#"{"eventVersion":"1.11","userIdentity":{"accountId":"#).text(scope.account.as_str());
    json.raw(r#","invokedBy":"#).text(INTERNAL);
    json.raw(r#"},"eventTime":""#);
    write_event_time(fact.at, json);
    json.raw(r#"","eventSource":"kms.amazonaws.com","eventName":"#).text(fact.event.name());
    json.raw(r#","awsRegion":"#).text(scope.region.as_str());
    json.raw(r#","sourceIPAddress":"#).text(INTERNAL).raw(r#","userAgent":"#).text(INTERNAL);
    json.raw(r#","requestParameters":null,"responseElements":"#);
    let of_call = matches!(fact.event, ServiceEvent::SynchronizeMultiRegionKey { .. });
    if of_call {
        // AWS: it is a call that KMS makes to itself, from Region to Region.
        json.raw(r#"{"keyId":"#).text(&key.text()).raw("}");
        json.raw(r#","requestID":"#).text(derived_id(fact.id.id, "request").as_str());
    } else {
        json.raw("null");
    }
    json.raw(r#","eventID":"#).text(fact.id.id.as_str());
    json.raw(r#","readOnly":false,"resources":["#);
    write_key(&key, json);
    json.raw(r#"],"eventType":"#).text(if of_call { "AwsApiCall" } else { "AwsServiceEvent" });
    json.raw(r#","managementEvent":true,"recipientAccountId":"#);
    json.text(scope.account.as_str());
    write_details(&fact.event, json);
    json.raw(r#","eventCategory":"Management"}"#);
    Some(line)
}

fn write_details(event: &ServiceEvent, json: &mut Json<'_>) {
    match event {
        ServiceEvent::RotateKey { key, rotation, origin, previous, current } => {
            json.raw(r#","serviceEventDetails":{"rotationType":"#).text(rotation.as_str());
            json.raw(r#","keyOrigin":"#).text(origin.as_str());
            if let Some(previous) = previous {
                json.raw(r#","previousKeyMaterialId":"#).text(&previous.to_string());
            }
            json.raw(r#","currentKeyMaterialId":"#).text(&current.to_string());
            json.raw(r#","keyId":"#).text(key.id.as_str()).raw("}");
        }
        ServiceEvent::DeleteExpiredKeyMaterial { key, material } => {
            json.raw(r#","serviceEventDetails":{"keyId":"#).text(key.id.as_str());
            json.raw(r#","keyMaterialId":"#).text(&material.to_string()).raw("}");
        }
        // AWS: the records of a deletion and of a synchronisation have no details.
        ServiceEvent::DeleteKey { .. }
        | ServiceEvent::SynchronizeMultiRegionKey { .. }
        | ServiceEvent::Table { .. } => {}
    }
}

/// The event on the default event bus, one line of JSON without its end. It has the id of the fact. `None` for what
/// EventBridge does not hear of.
pub(super) fn eventbridge(fact: &Fact) -> Option<Vec<u8>> {
    if let ServiceEvent::Table { fact: table } = &fact.event {
        return super::table_event::eventbridge(fact, table);
    }
    let detail_type = detail_type(&fact.event)?;
    let mut line = Vec::new();
    let json = &mut Json(&mut line);
    let (scope, key) = (fact.scope(), fact.event.key()?);
    json.raw(r#"{"version":"0","id":"#).text(fact.id.id.as_str());
    json.raw(r#","detail-type":"#).text(detail_type);
    json.raw(r#","source":"aws.kms","account":"#).text(scope.account.as_str());
    json.raw(r#","time":""#);
    write_event_time(fact.at, json);
    json.raw(r#"","region":"#).text(scope.region.as_str());
    json.raw(r#","resources":["#).text(&key.text());
    json.raw(r#"],"detail":{"key-id":"#).text(key.id.as_str()).raw("}}");
    Some(line)
}

fn detail_type(event: &ServiceEvent) -> Option<&'static str> {
    match event {
        ServiceEvent::RotateKey { .. } => Some("KMS CMK Rotation"),
        ServiceEvent::DeleteKey { .. } => Some("KMS CMK Deletion"),
        ServiceEvent::DeleteExpiredKeyMaterial { .. } => Some("KMS Imported Key Material Expiration"),
        ServiceEvent::SynchronizeMultiRegionKey { .. } | ServiceEvent::Table { .. } => None,
    }
}
