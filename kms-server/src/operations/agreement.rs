//! DeriveSharedSecret.

use lifecycle::crypto::CryptoError;
use lifecycle::key::{KeyAgreementAlgorithm, Origin};
use serde::{Deserialize, Serialize};

use super::material::{incompatible, internal, private_key};
use super::recipient::Handed;
use super::{Authorized, Operation, Query, Resolved};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::{ErrorCode, KmsError};

/// AWS: KMS API reference, "DeriveSharedSecret".
pub(super) struct DeriveSharedSecret;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeriveSharedSecretRequest {
    key_agreement_algorithm: KeyAgreementAlgorithm,
    public_key: Blob,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeriveSharedSecretResponse {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_secret: Option<Blob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<PublicBlob>,
    key_agreement_algorithm: KeyAgreementAlgorithm,
    key_origin: Origin,
}

impl Operation for DeriveSharedSecret {
    const NAME: &'static str = "DeriveSharedSecret";
    type Input = DeriveSharedSecretRequest;
    type Output = DeriveSharedSecretResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        let algorithm = input.key_agreement_algorithm;
        let mut keys = resolved.keys.iter().map(|found| &found.key);
        let other = keys.find(|key| !key.spec.key_agreement_algorithms().contains(&algorithm));
        other.map_or(Ok(()), |key| Err(incompatible(algorithm, key)))
    }
}

impl Query for DeriveSharedSecret {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let secret = private_key(authorized, key)?.agree(input.public_key.as_bytes());
        let secret = secret.map_err(|error| match error {
            // AWS (observed): without a text.
            CryptoError::Refused => KmsError::bare(ErrorCode::ValidationException),
            CryptoError::Failed => internal(),
        })?;
        let secret = Handed::over(authorized, secret.into())?;
        Ok(DeriveSharedSecretResponse {
            key_id: key.arn.to_string(),
            shared_secret: secret.plaintext,
            ciphertext_for_recipient: secret.ciphertext_for_recipient,
            key_agreement_algorithm: input.key_agreement_algorithm,
            key_origin: key.origin,
        })
    }
}
