//! YAML into the common tree.

use super::{DocumentError, Entry, Node, Position, Value};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter as _, Spanned, UserMessageFormatter};
use std::fmt;

/// Parses a YAML document.
pub(super) fn parse(text: &str) -> Result<Node, DocumentError> {
    let root: Spanned<Value> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let position = error.location().map_or(Position::START, Position::from);
        let message = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
        DocumentError::new(position, format!("this is not usable YAML: {message}"))
    })?;
    let root = Node::from(root);
    match root.value {
        Value::Table(_) => Ok(root),
        Value::Null => Ok(Node { position: Position::START, value: Value::Table(Vec::new()) }),
        _ => {
            Err(root
                .error(format!("expected named values at the top of the document, found {}", root.kind())))
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        // `no` is a word and 012345678901 is an account: YAML 1.1's surprises stay out.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        // A snippet could show a secret.
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
    }
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        let clamp = |number: u64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Self { line: clamp(location.line()), column: clamp(location.column()) }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { position: spanned.referenced.into(), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Boolean(boolean))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(element) = elements.next_element::<Spanned<Value>>()? {
            nodes.push(element.into());
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push(Entry { position: key.referenced.into(), key: key.value, node: value.into() });
        }
        Ok(Value::Table(entries))
    }
}
