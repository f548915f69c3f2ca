//! How cryptography fails.

use std::fmt;

use super::EntropyError;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoError {
    /// The input is none that the key and the algorithm take: a signature that does not verify, a ciphertext that does
    /// not open, a public key on another curve, a digest of the wrong length.
    Refused,
    /// The key is none of its spec, or there were no random bytes.
    Failed,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CryptoError::Refused => "the key does not accept this input",
            CryptoError::Failed => "the key cannot be used",
        })
    }
}

impl std::error::Error for CryptoError {}

impl From<EntropyError> for CryptoError {
    fn from(_: EntropyError) -> Self {
        CryptoError::Failed
    }
}
