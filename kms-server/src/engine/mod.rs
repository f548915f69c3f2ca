//! Live state: one immutable snapshot that everybody reads, one writer that makes the next.

mod advance;
mod companion;
mod departed;
mod happened;
mod ledger;
mod outbox;
mod rows;
pub mod saved;
pub mod wall;
mod writer;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use lifecycle::clock::{Timestamp, VirtualClock};
use lifecycle::crypto::{Entropy, EntropyError};
use lifecycle::iam;
use lifecycle::ids::KeyArn;
use lifecycle::state::{Change, Record, State, Usage};
use tokio::sync::{oneshot, watch};

use crate::operations::LastUses;
use crate::store::{Store, StoreError};

pub use advance::{Advanced, Bounds};
pub use companion::{Companion, Happening};
pub use departed::{Departed, DepartedKey, rotations};
pub use happened::Happened;
pub use ledger::Ledger;
pub use outbox::Outbox;
use rows::Loaded;
use saved::Saves;
pub use writer::{Batching, CommitError, Draft};
use writer::{Job, Writer};

/// A consistent view of everything, and the clock to read it by.
pub struct Snapshot {
    /// All keys, aliases and so on.
    pub state: State,
    /// The domain clock.
    pub clock: VirtualClock,
    /// The store's version of this state.
    pub version: u64,
    /// The named snapshots.
    pub saves: Saves,
    /// What falls due next of what lives beside the state.
    pub upcoming: Option<Happening>,
}

impl Snapshot {
    /// Domain time at this moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.at(wall::now())
    }

    /// Whether something has fallen due that the view of an instant cannot show before it has happened.
    #[must_use]
    pub fn is_behind(&self, now: Timestamp) -> bool {
        self.first_to_make(now).is_some()
    }

    /// Domain time at this moment; but if something has fallen due that the view of it cannot show before it has
    /// happened, the last instant before.
    #[must_use]
    pub fn settled(&self) -> Timestamp {
        let now = self.now();
        self.first_to_make(now).map_or(now, |at| Timestamp(at.0.saturating_sub(1)))
    }

    /// What falls due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Happening> {
        let key = lifecycle::schedule::next_due(&self.state).map(Happening::from);
        // Of two at one instant, that of a key comes first.
        key.into_iter().chain(self.upcoming.clone()).min_by_key(|due| due.at)
    }

    fn first_to_make(&self, now: Timestamp) -> Option<Timestamp> {
        let mut due = self.state.due().take_while(|due| due.at <= now);
        due.find(|due| due.event.makes()).map(|due| due.at)
    }
}

/// How to start the domain clock of a new store. A store that has a clock goes on with it.
#[derive(Clone, Copy, Debug)]
pub struct ClockStart {
    /// Where the clock starts; `None` is the wall clock's time.
    pub at: Option<Timestamp>,
    /// Domain seconds per wall second; zero is frozen.
    pub rate: f64,
}

/// What the engine does when it cannot know whether a commit took place: the process must not go on.
pub type OnUnknownOutcome = Box<dyn Fn(&StoreError) + Send>;

/// The owner of the state.
pub struct Engine {
    published: Arc<ArcSwap<Snapshot>>,
    queue: std::sync::mpsc::SyncSender<Job>,
    /// Due events in one transaction.
    events_max: usize,
    writer: Mutex<Option<JoinHandle<()>>>,
    happened: watch::Receiver<Happened>,
    ledger: Ledger,
    departed: Arc<Departed>,
    bell: Arc<outbox::Bell>,
    installation_secret: Vec<u8>,
    clock_was_stored: bool,
}

/// Why a command was not carried out by the writer.
#[derive(Debug)]
pub enum SubmitError {
    /// The queue is full.
    Full,
    /// The writer has stopped.
    Stopped,
    /// The batch was not stored; nothing changed.
    Commit(CommitError),
    /// There are no random bytes for what falls due.
    Entropy(EntropyError),
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Full => f.write_str("too many commands are waiting to be stored"),
            SubmitError::Stopped => f.write_str("the writer has stopped"),
            SubmitError::Commit(error) => write!(f, "not stored: {error}"),
            SubmitError::Entropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SubmitError {}

/// Why the engine could not start.
#[derive(Debug)]
pub enum OpenError {
    /// The store failed.
    Store(StoreError),
    /// A record could not be read.
    Record(String),
    /// A principal is configured that is stored already, or configured twice.
    Principal(iam::Clash),
    /// There were no random bytes for the installation's secret, or no thread for the writer.
    System(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Store(error) => error.fmt(f),
            OpenError::Record(what) => write!(f, "a stored record cannot be read: {what}"),
            OpenError::Principal(clash) => match clash.with {
                iam::Source::Configured => write!(f, "{clash}; leave one of the two"),
                iam::Source::Stored => write!(
                    f,
                    "{clash}. Rename it in the configuration; or start without it, remove the stored one with \
                     `kms-server principals delete {}`, and start with it again",
                    clash.label
                ),
            },
            OpenError::System(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        OpenError::Store(error)
    }
}

impl Engine {
    /// Loads the store, adds the principals that are configured, and starts the writer.
    ///
    /// # Errors
    /// The store or one of its records cannot be read, the first records of a new store not be written, or a configured
    /// principal is there already.
    pub fn open(
        mut store: Box<dyn Store>,
        mut companion: Box<dyn Companion>,
        configured: Vec<iam::Entry>,
        start: ClockStart,
        batching: Batching,
        entropy: Arc<dyn Entropy>,
        on_unknown_outcome: OnUnknownOutcome,
    ) -> Result<Self, OpenError> {
        let Loaded { records, saves, clock, installation_secret, version } = rows::load(store.load()?)?;
        let wall = wall::now();
        let clock_was_stored = clock.is_some();
        let (clock, installation_secret, version) = match (clock, installation_secret) {
            (Some(clock), Some(secret)) => (clock, secret, version),
            (clock, secret) => {
                let clock = clock.unwrap_or_else(|| {
                    VirtualClock::new(start.at.unwrap_or(Timestamp(wall.0)), wall, start.rate)
                });
                let secret = match secret {
                    Some(secret) => secret,
                    None => entropy.array::<32>().map_err(|e| OpenError::System(e.to_string()))?.to_vec(),
                };
                let version = store.commit(&rows::installation(&clock, &secret)?)?;
                (clock, secret, version)
            }
        };
        let mut state = State::load(records);
        state.configure(configured).map_err(OpenError::Principal)?;
        let upcoming = companion.upcoming(&state);
        let snapshot = Snapshot { state: state.clone(), clock, version, saves, upcoming };
        let published = Arc::new(ArcSwap::from_pointee(snapshot));
        let (queue, jobs) = std::sync::mpsc::sync_channel(batching.queue_commands_max.max(1));
        let (sender, happened) = watch::channel(Happened::default());
        let departed = Arc::new(Departed::default());
        let bell = Arc::new(outbox::Bell::default());
        let writer = Writer {
            departed: Arc::clone(&departed),
            bell: Arc::clone(&bell),
            store,
            entropy,
            state,
            companion,
            clock,
            published: Arc::clone(&published),
            happened: sender,
            batching,
            on_unknown_outcome,
            failing: false,
            late: None,
        };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || writer.run(&jobs));
        let thread =
            thread.map_err(|error| OpenError::System(format!("no thread for the writer: {error}")))?;
        Ok(Engine {
            published,
            queue,
            events_max: batching.batch_events_max.max(1),
            writer: Mutex::new(Some(thread)),
            happened,
            ledger: Ledger::default(),
            departed,
            bell,
            installation_secret,
            clock_was_stored,
        })
    }

    /// The state of this moment. Costs no lock.
    #[must_use]
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.published.load()
    }

    /// The stored secret from which the keys of list markers and grant tokens come.
    #[must_use]
    pub fn installation_secret(&self) -> &[u8] {
        &self.installation_secret
    }

    /// Whether the store had a clock, so that [`ClockStart`] had no effect.
    #[must_use]
    pub fn clock_was_stored(&self) -> bool {
        self.clock_was_stored
    }

    /// Last uses since start.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Keys that are gone.
    #[must_use]
    pub fn departed(&self) -> &Departed {
        &self.departed
    }

    /// The facts that wait to be told.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox::new(Arc::clone(&self.published), self.queue.clone(), Arc::clone(&self.bell))
    }

    /// Runs `decide` on the writer's state and waits until what it changed is stored.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn submit<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Draft<'_>) -> T + Send + 'static,
    ) -> Result<T, SubmitError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |draft| {
            let decided = decide(draft);
            Box::new(move |committed: Result<(), CommitError>| {
                // A caller who has gone away is no reason to stop.
                let _ = sender.send(committed.map(|()| decided));
            })
        });
        self.queue.try_send(job).map_err(queued)?;
        match receiver.await {
            Ok(Ok(decided)) => Ok(decided),
            Ok(Err(error)) => Err(SubmitError::Commit(error)),
            Err(_) => Err(SubmitError::Stopped),
        }
    }

    /// Lets the domain clock go on from where it is at another rate; 0 freezes it.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn set_rate(&self, rate: f64) -> Result<(), SubmitError> {
        self.submit(move |draft| draft.set_clock(draft.clock().with_rate(rate, wall::now()))).await
    }

    /// Waits until what has fallen due has happened.
    ///
    /// # Errors
    /// It could not be stored.
    pub async fn catch_up(&self) -> Result<(), SubmitError> {
        self.submit(|_| ()).await
    }

    /// Tells whenever the clock was touched or something fell due.
    #[must_use]
    pub fn happened(&self) -> watch::Receiver<Happened> {
        self.happened.clone()
    }

    /// Replaces every record, and starts a new epoch of the clock at `now`. What has happened before, and was not told
    /// yet, is told all the same.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn replace(&self, records: Vec<Record>, now: Option<Timestamp>) -> Result<(), SubmitError> {
        let replaced = self
            .submit(move |draft| {
                draft.replace(records);
                let wall = wall::now();
                let base = now.unwrap_or(Timestamp(wall.0));
                let clock = draft.clock().restarted(base, wall);
                draft.set_clock(clock);
            })
            .await;
        if replaced.is_ok() {
            self.departed.clear();
            self.ledger.clear();
        }
        replaced
    }

    /// Stores the last uses that only memory knows, and the time that the clock has reached.
    ///
    /// # Errors
    /// Nothing was stored; the uses stay in memory for the next time.
    pub async fn fold_ledger(&self) -> Result<(), SubmitError> {
        let uses = self.ledger.take_dirty();
        let again = uses.clone();
        let folded = self
            .submit(move |draft| {
                let alive = |usage: &Arc<Usage>| draft.state().at(draft.now()).key(&usage.key).is_some();
                let uses: Vec<Change> =
                    uses.into_iter().filter(alive).map(|usage| Change::Put(Record::Usage(usage))).collect();
                draft.apply(uses);
                let wall = wall::now();
                let clock = draft.clock().advanced(draft.clock().at(wall), wall);
                draft.set_clock(clock);
            })
            .await;
        if folded.is_err() {
            self.ledger.put_back(&again);
        }
        folded
    }

    /// Stores what is left, answers everybody who waits, and stops the writer.
    pub async fn stop(&self) {
        if let Err(error) = self.fold_ledger().await {
            tracing::warn!(%error, "the last uses of the last minute were not stored");
        }
        let _ = self.submit(Draft::stop).await;
        let thread = self.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Why a command was not queued.
fn queued(error: std::sync::mpsc::TrySendError<Job>) -> SubmitError {
    match error {
        std::sync::mpsc::TrySendError::Full(_) => SubmitError::Full,
        std::sync::mpsc::TrySendError::Disconnected(_) => SubmitError::Stopped,
    }
}

impl LastUses for Ledger {
    fn last_use(&self, key: &KeyArn) -> Option<Arc<Usage>> {
        self.get(key)
    }
}
