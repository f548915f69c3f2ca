//! GetKeyPolicy, PutKeyPolicy, ListKeyPolicies, and the policy of CreateKey.
//!
//! AWS: KMS API reference, "PutKeyPolicy"; texts observed.

use fixtures::{ACCOUNT, TestKms};
use serde_json::{Value, json};

use super::subject::{State, Subject};
use super::wire::{call, refuses};

const DEFAULT: &str = r#"{
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

const NO_PRINCIPAL: &str = "Policy contains a statement with no principal.";
const INVALID_PRINCIPAL: &str = "Policy contains a statement with one or more invalid principals.";
const LOCKOUT: &str = "The new key policy will not allow you to update the key policy in the future.";

fn root(account: &str) -> Value {
    json!({"AWS": format!("arn:aws:iam::{account}:root")})
}

/// The statement that keeps the caller able to change the policy.
fn keep() -> Value {
    json!({"Effect": "Allow", "Principal": root(ACCOUNT), "Action": "kms:*", "Resource": "*"})
}

/// A policy of the keeping statement and others.
fn policy(others: impl IntoIterator<Item = Value>) -> Value {
    let statements: Vec<Value> = [keep()].into_iter().chain(others).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statement(principal: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*"})
}

fn without(mut value: Value, member: &str) -> Value {
    value.as_object_mut().unwrap().remove(member);
    value
}

async fn stored(kms: &TestKms, key: &str) -> String {
    let answer = call(kms, "GetKeyPolicy", json!({"KeyId": key})).await.ok();
    answer["Policy"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_default_policy_is_awss_to_the_letter() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for name in [None, Some("default")] {
        let answer = call(&kms, "GetKeyPolicy", json!({"KeyId": key.id, "PolicyName": name})).await.ok();
        assert_eq!(answer, json!({"Policy": DEFAULT, "PolicyName": "default"}));
    }
    let through_sdk = kms.client().get_key_policy().key_id(&key.arn).send().await.unwrap();
    assert_eq!((through_sdk.policy(), through_sdk.policy_name()), (Some(DEFAULT), Some("default")));
}

#[tokio::test]
async fn a_policy_comes_back_printed_anew_with_its_members_in_order() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let sent = r#"{"Statement":[{"Resource":"*","Action":["kms:A","kms:*"],"Principal":{"AWS":["arn:aws:iam::111122223333:root"]},"Effect":"Allow","Sid":"é","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}},{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}],"Id":"","Version":"2012-10-17"}"#;
    let printed = r#"{
  "Statement" : [ {
    "Resource" : "*",
    "Action" : [ "kms:A", "kms:*" ],
    "Principal" : {
      "AWS" : [ "arn:aws:iam::111122223333:root" ]
    },
    "Effect" : "Allow",
    "Sid" : "é",
    "Condition" : {
      "Bool" : {
        "kms:GrantIsForAWSResource" : "true"
      }
    }
  }, {
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111122223333:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ],
  "Id" : "",
  "Version" : "2012-10-17"
}"#;
    let client = kms.client();
    client.put_key_policy().key_id(&key.id).policy(sent).send().await.unwrap();
    assert_eq!(stored(&kms, &key.id).await, printed);
    client.put_key_policy().key_id(&key.id).policy_name("default").policy(printed).send().await.unwrap();
    assert_eq!(stored(&kms, &key.id).await, printed, "printing is idempotent");
    let created = client.create_key().policy(sent).send().await.unwrap();
    assert_eq!(stored(&kms, created.key_metadata().unwrap().key_id()).await, printed);
}

#[tokio::test]
async fn only_the_default_policy_exists() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for name in ["AWS_RAM", "another", "Default"] {
        let answer = kms.client().get_key_policy().key_id(&key.id).policy_name(name).send().await;
        refuses(&answer, "NotFoundException", "No such policy exists");
    }
    let put = async |name: &str| {
        let input = json!({"KeyId": key.id, "PolicyName": name, "Policy": policy([]).to_string()});
        call(&kms, "PutKeyPolicy", input).await
    };
    let text = "The AWS_RAM policy can only be managed by the RAM service";
    put("AWS_RAM").await.refuses("ValidationException", text);
    assert_eq!(put("another").await.code(), "UnsupportedOperationException");
    put("a-b").await.refuses(
        "ValidationException",
        r"1 validation error detected: Value 'a-b' at 'policyName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w]+",
    );
    assert_eq!(stored(&kms, &key.id).await, DEFAULT);
}

#[tokio::test]
async fn each_way_to_be_malformed_has_its_text() {
    let missing = |member: &str| without(statement(root(ACCOUNT)), member);
    let cases: Vec<(String, Option<&str>)> = vec![
        ("not a real policy".to_owned(), None),
        ("{".to_owned(), None),
        ("[]".to_owned(), None),
        (json!({"Version": "2012-10-17"}).to_string(), None),
        (json!({"Version": "2012-10-17", "Statement": []}).to_string(), None),
        (policy([missing("Action")]).to_string(), Some("Missing required field Action")),
        (policy([missing("Resource")]).to_string(), Some("Missing required field Resource")),
        (policy([missing("Principal")]).to_string(), Some(NO_PRINCIPAL)),
        (policy([statement(json!({"AWS": []}))]).to_string(), Some(NO_PRINCIPAL)),
        (policy([statement(json!({"AWS": "foo"}))]).to_string(), Some(INVALID_PRINCIPAL)),
        (
            policy([statement(json!({"AWS": "arn:aws-cn:iam::111122223333:root"}))]).to_string(),
            Some(INVALID_PRINCIPAL),
        ),
        (policy([statement(json!({"AWS": "arn:aws:s3:::bucket"}))]).to_string(), Some(INVALID_PRINCIPAL)),
    ];
    for (text, message) in cases {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        for mut input in [json!({}), json!({"BypassPolicyLockoutSafetyCheck": true})] {
            input["Policy"] = text.clone().into();
            let created = call(&kms, "CreateKey", input.clone()).await;
            let mut put = input;
            put["KeyId"] = key.id.clone().into();
            let put = call(&kms, "PutKeyPolicy", put).await;
            for answer in [created, put] {
                assert_eq!(answer.code(), "MalformedPolicyDocumentException", "{text}");
                if let Some(message) = message {
                    assert_eq!(answer.message(), message, "{text}");
                }
            }
        }
        assert_eq!(stored(&kms, &key.id).await, DEFAULT);
        assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"].as_array().unwrap().len(), 1);
    }
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let answer = call(&kms, "PutKeyPolicy", json!({"KeyId": key.id, "Policy": "not a real policy"})).await;
    answer.refuses("MalformedPolicyDocumentException", None);
}

#[tokio::test]
async fn an_iam_group_is_no_principal() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let group = statement(json!({"AWS": "arn:aws:iam::111122223333:group/admins"}));
    let text = "An ARN in the specified key policy is invalid.";
    let input = json!({"KeyId": key.id, "Policy": policy([group]).to_string()});
    call(&kms, "PutKeyPolicy", input.clone()).await.refuses("InvalidArnException", text);
    call(&kms, "CreateKey", without(input, "KeyId")).await.refuses("InvalidArnException", text);
}

#[tokio::test]
async fn principals_that_are_accepted() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for principal in [
        json!({"AWS": "*"}),
        json!({"AWS": "444455556666"}),
        json!({"AWS": ["arn:aws:iam::444455556666:root", "111122223333"]}),
        json!({"Service": "logs.us-east-1.amazonaws.com"}),
    ] {
        let input = json!({"KeyId": key.id, "Policy": policy([statement(principal.clone())]).to_string()});
        let answer = call(&kms, "PutKeyPolicy", input).await;
        assert_eq!(answer.code(), "", "{principal}: {}", answer.message());
    }
}

#[tokio::test]
async fn a_policy_must_not_lock_its_author_out_unless_told_to() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let other =
        json!({"Effect": "Allow", "Principal": root("444455556666"), "Action": "kms:*", "Resource": "*"});
    let reading =
        json!({"Effect": "Allow", "Principal": root(ACCOUNT), "Action": "kms:Get*", "Resource": "*"});
    let denying =
        json!({"Effect": "Deny", "Principal": root(ACCOUNT), "Action": "kms:PutKeyPolicy", "Resource": "*"});
    for statements in [json!([other]), json!([reading]), json!([keep(), denying])] {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let input = json!({"KeyId": key.id, "Policy": text});
        call(&kms, "PutKeyPolicy", input.clone()).await.refuses("MalformedPolicyDocumentException", LOCKOUT);
        let created = call(&kms, "CreateKey", without(input, "KeyId")).await;
        created.refuses("MalformedPolicyDocumentException", LOCKOUT);
        let bypass = json!({"Policy": text, "BypassPolicyLockoutSafetyCheck": true});
        call(&kms, "CreateKey", bypass).await.ok();
    }
    assert_eq!(stored(&kms, &key.id).await, DEFAULT);
}

#[tokio::test]
async fn a_policy_is_at_most_32_kib() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let padded = |length: usize| {
        let text = policy([]).to_string();
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    call(&kms, "PutKeyPolicy", json!({"KeyId": key.id, "Policy": padded(32_768)})).await.ok();
    for (operation, mut input) in [("PutKeyPolicy", json!({"KeyId": key.id})), ("CreateKey", json!({}))] {
        input["Policy"] = padded(32_769).into();
        assert_eq!(
            call(&kms, operation, input.clone()).await.code(),
            "LimitExceededException",
            "{operation}"
        );
        input["Policy"] = padded(131_073).into();
        let answer = call(&kms, operation, input.clone()).await;
        assert_eq!(answer.code(), "ValidationException");
        assert!(answer.message().ends_with("Member must have length less than or equal to 131072"));
        input["Policy"] = "{\"Id\":\"ж\"}".into();
        call(&kms, operation, input).await.refuses(
            "ValidationException",
            r#"1 validation error detected: Value '{"Id":"?"}' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+"#,
        );
    }
}

#[tokio::test]
async fn policies_can_be_read_and_changed_in_every_state() {
    for state in State::ALL {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        state.enter(&kms, &key.id).await;
        let input = json!({"KeyId": key.id, "Policy": policy([]).to_string()});
        let answer = call(&kms, "PutKeyPolicy", input).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
        assert_ne!(stored(&kms, &key.id).await, DEFAULT);
        let listed = call(&kms, "ListKeyPolicies", json!({"KeyId": key.id})).await.ok();
        assert_eq!(listed, json!({"PolicyNames": ["default"], "Truncated": false}));
    }
}
