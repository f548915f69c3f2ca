//! GenerateMac and VerifyMac.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MacAlgorithmSpec};
use fixtures::TestKms;
use serde_json::json;

use super::material::{DRY_RUN, create, refuses_algorithm};
use super::subject::{State, Subject, respecify};
use super::wire::{call, decoded, encoded, events, refuses};

const SPECS: [(&str, &str, usize); 4] = [
    ("HMAC_224", "HMAC_SHA_224", 28),
    ("HMAC_256", "HMAC_SHA_256", 32),
    ("HMAC_384", "HMAC_SHA_384", 48),
    ("HMAC_512", "HMAC_SHA_512", 64),
];

#[tokio::test]
async fn a_code_is_that_of_its_key_and_message() {
    let kms = TestKms::new();
    for (spec, algorithm, length) in SPECS {
        let metadata = create(&kms, spec, "GENERATE_VERIFY_MAC").await;
        assert_eq!(metadata["MacAlgorithms"], json!([algorithm]));
        let key = metadata["Arn"].clone();
        let input = json!({"KeyId": key, "Message": "AAAA", "MacAlgorithm": algorithm});
        let made = call(&kms, "GenerateMac", input.clone()).await.ok();
        assert_eq!((&made["KeyId"], &made["MacAlgorithm"]), (&key, &json!(algorithm)));
        assert_eq!(decoded(&made["Mac"]).len(), length);
        assert_eq!(call(&kms, "GenerateMac", input.clone()).await.ok(), made);
        let mut verify = input.clone();
        verify["Mac"] = made["Mac"].clone();
        let expected = json!({"KeyId": key, "MacValid": true, "MacAlgorithm": algorithm});
        assert_eq!(call(&kms, "VerifyMac", verify.clone()).await.ok(), expected);
        for (member, value) in [
            ("Message", encoded(b"other")),
            ("Mac", encoded(&vec![0; length])),
            ("Mac", encoded(&decoded(&made["Mac"])[1..])),
        ] {
            let mut other = verify.clone();
            other[member] = value;
            call(&kms, "VerifyMac", other).await.refuses("KMSInvalidMacException", None);
        }
        for other in SPECS.iter().map(|spec| spec.1).filter(|other| *other != algorithm) {
            for operation in ["GenerateMac", "VerifyMac"] {
                let mut input = verify.clone();
                input["MacAlgorithm"] = json!(other);
                input["DryRun"] = json!(true);
                refuses_algorithm(&call(&kms, operation, input).await, other, spec);
            }
        }
        for operation in ["GenerateMac", "VerifyMac"] {
            let mut input = verify.clone();
            input["DryRun"] = json!(true);
            call(&kms, operation, input).await.refuses("DryRunOperationException", DRY_RUN);
        }
    }
}

/// RFC 4231, test case 1, but with a key as long as KMS has them.
#[tokio::test]
async fn a_chosen_key_makes_the_codes_that_everybody_makes_with_it() {
    let kms = TestKms::new();
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": encoded(&[0x0b; 32])}]);
    let input = json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC", "Tags": tags});
    let key = call(&kms, "CreateKey", input).await.ok()["KeyMetadata"]["KeyId"].clone();
    let input = json!({"KeyId": key, "Message": encoded(b"Hi There"), "MacAlgorithm": "HMAC_SHA_256"});
    let mac = call(&kms, "GenerateMac", input).await.ok()["Mac"].clone();
    assert_eq!(mac, "GYpgfrRL+8aZA6Dxzyu9xboKo/PZrjwcejsWlqC2jPc=");
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": encoded(&[0x0b; 31])}]);
    let input = json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC", "Tags": tags});
    let text = "_custom_key_material_ must be a key of spec HMAC_256 in base64";
    call(&kms, "CreateKey", input).await.refuses("ValidationException", text);
}

#[tokio::test]
async fn an_sdk_makes_and_compares_codes() {
    let kms = TestKms::new();
    let client = kms.client();
    let key =
        client.create_key().key_spec(KeySpec::Hmac384).key_usage(KeyUsageType::GenerateVerifyMac).send();
    let key = key.await.unwrap().key_metadata.unwrap().key_id;
    let (message, algorithm) = (Blob::new("message"), MacAlgorithmSpec::HmacSha384);
    let made = client.generate_mac().key_id(&key).message(message.clone()).mac_algorithm(algorithm.clone());
    let mac = made.send().await.unwrap().mac.unwrap();
    let verify = client.verify_mac().key_id(&key).message(message).mac_algorithm(algorithm);
    assert!(verify.clone().mac(mac).send().await.unwrap().mac_valid);
    refuses(&verify.mac(Blob::new("x")).send().await, "KMSInvalidMacException", None);
}

#[tokio::test]
async fn usage_comes_before_state_and_state_before_the_algorithm() {
    for operation in ["GenerateMac", "VerifyMac"] {
        let kms = TestKms::new();
        let key = Subject::of(&kms, operation).await;
        let mut request = key.request(operation);
        request["MacAlgorithm"] = json!("HMAC_SHA_512");
        State::Disabled.enter(&kms, &key.id).await;
        let text = format!("{} is disabled.", key.arn);
        call(&kms, operation, request.clone()).await.refuses("DisabledException", text.as_str());
        respecify(&kms, &key.arn, "ECC_NIST_P256", "SIGN_VERIFY").await;
        let text = format!("{} key usage is SIGN_VERIFY which is not valid for {operation}.", key.arn);
        call(&kms, operation, request).await.refuses("InvalidKeyUsageException", text.as_str());
    }
}

#[tokio::test]
async fn codes_are_recorded_without_message_and_code() {
    let kms = TestKms::new();
    let key = Subject::of(&kms, "VerifyMac").await;
    for operation in ["GenerateMac", "VerifyMac"] {
        call(&kms, operation, key.request(operation)).await.ok();
        let last = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
        assert_eq!(last["KeyLastUsage"]["Operation"], operation);
        let record = events(&kms, &format!("event={operation}")).await.pop().unwrap();
        assert_eq!(record["requestParameters"], json!({"keyId": key.arn, "macAlgorithm": "HMAC_SHA_256"}));
    }
}
