//! What encryption at rest costs: sealing and opening beside bare AES-256-GCM, calls to KMS, and time that passes.
//!
//! `cargo bench -p lifecycle --bench at_rest` measures, and prints Markdown tables after criterion's report. Both sides of the
//! comparison work in place in one thread, draw their nonces from the same buffered source, have 64 bytes of associated data,
//! and allocate nothing.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measuring tool: it prints, reads the clock, and stops at the first thing that is not as expected"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};
use lifecycle::at_rest::sample::SampleKms;
use lifecycle::at_rest::{
    Access, Answer, Caller, Change, Connection, Engine, HEADER_LENGTH, Input, KmsPort, OVERHEAD, Operation,
    RecordKeys, SEALS_MAX, Settings, Span, SseSpecification, Structure, TAG_LENGTH, TableName, Tables,
};
use lifecycle::clock::Timestamp;
use lifecycle::crypto::{Entropy, Secret, SystemEntropy};
use lifecycle::ids::{AccountId, KeyArn, Region, Scope, Uuid};
use ring::aead;

const START: Timestamp = Timestamp(1_767_225_600_000);

/// With the 33 bytes that the engine adds, 64 bytes of associated data.
const RECORD: [u8; 31] = *b"a record's key of 31 bytes, yes";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = Comparison::default();
    for size in [100, 1_024, 100 * 1_024] {
        seals(&mut criterion, &mut table, size);
        opens(&mut criterion, &mut table, size);
    }
    criterion.final_summary();
    // Not of criterion: measured whatever names it was asked for.
    table.print();
    calls();
    time();
}

struct Bench {
    tables: Tables<Vec<Change>>,
    kms: SampleKms,
    scope: Scope,
    key: KeyArn,
}

fn engine() -> Engine {
    let settings = Settings { seals_per_load: SEALS_MAX, ..Settings::default() };
    Engine::new(settings, &Secret::new(vec![7; 32]), Arc::new(SystemEntropy::new()))
}

impl Bench {
    fn new(tables: usize) -> Self {
        let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
        let kms = SampleKms::new(1);
        let key = kms.create_key(scope, START);
        let bench = Bench { tables: Tables::new(engine(), Vec::new()), kms, scope, key };
        for at in 0..tables {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&at.to_be_bytes());
            let (table, incarnation, caller) = (bench.name(at), Uuid::v4(id), Caller::root(scope.account));
            let sse = SseSpecification::kms(&key.text());
            bench.run(Input::Create { table, incarnation, caller, sse }, START);
        }
        bench.advance(Span::seconds(6).after(START));
        bench
    }

    fn name(&self, at: usize) -> TableName {
        TableName::new(self.scope, &format!("table-{at}"))
    }

    fn run(&self, input: Input, now: Timestamp) -> Answer {
        self.tables.run(input, now, |call, at| self.kms.answer(call, at)).unwrap()
    }

    fn advance(&self, to: Timestamp) {
        self.tables.advance(to, |call, at| self.kms.answer(call, at));
    }

    fn access(&self, connection: u64, now: Timestamp) -> RecordKeys {
        let access = Access {
            table: self.name(0),
            caller: Caller::root(self.scope.account),
            connection: Some(Connection(connection)),
            operation: Operation::PutItem,
            structure: Structure::Base,
        };
        match self.run(Input::Access(access), now) {
            Answer::Keys(keys) => keys,
            other => panic!("{other:?}"),
        }
    }
}

fn record_keys() -> RecordKeys {
    Bench::new(1).access(1, Span::seconds(7).after(START))
}

fn bare() -> (aead::LessSafeKey, SystemEntropy, [u8; 64]) {
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, &[5; 32]).unwrap();
    (aead::LessSafeKey::new(key), SystemEntropy::new(), [3; 64])
}

fn nonce(entropy: &SystemEntropy) -> aead::Nonce {
    let mut bytes = [0; aead::NONCE_LEN];
    entropy.fill(&mut bytes).unwrap();
    aead::Nonce::assume_unique_for_key(bytes)
}

fn seals(criterion: &mut Criterion, table: &mut Comparison, size: usize) {
    let (keys, mut record) = (record_keys(), vec![1; size + OVERHEAD]);
    let ours = || keys.seal_in_place(&RECORD, black_box(&mut record)).unwrap();
    let (key, entropy, aad) = bare();
    let mut text = vec![1; size];
    let ring = || {
        let tag =
            key.seal_in_place_separate_tag(nonce(&entropy), aead::Aad::from(&aad), black_box(&mut text));
        let _ = black_box(tag.unwrap());
    };
    table.measure(criterion, "seal", size, ours, ring);
}

fn opens(criterion: &mut Criterion, table: &mut Comparison, size: usize) {
    let keys = record_keys();
    let sealed = keys.seal(&RECORD, &vec![1; size]).unwrap();
    let mut buffer = sealed.clone();
    // Both sides have to fetch the record anew: opening in place leaves the plaintext.
    let ours = || {
        buffer.copy_from_slice(&sealed);
        black_box(keys.open_in_place(&RECORD, &mut buffer).unwrap().len());
    };
    let (key, entropy, aad) = bare();
    let mut text = vec![1; size];
    let mut drawn = [0; aead::NONCE_LEN];
    entropy.fill(&mut drawn).unwrap();
    let unique = || aead::Nonce::assume_unique_for_key(drawn);
    let tag = key.seal_in_place_separate_tag(unique(), aead::Aad::from(&aad), &mut text).unwrap();
    let stored = [&[0; HEADER_LENGTH][..], &text, tag.as_ref()].concat();
    assert_eq!((stored.len(), tag.as_ref().len()), (sealed.len(), TAG_LENGTH));
    let mut other = stored.clone();
    let ring = || {
        other.copy_from_slice(&stored);
        let opened = key.open_in_place(unique(), aead::Aad::from(&aad), &mut other[HEADER_LENGTH..]);
        black_box(opened.unwrap().len());
    };
    table.measure(criterion, "open", size, ours, ring);
}

/// What was measured: the median over samples that alternate between both sides, so that a noisy machine disturbs both.
#[derive(Default)]
struct Comparison(Vec<(&'static str, usize, f64, f64)>);

const ROUNDS: usize = 41;

impl Comparison {
    fn measure(
        &mut self,
        criterion: &mut Criterion,
        what: &'static str,
        size: usize,
        mut ours: impl FnMut(),
        mut ring: impl FnMut(),
    ) {
        let mut group = criterion.benchmark_group(what);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("lifecycle", size), |bencher| bencher.iter(&mut ours));
        group.bench_function(BenchmarkId::new("ring", size), |bencher| bencher.iter(&mut ring));
        group.finish();
        let times = (2_000_000 / (size + 1_000)).max(10);
        let (mut ours_took, mut ring_took) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours_took.push(took(times, &mut ours));
            ring_took.push(took(times, &mut ring));
        }
        self.0.push((what, size, median(ours_took), median(ring_took)));
    }

    fn print(&self) {
        println!(
            "\n| Record | Bytes | lifecycle ns | ring ns | Share of ring's rate |\n| --- | --- | --- | --- | --- |"
        );
        for (what, size, ours, ring) in &self.0 {
            println!("| {what} | {size} | {ours:.0} | {ring:.0} | {:.0} % |", 100.0 * ring / ours);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time to print")]
fn took(times: usize, run: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..times {
        run();
    }
    started.elapsed().as_nanos() as f64 / times as f64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Calls to KMS in a million operations, a thousand in a second.
fn calls() {
    println!(
        "\n| Connections | Operations | Calls to KMS | ns for an operation |\n| --- | --- | --- | --- |"
    );
    for connections in [1, 100] {
        let bench = Bench::new(1);
        let _ = bench.kms.take_calls();
        let (from, started) = (Span::seconds(7).after(START), Instant::now());
        for operation in 0..1_000_000_i64 {
            let connection = operation.unsigned_abs() % connections;
            black_box(bench.access(connection, Span(operation).after(from)));
        }
        let each = started.elapsed().as_nanos() / 1_000_000;
        println!("| {connections} | 1,000,000 | {} | {each} |", bench.kms.take_calls().len());
    }
}

/// Seven days, at the end of which ten thousand inaccessible tables are archived.
fn time() {
    const TABLES: usize = 10_000;
    let bench = Bench::new(TABLES);
    let lost_at = Span::seconds(7).after(START);
    bench.advance(lost_at);
    bench.kms.disable(bench.key, lost_at);
    bench.tables.observe(|key| bench.kms.changed_at(key), START, lost_at);
    let found_at = Span::minutes(41).after(lost_at);
    bench.advance(found_at);
    let count = |bench: &Bench, status: &str| {
        bench.tables.read(|engine, _| engine.tables().filter(|table| table.status.as_str() == status).count())
    };
    assert_eq!(count(&bench, "INACCESSIBLE_ENCRYPTION_CREDENTIALS"), TABLES);
    let started = Instant::now();
    bench.advance(Span::days(6).after(found_at));
    let quiet = started.elapsed();
    bench.advance(Span::days(8).after(found_at));
    let all = started.elapsed();
    assert_eq!(count(&bench, "ARCHIVED"), TABLES);
    println!("\n| Advance with 10,000 inaccessible tables | ms |\n| --- | --- |");
    println!("| six days in which nothing happens | {} |", quiet.as_millis());
    println!("| over the seventh, when all are archived | {} |", all.as_millis());
}
