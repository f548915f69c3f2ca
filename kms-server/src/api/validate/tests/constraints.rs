use serde_json::{Value, json};

use super::{KEY, outcome, rejection, violates};

/// Base64 of that many bytes.
fn blob(len: usize) -> String {
    let padding = "=".repeat((3 - len % 3) % 3);
    let chars = (len * 8).div_ceil(6);
    format!("{}{padding}", "A".repeat(chars))
}

#[test]
fn missing_members() {
    let null = |path: &str| {
        format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be \
        null"
        )
    };
    let withheld =
        |path: &str| format!("Value at '{path}' failed to satisfy constraint: Member must not be null");
    violates("DescribeKey", json!({}), &null("keyId"));
    violates("DescribeKey", json!({ "KeyId": null }), &null("keyId"));
    violates("Encrypt", json!({ "KeyId": KEY }), &withheld("plaintext"));
    violates("Sign", json!({ "KeyId": KEY, "SigningAlgorithm": "SM2DSA" }), &withheld("message"));
    let verify = json!({ "KeyId": KEY, "Message": "AA==", "SigningAlgorithm": "SM2DSA" });
    violates("Verify", verify, &null("signature"));
    let verify_mac = json!({ "KeyId": KEY, "Message": "AA==", "MacAlgorithm": "HMAC_SHA_256" });
    violates("VerifyMac", verify_mac, &null("mac"));
    violates("CreateGrant", json!({ "KeyId": KEY, "GranteePrincipal": "p" }), &null("operations"));
    let tags = json!({ "KeyId": KEY, "Tags": [{ "TagKey": "a", "TagValue": "" }, { "TagValue": "b" }] });
    violates("TagResource", tags, &null("tags.2.member.tagKey"));
    let store =
        json!({ "CustomKeyStoreName": "s", "XksProxyAuthenticationCredential": { "AccessKeyId": null } });
    assert_eq!(
        rejection("CreateCustomKeyStore", store),
        format!(
            "2 validation errors detected: {}; {}",
            withheld("xksProxyAuthenticationCredential.accessKeyId"),
            withheld("xksProxyAuthenticationCredential.rawSecretAccessKey"),
        )
    );
    // The ciphertext is optional in the model, and so is every member of GenerateRandom.
    assert_eq!(outcome("Decrypt", json!({})), Ok(()));
    assert_eq!(outcome("GenerateRandom", json!({})), Ok(()));
}

#[test]
fn empty_key_id_breaks_two_constraints() {
    let expected = "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: \
        Member must have length greater than or equal to 1; Value '' at 'keyId' failed to satisfy \
        constraint: \
        Member must satisfy regular expression pattern: ^\\p{ASCII}+$";
    assert_eq!(rejection("DescribeKey", json!({ "KeyId": "" })), expected);
    violates(
        "DescribeKey",
        json!({ "KeyId": "schlüssel" }),
        "Value 'schlüssel' at 'keyId' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^\\p{ASCII}+$",
    );
}

#[test]
fn lengths_of_texts() {
    let empty = "Value '' at 'aliasName' failed to satisfy constraint: Member must";
    assert_eq!(
        rejection("DeleteAlias", json!({ "AliasName": "" })),
        format!(
            "2 validation errors detected: {empty} have length greater than or equal to 1; \
             {empty} satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
        )
    );
    let long = "k".repeat(129);
    violates(
        "TagResource",
        json!({ "KeyId": KEY, "Tags": [{ "TagKey": long, "TagValue": "" }] }),
        &format!(
            "Value '{long}' at 'tags.1.member.tagKey' failed to satisfy constraint: \
             Member must have length less than or equal to 128"
        ),
    );
    violates(
        "CreateKey",
        json!({ "Description": "d".repeat(8193) }),
        &format!(
            "Value '{}' at 'description' failed to satisfy constraint: \
             Member must have length less than or equal to 8192",
            "d".repeat(8193)
        ),
    );
    assert_eq!(outcome("CreateKey", json!({ "Description": "" })), Ok(()));
}

#[test]
fn lengths_count_utf16_code_units() {
    let tag = |value: String| json!({ "KeyId": KEY, "Tags": [{ "TagKey": "k", "TagValue": value }] });
    assert_eq!(outcome("TagResource", tag("ß".repeat(256))), Ok(()));
    assert_eq!(outcome("TagResource", tag("𝄞".repeat(128))), Ok(()));
    let text = rejection("TagResource", tag("𝄞".repeat(128) + "x"));
    let echo = "?".repeat(128);
    let expected = format!(
        "1 validation error detected: Value '{echo}x' at 'tags.1.member.tagValue' failed to satisfy \
         constraint: \
         Member must have length less than or equal to 256"
    );
    assert_eq!(text, expected);
}

#[test]
fn lengths_of_blobs_do_not_echo() {
    let encrypt = |len| json!({ "KeyId": KEY, "Plaintext": blob(len) });
    assert_eq!(outcome("Encrypt", encrypt(1)), Ok(()));
    assert_eq!(outcome("Encrypt", encrypt(4096)), Ok(()));
    violates(
        "Encrypt",
        encrypt(4097),
        "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal \
         to 4096",
    );
    violates(
        "Encrypt",
        encrypt(0),
        "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or \
         equal to 1",
    );
    violates(
        "Decrypt",
        json!({ "CiphertextBlob": blob(6145) }),
        "Value at 'ciphertextBlob' failed to satisfy constraint: \
         Member must have length less than or equal to 6144",
    );
    violates(
        "GenerateDataKey",
        json!({ "KeyId": KEY, "Recipient": { "AttestationDocument": "" } }),
        "Value at 'recipient.attestationDocument' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
    );
}

#[test]
fn sensitive_texts_do_not_echo() {
    let text = rejection(
        "CreateCustomKeyStore",
        json!({
            "CustomKeyStoreName": "s",
            "KeyStorePassword": "hunter",
            "XksProxyAuthenticationCredential": { "AccessKeyId": "secret", "RawSecretAccessKey": "!" },
        }),
    );
    let expected = [
        "5 validation errors detected: Value at 'keyStorePassword' failed to satisfy constraint: \
         Member must have length greater than or equal to 7",
        "Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy constraint: \
         Member must have length greater than or equal to 20",
        "Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[A-Z2-7]+$",
        "Value at 'xksProxyAuthenticationCredential.rawSecretAccessKey' failed to satisfy constraint: \
         Member must have length greater than or equal to 43",
        "Value at 'xksProxyAuthenticationCredential.rawSecretAccessKey' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[a-zA-Z0-9\\/+=]+$",
    ];
    assert_eq!(text, expected.join("; "));
}

#[test]
fn patterns() {
    violates(
        "CreateAlias",
        json!({ "AliasName": "alias/a b", "TargetKeyId": KEY }),
        "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    );
    // The whole policy comes back, and what Latin-1 lacks as question marks.
    violates(
        "PutKeyPolicy",
        json!({ "KeyId": KEY, "Policy": "{\n\"Sid\": \"é → 𝄞\"}" }),
        "Value '{\n\"Sid\": \"é ? ?\"}' at 'policy' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
    );
    let longest = "→".repeat(131_072);
    violates(
        "CreateKey",
        json!({ "Policy": longest }),
        &format!(
            "Value '{}' at 'policy' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
            "?".repeat(131_072)
        ),
    );
}

#[test]
fn enumerations_print_the_sets_of_aws() {
    let set = |value: &str, path: &str, values: &str| {
        format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy enum value \
             set: [{values}]"
        )
    };
    let macs = "HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512";
    let generate_mac = json!({ "KeyId": KEY, "Message": "AA==", "MacAlgorithm": "FOO" });
    violates("GenerateMac", generate_mac, &set("FOO", "macAlgorithm", macs));
    let signings = "RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, \
        RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, ECDSA_SHA_512, \
        ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256";
    let sign = |algorithm: &str| json!({ "KeyId": KEY, "Message": "AA==", "SigningAlgorithm": algorithm });
    violates("Sign", sign("FOO"), &set("FOO", "signingAlgorithm", signings));
    let encrypt = json!({ "KeyId": KEY, "Plaintext": "AA==", "EncryptionAlgorithm": "" });
    let encryptions = "RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT";
    violates("Encrypt", encrypt, &set("", "encryptionAlgorithm", encryptions));
    let mut raw = sign("SM2DSA");
    raw["MessageType"] = "raw".into();
    violates("Sign", raw, &set("raw", "messageType", "RAW, DIGEST, EXTERNAL_MU"));
    let specs = "RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, \
        ECC_NIST_EDWARDS25519, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, \
        ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768, ML_KEM_1024";
    violates("CreateKey", json!({ "KeySpec": "AES_256" }), &set("AES_256", "keySpec", specs));
    for spec in ["FOO", "RSA_2048"] {
        let generate = json!({ "KeyId": KEY, "KeySpec": spec });
        violates("GenerateDataKey", generate, &set(spec, "keySpec", specs));
    }
    let usages = "ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE";
    violates("CreateKey", json!({ "KeyUsage": "X" }), &set("X", "keyUsage", usages));
    let derive = json!({ "KeyId": KEY, "PublicKey": "AA==", "KeyAgreementAlgorithm": "DH" });
    violates("DeriveSharedSecret", derive, &set("DH", "keyAgreementAlgorithm", "ECDH"));
    let import = json!({
        "KeyId": KEY, "ImportToken": "AA==", "EncryptedKeyMaterial": "AA==", "ExpirationModel": "NEVER"
    });
    let models = "KEY_MATERIAL_DOES_NOT_EXPIRE, KEY_MATERIAL_EXPIRES";
    violates("ImportKeyMaterial", import, &set("NEVER", "expirationModel", models));
}

#[test]
fn values_outside_the_model_that_pass() {
    let input = json!({ "KeyId": KEY, "Message": "AA==", "SigningAlgorithm": "SYMMETRIC_DEFAULT" });
    assert_eq!(outcome("Sign", input), Ok(()));
    for spec in ["AES_128", "AES_256"] {
        assert_eq!(outcome("GenerateDataKey", json!({ "KeyId": KEY, "KeySpec": spec })), Ok(()));
    }
    // The service narrows the model's range later, in other words.
    assert_eq!(outcome("ScheduleKeyDeletion", json!({ "KeyId": KEY, "PendingWindowInDays": 6 })), Ok(()));
}

#[test]
fn numbers() {
    let cases = [
        ("GenerateRandom", json!({ "NumberOfBytes": 0 }), "0", "numberOfBytes", "greater than or equal to 1"),
        (
            "GenerateRandom",
            json!({ "NumberOfBytes": -5 }),
            "-5",
            "numberOfBytes",
            "greater than or equal to 1",
        ),
        (
            "GenerateRandom",
            json!({ "NumberOfBytes": 1025 }),
            "1025",
            "numberOfBytes",
            "less than or equal to 1024",
        ),
        ("ListKeys", json!({ "Limit": 1001 }), "1001", "limit", "less than or equal to 1000"),
        (
            "EnableKeyRotation",
            json!({ "KeyId": KEY, "RotationPeriodInDays": 89 }),
            "89",
            "rotationPeriodInDays",
            "greater than or equal to 90",
        ),
        (
            "EnableKeyRotation",
            json!({ "KeyId": KEY, "RotationPeriodInDays": 2561 }),
            "2561",
            "rotationPeriodInDays",
            "less than or equal to 2560",
        ),
        (
            "ScheduleKeyDeletion",
            json!({ "KeyId": KEY, "PendingWindowInDays": 366 }),
            "366",
            "pendingWindowInDays",
            "less than or equal to 365",
        ),
        ("ListKeys", json!({ "Limit": 1e300 }), "9223372036854775807", "limit", "less than or equal to 1000"),
        (
            "ListKeys",
            json!({ "Limit": u64::MAX }),
            "9223372036854775807",
            "limit",
            "less than or equal to 1000",
        ),
    ];
    for (operation, input, value, path, bound) in cases {
        let item = format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: Member must have value {bound}"
        );
        violates(operation, input, &item);
    }
}

#[test]
fn lists() {
    let tokens = |count: usize| json!({ "KeyId": KEY, "GrantTokens": vec!["t"; count] });
    assert_eq!(outcome("DescribeKey", tokens(0)), Ok(()));
    assert_eq!(outcome("DescribeKey", tokens(10)), Ok(()));
    violates(
        "DescribeKey",
        tokens(11),
        "Value '[t, t, t, t, t, t, t, t, t, t, t]' at 'grantTokens' failed to satisfy constraint: \
         Member must have length less than or equal to 10",
    );
    violates(
        "ListKeys",
        json!({ "ResourceOwners": [] }),
        "Value '[]' at 'resourceOwners' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
    );
    violates(
        "CreateGrant",
        json!({ "KeyId": KEY, "Operations": ["Encrypt", "Foo"] }),
        "Value '[Encrypt, Foo]' at 'operations' failed to satisfy constraint: Member must satisfy \
         constraint: \
         [Member must satisfy enum value set: [Decrypt, Encrypt, GenerateDataKey, \
         GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, Sign, Verify, GetPublicKey, \
         CreateGrant, \
         RetireGrant, DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateMac, \
         VerifyMac, DeriveSharedSecret, Encapsulate, Decapsulate]]",
    );
    violates(
        "UntagResource",
        json!({ "KeyId": KEY, "TagKeys": ["a", ""] }),
        "Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have length less than or equal to 128, Member must have length greater than or \
         equal to 1]",
    );
    violates(
        "UntagResource",
        json!({ "KeyId": KEY, "TagKeys": [null] }),
        "Value '[null]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have length less than or equal to 128, Member must have length greater than or \
         equal to 1, \
         Member must not be null]",
    );
    violates(
        "TagResource",
        json!({ "KeyId": KEY, "Tags": [null] }),
        "Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn maps() {
    let context = |context: Value| json!({ "KeyId": KEY, "Plaintext": "AA==", "EncryptionContext": context });
    assert_eq!(outcome("Encrypt", context(json!({ "": "", "ключ": "значение" }))), Ok(()));
    violates(
        "Encrypt",
        context(json!({ "a": "b", "c": null })),
        "Value '{a=b, c=null}' at 'encryptionContext' failed to satisfy constraint: \
         Map value must satisfy constraint: [Member must not be null]",
    );
    violates(
        "CreateGrant",
        json!({
            "KeyId": KEY, "Operations": [], "Constraints": { "EncryptionContextSubset": { "a": null } },
        }),
        "Value '{a=null}' at 'constraints.encryptionContextSubset' failed to satisfy constraint: \
         Map value must satisfy constraint: [Member must not be null]",
    );
}

#[test]
fn all_violations_come_together_in_model_order() {
    let input = json!({ "Marker": "", "Limit": 0, "KeyId": "" });
    let expected = [
        "4 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
        "Value '' at 'keyId' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^\\p{ASCII}+$",
        "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or \
         equal to 1",
        "Value '' at 'marker' failed to satisfy constraint: Member must have length greater than or \
         equal to 1",
    ];
    assert_eq!(rejection("ListAliases", input), expected.join("; "));
}
