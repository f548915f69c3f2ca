//! CloudTrail's LookupEvents as it stands on the wire. What boto3 makes of it is in `fixtures/python`.

use bytes::Bytes;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::Request;
use kms_server::auth::{Signatures, UnknownAccessKey};
use kms_server::builder::Builder;
use kms_server::pipeline::{Authorization, Mode};
use kms_server::principals;
use serde_json::{Value, json};

use super::events::{advance, new_key};
use super::subject::{ALIAS, BLOB, Subject};
use super::wire::{Answer, alias_arn, call, call_of, control, events, send};

const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";

fn request(access_key: &str, region: &str, target: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    let scope = format!("{access_key}/20260101/{region}/cloudtrail/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    Request::post("/")
        .header("authorization", authorization)
        .header("content-type", "application/x-amz-json-1.1")
        .header("host", "cloudtrail.test")
        .header("x-amz-date", "20260101T000000Z")
        .header("x-amz-target", target)
        .body(body.into())
        .unwrap()
}

async fn lookup_of(kms: &TestKms, (access_key, region): (&str, &str), input: Value) -> Answer {
    send(kms, request(access_key, region, &format!("{TARGET}LookupEvents"), input.to_string())).await
}

async fn lookup(kms: &TestKms, input: Value) -> Answer {
    lookup_of(kms, (ACCOUNT, REGION), input).await
}

fn by(key: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
}

fn names(answer: &Answer) -> Vec<String> {
    let found = answer.ok();
    let all = found["Events"].as_array().unwrap().iter();
    all.map(|event| event["EventName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_has_these_members() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let answer = lookup(&kms, by("EventName", "CreateAlias")).await;
    assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
    let record = &events(&kms, "event=CreateAlias").await[0];
    let mut found = answer.ok();
    let text = found["Events"][0]["CloudTrailEvent"].take();
    assert_eq!(&serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap(), record);
    let resource = |arn: &str| json!({"ResourceType": "AWS::KMS::Key", "ResourceName": arn});
    let event = json!({
        "EventId": record["eventID"],
        "EventName": "CreateAlias",
        "ReadOnly": "false",
        "AccessKeyId": ACCOUNT,
        "EventTime": 1_767_225_600,
        "EventSource": "kms.amazonaws.com",
        "Username": "root",
        "Resources": [resource(&key.arn), resource(&alias_arn(ALIAS))],
        "CloudTrailEvent": null,
    });
    assert_eq!(found, json!({ "Events": [event] }));
}

#[tokio::test]
async fn each_attribute_selects_events_newest_first() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let other = new_key(&kms).await;
    call(&kms, "RotateKeyOnDemand", json!({ "KeyId": other })).await.ok();
    call(&kms, "DescribeKey", json!({"KeyId": key.id})).await.ok();
    let of_key = ["DescribeKey", "CreateGrant", "Encrypt", "CreateAlias", "CreateKey"];
    let of_other = ["RotateKey", "RotateKeyOnDemand", "CreateKey"];
    let id = events(&kms, "event=Encrypt").await[0]["eventID"].clone();
    // The questions are recorded, too, but each comes after what it finds.
    for (attribute, value, expected) in [
        ("EventId", id.as_str().unwrap(), &["Encrypt"][..]),
        ("EventName", "CreateKey", &["CreateKey", "CreateKey"]),
        ("EventName", "createkey", &[]),
        ("ResourceName", &key.arn, &of_key),
        ("ResourceName", &other, &of_other),
        ("ResourceName", &alias_arn(ALIAS), &["CreateAlias"]),
        ("ResourceName", &key.id, &[]),
        ("EventSource", "sts.amazonaws.com", &[]),
        ("Username", "root", &["LookupEvents"]),
        ("AccessKeyId", ACCOUNT, &["LookupEvents"]),
        ("AccessKeyId", "AKIDNOBODY", &[]),
        ("ReadOnly", "true", &["LookupEvents"]),
        ("ReadOnly", "false", &["RotateKey", "RotateKeyOnDemand"]),
    ] {
        let mut found = names(&lookup(&kms, by(attribute, value)).await);
        let whole = attribute.starts_with("Event") || attribute == "ResourceName";
        found.truncate(if whole || expected.is_empty() { usize::MAX } else { expected.len() });
        // The rotation is told by another thread than the call.
        found.sort_by_key(|name| expected.iter().position(|expected| expected == name));
        assert_eq!(found, expected, "{attribute} {value}");
    }
    let keys = lookup(&kms, by("ResourceType", "AWS::KMS::Key")).await;
    assert_eq!(names(&keys).len(), of_key.len() + of_other.len());
    assert_eq!(names(&lookup(&kms, by("ResourceType", "AWS::IAM::Role")).await), [""; 0]);
    let reads = names(&lookup(&kms, by("EventSource", "cloudtrail.amazonaws.com")).await);
    assert!(reads.len() > 10 && reads.iter().all(|name| name == "LookupEvents"));
}

#[tokio::test]
async fn pages_follow_each_other_to_the_oldest_event() {
    let kms = TestKms::new();
    for _ in 0..7 {
        call(&kms, "ListKeys", json!({})).await.ok();
        call_of(&kms, (ACCOUNT, "eu-west-1"), "ListKeys", json!({})).await.ok();
        call(&kms, "ListAliases", json!({})).await.ok();
    }
    let mut expected: Vec<Value> =
        events(&kms, "event=ListKeys").await.iter().map(|record| record["eventID"].clone()).collect();
    expected.reverse();
    let mut input = by("EventName", "ListKeys");
    let mut pages = Vec::new();
    let mut found = Vec::new();
    for size in [3, 2, 1, 4] {
        input["MaxResults"] = size.into();
        let page = lookup(&kms, input.clone()).await.ok();
        let ids: Vec<Value> =
            page["Events"].as_array().unwrap().iter().map(|event| event["EventId"].clone()).collect();
        pages.push(ids.len());
        found.extend(ids);
        // New events do not move the pages.
        call(&kms, "ListKeys", json!({})).await.ok();
        input["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!((pages, input["NextToken"].clone()), (vec![3, 2, 1, 1], Value::Null));
    let home = |id: &Value| found.contains(id);
    assert_eq!(found, expected.into_iter().filter(home).collect::<Vec<_>>());
    // A page that is just full is the last.
    let full = lookup(
        &kms,
        json!({"MaxResults": 7, "LookupAttributes": by("EventName", "ListAliases")["LookupAttributes"]}),
    )
    .await
    .ok();
    assert_eq!((full["Events"].as_array().unwrap().len(), full.get("NextToken")), (7, None));
}

#[tokio::test]
async fn a_token_is_of_its_request_only() {
    let kms = TestKms::new();
    for _ in 0..4 {
        call(&kms, "ListKeys", json!({})).await.ok();
    }
    let mut input = by("EventName", "ListKeys");
    input["MaxResults"] = 2.into();
    let token = lookup(&kms, input.clone()).await.ok()["NextToken"].clone();
    input["NextToken"] = token.clone();
    let message = "The token is not valid, or was not given out for a request with the same parameters.";
    let mut later = input.clone();
    later["EndTime"] = 1_800_000_000.into();
    let mut another = by("EventName", "CreateKey");
    another["NextToken"] = token.clone();
    for input in
        [later, another, json!({ "NextToken": token }), json!({"NextToken": "x"}), json!({"NextToken": ""})]
    {
        lookup(&kms, input).await.refuses("InvalidNextTokenException", message);
    }
    let abroad = lookup_of(&kms, (ACCOUNT, "eu-west-1"), input.clone()).await;
    abroad.refuses("InvalidNextTokenException", message);
    assert_eq!(names(&lookup(&kms, input).await).len(), 2);
}

#[tokio::test]
async fn times_bound_what_is_found_and_nothing_is_older_than_ninety_days() {
    let kms = TestKms::new();
    for _ in 0..3 {
        new_key(&kms).await;
        advance(&kms, "40d").await;
    }
    let start = 1_767_225_600;
    let day = 86_400;
    let found = async |from: Value, to: Value| {
        let mut input = by("EventName", "CreateKey");
        input["StartTime"] = from;
        input["EndTime"] = to;
        lookup(&kms, input).await
    };
    // The first key is 120 days old.
    for (from, to, count) in [
        (Value::Null, Value::Null, 2),
        (json!(start), Value::Null, 2),
        (json!(start + 40 * day), json!(start + 40 * day), 1),
        (json!(f64::from(start + 40 * day) + 0.5), Value::Null, 1),
        (Value::Null, json!(start + 80 * day), 2),
        (Value::Null, json!(start + 80 * day - 1), 1),
        (json!(start + 81 * day), Value::Null, 0),
        (json!(0), json!(start), 0),
    ] {
        assert_eq!(names(&found(from.clone(), to.clone()).await).len(), count, "{from} {to}");
    }
    let wrong = found(json!(start + 1), json!(start)).await;
    wrong.refuses("InvalidTimeRangeException", "The start time of the request is after its end time.");
}

#[tokio::test]
async fn an_account_sees_its_own_events_in_one_region() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let policy =
        json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}});
    call(&kms, "PutKeyPolicy", json!({"KeyId": key.id, "Policy": policy.to_string()})).await.ok();
    call_of(&kms, ("444455556666", REGION), "Encrypt", json!({"KeyId": key.arn, "Plaintext": BLOB}))
        .await
        .ok();
    let own = lookup_of(&kms, ("444455556666", REGION), json!({})).await.ok();
    let abroad = lookup_of(&kms, ("444455556666", "eu-west-1"), json!({})).await.ok();
    assert_eq!((own["Events"].as_array().unwrap().len(), &abroad["Events"]), (1, &json!([])));
    assert_eq!(own["Events"][0]["Username"], "root");
    let owners = lookup(&kms, by("EventName", "Encrypt")).await.ok();
    let foreign = &owners["Events"][0];
    assert_eq!((&foreign["Username"], foreign.get("AccessKeyId")), (&json!("444455556666"), None));
    assert_ne!(foreign["EventId"], own["Events"][0]["EventId"]);
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_refused() {
    let kms = TestKms::new();
    let attribute = |key: &str, value: &str| json!({"AttributeKey": key, "AttributeValue": value});
    let attributes = "InvalidLookupAttributesException";
    for (input, code, message) in [
        (
            json!({"LookupAttributes": [attribute("EventName", "a"), attribute("ReadOnly", "true")]}),
            attributes,
            "Only one",
        ),
        (by("EventTime", "a"), attributes, "The attribute key must be one of EventId"),
        (json!({"LookupAttributes": [{"AttributeValue": "a"}]}), attributes, "The attribute key must"),
        (by("EventName", ""), attributes, "An attribute value has 1 to 2000 characters."),
        (json!({"LookupAttributes": [{"AttributeKey": "EventName"}]}), attributes, "An attribute value"),
        (by("EventName", &"a".repeat(2_001)), attributes, "An attribute value"),
        (by("ReadOnly", "True"), attributes, "The value of ReadOnly is true or false."),
        (
            json!({"MaxResults": 0}),
            "InvalidMaxResultsException",
            "MaxResults must be between 1 and 50, but is 0.",
        ),
        (json!({"MaxResults": 51}), "InvalidMaxResultsException", "MaxResults must be"),
        (json!({"EventCategory": "management"}), "InvalidEventCategoryException", "The only event category"),
        (json!({"MaxResults": "ten"}), "SerializationException", ""),
        (json!({"LookupAttributes": ["EventName"]}), "SerializationException", ""),
        (json!([]), "SerializationException", ""),
    ] {
        let answer = lookup(&kms, input.clone()).await;
        assert_eq!((answer.code().as_str(), answer.status.as_u16()), (code, 400), "{input}");
        assert!(answer.message().starts_with(message), "{input}: {}", answer.message());
    }
    assert_eq!(lookup(&kms, json!({"EventCategory": "insight"})).await.ok(), json!({"Events": []}));
    assert_eq!(names(&lookup(&kms, json!({"LookupAttributes": [], "MaxResults": 50})).await).len(), 14);
    let nothing = events(&kms, "limit=10000").await;
    assert!(nothing.iter().all(|record| record["eventName"] == "LookupEvents"));
}

#[tokio::test]
async fn both_spellings_of_the_target_are_known_and_no_other_operation() {
    let kms = TestKms::new();
    let call = async |target: &str| send(&kms, request(ACCOUNT, REGION, target, "{}")).await;
    call("CloudTrail_20131101.LookupEvents").await.ok();
    let other = call(&format!("{TARGET}DescribeTrails")).await;
    other
        .refuses("NotImplementedException", "CloudTrail's DescribeTrails is not implemented by this server.");
    call("CloudTrail_20131101.").await.refuses("UnknownOperationException", None);
    call("CloudTrail_20131101.a\"b").await.refuses("UnknownOperationException", None);
    // To KMS, CloudTrail's scope is wrong, and the other way round.
    let mut crossed = request(ACCOUNT, REGION, &format!("{TARGET}LookupEvents"), "{}");
    let scope = crossed.headers()["authorization"].to_str().unwrap().replace("/cloudtrail/", "/kms/");
    crossed.headers_mut().insert("authorization", scope.parse().unwrap());
    let kms = TestKms::with(|builder| builder.unknown_access_key(Some(UnknownAccessKey::Reject)));
    assert_ne!(send(&kms, crossed).await.code(), "");
}

/// A user who may look events up from one address, and one who may not.
const PRINCIPALS: &str = r#"
users:
  - arn: arn:aws:iam::111122223333:user/team/auditor
    policies:
      - name: look
        document:
          Statement:
            Effect: Allow
            Action: "cloudtrail:LookupEvents"
            Resource: "*"
            Condition: { StringEquals: { "aws:RequestedRegion": us-east-1 }, Bool: { "aws:SecureTransport": "false" } }
    access_keys: [{ id: AUDITOR, secret: secret }]
  - arn: arn:aws:iam::111122223333:user/mallory
    policies: [AWSKeyManagementServicePowerUser]
    access_keys: [{ id: MALLORY, secret: secret }]
"#;

fn with_users(mode: Mode) -> impl FnOnce(Builder) -> Builder {
    move |builder| {
        let builder = builder.principals(principals::parse("p.yaml", PRINCIPALS).unwrap());
        let builder = builder.authorization(Authorization { mode, ..Authorization::default() });
        builder.signatures(Signatures::Ignore)
    }
}

#[tokio::test]
async fn whoever_is_allowed_to_look_events_up_may() {
    let kms = TestKms::with(with_users(Mode::Enforce));
    call_of(&kms, ("MALLORY", REGION), "ListKeys", json!({})).await.ok();
    let found = lookup_of(&kms, ("AUDITOR", REGION), by("Username", "mallory")).await;
    assert_eq!(names(&found), ["ListKeys"]);
    let denied = "is not authorized to perform: cloudtrail:LookupEvents because no identity-based policy allows the \
                  cloudtrail:LookupEvents action";
    for (who, name, region) in [("MALLORY", "mallory", REGION), ("AUDITOR", "team/auditor", "eu-west-1")] {
        let answer = lookup_of(&kms, (who, region), json!({"MaxResults": 0})).await;
        assert_eq!(answer.code(), "AccessDeniedException", "before the parameters are looked at");
        assert_eq!(answer.message(), format!("User: arn:aws:iam::111122223333:user/{name} {denied}"));
        assert_eq!(answer.status.as_u16(), 400);
    }
    let records = events(&kms, "event=LookupEvents").await;
    let refused = &records[1];
    assert_eq!((&refused["errorCode"], &refused["readOnly"]), (&json!("AccessDenied"), &json!(true)));
    let told = &refused["additionalEventData"]["authorization"];
    assert_eq!(
        (&told["action"], &told["explanation"]["decision"]),
        (&json!("cloudtrail:LookupEvents"), &json!("deny"))
    );
    let explained = control(
        &kms,
        http::Method::GET,
        &format!("/_kms/explain?request={}", refused["requestID"].as_str().unwrap()),
        "",
    )
    .await
    .ok();
    assert_eq!((&explained["refused"], &explained["decision"]), (&json!(true), &json!("deny")));
    let unknown = lookup_of(&kms, ("AKIDNOBODY", REGION), json!({})).await;
    assert_ne!(unknown.code(), "");
    for mode in [Mode::Log, Mode::Off] {
        let kms = TestKms::with(with_users(mode));
        lookup_of(&kms, ("MALLORY", REGION), json!({})).await.ok();
        let record = &events(&kms, "").await[0];
        let noted = record["additionalEventData"]["authorization"].is_object();
        assert_eq!(noted, mode == Mode::Log);
    }
}

#[tokio::test]
async fn a_lookup_is_recorded() {
    let kms = TestKms::new();
    let mut input = by("EventName", "ListKeys");
    input["StartTime"] = json!(1_767_225_600.5);
    let answer = lookup(&kms, input).await;
    answer.ok();
    let mut record = events(&kms, "").await[0].clone();
    record["eventID"].take();
    let expected = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": format!("arn:aws:iam::{ACCOUNT}:root"),
            "accountId": ACCOUNT,
            "accessKeyId": ACCOUNT,
        },
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "LookupEvents",
        "awsRegion": REGION,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "",
        "requestParameters": {
            "lookupAttributes": [{"attributeKey": "EventName", "attributeValue": "ListKeys"}],
            "startTime": "Jan 1, 2026, 12:00:00 AM",
        },
        "responseElements": null,
        "requestID": answer.headers["x-amzn-requestid"].to_str().unwrap(),
        "eventID": null,
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    });
    assert_eq!(record, expected);
}
