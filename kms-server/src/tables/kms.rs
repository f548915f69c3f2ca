//! The engine's calls as requests to the KMS of this server, and its answers as replies.

use std::sync::Arc;

use lifecycle::at_rest::{Identity, KmsCall, KmsFault, KmsReply, SERVICE, regional_service};
use lifecycle::clock::Timestamp;
use lifecycle::iam;
use lifecycle::ids::{Region, Uuid};
use lifecycle::policy::Principal;

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
    let (caller, via) = match caller_of(draft, call) {
        Ok(known) => known,
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
        Ok(progress) => reached(progress, call, called),
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
    reached(service.resume_inside(draft, asking, at), call, called)
}

fn reached(progress: Progress, call: &KmsCall, called: &mut Vec<Called>) -> Reached {
    let made = match progress {
        Progress::Made(made) => made,
        Progress::Asks(asking) => return Reached::Asks(asking),
    };
    let reply = match made.answer() {
        (Ok(body), _) => call.request.read(body).ok_or_else(|| KmsFault::unreachable("an unreadable answer")),
        (Err(error), request_id) => Err(fault(error, request_id)),
    };
    called.push(made.keep_for_record());
    Reached::Reply(reply)
}

/// As whom a call is made, and through which service it comes.
fn caller_of(draft: &Draft<'_>, call: &KmsCall) -> Result<(Caller, Option<String>), KmsFault> {
    let region = call.region;
    Ok(match &call.identity {
        Identity::Caller(caller) => {
            let principal = Principal::parse(&caller.arn);
            let principal = principal.ok_or_else(|| KmsFault::unreachable("the caller is no principal"))?;
            let identity = Arc::new(draft.state().directory().identity(&principal));
            (Caller::unverified(identity, None, region), Some(SERVICE.to_owned()))
        }
        // AWS: grants name the service of the Region.
        Identity::Service => (service_caller(&regional_service(region), region)?, None),
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
