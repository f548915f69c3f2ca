//! The KMS of a world: what the engine asks of it, and what people do to keys.

use std::collections::BTreeMap;

use super::kms::{SampleKms, Seen};
use super::scenario::read_span;
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

/// Where and when a command is given.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// The account and Region.
    pub scope: Scope,
    /// The instant from which a scenario counts.
    pub started_at: Timestamp,
    /// The present instant.
    pub now: Timestamp,
}

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

    /// When material expires next, until an instant, if time does not pass in this KMS by itself.
    fn next_expiry(&self, _until: Timestamp) -> Option<Timestamp> {
        None
    }

    /// Lets material expire.
    fn expire(&mut self, _at: Timestamp) {}

    /// Carries out one of the commands of scenarios that are about keys; nothing if it is none.
    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        scene: Scene,
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

    fn next_expiry(&self, until: Timestamp) -> Option<Timestamp> {
        SampleKms::next_expiry(self, until)
    }

    fn expire(&mut self, at: Timestamp) {
        SampleKms::expire(self, at);
    }

    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        scene: Scene,
    ) -> Option<Result<String, String>> {
        self.key_command(words, keys, scene).or_else(|| self.kind_command(words, keys, scene))
    }
}

impl SampleKms {
    /// What there is to do with any key.
    fn key_command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        Scene { scope, now, .. }: Scene,
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
            ["alias", alias, name] => done(named(name).map(|key| self.set_alias(key.scope, alias, key))),
            ["disable", name] => done(named(name).map(|key| self.disable(key, now))),
            ["enable", name] => done(named(name).map(|key| self.enable(key, now))),
            ["schedule-deletion", name, days] => {
                let days = days.parse().unwrap_or(30);
                done(named(name).map(|key| self.schedule_deletion(key, days, now)))
            }
            ["cancel-deletion", name] => done(named(name).map(|key| self.disable(key, now))),
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

    /// What there is to do with keys of particular kinds.
    fn kind_command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        Scene { scope, started_at, now }: Scene,
    ) -> Option<Result<String, String>> {
        let until = |rest: &[&str]| match rest {
            ["until", at] => read_span(at).map(|at| at.after(started_at)),
            _ => None,
        };
        let made = match words {
            ["imported-key", name, rest @ ..] => Some((*name, self.create_imported(scope, until(rest), now))),
            ["multi-region-key", name] => Some((*name, self.create_multi_region(scope, now))),
            ["replicate-key", primary, region, name] => {
                let primary = keys.get(*primary).copied()?;
                Some((*name, self.replicate(primary, region.parse().ok()?, now)))
            }
            ["key-in", store, name] => {
                let key = self.create_key(scope, now);
                self.put_in_store(key, store, now);
                Some((*name, key))
            }
            _ => None,
        };
        if let Some((name, key)) = made {
            keys.insert(name.to_owned(), key);
            return Some(Ok("ok".to_owned()));
        }
        match words {
            ["import", name, rest @ ..] => self.import(keys.get(*name).copied()?, until(rest), now),
            ["delete-material", name] => self.delete_material(keys.get(*name).copied()?, now),
            // Which of related keys is the primary makes no difference to their use.
            ["primary", _, _] => {}
            ["store", name] => self.create_store(name, false),
            ["external-store", name] => self.create_store(name, true),
            ["connect", store] => self.set_connected(store, true, now),
            ["disconnect", store] => self.set_connected(store, false, now),
            ["backing", store, what] => self.set_works(store, *what == "works", now),
            ["key-state", name] => {
                let state = self.key_state(keys.get(*name).copied()?, now);
                return Some(Ok(state.unwrap_or("NotFoundException").to_owned()));
            }
            _ => return None,
        }
        Some(Ok("ok".to_owned()))
    }
}
