//! `/_kms/explain`: it says what a request gets, and why.

mod agreement;
mod cases;

use fixtures::{ACCOUNT, TestKms};
use http::{Method, StatusCode};
use kms_server::auth::{Signatures, UnknownAccessKey};
use kms_server::pipeline::{Authorization, Mode};
use serde_json::{Value, json};

use super::subject::{ALIAS, ROLE, Subject, policy};
use super::wire::{Answer, call, call_of, control, events};

/// A key that does not exist.
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

async fn ask(kms: &TestKms, question: &Value) -> Answer {
    control(kms, Method::POST, "/_kms/explain", question.to_string()).await
}

/// A question with some members changed; null takes one away.
fn with(question: &Value, changes: Value) -> Value {
    let mut question = question.clone();
    for (name, value) in changes.as_object().unwrap() {
        question[name] = value.clone();
    }
    question.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    question
}

fn statement(effect: &str, action: &str, condition: Value) -> Value {
    let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    json!({"Version": "2012-10-17", "Statement": statement})
}

/// Alice asks to decrypt with a key that leaves it to her account, by a policy with a condition.
fn conditioned(condition: Value) -> Value {
    let key_policy: Value = serde_json::from_str(&policy()).unwrap();
    json!({
        "principal": ALICE, "action": "kms:Decrypt", "key": KEY, "key_policy": key_policy,
        "identity_policies": [statement("Allow", "kms:*", condition)],
    })
}

async fn decision(kms: &TestKms, question: &Value) -> String {
    ask(kms, question).await.ok()["decision"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answer_names_the_decision_its_reasons_and_what_is_missing() {
    let kms = TestKms::new();
    let question = conditioned(Value::Null);
    let mut expected = json!({
        "principal": ALICE, "action": "kms:Decrypt", "resource": KEY, "decision": "allow", "explicit": false,
        "reasons": [
            {"source": "key-policy", "statement": 0, "effect": "Allow", "principal": "account"},
            {"source": "identity-policy", "policy": "policy-1", "statement": 0, "effect": "Allow"},
        ],
    });
    assert_eq!(ask(&kms, &question).await.ok(), expected);
    let answer = ask(&kms, &with(&question, json!({"identity_policies": []}))).await.ok();
    let missing = format!("An identity policy of {ALICE} would have to allow kms:Decrypt on {KEY}.");
    let message = format!(
        "User: {ALICE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no identity-based policy \
         allows the kms:Decrypt action"
    );
    expected["decision"] = "deny".into();
    expected["message"] = message.into();
    expected["missing"] = missing.into();
    expected["reasons"].as_array_mut().unwrap().pop();
    assert_eq!(answer, expected);
    // Nothing was carried out, made or recorded.
    assert!(events(&kms, "").await.is_empty());
    assert_eq!(control(&kms, Method::GET, "/_kms/keys", "").await.ok(), json!({ "keys": [] }));
}

#[tokio::test]
async fn what_is_stored_counts_until_the_question_says_otherwise() {
    let kms = TestKms::with(|builder| builder.unknown_access_key(Some(UnknownAccessKey::Root)));
    let key = Subject::new(&kms).await;
    let user = json!({"policies": ["AdministratorAccess"], "tags": {"team": "red"}});
    control(&kms, Method::PUT, &format!("/_kms/principals/{ALICE}"), user.to_string()).await.ok();
    let stored = json!({"principal": ALICE, "action": "kms:Decrypt"});
    for name in [key.id.as_str(), &key.arn, ALIAS, &format!("arn:aws:kms:us-east-1:{ACCOUNT}:{ALIAS}")] {
        let answer = ask(&kms, &with(&stored, json!({"key": name}))).await.ok();
        assert_eq!((&answer["decision"], &answer["resource"]), (&json!("allow"), &json!(key.arn)), "{name}");
    }
    let stored = with(&stored, json!({"key": key.id}));
    let red = json!({"StringEquals": {"aws:PrincipalTag/team": "red"}});
    let deny = statement("Deny", "kms:Decrypt", Value::Null);
    let other: Value = serde_json::from_str(&policy().replace(ACCOUNT, "444455556666")).unwrap();
    let denies_anyone =
        json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}});
    for (changes, expected, source) in [
        (json!({"identity_policies": []}), "deny", None),
        (json!({"identity_policies": [statement("Allow", "kms:Decrypt", red.clone())]}), "allow", None),
        (
            json!({
                "identity_policies": [statement("Allow", "kms:Decrypt", red)], "principal_tags": {"team": "blue"},
            }),
            "deny",
            None,
        ),
        (json!({"key_policy": other}), "deny", None),
        (json!({"key_policy": other.to_string()}), "deny", None),
        (json!({"permissions_boundary": deny}), "deny", Some("permissions-boundary")),
        (json!({"permissions_boundary": "AWSKeyManagementServicePowerUser"}), "deny", None),
        (json!({"session_policies": [deny]}), "deny", Some("session-policy")),
        (json!({"service_control_policies": ["FullAWSAccess"]}), "allow", None),
        (
            json!({"service_control_policies": ["FullAWSAccess", deny]}),
            "deny",
            Some("service-control-policy"),
        ),
        (json!({"service_control_policies": [["FullAWSAccess"], []]}), "deny", None),
        (json!({"service_control_policies": []}), "allow", None),
        (json!({"resource_control_policies": [denies_anyone]}), "deny", Some("resource-control-policy")),
        (json!({"vpc_endpoint_policy": denies_anyone}), "deny", Some("vpc-endpoint-policy")),
        (json!({"region": "us-east-1"}), "allow", None),
    ] {
        let answer = ask(&kms, &with(&stored, changes.clone())).await.ok();
        assert_eq!(answer["decision"], expected, "{changes}: {answer}");
        assert_eq!(answer["explicit"], source.is_some(), "{changes}: {answer}");
        if let Some(source) = source {
            assert_eq!(answer["reasons"][0]["source"], source, "{changes}");
        }
    }
    let elsewhere = ask(&kms, &with(&stored, json!({"region": "eu-west-1"}))).await;
    assert!(
        elsewhere.message().starts_with("`key`: there is no key arn:aws:kms:eu-west-1:"),
        "{}",
        elsewhere.message()
    );
}

#[tokio::test]
async fn grants_are_stored_given_or_named_by_token() {
    let delayed = |builder: kms_server::builder::Builder| {
        let limits = kms_server::limits::Limits {
            grant_consistency_delay: std::time::Duration::from_secs(300),
            ..kms_server::limits::Limits::default()
        };
        builder.limits(limits)
    };
    let kms = TestKms::with(delayed);
    let key = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let grant =
        json!({"KeyId": key, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE, "Operations": ["Decrypt"]});
    let made = call(&kms, "CreateGrant", grant).await.ok();
    let session = "arn:aws:sts::111122223333:assumed-role/app/s-1";
    let question = json!({"principal": session, "action": "kms:Decrypt", "key": key});
    assert_eq!(decision(&kms, &question).await, "deny", "the grant is too new");
    let by_token = with(&question, json!({"grant_tokens": [made["GrantToken"]]}));
    let answer = ask(&kms, &by_token).await.ok();
    let last = answer["reasons"].as_array().unwrap().last().unwrap();
    let by_grant =
        json!({"source": "grant", "policy": made["GrantId"], "effect": "Allow", "principal": "role"});
    assert_eq!((&answer["decision"], last), (&json!("allow"), &by_grant));
    // What a question names or describes counts in the place of what is stored.
    let named = with(&by_token, json!({"grants": [made["GrantId"]]}));
    assert_eq!(decision(&kms, &named).await, "allow");
    assert_eq!(decision(&kms, &with(&by_token, json!({"grants": []}))).await, "deny");
    let constrained = json!({
        "grantee_principal": ROLE, "operations": ["Decrypt"], "constraints": {
            "EncryptionContextSubset": {"Team": "red"}, "SourceArn": "arn:aws:logs:us-east-1:111122223333:group",
        },
    });
    let given = with(&question, json!({ "grants": [constrained] }));
    assert_eq!(decision(&kms, &given).await, "deny");
    let pair = json!({"kms:EncryptionContext:team": "red"});
    assert_eq!(decision(&kms, &with(&given, json!({ "context": pair }))).await, "deny");
    let mut both = pair;
    both["aws:SourceArn"] = "arn:aws:logs:us-east-1:111122223333:group".into();
    let answer = ask(&kms, &with(&given, json!({ "context": both }))).await.ok();
    assert_eq!(answer["reasons"][1]["policy"], "grants[0]", "{answer}");
    let service = json!({
        "grantee_service_principal": "logs.amazonaws.com", "retiring_service_principal": "logs.amazonaws.com",
        "operations": ["Decrypt"],
    });
    let service = with(&question, json!({"principal": "logs.us-east-1.amazonaws.com", "grants": [service]}));
    assert_eq!(decision(&kms, &service).await, "allow");
    // A grant may be retired at once, by whoever holds its token; the grantee is not asked.
    let retire = with(&by_token, json!({"action": "kms:RetireGrant", "key": null}));
    let answer = ask(&kms, &retire).await.ok();
    assert_eq!((&answer["decision"], &answer["resource"]), (&json!("allow"), &key));
    let other = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    let other = ask(&kms, &with(&retire, json!({ "key": other }))).await;
    assert_eq!(other.message(), "`grant_tokens`: the grant is one of another key than `key`");
}

#[tokio::test]
async fn condition_keys_are_those_of_a_request_and_the_question_overrides_them() {
    let kms = TestKms::new();
    let context = |name: &str, value: Value| json!({ "context": { name: value } });
    let pair = "kms:EncryptionContext:team";
    let red = conditioned(
        json!({"StringEquals": {pair: "red"}, "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}}),
    );
    let now = conditioned(json!({"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}}));
    let spec = conditioned(
        json!({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:CallerAccount": ACCOUNT}}),
    );
    let user = conditioned(json!({"StringEquals": {"aws:username": "alice"}}));
    let secure = conditioned(json!({"Bool": {"aws:SecureTransport": "true"}}));
    let via = conditioned(
        json!({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}, "Bool": {"aws:ViaAWSService": "true"}}),
    );
    let tags = conditioned(
        json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Null": {"aws:TagKeys": "false"}}),
    );
    let size = conditioned(json!({"NumericLessThan": {"kms:RotationPeriodInDays": "100"}}));
    for (question, changes, expected) in [
        (&red, json!({}), "deny"),
        (&red, context(pair, json!("red")), "allow"),
        (&red, context("KMS:encryptioncontext:team", json!(["red"])), "allow"),
        (&red, json!({"context": {pair: "red", "kms:EncryptionContext:stage": "test"}}), "deny"),
        (&now, json!({}), "allow"),
        (&now, context("aws:currenttime", json!("2026-12-01T00:00:00Z")), "deny"),
        (&spec, json!({}), "allow"),
        (&spec, context("kms:KeySpec", json!("RSA_2048")), "deny"),
        (&user, json!({}), "allow"),
        (&user, context("aws:username", Value::Null), "deny"),
        (&secure, json!({}), "deny"),
        (&secure, context("aws:SecureTransport", json!(true)), "allow"),
        (&via, json!({}), "deny"),
        (&via, context("kms:ViaService", json!("s3.us-east-1.amazonaws.com")), "allow"),
        (&tags, json!({}), "deny"),
        (&tags, context("aws:TagKeys", json!(["a", "b"])), "allow"),
        (&tags, context("aws:TagKeys", json!(["a", "c"])), "deny"),
        (&size, context("kms:RotationPeriodInDays", json!(99)), "allow"),
        (&size, context("kms:RotationPeriodInDays", json!(100.5)), "deny"),
    ] {
        let answer = ask(&kms, &with(question, changes.clone())).await.ok();
        assert_eq!(answer["decision"], expected, "{} {changes}", question["identity_policies"]);
    }
}

#[tokio::test]
async fn operations_keep_their_rules() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let stranger = "arn:aws:iam::444455556666:root";
    let anyone =
        json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}});
    let answer = ask(
        &kms,
        &json!({
            "principal": stranger, "action": "kms:DisableKey", "key": key.arn, "key_policy": anyone,
        }),
    )
    .await
    .ok();
    assert_eq!(answer["message"], "This operation cannot be called cross account");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for (action, key) in [
        ("kms:CreateKey", None),
        ("kms:ListKeys", None),
        ("kms:TagResource", None),
        ("kms:TagResource", Some(key.id.as_str())),
        ("kms:ReEncryptTo", Some(&key.id)),
        ("kms:ListRetirableGrants", None),
        ("kms:ListRetirableGrants", Some(ROLE)),
        ("kms:CreateAlias", Some("alias/new")),
        ("kms:ReplicateKey", Some(&key.id)),
    ] {
        let question = json!({"principal": root, "action": action, "key": key});
        assert_eq!(decision(&kms, &question).await, "allow", "{question}");
        let question = with(&question, json!({"principal": ALICE}));
        assert_eq!(decision(&kms, &question).await, "deny", "{question}");
    }
    // An alias that exists needs the permission on the key behind it, too.
    let change = |resource: &str| statement_on(resource);
    let alias = format!("arn:aws:kms:us-east-1:{ACCOUNT}:{ALIAS}");
    let question = json!({"principal": ALICE, "action": "kms:UpdateAlias", "key": ALIAS});
    let both = ask(&kms, &with(&question, json!({"identity_policies": [change(&alias), change(&key.arn)]})))
        .await
        .ok();
    assert_eq!((&both["decision"], &both["resource"]), (&json!("allow"), &json!(alias)), "{both}");
    assert_eq!(both["reasons"].as_array().unwrap().len(), 3, "{both}");
    let half = ask(&kms, &with(&question, json!({"identity_policies": [change(&alias)]}))).await.ok();
    assert_eq!((&half["decision"], &half["resource"]), (&json!("deny"), &json!(key.arn)), "{half}");
    // The grant alone decides who may retire it.
    let retire =
        json!({"principal": ROLE, "action": "kms:RetireGrant", "key": key.id, "grants": [key.grant]});
    assert_eq!(decision(&kms, &retire).await, "allow");
    assert_eq!(decision(&kms, &with(&retire, json!({"principal": ALICE}))).await, "deny");
    let session = with(&retire, json!({"principal": "arn:aws:sts::111122223333:assumed-role/app/s-1"}));
    assert_eq!(decision(&kms, &session).await, "allow");
}

fn statement_on(resource: &str) -> Value {
    json!({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": resource}})
}

#[tokio::test]
async fn a_denial_that_has_happened_is_told_from_the_audit_log() {
    let log = Authorization { mode: Mode::Log, ..Authorization::default() };
    for (authorization, refused) in [(Authorization::default(), true), (log, false)] {
        let kms = TestKms::with(|builder| {
            let text = format!("users: [{{arn: '{ALICE}', access_keys: [{{id: AKIDALICE, secret: s}}]}}]");
            builder
                .authorization(authorization)
                .signatures(Signatures::Ignore)
                .unknown_access_key(Some(UnknownAccessKey::Root))
                .principals(kms_server::principals::parse("p.yaml", &text).unwrap())
        });
        let key = Subject::new(&kms).await;
        let caller = ("AKIDALICE", "us-east-1");
        let answer = call_of(&kms, caller, "DescribeKey", json!({"KeyId": key.id})).await;
        assert_eq!(answer.status == StatusCode::OK, !refused);
        let id = answer.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
        let told = control(&kms, Method::GET, &format!("/_kms/explain?request={id}"), "").await.ok();
        let question = json!({"principal": ALICE, "action": "kms:DescribeKey", "key": key.id});
        let mut expected = ask(&kms, &question).await.ok();
        for (name, value) in
            [("request", json!(id)), ("time", json!("2026-01-01T00:00:00Z")), ("refused", json!(refused))]
        {
            expected[name] = value;
        }
        assert_eq!(told, expected);
        assert_eq!(ask(&kms, &json!({ "request": id })).await.ok(), expected);
        // Other ends are told apart.
        let fine = call(&kms, "ListKeys", json!({})).await;
        let missing =
            call(&kms, "DescribeKey", json!({"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"})).await;
        for (answer, part) in [
            (&fine, "was not denied: it succeeded"),
            (&missing, "was not denied by a policy: it ended with NotFoundException: Key 'arn:"),
        ] {
            let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
            let told = control(&kms, Method::GET, &format!("/_kms/explain?request={id}"), "").await;
            assert_eq!(told.status, StatusCode::NOT_FOUND);
            assert!(told.message().starts_with(&format!("request {id} {part}")), "{}", told.message());
        }
        // What the denial of a foreign key hides from its caller, it tells.
        let foreign = call(&kms, "DescribeKey", json!({"KeyId": KEY.replace(ACCOUNT, "444455556666")})).await;
        let id = foreign.headers["x-amzn-requestid"].to_str().unwrap();
        let told = control(&kms, Method::GET, &format!("/_kms/explain?request={id}"), "").await.ok();
        assert_eq!((&told["decision"], &told["refused"]), (&json!("deny"), &json!(true)));
        assert_eq!(told["missing"], "There is no such key or alias in this Region.");
        let unknown = control(&kms, Method::GET, "/_kms/explain?request=nothing", "").await;
        assert_eq!(
            (unknown.status, unknown.message().as_str()),
            (StatusCode::NOT_FOUND, "the audit log has no request nothing")
        );
    }
}

#[tokio::test]
async fn the_work_is_bounded() {
    let kms = TestKms::with(|builder| {
        builder.authorization(Authorization { policy_steps_max: 10, ..Authorization::default() })
    });
    let answer = ask(&kms, &conditioned(Value::Null)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message().contains("more than 10 steps"), "{}", answer.message());
}

#[tokio::test]
async fn a_faulty_question_is_refused_with_the_name_of_its_member() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let question = conditioned(Value::Null);
    let many =
        |count: usize| (0..count).map(|at| (at.to_string(), json!("v"))).collect::<serde_json::Map<_, _>>();
    let grant = |changes: Value| {
        let grant = with(&json!({"grantee_principal": ROLE, "operations": ["Decrypt"]}), changes);
        json!({ "grants": [grant] })
    };
    let list_keys = |changes: Value| {
        let bare = json!({"action": "kms:ListKeys", "key": null, "key_policy": null});
        with(&bare, changes).as_object().unwrap().iter().fold(bare, |mut all, (name, value)| {
            all[name] = value.clone();
            all
        })
    };
    for (changes, part) in [
        (json!({"principal": null}), "needs the field `principal`"),
        (json!({"principal": "alice"}), "`principal`: expected the ARN of a user"),
        (json!({"principal": 7}), "`principal`"),
        (json!({"principal": "a".repeat(2_049)}), "`principal`: at most 2048 characters"),
        (json!({"key": "a".repeat(2_049)}), "`key`: at most 2048 characters"),
        (json!({"principal": "arn:aws:iam::111122223333:group/g"}), "`principal`: expected"),
        (json!({"principal": "arn:other:iam::111122223333:user/a"}), "`principal`: expected"),
        (json!({"action": null}), "needs the field `action`"),
        (
            json!({"action": "kms:Decript"}),
            "`action`: `kms:Decript` is no permission of KMS; the nearest is `kms:Decrypt`",
        ),
        (json!({"action": "Decrypt"}), "the nearest is `kms:Decrypt`"),
        (json!({"action": "kms:ReEncrypt"}), "the nearest is `kms:ReEncryptFrom`"),
        (json!({"action": "s3:GetObject"}), "`action`: "),
        (json!({"key": null}), "`key`: kms:Decrypt is a permission on a key: say on which"),
        (json!({"key": "nonsense"}), "`key`: nonsense is no key id"),
        (
            json!({"key": "alias/nothing"}),
            "`key`: there is no key behind arn:aws:kms:us-east-1:111122223333:alias/nothing",
        ),
        (
            json!({"key": "1234abcd-12ab-34cd-56ef-1234567890ab"}),
            "`key`: there is no key arn:aws:kms:us-east-1:",
        ),
        (json!({"key_policy": null}), "give the ARN and a `key_policy`"),
        (json!({"key_policy": {"Statement": [{}]}}), "`key_policy`: "),
        (json!({"key_policy": "{"}), "`key_policy`: the policy is not JSON"),
        (json!({"key_policy": 7}), "`key_policy`: expected a policy"),
        (json!({"region": "no where"}), "`region`: `no where` is no Region"),
        (json!({"region": "eu-west-1"}), "`region`: the key is in us-east-1"),
        (json!({"context": []}), "`context`: expected a table"),
        (json!({"context": {"a": {}}}), "`context`: `a` has texts, numbers and booleans, not a table"),
        (json!({"context": {"a": [[]]}}), "`context`: `a` has"),
        (json!({"context": many(1_001)}), "`context`: at most 1000 condition keys"),
        (json!({"context": {"a": vec!["v"; 1_001]}}), "`context`: `a` has too many values"),
        (json!({"identity_policies": {}}), "`identity_policies`: expected a list"),
        (json!({"identity_policies": ["Nonsense"]}), "`identity_policies`: `Nonsense` is no policy of AWS"),
        (json!({"identity_policies": [question["key_policy"]]}), "`identity_policies`: policy `policy-1`: "),
        (json!({"permissions_boundary": []}), "`permissions_boundary`: "),
        (json!({"session_policies": [{"Statement": 1}]}), "`session_policies`: "),
        (
            json!({"service_control_policies": [["FullAWSAccess"], "FullAWSAccess"]}),
            "`service_control_policies`: ",
        ),
        (json!({"service_control_policies": vec![json!([]); 11]}), "at most 10 levels"),
        (json!({"resource_control_policies": ["FullAWSAccess"]}), "`resource_control_policies`: "),
        (json!({"vpc_endpoint_policy": 1}), "`vpc_endpoint_policy`: "),
        (json!({"principal_tags": {"aws:x": "y"}}), "`principal_tags`: keys of tags that begin with aws:"),
        (json!({"principal_tags": []}), "`principal_tags`: "),
        (json!({"grant_tokens": ["forged"]}), "`grant_tokens`: one of them is not genuine"),
        (json!({"grant_tokens": [1]}), "`grant_tokens`: "),
        (json!({"grants": ["short"]}), "`grants`: `short` is no id of a grant"),
        (json!({"grants": ["0".repeat(64)]}), "`grants`: the key has no grant 0000"),
        (json!({"grants": vec![json!({}); 1_001]}), "`grants`: at most 1000"),
        (grant(json!({"grantee_principal": null})), "a grant needs the field `grantee_principal`"),
        (grant(json!({"grantee_principal": "alice"})), "`grantee_principal`: `alice` is no principal"),
        (grant(json!({"grantee_service_principal": "s3.amazonaws.com"})), "give either"),
        (
            grant(json!({"operations": ["DisableKey"]})),
            "`DisableKey` is no operation that a grant can permit",
        ),
        (grant(json!({"constraint": {}})), "the nearest is `constraints`"),
        (grant(json!({"constraints": {"encryption_context": {}}})), "`constraints` has no field"),
        (
            grant(json!({"constraints": {"EncryptionContextEquals": {}, "EncryptionContextSubset": {}}})),
            "give either `EncryptionContextEquals` or",
        ),
        (grant(json!({"constraints": {"EncryptionContextEquals": many(9)}})), "at most 8 pairs"),
        (list_keys(json!({"key": key.id})), "`key`: kms:ListKeys is a permission on no key"),
        (list_keys(json!({"key_policy": question["key_policy"]})), "`key_policy`: there is no key"),
        (list_keys(json!({"grants": []})), "`grants`: there is no key"),
        (json!({"action": "kms:CreateAlias", "key": "alias/new"}), "`key_policy`: there is no key"),
        (json!({"action": "kms:RetireGrant"}), "kms:RetireGrant is about one grant"),
        (json!({"action": "kms:RetireGrant", "key": null}), "`key`: kms:RetireGrant"),
        (json!({"polices": []}), "a question has no field `polices`"),
        (json!({"request": "id"}), "`request` is the id of a request"),
    ] {
        let answer = ask(&kms, &with(&question, changes.clone())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changes}");
        assert!(answer.message().contains(part), "{changes}: {}", answer.message());
    }
    for (body, part) in
        [("{", "the question is not JSON"), ("[]", "expected a table for a question"), ("", "not JSON")]
    {
        let answer = control(&kms, Method::POST, "/_kms/explain", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.message().contains(part), "{body}: {}", answer.message());
    }
    for (path, part) in [
        ("", "say which request"),
        ("?id=1", "id is no parameter"),
        (&format!("?request={}", "i".repeat(129)), "at most 128 bytes"),
    ] {
        let answer = control(&kms, Method::GET, &format!("/_kms/explain{path}"), "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.message().contains(part), "{path}: {}", answer.message());
    }
    assert_eq!(control(&kms, Method::PUT, "/_kms/explain", "").await.status, StatusCode::NOT_FOUND);
}
