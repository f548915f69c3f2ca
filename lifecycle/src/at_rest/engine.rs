//! The engine: a state machine that calls nobody.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backup::{Backup, GlobalTable};
use super::change::{Change, Task};
use super::describe::{Description, describe};
use super::error::Refusal;
use super::flow::{self, Cx, Effect, Outcome, Planned, Stop};
use super::input::{Answer, Input, Step};
use super::ledger::Ledger;
use super::memory::Memory;
use super::name::{Incarnation, TableName};
use super::port::{FlowId, KmsCall, KmsOutput, KmsReply, KmsRequest};
use super::settings::Settings;
use super::state::{State, Subject};
use super::table::{Health, Status, Table};
use super::wrap::OwnedKeys;
use crate::clock::Timestamp;
use crate::crypto::{Entropy, Secret};
use crate::ids::KeyArn;

/// Encryption at rest for any number of tables.
///
/// Whoever embeds it gives events to [`Engine::start`], makes the calls that it asks for and hands the replies to
/// [`Engine::reply`], and lets time pass through [`Engine::step`]. Changes have to be stored before the call or the answer
/// that they come with; if that fails, the engine must be dropped and loaded again, as its records are ahead of the store.
pub struct Engine {
    settings: Settings,
    owned: OwnedKeys,
    entropy: Arc<dyn Entropy>,
    state: State,
    memory: Memory,
    flows: BTreeMap<FlowId, Flow>,
    last_flow: u64,
    busy: BTreeSet<Subject>,
    ledger: Ledger,
    prune_at: Timestamp,
}

/// A flow that waits for a reply.
struct Flow {
    job: Job,
    replies: Vec<(KmsCall, KmsReply)>,
    waiting: Option<KmsCall>,
    intents: BTreeSet<Incarnation>,
    /// When a key was reported to have changed after the flow began: what it learned may be old.
    changed_at: Option<Timestamp>,
}

enum Job {
    Input(Box<Input>),
    Due(Subject),
}

impl Engine {
    /// An engine without tables. `owned_key` is the secret behind the AWS owned keys: whoever has it and the store's files can
    /// read the tables under such keys, so it belongs elsewhere. It must be the same at every start.
    #[must_use]
    pub fn new(settings: Settings, owned_key: &Secret, entropy: Arc<dyn Entropy>) -> Self {
        Engine {
            settings,
            owned: OwnedKeys::new(owned_key),
            entropy,
            state: State::default(),
            memory: Memory::default(),
            flows: BTreeMap::new(),
            last_flow: 0,
            busy: BTreeSet::new(),
            ledger: Ledger::default(),
            prune_at: Timestamp::default(),
        }
    }

    /// Takes over stored records: all changes in their order, or the last of each [`Change::key`]. No key is in memory
    /// then, and what a crash had interrupted falls due.
    pub fn load(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.state.apply(&change, &self.settings);
        }
    }

    /// Begins a flow.
    pub fn start(&mut self, input: Input, now: Timestamp) -> Step {
        self.prune(now);
        if let Input::KeyChanged { key, at } = input {
            return self.key_changed(key, at, now);
        }
        let job = Job::Input(Box::new(input));
        let flow =
            Flow { job, replies: Vec::new(), waiting: None, intents: BTreeSet::new(), changed_at: None };
        let id = self.next_flow();
        self.run(id, flow, now)
    }

    /// Goes on with a flow. A reply that nobody waits for, because the flow was given up, changes nothing.
    pub fn reply(&mut self, id: FlowId, reply: KmsReply, now: Timestamp) -> Step {
        let Some(mut flow) = self.flows.remove(&id) else { return nothing() };
        if let Some(call) = flow.waiting.take() {
            self.ledger.record(&call, reply.as_ref().err(), now);
            flow.replies.push((call, reply));
        }
        self.last_flow = self.last_flow.max(id.0);
        self.run(id, flow, now)
    }

    /// Gives up a flow whose client is gone or whose call cannot be made. What it had begun is cleaned up in time.
    pub fn abandon(&mut self, id: FlowId) {
        if let Some(flow) = self.flows.remove(&id) {
            self.release(&flow);
        }
    }

    /// When something falls due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.state.first_due(&self.busy).map(|(at, _)| at)
    }

    /// Begins what fell due first by `now`, or tells that nothing did. To be called until then.
    pub fn step(&mut self, now: Timestamp) -> Option<Step> {
        self.prune(now);
        let (at, subject) = self.state.first_due(&self.busy)?;
        if at > now {
            return None;
        }
        let subject = subject.clone();
        self.busy.insert(subject.clone());
        let flow = Flow {
            job: Job::Due(subject),
            replies: Vec::new(),
            waiting: None,
            intents: BTreeSet::new(),
            changed_at: None,
        };
        let id = self.next_flow();
        Some(self.run(id, flow, now))
    }

    /// What a description of the table says about its key.
    #[must_use]
    pub fn describe(&self, table: &TableName) -> Option<Description> {
        Some(describe(&self.state, self.state.table(table)?, &self.settings))
    }

    /// A table's record.
    #[must_use]
    pub fn table(&self, table: &TableName) -> Option<&Table> {
        self.state.table(table)
    }

    /// The records of all tables.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.state.tables.values()
    }

    /// A backup's record.
    #[must_use]
    pub fn backup(&self, arn: &str) -> Option<&Backup> {
        self.state.backups.get(arn)
    }

    /// The records of all backups.
    pub fn backups(&self) -> impl Iterator<Item = &Backup> {
        self.state.backups.values()
    }

    /// The global table that a table is a replica of.
    #[must_use]
    pub fn global_table(&self, table: &TableName) -> Option<&GlobalTable> {
        self.state.global_tables.get(&self.state.table(table)?.replica_of?.global_table)
    }

    /// What the store has still to do, oldest first.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.state.tasks.values()
    }

    /// The keys whose changes have to be reported under [`super::Observation::Reported`].
    #[must_use]
    pub fn keys(&self) -> BTreeSet<KeyArn> {
        self.state.keys()
    }

    /// Whether a table's record says otherwise than what was just seen: that its key works, or does not. That is then to be
    /// reported as a change of the key ([`Input::KeyChanged`]): what stands behind a custom key store reports nothing itself.
    #[must_use]
    pub fn is_news(&self, key: KeyArn, works: bool) -> bool {
        self.state.tables_under(key).any(|table| {
            let Health { lost_at, usable_at, .. } = table.health;
            match (table.status, works) {
                (Status::Active, works) => lost_at.is_some() == works,
                (Status::Inaccessible { .. }, works) => usable_at.is_none() == works,
                _ => false,
            }
        })
    }

    /// Stream records made at this instant or before are gone, whatever the key did meanwhile.
    ///
    /// AWS: DynamoDB developer guide, "DynamoDB encryption at rest: usage notes": 24 hours.
    #[must_use]
    pub fn stream_horizon(&self, now: Timestamp) -> Timestamp {
        self.settings.stream_retention.before(now)
    }

    /// Whether time to live removes an item that expired at `expires_at`: once it has, but not if that is too long ago.
    ///
    /// AWS: DynamoDB developer guide, "Using time to live (TTL) in DynamoDB".
    #[must_use]
    pub fn is_expired(&self, expires_at: Timestamp, now: Timestamp) -> bool {
        expires_at <= now && self.settings.ttl_age_max.before(now) <= expires_at
    }

    /// What KMS was asked, by table and reason.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The timings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long it is since a service cache or a caller's entry could have ended: wipes them.
    fn prune(&mut self, now: Timestamp) {
        if now >= self.prune_at {
            self.memory.prune(now, &self.settings);
            self.prune_at = self.settings.cache_validity.after(now);
        }
    }

    fn next_flow(&mut self) -> FlowId {
        self.last_flow = self.last_flow.wrapping_add(1);
        FlowId(self.last_flow)
    }

    fn key_changed(&mut self, key: KeyArn, at: Timestamp, now: Timestamp) -> Step {
        let health = |table: &Table| {
            // An earlier change that nobody has looked at yet may be when the key was lost.
            let pending = table.health.probe_at.filter(|probe| *probe <= now).and(table.health.changed_at);
            Health { probe_at: Some(now), changed_at: Some(pending.unwrap_or(at)), ..table.health }
        };
        let tables = self.state.tables_under(key);
        let changes: Vec<Change> = tables
            .map(|table| Change::PutTable(Box::new(Table { health: health(table), ..table.clone() })))
            .collect();
        for change in &changes {
            self.state.apply(change, &self.settings);
        }
        self.flows.values_mut().for_each(|flow| flow.changed_at = Some(at));
        Step::Done { answer: Ok(Answer::Done), changes }
    }

    /// Runs a flow from its start with the replies that there are.
    fn run(&mut self, id: FlowId, mut flow: Flow, now: Timestamp) -> Step {
        let cx = Cx {
            state: &self.state,
            memory: &self.memory,
            settings: &self.settings,
            owned: &self.owned,
            entropy: &self.entropy,
            now,
            flow: id,
            replies: &flow.replies,
            intents: &flow.intents,
            busy: &self.busy,
            announced: RefCell::default(),
        };
        let decided = match decide(&cx, &flow.job) {
            Err(Stop::End(outcome)) => Ok(*outcome),
            decided => decided,
        };
        let ended = decided.and_then(|outcome| undone(&cx, &outcome).map(|left| outcome.with(left)));
        match ended {
            Ok(outcome) => self.finish(flow, outcome, now),
            Err(Stop::Call(call, changes)) => {
                for change in &changes {
                    self.state.apply(change, &self.settings);
                    if let Change::PutIntent(intent) = change {
                        flow.intents.insert(intent.incarnation);
                        self.busy.insert(Subject::Intent(intent.incarnation));
                    }
                    if let Change::PutTable(table) = change {
                        self.busy.insert(Subject::Table(table.incarnation));
                    }
                }
                flow.waiting = Some((*call).clone());
                self.flows.insert(id, flow);
                Step::Call { call: *call, changes }
            }
            Err(Stop::End(outcome)) => self.finish(flow, *outcome, now),
        }
    }

    /// Lets go of what a flow worked on.
    fn release(&mut self, flow: &Flow) {
        if let Job::Due(subject) = &flow.job {
            self.busy.remove(subject);
        }
        if let Job::Input(input) = &flow.job
            && let Input::Delete { table } = &**input
            && let Some(incarnation) = self.state.names.get(table)
        {
            self.busy.remove(&Subject::Table(*incarnation));
        }
        for incarnation in &flow.intents {
            self.busy.remove(&Subject::Intent(*incarnation));
        }
    }

    fn finish(&mut self, flow: Flow, outcome: Outcome, now: Timestamp) -> Step {
        self.release(&flow);
        let Outcome { answer, mut changes, effects } = outcome;
        let written = flow.intents.iter().filter(|intent| self.state.intents.contains_key(*intent));
        changes.extend(written.map(|incarnation| Change::RemoveIntent { incarnation: *incarnation }));
        for change in &changes {
            self.state.apply(change, &self.settings);
            if let Change::RemoveTable { incarnation } = change {
                self.busy.remove(&Subject::Table(*incarnation));
            }
        }
        for effect in effects {
            self.take_effect(effect, now);
        }
        if let (Some(at), Job::Due(Subject::Table(incarnation))) = (flow.changed_at, &flow.job) {
            changes.extend(self.probe_again(*incarnation, at, now));
        }
        let answer = answer.and_then(|planned| match planned {
            Planned::Ready(answer) => Ok(answer),
            Planned::Table(incarnation) => match self.state.tables.get(&incarnation) {
                Some(table) => Ok(Answer::Table(Box::new(describe(&self.state, table, &self.settings)))),
                None => Err(Refusal::not_found()),
            },
            Planned::Keys(incarnation, structure) => {
                let Some(table) = self.state.tables.get(&incarnation) else {
                    return Err(Refusal::not_found());
                };
                let keys = self.memory.record_keys(table, &structure, &self.settings, &self.entropy);
                let (keys, change) = keys.map_err(|_| Refusal::internal("the table's keys do not open"))?;
                if let Some(change) = change {
                    self.state.apply(&change, &self.settings);
                    changes.push(change);
                }
                Ok(Answer::Keys(keys))
            }
        });
        Step::Done { answer, changes }
    }

    /// A key changed while a table's key was being tried: the answer may be from before.
    fn probe_again(&mut self, incarnation: Incarnation, at: Timestamp, now: Timestamp) -> Option<Change> {
        let table = self.state.tables.get(&incarnation)?;
        let health = Health { probe_at: Some(now), changed_at: Some(at), ..table.health };
        let change = Change::PutTable(Box::new(Table { health, ..table.clone() }));
        self.state.apply(&change, &self.settings);
        Some(change)
    }

    fn take_effect(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Remember(table, generation, unit, secret) => {
                self.memory.remember((table, generation), unit, &secret, now, &self.settings);
            }
            Effect::DropUnit(incarnation, unit) => {
                if let Some(table) = self.state.tables.get(&incarnation) {
                    self.memory.drop_unit(table, &unit);
                }
            }
            Effect::Forget(incarnation) => self.memory.forget(incarnation),
            Effect::ForgetBefore(incarnation, generation) => {
                self.memory.forget_before(incarnation, generation);
            }
        }
    }
}

fn nothing() -> Step {
    Step::Done { answer: Ok(Answer::Done), changes: Vec::new() }
}

fn decide(cx: &Cx<'_>, job: &Job) -> Result<Outcome, Stop> {
    let input = match job {
        Job::Due(subject) => return flow::due::run(cx, subject),
        Job::Input(input) => &**input,
    };
    match input {
        Input::Create { table, incarnation, caller, sse } => {
            flow::create::create(cx, table, *incarnation, caller, sse)
        }
        Input::Attach { table, incarnation } => flow::create::attach(cx, table, *incarnation),
        Input::Access(access) => flow::access::access(cx, access),
        Input::Switch { table, caller, sse, replicas, with_other_changes } => {
            flow::switch::request(cx, table, caller, sse, replicas, *with_other_changes)
        }
        Input::SetFeature { table, caller, connection, feature, enabled } => {
            flow::access::set_feature(cx, table, (caller, *connection), *feature, *enabled)
        }
        Input::Delete { table } => flow::delete::request(cx, table),
        Input::Backup { table, caller, connection, name } => {
            flow::backup::create(cx, table, caller, *connection, name)
        }
        Input::DeleteBackup { arn } => flow::backup::delete(cx, arn),
        Input::Restore { source, target, incarnation, caller, sse } => {
            flow::restore::request(cx, source, target, *incarnation, caller, sse.as_ref())
        }
        Input::AddReplica { table, region, incarnation, caller, key, version, consistency } => {
            let plan = flow::replica::Plan {
                region: *region,
                incarnation: *incarnation,
                caller,
                key: key.as_deref(),
                version: *version,
                consistency: *consistency,
            };
            flow::replica::add(cx, table, &plan)
        }
        Input::UpgradeGlobalTable { table } => flow::replica::upgrade(cx, table),
        Input::ServiceData { scope, structure } => flow::access::service_data(cx, *scope, structure),
        Input::TaskDone { id } => {
            let there = cx.state.tasks.contains_key(id);
            Ok(Outcome::done().with(there.then_some(Change::RemoveTask { id: *id })))
        }
        // Answered before a flow begins.
        Input::KeyChanged { .. } => Ok(Outcome::done()),
    }
}

/// Takes back the grants of a request that was refused after it had made some.
fn undone(cx: &Cx<'_>, outcome: &Outcome) -> Result<Vec<Change>, Stop> {
    if outcome.answer.is_ok() || cx.intents.is_empty() {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for (call, reply) in cx.replies {
        let (KmsRequest::CreateGrant { key, .. }, Ok(KmsOutput::Granted { grant })) = (&call.request, reply)
        else {
            continue;
        };
        let grant = super::table::TableGrant { key: *key, grant: *grant };
        left.extend(flow::cleanup::retire(cx, &call.table, &[grant])?);
    }
    Ok(left)
}
