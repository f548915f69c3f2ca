//! Between actix's HTTP types (crate `http` 0.2) and the service's.
//!
//! The two share no representation. A request is borrowed, header by header; a reply of the service is spelled out here,
//! once, with names and values that are constants wherever they can be.

use ::http::header::HeaderName;
use ::http::{Response, Version, header};
use actix_web::dev::{RequestHead, Response as Answer};
use actix_web::http as framework;
use actix_web::http::header as name;
use bytes::Bytes;

use crate::message::{
    CONTENT_TYPE, Connection, Headers, Message, OperationReply, Reply, UNCACHED, domain_time,
};

/// Header lines of one request. HTTP/1 stops at 96; HTTP/2 could bring more than a handler wants to look through.
const HEADERS_MAX: usize = 256;

/// The request for the handler; none for more headers than [`HEADERS_MAX`]: leaving out a header that a check needs
/// would be worse than refusing the request.
pub(super) fn message<'a>(
    head: &'a RequestHead,
    body: &'a Bytes,
    connection: Connection,
) -> Option<Message<'a>> {
    let count = head.headers.len();
    if count > HEADERS_MAX {
        return None;
    }
    let authority = head.uri.authority().filter(|_| head.method != framework::Method::CONNECT);
    let mut lines = Vec::with_capacity(count + 1);
    // RFC 9112 3.2.2 and RFC 9113 8.3.1: an authority in the target stands above, and for, `Host`.
    if let Some(authority) = authority {
        lines.push((name::HOST.as_str(), authority.as_str().as_bytes()));
    }
    let kept = head.headers.iter().filter(|(name, _)| authority.is_none() || *name != name::HOST);
    lines.extend(kept.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let (path, query) = match head.uri.path_and_query() {
        Some(target) => (target.path(), target.query().unwrap_or_default()),
        None => ("/", ""),
    };
    Some(Message {
        method: head.method.as_str(),
        path,
        query,
        authority: "",
        version: version(head.version),
        headers: Headers::new(lines),
        body,
        connection: Some(connection),
    })
}

fn version(version: framework::Version) -> Version {
    match version {
        framework::Version::HTTP_2 => Version::HTTP_2,
        framework::Version::HTTP_10 => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

/// Converts a reply's head, and takes its body.
pub(super) fn response(reply: Reply) -> (Answer<()>, Bytes) {
    match reply {
        Reply::Operation(reply) => operation(reply),
        Reply::Other(response) => other(response),
    }
}

fn operation(reply: OperationReply) -> (Answer<()>, Bytes) {
    const DOMAIN_TIME: name::HeaderName = name::HeaderName::from_static(crate::message::DOMAIN_TIME);
    const REQUEST_ID: name::HeaderName = name::HeaderName::from_static(crate::message::REQUEST_ID);
    let mut answer = Answer::with_body(status(reply.status), ());
    let headers = answer.headers_mut();
    headers.append(name::CONTENT_TYPE, name::HeaderValue::from_static(CONTENT_TYPE));
    if let Some(Ok(id)) = reply.request_id.map(|id| name::HeaderValue::from_str(id.as_str())) {
        headers.append(REQUEST_ID, id);
    }
    if let Ok(at) = domain_time(reply.at, name::HeaderValue::from_bytes) {
        headers.append(DOMAIN_TIME, at);
    }
    if reply.status == 200 {
        let names = [name::CACHE_CONTROL, name::PRAGMA, name::EXPIRES];
        for (name, (_, value)) in names.into_iter().zip(UNCACHED) {
            headers.append(name, name::HeaderValue::from_static(value));
        }
    }
    (answer, reply.body)
}

fn other(response: Response<Bytes>) -> (Answer<()>, Bytes) {
    let (parts, body) = response.into_parts();
    let mut answer = Answer::with_body(status(parts.status.as_u16()), ());
    for (name, value) in parts.headers.iter().filter(|(name, _)| !framing(name)) {
        let name = name::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = name::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    (answer, body)
}

fn status(code: u16) -> framework::StatusCode {
    framework::StatusCode::from_u16(code).unwrap_or(framework::StatusCode::INTERNAL_SERVER_ERROR)
}

/// Headers about the connection, which the edge decides: one from the handler could contradict the bytes sent.
fn framing(name: &HeaderName) -> bool {
    matches!(*name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION | header::UPGRADE)
}
