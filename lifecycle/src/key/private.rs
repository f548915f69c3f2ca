//! What the material of a key can do: from key specs and algorithms as AWS names them to cryptography.

use super::{EncryptionAlgorithm, KeySpec, MessageType, SigningAlgorithm};
use crate::crypto::ec::Curve;
use crate::crypto::envelope::MATERIAL_LENGTH;
use crate::crypto::hash::{Hash, Signed};
use crate::crypto::hmac::{Hmac, KEY_LENGTH_MAX};
use crate::crypto::ml_dsa::{MU_LENGTH, MlDsa};
use crate::crypto::ml_kem::MlKem;
use crate::crypto::rsa::{Modulus, Oaep, Padding};
use crate::crypto::{CryptoError, Entropy, Secret, ed25519, sm2};

/// The family of algorithms behind a key spec.
#[derive(Clone, Copy)]
pub(super) enum Family {
    Symmetric,
    Rsa(Modulus),
    Ec(Curve),
    Ed25519,
    Hmac(Hmac),
    MlDsa(MlDsa),
    MlKem(MlKem),
    Sm2,
}

impl From<KeySpec> for Family {
    fn from(spec: KeySpec) -> Self {
        match spec {
            KeySpec::SymmetricDefault => Family::Symmetric,
            KeySpec::Rsa2048 => Family::Rsa(Modulus::Bits2048),
            KeySpec::Rsa3072 => Family::Rsa(Modulus::Bits3072),
            KeySpec::Rsa4096 => Family::Rsa(Modulus::Bits4096),
            KeySpec::EccNistP256 => Family::Ec(Curve::P256),
            KeySpec::EccNistP384 => Family::Ec(Curve::P384),
            KeySpec::EccNistP521 => Family::Ec(Curve::P521),
            KeySpec::EccSecgP256k1 => Family::Ec(Curve::Secp256k1),
            KeySpec::EccNistEdwards25519 => Family::Ed25519,
            KeySpec::Hmac224 => Family::Hmac(Hmac::Sha224),
            KeySpec::Hmac256 => Family::Hmac(Hmac::Sha256),
            KeySpec::Hmac384 => Family::Hmac(Hmac::Sha384),
            KeySpec::Hmac512 => Family::Hmac(Hmac::Sha512),
            KeySpec::MlDsa44 => Family::MlDsa(MlDsa::Size44),
            KeySpec::MlDsa65 => Family::MlDsa(MlDsa::Size65),
            KeySpec::MlDsa87 => Family::MlDsa(MlDsa::Size87),
            KeySpec::MlKem512 => Family::MlKem(MlKem::Size512),
            KeySpec::MlKem768 => Family::MlKem(MlKem::Size768),
            KeySpec::MlKem1024 => Family::MlKem(MlKem::Size1024),
            KeySpec::Sm2 => Family::Sm2,
        }
    }
}

impl KeySpec {
    /// New material: 32 bytes for a symmetric key, as many as its code has for an HMAC key, and PKCS#8 for any other.
    ///
    /// Takes up to some seconds for RSA, which also draws from a generator of its own.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        match Family::from(self) {
            Family::Symmetric => Ok(Secret::new(entropy.array::<MATERIAL_LENGTH>()?.to_vec())),
            Family::Rsa(modulus) => modulus.generate(),
            Family::Ec(curve) => curve.generate(entropy),
            Family::Ed25519 => ed25519::generate(entropy),
            Family::Hmac(hmac) => hmac.generate(entropy),
            Family::MlDsa(set) => set.generate(entropy),
            Family::MlKem(set) => set.generate(entropy),
            Family::Sm2 => sm2::generate(entropy),
        }
    }

    /// Material in the form in which customers import it, brought to that of [`KeySpec::generate`]: whatever is the same
    /// key gives the same bytes. Takes some milliseconds for RSA.
    ///
    /// AWS: KMS developer guide, "Importing key material", requirements for imported key material.
    ///
    /// # Errors
    /// `Refused` for material of another kind, and for specs whose material cannot be imported.
    pub fn import(self, material: &Secret) -> Result<Secret, CryptoError> {
        let as_it_is = |lengths: std::ops::RangeInclusive<usize>| {
            let fits = lengths.contains(&material.expose().len());
            if fits { Ok(material.clone()) } else { Err(CryptoError::Refused) }
        };
        match Family::from(self) {
            Family::Symmetric => as_it_is(MATERIAL_LENGTH..=MATERIAL_LENGTH),
            Family::Hmac(hmac) => as_it_is(hmac.length()..=KEY_LENGTH_MAX),
            Family::Rsa(modulus) => modulus.import(material),
            Family::Ec(curve) => curve.import(material),
            Family::Sm2 => sm2::import(material),
            Family::Ed25519 | Family::MlDsa(_) | Family::MlKem(_) => Err(CryptoError::Refused),
        }
    }

    /// The longest plaintext that keys of this spec encrypt, in bytes; `None` if it is the limit of the API alone.
    ///
    /// AWS: KMS API reference, "Encrypt".
    #[must_use]
    pub fn plaintext_max(self, algorithm: EncryptionAlgorithm) -> Option<usize> {
        match Family::from(self) {
            Family::Rsa(modulus) => oaep(algorithm).map(|oaep| modulus.plaintext_max(oaep)),
            Family::Sm2 => Some(sm2::PLAINTEXT_MAX),
            _ => None,
        }
    }
}

fn oaep(algorithm: EncryptionAlgorithm) -> Option<Oaep> {
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Some(Oaep::Sha1),
        EncryptionAlgorithm::RsaesOaepSha256 => Some(Oaep::Sha256),
        EncryptionAlgorithm::Sm2pke | EncryptionAlgorithm::SymmetricDefault => None,
    }
}

impl SigningAlgorithm {
    fn rsa(self) -> Option<(Padding, Hash)> {
        match self {
            SigningAlgorithm::RsassaPkcs1Sha256 => Some((Padding::Pkcs1, Hash::Sha256)),
            SigningAlgorithm::RsassaPkcs1Sha384 => Some((Padding::Pkcs1, Hash::Sha384)),
            SigningAlgorithm::RsassaPkcs1Sha512 => Some((Padding::Pkcs1, Hash::Sha512)),
            SigningAlgorithm::RsassaPssSha256 => Some((Padding::Pss, Hash::Sha256)),
            SigningAlgorithm::RsassaPssSha384 => Some((Padding::Pss, Hash::Sha384)),
            SigningAlgorithm::RsassaPssSha512 => Some((Padding::Pss, Hash::Sha512)),
            _ => None,
        }
    }

    /// The message types that it takes.
    ///
    /// AWS: KMS API reference, "Sign", MessageType.
    #[must_use]
    pub fn message_types(self) -> &'static [MessageType] {
        match self {
            SigningAlgorithm::Ed25519Sha512 => &[MessageType::Raw],
            SigningAlgorithm::Ed25519PhSha512 => &[MessageType::Digest],
            SigningAlgorithm::MlDsaShake256 => &[MessageType::Raw, MessageType::ExternalMu],
            _ => &[MessageType::Raw, MessageType::Digest],
        }
    }

    /// The length that a message which is no message itself has: that of its digest, or of its representative.
    #[must_use]
    pub fn digest_length(self) -> usize {
        use SigningAlgorithm as S;
        match self {
            S::RsassaPkcs1Sha256 | S::RsassaPssSha256 | S::EcdsaSha256 => 32,
            S::RsassaPkcs1Sha384 | S::RsassaPssSha384 | S::EcdsaSha384 => 48,
            S::RsassaPkcs1Sha512 | S::RsassaPssSha512 | S::EcdsaSha512 => 64,
            S::Ed25519Sha512 | S::Ed25519PhSha512 => 64,
            S::Sm2dsa => sm2::DIGEST_LENGTH,
            S::MlDsaShake256 => MU_LENGTH,
        }
    }
}

/// What is signed, and how.
#[derive(Clone, Copy, Debug)]
pub struct SigningInput<'a> {
    /// The algorithm.
    pub algorithm: SigningAlgorithm,
    /// What `message` is.
    pub message_type: MessageType,
    /// The message, its digest or its representative.
    pub message: &'a [u8],
}

impl<'a> SigningInput<'a> {
    pub(super) fn signed(&self) -> Signed<'a> {
        match self.message_type {
            MessageType::Raw => Signed::Message(self.message),
            MessageType::Digest | MessageType::ExternalMu => Signed::Digest(self.message),
        }
    }

    pub(super) fn rsa(&self) -> Result<(Padding, Hash), CryptoError> {
        self.algorithm.rsa().ok_or(CryptoError::Refused)
    }
}

/// The material of a key and its spec. Any algorithm that the spec does not have is refused.
#[derive(Clone, Copy, Debug)]
pub struct PrivateKey<'a> {
    /// What the material is.
    pub spec: KeySpec,
    /// The material in the form of [`KeySpec::generate`].
    pub secret: &'a Secret,
}

impl PrivateKey<'_> {
    /// Whether the material is of the spec.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match Family::from(self.spec) {
            Family::Symmetric => self.secret.expose().len() == MATERIAL_LENGTH,
            Family::Hmac(hmac) => self.secret.expose().len() == hmac.length(),
            _ => self.public_key().is_ok(),
        }
    }

    /// The public key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `Refused` for keys that have none.
    pub fn public_key(&self) -> Result<Vec<u8>, CryptoError> {
        match Family::from(self.spec) {
            Family::Rsa(modulus) => modulus.public_key(self.secret),
            Family::Ec(curve) => curve.public_key(self.secret),
            Family::Ed25519 => ed25519::public_key(self.secret),
            Family::MlDsa(set) => set.public_key(self.secret),
            Family::MlKem(set) => set.public_key(self.secret),
            Family::Sm2 => sm2::public_key(self.secret),
            Family::Symmetric | Family::Hmac(_) => Err(CryptoError::Refused),
        }
    }

    /// Signs.
    ///
    /// # Errors
    /// `Refused` for a digest of the wrong length.
    pub fn sign(&self, input: &SigningInput<'_>, entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
        let message = input.message;
        match (Family::from(self.spec), input.message_type) {
            (Family::Rsa(modulus), _) => {
                let (padding, hash) = input.rsa()?;
                modulus.sign(self.secret, padding, hash, input.signed())
            }
            (Family::Ec(curve), _) => curve.sign(self.secret, input.signed()),
            (Family::Ed25519, MessageType::Raw) => ed25519::sign(self.secret, message),
            (Family::Ed25519, _) => ed25519::sign_prehashed(self.secret, message),
            (Family::MlDsa(set), MessageType::Raw) => set.sign(self.secret, message),
            (Family::MlDsa(set), _) => set.sign_mu(self.secret, message, entropy),
            (Family::Sm2, _) => sm2::sign(self.secret, input.signed(), entropy),
            (Family::Symmetric | Family::Hmac(_) | Family::MlKem(_), _) => Err(CryptoError::Refused),
        }
    }

    /// Verifies.
    ///
    /// # Errors
    /// `Refused` for anything but a signature of this message by this key.
    pub fn verify(&self, input: &SigningInput<'_>, signature: &[u8]) -> Result<(), CryptoError> {
        let message = input.message;
        match (Family::from(self.spec), input.message_type) {
            (Family::Rsa(modulus), _) => {
                let (padding, hash) = input.rsa()?;
                modulus.verify(self.secret, padding, hash, input.signed(), signature)
            }
            (Family::Ec(curve), _) => curve.verify(self.secret, input.signed(), signature),
            (Family::Ed25519, MessageType::Raw) => ed25519::verify(self.secret, message, signature),
            (Family::Ed25519, _) => ed25519::verify_prehashed(self.secret, message, signature),
            (Family::MlDsa(set), MessageType::Raw) => set.verify(self.secret, message, signature),
            (Family::MlDsa(set), _) => set.verify_mu(self.secret, message, signature),
            (Family::Sm2, _) => sm2::verify(self.secret, input.signed(), signature),
            (Family::Symmetric | Family::Hmac(_) | Family::MlKem(_), _) => Err(CryptoError::Refused),
        }
    }

    /// Encrypts with an asymmetric algorithm; symmetric keys have [`crate::crypto::envelope`].
    ///
    /// # Errors
    /// `Refused` for a plaintext that is too long.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        match (Family::from(self.spec), oaep(algorithm)) {
            (Family::Rsa(modulus), Some(oaep)) => modulus.encrypt(self.secret, oaep, plaintext),
            (Family::Sm2, None) => sm2::encrypt(self.secret, plaintext, entropy),
            _ => Err(CryptoError::Refused),
        }
    }

    /// Decrypts with an asymmetric algorithm.
    ///
    /// # Errors
    /// `Refused` for anything but a ciphertext for this key and algorithm.
    pub fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
        match (Family::from(self.spec), oaep(algorithm)) {
            (Family::Rsa(modulus), Some(oaep)) => modulus.decrypt(self.secret, oaep, ciphertext),
            (Family::Sm2, None) => sm2::decrypt(self.secret, ciphertext),
            _ => Err(CryptoError::Refused),
        }
    }

    /// The message authentication code of a message.
    ///
    /// # Errors
    /// `Refused` for keys that make none.
    pub fn mac(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.hmac()?.mac(self.secret, message))
    }

    /// Compares a message authentication code.
    ///
    /// # Errors
    /// `Refused` for any but that of the message.
    pub fn verify_mac(&self, message: &[u8], mac: &[u8]) -> Result<(), CryptoError> {
        self.hmac()?.verify(self.secret, message, mac)
    }

    fn hmac(&self) -> Result<Hmac, CryptoError> {
        match Family::from(self.spec) {
            Family::Hmac(hmac) => Ok(hmac),
            _ => Err(CryptoError::Refused),
        }
    }

    /// The secret that the key shares with the owner of a public key, which is SubjectPublicKeyInfo: the x-coordinate
    /// of the common point.
    ///
    /// # Errors
    /// `Refused` for a public key that is not on the same curve.
    pub fn agree(&self, peer: &[u8]) -> Result<Secret, CryptoError> {
        match Family::from(self.spec) {
            Family::Ec(curve) => curve.agree(self.secret, peer),
            Family::Sm2 => sm2::agree(self.secret, peer),
            _ => Err(CryptoError::Refused),
        }
    }

    /// A new secret, and the ciphertext from which this key gets it.
    ///
    /// # Errors
    /// `Refused` for keys that encapsulate nothing.
    pub fn encapsulate(&self, entropy: &dyn Entropy) -> Result<(Secret, Vec<u8>), CryptoError> {
        self.ml_kem()?.encapsulate(self.secret, entropy)
    }

    /// The secret of a ciphertext; a random one if it was not made for this key.
    ///
    /// # Errors
    /// `Refused` for a ciphertext of the wrong length.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
        self.ml_kem()?.decapsulate(self.secret, ciphertext)
    }

    fn ml_kem(&self) -> Result<MlKem, CryptoError> {
        match Family::from(self.spec) {
            Family::MlKem(set) => Ok(set),
            _ => Err(CryptoError::Refused),
        }
    }
}
