//! What is stored, and what names it.

use std::sync::Arc;

use super::{TableRecord, Usage};
use crate::alias::Alias;
use crate::custom_store::{Cluster, CustomKeyStore};
use crate::event::{Fact, FactId};
use crate::grant::Grant;
use crate::iam::{Entry, EntryId};
use crate::ids::{AliasArn, GrantId, KeyArn, MaterialId, StoreName};
use crate::key::{Key, Material};

/// Something that is stored, whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An alias.
    Alias(Arc<Alias>),
    /// A simulated cluster.
    Cluster(Arc<Cluster>),
    /// A custom key store.
    CustomStore(Arc<CustomKeyStore>),
    /// Something that has happened and is to be told.
    Fact(Arc<Fact>),
    /// A grant.
    Grant(Arc<Grant>),
    /// A key without its secret bytes.
    Key(Arc<Key>),
    /// The secret bytes of a key.
    Material(Arc<Material>),
    /// An account, a user, a role or an access key.
    Principal(Entry),
    /// Something about a table that is encrypted at rest.
    Table(Arc<TableRecord>),
    /// When a key was last used.
    Usage(Arc<Usage>),
}

/// What names a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordId {
    /// An alias.
    Alias(AliasArn),
    /// A simulated cluster, by its id.
    Cluster(Arc<str>),
    /// A custom key store.
    CustomStore(StoreName),
    /// Something that has happened.
    Fact(FactId),
    /// One grant of one key.
    Grant(KeyArn, GrantId),
    /// A key.
    Key(KeyArn),
    /// One material of one key.
    Material(KeyArn, MaterialId),
    /// An account, a user, a role or an access key.
    Principal(EntryId),
    /// Something about a table, by its name.
    Table(Box<str>),
    /// The last use of a key.
    Usage(KeyArn),
}

impl Record {
    /// What names this record.
    #[must_use]
    pub fn id(&self) -> RecordId {
        match self {
            Record::Alias(alias) => RecordId::Alias(alias.arn.clone()),
            Record::Cluster(cluster) => RecordId::Cluster(Arc::clone(&cluster.id)),
            Record::CustomStore(store) => RecordId::CustomStore(store.arn),
            Record::Fact(fact) => RecordId::Fact(fact.id),
            Record::Grant(grant) => RecordId::Grant(grant.key, grant.id),
            Record::Key(key) => RecordId::Key(key.arn),
            Record::Material(material) => RecordId::Material(material.key, material.id),
            Record::Principal(entry) => RecordId::Principal(entry.id()),
            Record::Table(table) => RecordId::Table(table.id.clone()),
            Record::Usage(usage) => RecordId::Usage(usage.key),
        }
    }
}
