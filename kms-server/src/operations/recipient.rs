//! Answers that only the enclave of an attestation document can read.
//!
//! AWS: KMS API reference, "RecipientInfo"; KMS developer guide, "Cryptographic attestation support in AWS KMS".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::{CryptoError, cms};
use serde_json::Value;

use super::material::internal;
use super::{Authorized, Environment};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::KmsError;
use crate::attestation::Attestation;

/// Whom a request wants its answer for, verified; nobody for nearly every request.
///
/// # Errors
/// `ValidationException` for a document that is missing or not accepted.
// AWS's texts are not known.
pub(crate) fn attested(
    input: &Value,
    environment: &Environment<'_>,
) -> Result<Option<Attestation>, KmsError> {
    let Some(recipient) = input.get("Recipient").filter(|recipient| !recipient.is_null()) else {
        return Ok(None);
    };
    let member = |name: &str| {
        let text = recipient.get(name).and_then(Value::as_str);
        text.ok_or_else(|| KmsError::validation(format!("{name} is required in Recipient.")))
    };
    // There is one algorithm, and validation has seen to it.
    member("KeyEncryptionAlgorithm")?;
    let document = STANDARD.decode(member("AttestationDocument")?).map_err(|_| internal())?;
    let attested = environment.attestation.verify(&document);
    attested.map(Some).map_err(|refusal| KmsError::validation(refusal.to_string()))
}

/// What is secret in an answer: in the clear for whoever asks, or for the enclave alone.
pub(super) struct Handed {
    /// Absent if there is a recipient.
    pub(super) plaintext: Option<Blob>,
    /// Absent if there is none.
    pub(super) ciphertext_for_recipient: Option<PublicBlob>,
}

impl Handed {
    /// Hands a secret over to whom the request wants it for.
    ///
    /// # Errors
    /// `ValidationException` if the key in the document is not one of RSA.
    pub(super) fn over(authorized: &Authorized<'_>, secret: Blob) -> Result<Self, KmsError> {
        let Some(recipient) = &authorized.resolved.recipient else {
            return Ok(Handed { plaintext: Some(secret), ciphertext_for_recipient: None });
        };
        let sealed = cms::seal(&recipient.public_key, secret.as_bytes(), authorized.environment.entropy);
        let sealed = sealed.map_err(|error| match error {
            CryptoError::Refused => KmsError::validation(
                "The public key in the attestation document is not an RSA key of 2048 bits or more.",
            ),
            CryptoError::Failed => internal(),
        })?;
        Ok(Handed { plaintext: None, ciphertext_for_recipient: Some(PublicBlob(sealed)) })
    }
}
