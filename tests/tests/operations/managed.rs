//! AWS managed keys: made when they are first needed, viewable, auditable, and for nobody to manage.
//!
//! AWS: KMS developer guide, "AWS KMS keys", AWS managed keys.

mod owned;
mod rotation;
mod table;

use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use kms_server::pipeline::{Authorization, Mode};
use serde_json::{Value, json};

use super::wire::{Answer, alias_arn, call, call_of, control, events, request, send};

const DYNAMODB: &str = "alias/aws/dynamodb";
const OTHER: &str = "444455556666";

/// Who makes a request, as far as services have a part in it.
#[derive(Clone, Copy, Debug)]
enum By {
    /// The root user of the account.
    Customer,
    /// A service, on behalf of that user.
    Via(&'static str),
    /// A service for itself.
    Service(&'static str),
}

async fn call_by(kms: &TestKms, by: By, operation: &str, input: Value) -> Answer {
    call_at(kms, by, (ACCOUNT, REGION), operation, input).await
}

async fn call_at(
    kms: &TestKms,
    by: By,
    (account, region): (&str, &str),
    operation: &str,
    input: Value,
) -> Answer {
    let mut request = request(account, region, operation, input.to_string());
    match by {
        By::Customer => None,
        By::Via(service) => request.headers_mut().insert("x-kms-via-service", service.parse().unwrap()),
        By::Service(service) => request.headers_mut().insert("x-kms-service", service.parse().unwrap()),
    };
    send(kms, request).await
}

/// The metadata of the key behind an alias.
async fn described(kms: &TestKms, alias: &str) -> Value {
    call(kms, "DescribeKey", json!({ "KeyId": alias })).await.ok()["KeyMetadata"].clone()
}

/// The keys of a scope.
async fn keys(kms: &TestKms, scope: (&str, &str)) -> Vec<Value> {
    call_of(kms, scope, "ListKeys", json!({})).await.ok()["Keys"].as_array().unwrap().clone()
}

fn denied(caller: &str, operation: &str, arn: &str) -> String {
    format!(
        "User: {caller} is not authorized to perform: kms:{operation} on resource: {arn} because no resource-based \
         policy allows the kms:{operation} action"
    )
}

const ROOT: &str = "arn:aws:iam::111122223333:root";

/// The ARN that a refusal names while there is no key yet.
fn unmade_arn() -> String {
    super::wire::key_arn("00000000-0000-4000-8000-000000000000")
}

#[tokio::test]
async fn describing_a_predefined_alias_makes_its_key() {
    let kms = TestKms::new();
    let metadata = described(&kms, DYNAMODB).await;
    let material = metadata["CurrentKeyMaterialId"].as_str().unwrap();
    assert_eq!(material.len(), 64);
    let expected = json!({
        "AWSAccountId": ACCOUNT,
        "KeyId": metadata["KeyId"],
        "Arn": super::wire::key_arn(metadata["KeyId"].as_str().unwrap()),
        "CreationDate": 1_767_225_600.0,
        "Enabled": true,
        "Description": "Default key that protects my DynamoDB data when no other key is defined",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "AWS",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
        "CurrentKeyMaterialId": material,
    });
    assert_eq!(metadata, expected);
    // The same key from now on, by every form of its name.
    for name in [DYNAMODB, &alias_arn(DYNAMODB), metadata["Arn"].as_str().unwrap()] {
        assert_eq!(described(&kms, name).await, metadata);
    }
    assert_eq!(
        keys(&kms, (ACCOUNT, REGION)).await,
        [json!({"KeyId": metadata["KeyId"], "KeyArn": metadata["Arn"]})]
    );
    assert_ne!(described(&kms, "alias/aws/s3").await["KeyId"], metadata["KeyId"]);
}

#[tokio::test]
async fn the_alias_has_a_target_once_the_key_exists() {
    let kms = TestKms::new();
    let listed = async || {
        let all = call(&kms, "ListAliases", json!({"Limit": 100})).await.ok()["Aliases"].clone();
        let all = all.as_array().unwrap().clone();
        let names: Vec<_> = all.iter().map(|alias| alias["AliasName"].clone()).collect();
        assert_eq!(names.len(), 19);
        all.into_iter().find(|alias| alias["AliasName"] == DYNAMODB).unwrap()
    };
    assert_eq!(listed().await, json!({"AliasName": DYNAMODB, "AliasArn": alias_arn(DYNAMODB)}));
    let metadata = described(&kms, DYNAMODB).await;
    let expected = json!({
        "AliasName": DYNAMODB,
        "AliasArn": alias_arn(DYNAMODB),
        "TargetKeyId": metadata["KeyId"],
        "CreationDate": metadata["CreationDate"],
        "LastUpdatedDate": metadata["CreationDate"],
    });
    assert_eq!(listed().await, expected);
    let of_key = call(&kms, "ListAliases", json!({"KeyId": metadata["Arn"]})).await.ok();
    assert_eq!(of_key["Aliases"], json!([expected]));
}

#[tokio::test]
async fn only_what_is_allowed_makes_a_key() {
    let kms = TestKms::new();
    let plaintext = |name: &str| json!({"KeyId": name, "Plaintext": "AAAA"});
    let not_found = |name: &str| format!("Alias {} is not found.", alias_arn(name));
    // A customer's own request finds nothing; nor does any service know an alias that is not predefined.
    let own = call(&kms, "Encrypt", plaintext(DYNAMODB)).await;
    own.refuses("NotFoundException", not_found(DYNAMODB).as_str());
    for by in [By::Customer, By::Via("dynamodb")] {
        let unknown = call_by(&kms, by, "DescribeKey", json!({"KeyId": alias_arn("alias/aws/foo")})).await;
        unknown.refuses("NotFoundException", not_found("alias/aws/foo").as_str());
    }
    // The policy that the key will have decides.
    let wrong = call_by(&kms, By::Via("s3"), "Encrypt", plaintext(DYNAMODB)).await;
    wrong.refuses("AccessDeniedException", denied(ROOT, "Encrypt", &unmade_arn()).as_str());
    let itself = call_by(&kms, By::Service("dynamodb"), "Encrypt", plaintext(&alias_arn(DYNAMODB))).await;
    let text = denied("dynamodb.amazonaws.com", "Encrypt", &unmade_arn());
    itself.refuses("AccessDeniedException", text.as_str());
    let stranger =
        call_by(&kms, By::Service("s3"), "DescribeKey", json!({"KeyId": alias_arn(DYNAMODB)})).await;
    assert_eq!(stranger.code(), "AccessDeniedException");
    // Nor do a dry run, another account, a ciphertext and a request that fails for another reason make one.
    let mut dry = plaintext(DYNAMODB);
    dry["DryRun"] = true.into();
    let dry = call_by(&kms, By::Via("dynamodb"), "Encrypt", dry).await;
    assert_eq!(dry.code(), "DryRunOperationException");
    for by in [By::Customer, By::Via("dynamodb")] {
        let input = json!({"KeyId": alias_arn(DYNAMODB)});
        let foreign = call_at(&kms, by, (OTHER, REGION), "DescribeKey", input).await;
        assert_eq!(foreign.code(), "AccessDeniedException");
    }
    let opened = json!({"KeyId": DYNAMODB, "CiphertextBlob": "AAAA"});
    let opened = call_by(&kms, By::Via("dynamodb"), "Decrypt", opened).await;
    opened.refuses("NotFoundException", not_found(DYNAMODB).as_str());
    let signed = json!({"KeyId": DYNAMODB, "Message": "AAAA", "SigningAlgorithm": "ECDSA_SHA_256"});
    let signed = call_by(&kms, By::Via("dynamodb"), "Sign", signed).await;
    signed.refuses("AccessDeniedException", denied(ROOT, "Sign", &unmade_arn()).as_str());
    assert!(keys(&kms, (ACCOUNT, REGION)).await.is_empty());

    let used = call_by(&kms, By::Via("dynamodb"), "Encrypt", plaintext(DYNAMODB)).await.ok();
    assert_eq!(used["KeyId"], described(&kms, DYNAMODB).await["Arn"]);
    assert_eq!(keys(&kms, (ACCOUNT, REGION)).await.len(), 1);
}

#[tokio::test]
async fn a_service_may_make_the_key_for_itself_to_look_at() {
    let kms = TestKms::new();
    let input = json!({"KeyId": alias_arn(DYNAMODB)});
    let seen =
        call_by(&kms, By::Service("dynamodb.us-east-1.amazonaws.com"), "DescribeKey", input).await.ok();
    assert_eq!(seen["KeyMetadata"], described(&kms, DYNAMODB).await);
}

#[tokio::test]
async fn a_user_needs_the_permission_to_describe_keys() {
    let kms = TestKms::new();
    let put = async |name: &str, allowed: &str| {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": allowed, "Resource": "arn:aws:kms:*:111122223333:key/*",
        }]});
        let user = json!({
            "policies": [{"name": "p", "document": policy}],
            "access_keys": [{"id": format!("AKID{name}"), "secret": "secret"}],
        });
        let path = format!("/_kms/principals/arn:aws:iam::111122223333:user%2F{name}");
        control(&kms, Method::PUT, &path, user.to_string()).await.ok();
    };
    put("LISTER", "kms:ListGrants").await;
    put("VIEWER", "kms:DescribeKey").await;
    let describe = async |name: &str| {
        kms.client_with(&format!("AKID{name}"), "secret", REGION).describe_key().key_id(DYNAMODB).send().await
    };
    let refused = describe("LISTER").await.unwrap_err().into_service_error();
    let expected = format!(
        "User: arn:aws:iam::111122223333:user/LISTER is not authorized to perform: kms:DescribeKey on resource: {} \
         because no identity-based policy allows the kms:DescribeKey action",
        unmade_arn()
    );
    assert_eq!(refused.meta().message(), Some(expected.as_str()));
    assert_eq!(
        describe("VIEWER").await.unwrap().key_metadata().unwrap().key_manager().unwrap().as_str(),
        "AWS"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_first_uses_at_once_make_one_key_in_each_account_and_region() {
    let kms = std::sync::Arc::new(TestKms::new());
    let scopes = [(ACCOUNT, REGION), (ACCOUNT, "eu-west-1"), (OTHER, REGION), (OTHER, "eu-west-1")];
    let uses = scopes.iter().cycle().take(4 * 64).enumerate().map(|(number, scope)| {
        let (kms, scope) = (std::sync::Arc::clone(&kms), *scope);
        tokio::spawn(async move {
            let answer = match number % 8 {
                0..4 => call_at(&kms, By::Customer, scope, "DescribeKey", json!({"KeyId": DYNAMODB})).await,
                _ => {
                    let input = json!({"KeyId": DYNAMODB, "KeySpec": "AES_256"});
                    call_at(&kms, By::Via("dynamodb"), scope, "GenerateDataKey", input).await
                }
            };
            let answer = answer.ok();
            let arn = answer["KeyMetadata"].get("Arn").unwrap_or(&answer["KeyId"]);
            (scope, arn.as_str().unwrap().to_owned())
        })
    });
    let mut found = std::collections::BTreeSet::new();
    for used in uses.collect::<Vec<_>>() {
        found.insert(used.await.unwrap());
    }
    assert_eq!(found.len(), scopes.len(), "{found:?}");
    for scope in scopes {
        assert_eq!(keys(&kms, scope).await.len(), 1);
    }
    let created = events(&kms, "event=CreateKey&limit=1000").await;
    assert_eq!(created.len(), scopes.len());
}

#[tokio::test]
async fn the_creation_is_recorded_as_a_call_of_the_service() {
    let kms = TestKms::new();
    let input = json!({"KeyId": DYNAMODB, "KeySpec": "AES_256"});
    let answer = call_by(&kms, By::Via("dynamodb"), "GenerateDataKey", input).await;
    let arn = answer.ok()["KeyId"].clone();
    let [created, used] = events(&kms, "").await.try_into().unwrap();
    assert_eq!((&created["eventName"], &used["eventName"]), (&json!("CreateKey"), &json!("GenerateDataKey")));
    assert_eq!(created["userIdentity"]["type"], "AWSService");
    assert_eq!(created["userIdentity"]["invokedBy"], "dynamodb.amazonaws.com");
    assert_eq!(created["userAgent"], "dynamodb.amazonaws.com");
    assert_eq!(created["recipientAccountId"], ACCOUNT);
    assert_eq!(created["requestID"], used["requestID"]);
    assert_ne!(created["eventID"], used["eventID"]);
    assert_eq!((&created["readOnly"], &created["eventType"]), (&json!(false), &json!("AwsApiCall")));
    let metadata = &created["responseElements"]["keyMetadata"];
    assert_eq!((&metadata["arn"], &metadata["keyManager"]), (&arn, &json!("AWS")));
    let parameters = &created["requestParameters"];
    assert_eq!(parameters["description"], metadata["description"]);
    assert!(parameters["policy"].as_str().unwrap().contains("auto-dynamodb-3"));
    for record in [&created, &used] {
        let resource = json!([{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]);
        assert_eq!(record["resources"], resource);
    }
    // The use is the customer's, under the service; the second one makes nothing.
    assert_eq!(used["userIdentity"]["arn"], ROOT);
    described(&kms, DYNAMODB).await;
    assert_eq!(events(&kms, "event=CreateKey").await.len(), 1);
}

#[tokio::test]
async fn managed_keys_do_not_count_to_the_quota_of_keys() {
    let limits = kms_server::limits::Limits { keys_max: 1, ..kms_server::limits::Limits::default() };
    let kms = TestKms::with(|builder| builder.limits(limits));
    for service in ["s3", "ebs", "dynamodb"] {
        described(&kms, &format!("alias/aws/{service}")).await;
    }
    call(&kms, "CreateKey", json!({})).await.ok();
    assert_eq!(call(&kms, "CreateKey", json!({})).await.code(), "LimitExceededException");
    described(&kms, "alias/aws/rds").await;
}

#[tokio::test]
async fn resource_control_policies_do_not_apply_to_managed_keys() {
    let kms = TestKms::new();
    let deny = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "kms:DescribeKey", "Resource": "*",
    }]});
    let account = json!({
        "access_keys": [{"id": ACCOUNT, "secret": "secret"}],
        "organization": {"id": "o-a1b2c3d4e5", "resource_control": [{"name": "none", "document": deny}]},
    });
    control(&kms, Method::PUT, &format!("/_kms/principals/{ACCOUNT}"), account.to_string()).await.ok();
    let client = kms.client();
    let own = client.create_key().send().await.unwrap().key_metadata.unwrap();
    assert!(client.describe_key().key_id(own.key_id()).send().await.is_err());
    client.describe_key().key_id("alias/aws/s3").send().await.unwrap();
    client.describe_key().key_id("alias/aws/s3").send().await.unwrap();
}

#[tokio::test]
async fn an_export_takes_managed_and_owned_keys_along() {
    let kms = TestKms::new();
    let metadata = described(&kms, DYNAMODB).await;
    let owned = call_by(&kms, By::Service("s3"), "DescribeKey", json!({"KeyId": "alias/aws/s3"})).await.ok();
    let state = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    assert_eq!(state["keys"].as_array().unwrap().len(), 2);
    let other = TestKms::new();
    control(&other, Method::PUT, "/_kms/state", state.to_string()).await.ok();
    assert_eq!(described(&other, DYNAMODB).await, metadata);
    let again =
        call_by(&other, By::Service("s3"), "DescribeKey", json!({"KeyId": "alias/aws/s3"})).await.ok();
    assert_eq!(again, owned);
    // The operator sees all of them, and what they are.
    let shown = control(&other, Method::GET, "/_kms/keys", "").await.ok();
    let managers: Vec<_> =
        shown["keys"].as_array().unwrap().iter().map(|key| &key["metadata"]["KeyManager"]).collect();
    assert_eq!(managers, ["AWS", "AWS"]);
}

#[tokio::test]
async fn a_question_about_a_key_to_come_is_answered_and_makes_none() {
    let kms = TestKms::new();
    let ask = async |action: &str, context: Value| {
        let question = json!({"principal": ROOT, "action": action, "key": DYNAMODB, "context": context});
        control(&kms, Method::POST, "/_kms/explain", question.to_string()).await.ok()["decision"].clone()
    };
    let through = json!({"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"});
    assert_eq!(ask("kms:DescribeKey", json!({})).await, "allow");
    assert_eq!(ask("kms:Encrypt", json!({})).await, "deny");
    assert_eq!(ask("kms:Encrypt", through).await, "allow");
    assert!(keys(&kms, (ACCOUNT, REGION)).await.is_empty());
}

/// Where policies do not count, nothing else protects the key; its calendar is not theirs to change either way.
#[tokio::test]
async fn without_policies_the_calendar_stays() {
    let authorization = Authorization { mode: Mode::Off, ..Authorization::default() };
    let kms = TestKms::with(|builder| builder.authorization(authorization));
    let key = described(&kms, DYNAMODB).await["Arn"].clone();
    let status = async || call(&kms, "GetKeyRotationStatus", json!({"KeyId": key})).await.ok();
    let before = status().await;
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    call(&kms, "DisableKeyRotation", json!({"KeyId": key})).await.ok();
    assert_eq!(status().await, before);
    // The account of AWS is out of reach even so.
    let owned = call_by(&kms, By::Service("s3"), "DescribeKey", json!({"KeyId": "alias/aws/s3"})).await.ok();
    let input = json!({"KeyId": owned["KeyMetadata"]["Arn"], "Plaintext": "AAAA"});
    assert_eq!(call(&kms, "Encrypt", input).await.code(), "AccessDeniedException");
}
