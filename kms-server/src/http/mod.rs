//! The HTTP edge: sockets, TLS and bodies in front of a service that knows no framework.

mod convert;
mod exchange;

pub mod actix;
pub mod guard;
pub mod tls;

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{Response, StatusCode};
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

pub use crate::message::{Connection, Transport};
use crate::message::{Message, Reply};

const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What answers requests. The edge hands over complete requests: the body is read and within the limit, the
/// target is in origin form, `Host` names the authority under HTTP/2 too, and there is a [`Connection`].
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The future runs on the thread of the connection, so it must not block, and it may be
    /// dropped at any await point: when the connection breaks, or when the grace of a shutdown ends.
    fn call(&self, message: Message<'_>) -> impl Future<Output = Reply>;

    /// Learns that the edge answered a request itself. A head that is not HTTP, or that does not come in time, is
    /// answered by actix before there is a request to tell of.
    fn refused(&self, reason: Refused) {
        let _ = reason;
    }
}

/// Why the edge answers a request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The body is longer than the limit.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The head has too many headers, or one that no handler could read.
    BrokenHead,
    /// The body ended early or is not framed correctly.
    BrokenBody,
    /// The server is shutting down.
    Stopping,
}

impl Refused {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Refused; 5] =
        [Refused::TooLarge, Refused::TooSlow, Refused::BrokenHead, Refused::BrokenBody, Refused::Stopping];

    /// The name of the reason in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Refused::TooLarge => "too_large",
            Refused::TooSlow => "too_slow",
            Refused::BrokenHead => "broken_head",
            Refused::BrokenBody => "broken_body",
            Refused::Stopping => "stopping",
        }
    }
}

/// What a client speaks, as far as the head of its request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// AWS JSON, the protocol of KMS, and whatever is no AWS request.
    Json,
    /// AWS's query protocol, that of STS: errors are XML.
    Query,
}

/// A request that the edge refuses before the handler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge { bytes_max: usize },
    TooSlow { allowed: Duration },
    BrokenHead,
    BrokenBody,
    Stopping,
}

impl Refusal {
    fn reason(&self) -> Refused {
        match self {
            Refusal::TooLarge { .. } => Refused::TooLarge,
            Refusal::TooSlow { .. } => Refused::TooSlow,
            Refusal::BrokenHead => Refused::BrokenHead,
            Refusal::BrokenBody => Refused::BrokenBody,
            Refusal::Stopping => Refused::Stopping,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Refusal::BrokenHead | Refusal::BrokenBody => StatusCode::BAD_REQUEST,
            Refusal::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The codes are those that the SDKs know: they retry the second and the last.
    // AWS: Key Management Service API reference, Security Token Service API reference, "Common Error Types"
    fn code(&self, protocol: Protocol) -> &'static str {
        match (self, protocol) {
            (Refusal::TooLarge { .. }, Protocol::Json) => "RequestEntityTooLargeException",
            (Refusal::TooLarge { .. }, Protocol::Query) => "RequestEntityTooLarge",
            (Refusal::TooSlow { .. }, Protocol::Json) => "RequestTimeoutException",
            (Refusal::TooSlow { .. }, Protocol::Query) => "RequestTimeout",
            (Refusal::BrokenHead | Refusal::BrokenBody, Protocol::Json) => "SerializationException",
            (Refusal::BrokenHead | Refusal::BrokenBody, Protocol::Query) => "MalformedInput",
            (Refusal::Stopping, _) => "ServiceUnavailable",
        }
    }

    fn message(&self) -> String {
        match self {
            Refusal::TooLarge { bytes_max } => format!("The request body exceeds {bytes_max} bytes."),
            Refusal::TooSlow { allowed } => {
                format!("The request body did not arrive within {allowed:?}.")
            }
            Refusal::BrokenHead => "The request head has too many headers or is not valid.".to_owned(),
            Refusal::BrokenBody => "The request body ended early or is not framed correctly.".to_owned(),
            Refusal::Stopping => "The server is shutting down.".to_owned(),
        }
    }

    /// The answer in the client's protocol. Neither code nor message holds a character that JSON or XML escapes.
    fn into_response(self, protocol: Protocol) -> Response<Bytes> {
        let (code, message, status) = (self.code(protocol), self.message(), self.status());
        let id = request_id();
        let shown = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        let (kind, body) = match protocol {
            Protocol::Json => (JSON_1_1, format!(r#"{{"__type":"{code}","message":"{message}"}}"#)),
            Protocol::Query => {
                let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
                let body = format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{fault}</Type>\
                     <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{shown}</RequestId>\
                     </ErrorResponse>"
                );
                (XML, body)
            }
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
}

/// A random UUID, version 4; none when the system has no entropy, because a repeated id would mislead.
fn request_id() -> Option<HeaderValue> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let mut id = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    HeaderValue::try_from(id).ok()
}

#[cfg(test)]
mod tests;
