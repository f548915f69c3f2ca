//! Plays a script on a server and on the model, and compares every answer.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use lifecycle::clock::Timestamp;
use serde_json::{Value, json};

use super::calls::Call;
use super::compare;
use super::model::{Crypto, Event, Grant, Happened, INVALID_STATE, Model, Sealed};
use super::random::Random;
use super::script::{Act, Fault, FaultKind, Named, SCOPES, Script, Step, USERS, Who};
use super::server::{Answer, Server};

/// What a simulation found to differ, in words.
pub(super) type Checked<T = ()> = Result<T, String>;

/// What a script that went well amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Played {
    /// Domain milliseconds that passed.
    pub(super) span: i64,
    pub(super) steps: u64,
    pub(super) requests: u64,
    pub(super) rotations: u64,
    pub(super) deletions: u64,
    /// Uses of keys whose custom key store was not connected.
    pub(super) unavailable: u64,
    pub(super) faults: u64,
    pub(super) restarts: u64,
}

impl std::ops::AddAssign for Played {
    fn add_assign(&mut self, other: Self) {
        self.span += other.span;
        self.steps += other.steps;
        self.requests += other.requests;
        self.rotations += other.rotations;
        self.deletions += other.deletions;
        self.unavailable += other.unavailable;
        self.faults += other.faults;
        self.restarts += other.restarts;
    }
}

/// A server and what it should be.
pub(super) struct Play {
    pub(super) server: Server,
    pub(super) model: Model,
    pub(super) played: Played,
    /// Chooses what is looked at where looking at everything would take too long.
    pub(super) random: Random,
}

/// Plays a whole script.
pub(super) async fn play(script: &Script) -> Checked<Played> {
    let mut play = Play::new(Server::new(script, None), script);
    play.steps(&script.steps).await?;
    play.look_at_everything(usize::MAX).await.map_err(|error| format!("at the end: {error}"))?;
    play.played.span = play.model.now - fixtures::START.0;
    Ok(play.played)
}

/// The error of a request whose commit failed.
const FAILED: &str = "KMSInternalException";

impl Play {
    pub(super) fn new(server: Server, script: &Script) -> Play {
        let model = Model { now: fixtures::START.0, delay: script.delay, ..Model::default() };
        let random = Random::new(script.steps.len() as u64);
        Play { server, model, played: Played::default(), random }
    }

    /// Plays steps one after the other.
    pub(super) async fn steps(&mut self, steps: &[Step]) -> Checked {
        for (at, step) in steps.iter().enumerate() {
            self.step(*step).await.map_err(|error| format!("step {at}, {step:?}: {error}"))?;
        }
        Ok(())
    }

    /// Whether a step can be taken at all: there may be no key yet that it could name.
    fn makes_sense(&self, act: Act) -> bool {
        let Model { keys, sealed, grants, .. } = &self.model;
        match act {
            Act::CreateStore { scope } => self.model.stores[scope % SCOPES.len()].is_none(),
            Act::ConnectStore { scope }
            | Act::DisconnectStore { scope }
            | Act::DeleteStore { scope }
            | Act::CreateKeyInStore { scope } => self.model.stores[scope % SCOPES.len()].is_some(),
            Act::CreateKey { .. } | Act::Advance { .. } | Act::AdvanceToNext { .. } | Act::Restart { .. } => {
                true
            }
            Act::EncryptByAlias { .. } | Act::DeleteAlias { .. } => true,
            Act::RetireGrant { grant, by_token, .. } => {
                !grants.is_empty() && (!by_token || grants[grant % grants.len()].token.is_known())
            }
            Act::RevokeGrant { .. } => !grants.is_empty(),
            Act::Decrypt { sealed: at, by, named, .. } if !sealed.is_empty() => match named {
                // The order of checks is documented for callers who may use the key that they name.
                Named::Wrong(other) => {
                    let scope = |key: usize| keys[key % keys.len()].scope;
                    by == Who::Owner && scope(other) == scope(sealed[at % sealed.len()].key)
                }
                _ => true,
            },
            Act::ReEncrypt { sealed: at, to } if !sealed.is_empty() => {
                keys[sealed[at % sealed.len()].key].scope == keys[to % keys.len()].scope
            }
            Act::Decrypt { .. } | Act::ReEncrypt { .. } => false,
            _ => !keys.is_empty(),
        }
    }

    async fn step(&mut self, Step { act, fault }: Step) -> Checked {
        if !self.makes_sense(act) {
            return Ok(());
        }
        self.played.steps += 1;
        match act {
            Act::Restart { in_order } => {
                self.restart(in_order).await;
                self.look_at_everything(8).await
            }
            Act::Advance { by } => self.advance(Some(by), fault).await,
            Act::AdvanceToNext { before: 0 } => self.advance(None, fault).await,
            Act::AdvanceToNext { before } => {
                let next = self.model.next().map_or(self.model.now, |happened| happened.at);
                self.advance(Some((next - before - self.model.now).max(0)), fault).await
            }
            _ => self.request(act, fault).await,
        }
    }

    async fn restart(&mut self, in_order: bool) {
        self.server.restart(in_order).await;
        self.played.restarts += 1;
    }

    /// Moves the clock: by a span, or to what is due next.
    async fn advance(&mut self, by: Option<i64>, fault: Option<Fault>) -> Checked {
        let before = self.model.now;
        let next = self.model.next().map_or(before, |happened| happened.at);
        let to = by.map_or(next, |by| before + by);
        let input = match by {
            Some(_) => json!({"to": Timestamp(to).to_string()}),
            None => json!({"to": "next"}),
        };
        self.server.arm(fault);
        let answer = self.server.control(Method::POST, "/_kms/clock/advance", &input).await;
        let failed = self.server.arm(None);
        self.played.requests += 1;
        if !failed {
            let happened = self.model.advance(to);
            return self.compare_advance(&answer, (before, to), &happened).await;
        }
        self.played.faults += 1;
        same("the status", answer.status, StatusCode::INTERNAL_SERVER_ERROR)?;
        if fault.is_some_and(|fault| fault.kind != FaultKind::Refused) {
            self.restart(false).await;
        }
        // It has come as far as was stored: to an event, to its end, or nowhere.
        let reached = self.clock().await?;
        if reached < before || reached > to {
            return Err(format!("the clock shows {reached}, between {before} and {to} it should"));
        }
        let happened = self.model.advance(reached);
        let stops = [before, to];
        if !stops.contains(&reached) && !happened.iter().any(|happened| happened.at == reached) {
            return Err(format!("the clock stopped at {reached}, where nothing was due"));
        }
        self.count(&happened);
        self.server.service().parts().engine.catch_up().await.map_err(|error| error.to_string())?;
        self.look_at_everything(8).await
    }

    fn count(&mut self, happened: &[Happened]) {
        let rotations = happened.iter().filter(|happened| happened.event == Event::RotateKey).count();
        self.played.rotations += rotations as u64;
        self.played.deletions += (happened.len() - rotations) as u64;
    }

    async fn compare_advance(
        &mut self,
        answer: &Answer,
        (from, to): (i64, i64),
        happened: &[Happened],
    ) -> Checked {
        let told = answer.json();
        same("the start", &told["from"], &date_text(from))?;
        same("the end", &told["to"], &date_text(to))?;
        let expected: Vec<Value> = happened.iter().map(|happened| self.told(happened)).collect();
        same("the timeline", &told["timeline"], &Value::from(expected))?;
        self.count(happened);
        self.look_at_everything(8).await
    }

    /// An event as the control API tells it.
    pub(super) fn told(&self, happened: &Happened) -> Value {
        json!({
            "at": date_text(happened.at),
            "event": format!("{:?}", happened.event),
            "resource": self.model.keys[happened.key].arn.known(),
        })
    }

    pub(super) async fn clock(&mut self) -> Checked<i64> {
        let shown = self.server.control(Method::GET, "/_kms/clock", &Value::Null).await.json();
        let now = shown["now"].as_str().and_then(|now| now.parse::<jiff::Timestamp>().ok());
        now.map(|now| now.as_millisecond()).ok_or_else(|| format!("the clock: {shown}"))
    }

    /// Calls an operation, and compares what it says and does.
    async fn request(&mut self, act: Act, fault: Option<Fault>) -> Checked {
        let Call { who, region, operation, input } = self.call_of(act);
        self.server.arm(fault);
        let answer = self.server.call(who, region, operation, &input).await;
        let failed = self.server.arm(None);
        self.played.requests += 1;
        if failed {
            self.played.faults += 1;
            same("the error of a failed commit", answer.code().as_str(), FAILED)?;
            let kind = fault.map_or(FaultKind::Refused, |fault| fault.kind);
            if kind == FaultKind::Kept {
                self.model.apply(act).map_err(|code| format!("{code} was due, not a commit"))?;
            }
            if kind != FaultKind::Refused {
                self.restart(false).await;
            }
            return self.look_at_everything(8).await;
        }
        let before = self.model.clone();
        let outcome = self.model.apply(act);
        same("the error code", answer.code().as_str(), outcome.err().unwrap_or_default())?;
        let Ok(crypto) = outcome else {
            let key = self.touched(act).map(|key| &self.model.keys[key]);
            let unavailable = outcome == Err(INVALID_STATE) && key.is_some_and(|key| !key.available);
            self.played.unavailable += u64::from(unavailable);
            same("the status", answer.status, StatusCode::BAD_REQUEST)?;
            return self.look_around(act).await;
        };
        same("the status", answer.status, StatusCode::OK)?;
        let body = answer.json();
        self.learn(act, &before, &body)?;
        if let Some(crypto) = crypto {
            // Ids of materials are learned from the list of rotations.
            self.look_around(act).await?;
            self.compare_crypto(crypto, operation, &body)?;
            return Ok(());
        }
        let key = self.touched(act).map(|key| &self.model.keys[key]);
        let arn = key.map(|key| key.arn.known()).unwrap_or_default();
        let expected = match (act, key) {
            (Act::ScheduleKeyDeletion { window, .. }, Some(key)) => json!({
                "KeyId": arn, "KeyState": "PendingDeletion", "PendingWindowInDays": window.unwrap_or(30),
                "DeletionDate": key.deletion_at.map(compare::date),
            }),
            (Act::CancelKeyDeletion { .. } | Act::RotateKeyOnDemand { .. }, _) => json!({ "KeyId": arn }),
            (Act::ConnectStore { .. } | Act::DisconnectStore { .. } | Act::DeleteStore { .. }, _) => {
                json!({})
            }
            (
                Act::CreateKey { .. }
                | Act::CreateKeyInStore { .. }
                | Act::CreateStore { .. }
                | Act::DescribeKey { .. }
                | Act::CreateGrant { .. },
                _,
            ) => body.clone(),
            _ => Value::Null,
        };
        same("the answer", &body, &expected)?;
        self.look_around(act).await
    }

    /// Takes the names that the server gave to what is new.
    fn learn(&mut self, act: Act, before: &Model, body: &Value) -> Checked {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match act {
            Act::CreateStore { scope } => {
                let id = text(&body["CustomKeyStoreId"]);
                let known = before.stores.iter().flatten().any(|store| store.id.known() == id);
                let store = self.model.stores[scope % SCOPES.len()].as_mut();
                if known || !store.is_some_and(|store| store.id.learn(&id)) {
                    return Err(format!("the store {id} is there already"));
                }
            }
            Act::CreateKey { .. } | Act::CreateKeyInStore { .. } => {
                let arn = text(&body["KeyMetadata"]["Arn"]);
                if before.keys.iter().any(|key| key.arn.known() == arn) {
                    return Err(format!("{arn} is taken"));
                }
                let key = self.model.keys.last_mut().unwrap();
                key.arn.learn(&arn);
                key.materials[0].id.learn(&text(&body["KeyMetadata"]["CurrentKeyMaterialId"]));
            }
            Act::CreateGrant { key, grantee, retiring, operations, name } => {
                let mut grants = self.model.grants.iter().enumerate();
                let wanted = |grant: &Grant| {
                    let asked = (key % self.model.keys.len(), grantee % USERS.len(), operations, name);
                    (grant.key, grant.grantee, grant.operations, grant.name) == asked
                        && grant.retiring == retiring.map(|retiring| retiring % USERS.len())
                        && !grant.ended
                };
                let made = self.model.grants.len() > before.grants.len();
                let at = match made {
                    true => self.model.grants.len() - 1,
                    false => grants.find(|(_, grant)| wanted(grant)).unwrap().0,
                };
                let id = text(&body["GrantId"]);
                let known = |grant: &&Grant| grant.id.known() == id;
                if made && before.grants.iter().any(|grant| known(&grant)) {
                    return Err(format!("the grant {id} is there already"));
                }
                let grant = &mut self.model.grants[at];
                if !grant.id.learn(&id) {
                    return Err(format!("the grant is {id}, and was {:?}", grant.id));
                }
                // Each token of a grant is as good as every other.
                if !grant.token.is_known() {
                    grant.token.learn(&text(&body["GrantToken"]));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The key that an act names.
    pub(super) fn touched(&self, act: Act) -> Option<usize> {
        let Model { keys, grants, sealed, .. } = &self.model;
        let key = match act {
            Act::CreateKey { .. } | Act::CreateKeyInStore { .. } => keys.len() - 1,
            Act::DescribeKey { key, .. }
            | Act::EnableKey { key, .. }
            | Act::DisableKey { key, .. }
            | Act::EnableKeyRotation { key, .. }
            | Act::DisableKeyRotation { key, .. }
            | Act::RotateKeyOnDemand { key, .. }
            | Act::ScheduleKeyDeletion { key, .. }
            | Act::CancelKeyDeletion { key, .. }
            | Act::Encrypt { key, .. }
            | Act::GenerateDataKey { key, .. }
            | Act::CreateAlias { key, .. }
            | Act::UpdateAlias { key, .. }
            | Act::CreateGrant { key, .. }
            | Act::ReEncrypt { to: key, .. } => key % keys.len(),
            Act::Decrypt { sealed: at, .. } => sealed[at % sealed.len()].key,
            Act::RetireGrant { grant, .. } | Act::RevokeGrant { grant, .. } => {
                grants[grant % grants.len()].key
            }
            Act::EncryptByAlias { .. } | Act::DeleteAlias { .. } => return None,
            Act::CreateStore { .. }
            | Act::ConnectStore { .. }
            | Act::DisconnectStore { .. }
            | Act::DeleteStore { .. } => return None,
            Act::Advance { .. } | Act::AdvanceToNext { .. } | Act::Restart { .. } => return None,
        };
        Some(key)
    }

    pub(super) fn compare_crypto(&mut self, crypto: Crypto, operation: &str, body: &Value) -> Checked {
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let made = |model: &Model, key: usize, plaintext: String| {
            let material = model.keys[key].materials.len() - 1;
            Sealed { key, material, blob: text("CiphertextBlob"), plaintext }
        };
        let id = |model: &Model, key: usize, material: usize| match model.keys[key].in_store {
            true => Value::Null,
            false => Value::from(model.keys[key].materials[material].id.known()),
        };
        let arn = |model: &Model, key: usize| Value::from(model.keys[key].arn.known());
        let model = &mut self.model;
        match crypto {
            Crypto::Seals(key) => {
                same("the key", &body["KeyId"], &arn(model, key))?;
                let given = operation == "GenerateDataKey";
                if given {
                    let current = model.keys[key].materials.len() - 1;
                    same("the material", &body["KeyMaterialId"], &id(model, key, current))?;
                }
                let plaintext = if given { text("Plaintext") } else { compare::PLAINTEXT.to_owned() };
                let sealed = made(model, key, plaintext);
                model.sealed.push(sealed);
            }
            Crypto::Opens(at) => {
                let sealed = &model.sealed[at];
                same("the key", &body["KeyId"], &arn(model, sealed.key))?;
                same("the plaintext", &body["Plaintext"], &Value::from(sealed.plaintext.as_str()))?;
                same("the material", &body["KeyMaterialId"], &id(model, sealed.key, sealed.material))?;
            }
            Crypto::Reseals(at, key) => {
                let sealed = &model.sealed[at];
                same("the source", &body["SourceKeyId"], &arn(model, sealed.key))?;
                let material = id(model, sealed.key, sealed.material);
                same("the source material", &body["SourceKeyMaterialId"], &material)?;
                same("the key", &body["KeyId"], &arn(model, key))?;
                let current = model.keys[key].materials.len() - 1;
                same("the material", &body["DestinationKeyMaterialId"], &id(model, key, current))?;
                let sealed = made(model, key, sealed.plaintext.clone());
                model.sealed.push(sealed);
            }
        }
        Ok(())
    }
}

pub(super) fn date_text(at: i64) -> Value {
    Timestamp(at).to_string().into()
}

/// Fails, in words, unless the two are the same.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is\n  {found:?}, expected was\n  {expected:?}"))
}

/// The names of a list, each once.
pub(super) fn names(list: &Value, member: &str) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item[member].as_str().map(str::to_owned)).collect()
}
