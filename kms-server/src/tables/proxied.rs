//! Flows whose key lives behind a proxy: they wait outside of the writer, and go on in it with the answer.
//!
//! A flow is a value that waits for a reply; so the writer lets go of it, the proxy is asked with nothing held, and a job brings
//! the answer. A request goes on at the instant at which its answer came. What the service does by itself is done at the
//! instant at which it fell due: whoever moves the clock waits for it, and nobody else does.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use lifecycle::at_rest::{
    Answer, Connection, FlowId, Input, KmsCall, KmsFault, KmsReply, KmsRequest, Refusal, TableName,
};
use lifecycle::clock::Timestamp;
use lifecycle::ids::KeyArn;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::kms::{self, Reached};
use super::{Answered, Inner, Tables, replaced};
use crate::engine::{Draft, Happening, SubmitError};
use crate::service::inside::Asking;
use crate::service::{self, Service};

/// Calls that the service makes to proxies at the same time.
const ASKED_AT_ONCE: usize = 64;

/// How far a flow has come.
pub(super) enum Progress {
    /// It has ended.
    Done(Result<Answer, Refusal>),
    /// It waits for a proxy.
    Waits(Box<Held>),
}

/// A call of a flow that waits for a proxy.
pub(super) struct Held {
    pub(super) call: KmsCall,
    pub(super) asking: Asking,
}

/// What a request has brought about before its answer.
#[derive(Default)]
pub(super) struct SoFar {
    /// The table whose key it uses, and over which connection.
    used: Option<(TableName, Option<Connection>)>,
    calls: usize,
    latency: Duration,
}

impl SoFar {
    /// Nothing, of a request for this input.
    pub(super) fn of(input: &Input) -> Self {
        let used = match input {
            Input::Access(access) => Some((access.table.clone(), access.connection)),
            _ => None,
        };
        SoFar { used, ..SoFar::default() }
    }
}

/// What is decided about an input.
pub(super) enum Decided {
    /// Everything.
    Answered(Answered),
    /// What can be without a proxy.
    Waits(Box<Waiting>),
}

/// A flow that waits for a proxy.
pub(super) struct Waiting {
    held: Held,
    so_far: SoFar,
    /// The instant at which it fell due; none of a request.
    due_at: Option<Timestamp>,
    /// Whose flow it is: records that are read again know nothing of it.
    life: u64,
}

/// The flows that wait, and who waits for them.
#[derive(Default)]
pub(super) struct Proxied {
    /// How often the records were read anew.
    life: u64,
    /// What the service does by itself, and has to ask for once it is stored that it has begun.
    asking: Vec<Waiting>,
    /// How much of that has not ended.
    open: usize,
    /// Who wants to know when there is no more.
    waiters: Vec<oneshot::Sender<Vec<Happening>>>,
    /// What has happened since they wait.
    happened: Vec<Happening>,
    /// To the thread that asks.
    sender: Option<mpsc::UnboundedSender<Waiting>>,
}

impl Proxied {
    /// Keeps work of the service that waits for a proxy.
    pub(super) fn hold(&mut self, held: Held, at: Timestamp) {
        let (so_far, life) = (SoFar::default(), self.life);
        self.asking.push(Waiting { held, so_far, due_at: Some(at), life });
        self.open += 1;
    }

    /// See [`crate::engine::Companion::waits`].
    pub(super) fn waits(&mut self) -> Option<oneshot::Receiver<Vec<Happening>>> {
        if self.open == 0 {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.waiters.push(sender);
        Some(receiver)
    }

    /// What was begun is stored: proxies are asked, and who waits for nobody any more hears so.
    pub(super) fn go(&mut self, service: &Weak<service::Inner>) {
        for waiting in std::mem::take(&mut self.asking) {
            let sender = self.sender.get_or_insert_with(|| asker(service.clone()));
            if let Err(mpsc::error::SendError(waiting)) = sender.send(waiting) {
                // Without its thread it is done when it is due again.
                tracing::error!(flow = ?waiting.held.call.flow, "nobody is there to ask a proxy");
                self.open = self.open.saturating_sub(1);
            }
        }
        if self.open == 0 {
            let happened = std::mem::take(&mut self.happened);
            for waiter in self.waiters.drain(..) {
                // Whoever has gone away need not be told.
                let _ = waiter.send(happened.clone());
            }
        }
    }

    /// The records are read again.
    pub(super) fn forget(&mut self) {
        self.life += 1;
        self.open = 0;
        self.asking.clear();
        self.waiters.clear();
        self.happened.clear();
    }

    fn end(&mut self, waiting: bool) {
        self.open = self.open.saturating_sub(usize::from(waiting));
    }
}

/// The thread that asks proxies for what the service does by itself: nobody else's is there for that.
fn asker(service: Weak<service::Inner>) -> mpsc::UnboundedSender<Waiting> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Waiting>();
    let ask = async move {
        let places = Arc::new(Semaphore::new(ASKED_AT_ONCE));
        while let Some(waiting) = receiver.recv().await {
            let (Some(inner), Ok(place)) = (service.upgrade(), Arc::clone(&places).acquire_owned().await)
            else {
                return;
            };
            tokio::spawn(async move {
                if let Err(error) = waiting.finish(&Service::of(inner)).await {
                    tracing::warn!(%error, "work on a table waits");
                }
                drop(place);
            });
        }
    };
    let started = thread::Builder::new().name("tables-proxies".to_owned()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(ask),
            Err(error) => tracing::error!(%error, "proxies cannot be asked about tables"),
        }
    });
    if let Err(error) = started {
        tracing::error!(%error, "there is no thread to ask proxies about tables");
    }
    sender
}

impl Waiting {
    /// Asks the proxy, has the flow go on with the answer, and so on until it has ended.
    ///
    /// # Errors
    /// The writer does not take the answer. The flow is given up.
    pub(super) async fn finish(self, service: &Service) -> Result<Answered, SubmitError> {
        let mut waiting = self;
        loop {
            let (life, flow, is_due) = (waiting.life, waiting.held.call.flow, waiting.due_at.is_some());
            service.ask_inside(&waiting.held.asking).await;
            let tables = service.parts().tables.clone();
            let decided = service.parts().engine.submit(move |draft| tables.go_on(draft, waiting)).await;
            match decided {
                Ok(Decided::Answered(answered)) => return Ok(answered),
                Ok(Decided::Waits(more)) => waiting = *more,
                Err(error) => {
                    service.parts().tables.give_up(life, flow, is_due);
                    return Err(error);
                }
            }
        }
    }
}

impl Tables {
    /// Goes on with a flow whose proxy has answered.
    fn go_on(&self, draft: &mut Draft<'_>, waiting: Waiting) -> Decided {
        let at = waiting.due_at.unwrap_or(draft.now());
        draft.apart(|draft| {
            let mut inner = self.lock();
            let Waiting { held, so_far, due_at, life } = waiting;
            if life != inner.proxied.life {
                return Decided::Answered(Answered { answer: Err(replaced()), at, latency: so_far.latency });
            }
            let (before, mut happened) = (inner.called.len(), Vec::new());
            let progress = inner.resume(draft, held, at, &mut happened);
            inner.give_up_tasks(draft, at);
            let decided = inner.decided(progress, so_far, before, at);
            let Some(due_at) = due_at else { return decided };
            if !inner.proxied.waiters.is_empty() {
                inner.proxied.happened.extend(happened.iter().cloned());
            }
            draft.tell(happened);
            match decided {
                Decided::Waits(more) => Decided::Waits(Box::new(Waiting { due_at: Some(due_at), ..*more })),
                answered => {
                    inner.proxied.end(true);
                    answered
                }
            }
        })
    }

    /// Gives up a flow that cannot go on; what it was for falls due again.
    fn give_up(&self, life: u64, flow: FlowId, is_due: bool) {
        let mut inner = self.lock();
        if life != inner.proxied.life {
            return;
        }
        inner.proxied.end(is_due);
        if let Some(engine) = inner.engine.as_mut() {
            engine.abandon(flow);
        }
        let service = inner.service.clone();
        inner.proxied.go(&service);
    }
}

impl Inner {
    /// What a request has come to, with what it has cost since there were `before` calls.
    pub(super) fn decided(
        &mut self,
        progress: Progress,
        so_far: SoFar,
        before: usize,
        at: Timestamp,
    ) -> Decided {
        let new = self.called.get(before..).unwrap_or_default();
        let calls = so_far.calls + new.len();
        let latency = so_far.latency + new.iter().map(|called| called.latency).sum::<Duration>();
        match (progress, so_far.used) {
            (Progress::Done(answer), used) => {
                if let Some((table, connection)) = used {
                    self.tally.note(table, connection, calls);
                }
                Decided::Answered(Answered { answer, at, latency })
            }
            (Progress::Waits(held), used) => {
                let so_far = SoFar { used, calls, latency };
                let life = self.proxied.life;
                Decided::Waits(Box::new(Waiting { held: *held, so_far, due_at: None, life }))
            }
        }
    }

    /// Goes on with the call of a flow, and with the flow if that is answered.
    fn resume(
        &mut self,
        draft: &mut Draft<'_>,
        held: Held,
        at: Timestamp,
        happened: &mut Vec<Happening>,
    ) -> Progress {
        let Held { call, asking } = held;
        let reached = match self.service.upgrade() {
            Some(inner) => kms::resume(&Service::of(inner), draft, (&call, asking), at, &mut self.called),
            None => Reached::Reply(Err(KmsFault::unreachable("the server stops"))),
        };
        let reply = match reached {
            Reached::Reply(reply) => reply,
            Reached::Asks(asking) => return Progress::Waits(Box::new(Held { call, asking: *asking })),
        };
        let seen = seen(&call, &reply);
        let Some(engine) = self.engine.as_mut() else { return Progress::Done(Err(replaced())) };
        let step = engine.reply(call.flow, reply, at);
        let progress = self.finish(draft, step, at, happened);
        if let Some((key, works)) = seen {
            self.notice(draft, key, works, at, happened);
        }
        progress
    }

    /// Has tables find out about a key of which a proxy has shown something else than they know: nobody reports a proxy that
    /// fails, or works again.
    fn notice(
        &mut self,
        draft: &mut Draft<'_>,
        key: KeyArn,
        works: bool,
        at: Timestamp,
        happened: &mut Vec<Happening>,
    ) {
        let Some(engine) = self.engine.as_mut().filter(|engine| engine.is_news(key, works)) else { return };
        let step = engine.start(Input::KeyChanged { key, at }, at);
        if let Progress::Done(Err(refusal)) = self.finish(draft, step, at, happened) {
            tracing::warn!(%refusal, "what a proxy has shown was not noticed");
        }
    }
}

/// What the answer of a proxy shows of a key.
fn seen(call: &KmsCall, reply: &KmsReply) -> Option<(KeyArn, bool)> {
    let (KmsRequest::GenerateDataKey { key, .. } | KmsRequest::Decrypt { key, .. }) = &call.request else {
        return None;
    };
    match reply {
        Ok(_) => Some((*key, true)),
        // AWS: External Key Store Proxy API Specification, "Errors": whatever a proxy fails with is this.
        Err(fault) if fault.code == "KMSInvalidStateException" => Some((*key, false)),
        Err(_) => None,
    }
}
