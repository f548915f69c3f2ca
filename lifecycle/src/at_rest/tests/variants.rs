//! The rules about a lost key hold for keys of every origin, each lost in the ways of its own.

use super::*;
use crate::ids::Scope;

const IEC: &str = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";

/// A kind of key, how it is lost, and how it is got back.
struct Case {
    name: &'static str,
    make: fn(&SampleWorld, Scope) -> KeyArn,
    lose: fn(&mut SampleWorld, KeyArn),
    regain: fn(&SampleWorld, KeyArn),
}

const STORE: &str = "store";

fn in_store(world: &SampleWorld, scope: Scope, external: bool) -> KeyArn {
    world.kms.create_store(STORE, external);
    let key = world.kms.create_key(scope, world.now);
    world.kms.put_in_store(key, STORE, world.now);
    key
}

/// A replica key, whose primary is in a third Region.
fn replica(world: &SampleWorld, scope: Scope) -> KeyArn {
    let primary =
        world.kms.create_multi_region(Scope { region: region("ap-northeast-1"), ..scope }, world.now);
    world.kms.replicate(primary, scope.region, world.now)
}

const CASES: [Case; 9] = [
    Case {
        name: "imported material is deleted",
        make: |world, scope| world.kms.create_imported(scope, None, world.now),
        lose: |world, key| world.kms.delete_material(key, world.now),
        regain: |world, key| world.kms.import(key, None, world.now),
    },
    Case {
        name: "imported material expires",
        make: |world, scope| world.kms.create_imported(scope, Some(at(world, Span::hours(1))), world.now),
        lose: |world, _| world.until(world.kms.next_expiry(at(world, Span::hours(1))).unwrap()),
        regain: |world, key| world.kms.import(key, None, world.now),
    },
    Case {
        name: "a multi-Region primary is disabled",
        make: |world, scope| world.kms.create_multi_region(scope, world.now),
        lose: |world, key| world.kms.disable(key, world.now),
        regain: |world, key| world.kms.enable(key, world.now),
    },
    Case {
        name: "a replica key is to be deleted",
        make: replica,
        lose: |world, key| world.kms.schedule_deletion(key, 30, world.now),
        regain: |world, key| world.kms.enable(key, world.now),
    },
    Case {
        name: "a store in a cluster is disconnected",
        make: |world, scope| in_store(world, scope, false),
        lose: |world, _| world.kms.set_connected(STORE, false, world.now),
        regain: |world, _| world.kms.set_connected(STORE, true, world.now),
    },
    Case {
        name: "a cluster fails",
        make: |world, scope| in_store(world, scope, false),
        lose: |world, _| world.kms.set_works(STORE, false, world.now),
        regain: |world, _| world.kms.set_works(STORE, true, world.now),
    },
    Case {
        name: "a store behind a proxy is disconnected",
        make: |world, scope| in_store(world, scope, true),
        lose: |world, _| world.kms.set_connected(STORE, false, world.now),
        regain: |world, _| world.kms.set_connected(STORE, true, world.now),
    },
    Case {
        name: "a proxy fails",
        make: |world, scope| in_store(world, scope, true),
        lose: |world, _| world.kms.set_works(STORE, false, world.now),
        regain: |world, _| world.kms.set_works(STORE, true, world.now),
    },
    Case {
        name: "a key in a store is disabled",
        make: |world, scope| in_store(world, scope, true),
        lose: |world, key| world.kms.disable(key, world.now),
        regain: |world, key| world.kms.enable(key, world.now),
    },
];

impl Case {
    /// A world with an ACTIVE table `books` under the key, and an item `k`.
    fn books(&self) -> (SampleWorld, KeyArn) {
        let mut world = world();
        let key = (self.make)(&world, world.scope);
        table(&mut world, "books", &under(key));
        assert_eq!(sse_of(&world, "books").unwrap().kms_master_key_arn, Some(key), "{}", self.name);
        (world, key)
    }

    /// The text behind DynamoDB's that KMS has for the loss.
    #[track_caller]
    fn refuses<T: std::fmt::Debug>(&self, answer: Result<T, Refusal>) {
        let refusal = answer.unwrap_err();
        let at_fault = "com.amazonaws.services.kms.model.";
        let prefix = ["KMS validation error: ", "KMS key disabled error: "];
        let wrapped = prefix.iter().any(|prefix| refusal.message.starts_with(&format!("{prefix}{at_fault}")));
        assert!(wrapped && refusal.code == "ValidationException", "{}: {refusal}", self.name);
    }
}

/// E-72: Whatever takes the key away, nobody encrypts or decrypts with it. E-73: Nor does the service itself.
/// E-74: Reads and writes fail, once caches have ended. E-76: The status tells, once the service has found out.
/// E-78: A mail tells of it as of any other loss.
#[test]
fn e_72_e_73_e_74_e_76_e_78_keys_of_every_origin_are_lost_alike() {
    for case in CASES {
        let (mut world, key) = case.books();
        read_on(&mut world, "books", Some(1)).unwrap();
        (case.lose)(&mut world, key);
        world.pass(Span::minutes(6));
        let user = world.user("x");
        case.refuses(read_on(&mut world, "books", Some(1)));
        case.refuses(world.get("books", "k", (&user, None)));
        case.refuses(write(&mut world, "books", "k", "other"));
        case.refuses(access(&mut world, "books", Operation::Maintain, Structure::Base));
        case.refuses(world.backup("books", "another"));
        case.refuses(world.switch("books", &SseSpecification::owned(), Vec::new()));
        assert_eq!(status(&world, "books"), "ACTIVE", "{}", case.name);
        world.pass(Span::minutes(35));
        assert_eq!(status(&world, "books"), IEC, "{}", case.name);
        let mails = world.facts().into_iter().filter(|fact| fact.what.is_mail()).count();
        assert_eq!(mails, 1, "{}", case.name);
    }
}

/// E-18: The kind of key makes no difference to what is readable: nothing, at any time before the return.
/// E-77: Until seven days have passed, whatever brings the key back brings the table back with its data.
#[test]
fn e_18_e_77_keys_of_every_origin_come_back_in_time() {
    for case in CASES {
        let (mut world, key) = case.books();
        (case.lose)(&mut world, key);
        world.pass(DETECTED);
        let since = world.table("books").unwrap().status.inaccessible_since().unwrap();
        world.until(Span::days(7).after(since));
        assert_eq!(status(&world, "books"), IEC, "{}", case.name);
        case.refuses(read(&mut world, "books"));
        (case.regain)(&world, key);
        assert_eq!(read(&mut world, "books").unwrap(), SECRET, "{}", case.name);
        world.pass(DETECTED);
        assert_eq!(status(&world, "books"), "ACTIVE", "{}", case.name);
        assert_eq!(sse_of(&world, "books").unwrap().inaccessible_encryption_date_time, None);
    }
}

/// E-79: What does not come back in seven days is archived, whatever its key. E-80: The return of the key then comes too late.
/// E-81: The backup is made without the key. E-83: It is restored to a new table. E-84: That takes the last key of the table.
#[test]
fn e_79_e_80_e_81_e_83_e_84_tables_under_keys_of_every_origin_are_archived() {
    for case in CASES {
        let (mut world, key) = case.books();
        (case.lose)(&mut world, key);
        world.pass(Span::days(8));
        assert_eq!(status(&world, "books"), "ARCHIVED", "{}", case.name);
        let summary = described(&world, "books").unwrap().archival_summary.unwrap();
        let arn = summary.archival_backup_arn.unwrap();
        for sse in [None, Some(SseSpecification::owned())] {
            case.refuses(world.restore(Source::Backup(arn.clone()), "copy", sse));
        }
        (case.regain)(&world, key);
        world.pass(DETECTED);
        assert_eq!(status(&world, "books"), "ARCHIVED", "{}", case.name);
        assert_eq!(read(&mut world, "books").unwrap_err().code, "ResourceNotFoundException");
        world.restore(Source::Backup(arn), "copy", None).unwrap();
        assert_eq!(read(&mut world, "copy").unwrap(), SECRET, "{}", case.name);
        assert_eq!(sse_of(&world, "copy").unwrap().kms_master_key_arn, Some(key));
    }
}

/// E-95: A change away from a key of any origin needs that key until it is done. E-98: After that the key may be lost.
/// E-99: The table is under the new key alone then. E-101: Its older backups are not. E-102: They need the old key.
#[test]
fn e_95_e_98_e_99_e_101_e_102_a_table_leaves_a_key_of_any_origin() {
    for case in CASES {
        let (mut world, old) = case.books();
        let new = key(&world);
        let backup = world.backup("books", "backup").unwrap();
        (case.lose)(&mut world, old);
        world.pass(Span::minutes(1));
        case.refuses(world.switch("books", &under(new), Vec::new()));
        (case.regain)(&world, old);
        world.switch("books", &under(new), Vec::new()).unwrap();
        world.pass(Span::minutes(1));
        let sse = sse_of(&world, "books").unwrap();
        assert_eq!((sse.status, sse.kms_master_key_arn), (SseStatus::Enabled, Some(new)), "{}", case.name);
        // Expired once, imported for ever: now it is deleted.
        let lose = if case.name.ends_with("expires") { CASES[0].lose } else { case.lose };
        lose(&mut world, old);
        world.pass(Span::days(9));
        assert_eq!(status(&world, "books"), "ACTIVE", "{}", case.name);
        assert_eq!(read(&mut world, "books").unwrap(), SECRET);
        case.refuses(world.restore(Source::Backup(backup.clone()), "copy", None));
        (case.regain)(&world, old);
        world.restore(Source::Backup(backup), "copy", None).unwrap();
        assert_eq!(sse_of(&world, "copy").unwrap().kms_master_key_arn, Some(old), "{}", case.name);
    }
}

/// E-85: A replica leaves its global table with the key of any origin that it loses. E-86: Its table stays, as one of its own.
/// E-87: Nothing crosses to or from it after the loss. E-88: The twenty hours begin when the loss is found.
#[test]
fn e_85_e_86_e_87_e_88_replicas_under_keys_of_every_origin_leave() {
    const OTHER: &str = "eu-west-1:books";
    for case in CASES {
        let (mut world, home) = books();
        let scope = Scope { region: region("eu-west-1"), ..world.scope };
        let second = (case.make)(&world, scope);
        world.replicate("books", scope.region, Some(&second.text())).unwrap();
        let replicas = |world: &SampleWorld| {
            described(world, "books").unwrap().replicas.into_iter().map(|r| r.replica_status)
        };
        assert_eq!(replicas(&world).collect::<Vec<_>>(), ["ACTIVE"], "{}", case.name);
        (case.lose)(&mut world, second);
        world.pass(Span::minutes(1));
        assert!(access(&mut world, OTHER, Operation::Replicate, Structure::Base).is_err(), "{}", case.name);
        world.pass(Span::minutes(79));
        assert_eq!(replicas(&world).collect::<Vec<_>>(), [IEC], "{}", case.name);
        world.until(Span(Span::hours(20).0 - Span::minutes(1).0).after(world.now));
        assert_eq!(replicas(&world).len(), 1, "{}", case.name);
        world.pass(Span::minutes(1));
        assert_eq!((replicas(&world).len(), status(&world, OTHER).as_str()), (0, IEC), "{}", case.name);
        assert_eq!(status(&world, "books"), "ACTIVE");
        assert_eq!(sse_of(&world, "books").unwrap().kms_master_key_arn, Some(home));
    }
}

/// E-54: Related keys rotate together, and the tables under each go on: no table is encrypted again.
#[test]
fn e_54_related_keys_rotate_under_their_tables() {
    let mut world = world();
    let primary = world.kms.create_multi_region(world.scope, world.now);
    let replica = world.kms.replicate(primary, region("eu-west-1"), world.now);
    table(&mut world, "books", &under(primary));
    world.replicate("books", replica.scope.region, Some(&replica.text())).unwrap();
    write(&mut world, "eu-west-1:books", "k", SECRET).unwrap();
    let wrapped = |world: &SampleWorld| {
        ["books", "eu-west-1:books"].map(|name| world.table(name).unwrap().key.unwrap().blob.0.clone())
    };
    let before = wrapped(&world);
    assert_ne!(before[0], before[1], "each table has a key of its own");
    world.kms.rotate(primary, world.now);
    world.pass(Span::hours(1));
    for name in ["books", "eu-west-1:books"] {
        assert_eq!(read(&mut world, name).unwrap(), SECRET);
    }
    assert_eq!(wrapped(&world), before);
}
