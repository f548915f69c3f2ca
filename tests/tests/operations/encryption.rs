//! Encrypt, Decrypt and ReEncrypt.

use std::collections::HashMap;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncryptionAlgorithmSpec;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::subject::{ALIAS, State, Subject, reimport, respecify};
use super::wire::{alias_arn, call, call_of, decoded, encoded, refuses, request, send};

const INCORRECT_KEY: &str =
    "The key ID in the request does not identify a CMK that can perform this operation.";
const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";

fn hidden(account: &str, action: &str) -> String {
    format!(
        "User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    )
}

#[tokio::test]
async fn what_is_encrypted_decrypts_by_any_name_of_the_key() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let client = kms.client();
    for name in [key.id.as_str(), &key.arn, ALIAS, &alias_arn(ALIAS)] {
        let sealed = client.encrypt().key_id(name).plaintext(Blob::new("secret")).send().await.unwrap();
        assert_eq!(sealed.key_id(), Some(key.arn.as_str()));
        assert_eq!(sealed.encryption_algorithm(), Some(&EncryptionAlgorithmSpec::SymmetricDefault));
        let blob = sealed.ciphertext_blob().unwrap();
        for named in [None, Some(name)] {
            let opened = client.decrypt().ciphertext_blob(blob.clone()).set_key_id(named.map(str::to_owned));
            let opened = opened.send().await.unwrap();
            assert_eq!(opened.plaintext().unwrap().as_ref(), b"secret");
            assert_eq!(opened.key_id(), Some(key.arn.as_str()));
            assert_eq!(opened.encryption_algorithm(), Some(&EncryptionAlgorithmSpec::SymmetricDefault));
            assert!(opened.ciphertext_for_recipient().is_none());
        }
    }
}

#[tokio::test]
async fn answers_hold_these_members_only() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    let material = &described["KeyMetadata"]["CurrentKeyMaterialId"];
    let mut sealed = call(&kms, "Encrypt", key.request("Encrypt")).await.ok();
    sealed["CiphertextBlob"].take();
    let algorithm = "SYMMETRIC_DEFAULT";
    assert_eq!(sealed, json!({"CiphertextBlob": null, "KeyId": key.arn, "EncryptionAlgorithm": algorithm}));
    let opened = call(&kms, "Decrypt", key.request("Decrypt")).await.ok();
    let expected = json!({
        "KeyId": key.arn, "Plaintext": "c2VjcmV0", "EncryptionAlgorithm": algorithm, "KeyMaterialId": material,
    });
    assert_eq!(opened, expected);
    let mut again = call(&kms, "ReEncrypt", key.request("ReEncrypt")).await.ok();
    again["CiphertextBlob"].take();
    let expected = json!({
        "CiphertextBlob": null,
        "SourceKeyId": key.arn,
        "KeyId": key.arn,
        "SourceEncryptionAlgorithm": algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
        "SourceKeyMaterialId": material,
        "DestinationKeyMaterialId": material,
    });
    assert_eq!(again, expected);
}

#[tokio::test]
async fn a_plaintext_has_1_to_4096_bytes() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (length, sealed_length) in [(1, 153), (16, 168), (32, 184), (4_096, 4_249)] {
        let plaintext = vec![7; length];
        let sealed =
            call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": encoded(&plaintext)})).await.ok();
        let blob = decoded(&sealed["CiphertextBlob"]);
        assert!(blob.len() >= sealed_length && blob.len() < 6_144, "{length} bytes became {}", blob.len());
        assert!(length > 32 || blob.len() == sealed_length, "{length} bytes became {}", blob.len());
        let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.ok();
        assert_eq!(decoded(&opened["Plaintext"]), plaintext);
    }
    for (length, bound) in [(0, "greater than or equal to 1"), (4_097, "less than or equal to 4096")] {
        let answer =
            call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": encoded(&vec![7; length])})).await;
        let text = format!(
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
        );
        answer.refuses("ValidationException", text.as_str());
    }
    for (length, bound) in [(0, "greater than or equal to 1"), (6_145, "less than or equal to 6144")] {
        let answer = call(&kms, "Decrypt", json!({"CiphertextBlob": encoded(&vec![7; length])})).await;
        let text = format!(
            "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length {bound}"
        );
        answer.refuses("ValidationException", text.as_str());
    }
}

#[tokio::test]
async fn required_members() {
    let kms = TestKms::new();
    let null = |member: &str| {
        format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
    };
    let plaintext = "Value at 'plaintext' failed to satisfy constraint: Member must not be null";
    for (operation, input, text) in [
        ("Encrypt", json!({}), format!("2 validation errors detected: {}; {plaintext}", null("keyId"))),
        ("Encrypt", json!({"KeyId": "k"}), format!("1 validation error detected: {plaintext}")),
        ("Decrypt", json!({}), format!("1 validation error detected: {}", null("ciphertextBlob"))),
        (
            "Decrypt",
            json!({"DryRun": true}),
            format!("1 validation error detected: {}", null("ciphertextBlob")),
        ),
        (
            "ReEncrypt",
            json!({"DestinationKeyId": "k"}),
            format!("1 validation error detected: {}", null("ciphertextBlob")),
        ),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": "AAAA"}),
            format!("1 validation error detected: {}", null("destinationKeyId")),
        ),
        (
            "Decrypt",
            json!({"CiphertextBlob": "AAAA", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
            "KeyId must not be null".to_owned(),
        ),
    ] {
        call(&kms, operation, input).await.refuses("ValidationException", text.as_str());
    }
}

#[tokio::test]
async fn the_same_plaintext_never_gives_the_same_ciphertext() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let sealed = call(&kms, "Encrypt", key.request("Encrypt")).await.ok();
        let blob = decoded(&sealed["CiphertextBlob"]);
        assert_eq!(blob[..5], [1, 2, 2, 0, 0x78]);
        assert!(!blob.windows(36).any(|window| window == key.id.as_bytes()));
        assert!(seen.insert(blob));
    }
}

#[tokio::test]
async fn the_context_must_be_the_same_pairs_in_any_order() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let context = json!({"tenant": "a", "table": "ключ"});
    let input = json!({"KeyId": key.id, "Plaintext": "AAAA", "EncryptionContext": context});
    let blob = call(&kms, "Encrypt", input).await.ok()["CiphertextBlob"].clone();
    let decrypt = async |context: Value| {
        let named = json!({"KeyId": key.id, "CiphertextBlob": blob, "EncryptionContext": context});
        let mut unnamed = named.clone();
        unnamed.as_object_mut().unwrap().remove("KeyId");
        [call(&kms, "Decrypt", named).await, call(&kms, "Decrypt", unnamed).await]
    };
    for same in [context.clone(), json!({"table": "ключ", "tenant": "a"})] {
        decrypt(same).await.iter().for_each(|answer| assert_eq!(answer.ok()["Plaintext"], "AAAA"));
    }
    for other in [
        json!({}),
        json!(null),
        json!({"tenant": "a"}),
        json!({"tenant": "a", "table": "Ключ"}),
        json!({"Tenant": "a", "table": "ключ"}),
        json!({"tenant": "ключ", "table": "a"}),
        json!({"tenant": "a", "table": "ключ", "more": "x"}),
    ] {
        for answer in decrypt(other).await {
            answer.refuses("InvalidCiphertextException", None);
        }
    }
    let plain =
        call(&kms, "Encrypt", json!({"KeyId": key.id, "Plaintext": "AAAA", "EncryptionContext": {}})).await;
    let blob = plain.ok()["CiphertextBlob"].clone();
    assert_eq!(call(&kms, "Decrypt", json!({"CiphertextBlob": blob})).await.ok()["Plaintext"], "AAAA");
}

#[tokio::test]
async fn an_unusable_context_is_refused() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let too_long = "v".repeat(8_192);
    for context in [json!({"": "a"}), json!({"a": ""}), json!({"a": "b", "c": ""}), json!({"a": too_long})] {
        for (operation, member) in [
            ("Encrypt", "EncryptionContext"),
            ("Decrypt", "EncryptionContext"),
            ("ReEncrypt", "SourceEncryptionContext"),
            ("ReEncrypt", "DestinationEncryptionContext"),
        ] {
            let mut input = key.request(operation);
            input[member] = context.clone();
            call(&kms, operation, input).await.refuses("ValidationException", "Invalid EncryptionContext");
        }
    }
    let number = json!({"KeyId": key.id, "Plaintext": "AAAA", "EncryptionContext": {"a": 1}});
    let text = "NUMBER_VALUE can not be converted to a String";
    call(&kms, "Encrypt", number).await.refuses("SerializationException", text);
}

#[tokio::test]
async fn an_altered_ciphertext_does_not_open() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let blob = decoded(&key.ciphertext.as_str().into());
    for at in 0..blob.len() {
        for bit in [0x01, 0x80] {
            let mut altered = blob.clone();
            altered[at] ^= bit;
            for named in [json!({}), json!({"KeyId": key.id})] {
                let mut input = named;
                input["CiphertextBlob"] = encoded(&altered);
                let answer = call(&kms, "Decrypt", input).await;
                // Behind the prefix stands the name of the material.
                if (5..37).contains(&at) {
                    assert_eq!(answer.code(), "AccessDeniedException", "byte {at}");
                } else {
                    answer.refuses("InvalidCiphertextException", None);
                }
            }
        }
    }
    let cut = (0..blob.len()).step_by(7).map(|length| blob[..length.max(1)].to_vec());
    let beheaded = (1..blob.len()).step_by(11).map(|start| blob[start..].to_vec());
    let longer = [[&blob[..], b"\0"].concat(), [&blob[..], &blob[..]].concat(), b"garbage".to_vec()];
    for bytes in cut.chain(beheaded).chain(longer) {
        for mut input in [json!({}), json!({"KeyId": key.id})] {
            input["CiphertextBlob"] = encoded(&bytes);
            call(&kms, "Decrypt", input).await.refuses("InvalidCiphertextException", None);
            let source = json!({"DestinationKeyId": key.id, "CiphertextBlob": encoded(&bytes)});
            call(&kms, "ReEncrypt", source).await.refuses("InvalidCiphertextException", None);
        }
    }
}

#[tokio::test]
async fn another_key_than_the_ciphertexts_is_incorrect() {
    let kms = TestKms::new();
    let (key, other) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let blob = Blob::new(decoded(&key.ciphertext.as_str().into()));
    let client = kms.client();
    let opened = client.decrypt().ciphertext_blob(blob.clone()).key_id(&other.id).send().await;
    refuses(&opened, "IncorrectKeyException", INCORRECT_KEY);
    let moved =
        client.re_encrypt().ciphertext_blob(blob).source_key_id(&other.id).destination_key_id(&key.id);
    refuses(&moved.send().await, "IncorrectKeyException", INCORRECT_KEY);
    // The named key's own usage and state do not matter, nor does the destination.
    for (spec, usage) in
        [("RSA_2048", "ENCRYPT_DECRYPT"), ("RSA_2048", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")]
    {
        respecify(&kms, &other.arn, spec, usage).await;
        for state in State::ALL {
            state.enter(&kms, &other.id).await;
            let input = json!({"CiphertextBlob": key.ciphertext, "KeyId": other.id});
            call(&kms, "Decrypt", input).await.refuses("IncorrectKeyException", INCORRECT_KEY);
            let input = json!({
                "CiphertextBlob": key.ciphertext, "SourceKeyId": other.id, "DestinationKeyId": other.id,
            });
            call(&kms, "ReEncrypt", input).await.refuses("IncorrectKeyException", INCORRECT_KEY);
        }
        call(&kms, "CancelKeyDeletion", json!({"KeyId": other.id})).await.ok();
        call(&kms, "EnableKey", json!({"KeyId": other.id})).await.ok();
    }
}

#[tokio::test]
async fn a_ciphertext_of_another_region_or_of_no_key_hides_its_key() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let input = json!({"CiphertextBlob": key.ciphertext});
    let elsewhere = call_of(&kms, (ACCOUNT, "eu-west-1"), "Decrypt", input.clone()).await;
    elsewhere.refuses("AccessDeniedException", hidden(ACCOUNT, "Decrypt").as_str());
    let destination = call_of(&kms, (ACCOUNT, "eu-west-1"), "CreateKey", json!({})).await.ok();
    let mut source = input.clone();
    source["DestinationKeyId"] = destination["KeyMetadata"]["KeyId"].clone();
    let moved = call_of(&kms, (ACCOUNT, "eu-west-1"), "ReEncrypt", source).await;
    moved.refuses("AccessDeniedException", hidden(ACCOUNT, "ReEncryptFrom").as_str());
    let another = TestKms::with(|builder| {
        builder.entropy(std::sync::Arc::new(lifecycle::crypto::SeededEntropy::new(2)))
    });
    let orphan = call_of(&another, ("444455556666", REGION), "Decrypt", input).await;
    orphan.refuses("AccessDeniedException", hidden("444455556666", "Decrypt").as_str());
}

/// The key policy lets the other account in, so that this holds whether or not policies are enforced.
#[tokio::test]
async fn another_account_uses_a_key_by_its_arn() {
    let kms = TestKms::new();
    let other = "444455556666";
    let principals = [ACCOUNT, other].map(|account| format!("arn:aws:iam::{account}:root"));
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}],
    });
    let created = call(&kms, "CreateKey", json!({"Policy": policy.to_string()})).await.ok();
    let arn = created["KeyMetadata"]["Arn"].as_str().unwrap();
    let client = kms.client_of(other, REGION);
    let sealed = client.encrypt().key_id(arn).plaintext(Blob::new("x")).send().await.unwrap();
    assert_eq!(sealed.key_id(), Some(arn));
    let blob = sealed.ciphertext_blob().unwrap().clone();
    for named in [None, Some(arn.to_owned())] {
        let opened = client.decrypt().ciphertext_blob(blob.clone()).set_key_id(named).send().await.unwrap();
        assert_eq!((opened.plaintext().unwrap().as_ref(), opened.key_id()), (&b"x"[..], Some(arn)));
    }
    let own = call(&kms, "Decrypt", json!({"CiphertextBlob": encoded(blob.as_ref())})).await.ok();
    assert_eq!(own["KeyId"], arn);
    // A bare id always means the caller's own account.
    let id = arn.rsplit('/').next().unwrap();
    let bare = client.encrypt().key_id(id).plaintext(Blob::new("x")).send().await;
    let text = format!("Key 'arn:aws:kms:{REGION}:{other}:key/{id}' does not exist");
    refuses(&bare, "NotFoundException", text.as_str());
}

#[tokio::test]
async fn re_encrypt_moves_a_ciphertext_to_another_key_and_context() {
    let kms = TestKms::new();
    let (source, destination) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let client = kms.client();
    let sealed = client.encrypt().key_id(&source.id).plaintext(Blob::new("x")).encryption_context("a", "1");
    let sealed = sealed.send().await.unwrap();
    let moved = client
        .re_encrypt()
        .ciphertext_blob(sealed.ciphertext_blob().unwrap().clone())
        .source_encryption_context("a", "1")
        .destination_key_id(&destination.id)
        .destination_encryption_context("b", "2")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (moved.source_key_id(), moved.key_id()),
        (Some(source.arn.as_str()), Some(destination.arn.as_str()))
    );
    let blob = moved.ciphertext_blob().unwrap();
    let context = HashMap::from([("b".to_owned(), "2".to_owned())]);
    let opened =
        client.decrypt().ciphertext_blob(blob.clone()).set_encryption_context(Some(context)).send().await;
    let opened = opened.unwrap();
    assert_eq!(
        (opened.plaintext().unwrap().as_ref(), opened.key_id()),
        (&b"x"[..], Some(destination.arn.as_str()))
    );
    let old_context =
        client.decrypt().ciphertext_blob(blob.clone()).encryption_context("a", "1").send().await;
    refuses(&old_context, "InvalidCiphertextException", None);
    let wrong_source =
        client.re_encrypt().ciphertext_blob(blob.clone()).destination_key_id(&source.id).send().await;
    refuses(&wrong_source, "InvalidCiphertextException", None);
}

#[tokio::test]
async fn a_ciphertext_is_bound_to_its_key_and_not_to_the_material_alone() {
    let kms = TestKms::new();
    let material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": material}]);
    let mut keys = Vec::new();
    for _ in 0..2 {
        let created = call(&kms, "CreateKey", json!({"Tags": tags})).await.ok();
        keys.push(created["KeyMetadata"].clone());
    }
    assert_ne!(keys[0]["CurrentKeyMaterialId"], keys[1]["CurrentKeyMaterialId"]);
    let sealed = call(&kms, "Encrypt", json!({"KeyId": keys[0]["KeyId"], "Plaintext": "AAAA"})).await.ok();
    let input = json!({"KeyId": keys[1]["KeyId"], "CiphertextBlob": sealed["CiphertextBlob"]});
    call(&kms, "Decrypt", input).await.refuses("IncorrectKeyException", INCORRECT_KEY);
}

#[tokio::test]
async fn usage_is_checked_before_state_and_algorithm_after_it() {
    let kms = TestKms::new();
    let (key, good) = (Subject::new(&kms).await, Subject::new(&kms).await);
    State::Disabled.enter(&kms, &key.id).await;
    respecify(&kms, &key.arn, "RSA_2048", "SIGN_VERIFY").await;
    let usage =
        |action: &str| format!("{} key usage is SIGN_VERIFY which is not valid for {action}.", key.arn);
    let encrypt = json!({"KeyId": key.id, "Plaintext": "AAAA", "DryRun": true});
    call(&kms, "Encrypt", encrypt.clone())
        .await
        .refuses("InvalidKeyUsageException", usage("Encrypt").as_str());
    let to = json!({"CiphertextBlob": good.ciphertext, "DestinationKeyId": key.id});
    call(&kms, "ReEncrypt", to.clone())
        .await
        .refuses("InvalidKeyUsageException", usage("ReEncryptTo").as_str());
    let own = json!({"CiphertextBlob": key.ciphertext});
    call(&kms, "Decrypt", own.clone()).await.refuses("InvalidKeyUsageException", usage("Decrypt").as_str());
    let from = json!({"CiphertextBlob": key.ciphertext, "DestinationKeyId": good.id});
    call(&kms, "ReEncrypt", from.clone())
        .await
        .refuses("InvalidKeyUsageException", usage("ReEncryptFrom").as_str());
    respecify(&kms, &key.arn, "RSA_2048", "ENCRYPT_DECRYPT").await;
    let disabled = format!("{} is disabled.", key.arn);
    let calls = [("Encrypt", encrypt), ("ReEncrypt", to), ("Decrypt", own), ("ReEncrypt", from)];
    for (operation, input) in &calls {
        call(&kms, operation, input.clone()).await.refuses("DisabledException", disabled.as_str());
    }
    call(&kms, "EnableKey", json!({"KeyId": key.id})).await.ok();
    let incompatible = "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.";
    for (operation, input) in calls {
        call(&kms, operation, input).await.refuses("InvalidKeyUsageException", incompatible);
    }
    let raw = json!({"CiphertextBlob": encoded(&[7; 256]), "KeyId": key.id});
    call(&kms, "Decrypt", raw).await.refuses("InvalidCiphertextException", None);
}

#[tokio::test]
async fn an_algorithm_of_another_kind_of_key_does_not_fit() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for algorithm in ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"] {
        let text = format!("Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT.");
        for (operation, member) in [
            ("Encrypt", "EncryptionAlgorithm"),
            ("Decrypt", "EncryptionAlgorithm"),
            ("ReEncrypt", "SourceEncryptionAlgorithm"),
            ("ReEncrypt", "DestinationEncryptionAlgorithm"),
        ] {
            let mut input = key.request(operation);
            input[member] = algorithm.into();
            call(&kms, operation, input).await.refuses("InvalidKeyUsageException", text.as_str());
        }
    }
    let mut input = key.request("Encrypt");
    input["EncryptionAlgorithm"] = "FOO".into();
    call(&kms, "Encrypt", input).await.refuses(
        "ValidationException",
        "1 validation error detected: Value 'FOO' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]",
    );
}

#[tokio::test]
async fn a_dry_run_comes_after_the_checks_of_the_key_and_before_the_ciphertext_is_opened() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let mut altered = decoded(&key.ciphertext.as_str().into());
    *altered.last_mut().unwrap() ^= 1;
    for operation in ["Encrypt", "Decrypt", "ReEncrypt"] {
        let mut input = key.request(operation);
        input["DryRun"] = true.into();
        call(&kms, operation, input.clone()).await.refuses("DryRunOperationException", DRY_RUN);
        if operation != "Encrypt" {
            let mut opened = input.clone();
            opened["CiphertextBlob"] = encoded(&altered);
            call(&kms, operation, opened).await.refuses("DryRunOperationException", DRY_RUN);
        }
        input["DryRun"] = false.into();
        call(&kms, operation, input).await.ok();
    }
    State::Disabled.enter(&kms, &key.id).await;
    for operation in ["Encrypt", "Decrypt", "ReEncrypt"] {
        let mut input = key.request(operation);
        input["DryRun"] = true.into();
        let text = format!("{} is disabled.", key.arn);
        call(&kms, operation, input).await.refuses("DisabledException", text.as_str());
    }
}

#[tokio::test]
async fn a_dry_run_may_leave_the_ciphertext_out() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let modifiers = json!(["IGNORE_CIPHERTEXT"]);
    let decrypt = json!({"KeyId": key.id, "DryRun": true, "DryRunModifiers": modifiers});
    call(&kms, "Decrypt", decrypt.clone()).await.refuses("DryRunOperationException", DRY_RUN);
    let re_encrypt = json!({
        "SourceKeyId": key.id, "DestinationKeyId": key.id, "DryRun": true, "DryRunModifiers": modifiers,
    });
    call(&kms, "ReEncrypt", re_encrypt.clone()).await.refuses("DryRunOperationException", DRY_RUN);
    for (operation, input, key) in [("Decrypt", decrypt, "KeyId"), ("ReEncrypt", re_encrypt, "SourceKeyId")] {
        let mut keyless = input.clone();
        keyless.as_object_mut().unwrap().remove(key);
        call(&kms, operation, keyless).await.refuses("ValidationException", "KeyId must not be null");
        let mut wet = input.clone();
        wet["DryRun"] = false.into();
        assert_eq!(call(&kms, operation, wet).await.code(), "ValidationException");
        let mut unknown = input;
        unknown["DryRunModifiers"] = json!(["FOO"]);
        call(&kms, operation, unknown).await.refuses(
            "ValidationException",
            "1 validation error detected: Value '[FOO]' at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]",
        );
    }
}

#[tokio::test]
async fn no_grant_token_is_genuine() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for operation in [
        "Encrypt",
        "Decrypt",
        "ReEncrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "DescribeKey",
    ] {
        let mut input = key.request(operation);
        input["GrantTokens"] = json!([]);
        call(&kms, operation, input.clone()).await.ok();
        input["GrantTokens"] = json!(["AQ"]);
        assert_eq!(call(&kms, operation, input.clone()).await.code(), "InvalidGrantTokenException");
        input["GrantTokens"] = json!(vec!["AQ"; 11]);
        let text = format!(
            "1 validation error detected: Value '[{}]' at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10",
            ["AQ"; 11].join(", ")
        );
        call(&kms, operation, input).await.refuses("ValidationException", text.as_str());
    }
}

#[tokio::test]
async fn a_key_without_its_material_is_unavailable() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    reimport(&kms, |_| ()).await;
    for operation in ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
    {
        let answer = call(&kms, operation, key.request(operation)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (500, "KeyUnavailableException"),
            "{operation}"
        );
    }
    let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    assert_eq!(described["KeyMetadata"]["KeyState"], "Enabled");
}

#[tokio::test]
async fn a_ciphertext_outlives_export_and_import_under_a_passphrase() {
    let (one, two) = (TestKms::new(), TestKms::new());
    let key = Subject::new(&one).await;
    let with_passphrase = |method: Method, body: bytes::Bytes| {
        let request = http::Request::builder().method(method).uri("/_kms/state");
        request.header("x-kms-passphrase", "c2VzYW1l").body(body).unwrap()
    };
    let state = send(&one, with_passphrase(Method::GET, bytes::Bytes::new())).await;
    state.ok();
    send(&two, with_passphrase(Method::PUT, state.body)).await.ok();
    let opened = call(&two, "Decrypt", json!({"CiphertextBlob": key.ciphertext})).await.ok();
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&json!("c2VjcmV0"), &json!(key.arn)));
}

#[tokio::test]
async fn a_blob_that_is_not_base64_cannot_be_read() {
    let kms = TestKms::new();
    for (operation, member) in [("Encrypt", "Plaintext"), ("Decrypt", "CiphertextBlob")] {
        for text in ["A", "AA==A", "____", "AB=="] {
            let body = json!({"KeyId": "missing", member: text}).to_string();
            let answer = send(&kms, request(ACCOUNT, REGION, operation, body)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "SerializationException"),
                "{text}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_encrypted_comes_back(
        plaintext in prop::collection::vec(any::<u8>(), 1..=4_096),
        context in prop::collection::hash_map("\\PC{1,20}", "\\PC{1,20}", 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kms = TestKms::new();
            let (one, two) = (Subject::new(&kms).await, Subject::new(&kms).await);
            let client = kms.client();
            let context = Some(context);
            let sealed = client.encrypt().key_id(one.id).plaintext(Blob::new(plaintext.clone()));
            let sealed = sealed.set_encryption_context(context.clone()).send().await.unwrap();
            let moved = client.re_encrypt().ciphertext_blob(sealed.ciphertext_blob().unwrap().clone());
            let moved = moved.set_source_encryption_context(context.clone()).destination_key_id(two.id);
            let moved = moved.set_destination_encryption_context(context.clone()).send().await.unwrap();
            for blob in [sealed.ciphertext_blob(), moved.ciphertext_blob()] {
                let opened = client.decrypt().ciphertext_blob(blob.unwrap().clone());
                let opened = opened.set_encryption_context(context.clone()).send().await.unwrap();
                assert_eq!(opened.plaintext().unwrap().as_ref(), plaintext);
            }
        });
    }
}
