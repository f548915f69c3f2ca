//! What a lost key does, and when.

use super::*;

const IEC: &str = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";

/// E-72: A disabled key, or one to be deleted, stops every user. E-74: Reads and writes of all kinds fail.
#[test]
fn e_72_e_74_a_lost_key_stops_every_user_and_operation() {
    for delete in [false, true] {
        let (mut world, key) = books();
        match delete {
            false => world.kms.disable(key, world.now),
            true => world.kms.schedule_deletion(key, 30, world.now),
        }
        world.pass(Span::minutes(5));
        for user in ["x", "y"] {
            let user = world.user(user);
            for operation in [
                Operation::GetItem,
                Operation::BatchGetItem,
                Operation::Query,
                Operation::Scan,
                Operation::TransactGetItems,
                Operation::PutItem,
                Operation::UpdateItem,
                Operation::DeleteItem,
                Operation::BatchWriteItem,
                Operation::TransactWriteItems,
                Operation::ExecuteStatement,
                Operation::BatchExecuteStatement,
                Operation::ExecuteTransaction,
                Operation::GetRecords,
            ] {
                let refusal = world.keys("books", operation, Structure::Base, &user, Some(1)).unwrap_err();
                let text = if delete { "is pending deletion." } else { "is disabled." };
                assert!(refusal.message.contains(text), "{operation:?}: {refusal}");
                assert_eq!(refusal.code, "ValidationException");
            }
        }
        assert_eq!(status(&world, "books"), "ACTIVE", "calls fail long before the status shows it");
    }
}

/// E-73: A lost key stops the service itself, too.
#[test]
fn e_73_a_lost_key_stops_the_service() {
    let (mut world, key) = books();
    let backup = world.backup("books", "backup").unwrap();
    lose(&mut world, key);
    is_disabled(access(&mut world, "books", Operation::Maintain, Structure::Base), key);
    is_disabled(access(&mut world, "books", Operation::PutItem, Structure::Stream), key);
    is_disabled(world.restore(Source::Backup(backup), "copy", Some(SseSpecification::owned())), key);
    is_disabled(world.backup("books", "another"), key);
}

/// E-75: The service must have access: without its grants, or by the policy, the table is lost as with a disabled key.
#[test]
fn e_75_the_service_needs_access_of_its_own() {
    for by_policy in [false, true] {
        let (mut world, key) = books();
        match by_policy {
            false => world.kms.revoke_grants(key, world.now),
            true => world.kms.deny(key, SERVICE, "Decrypt", world.now),
        }
        world.pass(Span::minutes(39));
        assert_eq!(status(&world, "books"), "ACTIVE");
        world.pass(Span::minutes(2));
        assert_eq!(status(&world, "books"), IEC);
        assert!(read(&mut world, "books").is_err(), "though the caller may use the key");
    }
    let (mut world, key) = books();
    let user = world.user("x");
    world.kms.deny(key, &user.arn, "Decrypt", world.now);
    world.pass(Span::days(30));
    assert!(world.get("books", "k", (&user, None)).is_err());
    assert_eq!(status(&world, "books"), "ACTIVE", "a caller's own permission is no concern of the table");
}

/// E-76: The table's status becomes Inaccessible.
#[test]
fn e_76_the_status_becomes_inaccessible() {
    let (mut world, key) = books();
    let found = at(&world, Span::minutes(40));
    lose(&mut world, key);
    assert_eq!(status(&world, "books"), IEC);
    assert_eq!(world.table("books").unwrap().status.console_label(), "Inaccessible");
    let sse = sse_of(&world, "books").unwrap();
    assert_eq!(sse.inaccessible_encryption_date_time, Some(found.epoch_seconds()));
    assert_eq!((sse.status, sse.kms_master_key_arn), (SseStatus::Enabled, Some(key)));
}

/// E-77: Access that is given back within seven days brings the table back with all its data.
#[test]
fn e_77_access_given_back_within_seven_days_brings_everything_back() {
    let (mut world, key) = books();
    lose(&mut world, key);
    let since = world.table("books").unwrap().status.inaccessible_since().unwrap();
    world.until(Span::days(7).after(since));
    assert_eq!(status(&world, "books"), IEC, "the last instant of the seventh day");
    world.kms.enable(key, world.now);
    world.pass(Span::minutes(41));
    assert_eq!(status(&world, "books"), "ACTIVE");
    assert_eq!(sse_of(&world, "books").unwrap().inaccessible_encryption_date_time, None);
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

/// E-78: A mail tells of the loss at the instant at which it is found, once for each time.
#[test]
fn e_78_a_mail_tells_of_the_loss() {
    let (mut world, key) = books();
    let mails = |world: &SampleWorld| -> Vec<Fact> {
        world.facts().into_iter().filter(|fact| fact.what.is_mail()).collect()
    };
    let found = at(&world, Span::minutes(40));
    lose(&mut world, key);
    world.pass(Span::days(1));
    let sent = mails(&world);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].at, found);
    let archive_at = Span::days(7).after(found);
    assert_eq!(sent[0].what, What::KeyInaccessible { key_arn: Some(key), detected_at: found, archive_at });
    world.kms.enable(key, world.now);
    world.pass(Span::hours(1));
    lose(&mut world, key);
    assert_eq!(mails(&world).len(), 2, "a second time");
}

/// A world in which `books` was archived, and its backup.
fn archived() -> (SampleWorld, KeyArn, String) {
    let (mut world, key) = books();
    lose(&mut world, key);
    world.pass(Span::days(8));
    assert_eq!(status(&world, "books"), "ARCHIVED");
    let arn = described(&world, "books").unwrap().archival_summary.unwrap().archival_backup_arn.unwrap();
    (world, key, arn)
}

/// E-79: A table that is inaccessible for longer than seven days is archived.
#[test]
fn e_79_a_table_is_archived_after_more_than_seven_days() {
    let (mut world, key) = books();
    lose(&mut world, key);
    let since = world.table("books").unwrap().status.inaccessible_since().unwrap();
    world.until(Span::days(7).after(since));
    assert_eq!(status(&world, "books"), IEC);
    world.pass(Span(1));
    assert_eq!(status(&world, "books"), "ARCHIVING");
    let summary = described(&world, "books").unwrap().archival_summary.unwrap();
    assert_eq!(summary.archival_reason, IEC);
    assert_eq!((summary.archival_date_time, summary.archival_backup_arn), (world.now.epoch_seconds(), None));
    assert_eq!(
        access(&mut world, "books", Operation::UpdateTable, Structure::Base).unwrap_err().code,
        "ResourceInUseException"
    );
    world.pass(Span::minutes(10));
    assert_eq!(status(&world, "books"), "ARCHIVED");
    assert_eq!(world.table("books").unwrap().status.console_label(), "Archived");
}

/// E-80: An archived table cannot be accessed any more, whatever becomes of its key.
#[test]
fn e_80_an_archived_table_cannot_be_accessed_any_more() {
    let (mut world, key, _) = archived();
    world.kms.enable(key, world.now);
    world.pass(Span::days(30));
    assert_eq!(status(&world, "books"), "ARCHIVED");
    assert_eq!(read(&mut world, "books").unwrap_err().code, "ResourceNotFoundException");
    assert_eq!(write(&mut world, "books", "k", SECRET).unwrap_err().code, "ResourceNotFoundException");
    let again = world.request("books", &SseSpecification::owned()).unwrap_err();
    assert_eq!(again.code, "ResourceInUseException", "its name is taken until it is deleted");
    let table = world.name("books");
    world.input(Input::Delete { table }).unwrap();
    world.request("books", &SseSpecification::owned()).unwrap();
}

/// E-81: Archiving makes an on-demand backup of the table. E-82: The backup that archiving makes is billed like any other.
#[test]
fn e_81_e_82_archiving_makes_a_backup_that_is_billed() {
    let (mut world, _, arn) = archived();
    let backup = world.tables.read(|engine, _| engine.backup(&arn).cloned()).unwrap();
    assert_eq!((backup.kind, backup.expires_at), (BackupType::User, None));
    world.pass(Span::days(365));
    assert!(world.store.backups.contains_key(&arn), "until somebody deletes it");
    let month = Usage { backup_megabytes: 2_048, ..Usage::default() };
    assert_eq!(Prices::default().bill(&month).backups, 200_000);
}

/// E-83: The backup can be restored to a new table. E-84: For that the table's last key must be enabled and accessible.
#[test]
fn e_83_e_84_the_backup_can_be_restored_with_the_last_key() {
    let (mut world, key, arn) = archived();
    for sse in [None, Some(SseSpecification::owned())] {
        is_disabled(world.restore(Source::Backup(arn.clone()), "copy", sse), key);
    }
    world.kms.enable(key, world.now);
    world.kms.deny(key, &world.root().arn, "Decrypt", world.now);
    let refusal =
        world.restore(Source::Backup(arn.clone()), "copy", Some(SseSpecification::owned())).unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException");
    world.kms.allow_all(key, world.now);
    for (name, sse) in [("copy", None), ("copy-2", Some(SseSpecification::owned()))] {
        world.restore(Source::Backup(arn.clone()), name, sse).unwrap();
        assert_eq!(status(&world, name), "ACTIVE");
        assert_eq!(read(&mut world, name).unwrap(), SECRET);
    }
    assert_eq!(status(&world, "books"), "ARCHIVED");
}

/// E-89: Enabling the key brings the table back, or cancelling its deletion and enabling it; cancelling alone does not.
#[test]
fn e_89_the_ways_back() {
    let (mut world, key) = books();
    world.kms.schedule_deletion(key, 7, world.now);
    world.pass(DETECTED);
    assert_eq!(status(&world, "books"), IEC);
    world.kms.disable(key, world.now); // CancelKeyDeletion
    world.pass(Span::hours(3));
    assert_eq!(status(&world, "books"), IEC);
    is_disabled(read(&mut world, "books"), key);
    world.kms.enable(key, world.now);
    assert_eq!(read(&mut world, "books").unwrap(), SECRET, "at once, while the status still says no");
    assert_eq!(status(&world, "books"), IEC);
    world.pass(Span::minutes(41));
    assert_eq!(status(&world, "books"), "ACTIVE");
}

fn stream(world: &mut SampleWorld) -> Result<Vec<String>, Refusal> {
    let root = world.root();
    world.stream("books", (&root, None))
}

/// E-90: Stream records live 24 hours, also while the key is lost. E-91: Stream records older than 24 hours may be gone, read or not.
#[test]
fn e_90_e_91_stream_records_live_24_hours_whatever_the_key_does() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::Stream).unwrap();
    write(&mut world, "books", "k1", "first").unwrap();
    world.pass(Span::hours(2));
    write(&mut world, "books", "k2", "second").unwrap();
    world.pass(Span::minutes(30));
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(21 * 60 + 29));
    assert_eq!(world.store.streams.values().flatten().count(), 2, "a minute before the first is a day old");
    world.pass(Span::minutes(61));
    world.kms.enable(key, world.now);
    assert_eq!(stream(&mut world).unwrap(), ["second"]);
    world.pass(Span::hours(1));
    assert!(stream(&mut world).unwrap().is_empty());
    assert_eq!(world.store.streams.values().flatten().count(), 0);
}

/// E-92: Deletes by time to live go on for 30 minutes after the loss of the key.
/// E-93: Deletes by time to live are then still told to the stream. E-94: Stream records of such deletes live as long as others.
#[test]
fn e_92_e_93_e_94_deletes_by_time_to_live_go_on_for_30_minutes() {
    for detection in [Span::minutes(40), Span::ZERO, Span::minutes(10)] {
        let settings = Settings { detection: Delay::Fixed(detection), ..Settings::default() };
        let mut world = SampleWorld::new(settings);
        let key = key(&world);
        table(&mut world, "books", &under(key));
        world.turn_on("books", Feature::Stream).unwrap();
        let incarnation = world.table("books").unwrap().incarnation;
        for minute in [10, 30, 40] {
            let (name, expires) = (format!("at-{minute}"), at(&world, Span::minutes(minute)));
            write(&mut world, "books", &name, SECRET).unwrap();
            world.expiries.insert((incarnation, name.into_bytes()), expires);
        }
        let lost_at = world.now;
        world.kms.disable(key, lost_at);
        let stored = |world: &SampleWorld| world.store.tables[&incarnation][&Structure::Base].len();
        for minute in 1..=60 {
            world.until(Span::minutes(minute).after(lost_at));
            let _ = world.sweep("books");
            let deleted = usize::from(minute >= 10) + usize::from(minute >= 30);
            assert_eq!(stored(&world), 4 - deleted, "{minute} minutes after the loss, {detection:?}");
        }
        assert!(world.sweep("books").is_err());
        world.until(Span::minutes(24 * 60 + 5).after(lost_at));
        world.kms.enable(key, world.now);
        let records = stream(&mut world).unwrap();
        assert_eq!(
            records, ["REMOVE by dynamodb.amazonaws.com"; 2],
            "24 hours from each delete, not from the loss"
        );
        world.pass(Span::minutes(5));
        assert_eq!(stream(&mut world).unwrap().len(), 1);
        assert_eq!(world.sweep("books").unwrap(), 1, "the rest is made up for");
    }
}
