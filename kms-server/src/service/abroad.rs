//! What the log of another Region has of a request: ReplicateKey makes a key there, UpdatePrimaryRegion changes one.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail", ReplicateKey and UpdatePrimaryRegion.

use lifecycle::ids::{KeyArn, Scope};
use serde_json::{Value, json};

use super::provision::service_caller;
use super::{Answer, Exchange};
use crate::observe::record::AuditRecord;
use crate::operations::registry;
use crate::pipeline::{Resource, Trace};

/// The service that makes the calls between Regions.
///
/// AWS: KMS developer guide, "Authorize AWS KMS to synchronize multi-Region keys".
const MULTI_REGION_SERVICE: &str = "mrk.kms.amazonaws.com";

/// The key of another Region that a successful request has made or changed, and that the log there tells of.
pub(super) fn key_abroad(exchange: &Exchange) -> Option<KeyArn> {
    let member = match exchange.entry?.name() {
        "ReplicateKey" => "ReplicaRegion",
        "UpdatePrimaryRegion" => "PrimaryRegion",
        _ => return None,
    };
    let region = exchange.input.as_ref()?.get(member)?.as_str()?.parse().ok()?;
    let key = exchange.trace.keys().next()?;
    Some(KeyArn { scope: Scope { region, ..key.scope }, ..key })
}

/// Appends the record for the log there, which differs in few things from `here`.
pub(super) fn write(
    key: KeyArn,
    answer: &Answer,
    here: &AuditRecord<'_>,
    event_id: &str,
    line: &mut Vec<u8>,
) {
    let trace = Trace { resources: vec![Resource::Key(key)], ..Trace::default() };
    let record = AuditRecord { trace: &trace, event_id, region: key.scope.region.as_str(), ..*here };
    let Some(replica) = answer.elements.as_ref().filter(|elements| elements.get(METADATA).is_some()) else {
        return record.write(line);
    };
    let (metadata, caller) = (&replica[METADATA], service_caller(MULTI_REGION_SERVICE, key.scope.region));
    let input = json!({
        "Policy": replica["ReplicaPolicy"],
        "Description": metadata["Description"],
        "KeyUsage": metadata["KeyUsage"],
        "KeySpec": metadata["KeySpec"],
        "Origin": metadata["Origin"],
        "MultiRegion": true,
        "Tags": replica.get("ReplicaTags").unwrap_or(&Value::Null),
    });
    let elements = json!({ "KeyMetadata": metadata });
    let made = AuditRecord {
        entry: registry::find("CreateKey"),
        caller: caller.as_ref(),
        input: Some(&input),
        elements: Some(&elements),
        user_agent: MULTI_REGION_SERVICE,
        via: None,
        ..record
    };
    made.write(line);
}

const METADATA: &str = "ReplicaKeyMetadata";
