//! What the audit logs of the Regions have of multi-Region keys.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail", ReplicateKey, SynchronizeMultiRegionKey and
//! UpdatePrimaryRegion.

use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use serde_json::json;

use super::super::wire::{control, events};
use super::*;

#[tokio::test]
async fn a_replication_is_recorded_in_both_regions() {
    let kms = TestKms::new();
    let id = primary(&kms, json!({})).await;
    let input = json!({
        "KeyId": id, "ReplicaRegion": IRELAND, "Description": "there", "Tags": [{"TagKey": "a", "TagValue": "b"}],
    });
    call_in(&kms, REGION, "ReplicateKey", input).await.ok();
    let all = events(&kms, "").await;
    let [_, here, there] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&here["eventName"], &here["awsRegion"]), (&json!("ReplicateKey"), &json!(REGION)));
    assert_eq!(here["requestParameters"]["replicaRegion"], IRELAND);
    assert_eq!(here["resources"][0]["ARN"], arn(REGION, &id));
    assert_eq!(here["resources"].as_array().unwrap().len(), 1);
    let metadata = &here["responseElements"]["replicaKeyMetadata"];
    assert_eq!((&metadata["keyState"], &metadata["arn"]), (&json!("Creating"), &json!(arn(IRELAND, &id))));

    assert_eq!((&there["eventName"], &there["awsRegion"]), (&json!("CreateKey"), &json!(IRELAND)));
    assert_eq!(there["userIdentity"], json!({"type": "AWSService", "invokedBy": "mrk.kms.amazonaws.com"}));
    assert_eq!(there["resources"][0]["ARN"], arn(IRELAND, &id));
    assert_eq!(there["responseElements"]["keyMetadata"], *metadata);
    let parameters = &there["requestParameters"];
    assert_eq!((&parameters["description"], &parameters["multiRegion"]), (&json!("there"), &json!(true)));
    assert_eq!(parameters["tags"], json!([{"tagKey": "a", "tagValue": "b"}]));
    assert_eq!((&there["requestID"], &there["recipientAccountId"]), (&here["requestID"], &json!(ACCOUNT)));
    assert_ne!(there["eventID"], here["eventID"]);

    // A refusal stays where it was.
    replicate(&kms, &id, IRELAND).await;
    assert_eq!(events(&kms, "").await.len(), 4);
}

#[tokio::test]
async fn the_end_of_creating_is_a_synchronisation_of_the_primary() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let all = events(&kms, "event=SynchronizeMultiRegionKey").await;
    let [record] = &all[..] else { panic!("{all:?}") };
    for (member, value) in [
        ("awsRegion", json!(REGION)),
        ("eventType", json!("AwsApiCall")),
        ("requestParameters", Value::Null),
        ("responseElements", json!({"keyId": arn(REGION, &id)})),
        ("userIdentity", json!({"accountId": ACCOUNT, "invokedBy": "AWS Internal"})),
        ("eventTime", json!("2026-01-01T00:00:05Z")),
        ("readOnly", json!(false)),
    ] {
        assert_eq!(record[member], value, "{member}");
    }
    assert_eq!(record["resources"][0]["ARN"], arn(REGION, &id));
    assert_eq!(record["resources"].as_array().unwrap().len(), 1);
    // EventBridge does not hear of it.
    let sent = control(&kms, Method::GET, "/_kms/notifications", "").await.ok();
    assert_eq!(sent["Notifications"], json!([]));
}

#[tokio::test]
async fn a_change_of_the_primary_is_recorded_in_both_regions() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    call_in(&kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    let all = events(&kms, "event=UpdatePrimaryRegion").await;
    let [here, there] = &all[..] else { panic!("{all:?}") };
    for (record, region) in [(here, REGION), (there, IRELAND)] {
        assert_eq!(record["awsRegion"], region);
        assert_eq!(record["requestParameters"], json!({"keyId": id, "primaryRegion": IRELAND}));
        assert_eq!(record["responseElements"], json!({"keyId": arn(region, &id)}));
        assert_eq!(record["resources"][0]["ARN"], arn(region, &id));
        assert_eq!(record["resources"].as_array().unwrap().len(), 1);
    }
    assert_eq!(here["requestID"], there["requestID"]);
    assert_ne!(here["eventID"], there["eventID"]);
}
