//! GenerateDataKey and GenerateDataKeyWithoutPlaintext.

use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::KeySpec;
use serde::{Deserialize, Serialize};

use super::custom_stores::shown_material;
use super::encryption::{Sealed, check_context, seal};
use super::{Authorized, Operation, Query, Resolved, not_implemented};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

/// Data keys and data key pairs are encrypted under symmetric keys only.
pub(super) fn check_symmetric(resolved: &Resolved) -> Result<(), KmsError> {
    if resolved.keys.iter().all(|found| found.key.spec == KeySpec::SymmetricDefault) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::InvalidKeyUsageException,
        "You cannot generate a data key with an asymmetric CMK",
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyRequest {
    encryption_context: Option<EncryptionContext>,
    number_of_bytes: Option<usize>,
    key_spec: Option<String>,
    /// GenerateDataKeyWithoutPlaintext has no such member: there it is absent.
    recipient: Option<serde_json::Value>,
}

impl GenerateDataKeyRequest {
    /// The length of the data key in bytes; exactly one of two members says it.
    fn length(&self) -> Result<usize, KmsError> {
        match (self.number_of_bytes, self.key_spec.as_deref()) {
            (Some(length), None) => Ok(length),
            (None, Some("AES_256")) => Ok(32),
            (None, Some("AES_128")) => Ok(16),
            _ => Err(KmsError::validation("Please specify either number of bytes or key spec.")),
        }
    }

    fn compatible(&self, resolved: &Resolved) -> Result<(), KmsError> {
        if self.recipient.is_some() {
            return Err(not_implemented("Recipient"));
        }
        check_symmetric(resolved)
    }

    fn generate(&self, authorized: &Authorized<'_>) -> Result<(Blob, Sealed), KmsError> {
        let mut data_key = zeroize::Zeroizing::new(vec![0; self.length()?]);
        authorized.environment.entropy.fill(&mut data_key)?;
        let plaintext = Blob::new(std::mem::take(&mut *data_key));
        let context = self.encryption_context.as_ref();
        let sealed = seal(authorized, authorized.key()?, context, plaintext.as_bytes())?;
        Ok((plaintext, sealed))
    }
}

/// AWS: KMS API reference, "GenerateDataKey".
pub(super) struct GenerateDataKey;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyResponse {
    ciphertext_blob: PublicBlob,
    plaintext: Blob,
    key_id: KeyArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<MaterialId>,
}

impl Operation for GenerateDataKey {
    const NAME: &'static str = "GenerateDataKey";
    type Input = GenerateDataKeyRequest;
    type Output = GenerateDataKeyResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn before_usage(input: &Self::Input) -> Result<(), KmsError> {
        input.length().map(|_| ())
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        input.compatible(resolved)
    }
}

impl Query for GenerateDataKey {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let (plaintext, sealed) = input.generate(authorized)?;
        Ok(GenerateDataKeyResponse {
            ciphertext_blob: sealed.blob,
            plaintext,
            key_id: authorized.key()?.arn,
            key_material_id: shown_material(authorized.key()?, sealed.material),
        })
    }
}

/// AWS: KMS API reference, "GenerateDataKeyWithoutPlaintext".
pub(super) struct GenerateDataKeyWithoutPlaintext;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyWithoutPlaintextResponse {
    ciphertext_blob: PublicBlob,
    key_id: KeyArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<MaterialId>,
}

impl Operation for GenerateDataKeyWithoutPlaintext {
    const NAME: &'static str = "GenerateDataKeyWithoutPlaintext";
    type Input = GenerateDataKeyRequest;
    type Output = GenerateDataKeyWithoutPlaintextResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn before_usage(input: &Self::Input) -> Result<(), KmsError> {
        input.length().map(|_| ())
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        input.compatible(resolved)
    }
}

impl Query for GenerateDataKeyWithoutPlaintext {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let (_, sealed) = input.generate(authorized)?;
        Ok(GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: sealed.blob,
            key_id: authorized.key()?.arn,
            key_material_id: shown_material(authorized.key()?, sealed.material),
        })
    }
}
