//! Encryption at rest for any table store, with the behaviour of DynamoDB's.
//!
//! placeholder
mod audit;
mod backup;
mod change;
mod describe;
mod drive;
mod engine;
mod error;
mod flow;
mod input;
mod ledger;
pub mod managed;
mod memory;
mod name;
mod operation;
mod port;
mod quota;
pub mod sample;
mod seal;
pub mod service;
mod settings;
mod sse;
mod state;
mod table;
mod wrap;

#[cfg(test)]
mod tests;

pub use audit::record as audit_record;
pub use backup::{Backup, BackupType, Consistency, GlobalTable, GlobalTableVersion, Intent, Retirement};
pub use change::{Change, Fact, Task, What, Work};
pub use describe::{ArchivalSummary, Description, ReplicaDescription};
pub use drive::{Journal, JournalError, KmsPort, TableStore, Tables, TaskError, TaskKeys};
pub use engine::Engine;
pub use error::Refusal;
pub use input::{Access, Answer, Feature, Input, ReplicaKey, Source, Step};
pub use ledger::{Bill, Calls, Ledger, Prices, Usage};
pub use name::{Blob, Caller, Connection, Incarnation, ParseStructureError, Structure, TableName};
pub use operation::Operation;
pub use port::{
    FlowId, GRANT_OPERATIONS, GRANTS_PER_TABLE, Identity, KmsCall, KmsFault, KmsOutput, KmsReply, KmsRequest,
    Manager, Reason, SERVICE, regional_service,
};
pub use quota::SwitchQuota;
pub use seal::{
    HEADER_LENGTH, KEY_LENGTH, OVERHEAD, OpenError, RecordKeys, SEALS_MAX, SealError, TAG_LENGTH,
};
pub use settings::{CacheUnit, Delay, Observation, QuotaWindow, Settings, Span};
pub use sse::{KeyKind, MANAGED_ALIAS, Protector, SseDescription, SseSpecification, SseStatus, Wanted};
pub use table::{Due, Features, Health, Membership, Restore, Status, Switch, Table, TableGrant};
pub use wrap::{TableKey, WrappedDataKey};
