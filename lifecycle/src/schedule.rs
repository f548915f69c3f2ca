//! The schedule: what is due next, and what it changes.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::due::{Due, Event};
use crate::ids::AliasArn;
use crate::key::RotationType;
use crate::state::{Change, Record, RecordId, State};

/// The soonest due event, if anything is scheduled at all. Costs the same for any number of keys.
#[must_use]
pub fn next_due(state: &State) -> Option<Due> {
    state.due().next().copied()
}

/// What an event changes.
///
/// # Errors
/// The source of randomness failed; then nothing may be changed.
pub fn changes(state: &State, due: &Due, entropy: &dyn Entropy) -> Result<Vec<Change>, EntropyError> {
    // The instant before the event is the last at which a key that it ends can be seen.
    let before = state.at(Timestamp(due.at.0 - 1));
    Ok(match due.event {
        Event::RotateKey(arn) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            let (key, material) = key.rotate(RotationType::Automatic, due.at, entropy)?;
            vec![Change::Put(Record::Material(Arc::new(material))), Change::Put(Record::Key(Arc::new(key)))]
        }
        Event::DeleteKey(arn) => {
            if before.key(&arn).is_none() {
                return Ok(Vec::new());
            }
            let aliases = before
                .aliases_of(arn, None)
                .map(|name| RecordId::Alias(AliasArn { scope: arn.scope, name: name.clone() }));
            let materials = before.materials_of(arn).map(|material| RecordId::Material(arn, material.id));
            let grants = before.grants(arn, None).map(|grant| RecordId::Grant(arn, grant.id));
            let rest = [RecordId::Usage(arn), RecordId::Key(arn)];
            aliases.chain(grants).chain(materials).chain(rest).map(Change::Delete).collect()
        }
    })
}
