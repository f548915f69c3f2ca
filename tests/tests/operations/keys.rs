//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey and UpdateKeyDescription.

use aws_sdk_kms::types::{KeySpec, KeyState, KeyUsageType, OriginType};
use fixtures::{ACCOUNT, REGION, START, TestKms};
use kms_server::limits::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::subject::{State, Subject, respecify};
use super::wire::{call, call_of, key_arn, refuses};

/// The members of `KeyMetadata` that every key shows.
const ALWAYS: [&str; 13] = [
    "AWSAccountId",
    "Arn",
    "CreationDate",
    "CustomerMasterKeySpec",
    "Description",
    "Enabled",
    "KeyId",
    "KeyManager",
    "KeySpec",
    "KeyState",
    "KeyUsage",
    "MultiRegion",
    "Origin",
];

fn members(value: &Value) -> Vec<&str> {
    let mut members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

fn with(others: &[&'static str]) -> Vec<&'static str> {
    let mut members = [&ALWAYS[..], others].concat();
    members.sort_unstable();
    members
}

#[tokio::test]
async fn a_key_is_born_with_the_defaults() {
    let kms = TestKms::new();
    let created = kms.client().create_key().send().await.unwrap();
    let key = created.key_metadata().unwrap();
    assert_eq!(key.arn(), Some(key_arn(key.key_id()).as_str()));
    assert_eq!((key.aws_account_id(), key.enabled(), key.description()), (Some(ACCOUNT), true, Some("")));
    assert_eq!(key.creation_date().unwrap().to_millis().unwrap(), START.0);
    let raw = call(&kms, "CreateKey", json!({})).await.ok();
    let metadata = &raw["KeyMetadata"];
    assert_eq!(members(&raw), ["KeyMetadata"]);
    assert_eq!(members(metadata), with(&["CurrentKeyMaterialId", "EncryptionAlgorithms"]));
    for (member, value) in [
        ("CustomerMasterKeySpec", json!("SYMMETRIC_DEFAULT")),
        ("Description", json!("")),
        ("Enabled", json!(true)),
        ("EncryptionAlgorithms", json!(["SYMMETRIC_DEFAULT"])),
        ("KeyManager", json!("CUSTOMER")),
        ("KeySpec", json!("SYMMETRIC_DEFAULT")),
        ("KeyState", json!("Enabled")),
        ("KeyUsage", json!("ENCRYPT_DECRYPT")),
        ("MultiRegion", json!(false)),
        ("Origin", json!("AWS_KMS")),
    ] {
        assert_eq!(metadata[member], value, "{member}");
    }
    let material = metadata["CurrentKeyMaterialId"].as_str().unwrap();
    assert!(
        material.len() == 64 && material.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    let id = metadata["KeyId"].as_str().unwrap();
    let version_4 =
        regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$");
    assert!(version_4.unwrap().is_match(id), "{id}");
    assert_eq!(call(&kms, "DescribeKey", json!({"KeyId": id})).await.ok(), raw);
}

#[tokio::test]
async fn a_key_shows_what_it_was_given() {
    let kms = TestKms::new();
    let created = kms
        .client()
        .create_key()
        .description("orders")
        .key_spec(KeySpec::SymmetricDefault)
        .key_usage(KeyUsageType::EncryptDecrypt)
        .origin(OriginType::AwsKms)
        .multi_region(true)
        .send()
        .await
        .unwrap();
    let key = created.key_metadata().unwrap();
    assert_eq!((key.description(), key.multi_region()), (Some("orders"), Some(true)));
    let id = key.key_id();
    assert!(
        id.len() == 36 && id.starts_with("mrk-") && id[4..].bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    let raw = call(&kms, "DescribeKey", json!({"KeyId": id})).await.ok();
    let metadata = &raw["KeyMetadata"];
    let optional = ["CurrentKeyMaterialId", "EncryptionAlgorithms", "MultiRegionConfiguration"];
    assert_eq!(members(metadata), with(&optional));
    let configuration = json!({
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": key_arn(id), "Region": REGION},
        "ReplicaKeys": [],
    });
    assert_eq!(metadata["MultiRegionConfiguration"], configuration);
    let deprecated =
        call(&kms, "CreateKey", json!({"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"})).await.ok();
    assert_eq!(deprecated["KeyMetadata"]["KeySpec"], "SYMMETRIC_DEFAULT");
}

#[tokio::test]
async fn creation_dates_carry_milliseconds_and_the_domain_clock() {
    let kms = TestKms::new();
    kms.advance_days(3).await;
    let created = call(&kms, "CreateKey", json!({})).await.ok();
    assert_eq!(created["KeyMetadata"]["CreationDate"].as_f64(), Some(START.plus_days(3).epoch_seconds()));
}

#[tokio::test]
async fn rules_between_parameters() {
    let kms = TestKms::new();
    let usage_missing =
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
    let both = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";
    for (input, text) in [
        (json!({"KeySpec": "RSA_2048"}), usage_missing),
        (json!({"KeySpec": "HMAC_256"}), usage_missing),
        (json!({"KeySpec": "ML_DSA_44"}), usage_missing),
        (json!({"CustomerMasterKeySpec": "ECC_NIST_P256"}), usage_missing),
        (
            json!({"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}),
            "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
        ),
        (
            json!({"KeySpec": "HMAC_256", "KeyUsage": "ENCRYPT_DECRYPT"}),
            "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec HMAC_256",
        ),
        (
            json!({"KeyUsage": "SIGN_VERIFY"}),
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
        ),
        (
            json!({"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT"}),
            "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1",
        ),
        (
            json!({"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY", "Origin": "EXTERNAL"}),
            "KeySpec ML_DSA_44 is not supported for Origin EXTERNAL",
        ),
        (
            json!({
                "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "Origin": "AWS_CLOUDHSM",
                "CustomKeyStoreId": "cks-1234567890abcdef0",
            }),
            "KeySpec RSA_2048 is not supported for Origin AWS_CLOUDHSM",
        ),
        (json!({"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"}), both),
    ] {
        call(&kms, "CreateKey", input.clone()).await.refuses("ValidationException", text);
    }
    for input in [
        json!({"XksKeyId": "x"}),
        json!({"Origin": "EXTERNAL", "XksKeyId": "x"}),
        json!({"CustomKeyStoreId": "cks-1234567890abcdef0"}),
        json!({"Origin": "AWS_CLOUDHSM"}),
        json!({"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cks-1234567890abcdef0"}),
    ] {
        assert_eq!(call(&kms, "CreateKey", input.clone()).await.code(), "ValidationException", "{input}");
    }
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"], json!([]), "nothing was created");
}

#[tokio::test]
async fn violations_of_the_model_are_listed_together() {
    let kms = TestKms::new();
    let long = "d".repeat(8_193);
    let input = json!({"Description": long, "KeyUsage": "FOO", "Origin": "BAR", "Policy": ""});
    let answer = call(&kms, "CreateKey", input).await;
    assert_eq!(answer.code(), "ValidationException");
    let text = answer.message();
    assert!(text.starts_with("5 validation errors detected: "), "{text}");
    for item in [
        "Value '' at 'policy' failed to satisfy constraint: Member must have length greater than or equal to 1",
        r"Value '' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
        &format!(
            "Value '{long}' at 'description' failed to satisfy constraint: Member must have length less than or equal to 8192"
        ),
        "Value 'FOO' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]",
        "Value 'BAR' at 'origin' failed to satisfy constraint: Member must satisfy enum value set: [AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]",
    ] {
        assert!(text.contains(item), "{item} in {text}");
    }
}

#[tokio::test]
async fn sm2_exists_in_china_only() {
    let kms = TestKms::new();
    let sm2 = json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"});
    let answer = call(&kms, "CreateKey", sm2.clone()).await;
    answer.refuses("UnsupportedOperationException", "KeySpec SM2 is not supported in this Region");
    for region in ["cn-north-1", "cn-northwest-1"] {
        call_of(&kms, (ACCOUNT, region), "CreateKey", sm2.clone()).await.ok();
    }
    let created = call_of(&kms, (ACCOUNT, "cn-north-1"), "CreateKey", json!({})).await.ok();
    let arn = created["KeyMetadata"]["Arn"].as_str().unwrap();
    assert!(arn.starts_with(&format!("arn:aws-cn:kms:cn-north-1:{ACCOUNT}:key/")), "{arn}");
}

#[tokio::test]
async fn the_key_quota_counts_every_customer_key_of_the_account_and_region() {
    let kms = TestKms::with(|builder| builder.limits(Limits { keys_max: 2, ..Limits::default() }));
    let first = Subject::new(&kms).await;
    State::PendingDeletion.enter(&kms, &first.id).await;
    Subject::new(&kms).await;
    let text = "Key quota for this account in this region is 2 but the current usage is 2.";
    refuses(&kms.client().create_key().send().await, "LimitExceededException", text);
    for scope in [("444455556666", REGION), (ACCOUNT, "eu-west-1")] {
        call_of(&kms, scope, "CreateKey", json!({})).await.ok();
    }
    kms.advance_days(30).await;
    call(&kms, "CreateKey", json!({})).await.ok();
}

#[tokio::test]
async fn a_custom_key_store_must_exist() {
    let kms = TestKms::new();
    for origin in
        [json!({"Origin": "AWS_CLOUDHSM"}), json!({"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "x"})]
    {
        let mut input = origin;
        input["CustomKeyStoreId"] = "cks-1234567890abcdef0".into();
        assert_eq!(call(&kms, "CreateKey", input).await.code(), "CustomKeyStoreNotFoundException");
    }
}

#[tokio::test]
async fn local_tags_choose_id_and_material() {
    let (id, material) =
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let tag = |key: &str, value: &str| json!({"TagKey": key, "TagValue": value});
    let tags = json!([tag("_custom_id_", id), tag("_custom_key_material_", material), tag("a", "b")]);
    let (one, two) = (TestKms::new(), TestKms::new());
    for kms in [&one, &two] {
        let created = call(kms, "CreateKey", json!({"Tags": tags})).await.ok();
        assert_eq!(created["KeyMetadata"]["KeyId"], id);
        let stored = call(kms, "ListResourceTags", json!({"KeyId": id})).await.ok();
        assert_eq!(stored["Tags"], json!([tag("a", "b")]));
        let again = call(kms, "CreateKey", json!({"Tags": tags})).await;
        assert_eq!(again.code(), "AlreadyExistsException");
    }
    let sealed = call(&one, "Encrypt", json!({"KeyId": id, "Plaintext": "c2VjcmV0"})).await.ok();
    let opened = call(&two, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.ok();
    assert_eq!(opened["Plaintext"], "c2VjcmV0");
    for (key, value) in [
        ("_custom_id_", "short"),
        ("_custom_id_", "1234ABCD-12ab-34cd-56ef-1234567890ab"),
        ("_custom_id_", "mrk-1234abcd12ab34cd56ef1234567890ab"),
        ("_custom_key_material_", "AAAA"),
        ("_custom_key_material_", "not base64"),
    ] {
        let answer = call(&one, "CreateKey", json!({"Tags": [tag(key, value)]})).await;
        assert_eq!(answer.code(), "ValidationException", "{key} {value}");
    }
}

#[tokio::test]
async fn the_description_is_replaced_and_may_be_empty() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let longest = "d".repeat(8_192);
    for text in ["orders", "", "ключ", longest.as_str()] {
        kms.client().update_key_description().key_id(&key.arn).description(text).send().await.unwrap();
        let described = kms.client().describe_key().key_id(&key.id).send().await.unwrap();
        assert_eq!(described.key_metadata().unwrap().description(), Some(text));
    }
    let missing = call(&kms, "UpdateKeyDescription", json!({"KeyId": key.id})).await;
    missing.refuses(
        "ValidationException",
        "1 validation error detected: Value null at 'description' failed to satisfy constraint: Member must not be null",
    );
    let text = format!(
        "1 validation error detected: Value '{longest}d' at 'description' failed to satisfy constraint: Member must have length less than or equal to 8192"
    );
    let too_long =
        call(&kms, "UpdateKeyDescription", json!({"KeyId": key.id, "Description": format!("{longest}d")}));
    too_long.await.refuses("ValidationException", text.as_str());
}

#[tokio::test]
async fn switching_a_key_is_idempotent() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let client = kms.client();
    let state = async || {
        let described = client.describe_key().key_id(&key.id).send().await.unwrap();
        let metadata = described.key_metadata().unwrap();
        (metadata.enabled(), metadata.key_state().unwrap().clone())
    };
    client.enable_key().key_id(&key.id).send().await.unwrap();
    assert_eq!(state().await, (true, KeyState::Enabled));
    for _ in 0..2 {
        client.disable_key().key_id(&key.arn).send().await.unwrap();
        assert_eq!(state().await, (false, KeyState::Disabled));
    }
    let answer =
        client.encrypt().key_id(&key.id).plaintext(aws_sdk_kms::primitives::Blob::new("x")).send().await;
    refuses(&answer, "DisabledException", format!("{} is disabled.", key.arn).as_str());
    for _ in 0..2 {
        client.enable_key().key_id(&key.id).send().await.unwrap();
        assert_eq!(state().await, (true, KeyState::Enabled));
    }
}

#[tokio::test]
async fn describe_key_takes_every_form_of_identifier_and_other_accounts() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let direct = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    for name in [key.arn.as_str(), "alias/subject", &super::wire::alias_arn("alias/subject")] {
        assert_eq!(call(&kms, "DescribeKey", json!({"KeyId": name})).await.ok(), direct, "{name}");
    }
}

#[tokio::test]
async fn keys_are_listed_by_id_in_every_state_for_their_account_and_region_only() {
    let kms = TestKms::new();
    let empty = call(&kms, "ListKeys", json!({})).await.ok();
    assert_eq!(empty, json!({"Keys": [], "Truncated": false}));
    let mut expected = Vec::new();
    for state in State::ALL {
        let key = Subject::new(&kms).await;
        state.enter(&kms, &key.id).await;
        expected.push(json!({"KeyId": key.id, "KeyArn": key.arn}));
    }
    expected.sort_by_key(|entry| entry["KeyId"].as_str().unwrap().to_owned());
    call_of(&kms, ("444455556666", REGION), "CreateKey", json!({})).await.ok();
    call_of(&kms, (ACCOUNT, "eu-west-1"), "CreateKey", json!({})).await.ok();
    let listed = json!({"Keys": expected, "Truncated": false});
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok(), listed);
    for (owners, keys) in [
        (json!(["SELF"]), &expected[..]),
        (json!(["SELF", "OTHER_ACCOUNTS_VIA_RAM"]), &expected),
        (json!(["OTHER_ACCOUNTS_VIA_RAM"]), &[]),
    ] {
        let answer = call(&kms, "ListKeys", json!({"ResourceOwners": owners})).await.ok();
        assert_eq!(answer, json!({"Keys": keys, "Truncated": false}), "{owners}");
    }
    let none = call(&kms, "ListKeys", json!({"ResourceOwners": []})).await;
    none.refuses(
        "ValidationException",
        "1 validation error detected: Value '[]' at 'resourceOwners' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
}

#[tokio::test]
async fn encryption_algorithms_are_shown_for_the_usage_that_has_them() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (spec, usage, algorithms) in [
        ("RSA_2048", "ENCRYPT_DECRYPT", json!(["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])),
        ("RSA_2048", "SIGN_VERIFY", Value::Null),
        ("HMAC_256", "GENERATE_VERIFY_MAC", Value::Null),
    ] {
        respecify(&kms, &key.arn, spec, usage).await;
        let metadata = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
        assert_eq!(metadata["KeyMetadata"]["EncryptionAlgorithms"], algorithms, "{spec} {usage}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_description_comes_back_as_it_was(text in "\\PC{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let described = runtime.block_on(async {
            let kms = TestKms::new();
            let created = call(&kms, "CreateKey", json!({"Description": text})).await.ok();
            let id = created["KeyMetadata"]["KeyId"].clone();
            call(&kms, "DescribeKey", json!({"KeyId": id})).await.ok()["KeyMetadata"]["Description"].clone()
        });
        prop_assert_eq!(described, text);
    }
}
