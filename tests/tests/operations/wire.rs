//! Requests as they stand on the wire, answers as they come back, and what an SDK makes of a refusal.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fixtures::{ACCOUNT, REGION, TestKms};
use http::{HeaderMap, Method, Request, StatusCode};
use kms_server::api::blob::Blob;
use serde_json::{Value, json};

/// An answer of the service.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The body as JSON; null when there is none.
    pub(super) fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }

    /// The error code; empty after a success.
    pub(super) fn code(&self) -> String {
        self.json().get("__type").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The error text; empty when there is none.
    pub(super) fn message(&self) -> String {
        self.json().get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The response of a call that must succeed.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body.escape_ascii());
        self.json()
    }

    /// The whole body of a refusal, to the last member.
    #[track_caller]
    pub(super) fn refuses<'a>(&self, code: &str, message: impl Into<Option<&'a str>>) {
        let expected = match message.into() {
            None => json!({"__type": code}),
            Some(message) if code == "AccessDeniedException" => {
                json!({"__type": code, "Message": message, "message": message})
            }
            Some(message) => json!({"__type": code, "message": message}),
        };
        assert_eq!(self.json(), expected);
        let status = match code {
            "KMSInternalException" | "KeyUnavailableException" => 500,
            "NotImplementedException" => 501,
            _ => 400,
        };
        assert_eq!(self.status.as_u16(), status, "{code}");
    }
}

/// A request of the account that a 12-digit access key names. Such a signature is not verified.
pub(super) fn request(
    account: &str,
    region: &str,
    operation: &str,
    body: impl Into<Bytes>,
) -> Request<Bytes> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/kms/aws4_request, SignedHeaders=host, Signature=00"
    );
    Request::post("/")
        .header("authorization", authorization)
        .header("content-type", "application/x-amz-json-1.1")
        .header("host", "kms.test")
        .header("x-amz-date", "20260101T000000Z")
        .header("x-amz-target", format!("TrentService.{operation}"))
        .body(body.into())
        .unwrap()
}

/// Sends a request as it is.
pub(super) async fn send(kms: &TestKms, request: Request<Bytes>) -> Answer {
    let (parts, body) = kms.service().call(request).await.into_parts();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Calls an operation for any account and Region.
pub(super) async fn call_of(
    kms: &TestKms,
    (account, region): (&str, &str),
    operation: &str,
    input: Value,
) -> Answer {
    send(kms, request(account, region, operation, input.to_string())).await
}

/// Calls an operation for the default account and Region of tests.
pub(super) async fn call(kms: &TestKms, operation: &str, input: Value) -> Answer {
    call_of(kms, (ACCOUNT, REGION), operation, input).await
}

/// Calls the control API.
pub(super) async fn control(kms: &TestKms, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
    send(kms, Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
}

/// The audit records that a filter lets pass, oldest first.
pub(super) async fn events(kms: &TestKms, query: &str) -> Vec<Value> {
    let answer = control(kms, Method::GET, &format!("/_kms/events?{query}"), "").await.ok();
    answer["Records"].as_array().unwrap().clone()
}

/// The error code that an SDK reports; empty after a success.
pub(super) fn code<T, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E, impl std::fmt::Debug>>,
) -> String {
    match result {
        Ok(_) => String::new(),
        Err(error) => {
            error.as_service_error().and_then(|error| error.code()).unwrap_or("no service error").to_owned()
        }
    }
}

/// The error text that an SDK reports.
pub(super) fn message<T, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E, impl std::fmt::Debug>>,
) -> Option<String> {
    let error = result.as_ref().err()?.as_service_error()?;
    error.message().map(str::to_owned)
}

/// Fails unless an SDK reports exactly this code and text.
#[track_caller]
pub(super) fn refuses<'a, T, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E, impl std::fmt::Debug>>,
    expected: &str,
    text: impl Into<Option<&'a str>>,
) {
    assert_eq!((code(result).as_str(), message(result).as_deref()), (expected, text.into()));
}

/// The ARN of a key that need not exist.
pub(super) fn key_arn(id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}")
}

/// The ARN of an alias that need not exist.
pub(super) fn alias_arn(name: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{name}")
}

/// The bytes of a blob member.
pub(super) fn decoded(text: &Value) -> Vec<u8> {
    serde_json::from_value::<Blob>(text.clone()).unwrap().as_bytes().to_vec()
}

/// A blob member that holds these bytes.
pub(super) fn encoded(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}
