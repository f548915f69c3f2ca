//! Grant tokens in `GrantTokens`.

use std::sync::Arc;

use fixtures::{REGION, TestKms};
use kms_server::operations::registry::OPERATIONS;
use lifecycle::crypto::SeededEntropy;
use serde_json::{Value, json};

use super::super::subject::{ROLE, Subject};
use super::super::wire::{call, call_of};
use super::{grant, new_key};

#[tokio::test]
async fn every_operation_with_grant_tokens_takes_genuine_ones_only() {
    for entry in OPERATIONS {
        let takes = entry.declaration.model.input.members.iter().any(|member| member.name == "GrantTokens");
        if !takes {
            continue;
        }
        let operation = entry.name();
        let kms = TestKms::new();
        let key = Subject::of(&kms, operation).await;
        let (id, token) = grant(&kms, key.request("CreateGrant")).await;
        let with = |tokens: &[&str]| {
            let mut input = key.request(operation);
            input["GrantTokens"] = json!(tokens);
            input
        };
        call(&kms, operation, with(&[])).await.ok();
        call(&kms, operation, with(&[&token, &token])).await.ok();
        for bad in ["A", &token[1..], &id] {
            let answer = call(&kms, operation, with(&[&token, bad])).await;
            answer.refuses("InvalidGrantTokenException", None);
        }
        call(&kms, "RetireGrant", json!({"GrantToken": token})).await.ok();
        call(&kms, operation, with(&[&token])).await.refuses("InvalidGrantTokenException", None);
    }
}

#[tokio::test]
async fn tokens_of_one_grant_are_interchangeable() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Name": "n"});
    let (_, first) = grant(&kms, input.clone()).await;
    let (_, second) = grant(&kms, input).await;
    call(&kms, "DescribeKey", json!({"KeyId": key, "GrantTokens": [first, second]})).await.ok();
    call(&kms, "RetireGrant", json!({"GrantToken": second})).await.ok();
    call(&kms, "RetireGrant", json!({"GrantToken": first})).await.refuses("InvalidGrantTokenException", None);
}

/// A token tells nothing about another key, which is no reason to refuse it.
#[tokio::test]
async fn a_token_may_be_of_another_key_but_not_of_another_region() {
    let kms = TestKms::new();
    let (key, other) = (new_key(&kms).await, new_key(&kms).await);
    let (_, token) =
        grant(&kms, json!({"KeyId": other, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]})).await;
    call(&kms, "DescribeKey", json!({"KeyId": key, "GrantTokens": [token]})).await.ok();
    let scope = ("111122223333", "eu-west-1");
    let abroad = call_of(&kms, scope, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let answer = call_of(&kms, scope, "DescribeKey", json!({"KeyId": abroad, "GrantTokens": [token]})).await;
    answer.refuses("InvalidGrantTokenException", None);
}

#[tokio::test]
async fn a_look_up_comes_before_the_tokens_and_the_state_after() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    call(&kms, "DisableKey", json!({"KeyId": key.id})).await.ok();
    let encrypt = |key: &str| json!({"KeyId": key, "Plaintext": "AAAA", "GrantTokens": ["A"]});
    assert_eq!(call(&kms, "Encrypt", encrypt(&key.id)).await.code(), "InvalidGrantTokenException");
    assert_eq!(call(&kms, "Encrypt", encrypt("missing")).await.code(), "NotFoundException");
}

#[tokio::test]
async fn another_installation_does_not_know_the_token() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let (id, token) =
        grant(&kms, json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]})).await;
    let other = TestKms::with(|builder| builder.entropy(Arc::new(SeededEntropy::new(2))));
    let state = super::super::wire::control(&kms, http::Method::GET, "/_kms/state", "").await.body;
    super::super::wire::control(&other, http::Method::PUT, "/_kms/state", state).await.ok();
    let retire = json!({"GrantToken": token});
    call(&other, "RetireGrant", retire).await.refuses("InvalidGrantTokenException", None);
    let by_id = json!({"KeyId": key, "GrantId": id});
    assert_eq!(call_of(&other, ("111122223333", REGION), "RetireGrant", by_id).await.ok(), Value::Null);
}
