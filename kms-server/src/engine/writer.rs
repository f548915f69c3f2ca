//! The single writer: takes what is queued, decides it in order, stores all of it in one transaction,
//! publishes, and answers everybody.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use arc_swap::ArcSwap;
use lifecycle::clock::{Timestamp, VirtualClock};
use lifecycle::crypto::{Entropy, EntropyError};
use lifecycle::state::{Change, Record, State};
use tokio::sync::{oneshot, watch};

use super::companion::{Companion, Happening, Order};
use super::happened::Happened;
use super::outbox::Bell;
use super::saved::Saves;
use super::{Departed, OnUnknownOutcome, Snapshot, rows, wall};
use crate::store::{self, OldSecrets, Outcome, Store};

/// What is sent once it is known whether the batch was stored.
pub(super) type Answer = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// A command: decides on the draft, and says how to answer.
pub(super) type Job = Box<dyn FnOnce(&mut Draft<'_>) -> Answer + Send>;

/// How many commands wait, and how many are stored at once.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// Commands that may wait; one more is refused.
    pub queue_commands_max: usize,
    /// Commands in one transaction.
    pub batch_commands_max: usize,
    /// Bytes of the rows in one transaction, after which no further command joins it.
    pub batch_bytes_max: usize,
    /// Due events in one transaction; the rest follow in the next.
    pub batch_events_max: usize,
}

impl Default for Batching {
    fn default() -> Self {
        Batching {
            queue_commands_max: 10_000,
            batch_commands_max: 1_000,
            batch_bytes_max: 4 * 1024 * 1024,
            batch_events_max: 256,
        }
    }
}

/// The batch was not stored; the state is as before.
#[derive(Clone, Debug)]
pub struct CommitError(String);

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommitError {}

/// The next state, while commands decide on it.
pub struct Draft<'a> {
    pub(super) entropy: &'a dyn Entropy,
    pub(super) state: &'a mut State,
    clock: &'a mut VirtualClock,
    changes: &'a mut Vec<Change>,
    /// Away while it works.
    pub(super) companion: Option<&'a mut dyn Companion>,
    now: Timestamp,
    pub(super) besides: Besides,
    /// Roughly what the changes will take in the store.
    bytes: usize,
    stop: bool,
}

/// How far an advance of the clock has come.
pub(super) enum Came {
    /// To where it was to go.
    There,
    /// As far as one transaction goes.
    Closer,
    /// To an event that has to wait for somebody: what happens then, once it has.
    Waits(oneshot::Receiver<Vec<Happening>>),
}

/// What a draft changes besides the state.
#[derive(Default)]
pub(super) struct Besides {
    clock_changed: bool,
    /// What fell due and happened.
    pub(super) happened: Vec<Happening>,
    /// The named snapshots, if they are others now.
    saves: Option<Saves>,
    /// The rows of named snapshots that were added and removed.
    rows: Vec<store::Change>,
    /// Who is told what happens next, because an advance ended early.
    late: Option<Sender<Happening>>,
}

impl<'a> Draft<'a> {
    fn new(
        entropy: &'a dyn Entropy,
        state: &'a mut State,
        clock: &'a mut VirtualClock,
        changes: &'a mut Vec<Change>,
        companion: &'a mut dyn Companion,
        now: Timestamp,
    ) -> Self {
        let companion = Some(companion);
        Draft {
            entropy,
            state,
            clock,
            changes,
            companion,
            now,
            besides: Besides::default(),
            bytes: 0,
            stop: false,
        }
    }

    /// Everything that was decided before, stored or not.
    #[must_use]
    pub fn state(&self) -> &State {
        self.state
    }

    /// The instant of this batch.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        *self.clock
    }

    /// Changes the state at the instant of this batch.
    pub fn apply(&mut self, changes: Vec<Change>) {
        self.apply_at(changes, self.now);
    }

    pub(super) fn store(&mut self, changes: Vec<Change>) {
        self.state.apply(changes.iter().cloned());
        self.bytes += changes.iter().map(weight).sum::<usize>();
        self.changes.extend(changes);
    }

    /// Sets the clock.
    pub fn set_clock(&mut self, clock: VirtualClock) {
        *self.clock = clock;
        self.now = clock.at(wall::now());
        self.besides.clock_changed = true;
    }

    /// Makes `records` all that there is, but for what is configured and for facts: those that have not been told yet stay
    /// to be told, and no others come in.
    pub(super) fn replace(&mut self, records: Vec<Record>) {
        self.store(rows::difference(self.state, records));
        self.reload_companion();
    }

    /// Replaces the named snapshots; `rows` are what that changes in the store.
    pub(super) fn set_saves(&mut self, saves: Saves, rows: Vec<store::Change>) {
        self.besides.saves = Some(saves);
        self.bytes += rows.len() * ROW;
        self.besides.rows.extend(rows);
    }

    /// The named snapshots, where `published` are those before this batch.
    pub(super) fn saves(&self, published: &Saves) -> Saves {
        self.besides.saves.clone().unwrap_or_else(|| published.clone())
    }

    /// Lets happen at once, in the transaction of the command, what a command has made due: a rotation that was missed
    /// while the key was disabled. The next command finds it done. What is left over falls to the next batch.
    fn settle(&mut self, events_max: usize) {
        if self.besides.clock_changed {
            // An advance has done so as far as one transaction goes.
            return;
        }
        if let Err(error) = self.run_due(self.now, events_max, Order::Free) {
            tracing::warn!(%error, "what has fallen due waits for the next batch");
        }
    }

    /// Moves the clock towards `to`, past at most `events_max` due events. Tells what happens, and says whether it got
    /// there. If it did not, what else is due at the instant of the last event happens before the next command, and is
    /// told as well.
    pub(super) fn advance(
        &mut self,
        to: Timestamp,
        events_max: usize,
        told: Sender<Happening>,
    ) -> Result<Came, EntropyError> {
        let ran = self.run_due(to, events_max, Order::Kept)?;
        let left = ran.waits.is_some() || self.next_due().is_some_and(|at| at <= to);
        let reached = if left { ran.last } else { Some(to) };
        if let Some(reached) = reached {
            self.set_clock(self.clock().advanced(reached, wall::now()));
        }
        tell(&told, ran.happened);
        self.besides.late = left.then_some(told);
        Ok(match ran.waits {
            Some(waits) => Came::Waits(waits),
            None if left => Came::Closer,
            None => Came::There,
        })
    }

    /// Makes this the last batch.
    pub(super) fn stop(draft: &mut Draft<'_>) {
        draft.stop = true;
    }
}

/// Whoever has gone away need not be told.
fn tell(told: &Sender<Happening>, happened: Vec<Happening>) {
    happened.into_iter().for_each(|due| told.send(due).unwrap_or_default());
}

/// Roughly what a short row takes in the store, in bytes.
const ROW: usize = 256;

/// Roughly what a change takes in the store, in bytes.
fn weight(change: &Change) -> usize {
    match change {
        Change::Put(Record::Key(key)) => {
            let tags: usize = key.tags.iter().map(|tag| tag.tag_key.len() + tag.tag_value.len()).sum();
            ROW + key.policy.as_str().len() + key.description.len() + tags
        }
        Change::Put(Record::Principal(entry)) => ROW + entry.policy_bytes(),
        Change::Put(Record::Table(table)) => ROW + table.content.expose().len(),
        _ => ROW,
    }
}

/// How long due events wait after a batch could not be stored.
const RETRY: Duration = Duration::from_secs(1);

/// The longest wait for work, so that a due event is noticed although the clock's rate was changed.
const IDLE_MAX: Duration = Duration::from_secs(60);

pub(super) struct Writer {
    /// Rings when facts are stored.
    pub(super) bell: Arc<Bell>,
    pub(super) store: Box<dyn Store>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) state: State,
    pub(super) companion: Box<dyn Companion>,
    pub(super) clock: VirtualClock,
    pub(super) published: Arc<ArcSwap<Snapshot>>,
    pub(super) happened: watch::Sender<Happened>,
    pub(super) departed: Arc<Departed>,
    pub(super) batching: Batching,
    pub(super) on_unknown_outcome: OnUnknownOutcome,
    /// Whether the last batch was not stored: due events are then tried again only after a while.
    pub(super) failing: bool,
    /// Who is told what happens before the next command.
    pub(super) late: Option<Sender<Happening>>,
}

impl Writer {
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let first = match jobs.recv_timeout(self.idle()) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.batch(first, jobs) == Next::Stop {
                return;
            }
        }
    }

    /// How long nothing can fall due.
    fn idle(&mut self) -> Duration {
        let Some(at) = self.next_due() else { return IDLE_MAX };
        let left = at.0.saturating_sub(self.clock.at(wall::now()).0).max(0);
        if self.failing {
            return RETRY;
        }
        if self.clock.rate() <= 0.0 && left > 0 {
            return IDLE_MAX;
        }
        #[expect(clippy::cast_precision_loss, reason = "a span of milliseconds fits in 53 bits")]
        let seconds = left as f64 / 1_000.0 / self.clock.rate().max(f64::MIN_POSITIVE);
        Duration::try_from_secs_f64(seconds).map_or(IDLE_MAX, |wait| wait.min(IDLE_MAX))
    }

    fn next_due(&mut self) -> Option<Timestamp> {
        let key = lifecycle::schedule::next_due(&self.state).map(|due| due.at);
        key.into_iter().chain(self.companion.next_due(&self.state)).min()
    }

    /// Stores everything that has fallen due by `now`, a part at a time, so that no command ever sees a state
    /// that is behind its own instant.
    fn catch_up(&mut self, now: Timestamp) -> Result<(), Failure> {
        let entropy = Arc::clone(&self.entropy);
        while self.next_due().is_some_and(|at| at <= now) {
            let (mut state, mut clock) = (self.state.clone(), self.clock);
            let mut changes = Vec::new();
            let mut draft =
                Draft::new(&*entropy, &mut state, &mut clock, &mut changes, &mut *self.companion, now);
            draft
                .run_due(now, self.batching.batch_events_max, Order::Free)
                .map_err(|error| Failure::Clean(error.to_string()))?;
            let besides = draft.besides;
            let happened = besides.happened.clone();
            self.commit(state, clock, &changes, besides)?;
            if let Some(told) = &self.late {
                tell(told, happened);
            }
        }
        self.late = None;
        Ok(())
    }

    fn batch(&mut self, first: Option<Job>, jobs: &Receiver<Job>) -> Next {
        let now = self.clock.at(wall::now());
        let caught_up = self.catch_up(now);
        let entropy = Arc::clone(&self.entropy);
        let (mut state, mut clock) = (self.state.clone(), self.clock);
        let mut changes = Vec::new();
        let mut draft =
            Draft::new(&*entropy, &mut state, &mut clock, &mut changes, &mut *self.companion, now);
        let mut answers = Vec::new();
        let mut next = first;
        while let Some(job) = next {
            answers.push(job(&mut draft));
            draft.settle(self.batching.batch_events_max);
            let room = answers.len() < self.batching.batch_commands_max
                && draft.bytes < self.batching.batch_bytes_max
                && !draft.stop;
            next = room.then(|| jobs.try_recv().ok()).flatten();
        }
        let (besides, stop) = (draft.besides, draft.stop);
        let committed = caught_up.and_then(|()| self.commit(state, clock, &changes, besides));
        self.failing = committed.is_err();
        if self.failing {
            self.companion.reload();
        }
        let failed = committed.as_ref().is_err_and(|failure| *failure == Failure::UnknownOutcome);
        let result = committed.map_err(|failure| CommitError(failure.to_string()));
        answers.into_iter().for_each(|answer| answer(result.clone()));
        if stop || failed { Next::Stop } else { Next::Go }
    }

    fn commit(
        &mut self,
        state: State,
        clock: VirtualClock,
        changes: &[Change],
        besides: Besides,
    ) -> Result<(), Failure> {
        let Besides { clock_changed, happened, saves, rows, late } = besides;
        if changes.is_empty() && !clock_changed && saves.is_none() {
            self.companion.committed();
            return Ok(());
        }
        let mut batch = rows::batch(changes, clock_changed.then_some(&clock))
            .map_err(|error| Failure::Clean(error.to_string()))?;
        if rows.iter().any(|row| matches!(row, store::Change::Delete { .. })) {
            // Whoever removes or replaces a snapshot wants its secrets gone.
            batch.old_secrets = OldSecrets::Erased;
        }
        batch.changes.extend(rows);
        match self.store.commit(&batch) {
            Ok(version) => {
                self.departed.note(&self.state, changes);
                self.state = state.clone();
                self.clock = clock;
                self.late = late.or(self.late.take());
                let saves = saves.unwrap_or_else(|| self.published.load().saves.clone());
                let upcoming = self.companion.upcoming(&state);
                self.published.store(Arc::new(Snapshot { state, clock, version, saves, upcoming }));
                self.companion.committed();
                if self.state.outbox_len() > 0 {
                    self.bell.ring();
                }
                if clock_changed || !happened.is_empty() {
                    self.happened.send_modify(|all| all.add(clock.epoch(), &happened));
                }
                Ok(())
            }
            Err(error) if error.outcome() == Outcome::Unchanged => {
                tracing::error!(%error, "a batch was not stored; the state is as before");
                Err(Failure::Clean(error.to_string()))
            }
            Err(error) => {
                tracing::error!(%error, "whether a batch was stored is not known; stopping");
                (self.on_unknown_outcome)(&error);
                Err(Failure::UnknownOutcome)
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Stop,
}

#[derive(PartialEq, Eq)]
enum Failure {
    Clean(String),
    UnknownOutcome,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Clean(why) => f.write_str(why),
            Failure::UnknownOutcome => f.write_str("the outcome is not known"),
        }
    }
}
