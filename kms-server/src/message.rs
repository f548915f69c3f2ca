//! A request and its reply as the service sees them, without a web framework and without copies.
//!
//! A request to KMS is read where it lies: its header lines are borrowed, and its reply is a handful of values that the
//! edge spells out. Everything else, which is rare, travels as `http::Request` and `http::Response`.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use lifecycle::clock::Timestamp;
use lifecycle::ids::Uuid;

/// The connection a request came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// The address the server listens on.
    pub local: SocketAddr,
    /// Whether the bytes were encrypted.
    pub transport: Transport,
}

/// How the bytes of a connection travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Clear text.
    Plain,
    /// TLS 1.2 or 1.3.
    Tls,
}

impl Transport {
    /// The scheme of a URL that reaches such a server.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Transport::Plain => "http",
            Transport::Tls => "https",
        }
    }
}

/// The header lines of one request, their names in lower case. Lines of one name keep their order.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Headers<'a> {
    /// Headers that lie elsewhere.
    #[must_use]
    pub fn new(lines: Vec<(&'a str, &'a [u8])>) -> Self {
        Headers(lines)
    }

    /// The lines, each a name in lower case and a value.
    pub fn lines(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.iter().copied()
    }

    /// The values of one name, which is given in lower case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.lines().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The first value of a name, if it is UTF-8 text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of a name joined by commas, as a signature covers them; what is not UTF-8 is replaced.
    #[must_use]
    pub fn joined(&self, name: &str) -> Option<Cow<'a, str>> {
        let text = |value: &'a [u8]| match std::str::from_utf8(value) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(value),
        };
        let mut values = self.all(name).map(text);
        let first = values.next()?;
        Some(values.fold(first, |joined, value| Cow::Owned(format!("{joined},{value}"))))
    }
}

impl<'a> From<&'a HeaderMap> for Headers<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect())
    }
}

/// A request, borrowed from whoever received it.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The HTTP method, in upper case.
    pub method: &'a str,
    /// The path of the request target, undecoded.
    pub path: &'a str,
    /// The query of the target without its question mark; empty when there is none.
    pub query: &'a str,
    /// The authority of the target, which stands in for a missing `Host` (HTTP/2); empty when there is none.
    pub authority: &'a str,
    /// The version of HTTP.
    pub version: Version,
    /// All headers.
    pub headers: Headers<'a>,
    /// The body, undecoded.
    pub body: &'a Bytes,
    /// The connection; calls without one come from this process.
    pub connection: Option<Connection>,
}

impl<'a> Message<'a> {
    /// A request in the types of crate `http`.
    #[must_use]
    pub fn of(request: &'a Request<Bytes>) -> Self {
        let uri = request.uri();
        Message {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            authority: uri.authority().map_or("", http::uri::Authority::as_str),
            version: request.version(),
            headers: Headers::from(request.headers()),
            body: request.body(),
            connection: request.extensions().get::<Connection>().copied(),
        }
    }

    /// The request in the types of crate `http`, which keep copies.
    ///
    /// # Errors
    /// Something in the head is not valid HTTP.
    pub fn to_request(&self) -> Result<Request<Bytes>, http::Error> {
        let separator = if self.query.is_empty() { "" } else { "?" };
        let target = format!("{}{separator}{}", self.path, self.query);
        let head = Request::builder().method(self.method).uri(target).version(self.version);
        let mut request = head.body(self.body.clone())?;
        for (name, value) in self.headers.lines() {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            request.headers_mut().append(name, HeaderValue::from_bytes(value)?);
        }
        if let Some(connection) = self.connection {
            request.extensions_mut().insert(connection);
        }
        Ok(request)
    }
}

/// What goes back.
#[derive(Debug)]
pub enum Reply {
    /// The answer of a KMS operation.
    Operation(OperationReply),
    /// The answer of anything else.
    Other(Response<Bytes>),
}

/// The answer of a KMS operation, from which every header follows.
#[derive(Debug)]
pub struct OperationReply {
    /// The HTTP status; a success is 200.
    pub status: u16,
    /// Names the request; absent when there was no entropy for one.
    pub request_id: Option<Uuid>,
    /// The instant that the request was decided at.
    pub at: Timestamp,
    /// The body, JSON or empty.
    pub body: Bytes,
}

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The header that tells the domain time of a decision.
pub const DOMAIN_TIME: &str = "x-kms-domain-time";
/// The header that names a request.
pub const REQUEST_ID: &str = "x-amzn-requestid";
/// What the answers of successful operations say to caches.
pub const UNCACHED: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate, private"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "0"),
];

impl Reply {
    /// The reply in the types of crate `http`.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let reply = match self {
            Reply::Operation(reply) => reply,
            Reply::Other(response) => return response,
        };
        let mut response = Response::new(reply.body);
        *response.status_mut() = status(reply.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(Ok(id)) = reply.request_id.map(|id| HeaderValue::from_str(id.as_str())) {
            headers.insert(REQUEST_ID, id);
        }
        add_domain_time(headers, reply.at);
        if reply.status == 200 {
            headers.extend(UNCACHED.map(|(name, value)| (name, HeaderValue::from_static(value))));
        }
        response
    }
}

/// Tells the instant that a request was decided at.
pub fn add_domain_time(headers: &mut HeaderMap, at: Timestamp) {
    if let Ok(value) = domain_time(at, HeaderValue::from_bytes) {
        headers.insert(DOMAIN_TIME, value);
    }
}

/// The value of [`DOMAIN_TIME`], made by `value` from its bytes.
pub fn domain_time<T>(at: Timestamp, value: impl FnOnce(&[u8]) -> T) -> T {
    match at.rfc3339() {
        Some(text) => value(&text),
        None => value(at.to_string().as_bytes()),
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The pairs of a query string, decoded; `None` if it is not UTF-8 text.
pub(crate) fn query_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((percent_decode(name)?, percent_decode(value)?))
    });
    decoded.collect()
}

/// A part of a path or query without its percent signs; `None` if that is not UTF-8 text.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(char::from);
                // A sign would be a number to the parser, but is no digit.
                let [high, low] = digits.map(|digit| digit.to_digit(16));
                bytes.push(u8::try_from(high? << 4 | low?).ok()?);
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_being_borrowed() {
        let request = Request::builder()
            .method("PUT")
            .uri("/a%20b?c=d&e")
            .header("x-one", "1")
            .header("X-Two", "2")
            .header("x-one", "3")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let message = Message::of(&request);
        assert_eq!(
            (message.method, message.path, message.query, message.authority),
            ("PUT", "/a%20b", "c=d&e", "")
        );
        assert_eq!(message.headers.joined("x-one").as_deref(), Some("1,3"));
        assert_eq!((message.headers.text("x-two"), message.headers.text("x-three")), (Some("2"), None));
        let again = message.to_request().unwrap();
        assert_eq!((again.method(), again.uri()), (request.method(), request.uri()));
        assert_eq!((again.headers(), again.body()), (request.headers(), request.body()));
    }

    #[test]
    fn a_reply_says_to_keep_nothing_only_when_it_succeeds() {
        let reply = |status| {
            let reply = OperationReply { status, request_id: None, at: Timestamp(0), body: Bytes::new() };
            Reply::Operation(reply).into_response()
        };
        assert_eq!(reply(200).headers()["cache-control"], "no-cache, no-store, must-revalidate, private");
        assert_eq!(reply(200).headers()["content-type"], CONTENT_TYPE);
        assert_eq!(reply(200).headers()[DOMAIN_TIME], "1970-01-01T00:00:00.000Z");
        assert!(!reply(400).headers().contains_key("cache-control"));
        assert_eq!(reply(400).status(), 400);
    }
}
