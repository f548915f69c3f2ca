//! GetSessionToken: temporary credentials of the caller itself.

use lifecycle::policy::Principal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Code, StsError};
use super::issue::{Lifetime, credentials};
use super::{Call, mfa};
use crate::auth::{Caller, Session, Subject};

/// How long a session lasts unless the request says otherwise, in seconds.
// AWS: GetSessionToken, DurationSeconds.
const SECONDS_DEFAULT: u32 = 43_200;

/// How long a session of a root user lasts at most, in seconds. Longer ones are cut to it.
const ROOT_SECONDS_MAX: u32 = 3_600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    duration_seconds: Option<u32>,
    serial_number: Option<String>,
    token_code: Option<String>,
    minimum_session_token_size: Option<usize>,
}

/// AWS: GetSessionToken: no permission is needed, but long-term credentials are.
pub(super) fn run(call: &mut Call<'_>, input: &Value) -> Result<Value, StsError> {
    let input = Input::deserialize(input).map_err(|_| StsError::internal())?;
    let caller = call.signer()?;
    let long_term = matches!(caller.principal(), Principal::Root(_) | Principal::User { .. });
    if !long_term || caller.session.is_some() {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(StsError::new(Code::AccessDenied, message));
    }
    mfa::check(input.serial_number.as_deref(), input.token_code.as_deref())?;
    let root = matches!(caller.principal(), Principal::Root(_));
    let seconds = input.duration_seconds.unwrap_or(SECONDS_DEFAULT);
    let seconds = if root { seconds.min(ROOT_SECONDS_MAX) } else { seconds };
    let lifetime = Lifetime::of(call, seconds);
    let described = !root && call.directory().describes(caller.principal());
    let session = Session {
        subject: Subject::Owner {
            arn: caller.arn().to_owned(),
            id: described.then(|| caller.identity.user_id.to_string()),
            access_key_id: caller.access_key_id.clone(),
        },
        created_at: call.now.domain,
        expires_at: lifetime.ends_at,
        epoch: call.now.epoch,
        mfa: false,
        policy: None,
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
    };
    let (credentials, size) = credentials(call, &session, &lifetime, input.minimum_session_token_size)?;
    Ok(json!({ "Credentials": credentials, "SessionTokenSize": size }))
}

/// Whether the caller has credentials of GetSessionToken.
pub(super) fn is_session_of_owner(caller: &Caller) -> bool {
    caller.session.is_some() && matches!(caller.principal(), Principal::Root(_) | Principal::User { .. })
}
