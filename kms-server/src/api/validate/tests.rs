mod beyond_the_model;
mod constraints;
mod conversion;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::error::ErrorCode;
use crate::api::model::{OPERATIONS, find};

const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

fn outcome(operation: &str, mut input: Value) -> Result<(), KmsError> {
    validate(find(operation).unwrap().input, &mut input)
}

fn rejection(operation: &str, input: Value) -> String {
    let error = outcome(operation, input.clone()).expect_err(&format!("{operation} {input}"));
    assert_eq!(error.code, ErrorCode::ValidationException, "{error}");
    error.message.unwrap().into_owned()
}

/// Asserts that `input` breaks exactly one constraint, in these words.
#[track_caller]
fn violates(operation: &str, input: Value, item: &str) {
    assert_eq!(rejection(operation, input), format!("1 validation error detected: {item}"));
}

#[test]
fn text_is_bounded() {
    let tags: Vec<Value> = (0..10_000).map(|_| json!({ "TagKey": "", "TagValue": "" })).collect();
    let text = rejection("TagResource", json!({ "KeyId": KEY, "Tags": tags }));
    assert!(text.starts_with("100 validation errors detected: Value '' at 'tags.1.member.tagKey' failed"));
    assert_eq!(text.matches("; ").count(), VIOLATIONS_MAX - 1);
    let tags: Vec<Value> =
        (0..99).map(|_| json!({ "TagKey": "k".repeat(100_000), "TagValue": "" })).collect();
    let text = rejection("TagResource", json!({ "KeyId": KEY, "Tags": tags }));
    assert!(text.len() < ECHO_BYTES_MAX + VIOLATIONS_MAX * 200);
    assert!(text.contains(&format!("Value '{}' at 'tags.5.member.tagKey'", "k".repeat(100_000))));
    assert!(text.contains("kkk...' at 'tags.6.member.tagKey'"));
    assert!(text.contains("Value '...' at 'tags.7.member.tagKey'"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[A-Za-z0-9+/]{0,8}={0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof!["TagKey", "TagValue", "AccessKeyId", "[a-z]{0,3}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics_and_settles(
        operation in prop::sample::select(OPERATIONS),
        values in prop::collection::vec(any_json(), 12),
    ) {
        let members = operation.input.members.iter().map(|member| member.name.to_owned());
        let mut input: Value = members.zip(values).collect();
        if validate(operation.input, &mut input).is_ok() {
            let settled = input.clone();
            prop_assert!(validate(operation.input, &mut input).is_ok());
            prop_assert_eq!(input, settled);
        }
    }
}
