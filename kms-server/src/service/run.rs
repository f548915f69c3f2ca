//! A prepared request on its way to its answer: queries here, what takes long on a thread of its own, commands at the
//! writer.

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;
use lifecycle::ids::Uuid;
use serde_json::Value;

use super::{Exchange, Service};
use crate::api::error::{ErrorCode, KmsError};
use crate::auth::Caller;
use crate::engine::{Draft, wall};
use crate::operations::Environment;
use crate::operations::declaration::Work;
use crate::operations::registry::{Body, Entry};
use crate::pipeline::{self, Answer, Circumstances, Trace};
use crate::xks::Conversation;

/// Calls to proxies that one command may need.
const CALLS_MAX: usize = 2;

/// What a query does about something that has fallen due and not happened yet.
#[derive(Clone, Copy)]
pub(super) enum Behind {
    /// It waits.
    Wait,
    /// It has waited, and looks at the last instant that shows all that there is.
    Settle,
}

/// The instant of a request, and the version of the state that it was read with.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) version: u64,
}

/// A request that another thread carries out.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) entry: &'static Entry,
    pub(super) caller: Caller,
    pub(super) input: Arc<Value>,
    pub(super) circumstances: Circumstances,
    pub(super) request_id: Uuid,
}

impl Order {
    fn request(&self) -> pipeline::Request<'_> {
        pipeline::Request {
            entry: self.entry,
            caller: &self.caller,
            input: &self.input,
            circumstances: &self.circumstances,
        }
    }
}

impl Exchange {
    fn order(&self, entry: &'static Entry) -> Result<Order, KmsError> {
        let (caller, input) = self.prepared()?;
        let (caller, input) = (caller.clone(), Arc::clone(input));
        let circumstances = self.circumstances.clone();
        Ok(Order { entry, caller, input, circumstances, request_id: self.request_id })
    }

    fn is_slow(&self) -> bool {
        self.input.as_ref().is_some_and(|input| Work::of(input) == Work::Slow)
    }
}

impl Service {
    /// Carries out a prepared request.
    pub(super) async fn run(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
    ) -> Result<Answer, KmsError> {
        if pipeline::is_command(entry) {
            let order = exchange.order(entry)?;
            let (decided, trace, at) = Box::pin(self.command(order)).await?;
            (exchange.trace, exchange.moment.at) = (trace, at);
            return decided;
        }
        if !exchange.is_slow()
            && let Some(answered) = self.answer_here(entry, exchange, Behind::Wait)
        {
            return answered;
        }
        // Hardly any request takes long, or has to wait for something.
        Box::pin(self.answer_at_last(entry, exchange)).await
    }

    /// Answers a query, on a thread that serves nobody else if that takes long. `None` as for [`Service::answer`].
    pub(super) async fn attempt(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
        behind: Behind,
    ) -> Result<Option<Result<Answer, KmsError>>, KmsError> {
        if !exchange.is_slow() {
            return Ok(self.answer_here(entry, exchange, behind));
        }
        let (order, mut moment) = (exchange.order(entry)?, exchange.moment);
        let conversation = exchange.conversation.clone();
        let waiting = self.elsewhere(move |service| {
            let mut trace = Trace::default();
            let conversation = conversation.as_deref();
            let answered = service.answer(&order.request(), &mut moment, behind, &mut trace, conversation);
            (answered, trace, moment)
        });
        let answered;
        (answered, exchange.trace, exchange.moment) = waiting.await?;
        Ok(answered)
    }

    fn answer_here(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
        behind: Behind,
    ) -> Option<Result<Answer, KmsError>> {
        let (mut trace, mut moment) = (std::mem::take(&mut exchange.trace), exchange.moment);
        let (caller, input) = match exchange.prepared() {
            Ok(prepared) => prepared,
            Err(error) => return Some(Err(error)),
        };
        let request = pipeline::Request { entry, caller, input, circumstances: &exchange.circumstances };
        let conversation = exchange.conversation.as_deref();
        let answered = self.answer(&request, &mut moment, behind, &mut trace, conversation);
        (exchange.trace, exchange.moment) = (trace, moment);
        answered
    }

    /// Runs an operation that changes nothing on the state of this moment; `None` if that has to wait for what has
    /// fallen due, for a key that has to be made, which the trace then names, or for what a proxy has to say.
    fn answer(
        &self,
        request: &pipeline::Request<'_>,
        moment: &mut Moment,
        behind: Behind,
        trace: &mut Trace,
        conversation: Option<&Conversation>,
    ) -> Option<Result<Answer, KmsError>> {
        let Body::Query(run) = request.entry.body else {
            return Some(Err(KmsError::bare(ErrorCode::KMSInternalException)));
        };
        let snapshot = self.0.engine.snapshot();
        match behind {
            // The clock may have moved together with the state: an instant belongs to the state that it was read with.
            Behind::Wait if snapshot.version != moment.version => moment.at = snapshot.now(),
            Behind::Wait => {}
            Behind::Settle => moment.at = snapshot.settled(),
        }
        if snapshot.is_behind(moment.at) {
            return None;
        }
        let view = snapshot.state.at(moment.at);
        let answer = run(request, view, &self.environment_of(conversation), trace);
        let waits = trace.asks_proxy || conversation.is_some_and(Conversation::is_pending);
        (trace.unmade.is_none() && !waits).then_some(answer)
    }

    /// A run of a request, in which it may ask proxies if there is a conversation for that.
    pub(super) fn environment_of<'a>(&'a self, conversation: Option<&'a Conversation>) -> Environment<'a> {
        let environment = self.environment();
        let Some(conversation) = conversation else { return environment };
        conversation.begin();
        Environment { entropy: conversation, conversation: Some(conversation), ..environment }
    }

    /// Has a command prepared if that takes long, and decided by the writer, at the instant that comes with the answer. One
    /// that has to ask a proxy changes nothing until it has the answer, and is decided once more with it.
    pub(super) async fn command(
        &self,
        order: Order,
    ) -> Result<(Result<Answer, KmsError>, Trace, Timestamp), KmsError> {
        let prepared = match Work::of(&order.input) {
            Work::Quick => None,
            Work::Slow => {
                let ordered = order.clone();
                // More keys made at once than there are processors to spare would take the time of everybody else.
                let _turn = self.0.making.acquire().await;
                let made = self.elsewhere(move |service| service.make_ready(&ordered.request()));
                match made.await? {
                    (Ok(prepared), ..) => prepared,
                    (Err(error), trace, at) => return Ok((Err(error), trace, at)),
                }
            }
        };
        let conversation = Conversation::new(order.request_id, Arc::clone(&self.0.entropy));
        let shared = Arc::new((order, prepared, conversation));
        for _ in 0..=CALLS_MAX {
            let (service, of_writer) = (self.clone(), Arc::clone(&shared));
            let decided = self.0.engine.submit(move |draft| {
                let (order, prepared, conversation) = &*of_writer;
                let mut trace = Trace::default();
                let decided =
                    service.decide(&order.request(), prepared.as_ref(), draft, &mut trace, conversation);
                (decided, trace, draft.now())
            });
            let decided = decided.await?;
            let conversation = &shared.2;
            let Some(call) = conversation.asked() else { return Ok(decided) };
            let answer = self.0.proxies.send(&call, wall::now()).await;
            conversation.answer(call, answer);
        }
        Err(KmsError::bare(ErrorCode::KMSInternalException))
    }

    /// Prepares a command on the state of this moment.
    fn make_ready(
        &self,
        request: &pipeline::Request<'_>,
    ) -> (Result<Option<Secret>, KmsError>, Trace, Timestamp) {
        let mut trace = Trace::default();
        let snapshot = self.0.engine.snapshot();
        let now = snapshot.now();
        let prepared = match &request.entry.body {
            Body::Command(body) => {
                (body.prepare)(request, snapshot.state.at(now), &self.environment(), &mut trace)
            }
            _ => Ok(None),
        };
        (prepared, trace, now)
    }

    /// Runs a command on the writer's state.
    fn decide(
        &self,
        request: &pipeline::Request<'_>,
        prepared: Option<&Secret>,
        draft: &mut Draft<'_>,
        trace: &mut Trace,
        conversation: &Conversation,
    ) -> Result<Answer, KmsError> {
        let Body::Command(body) = &request.entry.body else {
            return Err(KmsError::bare(ErrorCode::KMSInternalException));
        };
        let view = draft.state().at(draft.now());
        let environment = self.environment_of(Some(conversation));
        let (answer, changes) = (body.decide)(request, prepared, view, &environment, trace)?;
        draft.apply(changes);
        Ok(answer)
    }

    /// Does what takes long on a thread that serves nobody else.
    async fn elsewhere<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> T + Send + 'static,
    ) -> Result<T, KmsError> {
        let service = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&service));
        done.await.map_err(|_| KmsError::bare(ErrorCode::KMSInternalException))
    }
}
