//! AWS owned keys: a service has them for itself, outside every account. No customer finds, uses or pays for one.
//!
//! AWS: KMS developer guide, "AWS KMS keys", AWS owned keys.

use fixtures::{ACCOUNT, REGION, TestKms};
use kms_server::operations::registry::OPERATIONS;
use lifecycle::ids::AccountId;
use serde_json::{Value, json};

use super::super::subject::{key_members, request};
use super::{By, DYNAMODB, OTHER, call, call_at, call_by, events, keys};

const SERVICE: By = By::Service("dynamodb.amazonaws.com");

/// The key that a service owns, by its ARN, and a ciphertext of `secret`.
async fn owned(kms: &TestKms) -> (String, String) {
    let input = json!({"KeyId": DYNAMODB, "Plaintext": "c2VjcmV0"});
    let sealed = call_by(kms, SERVICE, "Encrypt", input).await.ok();
    let text = |member: &str| sealed[member].as_str().unwrap().to_owned();
    (text("KeyId"), text("CiphertextBlob"))
}

#[tokio::test]
async fn a_service_uses_the_key_that_it_owns() {
    let kms = TestKms::new();
    let (arn, ciphertext) = owned(&kms).await;
    assert!(arn.starts_with("arn:aws:kms:us-east-1:aws:key/"), "{arn}");
    // It is the same for whichever customer the service works.
    for account in [ACCOUNT, OTHER] {
        let opened = json!({"CiphertextBlob": ciphertext});
        let opened = call_at(&kms, SERVICE, (account, REGION), "Decrypt", opened).await.ok();
        assert_eq!((&opened["KeyId"], &opened["Plaintext"]), (&json!(arn), &json!("c2VjcmV0")));
    }
    let data_key = json!({"KeyId": arn, "KeySpec": "AES_256"});
    call_by(&kms, SERVICE, "GenerateDataKey", data_key).await.ok();
    let metadata =
        call_by(&kms, SERVICE, "DescribeKey", json!({"KeyId": arn})).await.ok()["KeyMetadata"].clone();
    assert_eq!((&metadata["AWSAccountId"], &metadata["KeyManager"]), (&json!("aws"), &json!("AWS")));
    // Another Region has another one, and so has another service.
    let elsewhere = json!({"KeyId": DYNAMODB});
    let elsewhere = call_at(&kms, SERVICE, (ACCOUNT, "eu-west-1"), "DescribeKey", elsewhere).await.ok();
    assert_ne!(elsewhere["KeyMetadata"]["KeyId"], metadata["KeyId"]);
    for input in [json!({"KeyId": arn, "Plaintext": "AAAA"}), json!({"KeyId": DYNAMODB, "Plaintext": "AAAA"})]
    {
        let other = call_by(&kms, By::Service("s3"), "Encrypt", input).await;
        other.refuses("AccessDeniedException", super::denied("s3.amazonaws.com", "Encrypt", &arn).as_str());
    }
}

#[tokio::test]
async fn it_rotates_by_the_plan_of_aws_and_opens_everything() {
    let kms = TestKms::new();
    let (arn, ciphertext) = owned(&kms).await;
    let material = async || {
        let described = call_by(&kms, SERVICE, "DescribeKey", json!({"KeyId": arn})).await.ok();
        described["KeyMetadata"]["CurrentKeyMaterialId"].clone()
    };
    let first = material().await;
    kms.advance_days(364).await;
    assert_eq!(material().await, first);
    kms.advance_days(1).await;
    assert_ne!(material().await, first);
    kms.advance_days(3_650).await;
    let opened = call_by(&kms, SERVICE, "Decrypt", json!({"CiphertextBlob": ciphertext})).await.ok();
    assert_eq!((&opened["Plaintext"], &opened["KeyMaterialId"]), (&json!("c2VjcmV0"), &first));
}

/// Whatever a customer asks, the answer is that of a key of another account that does not exist.
#[tokio::test]
async fn to_a_customer_it_is_as_if_it_did_not_exist() {
    let kms = TestKms::new();
    let (arn, ciphertext) = owned(&kms).await;
    let missing = "arn:aws:kms:us-east-1:aws:key/11111111-2222-4333-8444-555555555555";
    for entry in OPERATIONS {
        let operation = entry.name();
        for member in key_members(operation) {
            // The key itself is the other one of the two.
            for by in [By::Customer, By::Via("dynamodb")] {
                let ask = async |arn: &str| {
                    let mut input = request(operation, arn, &ciphertext);
                    if operation == "UpdateAlias" {
                        input["AliasName"] = "alias/any".into();
                    }
                    let answer = call_by(&kms, by, operation, input).await;
                    assert!(!answer.status.is_success(), "{operation} {member}");
                    (answer.code(), answer.message())
                };
                let found = ask(&arn).await;
                assert_eq!(found, ask(missing).await, "{operation} {member}");
            }
        }
    }
    let hidden = "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Decrypt on the resource \
                  associated with this ciphertext because the resource does not exist in this Region, no \
                  resource-based policies allow access, or a resource-based policy explicitly denies access";
    for by in [By::Customer, By::Via("dynamodb")] {
        let opened = call_by(&kms, by, "Decrypt", json!({"CiphertextBlob": ciphertext})).await;
        opened.refuses("AccessDeniedException", hidden);
    }
    let alias = json!({"KeyId": "arn:aws:kms:us-east-1:aws:alias/aws/dynamodb"});
    assert_eq!(call(&kms, "DescribeKey", alias).await.code(), "AccessDeniedException");
    // What the customer finds under the same name is a key of its own.
    for account in [ACCOUNT, OTHER] {
        assert!(keys(&kms, (account, REGION)).await.is_empty());
    }
    let own = super::described(&kms, DYNAMODB).await;
    assert_eq!(own["AWSAccountId"], ACCOUNT);
    let shown = events(&kms, "limit=10000").await;
    assert!(shown.len() > 100);
    let names_it = |record: &&Value| record["resources"].to_string().contains(&arn);
    assert_eq!(shown.iter().filter(names_it).count(), 0, "no record lists it among its resources");
}

#[tokio::test]
async fn nobody_can_manage_it() {
    let kms = TestKms::new();
    let (arn, _) = owned(&kms).await;
    for (operation, input) in [
        ("DisableKey", json!({"KeyId": arn})),
        ("ScheduleKeyDeletion", json!({"KeyId": arn})),
        ("PutKeyPolicy", json!({"KeyId": arn, "Policy": super::super::subject::policy()})),
        ("RotateKeyOnDemand", json!({"KeyId": arn})),
        ("CreateGrant", json!({"KeyId": arn, "GranteePrincipal": super::ROOT, "Operations": ["Decrypt"]})),
    ] {
        let text = super::denied("dynamodb.amazonaws.com", operation, &arn);
        call_by(&kms, SERVICE, operation, input).await.refuses("AccessDeniedException", text.as_str());
    }
}

#[tokio::test]
async fn its_use_leaves_no_trace_in_the_audit_log() {
    let kms = TestKms::new();
    let (arn, ciphertext) = owned(&kms).await;
    for (operation, input) in [
        ("Decrypt", json!({"CiphertextBlob": ciphertext})),
        ("GenerateDataKey", json!({"KeyId": arn, "KeySpec": "AES_256"})),
        ("DescribeKey", json!({"KeyId": DYNAMODB})),
        ("Decrypt", json!({"CiphertextBlob": ciphertext, "EncryptionContext": {"wrong": "context"}})),
        ("DisableKey", json!({"KeyId": arn})),
    ] {
        call_by(&kms, SERVICE, operation, input).await;
    }
    kms.advance_days(400).await;
    assert_eq!(events(&kms, "").await, Vec::<Value>::new());
    // With a customer's key it is the customer's log.
    let key = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    assert_eq!(
        call_by(&kms, SERVICE, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.code(),
        "AccessDeniedException"
    );
    let [_, used] = events(&kms, "").await.try_into().unwrap();
    assert_eq!(
        (&used["userIdentity"]["type"], &used["recipientAccountId"]),
        (&json!("AWSService"), &json!(ACCOUNT))
    );
    // What was meant for nobody knows whom is in the log, too.
    call_by(&kms, SERVICE, "Decrypt", json!({"CiphertextBlob": "AAAA"})).await;
    assert_eq!(events(&kms, "").await.len(), 3);
}

#[tokio::test]
async fn no_credential_is_of_the_account_of_aws() {
    let kms = TestKms::new();
    owned(&kms).await;
    assert!("aws".parse::<AccountId>().is_err());
    // Like any other unknown key, it stands for the default account.
    let listed = keys(&kms, ("aws", REGION)).await;
    assert!(listed.is_empty());
    let principal = super::control(&kms, http::Method::PUT, "/_kms/principals/aws", "{}").await;
    assert_eq!(principal.status, 400);
}
