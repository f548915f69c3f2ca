//! SM2 of GB/T 32918, by `sm2`: signatures, encryption and key agreement.

use sm2::dsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
use sm2::dsa::signature::{RandomizedSigner as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm2::{ProjectivePoint, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::entropy::Generator;
use super::hash::Signed;
use super::{CryptoError, Entropy, Secret};

/// The longest plaintext in bytes.
///
/// AWS: KMS developer guide, "SM2 key spec (China Regions only)".
pub const PLAINTEXT_MAX: usize = 1_024;

/// The length of a digest, which is SM3's, in bytes.
pub const DIGEST_LENGTH: usize = 32;

/// Who signs, where nobody says otherwise: the value of GM/T 0009, which AWS uses for messages.
const DISTINGUISHING_ID: &str = "1234567812345678";

/// A candidate is out of range once in 2^32 draws.
const DRAWS_MAX: usize = 4;

/// A new key.
///
/// # Errors
/// There are no random bytes.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
    for _ in 0..DRAWS_MAX {
        let scalar = Zeroizing::new(entropy.array::<32>()?);
        if let Ok(key) = SecretKey::from_slice(&*scalar) {
            let document = key.to_pkcs8_der().map_err(|_| CryptoError::Failed)?;
            return Ok(Secret::new(document.as_bytes().to_vec()));
        }
    }
    Err(CryptoError::Failed)
}

/// A private key from elsewhere, in the form of [`generate`].
///
/// # Errors
/// `Refused` for anything but PKCS#8 with a key of this curve.
pub fn import(key: &Secret) -> Result<Secret, CryptoError> {
    let key = read(key).map_err(|_| CryptoError::Refused)?;
    let document = key.to_pkcs8_der().map_err(|_| CryptoError::Failed)?;
    Ok(Secret::new(document.as_bytes().to_vec()))
}

fn read(key: &Secret) -> Result<SecretKey, CryptoError> {
    SecretKey::from_pkcs8_der(key.expose()).map_err(|_| CryptoError::Failed)
}

/// The public key as SubjectPublicKeyInfo.
///
/// # Errors
/// The key is none of SM2.
pub fn public_key(key: &Secret) -> Result<Vec<u8>, CryptoError> {
    let document = read(key)?.public_key().to_public_key_der();
    Ok(document.map_err(|_| CryptoError::Failed)?.into_vec())
}

/// Signs, giving DER. A digest is that of the message and of who signs; for a message, the signer has the usual name.
///
/// # Errors
/// `Refused` for a digest that is not [`DIGEST_LENGTH`] bytes long.
pub fn sign(key: &Secret, signed: Signed<'_>, entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
    let key = SigningKey::new(DISTINGUISHING_ID, &read(key)?).map_err(|_| CryptoError::Failed)?;
    let mut generator = Generator(entropy);
    let signature: Signature = match signed {
        Signed::Message(message) => key.try_sign_with_rng(&mut generator, message),
        Signed::Digest(digest) if digest.len() == DIGEST_LENGTH => {
            key.sign_prehash_with_rng(&mut generator, digest)
        }
        Signed::Digest(_) => return Err(CryptoError::Refused),
    }
    .map_err(|_| CryptoError::Failed)?;
    Ok(signature.to_der().as_bytes().to_vec())
}

/// Verifies a signature in DER.
///
/// # Errors
/// `Refused` if the signature is not that of the message, or the digest has the wrong length.
pub fn verify(key: &Secret, signed: Signed<'_>, signature: &[u8]) -> Result<(), CryptoError> {
    check(read(key)?.public_key(), signed, signature)
}

/// Verifies a signature in DER with the public key alone, which is SubjectPublicKeyInfo.
///
/// # Errors
/// As [`verify`], and for anything but a point on the curve.
pub fn verify_with(public_key: &[u8], signed: Signed<'_>, signature: &[u8]) -> Result<(), CryptoError> {
    let public = PublicKey::from_public_key_der(public_key).map_err(|_| CryptoError::Refused)?;
    check(public, signed, signature)
}

fn check(public: PublicKey, signed: Signed<'_>, signature: &[u8]) -> Result<(), CryptoError> {
    let key = VerifyingKey::new(DISTINGUISHING_ID, public).map_err(|_| CryptoError::Failed)?;
    let signature = Signature::from_der(signature).map_err(|_| CryptoError::Refused)?;
    let verified = match signed {
        Signed::Message(message) => key.verify(message, &signature),
        Signed::Digest(digest) => key.verify_prehash(digest, &signature),
    };
    verified.map_err(|_| CryptoError::Refused)
}

/// Encrypts, giving the DER of GM/T 0009: both coordinates, the digest, the ciphertext.
///
/// # Errors
/// There are no random bytes.
pub fn encrypt(key: &Secret, plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
    encrypt_to(read(key)?.public_key(), plaintext, entropy)
}

/// Encrypts to the owner of a public key, which is SubjectPublicKeyInfo, as [`encrypt`] does.
///
/// # Errors
/// `Refused` for anything but a point on the curve.
pub fn encrypt_for(peer: &[u8], plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
    let peer = PublicKey::from_public_key_der(peer).map_err(|_| CryptoError::Refused)?;
    encrypt_to(peer, plaintext, entropy)
}

fn encrypt_to(public: PublicKey, plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
    let key = EncryptingKey::new(public);
    key.encrypt_der(&mut Generator(entropy), plaintext).map_err(|_| CryptoError::Failed)
}

/// Decrypts what [`encrypt`] gave.
///
/// # Errors
/// `Refused` for anything but a ciphertext for this key.
pub fn decrypt(key: &Secret, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
    let key = DecryptingKey::new(read(key)?);
    key.decrypt_der(ciphertext).map(Secret::new).map_err(|_| CryptoError::Refused)
}

/// The secret that the key shares with the owner of a public key: the x-coordinate of the common point.
///
/// # Errors
/// `Refused` unless `peer` is the SubjectPublicKeyInfo of a point on the curve.
pub fn agree(key: &Secret, peer: &[u8]) -> Result<Secret, CryptoError> {
    let key = read(key)?;
    let peer = PublicKey::from_public_key_der(peer).map_err(|_| CryptoError::Refused)?;
    let common = ProjectivePoint::from(*peer.as_affine()) * *key.to_nonzero_scalar();
    Ok(Secret::new(common.to_affine().x().to_vec()))
}
