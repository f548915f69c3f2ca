//! The vocabulary of the API model: operations, structures and the constraints on their members.
//!
//! Everything here is constant data. The tables are in [`super::model`]; [`super::validate`] reads them.
//!
//! AWS: API Reference, "Actions" and "Data Types".

use super::error::ErrorCode;

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// The name after `TrentService.` in `X-Amz-Target`.
    pub name: &'static str,
    /// The request members.
    pub input: &'static Structure,
    /// What a success carries.
    pub output: Output,
    /// The exceptions the model declares, in model order; the framework's own errors are not listed.
    pub errors: &'static [ErrorCode],
}

/// What the body of a successful response is.
#[derive(Debug, Clone, Copy)]
pub enum Output {
    /// An empty body (`Content-Length: 0`), for operations without an output shape.
    NoBody,
    /// The body `{}`, for operations whose output shape has no members.
    Empty,
    /// A JSON object with these members.
    Structure(&'static Structure),
}

/// A JSON object with known members.
#[derive(Debug)]
pub struct Structure {
    /// The shape's name in the model.
    pub name: &'static str,
    /// The members in model order, which is also the order violations are reported in.
    pub members: &'static [Member],
}

/// One member of a structure.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The PascalCase name on the wire.
    pub name: &'static str,
    /// What its value may be.
    pub shape: &'static Shape,
    /// Whether leaving it out is a violation.
    pub required: bool,
}

/// A member that a request must carry.
pub const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true }
}

/// A member that a request may leave out.
pub const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false }
}

/// The type of a value and the constraints on it.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text.
    String(StringShape),
    /// Text out of a fixed set.
    Enum(EnumShape),
    /// Bytes, standard base64 with padding on the wire; the bounds count decoded bytes.
    Blob {
        /// Bounds of the decoded length, in bytes.
        length: Bounds,
        /// Whether an absent value is reported without the word `null`.
        sensitivity: Sensitivity,
    },
    /// A whole number with its range.
    Integer(Bounds),
    /// `true` or `false`.
    Boolean,
    /// Seconds since the epoch as a JSON number, with an optional fraction.
    Timestamp,
    /// A JSON array.
    List {
        /// The shape of every element.
        member: &'static Shape,
        /// Bounds of the number of elements.
        length: Bounds,
    },
    /// A JSON object with arbitrary keys. Every map of this API maps strings to strings.
    Map {
        /// The constraints on every key.
        key: &'static StringShape,
        /// The constraints on every value.
        value: &'static StringShape,
    },
    /// A nested structure.
    Structure(&'static Structure),
}

/// The constraints on a text member.
#[derive(Debug, Clone, Copy)]
pub struct StringShape {
    /// Bounds of the length, in UTF-16 code units.
    pub length: Bounds,
    /// The pattern the whole text has to match.
    pub pattern: Option<&'static Pattern>,
    /// Whether the value may appear in an error text.
    pub sensitivity: Sensitivity,
}

/// A set of allowed texts.
#[derive(Debug, Clone, Copy)]
pub struct EnumShape {
    /// The shape's name in the model.
    pub name: &'static str,
    /// The allowed values in model order.
    pub values: &'static [&'static str],
    /// The set as error texts print it; AWS's order and sometimes its content are not the model's.
    pub printed: &'static [&'static str],
    /// Values outside the model that AWS lets through to later checks.
    pub also_accepted: &'static [&'static str],
}

/// A pattern with the hand-written matcher that decides it in one pass.
#[derive(Debug)]
pub struct Pattern {
    /// The regular expression in the model; `None` for a check that only the service knows.
    pub model: Option<&'static str>,
    /// The regular expression as error texts print it.
    pub printed: &'static str,
    /// Whether the whole text matches. Runs in time linear in the text.
    pub matches: fn(&str) -> bool,
}

/// Inclusive bounds of a length or a number; `None` is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest allowed value.
    pub min: Option<i64>,
    /// The largest allowed value.
    pub max: Option<i64>,
}

/// Whether the model marks a value as sensitive: no error text ever shows a sensitive one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// May be shown.
    Public,
    /// Is never shown.
    Sensitive,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Bounds = Bounds { min: None, max: None };

    /// From `min` to `max`, both allowed.
    pub const fn of(min: i64, max: i64) -> Bounds {
        Bounds { min: Some(min), max: Some(max) }
    }

    /// The lower bound, if `value` is below it.
    pub fn undercut_by(self, value: i64) -> Option<i64> {
        self.min.filter(|min| value < *min)
    }

    /// The upper bound, if `value` is above it.
    pub fn exceeded_by(self, value: i64) -> Option<i64> {
        self.max.filter(|max| value > *max)
    }
}

impl StringShape {
    /// Text of any length and content.
    pub const ANY: StringShape =
        StringShape { length: Bounds::NONE, pattern: None, sensitivity: Sensitivity::Public };

    /// Text of `min` to `max` UTF-16 code units.
    pub const fn of(min: i64, max: i64) -> StringShape {
        StringShape { length: Bounds::of(min, max), ..StringShape::ANY }
    }

    /// The same, matching `pattern`.
    pub const fn matching(self, pattern: &'static Pattern) -> StringShape {
        StringShape { pattern: Some(pattern), ..self }
    }

    /// The same, never shown.
    pub const fn sensitive(self) -> StringShape {
        StringShape { sensitivity: Sensitivity::Sensitive, ..self }
    }
}

impl EnumShape {
    /// The values of the model, printed in model order.
    pub const fn of(name: &'static str, values: &'static [&'static str]) -> EnumShape {
        EnumShape { name, values, printed: values, also_accepted: &[] }
    }

    /// The same, printed as `printed`.
    pub const fn printed_as(self, printed: &'static [&'static str]) -> EnumShape {
        EnumShape { printed, ..self }
    }

    /// The same, also letting `extra` through.
    pub const fn also_accepting(self, extra: &'static [&'static str]) -> EnumShape {
        EnumShape { also_accepted: extra, ..self }
    }

    /// Whether `value` passes.
    pub fn accepts(&self, value: &str) -> bool {
        self.values.contains(&value) || self.also_accepted.contains(&value)
    }
}

impl Pattern {
    /// A pattern of the model, printed as the model writes it.
    pub const fn modelled(text: &'static str, matches: fn(&str) -> bool) -> Pattern {
        Pattern { model: Some(text), printed: text, matches }
    }

    /// A pattern that is not in the model.
    pub const fn of_the_service(text: &'static str, matches: fn(&str) -> bool) -> Pattern {
        Pattern { model: None, printed: text, matches }
    }
}
