//! The second pass: every constraint of the model, all violations in one text.
//!
//! AWS (observed): header, items, paths and constraint texts are KMS's own words. Choices where nothing was
//! observed: violations come in model order, a list's own before its elements'; lengths count UTF-16 code
//! units, as Java's `String.length` does.

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use super::blob::decoded_len;
use crate::api::error::KmsError;
use crate::api::shape::{Bounds, EnumShape, Pattern, Sensitivity, Shape, StringShape, Structure};

/// How many violations one error text lists; the rest is neither listed nor counted.
pub const VIOLATIONS_MAX: usize = 100;

/// How many bytes of values one error text repeats before it breaks off with `...`.
///
/// AWS (observed): a policy is repeated whole. This is twice what the longest policy of the model needs.
pub const ECHO_BYTES_MAX: usize = 512 * 1024;

/// Checks the members of a converted body.
pub(super) fn check(shape: &Structure, members: &Map<String, Value>) -> Result<(), KmsError> {
    let mut violations = Violations { items: Vec::new(), echo_left: ECHO_BYTES_MAX };
    violations.structure(shape, members, None);
    violations.into_result()
}

struct Violations {
    items: Vec<String>,
    echo_left: usize,
}

/// Where the pass is: a step, and where it came from. It is spelled only when there is something to report.
#[derive(Clone, Copy)]
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Member(&'static str),
    /// From 1.
    Element(usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        match self.step {
            Step::Element(number) => write!(f, "{number}.member"),
            Step::Member(name) => {
                let mut letters = name.chars();
                letters.next().map_or(Ok(()), |first| f.write_char(first.to_ascii_lowercase()))?;
                f.write_str(letters.as_str())
            }
        }
    }
}

impl Violations {
    fn into_result(self) -> Result<(), KmsError> {
        let noun = match self.items.len() {
            0 => return Ok(()),
            1 => "error",
            _ => "errors",
        };
        let count = self.items.len();
        Err(KmsError::validation(format!("{count} validation {noun} detected: {}", self.items.join("; "))))
    }

    fn structure(&mut self, shape: &Structure, members: &Map<String, Value>, parent: Option<&Path<'_>>) {
        for member in shape.members {
            let at = &Path { parent, step: Step::Member(member.name) };
            match members.get(member.name) {
                Some(value) => self.value(member.shape, value, at),
                None if member.required => self.absent(member.shape, at),
                None => {}
            }
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value, at: &Path<'_>) {
        match (shape, value) {
            (Shape::String(shape), Value::String(text)) => self.string(shape, text, at),
            (Shape::Enum(shape), Value::String(text)) if !shape.accepts(text) => {
                self.report(Echo::Text(text), &in_set(shape), at);
            }
            (Shape::Blob { length, .. }, Value::String(text)) => {
                self.length(*length, decoded_len(text).unwrap_or(0), Echo::Withheld, at);
            }
            (Shape::Integer(range), Value::Number(number)) => {
                self.range(*range, number.as_i64().unwrap_or(0), at);
            }
            (Shape::List { member, length }, Value::Array(items)) => self.list(member, *length, items, at),
            (Shape::Map { key, value }, Value::Object(entries)) => self.map(key, value, entries, at),
            (Shape::Structure(shape), Value::Object(members)) => self.structure(shape, members, Some(at)),
            // Unconstrained, or in the set; the first pass left nothing of another type.
            _ => {}
        }
    }

    fn absent(&mut self, shape: &Shape, at: &Path<'_>) {
        let echo = match sensitivity(shape) {
            Sensitivity::Public => Echo::Null,
            Sensitivity::Sensitive => Echo::Withheld,
        };
        self.report(echo, NOT_NULL, at);
    }

    fn string(&mut self, shape: &StringShape, text: &str, at: &Path<'_>) {
        let echo = match shape.sensitivity {
            Sensitivity::Public => Echo::Text(text),
            Sensitivity::Sensitive => Echo::Withheld,
        };
        self.length(shape.length, utf16_len(text), echo, at);
        if let Some(pattern) = violated_pattern(shape, text) {
            self.report(echo, &matching(pattern), at);
        }
    }

    fn length(&mut self, bounds: Bounds, len: usize, echo: Echo<'_>, at: &Path<'_>) {
        // No length of a body in memory exceeds i64.
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        if let Some(min) = bounds.undercut_by(len) {
            self.report(echo, &at_least("length", min), at);
        }
        if let Some(max) = bounds.exceeded_by(len) {
            self.report(echo, &at_most("length", max), at);
        }
    }

    fn range(&mut self, range: Bounds, number: i64, at: &Path<'_>) {
        if let Some(min) = range.undercut_by(number) {
            self.report(Echo::Number(number), &at_least("value", min), at);
        }
        if let Some(max) = range.exceeded_by(number) {
            self.report(Echo::Number(number), &at_most("value", max), at);
        }
    }

    fn list(&mut self, member: &Shape, length: Bounds, items: &[Value], at: &Path<'_>) {
        let scalar = is_scalar(member);
        let echo = if scalar && sensitivity(member) == Sensitivity::Public {
            Echo::List(items)
        } else {
            Echo::Withheld
        };
        self.length(length, items.len(), echo, at);
        if scalar {
            // One item for the whole list, naming every constraint of the element.
            let null = items.iter().any(Value::is_null);
            if null || !items.iter().all(|item| satisfies(member, item)) {
                let constraints = all_constraints(member, null);
                self.report(echo, &format!("Member must satisfy constraint: [{constraints}]"), at);
            }
            return;
        }
        for (number, item) in (1..).zip(items) {
            if self.is_full() {
                return;
            }
            let at = &Path { parent: Some(at), step: Step::Element(number) };
            match item {
                Value::Null => self.absent(member, at),
                item => self.value(member, item, at),
            }
        }
    }

    fn map(&mut self, key: &StringShape, value: &StringShape, entries: &Map<String, Value>, at: &Path<'_>) {
        if !entries.keys().all(|text| satisfies_string(key, text)) {
            let constraints = all_constraints(&Shape::String(*key), false);
            self.report(
                Echo::Map(entries),
                &format!("Map keys must satisfy constraint: [{constraints}]"),
                at,
            );
        }
        let value = Shape::String(*value);
        let null = entries.values().any(Value::is_null);
        if null || !entries.values().all(|item| satisfies(&value, item)) {
            let constraints = all_constraints(&value, null);
            self.report(
                Echo::Map(entries),
                &format!("Map value must satisfy constraint: [{constraints}]"),
                at,
            );
        }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= VIOLATIONS_MAX
    }

    fn report(&mut self, echo: Echo<'_>, constraint: &str, at: &Path<'_>) {
        if self.is_full() {
            return;
        }
        let mut item = String::from("Value ");
        echo.write(&mut item, &mut self.echo_left);
        // Writing to a String cannot fail.
        let _ = write!(item, "at '{at}' failed to satisfy constraint: {constraint}");
        self.items.push(item);
    }
}

const NOT_NULL: &str = "Member must not be null";

fn at_least(what: &str, min: i64) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

fn at_most(what: &str, max: i64) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn matching(pattern: &Pattern) -> String {
    format!("Member must satisfy regular expression pattern: {}", pattern.printed)
}

fn in_set(shape: &EnumShape) -> String {
    format!("Member must satisfy enum value set: [{}]", shape.printed.join(", "))
}

/// Every constraint on an element, in the order AWS lists them for lists and maps: max, min, pattern.
fn all_constraints(shape: &Shape, null: bool) -> String {
    let mut texts = Vec::new();
    match shape {
        Shape::String(StringShape { length, pattern, .. }) => {
            texts.extend(length.max.map(|max| at_most("length", max)));
            texts.extend(length.min.map(|min| at_least("length", min)));
            texts.extend(pattern.map(matching));
        }
        Shape::Blob { length, .. } => {
            texts.extend(length.max.map(|max| at_most("length", max)));
            texts.extend(length.min.map(|min| at_least("length", min)));
        }
        Shape::Integer(range) => {
            texts.extend(range.max.map(|max| at_most("value", max)));
            texts.extend(range.min.map(|min| at_least("value", min)));
        }
        Shape::Enum(shape) => texts.push(in_set(shape)),
        _ => {}
    }
    if null {
        texts.push(NOT_NULL.to_owned());
    }
    texts.join(", ")
}

/// Whether a scalar keeps the constraints of its shape.
fn satisfies(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::String(shape), Value::String(text)) => satisfies_string(shape, text),
        (Shape::Enum(shape), Value::String(text)) => shape.accepts(text),
        (Shape::Blob { length, .. }, Value::String(text)) => {
            is_length_within(*length, decoded_len(text).unwrap_or(0))
        }
        (Shape::Integer(range), Value::Number(number)) => is_within(*range, number.as_i64().unwrap_or(0)),
        _ => true,
    }
}

pub(super) fn satisfies_string(shape: &StringShape, text: &str) -> bool {
    is_length_within(shape.length, utf16_len(text)) && violated_pattern(shape, text).is_none()
}

fn violated_pattern(shape: &StringShape, text: &str) -> Option<&'static Pattern> {
    shape.pattern.filter(|pattern| !(pattern.matches)(text))
}

pub(super) fn is_length_within(bounds: Bounds, len: usize) -> bool {
    is_within(bounds, i64::try_from(len).unwrap_or(i64::MAX))
}

pub(super) fn is_within(bounds: Bounds, number: i64) -> bool {
    bounds.undercut_by(number).is_none() && bounds.exceeded_by(number).is_none()
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape, Shape::List { .. } | Shape::Map { .. } | Shape::Structure(_))
}

fn sensitivity(shape: &Shape) -> Sensitivity {
    match shape {
        Shape::String(StringShape { sensitivity, .. }) | Shape::Blob { sensitivity, .. } => *sensitivity,
        _ => Sensitivity::Public,
    }
}

fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// What stands between `Value` and `at`.
#[derive(Clone, Copy)]
enum Echo<'a> {
    /// Nothing: sensitive values, and blobs of any kind.
    Withheld,
    /// The word `null`.
    Null,
    Text(&'a str),
    Number(i64),
    /// `[a, b]`.
    List(&'a [Value]),
    /// `{k=v, l=w}`.
    Map(&'a Map<String, Value>),
}

impl Echo<'_> {
    fn write(self, out: &mut String, left: &mut usize) {
        let mut quoted = Quoted { out, left };
        match self {
            Echo::Withheld => return,
            Echo::Null => {
                quoted.out.push_str("null ");
                return;
            }
            _ => quoted.out.push('\''),
        }
        let whole = match self {
            Echo::Text(text) => quoted.push(text),
            Echo::Number(number) => quoted.push(&number.to_string()),
            Echo::List(items) => quoted.list(items),
            Echo::Map(entries) => quoted.map(entries),
            Echo::Withheld | Echo::Null => true,
        };
        out.push_str(if whole { "' " } else { "...' " });
    }
}

/// Writes a value within what is left of the echo; the functions say whether it fitted.
struct Quoted<'a> {
    out: &'a mut String,
    left: &'a mut usize,
}

impl Quoted<'_> {
    fn push(&mut self, text: &str) -> bool {
        for c in text.chars() {
            // AWS (observed): the text is Latin-1 on its way, whatever does not fit turns into a question
            // mark.
            let c = if c <= '\u{FF}' { c } else { '?' };
            let Some(left) = self.left.checked_sub(c.len_utf8()) else { return false };
            *self.left = left;
            self.out.push(c);
        }
        true
    }

    fn list(&mut self, items: &[Value]) -> bool {
        self.push("[")
            && items.iter().enumerate().all(|(index, item)| self.separator(index) && self.scalar(item))
            && self.push("]")
    }

    fn map(&mut self, entries: &Map<String, Value>) -> bool {
        self.push("{")
            && entries.iter().enumerate().all(|(index, (key, value))| {
                self.separator(index) && self.push(key) && self.push("=") && self.scalar(value)
            })
            && self.push("}")
    }

    fn separator(&mut self, index: usize) -> bool {
        index == 0 || self.push(", ")
    }

    fn scalar(&mut self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.push(text),
            Value::Null => self.push("null"),
            value => self.push(&value.to_string()),
        }
    }
}
