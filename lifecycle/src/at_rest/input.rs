//! What a table store tells the engine, and what it gets for an answer.

use serde::{Deserialize, Serialize};

use super::backup::{Backup, Consistency, GlobalTableVersion};
use super::change::Change;
use super::describe::Description;
use super::error::Refusal;
use super::name::{Caller, Connection, Incarnation, Structure, TableName};
use super::operation::Operation;
use super::port::KmsCall;
use super::seal::RecordKeys;
use super::sse::SseSpecification;
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region, Scope};

/// An event of a table store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// A table shall be made, also by an import. Accepted tables become ACTIVE by themselves.
    Create {
        /// The table.
        table: TableName,
        /// Its new life, never used before.
        incarnation: Incarnation,
        /// Who makes it.
        caller: Caller,
        /// Its key.
        #[serde(default)]
        sse: SseSpecification,
    },
    /// A table that exists without encryption comes under the engine: it gets an AWS owned key, and the store is asked to
    /// seal what is there.
    Attach {
        /// The table.
        table: TableName,
        /// Its life.
        incarnation: Incarnation,
    },
    /// A request wants to use a table.
    Access(Access),
    /// UpdateTable with an `SSESpecification`.
    Switch {
        /// The table.
        table: TableName,
        /// Who changes it.
        caller: Caller,
        /// The new key.
        sse: SseSpecification,
        /// The new keys of replicas: `ReplicaUpdates[].Update`.
        #[serde(default)]
        replicas: Vec<ReplicaKey>,
        /// Whether the request changes something else too, which is refused.
        #[serde(default)]
        with_other_changes: bool,
    },
    /// A setting shall change that the engine has to know.
    SetFeature {
        /// The table.
        table: TableName,
        /// Who changes it.
        caller: Caller,
        /// The connection.
        #[serde(default)]
        connection: Option<Connection>,
        /// Which setting.
        feature: Feature,
        /// On or off.
        enabled: bool,
    },
    /// The table shall be deleted.
    Delete {
        /// The table.
        table: TableName,
    },
    /// CreateBackup.
    Backup {
        /// The table.
        table: TableName,
        /// Who makes it.
        caller: Caller,
        /// The connection.
        #[serde(default)]
        connection: Option<Connection>,
        /// The backup's name.
        name: String,
    },
    /// DeleteBackup.
    DeleteBackup {
        /// The backup.
        arn: String,
    },
    /// RestoreTableFromBackup or RestoreTableToPointInTime.
    Restore {
        /// What is restored.
        source: Source,
        /// The new table.
        target: TableName,
        /// Its new life, never used before.
        incarnation: Incarnation,
        /// Who restores.
        caller: Caller,
        /// `SSESpecificationOverride`.
        #[serde(default)]
        sse: Option<SseSpecification>,
    },
    /// A table gets a replica, and so becomes a global table if it is none.
    AddReplica {
        /// The table.
        table: TableName,
        /// The Region of the replica.
        region: Region,
        /// Its new life, never used before.
        incarnation: Incarnation,
        /// Who adds it.
        caller: Caller,
        /// `KMSMasterKeyId`.
        #[serde(default)]
        key: Option<String>,
        /// The version of a new global table.
        version: GlobalTableVersion,
        /// How the replicas of a new global table agree.
        consistency: Consistency,
    },
    /// A global table of version 2017.11.29 becomes one of 2019.11.21.
    UpgradeGlobalTable {
        /// One of its replicas.
        table: TableName,
    },
    /// Data of the service's own that belongs to requests: under AWS owned keys, whatever key the table has.
    ServiceData {
        /// The account and Region.
        scope: Scope,
        /// [`Structure::Transactions`] or [`Structure::Insights`].
        structure: Structure,
    },
    /// A key, its grants, its policy, or what speaks about it in another policy has changed.
    KeyChanged {
        /// The key.
        key: KeyArn,
        /// When.
        at: Timestamp,
    },
    /// The store has done a task, or cannot do it.
    TaskDone {
        /// The task.
        id: u64,
    },
}

/// A request for the use of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The table.
    pub table: TableName,
    /// Who uses it; of no meaning for the store's own work.
    pub caller: Caller,
    /// The connection; a request without one shares its key with no other.
    #[serde(default)]
    pub connection: Option<Connection>,
    /// What for.
    pub operation: Operation,
    /// Which part.
    pub structure: Structure,
}

/// The key of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// The replica's Region.
    pub region: Region,
    /// `KMSMasterKeyId`.
    pub key: Option<String>,
}

/// A setting that the engine has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// A stream.
    Stream,
    /// Time to live.
    TimeToLive,
    /// Point-in-time recovery.
    PointInTimeRecovery,
    /// Contributor Insights.
    ContributorInsights,
}

/// What a table is restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A backup, by its ARN.
    Backup(String),
    /// A table with point-in-time recovery.
    Table(TableName),
}

/// The answer to an accepted input.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is done, or may be done.
    Done,
    /// A table as it is now.
    Table(Box<Description>),
    /// The keys of the structure that was asked for.
    Keys(RecordKeys),
    /// A backup as it is now.
    Backup(Box<Backup>),
}

/// What the engine does next. Changes are to be stored before the call is made or the answer is given.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a step lives for a moment; the call in it is what it is about")]
pub enum Step {
    /// A call to make; the reply goes into [`super::Engine::reply`].
    Call {
        /// The call.
        call: KmsCall,
        /// What to store before.
        changes: Vec<Change>,
    },
    /// The flow has ended.
    Done {
        /// The answer, or why not.
        answer: Result<Answer, Refusal>,
        /// What to store before.
        changes: Vec<Change>,
    },
}
