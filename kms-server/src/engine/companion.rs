//! What lives in the writer beside the state, with a schedule of its own: its records are in the state, its due events
//! happen among those of keys, each at its own instant, and its changes are stored in the same transactions.

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::crypto::EntropyError;
use lifecycle::due::Due;
use lifecycle::ids::KeyArn;
use lifecycle::key::Key;
use lifecycle::policy::Principal;
use lifecycle::schedule;
use lifecycle::state::{Change, Record, RecordId, State};

use tokio::sync::oneshot;

use super::Draft;

/// Something that has happened by itself, or will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// The name of what happened.
    pub kind: &'static str,
    /// What it happened to.
    pub resource: Arc<str>,
}

impl From<Due> for Happening {
    fn from(due: Due) -> Self {
        Happening { at: due.at, kind: due.event.kind(), resource: due.event.resource().into() }
    }
}

/// A part of the server that decides together with the writer.
pub trait Companion: Send {
    /// When something falls due next.
    fn next_due(&mut self, state: &State) -> Option<Timestamp>;

    /// What falls due next, to be shown.
    fn upcoming(&mut self, state: &State) -> Option<Happening>;

    /// Lets happen what falls due first. Its instant is `at`, whatever the clock shows. Tells what there is to tell.
    fn step(&mut self, draft: &mut Draft<'_>, at: Timestamp) -> Vec<Happening>;

    /// Tells when what it does by itself, and has to wait for somebody with, is done, and what happened then. `None` while it
    /// waits for nobody. Other events happen meanwhile, but whoever moves the clock waits.
    fn waits(&mut self) -> Option<oneshot::Receiver<Vec<Happening>>> {
        None
    }

    /// Something about a key has changed that may decide whether services can use it.
    fn changed(&mut self, draft: &mut Draft<'_>, key: KeyArn, at: Timestamp);

    /// The records have been replaced, or what was decided was not stored: they have to be read again.
    fn reload(&mut self);

    /// What was decided is stored.
    fn committed(&mut self);
}

/// Nothing beside the state.
impl Companion for () {
    fn next_due(&mut self, _: &State) -> Option<Timestamp> {
        None
    }

    fn upcoming(&mut self, _: &State) -> Option<Happening> {
        None
    }

    fn step(&mut self, _: &mut Draft<'_>, _: Timestamp) -> Vec<Happening> {
        Vec::new()
    }

    fn changed(&mut self, _: &mut Draft<'_>, _: KeyArn, _: Timestamp) {}

    fn reload(&mut self) {}

    fn committed(&mut self) {}
}

/// What happens after an event that has to wait for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing before it is done.
    Kept,
    /// What falls due: nobody else is kept waiting.
    Free,
}

/// What was done of all that is due.
#[derive(Default)]
pub(super) struct Ran {
    /// What there is to tell.
    pub(super) happened: Vec<Happening>,
    /// The instant of the last event, told or not.
    pub(super) last: Option<Timestamp>,
    /// What the last event still waits for.
    pub(super) waits: Option<oneshot::Receiver<Vec<Happening>>>,
}

impl<'a> Draft<'a> {
    /// Does something with the companion at hand, which for the time is not told of changes.
    fn with_companion<T>(&mut self, work: impl FnOnce(&mut dyn Companion, &mut Self) -> T) -> Option<T> {
        let companion = self.companion.take()?;
        let done = work(&mut *companion, self);
        self.companion = Some(companion);
        Some(done)
    }

    /// Does the companion's own work: it is not told of the changes that it makes.
    pub fn apart<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let companion = self.companion.take();
        let done = work(self);
        self.companion = companion;
        done
    }

    /// Where random bytes come from.
    #[must_use]
    pub fn entropy(&self) -> &'a dyn lifecycle::crypto::Entropy {
        self.entropy
    }

    /// When anything falls due next.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        let companion = self.with_companion(|companion, draft| companion.next_due(draft.state)).flatten();
        let key = schedule::next_due(self.state).map(|due| due.at);
        key.into_iter().chain(companion).min()
    }

    /// Lets happen what falls due up to `until`, in order and each at its own instant, but at most `events_max`
    /// events. Of two at one instant, that of a key comes first. What an event of the companion has to wait for ends it, if
    /// the order is to be kept.
    ///
    /// # Errors
    /// There are no random bytes for new material.
    pub(super) fn run_due(
        &mut self,
        until: Timestamp,
        events_max: usize,
        order: Order,
    ) -> Result<Ran, EntropyError> {
        let mut ran = Ran::default();
        for _ in 0..events_max {
            if order == Order::Kept {
                ran.waits = self.with_companion(|companion, _| companion.waits()).flatten();
            }
            if ran.waits.is_some() {
                break;
            }
            let Some(at) = self.next_due().filter(|at| *at <= until) else { break };
            match schedule::next_due(self.state).filter(|due| due.at <= at) {
                Some(due) => {
                    let changes = schedule::changes(self.state, &due, self.entropy)?;
                    self.apply_at(changes, due.at);
                    ran.happened.push(due.into());
                }
                None => {
                    let happened = self.with_companion(|companion, draft| companion.step(draft, at));
                    ran.happened.extend(happened.unwrap_or_default());
                }
            }
            ran.last = Some(at);
        }
        if order == Order::Kept && ran.waits.is_none() {
            ran.waits = self.with_companion(|companion, _| companion.waits()).flatten();
        }
        self.besides.happened.extend(ran.happened.iter().cloned());
        Ok(ran)
    }

    /// Tells of what has happened at last, after somebody was waited for.
    pub fn tell(&mut self, happened: Vec<Happening>) {
        self.besides.happened.extend(happened);
    }

    /// Changes the state at an instant that the clock may not show yet.
    pub fn apply_at(&mut self, changes: Vec<Change>, at: Timestamp) {
        let touched = match &self.companion {
            Some(_) => touched(self.state, &changes),
            None => Vec::new(),
        };
        self.store(changes);
        for key in touched {
            self.with_companion(|companion, draft| companion.changed(draft, key, at));
        }
    }

    /// Has the companion read its records again.
    pub(super) fn reload_companion(&mut self) {
        self.with_companion(|companion, _| companion.reload());
    }
}

/// The keys of which a service may have lost, or got back, the use.
fn touched(before: &State, changes: &[Change]) -> Vec<KeyArn> {
    // Every key is there at the beginning of time, whatever its deletion date.
    let view = before.at(Timestamp(i64::MIN));
    let mut touched: Vec<KeyArn> = Vec::new();
    for change in changes {
        let key = match change {
            Change::Put(Record::Key(new)) => view.key(&new.arn).and_then(|old| {
                let same = old.switch == new.switch
                    && old.pending_deletion == new.pending_deletion
                    && old.imported == new.imported
                    && old.policy == new.policy;
                (!same).then_some(new.arn)
            }),
            Change::Delete(RecordId::Key(key)) => Some(*key),
            Change::Put(Record::Grant(grant)) => {
                let of_service = matches!(grant.grantee.principal(), Principal::Service(_));
                of_service.then_some(grant.key)
            }
            Change::Delete(RecordId::Grant(key, _)) => Some(*key),
            // The keys of a custom key store come and go with it, and with the cluster behind it.
            Change::Put(Record::CustomStore(_) | Record::Cluster(_))
            | Change::Delete(RecordId::Cluster(_)) => {
                let of_store = |key: &&Arc<Key>| match change {
                    Change::Put(Record::CustomStore(store)) => {
                        view.store_of(key).is_some_and(|of| of.arn == store.arn)
                    }
                    _ => key.custom_store.is_some(),
                };
                touched.extend(view.all_keys().filter(of_store).map(|key| key.arn));
                None
            }
            _ => None,
        };
        touched.extend(key.filter(|key| !touched.contains(key)));
    }
    touched
}
