//! The KMS of a world: what the engine asks of it, and what people do to keys.

use std::collections::BTreeMap;

use super::kms::{KeyState, SampleKms, Seen};
use super::store::SampleStore;
use crate::at_rest::change::Change;
use crate::at_rest::drive::{KmsPort, Tables};
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Answer, Input};
use crate::at_rest::name::Caller;
use crate::at_rest::port::SERVICE;
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Scope};

/// The tables of a world.
pub type WorldTables = Tables<Vec<Change>>;

/// The keys of a scenario by their names.
pub type NamedKeys = BTreeMap<String, KeyArn>;

/// A KMS with its driver.
pub trait ScenarioKms {
    /// Answers an input.
    ///
    /// # Errors
    /// The engine's refusal.
    fn run(&self, tables: &WorldTables, input: Input, now: Timestamp) -> Result<Answer, Refusal>;

    /// Lets time pass.
    fn advance(&self, tables: &WorldTables, to: Timestamp);

    /// Has the store do its tasks. A task that it cannot do is done.
    fn settle(&self, tables: &WorldTables, store: &mut SampleStore, now: Timestamp);

    /// When a key last changed, if it is known.
    fn last_change(&self, key: KeyArn) -> Option<Timestamp>;

    /// Carries out one of the commands of scenarios that are about keys, in an account and Region; nothing if it is none.
    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        scope: Scope,
        now: Timestamp,
    ) -> Option<Result<String, String>>;
}

/// With the driver that waits.
impl ScenarioKms for SampleKms {
    fn run(&self, tables: &WorldTables, input: Input, now: Timestamp) -> Result<Answer, Refusal> {
        tables.run(input, now, |call, at| self.answer(call, at))
    }

    fn advance(&self, tables: &WorldTables, to: Timestamp) {
        tables.advance(to, |call, at| self.answer(call, at));
    }

    fn settle(&self, tables: &WorldTables, store: &mut SampleStore, now: Timestamp) {
        let _ = tables.settle(store, now, |call, at| self.answer(call, at));
    }

    fn last_change(&self, key: KeyArn) -> Option<Timestamp> {
        self.changed_at(key)
    }

    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        scope: Scope,
        now: Timestamp,
    ) -> Option<Result<String, String>> {
        let done = |done: Result<(), String>| Some(done.map(|()| "ok".to_owned()));
        let root = Caller::root(scope.account);
        let named = |name: &str| keys.get(name).copied().ok_or_else(|| format!("no key {name}"));
        let made = match words {
            ["key", _, region @ ..] => {
                let region = region.first().and_then(|region| region.parse().ok()).unwrap_or(scope.region);
                Some(self.create_key(Scope { region, ..scope }, now))
            }
            ["signing-key", _] => Some(self.create_signing_key(scope, now)),
            ["foreign-key", _] => {
                let account = "999988887777".parse().unwrap_or(scope.account);
                Some(self.create_key(Scope { account, ..scope }, now))
            }
            ["foreign-managed-key", _, alias] => Some(self.create_foreign_managed_key(scope, alias, now)),
            ["name-managed-key", _] => match self.alias(scope, "alias/aws/dynamodb") {
                Some(key) => Some(key),
                None => return done(Err("there is no managed key".to_owned())),
            },
            _ => None,
        };
        if let (Some(key), [_, name, ..]) = (made, words) {
            keys.insert((*name).to_owned(), key);
            return done(Ok(()));
        }
        match words {
            ["alias", alias, name] => done(named(name).map(|key| self.set_alias(scope, alias, key))),
            ["disable", name] => done(named(name).map(|key| self.disable(key, now))),
            ["enable", name] => done(named(name).map(|key| self.enable(key, now))),
            ["schedule-deletion", name, days] => {
                let days = days.parse().unwrap_or(30);
                done(named(name).map(|key| self.schedule_deletion(key, days, now)))
            }
            ["cancel-deletion", name] => done(named(name).map(|key| self.disable(key, now))),
            ["delete-material", name] => {
                done(named(name).map(|key| self.set_state(key, KeyState::PendingImport, now)))
            }
            ["revoke-grants", name] => done(named(name).map(|key| self.revoke_grants(key, now))),
            ["rotate", name] => done(named(name).map(|key| self.rotate(key, now))),
            ["deny", name, who, action] => {
                let who = match *who {
                    "service" => SERVICE.to_owned(),
                    "root" => root.arn,
                    user => format!("arn:aws:iam::{}:user/{user}", scope.account),
                };
                done(named(name).map(|key| self.deny(key, &who, action, now)))
            }
            ["allow", name] => done(named(name).map(|key| self.allow_all(key, now))),
            ["direct", name, action] => Some(named(name).map(|key| match self.direct(&root, action, key) {
                Ok(()) => "ok".to_owned(),
                Err(fault) => format!("{}: {}", fault.code, fault.message),
            })),
            ["grants", name] => Some(named(name).map(|key| self.grants(key).len().to_string())),
            ["rotations", name] => Some(named(name).map(|key| self.rotations(key, now).to_string())),
            ["keys"] => Some(Ok(self.keys(scope).len().to_string())),
            ["calls", operation] => {
                let calls = self.take_calls();
                let same = |call: &&Seen| call.1.request.operation() == *operation;
                Some(Ok(calls.iter().filter(same).count().to_string()))
            }
            _ => None,
        }
    }
}
