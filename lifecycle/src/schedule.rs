//! The schedule: what is due next, and what it changes.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError};
use crate::due::{Due, Event};
use crate::event::ServiceEvent;
use crate::ids::{AliasArn, MaterialId};
use crate::key::{Key, KeyState, Material, RotationType};
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
        Event::SynchronizeMultiRegionKey(arn) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            // AWS: the record of the synchronisation names the primary alone.
            let primary = before.primary_of(key).filter(|_| key.state_at(before.now()) == KeyState::Creating);
            let told = primary.map(|key| (&**key, ServiceEvent::SynchronizeMultiRegionKey { key: key.arn }));
            let facts = before.tell_each(told, due.at, entropy)?;
            [Change::Put(Record::Key(Arc::new(key.settled())))].into_iter().chain(facts).collect()
        }
        Event::RotateKey(arn) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            rotation(before, key, RotationType::Automatic, due.at, entropy)?
        }
        Event::DeleteExpiredKeyMaterial(arn, id) => {
            let Some(key) = before.key(&arn) else { return Ok(Vec::new()) };
            let event = ServiceEvent::DeleteExpiredKeyMaterial { key: arn, material: id };
            let fact = before.tell(key, due.at, event, entropy)?;
            removal(before, key, id).into_iter().chain(fact).collect()
        }
        Event::ConnectStore(name) | Event::DisconnectStore(name) => {
            let Some(store) = before.custom_store(&name) else { return Ok(Vec::new()) };
            let settled = store.with_connection(store.connection.settled());
            vec![Change::Put(Record::CustomStore(Arc::new(settled)))]
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
            let primary = before.primary_of(key).filter(|primary| primary.arn != arn);
            let left = primary.map(|primary| primary.without_replica(arn.scope.region, due.at));
            let left = left.map(|primary| Change::Put(Record::Key(Arc::new(primary))));
            let gone = aliases.chain(grants).chain(materials).chain(rest).map(Change::Delete);
            gone.chain(left).chain(fact).collect()
        }
    })
}

/// What the rotation of a key changes, and the facts that tell of it: its replicas get the same material at the same
/// instant, in whatever state they are.
///
/// AWS: KMS developer guide, "Rotate AWS KMS keys", multi-Region keys.
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
    let rotated = key.rotate(rotation, at, entropy)?;
    told_rotation(view, key, rotated, rotation, at, entropy)
}

/// What the rotation of a key to the imported material that waits for it changes; nothing if none waits.
///
/// # Errors
/// The source of randomness failed; then nothing may be changed.
pub fn rotation_to_imported(
    view: View<'_>,
    key: &Key,
    entropy: &dyn Entropy,
) -> Result<Vec<Change>, EntropyError> {
    let at = view.now();
    let Some(pending) = view.rotation_candidate(key) else { return Ok(Vec::new()) };
    told_rotation(view, key, key.rotate_to(pending, at), RotationType::OnDemand, at, entropy)
}

/// What the loss of one imported material changes: of the bytes nothing is left. Nothing if they are not there. What a
/// primary gives up, its replicas give up with it.
///
/// AWS: KMS API reference, "DeleteImportedKeyMaterial".
#[must_use]
pub fn removal(view: View<'_>, key: &Key, id: MaterialId) -> Vec<Change> {
    let known = view.material(&key.arn, id);
    let Some((left, material)) = known.and_then(|known| key.without_material(known)) else {
        return Vec::new();
    };
    let mut changes: Vec<Change> = match material {
        Some(material) => vec![Change::Put(Record::Material(Arc::new(material)))],
        None => {
            let all = [key.arn].into_iter().chain(view.related_to(key).map(|related| related.arn));
            let gone = all.map(|arn| Change::Delete(RecordId::Material(arn, id)));
            gone.chain(view.inform(&left, None)).collect()
        }
    };
    changes.push(Change::Put(Record::Key(Arc::new(left))));
    changes
}

/// A rotation and the facts that tell of it.
fn told_rotation(
    view: View<'_>,
    key: &Key,
    (rotated, material): (Key, Material),
    rotation: RotationType,
    at: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<Change>, EntropyError> {
    let replicas: Vec<&Arc<Key>> = view.replicas_of(key).collect();
    let event = |key: &Key| ServiceEvent::RotateKey {
        key: key.arn,
        rotation,
        origin: key.origin,
        previous: key.current_material,
        current: material.id,
    };
    let told = [key].into_iter().chain(replicas.iter().map(|replica| &***replica));
    let facts = view.tell_each(told.map(|key| (key, event(key))), at, entropy)?;
    let copies: Vec<Change> = view.inform(&rotated, Some(&material)).collect();
    let own = [Record::Material(Arc::new(material)), Record::Key(Arc::new(rotated))].map(Change::Put);
    Ok(own.into_iter().chain(copies).chain(facts).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;
    use crate::ids::{KeyArn, KeyId, Scope};
    use crate::key::{Key, KeyManager, KeySpec, KeyUsage, Origin, Switch};
    use crate::state::DUE_LOOKED_AT;

    /// A key that rotates every `period` days.
    fn rotating(number: u32, period: u32) -> Record {
        let scope = Scope { account: "111122223333".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let key = Key {
            arn: KeyArn { scope, id: KeyId::single_region(id) },
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            manager: KeyManager::Customer,
            multi_region: None,
            description: "".into(),
            created_at: Timestamp(0),
            switch: Switch::Enabled,
            pending_deletion: None,
            policy: "".into(),
            tags: vec![],
            current_material: None,
            material_count: 0,
            rotation: None,
            on_demand_rotations: 0,
            custom_store: None,
            imported: Vec::new(),
        };
        Record::Key(Arc::new(key.enable_rotation(Some(period), Timestamp(0))))
    }

    /// Lets everything happen up to an instant: how many events that were, and how many entries were looked at.
    fn run_until(state: &mut State, until: Timestamp) -> (usize, usize) {
        DUE_LOOKED_AT.set(0);
        let mut happened = 0;
        while let Some(due) = next_due(state).filter(|due| due.at <= until) {
            state.apply(changes(state, &due, &SeededEntropy::new(1)).unwrap());
            happened += 1;
        }
        (happened, DUE_LOOKED_AT.get())
    }

    #[test]
    fn time_costs_what_happens_in_it_for_any_number_of_keys() {
        for keys in [10, 1_000, 10_000] {
            let others = (0..keys).map(|number| rotating(number, 365));
            let mut state = State::load(others.chain([rotating(keys, 300)]));
            assert_eq!(run_until(&mut state, Timestamp(0).plus_days(299)), (0, 1), "{keys} keys");
            assert_eq!(run_until(&mut state, Timestamp(0).plus_days(364)), (1, 2), "{keys} keys");
        }
    }
}
