//! Authorisation, from the caller's side: what each operation needs, what conditions look at, what grants add, and
//! what becomes of what is not allowed.
//!
//! AWS: KMS developer guide, "KMS key access and permissions".

mod conditions;
mod grants;
mod lockout;
mod modes;
mod table;

use std::sync::Arc;

use fixtures::{ACCOUNT, Enclave, REGION, TestKms};
use http::Method;
use kms_server::attestation::{AGE_MAX, Platform};
use kms_server::auth::{Signatures, UnknownAccessKey};
use kms_server::builder::Builder;
use lifecycle::crypto::Secret;
use lifecycle::iam::{AccessKey, Entry, Policy, User};
use lifecycle::policy::{Kind, Principal};
use serde_json::{Value, json};

use super::recipient::recipient;
use super::subject::Subject;
use super::wire::{Answer, call_of, control, key_arn, request, send};

/// Another account than that of the keys.
const OTHER: &str = "444455556666";

/// Somebody with an access key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Somebody {
    /// The access key.
    key: &'static str,
    arn: &'static str,
}

/// A user of the account that the keys belong to.
const ALICE: Somebody = Somebody { key: "ALICE", arn: "arn:aws:iam::111122223333:user/team/alice" };
/// A user of another account.
const CAROL: Somebody = Somebody { key: "CAROL", arn: "arn:aws:iam::444455556666:user/carol" };

/// A session of a role of the account that the keys belong to.
const APP: Somebody = Somebody { key: "APP", arn: "arn:aws:sts::111122223333:assumed-role/app/deploy" };
/// A user of the account of the keys whom [`put_policy`] lets do everything.
const ADMIN: Somebody = Somebody { key: "ADMIN", arn: "arn:aws:iam::111122223333:user/admin" };

/// A KMS where all of them have access keys, and only [`ADMIN`] has policies. Whoever signs with the id of an account
/// is its root user.
fn kms_with(change: impl FnOnce(Builder) -> Builder) -> TestKms {
    let everything = json!({"Statement": on("Allow", "*", "*")}).to_string();
    let admin = Entry::User(Arc::new(User {
        principal: Principal::parse(ADMIN.arn).unwrap(),
        id: "AIDAADMIN".into(),
        tags: Vec::new(),
        policies: vec![Policy::parse("everything", &everything, Kind::Identity).unwrap()],
        boundary: None,
    }));
    let keys = [ALICE, APP, CAROL, ADMIN].map(|somebody| {
        Entry::AccessKey(Arc::new(AccessKey {
            id: somebody.key.into(),
            secret: Secret::new(b"secret".to_vec()),
            owner: Principal::parse(somebody.arn).unwrap(),
        }))
    });
    let principals = keys.into_iter().chain([admin]).collect();
    TestKms::with(|builder| {
        let builder = builder.principals(principals).unknown_access_key(Some(UnknownAccessKey::Root));
        change(builder.signatures(Signatures::Ignore))
    })
}

fn kms() -> TestKms {
    kms_with(|builder| builder)
}

/// Describes a principal of the directory, in place of what was known of it.
async fn put(kms: &TestKms, name: &str, described: Value) {
    control(kms, Method::PUT, &format!("/_kms/principals/{name}"), described.to_string()).await.ok();
}

/// Gives a user one identity policy of these statements.
async fn may(kms: &TestKms, user: Somebody, statements: Value) {
    put(kms, user.arn, json!({"policies": [{"Version": "2012-10-17", "Statement": statements}]})).await;
}

/// Calls an operation as somebody.
async fn call_as(kms: &TestKms, caller: Somebody, operation: &str, input: Value) -> Answer {
    call_of(kms, (caller.key, REGION), operation, input).await
}

/// A statement of an identity policy.
fn on(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

/// A statement of a key policy.
fn to(effect: &str, action: &str, principal: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Principal": {"AWS": principal}, "Resource": "*"})
}

/// Everything, to the account of the keys: its identity policies decide.
fn delegation() -> Value {
    to("Allow", "kms:*", ACCOUNT)
}

/// Replaces a key policy. [`ADMIN`] keeps control of the key, whatever the statements say.
async fn put_policy(kms: &TestKms, key: &str, statements: &[Value]) {
    let mut statements = statements.to_vec();
    statements.push(to("Allow", "kms:*", ADMIN.arn));
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let region = key.split(':').nth(3).unwrap_or(REGION);
    let input = json!({"KeyId": key, "Policy": policy});
    call_of(kms, (ADMIN.key, region), "PutKeyPolicy", input).await.ok();
}

/// The end of a denial for want of a policy.
fn no_policy(kind: &str, action: &str) -> String {
    format!("because no {kind} allows the {action} action")
}

/// AWS: KMS API reference, "Decrypt": the permission is one on the key that the request names.
#[tokio::test]
async fn who_may_not_use_the_named_key_does_not_learn_whose_the_ciphertext_is() {
    let kms = kms();
    let (key, other) = (Subject::new(&kms).await, Subject::new(&kms).await);
    put_policy(&kms, &key.arn, &[]).await;
    put_policy(&kms, &other.arn, &[]).await;
    let decrypt = || {
        let input = json!({"CiphertextBlob": key.ciphertext, "KeyId": other.arn});
        call_as(&kms, ALICE, "Decrypt", input)
    };
    let move_it = || {
        let nowhere = key_arn("00000000-0000-0000-0000-000000000000");
        let input = json!({
            "CiphertextBlob": key.ciphertext, "SourceKeyId": other.arn, "DestinationKeyId": nowhere,
        });
        call_as(&kms, ALICE, "ReEncrypt", input)
    };
    let denied = |action: &str| {
        format!(
            "User: {} is not authorized to perform: {action} on resource: {} {}",
            ALICE.arn,
            other.arn,
            no_policy("resource-based policy", action)
        )
    };
    decrypt().await.refuses("AccessDeniedException", denied("kms:Decrypt").as_str());
    move_it().await.refuses("AccessDeniedException", denied("kms:ReEncryptFrom").as_str());
    put_policy(&kms, &other.arn, &[to("Allow", "kms:*", ALICE.arn)]).await;
    let incorrect = "The key ID in the request does not identify a CMK that can perform this operation.";
    decrypt().await.refuses("IncorrectKeyException", incorrect);
    move_it().await.refuses("IncorrectKeyException", incorrect);
}

/// AWS: KMS developer guide, "AWS KMS condition keys for AWS Nitro Enclaves".
#[tokio::test]
async fn a_policy_that_asks_for_an_attestation_lets_that_enclave_in_and_no_other() {
    let enclave = Enclave::new();
    let mut tpm = enclave.clone();
    tpm.platform = Platform::NitroTpm;
    let mut other = enclave.clone();
    other.pcrs.insert(0, vec![0xff; 48]);
    let kms = kms_with(|builder| builder.attestation(enclave.roots(), AGE_MAX));
    let key = Subject::new(&kms).await;
    let decrypt = async |by: Option<&Enclave>| {
        let mut input = json!({"CiphertextBlob": key.ciphertext, "KeyId": key.arn});
        if let Some(enclave) = by {
            input["Recipient"] = recipient(enclave);
        }
        call_as(&kms, ALICE, "Decrypt", input).await.code()
    };
    const DENIED: &str = "AccessDeniedException";
    let mut statement = to("Allow", "kms:Decrypt", ALICE.arn);
    for (name, expected) in [
        ("ImageSha384", [DENIED, "", DENIED, DENIED]),
        ("PCR0", [DENIED, "", DENIED, DENIED]),
        ("pcr0", [DENIED, "", DENIED, DENIED]),
        ("NitroTPMPCR0", [DENIED, DENIED, DENIED, ""]),
        ("PCR31", [DENIED; 4]),
    ] {
        let name = format!("kms:RecipientAttestation:{name}");
        statement["Condition"] = json!({"StringEqualsIgnoreCase": {&name: "00".repeat(48)}});
        put_policy(&kms, &key.arn, &[statement.clone()]).await;
        for (by, code) in [None, Some(&enclave), Some(&other), Some(&tpm)].into_iter().zip(expected) {
            assert_eq!(decrypt(by).await, code, "{name}");
        }
    }
}

#[tokio::test]
async fn a_header_that_names_no_endpoint_is_refused() {
    let kms = kms();
    for (header, value) in [
        ("x-kms-source-vpc", "vpce-1a2b"),
        ("x-kms-source-vpc", "vpc-"),
        ("x-kms-source-vpce", "vpce-1A2B"),
        ("x-kms-source-vpce", "vpce-0123456789abcdef01"),
        ("x-kms-vpc-source-ip", "10.0.0"),
    ] {
        let mut request = request(ADMIN.key, REGION, "ListKeys", "{}");
        request.headers_mut().insert(header, value.parse().unwrap());
        let answer = send(&kms, request).await;
        assert_eq!(answer.code(), "ValidationException", "{header}");
        assert!(answer.message().contains(header), "{}", answer.message());
    }
}
