//! Multi-Region keys: ReplicateKey, UpdatePrimaryRegion, and what related keys share.
//!
//! AWS: KMS developer guide, "Multi-Region keys in AWS KMS".

mod deletion;
mod imported;
mod model;
mod primary;
mod records;
mod replicas;
mod rotation;
mod states;

use fixtures::{ACCOUNT, REGION, TestKms};
use serde_json::{Value, json};

use super::wire::{Answer, call_of};

/// A Region for replicas.
const IRELAND: &str = "eu-west-1";
/// Another one.
const TOKYO: &str = "ap-northeast-1";

/// Calls an operation in a Region.
async fn call_in(kms: &TestKms, region: &str, operation: &str, input: Value) -> Answer {
    call_of(kms, (ACCOUNT, region), operation, input).await
}

/// The metadata of a key in a Region.
async fn describe(kms: &TestKms, region: &str, id: &str) -> Value {
    call_in(kms, region, "DescribeKey", json!({"KeyId": id})).await.ok()["KeyMetadata"].clone()
}

/// The id of a new primary in the usual Region.
async fn primary(kms: &TestKms, members: Value) -> String {
    let mut input = json!({"MultiRegion": true});
    for (name, value) in members.as_object().unwrap() {
        input[name] = value.clone();
    }
    let made = call_in(kms, REGION, "CreateKey", input).await.ok();
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

/// Asks for a replica.
async fn replicate(kms: &TestKms, id: &str, region: &str) -> Answer {
    call_in(kms, REGION, "ReplicateKey", json!({"KeyId": id, "ReplicaRegion": region})).await
}

/// The id of a new primary with replicas that are ready.
async fn related(kms: &TestKms, regions: &[&str]) -> String {
    let id = primary(kms, json!({})).await;
    for region in regions {
        replicate(kms, &id, region).await.ok();
    }
    kms.clock().advance("5s").await.unwrap();
    id
}

fn arn(region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{ACCOUNT}:key/{id}")
}

/// The Regions of the replicas that a key's metadata lists.
fn replica_regions(metadata: &Value) -> Vec<&str> {
    let replicas = metadata["MultiRegionConfiguration"]["ReplicaKeys"].as_array().unwrap();
    replicas.iter().map(|replica| replica["Region"].as_str().unwrap()).collect()
}
