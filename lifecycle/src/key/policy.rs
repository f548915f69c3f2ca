//! The policy of a key: its text, and what it says once somebody asks.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policy::{Document, Kind};

/// A key policy as AWS prints it. It is compiled when it is first asked about, so that a hundred thousand keys load
/// quickly; after that asking takes no lock. Cloning shares both.
#[derive(Clone)]
pub struct KeyPolicy(Arc<Inner>);

struct Inner {
    text: Box<str>,
    document: OnceLock<Document>,
}

impl KeyPolicy {
    /// A policy with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        KeyPolicy(Arc::new(Inner { text: text.into(), document: OnceLock::new() }))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What the text says. A text that is no policy, which is never stored, allows nothing.
    #[must_use]
    pub fn document(&self) -> &Document {
        self.0.document.get_or_init(|| Document::parse(self.as_str(), Kind::KeyPolicy).unwrap_or_default())
    }
}

impl From<&str> for KeyPolicy {
    fn from(text: &str) -> Self {
        KeyPolicy::new(text)
    }
}

impl From<String> for KeyPolicy {
    fn from(text: String) -> Self {
        KeyPolicy::new(&text)
    }
}

impl PartialEq for KeyPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for KeyPolicy {}

impl fmt::Debug for KeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for KeyPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer).map(|text| KeyPolicy::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_policy_allows_nothing() {
        for text in ["", "{}", "null", "{\"Statement\": []}"] {
            assert!(KeyPolicy::new(text).document().is_empty(), "{text}");
        }
        let text = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
        assert_eq!(KeyPolicy::new(text).document().len(), 1);
    }
}
