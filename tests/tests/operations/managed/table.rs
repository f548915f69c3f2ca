//! What each of the 56 operations answers on an AWS managed key.
//!
//! AWS: KMS developer guide, "AWS KMS keys", AWS managed keys: they can be viewed, and used through their service.

use fixtures::TestKms;
use kms_server::operations::registry::OPERATIONS;
use serde_json::{Value, json};

use super::super::subject::{ALIAS, Subject};
use super::super::wire::Answer;
use super::{By, DYNAMODB, call, call_by, denied, described};

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// It works.
    Yes,
    /// `AccessDeniedException`: the policy of the key does not allow it.
    No,
    /// `NotAuthorizedException`: the name of the alias is not for customers.
    Reserved,
    /// `UnsupportedOperationException`: it is allowed, and means nothing for such a key.
    Unsuited,
    /// The key has no say.
    Apart,
}

use Cell::{Apart, No, Reserved, Unsuited, Yes};

/// By the root user of the account, by the same through DynamoDB, and by DynamoDB itself.
const TABLE: &[(&str, [Cell; 3])] = &[
    ("CancelKeyDeletion", [No, No, No]),
    ("ConnectCustomKeyStore", [Apart; 3]),
    ("CreateAlias", [No, No, No]),
    ("CreateCustomKeyStore", [Apart; 3]),
    ("CreateGrant", [No, Yes, No]),
    ("CreateKey", [Apart; 3]),
    ("Decapsulate", [No, No, No]),
    ("Decrypt", [No, Yes, No]),
    ("DeleteAlias", [Reserved; 3]),
    ("DeleteCustomKeyStore", [Apart; 3]),
    ("DeleteImportedKeyMaterial", [No, No, No]),
    ("DeriveSharedSecret", [No, No, No]),
    ("DescribeCustomKeyStores", [Apart; 3]),
    ("DescribeKey", [Yes, Yes, Yes]),
    ("DisableKey", [No, No, No]),
    ("DisableKeyRotation", [No, No, No]),
    ("DisconnectCustomKeyStore", [Apart; 3]),
    ("EnableKey", [No, No, No]),
    ("EnableKeyRotation", [No, No, No]),
    ("Encapsulate", [No, No, No]),
    ("Encrypt", [No, Yes, No]),
    ("GenerateDataKey", [No, Yes, No]),
    ("GenerateDataKeyPair", [No, Yes, No]),
    ("GenerateDataKeyPairWithoutPlaintext", [No, Yes, No]),
    ("GenerateDataKeyWithoutPlaintext", [No, Yes, No]),
    ("GenerateMac", [No, No, No]),
    ("GenerateRandom", [Apart; 3]),
    ("GetKeyLastUsage", [Yes, Yes, Yes]),
    ("GetKeyPolicy", [Yes, Yes, Yes]),
    ("GetKeyRotationStatus", [Yes, Yes, Yes]),
    ("GetParametersForImport", [Unsuited, Unsuited, Unsuited]),
    ("GetPublicKey", [Unsuited, Unsuited, Unsuited]),
    ("ImportKeyMaterial", [No, No, No]),
    // A service has no identity policies, which alone may allow it.
    ("ListAliases", [Yes, Yes, Apart]),
    ("ListGrants", [Yes, Yes, Yes]),
    ("ListKeyPolicies", [Yes, Yes, Yes]),
    ("ListKeyRotations", [Yes, Yes, Yes]),
    ("ListKeys", [Apart; 3]),
    ("ListResourceTags", [Yes, Yes, Yes]),
    ("ListRetirableGrants", [Apart; 3]),
    ("PutKeyPolicy", [No, No, No]),
    ("ReEncrypt", [No, Yes, No]),
    ("ReplicateKey", [No, No, No]),
    ("RetireGrant", [Yes, Yes, No]),
    ("RevokeGrant", [Yes, Yes, No]),
    ("RotateKeyOnDemand", [No, No, No]),
    ("ScheduleKeyDeletion", [No, No, No]),
    ("Sign", [No, No, No]),
    ("TagResource", [No, No, No]),
    ("UntagResource", [No, No, No]),
    // Of the account of AWS, where the service is, it is the alias.
    ("UpdateAlias", [No, No, Apart]),
    ("UpdateCustomKeyStore", [Apart; 3]),
    ("UpdateKeyDescription", [No, No, No]),
    ("UpdatePrimaryRegion", [No, No, No]),
    ("Verify", [No, No, No]),
    ("VerifyMac", [No, No, No]),
];

const COLUMNS: [By; 3] = [By::Customer, By::Via("dynamodb"), By::Service("dynamodb")];

/// The managed key, with a ciphertext and a grant that the service has made.
async fn managed(kms: &TestKms) -> Subject {
    // The customer has a key and an alias of its own, which UpdateAlias would point at the managed one.
    Subject::new(kms).await;
    let key = described(kms, DYNAMODB).await;
    let via = async |operation: &str, mut input: Value| {
        input["KeyId"] = key["Arn"].clone();
        call_by(kms, By::Via("dynamodb"), operation, input).await.ok()
    };
    let sealed = via("Encrypt", json!({"Plaintext": "c2VjcmV0"})).await;
    let role = super::super::subject::ROLE;
    let granted = json!({"GranteePrincipal": role, "RetiringPrincipal": role, "Operations": ["Decrypt"]});
    let granted = via("CreateGrant", granted).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Subject {
        arn: text(&key["Arn"]),
        id: text(&key["KeyId"]),
        ciphertext: text(&sealed["CiphertextBlob"]),
        grant: text(&granted["GrantId"]),
        import: None,
        store: None,
    }
}

fn request(key: &Subject, operation: &str) -> Value {
    let mut input = key.request(operation);
    if operation == "DeleteAlias" {
        input["AliasName"] = DYNAMODB.into();
    }
    input
}

#[track_caller]
fn check(answer: &Answer, cell: Cell, by: By, operation: &str, arn: &str) {
    let what = format!("{operation} by {by:?}: {} {}", answer.code(), answer.message());
    let code = match cell {
        Yes => "",
        No => "AccessDeniedException",
        Reserved => "NotAuthorizedException",
        Unsuited => "UnsupportedOperationException",
        Apart => return assert!(!answer.message().contains(arn), "{what}"),
    };
    assert_eq!(answer.code(), code, "{what}");
    if cell == No {
        let caller = if matches!(by, By::Service(_)) { "dynamodb.amazonaws.com" } else { super::ROOT };
        let action = if operation == "ReEncrypt" { "ReEncryptFrom" } else { operation };
        let direct = denied(caller, action, arn);
        // Who has no identity policies is refused the alias before the key; a grant is its own matter.
        let of_alias =
            matches!(by, By::Service(_)) && operation.ends_with("Alias") || operation == "RetireGrant";
        assert!(answer.message() == direct || of_alias, "{what}");
    }
}

#[tokio::test]
async fn every_operation_is_answered_as_the_table_says() {
    let listed: Vec<_> = TABLE.iter().map(|(operation, _)| *operation).collect();
    let known: Vec<_> = OPERATIONS.iter().map(|entry| entry.name()).collect();
    assert_eq!(listed, known);
    for (column, by) in COLUMNS.into_iter().enumerate() {
        let kms = TestKms::new();
        let key = managed(&kms).await;
        // Last what ends the grant.
        let ends = |operation: &str| matches!(operation, "RetireGrant" | "RevokeGrant");
        for (operation, cells) in TABLE.iter().filter(|(operation, _)| !ends(operation)) {
            let answer = call_by(&kms, by, operation, request(&key, operation)).await;
            check(&answer, cells[column], by, operation, &key.arn);
        }
        for (operation, cells) in TABLE.iter().filter(|(operation, _)| ends(operation)) {
            let kms = TestKms::new();
            let key = managed(&kms).await;
            let answer = call_by(&kms, by, operation, request(&key, operation)).await;
            check(&answer, cells[column], by, operation, &key.arn);
        }
    }
}

#[tokio::test]
async fn nothing_that_was_refused_has_changed_the_key() {
    let kms = TestKms::new();
    let key = managed(&kms).await;
    let seen = async || {
        let mut seen = vec![];
        for operation in
            ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "ListAliases"]
        {
            seen.push(call(&kms, operation, json!({"KeyId": key.arn})).await.ok());
        }
        seen
    };
    let before = seen().await;
    for (operation, cells) in TABLE.iter().filter(|(_, cells)| cells[0] == No) {
        let answer = call(&kms, operation, request(&key, operation)).await;
        check(&answer, cells[0], By::Customer, operation, &key.arn);
    }
    for operation in ["CreateAlias", "UpdateAlias"] {
        let reserved = json!({"AliasName": DYNAMODB, "TargetKeyId": key.id});
        assert_eq!(call(&kms, operation, reserved).await.code(), "NotAuthorizedException");
    }
    assert_eq!(seen().await, before);
    let target = call(&kms, "DescribeKey", json!({"KeyId": ALIAS})).await.ok();
    assert_eq!(target["KeyMetadata"]["KeyManager"], "CUSTOMER");
}

#[tokio::test]
async fn another_account_cannot_use_it_even_through_the_service() {
    let kms = TestKms::new();
    let key = managed(&kms).await;
    let input = json!({"KeyId": key.arn, "Plaintext": "AAAA"});
    let used =
        super::call_at(&kms, By::Via("dynamodb"), (super::OTHER, fixtures::REGION), "Encrypt", input).await;
    assert_eq!(used.code(), "AccessDeniedException");
    let wrong = json!({"KeyId": key.arn, "Plaintext": "AAAA"});
    let wrong = call_by(&kms, By::Via("s3"), "Encrypt", wrong).await;
    wrong.refuses("AccessDeniedException", denied(super::ROOT, "Encrypt", &key.arn).as_str());
}
