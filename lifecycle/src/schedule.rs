//! The schedule: what is due next, and what it changes.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::due::{Due, Event};
use crate::event::ServiceEvent;
use crate::ids::AliasArn;
use crate::key::{Key, RotationType};
use crate::state::{Change, Record, RecordId, State, View};

/// The soonest due event, if anything is scheduled at all. Costs the same for any number of keys.
#[must_use]
pub fn next_due(state: &State) -> Option<Due> {
    state.due().next().copied()
}

/// What an event changes, and the fact that tells of it.
///
/// # Errors
/// The source of randomness failed; then nothing may be changed.
pub fn changes(state: &State, due: &Due, entropy: &dyn Entropy) -> Result<Vec<Change>, EntropyError> {
    // The instant before the event is the last at which a key that it ends can be seen.
    let before = state.at(Timestamp(due.at.0 - 1));
    Ok(match due.event {
        Event::RotateKey(arn) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            rotation(before, key, RotationType::Automatic, due.at, entropy)?
        }
        Event::DeleteKey(arn) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            let fact = before.tell(key, due.at, ServiceEvent::DeleteKey { key: arn }, entropy)?;
            let aliases = before
                .aliases_of(arn, None)
                .map(|name| RecordId::Alias(AliasArn { scope: arn.scope, name: name.clone() }));
            let materials = before.materials_of(arn).map(|material| RecordId::Material(arn, material.id));
            let grants = before.grants(arn, None).map(|grant| RecordId::Grant(arn, grant.id));
            let rest = [RecordId::Usage(arn), RecordId::Key(arn)];
            aliases.chain(grants).chain(materials).chain(rest).map(Change::Delete).chain(fact).collect()
        }
    })
}

/// What the rotation of a key changes, and the fact that tells of it.
///
/// # Errors
/// The source of randomness failed; then nothing may be changed.
pub fn rotation(
    view: View<'_>,
    key: &Key,
    rotation: RotationType,
    at: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<Change>, EntropyError> {
    let (rotated, material) = key.rotate(rotation, at, entropy)?;
    let event = ServiceEvent::RotateKey {
        key: key.arn,
        rotation,
        origin: key.origin,
        previous: key.current_material,
        current: material.id,
    };
    let fact = view.tell(key, at, event, entropy)?;
    let records = [Record::Material(Arc::new(material)), Record::Key(Arc::new(rotated))];
    Ok(records.map(Change::Put).into_iter().chain(fact).collect())
}
