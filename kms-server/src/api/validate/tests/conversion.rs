use serde_json::json;

use super::{KEY, outcome};
use crate::api::error::{ErrorCode, KmsError};
use crate::api::model::find;
use crate::api::validate::validate;

#[test]
fn wrong_types() {
    let cases = [
        ("ListKeys", json!({ "Limit": "1" }), "STRING_VALUE can not be converted to an Integer"),
        ("ListKeys", json!({ "Limit": true }), "TRUE_VALUE can not be converted to an Integer"),
        ("ListKeys", json!({ "Limit": [1] }), "Start of list found where not expected"),
        ("ListKeys", json!({ "Limit": {} }), "Start of structure or map found where not expected."),
        ("ListKeys", json!({ "Marker": 1 }), "NUMBER_VALUE can not be converted to a String"),
        ("ListKeys", json!({ "Marker": false }), "FALSE_VALUE can not be converted to a String"),
        ("CreateKey", json!({ "KeySpec": 2048 }), "NUMBER_VALUE can not be converted to a String"),
        ("CreateKey", json!({ "MultiRegion": "true" }), "STRING_VALUE can not be converted to a Boolean"),
        ("CreateKey", json!({ "MultiRegion": 1 }), "NUMBER_VALUE can not be converted to a Boolean"),
        ("CreateKey", json!({ "Tags": "x" }), "Expected list or null"),
        ("CreateKey", json!({ "Tags": {} }), "Start of structure or map found where not expected."),
        ("CreateKey", json!({ "Tags": ["x"] }), "Expected null"),
        ("CreateKey", json!({ "Tags": [[]] }), "Start of list found where not expected"),
        ("CreateKey", json!({ "Tags": [{ "TagKey": 1 }] }), "NUMBER_VALUE can not be converted to a String"),
        ("Encrypt", json!({ "EncryptionContext": "x" }), "Expected map or null"),
        ("Encrypt", json!({ "EncryptionContext": [] }), "Start of list found where not expected"),
        (
            "Encrypt",
            json!({ "EncryptionContext": { "a": 1 } }),
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("Encrypt", json!({ "EncryptionContext": { "a": [] } }), "Start of list found where not expected"),
        ("Encrypt", json!({ "Plaintext": 1 }), "NUMBER_VALUE can not be converted to a Blob"),
        ("Encrypt", json!({ "Plaintext": "A" }), "STRING_VALUE can not be converted to a Blob"),
        ("Encrypt", json!({ "Plaintext": "_-==" }), "STRING_VALUE can not be converted to a Blob"),
        ("Encrypt", json!({ "GrantTokens": [1] }), "NUMBER_VALUE can not be converted to a String"),
        ("Decrypt", json!({ "Recipient": "x" }), "Expected null"),
        (
            "ImportKeyMaterial",
            json!({ "ValidTo": "2026-01-01" }),
            "STRING_VALUE can not be converted to milliseconds since epoch",
        ),
        ("ListKeys", json!([]), "Start of list found where not expected"),
    ];
    for (operation, input, text) in cases {
        let expected = KmsError::new(ErrorCode::SerializationException, text);
        assert_eq!(outcome(operation, input.clone()), Err(expected), "{operation} {input}");
    }
    for input in [json!(null), json!("x"), json!(1), json!(true)] {
        assert_eq!(outcome("ListKeys", input), Err(KmsError::bare(ErrorCode::SerializationException)));
    }
}

#[test]
fn types_come_before_constraints() {
    let error = outcome("ListAliases", json!({ "KeyId": "", "Limit": "1" })).unwrap_err();
    assert_eq!(error.code, ErrorCode::SerializationException);
}

#[test]
fn nulls_and_unknown_members_go() {
    let mut input = json!({
        "KeyId": KEY, "Plaintext": "AA==", "GrantTokens": null, "EncryptionContext": null,
        "Unknown": null, "keyId": 1,
    });
    validate(find("Encrypt").unwrap().input, &mut input).unwrap();
    assert_eq!(input, json!({ "KeyId": KEY, "Plaintext": "AA==" }));
    let mut input = json!({ "Recipient": { "KeyEncryptionAlgorithm": null } });
    validate(find("Decrypt").unwrap().input, &mut input).unwrap();
    assert_eq!(input, json!({ "Recipient": {} }));
}

#[test]
fn fractions_are_truncated() {
    let mut input = json!({ "Limit": 10.9 });
    validate(find("ListKeys").unwrap().input, &mut input).unwrap();
    assert_eq!(input, json!({ "Limit": 10 }));
    let mut input =
        json!({ "KeyId": KEY, "ImportToken": "AA==", "EncryptedKeyMaterial": "AA==", "ValidTo": 1.5 });
    validate(find("ImportKeyMaterial").unwrap().input, &mut input).unwrap();
    assert_eq!(input["ValidTo"], json!(1.5));
}
