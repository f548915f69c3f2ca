//! Keeps web pages away from the control API: a page that a browser shows can send requests to loopback, and must
//! not be able to advance a clock or export a state with them.

use std::net::IpAddr;

use http::{HeaderMap, Method, header};

/// Why a control call is refused; says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrusion {
    /// `Origin` is not this server.
    Origin,
    /// `Host` is neither loopback nor the address that the server is bound to.
    Host,
    /// A body that is not JSON, the kind that a form can send.
    ContentType,
}

impl Intrusion {
    /// What to tell the caller.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Intrusion::Origin => {
                "web pages of other sites may not use the control API; send no Origin header"
            }
            Intrusion::Host => {
                "the control API answers to loopback and the bound address only; call it by 127.0.0.1 or localhost"
            }
            Intrusion::ContentType => "send a body with the header content-type: application/json",
        }
    }
}

/// Checks a request to the control API.
///
/// # Errors
/// The first sign of an intrusion.
pub fn check(method: &Method, headers: &HeaderMap, has_body: bool, bound: IpAddr) -> Result<(), Intrusion> {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST);
    // HTTP/1.0 and calls in process have no host; a browser always sends one.
    if host.is_some_and(|host| !is_own(host, bound)) {
        return Err(Intrusion::Host);
    }
    if let Some(origin) = text(header::ORIGIN) {
        let own = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        if !own {
            return Err(Intrusion::Origin);
        }
    }
    if has_body && method != Method::GET {
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Intrusion::ContentType);
        }
    }
    Ok(())
}

fn is_own(host: &str, bound: IpAddr) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &Method, headers: &[(&str, &str)], has_body: bool) -> Result<(), Intrusion> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        check(method, &map, has_body, "192.0.2.7".parse().unwrap())
    }

    #[test]
    fn own_hosts_pass_and_others_do_not() {
        for host in ["127.0.0.1:4566", "localhost", "LOCALHOST:1", "[::1]:4566", "127.9.9.9", "192.0.2.7:80"]
        {
            assert_eq!(checked(&Method::GET, &[("host", host)], false), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:4566", "192.0.2.8", "localhost.evil.example", "[::2]:4566", ""]
        {
            assert_eq!(checked(&Method::GET, &[("host", host)], false), Err(Intrusion::Host), "{host}");
        }
        assert_eq!(checked(&Method::GET, &[], false), Ok(()));
    }

    #[test]
    fn foreign_origins_and_forms_do_not_pass() {
        let host = ("host", "127.0.0.1:4566");
        let origin = |origin| checked(&Method::GET, &[host, ("origin", origin)], false);
        assert_eq!(origin("http://127.0.0.1:4566"), Ok(()));
        for foreign in ["http://evil.example", "null", "http://127.0.0.1:8080", "127.0.0.1:4566"] {
            assert_eq!(origin(foreign), Err(Intrusion::Origin), "{foreign}");
        }
        let kind = |kind| checked(&Method::POST, &[host, ("content-type", kind)], true);
        assert_eq!(kind("application/json; charset=utf-8"), Ok(()));
        for form in ["text/plain", "application/x-www-form-urlencoded", ""] {
            assert_eq!(kind(form), Err(Intrusion::ContentType), "{form}");
        }
        assert_eq!(checked(&Method::POST, &[host], false), Ok(()), "no body, nothing to declare");
    }
}
