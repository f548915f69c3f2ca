//! Operations that are known but not built say so, after every check that needs no body.

use fixtures::TestKms;
use kms_server::operations::registry::{Body, OPERATIONS};
use serde_json::json;

use super::subject::{Subject, key_members};
use super::wire::call;

const NOT_BUILT: [&str; 6] = [
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "DeleteCustomKeyStore",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "UpdateCustomKeyStore",
];

#[test]
fn the_list_is_what_the_registry_says() {
    let found: Vec<_> = OPERATIONS
        .iter()
        .filter(|entry| matches!(entry.body, Body::NotBuilt))
        .map(|entry| entry.name())
        .collect();
    assert_eq!(found, NOT_BUILT);
}

#[tokio::test]
async fn every_one_names_itself_with_status_501() {
    for operation in NOT_BUILT {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        let input = key.request(operation);
        let text = format!("{operation} is not implemented");
        call(&kms, operation, input.clone()).await.refuses("NotImplementedException", text.as_str());
        // Nobody can promise that it would have succeeded.
        let mut dry = input;
        dry["DryRun"] = true.into();
        call(&kms, operation, dry).await.refuses("NotImplementedException", text.as_str());
    }
}

#[tokio::test]
async fn validation_and_look_up_come_first() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for operation in NOT_BUILT {
        let required = operation != "DescribeCustomKeyStores";
        if required {
            assert_eq!(call(&kms, operation, json!({})).await.code(), "ValidationException", "{operation}");
        }
        let mut mistyped = key.request(operation);
        let first = mistyped.as_object().unwrap().keys().next().cloned();
        mistyped[&first.unwrap_or("Limit".to_owned())] = json!(true);
        assert_eq!(call(&kms, operation, mistyped).await.code(), "SerializationException", "{operation}");
        for member in key_members(operation) {
            let mut missing = key.request(operation);
            missing[*member] = "1234abcd-12ab-34cd-56ef-1234567890ab".into();
            assert_eq!(call(&kms, operation, missing).await.code(), "NotFoundException", "{operation}");
        }
    }
}

#[tokio::test]
async fn parameters_that_are_known_but_not_carried_out_say_so() {
    let kms = TestKms::new();
    let recipient = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "AAAA"});
    for operation in
        ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"]
    {
        let key = Subject::of(&kms, operation).await;
        let mut input = key.request(operation);
        input["Recipient"] = recipient.clone();
        call(&kms, operation, input).await.refuses("NotImplementedException", "Recipient is not implemented");
    }
}
