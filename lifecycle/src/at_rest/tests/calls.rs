//! Requests, refusals, and the calls to KMS that each event makes.

use super::*;
use crate::at_rest::sample::KeyState;

#[test]
fn every_specification_means_what_aws_makes_of_it() {
    let wanted = |text: &str| {
        let sse: SseSpecification = serde_json::from_str(text).unwrap();
        sse.wanted()
    };
    for text in ["{}", r#"{"Enabled":false}"#] {
        assert_eq!(wanted(text), Ok(Wanted::Owned), "{text}");
    }
    for text in [r#"{"Enabled":true}"#, r#"{"Enabled":true,"SSEType":"KMS"}"#, r#"{"SSEType":"KMS"}"#] {
        assert_eq!(wanted(text), Ok(Wanted::Kms(MANAGED_ALIAS.to_owned())), "{text}");
    }
    for text in [
        r#"{"SSEType":"KMS","KMSMasterKeyId":"K"}"#,
        r#"{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"K"}"#,
    ] {
        assert_eq!(wanted(text), Ok(Wanted::Kms("K".to_owned())), "{text}");
    }
    for (text, message) in [
        (r#"{"KMSMasterKeyId":"K"}"#, "SSEType KMS is required if KMSMasterKeyId is specified"),
        (
            r#"{"Enabled":true,"KMSMasterKeyId":"K"}"#,
            "SSEType KMS is required if KMSMasterKeyId is specified",
        ),
        (r#"{"Enabled":false,"SSEType":"KMS"}"#, "SSEType can not be specified if Enabled is false"),
        (
            r#"{"Enabled":false,"SSEType":"KMS","KMSMasterKeyId":"K"}"#,
            "SSEType can not be specified if Enabled is false",
        ),
        (
            r#"{"Enabled":false,"KMSMasterKeyId":"K"}"#,
            "KMSMasterKeyId can not be specified if Enabled is false",
        ),
        (r#"{"SSEType":"AES256"}"#, "SSEType AES256 is not supported"),
    ] {
        let refusal = wanted(text).unwrap_err();
        assert_eq!(refusal.code, "ValidationException");
        assert_eq!(
            refusal.message,
            format!("One or more parameter values were invalid: {message}"),
            "{text}"
        );
    }
    assert_eq!(
        wanted(r#"{"SSEType":"kms"}"#).unwrap_err().message,
        "1 validation error detected: Value 'kms' at 'sSESpecification.sSEType' failed to satisfy constraint: Member must \
         satisfy enum value set: [AES256, KMS]"
    );
    assert_eq!(
        wanted(r#"{"SSEType":"KMS","KMSMasterKeyId":""}"#).unwrap_err().message,
        "1 validation error detected: Value '' at 'sSESpecification.kMSMasterKeyId' failed to satisfy constraint: Member \
         must have length greater than or equal to 1"
    );
}

/// What a request for a table says, and whether anything is left of it.
fn refused(world: &mut SampleWorld, sse: &SseSpecification) -> Refusal {
    let before = world.kms.keys(world.scope);
    let refusal = world.request("books", sse).unwrap_err();
    assert_eq!(status(world, "books"), "gone");
    for key in before {
        assert!(world.kms.grants(key).is_empty(), "no grant is left");
    }
    refusal
}

#[test]
fn a_bad_key_is_refused_and_leaves_nothing() {
    let tail = |code: &str| {
        format!(
            " (Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: 00000000-0000-4000-8000-000000000000; \
             Proxy: null)"
        )
    };
    let said = |refusal: &Refusal, prefix: &str, class: &str, message: &str, code: &str| {
        let expected = format!("{prefix}: com.amazonaws.services.kms.model.{class}: {message}{}", tail(code));
        assert_eq!(refusal.message, expected);
    };
    let mut world = world();
    let key = key(&world);
    world.kms.set_alias(world.scope, "alias/books", key);
    let invalid = "KMSInvalidStateException";
    for (state, text, prefix, code) in [
        (KeyState::Disabled, "is disabled.", "KMS key disabled error", "DisabledException"),
        (KeyState::PendingImport, "is pending import.", "KMS validation error", invalid),
        (
            KeyState::PendingDeletion(at(&world, Span::days(7))),
            "is pending deletion.",
            "KMS validation error",
            invalid,
        ),
    ] {
        world.kms.set_state(key, state, world.now);
        for named in [key.to_string(), key.id.as_str().to_owned(), "alias/books".to_owned()] {
            let refusal = refused(&mut world, &SseSpecification::kms(&named));
            assert_eq!((refusal.status, refusal.code.as_str()), (400, "ValidationException"));
            said(&refusal, prefix, code, &format!("{key} {text}"), code);
        }
    }
    world.kms.enable(key, world.now);
    let (prefix, class) = ("KMS validation error", "NotFoundException");
    let missing = key.to_string().replace(key.id.as_str(), "11111111-2222-4333-8444-555555555555");
    let refusal = refused(&mut world, &SseSpecification::kms(&missing));
    said(&refusal, prefix, class, &format!("Key '{missing}' does not exist"), class);
    let refusal = refused(&mut world, &SseSpecification::kms("alias/none"));
    let alias = world.scope.arn_of("alias/none");
    said(&refusal, prefix, class, &format!("Alias {alias} is not found."), class);
    let elsewhere = key.to_string().replace("us-east-1", "eu-west-1");
    let refusal = refused(&mut world, &SseSpecification::kms(&elsewhere));
    said(&refusal, prefix, class, "Invalid arn eu-west-1", class);
    let (prefix, class, denied) = ("KMS key access denied error", "AWSKMSException", "AccessDeniedException");
    let root = world.root().arn;
    let s3 = world.kms.create_foreign_managed_key(world.scope, "alias/aws/s3", world.now);
    let refusal = refused(&mut world, &SseSpecification::kms("alias/aws/s3"));
    assert_eq!((refusal.status, refusal.code.as_str()), (400, denied));
    let text = format!(
        "User: {root} is not authorized to perform: kms:CreateGrant on resource: {s3} because no resource-based policy \
         allows the kms:CreateGrant action"
    );
    said(&refusal, prefix, class, &text, denied);
    let scope = crate::ids::Scope { account: "444455556666".parse().unwrap(), ..world.scope };
    let foreign = world.kms.create_key(scope, world.now);
    let refusal = refused(&mut world, &under(foreign));
    assert!(
        refusal
            .message
            .contains("kms:DescribeKey on this resource because the resource does not exist in this Region")
    );
    world.kms.share(foreign, world.scope.account, world.now);
    world.create("shared", &under(foreign)).unwrap();
    assert_eq!(sse_of(&world, "shared").unwrap().kms_master_key_arn, Some(foreign));
    let signing = world.kms.create_signing_key(world.scope, world.now);
    let refusal = refused(&mut world, &under(signing));
    assert_eq!((refusal.status, refusal.code.as_str()), (500, "InternalServerError"));
    let text =
        "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.";
    said(&refusal, "KMS internal error", class, text, "ValidationException");
    world.kms.set_unreachable(true);
    assert_eq!(refused(&mut world, &under(key)).status, 500);
}

#[test]
fn the_calls_of_a_tables_life() {
    let mut world = world();
    let key = key(&world);
    world.request("books", &under(key)).unwrap();
    let seen = world.kms.take_calls();
    let of = |identity: &Identity| if *identity == Identity::Service { "service" } else { "caller" };
    let names = |seen: &[crate::at_rest::sample::Seen]| -> Vec<(&'static str, &'static str)> {
        seen.iter().map(|(_, call, _)| (call.request.operation(), of(&call.identity))).collect()
    };
    assert_eq!(
        names(&seen),
        [("DescribeKey", "caller"), ("CreateGrant", "caller"), ("CreateGrant", "caller")]
    );
    for (name, context) in world.kms.grants(key) {
        assert_ne!(name.as_str(), "");
        assert_eq!(context, world.name("books").context());
    }
    world.pass(Span::seconds(6));
    assert_eq!(names(&world.kms.take_calls()), [("GenerateDataKey", "service")]);
    write(&mut world, "books", "k", SECRET).unwrap();
    assert_eq!(
        names(&world.kms.take_calls()),
        [("Decrypt", "caller")],
        "who writes needs no more than who reads"
    );
    world.kms.disable(key, world.now);
    let table = world.name("books");
    world.input(Input::Delete { table }).unwrap();
    assert_eq!(names(&world.kms.take_calls()), [("RetireGrant", "service"); 2], "with the key disabled");
    assert!(world.kms.grants(key).is_empty());
    assert_eq!(status(&world, "books"), "gone");
}

#[test]
fn grants_that_were_not_retired_are_retired_later() {
    let (mut world, key) = books();
    world.kms.set_unreachable(true);
    let table = world.name("books");
    world.input(Input::Delete { table }).unwrap();
    assert_eq!((status(&world, "books").as_str(), world.kms.grants(key).len()), ("gone", 2));
    world.pass(Span::minutes(3));
    world.kms.set_unreachable(false);
    world.restart();
    world.pass(Span::hours(1));
    assert!(world.kms.grants(key).is_empty());
}

#[test]
fn a_crash_while_grants_are_made_leaves_none() {
    let world = world();
    let key = key(&world);
    let input = || Input::Create {
        table: world.name("books"),
        incarnation: crate::ids::Uuid::v4([5; 16]),
        caller: world.root(),
        sse: under(key),
    };
    for calls in 1..=3 {
        let mut engine = Engine::new(
            Settings::default(),
            &crate::crypto::Secret::new(vec![9; 32]),
            std::sync::Arc::new(crate::crypto::SeededEntropy::new(3)),
        );
        let mut journal = Vec::new();
        let mut step = engine.start(input(), world.now);
        for _ in 0..calls {
            let Step::Call { call, changes } = step else { panic!("{step:?}") };
            journal.extend(changes);
            step = engine.reply(call.flow, world.kms.answer(&call, world.now), world.now);
        }
        // The process ends: what the last step brought is lost.
        drop(engine);
        let mut engine = Engine::new(
            Settings::default(),
            &crate::crypto::Secret::new(vec![9; 32]),
            std::sync::Arc::new(crate::crypto::SeededEntropy::new(4)),
        );
        engine.load(journal);
        let tables = Tables::new(engine, Vec::new());
        tables.advance(at(&world, Span::minutes(1)), |call, at| world.kms.answer(call, at));
        assert!(world.kms.grants(key).is_empty(), "after {calls} calls");
        assert!(tables.read(|engine, _| engine.next_due().is_none() && engine.tables().next().is_none()));
    }
}

#[test]
fn a_table_whose_key_goes_before_it_is_active_disappears() {
    let mut world = world();
    let key = key(&world);
    world.request("books", &under(key)).unwrap();
    let requested = world.now;
    world.kms.disable(key, world.now);
    world.until(Span(Span::seconds(59 * 60 + 18).0 - 1).after(requested));
    assert_eq!(status(&world, "books"), "CREATING");
    world.pass(Span(1));
    assert_eq!(status(&world, "books"), "gone");
    assert!(world.kms.grants(key).is_empty());
    world.kms.enable(key, world.now);
    world.request("books", &under(key)).unwrap();
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(30));
    world.kms.enable(key, world.now);
    world.pass(Span::seconds(1));
    assert_eq!(status(&world, "books"), "ACTIVE", "in time");
}

#[test]
fn what_works_while_the_key_is_lost_and_after_archiving() {
    let (mut world, key) = books();
    let check = |world: &mut SampleWorld, operation: Operation| match access(
        world,
        "books",
        operation,
        Structure::Base,
    ) {
        Ok(_) => "ok".to_owned(),
        Err(refusal) if refusal.message == "no keys" => "ok".to_owned(),
        Err(refusal) => refusal.code,
    };
    let rows = [
        (Operation::DescribeTable, ["ok", "ok", "ok"]),
        (
            Operation::GetItem,
            ["ValidationException", "ResourceNotFoundException", "ResourceNotFoundException"],
        ),
        (Operation::UpdateTable, ["ok", "ResourceInUseException", "ResourceNotFoundException"]),
        (
            Operation::UpdateTimeToLive,
            ["ValidationException", "ResourceInUseException", "ResourceNotFoundException"],
        ),
        (Operation::DescribeTimeToLive, ["ok", "ok", "ok"]),
        (
            Operation::CreateBackup,
            ["ValidationException", "ResourceInUseException", "TableNotFoundException"],
        ),
        (Operation::UpdateContinuousBackups, ["ok", "ResourceInUseException", "TableNotFoundException"]),
        (Operation::DescribeContinuousBackups, ["ok", "ok", "TableNotFoundException"]),
        (Operation::ListTagsOfResource, ["ok", "ok", "ResourceNotFoundException"]),
        (
            Operation::UpdateContributorInsights,
            ["ValidationException", "ResourceInUseException", "ResourceNotFoundException"],
        ),
        (Operation::DeleteTable, ["ok", "ResourceInUseException", "ok"]),
    ];
    let column = |world: &mut SampleWorld, at: usize| {
        for (operation, expected) in rows {
            assert_eq!(check(world, operation), expected[at], "{operation:?} in {}", status(world, "books"));
        }
    };
    lose(&mut world, key);
    column(&mut world, 0);
    world.pass(Span(Span::days(7).0 - 30_000));
    assert_eq!(status(&world, "books"), "ARCHIVING");
    column(&mut world, 1);
    world.pass(Span::minutes(10));
    column(&mut world, 2);
}

#[test]
fn a_kms_that_does_not_answer_loses_no_table() {
    let (mut world, key) = books();
    read_on(&mut world, "books", Some(1)).unwrap();
    world.input(Input::KeyChanged { key, at: world.now }).unwrap();
    world.kms.set_unreachable(true);
    world.pass(Span::minutes(4));
    assert!(read_on(&mut world, "books", Some(1)).is_ok(), "from the cache");
    world.pass(Span::days(10));
    assert_eq!(status(&world, "books"), "ACTIVE", "no answer says nothing about the key");
    let refusal = read_on(&mut world, "books", Some(1)).unwrap_err();
    assert_eq!((refusal.status, refusal.code.as_str()), (500, "InternalServerError"));
    world.kms.set_unreachable(false);
    assert!(read_on(&mut world, "books", Some(1)).is_ok());
    // With the grace that AWS once gave, cached keys last longer.
    let settings = Settings { unreachable_grace: Span::hours(12), ..Settings::default() };
    let mut world = SampleWorld::new(settings);
    let key = super::key(&world);
    table(&mut world, "books", &under(key));
    read_on(&mut world, "books", Some(1)).unwrap();
    world.kms.set_unreachable(true);
    world.pass(Span::hours(12));
    assert!(read_on(&mut world, "books", Some(1)).is_ok());
    world.pass(Span::minutes(5));
    assert!(read_on(&mut world, "books", Some(1)).is_err());
}

#[test]
fn a_principals_cache_spans_its_connections() {
    let settings = Settings { cache_unit: CacheUnit::Principal, ..Settings::default() };
    let mut world = SampleWorld::new(settings);
    let key = key(&world);
    table(&mut world, "books", &under(key));
    let _ = calls(&world);
    for _ in 0..50 {
        read(&mut world, "books").unwrap();
    }
    assert_eq!(calls(&world).len(), 0, "the write has opened the key for the principal");
    let user = world.user("x");
    world.get("books", "k", (&user, None)).unwrap();
    assert_eq!(calls(&world), ["Decrypt"]);
}

#[test]
fn without_reports_keys_are_tried_and_delays_count_from_the_refusal() {
    let settings = Settings { observation: Observation::Probed(Span::minutes(10)), ..Settings::default() };
    let mut world = SampleWorld::new(settings);
    let key = key(&world);
    table(&mut world, "books", &under(key));
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(49));
    assert_eq!(status(&world, "books"), "ACTIVE");
    world.pass(Span::minutes(1));
    assert_eq!(status(&world, "books"), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    world.kms.enable(key, world.now);
    world.pass(Span::minutes(51));
    assert_eq!(status(&world, "books"), "ACTIVE");
}

#[test]
fn replayed_records_make_the_same_engine() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::PointInTimeRecovery).unwrap();
    let b = super::key(&world);
    world.switch("books", &under(b), Vec::new()).unwrap();
    world.backup("books", "backup").unwrap();
    lose(&mut world, key);
    let (all, now) = (world.tables.read(|_, journal| journal.clone()), world.now);
    let mut last: std::collections::BTreeMap<String, Change> = std::collections::BTreeMap::new();
    for change in &all {
        match change.key() {
            Some((key, true)) => drop(last.insert(key, change.clone())),
            Some((key, false)) => drop(last.remove(&key)),
            None => {}
        }
    }
    let json =
        |change: &Change| serde_json::from_str::<Change>(&serde_json::to_string(change).unwrap()).unwrap();
    let loaded = |changes: Vec<Change>| {
        let mut engine = Engine::new(
            Settings::default(),
            &crate::crypto::Secret::new(vec![9; 32]),
            std::sync::Arc::new(crate::crypto::SeededEntropy::new(4)),
        );
        engine.load(changes);
        let tables: Vec<Table> = engine.tables().cloned().collect();
        let backups: Vec<Backup> = engine.backups().cloned().collect();
        (tables, backups, engine.next_due(), engine.tasks().count())
    };
    let whole = loaded(all.iter().map(json).collect());
    assert_eq!(whole, loaded(last.into_values().collect()));
    let running = world.tables.read(|engine, _| engine.tables().cloned().collect::<Vec<_>>());
    assert_eq!(whole.0, running);
    assert!(now > Timestamp(0));
}
