//! Every way to name a key, well or badly, in every operation that names one.
//!
//! AWS: KMS developer guide, "Key identifiers (KeyId)"; texts observed.

use fixtures::{ACCOUNT, REGION, TestKms};
use kms_server::api::error::ErrorCode;
use kms_server::operations::registry::{OPERATIONS, find};
use serde_json::Value;

use super::subject::{ALIAS, BLOB, Subject, key_members, reaches_other_accounts, request, takes_aliases};
use super::wire::{Answer, alias_arn, call, call_of, key_arn};

const OTHER_ACCOUNT: &str = "444455556666";
const MISSING: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const MISSING_UPPER: &str = "1234ABCD-12AB-34CD-56EF-1234567890AB";
const MISSING_MRK: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

/// Every operation with every member that names a key.
fn members() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERATIONS
        .iter()
        .map(|entry| entry.name())
        .flat_map(|name| key_members(name).iter().map(move |m| (name, *m)))
}

/// A request whose one member names `text`, and whatever else names a key a good one.
fn naming(key: &Subject, operation: &str, member: &str, text: &str) -> Value {
    let mut input = key.request(operation);
    input[member] = text.into();
    input
}

/// The permission that a refusal names.
fn action(operation: &str, member: &str) -> String {
    match member {
        "SourceKeyId" => "ReEncryptFrom".to_owned(),
        "DestinationKeyId" => "ReEncryptTo".to_owned(),
        _ => operation.to_owned(),
    }
}

#[track_caller]
fn check(answer: &Answer, (code, text): (&str, &str), case: &str) {
    assert_eq!((answer.code().as_str(), answer.message().as_str()), (code, text), "{case}");
    assert_eq!(answer.status, 400, "{case}");
}

#[tokio::test]
async fn a_key_that_does_not_exist_is_not_found() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (operation, member) in members() {
        for id in [MISSING, MISSING_UPPER, MISSING_MRK, &key.id.to_uppercase()] {
            let text = format!("Key '{}' does not exist", key_arn(id));
            for name in [id.to_owned(), key_arn(id)] {
                let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
                check(&answer, ("NotFoundException", &text), &format!("{operation} {member} {name}"));
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_id_is_not_found_either() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let undashed = MISSING.replace('-', "");
    for (operation, member) in members() {
        for id in ["foo", &undashed, "mrk-1234", "MRK-1234abcd12ab34cd56ef1234567890ab", "key/x", " "] {
            let answer = call(&kms, operation, naming(&key, operation, member, id)).await;
            let text = format!("Invalid keyId '{id}'");
            check(&answer, ("NotFoundException", &text), &format!("{operation} {member} {id}"));
            let answer = call(&kms, operation, naming(&key, operation, member, &key_arn(id))).await;
            let text = format!("Invalid keyId {id}");
            check(&answer, ("NotFoundException", &text), &format!("{operation} {member} ARN of {id}"));
        }
    }
}

#[tokio::test]
async fn an_arn_of_another_region_is_not_looked_up() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for account in [ACCOUNT, OTHER_ACCOUNT] {
        let elsewhere = |resource: &str| format!("arn:aws:kms:eu-west-1:{account}:{resource}");
        let expected = ("NotFoundException", "Invalid arn eu-west-1");
        for (operation, member) in members() {
            let name = elsewhere(&format!("key/{}", key.id));
            let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
            check(&answer, expected, &format!("{operation} {member} {name}"));
            if takes_aliases(operation) {
                let name = elsewhere(ALIAS);
                let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
                check(&answer, expected, &format!("{operation} {member} {name}"));
            }
        }
    }
}

#[tokio::test]
async fn an_alias_where_only_keys_are_taken_is_refused_before_any_look_up() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (operation, member) in members().filter(|(operation, _)| !takes_aliases(operation)) {
        for name in [
            ALIAS.to_owned(),
            "alias/missing".to_owned(),
            "alias/aws/s3".to_owned(),
            alias_arn(ALIAS),
            alias_arn("alias/missing"),
            format!("arn:aws:kms:eu-west-1:{ACCOUNT}:{ALIAS}"),
            format!("arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:{ALIAS}"),
        ] {
            let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
            let expected = match member {
                "TargetKeyId" => ("ValidationException", "Aliases must refer to keys. Not aliases"),
                _ => ("InvalidArnException", "Key Aliases are not supported for this operation."),
            };
            check(&answer, expected, &format!("{operation} {member} {name}"));
        }
    }
}

#[tokio::test]
async fn an_alias_that_does_not_exist_is_not_found() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let long = format!("alias/{}", "a".repeat(300));
    for (operation, member) in members().filter(|(operation, _)| takes_aliases(operation)) {
        for name in ["alias/missing", "alias/Subject", "alias/", "alias/aws/foo", &long] {
            let text = format!("Alias {} is not found.", alias_arn(name));
            let answer = call(&kms, operation, naming(&key, operation, member, name)).await;
            check(&answer, ("NotFoundException", &text), &format!("{operation} {member} {name}"));
        }
        let text = format!("Alias {} is not found.", alias_arn("alias/missing"));
        let answer =
            call(&kms, operation, naming(&key, operation, member, &alias_arn("alias/missing"))).await;
        check(&answer, ("NotFoundException", &text), &format!("{operation} {member} alias ARN"));
    }
}

#[tokio::test]
async fn a_key_of_another_account_hides_whether_it_exists() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (operation, member) in members() {
        let mut names = vec![format!("arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:key/{MISSING}")];
        if takes_aliases(operation) {
            names.push(format!("arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:alias/missing"));
        }
        let text = if reaches_other_accounts(operation) {
            format!(
                "User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: kms:{} on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
                action(operation, member)
            )
        } else {
            "This operation cannot be called cross account".to_owned()
        };
        for name in names {
            let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
            check(&answer, ("AccessDeniedException", &text), &format!("{operation} {member} {name}"));
        }
    }
}

#[tokio::test]
async fn operations_of_the_own_account_refuse_existing_keys_of_others_too() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let caller = (OTHER_ACCOUNT, REGION);
    for (operation, member) in members().filter(|(operation, _)| !reaches_other_accounts(operation)) {
        // UpdateAlias looks for the caller's own alias as well.
        let created = call_of(&kms, caller, "CreateKey", serde_json::json!({})).await.ok();
        let own = created["KeyMetadata"]["KeyId"].clone();
        call_of(&kms, caller, "CreateAlias", serde_json::json!({"AliasName": ALIAS, "TargetKeyId": own}))
            .await;
        let answer = call_of(&kms, caller, operation, naming(&key, operation, member, &key.arn)).await;
        let expected = ("AccessDeniedException", "This operation cannot be called cross account");
        check(&answer, expected, &format!("{operation} {member}"));
    }
}

#[tokio::test]
async fn a_malformed_arn_is_refused_with_what_the_operation_declares() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (operation, member) in members() {
        let declared = find(operation).unwrap().declaration.model.errors;
        let code = match declared.contains(&ErrorCode::InvalidArnException) {
            true => "InvalidArnException",
            false => "NotFoundException",
        };
        for name in [
            "arn:aws:s3:::bucket-of-mine",
            "arn:aws:kms:us-east-1:111122223333",
            "arn:aws:kms:us-east-1:111122223333:grant/x",
            "arn:aws-cn:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-east-1:1111:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms::111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ] {
            let answer = call(&kms, operation, naming(&key, operation, member, name)).await;
            check(&answer, (code, &format!("Invalid arn {name}")), &format!("{operation} {member} {name}"));
        }
    }
}

#[tokio::test]
async fn the_text_of_an_identifier_is_validated_first() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let long = "k".repeat(2_049);
    for (operation, member) in members() {
        let at = format!("{}{}", member[..1].to_lowercase(), &member[1..]);
        let pattern = r"Member must satisfy regular expression pattern: ^\p{ASCII}+$";
        let failed = |text: &str, constraint: &str| {
            format!("Value '{text}' at '{at}' failed to satisfy constraint: {constraint}")
        };
        let cases = [
            (
                "",
                format!(
                    "2 validation errors detected: {}; {}",
                    failed("", "Member must have length greater than or equal to 1"),
                    failed("", pattern)
                ),
            ),
            ("ключ", format!("1 validation error detected: {}", failed("????", pattern))),
            (
                &long,
                format!(
                    "1 validation error detected: {}",
                    failed(&long, "Member must have length less than or equal to 2048")
                ),
            ),
        ];
        for (text, expected) in cases {
            let answer = call(&kms, operation, naming(&key, operation, member, text)).await;
            check(&answer, ("ValidationException", &expected), &format!("{operation} {member} '{text}'"));
        }
        if !["Decrypt", "ListAliases", "RetireGrant"].contains(&operation) && member != "SourceKeyId" {
            let mut input = request(operation, &key.arn, BLOB);
            input.as_object_mut().unwrap().remove(member);
            let text = format!(
                "1 validation error detected: Value null at '{at}' failed to satisfy constraint: Member must not be null"
            );
            let answer = call(&kms, operation, input).await;
            check(&answer, ("ValidationException", &text), &format!("{operation} without {member}"));
        }
    }
}

#[tokio::test]
async fn every_good_form_finds_the_key() {
    for (operation, member) in members() {
        for form in 0..4 {
            let kms = TestKms::new();
            let key = Subject::of(&kms, operation).await;
            let name = [key.id.clone(), key.arn.clone(), ALIAS.to_owned(), alias_arn(ALIAS)][form].clone();
            if form >= 2 && !takes_aliases(operation) {
                continue;
            }
            if operation == "CancelKeyDeletion" {
                call(&kms, "ScheduleKeyDeletion", serde_json::json!({"KeyId": key.id})).await.ok();
            }
            let answer = call(&kms, operation, naming(&key, operation, member, &name)).await;
            assert_eq!(answer.code(), "", "{operation} {member} {name}: {}", answer.message());
            // The response names the key by its ARN however the request did.
            let named = answer.json().get("KeyId").and_then(Value::as_str).map(str::to_owned);
            if operation != "GetKeyLastUsage" {
                assert!(named.is_none_or(|named| named == key.arn), "{operation} {member} {name}");
            }
        }
    }
}
