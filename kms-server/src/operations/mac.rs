//! GenerateMac and VerifyMac.

use lifecycle::crypto::CryptoError;
use lifecycle::key::MacAlgorithm;
use serde::{Deserialize, Serialize};

use super::material::{incompatible, internal, private_key};
use super::{Authorized, Operation, Query, Resolved};
use crate::api::blob::Blob;
use crate::api::error::{ErrorCode, KmsError};

/// The algorithm must be the key's.
fn check(algorithm: MacAlgorithm, resolved: &Resolved) -> Result<(), KmsError> {
    let other = resolved.keys.iter().find(|found| !found.key.spec.mac_algorithms().contains(&algorithm));
    other.map_or(Ok(()), |found| Err(incompatible(algorithm, &found.key)))
}

/// AWS: KMS API reference, "GenerateMac".
pub(super) struct GenerateMac;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateMacRequest {
    message: Blob,
    mac_algorithm: MacAlgorithm,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateMacResponse {
    mac: Blob,
    mac_algorithm: MacAlgorithm,
    key_id: String,
}

impl Operation for GenerateMac {
    const NAME: &'static str = "GenerateMac";
    type Input = GenerateMacRequest;
    type Output = GenerateMacResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check(input.mac_algorithm, resolved)
    }
}

impl Query for GenerateMac {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        Ok(GenerateMacResponse {
            mac: Blob::new(private_key(authorized, key)?.mac(input.message.as_bytes())?),
            mac_algorithm: input.mac_algorithm,
            key_id: key.arn.to_string(),
        })
    }
}

/// AWS: KMS API reference, "VerifyMac".
pub(super) struct VerifyMac;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyMacRequest {
    message: Blob,
    mac_algorithm: MacAlgorithm,
    mac: Blob,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyMacResponse {
    key_id: String,
    /// Never false: a code that is not the message's is an error.
    mac_valid: bool,
    mac_algorithm: MacAlgorithm,
}

impl Operation for VerifyMac {
    const NAME: &'static str = "VerifyMac";
    type Input = VerifyMacRequest;
    type Output = VerifyMacResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check(input.mac_algorithm, resolved)
    }
}

impl Query for VerifyMac {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let verified =
            private_key(authorized, key)?.verify_mac(input.message.as_bytes(), input.mac.as_bytes());
        verified.map_err(|error| match error {
            CryptoError::Refused => KmsError::bare(ErrorCode::KMSInvalidMacException),
            CryptoError::Failed => internal(),
        })?;
        Ok(VerifyMacResponse {
            key_id: key.arn.to_string(),
            mac_valid: true,
            mac_algorithm: input.mac_algorithm,
        })
    }
}
