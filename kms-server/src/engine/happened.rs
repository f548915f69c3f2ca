//! What whoever waits for the clock looks at: what has fallen due since the start.

use std::collections::BTreeMap;

use super::Happening;

/// The last event of each kind, in the epoch of the clock.
#[derive(Clone, Debug, Default)]
pub struct Happened {
    /// Events since the start, in all epochs.
    count: u64,
    epoch: u64,
    last: BTreeMap<&'static str, (u64, Happening)>,
}

impl Happened {
    /// Events since the start, which number them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last event of a kind and its number. Earlier ones were earlier on the clock, too: a new epoch forgets those
    /// of the old one.
    #[must_use]
    pub fn last(&self, kind: &str) -> Option<(u64, Happening)> {
        self.last.get(kind).cloned()
    }

    pub(super) fn add(&mut self, epoch: u64, happened: &[Happening]) {
        if self.epoch != epoch {
            self.last.clear();
            self.epoch = epoch;
        }
        for due in happened {
            self.count += 1;
            self.last.insert(due.kind, (self.count, due.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::clock::Timestamp;
    use lifecycle::due::{Due, Event};

    #[test]
    fn the_last_of_each_kind_is_known_and_numbers_go_on() {
        let key =
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let rotation = |at| Happening::from(Due { at: Timestamp(at), event: Event::RotateKey(key) });
        let mut happened = Happened::default();
        happened.add(0, &[rotation(1), rotation(2)]);
        assert_eq!((happened.count(), happened.last("RotateKey")), (2, Some((2, rotation(2)))));
        assert_eq!(happened.last("DeleteKey"), None);
        happened.add(1, &[]);
        assert_eq!((happened.count(), happened.last("RotateKey")), (2, None), "another epoch");
        happened.add(1, &[rotation(1)]);
        assert_eq!(happened.last("RotateKey"), Some((3, rotation(1))));
    }
}
