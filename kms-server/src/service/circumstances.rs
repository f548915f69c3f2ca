//! What surrounds a request, from its connection and its headers.
//!
//! AWS services call KMS for their users, or for themselves, in ways that no client can imitate. Here a client
//! plays a service by headers, so that policies about services can be tried: `x-kms-via-service` makes a service
//! the one that forwards the caller's request, `x-kms-service` makes it the caller, and `x-kms-source-arn` and
//! `x-kms-source-account` say for which resource it acts. In the same way `x-kms-source-vpc`, `x-kms-source-vpce` and
//! `x-kms-vpc-source-ip` let a request come through a VPC endpoint.

use std::net::IpAddr;
use std::sync::Arc;

use lifecycle::iam::Identity;
use lifecycle::policy::{Principal, ServicePrincipal};

use crate::api::error::KmsError;
use crate::auth::Caller;
use crate::message::{Headers, Message, Transport};
use crate::pipeline::{Circumstances, Endpoint, ServiceCall};

pub(super) const PREFIX: &str = "x-kms-";
const SERVICE: &str = "x-kms-service";
const VIA_SERVICE: &str = "x-kms-via-service";
pub(crate) const SOURCE_ARN: &str = "x-kms-source-arn";
pub(crate) const SOURCE_ACCOUNT: &str = "x-kms-source-account";
const SOURCE_VPC: &str = "x-kms-source-vpc";
const SOURCE_VPCE: &str = "x-kms-source-vpce";
const VPC_SOURCE_IP: &str = "x-kms-vpc-source-ip";

/// Whether the headers by which clients play services count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceHeaders {
    /// They do.
    Heed,
    /// They are like any other header.
    Ignore,
}

/// What surrounds a request apart from services.
pub(super) fn of_connection(message: &Message<'_>) -> Circumstances {
    let connection = message.connection;
    Circumstances {
        source_ip: connection.and_then(|connection| connection.peer).map(|peer| peer.ip()),
        secure_transport: connection.is_some_and(|connection| connection.transport == Transport::Tls),
        user_agent: message.headers.text("user-agent").map(Box::from),
        service: None,
    }
}

/// Adds the services that the headers name, and hands back who calls: the service itself, if there is one.
///
/// # Errors
/// `ValidationException` for a name that no service has, and for an id or address that is none.
pub(super) fn add_services(
    headers: &Headers<'_>,
    circumstances: &mut Circumstances,
    caller: Caller,
) -> Result<Caller, KmsError> {
    if !headers.lines().any(|(name, _)| name.starts_with(PREFIX)) {
        return Ok(caller);
    }
    let text = |name| headers.text(name);
    let service = |name| text(name).map(|value| read_service(name, value)).transpose();
    circumstances.service = Some(Box::new(ServiceCall {
        via: service(VIA_SERVICE)?.map(|service| service.as_str().to_owned()),
        source_arn: text(SOURCE_ARN).map(str::to_owned),
        source_account: text(SOURCE_ACCOUNT).map(str::to_owned),
        endpoint: Endpoint {
            vpc: text(SOURCE_VPC).map(|id| read_id(SOURCE_VPC, "vpc-", id)).transpose()?,
            id: text(SOURCE_VPCE).map(|id| read_id(SOURCE_VPCE, "vpce-", id)).transpose()?,
            source_ip: text(VPC_SOURCE_IP).map(read_address).transpose()?,
        },
    }));
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

/// The id of a VPC or an endpoint: its prefix and hexadecimal digits.
fn read_id(header: &str, prefix: &str, text: &str) -> Result<String, KmsError> {
    let digits = text.strip_prefix(prefix).filter(|digits| (1..=17).contains(&digits.len()));
    if digits.is_some_and(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))) {
        return Ok(text.to_owned());
    }
    Err(KmsError::validation(format!("The header {header} is no id such as {prefix}1a2b3c4d: {text}")))
}

fn read_address(text: &str) -> Result<IpAddr, KmsError> {
    let unreadable = |_| KmsError::validation(format!("The header {VPC_SOURCE_IP} is no IP address: {text}"));
    text.parse().map_err(unreadable)
}
