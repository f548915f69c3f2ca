//! How tables, their parts and those who use them are named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::envelope::EncryptionContext;
use crate::ids::{AccountId, Scope, Uuid};

/// Names one life of a table: a table that is deleted and made again has the same name and another incarnation.
pub type Incarnation = Uuid;

/// A table by name, as requests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The account and Region of the table.
    pub scope: Scope,
    /// Its name.
    pub name: String,
}

impl TableName {
    /// A table of `scope`.
    #[must_use]
    pub fn new(scope: Scope, name: &str) -> Self {
        TableName { scope, name: name.to_owned() }
    }

    /// The table's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        let Scope { account, region } = self.scope;
        format!("arn:{}:dynamodb:{region}:{account}:table/{}", region.partition(), self.name)
    }

    /// The encryption context of every call for the table.
    ///
    /// AWS: DynamoDB developer guide, "DynamoDB encryption context".
    #[must_use]
    pub fn context(&self) -> EncryptionContext {
        EncryptionContext::from([
            ("aws:dynamodb:tableName".to_owned(), self.name.clone()),
            ("aws:dynamodb:subscriberId".to_owned(), self.scope.account.to_string()),
        ])
    }

    /// Whether the name is one that a table can have.
    ///
    /// AWS: DynamoDB API reference, "CreateTable", parameter `TableName`.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        (3..=255).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    }
}

/// A part of a table that has a data key of its own.
///
/// AWS: DynamoDB developer guide, "How DynamoDB uses AWS KMS": each structure has its own data encryption key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// The items of the table itself.
    Base,
    /// A local secondary index, by name.
    Lsi(String),
    /// A global secondary index, by name.
    Gsi(String),
    /// The stream.
    Stream,
    /// What a backup adds to the data that it copied, by the backup's ARN.
    Backup(String),
    /// Requests of transactions until they are propagated.
    Transactions,
    /// Data that is sent to CloudWatch for Contributor Insights.
    Insights,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Structure::Base => f.write_str("base"),
            Structure::Lsi(name) => write!(f, "lsi/{name}"),
            Structure::Gsi(name) => write!(f, "gsi/{name}"),
            Structure::Stream => f.write_str("stream"),
            Structure::Backup(arn) => write!(f, "backup/{arn}"),
            Structure::Transactions => f.write_str("transactions"),
            Structure::Insights => f.write_str("insights"),
        }
    }
}

/// The text names no structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseStructureError;

impl fmt::Display for ParseStructureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not base, stream, lsi/NAME, gsi/NAME, backup/ARN, transactions or insights")
    }
}

impl std::error::Error for ParseStructureError {}

/// The longest name of an index or ARN of a backup, in bytes.
const PART_LENGTH_MAX: usize = 1_024;

impl FromStr for Structure {
    type Err = ParseStructureError;

    fn from_str(text: &str) -> Result<Self, ParseStructureError> {
        let named = |name: &str| {
            let fits = (1..=PART_LENGTH_MAX).contains(&name.len());
            fits.then(|| name.to_owned()).ok_or(ParseStructureError)
        };
        match text.split_once('/') {
            None if text == "base" => Ok(Structure::Base),
            None if text == "stream" => Ok(Structure::Stream),
            None if text == "transactions" => Ok(Structure::Transactions),
            None if text == "insights" => Ok(Structure::Insights),
            Some(("lsi", name)) => named(name).map(Structure::Lsi),
            Some(("gsi", name)) => named(name).map(Structure::Gsi),
            Some(("backup", arn)) => named(arn).map(Structure::Backup),
            _ => Err(ParseStructureError),
        }
    }
}

impl Serialize for Structure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Structure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who calls the table store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The ARN of the principal.
    pub arn: String,
    /// The account that the principal belongs to.
    pub account: AccountId,
}

impl Caller {
    /// The root user of an account.
    #[must_use]
    pub fn root(account: AccountId) -> Self {
        Caller { arn: format!("arn:aws:iam::{account}:root"), account }
    }
}

/// A client connection, stable while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Connection(pub u64);

/// Bytes that are stored as Base64 and printed as their length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
        bytes.map(Blob).map_err(serde::de::Error::custom)
    }
}
