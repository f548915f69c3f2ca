//! What is stored of a backup, and of a global table.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::name::{Incarnation, TableName};
use super::port::GRANTS_PER_TABLE;
use super::sse::{SseDescription, SseStatus};
use super::table::Table;
use super::wrap::{TableKey, WrappedDataKey};
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region, Uuid, hex};

/// `BackupType`.
///
/// AWS: DynamoDB API reference, "BackupDetails".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BackupType {
    /// On demand, also by archiving; kept until it is deleted.
    User,
    /// Made of a deleted table with point-in-time recovery; ends by itself.
    System,
}

/// A backup: it keeps the wrapped keys of its table, and so the table's key at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `BackupType`.
    pub kind: BackupType,
    /// The table that it was made of.
    pub table: TableName,
    /// That table's incarnation.
    pub incarnation: Incarnation,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The wrapped table key.
    pub key: TableKey,
    /// The wrapped data keys.
    #[serde(with = "super::wrap::by_number")]
    pub data_keys: BTreeMap<u32, WrappedDataKey>,
    /// The table that is being restored from it: one at a time.
    pub restoring: Option<Incarnation>,
}

impl Backup {
    /// Copies what a table's data needs to be read. No key is opened: that works without any access.
    pub(super) fn of(table: &Table, kind: BackupType, name: &str, now: Timestamp) -> Option<Self> {
        let key = table.key.clone()?;
        let arn = backup_arn(table, kind, now);
        Some(Backup {
            arn,
            name: name.to_owned(),
            kind,
            table: table.name.clone(),
            incarnation: table.incarnation,
            created_at: now,
            expires_at: None,
            key,
            data_keys: table.data_keys.clone(),
            restoring: None,
        })
    }

    /// `SourceTableFeatureDetails.SSEDescription`: absent for an owned key, and for system backups.
    ///
    /// AWS (observed).
    #[must_use]
    pub fn sse_description(&self) -> Option<SseDescription> {
        match self.kind {
            BackupType::System => None,
            BackupType::User => SseDescription::of(&self.key.protector, SseStatus::Enabled, None),
        }
    }
}

/// `…/backup/{milliseconds}-{8 digits}`. AWS (observed).
fn backup_arn(table: &Table, kind: BackupType, now: Timestamp) -> String {
    let suffix = match kind {
        BackupType::System => "00000000".to_owned(),
        BackupType::User => {
            let seed = format!("backup {} {}", table.incarnation, now.0);
            let digest = digest::digest(&digest::SHA256, seed.as_bytes());
            hex(digest.as_ref().get(..4).unwrap_or_default())
        }
    };
    format!("{}/backup/{:014}-{suffix}", table.name.arn(), now.0.max(0))
}

/// The version of a global table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GlobalTableVersion {
    /// Replicas keep their own keys; no customer managed keys.
    #[serde(rename = "2017.11.29")]
    V2017,
    /// One kind of key for all replicas.
    #[serde(rename = "2019.11.21")]
    V2019,
}

/// How replicas of a global table agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Consistency {
    /// Eventually.
    Eventual,
    /// At once.
    Strong,
}

/// A global table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalTable {
    /// Names it: the incarnation of its first table.
    pub id: Uuid,
    /// Its version.
    pub version: GlobalTableVersion,
    /// How its replicas agree.
    pub consistency: Consistency,
    /// Its replicas.
    pub replicas: BTreeMap<Region, Incarnation>,
    /// Regions that once had a replica, which can never come back by itself.
    pub left: BTreeSet<Region>,
}

/// Grants that are about to be made: written down before, so that a crash leaves none behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The table's incarnation.
    pub incarnation: Incarnation,
    /// The table.
    pub table: TableName,
    /// On which key.
    pub key: KeyArn,
    /// As whom.
    pub caller: super::name::Caller,
    /// The names of the grants.
    pub names: Vec<Uuid>,
    /// When it was written; tried again from then on.
    pub retry_at: Timestamp,
    /// How often the clean-up failed.
    pub attempts: u32,
}

/// A grant that shall go and has not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    /// The grant.
    pub grant: super::table::TableGrant,
    /// The table that it was made for.
    pub table: TableName,
    /// When to try again.
    pub retry_at: Timestamp,
    /// How often it failed.
    pub attempts: u32,
}

/// How often the clean-up of grants is tried before it is given up.
pub(super) const ATTEMPTS_MAX: u32 = 30;

/// The names of a table's grants on one key. They follow from the incarnation and a number, so that a repeated request makes
/// no second grant.
#[must_use]
pub(super) fn grant_names(incarnation: Incarnation, key: KeyArn, first: u32) -> Vec<Uuid> {
    let name = |number: u32| {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"kms at-rest grant v1");
        hash.update(incarnation.as_str().as_bytes());
        hash.update(key.text().as_bytes());
        hash.update(&number.to_be_bytes());
        let mut random = [0; 16];
        let digest = hash.finish();
        random.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Uuid::v4(random)
    };
    (first..first.saturating_add(GRANTS_PER_TABLE)).map(name).collect()
}
