//! Sending notifications to somebody outside: the webhook, and whoever reads mail.
//!
//! Each has a thread of its own, which sends one notification after the other, again with growing waits, and gives up in
//! the end. Whoever is last done with a notification removes it from the outbox; what was not sent before the server
//! ends is sent after its next start.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Thread;
use std::time::Duration;

use lifecycle::event::{Fact, FactId};

use crate::engine::Outbox;

/// How long a receiver may take for one attempt.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The wait after a first failure; it doubles after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// With more notifications than this behind it, one is sent once only: a receiver that is gone must not pile them up.
const WAITING_MAX: usize = 10_000;

/// Notifications after which those that were sent are removed from the outbox, though there are more to send.
const REMOVED_MAX: usize = 256;

/// A way out.
pub(super) trait Channel: Send + 'static {
    /// What is sent.
    type Message;

    /// Where it leads, without what may be secret.
    fn host(&self) -> String;

    /// How often one notification is sent until it is taken or given up, at least once.
    fn attempts_max(&self) -> u32;

    /// What is sent about a fact; `None` if it is not told this way.
    fn message(&self, fact: &Fact) -> Option<Self::Message>;

    /// Sends it once.
    fn attempt(&self, message: &Self::Message) -> Attempt;
}

/// How an attempt ended.
pub(super) enum Attempt {
    /// The receiver has it.
    Taken,
    /// It may be taken at the next attempt.
    Failed(String),
    /// It will never be taken.
    Refused(String),
}

/// A fact on its way, and how many have yet to send it or give it up.
pub(super) struct Handed {
    fact: Arc<Fact>,
    left: AtomicUsize,
}

/// The thread that sends. It ends when this is dropped; what it has not sent stays in the outbox.
pub(super) struct Sender {
    queue: mpsc::Sender<Arc<Handed>>,
    stopped: Arc<AtomicBool>,
    thread: Thread,
}

impl Sender {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(name: &str, channel: impl Channel, outbox: Outbox) -> io::Result<Self> {
        let (queue, facts) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let post = Post { channel, outbox, stopped: Arc::clone(&stopped) };
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || post.run(&facts))?;
        Ok(Sender { queue, stopped, thread: handle.thread().clone() })
    }
}

/// Hands a fact to all who send; the last of them removes it from the outbox.
pub(super) fn hand_over(fact: Arc<Fact>, senders: &[Sender]) {
    let handed = Arc::new(Handed { fact, left: AtomicUsize::new(senders.len()) });
    for sender in senders {
        // The thread lives as long as the sender.
        let _ = sender.queue.send(Arc::clone(&handed));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// What the thread works with.
struct Post<C> {
    channel: C,
    outbox: Outbox,
    stopped: Arc<AtomicBool>,
}

/// The server stops.
struct Stopped;

impl<C: Channel> Post<C> {
    fn run(&self, facts: &mpsc::Receiver<Arc<Handed>>) {
        let mut done: Vec<FactId> = Vec::new();
        while let Ok(first) = facts.recv() {
            let mut next = Some(first);
            while let Some(handed) = next {
                if self.deliver(&handed.fact).is_err() {
                    break;
                }
                if handed.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    done.push(handed.fact.id);
                }
                next = (done.len() < REMOVED_MAX).then(|| facts.try_recv().ok()).flatten();
            }
            // What is not removed now is removed with the next, or sent again at the next start.
            match self.outbox.remove(done.clone()) {
                Ok(()) => done.clear(),
                Err(error) => tracing::warn!(%error, "notifications that were sent may be sent again"),
            }
            if self.stopped.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// Sends a notification until it is taken, refused, or given up.
    fn deliver(&self, fact: &Fact) -> Result<(), Stopped> {
        let Some(message) = self.channel.message(fact) else { return Ok(()) };
        let host = self.channel.host();
        let mut wait = BACKOFF_MIN;
        for attempt in 1.. {
            let failure = match self.channel.attempt(&message) {
                Attempt::Taken => return Ok(()),
                Attempt::Refused(answer) => {
                    tracing::warn!(%host, %answer, event = %fact.id.id, "a notification was refused");
                    return Ok(());
                }
                Attempt::Failed(failure) => failure,
            };
            if attempt >= self.channel.attempts_max() || self.outbox.len() > WAITING_MAX {
                tracing::warn!(%host, %failure, attempt, event = %fact.id.id, "a notification was given up");
                return Ok(());
            }
            self.pause(wait)?;
            wait = (wait * 2).min(BACKOFF_MAX);
        }
        Ok(())
    }

    /// Waits, unless the server stops.
    fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        let mut left = wait;
        while !self.stopped.load(Ordering::Acquire) {
            if left.is_zero() {
                return Ok(());
            }
            // In slices: nothing else wakes the thread for good but the stop, and a slice too long does no harm.
            let slice = left.min(BACKOFF_MIN);
            std::thread::park_timeout(slice);
            left -= slice;
        }
        Err(Stopped)
    }
}
