//! Properties over any JSON and over generated policies.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A statement that is mostly valid.
fn arbitrary_statement(effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    let principals = prop::collection::vec(
        prop::sample::select(vec![ROOT, BOB, SESSION, "*", "111122223333", "arn:aws:iam::444455556666:root"]),
        1..3,
    );
    let actions = prop::collection::vec(
        prop::sample::select(vec!["*", "kms:*", "kms:Encrypt", "kms:De*", "kms:?ncrypt", "s3:*"]),
        1..3,
    );
    let resource =
        prop::sample::select(vec!["*", KEY, "arn:aws:kms:*:${aws:PrincipalAccount}:*", "arn:aws:kms:x"]);
    let operator = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLikeIfExists",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotLike",
        "ArnLike",
    ]);
    let value =
        prop::sample::select(vec!["a", "*", "${aws:username}", "${none}", "${none, 'a'}", "arn:*:*:*:*:*"]);
    let condition =
        prop::option::of((operator, prop::sample::select(vec!["k", "K2", "aws:username"]), value));
    let not = (any::<bool>(), any::<bool>(), any::<bool>());
    (effect, principals, actions, resource, condition, not).prop_map(
        |(effect, principals, actions, resource, condition, (not_principal, not_action, not_resource))| {
            let mut statement = json!({"Effect": effect});
            statement[if not_principal { "NotPrincipal" } else { "Principal" }] = json!({"AWS": principals});
            statement[if not_action { "NotAction" } else { "Action" }] = json!(actions);
            statement[if not_resource { "NotResource" } else { "Resource" }] = json!(resource);
            if let Some((operator, key, value)) = condition {
                statement["Condition"] = json!({operator: {key: value}});
            }
            statement
        },
    )
}

fn statements(effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(arbitrary_statement(effect), 1..5)
}

fn either() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("Allow"), Just("Deny")]
}

fn callers() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![ROOT, BOB, SESSION, "arn:aws:iam::444455556666:user/eve", "logs.amazonaws.com"])
}

fn contexts() -> impl Strategy<Value = Context> {
    let value = prop::sample::select(vec!["a", "b", "*", "bob", BOB]);
    prop::collection::vec(
        (prop::sample::select(vec!["k", "k2", "aws:username", "aws:PrincipalAccount"]), value),
        0..5,
    )
    .prop_map(|members| {
        let mut context = Context::new();
        for (key, value) in members {
            context.append(key, value);
        }
        context
    })
}

fn answer(statements: Vec<Value>, caller: &str, action: &str, context: &Context) -> Decision {
    let document = parse(&policy(statements)).unwrap();
    let principal = Principal::parse(caller).unwrap();
    let question = Question::new(&principal, action, KEY, context);
    evaluate(&document, &question, &mut Budget::default()).unwrap().decision()
}

proptest! {
    #[test]
    fn any_json_is_read_and_evaluated_or_refused(value in arbitrary_json(), steps in 0_u64..2_000) {
        let principal = Principal::parse(BOB).unwrap();
        let context = Context::new();
        let question = Question::new(&principal, "kms:Encrypt", KEY, &context);
        for kind in [Kind::KeyPolicy, Kind::Identity] {
            for text in [value.to_string(), policy(value.clone()).to_string()] {
                match Document::parse(&text, kind) {
                    Ok(document) => { let _ = evaluate(&document, &question, &mut Budget::new(steps)); }
                    Err(error) => prop_assert!(!error.to_string().is_empty()),
                }
            }
        }
    }

    #[test]
    fn any_member_is_read_or_refused(
        value in arbitrary_json(),
        member in prop::sample::select(vec![
            "Sid", "Effect", "Principal", "NotPrincipal", "Action", "Resource", "Condition",
        ]),
        context in contexts(),
    ) {
        let document = policy(statement(json!({ member: value })));
        if let Ok(document) = parse(&document) {
            prop_assert!(matched(&document, BOB, "kms:Encrypt", &context).len() <= 1);
        }
    }

    #[test]
    fn any_condition_is_read_or_refused(
        operator in "(ForAllValues:|ForAnyValue:)?(String|Arn|Numeric|Date|Bool|Null|Binary|IpAddress)(Not)?(Equals|Like|LessThan)?(IfExists)?",
        value in "\\PC{0,12}",
        found in "\\PC{0,12}",
    ) {
        let document = policy(statement(json!({"Condition": {operator: {"k": value}}})));
        if let Ok(document) = parse(&document) {
            let context = Context::new().with("k", found);
            prop_assert!(matched(&document, ROOT, "kms:Encrypt", &context).len() <= 1);
        }
    }

    #[test]
    fn any_text_is_a_principal_or_not(text in "(arn:aws:(iam|sts)::111122223333:)?[a-z/:*-]{0,20}") {
        if let Some(principal) = Principal::parse(&text) {
            prop_assert_eq!(principal.arn(), text);
        }
    }

    #[test]
    fn printing_keeps_the_meaning(statements in statements(either()), caller in callers(), context in contexts()) {
        let text = policy(statements).to_string();
        let before = Document::parse(&text, Kind::KeyPolicy).unwrap();
        let after = Document::parse(&print(&text).unwrap(), Kind::KeyPolicy).unwrap();
        prop_assert_eq!(&before, &after);
        prop_assert_eq!(
            matched(&before, caller, "kms:Encrypt", &context),
            matched(&after, caller, "kms:Encrypt", &context)
        );
    }

    #[test]
    fn more_denials_never_allow(
        statements in statements(either()),
        denials in statements(Just("Deny")),
        caller in callers(),
        context in contexts(),
    ) {
        let before = answer(statements.clone(), caller, "kms:Encrypt", &context);
        let after = answer([statements, denials].concat(), caller, "kms:Encrypt", &context);
        prop_assert!(after == before || after == Decision::ExplicitDeny, "{before:?} {after:?}");
    }

    #[test]
    fn the_order_of_statements_does_not_matter(
        statements in statements(either()),
        caller in callers(),
        context in contexts(),
    ) {
        let reversed = statements.iter().rev().cloned().collect();
        let forward = answer(statements, caller, "kms:Encrypt", &context);
        prop_assert_eq!(forward, answer(reversed, caller, "kms:Encrypt", &context));
    }
}
