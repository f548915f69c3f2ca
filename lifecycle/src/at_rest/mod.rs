//! Encryption at rest for any table store, with the behaviour of DynamoDB's.
//!
//! A store keeps tables, a KMS keeps keys, and this engine stands between them: the store never sees a KMS key, and KMS
//! never sees data. Every table has a *table key*, wrapped by its KMS key or by an AWS owned key; every [`Structure`] of the
//! table has *data keys*, wrapped by the table key; records are sealed under data keys. Only wrapped keys are stored.
//!
//! The engine is a state machine that calls nobody. Inputs, replies of KMS and time go in; calls, answers and [`Change`]s come
//! out ([`Engine`], [`Input`], [`Step`]). [`Tables`] is the loop around it, for callers that wait and for futures. What a
//! table may do in which status is one table ([`Operation`]), what falls due when is one function ([`Table::due`]), and every
//! timing is in [`Settings`].
//!
//! # What a store does
//!
//! 1. It gives [`Input::Create`], [`Input::Delete`] and [`Input::Access`] to [`Tables::run`] where its clients create, delete
//!    and use tables. A refusal is the answer that DynamoDB's client would get.
//! 2. It seals what it writes and opens what it reads with the [`RecordKeys`] of that answer, which are good for that request
//!    only. The record's key is bound to the ciphertext; it is not hidden, and neither is the length of the record.
//! 3. It keeps the changes: a [`Journal`] stores them before they count, and [`Engine::load`] takes them back at the next start.
//! 4. It lets time pass with [`Tables::advance`], as often as it likes: at every tick, or once after a year.
//! 5. If it can do more, such as backups, it says so in a [`TableStore`]; everything there is optional.
//!
//! A complete store, with a KMS that lives in memory ([`sample::SampleKms`]; PROVIDES NO SECURITY). Its table is lost with its
//! key and comes back with it:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use lifecycle::at_rest::sample::SampleKms;
//! use lifecycle::at_rest::{
//!     Access, Answer, Caller, Change, Connection, Engine, Incarnation, Input, Operation, RecordKeys, Refusal, Settings,
//!     Span, SseSpecification, Structure, TableName, TableStore, Tables, Task, TaskError, TaskKeys, Work,
//! };
//! use lifecycle::clock::Timestamp;
//! use lifecycle::crypto::{Secret, SystemEntropy};
//! use lifecycle::ids::{AccountId, Region, Scope, Uuid};
//!
//! type Row = (Incarnation, Vec<u8>);
//!
//! /// What lies on the disk: sealed records.
//! #[derive(Default)]
//! struct Disk {
//!     rows: BTreeMap<Row, Vec<u8>>,
//! }
//!
//! impl TableStore for Disk {
//!     fn perform(&mut self, task: &Task, _: &mut TaskKeys<'_>) -> Result<(), TaskError> {
//!         let Work::Drop = task.work else { return Err(TaskError::Unsupported) };
//!         self.rows.retain(|(table, _), _| *table != task.incarnation);
//!         Ok(())
//!     }
//! }
//!
//! struct Store {
//!     tables: Tables<Vec<Change>>,
//!     kms: SampleKms,
//!     disk: Disk,
//!     now: Timestamp,
//! }
//!
//! impl Store {
//!     fn ask(&mut self, input: Input) -> Result<Answer, Refusal> {
//!         let Store { tables, kms, disk, now } = self;
//!         let answer = tables.run(input, *now, |call, at| kms.answer(call, at));
//!         tables.settle(disk, *now, |call, at| kms.answer(call, at));
//!         answer
//!     }
//!
//!     fn keys(&mut self, table: &TableName, operation: Operation) -> Result<(Incarnation, RecordKeys), Refusal> {
//!         let (caller, connection) = (Caller::root(table.scope.account), Some(Connection(1)));
//!         let access = Access { table: table.clone(), caller, connection, operation, structure: Structure::Base };
//!         let Answer::Keys(keys) = self.ask(Input::Access(access))? else { unreachable!() };
//!         Ok((self.tables.read(|engine, _| engine.table(table).unwrap().incarnation), keys))
//!     }
//!
//!     fn put(&mut self, table: &TableName, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
//!         let (incarnation, keys) = self.keys(table, Operation::PutItem)?;
//!         self.disk.rows.insert((incarnation, key.to_vec()), keys.seal(key, value).unwrap());
//!         Ok(())
//!     }
//!
//!     fn get(&mut self, table: &TableName, key: &[u8]) -> Result<Vec<u8>, Refusal> {
//!         let (incarnation, keys) = self.keys(table, Operation::GetItem)?;
//!         Ok(keys.open(key, &self.disk.rows[&(incarnation, key.to_vec())]).unwrap())
//!     }
//!
//!     fn wait(&mut self, span: Span) {
//!         let (seen, kms) = (Span(1).before(self.now), &self.kms);
//!         self.tables.observe(|key| lifecycle::at_rest::KmsPort::changed_at(kms, key), seen, self.now);
//!         self.now = span.after(self.now);
//!         self.tables.advance(self.now, |call, at| kms.answer(call, at));
//!     }
//! }
//!
//! let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
//! let owned_key = Secret::new(vec![7; 32]);
//! let engine = Engine::new(Settings::default(), &owned_key, Arc::new(SystemEntropy::new()));
//! let (tables, kms, now) = (Tables::new(engine, Vec::new()), SampleKms::new(1), Timestamp(1_767_225_600_000));
//! let mut store = Store { tables, kms, disk: Disk::default(), now };
//!
//! let key = store.kms.create_key(scope, now);
//! let (books, incarnation) = (TableName::new(scope, "books"), Uuid::v4([1; 16]));
//! let (caller, sse) = (Caller::root(scope.account), SseSpecification::kms(&key.text()));
//! store.ask(Input::Create { table: books.clone(), incarnation, caller, sse }).unwrap();
//! store.wait(Span::seconds(6));
//! store.put(&books, b"k", b"plaintext").unwrap();
//! assert!(store.disk.rows.values().all(|row| !row.windows(9).any(|bytes| bytes == b"plaintext")));
//!
//! store.kms.disable(key, store.now);
//! store.wait(Span::minutes(4));
//! assert_eq!(store.get(&books, b"k").unwrap(), b"plaintext", "the connection's key lasts for five minutes");
//! store.wait(Span::minutes(1));
//! assert!(store.get(&books, b"k").unwrap_err().message.starts_with("KMS key disabled error"));
//! store.kms.enable(key, store.now);
//! assert_eq!(store.get(&books, b"k").unwrap(), b"plaintext");
//! ```
//!
//! # What is promised, and where it is shown
//!
//! Every rule of AWS's two pages on DynamoDB's encryption at rest has a number and a test that carries it; the table of both,
//! `docs/rules.md` in this crate's folder, is made from the tests. [`sample::scenario`] tells the same as timelines that any
//! other interface can run too, and [`sample::contract`] is what every store has to pass.
//!
//! Whoever holds a [`RecordKeys`] can read that structure until it is dropped: the engine cannot take it back, only refuse the
//! next one. Sort keys or other parts of a record's key that a store keeps in the clear for its order are the store's choice.
//!
//! AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes" and "Encryption at rest: how it works".

mod audit;
mod backup;
mod change;
mod describe;
mod drive;
mod engine;
mod error;
mod exemption;
mod flow;
mod input;
mod ledger;
mod memory;
mod name;
mod operation;
mod port;
mod quota;
pub mod sample;
mod seal;
pub mod service;
mod settings;
mod sse;
mod state;
mod table;
mod wrap;

#[cfg(test)]
mod tests;

pub use audit::record as audit_record;
pub use backup::{Backup, BackupType, Consistency, GlobalTable, GlobalTableVersion, Intent, Retirement};
pub use change::{Change, Fact, Task, What, Work};
pub use describe::{ArchivalSummary, Description, ReplicaDescription};
pub use drive::{Journal, JournalError, KmsPort, TableStore, Tables, TaskError, TaskKeys};
pub use engine::Engine;
pub use error::Refusal;
pub use exemption::{DIRECT, Exemption};
pub use input::{Access, Answer, Feature, Input, ReplicaKey, Source, Step};
pub use ledger::{Bill, Calls, Ledger, Prices, Usage};
pub use name::{Blob, Caller, Connection, Incarnation, ParseStructureError, Structure, TableName};
pub use operation::Operation;
pub use port::{
    FlowId, GRANT_OPERATIONS, GRANTS_PER_TABLE, Identity, KmsCall, KmsFault, KmsOutput, KmsReply, KmsRequest,
    Manager, Reason, SERVICE, regional_service,
};
pub use quota::SwitchQuota;
pub use seal::{
    HEADER_LENGTH, KEY_LENGTH, OVERHEAD, OpenError, RecordKeys, SEALS_MAX, SealError, TAG_LENGTH,
};
pub use settings::{CacheUnit, Delay, Observation, QuotaWindow, Settings, Span};
pub use sse::{KeyKind, MANAGED_ALIAS, Protector, SseDescription, SseSpecification, SseStatus, Wanted};
pub use table::{Due, Features, Health, Membership, Restore, Status, Switch, Table, TableGrant};
pub use wrap::{TableKey, WrappedDataKey};
