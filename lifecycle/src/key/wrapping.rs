//! Wrapping: how key material travels to a key that waits for its import.
//!
//! AWS: KMS developer guide, "Importing key material", steps 2 and 3.

use super::{EncryptionAlgorithm, KeySpec, PrivateKey, wire_enum};
use crate::crypto::{CryptoError, Entropy, Secret, key_wrap};

wire_enum! {
    /// How material is encrypted under a wrapping key.
    ///
    /// AWS: KMS API reference, "GetParametersForImport", WrappingAlgorithm.
    WrappingAlgorithm {
        /// RSA with PKCS#1 v1.5 padding, which AWS KMS does not take any more.
        RsaesPkcs1 = "RSAES_PKCS1_V1_5",
        /// RSA with OAEP padding, SHA-1.
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSA with OAEP padding, SHA-256.
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        /// An AES key under RSA with OAEP and SHA-1, then the material wrapped with that key.
        RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        /// An AES key under RSA with OAEP and SHA-256, then the material wrapped with that key.
        RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
        /// SM2 public-key encryption.
        Sm2pke = "SM2PKE",
    }
}

wire_enum! {
    /// The type of a wrapping key.
    ///
    /// AWS: KMS API reference, "GetParametersForImport", WrappingKeySpec.
    WrappingKeySpec {
        /// RSA with a 2,048-bit modulus.
        Rsa2048 = "RSA_2048",
        /// RSA with a 3,072-bit modulus.
        Rsa3072 = "RSA_3072",
        /// RSA with a 4,096-bit modulus.
        Rsa4096 = "RSA_4096",
        /// SM2.
        Sm2 = "SM2",
    }
}

impl WrappingKeySpec {
    /// The spec of KMS keys that are made of the same.
    #[must_use]
    pub fn key_spec(self) -> KeySpec {
        match self {
            WrappingKeySpec::Rsa2048 => KeySpec::Rsa2048,
            WrappingKeySpec::Rsa3072 => KeySpec::Rsa3072,
            WrappingKeySpec::Rsa4096 => KeySpec::Rsa4096,
            WrappingKeySpec::Sm2 => KeySpec::Sm2,
        }
    }

    /// The length of what an RSA key encrypts, in bytes; `None` for SM2, where it depends on the plaintext.
    fn ciphertext_length(self) -> Option<usize> {
        match self {
            WrappingKeySpec::Rsa2048 => Some(256),
            WrappingKeySpec::Rsa3072 => Some(384),
            WrappingKeySpec::Rsa4096 => Some(512),
            WrappingKeySpec::Sm2 => None,
        }
    }
}

impl WrappingAlgorithm {
    /// Whether it wraps with keys of a spec.
    #[must_use]
    pub fn works_with(self, wrapping_key: WrappingKeySpec) -> bool {
        match self {
            WrappingAlgorithm::RsaesPkcs1 => false,
            WrappingAlgorithm::Sm2pke => wrapping_key == WrappingKeySpec::Sm2,
            _ => wrapping_key != WrappingKeySpec::Sm2,
        }
    }

    /// Whether it may bring material to keys of a spec, wrapped with a key of `wrapping_key`.
    ///
    /// AWS: KMS developer guide, "Importing key material", table of wrapping algorithms: a private key of RSA does not fit
    /// into one block, and one of P-521 does not fit into one of RSA_2048.
    #[must_use]
    pub fn carries(self, material: KeySpec, wrapping_key: WrappingKeySpec) -> bool {
        let is_rsa = matches!(material, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096);
        match self {
            WrappingAlgorithm::RsaesOaepSha1 | WrappingAlgorithm::RsaesOaepSha256 => {
                let short = wrapping_key == WrappingKeySpec::Rsa2048 && material == KeySpec::EccNistP521;
                !is_rsa && !short
            }
            WrappingAlgorithm::RsaesPkcs1 => false,
            WrappingAlgorithm::RsaAesKeyWrapSha1
            | WrappingAlgorithm::RsaAesKeyWrapSha256
            | WrappingAlgorithm::Sm2pke => true,
        }
    }

    /// How the wrapping key itself encrypts.
    fn encryption(self) -> Option<EncryptionAlgorithm> {
        match self {
            WrappingAlgorithm::RsaesPkcs1 => None,
            WrappingAlgorithm::RsaesOaepSha1 | WrappingAlgorithm::RsaAesKeyWrapSha1 => {
                Some(EncryptionAlgorithm::RsaesOaepSha1)
            }
            WrappingAlgorithm::RsaesOaepSha256 | WrappingAlgorithm::RsaAesKeyWrapSha256 => {
                Some(EncryptionAlgorithm::RsaesOaepSha256)
            }
            WrappingAlgorithm::Sm2pke => Some(EncryptionAlgorithm::Sm2pke),
        }
    }

    /// Whether the wrapping key encrypts an AES key, which encrypts the material.
    fn is_in_two_steps(self) -> bool {
        matches!(self, WrappingAlgorithm::RsaAesKeyWrapSha1 | WrappingAlgorithm::RsaAesKeyWrapSha256)
    }
}

/// A wrapping key with the one algorithm that it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappingKey {
    /// What it is.
    pub spec: WrappingKeySpec,
    /// How it wraps.
    pub algorithm: WrappingAlgorithm,
    /// The private key.
    pub secret: Secret,
}

/// Why there is no material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwrapError {
    /// Nothing that was wrapped with such a key by such an algorithm has this length.
    Length,
    /// It was not wrapped with this key by this algorithm, or it was altered.
    Refused,
}

impl From<CryptoError> for UnwrapError {
    fn from(_: CryptoError) -> Self {
        UnwrapError::Refused
    }
}

impl WrappingKey {
    /// A new key. Takes up to some seconds for RSA.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        entropy: &dyn Entropy,
    ) -> Result<Self, CryptoError> {
        Ok(WrappingKey { spec, algorithm, secret: spec.key_spec().generate(entropy)? })
    }

    fn private(&self) -> PrivateKey<'_> {
        PrivateKey { spec: self.spec.key_spec(), secret: &self.secret }
    }

    /// The public key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The key is none of its spec.
    pub fn public_key(&self) -> Result<Vec<u8>, CryptoError> {
        self.private().public_key()
    }

    /// Unwraps material.
    ///
    /// # Errors
    /// What is wrong with `wrapped`.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Secret, UnwrapError> {
        let algorithm = self.algorithm.encryption().ok_or(UnwrapError::Refused)?;
        let Some(length) = self.spec.ciphertext_length() else {
            return Ok(self.private().decrypt(algorithm, wrapped)?);
        };
        let (block, rest) = wrapped.split_at_checked(length).ok_or(UnwrapError::Length)?;
        let whole = match self.algorithm.is_in_two_steps() {
            true => {
                rest.len() >= key_wrap::WRAPPED_LENGTH_MIN
                    && rest.len().is_multiple_of(key_wrap::WRAPPED_STEP)
            }
            false => rest.is_empty(),
        };
        if !whole {
            return Err(UnwrapError::Length);
        }
        let opened = self.private().decrypt(algorithm, block)?;
        if !self.algorithm.is_in_two_steps() {
            return Ok(opened);
        }
        Ok(key_wrap::unwrap(&opened, rest)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    impl WrappingKey {
        /// Wraps, as whoever has the public key does.
        fn wrap(&self, material: &Secret, entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
            let algorithm = self.algorithm.encryption().ok_or(CryptoError::Refused)?;
            if !self.algorithm.is_in_two_steps() {
                return self.private().encrypt(algorithm, material.expose(), entropy);
            }
            let key = Secret::new(entropy.array::<{ key_wrap::KEY_LENGTH }>()?.to_vec());
            let mut wrapped = self.private().encrypt(algorithm, key.expose(), entropy)?;
            wrapped.extend(key_wrap::wrap(&key, material)?);
            Ok(wrapped)
        }
    }

    #[test]
    fn every_algorithm_brings_what_it_carries_and_nothing_else() {
        let entropy = SeededEntropy::new(1);
        let rsa = WrappingKeySpec::Rsa2048.key_spec().generate(&entropy).unwrap();
        let sm2 = KeySpec::Sm2.generate(&entropy).unwrap();
        for algorithm in WrappingAlgorithm::ALL.iter().copied() {
            for (spec, secret) in [(WrappingKeySpec::Rsa2048, &rsa), (WrappingKeySpec::Sm2, &sm2)] {
                if !algorithm.works_with(spec) {
                    continue;
                }
                let key = WrappingKey { spec, algorithm, secret: secret.clone() };
                for material in KeySpec::ALL.iter().filter(|spec| spec.is_importable()) {
                    let secret = match material {
                        // One key of a kind will do.
                        KeySpec::Rsa2048 => rsa.clone(),
                        KeySpec::Rsa3072 | KeySpec::Rsa4096 => continue,
                        _ => material.generate(&entropy).unwrap(),
                    };
                    let wrapped = key.wrap(&secret, &entropy);
                    let carried = algorithm.carries(*material, spec);
                    // Private keys without their public half, as this crate makes them, are shorter than others.
                    assert!(wrapped.is_ok() || !carried, "{algorithm} {spec} {material}");
                    let Ok(wrapped) = wrapped else { continue };
                    assert_eq!(key.unwrap(&wrapped).unwrap(), secret, "{algorithm} {spec} {material}");
                    assert_eq!(material.import(&secret).unwrap(), secret, "{material}");
                    for at in [0, wrapped.len() / 2, wrapped.len() - 1] {
                        let mut altered = wrapped.clone();
                        altered[at] ^= 1;
                        assert_eq!(key.unwrap(&altered), Err(UnwrapError::Refused), "{algorithm} {spec}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_another_length_was_not_wrapped_so() {
        let entropy = SeededEntropy::new(1);
        let secret = KeySpec::Rsa2048.generate(&entropy).unwrap();
        let lengths = |algorithm, lengths: &[usize]| {
            let key = WrappingKey { spec: WrappingKeySpec::Rsa2048, algorithm, secret: secret.clone() };
            for length in lengths {
                assert_eq!(key.unwrap(&vec![7; *length]), Err(UnwrapError::Length), "{algorithm} {length}");
            }
        };
        lengths(WrappingAlgorithm::RsaesOaepSha256, &[0, 1, 255, 257, 384]);
        lengths(WrappingAlgorithm::RsaAesKeyWrapSha256, &[0, 256, 264, 271, 273]);
    }

    #[test]
    fn material_of_another_kind_is_refused() {
        let entropy = SeededEntropy::new(1);
        let importable = || KeySpec::ALL.iter().filter(|spec| spec.is_importable());
        let quick = |spec: &&KeySpec| !spec.as_str().starts_with("RSA");
        let made: Vec<_> =
            importable().filter(quick).map(|spec| (*spec, spec.generate(&entropy).unwrap())).collect();
        for (spec, secret) in &made {
            for other in KeySpec::ALL {
                let is_taken = other.import(secret).is_ok();
                let length = secret.expose().len();
                // Of bytes without a form nobody can say what they are.
                let is_bytes = !spec.is_asymmetric() && other.is_importable() && !other.is_asymmetric();
                let hmac = |min| is_bytes && length >= min;
                let expected = match other {
                    KeySpec::SymmetricDefault => is_bytes && length == 32,
                    KeySpec::Hmac224 => hmac(28) || *spec != *other && hmac(28),
                    KeySpec::Hmac256 => hmac(32),
                    KeySpec::Hmac384 => hmac(48),
                    KeySpec::Hmac512 => hmac(64),
                    _ => spec == other,
                };
                // A private key is long enough to pass for a key of HMAC.
                if spec.is_asymmetric() && !other.is_asymmetric() {
                    continue;
                }
                assert_eq!(is_taken, expected, "{spec} for {other}");
            }
        }
        for length in [0, 27, 129] {
            assert!(KeySpec::Hmac224.import(&Secret::new(vec![1; length])).is_err());
        }
        assert!(KeySpec::Hmac512.import(&Secret::new(vec![1; 128])).is_ok());
    }
}
