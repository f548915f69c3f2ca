//! Tables in use: what is sealed, what KMS is asked, and what the audit log says of it.

use super::super::wire::events;
use super::{Table, call, calls, encoded, new_key, under};
use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn an_owned_key_leaves_no_trace_in_kms() {
    let kms = TestKms::new();
    let table = Table::named(&kms, "books");
    let created = table.create(Value::Null).await;
    assert_eq!(created.status, 400, "a specification is an object");
    for sse in [json!({}), json!({ "Enabled": false })] {
        let created = table.create(sse).await.ok();
        assert_eq!(created["Table"]["TableStatus"], "CREATING");
        kms.clock().advance("6s").await.unwrap();
        let shown = table.show().await;
        assert_eq!((&shown["TableStatus"], &shown["SSEDescription"]), (&json!("ACTIVE"), &Value::Null));
        assert_eq!((&shown["ConsoleType"], &shown["KeyKind"]), (&json!("DEFAULT"), &json!("owned")));
        let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
        let opened = table.open(2, &sealed).await.ok();
        assert_eq!(opened["records"], json!([encoded(b"Moby Dick")]));
        table.ask(Method::DELETE, "", Value::Null).await.ok();
        assert_eq!(table.ask(Method::GET, "", Value::Null).await.status, 400, "it is gone");
    }
    assert_eq!(events(&kms, "limit=10").await, Vec::<Value>::new());
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"], json!([]));
}

#[tokio::test]
async fn what_was_sealed_opens_for_its_table_structure_and_key_only() {
    let kms = TestKms::new();
    let books = Table::active(&kms, "books", json!({})).await;
    let films = Table::active(&kms, "films", json!({})).await;
    let sealed = books.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    let open = async |table: &Table<'_>, key: &[u8], structure: &str| {
        let records = json!([{ "key": encoded(key), "data": sealed }]);
        table.post("/open", json!({ "structure": structure, "records": records })).await
    };
    assert_eq!(open(&books, b"k", "base").await.ok()["records"], json!([encoded(b"Moby Dick")]));
    for (table, key, structure) in
        [(&films, &b"k"[..], "base"), (&books, b"l", "base"), (&books, b"k", "gsi/by-author")]
    {
        let refused = open(table, key, structure).await;
        assert_eq!(refused.message(), "record 0: not a record of this table, structure and key");
        assert_eq!(refused.status, 422);
    }
}

#[tokio::test]
async fn a_customer_key_is_asked_as_dynamodb_asks_it() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::named(&kms, "books");
    let created = table.create(under(&key)).await.ok();
    let sse = json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key });
    assert_eq!(created["Table"]["SSEDescription"], sse);
    assert_eq!(calls(&kms).await, ["DescribeKey", "CreateGrant", "CreateGrant"]);
    kms.clock().advance("6s").await.unwrap();
    assert_eq!(calls(&kms).await[3..], ["GenerateDataKey"]);

    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    assert_eq!(table.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));
    assert_eq!(calls(&kms).await[4..], ["Decrypt"], "one connection, one call in five minutes");
    table.open(2, &sealed).await.ok();
    kms.clock().advance("5m").await.unwrap();
    table.open(1, &sealed).await.ok();
    assert_eq!(calls(&kms).await[4..], ["Decrypt", "Decrypt", "Decrypt"]);

    let all = events(&kms, "limit=100").await;
    let one = |name: &str| all.iter().find(|event| event["eventName"] == name).unwrap();
    let context = json!({ "aws:dynamodb:tableName": "books", "aws:dynamodb:subscriberId": ACCOUNT });
    let service = format!("dynamodb.{REGION}.amazonaws.com");
    let generated = one("GenerateDataKey");
    assert_eq!(
        generated["userIdentity"],
        json!({ "type": "AWSService", "invokedBy": "dynamodb.amazonaws.com" })
    );
    assert_eq!(
        generated["requestParameters"],
        json!({ "encryptionContext": context, "keySpec": "AES_256", "keyId": key })
    );
    let decrypt = one("Decrypt");
    assert_eq!(decrypt["userIdentity"]["arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(decrypt["userIdentity"]["invokedBy"], "dynamodb.amazonaws.com");
    assert_eq!(decrypt["requestParameters"]["encryptionContext"], context);
    assert_eq!(decrypt["resources"][0]["ARN"], key);
    assert_eq!(
        (&decrypt["userAgent"], &decrypt["readOnly"]),
        (&json!("dynamodb.amazonaws.com"), &json!(true))
    );
    let grant = one("CreateGrant");
    assert_eq!(grant["requestParameters"]["granteePrincipal"], service);
    assert_eq!(grant["requestParameters"]["constraints"], json!({ "encryptionContextSubset": context }));

    let grants = call(&kms, "ListGrants", json!({ "KeyId": key })).await.ok();
    assert_eq!(grants["Grants"].as_array().unwrap().len(), 2);
    assert_eq!(grants["Grants"][0]["RetiringPrincipal"], service);
    table.ask(Method::DELETE, "", Value::Null).await.ok();
    let grants = call(&kms, "ListGrants", json!({ "KeyId": key })).await.ok();
    assert_eq!(grants["Grants"], json!([]), "the service retires its grants");
    assert_eq!(calls(&kms).await[7..], ["RetireGrant", "RetireGrant"]);
}

#[tokio::test]
async fn the_first_table_under_the_managed_key_makes_it() {
    let kms = TestKms::new();
    let first = Table::active(&kms, "books", json!({ "Enabled": true })).await.show().await;
    let second = Table::active(&kms, "films", json!({ "Enabled": true })).await.show().await;
    let arn = &first["SSEDescription"]["KMSMasterKeyArn"];
    assert_eq!(&second["SSEDescription"]["KMSMasterKeyArn"], arn);
    assert_eq!((&first["KeyKind"], &first["ConsoleType"]), (&json!("managed"), &json!("KMS")));
    let keys = call(&kms, "ListKeys", json!({})).await.ok()["Keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    assert_eq!(&keys[0]["KeyArn"], arn);
    let made = events(&kms, "event=CreateKey&limit=10").await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["userIdentity"]["invokedBy"], "dynamodb.amazonaws.com");
    let denied = call(&kms, "DisableKey", json!({ "KeyId": arn })).await;
    assert_eq!(denied.code(), "AccessDeniedException");
}

#[tokio::test]
async fn calls_that_are_malformed_say_how() {
    let kms = TestKms::new();
    let table = Table::active(&kms, "books", json!({})).await;
    let refused = async |path: &str, body: Value, expected: &str| {
        let answer = table.post(path, body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.message().contains(expected), "{}", answer.message());
    };
    let record = |key: &str| json!([{ "key": key, "data": "" }]);
    refused("/seal", json!({ "records": record("%") }), "record 0: `key` is not base64").await;
    refused("/seal", json!({ "records": [], "colour": 1 }), "unknown field").await;
    refused("/seal", json!({ "records": [], "structure": "heap" }), "not base, stream").await;
    refused("/seal", json!({ "records": [], "operation": "DescribeTable" }), "neither reads nor writes")
        .await;
    refused("/open", json!({ "records": [], "caller": "bob" }), "`caller` is no ARN").await;
    refused("/open", json!({ "records": [], "caller": "s3.amazonaws.com" }), "`caller` is no ARN").await;
    assert_eq!(table.post("/melt", json!({})).await.status, 404);
    let missing = Table::named(&kms, "films");
    let answer = missing.post("/seal", json!({ "records": [] })).await;
    assert_eq!(answer.code(), "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
    assert_eq!(answer.message(), "Requested resource not found");
}
