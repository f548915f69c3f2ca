//! What KMS answers over the wire, as a port reads it.

use super::*;
use crate::crypto::Secret;
use crate::ids::GrantId;

#[test]
fn answers_of_kms_are_read_and_what_is_none_says_nothing() {
    let text =
        r#"{"__type": "com.amazonaws.kms#AccessDeniedException", "Message": "no", "message": "no", "x": 1}"#;
    let fault = KmsFault::read(text.as_bytes(), "id");
    assert_eq!((fault.code.as_str(), fault.message.as_str()), ("AccessDeniedException", "no"));
    assert_eq!((fault.request_id.as_str(), fault.is_refusal()), ("id", true));
    for (text, message) in [
        (r#"{"__type": "DisabledException", "Message": "off"}"#, "off"),
        (r#"{"__type": "DisabledException", "message": "off"}"#, "off"),
        (r#"{"__type": "DisabledException"}"#, ""),
    ] {
        let fault = KmsFault::read(text.as_bytes(), "id");
        assert_eq!((fault.code.as_str(), fault.message.as_str()), ("DisabledException", message));
    }
    for text in ["", "{}", "[]", "null", r#"{"__type": 1}"#, "<html>"] {
        assert!(!KmsFault::read(text.as_bytes(), "id").is_refusal(), "{text}");
    }

    let key: KeyArn =
        "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111".parse().unwrap();
    let context = crate::crypto::envelope::EncryptionContext::default;
    let describe = KmsRequest::DescribeKey { key_id: String::new() };
    let grant = KmsRequest::CreateGrant { key, name: Default::default(), context: context() };
    let generate = KmsRequest::GenerateDataKey { key, context: context() };
    let decrypt = KmsRequest::Decrypt { key, blob: Blob::default(), context: context() };
    let described = format!(r#"{{"KeyMetadata": {{"Arn": "{key}", "KeyManager": "AWS", "Enabled": true}}}}"#);
    let granted = format!(r#"{{"GrantId": "{}", "GrantToken": "t"}}"#, "ab".repeat(32));
    let generated = r#"{"Plaintext": "AQI=", "CiphertextBlob": "Aw==", "KeyId": "k"}"#;
    let secret = || Secret::new(vec![1, 2]);
    assert_eq!(
        describe.read(described.as_bytes()),
        Some(KmsOutput::Described { arn: key, manager: Manager::Aws })
    );
    let of_customer = described.replace("AWS", "CUSTOMER");
    assert!(matches!(
        describe.read(of_customer.as_bytes()),
        Some(KmsOutput::Described { manager: Manager::Customer, .. })
    ));
    assert!(matches!(grant.read(granted.as_bytes()), Some(KmsOutput::Granted { .. })));
    let blob = Blob(vec![3]);
    assert_eq!(generate.read(generated.as_bytes()), Some(KmsOutput::DataKey { plaintext: secret(), blob }));
    assert_eq!(decrypt.read(generated.as_bytes()), Some(KmsOutput::Decrypted { plaintext: secret() }));
    let retire = KmsRequest::RetireGrant { key, grant: GrantId([0; 32]) };
    assert_eq!(retire.read(b""), Some(KmsOutput::Retired));
    for request in [describe, grant, generate, decrypt] {
        for text in [
            "",
            "{}",
            "null",
            r#"{"KeyMetadata": {}, "GrantId": "x", "Plaintext": "!", "CiphertextBlob": "Aw=="}"#,
        ] {
            assert_eq!(request.read(text.as_bytes()), None, "{} {text}", request.operation());
        }
    }
    let body = KmsRequest::CreateGrant { key, name: Default::default(), context: context() };
    let body = body.body_for("arn:aws:iam::000000000000:role/store");
    for member in ["GranteePrincipal", "RetiringPrincipal"] {
        assert_eq!(body[member], "arn:aws:iam::000000000000:role/store");
    }
}
