//! Names of environment variables.

use super::value::{Notation, Value};
use std::fmt;

/// The name of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(String);

impl VariableName {
    /// The variable that holds the root key unless the settings name another.
    pub fn root_key() -> Self {
        Self("KMS_SERVER_ROOT_KEY".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for VariableName {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "the name of an environment variable: letters, digits and `_`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let named = (1..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !text.starts_with(|c: char| c.is_ascii_digit());
        named.then(|| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}
