//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use fixtures::{ACCOUNT, REGION, START, TestKms};
use kms_server::limits::Limits;
use serde_json::{Value, json};

use super::subject::{ALIAS, State, Subject, respecify};
use super::wire::{alias_arn, call, call_of, refuses};

#[tokio::test]
async fn an_alias_names_its_key_until_it_is_pointed_elsewhere_or_deleted() {
    let kms = TestKms::new();
    let (one, two) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let client = kms.client();
    let target = async || {
        let described = client.describe_key().key_id("alias/app/orders").send().await?;
        Ok::<_, aws_sdk_kms::Error>(described.key_metadata().unwrap().key_id().to_owned())
    };
    client.create_alias().alias_name("alias/app/orders").target_key_id(&one.arn).send().await.unwrap();
    assert_eq!(target().await.unwrap(), one.id);
    kms.advance_days(1).await;
    client.update_alias().alias_name("alias/app/orders").target_key_id(&two.id).send().await.unwrap();
    assert_eq!(target().await.unwrap(), two.id);
    let listed = call(&kms, "ListAliases", json!({"KeyId": two.id})).await.ok();
    let expected = json!([{
        "AliasName": "alias/app/orders",
        "AliasArn": alias_arn("alias/app/orders"),
        "TargetKeyId": two.id,
        "CreationDate": START.epoch_seconds(),
        "LastUpdatedDate": START.plus_days(1).epoch_seconds(),
    }]);
    assert_eq!(listed, json!({"Aliases": expected, "Truncated": false}));
    client.delete_alias().alias_name("alias/app/orders").send().await.unwrap();
    assert!(target().await.is_err());
}

#[tokio::test]
async fn a_name_is_unique_in_its_account_and_region() {
    let kms = TestKms::new();
    let (one, two) = (Subject::new(&kms).await, Subject::new(&kms).await);
    for target in [&one.id, &two.id] {
        let answer = kms.client().create_alias().alias_name(ALIAS).target_key_id(target).send().await;
        let text = format!("An alias with the name {} already exists", alias_arn(ALIAS));
        refuses(&answer, "AlreadyExistsException", text.as_str());
    }
    for scope in [("444455556666", REGION), (ACCOUNT, "eu-west-1")] {
        let key = call_of(&kms, scope, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
        let input = json!({"AliasName": ALIAS, "TargetKeyId": key});
        call_of(&kms, scope, "CreateAlias", input).await.ok();
        let described = call_of(&kms, scope, "DescribeKey", json!({"KeyId": ALIAS})).await.ok();
        assert_eq!(described["KeyMetadata"]["KeyId"], key);
    }
}

#[tokio::test]
async fn names_are_checked_before_any_look_up() {
    let kms = TestKms::new();
    let prefix = "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
    let pattern = |name: &str| {
        format!(
            "1 validation error detected: Value '{name}' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
        )
    };
    let long = format!("alias/{}", "a".repeat(251));
    for operation in ["CreateAlias", "UpdateAlias", "DeleteAlias"] {
        for (name, text) in [
            ("subject", prefix.to_owned()),
            ("Alias/subject", prefix.to_owned()),
            ("alias", prefix.to_owned()),
            ("alias/a:b", "alias/a:b contains invalid characters for an alias".to_owned()),
            ("alias/a b", pattern("alias/a b")),
            ("alias/a.b", pattern("alias/a.b")),
            (
                &long,
                format!(
                    "1 validation error detected: Value '{long}' at 'aliasName' failed to satisfy constraint: Member must have length less than or equal to 256"
                ),
            ),
            (
                "",
                "2 validation errors detected: Value '' at 'aliasName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$".to_owned(),
            ),
        ] {
            let answer = call(&kms, operation, json!({"AliasName": name, "TargetKeyId": "missing"})).await;
            answer.refuses("ValidationException", text.as_str());
        }
        let reserved =
            call(&kms, operation, json!({"AliasName": "alias/aws/x", "TargetKeyId": "missing"})).await;
        let text = "The alias name for a customer managed CMK cannot begin with alias/aws/.";
        match operation {
            "CreateAlias" => reserved.refuses("NotAuthorizedException", text),
            _ => assert_eq!(reserved.code(), "NotAuthorizedException"),
        }
    }
    let key = Subject::new(&kms).await;
    for name in [&long[..256], "alias/AWS/x", "alias/a", "alias//", "alias/a/b_c-D9"] {
        call(&kms, "CreateAlias", json!({"AliasName": name, "TargetKeyId": key.id})).await.ok();
        assert_eq!(
            call(&kms, "DescribeKey", json!({"KeyId": name})).await.ok()["KeyMetadata"]["KeyId"],
            key.id
        );
    }
}

#[tokio::test]
async fn aliases_refer_to_keys() {
    let kms = TestKms::new();
    Subject::new(&kms).await;
    for operation in ["CreateAlias", "UpdateAlias"] {
        for target in [ALIAS, "alias/missing", &alias_arn(ALIAS)] {
            let answer = call(&kms, operation, json!({"AliasName": ALIAS, "TargetKeyId": target})).await;
            answer.refuses("ValidationException", "Aliases must refer to keys. Not aliases");
        }
    }
}

#[tokio::test]
async fn a_missing_alias_is_not_found() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let text = format!("Alias {} is not found.", alias_arn("alias/missing"));
    let client = kms.client();
    let updated = client.update_alias().alias_name("alias/missing").target_key_id(&key.id).send().await;
    refuses(&updated, "NotFoundException", text.as_str());
    let deleted = client.delete_alias().alias_name("alias/missing").send().await;
    refuses(&deleted, "NotFoundException", text.as_str());
    let described = client.describe_key().key_id("alias/missing").send().await;
    refuses(&described, "NotFoundException", text.as_str());
    for operation in ["DeleteAlias", "UpdateAlias"] {
        let input = super::subject::request(operation, &key.arn, "");
        let foreign = call_of(&kms, ("444455556666", REGION), operation, input).await;
        assert!(["NotFoundException", "AccessDeniedException"].contains(&foreign.code().as_str()));
    }
    assert_eq!(call(&kms, "DescribeKey", json!({"KeyId": ALIAS})).await.ok()["KeyMetadata"]["KeyId"], key.id);
}

#[tokio::test]
async fn the_quota_is_per_key() {
    let kms = TestKms::with(|builder| builder.limits(Limits { aliases_per_key_max: 2, ..Limits::default() }));
    let (one, two) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let create = async |name: &str, key: &str| {
        call(&kms, "CreateAlias", json!({"AliasName": name, "TargetKeyId": key})).await
    };
    create("alias/second", &one.id).await.ok();
    create("alias/third", &two.id).await.ok();
    let text = "Aliases per key quota for this account in this region is 2, current usage is 2.";
    create("alias/fourth", &one.id).await.refuses("LimitExceededException", text);
    let moved = call(&kms, "UpdateAlias", json!({"AliasName": "alias/third", "TargetKeyId": one.id})).await;
    moved.refuses("LimitExceededException", text);
    call(&kms, "UpdateAlias", json!({"AliasName": "alias/second", "TargetKeyId": one.id})).await.ok();
    call(&kms, "DeleteAlias", json!({"AliasName": "alias/second"})).await.ok();
    create("alias/fourth", &one.id).await.ok();
}

#[tokio::test]
async fn fifty_aliases_fit_on_a_key() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for number in 1..50 {
        let name = format!("alias/{number}");
        call(&kms, "CreateAlias", json!({"AliasName": name, "TargetKeyId": key.id})).await.ok();
    }
    let answer = call(&kms, "CreateAlias", json!({"AliasName": "alias/51st", "TargetKeyId": key.id})).await;
    let text = "Aliases per key quota for this account in this region is 50, current usage is 50.";
    answer.refuses("LimitExceededException", text);
}

#[tokio::test]
async fn an_alias_moves_from_a_key_that_awaits_deletion_but_not_to_one() {
    let kms = TestKms::new();
    let (old, new) = (Subject::new(&kms).await, Subject::new(&kms).await);
    State::PendingDeletion.enter(&kms, &new.id).await;
    let refused = call(&kms, "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": new.id})).await;
    refused.refuses("KMSInvalidStateException", format!("{} is pending deletion.", new.arn).as_str());
    call(&kms, "CancelKeyDeletion", json!({"KeyId": new.id})).await.ok();
    State::PendingDeletion.enter(&kms, &old.id).await;
    call(&kms, "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": new.id})).await.ok();
    kms.advance_days(30).await;
    let listed = call(&kms, "ListAliases", json!({"KeyId": new.id})).await.ok();
    assert_eq!(listed["Aliases"][0]["AliasName"], ALIAS, "the alias outlives the key it left");
}

#[tokio::test]
async fn an_alias_moves_between_keys_of_one_kind_only() {
    let kms = TestKms::new();
    let (old, new) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let text = |what: &str, from: &str, to: &str| {
        format!(
            "Alias alias/subject cannot be changed from a CMK with key {what} {from} to a CMK with key {what} {to}. The key {what} of the current CMK and the new CMK must be the same."
        )
    };
    for (spec, usage, expected) in [
        ("RSA_2048", "SIGN_VERIFY", text("usage", "ENCRYPT_DECRYPT", "SIGN_VERIFY")),
        ("HMAC_256", "GENERATE_VERIFY_MAC", text("usage", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC")),
        ("RSA_2048", "ENCRYPT_DECRYPT", text("type", "SYMMETRIC", "ASYMMETRIC")),
    ] {
        respecify(&kms, &new.arn, spec, usage).await;
        let answer = call(&kms, "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": new.id})).await;
        answer.refuses("ValidationException", expected.as_str());
    }
    respecify(&kms, &old.arn, "RSA_4096", "ENCRYPT_DECRYPT").await;
    call(&kms, "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": new.id})).await.ok();
}

#[tokio::test]
async fn the_list_shows_the_aliases_of_aws_without_a_target() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let listed = kms.client().list_aliases().send().await.unwrap();
    assert!(!listed.truncated());
    let names: Vec<_> = listed.aliases().iter().map(|alias| alias.alias_name().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let (aws, own): (Vec<_>, Vec<_>) =
        listed.aliases().iter().partition(|alias| alias.alias_name().unwrap().starts_with("alias/aws/"));
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].target_key_id(), Some(key.id.as_str()));
    assert!(["alias/aws/ebs", "alias/aws/s3"].iter().all(|name| names.contains(name)));
    for alias in aws {
        assert_eq!(alias.alias_arn(), Some(alias_arn(alias.alias_name().unwrap()).as_str()));
        assert!(alias.target_key_id().is_none() && alias.creation_date().is_none());
        assert!(alias.last_updated_date().is_none());
    }
    let raw = call(&kms, "ListAliases", json!({"Limit": 1})).await.ok();
    let first = raw["Aliases"][0].as_object().unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["AliasArn", "AliasName"]);
}

#[tokio::test]
async fn the_filter_shows_one_key() {
    let kms = TestKms::new();
    let (one, two) = (Subject::new(&kms).await, Subject::new(&kms).await);
    for name in ["alias/z", "alias/a"] {
        call(&kms, "CreateAlias", json!({"AliasName": name, "TargetKeyId": two.id})).await.ok();
    }
    for (filter, expected) in [
        (&one.id, &["alias/subject"][..]),
        (&one.arn, &["alias/subject"]),
        (&two.id, &["alias/a", "alias/z"]),
        (&two.arn, &["alias/a", "alias/z"]),
    ] {
        let listed = call(&kms, "ListAliases", json!({"KeyId": filter})).await.ok();
        let names: Vec<_> =
            listed["Aliases"].as_array().unwrap().iter().map(|a| a["AliasName"].clone()).collect();
        assert_eq!(names, expected);
    }
    call(&kms, "DeleteAlias", json!({"AliasName": ALIAS})).await.ok();
    let none = call(&kms, "ListAliases", json!({"KeyId": one.id})).await.ok();
    assert_eq!(none, json!({"Aliases": [], "Truncated": false}));
    assert_eq!(none.get("NextMarker"), None::<&Value>);
}
