//! The first pass: every modelled value gets its type.
//!
//! AWS (observed, on sister services with the same protocol): the texts name the JSON token and the target
//! type.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::blob::blob_len;
use crate::api::error::{ErrorCode, KmsError};
use crate::api::shape::{Member, Shape, StringShape, Structure};

/// Converts the whole body and hands back its members.
pub(super) fn body<'a>(shape: &Structure, body: &'a mut Value) -> Result<&'a Map<String, Value>, KmsError> {
    match body {
        Value::Object(members) => {
            structure(shape, members)?;
            Ok(members)
        }
        Value::Array(_) => Err(serialization(START_OF_LIST)),
        // AWS (observed): the bodies `null` and `"x"` get no text.
        _ => Err(KmsError::bare(ErrorCode::SerializationException)),
    }
}

const START_OF_LIST: &str = "Start of list found where not expected";
const START_OF_MAP: &str = "Start of structure or map found where not expected.";

fn structure(shape: &Structure, members: &mut Map<String, Value>) -> Result<(), KmsError> {
    // What the model does not know must not have an effect, such as DryRun where there is none.
    members.retain(|name, _| shape.members.iter().any(|member| member.name == name));
    for Member { name, shape, .. } in shape.members {
        match members.get_mut(*name) {
            None => {}
            Some(Value::Null) => {
                members.remove(*name);
            }
            Some(value) => convert(shape, value)?,
        }
    }
    Ok(())
}

fn convert(shape: &Shape, value: &mut Value) -> Result<(), KmsError> {
    match (shape, value) {
        (Shape::String(_) | Shape::Enum(_), Value::String(_)) => Ok(()),
        (Shape::Blob { .. }, Value::String(text)) if blob_len(text).is_some() => Ok(()),
        (Shape::Integer(_), Value::Number(number)) => {
            *number = truncated(number);
            Ok(())
        }
        (Shape::Boolean, Value::Bool(_)) | (Shape::Timestamp, Value::Number(_)) => Ok(()),
        (Shape::Structure(shape), Value::Object(members)) => structure(shape, members),
        (Shape::List { member, .. }, Value::Array(items)) => {
            // A null element is a violation for the second pass.
            items.iter_mut().filter(|item| !item.is_null()).try_for_each(|item| convert(member, item))
        }
        (Shape::Map { .. }, Value::Object(entries)) => entries
            .values()
            .find(|value| !value.is_string() && !value.is_null())
            .map_or(Ok(()), |value| Err(wrong_type(&Shape::String(StringShape::ANY), value))),
        (shape, value) => Err(wrong_type(shape, value)),
    }
}

/// AWS (observed): its number type truncates. Beyond 64 bits it saturates here, which no range of the model
/// allows.
fn truncated(number: &Number) -> Number {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.into(),
        (None, Some(fraction)) => (fraction as i64).into(),
        (None, None) => i64::MAX.into(),
    }
}

fn wrong_type(shape: &Shape, value: &Value) -> KmsError {
    let target = match (shape, value) {
        (_, Value::Array(_)) => return serialization(START_OF_LIST),
        (_, Value::Object(_)) => return serialization(START_OF_MAP),
        (Shape::List { .. }, _) => return serialization("Expected list or null"),
        (Shape::Map { .. }, _) => return serialization("Expected map or null"),
        (Shape::Structure(_), _) => return serialization("Expected null"),
        (Shape::String(_) | Shape::Enum(_), _) => "a String",
        (Shape::Blob { .. }, _) => "a Blob",
        (Shape::Integer(_), _) => "an Integer",
        (Shape::Boolean, _) => "a Boolean",
        (Shape::Timestamp, _) => "milliseconds since epoch",
    };
    serialization(format!("{} can not be converted to {target}", token(value)))
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn serialization(text: impl Into<Cow<'static, str>>) -> KmsError {
    KmsError::new(ErrorCode::SerializationException, text)
}
