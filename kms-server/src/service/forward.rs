//! Requests that a service signs with a credential of its own, for whoever called the service or for itself.
//!
//! On AWS a service calls KMS on behalf of its caller by means that no client has. Here an access key of `auth.access_keys`
//! that belongs to a service is its credential: with it, and with no other, `x-kms-caller` names the principal for whom the
//! service calls, and `x-kms-source-arn` and `x-kms-source-account` the resource. Without `x-kms-caller` the service
//! calls for itself. What counts has to be signed, and the answer says that it counted, so that nobody takes a server that
//! ignores the headers for one that heeds them.
//!
//! AWS: IAM User Guide, "Forward access sessions"; here it is a header.

use std::sync::Arc;

use ::http::HeaderValue;
use lifecycle::iam::{Directory, Identity};
use lifecycle::ids::AccountId;
use lifecycle::policy::{Principal, ServicePrincipal};

use super::circumstances::{self, SOURCE_ACCOUNT, SOURCE_ARN};
use super::{Exchange, ServiceHeaders};
use crate::api::error::{ErrorCode, KmsError};
use crate::auth::{Caller, Claim};
use crate::message::{Message, Reply};
use crate::pipeline::ServiceCall;

/// Names the principal for whom a service calls, by its ARN.
pub(crate) const CALLER: &str = "x-kms-caller";
/// In an answer: the service whose credential counted, and with it the headers.
pub(crate) const CALLED_BY: &str = "x-kms-called-by";

/// The longest ARN, in bytes. AWS: IAM API reference, the type `arnType`.
const ARN_LENGTH_MAX: usize = 2_048;

impl Exchange {
    /// Takes over who signed, and for whom.
    ///
    /// # Errors
    /// `AccessDeniedException` if somebody else than a service names a caller, `InvalidSignatureException` for a header that
    /// is not signed and `ValidationException` for one that says nothing.
    pub(super) fn admit(
        &mut self,
        message: &Message<'_>,
        signer: Caller,
        headers: ServiceHeaders,
        directory: &Directory,
    ) -> Result<(), KmsError> {
        if let Principal::Service(service) = signer.principal() {
            let service = service.clone();
            self.caller = Some(signer.clone());
            let (caller, call) = forwarded(message, signer, &service, directory)?;
            self.caller = Some(caller);
            self.circumstances.source_ip = None;
            self.circumstances.secure_transport = true;
            self.circumstances.user_agent = Some(service.as_str().into());
            self.circumstances.service = Some(Box::new(call));
            self.called_by = Some(service);
            return Ok(());
        }
        if message.headers.all(CALLER).next().is_some() {
            let action = self.entry.map_or("", |entry| entry.name());
            let error = KmsError::new(
                ErrorCode::AccessDeniedException,
                format!(
                    "User: {} is not authorized to perform: kms:{action} on behalf of another principal because its access \
                     key is not the credential of a service",
                    signer.arn()
                ),
            );
            self.caller = Some(signer);
            return Err(error);
        }
        self.caller = Some(match headers {
            ServiceHeaders::Heed => {
                circumstances::add_services(&message.headers, &mut self.circumstances, signer)?
            }
            ServiceHeaders::Ignore => signer,
        });
        Ok(())
    }
}

/// For whom a service calls, and for which resource.
fn forwarded(
    message: &Message<'_>,
    signer: Caller,
    service: &ServicePrincipal,
    directory: &Directory,
) -> Result<(Caller, ServiceCall), KmsError> {
    check_headers(message)?;
    let text = |name| message.headers.text(name);
    let source_arn = text(SOURCE_ARN).map(str::to_owned);
    let source_account = text(SOURCE_ACCOUNT).map(|account| match account.parse::<AccountId>() {
        Ok(account) => Ok(account.to_string()),
        Err(_) => Err(unreadable(SOURCE_ACCOUNT, "an account of 12 digits", account)),
    });
    let principal = text(CALLER).map(|arn| match Principal::parse(arn) {
        None | Some(Principal::Service(_)) => Err(unreadable(CALLER, "the ARN of a principal", arn)),
        Some(principal) => Ok(principal),
    });
    let (identity, via) = match principal.transpose()? {
        Some(principal) => (directory.identity(&principal), Some(service.as_str().to_owned())),
        // AWS: grants name the service of the Region.
        None => (Identity::undescribed(Principal::Service(service.in_region(signer.region)), None), None),
    };
    let call = ServiceCall {
        via,
        source_arn,
        source_account: source_account.transpose()?,
        endpoint: Default::default(),
    };
    // The key that signed is the service's, and no concern of its caller.
    let caller = Caller { identity: Arc::new(identity), access_key_id: None, session: None, ..signer };
    Ok((caller, call))
}

/// Every header by which a service says for whom it calls is signed, is there once and is a text of bounded length; there is
/// none by which it plays another one.
fn check_headers(message: &Message<'_>) -> Result<(), KmsError> {
    let claim = Claim::parse(message)?;
    let signed = |name: &str| claim.as_ref().is_some_and(|claim| claim.signs(name));
    for (name, value) in message.headers.lines().filter(|(name, _)| name.starts_with(circumstances::PREFIX)) {
        if ![CALLER, SOURCE_ARN, SOURCE_ACCOUNT].contains(&name) {
            return Err(KmsError::validation(format!(
                "The header {name} does not go with the credential of a service"
            )));
        }
        if !signed(name) {
            // AWS: IAM User Guide, "Create a signed AWS API request"; what it says of `x-amz-` headers.
            return Err(KmsError::new(
                ErrorCode::InvalidSignatureException,
                format!("There were headers present in the request which were not signed: {name}"),
            ));
        }
        if message.headers.all(name).count() > 1 {
            return Err(KmsError::validation(format!("The header {name} is there more than once")));
        }
        if value.is_empty() || value.len() > ARN_LENGTH_MAX || !value.iter().all(u8::is_ascii_graphic) {
            return Err(KmsError::validation(format!(
                "The header {name} is no text of 1 to {ARN_LENGTH_MAX} visible ASCII characters"
            )));
        }
    }
    Ok(())
}

fn unreadable(header: &str, expected: &str, text: &str) -> KmsError {
    KmsError::validation(format!("The header {header} is not {expected}: {text}"))
}

/// The answer to a service, which says that its credential counted.
pub(super) fn acknowledged(reply: Reply, service: &ServicePrincipal) -> Reply {
    let mut response = reply.into_response();
    if let Ok(name) = HeaderValue::from_str(service.as_str()) {
        response.headers_mut().insert(CALLED_BY, name);
    }
    Reply::Other(response)
}
