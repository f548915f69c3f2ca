//! Every error that an operation declares is produced, or there is a reason why AWS never answers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fixtures::{ACCOUNT, TestKms};
use http::Method;
use kms_server::api::error::ErrorCode;
use kms_server::api::model;
use kms_server::limits::Limits;
use kms_server::operations::registry::OPERATIONS;
use lifecycle::crypto::{Entropy, EntropyError, SeededEntropy};
use serde_json::{Value, json};

use super::custom_stores;
use super::subject::{ALIAS, BLOB, State, Subject, key_members, kind, reimport, request, respecify};
use super::wire::{Answer, call, call_of, control};

const NO_REFUSING_STATE: &str = "no key state refuses it";
/// A key policy whose principal is an IAM group, which can be none.
const GROUP_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},"Action":"kms:*","Resource":"*"}]}"#;

/// Declared errors that AWS does not answer any more, or never did, and why.
const IMPOSSIBLE: &[(&str, ErrorCode, &str)] = &[
    ("CreateAlias", ErrorCode::InvalidAliasNameException, "AWS sends ValidationException instead"),
    ("DeleteAlias", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("EnableKey", ErrorCode::LimitExceededException, "there is no quota on enabled keys any more"),
    ("GetKeyPolicy", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("GetKeyRotationStatus", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("GetPublicKey", ErrorCode::DisabledException, "AWS shows the public half of a disabled key, too"),
    ("GetPublicKey", ErrorCode::InvalidKeyUsageException, "whatever its usage, a key pair has a public half"),
    ("ListGrants", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("ListKeyPolicies", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("ListKeyRotations", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("ListRetirableGrants", ErrorCode::NotFoundException, "it names nothing that has to be there"),
    ("PutKeyPolicy", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("RetireGrant", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
    ("RevokeGrant", ErrorCode::KMSInvalidStateException, NO_REFUSING_STATE),
];

/// Randomness that can be made to fail.
struct Failing {
    source: SeededEntropy,
    fails: AtomicBool,
}

impl Entropy for Failing {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(EntropyError),
            false => self.source.fill(bytes),
        }
    }
}

fn with(mut input: Value, member: &str, value: Value) -> Value {
    input[member] = value;
    input
}

/// The same request, but every key and alias that it names is `name`.
fn renamed(operation: &str, name: &str) -> Value {
    let mut input = request(operation, name, BLOB);
    if input.get("AliasName").is_some() && operation != "CreateAlias" {
        input["AliasName"] = "alias/missing".into();
    }
    input
}

/// The attempt to make `operation` fail with `code`: the general way if there is one for the code, else the
/// operation's own.
async fn attempt(operation: &str, code: ErrorCode) -> Option<Answer> {
    use ErrorCode as E;
    if let Some(answer) = custom_stores::attempt(operation, code).await {
        return Some(answer);
    }
    let kms = TestKms::new();
    let key = Subject::of(&kms, operation).await;
    let good = key.request(operation);
    let input = match code {
        E::NotFoundException => renamed(operation, "1234abcd-12ab-34cd-56ef-1234567890ab"),
        E::InvalidArnException if operation == "CreateKey" => with(good, "Policy", json!(GROUP_POLICY)),
        E::InvalidArnException if operation == "ListRetirableGrants" => {
            with(good, "RetiringPrincipal", json!("arn:aws:s3:::bucket-of-mine"))
        }
        E::InvalidArnException => renamed(operation, "arn:aws:s3:::bucket-of-mine"),
        E::DisabledException => {
            State::Disabled.enter(&kms, &key.id).await;
            good
        }
        E::KMSInvalidStateException if operation == "DeleteImportedKeyMaterial" => {
            return Some(of_a_replica_that_is_made(&kms, operation).await);
        }
        E::KMSInvalidStateException => {
            if operation != "CancelKeyDeletion" {
                State::PendingDeletion.enter(&kms, &key.id).await;
            }
            good
        }
        E::KeyUnavailableException => {
            reimport(&kms, |_| ()).await;
            good
        }
        E::InvalidKeyUsageException => {
            let (spec, usage) = match kind(operation) {
                (_, "GENERATE_VERIFY_MAC") => ("ECC_NIST_P256", "SIGN_VERIFY"),
                _ => ("HMAC_256", "GENERATE_VERIFY_MAC"),
            };
            respecify(&kms, &key.arn, spec, usage).await;
            good
        }
        E::InvalidGrantTokenException if operation == "RetireGrant" => json!({"GrantToken": "AQ"}),
        E::InvalidGrantTokenException => with(good, "GrantTokens", json!(["AQ"])),
        E::InvalidGrantIdException => with(good, "GrantId", json!("x")),
        E::DryRunOperationException => with(good, "DryRun", json!(true)),
        E::InvalidMarkerException => with(good, "Marker", json!("x")),
        E::InvalidCiphertextException if operation == "ImportKeyMaterial" => {
            with(good, "EncryptedKeyMaterial", super::wire::encoded(&[1; 256]))
        }
        E::IncorrectKeyMaterialException => with(good, "ImportType", json!("NEW_KEY_MATERIAL")),
        E::InvalidImportTokenException => with(good, "ImportToken", json!(BLOB)),
        E::ExpiredImportTokenException => {
            kms.advance_days(1).await;
            good
        }
        E::InvalidCiphertextException if operation == "Decapsulate" => {
            with(good, "SharedSecretCiphertextBlob", json!(BLOB))
        }
        E::KMSInvalidSignatureException => with(good, "Signature", json!(BLOB)),
        E::KMSInvalidMacException => with(good, "Mac", json!(BLOB)),
        E::InvalidCiphertextException => with(good, "CiphertextBlob", json!(BLOB)),
        E::IncorrectKeyException => {
            let member = if operation == "ReEncrypt" { "SourceKeyId" } else { "KeyId" };
            with(good, member, json!(Subject::new(&kms).await.id))
        }
        E::CustomKeyStoreNotFoundException => {
            let store = with(good, "CustomKeyStoreId", json!("cks-1234567890abcdef0"));
            if operation == "CreateKey" { with(store, "Origin", json!("AWS_CLOUDHSM")) } else { store }
        }
        E::TagException if operation == "UntagResource" => with(good, "TagKeys", json!(["aws:a"])),
        E::TagException => with(good, "Tags", json!([{"TagKey": "aws:a", "TagValue": ""}])),
        E::AlreadyExistsException if operation == "ReplicateKey" => {
            call(&kms, operation, good.clone()).await.ok();
            good
        }
        E::AlreadyExistsException => with(good, "AliasName", json!(ALIAS)),
        E::MalformedPolicyDocumentException => with(good, "Policy", json!("not a real policy")),
        E::UnsupportedOperationException => match operation {
            "CreateKey" => json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}),
            "DeleteImportedKeyMaterial" | "GetParametersForImport" | "ImportKeyMaterial" => {
                with(good, "KeyId", json!(Subject::new(&kms).await.id))
            }
            "PutKeyPolicy" => with(good, "PolicyName", json!("another")),
            "ReplicateKey" => with(good, "ReplicaRegion", json!("us-east-1")),
            "UpdatePrimaryRegion" => with(good, "PrimaryRegion", json!("us-east-1")),
            "DisableKeyRotation" | "EnableKeyRotation" | "GetKeyRotationStatus" => {
                change_key(&kms, "origin", json!("EXTERNAL")).await;
                good
            }
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
                with(good, "KeyPairSpec", json!("SM2"))
            }
            "GetPublicKey" | "ListKeyRotations" | "RotateKeyOnDemand" => {
                respecify(&kms, &key.arn, "HMAC_256", "GENERATE_VERIFY_MAC").await;
                good
            }
            _ => return None,
        },
        E::ConflictException => {
            let rotation = json!({"period_days": 90, "since": 0, "next_at": i64::from(i32::MAX) * 1_000});
            change_key(&kms, "rotation", rotation).await;
            let soon = lifecycle::clock::Timestamp(i64::from(i32::MAX) * 1_000 - 1_000);
            kms.service().parts().engine.advance(soon).await.unwrap();
            good
        }
        E::LimitExceededException if operation == "RotateKeyOnDemand" => {
            change_key(&kms, "on_demand_rotations", json!(25)).await;
            good
        }
        E::LimitExceededException => return Some(beyond_the_limit(operation).await),
        E::KMSInternalException => return Some(without_randomness(operation).await),
        // Nothing that the server depends on is remote but proxies, whose silence has an error of its own.
        E::DependencyTimeoutException => {
            let fault = json!({"error": code.name(), "operations": [operation]});
            control(&kms, Method::POST, "/_kms/faults", fault.to_string()).await.ok();
            good
        }
        _ => return None,
    };
    Some(call(&kms, operation, input).await)
}

/// A request about a replica of a key with imported material that is Creating.
async fn of_a_replica_that_is_made(kms: &TestKms, operation: &str) -> Answer {
    let tag = json!({"TagKey": "_custom_key_material_", "TagValue": super::wire::encoded(&[7; 32])});
    let input = json!({"Origin": "EXTERNAL", "MultiRegion": true, "Tags": [tag]});
    let id = call(kms, "CreateKey", input).await.ok()["KeyMetadata"]["KeyId"].clone();
    let id = id.as_str().unwrap();
    call(kms, "ReplicateKey", request("ReplicateKey", id, BLOB)).await.ok();
    call_of(kms, (ACCOUNT, "eu-west-1"), operation, request(operation, id, BLOB)).await
}

/// Sets a field of the only key.
async fn change_key(kms: &TestKms, field: &str, value: Value) {
    reimport(kms, |state| state["keys"][0][field] = value).await;
}

/// A request that asks for more than a quota of one.
async fn beyond_the_limit(operation: &str) -> Answer {
    let tight = Limits {
        keys_max: 2,
        aliases_per_key_max: 1,
        grants_per_key_max: 1,
        grant_consistency_delay: std::time::Duration::ZERO,
        tags_per_key_max: 1,
        policy_bytes_max: 1_000,
        encryption_context_bytes_max: 1,
        ..Limits::default()
    };
    let kms = TestKms::with(|builder| builder.limits(tight));
    let (key, other) = (Subject::of(&kms, operation).await, Subject::new(&kms).await);
    let good = key.request(operation);
    let input = match operation {
        "TagResource" => {
            let tags = json!([{"TagKey": "a", "TagValue": ""}, {"TagKey": "b", "TagValue": ""}]);
            with(good, "Tags", tags)
        }
        "ReplicateKey" => {
            for _ in 0..2 {
                call_of(&kms, (ACCOUNT, "eu-west-1"), "CreateKey", json!({})).await.ok();
            }
            good
        }
        "UpdateAlias" => {
            call(&kms, "CreateAlias", json!({"AliasName": "alias/other", "TargetKeyId": other.id}))
                .await
                .ok();
            with(good, "TargetKeyId", json!(other.id))
        }
        "PutKeyPolicy" => {
            with(good, "Policy", json!(format!("{}{}", super::subject::policy(), " ".repeat(1_000))))
        }
        _ => good,
    };
    call(&kms, operation, input).await
}

async fn without_randomness(operation: &str) -> Answer {
    let entropy = Arc::new(Failing { source: SeededEntropy::new(1), fails: AtomicBool::new(false) });
    let shared = Arc::clone(&entropy);
    let kms = TestKms::with(|builder| builder.entropy(shared));
    let key = Subject::of(&kms, operation).await;
    entropy.fails.store(true, Ordering::Relaxed);
    call(&kms, operation, key.request(operation)).await
}

fn impossible(operation: &str, code: ErrorCode) -> bool {
    IMPOSSIBLE.iter().any(|(name, listed, _)| *name == operation && *listed == code)
}

#[tokio::test]
async fn every_declared_error_is_produced_or_impossible() {
    let mut wrong = Vec::new();
    for operation in OPERATIONS.iter().map(|entry| entry.name()) {
        for code in model::find(operation).unwrap().errors {
            let answer = attempt(operation, *code).await;
            let produced = answer.as_ref().is_some_and(|answer| answer.code() == code.name());
            match (produced, impossible(operation, *code)) {
                (true, false) | (false, true) => {}
                (true, true) => wrong.push(format!("{operation} {code} is listed as impossible, but occurs")),
                (false, false) => {
                    let got = answer.map(|answer| format!("{} {}", answer.code(), answer.message()));
                    wrong.push(format!("{operation} {code} does not occur: {got:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_of_the_impossible_is_sorted_and_declared() {
    assert!(IMPOSSIBLE.is_sorted_by_key(|(operation, code, _)| (*operation, code.name())));
    for (operation, code, reason) in IMPOSSIBLE {
        let declared = |name: &str| model::find(name).is_some_and(|found| found.errors.contains(code));
        assert!(declared(operation), "{operation} does not declare {code}");
        assert!(!reason.is_empty());
    }
}

/// Errors outside the model that any operation may have: those of the framework, and this server's own.
const FRAMEWORK: [&str; 4] =
    ["AccessDeniedException", "NotImplementedException", "SerializationException", "ValidationException"];

/// Whatever one operation's attempts give is an error it declares, or one that none declares.
#[tokio::test]
async fn no_operation_answers_with_an_error_that_it_does_not_declare() {
    // AWS (observed): these have one for a bad marker and for a reserved name, although the model is silent.
    let known = [("ListKeyPolicies", "InvalidMarkerException"), ("CreateAlias", "NotAuthorizedException")];
    for entry in OPERATIONS {
        let operation = entry.name();
        for code in [
            ErrorCode::NotFoundException,
            ErrorCode::InvalidArnException,
            ErrorCode::DisabledException,
            ErrorCode::KMSInvalidStateException,
            ErrorCode::InvalidKeyUsageException,
            ErrorCode::InvalidMarkerException,
        ] {
            // A marker or a key where none belongs is ignored.
            if code == ErrorCode::InvalidArnException && key_members(operation).is_empty() {
                continue;
            }
            let answer = attempt(operation, code).await.unwrap();
            let found = answer.code();
            let declared = model::find(operation).unwrap().errors.iter().any(|error| error.name() == found);
            let expected = found.is_empty()
                || declared
                || FRAMEWORK.contains(&found.as_str())
                || known.contains(&(operation, found.as_str()));
            assert!(expected, "{operation} answers {found} to an attempt at {code}");
        }
    }
}
