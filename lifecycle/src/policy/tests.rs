//! Whole documents: what is refused and with which text, what applies, and properties over any JSON.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

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

mod refusals {
    use super::*;

    /// The text of the `MalformedPolicyDocumentException`.
    fn malformed(policy: &Value) -> Option<&'static str> {
        match parse(policy) {
            Err(PolicyError::Malformed { message, reason }) => {
                assert!(!reason.is_empty());
                message
            }
            other => panic!("{policy}: {other:?}"),
        }
    }

    #[test]
    fn a_text_that_is_no_policy_has_no_message() {
        for text in ["not a real policy", "", "[]", "\"*\"", "null", "{", "{\"Version\":\"2012-10-17\"} x"] {
            let error = Document::parse(text, Kind::KeyPolicy).unwrap_err();
            assert!(matches!(error, PolicyError::Malformed { message: None, .. }), "{text}");
        }
    }

    #[test]
    fn statements_without_principal() {
        for principal in [json!(null), json!({}), json!({"AWS": []}), json!({"AWS": [], "Service": []})] {
            let message = malformed(&policy(statement(json!({"Principal": principal}))));
            assert_eq!(message, Some("Policy contains a statement with no principal."), "{principal}");
        }
        let not_principal =
            statement(json!({"Principal": null, "NotPrincipal": {"AWS": []}, "Effect": "Deny"}));
        assert_eq!(malformed(&policy(not_principal)), Some("Policy contains a statement with no principal."));
    }

    #[test]
    fn invalid_principals() {
        for principal in [
            json!("bob"),
            json!(BOB),
            json!({"AWS": "bob"}),
            json!({"AWS": ["*", "arn:aws:s3:::bucket"]}),
            json!({"AWS": "arn:aws:iam::111122223333:role/*"}),
            json!({"Service": "logs"}),
            json!({"Service": "*"}),
            json!({"Somebody": "else"}),
        ] {
            let message = malformed(&policy(statement(json!({"Principal": principal}))));
            let expected = "Policy contains a statement with one or more invalid principals.";
            assert_eq!(message, Some(expected), "{principal}");
        }
    }

    #[test]
    fn principals_with_invalid_arns() {
        for principal in
            ["arn:aws:iam::111122223333:group/admins", "arn:aws:iam", "arn:aws:iam::111122223333:"]
        {
            let error =
                parse(&policy(statement(json!({"Principal": {"AWS": [ROOT, principal]}})))).unwrap_err();
            assert!(matches!(error, PolicyError::InvalidArn { .. }), "{principal}");
            assert_eq!(error.message(), Some("An ARN in the specified key policy is invalid."));
        }
    }

    #[test]
    fn missing_action_and_resource() {
        for action in [json!(null), json!([])] {
            let message = malformed(&policy(statement(json!({"Action": action}))));
            assert_eq!(message, Some("Missing required field Action"));
        }
        for resource in [json!(null), json!([])] {
            let message = malformed(&policy(statement(json!({"Resource": resource}))));
            assert_eq!(message, Some("Missing required field Resource"));
        }
    }

    #[test]
    fn other_faults_have_no_message() {
        let bad_statements = [
            json!({"Effect": null}),
            json!({"Effect": "allow"}),
            json!({"Effect": ["Allow"]}),
            json!({"Sid": 1}),
            json!({"Sidd": "x"}),
            json!({"NotAction": "kms:*"}),
            json!({"NotResource": "*"}),
            json!({"NotPrincipal": "*"}),
            json!({"Principal": ["*"]}),
            json!({"Principal": {"AWS": 111_122_223_333_u64}}),
            json!({"Action": "Decrypt"}),
            json!({"Action": "kms:"}),
            json!({"Action": ":Decrypt"}),
            json!({"Action": "kms:De crypt"}),
            json!({"Action": {"kms": "Decrypt"}}),
            json!({"Action": [["kms:*"]]}),
            json!({"Resource": "key/1"}),
            json!({"Resource": "arn:aws:kms:::${"}),
            json!({"Resource": 1}),
            json!({"Condition": []}),
            json!({"Condition": {"StringEquals": "x"}}),
            json!({"Condition": {"StringIs": {}}}),
            json!({"Condition": {"StringIs": {"k": "v"}}}),
            json!({"Condition": {"StringEquals": {"": "v"}}}),
            json!({"Condition": {"StringEquals": {"k": null}}}),
            json!({"Condition": {"StringEquals": {"k": {"v": 1}}}}),
            json!({"Condition": {"StringEquals": {"k": [["v"]]}}}),
            json!({"Condition": {"Bool": {"k": "maybe"}}}),
        ];
        for members in bad_statements {
            assert_eq!(malformed(&policy(statement(members.clone()))), None, "{members}");
        }
        let good = statement(json!({}));
        for document in [
            json!({}),
            json!({"Statement": []}),
            json!({"Statement": "x"}),
            json!({"Statement": ["x"]}),
            json!({"Statement": good, "Version": "2012-10-18"}),
            json!({"Statement": good, "Version": null}),
            json!({"Statement": good, "Version": 2012}),
            json!({"Statement": good, "Id": 7}),
            json!({"Statement": good, "Comment": "x"}),
            json!({"statement": good}),
        ] {
            assert_eq!(malformed(&document), None, "{document}");
        }
    }

    #[test]
    fn the_reason_names_the_statement_and_stays_short() {
        let long = "x".repeat(10_000);
        let bad = statement(json!({ long: 1 }));
        let error = parse(&policy(vec![statement(json!({})), bad])).unwrap_err();
        assert!(error.reason().starts_with("statement 1: unknown member \"xxx"), "{error}");
        assert!(error.reason().len() < 200);
    }

    #[test]
    fn identity_policies_name_no_principal_and_have_plain_sids() {
        let good = json!({"Principal": null, "Resource": [KEY, "arn:aws:kms:*:111122223333:key/*"]});
        assert!(identity(statement(good)).is_ok());
        assert!(identity(statement(json!({}))).is_err());
        assert!(identity(statement(json!({"Principal": null, "NotPrincipal": "*"}))).is_err());
        assert!(identity(statement(json!({"Principal": null, "Sid": "AllowUse1"}))).is_ok());
        assert!(identity(statement(json!({"Principal": null, "Sid": "Allow use"}))).is_err());
        let no_action = identity(statement(json!({"Principal": null, "Action": null}))).unwrap_err();
        assert_eq!(no_action.message(), Some("Missing required field Action"));
    }
}

mod readings {
    use super::*;

    #[test]
    fn accepts_every_form() {
        let plain = || statement(json!({}));
        for document in [
            json!({"Statement": plain()}),
            json!({"Version": "2008-10-17", "Id": "x", "Statement": [plain()]}),
            policy(vec![statement(json!({"Sid": "same"})), statement(json!({"Sid": "same"}))]),
            policy(statement(json!({"Sid": "Enable IAM User Permissions", "Principal": "*"}))),
            policy(statement(json!({"Principal": {"AWS": ["111122223333", BOB, SESSION, "*"]}}))),
            policy(statement(json!({"Principal": {"Service": "logs.us-east-1.amazonaws.com"}}))),
            policy(statement(json!({"Principal": {"Federated": "cognito-identity.amazonaws.com"}}))),
            policy(statement(json!({"Principal": {"CanonicalUser": "0f".repeat(32)}}))),
            policy(statement(json!({"Principal": null, "NotPrincipal": {"AWS": BOB}, "Effect": "Deny"}))),
            policy(statement(json!({"Action": null, "NotAction": ["kms:Encrypt"]}))),
            policy(statement(json!({"Resource": null, "NotResource": KEY}))),
            policy(statement(json!({"Action": ["*", "kms:Gen?rate*", "s3:GetObject"]}))),
            policy(statement(json!({"Condition": {}}))),
            policy(statement(json!({"Condition": {"Bool": {"kms:MultiRegion": true}, "StringEquals": {}}}))),
            policy(statement(json!({"Condition": {"NumericLessThan": {"k": [7, "8"]}}}))),
        ] {
            assert!(parse(&document).is_ok(), "{document} {:?}", parse(&document));
        }
        let default = default_key_policy("aws", "111122223333");
        assert_eq!(Document::parse(&default, Kind::KeyPolicy).unwrap().len(), 1);
    }

    #[test]
    fn the_last_of_duplicate_members_counts() {
        let text = policy(statement(json!({}))).to_string();
        let text =
            text.replace(r#""Effect":"Allow""#, r#""Effect":"Maybe","Effect":"Allow","Effect":"Deny""#);
        let document = Document::parse(&text, Kind::KeyPolicy).unwrap();
        assert_eq!(decide(&document, ROOT, "kms:Encrypt"), Decision::ExplicitDeny);
    }

    #[test]
    fn lists_its_principals() {
        let document = parse(&policy(vec![
            statement(json!({"Principal": {"AWS": [ROOT, BOB], "Service": "logs.amazonaws.com"}})),
            statement(json!({"Principal": null, "NotPrincipal": {"AWS": SESSION}, "Effect": "Deny"})),
        ]));
        let document = document.unwrap();
        let named: Vec<_> = document.principals().map(ToString::to_string).collect();
        assert_eq!(named, [ROOT, BOB, "logs.amazonaws.com", SESSION]);
        let error = PolicyError::invalid_principal(document.principals().next().unwrap());
        let expected = "Policy contains a statement with one or more invalid principals.";
        assert_eq!(error.message(), Some(expected));
    }
}

mod answers {
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
        assert_eq!(
            callers.map(|caller| covers(&all_but_account, caller)),
            [false, false, false, false, true]
        );
    }

    #[test]
    fn a_deny_overrides_an_allow() {
        let deny = statement(json!({"Effect": "Deny", "Action": "kms:Decrypt", "Sid": "no"}));
        let document = parse(&policy(vec![statement(json!({})), deny])).unwrap();
        assert_eq!(decide(&document, BOB, "kms:Encrypt"), Decision::Allow);
        assert_eq!(decide(&document, BOB, "kms:Decrypt"), Decision::ExplicitDeny);
        assert_eq!(
            decide(&document, "arn:aws:iam::444455556666:root", "kms:Decrypt"),
            Decision::ImplicitDeny
        );
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
