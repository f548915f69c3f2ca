//! A fact in the forms in which AWS tells it: a CloudTrail service event, and an EventBridge event.
//!
//! AWS: KMS developer guide, "RotateKey", "DeleteKey" and "DeleteExpiredKeyMaterial" under "Logging AWS KMS API calls with AWS CloudTrail", and
//! "Monitor KMS keys with Amazon EventBridge".

use lifecycle::event::{Fact, ServiceEvent};

use super::json::Json;
use super::record::{write_event_time, write_key};

/// Whoever does what AWS does by itself.
const INTERNAL: &str = "AWS Internal";

/// The record in the audit log, one line of JSON without its end. It has the id of the fact.
pub(super) fn cloudtrail(fact: &Fact) -> Vec<u8> {
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
    json.raw(r#","requestParameters":null,"responseElements":null,"eventID":"#).text(fact.id.id.as_str());
    json.raw(r#","readOnly":false,"resources":["#);
    write_key(&fact.event.key(), json);
    json.raw(r#"],"eventType":"AwsServiceEvent","managementEvent":true,"recipientAccountId":"#);
    json.text(scope.account.as_str());
    write_details(&fact.event, json);
    json.raw(r#","eventCategory":"Management"}"#);
    line
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
        // AWS: the record of a deletion has no details.
        ServiceEvent::DeleteKey { .. } => {}
    }
}

/// The event on the default event bus, one line of JSON without its end. It has the id of the fact.
pub(super) fn eventbridge(fact: &Fact) -> Vec<u8> {
    let mut line = Vec::new();
    let json = &mut Json(&mut line);
    let (scope, key) = (fact.scope(), fact.event.key());
    json.raw(r#"{"version":"0","id":"#).text(fact.id.id.as_str());
    json.raw(r#","detail-type":"#).text(detail_type(&fact.event));
    json.raw(r#","source":"aws.kms","account":"#).text(scope.account.as_str());
    json.raw(r#","time":""#);
    write_event_time(fact.at, json);
    json.raw(r#"","region":"#).text(scope.region.as_str());
    json.raw(r#","resources":["#).text(&key.text());
    json.raw(r#"],"detail":{"key-id":"#).text(key.id.as_str()).raw("}}");
    line
}

fn detail_type(event: &ServiceEvent) -> &'static str {
    match event {
        ServiceEvent::RotateKey { .. } => "KMS CMK Rotation",
        ServiceEvent::DeleteKey { .. } => "KMS CMK Deletion",
        ServiceEvent::DeleteExpiredKeyMaterial { .. } => "KMS Imported Key Material Expiration",
    }
}
