//! What is signed: a message, or the digest of one that was made elsewhere.

use aws_lc_rs::digest;

use super::CryptoError;

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

/// What a signature is made over.
#[derive(Clone, Copy, Debug)]
pub enum Signed<'a> {
    /// A message, which is still to be hashed.
    Message(&'a [u8]),
    /// Its digest.
    Digest(&'a [u8]),
}

impl Hash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        }
    }

    /// The digest to sign.
    ///
    /// # Errors
    /// `Refused` if a digest that was made elsewhere has another length than this function's.
    pub(super) fn digest(self, signed: Signed<'_>) -> Result<digest::Digest, CryptoError> {
        match signed {
            Signed::Message(message) => Ok(digest::digest(self.algorithm(), message)),
            Signed::Digest(bytes) => {
                digest::Digest::import_less_safe(bytes, self.algorithm()).map_err(|_| CryptoError::Refused)
            }
        }
    }
}
