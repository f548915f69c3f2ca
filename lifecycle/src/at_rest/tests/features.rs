//! What goes together with a customer managed key.

use super::*;

fn service_data(world: &mut SampleWorld, structure: Structure) -> RecordKeys {
    let scope = world.scope;
    match world.input(Input::ServiceData { scope, structure }).unwrap() {
        Answer::Keys(keys) => keys,
        other => panic!("{other:?}"),
    }
}

/// E-105: Tables under a customer managed key take part in transactions.
#[test]
fn e_105_transactions_work_under_a_customer_managed_key() {
    let (mut world, _) = books();
    for operation in
        [Operation::TransactWriteItems, Operation::TransactGetItems, Operation::ExecuteTransaction]
    {
        assert!(access(&mut world, "books", operation, Structure::Base).is_ok());
    }
}

/// E-106: The copy of a transaction that waits to be propagated is under an owned key.
/// E-107: That copy is temporary, and is gone when it is propagated. E-108: What is committed is under the customer's key.
/// Modelled: the store keeps the copy under the keys of the structure `transactions`, and removes it.
#[test]
fn e_106_e_107_e_108_the_copy_of_a_transaction_is_under_an_owned_key() {
    let (mut world, key) = books();
    let keys = service_data(&mut world, Structure::Transactions);
    let copy = keys.seal(b"transaction-1", SECRET.as_bytes()).unwrap();
    assert!(calls(&world).is_empty(), "no event of KMS for the copy");
    let root = world.root();
    world.put("books", "k", SECRET, (&root, Some(1))).unwrap();
    let incarnation = world.table("books").unwrap().incarnation;
    let committed = world.store.get(incarnation, &Structure::Base, b"k").unwrap().clone();
    assert!(keys.open(b"k", &committed).is_err(), "committed data are under the table's own hierarchy");
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(5));
    let again = service_data(&mut world, Structure::Transactions);
    assert_eq!(
        again.open(b"transaction-1", &copy).unwrap(),
        SECRET.as_bytes(),
        "while the table's key is lost"
    );
    is_disabled(read(&mut world, "books"), key);
    // The copy is the store's to remove: the engine keeps the keys and no record of it.
    let records = serde_json::to_string(&world.tables.read(|_, journal| journal.clone())).unwrap();
    assert!(!records.contains("transaction-1"));
}

/// E-109: Contributor Insights work for tables under a customer managed key.
#[test]
fn e_109_contributor_insights_work_under_a_customer_managed_key() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::ContributorInsights).unwrap();
    assert!(world.table("books").unwrap().features.contributor_insights);
    lose(&mut world, key);
    is_disabled(world.turn_on("books", Feature::ContributorInsights), key);
}

/// E-110: What Contributor Insights send to CloudWatch is under an owned key.
/// Modelled: the store seals it with the keys of the structure `insights`.
#[test]
fn e_110_what_insights_send_is_under_an_owned_key() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::ContributorInsights).unwrap();
    let _ = calls(&world);
    let sent = service_data(&mut world, Structure::Insights).seal(b"top", b"k").unwrap();
    assert!(calls(&world).is_empty());
    lose(&mut world, key);
    assert_eq!(service_data(&mut world, Structure::Insights).open(b"top", &sent).unwrap(), b"k");
    let scope = world.scope;
    assert!(world.input(Input::ServiceData { scope, structure: Structure::Base }).is_err());
}

#[test]
fn a_deleted_table_with_point_in_time_recovery_leaves_a_system_backup() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::PointInTimeRecovery).unwrap();
    let table = world.name("books");
    world.input(Input::Delete { table }).unwrap();
    let backup = world.tables.read(|engine, _| engine.backups().next().cloned()).unwrap();
    assert_eq!((backup.kind, backup.name.as_str()), (BackupType::System, "books$DeletedTableBackup"));
    assert!(backup.arn.ends_with("-00000000") && backup.sse_description().is_none());
    let arn = backup.arn.clone();
    let refusal = world.input(Input::DeleteBackup { arn: arn.clone() }).unwrap_err();
    assert!(refusal.message.contains("User is not allowed to delete the system backup"), "{refusal}");
    world.pass(Span::days(34));
    world.restore(Source::Backup(arn.clone()), "again", None).unwrap();
    assert_eq!(read(&mut world, "again").unwrap(), SECRET);
    assert_eq!(sse_of(&world, "again").unwrap().kms_master_key_arn, Some(key));
    world.pass(Span::days(1));
    assert!(world.tables.read(|engine, _| engine.backup(&arn).is_none()) && world.store.backups.is_empty());
}

#[test]
fn a_restore_to_a_point_in_time_has_the_present_key() {
    let (mut world, _) = books();
    let name = world.name("books");
    let refusal = world.restore(Source::Table(name.clone()), "copy", None).unwrap_err();
    assert_eq!(refusal.code, "PointInTimeRecoveryUnavailableException");
    world.turn_on("books", Feature::PointInTimeRecovery).unwrap();
    let b = key(&world);
    world.switch("books", &under(b), Vec::new()).unwrap();
    world.pass(Span::seconds(22));
    world.restore(Source::Table(name), "copy", None).unwrap();
    assert_eq!(sse_of(&world, "copy").unwrap().kms_master_key_arn, Some(b));
    assert_eq!(read(&mut world, "copy").unwrap(), SECRET);
}

#[test]
fn a_restore_fails_if_a_key_is_lost_on_the_way() {
    let (mut world, a) = books();
    let arn = world.backup("books", "backup").unwrap();
    let b = key(&world);
    for lost in [a, b] {
        let input = Input::Restore {
            source: Source::Backup(arn.clone()),
            target: world.name("copy"),
            incarnation: world.incarnation(),
            caller: world.root(),
            sse: Some(under(b)),
        };
        world.input(input).unwrap();
        let in_use = world.input(Input::DeleteBackup { arn: arn.clone() }).unwrap_err();
        assert_eq!(in_use.code, "BackupInUseException");
        world.kms.disable(lost, world.now);
        world.pass(Span::minutes(4));
        assert_eq!(status(&world, "copy"), "gone");
        assert!(world.facts().iter().any(|fact| fact.what == What::RestoreFailed));
        world.kms.enable(lost, world.now);
        world.pass(Span::minutes(4));
        assert!(world.kms.grants(b).is_empty());
    }
    world.restore(Source::Backup(arn), "copy", Some(under(b))).unwrap();
    assert_eq!(read(&mut world, "copy").unwrap(), SECRET);
}
