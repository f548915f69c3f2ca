//! Second factors. There are no devices here, so that no code is the right one.

use super::error::{Code, StsError};

/// Refuses a second factor that is shown.
///
/// AWS (observed): the texts, for a device that does not exist and for a code without one.
pub(super) fn check(serial_number: Option<&str>, token_code: Option<&str>) -> Result<(), StsError> {
    let message = match (serial_number, token_code) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => {
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
             valid and associated with this user."
        }
        _ => "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
    };
    Err(StsError::new(Code::AccessDenied, message))
}
