//! Which statements apply to which request.

use serde_json::json;

use super::PrincipalMatch::{Account, Anyone, Attached, Own, Role, Service};
use super::*;

#[test]
fn the_default_policy_delegates_to_the_account() {
    let document = Document::parse(&default_key_policy("aws", "111122223333"), Kind::KeyPolicy).unwrap();
    let none = Context::new();
    let by = |caller| matched(&document, caller, "kms:Decrypt", &none);
    assert_eq!(by(ROOT), [(0, Own)]);
    assert_eq!(by(BOB), [(0, Account)]);
    assert_eq!(by(SESSION), [(0, Account)]);
    assert_eq!(by("arn:aws:iam::444455556666:root"), []);
    assert_eq!(by("logs.amazonaws.com"), []);
    assert_eq!(matched(&document, BOB, "s3:GetObject", &none), []);
}

#[test]
fn says_how_the_principal_is_covered() {
    let role = "arn:aws:iam::111122223333:role/app";
    let document = parse(&policy(vec![
        statement(json!({"Principal": {"AWS": [ROOT, SESSION, role]}})),
        statement(json!({"Principal": {"AWS": ["*", role]}})),
        statement(json!({"Principal": {"AWS": "*"}, "Sid": "all"})),
        statement(json!({"Principal": {"Service": "logs.amazonaws.com"}})),
    ]));
    let document = document.unwrap();
    let none = Context::new();
    let by = |caller| matched(&document, caller, "kms:Decrypt", &none);
    assert_eq!(by(SESSION), [(0, Own), (1, Role), (2, Anyone)]);
    assert_eq!(by(role), [(0, Role), (1, Role), (2, Anyone)]);
    assert_eq!(by(BOB), [(0, Account), (1, Anyone), (2, Anyone)]);
    assert_eq!(by("logs.eu-west-1.amazonaws.com"), [(1, Anyone), (2, Anyone), (3, Service)]);

    let caller = Principal::parse(BOB).unwrap();
    let question = Question::new(&caller, "kms:Decrypt", KEY, &none);
    let verdict = evaluate(&document, &question, &mut Budget::default()).unwrap();
    let best = verdict.allowed_by().unwrap();
    assert_eq!((best.index, best.sid, best.by), (1, None, Anyone));
    assert_eq!(verdict.matched().last().unwrap().sid, Some("all"));
    assert_eq!(verdict.denied_by(), None);
}

#[test]
fn actions_ignore_case_and_take_wildcards() {
    let cases = [
        ("kms:Decrypt", "kms:decrypt", true),
        ("KMS:decrypt", "kms:Decrypt", true),
        ("kms:ReEncrypt*", "kms:ReEncryptFrom", true),
        ("kms:ReEncrypt*", "kms:Encrypt", false),
        ("kms:?ncrypt", "kms:Encrypt", true),
        ("kms:GenerateDataKey", "kms:GenerateDataKeyPair", false),
        ("*", "kms:Encrypt", true),
    ];
    for (wanted, action, expected) in cases {
        let listed = parse(&policy(statement(json!({"Action": ["kms:Sign", wanted]})))).unwrap();
        let excluded = json!({"Action": null, "NotAction": ["kms:Sign", wanted]});
        let excluded = parse(&policy(statement(excluded))).unwrap();
        let allows = |document| decide(document, ROOT, action) == Decision::Allow;
        assert_eq!(allows(&listed), expected, "{wanted} {action}");
        assert_eq!(allows(&excluded), !expected, "{wanted} {action}");
    }
}

#[test]
fn resources_name_the_key() {
    let alias = "arn:aws:kms:us-east-1:111122223333:alias/a";
    let cases = [
        (json!("*"), true),
        (json!(KEY), true),
        (json!([alias, "arn:aws:kms:*:111122223333:key/*"]), true),
        (json!("arn:aws:kms:*"), true),
        (json!(alias), false),
        (json!("arn:aws:kms:us-east-1:444455556666:key/*"), false),
        (json!("arn:aws:kms:us-east-1:${aws:PrincipalAccount}:key/*"), true),
        (json!("arn:aws:kms:us-east-1:${aws:PrincipalTag/absent}:key/*"), false),
    ];
    let context = Context::new().with("aws:PrincipalAccount", "111122223333");
    for (resource, expected) in cases {
        let members = json!({"Principal": null, "Resource": resource});
        let document = identity(statement(members)).unwrap();
        let found = matched(&document, BOB, "kms:Encrypt", &context);
        assert_eq!(found == [(0, Attached)], expected, "{resource}");
        let members = json!({"Principal": null, "Resource": null, "NotResource": resource});
        let document = identity(statement(members)).unwrap();
        assert_eq!(matched(&document, BOB, "kms:Encrypt", &context).is_empty(), expected, "{resource}");
    }
}

#[test]
fn variables_are_plain_text_in_old_documents() {
    let one = statement(json!({"Condition": {"StringEquals": {"k": "${aws:username}"}}}));
    let context = |value| Context::new().with("aws:username", "bob").with("k", value);
    let new = parse(&json!({"Version": "2012-10-17", "Statement": one})).unwrap();
    assert_eq!(matched(&new, ROOT, "kms:Encrypt", &context("bob")).len(), 1);
    assert_eq!(matched(&new, ROOT, "kms:Encrypt", &context("${aws:username}")).len(), 0);
    for old in [json!({"Version": "2008-10-17", "Statement": one}), json!({"Statement": one})] {
        let old = parse(&old).unwrap();
        assert_eq!(matched(&old, ROOT, "kms:Encrypt", &context("bob")).len(), 0);
        assert_eq!(matched(&old, ROOT, "kms:Encrypt", &context("${aws:username}")).len(), 1);
    }
}

#[test]
fn all_conditions_must_hold() {
    let document = parse(&policy(statement(json!({
        "Principal": {"AWS": "*"},
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": "111122223333",
                "kms:ViaService": ["ec2.us-east-1.amazonaws.com", "rds.us-east-1.amazonaws.com"],
            },
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["AppName"]},
        },
    }))));
    let document = document.unwrap();
    let allowed = |context: &Context| matched(&document, BOB, "kms:Decrypt", context) == [(0, Anyone)];
    let context = Context::new()
        .with("kms:CallerAccount", "111122223333")
        .with("kms:ViaService", "rds.us-east-1.amazonaws.com");
    assert!(allowed(&context));
    assert!(allowed(&context.clone().with_values("kms:EncryptionContextKeys", ["AppName"])));
    assert!(!allowed(&context.clone().with_values("kms:EncryptionContextKeys", ["AppName", "Other"])));
    assert!(!allowed(&context.clone().with("kms:CallerAccount", "444455556666")));
    assert!(!allowed(&context.with("kms:ViaService", "s3.us-east-1.amazonaws.com")));
    assert!(!allowed(&Context::new()));
}

#[test]
fn not_principal_fails_closed() {
    let not = |effect: &str, named: Value| {
        let members = json!({"Effect": effect, "Principal": null, "NotPrincipal": {"AWS": named}});
        parse(&policy(statement(members))).unwrap()
    };
    let none = Context::new();
    let covers = |document: &Document, caller| match *matched(document, caller, "kms:Encrypt", &none) {
        [] => false,
        [(0, Anyone)] => true,
        ref other => panic!("{other:?}"),
    };
    let alice = "arn:aws:iam::111122223333:user/alice";
    let stranger = "arn:aws:iam::444455556666:root";
    let all_but_bob = not("Deny", json!([BOB, ROOT]));
    let callers = [BOB, ROOT, alice, SESSION, stranger];
    assert_eq!(callers.map(|caller| covers(&all_but_bob, caller)), [false, false, true, true, true]);
    let all_but_role = not("Deny", json!(["arn:aws:iam::111122223333:role/app"]));
    assert_eq!(callers.map(|caller| covers(&all_but_role, caller)), [true, true, true, false, true]);
    let all_but_account = not("Allow", json!(ROOT));
    assert_eq!(callers.map(|caller| covers(&all_but_account, caller)), [false, false, false, false, true]);
}

#[test]
fn a_deny_overrides_an_allow() {
    let deny = statement(json!({"Effect": "Deny", "Action": "kms:Decrypt", "Sid": "no"}));
    let document = parse(&policy(vec![statement(json!({})), deny])).unwrap();
    assert_eq!(decide(&document, BOB, "kms:Encrypt"), Decision::Allow);
    assert_eq!(decide(&document, BOB, "kms:Decrypt"), Decision::ExplicitDeny);
    assert_eq!(decide(&document, "arn:aws:iam::444455556666:root", "kms:Decrypt"), Decision::ImplicitDeny);
}

#[test]
fn the_budget_ends_an_evaluation() {
    let principal = Principal::parse(BOB).unwrap();
    let value = "a".repeat(4_000);
    let context = Context::new().with_values("k", (0..20).map(|_| value.clone()));
    let question = Question::new(&principal, "kms:Encrypt", KEY, &context);
    let pattern = format!("*?{}b*", "a".repeat(1_000));
    let condition = json!({"ForAnyValue:StringLike": {"k": vec![pattern; 20]}});
    let costly = parse(&policy(statement(json!({"Condition": condition})))).unwrap();
    let error = evaluate(&costly, &question, &mut Budget::default()).unwrap_err();
    assert_eq!(error.to_string(), "the policy evaluation needs more than 1000000 steps");

    let document = Document::parse(&default_key_policy("aws", "111122223333"), Kind::KeyPolicy).unwrap();
    let mut budget = Budget::default();
    evaluate(&document, &question, &mut budget).unwrap();
    let used = budget.used();
    assert!((1..100).contains(&used), "{used}");
    assert!(evaluate(&document, &question, &mut Budget::new(used)).is_ok());
    assert_eq!(
        evaluate(&document, &question, &mut Budget::new(used - 1)).map(|_| ()),
        Err(BudgetExceeded { cap: used - 1 })
    );
}

#[test]
fn the_largest_ordinary_policy_stays_below_the_default_budget() {
    let one = |n: usize| {
        statement(json!({
            "Principal": {"AWS": format!("arn:aws:iam::111122223333:user/u{n}")},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
            "Condition": {"StringLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/*", "*"]}},
        }))
    };
    let document = policy((0..150).map(one).collect::<Vec<_>>());
    assert!(document.to_string().len() > 32_768);
    let document = parse(&document).unwrap();
    let principal = Principal::parse("arn:aws:iam::111122223333:user/u149").unwrap();
    let context = Context::new().with("aws:PrincipalArn", principal.arn());
    let mut budget = Budget::default();
    let question = Question::new(&principal, "kms:ListGrants", KEY, &context);
    let verdict = evaluate(&document, &question, &mut budget).unwrap();
    assert_eq!(verdict.allowed_by().map(|statement| statement.index), Some(149));
    assert!(budget.used() < Budget::DEFAULT_STEPS / 10, "{}", budget.used());
}
