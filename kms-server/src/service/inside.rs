//! Calls to KMS that a part of the server makes while the writer decides: they go through the pipeline, faults and quotas as
//! any request does, and are counted and recorded once what was decided is stored. One that needs a proxy comes back to be
//! asked outside of the writer, and is decided once more with the answer.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::clock::Timestamp;
use lifecycle::ids::Uuid;
use lifecycle::managed::{self, Made};
use lifecycle::state::{Change, View};
use serde_json::Value;

use super::provision::created;
use super::run::Moment;
use super::{Exchange, Service};
use crate::api::error::{ErrorCode, KmsError};
use crate::api::validate::validate;
use crate::auth::Caller;
use crate::engine::{Draft, wall};
use crate::operations::registry::{self, Body, Entry};
use crate::pipeline::{self, Answer, Circumstances, Trace};
use crate::xks::{self, Conversation};

/// A call to make.
pub(crate) struct Call {
    /// As whom.
    pub caller: Caller,
    /// The service that forwards it, and the resource for which it does.
    pub circumstances: Circumstances,
    /// The name of the operation.
    pub operation: &'static str,
    /// The members of the request.
    pub input: Value,
}

/// A call that was made, to be recorded.
pub(crate) struct Called {
    exchange: Exchange,
    result: Result<Answer, KmsError>,
    made: Vec<(Made, Uuid)>,
    /// How long a fault holds up whoever waits for the answer.
    pub latency: Duration,
}

/// A call that cannot go on before a proxy has answered.
pub(crate) struct Asking {
    entry: &'static Entry,
    exchange: Exchange,
    made: Vec<(Made, Uuid)>,
    latency: Duration,
    asked: xks::Call,
    /// How often it has asked.
    turns: u8,
}

/// How far a call has come.
pub(crate) enum Progress {
    /// It is answered.
    Made(Box<Called>),
    /// A proxy has to be asked, and has to have answered.
    Asks(Box<Asking>),
}

/// What a run of a call comes to.
enum Ran {
    Answered(Answer),
    Asks(xks::Call),
}

/// Calls to proxies that one call may need; more are made only if its store is set anew all the time.
const TURNS_MAX: u8 = 4;

impl Called {
    /// The body of the answer, or the error, and the id of the request.
    pub(crate) fn answer(&self) -> (Result<&[u8], &KmsError>, Uuid) {
        (self.result.as_ref().map(|answer| &*answer.body), self.exchange.request_id)
    }

    /// Forgets the body of the answer: no record has it, and there may be a key in it.
    pub(crate) fn keep_for_record(mut self) -> Self {
        if let Ok(answer) = &mut self.result {
            answer.body = bytes::Bytes::new();
        }
        self
    }
}

impl Service {
    /// Makes a call on the writer's state at an instant.
    ///
    /// # Errors
    /// There are no random bytes for its ids; nothing was done.
    pub(crate) fn call_inside(
        &self,
        draft: &mut Draft<'_>,
        call: Call,
        at: Timestamp,
    ) -> Result<Progress, KmsError> {
        let [request_id, event_id] = self.ids()?;
        let Call { caller, circumstances, operation, mut input } = call;
        let unknown = || KmsError::bare(ErrorCode::UnknownOperationException);
        let entry = registry::find(operation).ok_or_else(unknown)?;
        let validated = validate(entry.declaration.model.input, &mut input);
        let mut exchange = Exchange {
            request_id,
            event_id,
            entry: Some(entry),
            caller: Some(caller),
            input: Some(Arc::new(input)),
            circumstances,
            trace: Trace::default(),
            moment: Moment { at, version: 0 },
            conversation: None,
            called_by: None,
        };
        let mut latency = Duration::ZERO;
        let admitted = validated.and_then(|()| {
            if self.disturbs() {
                let strike = self.strike(entry, &mut exchange, draft.state().at(at))?;
                latency = strike.latency;
                if let Some((_, error)) = strike.error {
                    return Err(error);
                }
            }
            Ok(())
        });
        Ok(match admitted {
            Ok(()) => self.run_inside(draft, entry, (exchange, Vec::new(), latency, 0), at),
            Err(error) => {
                Progress::Made(Box::new(Called { exchange, result: Err(error), made: Vec::new(), latency }))
            }
        })
    }

    /// Asks the proxy that a call has to ask.
    pub(crate) async fn ask_inside(&self, asking: &Asking) {
        let answer = self.0.proxies.send(&asking.asked, wall::now()).await;
        if let Some(conversation) = &asking.exchange.conversation {
            conversation.answer(asking.asked.clone(), answer);
        }
    }

    /// Goes on with a call whose proxy has answered: from its start, on the state of now.
    pub(crate) fn resume_inside(&self, draft: &mut Draft<'_>, asking: Asking, at: Timestamp) -> Progress {
        let Asking { entry, mut exchange, made, latency, turns, .. } = asking;
        exchange.moment.at = at;
        self.run_inside(draft, entry, (exchange, made, latency, turns), at)
    }

    fn run_inside(
        &self,
        draft: &mut Draft<'_>,
        entry: &'static Entry,
        (mut exchange, mut made, latency, turns): (Exchange, Vec<(Made, Uuid)>, Duration, u8),
        at: Timestamp,
    ) -> Progress {
        let result = match self.decide_inside(draft, entry, &mut exchange, at, &mut made) {
            Ok(Ran::Asks(asked)) if turns < TURNS_MAX => {
                let turns = turns + 1;
                return Progress::Asks(Box::new(Asking { entry, exchange, made, latency, asked, turns }));
            }
            Ok(Ran::Asks(_)) => Err(KmsError::bare(ErrorCode::KMSInternalException)),
            Ok(Ran::Answered(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        Progress::Made(Box::new(Called { exchange, result, made, latency }))
    }

    fn decide_inside(
        &self,
        draft: &mut Draft<'_>,
        entry: &'static Entry,
        exchange: &mut Exchange,
        at: Timestamp,
        made: &mut Vec<(Made, Uuid)>,
    ) -> Result<Ran, KmsError> {
        loop {
            let mut trace = Trace::default();
            let decided = self.once(draft.state().at(at), entry, exchange, &mut trace);
            let (unmade, asks) = (trace.unmade.take(), trace.asks_proxy);
            exchange.trace = trace;
            if let Some(alias) = unmade {
                let key = managed::provision(draft.state().at(at), &alias, draft.entropy())?;
                // An alias that is predefined and has no key gets one, so that this ends.
                let key = key.ok_or_else(|| KmsError::bare(ErrorCode::KMSInternalException))?;
                draft.apply_at(key.changes(), at);
                let [event_id, _] = self.ids()?;
                made.push((key, event_id));
            } else if asks && exchange.conversation.is_none() {
                let entropy = Arc::clone(&self.0.entropy);
                exchange.conversation = Some(Arc::new(Conversation::new(exchange.request_id, entropy)));
            } else if let Some(call) = exchange.conversation.as_ref().and_then(|said| said.asked()) {
                return Ok(Ran::Asks(call));
            } else {
                let (answer, changes) = decided?;
                draft.apply_at(changes, at);
                return Ok(Ran::Answered(answer));
            }
        }
    }

    fn once(
        &self,
        view: View<'_>,
        entry: &'static Entry,
        exchange: &Exchange,
        trace: &mut Trace,
    ) -> Result<(Answer, Vec<Change>), KmsError> {
        let (caller, input) = exchange.prepared()?;
        let request = pipeline::Request { entry, caller, input, circumstances: &exchange.circumstances };
        let environment = self.environment_of(exchange.conversation.as_deref());
        match &entry.body {
            Body::Query(run) => run(&request, view, &environment, trace).map(|answer| (answer, Vec::new())),
            Body::Command(body) => {
                let prepared = (body.prepare)(&request, view, &environment, trace)?;
                // What it found is found again by the decision.
                *trace = Trace::default();
                (body.decide)(&request, prepared.as_ref(), view, &environment, trace)
            }
        }
    }

    /// Counts and records calls whose changes are stored.
    pub(crate) fn record_inside(&self, calls: Vec<Called>) {
        for Called { exchange, result, made, .. } in calls {
            for (made, event_id) in &made {
                if !made.key.arn.scope.account.is_aws() {
                    self.0.audit.owed().record(|line| created(made, &exchange, *event_id, line));
                }
            }
            self.count(&exchange, &result);
            self.record(self.0.audit.owed(), &exchange, &result);
        }
    }
}
