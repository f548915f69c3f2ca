//! A key policy must leave its author able to change it, by itself or together with the author's identity policies.
//!
//! AWS: KMS API reference, "PutKeyPolicy", `BypassPolicyLockoutSafetyCheck`.

use serde_json::{Value, json};

use super::super::subject::Subject;
use super::*;

const LOCKOUT: &str = "The new key policy will not allow you to update the key policy in the future.";

/// What PutKeyPolicy and CreateKey say of a policy; both say the same.
async fn verdict(caller: Somebody, identity: Value, statements: Value) -> bool {
    let kms = kms();
    let key = Subject::new(&kms).await;
    let everything = to("Allow", "kms:*", caller.arn);
    put_policy(&kms, &key.arn, &[everything]).await;
    let policies = json!([{"Version": "2012-10-17", "Statement": identity}]);
    if caller == APP {
        let assume = json!({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"});
        let role = json!({"trust": {"Statement": assume}, "policies": policies});
        put(&kms, "arn:aws:iam::111122223333:role/app", role).await;
    } else {
        put(&kms, caller.arn, json!({"policies": policies})).await;
    }
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let mut same = Vec::new();
    for operation in ["PutKeyPolicy", "CreateKey"] {
        let mut input = json!({"Policy": policy});
        if operation == "PutKeyPolicy" {
            input["KeyId"] = json!(key.arn);
        }
        let answer = call_as(&kms, caller, operation, input.clone()).await;
        let accepted = answer.code().is_empty();
        if !accepted {
            answer.refuses("MalformedPolicyDocumentException", LOCKOUT);
            input["BypassPolicyLockoutSafetyCheck"] = json!(true);
            call_as(&kms, caller, operation, input).await.ok();
        }
        same.push(accepted);
    }
    assert_eq!(same[0], same[1], "{policy}");
    same[0]
}

/// May make keys, but not change their policies.
fn creator() -> Value {
    json!([on("Allow", "kms:CreateKey", "*")])
}

/// May do both.
fn administrator() -> Value {
    json!([
        on("Allow", "kms:CreateKey", "*"),
        on("Allow", "kms:PutKeyPolicy", "arn:aws:kms:*:111122223333:key/*")
    ])
}

fn when(mut statement: Value, condition: Value) -> Value {
    statement["Condition"] = condition;
    statement
}

#[tokio::test]
async fn a_policy_that_leaves_it_to_the_account_counts_on_identity_policies() {
    assert!(verdict(ALICE, administrator(), json!([delegation()])).await);
    assert!(!verdict(ALICE, creator(), json!([delegation()])).await);
    assert!(!verdict(ALICE, administrator(), json!([to("Allow", "kms:Get*", ACCOUNT)])).await);
    assert!(!verdict(ALICE, administrator(), json!([to("Allow", "kms:*", OTHER)])).await);
}

#[tokio::test]
async fn a_policy_that_names_its_author_is_enough() {
    assert!(verdict(ALICE, creator(), json!([to("Allow", "kms:PutKeyPolicy", ALICE.arn)])).await);
    assert!(!verdict(ALICE, creator(), json!([to("Allow", "kms:PutKeyPolicy", ADMIN.arn)])).await);
    let role = "arn:aws:iam::111122223333:role/app";
    assert!(verdict(APP, creator(), json!([to("Allow", "kms:PutKeyPolicy", role)])).await);
    let denying = [to("Allow", "kms:*", ALICE.arn), to("Deny", "kms:Put*", ALICE.arn)];
    assert!(!verdict(ALICE, administrator(), json!(denying)).await);
}

#[tokio::test]
async fn conditions_count_as_they_would_for_the_author() {
    let only =
        |key: &str, value: &str| json!([when(to("Allow", "kms:*", "*"), json!({"ArnEquals": {key: value}}))]);
    // AWS: of a session the ARN of its role.
    assert!(verdict(APP, creator(), only("aws:PrincipalArn", "arn:aws:iam::111122223333:role/app")).await);
    assert!(!verdict(APP, creator(), only("aws:PrincipalArn", APP.arn)).await);
    let named = |name: &str| {
        json!([when(to("Allow", "kms:*", ALICE.arn), json!({"StringEquals": {"kms:PolicyName": name}}))])
    };
    assert!(verdict(ALICE, creator(), named("default")).await);
    assert!(!verdict(ALICE, creator(), named("other")).await);
    // A key that is about to be made has its kind already.
    let of_kind = |spec: &str| {
        let condition = json!({"StringEquals": {"kms:KeySpec": spec, "kms:CallerAccount": ACCOUNT}});
        json!([when(to("Allow", "kms:*", ALICE.arn), condition)])
    };
    assert!(verdict(ALICE, creator(), of_kind("SYMMETRIC_DEFAULT")).await);
    assert!(!verdict(ALICE, creator(), of_kind("RSA_2048")).await);
    let user = |name: &str| {
        json!([when(to("Allow", "kms:*", ACCOUNT), json!({"StringEquals": {"aws:username": name}}))])
    };
    assert!(verdict(ALICE, administrator(), user("alice")).await);
    assert!(!verdict(ALICE, administrator(), user("bob")).await);
}

#[tokio::test]
async fn the_default_policy_is_no_lockout() {
    let kms = kms();
    may(&kms, ALICE, creator()).await;
    call_as(&kms, ALICE, "CreateKey", json!({})).await.ok();
}

/// What may not be done later counts, whoever forbids it: the organization, too.
#[tokio::test]
async fn policies_of_the_organization_count() {
    let kms = kms();
    may(&kms, ALICE, creator()).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [to("Allow", "kms:PutKeyPolicy", ALICE.arn)]})
        .to_string();
    let create = || call_as(&kms, ALICE, "CreateKey", json!({ "Policy": policy }));
    create().await.ok();
    let deny = json!({"Version": "2012-10-17", "Statement": on("Deny", "kms:PutKeyPolicy", "*")});
    let mut deny_everybody = deny.clone();
    deny_everybody["Statement"]["Principal"] = json!("*");
    for (member, policies) in [
        ("service_control", json!([["FullAWSAccess", {"name": "no", "document": deny}]])),
        ("resource_control", json!([{"name": "no", "document": deny_everybody}])),
    ] {
        put(&kms, ACCOUNT, json!({"organization": {"id": "o-a1b2c3d4e5", member: policies}})).await;
        create().await.refuses("MalformedPolicyDocumentException", LOCKOUT);
    }
}
