//! Encrypt, Decrypt and ReEncrypt.

use lifecycle::crypto::envelope::{self, EncryptionContext};
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{EncryptionAlgorithm, Key, Material};
use serde::{Deserialize, Serialize};

use super::{Authorized, Operation, Query, Resolved, not_implemented};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

/// Rules on an encryption context that the model does not state.
pub(super) fn check_context(context: Option<&EncryptionContext>, limits: &Limits) -> Result<(), KmsError> {
    let Some(context) = context else { return Ok(()) };
    // AWS (observed): an unusable context, such as one with an empty key or value, has this one text.
    let usable = context.iter().all(|(key, value)| !key.is_empty() && !value.is_empty());
    if usable && envelope::canonical_context_length(context) <= limits.encryption_context_bytes_max {
        return Ok(());
    }
    Err(KmsError::validation("Invalid EncryptionContext"))
}

/// The algorithm must be one of the key's.
pub(super) fn check_algorithm(key: &Key, algorithm: EncryptionAlgorithm) -> Result<(), KmsError> {
    if key.spec.encryption_algorithms().contains(&algorithm) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::InvalidKeyUsageException,
        format!("Algorithm {algorithm} is incompatible with key spec {}.", key.spec),
    ))
}

fn algorithm_or_default(algorithm: Option<EncryptionAlgorithm>) -> EncryptionAlgorithm {
    algorithm.unwrap_or(EncryptionAlgorithm::SymmetricDefault)
}

fn internal() -> KmsError {
    KmsError::bare(ErrorCode::KMSInternalException)
}

/// A ciphertext, and the material that made it.
pub(super) struct Sealed {
    pub(super) blob: PublicBlob,
    pub(super) material: MaterialId,
}

/// Encrypts with the key's current material.
pub(super) fn seal(
    authorized: &Authorized<'_>,
    key: &Key,
    context: Option<&EncryptionContext>,
    plaintext: &[u8],
) -> Result<Sealed, KmsError> {
    let id = key.current_material.ok_or_else(internal)?;
    let material = material(authorized, key, id)?;
    let secret = material.secret.as_ref().ok_or_else(|| unavailable(key))?;
    let none = EncryptionContext::new();
    let blob =
        envelope::seal(secret, id, context.unwrap_or(&none), plaintext, authorized.environment.entropy)?;
    Ok(Sealed { blob: PublicBlob(blob), material: id })
}

fn open(
    authorized: &Authorized<'_>,
    at: usize,
    context: Option<&EncryptionContext>,
    blob: &[u8],
) -> Result<(Blob, MaterialId), KmsError> {
    let resolved = authorized.resolved.keys.get(at).ok_or_else(internal)?;
    let invalid = || KmsError::bare(ErrorCode::InvalidCiphertextException);
    let id = resolved.material.ok_or_else(invalid)?;
    let material = material(authorized, &resolved.key, id)?;
    let secret = material.secret.as_ref().ok_or_else(|| unavailable(&resolved.key))?;
    let none = EncryptionContext::new();
    let opened = envelope::open(secret, id, context.unwrap_or(&none), blob).map_err(|_| invalid())?;
    Ok((opened.into(), id))
}

fn material<'a>(authorized: &Authorized<'a>, key: &Key, id: MaterialId) -> Result<&'a Material, KmsError> {
    authorized.view.material(&key.arn, id).map(|material| &**material).ok_or_else(internal)
}

/// A key whose material was left out when its state was exported cannot be used, which is what this error of
/// AWS's says.
fn unavailable(key: &Key) -> KmsError {
    KmsError::new(
        ErrorCode::KeyUnavailableException,
        format!("{} has no key material: its state was exported without it.", key.arn),
    )
}

/// AWS: KMS API reference, "Encrypt".
pub(super) struct Encrypt;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptRequest {
    plaintext: Blob,
    encryption_context: Option<EncryptionContext>,
    encryption_algorithm: Option<EncryptionAlgorithm>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptResponse {
    ciphertext_blob: PublicBlob,
    key_id: KeyArn,
    encryption_algorithm: EncryptionAlgorithm,
}

impl Operation for Encrypt {
    const NAME: &'static str = "Encrypt";
    type Input = EncryptRequest;
    type Output = EncryptResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        resolved.keys.iter().try_for_each(|found| {
            check_algorithm(&found.key, algorithm_or_default(input.encryption_algorithm))
        })
    }
}

impl Query for Encrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let sealed = seal(authorized, key, input.encryption_context.as_ref(), input.plaintext.as_bytes())?;
        Ok(EncryptResponse {
            ciphertext_blob: sealed.blob,
            key_id: key.arn,
            encryption_algorithm: algorithm_or_default(input.encryption_algorithm),
        })
    }
}

/// AWS: KMS API reference, "Decrypt".
pub(super) struct Decrypt;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptRequest {
    ciphertext_blob: Option<PublicBlob>,
    encryption_context: Option<EncryptionContext>,
    key_id: Option<String>,
    encryption_algorithm: Option<EncryptionAlgorithm>,
    recipient: Option<serde_json::Value>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptResponse {
    key_id: KeyArn,
    plaintext: Blob,
    encryption_algorithm: EncryptionAlgorithm,
    key_material_id: MaterialId,
}

/// The members of Decrypt and of ReEncrypt's source that decide how its key is found.
struct Source<'a> {
    blob: Option<&'a PublicBlob>,
    key: Option<&'a str>,
    algorithm: Option<EncryptionAlgorithm>,
    dry_run: Option<bool>,
    modifiers: Option<&'a [String]>,
}

impl Source<'_> {
    /// A request says what to open: a ciphertext, or in a dry run that ignores ciphertexts the key alone.
    fn check(&self) -> Result<(), KmsError> {
        let ignores = self.modifiers.is_some_and(|modifiers| !modifiers.is_empty());
        if ignores && self.dry_run != Some(true) {
            return Err(KmsError::validation("DryRunModifiers can be specified only if DryRun is true"));
        }
        if self.blob.is_none() && !ignores {
            return Err(KmsError::validation(
                "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member \
                 must not be null",
            ));
        }
        let by_key = ignores || algorithm_or_default(self.algorithm) != EncryptionAlgorithm::SymmetricDefault;
        if by_key && self.key.is_none() {
            return Err(KmsError::validation("KeyId must not be null"));
        }
        Ok(())
    }
}

impl Operation for Decrypt {
    const NAME: &'static str = "Decrypt";
    type Input = DecryptRequest;
    type Output = DecryptResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        let source = Source {
            blob: input.ciphertext_blob.as_ref(),
            key: input.key_id.as_deref(),
            algorithm: input.encryption_algorithm,
            dry_run: input.dry_run,
            modifiers: input.dry_run_modifiers.as_deref(),
        };
        source.check()?;
        check_context(input.encryption_context.as_ref(), limits)
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        if input.recipient.is_some() {
            return Err(not_implemented("Recipient"));
        }
        resolved.keys.iter().try_for_each(|found| {
            check_algorithm(&found.key, algorithm_or_default(input.encryption_algorithm))
        })
    }
}

impl Query for Decrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let blob = input.ciphertext_blob.as_ref().map_or(&[][..], |blob| &blob.0);
        let (plaintext, material) = open(authorized, 0, input.encryption_context.as_ref(), blob)?;
        Ok(DecryptResponse {
            key_id: authorized.key()?.arn,
            plaintext,
            encryption_algorithm: algorithm_or_default(input.encryption_algorithm),
            key_material_id: material,
        })
    }
}

/// AWS: KMS API reference, "ReEncrypt".
pub(super) struct ReEncrypt;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptRequest {
    ciphertext_blob: Option<PublicBlob>,
    source_encryption_context: Option<EncryptionContext>,
    source_key_id: Option<String>,
    destination_encryption_context: Option<EncryptionContext>,
    source_encryption_algorithm: Option<EncryptionAlgorithm>,
    destination_encryption_algorithm: Option<EncryptionAlgorithm>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptResponse {
    ciphertext_blob: PublicBlob,
    source_key_id: KeyArn,
    key_id: KeyArn,
    source_encryption_algorithm: EncryptionAlgorithm,
    destination_encryption_algorithm: EncryptionAlgorithm,
    source_key_material_id: MaterialId,
    destination_key_material_id: MaterialId,
}

impl Operation for ReEncrypt {
    const NAME: &'static str = "ReEncrypt";
    type Input = ReEncryptRequest;
    type Output = ReEncryptResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        let source = Source {
            blob: input.ciphertext_blob.as_ref(),
            key: input.source_key_id.as_deref(),
            algorithm: input.source_encryption_algorithm,
            dry_run: input.dry_run,
            modifiers: input.dry_run_modifiers.as_deref(),
        };
        source.check()?;
        check_context(input.source_encryption_context.as_ref(), limits)?;
        check_context(input.destination_encryption_context.as_ref(), limits)
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        let algorithms = [input.source_encryption_algorithm, input.destination_encryption_algorithm];
        let pairs = resolved.keys.iter().zip(algorithms);
        pairs
            .into_iter()
            .try_for_each(|(found, algorithm)| check_algorithm(&found.key, algorithm_or_default(algorithm)))
    }
}

impl Query for ReEncrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let (source, destination) = (authorized.key_at(0)?, authorized.key_at(1)?);
        let blob = input.ciphertext_blob.as_ref().map_or(&[][..], |blob| &blob.0);
        let (plaintext, source_material) =
            open(authorized, 0, input.source_encryption_context.as_ref(), blob)?;
        let context = input.destination_encryption_context.as_ref();
        let sealed = seal(authorized, destination, context, plaintext.as_bytes())?;
        Ok(ReEncryptResponse {
            ciphertext_blob: sealed.blob,
            source_key_id: source.arn,
            key_id: destination.arn,
            source_encryption_algorithm: algorithm_or_default(input.source_encryption_algorithm),
            destination_encryption_algorithm: algorithm_or_default(input.destination_encryption_algorithm),
            source_key_material_id: source_material,
            destination_key_material_id: sealed.material,
        })
    }
}
