//! Message authentication codes of RFC 2104. A key is as long as its code; one that was imported may be longer.

use aws_lc_rs::hmac;

use super::{CryptoError, Entropy, Secret};

/// An HMAC by its hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hmac {
    /// With SHA-224.
    Sha224,
    /// With SHA-256.
    Sha256,
    /// With SHA-384.
    Sha384,
    /// With SHA-512.
    Sha512,
}

/// The longest key that may be imported, in bytes.
///
/// AWS: KMS developer guide, "Importing key material", requirements for imported key material.
pub const KEY_LENGTH_MAX: usize = 128;

impl Hmac {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Hmac::Sha224 => hmac::HMAC_SHA224,
            Hmac::Sha256 => hmac::HMAC_SHA256,
            Hmac::Sha384 => hmac::HMAC_SHA384,
            Hmac::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// The length of codes, and of the keys that this crate makes, in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        self.algorithm().tag_len()
    }

    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        let mut key = zeroize::Zeroizing::new(vec![0; self.length()]);
        entropy.fill(&mut key)?;
        Ok(key.into())
    }

    /// The code of a message.
    #[must_use]
    pub fn mac(self, key: &Secret, message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(self.algorithm(), key.expose());
        hmac::sign(&key, message).as_ref().to_vec()
    }

    /// Compares a code with that of a message, in constant time.
    ///
    /// # Errors
    /// `Refused` for any other code.
    pub fn verify(self, key: &Secret, message: &[u8], mac: &[u8]) -> Result<(), CryptoError> {
        let key = hmac::Key::new(self.algorithm(), key.expose());
        hmac::verify(&key, message, mac).map_err(|_| CryptoError::Refused)
    }
}
