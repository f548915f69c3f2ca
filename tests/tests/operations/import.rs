//! CreateKey with the origin EXTERNAL, GetParametersForImport, ImportKeyMaterial and DeleteImportedKeyMaterial.

mod expiration;
mod rotation;
mod tokens;

use fixtures::{ACCOUNT, TestKms};
use kms_tests::importing::wrap;
use serde_json::{Value, json};

use super::wire::{Answer, call, call_of, decoded, encoded};

/// Material that is no text and no sequence.
const MATERIAL: [u8; 32] = [0xA7; 32];

const STAYS: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";

/// A new key that waits for its import.
async fn external(kms: &TestKms, spec: &str, usage: &str) -> String {
    let input = json!({"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage});
    let created = call(kms, "CreateKey", input).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

pub(super) async fn symmetric(kms: &TestKms) -> String {
    external(kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await
}

async fn parameters(kms: &TestKms, key: &str, algorithm: &str) -> Value {
    let input = json!({"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"});
    call(kms, "GetParametersForImport", input).await.ok()
}

/// The request that imports material, with these members in place of its own.
fn request(key: &str, parameters: &Value, algorithm: &str, material: &[u8], members: &Value) -> Value {
    let wrapped = wrap(algorithm, &decoded(&parameters["PublicKey"]), material);
    let mut input = json!({
        "KeyId": key,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": encoded(&wrapped),
        "ExpirationModel": STAYS,
    });
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    input
}

const OAEP: &str = "RSAES_OAEP_SHA_256";

/// Imports material under new parameters.
pub(super) async fn import(kms: &TestKms, key: &str, material: &[u8], members: Value) -> Answer {
    let parameters = parameters(kms, key, OAEP).await;
    call(kms, "ImportKeyMaterial", request(key, &parameters, OAEP, material, &members)).await
}

async fn described(kms: &TestKms, key: &str) -> Value {
    call(kms, "DescribeKey", json!({ "KeyId": key })).await.ok()["KeyMetadata"].clone()
}

async fn state(kms: &TestKms, key: &str) -> String {
    described(kms, key).await["KeyState"].as_str().unwrap().to_owned()
}

async fn encrypt(kms: &TestKms, key: &str) -> Answer {
    call(kms, "Encrypt", json!({"KeyId": key, "Plaintext": "c2VjcmV0"})).await
}

async fn decrypt(kms: &TestKms, ciphertext: &Value) -> Answer {
    call(kms, "Decrypt", json!({ "CiphertextBlob": ciphertext })).await
}

pub(super) fn id_of(answer: &Answer) -> String {
    answer.ok()["KeyMaterialId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_waits_for_its_material_and_shows_it() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let waiting = described(&kms, &key).await;
    assert_eq!(waiting["KeyState"], "PendingImport");
    assert_eq!((&waiting["Enabled"], &waiting["Origin"]), (&json!(false), &json!("EXTERNAL")));
    for absent in ["ExpirationModel", "ValidTo", "CurrentKeyMaterialId"] {
        assert!(waiting.get(absent).is_none(), "{absent}");
    }
    let text = format!("{key} is pending import.");
    encrypt(&kms, &key).await.refuses("KMSInvalidStateException", text.as_str());

    let imported = import(&kms, &key, &MATERIAL, json!({})).await;
    let id = id_of(&imported);
    assert_eq!(imported.ok()["KeyId"], key.as_str());
    let enabled = described(&kms, &key).await;
    assert_eq!((&enabled["KeyState"], &enabled["Enabled"]), (&json!("Enabled"), &json!(true)));
    assert_eq!((&enabled["ExpirationModel"], &enabled["CurrentKeyMaterialId"]), (&json!(STAYS), &json!(id)));
    assert!(enabled.get("ValidTo").is_none());
    let sealed = encrypt(&kms, &key).await.ok()["CiphertextBlob"].clone();

    let deleted = call(&kms, "DeleteImportedKeyMaterial", json!({ "KeyId": key })).await.ok();
    assert_eq!(deleted, json!({"KeyId": key, "KeyMaterialId": id}));
    let waiting = described(&kms, &key).await;
    assert_eq!(
        (&waiting["KeyState"], &waiting["CurrentKeyMaterialId"]),
        (&json!("PendingImport"), &json!(id))
    );
    assert!(waiting.get("ExpirationModel").is_none());
    decrypt(&kms, &sealed).await.refuses("KMSInvalidStateException", text.as_str());
    let named = json!({"KeyId": key, "CiphertextBlob": sealed});
    call(&kms, "Decrypt", named).await.refuses("KMSInvalidStateException", text.as_str());
    // Deleting it again has no effect.
    let again = call(&kms, "DeleteImportedKeyMaterial", json!({ "KeyId": key })).await.ok();
    assert_eq!(again["KeyMaterialId"], id);

    assert_eq!(id_of(&import(&kms, &key, &MATERIAL, json!({})).await), id, "the same bytes have the same id");
    assert_eq!(decrypt(&kms, &sealed).await.ok()["Plaintext"], "c2VjcmV0");
    let other = symmetric(&kms).await;
    assert_ne!(
        id_of(&import(&kms, &other, &MATERIAL, json!({})).await),
        id,
        "in another key they have another"
    );
    assert_eq!(
        call(&kms, "Decrypt", json!({"KeyId": other, "CiphertextBlob": sealed})).await.code(),
        "IncorrectKeyException"
    );
}

#[tokio::test]
async fn every_kind_of_key_takes_its_material_by_every_algorithm() {
    let kms = TestKms::new();
    let cases = [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("HMAC_224", "GENERATE_VERIFY_MAC"),
        ("HMAC_512", "GENERATE_VERIFY_MAC"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
        ("ECC_NIST_P521", "SIGN_VERIFY"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
    ];
    // Material that another key pair was made of.
    let sealing = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
    for (spec, usage) in cases {
        let (material, public) = match spec {
            "SYMMETRIC_DEFAULT" => (MATERIAL.to_vec(), Value::Null),
            "HMAC_224" => (vec![1; 28], Value::Null),
            "HMAC_512" => (vec![2; 128], Value::Null),
            _ => {
                let input = json!({"KeyId": sealing, "KeyPairSpec": spec});
                let pair = call(&kms, "GenerateDataKeyPair", input).await.ok();
                (decoded(&pair["PrivateKeyPlaintext"]), pair["PublicKey"].clone())
            }
        };
        for algorithm in
            ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]
        {
            let key = external(&kms, spec, usage).await;
            let waiting = described(&kms, &key).await;
            assert_eq!(waiting["KeyState"], "PendingImport", "{spec}");
            let input = json!({"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"});
            let answer = call(&kms, "GetParametersForImport", input).await;
            if algorithm.starts_with("RSAES") && matches!(spec, "RSA_2048" | "ECC_NIST_P521") {
                let text = format!(
                    "WrappingAlgorithm {algorithm} with WrappingKeySpec RSA_2048 is not supported for KeySpec {spec}"
                );
                answer.refuses("UnsupportedOperationException", text.as_str());
                continue;
            }
            let input = request(&key, &answer.ok(), algorithm, &material, &json!({}));
            let imported = call(&kms, "ImportKeyMaterial", input).await.ok();
            assert_eq!(imported["KeyMaterialId"].as_str().unwrap().len(), 64);
            let enabled = described(&kms, &key).await;
            assert_eq!(enabled["KeyState"], "Enabled", "{spec} {algorithm}");
            assert_eq!(enabled["ExpirationModel"], STAYS);
            let shows = enabled.get("CurrentKeyMaterialId").is_some();
            assert_eq!(shows, spec == "SYMMETRIC_DEFAULT", "{spec}");
            if !public.is_null() {
                let shown = call(&kms, "GetPublicKey", json!({ "KeyId": key })).await.ok();
                assert_eq!(shown["PublicKey"], public, "{spec} {algorithm}");
            }
        }
    }
}

#[tokio::test]
async fn material_is_bound_to_its_key_for_good() {
    let kms = TestKms::new();
    let key = external(&kms, "HMAC_256", "GENERATE_VERIFY_MAC").await;
    import(&kms, &key, &[1; 40], json!({})).await.ok();
    let mac = json!({"KeyId": key, "Message": "AAAA", "MacAlgorithm": "HMAC_SHA_256"});
    let code = call(&kms, "GenerateMac", mac.clone()).await.ok()["Mac"].clone();
    import(&kms, &key, &[2; 40], json!({})).await.refuses("IncorrectKeyMaterialException", None);
    call(&kms, "DeleteImportedKeyMaterial", json!({ "KeyId": key })).await.ok();
    assert_eq!(call(&kms, "GenerateMac", mac.clone()).await.message(), format!("{key} is pending import."));
    import(&kms, &key, &[2; 40], json!({})).await.refuses("IncorrectKeyMaterialException", None);
    import(&kms, &key, &[1; 40], json!({})).await.ok();
    assert_eq!(call(&kms, "GenerateMac", mac).await.ok()["Mac"], code);
    // What only symmetric keys have.
    for (member, value) in [
        ("ImportType", "NEW_KEY_MATERIAL"),
        ("KeyMaterialDescription", "first"),
        ("KeyMaterialId", &"0".repeat(64)),
    ] {
        let text = format!("{member} is not supported for KeySpec HMAC_256");
        let answer = import(&kms, &key, &[1; 40], json!({ member: value })).await;
        answer.refuses("UnsupportedOperationException", text.as_str());
    }
}

#[tokio::test]
async fn material_must_be_of_the_spec() {
    let kms = TestKms::new();
    let pair = json!({"KeyPairSpec": "ECC_NIST_P256", "KeyId": call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"]});
    let pair = decoded(&call(&kms, "GenerateDataKeyPair", pair).await.ok()["PrivateKeyPlaintext"]);
    for (spec, usage, materials) in [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", vec![vec![1; 31], vec![1; 33], vec![1; 16]]),
        ("HMAC_384", "GENERATE_VERIFY_MAC", vec![vec![1; 47], vec![1; 129]]),
        ("ECC_NIST_P384", "SIGN_VERIFY", vec![pair.clone(), vec![1; 48]]),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", vec![pair.clone()]),
        // The scalar alone, and cut short.
        ("ECC_NIST_P256", "SIGN_VERIFY", vec![vec![1; 32], pair[..pair.len() - 1].to_vec()]),
    ] {
        for material in materials {
            let key = external(&kms, spec, usage).await;
            let answer = import(&kms, &key, &material, json!({})).await;
            answer.refuses("IncorrectKeyMaterialException", None);
            assert_eq!(state(&kms, &key).await, "PendingImport", "{spec}: nothing has changed");
        }
    }
}

#[tokio::test]
async fn keys_of_other_origins_take_none() {
    let kms = TestKms::new();
    let key = super::events::new_key(&kms).await;
    let text = format!("{key} origin is AWS_KMS which is not valid for this operation.");
    for input in [
        ("GetParametersForImport", super::subject::request("GetParametersForImport", &key, "")),
        ("ImportKeyMaterial", super::subject::request("ImportKeyMaterial", &key, "")),
        ("DeleteImportedKeyMaterial", json!({ "KeyId": key })),
    ] {
        call(&kms, input.0, input.1).await.refuses("UnsupportedOperationException", text.as_str());
    }
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_at_birth() {
    let kms = TestKms::new();
    for (spec, usage) in [
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        ("ML_DSA_65", "SIGN_VERIFY"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    ] {
        let input = json!({"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage});
        let text = format!("KeySpec {spec} is not supported for Origin EXTERNAL");
        call(&kms, "CreateKey", input).await.refuses("ValidationException", text.as_str());
    }
}

#[tokio::test]
async fn the_states_of_a_key_around_its_import() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let named = || json!({ "KeyId": key });
    import(&kms, &key, &MATERIAL, json!({})).await.ok();
    call(&kms, "DisableKey", named()).await.ok();
    // A key that is disabled, and waits for nothing, stays so.
    import(&kms, &key, &MATERIAL, json!({})).await.ok();
    assert_eq!(state(&kms, &key).await, "Disabled");
    call(&kms, "DeleteImportedKeyMaterial", named()).await.ok();
    assert_eq!(state(&kms, &key).await, "PendingImport");
    let text = format!("{key} is pending import.");
    for operation in ["EnableKey", "DisableKey", "RotateKeyOnDemand"] {
        call(&kms, operation, named()).await.refuses("KMSInvalidStateException", text.as_str());
    }
    import(&kms, &key, &MATERIAL, json!({})).await.ok();
    assert_eq!(state(&kms, &key).await, "Enabled");
    // Material goes while the key waits for its end, and the state stays.
    call(&kms, "ScheduleKeyDeletion", named()).await.ok();
    call(&kms, "DeleteImportedKeyMaterial", named()).await.ok();
    assert_eq!(state(&kms, &key).await, "PendingDeletion");
    let pending = format!("{key} is pending deletion.");
    let parameters = super::subject::request("GetParametersForImport", &key, "");
    call(&kms, "GetParametersForImport", parameters)
        .await
        .refuses("KMSInvalidStateException", pending.as_str());
    call(&kms, "CancelKeyDeletion", named()).await.ok();
    assert_eq!(state(&kms, &key).await, "PendingImport");
    import(&kms, &key, &MATERIAL, json!({})).await.ok();
    assert_eq!(state(&kms, &key).await, "Enabled");
}

/// AWS: KMS developer guide, "Key states of AWS KMS keys", column "Pending import".
#[tokio::test]
async fn what_every_operation_answers_while_a_key_waits() {
    use super::subject::{Subject, key_members, kind};
    let works = [
        "CreateAlias",
        "DeleteImportedKeyMaterial",
        "DescribeKey",
        "GetKeyLastUsage",
        "GetKeyPolicy",
        "GetParametersForImport",
        "ImportKeyMaterial",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListKeyRotations",
        "ListResourceTags",
        "PutKeyPolicy",
        "RetireGrant",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    ];
    for entry in kms_server::operations::registry::OPERATIONS {
        let operation = entry.name();
        // Keys that encapsulate are none that material is imported into.
        if key_members(operation).is_empty() || kind(operation).1 == "ENCAPSULATE_DECAPSULATE" {
            continue;
        }
        let kms = TestKms::new();
        let key = Subject::external(&kms, operation).await;
        call(&kms, "DeleteImportedKeyMaterial", json!({"KeyId": key.id})).await.ok();
        let answer = call(&kms, operation, key.request(operation)).await;
        let arn = &key.arn;
        match operation {
            _ if works.contains(&operation) => {
                answer.ok();
            }
            "DisableKeyRotation" | "EnableKeyRotation" | "GetKeyRotationStatus" => {
                let text = format!("{arn} origin is EXTERNAL which is not valid for this operation.");
                answer.refuses("UnsupportedOperationException", text.as_str());
            }
            "CancelKeyDeletion" => {
                answer
                    .refuses("KMSInvalidStateException", format!("{arn} is not pending deletion.").as_str());
            }
            _ => answer.refuses("KMSInvalidStateException", format!("{arn} is pending import.").as_str()),
        }
    }
}

#[tokio::test]
async fn only_some_algorithms_are_offered() {
    let kms = TestKms::new();
    let here = symmetric(&kms).await;
    let china = (ACCOUNT, "cn-north-1");
    let created = call_of(&kms, china, "CreateKey", json!({"Origin": "EXTERNAL"})).await.ok();
    let there = created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    assert!(there.starts_with("arn:aws-cn:"));
    let region = |algorithm| format!("WrappingAlgorithm {algorithm} is not supported in this Region");
    let pair = |algorithm, spec| {
        format!("WrappingAlgorithm {algorithm} is not compatible with WrappingKeySpec {spec}")
    };
    for (key, algorithm, spec, text) in [
        (&here, "RSAES_PKCS1_V1_5", "RSA_2048", region("RSAES_PKCS1_V1_5")),
        (&here, "SM2PKE", "SM2", region("SM2PKE")),
        (&here, "RSAES_OAEP_SHA_1", "SM2", pair("RSAES_OAEP_SHA_1", "SM2")),
        (&there, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", region("RSA_AES_KEY_WRAP_SHA_256")),
        (&there, "SM2PKE", "RSA_2048", pair("SM2PKE", "RSA_2048")),
        (&there, "SM2PKE", "SM2", String::new()),
        (&there, "RSAES_OAEP_SHA_256", "RSA_2048", String::new()),
    ] {
        let scope = if key == &here { (ACCOUNT, fixtures::REGION) } else { china };
        let input = json!({"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec});
        let answer = call_of(&kms, scope, "GetParametersForImport", input).await;
        match text.as_str() {
            "" => drop(answer.ok()),
            text => answer.refuses("UnsupportedOperationException", text),
        }
    }
}

/// In the Regions in China, material may come under a key of SM2; here the key itself encrypts it, as a customer's program
/// would with its public half.
#[tokio::test]
async fn material_comes_under_sm2_in_china() {
    use lifecycle::crypto::{SeededEntropy, sm2};
    let kms = TestKms::new();
    let china = (ACCOUNT, "cn-north-1");
    let input = json!({"Origin": "EXTERNAL", "KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"});
    let created = call_of(&kms, china, "CreateKey", input).await.ok();
    let key = created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let input = json!({"KeyId": key, "WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "SM2"});
    let parameters = call_of(&kms, china, "GetParametersForImport", input).await.ok();
    let entropy = SeededEntropy::new(9);
    let private = sm2::generate(&entropy).unwrap();
    let wrapped = sm2::encrypt_for(&decoded(&parameters["PublicKey"]), private.expose(), &entropy).unwrap();
    let mut input = json!({
        "KeyId": key,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": encoded(&wrapped),
        "ExpirationModel": STAYS,
    });
    let mut altered = wrapped.clone();
    *altered.last_mut().unwrap() ^= 1;
    call_of(&kms, china, "ImportKeyMaterial", input.clone()).await.ok();
    let shown = call_of(&kms, china, "GetPublicKey", json!({ "KeyId": key })).await.ok();
    assert_eq!(decoded(&shown["PublicKey"]), sm2::public_key(&private).unwrap());
    input["EncryptedKeyMaterial"] = encoded(&altered);
    let refused = call_of(&kms, china, "ImportKeyMaterial", input).await;
    refused.refuses("InvalidCiphertextException", None);
}
