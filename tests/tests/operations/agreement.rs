//! DeriveSharedSecret, Encapsulate and Decapsulate.

use fixtures::{ACCOUNT, TestKms};
use serde_json::{Value, json};

use super::material::{CHINA, DRY_RUN, create, create_key};
use super::subject::{State, Subject, respecify};
use super::wire::{call, call_of, decoded, encoded, events};

async fn public_key(kms: &TestKms, key: &str) -> Value {
    call(kms, "GetPublicKey", json!({"KeyId": key})).await.ok()["PublicKey"].clone()
}

#[tokio::test]
async fn two_keys_derive_one_secret() {
    let kms = TestKms::new();
    for (spec, length) in [("ECC_NIST_P256", 32), ("ECC_NIST_P384", 48), ("ECC_NIST_P521", 66)] {
        let keys =
            [create_key(&kms, spec, "KEY_AGREEMENT").await, create_key(&kms, spec, "KEY_AGREEMENT").await];
        let mut secrets = Vec::new();
        for (mine, other) in [(0, 1), (1, 0)] {
            let input = json!({
                "KeyId": keys[mine], "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_key(&kms, &keys[other]).await,
            });
            let mut derived = call(&kms, "DeriveSharedSecret", input).await.ok();
            secrets.push(derived.as_object_mut().unwrap().remove("SharedSecret").unwrap());
            let expected =
                json!({"KeyId": keys[mine], "KeyAgreementAlgorithm": "ECDH", "KeyOrigin": "AWS_KMS"});
            assert_eq!(derived, expected);
        }
        assert_eq!(secrets[0], secrets[1]);
        assert_eq!(decoded(&secrets[0]).len(), length);
    }
}

/// AWS (observed): without a text.
#[tokio::test]
async fn a_public_key_that_is_none_of_the_curve_is_refused() {
    let kms = TestKms::new();
    let key = create_key(&kms, "ECC_NIST_P256", "KEY_AGREEMENT").await;
    let good = decoded(&public_key(&kms, &key).await);
    let mut others = vec![encoded(&good[..90]), encoded(&good[26..]), encoded(&[0; 8_192]), encoded(&[0x30])];
    let mut off_the_curve = good.clone();
    off_the_curve[90] ^= 1;
    others.push(encoded(&off_the_curve));
    for (spec, usage) in [
        ("ECC_NIST_P384", "KEY_AGREEMENT"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        ("RSA_2048", "SIGN_VERIFY"),
    ] {
        others.push(public_key(&kms, &create_key(&kms, spec, usage).await).await);
    }
    for other in others {
        let input = json!({"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": other});
        call(&kms, "DeriveSharedSecret", input).await.refuses("ValidationException", None);
    }
}

#[tokio::test]
async fn sm2_agrees_in_china() {
    let kms = TestKms::new();
    let china = (ACCOUNT, CHINA);
    let mut public = Vec::new();
    for _ in 0..2 {
        let input = json!({"KeySpec": "SM2", "KeyUsage": "KEY_AGREEMENT"});
        let key = call_of(&kms, china, "CreateKey", input).await.ok()["KeyMetadata"]["KeyId"].clone();
        public.push(call_of(&kms, china, "GetPublicKey", json!({"KeyId": key})).await.ok());
    }
    let mut secrets = Vec::new();
    for (mine, other) in [(0, 1), (1, 0)] {
        let input = json!({
            "KeyId": public[mine]["KeyId"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": public[other]["PublicKey"],
        });
        secrets.push(call_of(&kms, china, "DeriveSharedSecret", input).await.ok()["SharedSecret"].clone());
    }
    assert_eq!(secrets[0], secrets[1]);
}

#[tokio::test]
async fn what_is_encapsulated_is_decapsulated() {
    let kms = TestKms::new();
    for (spec, length) in [("ML_KEM_512", 768), ("ML_KEM_768", 1_088), ("ML_KEM_1024", 1_568)] {
        let metadata = create(&kms, spec, "ENCAPSULATE_DECAPSULATE").await;
        assert_eq!(metadata["EncapsulationAlgorithms"], json!(["ML_KEM"]));
        let key = metadata["Arn"].clone();
        let input = json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"});
        let made = call(&kms, "Encapsulate", input.clone()).await.ok();
        assert_eq!((&made["KeyId"], &made["EncapsulationAlgorithm"]), (&key, &json!("ML_KEM")));
        let ciphertext = decoded(&made["SharedSecretCiphertextBlob"]);
        assert_eq!((decoded(&made["SharedSecret"]).len(), ciphertext.len()), (32, length));
        let decapsulate = |ciphertext: &[u8]| {
            let mut input = input.clone();
            input["SharedSecretCiphertextBlob"] = encoded(ciphertext);
            call(&kms, "Decapsulate", input)
        };
        let expected =
            json!({"KeyId": key, "SharedSecret": made["SharedSecret"], "EncapsulationAlgorithm": "ML_KEM"});
        assert_eq!(decapsulate(&ciphertext).await.ok(), expected);
        // FIPS 203: an altered ciphertext gives a secret of its own, and always the same.
        let mut altered = ciphertext.clone();
        altered[0] ^= 1;
        let other = decapsulate(&altered).await.ok();
        assert_eq!(decoded(&other["SharedSecret"]).len(), 32);
        assert_ne!(other["SharedSecret"], made["SharedSecret"]);
        assert_eq!(decapsulate(&altered).await.ok(), other);
        decapsulate(&ciphertext[1..]).await.refuses("InvalidCiphertextException", None);
        decapsulate(&[&ciphertext[..], b"x"].concat()).await.refuses("InvalidCiphertextException", None);
    }
}

#[tokio::test]
async fn china_has_no_encapsulation() {
    let kms = TestKms::new();
    let input = json!({"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"});
    let text = "KeySpec ML_KEM_768 is not supported in this Region";
    call_of(&kms, (ACCOUNT, CHINA), "CreateKey", input).await.refuses("UnsupportedOperationException", text);
}

#[tokio::test]
async fn usage_comes_before_state_and_a_dry_run_derives_nothing() {
    for operation in ["Decapsulate", "DeriveSharedSecret", "Encapsulate"] {
        let kms = TestKms::new();
        let key = Subject::of(&kms, operation).await;
        let before = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
        let mut dry = key.request(operation);
        dry["DryRun"] = json!(true);
        call(&kms, operation, dry).await.refuses("DryRunOperationException", DRY_RUN);
        assert_eq!(call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok(), before);
        call(&kms, operation, key.request(operation)).await.ok();
        let last = call(&kms, "GetKeyLastUsage", json!({"KeyId": key.id})).await.ok();
        assert_eq!(last["KeyLastUsage"]["Operation"], operation);
        let record = events(&kms, &format!("event={operation}")).await.pop().unwrap();
        let parameters = record["requestParameters"].as_object().unwrap();
        assert_eq!(parameters["keyId"], json!(key.arn));
        assert!(
            parameters.keys().all(|name| name == "keyId" || name.ends_with("Algorithm")),
            "{parameters:?}"
        );

        State::Disabled.enter(&kms, &key.id).await;
        respecify(&kms, &key.arn, "ECC_NIST_P256", "SIGN_VERIFY").await;
        let text = format!("{} key usage is SIGN_VERIFY which is not valid for {operation}.", key.arn);
        call(&kms, operation, key.request(operation))
            .await
            .refuses("InvalidKeyUsageException", text.as_str());
    }
}
