//! The engine's calls as requests to the KMS of this server, and its answers as replies.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::at_rest::{
    Blob, Identity, KmsCall, KmsFault, KmsOutput, KmsReply, KmsRequest, Manager, SERVICE, regional_service,
};
use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;
use lifecycle::iam;
use lifecycle::ids::{Region, Uuid};
use lifecycle::policy::Principal;
use serde_json::Value;

use crate::api::error::KmsError;
use crate::auth::Caller;
use crate::engine::Draft;
use crate::pipeline::{Circumstances, ServiceCall};
use crate::service::Service;
use crate::service::inside::{Asking, Call, Called, Progress};

/// How far a call has come.
pub(super) enum Reached {
    /// KMS has answered.
    Reply(KmsReply),
    /// It waits for a proxy.
    Asks(Box<Asking>),
}

/// Makes a call on the writer's state, and keeps it for the record.
pub(super) fn call(
    service: &Service,
    draft: &mut Draft<'_>,
    call: &KmsCall,
    at: Timestamp,
    called: &mut Vec<Called>,
) -> Reached {
    let Callers { caller, shown, via } = match callers(draft, call) {
        Ok(callers) => callers,
        Err(fault) => return Reached::Reply(Err(fault)),
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
    let (operation, input) = (call.request.operation(), call.request.body(call.region));
    match service.call_inside(draft, Call { caller, circumstances, operation, input }, at) {
        Ok(progress) => reached(progress, call, shown, called),
        Err(error) => Reached::Reply(Err(fault(&error, Uuid::default()))),
    }
}

/// Goes on with a call whose proxy has answered.
pub(super) fn resume(
    service: &Service,
    draft: &mut Draft<'_>,
    (call, asking): (&KmsCall, Asking),
    at: Timestamp,
    called: &mut Vec<Called>,
) -> Reached {
    match callers(draft, call) {
        Ok(callers) => reached(service.resume_inside(draft, asking, at), call, callers.shown, called),
        Err(fault) => Reached::Reply(Err(fault)),
    }
}

fn reached(progress: Progress, call: &KmsCall, shown: Caller, called: &mut Vec<Called>) -> Reached {
    let made = match progress {
        Progress::Made(made) => made,
        Progress::Asks(asking) => return Reached::Asks(asking),
    };
    let reply = match made.answer() {
        (Ok(body), _) => {
            reply(&call.request, body).ok_or_else(|| KmsFault::unreachable("an unreadable answer"))
        }
        (Err(error), request_id) => Err(fault(error, request_id)),
    };
    called.push(made.keep_for_record(shown));
    Reached::Reply(reply)
}

/// As whom a call is made, who is recorded, and through which service it comes.
struct Callers {
    caller: Caller,
    shown: Caller,
    via: Option<String>,
}

fn callers(draft: &Draft<'_>, call: &KmsCall) -> Result<Callers, KmsFault> {
    let region = call.region;
    Ok(match &call.identity {
        Identity::Caller(caller) => {
            let principal = Principal::parse(&caller.arn);
            let principal = principal.ok_or_else(|| KmsFault::unreachable("the caller is no principal"))?;
            let identity = Arc::new(draft.state().directory().identity(&principal));
            let caller = Caller::unverified(identity, None, region);
            Callers { caller: caller.clone(), shown: caller, via: Some(SERVICE.to_owned()) }
        }
        // AWS: grants name the service of the Region, audit records the service.
        Identity::Service => Callers {
            caller: service_caller(&regional_service(region), region)?,
            shown: service_caller(SERVICE, region)?,
            via: None,
        },
    })
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

/// What the body of a successful answer says.
fn reply(request: &KmsRequest, body: &[u8]) -> Option<KmsOutput> {
    if matches!(request, KmsRequest::RetireGrant { .. }) {
        return Some(KmsOutput::Retired);
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let bytes = |name: &str| STANDARD.decode(body.get(name)?.as_str()?).ok();
    Some(match request {
        KmsRequest::DescribeKey { .. } => {
            let metadata = body.get("KeyMetadata")?;
            let manager = match metadata.get("KeyManager")?.as_str()? {
                "AWS" => Manager::Aws,
                _ => Manager::Customer,
            };
            KmsOutput::Described { arn: metadata.get("Arn")?.as_str()?.parse().ok()?, manager }
        }
        KmsRequest::CreateGrant { .. } => {
            KmsOutput::Granted { grant: body.get("GrantId")?.as_str()?.parse().ok()? }
        }
        KmsRequest::GenerateDataKey { .. } => KmsOutput::DataKey {
            plaintext: Secret::new(bytes("Plaintext")?),
            blob: Blob(bytes("CiphertextBlob")?),
        },
        KmsRequest::Decrypt { .. } => KmsOutput::Decrypted { plaintext: Secret::new(bytes("Plaintext")?) },
        KmsRequest::RetireGrant { .. } => KmsOutput::Retired,
    })
}
