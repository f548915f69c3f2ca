//! Key policies in a seed: JSON text, or the same as tables and lists.

use crate::document::{DocumentError, Node, Value};

/// The policy as JSON text. Its meaning is judged where the seed is applied.
pub(super) fn from_node(node: &Node) -> Result<String, DocumentError> {
    match &node.value {
        Value::Text(text) => match serde_json::from_str(text) {
            Ok(serde_json::Value::Object(_)) => Ok(text.clone()),
            Ok(_) => Err(node.error("the policy must be a JSON object")),
            Err(error) => Err(node.error(format!("the policy is not JSON: {error}"))),
        },
        Value::Table(_) => json(node).map(|policy| policy.to_string()),
        _ => Err(node.error(format!("expected a policy as JSON text or as a table, found {}", node.kind()))),
    }
}

/// Its recursion is as deep as the document, which its parser bounds.
fn json(node: &Node) -> Result<serde_json::Value, DocumentError> {
    Ok(match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => return Err(node.error("this number is too large for a policy; put it in quotes")),
        },
        Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => number.into(),
            None => return Err(node.error("JSON has no such number; put it in quotes")),
        },
        Value::Text(text) => text.as_str().into(),
        Value::Time(_) => return Err(node.error("JSON has no dates; put it in quotes")),
        Value::List(nodes) => nodes.iter().map(json).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Table(entries) => {
            let members = entries.iter().map(|entry| Ok((entry.key.clone(), json(&entry.node)?)));
            serde_json::Value::Object(members.collect::<Result<_, DocumentError>>()?)
        }
    })
}
