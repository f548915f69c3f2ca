//! GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext.

use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::key::{KeySpec, PrivateKey};
use serde::{Deserialize, Serialize};

use super::custom_stores::check_pairs;
use super::data_keys::check_symmetric;
use super::encryption::{Sealed, check_context, seal};
use super::material::check_region;
use super::{Authorized, Operation, Query, Resolved, not_implemented};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::KmsError;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyPairRequest {
    encryption_context: Option<EncryptionContext>,
    key_pair_spec: KeySpec,
    /// GenerateDataKeyPairWithoutPlaintext has no such member: there it is absent.
    recipient: Option<serde_json::Value>,
}

/// A new pair.
struct Pair {
    private_key: Blob,
    public_key: Blob,
    sealed: Sealed,
}

impl GenerateDataKeyPairRequest {
    fn compatible(&self, resolved: &Resolved) -> Result<(), KmsError> {
        if self.recipient.is_some() {
            return Err(not_implemented("Recipient"));
        }
        check_symmetric(resolved)?;
        check_pairs(resolved)?;
        let mut regions = resolved.keys.iter().map(|found| found.key.arn.scope.region);
        regions.try_for_each(|region| check_region(region, "KeyPairSpec", self.key_pair_spec))
    }

    /// Makes the pair: the private key as PKCS#8, the public key as SubjectPublicKeyInfo.
    fn generate(&self, authorized: &Authorized<'_>) -> Result<Pair, KmsError> {
        let spec = self.key_pair_spec;
        let secret = spec.generate(authorized.environment.entropy)?;
        let public_key = PrivateKey { spec, secret: &secret }.public_key()?;
        let context = self.encryption_context.as_ref();
        let sealed = seal(authorized, authorized.key()?, context, secret.expose())?;
        Ok(Pair { private_key: secret.into(), public_key: Blob::new(public_key), sealed })
    }
}

/// AWS: KMS API reference, "GenerateDataKeyPair".
pub(super) struct GenerateDataKeyPair;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyPairResponse {
    private_key_ciphertext_blob: PublicBlob,
    private_key_plaintext: Blob,
    public_key: Blob,
    key_id: String,
    key_pair_spec: KeySpec,
    key_material_id: String,
}

impl Operation for GenerateDataKeyPair {
    const NAME: &'static str = "GenerateDataKeyPair";
    type Input = GenerateDataKeyPairRequest;
    type Output = GenerateDataKeyPairResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        input.compatible(resolved)
    }
}

impl Query for GenerateDataKeyPair {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let pair = input.generate(authorized)?;
        Ok(GenerateDataKeyPairResponse {
            private_key_ciphertext_blob: pair.sealed.blob,
            private_key_plaintext: pair.private_key,
            public_key: pair.public_key,
            key_id: authorized.key()?.arn.to_string(),
            key_pair_spec: input.key_pair_spec,
            key_material_id: pair.sealed.material.to_string(),
        })
    }
}

/// AWS: KMS API reference, "GenerateDataKeyPairWithoutPlaintext".
pub(super) struct GenerateDataKeyPairWithoutPlaintext;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyPairWithoutPlaintextResponse {
    private_key_ciphertext_blob: PublicBlob,
    public_key: Blob,
    key_id: String,
    key_pair_spec: KeySpec,
    key_material_id: String,
}

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    const NAME: &'static str = "GenerateDataKeyPairWithoutPlaintext";
    type Input = GenerateDataKeyPairRequest;
    type Output = GenerateDataKeyPairWithoutPlaintextResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        input.compatible(resolved)
    }
}

impl Query for GenerateDataKeyPairWithoutPlaintext {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let pair = input.generate(authorized)?;
        Ok(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: pair.sealed.blob,
            public_key: pair.public_key,
            key_id: authorized.key()?.arn.to_string(),
            key_pair_spec: input.key_pair_spec,
            key_material_id: pair.sealed.material.to_string(),
        })
    }
}
