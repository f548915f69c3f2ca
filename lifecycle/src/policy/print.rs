//! The form in which the service prints policies.

use super::json::Json;

/// A JSON text as the service prints policies: two spaces per level, ` : ` between name and value, arrays on
/// one line, members in the order of the text; `None` if `text` is not JSON.
///
/// Of several members with one name the last stays.
// AWS (observed): GetKeyPolicy, whose answer has the shape of Jackson's default pretty printer.
pub fn print(text: &str) -> Option<String> {
    let value = Json::read(text)?;
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    write(&mut out, &value, 0);
    Some(out)
}

/// The printed policy of a key that was created without one: it gives the whole key to the account, and the
/// account's IAM policies say who may use it.
// AWS: Default key policy.
pub fn default_key_policy(partition: &str, account: &str) -> String {
    let text = |text: &str| Json::Text(text.to_owned());
    let object = |members: Vec<(&str, Json<'static>)>| {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let root = Json::Text(format!("arn:{partition}:iam::{account}:root"));
    let statement = object(vec![
        ("Sid", text("Enable IAM User Permissions")),
        ("Effect", text("Allow")),
        ("Principal", object(vec![("AWS", root)])),
        ("Action", text("kms:*")),
        ("Resource", text("*")),
    ]);
    let document = object(vec![
        ("Version", text("2012-10-17")),
        ("Id", text("key-default-1")),
        ("Statement", Json::Array(vec![statement])),
    ]);
    let mut out = String::new();
    write(&mut out, &document, 0);
    out
}

/// Writes `value` at an indent of `level` objects. Arrays do not indent, so an object in an array stands at
/// the indent of the array's owner.
fn write(out: &mut String, value: &Json<'_>, level: usize) {
    match value {
        Json::Object(members) if members.is_empty() => out.push_str("{ }"),
        Json::Object(members) => {
            let inner = level.saturating_add(1);
            for (place, (name, member)) in members.iter().enumerate() {
                out.push_str(if place == 0 { "{" } else { "," });
                new_line(out, inner);
                write_text(out, name);
                out.push_str(" : ");
                write(out, member, inner);
            }
            new_line(out, level);
            out.push('}');
        }
        Json::Array(items) if items.is_empty() => out.push_str("[ ]"),
        Json::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "[ " } else { ", " });
                write(out, item, level);
            }
            out.push_str(" ]");
        }
        Json::Text(text) => write_text(out, text),
        Json::Word(word) => out.push_str(word),
    }
}

fn new_line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_the_default_key_policy() {
        let expected = r#"{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111122223333:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"#;
        assert_eq!(default_key_policy("aws", "111122223333"), expected);
        assert_eq!(print(expected).as_deref(), Some(expected));
    }

    #[test]
    fn prints_shapes() {
        let cases = [
            ("{}", "{ }"),
            ("[]", "[ ]"),
            (r#"["kms:A","kms:B"]"#, r#"[ "kms:A", "kms:B" ]"#),
            ("[[],[1,[2]]]", "[ [ ], [ 1, [ 2 ] ] ]"),
            (r#"{"b":{},"a":[]}"#, "{\n  \"b\" : { },\n  \"a\" : [ ]\n}"),
            (
                r#"{"S":[{"a":1},{"b":2}]}"#,
                "{\n  \"S\" : [ {\n    \"a\" : 1\n  }, {\n    \"b\" : 2\n  } ]\n}",
            ),
            (r#"{"a":1,"b":2,"a":3}"#, "{\n  \"a\" : 3,\n  \"b\" : 2\n}"),
            (r#""\u00e9\/\"\\\n\u001f""#, r#""é/\"\\\n\u001F""#),
            (" 1.10 ", "1.10"),
            ("null", "null"),
        ];
        for (text, printed) in cases {
            assert_eq!(print(text).as_deref(), Some(printed), "{text}");
        }
        assert_eq!(print("not a real policy"), None);
    }

    proptest! {
        #[test]
        fn printing_is_idempotent_and_keeps_the_value(value in crate::policy::tests::arbitrary_json()) {
            let text = value.to_string();
            let printed = print(&text).unwrap();
            prop_assert_eq!(print(&printed), Some(printed.clone()));
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            prop_assert_eq!(parse(&printed), parse(&text));
        }

        #[test]
        fn any_text_prints_or_is_refused(text in "\\PC{0,60}") {
            if let Some(printed) = print(&text) {
                prop_assert_eq!(print(&printed), Some(printed.clone()));
            }
        }
    }
}
