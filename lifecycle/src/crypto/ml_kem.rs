//! ML-KEM of FIPS 203, by `ml-kem`: AWS-LC makes no keys from seeds, which is the form that AWS hands them out in.

use ml_kem::kem::{Decapsulate as _, KeyExport as _};
use ml_kem::{B32, DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, Seed};

use super::seed::Form;
use super::{CryptoError, Entropy, Secret};

/// A parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlKem {
    /// ML-KEM-512.
    Size512,
    /// ML-KEM-768.
    Size768,
    /// ML-KEM-1024.
    Size1024,
}

/// Evaluates an expression with the key of the right type.
macro_rules! with_key {
    ($set:expr, $key:expr, $read:ident => $value:expr) => {{
        let seed = Seed::from(*$set.form().seed::<64>($key)?);
        match $set {
            MlKem::Size512 => {
                let $read = DecapsulationKey512::from_seed(seed);
                $value
            }
            MlKem::Size768 => {
                let $read = DecapsulationKey768::from_seed(seed);
                $value
            }
            MlKem::Size1024 => {
                let $read = DecapsulationKey1024::from_seed(seed);
                $value
            }
        }
    }};
}

impl MlKem {
    /// RFC 9935: 2.16.840.1.101.3.4.4.1 to 3, the seed with the tag `[0]`.
    fn form(self) -> Form {
        let oid: &[u8] = match self {
            MlKem::Size512 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01],
            MlKem::Size768 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02],
            MlKem::Size1024 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03],
        };
        Form { oid, tag: 0x80, length: 64 }
    }

    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        self.form().generate(entropy)
    }

    /// The public key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The key is none of this set.
    pub fn public_key(self, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        with_key!(self, key, key => Ok(self.form().public_key(&key.encapsulation_key().to_bytes())))
    }

    /// A new secret, and the ciphertext from which the key's owner gets it.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn encapsulate(self, key: &Secret, entropy: &dyn Entropy) -> Result<(Secret, Vec<u8>), CryptoError> {
        let random = B32::from(entropy.array::<32>()?);
        with_key!(self, key, key => {
            let (ciphertext, secret) = key.encapsulation_key().encapsulate_deterministic(&random);
            Ok((Secret::new(secret.to_vec()), ciphertext.to_vec()))
        })
    }

    /// The secret of a ciphertext. One for another key, or an altered one, gives a secret that nobody else has.
    ///
    /// # Errors
    /// `Refused` for a ciphertext of the wrong length.
    pub fn decapsulate(self, key: &Secret, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
        with_key!(self, key, key => {
            let secret = key.decapsulate_slice(ciphertext).map_err(|_| CryptoError::Refused)?;
            Ok(Secret::new(secret.to_vec()))
        })
    }
}
