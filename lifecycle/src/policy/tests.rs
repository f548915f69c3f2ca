//! Whole documents: what is refused and with which text, what applies, and properties over any JSON.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod answers;
mod properties;
mod readings;
mod refusals;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s";

/// A statement of a key policy that allows everything, with `members` set, or taken away where null.
fn statement(members: Value) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"});
    let (Some(all), Value::Object(changes)) = (statement.as_object_mut(), members) else { panic!("objects") };
    for (name, value) in changes {
        all.insert(name, value);
    }
    all.retain(|_, value| !value.is_null());
    statement
}

fn policy(statements: impl Into<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into()})
}

fn parse(policy: &Value) -> Result<Document, PolicyError> {
    Document::parse(&policy.to_string(), Kind::KeyPolicy)
}

fn identity(statement: Value) -> Result<Document, PolicyError> {
    Document::parse(&policy(statement).to_string(), Kind::Identity)
}

fn matched(
    document: &Document,
    caller: &str,
    action: &str,
    context: &Context,
) -> Vec<(usize, PrincipalMatch)> {
    let principal = Principal::parse(caller).unwrap();
    let question = Question::new(&principal, action, KEY, context);
    let verdict = evaluate(document, &question, &mut Budget::default()).unwrap();
    verdict.matched().iter().map(|statement| (statement.index, statement.by)).collect()
}

fn decide(document: &Document, caller: &str, action: &str) -> Decision {
    let principal = Principal::parse(caller).unwrap();
    let context = Context::new();
    let question = Question::new(&principal, action, KEY, &context);
    evaluate(document, &question, &mut Budget::default()).unwrap().decision()
}

/// Any JSON, with the words of policies among the texts and names.
pub(super) fn arbitrary_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 32, 4, |inner| {
        let name = prop_oneof![any::<String>(), word().prop_map(String::from)];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Version",
        "2012-10-17",
        "2008-10-17",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "NotPrincipal",
        "AWS",
        "Service",
        "Federated",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "StringLike",
        "ForAllValues:StringNotEquals",
        "IpAddress",
        "DateLessThan",
        "Null",
        "*",
        "kms:*",
        "kms:Enc?ypt",
        "${aws:username}",
        "${k, 'd'}",
        "${",
        "arn:",
        ROOT,
        BOB,
        KEY,
        "k",
        "7",
        "true",
        "10.0.0.0/8",
        "2024-01-01",
    ])
}
