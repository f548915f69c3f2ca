//! A policy that is attached to a principal: its text, kept as it was written, and what it says.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::policy::{Document, Kind, NamedPolicy, PolicyError};

/// A named policy with its text.
#[derive(Clone, PartialEq, Serialize)]
pub struct Policy {
    name: Arc<str>,
    #[serde(rename = "document")]
    text: Arc<str>,
    #[serde(skip)]
    document: Arc<Document>,
}

impl Policy {
    /// Reads a policy. `name` is the ARN of a managed policy, or the name of an inline one.
    ///
    /// # Errors
    /// The text is no policy of this kind.
    pub fn parse(name: &str, text: &str, kind: Kind) -> Result<Self, PolicyError> {
        let document = Arc::new(Document::parse(text, kind)?);
        Ok(Policy { name: name.into(), text: text.into(), document })
    }

    /// The name, by which reasons refer to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text says.
    #[must_use]
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The policy as evaluation takes it. Copies no text.
    #[must_use]
    pub fn named(&self) -> NamedPolicy {
        NamedPolicy { name: Arc::clone(&self.name), document: Arc::clone(&self.document) }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({})", self.name)
    }
}

/// What is stored of a policy. Its kind follows from where it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    document: String,
}

impl Stored {
    fn read<E: serde::de::Error>(self, kind: Kind) -> Result<Policy, E> {
        Policy::parse(&self.name, &self.document, kind)
            .map_err(|error| E::custom(format!("the policy {}: {error}", self.name)))
    }
}

/// Policies without principals, as fields of records.
pub(super) mod identity {
    use serde::{Deserialize, Deserializer};

    use super::{Kind, Policy, Stored};

    pub(in super::super) fn list<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Policy>, D::Error> {
        Vec::<Stored>::deserialize(source)?.into_iter().map(|stored| stored.read(Kind::Identity)).collect()
    }

    pub(in super::super) fn optional<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<Policy>, D::Error> {
        Option::<Stored>::deserialize(source)?.map(|stored| stored.read(Kind::Identity)).transpose()
    }

    pub(in super::super) fn levels<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Vec<Vec<Policy>>, D::Error> {
        let levels = Vec::<Vec<Stored>>::deserialize(source)?.into_iter();
        levels.map(|level| level.into_iter().map(|stored| stored.read(Kind::Identity)).collect()).collect()
    }
}

/// Policies with principals and resources, as fields of records.
pub(super) mod resource {
    use serde::{Deserialize, Deserializer};

    use super::{Kind, Policy, Stored};

    pub(in super::super) fn list<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Policy>, D::Error> {
        Vec::<Stored>::deserialize(source)?.into_iter().map(|stored| stored.read(Kind::KeyPolicy)).collect()
    }
}

/// The one policy of a role that says who may assume it.
pub(super) mod trust {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Kind, Policy};

    /// By what name reasons refer to a trust policy.
    pub(in super::super) const NAME: &str = "trust policy";

    pub(in super::super) fn serialize<S: Serializer>(policy: &Policy, target: S) -> Result<S::Ok, S::Error> {
        target.serialize_str(policy.text())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Policy, D::Error> {
        let text = String::deserialize(source)?;
        Policy::parse(NAME, &text, Kind::Trust)
            .map_err(|error| serde::de::Error::custom(format!("the {NAME}: {error}")))
    }
}

impl Policy {
    /// Reads the trust policy of a role.
    ///
    /// # Errors
    /// The text is no trust policy.
    pub fn trust(text: &str) -> Result<Self, PolicyError> {
        Policy::parse(trust::NAME, text, Kind::Trust)
    }
}
