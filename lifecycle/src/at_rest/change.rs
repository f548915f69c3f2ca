//! What the engine asks its embedder to keep, to do and to tell.

use serde::{Deserialize, Serialize};

use super::backup::{Backup, GlobalTable, Intent, Retirement};
use super::name::{Incarnation, TableName};
use super::table::Table;
use crate::clock::Timestamp;
use crate::ids::{GrantId, KeyArn, Region, Uuid};

/// A record to store or to remove, or something that happened. Stored in order before the answer that they came with counts.
///
/// Replaying every change into [`super::Engine::load`], or only the last of each [`Change::key`], gives the same engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", content = "record", rename_all = "snake_case")]
pub enum Change {
    /// A table as it is now.
    PutTable(Box<Table>),
    /// A table is gone, and with it its wrapped keys.
    RemoveTable {
        /// Which.
        incarnation: Incarnation,
    },
    /// A backup as it is now.
    PutBackup(Box<Backup>),
    /// A backup is gone.
    RemoveBackup {
        /// Which.
        arn: String,
    },
    /// A global table as it is now.
    PutGlobalTable(GlobalTable),
    /// A global table is gone.
    RemoveGlobalTable {
        /// Which.
        id: Uuid,
    },
    /// Grants are about to be made.
    PutIntent(Intent),
    /// They are made, or gone again.
    RemoveIntent {
        /// Of which table.
        incarnation: Incarnation,
    },
    /// A grant has to go.
    PutRetirement(Retirement),
    /// It is gone.
    RemoveRetirement {
        /// Which.
        grant: GrantId,
    },
    /// The store has something to do.
    PutTask(Task),
    /// It is done.
    RemoveTask {
        /// Which.
        id: u64,
    },
    /// Something happened that is worth telling. No record: [`super::Engine::load`] ignores it.
    Fact(Fact),
}

impl Change {
    /// Under what a store of records keeps this one, and whether it is there afterwards. `None` for a fact.
    #[must_use]
    pub fn key(&self) -> Option<(String, bool)> {
        Some(match self {
            Change::PutTable(table) => (format!("table/{}", table.incarnation), true),
            Change::RemoveTable { incarnation } => (format!("table/{incarnation}"), false),
            Change::PutBackup(backup) => (format!("backup/{}", backup.arn), true),
            Change::RemoveBackup { arn } => (format!("backup/{arn}"), false),
            Change::PutGlobalTable(global) => (format!("global-table/{}", global.id), true),
            Change::RemoveGlobalTable { id } => (format!("global-table/{id}"), false),
            Change::PutIntent(intent) => (format!("intent/{}", intent.incarnation), true),
            Change::RemoveIntent { incarnation } => (format!("intent/{incarnation}"), false),
            Change::PutRetirement(retirement) => (format!("retirement/{}", retirement.grant.grant), true),
            Change::RemoveRetirement { grant } => (format!("retirement/{grant}"), false),
            Change::PutTask(task) => (format!("task/{}", task.id), true),
            Change::RemoveTask { id } => (format!("task/{id}"), false),
            Change::Fact(_) => return None,
        })
    }
}

/// Something that happened to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// To which table.
    pub table: TableName,
    /// To which of its lives.
    pub incarnation: Incarnation,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// It became ACTIVE for the first time.
    Created,
    /// Its key was lost before it was ACTIVE, and it disappeared.
    Vanished,
    /// It was deleted.
    Deleted,
    /// Its key was found to be inaccessible: the account's owner gets a mail, once per episode.
    KeyInaccessible {
        /// The key.
        key_arn: Option<KeyArn>,
        /// When it was found.
        detected_at: Timestamp,
        /// When it will be archived unless the key comes back.
        archive_at: Timestamp,
    },
    /// Its key was found to be accessible again.
    Recovered,
    /// Archiving began.
    Archiving,
    /// Archiving ended.
    Archived {
        /// The backup.
        backup_arn: String,
    },
    /// It is under another key now.
    Switched {
        /// The new key, or nothing for an owned one.
        key_arn: Option<KeyArn>,
    },
    /// A backup ended.
    BackupExpired {
        /// Which.
        backup_arn: String,
    },
    /// A restore failed, because a key was lost on the way.
    RestoreFailed,
    /// It left its global table.
    ReplicaRemoved {
        /// The Region that the global table lost.
        region: Region,
    },
    /// Grants could not be retired and are left to the account.
    GrantLeft {
        /// On which key.
        key_arn: KeyArn,
    },
}

impl What {
    /// Whether the account's owner gets a mail about it.
    ///
    /// AWS: DynamoDB developer guide, "Encryption at rest: how it works": as soon as the key is found to be inaccessible.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        matches!(self, What::KeyInaccessible { .. })
    }
}

/// Something for the table store to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Names it.
    pub id: u64,
    /// For which table.
    pub table: TableName,
    /// For which of its lives.
    pub incarnation: Incarnation,
    /// What.
    #[serde(flatten)]
    pub work: Work,
}

/// What the engine asks of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// Copy the table's sealed records into a backup that outlives the table. No key is needed for that.
    Snapshot {
        /// The backup.
        backup_arn: String,
    },
    /// Put the sealed records of a backup into the table.
    Fill {
        /// The backup.
        backup_arn: String,
    },
    /// Put the sealed records of another table into the table.
    Copy {
        /// That table.
        from: Incarnation,
    },
    /// Seal records that lie there in the clear.
    Encrypt,
    /// Remove the table's records.
    Drop,
    /// Remove the records of a backup.
    DropBackup {
        /// The backup.
        backup_arn: String,
    },
    /// Stop replication to and from the table.
    Detach,
}
