//! The engine's calls as requests to the KMS of this server, and its answers as replies.

use std::sync::Arc;

use lifecycle::at_rest::{Identity, KmsCall, KmsFault, KmsReply, KmsRequest, SERVICE, regional_service};
use lifecycle::clock::Timestamp;
use lifecycle::iam;
use lifecycle::ids::{Region, Uuid};
use lifecycle::policy::Principal;
use serde_json::Value;

use crate::api::error::KmsError;
use crate::auth::Caller;
use crate::engine::Draft;
use crate::pipeline::{Circumstances, ServiceCall};
use crate::service::Service;
use crate::service::inside::{Call, Called};

/// Makes a call on the writer's state, and keeps it for the record.
pub(super) fn call(
    service: &Service,
    draft: &mut Draft<'_>,
    call: &KmsCall,
    at: Timestamp,
    called: &mut Vec<Called>,
) -> KmsReply {
    let region = call.region;
    let (caller, via) = match &call.identity {
        Identity::Caller(caller) => {
            let principal = Principal::parse(&caller.arn);
            let principal = principal.ok_or_else(|| KmsFault::unreachable("the caller is no principal"))?;
            let identity = Arc::new(draft.state().directory().identity(&principal));
            (Caller::unverified(identity, None, region), Some(SERVICE.to_owned()))
        }
        // AWS: grants name the service of the Region.
        Identity::Service => (service_caller(&regional_service(region), region)?, None),
    };
    let circumstances = Circumstances {
        source_ip: None,
        secure_transport: true,
        user_agent: Some(SERVICE.into()),
        service: Some(Box::new(ServiceCall {
            via,
            source_arn: Some(call.table.arn()),
            source_account: Some(call.table.scope.account.to_string()),
            endpoint: Default::default(),
        })),
    };
    let (operation, input) = (call.request.operation(), call.request.body(region));
    let made = service.call_inside(draft, Call { caller, circumstances, operation, input }, at);
    let made = made.map_err(|error| fault(&error, Uuid::default()))?;
    let reply = match made.answer() {
        (Ok(body), request_id) if is_external(&call.request, body) => Err(KmsFault {
            code: "UnsupportedOperationException".to_owned(),
            message: "Keys in an external key store cannot protect tables on this server.".to_owned(),
            request_id: request_id.to_string(),
        }),
        (Ok(body), _) => call.request.read(body).ok_or_else(|| KmsFault::unreachable("an unreadable answer")),
        (Err(error), request_id) => Err(fault(error, request_id)),
    };
    called.push(made.keep_for_record());
    reply
}

fn service_caller(name: &str, region: Region) -> Result<Caller, KmsFault> {
    let principal = Principal::parse(name).ok_or_else(|| KmsFault::unreachable("no name of a service"))?;
    Ok(Caller::unverified(Arc::new(iam::Identity::undescribed(principal, None)), None, region))
}

fn fault(error: &KmsError, request_id: Uuid) -> KmsFault {
    KmsFault {
        code: error.code.name().to_owned(),
        message: error.message.as_deref().unwrap_or_default().to_owned(),
        request_id: request_id.to_string(),
    }
}

/// Whether a key was described that lives behind a proxy, which cannot be asked while the writer decides.
fn is_external(request: &KmsRequest, body: &[u8]) -> bool {
    if !matches!(request, KmsRequest::DescribeKey { .. }) {
        return false;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.pointer("/KeyMetadata/Origin").and_then(Value::as_str) == Some("EXTERNAL_KEY_STORE")
}
