//! What every store has to pass: a contract that runs against any of them.
//!
//! A [`Subject`] is a disk with a store on it, which the contract opens, uses, closes and opens again, and whose bytes it
//! searches. [`check`] runs all of it; each part is a function of its own, too.

use std::fmt;
use std::sync::Arc;

use super::kms::SampleKms;
use crate::at_rest::change::{Change, Task};
use crate::at_rest::drive::{Journal, KmsPort, TableStore, Tables};
use crate::at_rest::engine::Engine;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Access, Answer, Feature, Input, Source};
use crate::at_rest::name::{Caller, Connection, Incarnation, Structure, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::seal::RecordKeys;
use crate::at_rest::settings::{Settings, Span};
use crate::at_rest::sse::SseSpecification;
use crate::at_rest::table::Status;
use crate::clock::Timestamp;
use crate::crypto::{Secret, SeededEntropy};
use crate::ids::{AccountId, KeyArn, Region, Scope, Uuid};

/// A store as the contract uses it: sealed records by table, structure and key. What it has stored must be durable when a
/// function returns.
pub trait Store: TableStore {
    /// Stores a sealed record in the place of any other with its key.
    fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: &[u8]);

    /// A sealed record.
    fn get(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<Vec<u8>>;

    /// Appends to the stream of a table.
    fn append_to_stream(&mut self, table: Incarnation, made_at: Timestamp, sealed: &[u8]);

    /// The stream of a table, oldest first.
    fn stream(&mut self, table: Incarnation) -> Vec<Vec<u8>>;

    /// Stores a record in the clear, as a store did before it had encryption. `false` if there never was such a time.
    fn put_in_the_clear(&mut self, table: Incarnation, key: &[u8], value: &[u8]) -> bool;
}

/// A disk with a store on it.
pub trait Subject {
    /// The store.
    type Store: Store;
    /// Where the engine's records are kept.
    type Journal: Journal;

    /// Opens what lies on the disk: the store, the journal, and the changes that the journal holds. Nothing the first time.
    fn open(&self) -> (Self::Store, Self::Journal, Vec<Change>);

    /// Every byte on the disk, while the store is closed.
    fn bytes(&self) -> Vec<u8>;
}

/// What a store did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach(pub String);

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Breach {}

impl From<Refusal> for Breach {
    fn from(refusal: Refusal) -> Self {
        Breach(format!("refused: {refusal}"))
    }
}

type Kept = Result<(), Breach>;

/// A part of the contract.
type Part<S> = fn(&S) -> Kept;

fn require(kept: bool, what: &str) -> Kept {
    if kept { Ok(()) } else { Err(Breach(what.to_owned())) }
}

/// What must never lie on a disk.
const SECRETS: [&str; 3] = ["the first plaintext", "another plaintext", "a third plaintext"];

const START: Timestamp = Timestamp(1_767_225_600_000);

/// Runs the whole contract, each part on a disk of its own.
///
/// # Errors
/// The first [`Breach`].
pub fn check<S: Subject>(mut disk: impl FnMut() -> S) -> Kept {
    let parts: [(&str, Part<S>); 7] = [
        ("records are sealed, survive a restart, and go with their key", records),
        ("a change of the key leaves records as they are", switch),
        ("backups outlive their table", backups),
        ("an archived table is restored from its backup", archive),
        ("a deleted table leaves nothing to its successor", successor),
        ("streams are trimmed", streams),
        ("what lay in the clear is sealed", attach),
    ];
    for (name, part) in parts {
        part(&disk()).map_err(|breach| Breach(format!("{name}: {breach}")))?;
    }
    Ok(())
}

/// A store, an engine and a KMS, at one instant.
struct Harness<'s, S: Subject> {
    subject: &'s S,
    open: Option<(S::Store, Tables<S::Journal>)>,
    kms: SampleKms,
    key: KeyArn,
    scope: Scope,
    now: Timestamp,
    lives: u8,
}

impl<'s, S: Subject> Harness<'s, S> {
    fn new(subject: &'s S) -> Self {
        let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
        let kms = SampleKms::new(1);
        let key = kms.create_key(scope, START);
        Harness { subject, open: None, kms, key, scope, now: START, lives: 0 }
    }

    /// Closes what is open, and opens what is stored.
    fn reopen(&mut self) {
        self.open = None;
        let (store, journal, changes) = self.subject.open();
        // Every life draws other bytes, as a real source would.
        self.lives = self.lives.wrapping_add(1);
        let entropy = Arc::new(SeededEntropy::new(u64::from(self.lives)));
        let mut engine = Engine::new(Settings::default(), &Secret::new(vec![7; 32]), entropy);
        engine.load(changes);
        self.open = Some((store, Tables::new(engine, journal)));
    }

    fn parts(&mut self) -> (&mut S::Store, &Tables<S::Journal>, &SampleKms) {
        if self.open.is_none() {
            self.reopen();
        }
        match &mut self.open {
            Some((store, tables)) => (store, tables, &self.kms),
            None => unreachable!("it was opened just now"),
        }
    }

    fn name(&self, table: &str) -> TableName {
        TableName::new(self.scope, table)
    }

    fn ask(&mut self, input: Input) -> Result<Answer, Refusal> {
        let now = self.now;
        let (store, tables, kms) = self.parts();
        let answer = tables.run(input, now, |call, at| kms.answer(call, at));
        let _: Vec<Task> = tables.settle(store, now, |call, at| kms.answer(call, at));
        answer
    }

    fn pass(&mut self, span: Span) {
        let (before, now) = (self.now, span.after(self.now));
        self.now = now;
        let (store, tables, kms) = self.parts();
        tables.observe(|key| kms.changed_at(key), Span(1).before(before), before);
        tables.advance(now, |call, at| kms.answer(call, at));
        let _: Vec<Task> = tables.settle(store, now, |call, at| kms.answer(call, at));
    }

    fn life(&mut self) -> Incarnation {
        self.lives = self.lives.wrapping_add(1);
        Uuid::v4([self.lives; 16])
    }

    fn create(&mut self, table: &str) -> Result<Incarnation, Refusal> {
        let (incarnation, sse) = (self.life(), SseSpecification::kms(&self.key.text()));
        let (table, caller) = (self.name(table), Caller::root(self.scope.account));
        self.ask(Input::Create { table, incarnation, caller, sse })?;
        self.pass(Span::seconds(6));
        Ok(incarnation)
    }

    fn life_of(&mut self, table: &str) -> Option<Incarnation> {
        let name = self.name(table);
        let (_, tables, _) = self.parts();
        tables.read(|engine, _| engine.table(&name).map(|table| table.incarnation))
    }

    fn keys(&mut self, table: &str, structure: Structure) -> Result<RecordKeys, Refusal> {
        let access = Access {
            table: self.name(table),
            caller: Caller::root(self.scope.account),
            connection: Some(Connection(1)),
            operation: Operation::PutItem,
            structure,
        };
        match self.ask(Input::Access(access))? {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(Refusal::internal("an access was answered without keys")),
        }
    }

    fn put(&mut self, table: &str, structure: &Structure, key: &[u8], value: &str) -> Kept {
        let keys = self.keys(table, structure.clone())?;
        let sealed = keys.seal(key, value.as_bytes()).map_err(|error| Breach(error.to_string()))?;
        let incarnation = self.life_of(table).ok_or_else(|| Breach(format!("{table} is gone")))?;
        self.parts().0.put(incarnation, structure, key, &sealed);
        Ok(())
    }

    fn sealed(&mut self, table: &str, structure: &Structure, key: &[u8]) -> Option<Vec<u8>> {
        let incarnation = self.life_of(table)?;
        self.parts().0.get(incarnation, structure, key)
    }

    fn get(&mut self, table: &str, structure: &Structure, key: &[u8]) -> Result<String, Breach> {
        let keys = self.keys(table, structure.clone())?;
        let sealed = self.sealed(table, structure, key);
        let sealed = sealed.ok_or_else(|| Breach(format!("a record of {table} is not there")))?;
        let opened = keys.open(key, &sealed).map_err(|error| Breach(error.to_string()))?;
        Ok(String::from_utf8_lossy(&opened).into_owned())
    }

    fn fill(&mut self, table: &str) -> Kept {
        for (structure, value) in places().iter().zip(SECRETS) {
            self.put(table, structure, KEY, value)?;
        }
        Ok(())
    }

    fn is_filled(&mut self, table: &str) -> Kept {
        for (structure, value) in places().iter().zip(SECRETS) {
            let found = self.get(table, structure, KEY)?;
            require(found == value, &format!("{structure} of {table} holds {found}"))?;
        }
        Ok(())
    }

    /// Closes the store, looks at its bytes, and opens it again.
    fn nothing_lies_in_the_clear(&mut self) -> Kept {
        self.open = None;
        let bytes = self.subject.bytes();
        let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        for secret in SECRETS {
            require(!contains(secret), &format!("\"{secret}\" lies in the clear"))?;
        }
        require(!bytes.is_empty(), "nothing is on the disk at all")
    }

    fn restore(&mut self, source: Source, target: &str) -> Kept {
        let (target, incarnation) = (self.name(target), self.life());
        let caller = Caller::root(self.scope.account);
        self.ask(Input::Restore { source, target, incarnation, caller, sse: None })?;
        self.pass(Span::minutes(3));
        Ok(())
    }

    fn delete(&mut self, table: &str) -> Kept {
        let table = self.name(table);
        self.ask(Input::Delete { table })?;
        Ok(())
    }
}

/// Bytes that need care in file names and text columns.
const KEY: &[u8] = b"k\x00/\xff'";

fn places() -> [Structure; 3] {
    [Structure::Base, Structure::Lsi("by-author".to_owned()), Structure::Gsi("by-author".to_owned())]
}

/// Records come back, also after a restart, and never lie in the clear; without the key they do not open.
///
/// # Errors
/// A [`Breach`].
pub fn records<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    harness.create("books")?;
    harness.fill("books")?;
    harness.put("books", &Structure::Base, KEY, "an older value")?;
    harness.put("books", &Structure::Base, KEY, SECRETS[0])?;
    harness.put("books", &Structure::Base, b"other", SECRETS[1])?;
    harness.is_filled("books")?;
    harness.nothing_lies_in_the_clear()?;
    harness.is_filled("books")?;
    harness.kms.disable(harness.key, harness.now);
    harness.pass(Span::minutes(5));
    require(harness.get("books", &Structure::Base, KEY).is_err(), "a record opened without its key")?;
    harness.reopen();
    require(harness.get("books", &Structure::Base, KEY).is_err(), "a record opened without its key")?;
    harness.kms.enable(harness.key, harness.now);
    harness.is_filled("books")
}

/// A change of the key does not touch records.
///
/// # Errors
/// A [`Breach`].
pub fn switch<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    harness.create("books")?;
    harness.fill("books")?;
    let before = harness.sealed("books", &Structure::Base, KEY);
    let new = harness.kms.create_key(harness.scope, harness.now);
    let (table, caller) = (harness.name("books"), Caller::root(harness.scope.account));
    let sse = SseSpecification::kms(&new.text());
    harness.ask(Input::Switch { table, caller, sse, replicas: Vec::new(), with_other_changes: false })?;
    harness.pass(Span::seconds(22));
    harness.kms.disable(harness.key, harness.now);
    harness.reopen();
    harness.is_filled("books")?;
    let after = harness.sealed("books", &Structure::Base, KEY);
    require(before.is_some() && before == after, "the change of the key rewrote a record")
}

/// A backup outlives its table, and fills another.
///
/// # Errors
/// A [`Breach`].
pub fn backups<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    harness.create("books")?;
    harness.fill("books")?;
    let (table, caller) = (harness.name("books"), Caller::root(harness.scope.account));
    let Answer::Backup(backup) =
        harness.ask(Input::Backup { table, caller, connection: None, name: "backup".to_owned() })?
    else {
        return Err(Breach("a backup was answered without one".to_owned()));
    };
    harness.put("books", &Structure::Base, KEY, "written after the backup")?;
    harness.delete("books")?;
    harness.nothing_lies_in_the_clear()?;
    harness.restore(Source::Backup(backup.arn.clone()), "copy")?;
    harness.is_filled("copy")?;
    harness.ask(Input::DeleteBackup { arn: backup.arn })?;
    harness.reopen();
    harness.is_filled("copy")
}

/// A table whose key does not come back is archived, and restored from what archiving kept.
///
/// # Errors
/// A [`Breach`].
pub fn archive<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    harness.create("books")?;
    harness.fill("books")?;
    harness.kms.disable(harness.key, harness.now);
    harness.pass(Span::days(8));
    let name = harness.name("books");
    let (_, tables, _) = harness.parts();
    let archived = tables.read(|engine, _| engine.table(&name).cloned());
    let backup = archived
        .filter(|table| matches!(table.status, Status::Archived { .. }))
        .and_then(|table| table.archival_backup);
    let backup = backup.ok_or_else(|| Breach("the table was not archived".to_owned()))?;
    harness.nothing_lies_in_the_clear()?;
    harness.kms.enable(harness.key, harness.now);
    harness.delete("books")?;
    harness.restore(Source::Backup(backup), "books")?;
    harness.is_filled("books")
}

/// A table of the same name has nothing of the one before.
///
/// # Errors
/// A [`Breach`].
pub fn successor<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    let first = harness.create("books")?;
    harness.fill("books")?;
    harness.delete("books")?;
    let gone = harness.parts().0.get(first, &Structure::Base, KEY);
    require(gone.is_none(), "the records of a deleted table are there")?;
    harness.create("books")?;
    require(harness.sealed("books", &Structure::Base, KEY).is_none(), "a new table has records")?;
    harness.fill("books")?;
    harness.is_filled("books")
}

/// Stream records live 24 hours.
///
/// # Errors
/// A [`Breach`].
pub fn streams<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    let table = harness.create("books")?;
    let (name, caller) = (harness.name("books"), Caller::root(harness.scope.account));
    let feature = Feature::Stream;
    harness.ask(Input::SetFeature { table: name, caller, connection: None, feature, enabled: true })?;
    for value in SECRETS {
        let keys = harness.keys("books", Structure::Stream)?;
        let sealed = keys.seal(b"", value.as_bytes()).map_err(|error| Breach(error.to_string()))?;
        let now = harness.now;
        harness.parts().0.append_to_stream(table, now, &sealed);
        harness.pass(Span::hours(1));
    }
    harness.nothing_lies_in_the_clear()?;
    for (passed, expected) in
        [(Span::hours(20), 3), (Span::hours(1), 2), (Span::hours(1), 1), (Span::hours(1), 0)]
    {
        harness.pass(passed);
        let left = harness.parts().0.stream(table);
        require(left.len() == expected, &format!("{} stream records instead of {expected}", left.len()))?;
        let keys = harness.keys("books", Structure::Stream)?;
        for (sealed, value) in left.iter().rev().zip(SECRETS.iter().rev()) {
            let opened = keys.open(b"", sealed).map_err(|error| Breach(error.to_string()))?;
            require(opened == value.as_bytes(), "the stream is out of order")?;
        }
    }
    Ok(())
}

/// What a store had in the clear is sealed when its table comes under the engine, and nothing of it is left on the disk.
///
/// # Errors
/// A [`Breach`].
pub fn attach<S: Subject>(subject: &S) -> Kept {
    let mut harness = Harness::new(subject);
    let incarnation = harness.life();
    if !harness.parts().0.put_in_the_clear(incarnation, KEY, SECRETS[0].as_bytes()) {
        return Ok(());
    }
    require(harness.nothing_lies_in_the_clear().is_err(), "the search finds nothing that lies in the clear")?;
    let table = harness.name("old");
    harness.ask(Input::Attach { table, incarnation })?;
    harness.nothing_lies_in_the_clear()?;
    let found = harness.get("old", &Structure::Base, KEY)?;
    require(found == SECRETS[0], "the record of before is another now")
}
