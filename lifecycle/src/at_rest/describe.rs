//! What descriptions of tables say about keys: the overlay over those of the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backup::GlobalTable;
use super::settings::Settings;
use super::sse::{KeyKind, SseDescription};
use super::state::State;
use super::table::{Status, Table};
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region};

/// Members of DynamoDB's `TableDescription` that the engine decides.
///
/// AWS: DynamoDB API reference, "TableDescription".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Description {
    /// `TableStatus`; while it is ACTIVE, the store may have a reason of its own to show another.
    pub table_status: String,
    /// `SSEDescription`.
    #[serde(rename = "SSEDescription", default, skip_serializing_if = "Option::is_none")]
    pub sse_description: Option<SseDescription>,
    /// `ArchivalSummary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archival_summary: Option<ArchivalSummary>,
    /// `Replicas`, of which each member is a replica elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ReplicaDescription>,
    /// The kind of the key, which the API does not tell.
    #[serde(rename = "KeyKind")]
    pub kind: KeyKind,
}

/// `ArchivalSummary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ArchivalSummary {
    /// When archiving began, in seconds since the Unix epoch.
    pub archival_date_time: f64,
    /// `INACCESSIBLE_ENCRYPTION_CREDENTIALS`.
    pub archival_reason: String,
    /// The backup, once archiving has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archival_backup_arn: Option<String>,
}

/// `ReplicaDescription`, as far as keys decide it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicaDescription {
    /// The replica's Region.
    pub region_name: Region,
    /// `ReplicaStatus`.
    pub replica_status: String,
    /// The replica's key.
    #[serde(rename = "KMSMasterKeyId", default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<KeyArn>,
    /// When its key was found to be inaccessible, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_inaccessible_date_time: Option<f64>,
}

/// The description of a table.
pub(super) fn describe(state: &State, table: &Table, settings: &Settings) -> Description {
    let mut sse_description = table.sse_description();
    if table.replica_of.is_some() && !settings.replica_dates {
        // AWS (observed): replicas do not show the date, though it is documented.
        sse_description.iter_mut().for_each(|sse| sse.inaccessible_encryption_date_time = None);
    }
    let global = table.replica_of.and_then(|of| state.global_tables.get(&of.global_table));
    Description {
        table_status: table.status.as_str().to_owned(),
        sse_description,
        archival_summary: archival_summary(table),
        replicas: global.map(|global| replicas(state, global, table, settings)).unwrap_or_default(),
        kind: table.protector.kind(),
    }
}

fn archival_summary(table: &Table) -> Option<ArchivalSummary> {
    let (since, done) = match table.status {
        Status::Archiving { since, .. } => (since, false),
        Status::Archived { since, .. } => (since, true),
        _ => return None,
    };
    Some(ArchivalSummary {
        archival_date_time: since.epoch_seconds(),
        archival_reason: "INACCESSIBLE_ENCRYPTION_CREDENTIALS".to_owned(),
        archival_backup_arn: table.archival_backup.clone().filter(|_| done),
    })
}

fn replicas(state: &State, global: &GlobalTable, of: &Table, settings: &Settings) -> Vec<ReplicaDescription> {
    let others: BTreeMap<Region, &Table> = global
        .replicas
        .iter()
        .filter(|(_, incarnation)| **incarnation != of.incarnation)
        .filter_map(|(region, incarnation)| Some((*region, state.tables.get(incarnation)?)))
        .collect();
    let describe = |(region, table): (Region, &Table)| ReplicaDescription {
        region_name: region,
        replica_status: table.status.as_str().to_owned(),
        kms_master_key_id: table.protector.key(),
        replica_inaccessible_date_time: table
            .status
            .inaccessible_since()
            .filter(|_| settings.replica_dates)
            .map(Timestamp::epoch_seconds),
    };
    others.into_iter().map(describe).collect()
}
