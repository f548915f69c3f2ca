//! A record opens with its keys, under its name, and as it was sealed; nothing else opens.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::at_rest::wrap::WrappedDataKey;
use crate::crypto::{Entropy, Secret, SeededEntropy};

/// The keys of a structure of a table, with another table under the same KMS key beside it.
struct Shelf {
    world: SampleWorld,
    keys: RecordKeys,
}

fn shelf() -> Shelf {
    let (mut world, key) = books();
    table(&mut world, "other", &under(key));
    let keys = access(&mut world, "books", Operation::PutItem, Structure::Base).unwrap();
    Shelf { world, keys }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_record_comes_back_as_it_was(
        key in prop::collection::vec(any::<u8>(), 0..200),
        value in prop::collection::vec(any::<u8>(), 0..5_000),
    ) {
        let Shelf { keys, .. } = shelf();
        let sealed = keys.seal(&key, &value).unwrap();
        prop_assert_eq!(sealed.len(), value.len() + OVERHEAD);
        prop_assert_eq!(&keys.open(&key, &sealed).unwrap(), &value);
        let mut buffer = vec![7; 3];
        keys.seal_into(&key, &value, &mut buffer).unwrap();
        prop_assert_ne!(&buffer, &sealed, "a nonce of its own");
        prop_assert_eq!(&*keys.open_in_place(&key, &mut buffer).unwrap(), &value[..]);
    }

    #[test]
    fn any_flipped_bit_any_cut_and_any_addition_is_refused(
        value in prop::collection::vec(any::<u8>(), 0..60),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let Shelf { keys, .. } = shelf();
        let sealed = keys.seal(b"k", &value).unwrap();
        let mut flipped = sealed.clone();
        flipped[at.index(sealed.len())] ^= 1 << bit;
        prop_assert_eq!(keys.open(b"k", &flipped), Err(OpenError));
        prop_assert_eq!(keys.open(b"k", &sealed[..at.index(sealed.len())]), Err(OpenError));
        prop_assert_eq!(keys.open(b"k", &[&sealed[..], &[0]].concat()), Err(OpenError));
    }

    #[test]
    fn no_other_record_key_opens(key in prop::collection::vec(any::<u8>(), 0..100), other in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assume!(key != other);
        let Shelf { keys, .. } = shelf();
        let sealed = keys.seal(&key, b"value").unwrap();
        prop_assert_eq!(keys.open(&other, &sealed), Err(OpenError));
    }
}

#[test]
fn a_long_record_key_is_no_digest_in_disguise() {
    let Shelf { keys, .. } = shelf();
    let long = vec![3; 500];
    let digest = ring::digest::digest(&ring::digest::SHA256, &long);
    let sealed = keys.seal(&long, b"value").unwrap();
    assert!(keys.open(digest.as_ref(), &sealed).is_err());
    assert!(keys.open(&[&[1], digest.as_ref()].concat(), &sealed).is_err());
    for length in [62, 63, 64, 65] {
        let key = vec![9; length];
        let sealed = keys.seal(&key, b"value").unwrap();
        assert!(keys.open(&key, &sealed).is_ok() && keys.open(&key[1..], &sealed).is_err());
    }
}

#[test]
fn another_structure_table_or_incarnation_does_not_open() {
    let Shelf { mut world, keys } = shelf();
    let sealed = keys.seal(b"k", b"value").unwrap();
    for structure in [Structure::Stream, Structure::Lsi("base".into()), Structure::Gsi("base".into())] {
        let others = access(&mut world, "books", Operation::PutItem, structure).unwrap();
        assert_eq!(others.open(b"k", &sealed), Err(OpenError));
    }
    let other = access(&mut world, "other", Operation::PutItem, Structure::Base).unwrap();
    assert_eq!(other.open(b"k", &sealed), Err(OpenError));
    let key = world.table("books").unwrap().protector.key().unwrap();
    let table = world.name("books");
    world.input(Input::Delete { table }).unwrap();
    super::table(&mut world, "books", &under(key));
    let again = access(&mut world, "books", Operation::GetItem, Structure::Base).unwrap();
    assert_eq!(again.open(b"k", &sealed), Err(OpenError), "another life of the same name under the same key");
}

#[test]
fn a_wrapped_data_key_opens_in_its_place_only() {
    let (world, _) = books();
    let table = world.table("books").unwrap();
    let table_key = Secret::new(vec![4; KEY_LENGTH]);
    let (account, origin) = (table.name.scope.account, table.incarnation);
    let entropy = SeededEntropy::new(5);
    let key = WrappedDataKey::make(1, &Structure::Base, account, origin, &table_key, &entropy).unwrap();
    assert!(key.open(&table_key).is_ok());
    let moved = [
        WrappedDataKey { number: 2, ..key.clone() },
        WrappedDataKey { structure: Structure::Stream, ..key.clone() },
        WrappedDataKey { account: "111122223333".parse().unwrap(), ..key.clone() },
        WrappedDataKey { origin: world.incarnation(), ..key.clone() },
    ];
    assert!(moved.iter().all(|moved| moved.open(&table_key).is_err()));
    for at in 0..key.blob.0.len() {
        let mut blob = key.blob.clone();
        blob.0[at] ^= 1;
        assert!(WrappedDataKey { blob, ..key.clone() }.open(&table_key).is_err());
    }
}

#[test]
fn a_handle_seals_no_more_than_was_reserved_and_the_next_goes_on() {
    let settings = Settings { seals_per_load: 10, ..Settings::default() };
    let mut world = SampleWorld::new(settings);
    table(&mut world, "books", &SseSpecification::owned());
    let keys = access(&mut world, "books", Operation::PutItem, Structure::Stream).unwrap();
    let sealed: Vec<Vec<u8>> = (0..10).map(|_| keys.seal(b"k", b"value").unwrap()).collect();
    assert_eq!(keys.seal(b"k", b"value"), Err(SealError::Exhausted));
    let next = access(&mut world, "books", Operation::PutItem, Structure::Stream).unwrap();
    next.seal(b"k", b"value").unwrap();
    assert!(sealed.iter().all(|sealed| next.open(b"k", sealed).is_ok()));
    // What a restart did not use is given up: a nonce is never at risk of being drawn too often.
    world.restart();
    access(&mut world, "books", Operation::PutItem, Structure::Stream).unwrap();
    let reserved: Vec<u64> =
        world.table("books").unwrap().data_keys.values().map(|key| key.reserved).collect();
    assert_eq!(reserved.iter().max(), Some(&30));
    // A key that has sealed all it ever may is followed by another.
    let mut record = world.table("books").unwrap();
    record.data_keys.values_mut().for_each(|key| key.reserved = SEALS_MAX - 5);
    let count = record.data_keys.len();
    let mut engine = Engine::new(
        Settings { seals_per_load: 10, ..Settings::default() },
        &Secret::new(vec![9; 32]),
        Arc::new(SeededEntropy::new(6)),
    );
    engine.load([Change::PutTable(Box::new(record))]);
    let input = Access {
        table: world.name("books"),
        caller: world.root(),
        connection: None,
        operation: Operation::PutItem,
        structure: Structure::Stream,
    };
    let Step::Done { answer: Ok(Answer::Keys(keys)), .. } = engine.start(Input::Access(input), world.now)
    else {
        panic!("an owned key needs no call");
    };
    assert!(keys.open(b"k", &sealed[0]).is_ok() && keys.seal(b"k", b"value").is_ok());
    assert_eq!(engine.table(&world.name("books")).unwrap().data_keys.len(), count + 1);
}

/// A source that gives nothing.
struct Dry;

impl Entropy for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), crate::crypto::EntropyError> {
        Err(crate::crypto::EntropyError)
    }
}

#[test]
fn without_random_bytes_nothing_is_sealed_and_nothing_changes() {
    let (world, key) = books();
    let mut engine = Engine::new(Settings::default(), &Secret::new(vec![9; 32]), Arc::new(Dry));
    engine.load(world.tables.read(|_, journal| journal.clone()));
    let before: Vec<Table> = engine.tables().cloned().collect();
    for (name, sse) in [("owned", SseSpecification::owned()), ("kms", under(key))] {
        let input = Input::Create {
            table: world.name(name),
            incarnation: world.incarnation(),
            caller: world.root(),
            sse,
        };
        let tables = Tables::new(std::mem::replace(&mut engine, empty()), Vec::new());
        let _ = tables.run(input, world.now, |call, at| world.kms.answer(call, at));
        tables.advance(Span::minutes(1).after(world.now), |call, at| world.kms.answer(call, at));
        (engine, _) = tables.into_parts();
    }
    assert!(before.iter().all(|table| engine.tables().any(|now| now == table)));
    assert_ne!(engine.table(&world.name("owned")).map(|table| table.status), Some(Status::Active));
    let tables = Tables::new(engine, Vec::new());
    let access = Access {
        table: world.name("books"),
        caller: world.root(),
        connection: None,
        operation: Operation::PutItem,
        structure: Structure::Gsi("new".into()),
    };
    let answer = tables.run(Input::Access(access), world.now, |call, at| world.kms.answer(call, at));
    assert_eq!(answer.unwrap_err().status, 500, "an index without a data key of its own");
}

fn empty() -> Engine {
    Engine::new(Settings::default(), &Secret::new(vec![9; 32]), Arc::new(Dry))
}

#[test]
fn a_short_buffer_is_refused() {
    let Shelf { keys, .. } = shelf();
    let mut buffer = [0; OVERHEAD - 1];
    assert_eq!(keys.seal_in_place(b"k", &mut buffer), Err(SealError::Buffer));
    assert_eq!(keys.open(b"k", &buffer), Err(OpenError));
    let mut empty = [0; OVERHEAD];
    keys.seal_in_place(b"k", &mut empty).unwrap();
    assert!(keys.open_in_place(b"k", &mut empty).unwrap().is_empty());
    assert!(!format!("{keys:?}").contains("secret"));
}
