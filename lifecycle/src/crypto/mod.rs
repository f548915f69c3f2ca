//! Cryptography: AES-256-GCM, key derivation and random bytes, all by `ring`.

mod entropy;
pub mod envelope;
mod secret;

pub use entropy::{Entropy, EntropyError, SeededEntropy, SystemEntropy};
pub use secret::Secret;
