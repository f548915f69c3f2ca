//! Records of requests across accounts, and of requests that services make.
//!
//! AWS: KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail"; CloudTrail User Guide, "CloudTrail
//! userIdentity element".

use super::*;

const OTHER: &str = "444455556666";

/// A key that the other account may use.
async fn shared(kms: &TestKms) -> Subject {
    let key = Subject::new(kms).await;
    let everybody = json!({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [ACCOUNT, OTHER]}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "dynamodb.amazonaws.com"}, "Action": "kms:*", "Resource": "*"},
    ]});
    call(kms, "PutKeyPolicy", json!({"KeyId": key.id, "Policy": everybody.to_string()})).await.ok();
    key
}

/// The records of one request, in the order of the log.
async fn records_of(kms: &TestKms, answer: &super::super::wire::Answer) -> Vec<Value> {
    let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
    let all = events(kms, "limit=10000").await;
    all.into_iter().filter(|record| record["requestID"] == id).collect()
}

#[tokio::test]
async fn a_cross_account_call_is_recorded_in_both_accounts() {
    let kms = TestKms::new();
    let key = shared(&kms).await;
    let answer =
        call_of(&kms, (OTHER, REGION), "Encrypt", json!({"KeyId": key.arn, "Plaintext": BLOB})).await;
    answer.ok();
    let records = records_of(&kms, &answer).await;
    let [own, owners] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&own["recipientAccountId"], &owners["recipientAccountId"]), (&json!(OTHER), &json!(ACCOUNT)));
    assert_eq!(own["userIdentity"]["arn"], format!("arn:aws:iam::{OTHER}:root"));
    let foreign = json!({"type": "AWSAccount", "principalId": OTHER, "accountId": OTHER});
    assert_eq!(owners["userIdentity"], foreign);
    assert_eq!(own["sharedEventID"].as_str().unwrap().len(), 36);
    assert_ne!(own["eventID"], owners["eventID"]);
    // In everything else they agree.
    let (mut own, mut owners) = (own.clone(), owners.clone());
    for record in [&mut own, &mut owners] {
        let members = record.as_object_mut().unwrap();
        for member in ["recipientAccountId", "userIdentity", "eventID"] {
            members.remove(member).unwrap();
        }
    }
    assert_eq!(own, owners);
    assert_eq!(own["additionalEventData"].as_object().unwrap().len(), 1, "the material");
    // A call within the account shares nothing.
    let answer = call(&kms, "Encrypt", key.request("Encrypt")).await;
    let records = records_of(&kms, &answer).await;
    assert_eq!((records.len(), records[0].get("sharedEventID")), (1, None));
}

/// Each account sees its own keys only.
#[tokio::test]
async fn a_request_between_accounts_shows_each_owner_its_own_key() {
    let kms = TestKms::new();
    let (source, destination) =
        (shared(&kms).await, call_of(&kms, (OTHER, REGION), "CreateKey", json!({})).await.ok());
    let destination = destination["KeyMetadata"]["Arn"].as_str().unwrap();
    let input = json!({"CiphertextBlob": source.ciphertext, "DestinationKeyId": destination});
    let answer = call_of(&kms, (OTHER, REGION), "ReEncrypt", input).await;
    answer.ok();
    let records = records_of(&kms, &answer).await;
    let [own, owners] = &records[..] else { panic!("{records:?}") };
    assert_eq!(own["resources"], json!([resource(&source.arn), resource(destination)]));
    assert_eq!(owners["resources"], json!([resource(&source.arn)]));
    let names = |record: &Value| -> Vec<String> {
        record["additionalEventData"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(own), ["destinationKeyMaterialId", "sourceKeyMaterialId"]);
    assert_eq!(names(owners), ["sourceKeyMaterialId"]);
}

/// AWS: requests that are denied are logged in the caller's account only; other failures in both.
#[tokio::test]
async fn a_denied_call_is_not_recorded_abroad() {
    let kms = TestKms::new();
    let (closed, open) = (Subject::new(&kms).await, shared(&kms).await);
    let denied = call_of(&kms, (OTHER, REGION), "DescribeKey", json!({"KeyId": closed.arn})).await;
    assert_eq!(denied.code(), "AccessDeniedException");
    let records = records_of(&kms, &denied).await;
    assert_eq!((records.len(), &records[0]["recipientAccountId"]), (1, &json!(OTHER)));
    assert_eq!(records[0].get("sharedEventID"), None);
    State::Disabled.enter(&kms, &open.id).await;
    let failed =
        call_of(&kms, (OTHER, REGION), "Encrypt", json!({"KeyId": open.arn, "Plaintext": BLOB})).await;
    assert_eq!(failed.code(), "DisabledException");
    let records = records_of(&kms, &failed).await;
    assert!(records.len() == 2 && records.iter().all(|record| record["errorCode"] == "DisabledException"));
}

#[tokio::test]
async fn a_service_has_a_name_and_the_account_of_the_key() {
    let kms = TestKms::new();
    let key = shared(&kms).await;
    let played = async |header: &'static str, operation: &str, input: Value| {
        let mut signed = request(OTHER, REGION, operation, input.to_string());
        signed.headers_mut().insert(header, HeaderValue::from_static("dynamodb"));
        let answer = send(&kms, signed).await;
        (records_of(&kms, &answer).await, answer)
    };
    let input = json!({"KeyId": key.arn, "KeySpec": "AES_256"});
    let (records, answer) = played("x-kms-service", "GenerateDataKey", input).await;
    answer.ok();
    let [record] = &records[..] else { panic!("{records:?}") };
    let service = json!({"type": "AWSService", "invokedBy": "dynamodb.amazonaws.com"});
    assert_eq!(record["userIdentity"], service);
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert!(record["sharedEventID"].is_string());
    for member in ["sourceIPAddress", "userAgent"] {
        assert_eq!(record[member], "dynamodb.amazonaws.com");
    }
    assert_eq!(events(&kms, "principal=dynamodb.amazonaws.com").await, records);

    let (records, answer) =
        played("x-kms-via-service", "Decrypt", json!({"CiphertextBlob": key.ciphertext})).await;
    answer.ok();
    let [own, owners] = &records[..] else { panic!("{records:?}") };
    for record in [own, owners] {
        assert_eq!(record["userIdentity"]["invokedBy"], "dynamodb.amazonaws.com");
        assert_eq!(record["sourceIPAddress"], "dynamodb.amazonaws.com");
        assert_eq!(record["userAgent"], "dynamodb.amazonaws.com");
        let parameters = json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
        assert_eq!(record["requestParameters"], parameters, "the ciphertext names the key");
    }
    assert_eq!(
        (&own["userIdentity"]["type"], &owners["userIdentity"]["type"]),
        (&json!("Root"), &json!("AWSAccount"))
    );
}

#[tokio::test]
async fn a_grant_to_another_account_is_recorded_without_its_token() {
    let kms = TestKms::new();
    let key = shared(&kms).await;
    let input = json!({"KeyId": key.arn, "GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Name": "one"});
    // The second request finds the grant of the first.
    for _ in 0..2 {
        let answer = call_of(&kms, (OTHER, REGION), "CreateGrant", input.clone()).await;
        let granted = answer.ok();
        let records = records_of(&kms, &answer).await;
        assert_eq!(records.len(), 2);
        for record in records {
            let elements = json!({"grantId": granted["GrantId"], "keyId": key.arn});
            assert_eq!(record["responseElements"], elements);
        }
    }
}
