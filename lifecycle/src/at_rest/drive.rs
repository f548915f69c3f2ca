//! The loops around the engine: the only ones. One for callers that wait, one for futures.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::change::{Change, Task};
use super::engine::Engine;
use super::error::Refusal;
use super::exemption::Exemption;
use super::input::{Access, Answer, Input, Step};
use super::name::Structure;
use super::operation::Operation;
use super::port::{KmsCall, KmsReply};
use super::seal::RecordKeys;
use crate::clock::Timestamp;
use crate::ids::KeyArn;

/// A KMS: the emulator in the same process, or any other behind the same calls.
pub trait KmsPort {
    /// Makes a call at an instant of domain time. [`super::KmsFault::unreachable`] stands for no answer.
    fn call(&self, call: &KmsCall, at: Timestamp) -> impl Future<Output = KmsReply>;

    /// When a key, its grants or its policy last changed. A port that does not know says nothing; the engine is then to be set
    /// to [`super::Observation::Probed`].
    fn changed_at(&self, key: KeyArn) -> Option<Timestamp> {
        let _ = key;
        None
    }

    /// The rules about keys that are not in force with this port, because it cannot make calls as whom the engine says.
    /// There are none unless it says so; see [`super::DIRECT`] for a port that makes all calls in the store's own name.
    fn not_in_force(&self) -> &'static [Exemption] {
        &[]
    }
}

/// Why a store has not done a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskError {
    /// It has no such function. The engine's own rules hold all the same: what must not be read is refused.
    Unsupported,
    /// Not now; the task comes again.
    Later,
}

/// How a task gets the keys of a structure of its table.
pub type TaskKeys<'k> = dyn FnMut(Structure) -> Result<RecordKeys, Refusal> + 'k;

/// What the engine asks of a store beside create, delete, read and write. Everything is optional.
pub trait TableStore {
    /// Does a task. A task may come twice, after a crash.
    ///
    /// # Errors
    /// [`TaskError`].
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let _ = (task, keys);
        Err(TaskError::Unsupported)
    }

    /// Removes the stream records that were made until this instant.
    fn trim_streams(&mut self, made_until: Timestamp) {
        let _ = made_until;
    }
}

/// A store that can do nothing but create, delete, read and write.
impl TableStore for () {}

/// Changes could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalError;

/// Where changes are stored.
pub trait Journal {
    /// Stores changes; they must be durable when it returns.
    ///
    /// # Errors
    /// [`JournalError`]: then nothing more is done with the engine, which has to be loaded again.
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError>;
}

/// A journal in memory.
impl Journal for Vec<Change> {
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        self.extend_from_slice(changes);
        Ok(())
    }
}

/// An engine and its journal, for any number of callers at once. No lock is held while KMS is called.
#[derive(Debug)]
pub struct Tables<J> {
    inner: Mutex<Inner<J>>,
}

struct Inner<J> {
    engine: Engine,
    journal: J,
    failed: bool,
    now: Timestamp,
}

impl<J> std::fmt::Debug for Inner<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("now", &self.now).field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<J: Journal> Inner<J> {
    /// Stores what a step brought before the step counts.
    fn persist(&mut self, step: Step) -> Step {
        let (Step::Call { changes, .. } | Step::Done { changes, .. }) = &step;
        if !self.failed && (changes.is_empty() || self.journal.append(changes).is_ok()) {
            return step;
        }
        if let Step::Call { call, .. } = &step {
            self.engine.abandon(call.flow);
        }
        self.failed = true;
        Step::Done {
            answer: Err(Refusal::internal("the tables' records cannot be stored")),
            changes: Vec::new(),
        }
    }
}

impl<J: Journal> Tables<J> {
    /// Tables of a loaded engine.
    #[must_use]
    pub fn new(engine: Engine, journal: J) -> Self {
        Tables { inner: Mutex::new(Inner { engine, journal, failed: false, now: Timestamp(i64::MIN) }) }
    }

    /// Looks at the engine and the journal.
    pub fn read<T>(&self, look: impl FnOnce(&Engine, &J) -> T) -> T {
        let inner = self.lock();
        look(&inner.engine, &inner.journal)
    }

    /// The engine and the journal, to load them anew.
    pub fn into_parts(self) -> (Engine, J) {
        let inner = self.inner.into_inner().unwrap_or_else(PoisonError::into_inner);
        (inner.engine, inner.journal)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<J>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, input: Input, now: Timestamp) -> Step {
        let mut inner = self.lock();
        inner.now = inner.now.max(now);
        let step = inner.engine.start(input, now);
        inner.persist(step)
    }

    fn reply(&self, call: &KmsCall, reply: KmsReply, now: Timestamp) -> Step {
        let mut inner = self.lock();
        let step = inner.engine.reply(call.flow, reply, now);
        inner.persist(step)
    }

    /// Begins what is due first until `until`, and tells at which instant.
    fn step(&self, until: Timestamp) -> Option<(Timestamp, Step)> {
        let mut inner = self.lock();
        if inner.failed {
            return None;
        }
        let at = inner.engine.next_due()?.max(inner.now);
        if at > until {
            return None;
        }
        inner.now = at;
        let step = inner.engine.step(at)?;
        Some((at, inner.persist(step)))
    }

    /// What the changes of keys since the last time are for the engine to know.
    fn changed(&self, changed_at: impl Fn(KeyArn) -> Option<Timestamp>, seen: Timestamp) -> Vec<Input> {
        let keys = self.lock().engine.keys();
        let changed = |key: KeyArn| changed_at(key).filter(|at| *at > seen).map(|at| (key, at));
        keys.into_iter().filter_map(changed).map(|(key, at)| Input::KeyChanged { key, at }).collect()
    }

    /// Answers an input, with a KMS that is waited for. What fell due before happens before, and what falls due by it after.
    ///
    /// # Errors
    /// The refusal that the client gets.
    pub fn run(
        &self,
        input: Input,
        now: Timestamp,
        mut kms: impl FnMut(&KmsCall, Timestamp) -> KmsReply,
    ) -> Result<Answer, Refusal> {
        self.catch_up(now, &mut kms);
        let first = self.start(input, now);
        let answer = self.finish(first, now, &mut kms);
        self.catch_up(now, &mut kms);
        answer
    }

    fn finish(
        &self,
        mut step: Step,
        now: Timestamp,
        kms: &mut impl FnMut(&KmsCall, Timestamp) -> KmsReply,
    ) -> Result<Answer, Refusal> {
        loop {
            match step {
                Step::Done { answer, .. } => return answer,
                Step::Call { call, .. } => step = self.reply(&call, kms(&call, now), now),
            }
        }
    }

    fn catch_up(&self, until: Timestamp, kms: &mut impl FnMut(&KmsCall, Timestamp) -> KmsReply) {
        while let Some((at, step)) = self.step(until) {
            // What the service does by itself answers nobody.
            let _ = self.finish(step, at, kms);
        }
    }

    /// Lets time pass until `to`: everything that falls due happens in order, at its instant.
    pub fn advance(&self, to: Timestamp, mut kms: impl FnMut(&KmsCall, Timestamp) -> KmsReply) {
        self.catch_up(to, &mut kms);
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
    }

    /// The same as [`Tables::run`], with a KMS that answers later.
    ///
    /// # Errors
    /// The refusal that the client gets.
    pub async fn run_async(
        &self,
        input: Input,
        now: Timestamp,
        kms: &impl KmsPort,
    ) -> Result<Answer, Refusal> {
        self.advance_async(now, kms).await;
        let first = self.start(input, now);
        let answer = self.finish_async(first, now, kms).await;
        self.advance_async(now, kms).await;
        answer
    }

    async fn finish_async(
        &self,
        mut step: Step,
        now: Timestamp,
        kms: &impl KmsPort,
    ) -> Result<Answer, Refusal> {
        loop {
            match step {
                Step::Done { answer, .. } => return answer,
                Step::Call { call, .. } => {
                    // A caller that does not wait for the end leaves a flow behind, which must not be held for ever.
                    let guard = Abandon { tables: self, call: Some(&call) };
                    let reply = kms.call(&call, now).await;
                    guard.disarm();
                    step = self.reply(&call, reply, now);
                }
            }
        }
    }

    /// The same as [`Tables::advance`], with a KMS that answers later.
    pub async fn advance_async(&self, to: Timestamp, kms: &impl KmsPort) {
        while let Some((at, step)) = self.step(to) {
            // What the service does by itself answers nobody.
            let _ = self.finish_async(step, at, kms).await;
        }
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
    }

    /// Reports the keys that changed after `seen`, as the KMS tells.
    pub fn observe(&self, changed_at: impl Fn(KeyArn) -> Option<Timestamp>, seen: Timestamp, now: Timestamp) {
        for input in self.changed(changed_at, seen) {
            let _ = self.start(input, now);
        }
    }

    /// Has the store do its tasks, and trim its streams. Returns the tasks that it cannot do; they are not asked for again.
    pub fn settle(
        &self,
        store: &mut impl TableStore,
        now: Timestamp,
        mut kms: impl FnMut(&KmsCall, Timestamp) -> KmsReply,
    ) -> Vec<Task> {
        let tasks: Vec<Task> = self.read(|engine, _| engine.tasks().cloned().collect());
        let mut unsupported = Vec::new();
        for task in tasks {
            let mut keys = |structure| self.keys(&task, structure, now, &mut kms);
            match store.perform(&task, &mut keys) {
                Err(TaskError::Later) => continue,
                Err(TaskError::Unsupported) => unsupported.push(task.clone()),
                Ok(()) => {}
            }
            let _ = self.start(Input::TaskDone { id: task.id }, now);
        }
        store.trim_streams(self.read(|engine, _| engine.stream_horizon(now)));
        unsupported
    }

    /// The same as [`Tables::settle`], with a KMS that answers later. The store does not wait in the middle of a task: where
    /// KMS has to open a key first, the store is refused it, and the task begins again when the key is there.
    pub async fn settle_async(
        &self,
        store: &mut impl TableStore,
        now: Timestamp,
        kms: &impl KmsPort,
    ) -> Vec<Task> {
        let tasks: Vec<Task> = self.read(|engine, _| engine.tasks().cloned().collect());
        let mut unsupported = Vec::new();
        for task in tasks {
            let mut asked: Vec<(Structure, Result<(), Refusal>)> = Vec::new();
            let done = loop {
                let mut wanted = None;
                let mut keys = |structure: Structure| {
                    let before = asked.iter().find(|(of, _)| *of == structure);
                    if let Some((_, Err(refusal))) = before {
                        return Err(refusal.clone());
                    }
                    match self.start(Input::Access(maintenance(&task, structure.clone())), now) {
                        Step::Done { answer, .. } => record_keys(answer?),
                        Step::Call { call, .. } => {
                            self.lock().engine.abandon(call.flow);
                            // A key that was opened and is gone again does not make this go on for ever.
                            wanted = before.is_none().then_some(structure);
                            Err(Refusal::internal("the key is being opened"))
                        }
                    }
                };
                let done = store.perform(&task, &mut keys);
                let Some(structure) = wanted else { break done };
                let first = self.start(Input::Access(maintenance(&task, structure.clone())), now);
                let opened = self.finish_async(first, now, kms).await;
                asked.push((structure, opened.map(|_| ())));
            };
            match done {
                Err(TaskError::Later) => continue,
                Err(TaskError::Unsupported) => unsupported.push(task.clone()),
                Ok(()) => {}
            }
            let _ = self.start(Input::TaskDone { id: task.id }, now);
        }
        store.trim_streams(self.read(|engine, _| engine.stream_horizon(now)));
        unsupported
    }

    fn keys(
        &self,
        task: &Task,
        structure: Structure,
        now: Timestamp,
        kms: &mut impl FnMut(&KmsCall, Timestamp) -> KmsReply,
    ) -> Result<RecordKeys, Refusal> {
        let first = self.start(Input::Access(maintenance(task, structure)), now);
        record_keys(self.finish(first, now, kms)?)
    }
}

/// The access of a task to a structure of its table.
fn maintenance(task: &Task, structure: Structure) -> Access {
    Access {
        table: task.table.clone(),
        caller: super::name::Caller::root(task.table.scope.account),
        connection: None,
        operation: Operation::Maintain,
        structure,
    }
}

fn record_keys(answer: Answer) -> Result<RecordKeys, Refusal> {
    match answer {
        Answer::Keys(keys) => Ok(keys),
        _ => Err(Refusal::internal("an access was answered without keys")),
    }
}

/// Gives up a flow when its future is dropped.
struct Abandon<'t, J: Journal> {
    tables: &'t Tables<J>,
    call: Option<&'t KmsCall>,
}

impl<J: Journal> Abandon<'_, J> {
    fn disarm(mut self) {
        self.call = None;
    }
}

impl<J: Journal> Drop for Abandon<'_, J> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            self.tables.lock().engine.abandon(call.flow);
        }
    }
}
