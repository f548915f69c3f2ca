//! What is due: facts that the passing of time brings about, in one fixed order.

use crate::clock::Timestamp;
use crate::ids::KeyArn;
use crate::state::{Change, RecordId, State};

/// Something that happens by itself at an instant. Ordered by instant, then kind, then resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When it happens.
    pub at: Timestamp,
    /// What happens.
    pub event: Event,
}

/// The kinds of due events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The waiting period of a key ends: the key, its material, its aliases and its grants cease to exist.
    DeleteKey(KeyArn),
}

/// The soonest due event, if anything is scheduled at all. Costs the same for any number of keys.
#[must_use]
pub fn next_due(state: &State) -> Option<Due> {
    state.deletions().next().map(due)
}

/// The due events up to and including `now`, in order, at most `count_max` of them.
#[must_use]
pub fn due_until(state: &State, now: Timestamp, count_max: usize) -> Vec<Due> {
    state.deletions().map(due).take_while(|due| due.at <= now).take(count_max).collect()
}

fn due((at, key): &(Timestamp, KeyArn)) -> Due {
    Due { at: *at, event: Event::DeleteKey(*key) }
}

/// What an event changes.
#[must_use]
pub fn changes(state: &State, due: &Due) -> Vec<Change> {
    match due.event {
        Event::DeleteKey(arn) => {
            // The instant before the event is the last at which the key can be seen.
            let before = state.at(Timestamp(due.at.0 - 1));
            let Some(key) = before.key(&arn) else { return Vec::new() };
            let aliases = before
                .aliases_of(arn, None)
                .map(|name| RecordId::Alias(crate::ids::AliasArn { scope: arn.scope, name: name.clone() }));
            let materials = key.materials.iter().map(|id| RecordId::Material(arn, *id));
            let grants = before.grants(arn, None).map(|grant| RecordId::Grant(arn, grant.id));
            let rest = [RecordId::Usage(arn), RecordId::Key(arn)];
            aliases.chain(grants).chain(materials).chain(rest).map(Change::Delete).collect()
        }
    }
}
