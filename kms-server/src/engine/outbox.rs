//! The facts that wait to be told, from the side of whoever tells them.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use arc_swap::ArcSwap;
use lifecycle::event::{Fact, FactId};
use lifecycle::state::{Change, RecordId};
use tokio::sync::oneshot;

use super::writer::Job;
use super::{Snapshot, SubmitError, queued};

/// Wakes whoever tells facts when there are some.
#[derive(Default)]
pub(super) struct Bell(OnceLock<Thread>);

impl Bell {
    pub(super) fn ring(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// A view of the committed facts of an engine, and the way to remove them. It does not keep the state alive as a lock
/// would, but it keeps the writer running: drop it before the engine is to end by itself.
#[derive(Clone)]
pub struct Outbox {
    published: Arc<ArcSwap<Snapshot>>,
    queue: SyncSender<Job>,
    bell: Arc<Bell>,
}

impl Outbox {
    pub(super) fn new(published: Arc<ArcSwap<Snapshot>>, queue: SyncSender<Job>, bell: Arc<Bell>) -> Self {
        Outbox { published, queue, bell }
    }

    /// Makes `thread` the one that is unparked whenever facts were stored. Only the first one is.
    pub fn wake(&self, thread: Thread) {
        // Nobody else tells the facts of an engine.
        let _ = self.bell.0.set(thread);
    }

    /// At most `max` facts that are stored, in their order, from the one after `after` on.
    #[must_use]
    pub fn facts(&self, after: Option<FactId>, max: usize) -> Vec<Arc<Fact>> {
        self.published.load().state.outbox(after).take(max).cloned().collect()
    }

    /// How many facts are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.published.load().state.outbox_len()
    }

    /// Whether no fact is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last fact that is stored.
    #[must_use]
    pub fn last(&self) -> Option<FactId> {
        self.published.load().state.outbox_last()
    }

    /// Removes facts that have been told, and waits until that is stored. Blocks the thread.
    ///
    /// # Errors
    /// Nothing was changed: the same facts may be removed again.
    pub fn remove(&self, told: Vec<FactId>) -> Result<(), SubmitError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |draft| {
            draft.apply(told.into_iter().map(|id| Change::Delete(RecordId::Fact(id))).collect());
            Box::new(move |committed| {
                let _ = sender.send(committed);
            })
        });
        self.queue.try_send(job).map_err(queued)?;
        match receiver.blocking_recv() {
            Ok(committed) => committed.map_err(SubmitError::Commit),
            Err(_) => Err(SubmitError::Stopped),
        }
    }
}
