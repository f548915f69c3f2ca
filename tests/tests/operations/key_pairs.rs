//! GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext.

use fixtures::{ACCOUNT, TestKms};
use serde_json::{Value, json};

use super::material::{CHINA, DRY_RUN};
use super::subject::{State, Subject, respecify};
use super::wire::{call, call_of, decoded, events};

const BOTH: [&str; 2] = ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"];

const SPECS: [(&str, usize); 10] = [
    ("ECC_NIST_EDWARDS25519", 44),
    ("ECC_NIST_P256", 91),
    ("ECC_NIST_P384", 120),
    ("ECC_NIST_P521", 158),
    ("ECC_SECG_P256K1", 88),
    ("ML_KEM_1024", 1_590),
    ("ML_KEM_512", 822),
    ("ML_KEM_768", 1_206),
    ("RSA_2048", 294),
    ("RSA_3072", 422),
];

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

#[tokio::test]
async fn a_pair_is_new_and_its_private_key_decrypts() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let material =
        call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok()["KeyMetadata"]["CurrentKeyMaterialId"]
            .clone();
    let mut lengths = Vec::new();
    for (spec, length) in SPECS {
        let input = json!({"KeyId": key.id, "KeyPairSpec": spec, "EncryptionContext": {"a": "b"}});
        let pair = call(&kms, BOTH[0], input.clone()).await.ok();
        let members: Vec<_> = pair.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "KeyId",
            "KeyMaterialId",
            "KeyPairSpec",
            "PrivateKeyCiphertextBlob",
            "PrivateKeyPlaintext",
            "PublicKey",
        ];
        assert_eq!(members, expected);
        assert_eq!(
            (&pair["KeyId"], &pair["KeyPairSpec"], &pair["KeyMaterialId"]),
            (&json!(key.arn), &json!(spec), &material)
        );
        assert_eq!(decoded(&pair["PublicKey"]).len(), length, "{spec}");
        let opened =
            json!({"CiphertextBlob": pair["PrivateKeyCiphertextBlob"], "EncryptionContext": {"a": "b"}});
        let opened = call(&kms, "Decrypt", opened).await.ok();
        assert_eq!(opened["Plaintext"], pair["PrivateKeyPlaintext"]);
        let unbound = json!({"CiphertextBlob": pair["PrivateKeyCiphertextBlob"]});
        call(&kms, "Decrypt", unbound).await.refuses("InvalidCiphertextException", None);

        let without = call(&kms, BOTH[1], input).await.ok();
        assert!(without.get("PrivateKeyPlaintext").is_none());
        assert_eq!(without.as_object().unwrap().len(), expected.len() - 1);
        assert_ne!(without["PublicKey"], pair["PublicKey"]);
        if spec.starts_with("ML_KEM") {
            lengths.push(decoded(&pair["PrivateKeyPlaintext"]).len());
        }
    }
    // Private keys of ML-KEM are seeds, which have one length.
    assert_eq!(lengths, [86; 3]);
}

#[tokio::test]
async fn sm2_pairs_are_for_china_and_those_of_ml_kem_for_everywhere_else() {
    let kms = TestKms::new();
    let here = Subject::new(&kms).await;
    let china = (ACCOUNT, CHINA);
    let there = call_of(&kms, china, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    for operation in BOTH {
        let input = json!({"KeyId": here.id, "KeyPairSpec": "SM2", "DryRun": true});
        let text = "KeyPairSpec SM2 is not supported in this Region";
        call(&kms, operation, input).await.refuses("UnsupportedOperationException", text);
        let input = json!({"KeyId": there, "KeyPairSpec": "SM2"});
        assert_eq!(decoded(&call_of(&kms, china, operation, input).await.ok()["PublicKey"]).len(), 91);
        let input = json!({"KeyId": there, "KeyPairSpec": "ML_KEM_512"});
        let text = "KeyPairSpec ML_KEM_512 is not supported in this Region";
        call_of(&kms, china, operation, input).await.refuses("UnsupportedOperationException", text);
    }
}

#[tokio::test]
async fn usage_comes_before_state_and_state_before_spec() {
    for operation in BOTH {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        State::Disabled.enter(&kms, &key.id).await;
        respecify(&kms, &key.arn, "HMAC_256", "GENERATE_VERIFY_MAC").await;
        let text =
            format!("{} key usage is GENERATE_VERIFY_MAC which is not valid for {operation}.", key.arn);
        call(&kms, operation, key.request(operation))
            .await
            .refuses("InvalidKeyUsageException", text.as_str());
        respecify(&kms, &key.arn, "RSA_2048", "ENCRYPT_DECRYPT").await;
        let text = format!("{} is disabled.", key.arn);
        call(&kms, operation, key.request(operation)).await.refuses("DisabledException", text.as_str());
        call(&kms, "EnableKey", json!({"KeyId": key.id})).await.ok();
        let text = "You cannot generate a data key with an asymmetric CMK";
        call(&kms, operation, key.request(operation)).await.refuses("InvalidKeyUsageException", text);
    }
}

#[tokio::test]
async fn a_pair_is_a_use_of_the_key_and_a_dry_run_is_none() {
    for operation in BOTH {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        let before = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
        let dry = with(key.request(operation), "DryRun", json!(true));
        call(&kms, operation, dry).await.refuses("DryRunOperationException", DRY_RUN);
        assert_eq!(call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok(), before);
        let input = with(key.request(operation), "EncryptionContext", json!({"a": "b"}));
        call(&kms, operation, input).await.ok();
        let last = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
        assert_eq!(last["KeyLastUsage"]["Operation"], operation);
        let record = events(&kms, &format!("event={operation}")).await.pop().unwrap();
        let expected =
            json!({"keyId": key.arn, "keyPairSpec": "ECC_NIST_P256", "encryptionContext": {"a": "b"}});
        assert_eq!(record["requestParameters"], expected);
        assert_eq!(record["responseElements"], Value::Null);
    }
}

#[tokio::test]
async fn an_unusable_context_is_refused_before_the_look_up() {
    let kms = TestKms::new();
    for operation in BOTH {
        let input =
            json!({"KeyId": "missing", "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": {"a": ""}});
        call(&kms, operation, input).await.refuses("ValidationException", "Invalid EncryptionContext");
    }
}
