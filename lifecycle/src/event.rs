//! Facts worth telling: what AWS KMS does to keys by itself, and DynamoDB to tables, kept until it has been told.
//!
//! A [`Fact`] is a record of the state. Whoever decides a change puts the fact that tells of it beside the change, so that
//! both are stored or neither; whoever has told it removes the record. A fact that was stored is thus told at least once,
//! and its id says whether it was told already.
//!
//! AWS: KMS developer guide, "AWS KMS events in CloudTrail" (RotateKey, DeleteKey, DeleteExpiredKeyMaterial,
//! SynchronizeMultiRegionKey) and "Monitor KMS keys with Amazon
//! EventBridge".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::at_rest;
use crate::clock::Timestamp;
use crate::ids::{KeyArn, MaterialId, Scope, Uuid};
use crate::key::{Origin, RotationType};

/// Something that has happened to a key, and is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Names it, and says when its turn is.
    #[serde(flatten)]
    pub id: FactId,
    /// When it happened, on the domain clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: ServiceEvent,
}

/// What names a fact. Ordered as the facts are to be told, which is the order in which they were decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactId {
    /// Its place among the facts that have not been told.
    pub number: u64,
    /// The id of the event that tells it, drawn at random: no other fact of any server has it.
    pub id: Uuid,
}

/// The kinds of facts, under the names of their CloudTrail events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum ServiceEvent {
    /// A key has got new material.
    RotateKey {
        /// The key.
        key: KeyArn,
        /// Why.
        rotation: RotationType,
        /// Where the material of the key comes from.
        origin: Origin,
        /// The material that encrypted before.
        previous: Option<MaterialId>,
        /// The material that encrypts from now on.
        current: MaterialId,
    },
    /// The waiting period of a key has ended, and with it the key.
    DeleteKey {
        /// The key.
        key: KeyArn,
    },
    /// What the keys of a multi-Region set share has been copied to a replica.
    SynchronizeMultiRegionKey {
        /// The primary key.
        key: KeyArn,
    },
    /// Imported material of a key has expired.
    DeleteExpiredKeyMaterial {
        /// The key.
        key: KeyArn,
        /// The material.
        material: MaterialId,
    },
    /// Something has happened to a table that is encrypted at rest.
    Table {
        /// What.
        fact: Box<at_rest::Fact>,
    },
}

/// The names of what happens to tables, in the order in which a table may live through it.
pub const TABLE_KINDS: &[&str] = &[
    "TableCreated",
    "TableVanished",
    "TableSwitched",
    "TableKeyInaccessible",
    "TableRecovered",
    "TableArchiving",
    "TableArchived",
    "TableReplicaRemoved",
    "TableRestoreFailed",
    "TableBackupExpired",
    "TableGrantLeft",
    "TableDeleted",
];

/// The name of what happened to a table.
#[must_use]
pub fn table_kind(what: &at_rest::What) -> &'static str {
    use at_rest::What;
    match what {
        What::Created => "TableCreated",
        What::Vanished => "TableVanished",
        What::Switched { .. } => "TableSwitched",
        What::KeyInaccessible { .. } => "TableKeyInaccessible",
        What::Recovered => "TableRecovered",
        What::Archiving => "TableArchiving",
        What::Archived { .. } => "TableArchived",
        What::ReplicaRemoved { .. } => "TableReplicaRemoved",
        What::RestoreFailed => "TableRestoreFailed",
        What::BackupExpired { .. } => "TableBackupExpired",
        What::GrantLeft { .. } => "TableGrantLeft",
        What::Deleted => "TableDeleted",
    }
}

impl ServiceEvent {
    /// The `eventName` in CloudTrail, which does not hear of tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ServiceEvent::RotateKey { .. } => "RotateKey",
            ServiceEvent::DeleteKey { .. } => "DeleteKey",
            ServiceEvent::SynchronizeMultiRegionKey { .. } => "SynchronizeMultiRegionKey",
            ServiceEvent::DeleteExpiredKeyMaterial { .. } => "DeleteExpiredKeyMaterial",
            ServiceEvent::Table { fact } => table_kind(&fact.what),
        }
    }

    /// The key that it happened to; none of what happened to a table.
    #[must_use]
    pub fn key(&self) -> Option<KeyArn> {
        match self {
            ServiceEvent::RotateKey { key, .. }
            | ServiceEvent::DeleteKey { key }
            | ServiceEvent::SynchronizeMultiRegionKey { key }
            | ServiceEvent::DeleteExpiredKeyMaterial { key, .. } => Some(*key),
            ServiceEvent::Table { .. } => None,
        }
    }
}

impl Fact {
    /// The account and Region to which it is told.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match &self.event {
            ServiceEvent::RotateKey { key, .. }
            | ServiceEvent::DeleteKey { key }
            | ServiceEvent::SynchronizeMultiRegionKey { key }
            | ServiceEvent::DeleteExpiredKeyMaterial { key, .. } => key.scope,
            ServiceEvent::Table { fact } => fact.table.scope,
        }
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As many digits as a number can have: texts sort like numbers.
        write!(f, "{:020}/{}", self.number, self.id)
    }
}

/// Whether anybody hears of what happens to a key: its account does, of its own keys and of those that AWS manages in it.
/// Nobody hears of keys that AWS owns.
pub(crate) fn is_told(key: &KeyArn) -> bool {
    !key.scope.account.is_aws()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_stored_under_the_names_of_their_events_and_read_again() {
        let key: KeyArn =
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let rotation = ServiceEvent::RotateKey {
            key,
            rotation: RotationType::OnDemand,
            origin: Origin::AwsKms,
            previous: Some(MaterialId([1; 32])),
            current: MaterialId([2; 32]),
        };
        let synchronized = ServiceEvent::SynchronizeMultiRegionKey { key };
        let expiry = ServiceEvent::DeleteExpiredKeyMaterial { key, material: MaterialId([4; 32]) };
        for event in [rotation, ServiceEvent::DeleteKey { key }, synchronized, expiry] {
            let id = FactId { number: 7, id: Uuid::v4([3; 16]) };
            let fact = Fact { id, at: Timestamp(5), event };
            let stored = serde_json::to_value(&fact).unwrap();
            assert_eq!(stored["event"], fact.event.name());
            assert_eq!(serde_json::from_value::<Fact>(stored).unwrap(), fact);
            assert_eq!(fact.scope(), key.scope);
        }
    }

    #[test]
    fn the_texts_of_ids_sort_like_the_ids() {
        let id = |number| FactId { number, id: Uuid::v4([9; 16]) };
        let mut ids = [0, 2, 10, 99, 100, u64::MAX].map(id);
        ids.reverse();
        ids.sort_by_key(FactId::to_string);
        assert!(ids.is_sorted());
    }
}
