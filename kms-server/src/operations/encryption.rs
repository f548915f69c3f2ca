//! Encrypt, Decrypt and ReEncrypt.

use lifecycle::crypto::envelope::{self, EncryptionContext};
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{EncryptionAlgorithm, Key};
use serde::{Deserialize, Serialize};

use super::custom_stores::{after_sealing, before_opening, not_opened, shown_material};
use super::material::{incompatible, internal, open_asymmetric, seal_asymmetric, secret};
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
    Err(incompatible(algorithm, key))
}

/// The algorithm must be one of the key's, and an asymmetric one takes no encryption context.
fn check_use(
    key: &Key,
    algorithm: EncryptionAlgorithm,
    context: Option<&EncryptionContext>,
) -> Result<(), KmsError> {
    check_algorithm(key, algorithm)?;
    if algorithm == EncryptionAlgorithm::SymmetricDefault || context.is_none_or(EncryptionContext::is_empty) {
        return Ok(());
    }
    Err(KmsError::validation(
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
    ))
}

/// Asymmetric algorithms have limits of their own on the length of a plaintext.
fn check_length(key: &Key, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Result<(), KmsError> {
    match key.spec.plaintext_max(algorithm) {
        Some(max) if plaintext.len() > max => Err(KmsError::validation(format!(
            "Algorithm {algorithm} and key spec {} cannot encrypt data larger than {max} bytes.",
            key.spec
        ))),
        _ => Ok(()),
    }
}

fn algorithm_or_default(algorithm: Option<EncryptionAlgorithm>) -> EncryptionAlgorithm {
    algorithm.unwrap_or(EncryptionAlgorithm::SymmetricDefault)
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
    let secret = secret(authorized, key, id)?;
    let none = EncryptionContext::new();
    let context = context.unwrap_or(&none);
    let blob = envelope::seal(secret, id, context, plaintext, authorized.environment.entropy)?;
    let blob = after_sealing(authorized, key, id, context, blob)?;
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
    let secret = secret(authorized, &resolved.key, id)?;
    let none = EncryptionContext::new();
    let context = context.unwrap_or(&none);
    let blob = before_opening(authorized, &resolved.key, id, context, blob)?;
    let opened = envelope::open(secret, id, context, &blob).map_err(|_| not_opened(&resolved.key))?;
    Ok((opened.into(), id))
}

/// A plaintext encrypted, and the material if its id is shown.
fn encrypt(
    authorized: &Authorized<'_>,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    context: Option<&EncryptionContext>,
    plaintext: &[u8],
) -> Result<(PublicBlob, Option<MaterialId>), KmsError> {
    if algorithm == EncryptionAlgorithm::SymmetricDefault {
        let sealed = seal(authorized, key, context, plaintext)?;
        return Ok((sealed.blob, shown_material(key, sealed.material)));
    }
    check_length(key, algorithm, plaintext)?;
    Ok((seal_asymmetric(authorized, key, algorithm, plaintext)?, None))
}

/// A ciphertext decrypted with the key number `at` of the request, and the material if its id is shown.
fn decrypt(
    authorized: &Authorized<'_>,
    at: usize,
    algorithm: EncryptionAlgorithm,
    context: Option<&EncryptionContext>,
    blob: &[u8],
) -> Result<(Blob, Option<MaterialId>), KmsError> {
    if algorithm == EncryptionAlgorithm::SymmetricDefault {
        let (plaintext, material) = open(authorized, at, context, blob)?;
        return Ok((plaintext, shown_material(authorized.key_at(at)?, material)));
    }
    Ok((open_asymmetric(authorized, authorized.key_at(at)?, algorithm, blob)?, None))
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
        let algorithm = algorithm_or_default(input.encryption_algorithm);
        resolved.keys.iter().try_for_each(|found| {
            check_use(&found.key, algorithm, input.encryption_context.as_ref())?;
            check_length(&found.key, algorithm, input.plaintext.as_bytes())
        })
    }
}

impl Query for Encrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let encryption_algorithm = algorithm_or_default(input.encryption_algorithm);
        let context = input.encryption_context.as_ref();
        let (ciphertext_blob, _) =
            encrypt(authorized, key, encryption_algorithm, context, input.plaintext.as_bytes())?;
        Ok(EncryptResponse { ciphertext_blob, key_id: key.arn, encryption_algorithm })
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
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<MaterialId>,
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
        let algorithm = algorithm_or_default(input.encryption_algorithm);
        let context = input.encryption_context.as_ref();
        resolved.keys.iter().try_for_each(|found| check_use(&found.key, algorithm, context))
    }
}

impl Query for Decrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let blob = input.ciphertext_blob.as_ref().map_or(&[][..], |blob| &blob.0);
        let encryption_algorithm = algorithm_or_default(input.encryption_algorithm);
        let context = input.encryption_context.as_ref();
        let (plaintext, material) = decrypt(authorized, 0, encryption_algorithm, context, blob)?;
        Ok(DecryptResponse {
            key_id: authorized.key()?.arn,
            plaintext,
            encryption_algorithm,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_material_id: Option<MaterialId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_key_material_id: Option<MaterialId>,
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
        let source = (input.source_encryption_algorithm, input.source_encryption_context.as_ref());
        let destination =
            (input.destination_encryption_algorithm, input.destination_encryption_context.as_ref());
        let uses = resolved.keys.iter().zip([source, destination]);
        uses.into_iter().try_for_each(|(found, (algorithm, context))| {
            check_use(&found.key, algorithm_or_default(algorithm), context)
        })
    }
}

impl Query for ReEncrypt {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let (source, destination) = (authorized.key_at(0)?, authorized.key_at(1)?);
        let source_encryption_algorithm = algorithm_or_default(input.source_encryption_algorithm);
        let destination_encryption_algorithm = algorithm_or_default(input.destination_encryption_algorithm);
        let blob = input.ciphertext_blob.as_ref().map_or(&[][..], |blob| &blob.0);
        let context = input.source_encryption_context.as_ref();
        let (plaintext, source_material) =
            decrypt(authorized, 0, source_encryption_algorithm, context, blob)?;
        let context = input.destination_encryption_context.as_ref();
        let plaintext = plaintext.as_bytes();
        let (ciphertext_blob, destination_material) =
            encrypt(authorized, destination, destination_encryption_algorithm, context, plaintext)?;
        Ok(ReEncryptResponse {
            ciphertext_blob,
            source_key_id: source.arn,
            key_id: destination.arn,
            source_encryption_algorithm,
            destination_encryption_algorithm,
            source_key_material_id: source_material,
            destination_key_material_id: destination_material,
        })
    }
}
