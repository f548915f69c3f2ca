mod beyond_the_model;
mod constraints;
mod conversion;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::error::ErrorCode;
use crate::api::model::{OPERATIONS, find};
use crate::api::shape::Shape;

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

/// A value that may well keep the constraints of its shape, or nearly.
fn plausible(shape: &'static Shape) -> BoxedStrategy<Value> {
    let right = match shape {
        Shape::String(_) => {
            prop_oneof![Just(KEY), Just("alias/a"), Just("ä"), Just("")].prop_map(Value::from).boxed()
        }
        Shape::Enum(shape) => prop::sample::select(shape.values).prop_map(Value::from).boxed(),
        Shape::Blob { .. } => {
            prop_oneof![Just("AAAA"), Just("AA=="), Just("AB==")].prop_map(Value::from).boxed()
        }
        Shape::Integer(_) => (1..400).prop_map(Value::from).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Timestamp => prop_oneof![Just(json!(7)), Just(json!(1.5))].boxed(),
        Shape::List { member, .. } => {
            prop::collection::vec(plausible(member), 0..3).prop_map(Value::from).boxed()
        }
        Shape::Map { .. } => prop::collection::hash_map("[a-z]{0,3}", "[a-z]{0,3}", 0..3)
            .prop_map(|entries| json!(entries))
            .boxed(),
        Shape::Structure(shape) => members(shape),
    };
    prop_oneof![30 => right, 1 => any_json()].boxed()
}

/// A structure with its required members, most of the time, and some of the others.
fn members(shape: &'static Structure) -> BoxedStrategy<Value> {
    let each: Vec<_> = shape
        .members
        .iter()
        .map(|member| {
            let there = if member.required { 0.98 } else { 0.3 };
            prop::option::weighted(there, plausible(member.shape)).prop_map(|value| (member.name, value))
        })
        .collect();
    let given = |(name, value): (&str, Option<Value>)| value.map(|value| (name.to_owned(), value));
    each.prop_map(move |each| each.into_iter().filter_map(given).collect()).boxed()
}

proptest! {
    #[test]
    fn a_body_is_sound_if_both_passes_leave_it_alone(
        (operation, input) in prop::sample::select(OPERATIONS)
            .prop_flat_map(|operation| (Just(operation), members(operation.input))),
    ) {
        let mut corrected = input.clone();
        let untouched = correct(operation.input, &mut corrected).is_ok() && corrected == input;
        prop_assert_eq!(sound::structure(operation.input, input.as_object().unwrap()), untouched);
    }

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
