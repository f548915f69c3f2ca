//! Between actix's HTTP types (crate `http` 0.2) and the service's (crate `http` 1).
//!
//! The two crates share no representation and neither gives its bytes away, so values are copied; but all values of
//! a message go into one allocation, standard names are enums on both sides, and the names that every AWS
//! client sends are constants.

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, Version, header};
use actix_web::dev::RequestHead;
use actix_web::http as framework;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::{Bytes, BytesMut};

/// The head of a request: method, origin-form URI, version and headers.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
}

/// Header lines of one request. HTTP/1 stops at 96; HTTP/2 could bring more than a header map holds.
const HEADERS_MAX: usize = 256;

/// Converts a request's head; none for more headers than [`HEADERS_MAX`], or for one that crate `http` 1 cannot
/// hold: leaving out a header that a check needs would be worse than refusing the request.
pub(super) fn request_head(head: &RequestHead) -> Option<Head> {
    let mut headers = request_headers(&head.headers)?;
    // RFC 9112 3.2.2 and RFC 9113 8.3.1: an authority in the target stands above, and for, `Host`.
    if let Some(authority) = head.uri.authority().filter(|_| head.method != framework::Method::CONNECT) {
        headers.insert(header::HOST, HeaderValue::from_str(authority.as_str()).ok()?);
    }
    Some(Head {
        method: method(&head.method)?,
        uri: uri(&head.uri)?,
        version: version(head.version),
        headers,
    })
}

fn method(method: &framework::Method) -> Option<Method> {
    // The common verbs are written out because they cost no parsing.
    match *method {
        framework::Method::POST => Some(Method::POST),
        framework::Method::GET => Some(Method::GET),
        ref other => Method::from_bytes(other.as_str().as_bytes()).ok(),
    }
}

fn uri(uri: &framework::Uri) -> Option<Uri> {
    let Some(target) = uri.path_and_query() else { return Some(Uri::default()) };
    if target == "/" {
        return Some(Uri::default());
    }
    PathAndQuery::try_from(target.as_str()).ok().map(Uri::from)
}

fn version(version: framework::Version) -> Version {
    match version {
        framework::Version::HTTP_2 => Version::HTTP_2,
        framework::Version::HTTP_10 => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

fn request_headers(source: &framework::header::HeaderMap) -> Option<HeaderMap> {
    let count = source.len();
    if count > HEADERS_MAX {
        return None;
    }
    let mut values = Values::with_capacity(source.iter().map(|(_, value)| value.len()).sum());
    for (_, value) in source {
        values.push(value.as_bytes());
    }
    let mut values = values.freeze();
    let mut headers = HeaderMap::with_capacity(count);
    for (name, value) in source {
        let value = values.next(value.len());
        headers.append(request_name(name)?, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(headers)
}

/// The names that AWS SDKs send, as constants; reading any other one costs a parser.
fn request_name(name: &framework::header::HeaderName) -> Option<HeaderName> {
    macro_rules! constants {
        ({ $($standard:ident $spelled:literal,)* } { $($name:literal,)* }) => {
            match name.as_str() {
                $($spelled => Some(header::$standard),)*
                $($name => {
                    const NAME: HeaderName = HeaderName::from_static($name);
                    Some(NAME)
                })*
                other => HeaderName::from_bytes(other.as_bytes()).ok(),
            }
        };
    }
    constants!(
        {
        ACCEPT "accept",
        ACCEPT_ENCODING "accept-encoding",
        AUTHORIZATION "authorization",
        CONNECTION "connection",
        CONTENT_LENGTH "content-length",
        CONTENT_TYPE "content-type",
        HOST "host",
        USER_AGENT "user-agent",
        }
        {
        "x-amz-target",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "x-amz-user-agent",
        "x-amzn-query-mode",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        }
    )
}

/// Converts a response's head into a builder, and takes its body.
pub(super) fn response(response: Response<Bytes>) -> (HttpResponseBuilder, Bytes) {
    let (parts, body) = response.into_parts();
    let status = framework::StatusCode::from_u16(parts.status.as_u16())
        .unwrap_or(framework::StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for (name, value) in parts.headers.iter().filter(|(name, _)| !framing(name)) {
        let value = match constant(value.as_bytes()) {
            Some(value) => Ok(framework::header::HeaderValue::from_static(value)),
            None => framework::header::HeaderValue::from_bytes(value.as_bytes()),
        };
        if let (Some(name), Ok(value)) = (response_name(name), value) {
            builder.append_header((name, value));
        }
    }
    (builder, body)
}

/// Headers about the connection, which the edge decides: one from the handler could contradict the bytes sent.
fn framing(name: &HeaderName) -> bool {
    matches!(*name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION | header::UPGRADE)
}

/// The values of every answer, which then need neither a check nor a copy.
fn constant(value: &[u8]) -> Option<&'static str> {
    ["application/x-amz-json-1.1", "no-cache, no-store, must-revalidate, private", "no-cache", "0"]
        .into_iter()
        .find(|constant| constant.as_bytes() == value)
}

/// The names of every answer as constants.
fn response_name(name: &HeaderName) -> Option<framework::header::HeaderName> {
    use framework::header as framework;
    const REQUEST_ID: framework::HeaderName = framework::HeaderName::from_static("x-amzn-requestid");
    Some(match *name {
        header::CONTENT_TYPE => framework::CONTENT_TYPE,
        header::CACHE_CONTROL => framework::CACHE_CONTROL,
        header::PRAGMA => framework::PRAGMA,
        header::EXPIRES => framework::EXPIRES,
        _ if name.as_str() == "x-amzn-requestid" => REQUEST_ID,
        _ => framework::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?,
    })
}

/// The header values of one message, written one after the other and then cut out of one allocation.
struct Values<B>(B);

impl Values<BytesMut> {
    fn with_capacity(bytes: usize) -> Self {
        Values(BytesMut::with_capacity(bytes))
    }

    fn push(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    fn freeze(self) -> Values<Bytes> {
        Values(self.0.freeze())
    }
}

impl Values<Bytes> {
    /// The next value, in the order of pushing.
    fn next(&mut self, length: usize) -> Bytes {
        self.0.split_to(length.min(self.0.len()))
    }
}
