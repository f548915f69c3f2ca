//! What becomes of what is not allowed, and what the audit log says about it.

use fixtures::TestKms;
use kms_server::pipeline::{Authorization, Mode};
use serde_json::{Value, json};

use super::super::subject::Subject;
use super::super::wire::{events, key_arn};
use super::*;

fn with_mode(mode: Mode) -> TestKms {
    kms_with(|builder| builder.authorization(Authorization { mode, ..Authorization::default() }))
}

/// The latest audit record.
async fn last(kms: &TestKms) -> Value {
    events(kms, "").await.pop().unwrap()
}

/// What the latest audit record says about authorisation.
async fn explained(kms: &TestKms) -> Value {
    last(kms).await["additionalEventData"]["authorization"].clone()
}

#[tokio::test]
async fn a_denial_is_explained_in_the_audit_record_and_nowhere_else() {
    let kms = kms();
    let key = Subject::new(&kms).await;
    let deny = json!({"Sid": "NoEncrypt", "Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"});
    may(&kms, ALICE, json!([deny, on("Allow", "kms:*", "*")])).await;
    let answer = call_as(&kms, ALICE, "Encrypt", key.request("Encrypt")).await;
    assert_eq!(answer.code(), "AccessDeniedException");
    let found = explained(&kms).await;
    assert_eq!(found["principal"], ALICE.arn);
    assert_eq!(found["action"], "kms:Encrypt");
    assert_eq!(found["resource"], key.arn);
    assert_eq!(found["explanation"]["decision"], "deny");
    assert_eq!(found["explanation"]["explicit"], true);
    assert_eq!(found["explanation"]["message"], answer.message());
    let expected = json!({
        "source": "identity-policy", "policy": "policy-1", "statement": "NoEncrypt", "effect": "Deny",
    });
    assert_eq!(found["explanation"]["reasons"][0], expected);

    call_as(&kms, ALICE, "DescribeKey", json!({"KeyId": key.arn})).await.ok();
    assert_eq!(last(&kms).await["additionalEventData"].get("authorization"), None);
}

#[tokio::test]
async fn every_denial_is_explained() {
    let kms = kms();
    let key = Subject::new(&kms).await;
    put_policy(&kms, &key.arn, &[]).await;
    let absent = key_arn("1234abcd-12ab-34cd-56ef-1234567890ab");
    let wider = json!({"KeyId": key.arn, "GranteePrincipal": APP.arn, "Operations": ["Decrypt"]});
    let parent =
        json!({"KeyId": key.arn, "GranteePrincipal": ALICE.arn, "Operations": ["Encrypt", "CreateGrant"]});
    call_as(&kms, ADMIN, "CreateGrant", parent).await.ok();
    for (caller, operation, input, missing) in [
        (ALICE, "ListKeys", json!({}), "An identity policy of"),
        (ALICE, "DisableKey", json!({"KeyId": key.arn}), "The key policy would have to allow kms:DisableKey"),
        (ALICE, "CreateGrant", wider, "The key policy would have to allow kms:CreateGrant"),
        (
            CAROL,
            "DescribeKey",
            json!({"KeyId": key.arn}),
            "The key policy would have to allow kms:DescribeKey",
        ),
        (CAROL, "DescribeKey", json!({"KeyId": absent}), "There is no such key"),
        (CAROL, "Decrypt", json!({"CiphertextBlob": key.ciphertext}), "The key policy would have to allow"),
        (CAROL, "DisableKey", json!({"KeyId": key.arn}), "Only principals of the key's account may use"),
    ] {
        let answer = call_as(&kms, caller, operation, input).await;
        assert_eq!(answer.code(), "AccessDeniedException", "{operation}");
        let record = last(&kms).await;
        assert_eq!((&record["eventName"], &record["errorCode"]), (&json!(operation), &json!("AccessDenied")));
        let found = &record["additionalEventData"]["authorization"];
        assert_eq!(found["principal"], caller.arn, "{operation}");
        assert_eq!(found["action"], format!("kms:{operation}"));
        let explanation = &found["explanation"];
        assert_eq!(explanation["decision"], "deny");
        assert_eq!(explanation["message"], answer.message(), "{operation}");
        let text = explanation["missing"].as_str().unwrap();
        assert!(text.starts_with(missing), "{operation}: {text}");
    }
}

#[tokio::test]
async fn in_log_mode_what_would_be_denied_is_done_and_recorded() {
    let kms = with_mode(Mode::Log);
    let key = Subject::new(&kms).await;
    call_as(&kms, ALICE, "Encrypt", key.request("Encrypt")).await.ok();
    let record = last(&kms).await;
    assert_eq!(record.get("errorCode"), None);
    let found = &record["additionalEventData"]["authorization"];
    assert_eq!(found["action"], "kms:Encrypt");
    assert_eq!(found["explanation"]["decision"], "deny");

    // Of several denials the first is the one that would have been the answer.
    call_as(&kms, ALICE, "ReEncrypt", key.request("ReEncrypt")).await.ok();
    assert_eq!(explained(&kms).await["action"], "kms:ReEncryptFrom");
    // It changes what it would change.
    call_as(&kms, ALICE, "DisableKey", json!({"KeyId": key.id})).await.ok();
    assert_eq!(explained(&kms).await["action"], "kms:DisableKey");
    let described = call_as(&kms, ADMIN, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    assert_eq!(described["KeyMetadata"]["Enabled"], false);
    assert_eq!(last(&kms).await["additionalEventData"].get("authorization"), None);
    call_as(&kms, ADMIN, "EnableKey", json!({"KeyId": key.id})).await.ok();

    // What grants do not cover is done as well, and the record of a retirement tells both.
    let parent =
        json!({"KeyId": key.id, "GranteePrincipal": ALICE.arn, "Operations": ["Encrypt", "CreateGrant"]});
    call_as(&kms, ADMIN, "CreateGrant", parent).await.ok();
    let wider = json!({"KeyId": key.id, "GranteePrincipal": APP.arn, "Operations": ["Decrypt"]});
    let granted = call_as(&kms, ALICE, "CreateGrant", wider).await.ok();
    assert_eq!(explained(&kms).await["action"], "kms:CreateGrant");
    call_as(&kms, ALICE, "RetireGrant", json!({"GrantToken": granted["GrantToken"]})).await.ok();
    let data = &last(&kms).await["additionalEventData"];
    assert_eq!(data["grantId"], granted["GrantId"]);
    assert_eq!(data["authorization"]["action"], "kms:RetireGrant");
}

#[tokio::test]
async fn switched_off_nothing_is_evaluated() {
    let kms = with_mode(Mode::Off);
    let key = Subject::new(&kms).await;
    may(&kms, ALICE, json!([on("Deny", "*", "*")])).await;
    put_policy(&kms, &key.arn, &[to("Deny", "kms:Encrypt", "*")]).await;
    call_as(&kms, ALICE, "Encrypt", key.request("Encrypt")).await.ok();
    assert_eq!(last(&kms).await["additionalEventData"].get("authorization"), None);
}

/// Few steps are allowed.
fn with_steps(mode: Mode) -> TestKms {
    kms_with(|builder| builder.authorization(Authorization { mode, policy_steps_max: 1_000 }))
}

/// Gives [`ALICE`] a policy that takes more.
async fn make_expensive(kms: &TestKms) {
    let actions: Vec<_> = (0..40).map(|number| format!("kms:*a*b*c*d*{number}*")).collect();
    let statements: Vec<_> =
        (0..40).map(|_| json!({"Effect": "Allow", "Action": actions, "Resource": "*"})).collect();
    may(kms, ALICE, json!(statements)).await;
}

#[tokio::test]
async fn policies_that_take_too_many_steps_refuse_the_request_and_change_nothing() {
    let kms = with_steps(Mode::Enforce);
    let key = Subject::new(&kms).await;
    make_expensive(&kms).await;
    let before = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    let text = "The policies that apply to this request take more than 1000 steps to evaluate (setting \
                auth.policy_steps_max).";
    for operation in ["Encrypt", "DisableKey", "CreateKey", "TagResource"] {
        let answer = call_as(&kms, ALICE, operation, key.request(operation)).await;
        answer.refuses("LimitExceededException", text);
        assert_eq!(last(&kms).await["errorMessage"], text);
    }
    let after = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    assert_eq!(after, before);
    // Others are not concerned.
    call_as(&kms, ADMIN, "Encrypt", key.request("Encrypt")).await.ok();
}

#[tokio::test]
async fn in_log_mode_they_refuse_nothing() {
    let kms = with_steps(Mode::Log);
    let key = Subject::new(&kms).await;
    make_expensive(&kms).await;
    call_as(&kms, ALICE, "Encrypt", key.request("Encrypt")).await.ok();
    let found = explained(&kms).await;
    assert_eq!((&found["principal"], &found["action"]), (&json!(ALICE.arn), &json!("kms:Encrypt")));
    let message = found["explanation"]["message"].as_str().unwrap();
    assert!(message.contains("more than 1000 steps"), "{message}");
}
