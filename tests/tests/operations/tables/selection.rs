//! Keys that cannot be chosen for a table: DynamoDB's words, and nothing is left behind.

use super::{Table, call, new_key, under};
use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use serde_json::{Value, json};

/// The message of a refusal with the id of the request left out.
fn text(message: &str) -> String {
    match (message.find("Request ID: "), message.find("; Proxy")) {
        (Some(from), Some(to)) => format!("{}Request ID: {{}}{}", &message[..from], &message[to..]),
        _ => message.to_owned(),
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_refused_in_dynamodbs_words() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let disabled = new_key(&kms).await;
    call(&kms, "DisableKey", json!({ "KeyId": disabled })).await.ok();
    let ending = new_key(&kms).await;
    call(&kms, "ScheduleKeyDeletion", json!({ "KeyId": ending, "PendingWindowInDays": 7 })).await.ok();
    let signing =
        call(&kms, "CreateKey", json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" })).await.ok();
    let signing = signing["KeyMetadata"]["Arn"].as_str().unwrap();
    let nobody = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let wrapped = |prefix: &str, class: &str, message: &str, code: &str| {
        format!(
            "{prefix}: com.amazonaws.services.kms.model.{class}: {message} (Service: AWSKMS; Status Code: 400; \
             Error Code: {code}; Request ID: {{}}; Proxy: null)"
        )
    };
    let cases = [
        (
            under(&disabled),
            "ValidationException",
            wrapped("KMS key disabled error", "DisabledException", &format!("{disabled} is disabled."), "DisabledException"),
        ),
        (
            under(&ending),
            "ValidationException",
            wrapped(
                "KMS validation error",
                "KMSInvalidStateException",
                &format!("{ending} is pending deletion."),
                "KMSInvalidStateException",
            ),
        ),
        (
            under(&nobody),
            "ValidationException",
            wrapped(
                "KMS validation error",
                "NotFoundException",
                &format!("Key '{nobody}' does not exist"),
                "NotFoundException",
            ),
        ),
        (
            under(signing),
            "InternalServerError",
            wrapped(
                "KMS internal error",
                "AWSKMSException",
                "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
                "ValidationException",
            ),
        ),
        (
            json!({ "KMSMasterKeyId": key }),
            "ValidationException",
            "One or more parameter values were invalid: SSEType KMS is required if KMSMasterKeyId is specified"
                .to_owned(),
        ),
    ];
    for (sse, code, message) in cases {
        let table = Table::named(&kms, "books");
        let refused = table.create(sse).await;
        assert_eq!(
            (refused.code().as_str(), text(&refused.message())),
            (format!("com.amazonaws.dynamodb.v20120810#{code}").as_str(), message)
        );
        assert_eq!(refused.status.as_u16(), if code == "InternalServerError" { 500 } else { 400 });
        let shown = table.ask(Method::GET, "", Value::Null).await;
        assert_eq!(shown.message(), "Requested resource not found: Table: books not found");
    }
    for key in [&key, &disabled, &ending] {
        let grants = call(&kms, "ListGrants", json!({ "KeyId": key })).await.ok();
        assert_eq!(grants["Grants"], json!([]), "no grant is left");
    }
    Table::active(&kms, "books", under(&key)).await;
    let again = Table::named(&kms, "books").create(under(&key)).await;
    assert_eq!(again.code(), "com.amazonaws.dynamodb.v20120810#ResourceInUseException");
}

#[tokio::test]
async fn only_symmetric_keys_with_material_can_be_chosen() {
    let kms = TestKms::new();
    let specs = [
        ("RSA_2048", "ENCRYPT_DECRYPT"),
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ML_DSA_44", "SIGN_VERIFY"),
        ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
    ];
    let table = Table::named(&kms, "books");
    for (spec, usage) in specs {
        let made = call(&kms, "CreateKey", json!({ "KeySpec": spec, "KeyUsage": usage })).await.ok();
        let refused = table.create(under(made["KeyMetadata"]["Arn"].as_str().unwrap())).await;
        assert_eq!(refused.status.as_u16(), 500, "{spec} {usage}");
        let text = "KMS internal error: com.amazonaws.services.kms.model.AWSKMSException: EncryptionContext is \
                    supported only when creating a grant for a symmetric encryption KMS key.";
        assert!(refused.message().starts_with(text), "{spec} {usage}: {}", refused.message());
    }
    let waiting = call(&kms, "CreateKey", json!({ "Origin": "EXTERNAL" })).await.ok();
    let waiting = waiting["KeyMetadata"]["Arn"].as_str().unwrap();
    let refused = table.create(under(waiting)).await;
    assert_eq!(refused.code(), "com.amazonaws.dynamodb.v20120810#ValidationException");
    let text = format!(
        "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: {waiting} is pending import."
    );
    assert!(refused.message().starts_with(&text), "{}", refused.message());
    assert_eq!(call(&kms, "ListGrants", json!({ "KeyId": waiting })).await.ok()["Grants"], json!([]));
}
