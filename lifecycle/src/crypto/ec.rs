//! Elliptic curves of NIST and SECG: ECDSA signatures in DER, ECDH secrets.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer, EcPrivateKeyBin, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use zeroize::Zeroizing;

use super::hash::{Hash, Signed};
use super::{CryptoError, Entropy, Secret};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1.
    Secp256k1,
}

/// A candidate is out of range once in 2^32 draws at most.
const DRAWS_MAX: usize = 4;

impl Curve {
    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
            Curve::Secp256k1 => &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Curve::P256 => &ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &ECDSA_P384_SHA384_ASN1,
            Curve::P521 => &ECDSA_P521_SHA512_ASN1,
            Curve::Secp256k1 => &ECDSA_P256K1_SHA256_ASN1,
        }
    }

    /// ECDH on the curve; none on secp256k1, which is for signatures only.
    fn agreement(self) -> Option<&'static agreement::Algorithm> {
        match self {
            Curve::P256 => Some(&ECDH_P256),
            Curve::P384 => Some(&ECDH_P384),
            Curve::P521 => Some(&ECDH_P521),
            Curve::Secp256k1 => None,
        }
    }

    /// The `AlgorithmIdentifier` that names the curve in documents with keys.
    fn identifier(self) -> &'static [u8] {
        match self {
            Curve::P256 => P256_IDENTIFIER,
            Curve::P384 => P384_IDENTIFIER,
            Curve::P521 => P521_IDENTIFIER,
            Curve::Secp256k1 => SECP256K1_IDENTIFIER,
        }
    }

    /// The hash function of its signatures.
    #[must_use]
    pub fn hash(self) -> Hash {
        match self {
            Curve::P256 | Curve::Secp256k1 => Hash::Sha256,
            Curve::P384 => Hash::Sha384,
            Curve::P521 => Hash::Sha512,
        }
    }

    /// The length of a scalar in bytes, and which bits of its first byte it uses.
    fn scalar(self) -> (usize, u8) {
        match self {
            Curve::P256 | Curve::Secp256k1 => (32, 0xff),
            Curve::P384 => (48, 0xff),
            Curve::P521 => (66, 0x01),
        }
    }

    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        let (length, mask) = self.scalar();
        for _ in 0..DRAWS_MAX {
            let mut scalar = Zeroizing::new(vec![0; length]);
            entropy.fill(&mut scalar)?;
            if let Some(first) = scalar.first_mut() {
                *first &= mask;
            }
            // FIPS 186-5, A.2.2: a candidate that is no scalar of the curve is drawn again.
            if let Some(document) = self.document(&scalar)? {
                return Ok(document);
            }
        }
        Err(CryptoError::Failed)
    }

    /// A private key from elsewhere, in the form of [`Curve::generate`].
    ///
    /// # Errors
    /// `Refused` for anything but PKCS#8 that names this curve, with a key that its public key, if it is there, belongs to.
    pub fn import(self, key: &Secret) -> Result<Secret, CryptoError> {
        // AWS-LC would also read an `ECPrivateKey` alone, and a curve that is described by its parameters.
        let content = content_of_sequence(key.expose()).ok_or(CryptoError::Refused)?;
        let versions: [&[u8]; 2] = [&[0x02, 0x01, 0x00], &[0x02, 0x01, 0x01]];
        let content = versions.iter().find_map(|version| content.strip_prefix(*version));
        if !content.is_some_and(|content| content.starts_with(self.identifier())) {
            return Err(CryptoError::Refused);
        }
        let key = self.read(key).map_err(|_| CryptoError::Refused)?;
        let scalar: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().map_err(|_| CryptoError::Failed)?;
        self.document(scalar.as_ref())?.ok_or(CryptoError::Failed)
    }

    /// The one form in which a private key is kept: PKCS#8 without the public key. `None` if the curve has no such scalar.
    fn document(self, scalar: &[u8]) -> Result<Option<Secret>, CryptoError> {
        let Ok(key) = EcdsaKeyPair::from_private_key_der(self.signing(), &sec1(scalar)) else {
            return Ok(None);
        };
        let document = key.to_pkcs8v1().map_err(|_| CryptoError::Failed)?;
        Ok(Some(Secret::new(document.as_ref().to_vec())))
    }

    fn read(self, key: &Secret) -> Result<EcdsaKeyPair, CryptoError> {
        EcdsaKeyPair::from_private_key_der(self.signing(), key.expose()).map_err(|_| CryptoError::Failed)
    }

    /// The public key as SubjectPublicKeyInfo with an uncompressed point.
    ///
    /// # Errors
    /// The key is none of this curve.
    pub fn public_key(self, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        let key = self.read(key)?;
        let document = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key());
        Ok(document.map_err(|_| CryptoError::Failed)?.as_ref().to_vec())
    }

    /// Signs. No two signatures are the same, and `s` may be in either half of its range.
    ///
    /// # Errors
    /// `Refused` for a digest of the wrong length.
    pub fn sign(self, key: &Secret, signed: Signed<'_>) -> Result<Vec<u8>, CryptoError> {
        let digest = self.hash().digest(signed)?;
        let signature = self.read(key)?.sign_digest(&digest).map_err(|_| CryptoError::Failed)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Verifies.
    ///
    /// # Errors
    /// `Refused` if the signature is not that of the message, or the digest has the wrong length.
    pub fn verify(self, key: &Secret, signed: Signed<'_>, signature: &[u8]) -> Result<(), CryptoError> {
        self.check(self.read(key)?.public_key().as_ref(), signed, signature)
    }

    /// Verifies with the public key alone, which is SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`Curve::verify`], and for anything but a point on this curve.
    pub fn verify_with(
        self,
        public_key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.check(self.named(public_key)?, signed, signature)
    }

    fn check(self, public_key: &[u8], signed: Signed<'_>, signature: &[u8]) -> Result<(), CryptoError> {
        let digest = self.hash().digest(signed)?;
        let public = UnparsedPublicKey::new(self.verification(), public_key);
        public.verify_digest(&digest, signature).map_err(|_| CryptoError::Refused)
    }

    /// The secret that the key shares with the owner of a public key: the x-coordinate of the common point.
    ///
    /// # Errors
    /// `Refused` unless `peer` is the SubjectPublicKeyInfo of a point on this curve.
    pub fn agree(self, key: &Secret, peer: &[u8]) -> Result<Secret, CryptoError> {
        let algorithm = self.agreement().ok_or(CryptoError::Refused)?;
        let private = agreement::PrivateKey::from_private_key_der(algorithm, key.expose())
            .map_err(|_| CryptoError::Failed)?;
        let peer = agreement::UnparsedPublicKey::new(algorithm, self.named(peer)?);
        agreement::agree(&private, peer, CryptoError::Refused, |secret| Ok(Secret::new(secret.to_vec())))
    }

    /// A public key of somebody else, if it is a document that names this curve: AWS-LC would also read a bare point, and a
    /// curve that is described by its parameters.
    fn named(self, public_key: &[u8]) -> Result<&[u8], CryptoError> {
        let content = content_of_sequence(public_key).ok_or(CryptoError::Refused)?;
        if content.starts_with(self.identifier()) { Ok(public_key) } else { Err(CryptoError::Refused) }
    }
}

const SEQUENCE: u8 = 0x30;

/// What follows the head of a document of at most 64 KiB; whether its length is right, the reader finds out.
fn content_of_sequence(document: &[u8]) -> Option<&[u8]> {
    match document {
        [SEQUENCE, 0x82, _, _, content @ ..]
        | [SEQUENCE, 0x81, _, content @ ..]
        | [SEQUENCE, 0..=0x7f, content @ ..] => Some(content),
        _ => None,
    }
}

// `SEQUENCE { OID ecPublicKey, OID of the curve }`.
const P256_IDENTIFIER: &[u8] = &[
    SEQUENCE, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];
const P384_IDENTIFIER: &[u8] = &[
    SEQUENCE, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22,
];
const P521_IDENTIFIER: &[u8] = &[
    SEQUENCE, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x23,
];
const SECP256K1_IDENTIFIER: &[u8] = &[
    SEQUENCE, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x0a,
];

/// `ECPrivateKey` of RFC 5915 with the scalar alone: the reader knows the curve, and computes the point.
fn sec1(scalar: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u8::try_from(scalar.len()).unwrap_or_default();
    let mut document =
        Zeroizing::new(vec![SEQUENCE, length.saturating_add(5), 0x02, 0x01, 0x01, 0x04, length]);
    document.extend_from_slice(scalar);
    document
}
