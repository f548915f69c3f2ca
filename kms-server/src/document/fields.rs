//! Reading a table whose field names are known.

use super::{DocumentError, Entry, Node, Value, nearest, quoted};

/// A table whose every field is known.
pub struct Fields<'n> {
    table: &'n Node,
    entries: &'n [Entry],
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// Looks at `node` as `what` (such as "a key"), which has the fields `known`.
    ///
    /// # Errors
    /// The node is no table, or a field is not known; the message names the nearest that is.
    pub fn of(node: &'n Node, what: &'static str, known: &[&str]) -> Result<Self, DocumentError> {
        let entries = node.table(what)?;
        if let Some(entry) = entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            let nearest = nearest(&entry.key, known.iter().copied()).unwrap_or_default();
            let reason = format!("{what} has no field {}; the nearest is `{nearest}`", quoted(&entry.key));
            return Err(DocumentError::new(entry.position, reason));
        }
        Ok(Self { table: node, entries, what })
    }

    /// The value of `field`, if it is given and not null.
    pub fn node(&self, field: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == field)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// The text of `field`, which must be given.
    ///
    /// # Errors
    /// It is missing or no text.
    pub fn text(&self, field: &str) -> Result<&'n str, DocumentError> {
        self.optional_text(field)?
            .ok_or_else(|| self.table.error(format!("{} needs the field `{field}`", self.what)))
    }

    /// The text of `field`, if it is given.
    ///
    /// # Errors
    /// It is no text.
    pub fn optional_text(&self, field: &str) -> Result<Option<&'n str>, DocumentError> {
        self.node(field).map(|node| node.text(&format!("`{field}`"))).transpose()
    }

    /// The boolean of `field`, if it is given.
    ///
    /// # Errors
    /// It is no boolean.
    pub fn optional_boolean(&self, field: &str) -> Result<Option<bool>, DocumentError> {
        let Some(node) = self.node(field) else { return Ok(None) };
        match node.value {
            Value::Boolean(boolean) => Ok(Some(boolean)),
            _ => Err(node.error(format!("expected true or false for `{field}`, found {}", node.kind()))),
        }
    }

    /// The elements of the list `field`; none if it is not given.
    ///
    /// # Errors
    /// It is no list.
    pub fn elements(&self, field: &str) -> Result<&'n [Node], DocumentError> {
        self.node(field).map_or(Ok(&[]), |node| node.list(&format!("`{field}`")))
    }
}
