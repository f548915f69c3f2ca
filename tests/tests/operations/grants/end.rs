//! RetireGrant and RevokeGrant.

use std::time::Duration;

use fixtures::{REGION, TestKms};
use kms_server::limits::Limits;
use serde_json::{Value, json};

use super::super::subject::ROLE;
use super::super::wire::{call, call_of, code, events, refuses};
use super::{OTHER, client, grant, ids, new_key, shared_key, with_callers};

const SESSION: &str = "arn:aws:sts::444455556666:assumed-role/app/s";
const USER: &str = "arn:aws:iam::444455556666:user/bob";

#[tokio::test]
async fn a_grant_ends_once() {
    for (operation, by_token) in [("RevokeGrant", false), ("RetireGrant", false), ("RetireGrant", true)] {
        let kms = TestKms::new();
        let key = new_key(&kms).await;
        let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
        let (id, token) = grant(&kms, input.clone()).await;
        let (kept, _) = grant(&kms, input).await;
        let end = match by_token {
            true => json!({"GrantToken": token}),
            false => json!({"KeyId": key, "GrantId": id}),
        };
        let answer = call(&kms, operation, end.clone()).await;
        assert_eq!(answer.ok(), Value::Null, "no body at all");
        assert_eq!(ids(&kms, &key).await, [kept]);
        let again = call(&kms, operation, end).await;
        match by_token {
            true => again.refuses("InvalidGrantTokenException", None),
            false => again.refuses("NotFoundException", format!("Grant ID {id} not found").as_str()),
        }
    }
}

#[tokio::test]
async fn an_id_must_be_one_of_the_keys_grants() {
    let kms = TestKms::new();
    let (key, other) = (new_key(&kms).await, new_key(&kms).await);
    let input = json!({"KeyId": other, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let (elsewhere, _) = grant(&kms, input).await;
    let client = kms.client();
    for id in [elsewhere.as_str(), &"0".repeat(64)] {
        let text = format!("Grant ID {id} not found");
        let revoked = client.revoke_grant().key_id(&key).grant_id(id).send().await;
        refuses(&revoked, "NotFoundException", text.as_str());
        let retired = client.retire_grant().key_id(&key).grant_id(id).send().await;
        refuses(&retired, "NotFoundException", text.as_str());
    }
    for id in ["x", &elsewhere.to_uppercase(), &format!("{elsewhere}0"), &"g".repeat(64)] {
        let text = format!("Grant ID {id} is not valid");
        let revoked = client.revoke_grant().key_id(&key).grant_id(id).send().await;
        refuses(&revoked, "InvalidGrantIdException", text.as_str());
        let retired = client.retire_grant().key_id(&key).grant_id(id).send().await;
        refuses(&retired, "InvalidGrantIdException", text.as_str());
    }
    assert_eq!(ids(&kms, &other).await, [elsewhere]);
}

#[tokio::test]
async fn a_grant_is_named_in_one_way() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let (id, token) =
        grant(&kms, json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]})).await;
    for input in [
        json!({}),
        json!({"KeyId": key}),
        json!({"GrantId": id}),
        json!({"GrantToken": token, "KeyId": key}),
        json!({"GrantToken": token, "GrantId": id}),
        json!({"GrantToken": token, "KeyId": key, "GrantId": id}),
    ] {
        let text = "You must specify either a grant token, or a key ID and a grant ID.";
        call(&kms, "RetireGrant", input).await.refuses("ValidationException", text);
    }
    assert_eq!(ids(&kms, &key).await, [id]);
}

/// The rule is tested in full where it is made; here, that the operation asks it.
#[tokio::test]
async fn others_than_the_owner_retire_what_the_grant_lets_them() {
    let kms = with_callers(&[SESSION, USER, "arn:aws:iam::111122223333:user/admin"], |builder| builder);
    let key = new_key(&kms).await;
    let role = "arn:aws:iam::444455556666:role/app";
    let root = "arn:aws:iam::444455556666:root";
    for (grantee, retiring, operations, expected) in [
        (USER, None, ["Decrypt", "Encrypt"], [false, false, true]),
        (USER, Some(role), ["Decrypt", "Encrypt"], [true, false, true]),
        (USER, Some(SESSION), ["Decrypt", "Encrypt"], [true, false, true]),
        (USER, None, ["Decrypt", "RetireGrant"], [false, true, true]),
        (USER, Some(root), ["Decrypt", "Encrypt"], [true, true, true]),
        (root, None, ["Decrypt", "RetireGrant"], [true, true, true]),
        (role, None, ["Decrypt", "Encrypt"], [false, false, true]),
    ] {
        for (at, allowed) in expected.into_iter().enumerate() {
            let input = json!({"KeyId": key, "GranteePrincipal": grantee, "RetiringPrincipal": retiring, "Operations": operations});
            let (id, token) = grant(&kms, input).await;
            let answers = [
                client(&kms, at).retire_grant().key_id(&key).grant_id(&id).dry_run(true).send().await,
                client(&kms, at).retire_grant().grant_token(&token).send().await,
            ];
            let expected = match allowed {
                true => ["DryRunOperationException", ""],
                false => ["AccessDeniedException"; 2],
            };
            assert_eq!(
                answers.map(|answer| code(&answer)),
                expected,
                "{grantee} {retiring:?} {operations:?} {at}"
            );
            assert_eq!(ids(&kms, &key).await.contains(&id), !allowed);
        }
    }
    let (id, _) =
        grant(&kms, json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]})).await;
    let text = format!(
        "User: {USER} is not authorized to perform: kms:RetireGrant on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    );
    let answer = client(&kms, 1).retire_grant().key_id(&key).grant_id(id).send().await;
    refuses(&answer, "AccessDeniedException", text.as_str());
}

#[tokio::test]
async fn a_grantee_retires_a_new_grant_by_its_token_only() {
    let limits = Limits { grant_consistency_delay: Duration::from_secs(86_400), ..Limits::default() };
    let kms = with_callers(&[USER], |builder| builder.limits(limits));
    let key = new_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": USER, "Operations": ["Decrypt", "RetireGrant"]});
    let (id, token) = grant(&kms, input).await;
    let by_id =
        async || code(&client(&kms, 0).retire_grant().key_id(&key).grant_id(&id).dry_run(true).send().await);
    assert_eq!(by_id().await, "AccessDeniedException");
    let by_token = client(&kms, 0).retire_grant().grant_token(token).dry_run(true).send().await;
    assert_eq!(code(&by_token), "DryRunOperationException");
    kms.advance_days(1).await;
    assert_eq!(by_id().await, "DryRunOperationException");
}

#[tokio::test]
async fn another_region_does_not_know_the_token() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let (_, token) =
        grant(&kms, json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]})).await;
    let abroad =
        call_of(&kms, ("111122223333", "eu-west-1"), "RetireGrant", json!({"GrantToken": token})).await;
    abroad.refuses("InvalidGrantTokenException", None);
    assert_eq!(ids(&kms, &key).await.len(), 1);
}

/// AWS: KMS developer guide, "RetireGrant" of the CloudTrail examples.
#[tokio::test]
async fn the_record_of_a_retirement_tells_which_grant_it_was() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let (id, token) = grant(&kms, input).await;
    call(&kms, "RetireGrant", json!({"GrantToken": token})).await.ok();
    let record = events(&kms, "limit=100").await.pop().unwrap();
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["additionalEventData"], json!({"grantId": id}));
    assert_eq!(
        record["resources"],
        json!([{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": key}])
    );
    call(&kms, "RetireGrant", json!({"GrantToken": token})).await;
    let record = events(&kms, "limit=100").await.pop().unwrap();
    assert_eq!(record["errorCode"], "InvalidGrantTokenException");
    assert!(record.get("additionalEventData").is_none() && record.get("resources").is_none());
}

#[tokio::test]
async fn the_owner_revokes_what_another_account_granted() {
    let kms = TestKms::new();
    let key = shared_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let granted = call_of(&kms, (OTHER, REGION), "CreateGrant", input).await.ok();
    call(&kms, "RevokeGrant", json!({"KeyId": key, "GrantId": granted["GrantId"]})).await.ok();
    assert_eq!(ids(&kms, &key).await, [""; 0]);
}
