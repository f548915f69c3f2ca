//! GetAccessKeyInfo: whose account an access key is of.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Code, StsError};
use super::{Call, authorize, context, session_token};
use crate::auth::{UnknownAccessKey, account_of};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_key_id: String,
}

/// AWS: GetAccessKeyInfo: whether the key is active, or there at all, does not matter. The ids of temporary credentials
/// tell their account; of long-term ones only the directory knows it.
pub(super) fn run(call: &mut Call<'_>, input: &Value) -> Result<Value, StsError> {
    let Input { access_key_id } = Input::deserialize(input).map_err(|_| StsError::internal())?;
    let caller = call.signer()?;
    // AWS: GetSessionToken, "Permissions": of STS such a session may call AssumeRole and GetCallerIdentity only.
    if session_token::is_session_of_owner(caller) {
        let message = "Cannot call GetAccessKeyInfo with session credentials";
        return Err(StsError::new(Code::AccessDenied, message));
    }
    if !authorize::on_nothing(call, caller, "sts:GetAccessKeyInfo", &context::of(call)) {
        return Err(StsError::denied(caller.arn(), "sts:GetAccessKeyInfo", "*"));
    }
    let directory = call.directory();
    let known = directory.access_key(&access_key_id).map(|(_, owner)| owner.account());
    let unknown = || match call.authenticator.unknown_access_key(directory) {
        UnknownAccessKey::Root => Some(call.authenticator.account_of_unknown(&access_key_id)),
        UnknownAccessKey::Reject => None,
    };
    match known.or_else(|| account_of(&access_key_id)).or_else(unknown) {
        Some(account) => Ok(json!({ "Account": account.as_str() })),
        None => Err(StsError::validation("The access key id is not known.")),
    }
}
