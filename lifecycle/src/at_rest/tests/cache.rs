//! Cached table keys, and what they save.

use super::*;

/// How many Decrypts there are when connections read every `every`, for an hour.
fn decrypts(connections: u64, every: Span) -> usize {
    let (mut world, _) = books();
    let end = at(&world, Span::hours(1));
    while world.now < end {
        for connection in 1..=connections {
            read_on(&mut world, "books", Some(connection)).unwrap();
        }
        world.pass(every);
    }
    calls(&world).iter().filter(|call| **call == "Decrypt").count()
}

/// E-63: KMS is not called for every operation.
#[test]
fn e_63_kms_is_not_called_for_every_operation() {
    let (mut world, _) = books();
    for _ in 0..299 {
        read_on(&mut world, "books", Some(1)).unwrap();
        world.pass(Span::seconds(1));
    }
    assert_eq!(calls(&world), ["Decrypt"]);
}

/// E-64: A connection in use refreshes its key every five minutes.
#[test]
fn e_64_a_connection_in_use_refreshes_its_key_every_five_minutes() {
    assert_eq!(decrypts(1, Span::seconds(1)), 12);
    assert_eq!(decrypts(1, Span::seconds(30)), 12);
}

/// E-65: Without traffic nothing is refreshed.
#[test]
fn e_65_without_traffic_nothing_is_refreshed() {
    let (mut world, _) = books();
    read_on(&mut world, "books", Some(1)).unwrap();
    assert_eq!(calls(&world), ["Decrypt"]);
    world.pass(Span::days(30));
    assert!(calls(&world).is_empty(), "idle, and nobody changed the key");
    read_on(&mut world, "books", Some(1)).unwrap();
    assert_eq!(calls(&world), ["Decrypt"]);
}

/// E-66: Every connection has a key of its own to refresh.
#[test]
fn e_66_every_connection_refreshes_for_itself() {
    assert_eq!(decrypts(10, Span::seconds(10)), 120);
    let (mut world, _) = books();
    let (one, other) = (world.user("one"), world.user("other"));
    world.get("books", "k", (&one, Some(1))).unwrap();
    world.get("books", "k", (&other, Some(1))).unwrap();
    assert_eq!(calls(&world).len(), 2, "what one principal may, another on the same connection may not yet");
}

/// E-67: A new connection for every operation asks KMS every time, and waits for it.
/// E-68: Every operation is then a billed request. E-69: Every operation is then an event in CloudTrail.
#[test]
fn e_67_e_68_e_69_a_new_connection_for_every_operation_costs_a_call() {
    let (mut world, _) = books();
    for _ in 0..100 {
        read(&mut world, "books").unwrap();
    }
    let seen = world.kms.take_calls();
    assert_eq!(seen.len(), 100, "each operation waited for one call");
    let records: Vec<_> = seen
        .iter()
        .map(|(at, call, _)| audit_record(call, &world.kms.answer(call, *at), *at, "request", "event"))
        .collect();
    assert!(records.iter().all(|record| record["eventName"] == "Decrypt"));
    let requests = records.len() as u64;
    let prices = Prices { free_requests: 0, ..Prices::default() };
    let month = Usage { requests: requests * 100, trail_copies: 2, ..Usage::default() };
    let bill = prices.bill(&month);
    assert_eq!((bill.requests, bill.trail), (30_000, 200_000));
}

/// E-70: Connections that are kept alive bring the calls from one per operation to one in five minutes.
#[test]
fn e_70_keeping_connections_alive_saves_the_calls() {
    let asked = |connection: Option<u64>| {
        let (mut world, _) = books();
        for _ in 0..600 {
            read_on(&mut world, "books", connection).unwrap();
            world.pass(Span::seconds(1));
        }
        let name = world.name("books");
        let ledger = world.tables.read(|engine, _| engine.ledger().of(&name));
        (calls(&world).len(), ledger.avoidable())
    };
    let (kept, none) = (asked(Some(1)), asked(None));
    assert_eq!(kept.0, 2);
    assert_eq!(none.0, 600);
    assert!(none.1 >= 597 && kept.1 <= 1, "{kept:?} {none:?}");
}

/// E-71: CloudTrail shows the calls that the service makes to KMS.
#[test]
fn e_71_cloudtrail_shows_the_calls() {
    let mut world = world();
    let key = key(&world);
    let user = world.user("user01");
    table(&mut world, "books", &under(key));
    world.get("books", "k", (&user, None)).unwrap();
    let name = world.name("books");
    world.input(Input::Delete { table: name }).unwrap();
    let seen = world.kms.take_calls();
    let names: Vec<_> = seen.iter().map(|(_, call, _)| call.request.operation()).collect();
    assert_eq!(
        names,
        [
            "DescribeKey",
            "CreateGrant",
            "CreateGrant",
            "GenerateDataKey",
            "Decrypt",
            "Decrypt",
            "RetireGrant",
            "RetireGrant"
        ]
    );
    for (at, call, _) in &seen {
        let reply = match &call.request {
            KmsRequest::Decrypt { .. } => world.kms.answer(call, *at),
            _ => Err(KmsFault::unreachable("not asked again")),
        };
        let record = audit_record(call, &reply, *at, "request", "event");
        assert_eq!(record["eventSource"], "kms.amazonaws.com");
        assert_eq!(record["sourceIPAddress"], "dynamodb.amazonaws.com");
        assert_eq!(record["userIdentity"]["invokedBy"], "dynamodb.amazonaws.com");
        let by_service = matches!(record["eventName"].as_str(), Some("GenerateDataKey" | "RetireGrant"));
        assert_eq!(record["userIdentity"]["type"] == "AWSService", by_service, "{record}");
        assert_eq!(record["resources"].is_null(), record["eventName"] == "DescribeKey");
    }
    let (at, call, _) = &seen[5];
    let record = audit_record(call, &world.kms.answer(call, *at), *at, "request", "event");
    assert_eq!(record["userIdentity"]["arn"], user.arn.as_str());
    assert_eq!(record["requestParameters"].as_object().unwrap().len(), 1, "the blob tells the key");
    assert_eq!(record["readOnly"], true);
}
