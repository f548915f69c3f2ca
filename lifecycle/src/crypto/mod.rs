//! Cryptography. AES-256-GCM, key derivation and random bytes are by `ring`; everything else, which the feature `kms`
//! brings, is by AWS-LC, or by RustCrypto where AWS-LC has no such thing.
//!
//! Private keys are PKCS#8 documents (RFC 5958), in the form that GenerateDataKeyPair hands out and ImportKeyMaterial
//! takes, so that there is one form of each; keys of HMAC are their bytes.

pub mod aes_gcm;
#[cfg(feature = "kms")]
pub mod cms;
#[cfg(feature = "kms")]
pub mod ec;
#[cfg(feature = "kms")]
pub mod ed25519;
mod entropy;
pub mod envelope;
#[cfg(feature = "kms")]
mod error;
pub mod external;
#[cfg(feature = "kms")]
pub mod hash;
#[cfg(feature = "kms")]
pub mod hmac;
#[cfg(feature = "kms")]
pub mod key_wrap;
#[cfg(feature = "kms")]
pub mod ml_dsa;
#[cfg(feature = "kms")]
pub mod ml_kem;
#[cfg(feature = "kms")]
pub mod rsa;
mod secret;
#[cfg(feature = "kms")]
mod seed;
#[cfg(feature = "kms")]
pub mod sm2;

pub use entropy::{Entropy, EntropyError, SeededEntropy, SystemEntropy};
#[cfg(feature = "kms")]
pub use error::CryptoError;
pub use secret::Secret;
