//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant and RevokeGrant.
//!
//! AWS: KMS developer guide, "Grants in AWS KMS".

mod create;
mod end;
mod list;
mod tokens;

use std::sync::Arc;

use fixtures::{ACCOUNT, REGION, TestKms};
use kms_server::auth::UnknownAccessKey;
use kms_server::builder::Builder;
use lifecycle::crypto::Secret;
use lifecycle::iam::{AccessKey, Entry, Policy, Role, User};
use lifecycle::policy::{Kind, Principal};
use serde_json::{Value, json};

use super::wire::call;

/// The account of keys that are not the caller's own.
const OTHER: &str = "444455556666";

/// A service as grantee, with what that needs.
fn service_grant(key: &str) -> Value {
    json!({
        "KeyId": key,
        "GranteeServicePrincipal": "logs.amazonaws.com",
        "RetiringServicePrincipal": "logs.amazonaws.com",
        "Constraints": {"SourceArn": "arn:aws:logs:us-east-1:111122223333:log-group:a"},
        "Operations": ["Decrypt"],
    })
}

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// A key whose policy also allows everything to [`OTHER`].
async fn shared_key(kms: &TestKms) -> String {
    let principals = [ACCOUNT, OTHER].map(|account| format!("arn:aws:iam::{account}:root"));
    let allow =
        json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"});
    let policy = json!({"Statement": [allow]}).to_string();
    let created = call(kms, "CreateKey", json!({"Policy": policy})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// Id and token of a new grant.
async fn grant(kms: &TestKms, input: Value) -> (String, String) {
    let granted = call(kms, "CreateGrant", input).await.ok();
    let text = |member: &str| granted[member].as_str().unwrap().to_owned();
    (text("GrantId"), text("GrantToken"))
}

/// The ids of a key's grants.
async fn ids(kms: &TestKms, key: &str) -> Vec<String> {
    let listed = call(kms, "ListGrants", json!({"KeyId": key})).await.ok();
    let grants = listed["Grants"].as_array().unwrap();
    grants.iter().map(|grant| grant["GrantId"].as_str().unwrap().to_owned()).collect()
}

/// A KMS that knows an access key for each of these principals, called by its place in the list: `K0`, `K1`… Their
/// identity policies allow everything.
fn with_callers(principals: &[&str], change: impl FnOnce(Builder) -> Builder) -> TestKms {
    let keys = principals.iter().enumerate().map(|(at, principal)| {
        Entry::AccessKey(Arc::new(AccessKey {
            id: format!("K{at}").into(),
            secret: Secret::new(b"secret".to_vec()),
            owner: Principal::parse(principal).unwrap(),
        }))
    });
    let described = principals.iter().map(|principal| described(&Principal::parse(principal).unwrap()));
    let entries = keys.chain(described).collect();
    TestKms::with(|builder| {
        change(builder.principals(entries).unknown_access_key(Some(UnknownAccessKey::Root)))
    })
}

/// The user, or the role of the session, as an administrator.
fn described(principal: &Principal) -> Entry {
    let everything = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policies = vec![Policy::parse("everything", everything, Kind::Identity).unwrap()];
    let id = principal.arn().into();
    match principal {
        Principal::AssumedRole { account, role, .. } => {
            let trust = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
            Entry::Role(Arc::new(Role {
                principal: Principal::Role { account: account.clone(), name: role.clone() },
                id,
                trust: Policy::parse("trust", trust, Kind::Trust).unwrap(),
                tags: Vec::new(),
                policies,
                boundary: None,
                max_session_seconds: 3_600,
            }))
        }
        user => Entry::User(Arc::new(User {
            principal: user.clone(),
            id,
            tags: Vec::new(),
            policies,
            boundary: None,
        })),
    }
}

/// A client of the caller at a place in the list.
fn client(kms: &TestKms, at: usize) -> aws_sdk_kms::Client {
    kms.client_of(&format!("K{at}"), REGION)
}
