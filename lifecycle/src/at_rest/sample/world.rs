//! The sample KMS, the sample store and an engine between them, by commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kms::{KeyState, SampleKms};
use super::scenario::{LEAD, World, read_span};
use super::store::{SampleStore, StreamRecord};
use crate::at_rest::backup::{Consistency, GlobalTableVersion};
use crate::at_rest::change::{Change, Fact};
use crate::at_rest::drive::{KmsPort, Tables};
use crate::at_rest::engine::Engine;
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Access, Answer, Feature, Input, ReplicaKey, Source};
use crate::at_rest::name::{Caller, Connection, Incarnation, Structure, TableName};
use crate::at_rest::operation::Operation;
use crate::at_rest::port::SERVICE;
use crate::at_rest::seal::RecordKeys;
use crate::at_rest::settings::{Settings, Span};
use crate::at_rest::sse::SseSpecification;
use crate::clock::Timestamp;
use crate::crypto::{Entropy, Secret, SeededEntropy};
use crate::ids::{AccountId, KeyArn, Region, Scope, Uuid};

/// Everything that a store, its clients and its KMS are, at one instant.
pub struct SampleWorld {
    /// The KMS.
    pub kms: SampleKms,
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
    /// An empty world.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let engine = Engine::new(settings.clone(), &Secret::new(OWNED_KEY.to_vec()), entropy.clone());
        SampleWorld {
            kms: SampleKms::new(2),
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
        let answer = self.tables.run(input, self.now, |call, at| self.kms.answer(call, at));
        self.settle();
        answer
    }

    fn settle(&mut self) {
        let SampleWorld { tables, store, now, kms, .. } = self;
        let _ = tables.settle(store, *now, |call, at| kms.answer(call, at));
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Span) {
        self.until(span.after(self.now));
    }

    /// Lets time pass until an instant. What the KMS changed at the present instant is seen first.
    pub fn until(&mut self, to: Timestamp) {
        let SampleWorld { tables, kms, now, .. } = self;
        // Only ports that are told of changes report them.
        if self.settings.observation == crate::at_rest::settings::Observation::Reported {
            tables.observe(|key| kms.changed_at(key), Span(1).before(*now), *now);
        }
        tables.advance(to.max(*now), |call, at| kms.answer(call, at));
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

    /// `under A`, `under owned`, `under managed`, or nothing.
    fn sse(&self, words: &[&str]) -> Result<Option<SseSpecification>, String> {
        Ok(match words {
            [] => None,
            ["under", "owned", ..] => Some(SseSpecification::owned()),
            ["under", "managed", ..] => Some(SseSpecification::managed()),
            ["under", key, ..] => Some(SseSpecification::kms(&self.key_id(key))),
            other => return Err(format!("not a key: {}", other.join(" "))),
        })
    }

    /// The ARN behind a name of a scenario; anything else stands for itself.
    fn key_id(&self, name: &str) -> String {
        self.keys.get(name).map_or_else(|| name.to_owned(), ToString::to_string)
    }

    fn named(&self, name: &str) -> Result<KeyArn, String> {
        self.keys.get(name).copied().ok_or_else(|| format!("no key {name}"))
    }

    /// `as user`, `on connection`; `on new` for a connection that nobody used.
    fn by(&mut self, words: &[&str]) -> (Caller, Option<u64>) {
        let after = |word: &str| {
            let at = words.iter().position(|other| *other == word)?;
            words.get(at + 1).copied()
        };
        let caller = after("as").map_or_else(|| self.root(), |name| self.user(name));
        let connection = match after("on") {
            Some("new") | None => {
                self.last_connection += 1;
                self.last_connection
            }
            Some(number) => number.parse().unwrap_or_default(),
        };
        (caller, Some(connection))
    }

    fn key_command(&mut self, words: &[&str]) -> Option<Result<String, String>> {
        let now = self.now;
        let done = |done: Result<(), String>| Some(done.map(|()| "ok".to_owned()));
        match words {
            ["key", name, region @ ..] => {
                let region =
                    region.first().and_then(|region| region.parse().ok()).unwrap_or(self.scope.region);
                let key = self.kms.create_key(Scope { region, ..self.scope }, now);
                self.keys.insert((*name).to_owned(), key);
                done(Ok(()))
            }
            ["signing-key", name] => {
                let key = self.kms.create_signing_key(self.scope, now);
                self.keys.insert((*name).to_owned(), key);
                done(Ok(()))
            }
            ["foreign-key", name] => {
                let account = "999988887777".parse().unwrap_or(self.scope.account);
                let key = self.kms.create_key(Scope { account, ..self.scope }, now);
                self.keys.insert((*name).to_owned(), key);
                done(Ok(()))
            }
            ["foreign-managed-key", name, alias] => {
                let key = self.kms.create_foreign_managed_key(self.scope, alias, now);
                self.keys.insert((*name).to_owned(), key);
                done(Ok(()))
            }
            ["name-managed-key", name] => done(match self.kms.alias(self.scope, "alias/aws/dynamodb") {
                Some(key) => {
                    self.keys.insert((*name).to_owned(), key);
                    Ok(())
                }
                None => Err("there is no managed key".to_owned()),
            }),
            ["alias", alias, name] => {
                done(self.named(name).map(|key| self.kms.set_alias(self.scope, alias, key)))
            }
            ["disable", name] => done(self.named(name).map(|key| self.kms.disable(key, now))),
            ["enable", name] => done(self.named(name).map(|key| self.kms.enable(key, now))),
            ["schedule-deletion", name, days] => {
                let days = days.parse().unwrap_or(30);
                done(self.named(name).map(|key| self.kms.schedule_deletion(key, days, now)))
            }
            ["cancel-deletion", name] => done(self.named(name).map(|key| self.kms.disable(key, now))),
            ["delete-material", name] => {
                done(self.named(name).map(|key| self.kms.set_state(key, KeyState::PendingImport, now)))
            }
            ["revoke-grants", name] => done(self.named(name).map(|key| self.kms.revoke_grants(key, now))),
            ["rotate", name] => done(self.named(name).map(|key| self.kms.rotate(key, now))),
            ["deny", name, who, action] => {
                let who = match *who {
                    "service" => SERVICE.to_owned(),
                    "root" => self.root().arn,
                    user => self.user(user).arn,
                };
                done(self.named(name).map(|key| self.kms.deny(key, &who, action, now)))
            }
            ["allow", name] => done(self.named(name).map(|key| self.kms.allow_all(key, now))),
            ["direct", name, action] => {
                let key = self.named(name);
                Some(key.map(|key| match self.kms.direct(&self.root(), action, key) {
                    Ok(()) => "ok".to_owned(),
                    Err(fault) => format!("{}: {}", fault.code, fault.message),
                }))
            }
            ["grants", name] => Some(self.named(name).map(|key| self.kms.grants(key).len().to_string())),
            ["rotations", name] => Some(self.named(name).map(|key| self.kms.rotations(key, now).to_string())),
            ["keys"] => Some(Ok(self.kms.keys(self.scope).len().to_string())),
            ["calls", operation] => {
                let calls = self.kms.take_calls();
                let same = |call: &&super::kms::Seen| call.1.request.operation() == *operation;
                Some(Ok(calls.iter().filter(same).count().to_string()))
            }
            _ => None,
        }
    }

    fn look(&mut self, words: &[&str]) -> Option<String> {
        let shown = |table: Option<crate::at_rest::Description>| table.ok_or("ResourceNotFoundException");
        let arn = |key: Option<KeyArn>| {
            let name = self.keys.iter().find(|(_, arn)| Some(**arn) == key);
            name.map_or_else(|| key.map(|key| key.to_string()).unwrap_or_default(), |(name, _)| name.clone())
        };
        let described = |table: &str| {
            let name = self.name(table);
            shown(self.tables.read(|engine, _| engine.describe(&name)))
        };
        let sse = |sse: Option<crate::at_rest::SseDescription>| match sse {
            None => "absent".to_owned(),
            Some(sse) => format!("{:?} {}", sse.status, arn(sse.kms_master_key_arn)).to_uppercase(),
        };
        Some(match words {
            ["status", table] => match described(table) {
                Ok(description) => description.table_status,
                Err(error) => error.to_owned(),
            },
            ["sse", table] => match described(table) {
                Ok(description) => sse(description.sse_description),
                Err(error) => error.to_owned(),
            },
            ["inaccessible-at", table] => {
                let date = described(table).ok()?.sse_description?.inaccessible_encryption_date_time;
                let start = self.started_at.epoch_seconds();
                date.map_or_else(|| "absent".to_owned(), |date| format!("{}", date - start))
            }
            ["archival", table] => match described(table).ok()?.archival_summary {
                None => "absent".to_owned(),
                Some(summary) => format!(
                    "{} {}",
                    summary.archival_date_time - self.started_at.epoch_seconds(),
                    summary.archival_backup_arn.unwrap_or_else(|| "no backup".to_owned())
                ),
            },
            ["replicas", table] => {
                let replicas = described(table).ok()?.replicas;
                let each = replicas.iter().map(|replica| {
                    format!(
                        "{} {} {}",
                        replica.region_name,
                        replica.replica_status,
                        arn(replica.kms_master_key_id)
                    )
                });
                let each: Vec<String> = each.collect();
                if each.is_empty() { "none".to_owned() } else { each.join(", ") }
            }
            ["backup-sse", name] => {
                let arn = self.backups.get(*name)?;
                sse(self
                    .tables
                    .read(|engine, _| engine.backup(arn).and_then(|backup| backup.sse_description())))
            }
            ["mails"] => self.facts().iter().filter(|fact| fact.what.is_mail()).count().to_string(),
            ["avoidable", table] => {
                let name = self.name(table);
                self.tables.read(|engine, _| engine.ledger().of(&name)).avoidable().to_string()
            }
            _ => return None,
        })
    }

    fn table_command(&mut self, words: &[&str]) -> Result<String, String> {
        let done = |done: Result<(), Refusal>| Ok(done.map_or_else(|e| e.to_string(), |()| "ok".to_owned()));
        match words {
            ["create", table, sse @ ..] => {
                let sse = self.sse(sse)?.unwrap_or_default();
                done(self.request(table, &sse))
            }
            ["put", table, key, value, by @ ..] => {
                let (caller, connection) = self.by(by);
                done(self.put(table, key, value, (&caller, connection)))
            }
            ["get", table, key, by @ ..] => {
                let (caller, connection) = self.by(by);
                Ok(self.get(table, key, (&caller, connection)).unwrap_or_else(|refusal| refusal.to_string()))
            }
            ["expire", table, key, at] => {
                let at = read_span(at).ok_or("not an instant")?.after(self.started_at);
                let table = self.table(table).ok_or("no table")?;
                self.expiries.insert((table.incarnation, key.as_bytes().to_vec()), at);
                Ok("ok".to_owned())
            }
            ["sweep", table] => {
                Ok(self.sweep(table).map_or_else(|refusal| refusal.to_string(), |count| count.to_string()))
            }
            ["stream", table, by @ ..] => {
                let (caller, connection) = self.by(by);
                let records = self.stream(table, (&caller, connection));
                Ok(records.map_or_else(
                    |refusal| refusal.to_string(),
                    |records| format!("{} records {}", records.len(), records.join(",")),
                ))
            }
            ["stream-on", table] => done(self.turn_on(table, Feature::Stream)),
            ["pitr-on", table] => done(self.turn_on(table, Feature::PointInTimeRecovery)),
            ["switch", table, rest @ ..] => {
                let (sse, replicas) = match rest.iter().position(|word| *word == "with") {
                    Some(at) => rest.split_at(at),
                    None => (rest, [].as_slice()),
                };
                let keys = replicas.iter().skip(1).filter_map(|word| word.split_once('='));
                let key = |(region, key): (&str, &str)| {
                    Some(ReplicaKey { region: region.parse().ok()?, key: Some(self.key_id(key)) })
                };
                let replicas: Vec<ReplicaKey> = keys.filter_map(key).collect();
                let sse = self.sse(sse)?.unwrap_or_default();
                done(self.switch(table, &sse, replicas))
            }
            ["backup", table, name] => match self.backup(table, name) {
                Ok(arn) => {
                    self.backups.insert((*name).to_owned(), arn);
                    Ok("ok".to_owned())
                }
                Err(refusal) => Ok(refusal.to_string()),
            },
            ["name-archive", table, name] => {
                let arn = self.table(table).and_then(|table| table.archival_backup).ok_or("no archive")?;
                self.backups.insert((*name).to_owned(), arn);
                Ok("ok".to_owned())
            }
            ["restore", name, target, sse @ ..] => {
                let source = Source::Backup(self.backups.get(*name).cloned().ok_or("no backup")?);
                let (sse, target) = (self.sse(sse)?, self.name(target));
                let (incarnation, caller) = (self.incarnation(), self.root());
                done(self.input(Input::Restore { source, target, incarnation, caller, sse }).map(|_| ()))
            }
            ["delete", table] => {
                let input = Input::Delete { table: self.name(table) };
                done(self.input(input).map(|_| ()))
            }
            ["replica", table, region, key @ ..] => {
                let region = region.parse().map_err(|_| "not a Region")?;
                let (incarnation, caller) = (self.incarnation(), self.root());
                let key = key.first().map(|key| self.key_id(key));
                let (version, consistency) = (GlobalTableVersion::V2019, Consistency::Eventual);
                let table = self.name(table);
                let input =
                    Input::AddReplica { table, region, incarnation, caller, key, version, consistency };
                done(self.input(input).map(|_| ()))
            }
            ["replication", table] => {
                let root = self.root();
                let keys = self.keys(table, Operation::Replicate, Structure::Base, &root, None);
                done(keys.map(|_| ()))
            }
            _ => Err(format!("unknown command: {}", words.join(" "))),
        }
    }
}

impl World for SampleWorld {
    fn advance(&mut self, to: Span) {
        self.until(to.after(self.started_at));
    }

    fn run(&mut self, words: &[&str]) -> Result<String, String> {
        if let Some(answer) = self.key_command(words) {
            return answer;
        }
        if let Some(answer) = self.look(words) {
            return Ok(answer);
        }
        self.table_command(words)
    }
}
