//! A settings or seed file as a tree whose every node knows its line and column, whichever language it was written in.
//!
//! The typed readers ([`crate::config`], [`crate::seed`]) walk this tree, so that a wrong value is reported where it stands
//! in the same words for TOML and YAML.

mod fields;
mod json;
mod toml;
mod yaml;

#[cfg(test)]
mod tests;

pub use self::fields::Fields;

use std::fmt;

/// A place in a text. Both numbers start at 1; a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a document, or a part of it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// Where the offending text stands.
    pub position: Position,
    /// What is wrong and what to write instead; never the text of a secret.
    pub reason: String,
}

impl DocumentError {
    /// An error about the text at `position`.
    pub fn new(position: Position, reason: impl Into<String>) -> Self {
        Self { position, reason: reason.into() }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.reason)
    }
}

impl std::error::Error for DocumentError {}

/// The languages a document can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// TOML 1.0.
    Toml,
    /// YAML 1.2 with strict booleans: `yes` and `no` are text.
    Yaml,
}

impl Language {
    /// The language of a file called `name`, by its extension; `None` for an extension that is neither.
    pub fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// A value and where it stands. It has no `Debug`, because what it holds may be a secret.
pub struct Node {
    /// Where the value begins.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// What a node holds.
pub enum Value {
    /// YAML's `null`; TOML has none.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// TOML's date or time, as RFC 3339 text. YAML writes these as text.
    Time(String),
    /// A sequence.
    List(Vec<Node>),
    /// Named values in the order in which the document gives them.
    Table(Vec<Entry>),
}

/// One named value of a table.
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name begins.
    pub position: Position,
    /// The value.
    pub node: Node,
}

impl Node {
    /// Parses `text`. The root is always a table; an empty document is an empty one.
    ///
    /// # Errors
    /// The first error of syntax, a text longer than `bytes_max`, nesting deeper than 64 to 80 levels, or a root that is no table.
    pub fn parse(language: Language, text: &str, bytes_max: usize) -> Result<Self, DocumentError> {
        if text.len() > bytes_max {
            let reason = format!("the document has {} bytes; at most {bytes_max} are read", text.len());
            return Err(DocumentError::new(Position::START, reason));
        }
        match language {
            Language::Toml => toml::parse(text),
            Language::Yaml => yaml::parse(text),
        }
    }

    /// What this is, for "found …" in a message. Does not repeat the value.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number with a fraction",
            Value::Text(_) => "text",
            Value::Time(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The entries of a table.
    ///
    /// # Errors
    /// The node is no table; `what` names what was expected, such as "a key".
    pub fn table(&self, what: &str) -> Result<&[Entry], DocumentError> {
        match &self.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.error(format!("expected a table for {what}, found {}", self.kind()))),
        }
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// The node is no list; `what` names what was expected, such as "the aliases".
    pub fn list(&self, what: &str) -> Result<&[Node], DocumentError> {
        match &self.value {
            Value::List(nodes) => Ok(nodes),
            _ => Err(self.error(format!("expected a list for {what}, found {}", self.kind()))),
        }
    }

    /// The text of a node.
    ///
    /// # Errors
    /// The node is no text; `what` names what was expected, such as "the description".
    pub fn text(&self, what: &str) -> Result<&str, DocumentError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Time(_) => {
                Err(self.error(format!("expected text for {what}, found {}; put it in quotes", self.kind())))
            }
            _ => Err(self.error(format!("expected text for {what}, found {}", self.kind()))),
        }
    }

    /// An error about this node.
    pub fn error(&self, reason: impl Into<String>) -> DocumentError {
        DocumentError::new(self.position, reason)
    }
}

/// The candidate that is spelled most like `name`, for "did you mean"; `None` only without candidates.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance costs the product of both lengths, and `name` comes from outside.
    const COMPARED_CHARS_MAX: usize = 64;
    let name: String = name.chars().take(COMPARED_CHARS_MAX).flat_map(char::to_lowercase).collect();
    candidates
        .into_iter()
        .min_by_key(|candidate| strsim::damerau_levenshtein(&name, &candidate.to_lowercase()))
}

/// `text` shortened and escaped for a message, in back quotes: a message stays one line of bounded length.
pub fn quoted(text: &str) -> String {
    const QUOTED_CHARS_MAX: usize = 60;
    let mut shown: String = text.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
