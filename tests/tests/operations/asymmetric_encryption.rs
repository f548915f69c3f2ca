//! Encrypt, Decrypt and ReEncrypt with RSA and SM2.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{EncryptionAlgorithmSpec, KeySpec, KeyUsageType};
use fixtures::{ACCOUNT, TestKms};
use serde_json::{Value, json};

use super::material::{CHINA, create_key, refuses_algorithm};
use super::subject::Subject;
use super::wire::{call, call_of, decoded, encoded, events};

const CONTEXT: &str = "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.";

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

#[tokio::test]
async fn plaintexts_up_to_the_limit_of_each_algorithm_come_back() {
    let kms = TestKms::new();
    for (spec, sizes) in [("RSA_2048", [214, 190]), ("RSA_3072", [342, 318]), ("RSA_4096", [470, 446])] {
        let key = create_key(&kms, spec, "ENCRYPT_DECRYPT").await;
        for (algorithm, max) in ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"].into_iter().zip(sizes) {
            for length in [1, max] {
                let plaintext = encoded(&vec![7; length]);
                let input = json!({"KeyId": key, "Plaintext": plaintext, "EncryptionAlgorithm": algorithm});
                let sealed = call(&kms, "Encrypt", input).await.ok();
                assert_eq!(
                    (&sealed["KeyId"], &sealed["EncryptionAlgorithm"]),
                    (&json!(key), &json!(algorithm))
                );
                let bits: usize = spec[4..].parse().unwrap();
                assert_eq!(decoded(&sealed["CiphertextBlob"]).len(), bits / 8);
                let input = json!({
                    "KeyId": key, "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionAlgorithm": algorithm,
                });
                let opened = call(&kms, "Decrypt", input).await.ok();
                let expected =
                    json!({"KeyId": key, "Plaintext": plaintext, "EncryptionAlgorithm": algorithm});
                assert_eq!(opened, expected);
            }
            let input = json!({
                "KeyId": key, "Plaintext": encoded(&vec![7; max + 1]), "EncryptionAlgorithm": algorithm, "DryRun": true,
            });
            let text = format!(
                "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {max} bytes."
            );
            call(&kms, "Encrypt", input).await.refuses("ValidationException", text.as_str());
        }
    }
}

#[tokio::test]
async fn whatever_is_no_ciphertext_of_the_key_does_not_open() {
    let kms = TestKms::new();
    let [key, other] = [
        create_key(&kms, "RSA_2048", "ENCRYPT_DECRYPT").await,
        create_key(&kms, "RSA_2048", "ENCRYPT_DECRYPT").await,
    ];
    let input = json!({"KeyId": key, "Plaintext": "AAAA", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    let sealed = decoded(&call(&kms, "Encrypt", input.clone()).await.ok()["CiphertextBlob"]);
    let again = decoded(&call(&kms, "Encrypt", input).await.ok()["CiphertextBlob"]);
    assert_ne!(sealed, again);
    let mut altered = sealed.clone();
    altered[100] ^= 1;
    for (key, algorithm, blob) in [
        (&key, "RSAES_OAEP_SHA_256", &altered[..]),
        (&key, "RSAES_OAEP_SHA_256", &sealed[1..]),
        (&key, "RSAES_OAEP_SHA_256", &[&sealed[..], b"x"].concat()[..]),
        (&key, "RSAES_OAEP_SHA_256", b"x"),
        (&key, "RSAES_OAEP_SHA_1", &sealed[..]),
        (&other, "RSAES_OAEP_SHA_256", &sealed[..]),
    ] {
        let input = json!({"KeyId": key, "CiphertextBlob": encoded(blob), "EncryptionAlgorithm": algorithm});
        call(&kms, "Decrypt", input).await.refuses("InvalidCiphertextException", None);
    }
    let keyless = json!({"CiphertextBlob": encoded(&sealed), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    call(&kms, "Decrypt", keyless).await.refuses("ValidationException", "KeyId must not be null");
    // Without an algorithm, the ciphertext is taken for a symmetric one.
    let bare = json!({"KeyId": key, "CiphertextBlob": encoded(&sealed)});
    call(&kms, "Decrypt", bare).await.refuses("InvalidCiphertextException", None);
}

#[tokio::test]
async fn an_algorithm_must_be_the_keys_and_takes_no_context() {
    let kms = TestKms::new();
    let key = create_key(&kms, "RSA_2048", "ENCRYPT_DECRYPT").await;
    let symmetric = Subject::new(&kms).await;
    let encrypt = json!({"KeyId": key, "Plaintext": "AAAA"});
    refuses_algorithm(&call(&kms, "Encrypt", encrypt.clone()).await, "SYMMETRIC_DEFAULT", "RSA_2048");
    let sm2 = with(encrypt.clone(), "EncryptionAlgorithm", json!("SM2PKE"));
    refuses_algorithm(&call(&kms, "Encrypt", sm2).await, "SM2PKE", "RSA_2048");
    let context = json!({"a": "b"});
    let encrypt = with(encrypt, "EncryptionAlgorithm", json!("RSAES_OAEP_SHA_1"));
    let bound = with(encrypt.clone(), "EncryptionContext", context.clone());
    call(&kms, "Encrypt", bound).await.refuses("ValidationException", CONTEXT);
    let sealed = call(&kms, "Encrypt", with(encrypt, "EncryptionContext", json!({}))).await.ok();
    let decrypt = json!({
        "KeyId": key, "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionAlgorithm": "RSAES_OAEP_SHA_1",
        "EncryptionContext": context,
    });
    call(&kms, "Decrypt", decrypt).await.refuses("ValidationException", CONTEXT);
    let moved = json!({
        "CiphertextBlob": symmetric.ciphertext, "DestinationKeyId": key,
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "DestinationEncryptionContext": context,
    });
    call(&kms, "ReEncrypt", moved).await.refuses("ValidationException", CONTEXT);
}

#[tokio::test]
async fn re_encryption_goes_between_symmetric_keys_and_rsa() {
    let kms = TestKms::new();
    let symmetric = Subject::new(&kms).await;
    let rsa = create_key(&kms, "RSA_2048", "ENCRYPT_DECRYPT").await;
    let to_rsa = json!({
        "CiphertextBlob": symmetric.ciphertext, "DestinationKeyId": rsa,
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    });
    let mut moved = call(&kms, "ReEncrypt", to_rsa).await.ok();
    let blob = moved.as_object_mut().unwrap().remove("CiphertextBlob").unwrap();
    let material = moved.as_object_mut().unwrap().remove("SourceKeyMaterialId").unwrap();
    let expected = json!({
        "SourceKeyId": symmetric.arn, "KeyId": rsa, "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    });
    assert_eq!(moved, expected);
    for key in [&symmetric.arn, &rsa] {
        let last = call(&kms, "GetKeyLastUsage", json!({"KeyId": key})).await.ok();
        assert_eq!(last["KeyLastUsage"]["Operation"], "ReEncrypt");
    }
    let back = json!({
        "CiphertextBlob": blob, "SourceKeyId": rsa, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "DestinationKeyId": symmetric.id, "DestinationEncryptionContext": {"a": "b"},
    });
    let back = call(&kms, "ReEncrypt", back).await.ok();
    assert_eq!(back["DestinationKeyMaterialId"], material);
    assert!(back.get("SourceKeyMaterialId").is_none());
    let opened = json!({"CiphertextBlob": back["CiphertextBlob"], "EncryptionContext": {"a": "b"}});
    assert_eq!(call(&kms, "Decrypt", opened).await.ok()["Plaintext"], encoded(b"secret"));

    let long = json!({"KeyId": symmetric.id, "Plaintext": encoded(&[7; 191])});
    let long = call(&kms, "Encrypt", long).await.ok();
    let moved = json!({
        "CiphertextBlob": long["CiphertextBlob"], "DestinationKeyId": rsa,
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    });
    let text =
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.";
    call(&kms, "ReEncrypt", moved).await.refuses("ValidationException", text);
}

#[tokio::test]
async fn sm2_encrypts_in_china() {
    let kms = TestKms::new();
    let china = (ACCOUNT, CHINA);
    let input = json!({"KeySpec": "SM2", "KeyUsage": "ENCRYPT_DECRYPT"});
    let metadata = call_of(&kms, china, "CreateKey", input).await.ok()["KeyMetadata"].clone();
    assert_eq!(metadata["EncryptionAlgorithms"], json!(["SM2PKE"]));
    let key = metadata["Arn"].clone();
    for length in [1, 1_024] {
        let plaintext = encoded(&vec![7; length]);
        let input = json!({"KeyId": key, "Plaintext": plaintext, "EncryptionAlgorithm": "SM2PKE"});
        let sealed = call_of(&kms, china, "Encrypt", input).await.ok();
        let input = json!({"KeyId": key, "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionAlgorithm": "SM2PKE"});
        assert_eq!(call_of(&kms, china, "Decrypt", input.clone()).await.ok()["Plaintext"], plaintext);
        let mut altered = decoded(&sealed["CiphertextBlob"]);
        *altered.last_mut().unwrap() ^= 1;
        let altered = with(input, "CiphertextBlob", encoded(&altered));
        call_of(&kms, china, "Decrypt", altered).await.refuses("InvalidCiphertextException", None);
    }
    let input = json!({"KeyId": key, "Plaintext": encoded(&[7; 1_025]), "EncryptionAlgorithm": "SM2PKE"});
    let text = "Algorithm SM2PKE and key spec SM2 cannot encrypt data larger than 1024 bytes.";
    call_of(&kms, china, "Encrypt", input).await.refuses("ValidationException", text);
}

#[tokio::test]
async fn an_sdk_encrypts_and_the_audit_log_names_the_algorithm() {
    let kms = TestKms::new();
    let client = kms.client();
    let key = client.create_key().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::EncryptDecrypt).send();
    let key = key.await.unwrap().key_metadata.unwrap().key_id;
    let algorithm = EncryptionAlgorithmSpec::RsaesOaepSha256;
    let sealed =
        client.encrypt().key_id(&key).plaintext(Blob::new("secret")).encryption_algorithm(algorithm.clone());
    let sealed = sealed.send().await.unwrap().ciphertext_blob.unwrap();
    let opened = client.decrypt().key_id(&key).ciphertext_blob(sealed).encryption_algorithm(algorithm).send();
    let opened = opened.await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), b"secret");
    assert_eq!(opened.key_material_id, None);
    let record = events(&kms, "event=Decrypt").await.pop().unwrap();
    let expected = json!({"keyId": key, "encryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    assert_eq!(record["requestParameters"], expected);
}
