//! The sample KMS, the sample store and an engine between them.

mod commands;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keeper::ScenarioKms;
use super::kms::SampleKms;
use super::scenario::LEAD;
use super::store::{SampleStore, StreamRecord};
use crate::at_rest::backup::{Consistency, GlobalTableVersion};
use crate::at_rest::change::{Change, Fact};
use crate::at_rest::drive::Tables;
use crate::at_rest::engine::Engine;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Access, Answer, Feature, Input, ReplicaKey, Source};
use crate::at_rest::name::{Caller, Connection, Incarnation, Structure, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::seal::RecordKeys;
use crate::at_rest::settings::{Observation, Settings, Span};
use crate::at_rest::sse::SseSpecification;
use crate::clock::Timestamp;
use crate::crypto::{Entropy, Secret, SeededEntropy};
use crate::ids::{AccountId, KeyArn, Region, Scope, Uuid};

/// Everything that a store, its clients and its KMS are, at one instant. The KMS lives in memory, or is whatever else carries
/// out what scenarios do to keys.
pub struct SampleWorld<K = SampleKms> {
    /// The KMS.
    pub kms: K,
    /// The engine.
    pub tables: Tables<Vec<Change>>,
    /// The store.
    pub store: SampleStore,
    /// The domain time.
    pub now: Timestamp,
    /// Where new tables are made.
    pub scope: Scope,
    /// When items end by themselves.
    pub expiries: BTreeMap<(Incarnation, Vec<u8>), Timestamp>,
    started_at: Timestamp,
    settings: Settings,
    keys: BTreeMap<String, KeyArn>,
    backups: BTreeMap<String, String>,
    last_connection: u64,
    entropy: Arc<dyn Entropy>,
}

const OWNED_KEY: [u8; 32] = [9; 32];

/// 2026-01-01T00:00:00Z, when every sample world begins; scenarios start a while later.
const START: Timestamp = Timestamp(1_767_225_600_000);

impl SampleWorld {
    /// An empty world around a KMS that lives in memory.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        SampleWorld::around(SampleKms::new(2), settings)
    }
}

impl<K: ScenarioKms> SampleWorld<K> {
    /// An empty world around a KMS.
    #[must_use]
    pub fn around(kms: K, settings: Settings) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let engine = Engine::new(settings.clone(), &Secret::new(OWNED_KEY.to_vec()), entropy.clone());
        SampleWorld {
            kms,
            tables: Tables::new(engine, Vec::new()),
            store: SampleStore::default(),
            now: START,
            scope: Scope { account: AccountId::zero(), region: Region::us_east_1() },
            expiries: BTreeMap::new(),
            started_at: LEAD.after(START),
            settings,
            keys: BTreeMap::new(),
            backups: BTreeMap::new(),
            last_connection: 1_000_000,
            entropy,
        }
    }

    /// The process ends and starts again: memory is gone, what was stored is not.
    pub fn restart(&mut self) {
        let fresh =
            || Engine::new(self.settings.clone(), &Secret::new(OWNED_KEY.to_vec()), self.entropy.clone());
        let old = std::mem::replace(&mut self.tables, Tables::new(fresh(), Vec::new()));
        let (_, journal) = old.into_parts();
        let mut engine = fresh();
        engine.load(journal.iter().cloned());
        self.tables = Tables::new(engine, journal);
    }

    /// The root user of the account.
    #[must_use]
    pub fn root(&self) -> Caller {
        Caller::root(self.scope.account)
    }

    /// A user of the account.
    #[must_use]
    pub fn user(&self, name: &str) -> Caller {
        let account = self.scope.account;
        Caller { arn: format!("arn:aws:iam::{account}:user/{name}"), account }
    }

    /// A table of the present scope; `eu-west-1:books` names one of another Region.
    #[must_use]
    pub fn name(&self, table: &str) -> TableName {
        let (region, table) = table.split_once(':').unwrap_or((self.scope.region.as_str(), table));
        let region = region.parse().unwrap_or(self.scope.region);
        TableName::new(Scope { region, ..self.scope }, table)
    }

    /// A new incarnation.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        Uuid::v4(self.entropy.array().unwrap_or_default())
    }

    /// Gives the engine an input, and has the store do what follows.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn input(&mut self, input: Input) -> Result<Answer, Refusal> {
        let answer = self.kms.run(&self.tables, input, self.now);
        self.settle();
        answer
    }

    fn settle(&mut self) {
        self.kms.settle(&self.tables, &mut self.store, self.now);
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Span) {
        self.until(span.after(self.now));
    }

    /// Lets time pass until an instant. What the KMS changed at the present instant is seen first, and what expires there on
    /// the way at its own.
    pub fn until(&mut self, to: Timestamp) {
        while let Some(at) = self.kms.next_expiry(to) {
            self.step(at);
            self.kms.expire(at);
        }
        self.step(to);
    }

    fn step(&mut self, to: Timestamp) {
        // Only ports that are told of changes report them.
        if self.settings.observation == Observation::Reported {
            self.tables.observe(|key| self.kms.last_change(key), Span(1).before(self.now), self.now);
        }
        self.kms.advance(&self.tables, to.max(self.now));
        self.now = to.max(self.now);
        self.settle();
    }

    /// The record of a table.
    #[must_use]
    pub fn table(&self, table: &str) -> Option<crate::at_rest::table::Table> {
        let name = self.name(table);
        self.tables.read(|engine, _| engine.table(&name).cloned())
    }

    /// What happened so far.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let fact = |change: &Change| match change {
            Change::Fact(fact) => Some(fact.clone()),
            _ => None,
        };
        self.tables.read(|_, journal| journal.iter().filter_map(fact).collect())
    }

    /// Makes a table and waits until it is ACTIVE.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn create(&mut self, table: &str, sse: &SseSpecification) -> Result<(), Refusal> {
        self.request(table, sse)?;
        self.pass(self.settings.create);
        Ok(())
    }

    /// Requests a table.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn request(&mut self, table: &str, sse: &SseSpecification) -> Result<(), Refusal> {
        let (incarnation, caller) = (self.incarnation(), self.root());
        let input = Input::Create { table: self.name(table), incarnation, caller, sse: sse.clone() };
        self.input(input).map(|_| ())
    }

    /// The keys of a structure, for an operation.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn keys(
        &mut self,
        table: &str,
        operation: Operation,
        structure: Structure,
        caller: &Caller,
        connection: Option<u64>,
    ) -> Result<RecordKeys, Refusal> {
        let access = Access {
            table: self.name(table),
            caller: caller.clone(),
            connection: connection.map(Connection),
            operation,
            structure,
        };
        match self.input(Input::Access(access))? {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(Refusal::internal("no keys")),
        }
    }

    /// Writes an item, with its copy in an index and a stream record.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn put(
        &mut self,
        table: &str,
        key: &str,
        value: &str,
        by: (&Caller, Option<u64>),
    ) -> Result<(), Refusal> {
        let keys = self.keys(table, Operation::PutItem, Structure::Base, by.0, by.1)?;
        let sealed =
            keys.seal(key.as_bytes(), value.as_bytes()).map_err(|e| Refusal::internal(e.to_string()))?;
        let record = self.table(table).ok_or_else(Refusal::not_found)?;
        self.store.put(record.incarnation, &Structure::Base, key.as_bytes(), sealed);
        if record.features.stream {
            self.emit(table, key, value, Operation::PutItem, by)?;
        }
        Ok(())
    }

    fn emit(
        &mut self,
        table: &str,
        key: &str,
        value: &str,
        operation: Operation,
        by: (&Caller, Option<u64>),
    ) -> Result<(), Refusal> {
        let keys = self.keys(table, operation, Structure::Stream, by.0, by.1)?;
        let sealed =
            keys.seal(key.as_bytes(), value.as_bytes()).map_err(|e| Refusal::internal(e.to_string()))?;
        let record = self.table(table).ok_or_else(Refusal::not_found)?;
        let made = StreamRecord { made_at: self.now, key: key.as_bytes().to_vec(), sealed };
        self.store.streams.entry(record.incarnation).or_default().push(made);
        Ok(())
    }

    /// Reads an item.
    ///
    /// # Errors
    /// The engine's refusal; an internal error if the item is not there or does not open.
    pub fn get(&mut self, table: &str, key: &str, by: (&Caller, Option<u64>)) -> Result<String, Refusal> {
        let keys = self.keys(table, Operation::GetItem, Structure::Base, by.0, by.1)?;
        let record = self.table(table).ok_or_else(Refusal::not_found)?;
        let sealed = self.store.get(record.incarnation, &Structure::Base, key.as_bytes());
        let sealed = sealed.ok_or_else(|| Refusal::internal("no item"))?;
        let opened = keys.open(key.as_bytes(), sealed).map_err(|e| Refusal::internal(e.to_string()))?;
        String::from_utf8(opened).map_err(|e| Refusal::internal(e.to_string()))
    }

    /// Reads the stream.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn stream(&mut self, table: &str, by: (&Caller, Option<u64>)) -> Result<Vec<String>, Refusal> {
        let keys = self.keys(table, Operation::GetRecords, Structure::Stream, by.0, by.1)?;
        let record = self.table(table).ok_or_else(Refusal::not_found)?;
        let horizon = self.tables.read(|engine, _| engine.stream_horizon(self.now));
        let records = self.store.streams.get(&record.incarnation).cloned().unwrap_or_default();
        let open = |record: &StreamRecord| {
            let opened =
                keys.open(&record.key, &record.sealed).map_err(|e| Refusal::internal(e.to_string()))?;
            String::from_utf8(opened).map_err(|e| Refusal::internal(e.to_string()))
        };
        records.iter().filter(|record| record.made_at > horizon).map(open).collect()
    }

    /// Time to live removes what has expired; tells how many items.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn sweep(&mut self, table: &str) -> Result<usize, Refusal> {
        let record = self.table(table).ok_or_else(Refusal::not_found)?;
        let now = self.now;
        let due = |((of, _), at): &(&(Incarnation, Vec<u8>), &Timestamp)| {
            *of == record.incarnation && self.tables.read(|engine, _| engine.is_expired(**at, now))
        };
        let expired: Vec<Vec<u8>> =
            self.expiries.iter().filter(due).map(|((_, key), _)| key.clone()).collect();
        let root = self.root();
        for key in &expired {
            self.keys(table, Operation::TtlDelete, Structure::Base, &root, None)?;
            if record.features.stream {
                let name = String::from_utf8_lossy(key).into_owned();
                self.emit(
                    table,
                    &name,
                    "REMOVE by dynamodb.amazonaws.com",
                    Operation::TtlDelete,
                    (&root, None),
                )?;
            }
            self.store.delete(record.incarnation, &Structure::Base, key);
            self.expiries.remove(&(record.incarnation, key.clone()));
        }
        Ok(expired.len())
    }

    /// Changes the key of a table.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn switch(
        &mut self,
        table: &str,
        sse: &SseSpecification,
        replicas: Vec<ReplicaKey>,
    ) -> Result<(), Refusal> {
        let (table, caller, sse) = (self.name(table), self.root(), sse.clone());
        let input = Input::Switch { table, caller, sse, replicas, with_other_changes: false };
        self.input(input).map(|_| ())
    }

    /// Makes a backup, and tells its ARN.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn backup(&mut self, table: &str, name: &str) -> Result<String, Refusal> {
        let (table, caller, connection) = (self.name(table), self.root(), None);
        let input = Input::Backup { table, caller, connection, name: name.to_owned() };
        match self.input(input)? {
            Answer::Backup(backup) => Ok(backup.arn.clone()),
            _ => Err(Refusal::internal("no backup")),
        }
    }

    /// Restores a table, and waits until it is ACTIVE or gone.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn restore(
        &mut self,
        source: Source,
        target: &str,
        sse: Option<SseSpecification>,
    ) -> Result<(), Refusal> {
        let (target, incarnation, caller) = (self.name(target), self.incarnation(), self.root());
        self.input(Input::Restore { source, target, incarnation, caller, sse })?;
        self.pass(self.settings.restore);
        Ok(())
    }

    /// Turns a setting on.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn turn_on(&mut self, table: &str, feature: Feature) -> Result<(), Refusal> {
        let (table, caller) = (self.name(table), self.root());
        self.input(Input::SetFeature { table, caller, connection: None, feature, enabled: true }).map(|_| ())
    }

    /// Adds a replica of version 2019.11.21, and waits until it is ACTIVE.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn replicate(&mut self, table: &str, region: Region, key: Option<&str>) -> Result<(), Refusal> {
        let (incarnation, caller) = (self.incarnation(), self.root());
        let (version, consistency) = (GlobalTableVersion::V2019, Consistency::Eventual);
        let (table, key) = (self.name(table), key.map(str::to_owned));
        self.input(Input::AddReplica { table, region, incarnation, caller, key, version, consistency })?;
        self.pass(self.settings.create);
        Ok(())
    }
}
