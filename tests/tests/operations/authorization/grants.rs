//! What grants allow at use.
//!
//! AWS: KMS developer guide, "Grants in AWS KMS".

use std::time::Duration;

use fixtures::TestKms;
use kms_server::limits::Limits;
use serde_json::{Value, json};

use super::super::subject::Subject;
use super::super::wire::{Answer, encoded, request, send};
use super::*;

/// A key that only [`ADMIN`] and grants speak about.
async fn closed_key(kms: &TestKms) -> Subject {
    let key = Subject::new(kms).await;
    put_policy(kms, &key.arn, &[]).await;
    key
}

/// The token of a new grant on a key, and its id.
async fn grant(
    kms: &TestKms,
    key: &Subject,
    grantee: &str,
    operations: &[&str],
    more: Value,
) -> (String, String) {
    let mut input = json!({"KeyId": key.arn, "GranteePrincipal": grantee, "Operations": operations});
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    let granted = call_as(kms, ADMIN, "CreateGrant", input).await.ok();
    let text = |member: &str| granted[member].as_str().unwrap().to_owned();
    (text("GrantToken"), text("GrantId"))
}

fn encrypt(key: &Subject) -> Value {
    json!({"KeyId": key.arn, "Plaintext": encoded(b"secret")})
}

fn with_context(key: &Subject, context: Value) -> Value {
    json!({"KeyId": key.arn, "Plaintext": encoded(b"secret"), "EncryptionContext": context})
}

/// The denial of a principal of the key's account that neither the key policy nor a grant names.
fn denied(caller: Somebody, action: &str, key: &Subject) -> String {
    let reason = no_policy("resource-based policy", action);
    format!("User: {} is not authorized to perform: {action} on resource: {} {reason}", caller.arn, key.arn)
}

#[track_caller]
fn refused(answer: &Answer, text: &str) {
    answer.refuses("AccessDeniedException", text);
}

#[tokio::test]
async fn a_new_grant_counts_at_once_with_its_token_and_later_without() {
    let delay = Duration::from_secs(300);
    let kms =
        kms_with(|builder| builder.limits(Limits { grant_consistency_delay: delay, ..Limits::default() }));
    let key = closed_key(&kms).await;
    let (token, _) = grant(&kms, &key, ALICE.arn, &["Encrypt"], json!({})).await;
    let denied = denied(ALICE, "kms:Encrypt", &key);
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &denied);
    let mut with_token = encrypt(&key);
    with_token["GrantTokens"] = json!([token]);
    call_as(&kms, ALICE, "Encrypt", with_token.clone()).await.ok();
    // The token is no bearer's: it is about its own grantee only.
    let of_app = super::grants::denied(APP, "kms:Encrypt", &key);
    refused(&call_as(&kms, APP, "Encrypt", with_token.clone()).await, &of_app);
    let now = || kms.service().parts().engine.snapshot().now();
    let just_before = lifecycle::clock::Timestamp(now().0 + 299_999);
    kms.service().parts().engine.advance(just_before).await.unwrap();
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &denied);
    kms.service().parts().engine.advance(lifecycle::clock::Timestamp(now().0 + 1)).await.unwrap();
    call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await.ok();
    call_as(&kms, ALICE, "Encrypt", with_token).await.ok();
}

#[tokio::test]
async fn a_grant_covers_its_grantee_and_its_operations_only() {
    let kms = kms();
    let (key, other) = (closed_key(&kms).await, closed_key(&kms).await);
    grant(&kms, &key, ALICE.arn, &["Encrypt", "DescribeKey"], json!({})).await;
    call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await.ok();
    call_as(&kms, ALICE, "DescribeKey", json!({"KeyId": key.arn})).await.ok();
    let decrypt = json!({"KeyId": key.arn, "CiphertextBlob": key.ciphertext});
    refused(&call_as(&kms, ALICE, "Decrypt", decrypt).await, &denied(ALICE, "kms:Decrypt", &key));
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&other)).await, &denied(ALICE, "kms:Encrypt", &other));
    refused(&call_as(&kms, APP, "Encrypt", encrypt(&key)).await, &denied(APP, "kms:Encrypt", &key));
    // No grant can allow what is no grant operation.
    let disable = call_as(&kms, ALICE, "DisableKey", json!({"KeyId": key.arn})).await;
    refused(&disable, &denied(ALICE, "kms:DisableKey", &key));
}

#[tokio::test]
async fn a_grant_to_a_role_covers_its_sessions_and_one_to_a_session_that_one() {
    let kms = kms();
    for (grantee, covers) in [
        ("arn:aws:iam::111122223333:role/app", true),
        (APP.arn, true),
        ("arn:aws:sts::111122223333:assumed-role/app/other", false),
        ("arn:aws:iam::111122223333:role/other", false),
    ] {
        let key = closed_key(&kms).await;
        grant(&kms, &key, grantee, &["Encrypt"], json!({})).await;
        let answer = call_as(&kms, APP, "Encrypt", encrypt(&key)).await;
        assert_eq!(answer.code().is_empty(), covers, "{grantee}");
    }
}

#[tokio::test]
async fn constraints_look_at_the_encryption_context() {
    let kms = kms();
    let pairs = json!({"Dept": "IT", "Purpose": "test"});
    for (kind, contexts) in [
        (
            "EncryptionContextEquals",
            [
                (json!({"Dept": "IT", "Purpose": "test"}), true),
                (json!({"dept": "IT", "PURPOSE": "test"}), true),
                (json!({"Dept": "IT", "Purpose": "Test"}), false),
                (json!({"Dept": "IT", "Purpose": "test", "more": "x"}), false),
                (json!({"Dept": "IT"}), false),
                (json!({}), false),
            ],
        ),
        (
            "EncryptionContextSubset",
            [
                (json!({"Dept": "IT", "Purpose": "test"}), true),
                (json!({"dept": "IT", "PURPOSE": "test"}), true),
                (json!({"Dept": "IT", "Purpose": "Test"}), false),
                (json!({"Dept": "IT", "Purpose": "test", "more": "x"}), true),
                (json!({"Dept": "IT"}), false),
                (json!({}), false),
            ],
        ),
    ] {
        let key = closed_key(&kms).await;
        let constraints = json!({"Constraints": {kind: pairs}});
        grant(&kms, &key, ALICE.arn, &["Encrypt", "GenerateDataKey", "DescribeKey"], constraints).await;
        for (context, covered) in contexts {
            let input = with_context(&key, context.clone());
            let answer = call_as(&kms, ALICE, "Encrypt", input).await;
            assert_eq!(answer.code().is_empty(), covered, "{kind} {context}: {}", answer.message());
            let input = json!({"KeyId": key.arn, "KeySpec": "AES_256", "EncryptionContext": context});
            let answer = call_as(&kms, ALICE, "GenerateDataKey", input).await;
            assert_eq!(answer.code().is_empty(), covered, "{kind} {context}: {}", answer.message());
        }
        // It has no encryption context, and needs none.
        call_as(&kms, ALICE, "DescribeKey", json!({"KeyId": key.arn})).await.ok();
    }
}

#[tokio::test]
async fn a_source_arn_must_be_that_of_the_request() {
    const GROUP: &str = "arn:aws:logs:us-east-1:111122223333:log-group:a";
    let kms = kms();
    let key = closed_key(&kms).await;
    let service = json!({
        "KeyId": key.arn,
        "GranteeServicePrincipal": "logs.amazonaws.com",
        "RetiringPrincipal": ADMIN.arn,
        "Operations": ["Encrypt", "DescribeKey"],
        "Constraints": {"SourceArn": GROUP},
    });
    call_as(&kms, ADMIN, "CreateGrant", service).await.ok();
    for operation in ["Encrypt", "DescribeKey"] {
        for (name, arn, covered) in [
            ("logs", Some(GROUP), true),
            ("logs", Some("arn:aws:logs:us-east-1:111122223333:log-group:b"), false),
            ("logs", None, false),
            ("sns", Some(GROUP), false),
        ] {
            let mut request = request(ALICE.key, REGION, operation, key.request(operation).to_string());
            request.headers_mut().insert("x-kms-service", name.parse().unwrap());
            if let Some(arn) = arn {
                request.headers_mut().insert("x-kms-source-arn", arn.parse().unwrap());
            }
            let answer = send(&kms, request).await;
            let expected = if covered { "" } else { "AccessDeniedException" };
            assert_eq!(answer.code(), expected, "{operation} {name} {arn:?}: {}", answer.message());
        }
    }
}

#[tokio::test]
async fn a_grant_to_an_account_leaves_the_rest_to_its_identity_policies() {
    let kms = kms();
    for (caller, account) in [(ALICE, ACCOUNT), (CAROL, OTHER)] {
        let key = closed_key(&kms).await;
        grant(&kms, &key, &format!("arn:aws:iam::{account}:root"), &["Encrypt"], json!({})).await;
        may(&kms, caller, json!([on("Allow", "kms:Decrypt", "*")])).await;
        let resource =
            if caller == CAROL { "this resource".to_owned() } else { format!("resource: {}", key.arn) };
        let reason = no_policy("identity-based policy", "kms:Encrypt");
        let text =
            format!("User: {} is not authorized to perform: kms:Encrypt on {resource} {reason}", caller.arn);
        refused(&call_as(&kms, caller, "Encrypt", encrypt(&key)).await, &text);
        may(&kms, caller, json!([on("Allow", "kms:Encrypt", &key.arn)])).await;
        call_as(&kms, caller, "Encrypt", encrypt(&key)).await.ok();
        // The root user needs no policy.
        call_of(&kms, (account, REGION), "Encrypt", encrypt(&key)).await.ok();
    }
}

#[tokio::test]
async fn a_grantee_of_another_account_needs_no_identity_policy() {
    let kms = kms();
    let key = closed_key(&kms).await;
    let hidden = format!(
        "User: {} is not authorized to perform: kms:Encrypt on this resource because the resource does not exist \
         in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies \
         access",
        CAROL.arn
    );
    refused(&call_as(&kms, CAROL, "Encrypt", encrypt(&key)).await, &hidden);
    grant(&kms, &key, CAROL.arn, &["Encrypt"], json!({})).await;
    call_as(&kms, CAROL, "Encrypt", encrypt(&key)).await.ok();
}

#[tokio::test]
async fn a_grant_made_by_virtue_of_a_grant_allows_no_more_than_that() {
    let kms = kms();
    let key = closed_key(&kms).await;
    let subset = |pairs: Value| json!({"EncryptionContextSubset": pairs});
    let constraints = json!({"Constraints": subset(json!({"a": "b"}))});
    grant(&kms, &key, ALICE.arn, &["Encrypt", "Decrypt", "CreateGrant"], constraints).await;
    let child = |operations: &[&str], constraints: Value| {
        json!({
            "KeyId": key.arn,
            "GranteePrincipal": APP.arn,
            "Operations": operations,
            "Constraints": constraints,
        })
    };
    let same = || subset(json!({"a": "b"}));
    for (operations, constraints) in [
        (&["Encrypt"][..], same()),
        (&["Encrypt", "Decrypt", "CreateGrant"], same()),
        (&["Decrypt"], subset(json!({"a": "b", "c": "d"}))),
        (&["Decrypt"], json!({"EncryptionContextEquals": {"a": "b"}})),
    ] {
        call_as(&kms, ALICE, "CreateGrant", child(operations, constraints)).await.ok();
    }
    let listed = |kms: &TestKms| kms.service().parts().engine.snapshot();
    let arn = key.arn.parse().unwrap();
    let before = listed(&kms).state.at(listed(&kms).now()).grant_count(&arn);
    for (operations, constraints) in [
        (&["Encrypt", "GenerateDataKey"][..], same()),
        (&["DescribeKey"], same()),
        (&["Encrypt"], json!({})),
        (&["Encrypt"], subset(json!({"c": "d"}))),
        (&["Encrypt"], subset(json!({"a": "c"}))),
        (&["Encrypt"], json!({"EncryptionContextEquals": {"a": "c"}})),
    ] {
        let answer = call_as(&kms, ALICE, "CreateGrant", child(operations, constraints)).await;
        refused(&answer, &denied(ALICE, "kms:CreateGrant", &key));
    }
    assert_eq!(listed(&kms).state.at(listed(&kms).now()).grant_count(&arn), before);
    // Whom a policy lets make grants, no grant restricts.
    put_policy(&kms, &key.arn, &[to("Allow", "kms:CreateGrant", ALICE.arn)]).await;
    call_as(&kms, ALICE, "CreateGrant", child(&["GenerateDataKey"], json!({}))).await.ok();
}

#[tokio::test]
async fn of_several_parents_one_is_enough_but_they_do_not_add_up() {
    let kms = kms();
    let key = closed_key(&kms).await;
    for operation in ["Encrypt", "Decrypt"] {
        grant(&kms, &key, ALICE.arn, &[operation, "CreateGrant"], json!({})).await;
    }
    let child = |operations: &[&str]| json!({"KeyId": key.arn, "GranteePrincipal": APP.arn, "Operations": operations});
    call_as(&kms, ALICE, "CreateGrant", child(&["Encrypt"])).await.ok();
    call_as(&kms, ALICE, "CreateGrant", child(&["Decrypt"])).await.ok();
    let both = call_as(&kms, ALICE, "CreateGrant", child(&["Encrypt", "Decrypt"])).await;
    refused(&both, &denied(ALICE, "kms:CreateGrant", &key));
}

#[tokio::test]
async fn a_deny_wins_over_a_grant() {
    let kms = kms();
    let key = closed_key(&kms).await;
    grant(&kms, &key, ALICE.arn, &["Encrypt"], json!({})).await;
    let denied =
        format!("User: {} is not authorized to perform: kms:Encrypt on resource: {}", ALICE.arn, key.arn);
    may(&kms, ALICE, json!([on("Deny", "kms:Encrypt", "*")])).await;
    let text = format!("{denied} with an explicit deny in an identity-based policy");
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &text);
    may(&kms, ALICE, json!([on("Allow", "s3:*", "*")])).await;
    call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await.ok();
    put_policy(&kms, &key.arn, &[to("Deny", "kms:Encrypt", ALICE.arn)]).await;
    let text = format!("{denied} with an explicit deny in a resource-based policy");
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &text);
    put_policy(&kms, &key.arn, &[]).await;
    // A boundary that does not allow limits roles, not a user whom the grant names; one that denies limits all.
    let nothing = json!({"Version": "2012-10-17", "Statement": on("Allow", "s3:*", "*")});
    put(&kms, ALICE.arn, json!({"boundary": nothing})).await;
    call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await.ok();
    let levels = [on("Allow", "*", "*"), on("Deny", "kms:Encrypt", "*")];
    let levels = levels.map(|statement| [json!({"Statement": statement})]);
    let organization = json!({"id": "o-a1b2c3d4e5", "service_control": levels});
    put(&kms, ACCOUNT, json!({"organization": organization})).await;
    let text = format!("{denied} with an explicit deny in a service control policy");
    refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &text);
}

#[tokio::test]
async fn an_ended_grant_allows_no_more() {
    let kms = kms();
    for operation in ["RevokeGrant", "RetireGrant"] {
        let key = closed_key(&kms).await;
        let (token, id) = grant(&kms, &key, ALICE.arn, &["Encrypt"], json!({})).await;
        call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await.ok();
        call_as(&kms, ADMIN, operation, json!({"KeyId": key.arn, "GrantId": id})).await.ok();
        let denied = denied(ALICE, "kms:Encrypt", &key);
        refused(&call_as(&kms, ALICE, "Encrypt", encrypt(&key)).await, &denied);
        let mut with_token = encrypt(&key);
        with_token["GrantTokens"] = json!([token]);
        call_as(&kms, ALICE, "Encrypt", with_token).await.refuses("InvalidGrantTokenException", None);
    }
}

#[tokio::test]
async fn re_encrypt_needs_a_grant_on_each_side() {
    let kms = kms();
    let (from, to) = (closed_key(&kms).await, closed_key(&kms).await);
    let input = json!({"CiphertextBlob": from.ciphertext, "DestinationKeyId": to.arn});
    let on_source = "the resource associated with this ciphertext";
    let text = |action: &str, on: &str| {
        let reason = no_policy("resource-based policy", action);
        format!("User: {} is not authorized to perform: {action} on {on} {reason}", ALICE.arn)
    };
    let (_, side) = grant(&kms, &to, ALICE.arn, &["ReEncryptTo"], json!({})).await;
    let answer = call_as(&kms, ALICE, "ReEncrypt", input.clone()).await;
    refused(&answer, &text("kms:ReEncryptFrom", on_source));
    // The permission for the other side is none for this one.
    grant(&kms, &from, ALICE.arn, &["ReEncryptTo", "Decrypt", "Encrypt"], json!({})).await;
    let answer = call_as(&kms, ALICE, "ReEncrypt", input.clone()).await;
    refused(&answer, &text("kms:ReEncryptFrom", on_source));
    grant(&kms, &from, ALICE.arn, &["ReEncryptFrom"], json!({})).await;
    call_as(&kms, ALICE, "ReEncrypt", input.clone()).await.ok();
    call_as(&kms, ADMIN, "RevokeGrant", json!({"KeyId": to.arn, "GrantId": side})).await.ok();
    let answer = call_as(&kms, ALICE, "ReEncrypt", input).await;
    refused(&answer, &text("kms:ReEncryptTo", &format!("resource: {}", to.arn)));
}

#[tokio::test]
async fn each_side_of_re_encrypt_has_its_own_constraints() {
    let kms = kms();
    let key = closed_key(&kms).await;
    let constraints = |pairs: Value| json!({"Constraints": {"EncryptionContextEquals": pairs}});
    let sealed = call_as(&kms, ADMIN, "Encrypt", with_context(&key, json!({"from": "x"}))).await.ok();
    grant(&kms, &key, ALICE.arn, &["ReEncryptFrom"], constraints(json!({"from": "x"}))).await;
    grant(&kms, &key, ALICE.arn, &["ReEncryptTo"], constraints(json!({"to": "y"}))).await;
    let input = |from: Value, to: Value| {
        json!({
            "CiphertextBlob": sealed["CiphertextBlob"],
            "SourceEncryptionContext": from,
            "DestinationKeyId": key.arn,
            "DestinationEncryptionContext": to,
        })
    };
    call_as(&kms, ALICE, "ReEncrypt", input(json!({"from": "x"}), json!({"to": "y"}))).await.ok();
    for (from, to) in [(json!({"from": "x"}), json!({"to": "z"})), (json!({"to": "y"}), json!({"to": "y"}))] {
        let answer = call_as(&kms, ALICE, "ReEncrypt", input(from, to)).await;
        assert_eq!(answer.code(), "AccessDeniedException");
    }
}

/// AWS: KMS developer guide, "Retiring and revoking grants": an identity policy may look at the grant.
#[tokio::test]
async fn who_may_retire_may_depend_on_the_constraints_of_the_grant() {
    let kms = kms();
    let key = Subject::new(&kms).await;
    for (constraints, condition, allowed) in [
        (
            json!({"EncryptionContextEquals": {"Dept": "IT"}}),
            json!({"kms:EncryptionContext:dept": "IT"}),
            true,
        ),
        (
            json!({"EncryptionContextSubset": {"Dept": "HR"}}),
            json!({"kms:EncryptionContext:dept": "IT"}),
            false,
        ),
        (
            json!({"EncryptionContextEquals": {"a": "b"}}),
            json!({"kms:GrantConstraintType": "EncryptionContextEquals"}),
            true,
        ),
        (
            json!({"EncryptionContextSubset": {"a": "b"}}),
            json!({"kms:GrantConstraintType": "EncryptionContextEquals"}),
            false,
        ),
        (json!({}), json!({"kms:GrantConstraintType": "EncryptionContextEquals"}), false),
    ] {
        let constrained = json!({"Constraints": constraints});
        let (token, _) = grant(&kms, &key, APP.arn, &["Encrypt"], constrained).await;
        let mut statement = on("Allow", "kms:RetireGrant", &key.arn);
        statement["Condition"] = json!({"StringEquals": condition});
        may(&kms, ALICE, statement).await;
        let answer = call_as(&kms, ALICE, "RetireGrant", json!({"GrantToken": token})).await;
        assert_eq!(answer.code().is_empty(), allowed, "{constraints} {condition}: {}", answer.message());
    }
}
