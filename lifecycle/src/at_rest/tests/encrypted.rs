//! What is encrypted, and how.

use super::*;
use crate::at_rest::service::{DEFAULT_SCHEME, DaxCluster, DaxSseSpecification};
use crate::crypto::{Secret, SeededEntropy};

const INDEX: &str = "by-author";

/// E-1: Encryption cannot be turned off: "disabled" means an AWS owned key.
#[test]
fn e_1_encryption_cannot_be_turned_off() {
    let empty: SseSpecification = serde_json::from_str("{}").unwrap();
    for (at, sse) in [SseSpecification::default(), empty, SseSpecification::owned()].iter().enumerate() {
        let mut world = world();
        let name = format!("table-{at}");
        table(&mut world, &name, sse);
        assert!(!world.store.contains(SECRET.as_bytes()));
        assert_eq!(described(&world, &name).unwrap().kind, KeyKind::Owned);
    }
    let (mut world, _) = books();
    world.switch("books", &SseSpecification::owned(), Vec::new()).unwrap();
    world.pass(Span::seconds(22));
    assert!(sse_of(&world, "books").is_none());
    write(&mut world, "books", "k2", SECRET).unwrap();
    assert!(!world.store.contains(SECRET.as_bytes()));
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
}

/// E-2: All items of a table are encrypted, in the table and its indexes; there is no switch for some of them.
#[test]
fn e_2_there_is_no_switch_for_some_items() {
    let more = r#"{"Enabled":true,"Attributes":["a"]}"#;
    assert!(serde_json::from_str::<SseSpecification>(more).is_err(), "no member for a part of the table");
    let (mut world, _) = books();
    let incarnation = world.table("books").unwrap().incarnation;
    for structure in [Structure::Base, Structure::Lsi(INDEX.into()), Structure::Gsi(INDEX.into())] {
        let keys = access(&mut world, "books", Operation::PutItem, structure.clone()).unwrap();
        for item in ["a", "b", "c"] {
            world.store.put(
                incarnation,
                &structure,
                item.as_bytes(),
                keys.seal(item.as_bytes(), SECRET.as_bytes()).unwrap(),
            );
        }
    }
    assert!(!world.store.contains(SECRET.as_bytes()));
}

/// E-3: Tables from before encryption come under an AWS owned key, and nobody who reads them notices.
#[test]
fn e_3_tables_from_before_are_encrypted_with_an_owned_key() {
    let mut world = world();
    let (incarnation, name) = (world.incarnation(), world.name("old"));
    world.store.plaintext.entry(incarnation).or_default().insert(b"k".to_vec(), SECRET.into());
    assert!(world.store.contains(SECRET.as_bytes()));
    world.input(Input::Attach { table: name, incarnation }).unwrap();
    assert!(!world.store.contains(SECRET.as_bytes()), "the store has sealed what was there");
    assert_eq!(read(&mut world, "old").unwrap(), SECRET);
    assert!(sse_of(&world, "old").is_none());
    assert!(calls(&world).is_empty());
}

/// E-4: Only data at rest is encrypted: who may read gets plaintext, and changes nothing for that.
#[test]
fn e_4_whoever_may_read_gets_plaintext() {
    let (mut world, _) = books();
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    assert!(!world.store.contains(SECRET.as_bytes()));
}

/// E-5: Data in transit is encrypted by HTTPS, unless a client says otherwise.
/// Modelled: the default scheme is a constant; the engine carries no traffic.
#[test]
fn e_5_the_default_protocol_is_https() {
    assert_eq!(DEFAULT_SCHEME, "https");
}

/// E-6: DAX encrypts in transit by a choice of its own, which encryption at rest does not imply.
/// Modelled: a DAX cluster is its two settings.
#[test]
fn e_6_dax_encrypts_in_transit_by_a_choice_of_its_own() {
    for (at_rest, in_transit) in [(false, false), (false, true), (true, false), (true, true)] {
        let cluster =
            DaxCluster::launch("dax.r5.large", DaxSseSpecification { enabled: at_rest }, in_transit).unwrap();
        assert_eq!(cluster.is_encrypted_in_transit(), in_transit);
        assert_eq!(cluster.sse_status(), if at_rest { "ENABLED" } else { "DISABLED" });
    }
}

/// E-7: What a client has encrypted is stored as it is, and encrypted once more.
#[test]
fn e_7_what_a_client_encrypted_is_encrypted_once_more() {
    let (mut world, _) = books();
    let own = world.kms.create_key(world.scope, world.now);
    let sealed_by_client = "ciphertext of the client's own";
    write(&mut world, "books", "k", sealed_by_client).unwrap();
    assert!(!world.store.contains(sealed_by_client.as_bytes()));
    assert_eq!(read(&mut world, "books").unwrap(), sealed_by_client);
    assert!(
        !world
            .kms
            .take_calls()
            .iter()
            .any(|(_, call, _)| format!("{:?}", call.request).contains(&*own.text()))
    );
}

/// E-8: Tables under each kind of key can have streams.
#[test]
fn e_8_tables_under_each_kind_of_key_can_have_streams() {
    let mut world = world();
    for (at, sse) in kinds(&world).iter().enumerate() {
        let name = format!("table-{at}");
        table(&mut world, &name, sse);
        world.turn_on(&name, Feature::Stream).unwrap();
        write(&mut world, &name, "k", SECRET).unwrap();
        let root = world.root();
        assert_eq!(world.stream(&name, (&root, None)).unwrap(), [SECRET]);
    }
}

/// E-9: Stream records are encrypted under the table's key.
#[test]
fn e_9_stream_records_are_under_the_tables_key() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::Stream).unwrap();
    write(&mut world, "books", "k", SECRET).unwrap();
    assert!(!world.store.contains(SECRET.as_bytes()));
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(5));
    let root = world.root();
    is_disabled(world.stream("books", (&root, None)), key);
}

/// E-10: Backups are encrypted. E-12: A backup is under the kind of key that its table had.
#[test]
fn e_10_e_12_a_backup_is_encrypted_under_the_kind_of_key_of_its_table() {
    let mut world = world();
    let kinds = kinds(&world);
    for (at, sse) in kinds.iter().enumerate() {
        let name = format!("table-{at}");
        table(&mut world, &name, sse);
        let arn = world.backup(&name, "backup").unwrap();
        assert!(world.store.backups.contains_key(&arn) && !world.store.contains(SECRET.as_bytes()));
        let kind = world.tables.read(|engine, _| engine.backup(&arn).unwrap().key.protector.kind());
        assert_eq!(kind, described(&world, &name).unwrap().kind);
        assert_eq!(kind, [KeyKind::Owned, KeyKind::Managed, KeyKind::Customer][at]);
    }
}

/// E-11: A restored table is encrypted, whatever key is asked for.
#[test]
fn e_11_a_restored_table_is_encrypted() {
    let (mut world, key) = books();
    let arn = world.backup("books", "backup").unwrap();
    let wishes = [
        (None, KeyKind::Customer),
        (Some(SseSpecification::owned()), KeyKind::Owned),
        (Some(SseSpecification::default()), KeyKind::Owned),
        (Some(SseSpecification::managed()), KeyKind::Managed),
        (Some(under(key)), KeyKind::Customer),
    ];
    for (at, (sse, kind)) in wishes.into_iter().enumerate() {
        let name = format!("restored-{at}");
        world.restore(Source::Backup(arn.clone()), &name, sse).unwrap();
        assert_eq!(described(&world, &name).unwrap().kind, kind);
        assert_eq!(read(&mut world, &name).unwrap(), SECRET);
    }
    assert!(!world.store.contains(SECRET.as_bytes()));
}

/// E-13: Local secondary indexes use the table's key. E-14: Global secondary indexes use the table's key.
#[test]
fn e_13_e_14_indexes_use_the_tables_key() {
    let (mut world, key) = books();
    let grants = world.kms.grants(key).len();
    for structure in
        [Structure::Lsi(INDEX.into()), Structure::Gsi(INDEX.into()), Structure::Gsi("later".into())]
    {
        assert!(access(&mut world, "books", Operation::PutItem, structure).is_ok());
    }
    assert_eq!(calls(&world), ["Decrypt"; 3], "one for each of three connections, none for an index");
    assert_eq!(world.kms.grants(key).len(), grants);
    let table = world.table("books").unwrap();
    assert_eq!(table.data_keys.len(), 4, "a data key for each structure");
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(5));
    for structure in [Structure::Base, Structure::Lsi(INDEX.into()), Structure::Gsi(INDEX.into())] {
        is_disabled(access(&mut world, "books", Operation::Query, structure), key);
    }
}

/// E-15: The cipher is AES with keys of 256 bits.
#[test]
fn e_15_the_cipher_is_aes_256() {
    let mut world = world();
    let key = key(&world);
    table(&mut world, "books", &under(key));
    let made: Vec<_> = world.kms.take_calls().into_iter().map(|(_, call, _)| call.request).collect();
    let generate = made.iter().find(|request| request.operation() == "GenerateDataKey").unwrap();
    assert_eq!(generate.body(world.scope.region)["KeySpec"], "AES_256");
    assert_eq!(KEY_LENGTH * 8, 256);
    let table_key = opened(&world, &world.table("books").unwrap());
    assert_eq!(table_key.expose().len(), KEY_LENGTH);
    for data_key in world.table("books").unwrap().data_keys.values() {
        assert_eq!(data_key.open(&table_key).unwrap().expose().len(), KEY_LENGTH);
    }
}

/// What KMS says to a wrapped table key.
fn decrypt(world: &SampleWorld, key: &TableKey) -> KmsReply {
    let (blob, context) = (key.blob.clone(), key.context.context());
    let request = KmsRequest::Decrypt { key: key.protector.key().unwrap(), blob, context };
    let call = KmsCall {
        flow: FlowId(0),
        region: world.scope.region,
        identity: Identity::Service,
        request,
        reason: Reason::Background,
        table: key.context.clone(),
    };
    world.kms.answer(&call, world.now)
}

/// The table key, as KMS opens it.
fn opened(world: &SampleWorld, table: &Table) -> Secret {
    match decrypt(world, table.key.as_ref().unwrap()) {
        Ok(KmsOutput::Decrypted { plaintext }) => plaintext,
        other => panic!("{other:?}"),
    }
}

/// E-16: KMS makes and opens every table key that is not under an AWS owned key.
#[test]
fn e_16_kms_makes_and_opens_every_table_key() {
    for at in [1, 2] {
        let mut world = world();
        let sse = kinds(&world)[at].clone();
        world.create("books", &sse).unwrap();
        assert_eq!(calls(&world).iter().filter(|call| **call == "GenerateDataKey").count(), 1);
        write(&mut world, "books", "k", SECRET).unwrap();
        world.restart();
        let _ = calls(&world);
        read(&mut world, "books").unwrap();
        assert_eq!(calls(&world), ["Decrypt"]);
        world.kms.set_unreachable(true);
        world.restart();
        assert_eq!(read(&mut world, "books").unwrap_err().status, 500, "nothing opens without KMS");
    }
}

/// E-17: Table, indexes and stream are all under the one customer managed key.
#[test]
fn e_17_table_indexes_and_stream_are_under_one_key() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::Stream).unwrap();
    let parts =
        [Structure::Base, Structure::Lsi(INDEX.into()), Structure::Gsi(INDEX.into()), Structure::Stream];
    for part in &parts {
        access(&mut world, "books", Operation::PutItem, part.clone()).unwrap();
    }
    let seen = world.kms.take_calls();
    for (_, call, _) in &seen {
        let KmsRequest::Decrypt { key: used, .. } = &call.request else { panic!("{call:?}") };
        assert_eq!(*used, key);
    }
    world.kms.disable(key, world.now);
    world.pass(Span::minutes(5));
    for part in parts {
        is_disabled(access(&mut world, "books", Operation::GetItem, part), key);
    }
}

/// E-18: Without access to the key the service reads nothing, in whatever way the access went.
#[test]
fn e_18_without_the_key_nothing_is_read() {
    use crate::at_rest::sample::KeyState;
    type Loss = fn(&SampleWorld, KeyArn);
    let losses: [(Loss, &str); 6] = [
        (|world, key| world.kms.disable(key, world.now), "KMS key disabled error"),
        (|world, key| world.kms.schedule_deletion(key, 7, world.now), "KMS validation error"),
        (|world, key| world.kms.schedule_deletion(key, 0, world.now), "KMS validation error"),
        (|world, key| world.kms.set_state(key, KeyState::PendingImport, world.now), "KMS validation error"),
        (
            |world, key| {
                world.kms.create_store("store", false);
                world.kms.put_in_store(key, "store", world.now);
                world.kms.set_connected("store", false, world.now);
            },
            "KMS validation error",
        ),
        (
            |world, key| world.kms.deny(key, &world.root().arn, "Decrypt", world.now),
            "KMS key access denied error",
        ),
    ];
    for (lose, prefix) in losses {
        let (mut world, key) = books();
        read_on(&mut world, "books", Some(1)).unwrap();
        lose(&world, key);
        world.pass(Span::minutes(5));
        let refusal = read_on(&mut world, "books", Some(1)).unwrap_err();
        assert!(refusal.message.starts_with(prefix), "{refusal}");
        world.restart();
        assert!(read(&mut world, "books").is_err());
    }
    let (mut world, _) = books();
    let stranger = Caller::root("999988887777".parse().unwrap());
    let refusal = world.get("books", "k", (&stranger, None)).unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException", "a key of another account");
}

/// E-19: Data under data keys under a table key under a KMS key; only wrapped keys are stored.
#[test]
fn e_19_data_keys_under_a_table_key_under_the_kms_key() {
    let (world, _) = books();
    let table = world.table("books").unwrap();
    let table_key = opened(&world, &table);
    let data_key = table.data_keys.values().next().unwrap();
    let secret = data_key.open(&table_key).unwrap();
    let stored = serde_json::to_string(&world.tables.read(|_, journal| journal.clone())).unwrap();
    let stored = [stored.as_bytes(), format!("{:?}", world.store).as_bytes()].concat();
    use base64::Engine as _;
    for secret in [&table_key, &secret] {
        let text = base64::engine::general_purpose::STANDARD.encode(secret.expose());
        assert!(!stored.windows(text.len()).any(|window| window == text.as_bytes()));
    }
    let other = Secret::new(vec![1; KEY_LENGTH]);
    assert!(data_key.open(&other).is_err());
    assert!(data_key.rewrap(&table_key, &other, &SeededEntropy::new(1)).unwrap().open(&other).is_ok());
}

/// E-20: KMS sees the table key only: no data, and no more calls for more items.
#[test]
fn e_20_kms_sees_the_table_key_only() {
    let counted = |items: usize| {
        let (mut world, _) = books();
        let root = world.root();
        for item in 0..items {
            world.put("books", &format!("item-{item}"), SECRET, (&root, Some(1))).unwrap();
        }
        let calls = world.kms.take_calls();
        assert!(!format!("{calls:?}").contains(SECRET));
        calls.len()
    };
    assert_eq!(counted(10), counted(1_000));
}

/// E-111: Who copies the store's files without the keys learns nothing; with the key and its context, everything.
#[test]
fn e_111_a_copy_of_the_files_tells_nothing() {
    let (mut world, key) = books();
    world.turn_on("books", Feature::Stream).unwrap();
    write(&mut world, "books", "k", SECRET).unwrap();
    world.backup("books", "backup").unwrap();
    let copy = world.store.clone();
    assert!(!copy.contains(SECRET.as_bytes()));
    world.kms.disable(key, world.now);
    world.restart();
    assert!(read(&mut world, "books").is_err(), "all that is stored, and no key");
    world.kms.enable(key, world.now);
    assert_eq!(read(&mut world, "books").unwrap(), SECRET);
    // The same bytes under the name of another table: the context is another one.
    table(&mut world, "other", &under(key));
    let (from, to) = (world.table("books").unwrap(), world.table("other").unwrap());
    let stolen = copy.get(from.incarnation, &Structure::Base, b"k").unwrap().clone();
    world.store.put(to.incarnation, &Structure::Base, b"k", stolen);
    assert!(read(&mut world, "other").is_err());
    let moved = TableKey { context: to.name.clone(), ..from.key.clone().unwrap() };
    assert_eq!(decrypt(&world, &moved).unwrap_err().code, "InvalidCiphertextException");
}
