//! Keys that are gone, in memory since the start: a bill still has what they cost before.

use std::sync::{Arc, Mutex, PoisonError};

use lifecycle::clock::Timestamp;
use lifecycle::ids::KeyArn;
use lifecycle::key::Key;
use lifecycle::state::{Change, RecordId, State, View};

/// Keys that are remembered; the first ones stay.
const KEYS_MAX: usize = 100_000;

/// A key as it was when it went, without its material.
#[derive(Clone, Debug, PartialEq)]
pub struct DepartedKey {
    /// The key.
    pub key: Arc<Key>,
    /// When its material was rotated, in order.
    pub rotated_at: Vec<Timestamp>,
}

/// All of them.
#[derive(Default)]
pub struct Departed(Mutex<Vec<DepartedKey>>);

/// When the material of a key was rotated, in order.
#[must_use]
pub fn rotations(view: View<'_>, key: KeyArn) -> Vec<Timestamp> {
    let rotated = view.materials_of(key).filter(|material| material.rotation.is_some());
    rotated.map(|material| material.created_at).collect()
}

impl Departed {
    /// Remembers the keys of `before` that the changes remove.
    pub(super) fn note(&self, before: &State, changes: &[Change]) {
        // Every key is there at the beginning of time, whatever its deletion date.
        let view = before.at(Timestamp(i64::MIN));
        let gone = changes.iter().filter_map(|change| match change {
            Change::Delete(RecordId::Key(arn)) => {
                let key = Arc::clone(view.key(arn)?);
                Some(DepartedKey { key, rotated_at: rotations(view, *arn) })
            }
            _ => None,
        });
        let mut gone = gone.peekable();
        if gone.peek().is_none() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEYS_MAX.saturating_sub(known.len());
        known.extend(gone.take(room));
    }

    /// The keys that have gone since the start, or since everything was replaced.
    #[must_use]
    pub fn keys(&self) -> Vec<DepartedKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
