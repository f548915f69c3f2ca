use super::*;
use proptest::prelude::*;

const BYTES_MAX: usize = 1 << 20;

fn parse(language: Language, text: &str) -> Result<Node, DocumentError> {
    Node::parse(language, text, BYTES_MAX)
}

/// `key@line:column=value@line:column`, for comparing whole trees.
fn outline(node: &Node) -> String {
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Time(time) => format!("t{time}"),
        Value::List(nodes) => format!("[{}]", nodes.iter().map(outline).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|e| format!("{}@{} {}", e.key, e.position, outline(&e.node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    };
    format!("{value}@{}", node.position)
}

fn outline_of(language: Language, text: &str) -> String {
    parse(language, text).map_or_else(|error| error.to_string(), |node| outline(&node))
}

#[test]
fn toml_keeps_order_and_places() {
    let text = "b = 1\na = [true, -2.5]\n[t]\n\"ä\" = \"ö\" # ü\nz.y = 0xff\nd = 2026-01-01T00:00:00Z\n";
    assert_eq!(
        outline_of(Language::Toml, text),
        "{b@1:1 1@1:5, a@2:1 [true@2:6, -2.5@2:12]@2:5, t@3:2 {ä@4:1 \"ö\"@4:7, z@5:1 {y@5:3 255@5:7}@5:1, d@6:1 t2026-01-01T00:00:00Z@6:5}@3:1}@1:1"
    );
}

#[test]
fn yaml_keeps_order_and_places() {
    let text = "b: 1\na: [true, -2.5]\nt:\n  n: ~\n  no: no\n  zero: 012345678901\n  u: 1_000\n  q: \"1\"\n";
    assert_eq!(
        outline_of(Language::Yaml, text),
        "{b@1:1 1@1:4, a@2:1 [true@2:5, -2.5@2:11]@2:4, t@3:1 {n@4:3 null@4:6, no@5:3 \"no\"@5:7, \
         zero@6:3 \"012345678901\"@6:9, u@7:3 \"1_000\"@7:6, q@8:3 \"1\"@8:6}@4:3}@1:1"
    );
}

#[test]
fn empty_documents_are_empty_tables() {
    for language in [Language::Toml, Language::Yaml] {
        for text in ["", "\n", "# only a comment\n"] {
            assert_eq!(outline_of(language, text), "{}@1:1", "{language:?} {text:?}");
        }
    }
}

#[test]
fn errors_name_their_place() {
    let cases = [
        (Language::Toml, "a = 1\nb = \n", "2:"),
        (Language::Toml, "a = 1\na = 2\n", "2:1: this is not TOML: duplicate key"),
        (Language::Toml, "a = 99999999999999999999999999999999999999999999", "1:5: this number is too large"),
        (Language::Yaml, "a: 1\nb: [\n", "2:4: this is not usable YAML: "),
        (Language::Yaml, "a: 1\na: 2\n", "2:1: this is not usable YAML: duplicate mapping key"),
        (Language::Yaml, "a: !Ref x\n", "1:9: this is not usable YAML: unsupported tag `!Ref`"),
        (Language::Yaml, "- 1\n", "1:1: expected named values at the top of the document, found a list"),
        (Language::Yaml, "just text\n", "1:1: expected named values at the top of the document, found text"),
        (Language::Yaml, "a: 1\n---\nb: 2\n", "3:1: this is not usable YAML: "),
    ];
    for (language, text, expected) in cases {
        let message = outline_of(language, text);
        assert!(message.starts_with(expected), "{text:?}: {message}");
    }
}

#[test]
fn size_depth_and_expansion_are_bounded() {
    assert_eq!(
        Node::parse(Language::Toml, "a = 1", 4).map(|_| ()),
        Err(DocumentError::new(Position::START, "the document has 5 bytes; at most 4 are read"))
    );
    for depth in [30, 100, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(Language::Toml, &format!("a = {nested}")).is_ok(), depth < 60, "TOML {depth}");
        assert_eq!(parse(Language::Yaml, &format!("a: {nested}")).is_ok(), depth < 60, "YAML {depth}");
    }
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let references = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{references}]\n"));
    }
    assert!(parse(Language::Yaml, &laughs).is_err());
}

#[test]
fn language_follows_the_extension() {
    let cases = [
        ("a.toml", Some(Language::Toml)),
        ("dir.x/a.YML", Some(Language::Yaml)),
        ("a.yaml", Some(Language::Yaml)),
        ("a.json", None),
        ("toml", None),
        ("", None),
    ];
    for (name, language) in cases {
        assert_eq!(Language::of(name), language, "{name}");
    }
}

#[test]
fn the_nearest_name_is_found_for_any_input() {
    let names = ["port", "address", "tls"];
    for (given, expected) in [("prot", "port"), ("PORT", "port"), ("adress", "address"), ("tlss", "tls")] {
        assert_eq!(nearest(given, names), Some(expected));
    }
    assert!(nearest(&"x".repeat(1_000_000), names).is_some());
    assert_eq!(nearest("x", []), None);
}

#[test]
fn quoted_text_is_one_short_line() {
    assert_eq!(quoted("a\nb"), "`a\\nb`");
    assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
}

proptest! {
    #[test]
    fn parsers_never_panic(text in "\\PC{0,200}|[\\[\\]{}:,&*!\"'=\\-#|> \n\ta-c0-9._]{0,200}") {
        for language in [Language::Toml, Language::Yaml] {
            let _ = parse(language, &text);
        }
    }
}
