//! GetCallerIdentity: who signs.

use serde_json::{Value, json};

use super::Call;
use super::error::StsError;

/// AWS: GetCallerIdentity: no permission is needed, and no policy keeps anybody from it.
pub(super) fn run(call: &mut Call<'_>, _: &Value) -> Result<Value, StsError> {
    let caller = call.signer()?;
    Ok(json!({
        "Arn": caller.arn(),
        "UserId": &*caller.identity.user_id,
        "Account": caller.identity.account().as_str(),
    }))
}
