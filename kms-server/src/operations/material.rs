//! What operations share in the use of key material.

use std::fmt::Display;

use lifecycle::crypto::{CryptoError, Secret};
use lifecycle::ids::{MaterialId, Region};
use lifecycle::key::{EncryptionAlgorithm, Key, KeySpec, PrivateKey};

use super::Authorized;
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::{ErrorCode, KmsError};

impl From<CryptoError> for KmsError {
    /// For operations that have no answer of their own to an input which the key refuses.
    fn from(_: CryptoError) -> Self {
        internal()
    }
}

pub(super) fn internal() -> KmsError {
    KmsError::bare(ErrorCode::KMSInternalException)
}

/// What is said when a key cannot do what an algorithm demands.
pub(super) fn incompatible(algorithm: impl Display, key: &Key) -> KmsError {
    KmsError::new(
        ErrorCode::InvalidKeyUsageException,
        format!("Algorithm {algorithm} is incompatible with key spec {}.", key.spec),
    )
}

/// The bytes of one of a key's materials.
pub(super) fn secret<'a>(
    authorized: &Authorized<'a>,
    key: &Key,
    id: MaterialId,
) -> Result<&'a Secret, KmsError> {
    let material = authorized.view.material(&key.arn, id).ok_or_else(internal)?;
    material.secret.as_ref().ok_or_else(|| unavailable(key))
}

/// A key whose material was left out when its state was exported cannot be used, which is what this error of
/// AWS's says.
fn unavailable(key: &Key) -> KmsError {
    KmsError::new(
        ErrorCode::KeyUnavailableException,
        format!("{} has no key material: its state was exported without it.", key.arn),
    )
}

/// The material that a key uses, for anything but symmetric encryption.
pub(super) fn private_key<'a>(authorized: &Authorized<'a>, key: &Key) -> Result<PrivateKey<'a>, KmsError> {
    let id = key.current_material.ok_or_else(internal)?;
    Ok(PrivateKey { spec: key.spec, secret: secret(authorized, key, id)? })
}

/// Encrypts with an asymmetric algorithm.
pub(super) fn seal_asymmetric(
    authorized: &Authorized<'_>,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<PublicBlob, KmsError> {
    let private = private_key(authorized, key)?;
    Ok(PublicBlob(private.encrypt(algorithm, plaintext, authorized.environment.entropy)?))
}

/// Decrypts with an asymmetric algorithm.
pub(super) fn open_asymmetric(
    authorized: &Authorized<'_>,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    ciphertext: &[u8],
) -> Result<Blob, KmsError> {
    let opened = private_key(authorized, key)?.decrypt(algorithm, ciphertext);
    opened.map(Blob::from).map_err(|error| match error {
        CryptoError::Refused => KmsError::bare(ErrorCode::InvalidCiphertextException),
        CryptoError::Failed => internal(),
    })
}

/// Whether a Region is one of those with the algorithms of China.
pub(super) fn is_in_china(region: Region) -> bool {
    region.partition() == "aws-cn"
}

/// SM2 is for the Regions in China only, and ML-KEM for all others.
///
/// AWS: KMS developer guide, "Key spec reference".
pub(super) fn check_region(region: Region, member: &str, spec: KeySpec) -> Result<(), KmsError> {
    let in_china = is_in_china(region);
    let available = match spec {
        KeySpec::Sm2 => in_china,
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => !in_china,
        _ => true,
    };
    if available {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::UnsupportedOperationException,
        format!("{member} {spec} is not supported in this Region"),
    ))
}
