//! Durable storage: a log of opaque rows, loaded once at start and committed in batches.
//!
//! The store knows nothing about KMS. A row has a kind, an id, the version of the batch that wrote it, a body in the clear and, for key material, a
//! [`Secret`] that reaches the disk only sealed under the [`RootKey`]. [`SqliteStore`] is the durable implementation, [`MemoryStore`] the one that
//! forgets; both keep one contract, and one set of tests runs against both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

mod database;
mod error;
mod file;
mod lock;
mod memory;
mod rekey;
mod root_key;
mod seal;
mod sqlite;

#[cfg(test)]
mod contract;

pub use error::{Outcome, Refusal, StoreError};
pub(crate) use file::create_private;
pub use lifecycle::crypto::Secret;
pub use lock::DirLock;
pub use memory::{Fault, MemoryStore};
pub use rekey::{Report, rekey, rekey_file};
pub use root_key::{
    RootKey, RootKeyError, RootKeyId, RootKeySource, excess_permissions, read_or_create as root_key_in_file,
};
pub use sqlite::{Cost, DATABASE_FILE, Options, SqliteStore};

/// What a row is about. The store keeps kinds it does not know, so that an older server does not lose what a newer one wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Cow<'static, str>);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Kind {
            $($(#[$doc])* pub const $name: Kind = Kind(Cow::Borrowed($text));)*

            /// Every kind this server reads and writes.
            pub const KNOWN: &'static [Kind] = &[$(Kind::$name),*];
        }
    };
}

kinds! {
    /// A KMS key: its metadata, policy and tags.
    KEY = "key";
    /// Key material of one key; the secret is here.
    MATERIAL = "material";
    /// An alias.
    ALIAS = "alias";
    /// The domain clock.
    CLOCK = "clock";
    /// Last use of a key and its request counts.
    USAGE = "usage";
    /// Facts about the whole server, such as the key that signs grant tokens.
    META = "meta";
    /// A grant.
    GRANT = "grant";
    /// A configured principal and its credentials.
    PRINCIPAL = "principal";
    /// A custom key store.
    CUSTOM_STORE = "custom_store";
    /// A simulated AWS CloudHSM cluster.
    CLUSTER = "cluster";
    /// An import token that has not been used.
    IMPORT = "import";
    /// A temporary session.
    SESSION = "session";
    /// A named snapshot, and each of its records.
    SNAPSHOT = "snapshot";
    /// The state of one table of the at-rest engine.
    TABLE = "table";
    /// An event that has not been delivered.
    OUTBOX = "outbox";
}

impl Kind {
    /// A kind by its stored name, known or not.
    pub fn from_name(name: impl Into<String>) -> Kind {
        Kind(Cow::Owned(name.into()))
    }

    /// The name as it is stored.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether this server knows what rows of the kind mean.
    pub fn is_known(&self) -> bool {
        Kind::KNOWN.contains(self)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A stored row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the row is about.
    pub kind: Kind,
    /// Identity within the kind.
    pub id: String,
    /// The version of the batch that wrote the row.
    pub version: u64,
    /// The part that is stored in the clear.
    pub body: Vec<u8>,
    /// The part that is stored sealed.
    pub secret: Option<Secret>,
}

/// One change of one row.
#[derive(Clone, Debug)]
pub enum Change {
    /// Writes the whole row; whatever was there before, its secret too, is replaced.
    Put {
        /// What the row is about.
        kind: Kind,
        /// Identity within the kind.
        id: String,
        /// The part to store in the clear.
        body: Vec<u8>,
        /// The part to store sealed.
        secret: Option<Secret>,
    },
    /// Removes the row and its secret; a row that is not there stays not there.
    Delete {
        /// What the row is about.
        kind: Kind,
        /// Identity within the kind.
        id: String,
    },
}

/// What a batch promises about the secrets that it replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldSecrets {
    /// Replaced secrets may linger, sealed, in the write-ahead log until its next checkpoint. A secret whose row is deleted, or written without
    /// one, is erased all the same.
    #[default]
    MayLinger,
    /// The commit returns only when no byte of a replaced secret is left in any file.
    Erased,
}

/// Changes that become durable together or not at all. Of several changes of one row, the last one counts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What happens to the bytes of secrets that the batch replaces.
    pub old_secrets: OldSecrets,
}

/// A log of rows with one writer.
pub trait Store: Send {
    /// All rows, in order of kind and id.
    ///
    /// # Errors
    /// A row that cannot be read, was altered, or was sealed under another root key fails the whole load: a server must not run on a part of its state.
    fn load(&mut self) -> Result<Vec<Row>, StoreError>;

    /// Makes a batch durable and returns its version, which is one more than the last one; an empty batch writes nothing and returns the last version.
    ///
    /// # Errors
    /// See [`StoreError::outcome`]: after [`Outcome::Unchanged`] the old state stands and the same batch may be tried again; after
    /// [`Outcome::Unknown`] the process must stop, and the store refuses everything else.
    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError>;
}

/// How many rows of each kind that this server does not know are among `rows`. They stay in the store; nothing else is done with them.
pub fn unknown_kinds(rows: &[Row]) -> BTreeMap<Kind, usize> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.kind.is_known()) {
        *counts.entry(row.kind.clone()).or_insert(0) += 1;
    }
    counts
}
