//! GenerateRandom.

use fixtures::TestKms;
use serde_json::json;

use super::wire::{call, refuses};

#[tokio::test]
async fn random_bytes_have_the_length_asked_for_and_never_repeat() {
    let kms = TestKms::new();
    let mut seen = std::collections::HashSet::new();
    for length in [1, 16, 32, 1023, 1024, 32] {
        let answer = kms.client().generate_random().number_of_bytes(length).send().await.unwrap();
        assert!(answer.ciphertext_for_recipient().is_none());
        let bytes = answer.plaintext().unwrap().as_ref().to_vec();
        assert_eq!(bytes.len(), usize::try_from(length).unwrap());
        assert!(length < 16 || seen.insert(bytes), "the same {length} bytes twice");
    }
    let answer = call(&kms, "GenerateRandom", json!({"NumberOfBytes": 1})).await.ok();
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["Plaintext"]);
}

#[tokio::test]
async fn the_length_is_required_and_bounded() {
    let kms = TestKms::new();
    let missing = kms.client().generate_random().send().await;
    refuses(&missing, "ValidationException", "NumberOfBytes is required.");
    for (length, bound) in [(0, "greater than or equal to 1"), (1025, "less than or equal to 1024")] {
        let answer = kms.client().generate_random().number_of_bytes(length).send().await;
        let text = format!(
            "1 validation error detected: Value '{length}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {bound}"
        );
        refuses(&answer, "ValidationException", text.as_str());
    }
}

#[tokio::test]
async fn a_custom_key_store_must_exist() {
    let kms = TestKms::new();
    let store = "cks-1234567890abcdef0";
    let answer = kms.client().generate_random().number_of_bytes(1).custom_key_store_id(store).send().await;
    assert!(
        answer.as_ref().unwrap_err().as_service_error().unwrap().is_custom_key_store_not_found_exception()
    );
    let unlisted = call(&kms, "GenerateRandom", json!({"CustomKeyStoreId": store})).await;
    unlisted.refuses("ValidationException", "NumberOfBytes is required.");
}
