//! Flows: what happens for one event, from its start to its answer.
//!
//! A flow is a function of the records, the caches and the replies so far. When it needs a reply that is not there, it stops
//! with the call; when the reply has come, it runs again from its start. So a flow keeps nothing between calls, decides
//! everything on the records as they are then, and changes nothing before it ends. Randomness is drawn after the last call.

pub(super) mod access;
pub(super) mod archive;
pub(super) mod backup;
pub(super) mod cleanup;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod due;
pub(super) mod health;
pub(super) mod replica;
pub(super) mod restore;
pub(super) mod select;
pub(super) mod switch;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::backup::Intent;
use super::change::{Change, Fact, Task, What, Work};
use super::error::Refusal;
use super::input::Answer;
use super::memory::{Memory, Unit};
use super::name::{Caller, Incarnation, Structure, TableName};
use super::port::{FlowId, Identity, KmsCall, KmsOutput, KmsReply, KmsRequest, Reason};
use super::settings::Settings;
use super::state::{State, Subject};
use super::table::Table;
use super::wrap::{OwnedKeys, TableKey};
use crate::clock::Timestamp;
use crate::crypto::{Entropy, Secret};
use crate::ids::Region;

/// Why a flow does not go on.
pub(super) enum Stop {
    /// It needs a reply; the changes are to be stored before.
    Call(Box<KmsCall>, Vec<Change>),
    /// It has ended.
    End(Box<Outcome>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::End(Box::new(Outcome { answer: Err(refusal), changes: Vec::new(), effects: Vec::new() }))
    }
}

/// How a flow ends.
pub(super) struct Outcome {
    pub(super) answer: Result<Planned, Refusal>,
    pub(super) changes: Vec<Change>,
    pub(super) effects: Vec<Effect>,
}

/// An answer, which may have to be made from the caches once the effects are there.
pub(super) enum Planned {
    Ready(Answer),
    Keys(Incarnation, Structure),
    Table(Incarnation),
}

/// What a flow does to the caches.
pub(super) enum Effect {
    /// A unit opened the table key of a generation.
    Remember(Incarnation, u32, Option<Unit>, Secret),
    /// A unit lost the key.
    DropUnit(Incarnation, Unit),
    /// All keys of the table are wiped.
    Forget(Incarnation),
    /// The keys of all generations before this one are wiped.
    ForgetBefore(Incarnation, u32),
}

impl Outcome {
    pub(super) fn new(answer: Planned) -> Self {
        Outcome { answer: Ok(answer), changes: Vec::new(), effects: Vec::new() }
    }

    pub(super) fn done() -> Self {
        Outcome::new(Planned::Ready(Answer::Done))
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Outcome { answer: Err(refusal), changes: Vec::new(), effects: Vec::new() }
    }

    pub(super) fn put(mut self, table: Table) -> Self {
        self.changes.push(Change::PutTable(Box::new(table)));
        self
    }

    pub(super) fn with(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    pub(super) fn effect(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }
}

/// What a flow sees.
pub(super) struct Cx<'a> {
    pub(super) state: &'a State,
    pub(super) memory: &'a Memory,
    pub(super) settings: &'a Settings,
    pub(super) owned: &'a OwnedKeys,
    pub(super) entropy: &'a Arc<dyn Entropy>,
    pub(super) now: Timestamp,
    pub(super) flow: FlowId,
    pub(super) replies: &'a [(KmsCall, KmsReply)],
    /// Intents that this flow has written down.
    pub(super) intents: &'a BTreeSet<Incarnation>,
    /// What other flows work on.
    pub(super) busy: &'a BTreeSet<Subject>,
    pub(super) announced: RefCell<Vec<Change>>,
}

/// What KMS says about a table's key.
pub(super) enum Verdict {
    Open(Secret),
    Refused(Refusal),
    /// No answer: nothing is known.
    Silent(Refusal),
}

impl<'a> Cx<'a> {
    /// The reply to a call, if there is one.
    pub(super) fn call(
        &self,
        table: &TableName,
        region: Region,
        identity: Identity,
        reason: Reason,
        request: KmsRequest,
    ) -> Result<&'a KmsReply, Stop> {
        let same =
            |call: &KmsCall| call.region == region && call.identity == identity && call.request == request;
        if let Some((_, reply)) = self.replies.iter().find(|(call, _)| same(call)) {
            return Ok(reply);
        }
        let call = KmsCall { flow: self.flow, region, identity, request, reason, table: table.clone() };
        Err(Stop::Call(Box::new(call), self.announced.take()))
    }

    /// Whether nothing was called yet.
    pub(super) fn is_first(&self) -> bool {
        self.replies.is_empty()
    }

    /// Has a change stored before the next call.
    pub(super) fn announce(&self, change: Change) {
        self.announced.borrow_mut().push(change);
    }

    /// Writes down that grants are about to be made, unless that is done.
    pub(super) fn intend(&self, intent: Intent) {
        if !self.intents.contains(&intent.incarnation) {
            self.announce(Change::PutIntent(intent));
        }
    }

    /// Opens a wrapped table key.
    pub(super) fn open(
        &self,
        table: &TableName,
        key: &TableKey,
        identity: Identity,
        reason: Reason,
    ) -> Result<Verdict, Stop> {
        let Some(kms_key) = key.protector.key() else {
            return Ok(match self.owned.open(&key.context, &key.blob) {
                Ok(secret) => Verdict::Open(secret),
                Err(_) => Verdict::Silent(Refusal::internal("the AWS owned key does not open this table")),
            });
        };
        let request =
            KmsRequest::Decrypt { key: kms_key, blob: key.blob.clone(), context: key.context.context() };
        Ok(match self.call(table, kms_key.scope.region, identity, reason, request)? {
            Ok(KmsOutput::Decrypted { plaintext }) if plaintext.expose().len() == super::seal::KEY_LENGTH => {
                Verdict::Open(plaintext.clone())
            }
            Ok(_) => Verdict::Silent(Refusal::internal("KMS internal error: unexpected reply")),
            Err(fault) if fault.is_refusal() => Verdict::Refused(Refusal::of_kms(fault)),
            Err(fault) => Verdict::Silent(Refusal::of_kms(fault)),
        })
    }

    /// Makes a table key under the table's protector: in the clear, and wrapped.
    pub(super) fn generate(
        &self,
        table: &TableName,
        protector: &super::sse::Protector,
        generation: u32,
        reason: Reason,
    ) -> Result<Result<(Secret, TableKey), Verdict>, Stop> {
        let wrapped = |blob| TableKey { generation, protector: *protector, context: table.clone(), blob };
        let Some(key) = protector.key() else {
            let made = self.owned.generate(table, &**self.entropy, self.now);
            return Ok(made.map(|(secret, blob)| (secret, wrapped(blob))).map_err(|_| no_entropy()));
        };
        let request = KmsRequest::GenerateDataKey { key, context: table.context() };
        Ok(match self.call(table, key.scope.region, Identity::Service, reason, request)? {
            Ok(KmsOutput::DataKey { plaintext, blob })
                if plaintext.expose().len() == super::seal::KEY_LENGTH =>
            {
                Ok((plaintext.clone(), wrapped(blob.clone())))
            }
            Ok(_) => Err(Verdict::Silent(Refusal::internal("KMS internal error: unexpected reply"))),
            Err(fault) if fault.is_refusal() => Err(Verdict::Refused(Refusal::of_kms(fault))),
            Err(fault) => Err(Verdict::Silent(Refusal::of_kms(fault))),
        })
    }

    pub(super) fn fact(&self, table: &Table, what: What) -> Change {
        let (name, incarnation) = (table.name.clone(), table.incarnation);
        Change::Fact(Fact { at: self.now, table: name, incarnation, what })
    }

    /// A task for the store, the `nth` of this flow.
    pub(super) fn task(&self, table: &Table, nth: u64, work: Work) -> Change {
        let id = self.state.tasks_made.saturating_add(1).saturating_add(nth);
        Change::PutTask(Task { id, table: table.name.clone(), incarnation: table.incarnation, work })
    }

    pub(super) fn caller(caller: &Caller) -> Identity {
        Identity::Caller(caller.clone())
    }
}

fn no_entropy() -> Verdict {
    Verdict::Silent(Refusal::internal("the system has no random bytes to give"))
}
