//! ListGrants and ListRetirableGrants. Pages are tested with those of the other listings.

use fixtures::{REGION, TestKms};
use serde_json::{Value, json};

use super::super::subject::{ROLE, State};
use super::super::wire::{call, call_of, refuses};
use super::{OTHER, grant, ids, new_key, service_grant};

fn entries(listed: &Value) -> Vec<String> {
    let grants = listed["Grants"].as_array().unwrap();
    grants.iter().map(|grant| grant["GrantId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_select_grants() {
    let kms = TestKms::new();
    let (key, other) = (new_key(&kms).await, new_key(&kms).await);
    let bob = "arn:aws:iam::111122223333:user/bob";
    let to = |key: &str, grantee: &str| json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": ["Decrypt"]});
    let (one, _) = grant(&kms, to(&key, ROLE)).await;
    let (two, _) = grant(&kms, to(&key, bob)).await;
    let (service, _) = grant(&kms, service_grant(&key)).await;
    let (elsewhere, _) = grant(&kms, to(&other, ROLE)).await;
    let mut all = vec![one.clone(), two.clone(), service];
    all.sort();
    assert_eq!(ids(&kms, &key).await, all, "in order of id");
    for (filter, expected) in [
        (json!({"GranteePrincipal": ROLE}), vec![one.clone()]),
        (json!({"GranteePrincipal": bob}), vec![two.clone()]),
        // A name, not a pattern and not a rule: the sessions of a role are not the role.
        (json!({"GranteePrincipal": "arn:aws:sts::111122223333:assumed-role/app/s"}), vec![]),
        (json!({"GranteePrincipal": "logs.amazonaws.com"}), vec![]),
        (json!({"GrantId": one}), vec![one.clone()]),
        (json!({"GrantId": one, "GranteePrincipal": ROLE}), vec![one.clone()]),
        (json!({"GrantId": one, "GranteePrincipal": bob}), vec![]),
    ] {
        let mut input = filter.clone();
        input["KeyId"] = json!(key);
        let listed = call(&kms, "ListGrants", input).await.ok();
        assert_eq!(entries(&listed), expected, "{filter}");
        assert_eq!(listed["Truncated"], false);
    }
    for unknown in [elsewhere.as_str(), "x", &"0".repeat(64), &one.to_uppercase()] {
        let answer = kms.client().list_grants().key_id(&key).grant_id(unknown).send().await;
        refuses(&answer, "InvalidGrantIdException", format!("Grant ID {unknown} not found").as_str());
    }
    let both =
        json!({"KeyId": key, "GranteePrincipal": ROLE, "GranteeServicePrincipal": "logs.amazonaws.com"});
    let text = "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.";
    call(&kms, "ListGrants", both).await.refuses("ValidationException", text);
}

#[tokio::test]
async fn filters_by_service_are_for_services() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let text = "Filters by service principal are for callers that are service principals.";
    for (operation, input) in [
        ("ListGrants", json!({"KeyId": key, "GranteeServicePrincipal": "logs.amazonaws.com"})),
        ("ListRetirableGrants", json!({"RetiringServicePrincipal": "logs.amazonaws.com"})),
    ] {
        call(&kms, operation, input).await.refuses("AccessDeniedException", text);
    }
}

#[tokio::test]
async fn retirable_grants_are_those_of_all_keys_of_all_accounts_in_the_region() {
    let kms = TestKms::new();
    let mut expected = Vec::new();
    for scope in [("111122223333", REGION), (OTHER, REGION), ("111122223333", "eu-west-1")] {
        let key = call_of(&kms, scope, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
        for retiring in [ROLE, "arn:aws:iam::444455556666:root"] {
            let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "RetiringPrincipal": retiring, "Operations": ["Decrypt"]});
            let id = call_of(&kms, scope, "CreateGrant", input).await.ok()["GrantId"].clone();
            if (scope.1, retiring) == (REGION, ROLE) {
                expected.push((key.clone(), id));
            }
        }
        let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
        call_of(&kms, scope, "CreateGrant", input).await.ok();
    }
    let listed = call(&kms, "ListRetirableGrants", json!({"RetiringPrincipal": ROLE})).await.ok();
    let grants = listed["Grants"].as_array().unwrap();
    let found: Vec<_> =
        grants.iter().map(|grant| (grant["KeyId"].clone(), grant["GrantId"].clone())).collect();
    assert_eq!(found, expected, "in order of account");
    let session = json!({"RetiringPrincipal": "arn:aws:sts::111122223333:assumed-role/app/s"});
    assert_eq!(
        call(&kms, "ListRetirableGrants", session).await.ok(),
        json!({"Grants": [], "Truncated": false})
    );
}

#[tokio::test]
async fn the_retiring_principal_is_one_of_the_own_account() {
    let kms = TestKms::new();
    let answer =
        call_of(&kms, (OTHER, REGION), "ListRetirableGrants", json!({"RetiringPrincipal": ROLE})).await;
    answer.refuses("AccessDeniedException", "The retiring principal must be one of your own account.");
    for bad in ["bob", "arn:aws-cn:iam::111122223333:root", "logs.amazonaws.com"] {
        let answer = kms.client().list_retirable_grants().retiring_principal(bad).send().await;
        let text = format!("ARN does not refer to a valid principal: {bad}");
        refuses(&answer, "InvalidArnException", text.as_str());
    }
    let text = "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both.";
    let both = json!({"RetiringPrincipal": ROLE, "RetiringServicePrincipal": "logs.amazonaws.com"});
    for input in [json!({}), both] {
        call(&kms, "ListRetirableGrants", input).await.refuses("ValidationException", text);
    }
}

#[tokio::test]
async fn grants_stay_until_their_key_is_deleted() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let input =
        json!({"KeyId": key, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE, "Operations": ["Decrypt"]});
    let (id, token) = grant(&kms, input).await;
    let retirable =
        async || entries(&call(&kms, "ListRetirableGrants", json!({"RetiringPrincipal": ROLE})).await.ok());
    State::Disabled.enter(&kms, &key).await;
    assert_eq!((ids(&kms, &key).await, retirable().await), (vec![id.clone()], vec![id.clone()]));
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await.ok();
    kms.advance_days(6).await;
    assert_eq!((ids(&kms, &key).await, retirable().await), (vec![id.clone()], vec![id]));
    kms.advance_days(1).await;
    assert_eq!(retirable().await, [""; 0]);
    assert_eq!(call(&kms, "ListGrants", json!({"KeyId": key})).await.code(), "NotFoundException");
    call(&kms, "RetireGrant", json!({"GrantToken": token})).await.refuses("InvalidGrantTokenException", None);
}
