//! Global tables: every replica has its own key.

use super::*;
use crate::ids::Scope;

const IEC: &str = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";
const OTHER: &str = "eu-west-1:books";

/// A global table in two Regions, each with a key of its own.
fn global() -> (SampleWorld, KeyArn, KeyArn) {
    let (mut world, first) = books();
    let scope = Scope { region: region("eu-west-1"), ..world.scope };
    let second = world.kms.create_key(scope, world.now);
    world.replicate("books", scope.region, Some(&second.text())).unwrap();
    assert_eq!((&*status(&world, "books"), &*status(&world, OTHER)), ("ACTIVE", "ACTIVE"));
    write(&mut world, OTHER, "k", SECRET).unwrap();
    (world, first, second)
}

fn replicates(world: &mut SampleWorld, table: &str) -> bool {
    access(world, table, Operation::Replicate, Structure::Base).is_ok()
}

fn members(world: &SampleWorld) -> Vec<String> {
    let replicas = described(world, "books").unwrap().replicas;
    replicas.iter().map(|replica| format!("{} {}", replica.region_name, replica.replica_status)).collect()
}

/// E-85: A replica whose key is inaccessible leaves its global table. E-86: The replica itself is not deleted.
/// E-88: The 20 hours count from detection.
#[test]
fn e_85_e_86_e_88_a_replica_leaves_20_hours_after_detection() {
    let (mut world, _, second) = global();
    world.kms.disable(second, world.now);
    world.pass(Span::minutes(79));
    assert_eq!(
        (status(&world, OTHER), members(&world)),
        ("ACTIVE".into(), vec!["eu-west-1 ACTIVE".to_owned()])
    );
    world.pass(Span::minutes(1));
    let found = world.now;
    assert_eq!(status(&world, OTHER), IEC);
    assert_eq!(members(&world), [format!("eu-west-1 {IEC}")]);
    let dated = described(&world, "books").unwrap().replicas[0].replica_inaccessible_date_time;
    assert_eq!(dated, Some(found.epoch_seconds()));
    assert_eq!(status(&world, "books"), "ACTIVE");
    assert_eq!(read(&mut world, "books").unwrap(), SECRET, "the other Region goes on");
    world.until(Span(Span::hours(20).0 - 1).after(found));
    assert_eq!(members(&world).len(), 1);
    world.until(Span::hours(20).after(found));
    assert!(members(&world).is_empty());
    assert_eq!(status(&world, OTHER), IEC, "a table of its own now");
    world.kms.enable(second, world.now);
    world.pass(Span::hours(1));
    assert_eq!(status(&world, OTHER), "ACTIVE");
    assert_eq!(read(&mut world, OTHER).unwrap(), SECRET);
    assert!(members(&world).is_empty(), "for good");
}

/// E-87: Replication to and from the Region stops with the loss of the key.
#[test]
fn e_87_replication_stops_with_the_loss() {
    let (mut world, _, second) = global();
    assert!(replicates(&mut world, "books") && replicates(&mut world, OTHER));
    world.kms.disable(second, world.now);
    world.pass(Span::minutes(1));
    assert!(!replicates(&mut world, OTHER), "long before detection");
    world.kms.enable(second, world.now);
    world.pass(Span::minutes(1));
    assert!(replicates(&mut world, OTHER));
    world.kms.disable(second, world.now);
    world.pass(Span::days(2));
    world.kms.enable(second, world.now);
    world.pass(Span::hours(2));
    assert_eq!(status(&world, OTHER), "ACTIVE");
    assert!(!replicates(&mut world, OTHER), "it has left");
}

#[test]
fn a_replica_that_left_is_archived_by_its_own_clock() {
    let (mut world, _, second) = global();
    world.kms.disable(second, world.now);
    world.pass(Span::minutes(80));
    let found = world.now;
    world.until(Span::days(7).after(found));
    assert_eq!(status(&world, OTHER), IEC);
    world.pass(Span::minutes(11));
    assert_eq!(status(&world, OTHER), "ARCHIVED");
    assert_eq!(status(&world, "books"), "ACTIVE");
}

#[test]
fn a_replica_recovers_within_20_hours() {
    let (mut world, _, second) = global();
    world.kms.disable(second, world.now);
    world.pass(Span::hours(19));
    world.kms.enable(second, world.now);
    world.pass(Span::minutes(41));
    assert_eq!(members(&world), ["eu-west-1 ACTIVE"]);
    assert!(replicates(&mut world, OTHER));
}

#[test]
fn a_replica_needs_a_key_of_the_tables_kind_in_its_region() {
    let (mut world, key) = books();
    let refused = |world: &mut SampleWorld, key: Option<&str>| {
        world.replicate("books", region("eu-west-1"), key).unwrap_err().message
    };
    assert!(refused(&mut world, None).ends_with("KMSMasterKeyId must be specified for each replica."));
    let managed = refused(&mut world, Some(MANAGED_ALIAS));
    assert!(managed.ends_with("All replica keys must either be Customer Managed CMK or AWS Managed CMK."));
    let elsewhere = refused(&mut world, Some(&key.text()));
    let text = "KMS validation error for region eu-west-1: com.amazonaws.services.kms.model.NotFoundException: Invalid arn us-east-1";
    assert!(elsewhere.starts_with(text), "{elsewhere}");
    table(&mut world, "owned", &SseSpecification::owned());
    assert!(world.replicate("owned", region("eu-west-1"), Some(&key.text())).is_err());
    table(&mut world, "managed", &SseSpecification::managed());
    world.replicate("managed", region("eu-west-1"), None).unwrap();
    let keys = ["managed", "eu-west-1:managed"].map(|name| sse_of(&world, name).unwrap().kms_master_key_arn);
    assert!(keys[0] != keys[1] && keys.iter().all(Option::is_some), "each Region its own");
}

#[test]
fn the_keys_of_all_replicas_change_together() {
    let (mut world, _, second) = global();
    let (a, b) = (key(&world), world.kms.create_key(second.scope, world.now));
    let alone = world.switch("books", &under(a), Vec::new()).unwrap_err();
    assert!(alone.message.ends_with("KMSMasterKeyId must be specified for each replica."), "{alone}");
    let stranger = vec![ReplicaKey { region: region("ap-south-1"), key: Some(b.to_string()) }];
    let stranger = world.switch("books", &under(a), stranger).unwrap_err();
    assert!(stranger.message.contains("was not found"), "{stranger}");
    world
        .switch(
            "books",
            &under(a),
            vec![ReplicaKey { region: region("eu-west-1"), key: Some(b.to_string()) }],
        )
        .unwrap();
    let statuses = ["books", OTHER].map(|name| sse_of(&world, name).unwrap().status);
    assert_eq!(statuses, [SseStatus::Updating; 2]);
    world.pass(Span::seconds(22));
    let keys = ["books", OTHER].map(|name| sse_of(&world, name).unwrap().kms_master_key_arn.unwrap());
    assert_eq!(keys, [a, b]);
    assert_eq!(read(&mut world, OTHER).unwrap(), SECRET);
}

#[test]
fn a_refused_change_of_one_replica_changes_none() {
    let (mut world, _, second) = global();
    let (a, b) = (key(&world), world.kms.create_key(second.scope, world.now));
    world.kms.disable(b, world.now);
    let keys = vec![ReplicaKey { region: region("eu-west-1"), key: Some(b.to_string()) }];
    let refusal = world.switch("books", &under(a), keys).unwrap_err();
    assert!(refusal.message.starts_with("KMS key disabled error for region eu-west-1: "), "{refusal}");
    world.pass(Span::minutes(1));
    assert!(world.kms.grants(a).is_empty(), "the grants on the first key are gone again");
    assert_eq!(sse_of(&world, "books").unwrap().status, SseStatus::Enabled);
}

#[test]
fn strong_consistency_is_written_everywhere_or_nowhere() {
    let (mut world, _) = books();
    let scope = Scope { region: region("eu-west-1"), ..world.scope };
    let second = world.kms.create_key(scope, world.now);
    let input = Input::AddReplica {
        table: world.name("books"),
        region: scope.region,
        incarnation: world.incarnation(),
        caller: world.root(),
        key: Some(second.to_string()),
        version: GlobalTableVersion::V2019,
        consistency: Consistency::Strong,
    };
    world.input(input).unwrap();
    world.pass(Span::seconds(6));
    write(&mut world, "books", "k", SECRET).unwrap();
    world.kms.disable(second, world.now);
    world.pass(Span::minutes(1));
    assert_eq!(write(&mut world, "books", "k", SECRET).unwrap_err().status, 500);
    world.pass(Span::days(3));
    assert_eq!(members(&world).len(), 1, "no 20 hours here");
    world.pass(Span::days(5));
    assert_eq!(status(&world, OTHER), "ARCHIVED");
}
