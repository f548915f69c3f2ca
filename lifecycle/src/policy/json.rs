//! JSON text as a tree that keeps member order and the spelling of numbers.
//!
//! `serde_json::Value` would do but for its numbers: they pass through `f64`, so a printed policy would not
//! read back as what was printed.

use std::collections::HashMap;

/// A JSON value. Of several members with one name the last stays, at the place of the first.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'t> {
    Object(Vec<(String, Json<'t>)>),
    Array(Vec<Json<'t>>),
    Text(String),
    /// A number, `true`, `false` or `null`, as spelled.
    Word(&'t str),
}

const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

impl<'t> Json<'t> {
    /// Reads a whole text; `None` if it is not JSON, or nests deeper than 127 levels.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        // This checks the grammar and bounds the depth, so that what follows may recurse and need not check.
        serde_json::from_str::<serde_json::Value>(text).ok()?;
        let (value, _) = value(text.trim_matches(WHITESPACE))?;
        Some(value)
    }
}

/// A value and the text behind it.
fn value(text: &str) -> Option<(Json<'_>, &str)> {
    match text.chars().next()? {
        '{' => object(text),
        '[' => array(text),
        '"' => string(text).map(|(text, rest)| (Json::Text(text), rest)),
        _ => {
            let end = text.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(text.len());
            let (word, rest) = text.split_at_checked(end)?;
            Some((Json::Word(word), rest))
        }
    }
}

fn object(text: &str) -> Option<(Json<'_>, &str)> {
    let mut rest = inside(text, '{')?;
    let mut members = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((Json::Object(last_wins(members)), rest));
        }
        let (name, after_name) = string(rest)?;
        let (member, after_value) = value(inside(skip(after_name), ':')?)?;
        members.push((name, member));
        rest = next(after_value);
    }
}

fn array(text: &str) -> Option<(Json<'_>, &str)> {
    let mut rest = inside(text, '[')?;
    let mut items = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((Json::Array(items), rest));
        }
        let (item, after) = value(rest)?;
        items.push(item);
        rest = next(after);
    }
}

fn string(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let close = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    let (quoted, rest) = text.split_at_checked(close?.0.checked_add(1)?)?;
    Some((serde_json::from_str(quoted).ok()?, rest))
}

fn inside(text: &str, open: char) -> Option<&str> {
    text.strip_prefix(open).map(skip)
}

/// The text from the next member or item, or from the closing bracket.
fn next(text: &str) -> &str {
    let text = skip(text);
    text.strip_prefix(',').map_or(text, skip)
}

fn skip(text: &str) -> &str {
    text.trim_start_matches(WHITESPACE)
}

fn last_wins<'t>(members: Vec<(String, Json<'t>)>) -> Vec<(String, Json<'t>)> {
    let mut places = HashMap::with_capacity(members.len());
    let mut kept: Vec<(String, Json<'t>)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let place = *places.entry(name.clone()).or_insert(kept.len());
        match kept.get_mut(place) {
            Some((_, slot)) => *slot = value,
            None => kept.push((name, value)),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_order_and_spelling() {
        let read = Json::read(" {\"b\" : [ 1.10 , -0,true ,\"\\u0041\\\"\" ], \"a\":{ }\n} ").unwrap();
        let Json::Object(members) = read else { panic!("an object") };
        let list = vec![Json::Word("1.10"), Json::Word("-0"), Json::Word("true"), Json::Text("A\"".into())];
        assert_eq!(members, [("b".into(), Json::Array(list)), ("a".into(), Json::Object(vec![]))]);
    }

    #[test]
    fn last_duplicate_wins_at_the_first_place() {
        let read = Json::read(r#"{"a":1,"b":2,"\u0061":3}"#);
        let members = vec![("a".to_owned(), Json::Word("3")), ("b".to_owned(), Json::Word("2"))];
        assert_eq!(read, Some(Json::Object(members)));
    }

    #[test]
    fn refuses_what_is_not_json_or_too_deep() {
        for text in ["", "not a real policy", "{", "{}x", "{'a':1}", "[1,]", "\"\\ud800\"", "01"] {
            assert_eq!(Json::read(text), None, "{text}");
        }
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::read(&nested(127)).is_some());
        assert!(Json::read(&nested(128)).is_none());
        assert!(Json::read(&nested(100_000)).is_none());
    }

    fn same(ours: &Json<'_>, theirs: &serde_json::Value) -> bool {
        match (ours, theirs) {
            (Json::Object(ours), serde_json::Value::Object(theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|((a, x), (b, y))| a == b && same(x, y))
            }
            (Json::Array(ours), serde_json::Value::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(x, y)| same(x, y))
            }
            (Json::Text(ours), serde_json::Value::String(theirs)) => ours == theirs,
            (Json::Word(word), theirs) => {
                serde_json::from_str::<serde_json::Value>(word).is_ok_and(|w| w == *theirs)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:, \"ab\\\\u0041n1.e-]{0,40}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).ok();
            let ours = Json::read(&text);
            prop_assert_eq!(ours.is_some(), theirs.is_some());
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                prop_assert!(same(&ours, &theirs));
            }
        }

        #[test]
        fn reads_every_value_as_serde_json_does(value in crate::policy::tests::arbitrary_json()) {
            let text = value.to_string();
            let ours = Json::read(&text).unwrap();
            let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(same(&ours, &theirs));
        }
    }
}
