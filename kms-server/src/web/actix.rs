//! The service behind actix: HTTP/1.1 with keep-alive and HTTP/2, in the clear or over TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http as actix_http;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::api::error::{ErrorCode, KmsError};
use crate::service::{Peer, Service};

/// How to serve.
pub struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads; 0 starts one per core.
    pub workers: usize,
    /// Connections open at once.
    pub connections_max: usize,
    /// Longest body of a KMS request.
    pub body_bytes_max: usize,
    /// How long a client may take to send a request.
    pub request_timeout: Duration,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// How long requests may take to end when the server stops.
    pub shutdown_grace: Duration,
    /// TLS, if wanted.
    pub tls: Option<rustls::ServerConfig>,
}

/// A server that listens.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Runs it; it ends when it is stopped.
    pub server: actix_web::dev::Server,
    /// Stops it.
    pub handle: ServerHandle,
}

/// Exports and imports of state are longer than KMS requests.
const CONTROL_BODY_FACTOR: usize = 256;

/// Binds the address; nothing is served before [`Running::server`] is awaited.
///
/// # Errors
/// The address cannot be bound.
pub fn serve(service: Service, options: ServeOptions) -> io::Result<Running> {
    let limits = Limits { body_bytes_max: options.body_bytes_max, request_timeout: options.request_timeout };
    let mut server = HttpServer::new(move || {
        let service = service.clone();
        App::new().default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
            let service = service.clone();
            async move { answer(&service, &request, payload, limits).await }
        }))
    });
    if options.workers > 0 {
        server = server.workers(options.workers);
    }
    let server = server
        .max_connections(options.connections_max)
        .client_request_timeout(options.request_timeout)
        .keep_alive(options.keep_alive)
        .shutdown_timeout(options.shutdown_grace.as_secs())
        // The caller decides what a signal means.
        .disable_signals();
    let server = match options.tls {
        Some(tls) => server.bind_rustls_0_23(options.address, tls)?,
        None => server.bind_auto_h2c(options.address)?,
    };
    let address = server.addrs().first().copied().unwrap_or(options.address);
    let server = server.run();
    let handle = server.handle();
    Ok(Running { address, server, handle })
}

#[derive(Clone, Copy)]
struct Limits {
    body_bytes_max: usize,
    request_timeout: Duration,
}

async fn answer(
    service: &Service,
    request: &HttpRequest,
    payload: web::Payload,
    limits: Limits,
) -> HttpResponse {
    let control = request.path().starts_with("/_kms/");
    let longest = limits.body_bytes_max * if control { CONTROL_BODY_FACTOR } else { 1 };
    let body = match tokio::time::timeout(limits.request_timeout, read(payload, longest)).await {
        Ok(Ok(body)) => body,
        Ok(Err(Unread::TooLong)) => {
            return refuse(
                service,
                ErrorCode::RequestEntityTooLargeException,
                &format!("The request is longer than {longest} bytes."),
            );
        }
        // Whoever stalls or breaks off does not read an answer either.
        Ok(Err(Unread::Broken)) | Err(_) => return HttpResponse::RequestTimeout().finish(),
    };
    let Some(mut converted) = convert(request, body) else {
        return refuse(service, ErrorCode::SerializationException, "The request is malformed.");
    };
    if let Some(peer) = request.peer_addr() {
        converted.extensions_mut().insert(Peer(peer));
    }
    respond(service.call(converted).await)
}

enum Unread {
    TooLong,
    Broken,
}

async fn read(mut payload: web::Payload, longest: usize) -> Result<Bytes, Unread> {
    let mut chunks = BytesMut::new();
    let mut first = None;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if chunks.len() + first.as_ref().map_or(0, Bytes::len) + chunk.len() > longest {
            return Err(Unread::TooLong);
        }
        // Nearly every body is one chunk, which needs no copy.
        match first.take() {
            None if chunks.is_empty() => first = Some(chunk),
            earlier => {
                chunks.extend_from_slice(&earlier.unwrap_or_default());
                chunks.extend_from_slice(&chunk);
            }
        }
    }
    Ok(first.unwrap_or_else(|| chunks.freeze()))
}

/// actix speaks an older version of the `http` crate's types.
fn convert(request: &HttpRequest, body: Bytes) -> Option<http::Request<Bytes>> {
    let mut converted = http::Request::new(body);
    *converted.method_mut() = match *request.method() {
        actix_http::Method::POST => http::Method::POST,
        actix_http::Method::GET => http::Method::GET,
        ref other => http::Method::from_bytes(other.as_str().as_bytes()).ok()?,
    };
    let uri = request.uri();
    *converted.uri_mut() = match uri.path_and_query().map(actix_http::uri::PathAndQuery::as_str) {
        None | Some("/") => http::Uri::from_static("/"),
        Some(path) => path.parse().ok()?,
    };
    let headers = converted.headers_mut();
    headers.reserve(request.headers().len());
    for (name, value) in request.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    // HTTP/2 names the host in the URI, where signatures and the guard do not look.
    if let (None, Some(authority)) = (headers.get(http::header::HOST), uri.authority()) {
        headers.insert(http::header::HOST, http::HeaderValue::from_str(authority.as_str()).ok()?);
    }
    Some(converted)
}

fn respond(response: http::Response<Bytes>) -> HttpResponse {
    let status = actix_http::StatusCode::from_u16(response.status().as_u16());
    let mut converted = HttpResponse::new(status.unwrap_or(actix_http::StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in response.headers() {
        let name = actix_http::header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = actix_http::header::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            converted.headers_mut().append(name, value);
        }
    }
    converted.set_body(actix_web::body::BoxBody::new(response.into_body()))
}

fn refuse(service: &Service, code: ErrorCode, message: &str) -> HttpResponse {
    respond(service.refuse(&KmsError::new(code, message.to_owned())))
}
