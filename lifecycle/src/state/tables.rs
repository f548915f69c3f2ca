//! Records of the tables that are encrypted at rest: kept for their engine, and not looked into.

use std::sync::Arc;

use super::{Change, FactId, Record, RecordId, State, View};
use crate::at_rest::{self, Fact};
use crate::clock::Timestamp;
use crate::crypto::{Entropy, EntropyError, Secret};
use crate::event::{self, ServiceEvent};
use crate::ids::Uuid;

/// A record of the engine that encrypts tables at rest. All of it is secret: among it are the keys of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRecord {
    /// Names it among these records, such as `table/` and the table's incarnation.
    pub id: Box<str>,
    /// What the engine keeps.
    pub content: Secret,
}

impl TableRecord {
    /// The name of the record that holds the secret behind the AWS owned keys.
    pub const OWNED_KEY: &str = "owned-key";

    /// The name of the record of what the store lacks, a list of names in JSON.
    pub const LACKS: &str = "lacks";

    /// What keeps a change of the engine; nothing for what only tells of something.
    ///
    /// # Errors
    /// The change cannot be written as JSON.
    pub fn keep(change: &at_rest::Change) -> Result<Option<Change>, serde_json::Error> {
        let Some((id, stays)) = change.key() else { return Ok(None) };
        let id: Box<str> = id.into();
        if !stays {
            return Ok(Some(Change::Delete(RecordId::Table(id))));
        }
        let content = Secret::new(serde_json::to_vec(change)?);
        Ok(Some(Change::Put(Record::Table(Arc::new(TableRecord { id, content })))))
    }

    /// The change that was kept; `None` of the records that are no changes.
    ///
    /// # Errors
    /// It was not kept by [`TableRecord::keep`].
    pub fn change(&self) -> Result<Option<at_rest::Change>, serde_json::Error> {
        if matches!(&*self.id, Self::OWNED_KEY | Self::LACKS) {
            return Ok(None);
        }
        serde_json::from_slice(self.content.expose()).map(Some)
    }
}

impl State {
    /// The records of the engine that encrypts tables at rest, in the order of their names.
    pub fn table_records(&self) -> impl Iterator<Item = &Arc<TableRecord>> {
        self.tables.values()
    }

    /// One of these records.
    #[must_use]
    pub fn table_record(&self, id: &str) -> Option<&Arc<TableRecord>> {
        self.tables.get(id)
    }
}

impl View<'_> {
    /// The record by which it is told what happens to a table.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn tell_table(
        &self,
        fact: &Fact,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Change, EntropyError> {
        let id = FactId { number: self.state.next_fact, id: Uuid::v4(entropy.array()?) };
        let event = ServiceEvent::Table { fact: Box::new(fact.clone()) };
        Ok(Change::Put(Record::Fact(Arc::new(event::Fact { id, at, event }))))
    }
}
