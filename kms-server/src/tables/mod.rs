//! Encryption at rest for table stores: the engine of `lifecycle::at_rest` beside the state, in the writer.
//!
//! A request of a table store is a job like any command: the writer decides it with everything that KMS is asked on the way,
//! so that the records of tables, the grants on keys and the facts to tell are one transaction. What falls due of tables
//! happens among what falls due of keys, each at its own instant. Where KMS has to ask a proxy, the flow waits outside of the
//! writer.

pub(crate) mod api;
mod kms;
mod proxied;
pub mod remote;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lifecycle::at_rest::{
    Answer, Change, Due, Engine, Input, KmsFault, Refusal, Settings, Step, TableName, Work,
};
use lifecycle::clock::Timestamp;
use lifecycle::crypto::{Entropy, Secret};
use lifecycle::event::table_kind;
use lifecycle::ids::KeyArn;
use lifecycle::state::{self, Record, State, TableRecord};
use tokio::sync::oneshot;

use crate::engine::{Companion, Draft, Happening, SubmitError};
use crate::service::inside::Called;
use crate::service::{self, Service};
use kms::Reached;
use proxied::{Decided, Held, Progress, Proxied, SoFar};
use tally::{OfTable, Tally};

/// The tables of a server. Cloning it gives another handle to the same ones.
#[derive(Clone)]
pub struct Tables {
    inner: Arc<Mutex<Inner>>,
    options: Arc<Options>,
}

/// How tables are served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Timings and choices of the engine.
    pub settings: Settings,
    /// Records in one call that seals or opens.
    pub records_max: usize,
    /// Tables in all accounts and Regions.
    pub tables_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { settings: Settings::default(), records_max: 10_000, tables_max: 10_000 }
    }
}

struct Inner {
    settings: Settings,
    entropy: Arc<dyn Entropy>,
    /// None before the records have been read, and while there are none.
    engine: Option<Engine>,
    /// Whether the records have been read.
    is_read: bool,
    service: Weak<service::Inner>,
    /// Calls that are to be recorded when what was decided is stored.
    called: Vec<Called>,
    /// Requests and what they cost.
    tally: Tally,
    /// What waits for proxies.
    proxied: Proxied,
}

/// The answer to a table store.
pub(crate) struct Answered {
    /// What it is.
    pub answer: Result<Answer, Refusal>,
    /// When it was decided.
    pub at: Timestamp,
    /// How long faults hold it up.
    pub latency: Duration,
}

impl Tables {
    /// No tables, until records are read.
    #[must_use]
    pub fn new(options: Options, entropy: Arc<dyn Entropy>) -> Self {
        let inner = Inner {
            settings: options.settings.clone(),
            entropy,
            engine: None,
            is_read: false,
            service: Weak::new(),
            called: Vec::new(),
            tally: Tally::default(),
            proxied: Proxied::default(),
        };
        Tables { inner: Arc::new(Mutex::new(inner)), options: Arc::new(options) }
    }

    /// The service whose KMS is called. Nothing falls due before it is there.
    pub(crate) fn attach(&self, service: Weak<service::Inner>) {
        self.lock().service = service;
    }

    /// How tables are served.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides an input on the writer's state.
    fn decide(&self, draft: &mut Draft<'_>, input: Input) -> Decided {
        let at = draft.now();
        draft.apart(|draft| {
            let mut inner = self.lock();
            let before = inner.called.len();
            let so_far = SoFar::of(&input);
            let progress = inner.decide(draft, input, at, self.options.tables_max);
            inner.decided(progress, so_far, before, at)
        })
    }

    /// Looks at the engine as it is in the writer; there is none while there are no tables.
    fn look<T>(&self, state: &State, look: impl FnOnce(Option<&Engine>) -> T) -> T {
        let mut inner = self.lock();
        look(inner.engine(state).map(|engine| &*engine))
    }
}

/// Has the tables of a service decide an input, and waits until what it changed is stored.
///
/// # Errors
/// The refusal that the client gets.
pub(crate) async fn ask(service: &Service, input: Input) -> Result<(Answer, Timestamp), Refusal> {
    let parts = service.parts();
    // What cannot be recorded does not happen.
    let place = parts.audit.reserve().await;
    let _place = place.map_err(|_| Refusal::internal("The audit log takes no more records."))?;
    let tables = parts.tables.clone();
    let decided = parts.engine.submit(move |draft| tables.decide(draft, input)).await.map_err(not_stored)?;
    let answered = match decided {
        Decided::Answered(answered) => answered,
        Decided::Waits(waiting) => {
            // Whoever asked may go away; what has begun comes to its end.
            let service = service.clone();
            let ended = tokio::spawn(async move { waiting.finish(&service).await });
            let ended = ended.await.map_err(|_| Refusal::internal("The server stops."))?;
            ended.map_err(not_stored)?
        }
    };
    if !answered.latency.is_zero() {
        tokio::time::sleep(answered.latency).await;
    }
    answered.answer.map(|answer| (answer, answered.at))
}

/// Looks at the tables of a service as they are after everything that is due.
///
/// # Errors
/// The writer does not answer.
pub(crate) async fn look<T: Send + 'static>(
    service: &Service,
    look: impl FnOnce(Option<&Engine>, Timestamp) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let tables = service.parts().tables.clone();
    let looked = service
        .parts()
        .engine
        .submit(move |draft| tables.look(draft.state(), |engine| look(engine, draft.now())));
    looked.await.map_err(not_stored)
}

/// What the store has declared that it lacks.
///
/// # Errors
/// The writer does not answer.
pub(crate) async fn lacks(service: &Service) -> Result<Vec<String>, Refusal> {
    let looked = service.parts().engine.submit(|draft| lacking(draft.state()));
    looked.await.map_err(not_stored)
}

/// Stores what a store lacks, and ends the tasks that it cannot do.
///
/// # Errors
/// It was not stored.
pub(crate) async fn set_lacks(service: &Service, lacks: Vec<String>) -> Result<(), Refusal> {
    let tables = service.parts().tables.clone();
    let done = service.parts().engine.submit(move |draft| {
        let content = serde_json::to_vec(&lacks).map_err(|error| Refusal::internal(error.to_string()))?;
        let record = TableRecord { id: TableRecord::LACKS.into(), content: Secret::new(content) };
        draft.apply(vec![state::Change::Put(Record::Table(Arc::new(record)))]);
        let at = draft.now();
        draft.apart(|draft| tables.lock().give_up_tasks(draft, at));
        Ok(())
    });
    done.await.map_err(not_stored)?
}

/// Requests to tables since the start.
pub(crate) fn requests(service: &Service) -> BTreeMap<TableName, OfTable> {
    service.parts().tables.lock().tally.tables().clone()
}

fn lacking(state: &State) -> Vec<String> {
    let record = state.table_record(TableRecord::LACKS);
    record.and_then(|record| serde_json::from_slice(record.content.expose()).ok()).unwrap_or_default()
}

fn not_stored(error: SubmitError) -> Refusal {
    match error {
        SubmitError::Full => Refusal::new("ThrottlingException", error.to_string()),
        _ => Refusal::internal(error.to_string()),
    }
}

impl Inner {
    /// The engine, with the records of `state` if they have not been read.
    fn engine(&mut self, state: &State) -> Option<&mut Engine> {
        if !self.is_read {
            self.is_read = true;
            let owned = state.table_record(TableRecord::OWNED_KEY);
            self.engine = owned.map(|owned| {
                let entropy = Arc::clone(&self.entropy);
                let mut engine = Engine::new(self.settings.clone(), &owned.content, entropy);
                engine.load(state.table_records().filter_map(read));
                engine
            });
        }
        self.engine.as_mut()
    }

    /// The engine, which comes to be with the first table.
    fn engine_or_new(&mut self, draft: &mut Draft<'_>) -> Result<(), Refusal> {
        if self.engine(draft.state()).is_some() {
            return Ok(());
        }
        let secret = self.entropy.array::<32>().map_err(|error| Refusal::internal(error.to_string()))?;
        let record = TableRecord { id: TableRecord::OWNED_KEY.into(), content: Secret::new(secret.to_vec()) };
        draft.apply(vec![state::Change::Put(Record::Table(Arc::new(record)))]);
        self.is_read = false;
        self.engine(draft.state());
        Ok(())
    }

    fn decide(&mut self, draft: &mut Draft<'_>, input: Input, at: Timestamp, tables_max: usize) -> Progress {
        if let Err(refusal) = self.engine_or_new(draft) {
            return Progress::Done(Err(refusal));
        }
        let Some(engine) = self.engine.as_mut() else {
            return Progress::Done(Err(Refusal::internal("the tables' records cannot be read")));
        };
        let makes = matches!(
            input,
            Input::Create { .. } | Input::Attach { .. } | Input::Restore { .. } | Input::AddReplica { .. }
        );
        if makes && engine.tables().count() >= tables_max {
            // AWS: DynamoDB developer guide, "Service, account, and table quotas"; here for the whole server.
            return Progress::Done(Err(Refusal::new(
                "LimitExceededException",
                format!("Subscriber limit exceeded: There is a limit of {tables_max} tables per subscriber"),
            )));
        }
        let step = engine.start(input, at);
        let progress = self.finish(draft, step, at, &mut Vec::new());
        self.give_up_tasks(draft, at);
        progress
    }

    /// Ends the tasks that the store has declared it cannot do.
    fn give_up_tasks(&mut self, draft: &mut Draft<'_>, at: Timestamp) {
        let lacking = lacking(draft.state());
        if lacking.is_empty() {
            return;
        }
        let Some(engine) = self.engine(draft.state()) else { return };
        let tasks = engine.tasks().filter(|task| lacking.iter().any(|lacks| lacks == capability(&task.work)));
        for id in tasks.map(|task| task.id).collect::<Vec<_>>() {
            let Some(engine) = self.engine.as_mut() else { return };
            let step = engine.start(Input::TaskDone { id }, at);
            // It calls nobody.
            if let Progress::Done(Err(refusal)) = self.finish(draft, step, at, &mut Vec::new()) {
                tracing::warn!(%refusal, id, "a task was not ended");
            }
        }
    }

    /// Makes the calls of a flow until it has ended, or has to wait.
    fn finish(
        &mut self,
        draft: &mut Draft<'_>,
        mut step: Step,
        at: Timestamp,
        happened: &mut Vec<Happening>,
    ) -> Progress {
        loop {
            let (Step::Call { changes, .. } | Step::Done { changes, .. }) = &step;
            if let Err(refusal) = keep(draft, changes, at, happened) {
                return Progress::Done(Err(refusal));
            }
            let call = match step {
                Step::Done { answer, .. } => return Progress::Done(answer),
                Step::Call { call, .. } => call,
            };
            let reached = match self.service.upgrade() {
                Some(inner) => kms::call(&Service::of(inner), draft, &call, at, &mut self.called),
                None => Reached::Reply(Err(KmsFault::unreachable("the server stops"))),
            };
            let reply = match reached {
                Reached::Reply(reply) => reply,
                Reached::Asks(asking) => return Progress::Waits(Box::new(Held { call, asking: *asking })),
            };
            let Some(engine) = self.engine.as_mut() else {
                return Progress::Done(Err(replaced()));
            };
            step = engine.reply(call.flow, reply, at);
        }
    }
}

fn replaced() -> Refusal {
    Refusal::internal("the tables' records have been replaced")
}

/// What a record keeps.
fn read(record: &Arc<TableRecord>) -> Option<Change> {
    // Every record was read before it came into the state, or was written by this server.
    let read = record.change();
    read.inspect_err(|error| tracing::error!(%error, id = &*record.id, "a table cannot be read"))
        .ok()
        .flatten()
}

/// Puts changes into the state, and what they tell into the outbox.
fn keep(
    draft: &mut Draft<'_>,
    changes: &[Change],
    at: Timestamp,
    happened: &mut Vec<Happening>,
) -> Result<(), Refusal> {
    for change in changes {
        let kept = match change {
            Change::Fact(fact) => {
                happened.push(Happening {
                    at: fact.at,
                    kind: table_kind(&fact.what),
                    resource: fact.table.arn().into(),
                });
                let told = draft.state().at(at).tell_table(fact, fact.at, draft.entropy());
                Some(told.map_err(|error| Refusal::internal(error.to_string()))?)
            }
            change => TableRecord::keep(change).map_err(|error| Refusal::internal(error.to_string()))?,
        };
        draft.apply_at(kept.into_iter().collect(), at);
    }
    Ok(())
}

impl Companion for Tables {
    fn next_due(&mut self, state: &State) -> Option<Timestamp> {
        let mut inner = self.lock();
        if inner.service.strong_count() == 0 {
            return None;
        }
        inner.engine(state)?.next_due()
    }

    fn upcoming(&mut self, state: &State) -> Option<Happening> {
        let mut inner = self.lock();
        let engine = inner.engine(state)?;
        let at = engine.next_due()?;
        let mut dues = engine.tables().filter_map(|table| Some((table.due(engine.settings())?, &table.name)));
        let due = dues.find(|((when, _), _)| *when == at).map(|((_, due), table)| (due, table));
        Some(upcoming(at, due))
    }

    fn step(&mut self, draft: &mut Draft<'_>, at: Timestamp) -> Vec<Happening> {
        let mut inner = self.lock();
        let mut happened = Vec::new();
        let step = inner.engine(draft.state()).and_then(|engine| engine.step(at));
        match step.map(|step| inner.finish(draft, step, at, &mut happened)) {
            // What the service does by itself answers nobody.
            Some(Progress::Done(Err(refusal))) => tracing::debug!(%refusal, "work on a table was refused"),
            Some(Progress::Waits(held)) => inner.proxied.hold(*held, at),
            Some(Progress::Done(Ok(_))) | None => {}
        }
        inner.give_up_tasks(draft, at);
        happened
    }

    fn changed(&mut self, draft: &mut Draft<'_>, key: KeyArn, at: Timestamp) {
        let mut inner = self.lock();
        let Some(engine) = inner.engine(draft.state()) else { return };
        let step = engine.start(Input::KeyChanged { key, at }, at);
        if let Progress::Done(Err(refusal)) = inner.finish(draft, step, at, &mut Vec::new()) {
            tracing::warn!(%refusal, "a change of a key was not noticed");
        }
    }

    fn waits(&mut self) -> Option<oneshot::Receiver<Vec<Happening>>> {
        self.lock().proxied.waits()
    }

    fn reload(&mut self) {
        let mut inner = self.lock();
        (inner.engine, inner.is_read) = (None, false);
        inner.called.clear();
        inner.tally.forget();
        inner.proxied.forget();
    }

    fn committed(&mut self) {
        let (service, called) = {
            let mut inner = self.lock();
            inner.tally.keep();
            let service = inner.service.clone();
            inner.proxied.go(&service);
            (service.upgrade(), std::mem::take(&mut inner.called))
        };
        if let Some(service) = service.filter(|_| !called.is_empty()) {
            Service::of(service).record_inside(called);
        }
    }
}

/// What a store must be able to do for a task.
pub(crate) fn capability(work: &Work) -> &'static str {
    match work {
        Work::Snapshot { .. } => "snapshot",
        Work::Fill { .. } => "fill",
        Work::Copy { .. } => "copy",
        Work::Encrypt => "encrypt",
        Work::Drop => "drop",
        Work::DropBackup { .. } => "drop_backup",
        Work::Detach => "detach",
    }
}

/// What falls due next, by the name of what it brings about.
fn upcoming(at: Timestamp, due: Option<(Due, &TableName)>) -> Happening {
    let kind = match due.map(|(due, _)| due) {
        Some(Due::Delete) => "TableDeleted",
        Some(Due::Probe) => "TableKeyProbe",
        Some(Due::Create) => "TableCreated",
        Some(Due::Vanish) => "TableVanished",
        Some(Due::Move) => "TableKeyMove",
        Some(Due::SwitchEnd) => "TableSwitched",
        Some(Due::Recover) => "TableRecovered",
        Some(Due::Detect) => "TableKeyInaccessible",
        Some(Due::Leave) => "TableReplicaRemoved",
        Some(Due::Archive) => "TableArchiving",
        Some(Due::Archived) => "TableArchived",
        None => "TableMaintenance",
    };
    let resource = due.map_or_else(|| "dynamodb.amazonaws.com".to_owned(), |(_, table)| table.arn());
    Happening { at, kind, resource: resource.into() }
}

/// The examples of the page about tables.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tables.md")]
struct Examples;
