//! What surrounds a request, from its connection and its headers.
//!
//! AWS services call KMS for their users, or for themselves, in ways that no client can imitate. Here a client
//! plays a service by headers, so that policies about services can be tried: `x-kms-via-service` makes a service
//! the one that forwards the caller's request, `x-kms-service` makes it the caller, and `x-kms-source-arn` and
//! `x-kms-source-account` say for which resource it acts.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use ::http::{HeaderMap, header};
use arrayvec::ArrayString;
use lifecycle::iam::Identity;
use lifecycle::policy::{Principal, ServicePrincipal};

use crate::api::error::KmsError;
use crate::auth::Caller;
use crate::http::{Connection, Transport};
use crate::pipeline::Circumstances;

const PREFIX: &str = "x-kms-";
const SERVICE: &str = "x-kms-service";
const VIA_SERVICE: &str = "x-kms-via-service";
const SOURCE_ARN: &str = "x-kms-source-arn";
const SOURCE_ACCOUNT: &str = "x-kms-source-account";

/// Whether the headers by which clients play services count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceHeaders {
    /// They do.
    Heed,
    /// They are like any other header.
    Ignore,
}

/// What surrounds a request apart from services.
pub(super) fn of_connection(headers: &HeaderMap, connection: Option<&Connection>) -> Circumstances {
    let peer = connection.and_then(|connection| connection.peer);
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Circumstances {
        source_ip: peer.map(|peer| spell(peer.ip()).as_str().to_owned()),
        secure_transport: connection.is_some_and(|connection| connection.transport == Transport::Tls),
        user_agent: agent.map(str::to_owned),
        ..Circumstances::default()
    }
}

/// Adds the services that the headers name, and hands back who calls: the service itself, if there is one.
///
/// # Errors
/// `ValidationException` for a name that no service has.
pub(super) fn add_services(
    headers: &HeaderMap,
    circumstances: &mut Circumstances,
    caller: Caller,
) -> Result<Caller, KmsError> {
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(caller);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let service = |name| text(name).map(|value| read_service(name, value)).transpose();
    circumstances.via = service(VIA_SERVICE)?.map(|service| service.as_str().to_owned());
    circumstances.source_arn = text(SOURCE_ARN).map(str::to_owned);
    circumstances.source_account = text(SOURCE_ACCOUNT).map(str::to_owned);
    Ok(match service(SERVICE)? {
        Some(service) => {
            let identity = Identity::undescribed(Principal::Service(service), None);
            Caller { identity: Arc::new(identity), session: None, ..caller }
        }
        None => caller,
    })
}

/// `dynamodb` and `dynamodb.amazonaws.com` are the same service.
fn read_service(header: &str, text: &str) -> Result<ServicePrincipal, KmsError> {
    let full = if text.contains('.') { text.to_owned() } else { format!("{text}.amazonaws.com") };
    ServicePrincipal::parse(&full).ok_or_else(|| {
        KmsError::validation(format!(
            "The header {header} does not name a service such as dynamodb.amazonaws.com: {text}"
        ))
    })
}

/// The text of an address. The one of version 4, which nearly all are, is spelled without the formatting machinery.
fn spell(address: IpAddr) -> ArrayString<45> {
    let mut text = ArrayString::new();
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                let digits = [octet / 100, octet / 10 % 10, octet % 10];
                let leading = digits.iter().take(2).take_while(|digit| **digit == 0).count();
                let dot = (at > 0).then_some('.');
                let shown = digits.into_iter().skip(leading).map(|digit| char::from(b'0' + digit));
                // The longest address has 45 characters.
                dot.into_iter().chain(shown).for_each(|letter| text.push(letter));
            }
        }
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_usual() {
        for text in
            ["127.0.0.1", "0.0.0.0", "255.10.100.9", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"]
        {
            assert_eq!(spell(text.parse().unwrap()).as_str(), text);
        }
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        assert_eq!(spell(longest.parse().unwrap()).as_str(), longest);
    }
}
