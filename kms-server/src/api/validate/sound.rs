//! The answer for nearly all requests: the body is right as it stands.
//!
//! One look at each member that is there, in whatever order it lies, instead of two passes over all members that there
//! could be. It says only whether those passes would find nothing to do; what is wrong, and how to put it, is theirs to
//! tell.

use serde_json::{Map, Value};

use super::blob::blob_len;
use super::constrain::{is_length_within, is_within, satisfies_string};
use crate::api::shape::{Shape, Structure};

/// Whether every member is known, has its type and keeps its constraints, and none is null or missing.
pub(super) fn structure(shape: &Structure, members: &Map<String, Value>) -> bool {
    let mut required = shape.members.iter().filter(|member| member.required).count();
    for (name, value) in members {
        let Some(member) = shape.members.iter().find(|member| member.name == name) else { return false };
        if !sound(member.shape, value) {
            return false;
        }
        required -= usize::from(member.required);
    }
    required == 0
}

fn sound(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::String(shape), Value::String(text)) => satisfies_string(shape, text),
        (Shape::Enum(shape), Value::String(text)) => shape.accepts(text),
        (Shape::Blob { length, .. }, Value::String(text)) => {
            blob_len(text).is_some_and(|decoded| is_length_within(*length, decoded))
        }
        (Shape::Integer(range), Value::Number(number)) => {
            number.as_i64().is_some_and(|number| is_within(*range, number))
        }
        (Shape::Boolean, Value::Bool(_)) | (Shape::Timestamp, Value::Number(_)) => true,
        (Shape::List { member, length }, Value::Array(items)) => {
            is_length_within(*length, items.len()) && items.iter().all(|item| sound(member, item))
        }
        (Shape::Map { key, value }, Value::Object(entries)) => entries.iter().all(|(name, entry)| {
            satisfies_string(key, name) && entry.as_str().is_some_and(|text| satisfies_string(value, text))
        }),
        (Shape::Structure(shape), Value::Object(members)) => structure(shape, members),
        _ => false,
    }
}
