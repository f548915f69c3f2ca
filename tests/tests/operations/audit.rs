//! The audit record of every request, in CloudTrail's shape.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail".

mod accounts;

use fixtures::{ACCOUNT, REGION, TestKms};
use http::HeaderValue;
use kms_server::operations::registry::OPERATIONS;
use serde_json::{Value, json};

use super::subject::{ALIAS, BLOB, ROLE, State, Subject};
use super::wire::{alias_arn, call, call_of, code, events, request, send};

/// The one record of a request that was just made. What it made happen is told by another thread, before or after it.
async fn last(kms: &TestKms) -> Value {
    let mut all = events(kms, "limit=10000").await;
    all.retain(|record| record["eventType"] == "AwsApiCall");
    all.pop().unwrap()
}

fn resource(arn: &str) -> Value {
    json!({"accountId": arn.split(':').nth(4), "type": "AWS::KMS::Key", "ARN": arn})
}

#[tokio::test]
async fn a_record_has_these_members() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    kms.advance_days(1).await;
    let mut signed = request(
        ACCOUNT,
        REGION,
        "Encrypt",
        json!({"KeyId": ALIAS, "Plaintext": BLOB, "EncryptionContext": {"Tenant": "A"}}).to_string(),
    );
    signed.headers_mut().insert("user-agent", HeaderValue::from_static("app/1.0"));
    let answer = send(&kms, signed).await;
    answer.ok();
    let mut record = last(&kms).await;
    let described = call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    let material = described["KeyMetadata"]["CurrentKeyMaterialId"].clone();
    let event_id = record["eventID"].take();
    assert_eq!(event_id.as_str().unwrap().len(), 36);
    let expected = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": format!("arn:aws:iam::{ACCOUNT}:root"),
            "accountId": ACCOUNT,
            "accessKeyId": ACCOUNT,
        },
        "eventTime": "2026-01-02T00:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": REGION,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "app/1.0",
        "requestParameters": {
            "keyId": ALIAS,
            "encryptionContext": {"Tenant": "A"},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        "responseElements": null,
        "additionalEventData": {"keyMaterialId": material},
        "requestID": answer.headers["x-amzn-requestid"].to_str().unwrap(),
        "eventID": null,
        "readOnly": true,
        "resources": [resource(&key.arn)],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    });
    assert_eq!(record, expected);
}

/// Parameters and elements of each operation; absent is null.
#[tokio::test]
async fn each_operation_shows_its_parameters_and_what_it_changed() {
    let id = |key: &Subject| json!({"keyId": key.arn});
    let none = |_: &Subject| Value::Null;
    let encrypting = |key: &Subject| json!({"keyId": key.arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    type Shown = fn(&Subject) -> Value;
    let cases: [(&str, Shown, Shown); 30] = [
        ("CancelKeyDeletion", id, id),
        ("CreateAlias", |key| json!({"aliasName": "alias/new", "targetKeyId": key.arn}), none),
        (
            "CreateGrant",
            |key| json!({"keyId": key.arn, "granteePrincipal": ROLE, "operations": ["DescribeKey"]}),
            // The id is random; that there is no token is what matters.
            |key| json!({"grantId": null, "keyId": key.arn}),
        ),
        ("Decrypt", encrypting, none),
        ("DeleteAlias", |_| json!({"aliasName": ALIAS}), none),
        ("DescribeKey", id, none),
        ("DisableKey", id, id),
        ("DisableKeyRotation", id, id),
        ("EnableKey", id, id),
        ("EnableKeyRotation", id, id),
        ("Encrypt", encrypting, none),
        ("GenerateDataKey", |key| json!({"keyId": key.arn, "keySpec": "AES_256"}), none),
        ("GenerateDataKeyWithoutPlaintext", |key| json!({"keyId": key.arn, "keySpec": "AES_256"}), none),
        ("GenerateRandom", none, none),
        ("GetKeyLastUsage", id, none),
        ("GetKeyPolicy", id, none),
        ("ListAliases", id, none),
        ("ListGrants", id, none),
        ("ListKeyPolicies", id, none),
        ("ListKeys", none, none),
        ("ListResourceTags", id, none),
        ("ListRetirableGrants", |_| json!({"retiringPrincipal": ROLE}), none),
        (
            "ReEncrypt",
            |key| {
                json!({
                    "sourceKeyId": key.arn,
                    "destinationKeyId": key.arn,
                    "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                    "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                })
            },
            none,
        ),
        ("RetireGrant", |key| json!({"keyId": key.arn, "grantId": key.grant}), id),
        ("RotateKeyOnDemand", id, id),
        ("RevokeGrant", |key| json!({"keyId": key.arn, "grantId": key.grant}), id),
        ("TagResource", |key| json!({"keyId": key.arn, "tags": [{"tagKey": "new", "tagValue": ""}]}), id),
        ("UntagResource", |key| json!({"keyId": key.arn, "tagKeys": ["new"]}), id),
        ("UpdateAlias", |key| json!({"aliasName": ALIAS, "targetKeyId": key.arn}), none),
        ("UpdateKeyDescription", |key| json!({"keyId": key.arn, "description": "new"}), id),
    ];
    for (operation, parameters, elements) in cases {
        let kms = TestKms::new();
        let key = Subject::new(&kms).await;
        if operation == "CancelKeyDeletion" {
            State::PendingDeletion.enter(&kms, &key.id).await;
        }
        call(&kms, operation, key.request(operation)).await.ok();
        let record = last(&kms).await;
        assert_eq!(record["eventName"], operation);
        assert_eq!(record["requestParameters"], parameters(&key), "{operation}");
        let mut shown = record["responseElements"].clone();
        if let Some(id) = shown.get_mut("grantId") {
            assert_eq!(id.take().as_str().unwrap().len(), 64);
        }
        assert_eq!(shown, elements(&key), "{operation}");
        assert!(record.get("errorCode").is_none() && record.get("errorMessage").is_none(), "{operation}");
    }
}

#[tokio::test]
async fn create_key_shows_the_metadata_with_dates_as_text() {
    let kms = TestKms::new();
    let input = json!({"Description": "orders", "Tags": [{"TagKey": "Team", "TagValue": "A"}]});
    let created = call(&kms, "CreateKey", input).await.ok();
    let metadata = &created["KeyMetadata"];
    let record = last(&kms).await;
    let parameters = json!({"description": "orders", "tags": [{"tagKey": "Team", "tagValue": "A"}]});
    assert_eq!(record["requestParameters"], parameters);
    let shown = &record["responseElements"]["keyMetadata"];
    for (name, value) in [
        ("aWSAccountId", json!(ACCOUNT)),
        ("arn", metadata["Arn"].clone()),
        ("keyId", metadata["KeyId"].clone()),
        ("creationDate", json!("Jan 1, 2026, 12:00:00 AM")),
        ("enabled", json!(true)),
        ("description", json!("orders")),
        ("encryptionAlgorithms", json!(["SYMMETRIC_DEFAULT"])),
        ("currentKeyMaterialId", metadata["CurrentKeyMaterialId"].clone()),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(shown.as_object().unwrap().len(), metadata.as_object().unwrap().len());
    assert_eq!(record["resources"], json!([resource(metadata["Arn"].as_str().unwrap())]));
}

#[tokio::test]
async fn a_scheduled_deletion_shows_its_date_and_the_window_only_if_it_was_given() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for (window, parameters, date) in [
        (Value::Null, json!({"keyId": key.id}), "Jan 31, 2026, 12:00:00 AM"),
        (json!(7), json!({"keyId": key.id, "pendingWindowInDays": 7}), "Jan 8, 2026, 12:00:00 AM"),
    ] {
        call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id, "PendingWindowInDays": window})).await.ok();
        let record = last(&kms).await;
        assert_eq!(record["requestParameters"], parameters);
        let elements = json!({"keyId": key.arn, "keyState": "PendingDeletion", "deletionDate": date});
        assert_eq!(record["responseElements"], elements);
        call(&kms, "CancelKeyDeletion", json!({"KeyId": key.id})).await.ok();
    }
}

#[tokio::test]
async fn the_resources_are_what_the_request_named() {
    let kms = TestKms::new();
    let (key, other) = (Subject::new(&kms).await, Subject::new(&kms).await);
    let alias = |name: &str| resource(&alias_arn(name));
    let re_encrypt = json!({"CiphertextBlob": key.ciphertext, "DestinationKeyId": other.id});
    for (operation, input, resources) in [
        ("Decrypt", json!({"CiphertextBlob": key.ciphertext}), json!([resource(&key.arn)])),
        ("ReEncrypt", re_encrypt, json!([resource(&key.arn), resource(&other.arn)])),
        (
            "CreateAlias",
            json!({"AliasName": "alias/new", "TargetKeyId": other.id}),
            json!([resource(&other.arn), alias("alias/new")]),
        ),
        (
            "UpdateAlias",
            json!({"AliasName": "alias/new", "TargetKeyId": key.id}),
            json!([resource(&key.arn), alias("alias/new")]),
        ),
        ("DeleteAlias", json!({"AliasName": "alias/new"}), json!([alias("alias/new"), resource(&key.arn)])),
        ("ListAliases", json!({"KeyId": key.id}), json!([resource(&key.arn)])),
        ("ListAliases", json!({}), json!([])),
        ("ListKeys", json!({}), json!([])),
        ("GenerateRandom", json!({"NumberOfBytes": 1}), json!([])),
    ] {
        call(&kms, operation, input).await.ok();
        let record = last(&kms).await;
        assert_eq!(record["resources"], resources, "{operation}");
    }
}

#[tokio::test]
async fn a_failure_is_recorded_with_its_code_and_text() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    State::Disabled.enter(&kms, &key.id).await;
    call(&kms, "Encrypt", key.request("Encrypt")).await;
    let record = last(&kms).await;
    assert_eq!(record["errorCode"], "DisabledException");
    assert_eq!(record["errorMessage"], format!("{} is disabled.", key.arn));
    assert_eq!(record["resources"], json!([resource(&key.arn)]));
    let mut altered = super::wire::decoded(&key.ciphertext.as_str().into());
    *altered.last_mut().unwrap() ^= 1;
    call(&kms, "EnableKey", json!({"KeyId": key.id})).await.ok();
    call(&kms, "Decrypt", json!({"CiphertextBlob": super::wire::encoded(&altered)})).await;
    let record = last(&kms).await;
    assert_eq!(record["errorCode"], "InvalidCiphertextException");
    assert!(record.get("errorMessage").is_none(), "the error has no text");
    assert_eq!(record["resources"], json!([resource(&key.arn)]), "the ciphertext named it");
    call(&kms, "Decrypt", json!({"CiphertextBlob": BLOB})).await;
    assert!(last(&kms).await.get("resources").is_none());
    let mut dry = key.request("Encrypt");
    dry["DryRun"] = true.into();
    call(&kms, "Encrypt", dry).await;
    assert_eq!(last(&kms).await["errorCode"], "DryRunOperationException");
    call(&kms, "DescribeKey", json!({"KeyId": "foo"})).await;
    let record = last(&kms).await;
    assert_eq!(
        (&record["errorCode"], &record["errorMessage"]),
        (&json!("NotFoundException"), &json!("Invalid keyId 'foo'"))
    );
    assert!(record.get("resources").is_none());
    assert_eq!(record["requestParameters"], json!({"keyId": "foo"}));
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id})).await.ok();
    call(&kms, "Encrypt", key.request("Encrypt")).await;
    let record = last(&kms).await;
    assert_eq!(record["errorCode"], "KMSInvalidStateException");
    assert_eq!(record["errorMessage"], format!("{} is pending deletion.", key.arn));
    call(&kms, "ScheduleKeyDeletion", json!({"KeyId": key.id})).await;
    let record = last(&kms).await;
    assert_eq!(record["responseElements"], Value::Null, "nothing was changed");
}

/// AWS (observed): a denial has another code in the log than on the wire.
#[tokio::test]
async fn a_denial_is_recorded_as_access_denied() {
    let kms = TestKms::new();
    let foreign = format!("arn:aws:kms:{REGION}:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let answer = kms.client().describe_key().key_id(foreign).send().await;
    assert_eq!(code(&answer), "AccessDeniedException");
    assert_eq!(last(&kms).await["errorCode"], "AccessDenied");
}

#[tokio::test]
async fn a_record_belongs_to_the_account_and_region_of_the_caller() {
    let kms = TestKms::new();
    call_of(&kms, ("444455556666", "eu-west-1"), "ListKeys", json!({})).await.ok();
    let record = last(&kms).await;
    assert_eq!(
        (&record["awsRegion"], &record["recipientAccountId"]),
        (&json!("eu-west-1"), &json!("444455556666"))
    );
    assert_eq!(record["userIdentity"]["arn"], "arn:aws:iam::444455556666:root");
}

#[tokio::test]
async fn nothing_secret_is_recorded() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let mut secrets = vec!["c2VjcmV0".to_owned(), key.ciphertext.clone(), "Z3JhbnQ".to_owned()];
    let material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    secrets.push(material.to_owned());
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": material}]);
    call(&kms, "CreateKey", json!({"Tags": tags})).await.ok();
    let mut tokens = key.request("Encrypt");
    tokens["GrantTokens"] = json!(["Z3JhbnQ"]);
    call(&kms, "Encrypt", tokens).await;
    for operation in
        ["Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom"]
    {
        let answer = call(&kms, operation, key.request(operation)).await.ok();
        let blobs = ["Plaintext", "CiphertextBlob"].map(|member| answer.get(member).and_then(Value::as_str));
        secrets.extend(blobs.into_iter().flatten().map(str::to_owned));
    }
    let granted = call(&kms, "CreateGrant", key.request("CreateGrant")).await.ok();
    let token = granted["GrantToken"].as_str().unwrap();
    call(&kms, "DescribeKey", json!({"KeyId": key.id, "GrantTokens": [token]})).await.ok();
    call(&kms, "RetireGrant", json!({"GrantToken": token})).await.ok();
    call(&kms, "RetireGrant", json!({"GrantToken": token})).await;
    secrets.push(token.to_owned());
    let records = Value::from(events(&kms, "limit=10000").await).to_string();
    for secret in secrets {
        assert!(!records.contains(&secret), "{secret} in {records}");
    }
}

/// AWS: service authorization reference, access levels; cryptographic operations count as reading.
#[tokio::test]
async fn operations_that_change_nothing_are_read_only() {
    let writes = [
        "CancelKeyDeletion",
        "ConnectCustomKeyStore",
        "CreateAlias",
        "CreateCustomKeyStore",
        "CreateGrant",
        "CreateKey",
        "DeleteAlias",
        "DeleteCustomKeyStore",
        "DeleteImportedKeyMaterial",
        "DisableKey",
        "DisableKeyRotation",
        "DisconnectCustomKeyStore",
        "EnableKey",
        "EnableKeyRotation",
        "ImportKeyMaterial",
        "PutKeyPolicy",
        "ReplicateKey",
        "RetireGrant",
        "RevokeGrant",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateCustomKeyStore",
        "UpdateKeyDescription",
        "UpdatePrimaryRegion",
    ];
    let kms = TestKms::new();
    for entry in OPERATIONS {
        call(&kms, entry.name(), json!({})).await;
        let record = last(&kms).await;
        assert_eq!(record["eventName"], entry.name());
        assert_eq!(record["readOnly"], !writes.contains(&entry.name()), "{}", entry.name());
    }
}

#[tokio::test]
async fn every_request_leaves_one_record_even_if_it_is_none() {
    let kms = TestKms::new();
    let ids = ["ListKeys", "Nonsense", "DescribeKey", "CreateKey"];
    for operation in ids {
        let answer = call(&kms, operation, json!({})).await;
        assert_eq!(last(&kms).await["requestID"], answer.headers["x-amzn-requestid"].to_str().unwrap());
    }
    assert_eq!(events(&kms, "").await.len(), ids.len());
    send(&kms, request(ACCOUNT, REGION, "ListKeys", "nonsense")).await;
    let record = last(&kms).await;
    assert_eq!(
        (&record["errorCode"], &record["requestParameters"]),
        (&json!("SerializationException"), &Value::Null)
    );
}

#[tokio::test]
async fn filters_select_records() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    kms.advance_days(10).await;
    call(&kms, "DisableKey", json!({"KeyId": key.id})).await.ok();
    call_of(&kms, ("444455556666", REGION), "ListKeys", json!({})).await.ok();
    let all = events(&kms, "").await;
    let names = |records: &[Value]| -> Vec<String> {
        records.iter().map(|record| record["eventName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all), ["CreateKey", "CreateAlias", "Encrypt", "CreateGrant", "DisableKey", "ListKeys"]);
    let second = all[1]["eventID"].as_str().unwrap();
    let other = "arn:aws:iam::444455556666:root";
    for (query, expected) in [
        ("limit=2".to_owned(), &["CreateKey", "CreateAlias"][..]),
        ("event=Encrypt".to_owned(), &["Encrypt"]),
        ("event=Nothing".to_owned(), &[]),
        (format!("key={}", key.id), &["CreateKey", "CreateAlias", "Encrypt", "CreateGrant", "DisableKey"]),
        (
            format!("key={}", key.arn.replace(':', "%3A").replace('/', "%2F")),
            &["CreateKey", "CreateAlias", "Encrypt", "CreateGrant", "DisableKey"],
        ),
        ("since=2026-01-11T00:00:00Z".to_owned(), &["DisableKey", "ListKeys"]),
        ("until=2026-01-11T00:00:00Z&event=CreateKey".to_owned(), &["CreateKey"]),
        (format!("principal={other}"), &["ListKeys"]),
        (format!("after={second}"), &["Encrypt", "CreateGrant", "DisableKey", "ListKeys"]),
        (format!("after={second}&limit=1"), &["Encrypt"]),
    ] {
        assert_eq!(names(&events(&kms, &query).await), expected, "{query}");
    }
}
