//! Import tokens, and what is wrong with the rest of a request.

use super::*;

#[tokio::test]
async fn a_token_is_for_its_key_and_may_be_used_for_a_day() {
    let kms = TestKms::new();
    let (key, other) = (symmetric(&kms).await, symmetric(&kms).await);
    let first = parameters(&kms, &key, OAEP).await;
    assert_eq!(first["KeyId"], key.as_str());
    let day = kms.service().parts().engine.snapshot().now().plus_days(1).epoch_seconds();
    assert_eq!(first["ParametersValidTo"].as_f64().unwrap(), day);
    let second = parameters(&kms, &key, OAEP).await;
    assert_ne!(first["PublicKey"], second["PublicKey"], "a new wrapping key each time");
    let of = |parameters: &Value| request(&key, parameters, OAEP, &MATERIAL, &json!({}));
    // Tokens may be used again, and in any order.
    for parameters in [&second, &first, &first] {
        call(&kms, "ImportKeyMaterial", of(parameters)).await.ok();
    }
    // The key of one token does not open what was wrapped for another.
    let mut crossed = of(&first);
    crossed["ImportToken"] = second["ImportToken"].clone();
    call(&kms, "ImportKeyMaterial", crossed).await.refuses("InvalidCiphertextException", None);
    let mut elsewhere = of(&first);
    elsewhere["KeyId"] = other.clone().into();
    call(&kms, "ImportKeyMaterial", elsewhere).await.refuses("InvalidImportTokenException", None);
    for token in [vec![0], vec![1; 13], [&decoded(&first["ImportToken"])[..], &[0]].concat()] {
        let mut altered = of(&first);
        altered["ImportToken"] = encoded(&token);
        call(&kms, "ImportKeyMaterial", altered).await.refuses("InvalidImportTokenException", None);
    }
    let engine = &kms.service().parts().engine;
    let end = engine.snapshot().now().plus_days(1);
    engine.advance(lifecycle::clock::Timestamp(end.0 - 1)).await.unwrap();
    call(&kms, "ImportKeyMaterial", of(&first)).await.ok();
    engine.advance(end).await.unwrap();
    call(&kms, "ImportKeyMaterial", of(&first)).await.refuses("ExpiredImportTokenException", None);
}

#[tokio::test]
async fn a_token_wraps_by_its_own_algorithm_only() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let made = parameters(&kms, &key, "RSAES_OAEP_SHA_1").await;
    let other = request(&key, &made, OAEP, &MATERIAL, &json!({}));
    call(&kms, "ImportKeyMaterial", other).await.refuses("InvalidCiphertextException", None);
    let long = request(&key, &made, "RSA_AES_KEY_WRAP_SHA_1", &MATERIAL, &json!({}));
    call(&kms, "ImportKeyMaterial", long).await.refuses("ValidationException", "Invalid encrypted key size.");
    let made = parameters(&kms, &key, "RSA_AES_KEY_WRAP_SHA_256").await;
    let short = request(&key, &made, OAEP, &MATERIAL, &json!({}));
    call(&kms, "ImportKeyMaterial", short)
        .await
        .refuses("ValidationException", "Invalid encrypted key size.");
    let mut altered = request(&key, &made, "RSA_AES_KEY_WRAP_SHA_256", &MATERIAL, &json!({}));
    let mut bytes = decoded(&altered["EncryptedKeyMaterial"]);
    *bytes.last_mut().unwrap() ^= 1;
    altered["EncryptedKeyMaterial"] = encoded(&bytes);
    call(&kms, "ImportKeyMaterial", altered).await.refuses("InvalidCiphertextException", None);
    assert_eq!(state(&kms, &key).await, "PendingImport");
}

#[tokio::test]
async fn a_token_ends_with_its_key_even_if_another_has_the_same_id() {
    let kms = TestKms::new();
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let create = json!({"Origin": "EXTERNAL", "Tags": [{"TagKey": "_custom_id_", "TagValue": id}]});
    call(&kms, "CreateKey", create.clone()).await.ok();
    let made = parameters(&kms, id, OAEP).await;
    super::super::wire::control(&kms, http::Method::POST, "/_kms/reset", "{}").await.ok();
    kms.advance_days(0).await;
    let later = kms.service().parts().engine.snapshot().now();
    kms.service().parts().engine.advance(lifecycle::clock::Timestamp(later.0 + 1)).await.unwrap();
    call(&kms, "CreateKey", create).await.ok();
    let input = request(id, &made, OAEP, &MATERIAL, &json!({}));
    call(&kms, "ImportKeyMaterial", input).await.refuses("InvalidImportTokenException", None);
}

#[tokio::test]
async fn rules_on_the_expiration() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let made = parameters(&kms, &key, OAEP).await;
    let now = kms.service().parts().engine.snapshot().now().epoch_seconds();
    let expires = "KEY_MATERIAL_EXPIRES";
    let missing = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES";
    let extra = "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE";
    let range = "ValidTo must be in the future, and at most 365 days away";
    let year = now + 365.0 * 86_400.0;
    for (members, text) in [
        (json!({"ExpirationModel": null}), missing),
        (json!({"ExpirationModel": expires}), missing),
        (json!({"ValidTo": now + 60.0}), extra),
        (json!({"ExpirationModel": expires, "ValidTo": now}), range),
        (json!({"ExpirationModel": expires, "ValidTo": 0}), range),
        (json!({"ExpirationModel": null, "ValidTo": year + 0.01}), range),
        (json!({"ExpirationModel": expires, "ValidTo": 1e300}), range),
        (
            json!({"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": "0".repeat(64)}),
            "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL",
        ),
        // What is imported first is new.
        (
            json!({"KeyMaterialId": "0".repeat(64)}),
            "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL",
        ),
    ] {
        let input = request(&key, &made, OAEP, &MATERIAL, &members);
        call(&kms, "ImportKeyMaterial", input).await.refuses("ValidationException", text);
    }
    // The same token works in the next call, and by default material expires.
    for members in [
        json!({"ExpirationModel": null, "ValidTo": year}),
        json!({"ExpirationModel": expires, "ValidTo": now + 0.5}),
    ] {
        call(&kms, "ImportKeyMaterial", request(&key, &made, OAEP, &MATERIAL, &members)).await.ok();
        let shown = described(&kms, &key).await;
        assert_eq!((&shown["ExpirationModel"], &shown["ValidTo"]), (&json!(expires), &members["ValidTo"]));
    }
}

#[tokio::test]
async fn the_audit_log_has_the_import_and_nothing_secret() {
    let kms = TestKms::new();
    let key = symmetric(&kms).await;
    let made = parameters(&kms, &key, OAEP).await;
    let record = |name: &'static str| {
        let kms = &kms;
        async move { super::super::wire::events(kms, &format!("event={name}")).await.pop().unwrap() }
    };
    let shown = record("GetParametersForImport").await;
    assert_eq!(shown["readOnly"], true);
    assert_eq!(shown["responseElements"], Value::Null);
    assert_eq!(
        shown["requestParameters"],
        json!({"keyId": key, "wrappingAlgorithm": OAEP, "wrappingKeySpec": "RSA_2048"})
    );
    // 1 March 2026.
    let members =
        json!({"ExpirationModel": null, "ValidTo": 1_772_323_200, "KeyMaterialDescription": "mine"});
    let input = request(&key, &made, OAEP, &MATERIAL, &members);
    let imported = call(&kms, "ImportKeyMaterial", input).await.ok();
    let shown = record("ImportKeyMaterial").await;
    let expected =
        json!({"keyId": key, "validTo": "Mar 1, 2026, 12:00:00 AM", "keyMaterialDescription": "mine"});
    assert_eq!(shown["requestParameters"], expected);
    assert_eq!(shown["responseElements"], json!({"keyId": key, "keyMaterialId": imported["KeyMaterialId"]}));
    assert_eq!(shown["readOnly"], false);
    let id = &imported["KeyMaterialId"];
    call(&kms, "DeleteImportedKeyMaterial", json!({"KeyId": key, "KeyMaterialId": id})).await.ok();
    let shown = record("DeleteImportedKeyMaterial").await;
    assert_eq!(shown["requestParameters"], json!({"keyId": key, "keyMaterialId": id}));
    assert_eq!(shown["responseElements"], json!({"keyId": key, "keyMaterialId": id}));
}

/// What is made for one request keeps no other waiting, and what is refused is refused before.
#[tokio::test]
async fn a_refusal_comes_before_the_wrapping_key() {
    let kms = TestKms::new();
    let input = json!({"Origin": "EXTERNAL", "KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY"});
    let key = call(&kms, "CreateKey", input).await.ok()["KeyMetadata"]["KeyId"].clone();
    let input = json!({"KeyId": key, "WrappingAlgorithm": "RSAES_PKCS1_V1_5", "WrappingKeySpec": "RSA_4096"});
    assert_eq!(call(&kms, "GetParametersForImport", input).await.code(), "UnsupportedOperationException");
    let wrong = json!({"KeyId": key, "ImportToken": "AAAA", "EncryptedKeyMaterial": "AAAA", "ExpirationModel": STAYS});
    assert_eq!(call(&kms, "ImportKeyMaterial", wrong).await.code(), "InvalidImportTokenException");
}
