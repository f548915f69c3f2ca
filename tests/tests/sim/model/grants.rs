//! Grants: what they allow, from when on, and how they end.

use super::super::script::{Act, GRANTABLE, USERS, Who};
use super::{DENIED, Learned, Model, NOT_FOUND, Outcome};

#[derive(Clone)]
pub(in super::super) struct Grant {
    /// An index into the keys of the model.
    pub(in super::super) key: usize,
    pub(in super::super) id: Learned,
    /// Unknown if the server lost its answer; a request then goes without.
    pub(in super::super) token: Learned,
    /// Indexes into [`USERS`].
    pub(in super::super) grantee: usize,
    pub(in super::super) retiring: Option<usize>,
    /// A bit for each of [`GRANTABLE`].
    pub(in super::super) operations: u8,
    pub(in super::super) name: Option<u8>,
    pub(in super::super) created_at: i64,
    pub(in super::super) ended: bool,
}

impl Grant {
    pub(in super::super) fn allows(&self, operation: &str) -> bool {
        GRANTABLE.iter().enumerate().any(|(bit, name)| self.operations >> bit & 1 == 1 && *name == operation)
    }
}

/// The operations of a grant by name.
pub(in super::super) fn named_operations(operations: u8) -> Vec<&'static str> {
    let granted = GRANTABLE.iter().enumerate().filter(|(bit, _)| operations >> bit & 1 == 1);
    granted.map(|(_, name)| *name).collect()
}

impl Model {
    /// The grant whose token a request brings, if it brings one.
    pub(in super::super) fn token(&self, token: Option<usize>) -> Option<usize> {
        let at = token.filter(|_| !self.grants.is_empty())? % self.grants.len();
        self.grants[at].token.is_known().then_some(at)
    }

    /// Whether policies or grants allow a use of a key.
    pub(super) fn allowed(&self, key: usize, by: Who, operation: &str, token: Option<usize>) -> Outcome {
        let token = self.token(token);
        if let Some(token) = token {
            let grant = &self.grants[token];
            // Regions know nothing of each other's grants.
            let region = |key: usize| super::SCOPES[self.keys[key].scope].1;
            if grant.ended || region(grant.key) != region(key) {
                return Err("InvalidGrantTokenException");
            }
        }
        let Who::User(user) = by else {
            return if by == Who::Owner { Ok(()) } else { Err(DENIED) };
        };
        for (at, grant) in self.grants.iter().enumerate() {
            let counts = grant.created_at + self.delay <= self.now || token == Some(at);
            let covers = !grant.ended && grant.key == key && grant.grantee == user % USERS.len();
            if counts && covers && grant.allows(operation) {
                return Ok(());
            }
        }
        Err(DENIED)
    }

    pub(super) fn grant_act(&mut self, act: Act) -> Outcome {
        match act {
            Act::CreateGrant { key, grantee, retiring, operations, name } => {
                let key = self.reached(key, Who::Owner)?;
                self.keys[key].usable_or_unavailable()?;
                let grant = Grant {
                    key,
                    id: Learned::default(),
                    token: Learned::default(),
                    grantee: grantee % USERS.len(),
                    retiring: retiring.map(|retiring| retiring % USERS.len()),
                    operations,
                    name,
                    created_at: self.now,
                    ended: false,
                };
                if self.repeated(&grant).is_none() {
                    self.grants.push(grant);
                }
            }
            Act::RetireGrant { grant, by, by_token } => {
                let at = grant % self.grants.len();
                let grant = &self.grants[at];
                if by_token && grant.token.is_known() {
                    if grant.ended || by == Who::Elsewhere {
                        return Err("InvalidGrantTokenException");
                    }
                    self.may_retire(at, by, true)?;
                } else {
                    self.reached(grant.key, by)?;
                    if grant.ended {
                        return Err(NOT_FOUND);
                    }
                    self.may_retire(at, by, false)?;
                }
                self.grants[at].ended = true;
            }
            Act::RevokeGrant { grant, by } => {
                let at = grant % self.grants.len();
                self.reached(self.grants[at].key, by)?;
                if by != Who::Owner {
                    return Err(DENIED);
                }
                if self.grants[at].ended {
                    return Err(NOT_FOUND);
                }
                self.grants[at].ended = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// The grant that is there already, when a named one is asked for again.
    pub(in super::super) fn repeated(&self, new: &Grant) -> Option<usize> {
        self.grants.iter().position(|old| {
            let same = (old.key, old.grantee, old.retiring) == (new.key, new.grantee, new.retiring);
            let same = same && old.operations == new.operations && old.name == new.name;
            !old.ended && new.name.is_some() && same
        })
    }

    fn may_retire(&self, at: usize, by: Who, by_token: bool) -> Outcome {
        let grant = &self.grants[at];
        let counts = by_token || grant.created_at + self.delay <= self.now;
        let may = match by {
            Who::Owner => true,
            Who::Elsewhere | Who::Stranger => false,
            Who::User(user) => {
                let user = user % USERS.len();
                let granted = grant.grantee == user && grant.allows("RetireGrant") && counts;
                grant.retiring == Some(user) || granted
            }
        };
        if may { Ok(()) } else { Err(DENIED) }
    }
}
