//! The query protocol as it stands on the wire.

use bytes::Bytes;
use fixtures::ACCOUNT;
use http::Request;

use super::*;
use crate::wire::{Answer, send};

fn signed(service: &str, region: &str, body: &str) -> Request<Bytes> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=00"
    );
    Request::post("/")
        .header("authorization", authorization)
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("host", "sts.test")
        .header("x-amz-date", "20260101T000000Z")
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[tokio::test]
async fn an_answer_is_xml_to_the_byte() {
    let kms = TestKms::new();
    let answer = send(&kms, signed("sts", "eu-west-1", WHO)).await;
    let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
    assert_eq!((answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()), (200, "text/xml"));
    let expected = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
  <GetCallerIdentityResult>
    <Account>111122223333</Account>
    <Arn>arn:aws:iam::111122223333:root</Arn>
    <UserId>111122223333</UserId>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>{id}</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
"
    );
    assert_eq!(text(&answer), expected);
    let record = wire::events(&kms, "event=GetCallerIdentity").await.remove(0);
    assert_eq!((&record["requestID"], &record["awsRegion"]), (&id.into(), &"eu-west-1".into()));
}

#[tokio::test]
async fn first_use_needs_no_signature_and_no_body() {
    let kms = TestKms::new();
    let get = Request::get(format!("/?{WHO}")).header("host", "sts.test").body(Bytes::new()).unwrap();
    let answer = send(&kms, get).await;
    assert!(text(&answer).contains("<Arn>arn:aws:iam::000000000000:root</Arn>"), "{}", text(&answer));
    let mut presigned =
        format!("/?{WHO}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Signature=00");
    presigned.push_str("&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60");
    presigned.push_str(&format!("&X-Amz-Credential={ACCOUNT}%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"));
    let answer = send(&kms, Request::get(presigned).header("host", "s").body(Bytes::new()).unwrap()).await;
    assert!(text(&answer).contains(&format!("<Arn>arn:aws:iam::{ACCOUNT}:root</Arn>")), "{}", text(&answer));
}

#[tokio::test]
async fn refusals_have_codes_statuses_and_texts() {
    let open = TestKms::new();
    let closed = kms();
    let missing = Request::get(format!("/?{WHO}")).body(Bytes::new()).unwrap();
    let many = format!("{WHO}{}", "&a=".repeat(600));
    for (kms, request, status, code, part) in [
        (&open, signed("sts", "us-east-1", ""), 400, "MissingAction", "Action"),
        (
            &open,
            signed("sts", "us-east-1", "Action=Nothing&Version=2011-06-15"),
            400,
            "InvalidAction",
            "Could not find operation Nothing for version 2011-06-15",
        ),
        (
            &open,
            signed("sts", "us-east-1", "Action=GetCallerIdentity"),
            400,
            "InvalidAction",
            "for version NO_VERSION_SPECIFIED",
        ),
        (
            &open,
            signed("kms", "us-east-1", WHO),
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to correct service: 'sts'.",
        ),
        (&open, signed("sts", "us-east-1", &many), 400, "MalformedQueryString", "more than 512"),
        (
            &open,
            signed("sts", "us-east-1", "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=x"),
            400,
            "MalformedInput",
            "",
        ),
        (
            &open,
            signed("sts", "us-east-1", "Action=GetFederationToken&Version=2011-06-15&Name=a"),
            501,
            "NotImplemented",
            "GetFederationToken is not implemented",
        ),
        (
            &open,
            signed("sts", "us-east-1", "Action=AssumeRole&Version=2011-06-15"),
            400,
            "ValidationError",
            "2 validation errors detected: Value null at 'roleArn'",
        ),
        (&closed, missing, 403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        (
            &closed,
            signed("sts", "us-east-1", WHO),
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z",
        ),
    ] {
        let answer = send(kms, request).await;
        let text = text(&answer);
        assert_eq!(answer.status.as_u16(), status, "{text}");
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        let head = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>{fault}</Type>\n    \
             <Code>{code}</Code>\n"
        );
        assert!(text.starts_with(&head) && text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn requests_to_kms_stay_requests_to_kms() {
    let kms = TestKms::new();
    let answer = send(&kms, Request::post("/").body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.code(), "UnknownOperationException");
    let mut with_target = wire::request(ACCOUNT, "us-east-1", "ListKeys", "{}");
    with_target.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    send(&kms, with_target).await.ok();
    let other = Request::get(format!("/other?{WHO}")).body(Bytes::new()).unwrap();
    assert_eq!(send(&kms, other).await.code(), "UnknownOperationException");
}

#[tokio::test]
async fn unknown_keys_are_refused_once_there_are_principals() {
    let kms = kms();
    let stranger = aws_sdk_sts::config::Credentials::new("AKIDSTRANGER", "s", None, None, "test");
    let answer = kms.sts_as(stranger).get_caller_identity().send().await;
    let text = "The security token included in the request is invalid.";
    assert_eq!(refusal(&answer), ("InvalidClientTokenId".to_owned(), text.to_owned()));
    let identity = user(&kms, "denied").get_caller_identity().send().await.unwrap();
    assert_eq!(
        identity.arn(),
        Some("arn:aws:iam::111122223333:user/denied"),
        "no policy keeps anybody from it"
    );
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_outcome() {
    let kms = TestKms::new();
    send(&kms, signed("sts", "us-east-1", WHO)).await;
    send(&kms, signed("kms", "us-east-1", WHO)).await;
    send(&kms, signed("sts", "us-east-1", "Action=Nonsense&Version=2011-06-15")).await;
    let metrics = send(&kms, Request::get("/_kms/metrics").body(Bytes::new()).unwrap()).await;
    let metrics = text(&metrics);
    for (operation, outcome) in
        [("GetCallerIdentity", "success"), ("GetCallerIdentity", "failure"), ("", "failure")]
    {
        let line = format!("kms_sts_requests_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} 1");
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
}
