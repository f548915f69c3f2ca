//! Keeps web pages out of the control API: a browser on the developer's machine reaches the server too, and runs
//! whatever any page tells it to.
//!
//! Three things stop a page. Its requests carry an `Origin` or `Sec-Fetch-Site` that names it; a name of its own
//! that it points at this machine (DNS rebinding) shows up in `Host`; and the content types that a page may send
//! without a preflight do not include `application/json`.

use std::net::{IpAddr, SocketAddr};

use ::http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use ::http::uri::Authority;
use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use serde_json::json;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why the control API refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `Host` is missing, repeated or not an authority.
    UnclearHost,
    /// `Host` names neither this machine nor the bound address.
    ForeignHost(String),
    /// `Origin` is another than the server's own.
    ForeignOrigin(String),
    /// The browser says that another site's page made the request.
    CrossSite(String),
    /// There is a body, and it is not JSON; holds the `Content-Type`, if there is one.
    NotJson(Option<String>),
}

/// Admits a request to the control API of the server that listens on `bound`, or says why not.
///
/// `Host` may be the bound address, `localhost`, a name under `.localhost` (no public name ends so, RFC 6761) or a
/// loopback address; a server bound to every address admits each literal address, because rebinding takes a name.
/// The port does not matter: container ports are mapped.
///
/// # Errors
/// The first rule that the request breaks.
pub fn check(request: &Request<Bytes>, bound: SocketAddr) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = host(headers)?;
    if !is_own(&host, bound.ip()) {
        return Err(Refusal::ForeignHost(host.to_string()));
    }
    check_origin(headers, &host)?;
    check_site(request)?;
    check_body(request)
}

fn host(headers: &HeaderMap) -> Result<Authority, Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => authority(host.as_bytes()).ok_or(Refusal::UnclearHost),
        _ => Err(Refusal::UnclearHost),
    }
}

/// An authority without user information, which no client sends in these headers.
fn authority(bytes: &[u8]) -> Option<Authority> {
    Authority::try_from(bytes).ok().filter(|authority| !authority.as_str().contains('@'))
}

fn is_own(host: &Authority, bound: IpAddr) -> bool {
    let name = host.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = literal.parse::<IpAddr>() {
        let address = address.to_canonical();
        return bound.is_unspecified() || address.is_loopback() || address == bound.to_canonical();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn check_origin(headers: &HeaderMap, host: &Authority) -> Result<(), Refusal> {
    for origin in headers.get_all(ORIGIN) {
        let own =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(scheme, rest)| {
                let default = match scheme {
                    "http" => 80,
                    "https" => 443,
                    _ => return false,
                };
                authority(rest.as_bytes()).is_some_and(|origin| {
                    origin.host().eq_ignore_ascii_case(host.host())
                        && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
                })
            });
        if !own {
            return Err(Refusal::ForeignOrigin(shown(origin)));
        }
    }
    Ok(())
}

/// Fetch metadata covers what sends no `Origin`: `GET` from images, frames and scripts. A link that the user
/// follows is let through, because a page cannot read what a top-level navigation shows, and `GET` changes nothing.
fn check_site(request: &Request<Bytes>) -> Result<(), Refusal> {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let is = |name: &str, value: &str| request.headers().get(name).is_some_and(|found| found == value);
    let followed = request.method() == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document");
    for site in request.headers().get_all(SITE) {
        if site != "same-origin" && site != "none" && !followed {
            return Err(Refusal::CrossSite(shown(site)));
        }
    }
    Ok(())
}

fn check_body(request: &Request<Bytes>) -> Result<(), Refusal> {
    if request.body().is_empty() {
        return Ok(());
    }
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let is_json = |value: &HeaderValue| {
        let essence = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    };
    match (types.next(), types.next()) {
        (Some(one), None) if is_json(one) => Ok(()),
        (first, _) => Err(Refusal::NotJson(first.map(shown))),
    }
}

/// A header value as the answer repeats it: readable and short.
fn shown(value: &HeaderValue) -> String {
    const CHARACTERS_MAX: usize = 200;
    String::from_utf8_lossy(value.as_bytes()).chars().take(CHARACTERS_MAX).collect()
}

impl Refusal {
    /// What is wrong with the request.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Refusal::UnclearHost => {
                "the request has no Host header, several, or one that is not a host".to_owned()
            }
            Refusal::ForeignHost(host) => {
                format!("the Host {host} is neither the address the server listens on nor loopback")
            }
            Refusal::ForeignOrigin(origin) => {
                format!(
                    "the Origin {origin} is not the server's own: a page of another origin made the request"
                )
            }
            Refusal::CrossSite(site) => {
                format!("a page of another origin made the request (Sec-Fetch-Site: {site})")
            }
            Refusal::NotJson(Some(found)) => format!("the body is {found}, not application/json"),
            Refusal::NotJson(None) => "the body has no Content-Type".to_owned(),
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Refusal::UnclearHost | Refusal::ForeignHost(_) => {
                "call http://localhost:PORT or the bound address; from another machine or container, use an IP \
                 address and start the server with --address 0.0.0.0"
            }
            Refusal::ForeignOrigin(_) | Refusal::CrossSite(_) => {
                "call the control API from a program, the command line or the server's own console, not from a web page"
            }
            Refusal::NotJson(_) => "send the header Content-Type: application/json",
        }
    }

    /// HTTP 403 with `{"message": …, "remedy": …}`.
    #[must_use]
    pub fn response(&self) -> Response<Bytes> {
        let body = json!({ "message": format!("Refused: {}.", self.reason()), "remedy": self.remedy() });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }
}

#[cfg(test)]
mod tests;
