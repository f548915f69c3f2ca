//! TOML into the common tree.

use super::{DocumentError, Entry, Node, Position, Value};
use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

/// Parses a TOML document.
pub(super) fn parse(text: &str) -> Result<Node, DocumentError> {
    let lines = Lines::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        DocumentError::new(lines.position(offset), format!("this is not TOML: {}", error.message()))
    })?;
    Ok(Node { position: Position::START, value: table(root.get_ref(), &lines)? })
}

fn table(table: &DeTable<'_>, lines: &Lines<'_>) -> Result<Value, DocumentError> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let entry = Entry {
            key: key.get_ref().to_string(),
            position: lines.position(key.span().start),
            node: node(value, lines)?,
        };
        entries.push((key.span().start, entry));
    }
    // The parser sorts by name; a policy must keep the order in which it was written.
    entries.sort_by_key(|(offset, _)| *offset);
    Ok(Value::Table(entries.into_iter().map(|(_, entry)| entry).collect()))
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Result<Node, DocumentError> {
    let position = lines.position(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(Value::Integer)
            .map_err(|_| DocumentError::new(position, "this number is too large"))?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map(Value::Float)
            .map_err(|_| DocumentError::new(position, "this number is too large"))?,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(elements) => {
            Value::List(elements.iter().map(|element| node(element, lines)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => table(inner, lines)?,
    };
    Ok(Node { position, value })
}

/// Where each line of a text begins, to turn the parser's byte offsets into lines and columns.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        Self { text, starts }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or_default();
        let column =
            self.text.get(start..offset).map_or(0, |before| before.chars().count()).saturating_add(1);
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}
