//! GetPublicKey, Sign and Verify.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use fixtures::{ACCOUNT, TestKms};
use serde_json::{Value, json};

use super::material::{CHINA, DRY_RUN, SIGNING, create, create_key, digest, refuses_algorithm};
use super::subject::{State, Subject, respecify};
use super::wire::{call, call_of, decoded, encoded, events};

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

/// The request that checks the signature of an answer to `signing`.
fn verification(signing: &Value, signed: &Value) -> Value {
    with(signing.clone(), "Signature", signed["Signature"].clone())
}

#[tokio::test]
async fn every_algorithm_signs_what_it_verifies() {
    let kms = TestKms::new();
    let mut last = (String::new(), String::new());
    for (spec, algorithm) in SIGNING {
        if last.0 != spec {
            last = (spec.to_owned(), create_key(&kms, spec, "SIGN_VERIFY").await);
        }
        let key = &last.1;
        let (digest_type, length) = digest(algorithm);
        let raw = json!({"KeyId": key, "Message": encoded(b"message"), "SigningAlgorithm": algorithm});
        let short = with(raw.clone(), "MessageType", json!(digest_type));
        let other = with(short.clone(), "Message", encoded(&vec![7; length]));
        let inputs: &[&Value] = match algorithm {
            "ED25519_SHA_512" => &[&raw],
            "ED25519_PH_SHA_512" => &[&other],
            _ => &[&raw, &other],
        };
        for input in inputs {
            let signed = call(&kms, "Sign", (*input).clone()).await.ok();
            assert_eq!((&signed["KeyId"], &signed["SigningAlgorithm"]), (&json!(key), &json!(algorithm)));
            let verify = verification(input, &signed);
            let expected = json!({"KeyId": key, "SignatureValid": true, "SigningAlgorithm": algorithm});
            assert_eq!(call(&kms, "Verify", verify.clone()).await.ok(), expected);
            for altered in [
                with(verify.clone(), "Message", encoded(&[8; 64][..length])),
                with(verify.clone(), "Signature", encoded(&[7; 6_144])),
                with(verify.clone(), "Signature", encoded(&[0x30])),
            ] {
                call(&kms, "Verify", altered).await.refuses("KMSInvalidSignatureException", None);
            }
            for operation in ["Sign", "Verify"] {
                let dry = with(verify.clone(), "DryRun", json!(true));
                call(&kms, operation, dry).await.refuses("DryRunOperationException", DRY_RUN);
            }
        }
        if !algorithm.starts_with("ED25519") {
            let text = format!("Digest is invalid length for algorithm {algorithm}.");
            for operation in ["Sign", "Verify"] {
                let input = with(short.clone(), "Signature", json!("AAAA"));
                call(&kms, operation, input).await.refuses("ValidationException", text.as_str());
            }
        }
    }
}

/// A digest stands for its message, whichever way the signature was made.
#[tokio::test]
async fn the_type_of_a_message_need_not_be_the_same_for_sign_and_verify() {
    let kms = TestKms::new();
    // SHA-256 of "abc".
    let sha256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    for (spec, algorithm) in [("ECC_NIST_P256", "ECDSA_SHA_256"), ("RSA_2048", "RSASSA_PSS_SHA_256")] {
        let key = create_key(&kms, spec, "SIGN_VERIFY").await;
        let raw = json!({"KeyId": key, "Message": encoded(b"abc"), "SigningAlgorithm": algorithm});
        let short =
            json!({"KeyId": key, "Message": sha256, "MessageType": "DIGEST", "SigningAlgorithm": algorithm});
        for (made, checked) in [(&raw, &short), (&short, &raw)] {
            let signed = call(&kms, "Sign", made.clone()).await.ok();
            call(&kms, "Verify", verification(checked, &signed)).await.ok();
        }
    }
}

#[tokio::test]
async fn sm2_signs_in_china_only() {
    let kms = TestKms::new();
    let china = (ACCOUNT, CHINA);
    let input = json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"});
    let text = "KeySpec SM2 is not supported in this Region";
    call(&kms, "CreateKey", input.clone()).await.refuses("UnsupportedOperationException", text);
    let metadata = call_of(&kms, china, "CreateKey", input).await.ok()["KeyMetadata"].clone();
    assert_eq!(metadata["SigningAlgorithms"], json!(["SM2DSA"]));
    let key = &metadata["Arn"];
    for (message_type, message) in [("RAW", encoded(b"message")), ("DIGEST", encoded(&[7; 32]))] {
        let input = json!({
            "KeyId": key, "Message": message, "MessageType": message_type, "SigningAlgorithm": "SM2DSA",
        });
        let signed = call_of(&kms, china, "Sign", input.clone()).await.ok();
        call_of(&kms, china, "Verify", verification(&input, &signed)).await.ok();
        let altered = with(verification(&input, &signed), "Signature", json!("AAAA"));
        call_of(&kms, china, "Verify", altered).await.refuses("KMSInvalidSignatureException", None);
    }
    let public = call_of(&kms, china, "GetPublicKey", json!({"KeyId": key})).await.ok();
    assert_eq!(decoded(&public["PublicKey"]).len(), 91);
}

#[tokio::test]
async fn an_sdk_signs_and_verifies() {
    let kms = TestKms::new();
    let client = kms.client();
    let key = client.create_key().key_spec(KeySpec::EccNistP384).key_usage(KeyUsageType::SignVerify).send();
    let key = key.await.unwrap().key_metadata.unwrap().key_id;
    let algorithm = SigningAlgorithmSpec::EcdsaSha384;
    let digest = Blob::new([7; 48]);
    let signed = client
        .sign()
        .key_id(&key)
        .message(digest.clone())
        .message_type(MessageType::Digest)
        .signing_algorithm(algorithm.clone())
        .send()
        .await
        .unwrap();
    let verified = client
        .verify()
        .key_id(&key)
        .message(digest)
        .message_type(MessageType::Digest)
        .signing_algorithm(algorithm)
        .signature(signed.signature.unwrap())
        .send()
        .await
        .unwrap();
    assert!(verified.signature_valid);
}

#[tokio::test]
async fn an_algorithm_and_a_message_type_must_fit_the_key() {
    let kms = TestKms::new();
    let cases = [
        ("ECC_NIST_P256", "ECDSA_SHA_384"),
        ("ECC_NIST_P256", "ED25519_SHA_512"),
        ("ECC_NIST_EDWARDS25519", "ECDSA_SHA_256"),
        ("ML_DSA_44", "SM2DSA"),
    ];
    for (spec, algorithm) in cases {
        let key = create_key(&kms, spec, "SIGN_VERIFY").await;
        for operation in ["Sign", "Verify"] {
            // The algorithm comes before the message type.
            let input = json!({
                "KeyId": key, "Message": "AAAA", "MessageType": "EXTERNAL_MU", "SigningAlgorithm": algorithm,
                "Signature": "AAAA", "DryRun": true,
            });
            refuses_algorithm(&call(&kms, operation, input).await, algorithm, spec);
        }
        let symmetric = json!({"KeyId": key, "Message": "AAAA", "SigningAlgorithm": "SYMMETRIC_DEFAULT"});
        refuses_algorithm(&call(&kms, "Sign", symmetric.clone()).await, "SYMMETRIC_DEFAULT", spec);
        // Verify knows no such algorithm.
        let verify = with(symmetric, "Signature", json!("AAAA"));
        assert_eq!(call(&kms, "Verify", verify).await.code(), "ValidationException");
    }
    for (spec, algorithm, message_type, what) in [
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "DIGEST", "algorithm ED25519_SHA_512"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "EXTERNAL_MU", "algorithm ED25519_SHA_512"),
        ("ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "RAW", "algorithm ED25519_PH_SHA_512"),
        ("ML_DSA_44", "ML_DSA_SHAKE_256", "DIGEST", "key spec ML_DSA_44"),
        ("ECC_NIST_P256", "ECDSA_SHA_256", "EXTERNAL_MU", "key spec ECC_NIST_P256"),
    ] {
        let key = create_key(&kms, spec, "SIGN_VERIFY").await;
        let text = format!("Message type {message_type} is incompatible with {what}.");
        for operation in ["Sign", "Verify"] {
            let input = json!({
                "KeyId": key, "Message": "AAAA", "MessageType": message_type, "SigningAlgorithm": algorithm,
                "Signature": "AAAA", "DryRun": true,
            });
            call(&kms, operation, input).await.refuses("ValidationException", text.as_str());
        }
    }
}

#[tokio::test]
async fn usage_comes_before_state_and_state_before_the_algorithm() {
    for operation in ["Sign", "Verify"] {
        let kms = TestKms::new();
        let key = Subject::of(&kms, operation).await;
        let request = with(key.request(operation), "SigningAlgorithm", json!("ECDSA_SHA_512"));
        State::Disabled.enter(&kms, &key.id).await;
        let text = format!("{} is disabled.", key.arn);
        call(&kms, operation, request.clone()).await.refuses("DisabledException", text.as_str());
        respecify(&kms, &key.arn, "ECC_NIST_P256", "KEY_AGREEMENT").await;
        let text = format!("{} key usage is KEY_AGREEMENT which is not valid for {operation}.", key.arn);
        call(&kms, operation, request).await.refuses("InvalidKeyUsageException", text.as_str());
    }
}

#[tokio::test]
async fn the_public_key_comes_with_the_algorithms_of_the_usage() {
    let kms = TestKms::new();
    for (spec, usage, member, algorithms, length) in [
        (
            "RSA_2048",
            "ENCRYPT_DECRYPT",
            "EncryptionAlgorithms",
            json!(["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]),
            294,
        ),
        (
            "RSA_2048",
            "SIGN_VERIFY",
            "SigningAlgorithms",
            json!([
                "RSASSA_PKCS1_V1_5_SHA_256",
                "RSASSA_PKCS1_V1_5_SHA_384",
                "RSASSA_PKCS1_V1_5_SHA_512",
                "RSASSA_PSS_SHA_256",
                "RSASSA_PSS_SHA_384",
                "RSASSA_PSS_SHA_512",
            ]),
            294,
        ),
        ("ECC_NIST_P521", "SIGN_VERIFY", "SigningAlgorithms", json!(["ECDSA_SHA_512"]), 158),
        ("ECC_NIST_P521", "KEY_AGREEMENT", "KeyAgreementAlgorithms", json!(["ECDH"]), 158),
        (
            "ECC_NIST_EDWARDS25519",
            "SIGN_VERIFY",
            "SigningAlgorithms",
            json!(["ED25519_SHA_512", "ED25519_PH_SHA_512"]),
            44,
        ),
        ("ML_DSA_65", "SIGN_VERIFY", "SigningAlgorithms", json!(["ML_DSA_SHAKE_256"]), 1_974),
        ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", json!(["ML_KEM"]), 822),
    ] {
        let metadata = create(&kms, spec, usage).await;
        let described = call(&kms, "DescribeKey", json!({"KeyId": metadata["KeyId"]})).await.ok();
        assert_eq!(described["KeyMetadata"], metadata);
        assert_eq!(metadata[member], algorithms, "{spec} {usage}");
        assert!(metadata.get("CurrentKeyMaterialId").is_none());
        let shown = metadata.as_object().unwrap().keys().filter(|name| name.ends_with("Algorithms")).count();
        assert_eq!(shown, 1, "{metadata}");
        let mut found = call(&kms, "GetPublicKey", json!({"KeyId": metadata["KeyId"]})).await.ok();
        let public = found.as_object_mut().unwrap().remove("PublicKey").unwrap();
        assert_eq!(decoded(&public).len(), length);
        let expected = json!({
            "KeyId": metadata["Arn"], "CustomerMasterKeySpec": spec, "KeySpec": spec, "KeyUsage": usage,
            member: algorithms,
        });
        assert_eq!(found, expected);
    }
}

/// AWS (observed): the state comes before the spec, and a disabled key shows its public half.
#[tokio::test]
async fn keys_without_a_public_half_show_none() {
    let kms = TestKms::new();
    for (spec, usage) in [("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("HMAC_512", "GENERATE_VERIFY_MAC")] {
        let key = create_key(&kms, spec, usage).await;
        let input = json!({"KeyId": key});
        call(&kms, "GetPublicKey", input.clone()).await.refuses("UnsupportedOperationException", None);
        State::PendingDeletion.enter(&kms, &key).await;
        let text = format!("{key} is pending deletion.");
        call(&kms, "GetPublicKey", input).await.refuses("KMSInvalidStateException", text.as_str());
    }
}

#[tokio::test]
async fn signing_is_recorded_without_message_and_signature() {
    let kms = TestKms::new();
    let key = Subject::of(&kms, "Verify").await;
    call(&kms, "Verify", key.request("Verify")).await.ok();
    let last = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
    assert_eq!(last["KeyLastUsage"]["Operation"], "Verify");
    let record = &events(&kms, "event=Verify").await[0];
    let expected = json!({"keyId": key.arn, "signingAlgorithm": "ECDSA_SHA_256"});
    assert_eq!(record["requestParameters"], expected);
    assert_eq!((&record["responseElements"], &record["readOnly"]), (&Value::Null, &json!(true)));
    assert_eq!(record["resources"][0]["ARN"], json!(key.arn));
}

/// On one thread, the quick key is there before those that take long, although they were asked for first.
#[tokio::test]
async fn slow_keys_keep_nobody_waiting() {
    let kms = TestKms::new();
    let made = std::cell::RefCell::new(Vec::new());
    let make = async |spec: &'static str| {
        let key = create_key(&kms, spec, "SIGN_VERIFY").await;
        made.borrow_mut().push(spec);
        key
    };
    let (slow, quick, other) = tokio::join!(make("RSA_3072"), make("ECC_NIST_P256"), make("RSA_2048"));
    assert_eq!(made.borrow()[0], "ECC_NIST_P256");
    for key in [slow, quick, other] {
        call(&kms, "GetPublicKey", json!({"KeyId": key})).await.ok();
    }
}

/// What would be refused by the writer is refused before a key is made for it.
#[tokio::test]
async fn a_slow_key_is_refused_like_a_quick_one() {
    let kms = TestKms::new();
    let cases = [
        (json!({"Policy": "no policy"}), "MalformedPolicyDocumentException"),
        (json!({"KeyUsage": "KEY_AGREEMENT"}), "ValidationException"),
        (json!({"Tags": [{"TagKey": "aws:a", "TagValue": ""}]}), "TagException"),
    ];
    for (change, code) in cases {
        let mut input = json!({"KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY"});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(call(&kms, "CreateKey", input).await.code(), code);
        let record = &events(&kms, "event=CreateKey").await;
        assert!(record.iter().all(|record| record["responseElements"].is_null()));
    }
}
