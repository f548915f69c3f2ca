//! Durable storage: a log of opaque records, loaded at start and committed in batches. It is never asked a question
//! while a request is served.

#[cfg(test)]
mod contract;
mod lock;
mod memory;
mod rekey;
mod root_key;
mod seal;
mod sqlite;

use std::fmt;

use lifecycle::crypto::Secret;

pub use lock::DirectoryLock;
pub use memory::{Fault, MemoryStore};
pub use rekey::{NewRootKey, rekey};
pub use root_key::{RootKey, RootKeyError, RootKeyFile};
pub use sqlite::{RootKeySource, SqliteOptions, SqliteStore};

/// One record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is a record of.
    pub kind: String,
    /// Its name, unique within the kind.
    pub id: String,
    /// The version of the batch that wrote it.
    pub version: u64,
    /// What may be read by anybody who has the file.
    pub body: Vec<u8>,
    /// What may not: it is sealed under the root key, bound to `kind` and `id`.
    pub secret: Option<Secret>,
}

/// One step of a batch.
#[derive(Clone, Debug)]
pub enum Change {
    /// Writes a record; its version is that of the batch.
    Put(Row),
    /// Removes a record, if there is one.
    Delete {
        /// The kind of the record.
        kind: String,
        /// Its name.
        id: String,
    },
}

/// Changes that are stored together or not at all.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In order.
    pub changes: Vec<Change>,
    /// Whether a secret must be gone from every file before the batch counts as stored.
    pub destroys_secret: bool,
}

/// Why the store could not do what it was asked to.
#[derive(Debug)]
pub enum StoreError {
    /// Nothing was stored; the same batch may succeed later. Says why.
    Clean(String),
    /// It is not known whether the batch was stored.
    UnknownOutcome(String),
    /// The store cannot be used as it is. Says why, and what to do.
    Unusable(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Clean(why) | StoreError::UnknownOutcome(why) | StoreError::Unusable(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Where records are kept. Deliberately this small.
pub trait Store: Send {
    /// Every record, in any order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&mut self) -> Result<Vec<Row>, StoreError>;

    /// Stores a batch; when this returns, it is durable. Gives its version.
    ///
    /// # Errors
    /// [`StoreError::Clean`] when nothing was stored, [`StoreError::UnknownOutcome`] when that is not certain.
    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError>;
}
