//! CreateGrant.

use aws_sdk_kms::types::{GrantConstraints, GrantOperation};
use fixtures::{ACCOUNT, REGION, START, TestKms};
use kms_server::limits::Limits;
use serde_json::{Value, json};

use super::super::subject::{ROLE, Subject, respecify};
use super::super::wire::{call, call_of, refuses};
use super::{OTHER, grant, ids, new_key, service_grant, shared_key};

#[tokio::test]
async fn a_grant_is_listed_as_it_was_made() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let constraints = GrantConstraints::builder().encryption_context_subset("Tenant", "A").build();
    let granted = kms
        .client()
        .create_grant()
        .key_id(&key)
        .grantee_principal(ROLE)
        .retiring_principal("arn:aws:iam::444455556666:root")
        .operations(GrantOperation::Encrypt)
        .operations(GrantOperation::Decrypt)
        .operations(GrantOperation::Decrypt)
        .constraints(constraints)
        .name("app/grant_1")
        .send()
        .await
        .unwrap();
    assert!(granted.grant_token().unwrap().starts_with("AQpA"));
    let listed = call(&kms, "ListGrants", json!({"KeyId": key})).await.ok();
    let expected = json!({
        "KeyId": key,
        "GrantId": granted.grant_id().unwrap(),
        "Name": "app/grant_1",
        "CreationDate": START.epoch_seconds(),
        "GranteePrincipal": ROLE,
        "RetiringPrincipal": "arn:aws:iam::444455556666:root",
        "IssuingAccount": "arn:aws:iam::111122223333:root",
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"Tenant": "A"}},
    });
    assert_eq!(listed, json!({"Grants": [expected], "Truncated": false}));
}

#[tokio::test]
async fn an_unnamed_grant_and_one_to_a_service_are_listed_so() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let (id, _) = grant(&kms, service_grant(&key)).await;
    let expected = json!({
        "KeyId": key,
        "GrantId": id,
        "Name": "",
        "CreationDate": START.epoch_seconds(),
        "IssuingAccount": "arn:aws:iam::111122223333:root",
        "Operations": ["Decrypt"],
        "Constraints": {"SourceArn": "arn:aws:logs:us-east-1:111122223333:log-group:a"},
        "GranteeServicePrincipal": "logs.amazonaws.com",
        "RetiringServicePrincipal": "logs.amazonaws.com",
    });
    let listed = call(&kms, "ListGrants", json!({"KeyId": key})).await.ok();
    assert_eq!(listed["Grants"], json!([expected]));
}

#[tokio::test]
async fn a_name_makes_a_request_repeatable() {
    let kms = TestKms::new();
    let (key, other) = (new_key(&kms).await, new_key(&kms).await);
    let named = json!({
        "KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt", "Encrypt"], "Name": "n",
        "Constraints": {"EncryptionContextEquals": {"a": "b"}},
    });
    let (id, token) = grant(&kms, named.clone()).await;
    let mut reordered = named.clone();
    reordered["Operations"] = json!(["Encrypt", "Decrypt", "Encrypt"]);
    for again in [named.clone(), reordered] {
        let (same, another) = grant(&kms, again).await;
        assert_eq!(same, id);
        assert_ne!(another, token, "every answer has a token of its own");
    }
    assert_eq!(ids(&kms, &key).await, [id]);
    for (member, value) in [
        ("Name", json!("m")),
        ("Name", Value::Null),
        ("Operations", json!(["Decrypt"])),
        ("GranteePrincipal", json!("arn:aws:iam::111122223333:user/bob")),
        ("RetiringPrincipal", json!(ROLE)),
        ("Constraints", json!({"EncryptionContextSubset": {"a": "b"}})),
        ("Constraints", Value::Null),
    ] {
        let mut changed = named.clone();
        changed[member] = value;
        let before = ids(&kms, &key).await;
        let (made, _) = grant(&kms, changed).await;
        assert!(!before.contains(&made), "{member}");
    }
    let mut elsewhere = named.clone();
    elsewhere["KeyId"] = json!(other);
    let (made, _) = grant(&kms, elsewhere).await;
    assert_eq!(ids(&kms, &other).await, [made]);
}

#[tokio::test]
async fn without_a_name_every_request_makes_a_grant() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    for count in 1..=3 {
        grant(&kms, input.clone()).await;
        assert_eq!(ids(&kms, &key).await.len(), count);
    }
}

#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused_before_any_look_up() {
    let kms = TestKms::new();
    let good = json!({"KeyId": "missing", "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let grantee = "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.";
    let service = "GranteeServicePrincipal requires a SourceArn grant constraint, and a RetiringPrincipal or a RetiringServicePrincipal.";
    let source = json!({"SourceArn": "arn:aws:logs:us-east-1:111122223333:log-group:a"});
    let nine: serde_json::Map<_, _> = (0..9).map(|at| (at.to_string(), json!("v"))).collect();
    for (changes, text) in [
        (json!({"GranteePrincipal": null}), grantee),
        (json!({"GranteeServicePrincipal": "logs.amazonaws.com"}), grantee),
        (
            json!({"RetiringPrincipal": ROLE, "RetiringServicePrincipal": "logs.amazonaws.com"}),
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
        ),
        (json!({"Operations": []}), "Grants must contain at least one operation."),
        (json!({"Operations": ["CreateGrant"]}), "Grants must not contain only the CreateGrant operation."),
        (
            json!({"Operations": ["CreateGrant", "CreateGrant"]}),
            "Grants must not contain only the CreateGrant operation.",
        ),
        (
            json!({"GranteePrincipal": null, "GranteeServicePrincipal": "logs.amazonaws.com", "Constraints": source}),
            service,
        ),
        (
            json!({
                "GranteePrincipal": null, "GranteeServicePrincipal": "logs.amazonaws.com",
                "RetiringPrincipal": ROLE,
            }),
            service,
        ),
        (
            json!({"Constraints": {"EncryptionContextSubset": {"a": "b"}, "EncryptionContextEquals": {"a": "b"}}}),
            "EncryptionContextSubset and EncryptionContextEquals cannot be combined in one grant.",
        ),
        (
            json!({"Constraints": {"EncryptionContextSubset": nine}}),
            "An encryption context grant constraint can have at most 8 pairs.",
        ),
        (
            json!({"Constraints": {"EncryptionContextEquals": {"a": "v".repeat(385)}}}),
            "A value of an encryption context grant constraint can have at most 384 characters.",
        ),
        (json!({"Constraints": {"EncryptionContextEquals": {"a": ""}}}), "Invalid EncryptionContext"),
    ] {
        let mut input = good.clone();
        input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        call(&kms, "CreateGrant", input).await.refuses("ValidationException", text);
    }
    call(&kms, "CreateGrant", good).await.refuses("NotFoundException", "Invalid keyId 'missing'");
}

#[tokio::test]
async fn the_largest_constraint_fits() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let pairs: serde_json::Map<_, _> = (0..8).map(|at| (at.to_string(), json!("é".repeat(384)))).collect();
    let constraints = json!({"EncryptionContextEquals": pairs});
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["CreateGrant", "Decrypt"], "Constraints": constraints});
    grant(&kms, input).await;
    let listed = call(&kms, "ListGrants", json!({"KeyId": key})).await.ok();
    assert_eq!(listed["Grants"][0]["Constraints"], constraints);
}

#[tokio::test]
async fn only_what_can_be_a_principal_is_one() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for good in [
        "arn:aws:iam::444455556666:root",
        "arn:aws:iam::111122223333:user/team/bob",
        "arn:aws:iam::111122223333:role/service-role/app",
        "arn:aws:sts::111122223333:assumed-role/app/session",
        "arn:aws:sts::111122223333:federated-user/bob@example.com",
    ] {
        let input = json!({"KeyId": key, "GranteePrincipal": good, "RetiringPrincipal": good, "Operations": ["Decrypt"]});
        grant(&kms, input).await;
    }
    for bad in [
        "111122223333",
        "bob",
        "logs.amazonaws.com",
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::1111:root",
        "arn:aws:iam::111122223333:user/",
        "arn:aws-cn:iam::111122223333:user/bob",
        "arn:aws:s3:::bucket",
    ] {
        let text = format!("ARN does not refer to a valid principal: {bad}");
        let client = kms.client();
        let create = || client.create_grant().key_id(&key).operations(GrantOperation::Decrypt);
        refuses(&create().grantee_principal(bad).send().await, "InvalidArnException", text.as_str());
        let retired = create().grantee_principal(ROLE).retiring_principal(bad).send().await;
        refuses(&retired, "InvalidArnException", text.as_str());
    }
    let mut service = service_grant(&key);
    service["GranteeServicePrincipal"] = json!("Logs.amazonaws.com");
    let text = "ARN does not refer to a valid principal: Logs.amazonaws.com";
    call(&kms, "CreateGrant", service).await.refuses("InvalidArnException", text);
}

#[tokio::test]
async fn operations_must_suit_the_key() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let input = |operation: &str| json!({"KeyId": key.id, "GranteePrincipal": ROLE, "Operations": ["DescribeKey", operation]});
    for (spec, usage, good, bad) in [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "GenerateDataKeyPair", "Sign"),
        ("RSA_2048", "ENCRYPT_DECRYPT", "GetPublicKey", "GenerateDataKey"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "Sign", "DeriveSharedSecret"),
        ("HMAC_256", "GENERATE_VERIFY_MAC", "VerifyMac", "GetPublicKey"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "Decapsulate", "Decrypt"),
    ] {
        respecify(&kms, &key.arn, spec, usage).await;
        grant(&kms, input(good)).await;
        let text =
            format!("Operation {bad} cannot be granted on a key of key spec {spec} and key usage {usage}.");
        call(&kms, "CreateGrant", input(bad)).await.refuses("ValidationException", text.as_str());
        let mut constrained = input(good);
        constrained["Constraints"] = json!({"EncryptionContextSubset": {"a": "b"}});
        if spec != "SYMMETRIC_DEFAULT" {
            let text = "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.";
            call(&kms, "CreateGrant", constrained).await.refuses("ValidationException", text);
        } else {
            grant(&kms, constrained).await;
        }
    }
}

#[tokio::test]
async fn a_key_has_a_quota_of_grants() {
    let kms = TestKms::with(|builder| builder.limits(Limits { grants_per_key_max: 2, ..Limits::default() }));
    let (key, other) = (new_key(&kms).await, new_key(&kms).await);
    let named = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Name": "n"});
    let unnamed = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let (id, _) = grant(&kms, named.clone()).await;
    grant(&kms, unnamed.clone()).await;
    let text = "Grants per key quota for this account in this region is 2, current usage is 2.";
    call(&kms, "CreateGrant", unnamed.clone()).await.refuses("LimitExceededException", text);
    assert_eq!(grant(&kms, named).await.0, id, "a repeated request needs no room");
    let mut elsewhere = unnamed.clone();
    elsewhere["KeyId"] = json!(other);
    grant(&kms, elsewhere).await;
    call(&kms, "RevokeGrant", json!({"KeyId": key, "GrantId": id})).await.ok();
    grant(&kms, unnamed).await;
}

#[tokio::test]
async fn another_account_may_grant_on_a_key_by_its_arn() {
    let kms = TestKms::new();
    let key = shared_key(&kms).await;
    let input = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    call_of(&kms, (OTHER, REGION), "CreateGrant", input).await.ok();
    let listed = call_of(&kms, (OTHER, REGION), "ListGrants", json!({"KeyId": key})).await.ok();
    assert_eq!(listed["Grants"][0]["IssuingAccount"], "arn:aws:iam::444455556666:root");
    assert_eq!(listed, call_of(&kms, (ACCOUNT, REGION), "ListGrants", json!({"KeyId": key})).await.ok());
}

#[tokio::test]
async fn a_dry_run_knows_of_every_refusal_and_changes_nothing() {
    let kms = TestKms::with(|builder| builder.limits(Limits { grants_per_key_max: 1, ..Limits::default() }));
    let key = new_key(&kms).await;
    let dry = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"], "DryRun": true});
    let text = "The request would have succeeded, but the DryRun option is set.";
    call(&kms, "CreateGrant", dry.clone()).await.refuses("DryRunOperationException", text);
    assert_eq!(ids(&kms, &key).await, [""; 0]);
    let mut invalid = dry.clone();
    invalid["GranteePrincipal"] = json!("bob");
    assert_eq!(call(&kms, "CreateGrant", invalid).await.code(), "InvalidArnException");
    let mut wet = dry.clone();
    wet["DryRun"] = json!(false);
    let (id, token) = grant(&kms, wet).await;
    assert_eq!(call(&kms, "CreateGrant", dry).await.code(), "LimitExceededException");
    for (operation, mut input) in [
        ("RevokeGrant", json!({"KeyId": key, "GrantId": id})),
        ("RetireGrant", json!({"KeyId": key, "GrantId": id})),
        ("RetireGrant", json!({"GrantToken": token})),
    ] {
        input["DryRun"] = json!(true);
        call(&kms, operation, input).await.refuses("DryRunOperationException", text);
        assert_eq!(ids(&kms, &key).await, [id.as_str()]);
    }
    for operation in ["RevokeGrant", "RetireGrant"] {
        let unknown = json!({"KeyId": key, "GrantId": "0".repeat(64), "DryRun": true});
        assert_eq!(call(&kms, operation, unknown).await.code(), "NotFoundException");
    }
}
