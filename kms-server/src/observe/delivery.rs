//! Delivery: what has happened by itself goes from the outbox into the audit log and the log of notifications, and to
//! the webhook and by mail if there is one. Only then is it removed from the outbox.
//!
//! It is done by a thread of its own, a part at a time, in the order of the facts, so that neither a request nor an advance of
//! the clock waits for it. A crash loses nothing, because a fact is removed after it is on disk; and it doubles
//! nothing in the logs, because at the next start they are searched for the facts that are still in the outbox.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use lifecycle::event::{Fact, FactId};
use tokio::sync::oneshot;

use super::log::Log;
use super::mail::Mail;
use super::sender::{Sender, hand_over};
use super::service_event::{cloudtrail, eventbridge};
use super::webhook::{Poster, Webhook};
use crate::engine::Outbox;

/// Facts that are written, or removed, at once.
const PART: usize = 256;

/// How long delivery waits after it has failed.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread and those who wait for it share.
#[derive(Default)]
struct Shared {
    /// Who waits until everything that has happened is told.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    stopped: AtomicBool,
}

/// The thread that tells. It ends when this is dropped.
pub struct Delivery {
    outbox: Outbox,
    notifications: Arc<Log>,
    shared: Arc<Shared>,
    thread: Thread,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Delivery {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(
        outbox: Outbox,
        audit: Arc<Log>,
        notifications: Arc<Log>,
        webhook: Option<Webhook>,
        mail: Option<Mail>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        // Only of what waits already can a log have anything.
        let there = outbox.is_empty().then(HashSet::new);
        let kept = Arc::clone(&notifications);
        let webhook = webhook.map(|webhook| Sender::start("webhook", Poster::new(webhook), outbox.clone()));
        let mail = mail.map(|mail| Sender::start("mail", mail, outbox.clone()));
        let senders = webhook.into_iter().chain(mail).collect::<io::Result<_>>()?;
        let teller = Teller {
            outbox: outbox.clone(),
            audit: Copy {
                log: audit,
                id: "eventID",
                mark: "AWS Internal",
                line: cloudtrail,
                there: there.clone(),
            },
            notifications: Copy { log: notifications, id: "id", mark: "\"aws.", line: eventbridge, there },
            told: None,
            removable: Vec::new(),
            senders,
        };
        let state = Arc::clone(&shared);
        let builder = std::thread::Builder::new().name("delivery".to_owned());
        let handle = builder.spawn(move || teller.run(&state))?;
        let thread = handle.thread().clone();
        outbox.wake(thread.clone());
        // What was stored before there was somebody to wake.
        thread.unpark();
        Ok(Delivery { outbox, notifications: kept, shared, thread, handle: Mutex::new(Some(handle)) })
    }

    /// Waits until everything that was stored before has been told to the logs, or could not be.
    pub async fn settle(&self) {
        if self.outbox.is_empty() {
            return;
        }
        let (done, wait) = oneshot::channel();
        match self.shared.waiting.lock() {
            Ok(mut waiting) => waiting.push(done),
            Err(_) => return,
        }
        self.thread.unpark();
        if !self.shared.stopped.load(Ordering::Acquire) {
            let _ = wait.await;
        }
    }

    /// Removes the files of the log of notifications that are past their time.
    pub(super) fn remove_expired(&self) {
        self.notifications.remove_expired();
    }

    /// Tells what has happened, removes it from the outbox, and ends.
    pub async fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.thread.unpark();
        let handle = self.handle.lock().ok().and_then(|mut handle| handle.take());
        if let Some(handle) = handle {
            let _ = tokio::task::spawn_blocking(move || handle.join()).await;
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// What the thread works with.
struct Teller {
    outbox: Outbox,
    audit: Copy,
    notifications: Copy,
    /// The last fact that is in both logs.
    told: Option<FactId>,
    /// Facts that have been told to everybody.
    removable: Vec<FactId>,
    senders: Vec<Sender>,
}

impl Teller {
    fn run(mut self, shared: &Shared) {
        loop {
            // Read before the outbox: what was stored before the stop is still told.
            let stopped = shared.stopped.load(Ordering::Acquire);
            let waiting = shared.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
            let told = self.tell();
            if let Err(error) = &told {
                tracing::error!(%error, "what has happened could not be written to the logs; it will be tried again");
            }
            for done in waiting.into_iter().flatten() {
                let _ = done.send(());
            }
            let removed = self.remove();
            if stopped {
                return;
            }
            if told.is_ok() && removed {
                std::thread::park();
            } else {
                std::thread::park_timeout(RETRY);
            }
        }
    }

    /// Writes what is in the outbox now to both logs, a part at a time. What is stored meanwhile wakes the thread again.
    fn tell(&mut self) -> io::Result<()> {
        let last = self.outbox.last();
        while self.told < last {
            let facts = self.outbox.facts(self.told, PART);
            let Some(end) = facts.last().map(|fact| fact.id) else { return Ok(()) };
            self.audit.write(&facts, &self.outbox)?;
            self.notifications.write(&facts, &self.outbox)?;
            self.audit.forget(&facts);
            self.notifications.forget(&facts);
            self.told = Some(end);
            match &self.senders[..] {
                [] => self.removable.extend(facts.iter().map(|fact| fact.id)),
                // They remove what they have sent.
                senders => facts.into_iter().for_each(|fact| hand_over(fact, senders)),
            }
        }
        Ok(())
    }

    /// Removes from the outbox what has been told. Whether that was all.
    fn remove(&mut self) -> bool {
        while !self.removable.is_empty() {
            let part: Vec<FactId> = self.removable.iter().take(PART).copied().collect();
            let count = part.len();
            if let Err(error) = self.outbox.remove(part) {
                tracing::warn!(%error, "what has been told was not removed; it will be tried again");
                return false;
            }
            self.removable.drain(..count);
        }
        true
    }
}

/// A log that gets every fact once.
struct Copy {
    log: Arc<Log>,
    /// The member that holds the id.
    id: &'static str,
    /// What is in every line about a fact.
    mark: &'static str,
    /// The line about a fact; `None` if the log has none about it.
    line: fn(&Fact) -> Option<Vec<u8>>,
    /// Facts of the outbox that are in the log already; `None` while that is not known.
    there: Option<HashSet<String>>,
}

impl Copy {
    /// Makes sure that facts are in the log.
    fn write(&mut self, facts: &[Arc<Fact>], outbox: &Outbox) -> io::Result<()> {
        // Taken away: after an error it is not known what was written, and the log is searched before the next attempt.
        let mut there = match self.there.take() {
            Some(there) => there,
            None => {
                let all = outbox.facts(None, usize::MAX);
                self.log.find(&all.iter().map(name).collect(), self.id, self.mark)?
            }
        };
        let new = facts.iter().filter(|fact| !there.contains(fact.id.id.as_str()));
        let lines: Vec<Vec<u8>> = new.filter_map(|fact| (self.line)(fact)).collect();
        if !lines.is_empty() {
            self.log.append(lines)?;
        }
        // Should the other log fail, this one sees the same facts again.
        there.extend(facts.iter().map(name));
        self.there = Some(there);
        Ok(())
    }

    /// These facts will not come again.
    fn forget(&mut self, facts: &[Arc<Fact>]) {
        let Some(there) = &mut self.there else { return };
        for fact in facts {
            there.remove(fact.id.id.as_str());
        }
    }
}

fn name(fact: &Arc<Fact>) -> String {
    fact.id.id.as_str().to_owned()
}
