//! Encapsulate and Decapsulate.

use lifecycle::crypto::CryptoError;
use lifecycle::key::EncapsulationAlgorithm;
use serde::{Deserialize, Serialize};

use super::material::{incompatible, internal, private_key};
use super::{Authorized, Operation, Query, Resolved};
use crate::api::blob::Blob;
use crate::api::error::{ErrorCode, KmsError};

fn check(algorithm: EncapsulationAlgorithm, resolved: &Resolved) -> Result<(), KmsError> {
    let mut keys = resolved.keys.iter().map(|found| &found.key);
    let other = keys.find(|key| !key.spec.encapsulation_algorithms().contains(&algorithm));
    other.map_or(Ok(()), |key| Err(incompatible(algorithm, key)))
}

/// AWS: KMS API reference, "Encapsulate".
pub(super) struct Encapsulate;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncapsulateRequest {
    encapsulation_algorithm: EncapsulationAlgorithm,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncapsulateResponse {
    key_id: String,
    shared_secret: Blob,
    shared_secret_ciphertext_blob: Blob,
    encapsulation_algorithm: EncapsulationAlgorithm,
}

impl Operation for Encapsulate {
    const NAME: &'static str = "Encapsulate";
    type Input = EncapsulateRequest;
    type Output = EncapsulateResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check(input.encapsulation_algorithm, resolved)
    }
}

impl Query for Encapsulate {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let private = private_key(authorized, key)?;
        let (secret, ciphertext) = private.encapsulate(authorized.environment.entropy)?;
        Ok(EncapsulateResponse {
            key_id: key.arn.to_string(),
            shared_secret: secret.into(),
            shared_secret_ciphertext_blob: Blob::new(ciphertext),
            encapsulation_algorithm: input.encapsulation_algorithm,
        })
    }
}

/// AWS: KMS API reference, "Decapsulate".
pub(super) struct Decapsulate;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecapsulateRequest {
    shared_secret_ciphertext_blob: Blob,
    encapsulation_algorithm: EncapsulationAlgorithm,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecapsulateResponse {
    key_id: String,
    shared_secret: Blob,
    encapsulation_algorithm: EncapsulationAlgorithm,
}

impl Operation for Decapsulate {
    const NAME: &'static str = "Decapsulate";
    type Input = DecapsulateRequest;
    type Output = DecapsulateResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check(input.encapsulation_algorithm, resolved)
    }
}

impl Query for Decapsulate {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let ciphertext = input.shared_secret_ciphertext_blob.as_bytes();
        // An altered ciphertext of the right length is no error: it gives a secret that nobody else has.
        let secret = private_key(authorized, key)?.decapsulate(ciphertext).map_err(|error| match error {
            CryptoError::Refused => KmsError::bare(ErrorCode::InvalidCiphertextException),
            CryptoError::Failed => internal(),
        })?;
        Ok(DecapsulateResponse {
            key_id: key.arn.to_string(),
            shared_secret: secret.into(),
            encapsulation_algorithm: input.encapsulation_algorithm,
        })
    }
}
