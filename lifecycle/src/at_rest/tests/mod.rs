//! Every rule of DynamoDB's encryption at rest has a test whose name carries its number; `rules.rs` makes a table of them.

mod answers;
mod cache;
mod calls;
mod drive;
mod encrypted;
mod features;
mod kinds;
mod loss;
mod replicas;
mod rules;
mod scenarios;
mod sealing;
mod simulation;
mod stores;
mod switching;
mod variants;

use super::sample::SampleWorld;
use super::settings::{Settings, Span};
use super::*;
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region};

/// A world with AWS's timings.
fn world() -> SampleWorld {
    SampleWorld::new(Settings::default())
}

/// A customer managed key.
fn key(world: &SampleWorld) -> KeyArn {
    world.kms.create_key(world.scope, world.now)
}

fn under(key: KeyArn) -> SseSpecification {
    SseSpecification::kms(&key.text())
}

/// A world with an ACTIVE table `books` under a customer managed key, and an item `k`.
fn books() -> (SampleWorld, KeyArn) {
    let mut world = world();
    let key = key(&world);
    table(&mut world, "books", &under(key));
    let _ = world.kms.take_calls();
    (world, key)
}

/// An ACTIVE table with an item `k`.
fn table(world: &mut SampleWorld, name: &str, sse: &SseSpecification) {
    world.create(name, sse).unwrap();
    assert_eq!(status(world, name), "ACTIVE");
    write(world, name, "k", SECRET).unwrap();
}

/// What must never lie on a disk.
const SECRET: &str = "the plaintext of an item";

fn status(world: &SampleWorld, table: &str) -> String {
    described(world, table).map_or_else(|| "gone".to_owned(), |description| description.table_status)
}

fn described(world: &SampleWorld, table: &str) -> Option<Description> {
    let name = world.name(table);
    world.tables.read(|engine, _| engine.describe(&name))
}

fn sse_of(world: &SampleWorld, table: &str) -> Option<SseDescription> {
    described(world, table).unwrap().sse_description
}

/// Reads `k` as the root user on a connection of its own.
fn read(world: &mut SampleWorld, table: &str) -> Result<String, Refusal> {
    read_on(world, table, None)
}

fn read_on(world: &mut SampleWorld, table: &str, connection: Option<u64>) -> Result<String, Refusal> {
    let root = world.root();
    world.get(table, "k", (&root, connection))
}

fn write(world: &mut SampleWorld, table: &str, key: &str, value: &str) -> Result<(), Refusal> {
    let root = world.root();
    world.put(table, key, value, (&root, None))
}

/// Access as the root user on a connection of its own.
fn access(
    world: &mut SampleWorld,
    table: &str,
    operation: Operation,
    structure: Structure,
) -> Result<RecordKeys, Refusal> {
    let root = world.root();
    world.keys(table, operation, structure, &root, None)
}

/// The names of the operations that KMS has seen since the last time.
fn calls(world: &SampleWorld) -> Vec<&'static str> {
    world.kms.take_calls().iter().map(|(_, call, _)| call.request.operation()).collect()
}

/// The three kinds of keys.
fn kinds(world: &SampleWorld) -> [SseSpecification; 3] {
    [SseSpecification::owned(), SseSpecification::managed(), under(key(world))]
}

/// How long until the loss of a key has shown in the status.
const DETECTED: Span = Span::minutes(41);

fn lose(world: &mut SampleWorld, key: KeyArn) {
    world.kms.disable(key, world.now);
    world.pass(DETECTED);
}

fn at(world: &SampleWorld, span: Span) -> Timestamp {
    span.after(world.now)
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn is_disabled<T: std::fmt::Debug>(answer: Result<T, Refusal>, key: KeyArn) {
    let refusal = answer.unwrap_err();
    assert_eq!((refusal.status, refusal.code.as_str()), (400, "ValidationException"), "{refusal}");
    let text = format!(
        "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: {key} is disabled. ("
    );
    assert!(refusal.message.starts_with(&text), "{refusal}");
}
