//! Validation of a request body against the model, before any typed decoding.
//!
//! Two passes, as in AWS's framework: first every value is brought to its type (the first failure is a
//! `SerializationException`), then every constraint is checked and all violations are reported together in
//! one `ValidationException`. Both visit the members in model order, each value once. They are spared a body that is
//! right as it stands.
//!
//! AWS: API Reference, "Common Error Types"; the texts are AWS (observed), on KMS for the second pass and on
//! sister services with the same protocol for the first.

mod blob;
mod constrain;
mod convert;
mod parse;
mod sound;

pub use blob::{blob_len, decoded_len};
pub use constrain::{ECHO_BYTES_MAX, VIOLATIONS_MAX};
pub use parse::parse_json;

use serde_json::Value;

use super::error::KmsError;
use super::shape::Structure;

/// Checks `input`, the parsed body of a request, against `shape`.
///
/// On success every modelled member of `input` has its type, keeps its constraints and is not null: null
/// members and members outside the model are removed, and integers that came with a fraction are truncated.
///
/// # Errors
///
/// `SerializationException` for a value of the wrong JSON type, else `ValidationException` listing every
/// violated constraint (up to [`VIOLATIONS_MAX`]).
pub fn validate(shape: &Structure, input: &mut Value) -> Result<(), KmsError> {
    match input {
        Value::Object(members) if sound::structure(shape, members) => Ok(()),
        input => correct(shape, input),
    }
}

/// Both passes.
fn correct(shape: &Structure, input: &mut Value) -> Result<(), KmsError> {
    let members = convert::body(shape, input)?;
    constrain::check(shape, members)
}

#[cfg(test)]
mod tests;
