//! Operations that are known but not built say so, after every check that needs no body.

use fixtures::TestKms;
use kms_server::operations::registry::{Body, OPERATIONS};
use serde_json::json;

use super::states::kind;
use super::subject::{State, Subject, key_members, respecify};
use super::wire::call;

const NOT_BUILT: [&str; 21] = [
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "Decapsulate",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "Encapsulate",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ReplicateKey",
    "Sign",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
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
        if let Some((spec, usage)) = kind(operation) {
            respecify(&kms, &key.arn, spec, usage).await;
        }
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
async fn key_usage_comes_before_key_state_and_both_before_501() {
    for operation in NOT_BUILT.into_iter().filter(|operation| kind(operation).is_some()) {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        State::Disabled.enter(&kms, &key.id).await;
        let text = format!("{} key usage is ENCRYPT_DECRYPT which is not valid for {operation}.", key.arn);
        call(&kms, operation, key.request(operation))
            .await
            .refuses("InvalidKeyUsageException", text.as_str());
    }
    for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        respecify(&kms, &key.arn, "HMAC_256", "GENERATE_VERIFY_MAC").await;
        let text =
            format!("{} key usage is GENERATE_VERIFY_MAC which is not valid for {operation}.", key.arn);
        call(&kms, operation, key.request(operation))
            .await
            .refuses("InvalidKeyUsageException", text.as_str());
    }
}

#[tokio::test]
async fn parameters_that_are_known_but_not_carried_out_say_so() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let recipient = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "AAAA"});
    for operation in ["Decrypt", "GenerateDataKey", "GenerateRandom"] {
        let mut input = key.request(operation);
        input["Recipient"] = recipient.clone();
        call(&kms, operation, input).await.refuses("NotImplementedException", "Recipient is not implemented");
    }
    for (input, what) in [
        (json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}), "KeySpec RSA_2048"),
        (json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}), "KeySpec HMAC_256"),
        (json!({"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}), "KeySpec ML_KEM_768"),
        (json!({"Origin": "EXTERNAL"}), "Origin EXTERNAL"),
    ] {
        let text = format!("{what} is not implemented");
        call(&kms, "CreateKey", input).await.refuses("NotImplementedException", text.as_str());
    }
}
