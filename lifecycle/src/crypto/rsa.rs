//! RSA: PSS and PKCS#1 v1.5 signatures, OAEP encryption. All of it is slow: hand it to a thread that may be.
//!
//! New keys and the salts of PSS come from AWS-LC's own generator, which takes no random bytes from elsewhere.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, KeyPair as _, RsaEncoding, RsaParameters, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::hash::{Hash, Signed};
use super::{CryptoError, Secret};

/// The length of a modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modulus {
    /// 2,048 bits.
    Bits2048,
    /// 3,072 bits.
    Bits3072,
    /// 4,096 bits.
    Bits4096,
}

/// How a digest is padded for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// RSASSA-PSS with MGF1 of the same hash and a salt as long as the digest.
    Pss,
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
}

/// The hash function of OAEP and of its MGF1; the label is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oaep {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Oaep {
    fn algorithm(self) -> &'static OaepAlgorithm {
        match self {
            Oaep::Sha1 => &OAEP_SHA1_MGF1SHA1,
            Oaep::Sha256 => &OAEP_SHA256_MGF1SHA256,
        }
    }

    /// The length of the digest in bytes.
    fn digest_length(self) -> usize {
        match self {
            Oaep::Sha1 => 20,
            Oaep::Sha256 => 32,
        }
    }
}

impl Modulus {
    fn size(self) -> KeySize {
        match self {
            Modulus::Bits2048 => KeySize::Rsa2048,
            Modulus::Bits3072 => KeySize::Rsa3072,
            Modulus::Bits4096 => KeySize::Rsa4096,
        }
    }

    /// The length of the modulus, of signatures and of ciphertexts, in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Modulus::Bits2048 => 256,
            Modulus::Bits3072 => 384,
            Modulus::Bits4096 => 512,
        }
    }

    /// The longest plaintext that OAEP has room for, in bytes.
    #[must_use]
    pub fn plaintext_max(self, oaep: Oaep) -> usize {
        self.length() - 2 * oaep.digest_length() - 2
    }

    /// A new key with the public exponent 65,537. Takes up to some seconds.
    ///
    /// # Errors
    /// The generator failed.
    pub fn generate(self) -> Result<Secret, CryptoError> {
        let key = KeyPair::generate(self.size()).map_err(|_| CryptoError::Failed)?;
        let document = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| CryptoError::Failed)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    fn read(self, key: &Secret) -> Result<KeyPair, CryptoError> {
        let key = KeyPair::from_pkcs8(key.expose()).map_err(|_| CryptoError::Failed)?;
        if key.public_modulus_len() == self.length() { Ok(key) } else { Err(CryptoError::Failed) }
    }

    /// A private key from elsewhere, in the form of [`Modulus::generate`].
    ///
    /// # Errors
    /// `Refused` for anything but PKCS#8 with a key of two primes and this length.
    pub fn import(self, key: &Secret) -> Result<Secret, CryptoError> {
        let key = self.read(key).map_err(|_| CryptoError::Refused)?;
        let document = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| CryptoError::Failed)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// The public key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The key is none of this size.
    pub fn public_key(self, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        let key = self.read(key)?;
        let document = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key());
        Ok(document.map_err(|_| CryptoError::Failed)?.as_ref().to_vec())
    }

    /// Signs.
    ///
    /// # Errors
    /// `Refused` for a digest of the wrong length.
    pub fn sign(
        self,
        key: &Secret,
        padding: Padding,
        hash: Hash,
        signed: Signed<'_>,
    ) -> Result<Vec<u8>, CryptoError> {
        let digest = hash.digest(signed)?;
        let mut signature = vec![0; self.length()];
        let signing = self.read(key)?.sign_digest(encoding(padding, hash), &digest, &mut signature);
        signing.map_err(|_| CryptoError::Failed)?;
        Ok(signature)
    }

    /// Verifies.
    ///
    /// # Errors
    /// `Refused` if the signature is not that of the message, or the digest has the wrong length.
    pub fn verify(
        self,
        key: &Secret,
        padding: Padding,
        hash: Hash,
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        check(&self.public_key(key)?, padding, hash, signed, signature)
    }

    /// Verifies with the public key alone, which is SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`Modulus::verify`], and for a public key of another length.
    pub fn verify_with(
        self,
        public_key: &[u8],
        padding: Padding,
        hash: Hash,
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        // It reads nothing but SubjectPublicKeyInfo; what verifies would read an `RSAPublicKey` as well.
        let public = PublicEncryptingKey::from_der(public_key).map_err(|_| CryptoError::Refused)?;
        if public.key_size_bytes() != self.length() {
            return Err(CryptoError::Refused);
        }
        check(public_key, padding, hash, signed, signature)
    }

    /// Encrypts.
    ///
    /// # Errors
    /// `Refused` for a plaintext longer than [`Modulus::plaintext_max`].
    pub fn encrypt(self, key: &Secret, oaep: Oaep, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        encrypt_for(&self.public_key(key)?, oaep, plaintext)
    }

    /// Decrypts.
    ///
    /// # Errors
    /// `Refused` for anything but a ciphertext for this key.
    pub fn decrypt(self, key: &Secret, oaep: Oaep, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
        if ciphertext.len() != self.length() {
            return Err(CryptoError::Refused);
        }
        let private = PrivateDecryptingKey::from_pkcs8(key.expose()).map_err(|_| CryptoError::Failed)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| CryptoError::Failed)?;
        let mut plaintext = Zeroizing::new(vec![0; private.min_output_size()]);
        let length = private
            .decrypt(oaep.algorithm(), ciphertext, &mut plaintext, None)
            .map_err(|_| CryptoError::Refused)?
            .len();
        plaintext.truncate(length);
        Ok(plaintext.into())
    }
}

/// Encrypts for the owner of a key, given as its SubjectPublicKeyInfo.
///
/// # Errors
/// `Refused` for anything but a public key of RSA with 2,048 to 8,192 bits, and for a plaintext that is too long for it.
pub(super) fn encrypt_for(public_key: &[u8], oaep: Oaep, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let public = PublicEncryptingKey::from_der(public_key).map_err(|_| CryptoError::Refused)?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| CryptoError::Refused)?;
    let mut ciphertext = vec![0; public.ciphertext_size()];
    let length = public
        .encrypt(oaep.algorithm(), plaintext, &mut ciphertext, None)
        .map_err(|_| CryptoError::Refused)?
        .len();
    ciphertext.truncate(length);
    Ok(ciphertext)
}

fn check(
    public_key: &[u8],
    padding: Padding,
    hash: Hash,
    signed: Signed<'_>,
    signature: &[u8],
) -> Result<(), CryptoError> {
    let digest = hash.digest(signed)?;
    let public = UnparsedPublicKey::new(verification(padding, hash), public_key);
    public.verify_digest(&digest, signature).map_err(|_| CryptoError::Refused)
}

fn encoding(padding: Padding, hash: Hash) -> &'static dyn RsaEncoding {
    match (padding, hash) {
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_SHA384,
        (Padding::Pss, Hash::Sha512) => &signature::RSA_PSS_SHA512,
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_SHA384,
        (Padding::Pkcs1, Hash::Sha512) => &signature::RSA_PKCS1_SHA512,
    }
}

fn verification(padding: Padding, hash: Hash) -> &'static RsaParameters {
    match (padding, hash) {
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Padding::Pss, Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Padding::Pkcs1, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
    }
}
