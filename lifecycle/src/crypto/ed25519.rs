//! Ed25519 of RFC 8032: pure by AWS-LC, Ed25519ph by `ed25519-dalek`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ed25519_dalek::{Digest as _, PUBLIC_KEY_LENGTH, Sha512, Signature, SigningKey, VerifyingKey};

use super::seed::Form;
use super::{CryptoError, Entropy, Secret};

/// RFC 8410: 1.3.101.112, the seed in an OCTET STRING.
const FORM: Form = Form { oid: &[0x06, 0x03, 0x2b, 0x65, 0x70], tag: 0x04, length: 32 };

/// A new key.
///
/// # Errors
/// There are no random bytes.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
    FORM.generate(entropy)
}

fn read(key: &Secret) -> Result<Ed25519KeyPair, CryptoError> {
    Ed25519KeyPair::from_seed_unchecked(FORM.seed::<32>(key)?).map_err(|_| CryptoError::Failed)
}

/// The public key as SubjectPublicKeyInfo.
///
/// # Errors
/// The key is none of Ed25519.
pub fn public_key(key: &Secret) -> Result<Vec<u8>, CryptoError> {
    Ok(FORM.public_key(read(key)?.public_key().as_ref()))
}

/// Signs a message.
///
/// # Errors
/// The key is none of Ed25519.
pub fn sign(key: &Secret, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let signature = read(key)?.try_sign(message).map_err(|_| CryptoError::Failed)?;
    Ok(signature.as_ref().to_vec())
}

/// Verifies the signature of a message.
///
/// # Errors
/// `Refused` for any other signature.
pub fn verify(key: &Secret, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    check(read(key)?.public_key().as_ref(), message, signature)
}

/// Verifies the signature of a message with the public key alone, which is SubjectPublicKeyInfo.
///
/// # Errors
/// `Refused` for any other signature, and for another public key.
pub fn verify_with(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    check(FORM.public_bits(public_key, PUBLIC_KEY_LENGTH)?, message, signature)
}

fn check(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let public = UnparsedPublicKey::new(&ED25519, public_key);
    public.verify(message, signature).map_err(|_| CryptoError::Refused)
}

/// Signs a message with Ed25519ph, which hashes it with SHA-512 first; the context is empty.
///
/// # Errors
/// The key is none of Ed25519.
pub fn sign_prehashed(key: &Secret, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = SigningKey::from_bytes(FORM.seed::<32>(key)?);
    let signature = key.sign_prehashed(Sha512::new_with_prefix(message), None);
    Ok(signature.map_err(|_| CryptoError::Failed)?.to_bytes().to_vec())
}

/// Verifies an Ed25519ph signature of a message.
///
/// # Errors
/// `Refused` for any other signature.
pub fn verify_prehashed(key: &Secret, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    check_prehashed(&SigningKey::from_bytes(FORM.seed::<32>(key)?).verifying_key(), message, signature)
}

/// Verifies an Ed25519ph signature of a message with the public key alone, which is SubjectPublicKeyInfo.
///
/// # Errors
/// `Refused` for any other signature, and for another public key.
pub fn verify_prehashed_with(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let bits = FORM.public_bits(public_key, PUBLIC_KEY_LENGTH)?;
    let public = VerifyingKey::try_from(bits).map_err(|_| CryptoError::Refused)?;
    check_prehashed(&public, message, signature)
}

fn check_prehashed(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let signature = Signature::from_slice(signature).map_err(|_| CryptoError::Refused)?;
    let message = Sha512::new_with_prefix(message);
    key.verify_prehashed_strict(message, None, &signature).map_err(|_| CryptoError::Refused)
}
