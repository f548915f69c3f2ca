//! What anybody can do with the public half of a key, outside of KMS.

use super::private::Family;
use super::{KeySpec, MessageType, SigningInput};
use crate::crypto::{CryptoError, ed25519, sm2};

/// The public half of a key, as GetPublicKey hands it out.
///
/// AWS: KMS developer guide, "Download public key".
#[derive(Clone, Copy, Debug)]
pub struct PublicKey<'a> {
    /// What kind of key.
    pub spec: KeySpec,
    /// Its SubjectPublicKeyInfo in DER.
    pub document: &'a [u8],
}

impl PublicKey<'_> {
    /// Verifies, as [`super::PrivateKey::verify`] does with the whole key.
    ///
    /// # Errors
    /// `Refused` for anything but a signature of this message by the key of this spec whose public half it is.
    pub fn verify(&self, input: &SigningInput<'_>, signature: &[u8]) -> Result<(), CryptoError> {
        let (document, message) = (self.document, input.message);
        match (Family::from(self.spec), input.message_type) {
            (Family::Rsa(modulus), _) => {
                let (padding, hash) = input.rsa()?;
                modulus.verify_with(document, padding, hash, input.signed(), signature)
            }
            (Family::Ec(curve), _) => curve.verify_with(document, input.signed(), signature),
            (Family::Ed25519, MessageType::Raw) => ed25519::verify_with(document, message, signature),
            (Family::Ed25519, _) => ed25519::verify_prehashed_with(document, message, signature),
            (Family::MlDsa(set), MessageType::Raw) => set.verify_with(document, message, signature),
            (Family::MlDsa(set), _) => set.verify_mu_with(document, message, signature),
            (Family::Sm2, _) => sm2::verify_with(document, input.signed(), signature),
            (Family::Symmetric | Family::Hmac(_) | Family::MlKem(_), _) => Err(CryptoError::Refused),
        }
    }
}
