//! The webhook: a URL to which every notification is sent, as EventBridge sends events to API destinations.
//!
//! AWS: EventBridge User Guide, "API destinations as targets" and "How EventBridge retries delivering events". AWS
//! tries for 24 hours; here the number of attempts is a setting.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Thread;
use std::time::Duration;

use http::StatusCode;
use lifecycle::event::{Fact, FactId};

use super::service_event::eventbridge;
use crate::engine::Outbox;

/// Where notifications are sent.
#[derive(Clone)]
pub struct Webhook {
    /// An `http` or `https` URL.
    pub url: String,
    /// How often one notification is sent until it is taken or given up, at least once.
    pub attempts_max: u32,
}

/// A URL may hold a secret in its path or query: only where it leads is shown.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.host())
            .field("attempts_max", &self.attempts_max)
            .finish()
    }
}

impl Webhook {
    fn host(&self) -> String {
        let host = self.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        host.unwrap_or_default()
    }
}

/// How long the receiver may take for one attempt.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wait after a first failure; it doubles after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// With more notifications than this behind it, one is sent once only: a receiver that is gone must not pile them up.
const WAITING_MAX: usize = 10_000;

/// Notifications after which those that were sent are removed from the outbox, though there are more to send.
const REMOVED_MAX: usize = 256;

const USER_AGENT: &str = "Amazon/EventBridge/ApiDestinations";

/// The thread that sends. It ends when this is dropped; what it has not sent stays in the outbox.
pub(super) struct Sender {
    queue: mpsc::Sender<Arc<Fact>>,
    stopped: Arc<AtomicBool>,
    thread: Thread,
}

impl Sender {
    /// Starts the thread.
    pub(super) fn start(webhook: Webhook, outbox: Outbox) -> io::Result<Self> {
        let (queue, facts) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(USER_AGENT)
            .build();
        let post = Post { webhook, agent: agent.into(), outbox, stopped: Arc::clone(&stopped) };
        let builder = std::thread::Builder::new().name("webhook".to_owned());
        let handle = builder.spawn(move || post.run(&facts))?;
        Ok(Sender { queue, stopped, thread: handle.thread().clone() })
    }

    /// Hands over a fact, which the thread removes from the outbox when it has been sent or given up.
    pub(super) fn send(&self, fact: Arc<Fact>) {
        // The thread lives as long as the sender.
        let _ = self.queue.send(fact);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// What the thread works with.
struct Post {
    webhook: Webhook,
    agent: ureq::Agent,
    outbox: Outbox,
    stopped: Arc<AtomicBool>,
}

/// How an attempt ended.
enum Attempt {
    Taken,
    /// It may be taken at the next attempt.
    Failed(String),
    /// It will never be taken.
    Refused(StatusCode),
}

/// The server stops.
struct Stopped;

impl Post {
    fn run(&self, facts: &mpsc::Receiver<Arc<Fact>>) {
        let mut done: Vec<FactId> = Vec::new();
        while let Ok(first) = facts.recv() {
            let mut next = Some(first);
            while let Some(fact) = next {
                if self.deliver(&fact).is_err() {
                    break;
                }
                done.push(fact.id);
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
        let Some(body) = eventbridge(fact) else { return Ok(()) };
        let host = self.webhook.host();
        let mut wait = BACKOFF_MIN;
        for attempt in 1.. {
            let failure = match self.attempt(&body) {
                Attempt::Taken => return Ok(()),
                Attempt::Refused(status) => {
                    tracing::warn!(%host, %status, event = %fact.id.id, "the webhook refused a notification");
                    return Ok(());
                }
                Attempt::Failed(failure) => failure,
            };
            if attempt >= self.webhook.attempts_max || self.outbox.len() > WAITING_MAX {
                tracing::warn!(%host, %failure, attempt, event = %fact.id.id, "a notification was given up");
                return Ok(());
            }
            self.pause(wait)?;
            wait = (wait * 2).min(BACKOFF_MAX);
        }
        Ok(())
    }

    /// AWS: EventBridge sends again after 401, 407, 409, 429 and 5xx, and after a failure to connect.
    fn attempt(&self, body: &[u8]) -> Attempt {
        let request =
            self.agent.post(&self.webhook.url).header("content-type", "application/json; charset=utf-8");
        match request.send(body).map(|response| response.status()) {
            Ok(status) if status.is_success() => Attempt::Taken,
            Ok(status) if status.is_server_error() || matches!(status.as_u16(), 401 | 407 | 409 | 429) => {
                Attempt::Failed(status.to_string())
            }
            Ok(status) => Attempt::Refused(status),
            Err(error) => Attempt::Failed(error.to_string()),
        }
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
