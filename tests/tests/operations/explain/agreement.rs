//! A question gets the answer that the request itself gets, for random small policies.

use std::sync::Arc;

use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use kms_server::auth::{Signatures, UnknownAccessKey};
use kms_server::service::ServiceHeaders;
use lifecycle::crypto::Secret;
use lifecycle::iam::{AccessKey, Entry};
use lifecycle::policy::Principal;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::super::subject::ALIAS;
use super::super::wire::{Answer, call, control, request, send};
use super::ask;

const ALICE: &str = "arn:aws:iam::111122223333:user/team/alice";
const BOB: &str = "arn:aws:iam::444455556666:user/bob";
const ROLE: &str = "arn:aws:iam::111122223333:role/build/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s-1";
const SERVICE: &str = "logs.amazonaws.com";

/// Who calls: the access key, and who that is.
const CALLERS: [(&str, &str); 5] = [
    ("AKIDALICE", ALICE),
    ("AKIDBOB", BOB),
    ("AKIDSESSION", SESSION),
    (ACCOUNT, "arn:aws:iam::111122223333:root"),
    ("service", SERVICE),
];

fn kms() -> TestKms {
    let key = |(id, owner): (&str, &str)| {
        let owner = Principal::parse(owner).unwrap().with_role("build/app");
        Entry::AccessKey(Arc::new(AccessKey { id: id.into(), secret: Secret::new(b"s".to_vec()), owner }))
    };
    TestKms::with(|builder| {
        builder
            .principals(CALLERS.into_iter().take(3).map(key).collect())
            .signatures(Signatures::Ignore)
            .unknown_access_key(Some(UnknownAccessKey::Root))
            .service_headers(ServiceHeaders::Heed)
    })
}

/// A random choice of everything that decides.
#[derive(Clone, Debug)]
struct Setting {
    key_policy: Value,
    /// Of alice, bob and the role.
    identity: [Value; 3],
    boundary: Option<Value>,
    service_control: Option<Value>,
    resource_control: Option<Value>,
    grants: Vec<Value>,
    /// Who tries to retire the last of them.
    retiring: (&'static str, &'static str),
}

const ACTIONS: [&str; 9] = [
    "kms:*",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:ReEncrypt*",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:UpdateAlias",
    "kms:RetireGrant",
    "kms:List*",
];

fn condition() -> impl Strategy<Value = Value> {
    select(vec![
        Value::Null,
        Value::Null,
        Value::Null,
        json!({"StringEquals": {"kms:EncryptionContext:team": "red"}}),
        json!({"Null": {"kms:EncryptionContextKeys": "true"}}),
        json!({"StringEquals": {"aws:PrincipalTag/team": "red"}}),
        json!({"StringEquals": {"kms:CallerAccount": "111122223333"}}),
        json!({"StringEquals": {"kms:RequestAlias": ALIAS}}),
        json!({"ForAnyValue:StringEquals": {"kms:ResourceAliases": ALIAS}}),
        json!({"StringEquals": {"aws:ResourceTag/stage": "test", "kms:KeySpec": "SYMMETRIC_DEFAULT"}}),
        json!({"StringLike": {"aws:username": "al*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
        json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}),
        json!({"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}),
        json!({"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}),
    ])
}

fn effect() -> impl Strategy<Value = &'static str> {
    select(vec!["Allow", "Allow", "Allow", "Deny"])
}

fn document(principals: Vec<Value>) -> impl Strategy<Value = Value> {
    let statement = (effect(), select(ACTIONS.to_vec()), condition(), select(principals)).prop_map(
        |(effect, action, condition, principal)| {
            let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
            for (name, value) in [("Condition", condition), ("Principal", principal)] {
                if !value.is_null() {
                    statement[name] = value;
                }
            }
            statement
        },
    );
    prop::collection::vec(statement, 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn identity_policy() -> impl Strategy<Value = Value> {
    document(vec![Value::Null])
}

fn key_policy() -> impl Strategy<Value = Value> {
    document(vec![
        json!("*"),
        json!({"AWS": ACCOUNT}),
        json!({"AWS": "444455556666"}),
        json!({"AWS": [ALICE, BOB]}),
        json!({"AWS": ROLE}),
        json!({"AWS": SESSION}),
        json!({"Service": SERVICE}),
    ])
}

fn grants() -> impl Strategy<Value = Vec<Value>> {
    let grantee = select(vec![ALICE, BOB, ROLE, SESSION, "arn:aws:iam::444455556666:root"]);
    let operations = subsequence(
        vec!["Decrypt", "Encrypt", "DescribeKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant"],
        1..4,
    );
    let constraints = select(vec![json!({}), json!({"EncryptionContextSubset": {"Team": "red"}})]);
    let grant = (grantee, operations, constraints, select(vec![ALICE, BOB, ROLE])).prop_map(
        |(grantee, operations, constraints, retiring)| {
            json!({
                "GranteePrincipal": grantee, "Operations": operations, "Constraints": constraints,
                "RetiringPrincipal": retiring,
            })
        },
    );
    prop::collection::vec(grant, 1..3)
}

fn setting() -> impl Strategy<Value = Setting> {
    let sometimes = |policy| prop::option::weighted(0.2, policy);
    (
        key_policy(),
        [identity_policy(), identity_policy(), identity_policy()],
        sometimes(identity_policy().boxed()),
        sometimes(identity_policy().boxed()),
        sometimes(key_policy().boxed()),
        grants(),
        select(CALLERS.into_iter().filter(|caller| caller.1 != SERVICE).collect::<Vec<_>>()),
    )
        .prop_map(
            |(key_policy, identity, boundary, service_control, resource_control, grants, retiring)| {
                Setting {
                    key_policy,
                    identity,
                    boundary,
                    service_control,
                    // A resource control policy only denies: one that allows everything is always there.
                    resource_control,
                    grants,
                    retiring,
                }
            },
        )
}

/// A key in a setting.
struct Scene {
    kms: TestKms,
    arn: String,
    /// Without an encryption context, and with one.
    ciphertexts: [String; 2],
    grant: String,
}

impl Scene {
    async fn new(setting: &Setting) -> Scene {
        let kms = kms();
        let put = |name: &str, body: Value| {
            let (kms, path) = (kms.clone(), format!("/_kms/principals/{name}"));
            async move { control(&kms, Method::PUT, &path, body.to_string()).await.ok() }
        };
        let created = json!({"Tags": [{"TagKey": "stage", "TagValue": "test"}]});
        let created = call(&kms, "CreateKey", created).await.ok();
        let arn = created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        call(&kms, "CreateAlias", json!({"AliasName": ALIAS, "TargetKeyId": arn})).await.ok();
        let mut ciphertexts = [String::new(), String::new()];
        for (at, context) in [json!({}), json!({"team": "red"})].into_iter().enumerate() {
            let input = json!({"KeyId": arn, "Plaintext": "c2VjcmV0", "EncryptionContext": context});
            let sealed = call(&kms, "Encrypt", input).await.ok();
            ciphertexts[at] = sealed["CiphertextBlob"].as_str().unwrap().to_owned();
        }
        let mut grant = String::new();
        for given in &setting.grants {
            let mut given = given.clone();
            given["KeyId"] = arn.as_str().into();
            grant = call(&kms, "CreateGrant", given).await.ok()["GrantId"].as_str().unwrap().to_owned();
        }
        let input = json!({
            "KeyId": arn, "Policy": setting.key_policy.to_string(), "BypassPolicyLockoutSafetyCheck": true,
        });
        call(&kms, "PutKeyPolicy", input).await.ok();
        let [alice, bob, role] = &setting.identity;
        put(ALICE, json!({"policies": [alice], "boundary": setting.boundary, "tags": {"team": "red"}})).await;
        put(BOB, json!({"policies": [bob], "boundary": setting.boundary})).await;
        let trust = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}});
        put(ROLE, json!({"policies": [role], "boundary": setting.boundary, "trust": trust, "tags": {"team": "red"}}))
            .await;
        let mut organization = json!({"id": "o-a1b2c3d4e5"});
        if let Some(policy) = &setting.service_control {
            organization["service_control"] = json!([["FullAWSAccess"], ["FullAWSAccess", policy]]);
        }
        if let Some(policy) = &setting.resource_control {
            organization["resource_control"] = json!(["RCPFullAWSAccess", policy]);
        }
        put(ACCOUNT, json!({ "organization": organization })).await;
        Scene { kms, arn, ciphertexts, grant }
    }

    async fn call(&self, access_key: &str, operation: &str, input: &Value) -> Answer {
        let service = access_key == "service";
        let mut request =
            request(if service { ACCOUNT } else { access_key }, REGION, operation, input.to_string());
        if service {
            request.headers_mut().insert("x-kms-service", SERVICE.parse().unwrap());
        }
        send(&self.kms, request).await
    }

    /// Makes a request, and asks about each of its permissions before.
    async fn compare(&self, caller: (&str, &str), operation: &str, input: Value, questions: &[Value]) {
        let mut expected = None;
        for question in questions {
            let mut question = question.clone();
            question["principal"] = caller.1.into();
            let answer = ask(&self.kms, &question).await.ok();
            if answer["decision"] == "deny" && expected.is_none() {
                expected = Some(answer);
            }
        }
        let found = self.call(caller.0, operation, &input).await;
        let denied = (found.code() == "AccessDeniedException").then(|| found.message());
        let message = expected.as_ref().map(|answer| answer["message"].as_str().unwrap().to_owned());
        assert_eq!(message, denied, "{} {operation} {input}: {expected:?}", caller.1);
        assert!(denied.is_some() || found.status == 200, "{operation}: {}", found.body.escape_ascii());
        let (Some(expected), Some(id)) = (expected, found.headers.get("x-amzn-requestid")) else { return };
        // A foreign principal is turned away before policies are asked, where an operation is not for it.
        if expected["message"] == "This operation cannot be called cross account" {
            return;
        }
        let path = format!("/_kms/explain?request={}", id.to_str().unwrap());
        let told = control(&self.kms, Method::GET, &path, "").await.ok();
        for member in
            ["decision", "explicit", "message", "missing", "principal", "action", "resource", "reasons"]
        {
            assert_eq!(told[member], expected[member], "{member} of {told}");
        }
        assert_eq!(told["refused"], true);
    }

    async fn run(&self, retiring: (&str, &str)) {
        let arn = self.arn.as_str();
        for caller in CALLERS {
            let foreign = caller.1 == BOB || caller.1 == SERVICE;
            for key in if foreign { vec![arn] } else { vec![arn, ALIAS] } {
                let ask = |action: &str, context: &Value| {
                    let mut question = json!({"action": format!("kms:{action}"), "key": key});
                    for (name, value) in context.as_object().unwrap() {
                        question["context"][format!("kms:EncryptionContext:{name}")] = value.clone();
                    }
                    question
                };
                for (blob, context) in self.ciphertexts.iter().zip([json!({}), json!({"team": "red"})]) {
                    let input = json!({"KeyId": key, "Plaintext": "c2VjcmV0", "EncryptionContext": context});
                    self.compare(caller, "Encrypt", input, &[ask("Encrypt", &context)]).await;
                    let input = json!({"KeyId": key, "CiphertextBlob": blob, "EncryptionContext": context});
                    self.compare(caller, "Decrypt", input, &[ask("Decrypt", &context)]).await;
                    let input = json!({
                        "SourceKeyId": key, "CiphertextBlob": blob, "SourceEncryptionContext": context,
                        "DestinationKeyId": key,
                    });
                    let asked = [ask("ReEncryptFrom", &context), ask("ReEncryptTo", &json!({}))];
                    self.compare(caller, "ReEncrypt", input, &asked).await;
                }
                let asked = [ask("DescribeKey", &json!({}))];
                self.compare(caller, "DescribeKey", json!({ "KeyId": key }), &asked).await;
            }
            self.compare(caller, "ListKeys", json!({}), &[json!({"action": "kms:ListKeys"})]).await;
            if !foreign {
                let input = json!({"AliasName": ALIAS, "TargetKeyId": arn});
                self.compare(
                    caller,
                    "UpdateAlias",
                    input,
                    &[json!({"action": "kms:UpdateAlias", "key": ALIAS})],
                )
                .await;
            }
        }
        for caller in CALLERS.into_iter().filter(|caller| caller.1 != SERVICE) {
            let asked = [json!({"action": "kms:DisableKey", "key": arn})];
            self.compare(caller, "DisableKey", json!({ "KeyId": arn }), &asked).await;
        }
        let asked = [json!({"action": "kms:RetireGrant", "key": arn, "grants": [self.grant]})];
        self.compare(retiring, "RetireGrant", json!({"KeyId": arn, "GrantId": self.grant}), &asked).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_question_gets_the_answer_of_its_request(setting in setting()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Scene::new(&setting).await.run(setting.retiring).await });
    }
}
