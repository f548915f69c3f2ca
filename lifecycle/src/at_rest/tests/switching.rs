//! From one key to another; backups keep theirs.

use super::*;

/// `books` under A with a backup, and a switch to B that was just accepted.
fn switching() -> (SampleWorld, KeyArn, KeyArn, String) {
    let (mut world, a) = books();
    let b = key(&world);
    let backup = world.backup("books", "before").unwrap();
    world.pass(Span::minutes(1));
    let _ = calls(&world);
    world.switch("books", &under(b), Vec::new()).unwrap();
    (world, a, b, backup)
}

fn shown(world: &SampleWorld) -> (SseStatus, Option<KeyArn>) {
    sse_of(world, "books").map(|sse| (sse.status, sse.kms_master_key_arn)).unwrap()
}

/// E-95: The old key must stay usable until the change is done.
#[test]
fn e_95_the_old_key_is_needed_until_the_change_is_done() {
    let (mut world, a, b, _) = switching();
    world.kms.disable(a, world.now);
    world.restart();
    world.pass(Span::minutes(10));
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)), "nobody has the old table key in memory");
    world.pass(Span::minutes(31));
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.kms.enable(a, world.now);
    world.pass(Span::minutes(41));
    assert_eq!((status(&world, "books").as_str(), shown(&world)), ("ACTIVE", (SseStatus::Enabled, Some(b))));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET, "the wrapped old key was never given up");
}

/// E-96: The old key decrypts before the new one encrypts.
#[test]
fn e_96_the_old_key_decrypts_before_the_new_one_encrypts() {
    let (mut world, a, b, _) = switching();
    world.pass(Span::seconds(22));
    let used = world.kms.take_calls().into_iter().filter_map(|(_, call, _)| match call.request {
        KmsRequest::Decrypt { key, .. } => Some(("Decrypt", key)),
        KmsRequest::GenerateDataKey { key, .. } => Some(("GenerateDataKey", key)),
        KmsRequest::RetireGrant { key, .. } => Some(("RetireGrant", key)),
        _ => None,
    });
    let used: Vec<_> = used.collect();
    assert_eq!(used, [("Decrypt", a), ("GenerateDataKey", b), ("RetireGrant", a), ("RetireGrant", a)]);
    assert!(world.kms.grants(a).is_empty());
    assert_eq!(world.kms.grants(b).len(), 2);
}

/// E-97: The change is done when `Status` is ENABLED and the ARN is that of the new key; one of both is not enough.
#[test]
fn e_97_done_is_enabled_with_the_new_key() {
    let (mut world, a, b, _) = switching();
    let accepted = world.now;
    for (seconds, expected) in [
        (0, (SseStatus::Updating, a)),
        (7, (SseStatus::Updating, a)),
        (8, (SseStatus::Updating, b)),
        (21, (SseStatus::Updating, b)),
        (22, (SseStatus::Enabled, b)),
    ] {
        world.until(Span::seconds(seconds).after(accepted));
        assert_eq!(shown(&world), (expected.0, Some(expected.1)), "{seconds} s");
        assert_eq!(read(&mut world, "books").unwrap(), SECRET, "no downtime");
        write(&mut world, "books", "k", SECRET).unwrap();
        assert_eq!(status(&world, "books"), "ACTIVE");
    }
}

/// E-98: After the change the old key may be disabled or deleted. E-99: After the change the table is under the new key alone.
#[test]
fn e_98_e_99_then_the_table_needs_the_new_key_alone() {
    let (mut world, a, b, _) = switching();
    world.pass(Span::seconds(22));
    world.kms.schedule_deletion(a, 7, world.now);
    world.pass(Span::days(30));
    assert_eq!(status(&world, "books"), "ACTIVE");
    world.restart();
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    world.kms.disable(b, world.now);
    is_disabled(read(&mut world, "books"), b);
}

fn key_of(world: &SampleWorld, backup: &str) -> Option<KeyArn> {
    let sse = world.tables.read(|engine, _| engine.backup(backup).unwrap().sse_description());
    sse.and_then(|sse| sse.kms_master_key_arn)
}

/// E-100: New backups are under the new key. E-101: Old backups stay under the old one.
/// E-103: The description of a backup tells its key.
#[test]
fn e_100_e_101_e_103_old_backups_stay_under_the_old_key() {
    let (mut world, a, b, old) = switching();
    world.pass(Span::seconds(22));
    let new = world.backup("books", "after").unwrap();
    assert_eq!((key_of(&world, &old), key_of(&world, &new)), (Some(a), Some(b)));
    table(&mut world, "owned", &SseSpecification::owned());
    let owned = world.backup("owned", "none").unwrap();
    assert_eq!(world.tables.read(|engine, _| engine.backup(&owned).unwrap().sse_description()), None);
}

/// E-102: A backup needs its own key to be restored.
#[test]
fn e_102_a_backup_is_restored_with_its_own_key() {
    let (mut world, a, _, old) = switching();
    world.pass(Span::seconds(22));
    world.kms.disable(a, world.now);
    for sse in [None, Some(SseSpecification::owned()), Some(SseSpecification::managed())] {
        is_disabled(world.restore(Source::Backup(old.clone()), "copy", sse), a);
        assert_eq!(status(&world, "copy"), "gone");
    }
    world.kms.enable(a, world.now);
    world.kms.rotate(a, world.now);
    world.restore(Source::Backup(old), "copy", None).unwrap();
    assert_eq!(read(&mut world, "copy").unwrap(), SECRET);
    assert_eq!(sse_of(&world, "copy").unwrap().kms_master_key_arn, Some(a));
}

/// E-104: A backup is under the key that the table has, and shows, when it is made.
#[test]
fn e_104_a_backup_is_under_the_key_of_its_time() {
    let (mut world, a, b, before) = switching();
    let early = world.backup("books", "early").unwrap();
    world.pass(Span::seconds(8));
    let late = world.backup("books", "late").unwrap();
    world.pass(Span::seconds(14));
    let after = world.backup("books", "after").unwrap();
    let keys = [before, early, late, after].map(|arn| key_of(&world, &arn).unwrap());
    assert_eq!(keys, [a, a, b, b]);
}

#[test]
fn what_a_switch_shows_when_one_side_is_an_owned_key() {
    let (mut world, a) = books();
    world.switch("books", &SseSpecification::owned(), Vec::new()).unwrap();
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)));
    world.pass(Span::seconds(8));
    assert_eq!(shown(&world), (SseStatus::Updating, None));
    world.pass(Span::seconds(14));
    assert_eq!(sse_of(&world, "books"), None);
    assert!(world.kms.grants(a).is_empty());
    world.switch("books", &under(a), Vec::new()).unwrap();
    assert_eq!(shown(&world), (SseStatus::Updating, None));
    world.pass(Span::seconds(8));
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)));
    world.pass(Span::seconds(14));
    assert_eq!(shown(&world), (SseStatus::Enabled, Some(a)));
}

#[test]
fn the_fifth_change_in_a_day_is_refused_but_to_an_owned_key() {
    let (mut world, a) = books();
    let b = key(&world);
    let first = world.now;
    for to in [b, a, b, a] {
        world.switch("books", &under(to), Vec::new()).unwrap();
        world.pass(Span::seconds(22));
    }
    let refusal = world.switch("books", &under(b), Vec::new()).unwrap_err();
    assert_eq!(refusal.code, "LimitExceededException");
    let end = Span::hours(24).after(first);
    assert_eq!(
        refusal.message,
        format!(
            "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at {end}. After the \
             first 4 change, each subsequent change in the same window can be performed at most once every 21600 seconds. \
             Number of updates today: 4. Last change at {}",
            Timestamp(world.now.0 - 22_000)
        )
    );
    world.kms.disable(b, world.now);
    let refusal = world.switch("books", &under(b), Vec::new()).unwrap_err();
    assert_eq!(refusal.code, "LimitExceededException", "the quota is looked at before the key");
    world.kms.enable(b, world.now);
    world.switch("books", &SseSpecification::owned(), Vec::new()).unwrap();
    world.pass(Span::hours(6));
    world.switch("books", &under(a), Vec::new()).unwrap();
    world.pass(Span::seconds(22));
    assert!(world.switch("books", &under(b), Vec::new()).is_err());
    world.until(end);
    for to in [b, a, b, a] {
        world.switch("books", &under(to), Vec::new()).unwrap();
        world.pass(Span::seconds(22));
    }
}

#[test]
fn the_same_setting_again() {
    let (mut world, a) = books();
    let again = world.switch("books", &under(a), Vec::new()).unwrap_err();
    assert!(again.message.contains("Table is already encrypted with given KMSMasterKeyId."), "{again}");
    world.switch("books", &SseSpecification::kms(a.id.as_str()), Vec::new()).unwrap();
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)), "by its id it is a change");
    let other = world.switch("books", &SseSpecification::managed(), Vec::new()).unwrap_err();
    assert_eq!(other.code, "ResourceInUseException");
    world.switch("books", &SseSpecification::kms(a.id.as_str()), Vec::new()).unwrap();
    let table = world.name("books");
    assert_eq!(world.input(Input::Delete { table }).unwrap_err().code, "ResourceInUseException");
    world.pass(Span::seconds(22));
    assert_eq!((shown(&world), world.kms.grants(a).len()), ((SseStatus::Enabled, Some(a)), 2));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    table_is_owned(&mut world);
}

fn table_is_owned(world: &mut SampleWorld) {
    table(world, "owned", &SseSpecification::owned());
    let again = world.switch("owned", &SseSpecification::owned(), Vec::new()).unwrap_err();
    assert!(again.message.ends_with("Table is already encrypted by default"), "{again}");
}

#[test]
fn a_table_without_its_key_cannot_switch_but_one_without_grants_can() {
    let (mut world, a) = books();
    let b = key(&world);
    lose(&mut world, a);
    for sse in [under(b), SseSpecification::managed(), SseSpecification::owned()] {
        is_disabled(world.switch("books", &sse, Vec::new()), a);
    }
    let again = world.switch("books", &under(a), Vec::new()).unwrap_err();
    assert!(again.message.contains("already encrypted"), "{again}");
    let (mut world, a) = books();
    let b = key(&world);
    world.kms.revoke_grants(a, world.now);
    world.pass(DETECTED);
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.switch("books", &under(b), Vec::new()).unwrap();
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.pass(Span::seconds(30));
    assert_eq!((status(&world, "books").as_str(), shown(&world)), ("ACTIVE", (SseStatus::Enabled, Some(b))));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

#[test]
fn a_switch_goes_on_with_what_is_in_memory_and_waits_for_the_new_key() {
    let (mut world, a, b, _) = switching();
    world.kms.disable(a, world.now);
    world.pass(Span::seconds(22));
    assert_eq!(shown(&world), (SseStatus::Enabled, Some(b)), "the old table key was opened a moment ago");
    let (mut world, a, b, _) = switching();
    world.kms.disable(b, world.now);
    world.pass(Span::seconds(22));
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    world.kms.enable(b, world.now);
    world.pass(Span::minutes(1));
    assert_eq!(shown(&world), (SseStatus::Enabled, Some(b)));
}

#[test]
fn only_the_key_may_change_in_the_request() {
    let (mut world, _) = books();
    let b = key(&world);
    let (table, caller) = (world.name("books"), world.root());
    let input =
        Input::Switch { table, caller, sse: under(b), replicas: Vec::new(), with_other_changes: true };
    let refusal = world.input(input).unwrap_err();
    let text = "Server-Side Encryption modification must be the only operation in the request";
    assert!(refusal.message.ends_with(text), "{refusal}");
    world.request("young", &SseSpecification::owned()).unwrap();
    assert_eq!(world.switch("young", &under(b), Vec::new()).unwrap_err().code, "ResourceInUseException");
}

#[test]
fn a_change_that_waits_goes_on_with_the_same_request_again() {
    let (mut world, a, b, _) = switching();
    world.kms.disable(b, world.now);
    world.kms.revoke_grants(b, world.now);
    world.pass(Span::minutes(10));
    world.kms.revoke_grants(a, world.now);
    world.kms.enable(b, world.now);
    world.pass(DETECTED);
    assert_eq!(shown(&world), (SseStatus::Updating, Some(a)), "the grants on both keys are gone");
    world.switch("books", &under(b), Vec::new()).unwrap();
    world.pass(Span::minutes(1));
    assert_eq!((status(&world, "books").as_str(), shown(&world)), ("ACTIVE", (SseStatus::Enabled, Some(b))));
    assert_eq!(world.kms.grants(b).len(), 2);
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

#[test]
fn a_change_that_waits_for_the_new_key_alone_does_not_keep_the_table_from_its_old_one() {
    let (mut world, a, b, _) = switching();
    world.kms.disable(b, world.now);
    world.kms.disable(a, world.now);
    world.pass(Span::days(1));
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.kms.enable(a, world.now);
    world.pass(DETECTED);
    assert_eq!((status(&world, "books").as_str(), shown(&world)), ("ACTIVE", (SseStatus::Updating, Some(a))));
    world.pass(Span::days(20));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET, "nothing is archived");
    // Lost once more, it has seven days once more.
    world.kms.disable(a, world.now);
    world.pass(Span::days(7));
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.kms.enable(a, world.now);
    world.kms.enable(b, world.now);
    world.pass(DETECTED);
    assert_eq!((status(&world, "books").as_str(), shown(&world)), ("ACTIVE", (SseStatus::Enabled, Some(b))));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}
