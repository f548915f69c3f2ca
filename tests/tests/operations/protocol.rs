//! The wire: headers, exact bodies, the order of the first checks, and what is no request at all.

use std::sync::Arc;

use aws_sdk_kms::operation::RequestId;
use bytes::Bytes;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::{HeaderValue, Request};
use kms_server::auth::UnknownAccessKey;
use kms_server::engine::Batching;
use lifecycle::crypto::Secret;
use lifecycle::iam::{AccessKey, Entry};
use lifecycle::policy::Principal;
use serde_json::{Value, json};

use super::subject::{BLOB, Subject};
use super::wire::{Answer, call, call_of, code, key_arn, message, refuses, request, send};

const MISSING: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

async fn body(kms: &TestKms, operation: &str, body: impl Into<Bytes>) -> Answer {
    send(kms, request(ACCOUNT, REGION, operation, body)).await
}

#[tokio::test]
async fn a_success_has_these_headers() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for operation in ["DescribeKey", "EnableKey"] {
        let answer = call(&kms, operation, json!({"KeyId": key.id})).await;
        answer.ok();
        for (name, value) in [
            ("content-type", "application/x-amz-json-1.1"),
            ("cache-control", "no-cache, no-store, must-revalidate, private"),
            ("pragma", "no-cache"),
            ("expires", "0"),
        ] {
            assert_eq!(answer.headers[name], value, "{operation} {name}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let kms = TestKms::new();
    let mut seen = std::collections::HashSet::new();
    let uuid = regex::Regex::new("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$").unwrap();
    for operation in ["ListKeys", "ListKeys", "DescribeKey", "Nonsense"] {
        let answer = call(&kms, operation, json!({})).await;
        let id = answer.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
        assert!(uuid.is_match(&id), "{id}");
        assert!(seen.insert(id));
        assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
    }
    let answer = kms.client().describe_key().key_id(MISSING).send().await;
    assert!(answer.unwrap_err().request_id().is_some_and(|id| uuid.is_match(id)));
}

#[tokio::test]
async fn operations_without_an_output_have_no_body() {
    for operation in [
        "CreateAlias",
        "DeleteAlias",
        "DisableKey",
        "EnableKey",
        "PutKeyPolicy",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    ] {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        let answer = call(&kms, operation, key.request(operation)).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{operation}");
    }
}

#[tokio::test]
async fn an_error_is_a_bare_type_and_a_lower_case_message_with_status_400() {
    let kms = TestKms::new();
    let answer = call(&kms, "DescribeKey", json!({"KeyId": MISSING})).await;
    let expected =
        format!(r#"{{"__type":"NotFoundException","message":"Key '{}' does not exist"}}"#, key_arn(MISSING));
    assert_eq!((answer.status.as_u16(), answer.body), (400, Bytes::from(expected)));
    let garbage = call(&kms, "Decrypt", json!({"CiphertextBlob": BLOB})).await;
    assert_eq!(garbage.body, r#"{"__type":"InvalidCiphertextException"}"#);
    assert_eq!(garbage.status, 400);
    assert!(garbage.headers.get("cache-control").is_none());
    let foreign = format!("arn:aws:kms:{REGION}:444455556666:key/{MISSING}");
    let denied = call(&kms, "DescribeKey", json!({"KeyId": foreign})).await;
    assert_eq!(denied.status, 400);
    assert_eq!(denied.json()["Message"], denied.json()["message"]);
}

#[tokio::test]
async fn an_sdk_knows_the_errors_by_type() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let client = kms.client();
    let missing = client.describe_key().key_id(MISSING).send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_not_found_exception());
    client.disable_key().key_id(&key.id).send().await.unwrap();
    let disabled = client.generate_data_key().key_id(&key.id).number_of_bytes(1).send().await.unwrap_err();
    assert!(disabled.as_service_error().unwrap().is_disabled_exception());
    let marker = client.list_keys().marker("x").send().await.unwrap_err();
    assert!(marker.as_service_error().unwrap().is_invalid_marker_exception());
}

#[tokio::test]
async fn an_unknown_operation_is_not_answered_with_404() {
    let kms = TestKms::new();
    for target in [
        "TrentService.Nonsense",
        "TrentService.encrypt",
        "TrentService.",
        "TrentService",
        "trentservice.Encrypt",
        "Encrypt",
        "DynamoDB_20120810.ListTables",
        "",
    ] {
        let mut unknown = request(ACCOUNT, REGION, "", "{}");
        unknown.headers_mut().insert("x-amz-target", HeaderValue::from_str(target).unwrap());
        let answer = send(&kms, unknown).await;
        assert_eq!(answer.body, r#"{"__type":"UnknownOperationException"}"#, "{target}");
        assert_eq!(answer.status, 400);
    }
    let mut targetless = request(ACCOUNT, REGION, "ListKeys", "{}");
    targetless.headers_mut().remove("x-amz-target");
    send(&kms, targetless).await.refuses("UnknownOperationException", None);
    let mut get = request(ACCOUNT, REGION, "ListKeys", "");
    *get.method_mut() = http::Method::GET;
    send(&kms, get).await.refuses("UnknownOperationException", None);
    let mut elsewhere = request(ACCOUNT, REGION, "ListKeys", "{}");
    *elsewhere.uri_mut() = "/2014-11-01/keys".parse().unwrap();
    send(&kms, elsewhere).await.refuses("UnknownOperationException", None);
}

#[tokio::test]
async fn what_is_no_json_object_has_no_text() {
    let kms = TestKms::new();
    let deep = format!("{}{}", r#"{"A":"#.repeat(40), "}".repeat(40));
    for text in ["", " ", "{", "{}{}", "nonsense", "null", "7", "\"{}\"", "{'KeyId':'x'}", &deep] {
        body(&kms, "ListKeys", text.to_owned()).await.refuses("SerializationException", None);
    }
    body(&kms, "ListKeys", &b"{\"Marker\":\"\xff\"}"[..]).await.refuses("SerializationException", None);
    let list = "Start of list found where not expected";
    body(&kms, "ListKeys", "[]").await.refuses("SerializationException", list);
}

#[tokio::test]
async fn a_member_of_the_wrong_type_says_which() {
    let kms = TestKms::new();
    let list = "Start of list found where not expected";
    let map = "Start of structure or map found where not expected.";
    for (operation, input, text) in [
        ("DescribeKey", json!({"KeyId": 7}), "NUMBER_VALUE can not be converted to a String"),
        ("DescribeKey", json!({"KeyId": true}), "TRUE_VALUE can not be converted to a String"),
        ("DescribeKey", json!({"KeyId": []}), list),
        ("DescribeKey", json!({"KeyId": {}}), map),
        ("ListKeys", json!({"Limit": "7"}), "STRING_VALUE can not be converted to an Integer"),
        ("ListKeys", json!({"Limit": false}), "FALSE_VALUE can not be converted to an Integer"),
        ("Encrypt", json!({"DryRun": "true"}), "STRING_VALUE can not be converted to a Boolean"),
        ("Encrypt", json!({"DryRun": 1}), "NUMBER_VALUE can not be converted to a Boolean"),
        ("Encrypt", json!({"Plaintext": 1}), "NUMBER_VALUE can not be converted to a Blob"),
        ("Encrypt", json!({"EncryptionContext": "a"}), "Expected map or null"),
        ("Encrypt", json!({"EncryptionContext": {"a": true}}), "TRUE_VALUE can not be converted to a String"),
        ("Encrypt", json!({"GrantTokens": "a"}), "Expected list or null"),
        ("TagResource", json!({"Tags": {"a": "b"}}), map),
        ("TagResource", json!({"Tags": ["a"]}), "Expected null"),
        ("TagResource", json!({"Tags": [{"TagKey": 1}]}), "NUMBER_VALUE can not be converted to a String"),
    ] {
        call(&kms, operation, input).await.refuses("SerializationException", text);
    }
}

#[tokio::test]
async fn types_come_before_constraints_and_constraints_before_look_up() {
    let kms = TestKms::new();
    let mistyped = json!({"KeyId": "", "Plaintext": 7});
    assert_eq!(call(&kms, "Encrypt", mistyped).await.code(), "SerializationException");
    let constrained = json!({"KeyId": MISSING, "Plaintext": ""});
    assert_eq!(call(&kms, "Encrypt", constrained).await.code(), "ValidationException");
    let parameters = json!({"KeyId": MISSING, "PendingWindowInDays": 3});
    let text = "PendingWindowInDays must be between 7 and 30";
    call(&kms, "ScheduleKeyDeletion", parameters).await.refuses("ValidationException", text);
    let tokens = json!({"KeyId": MISSING, "Plaintext": BLOB, "GrantTokens": ["x"]});
    assert_eq!(call(&kms, "Encrypt", tokens).await.code(), "NotFoundException");
}

#[tokio::test]
async fn null_is_absent_unknown_members_are_ignored_and_names_have_a_case() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let input = json!({"KeyId": key.id, "GrantTokens": null, "Nonsense": {"a": [1]}, "keyId": 7});
    call(&kms, "DescribeKey", input).await.ok();
    call(&kms, "ListKeys", json!({"Limit": null, "Marker": null})).await.ok();
    // Members that other operations know mean nothing here.
    let input = json!({"KeyId": key.id, "DryRun": true, "GrantTokens": ["x"]});
    call(&kms, "DisableKey", input).await.ok();
    assert_eq!(call(&kms, "Encrypt", key.request("Encrypt")).await.code(), "DisabledException");
    call(&kms, "EnableKey", json!({"KeyId": key.id, "DryRun": "true"})).await.ok();
    let input = json!({"KeyId": key.id, "NumberOfBytes": 1, "Recipient": {}, "CiphertextBlob": "nonsense"});
    call(&kms, "GenerateDataKeyWithoutPlaintext", input).await.ok();
    let missing = "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null";
    for input in [json!({"KeyId": null}), json!({"keyId": key.id}), json!({"KEYID": key.id}), json!({})] {
        call(&kms, "DescribeKey", input).await.refuses("ValidationException", missing);
    }
}

#[tokio::test]
async fn the_operation_is_known_before_the_caller_and_the_caller_before_the_body() {
    let kms = TestKms::with(|builder| builder.unknown_access_key(Some(UnknownAccessKey::Reject)));
    call(&kms, "Nonsense", json!({})).await.refuses("UnknownOperationException", None);
    let unsigned = Request::post("/").header("x-amz-target", "TrentService.ListKeys").body("nonsense".into());
    let text = "Request is missing Authentication Token";
    send(&kms, unsigned.unwrap()).await.refuses("MissingAuthenticationTokenException", text);
    let incomplete = Request::post("/")
        .header("x-amz-target", "TrentService.ListKeys")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e")
        .body("nonsense".into());
    let text = "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential=a/b/c/d/e";
    send(&kms, incomplete.unwrap()).await.refuses("IncompleteSignatureException", text);
    let unknown = kms.client_of("AKIDUNKNOWN", REGION).list_keys().send().await;
    refuses(
        &unknown,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
}

#[tokio::test]
async fn a_configured_key_must_sign_with_its_secret() {
    let with_secret = |secret: &str| {
        let owner = Principal::parse(&format!("arn:aws:iam::{ACCOUNT}:root")).unwrap();
        let secret = Secret::new(secret.as_bytes().to_vec());
        let key = AccessKey { id: "AKIDEXAMPLE".into(), secret, owner };
        TestKms::with(|builder| builder.principals(vec![Entry::AccessKey(Arc::new(key))]))
    };
    let kms = with_secret("secret");
    kms.client_of("AKIDEXAMPLE", REGION).list_keys().send().await.unwrap();
    let answer = with_secret("another").client_of("AKIDEXAMPLE", REGION).list_keys().send().await;
    assert_eq!(code(&answer), "InvalidSignatureException");
    let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
    assert!(message(&answer).unwrap().starts_with(text));
    let unknown = kms.client_of(ACCOUNT, REGION).list_keys().send().await;
    assert_eq!(code(&unknown), "UnrecognizedClientException");
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused() {
    let kms = TestKms::new();
    let mut other = request(ACCOUNT, REGION, "ListKeys", "{}");
    let header = other.headers()["authorization"].to_str().unwrap().replace("/kms/", "/s3/");
    other.headers_mut().insert("authorization", HeaderValue::from_str(&header).unwrap());
    let text = "Credential should be scoped to correct service: 'kms'. ";
    send(&kms, other).await.refuses("InvalidSignatureException", text);
}

#[tokio::test]
async fn unsigned_requests_act_in_the_default_account_and_region() {
    let kms =
        TestKms::with(|builder| builder.home("777788889999".parse().unwrap(), "eu-west-3".parse().unwrap()));
    let unsigned = Request::post("/").header("x-amz-target", "TrentService.CreateKey").body("{}".into());
    let created = send(&kms, unsigned.unwrap()).await.ok();
    let arn = created["KeyMetadata"]["Arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:kms:eu-west-3:777788889999:key/"), "{arn}");
    let listed = call_of(&kms, ("777788889999", "eu-west-3"), "ListKeys", json!({})).await.ok();
    assert_eq!(listed["Keys"][0]["KeyArn"], arn);
}

#[tokio::test]
async fn a_full_queue_throttles() {
    let batching = Batching { queue_commands_max: 1, ..Batching::default() };
    let kms = TestKms::with(|builder| builder.batching(batching));
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let held = kms.clone();
    let busy = tokio::spawn(async move {
        let held_up = held.service().parts().engine.submit(move |_| {
            started.send(()).unwrap();
            wait.recv().unwrap();
        });
        held_up.await.unwrap();
    });
    has_started.await.unwrap();
    let waiting = kms.clone();
    let waiting = tokio::spawn(async move { call(&waiting, "CreateKey", json!({})).await.ok() });
    // The one place in the queue is taken as soon as the task has run up to its first wait.
    tokio::task::yield_now().await;
    let text = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    let refused = call(&kms, "CreateKey", json!({})).await;
    refused.refuses("ThrottlingException", text);
    call(&kms, "ListKeys", json!({})).await.ok();
    go_on.send(()).unwrap();
    busy.await.unwrap();
    waiting.await.unwrap();
    call(&kms, "CreateKey", json!({})).await.ok();
}

#[tokio::test]
async fn a_stopped_service_fails_requests_instead_of_losing_their_records() {
    let kms = TestKms::new();
    kms.service().stop().await;
    for operation in ["CreateKey", "ListKeys"] {
        assert_eq!(call(&kms, operation, json!({})).await.code(), "KMSInternalException");
    }
}

#[tokio::test]
async fn callers_at_the_same_time_each_get_their_own_key() {
    let kms = TestKms::new();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let kms = kms.clone();
            tokio::spawn(async move { call(&kms, "CreateKey", json!({})).await.ok() })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    for call in calls {
        ids.insert(call.await.unwrap()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned());
    }
    let listed = call(&kms, "ListKeys", json!({})).await.ok();
    let listed: Vec<_> = listed["Keys"].as_array().unwrap().iter().map(|key| key["KeyId"].clone()).collect();
    assert_eq!(listed, ids.into_iter().map(Value::from).collect::<Vec<_>>());
    assert_eq!(listed.len(), 64);
}

#[tokio::test]
async fn two_services_in_one_process_share_nothing() {
    let (one, two) = (TestKms::new(), TestKms::new());
    let key = Subject::new(&one).await;
    call(&two, "DescribeKey", json!({"KeyId": key.id}))
        .await
        .refuses("NotFoundException", format!("Key '{}' does not exist", key.arn).as_str());
    call(&one, "DescribeKey", json!({"KeyId": key.id})).await.ok();
}

#[tokio::test]
async fn a_kms_in_process_can_also_be_served_on_a_port() {
    let kms = TestKms::new();
    let made = call(&kms, "CreateKey", json!({"Description": "shared"})).await.ok();
    let served = kms.serve();
    assert_eq!(served.url(), format!("http://127.0.0.1:{}", served.port()));
    let id = made["KeyMetadata"]["KeyId"].clone();
    let port = served.port();
    let ask = move || fixtures::process::call(port, "DescribeKey", &json!({ "KeyId": id })).unwrap();
    let reply = tokio::task::spawn_blocking(ask).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["KeyMetadata"], made["KeyMetadata"]);
}
