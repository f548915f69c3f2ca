//! From bytes to JSON.

use serde_json::Value;

use crate::api::error::{ErrorCode, KmsError};

/// Parses a request body whose arrays and objects nest at most `depth_max` deep.
///
/// Of duplicate keys the last wins. The depth is checked before anything is built; beyond 127 the parser's
/// own limit applies.
///
/// # Errors
///
/// `SerializationException` without a text for an empty body, invalid UTF-8, anything but one JSON value,
/// and deeper nesting. AWS (observed on a sister service): an empty body is not `{}`, and none of these has
/// a text.
pub fn parse_json(body: &[u8], depth_max: usize) -> Result<Value, KmsError> {
    // Most bodies have so few brackets that they cannot nest too deep, which is quicker to see than how deep they do.
    if brackets(body) > depth_max && depth(body) > depth_max {
        return Err(KmsError::bare(ErrorCode::SerializationException));
    }
    // Looking at all bytes at once costs less than at those of each string.
    let text = std::str::from_utf8(body).ok();
    let value = text.and_then(|text| serde_json::from_str(text).ok());
    value.ok_or_else(|| KmsError::bare(ErrorCode::SerializationException))
}

/// How many brackets open, inside strings too.
fn brackets(body: &[u8]) -> usize {
    memchr::memchr2_iter(b'{', b'[', body).count()
}

/// The deepest nesting of brackets outside strings.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Moves behind the closing quote of a string.
fn skip_string<'a>(bytes: &mut impl Iterator<Item = &'a u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn accepts_json() {
        for (body, expected) in [
            ("{}", json!({})),
            (" {\"A\" : [1, null]}\n", json!({"A": [1, null]})),
            (r#"{"A":1,"A":2}"#, json!({"A": 2})),
            (r#"{"A":"\u00e4[[[[[[\"{"}"#, json!({"A": "ä[[[[[[\"{"})),
            ("[]", json!([])),
        ] {
            assert_eq!(parse_json(body.as_bytes(), 2).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn rejects_everything_else_without_a_text() {
        let bodies: [&[u8]; 13] = [
            b"",
            b" ",
            b"{",
            b"{}x",
            b"{} {}",
            b"{\"A\":1,}",
            b"{'A':1}",
            b"{\"A\":\"\xff\"}",
            b"{\"A\":\"\\ud800\"}",
            b"{\"A\":1e999}",
            b"{\"A\":NaN}",
            b"\xef\xbb\xbf{}",
            b"{\"A\":\"\n\"}",
        ];
        for body in bodies {
            let error = parse_json(body, 8).unwrap_err();
            assert_eq!(error, KmsError::bare(ErrorCode::SerializationException), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn limits_the_depth() {
        assert!(parse_json(br#"{"A":[[]]}"#, 3).is_ok());
        assert!(parse_json(br#"{"A":[[]]}"#, 2).is_err());
        assert!(parse_json(br#"{"A":[],"B":[],"C":[]}"#, 2).is_ok());
        let bomb = "[".repeat(10_000_000);
        assert!(parse_json(bomb.as_bytes(), 32).is_err());
        assert!(parse_json(bomb.as_bytes(), usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..64), depth_max in 0_usize..10) {
            let _ = parse_json(&body, depth_max);
        }

        #[test]
        fn depth_counts_what_the_parser_builds(body in r#"[\[\]{}",:a\\0]{0,24}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&body) {
                prop_assert_eq!(depth(body.as_bytes()), nesting(&value));
                prop_assert!(brackets(body.as_bytes()) >= nesting(&value));
            }
        }
    }

    fn nesting(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or(0),
            _ => 0,
        }
    }
}
