//! JSON in a document: as text, or as tables and lists; and JSON read as a document.

use super::{DocumentError, Entry, Node, Position, Value};

impl Node {
    /// The policy that this node holds, as JSON text or as a table. Its meaning is judged by whoever uses it.
    ///
    /// # Errors
    /// The node is neither, or holds something that JSON has not.
    pub fn policy_text(&self) -> Result<String, DocumentError> {
        match &self.value {
            Value::Text(text) => match serde_json::from_str(text) {
                Ok(serde_json::Value::Object(_)) => Ok(text.clone()),
                Ok(_) => Err(self.error("the policy must be a JSON object")),
                Err(error) => Err(self.error(format!("the policy is not JSON: {error}"))),
            },
            Value::Table(_) => self.to_json().map(|policy| policy.to_string()),
            _ => {
                Err(self
                    .error(format!("expected a policy as JSON text or as a table, found {}", self.kind())))
            }
        }
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// It holds something that JSON has not: a date, a number that is too large, infinite or not a number.
    // Its recursion is as deep as the document, which its parser bounds.
    pub fn to_json(&self) -> Result<serde_json::Value, DocumentError> {
        Ok(match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(boolean) => (*boolean).into(),
            Value::Integer(number) => match i64::try_from(*number) {
                Ok(number) => number.into(),
                Err(_) => return Err(self.error("this number is too large for a policy; put it in quotes")),
            },
            Value::Float(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => number.into(),
                None => return Err(self.error("JSON has no such number; put it in quotes")),
            },
            Value::Text(text) => text.as_str().into(),
            Value::Time(_) => return Err(self.error("JSON has no dates; put it in quotes")),
            Value::List(nodes) => nodes.iter().map(Node::to_json).collect::<Result<Vec<_>, _>>()?.into(),
            Value::Table(entries) => {
                let members = entries.iter().map(|entry| Ok((entry.key.clone(), entry.node.to_json()?)));
                serde_json::Value::Object(members.collect::<Result<_, DocumentError>>()?)
            }
        })
    }

    /// JSON as a document. It does not tell where anything stood: every position is the first.
    #[must_use]
    pub fn of_json(value: serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(boolean) => Value::Boolean(boolean),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Value::Integer(number.into()),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(values) => Value::List(values.into_iter().map(Node::of_json).collect()),
            serde_json::Value::Object(members) => {
                let entry =
                    |(key, value)| Entry { key, position: Position::START, node: Node::of_json(value) };
                Value::Table(members.into_iter().map(entry).collect())
            }
        };
        Node { position: Position::START, value }
    }
}
