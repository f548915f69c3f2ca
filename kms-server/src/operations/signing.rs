//! Sign and Verify.

use lifecycle::crypto::CryptoError;
use lifecycle::key::{Key, MessageType, SigningAlgorithm, SigningInput};
use serde::{Deserialize, Serialize};

use super::material::{incompatible, internal, private_key};
use super::{Authorized, Operation, Query, Resolved};
use crate::api::blob::Blob;
use crate::api::error::{ErrorCode, KmsError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SigningRequest {
    message: Blob,
    message_type: Option<MessageType>,
    /// AWS (observed): Sign takes `SYMMETRIC_DEFAULT` as far as the key, which is never compatible with it.
    signing_algorithm: String,
    /// Sign has no such member: there it is absent.
    signature: Option<Blob>,
}

impl SigningRequest {
    fn message_type(&self) -> MessageType {
        self.message_type.unwrap_or(MessageType::Raw)
    }

    fn algorithm(&self) -> Option<SigningAlgorithm> {
        SigningAlgorithm::named(&self.signing_algorithm)
    }

    fn input(&self) -> Result<SigningInput<'_>, KmsError> {
        Ok(SigningInput {
            algorithm: self.algorithm().ok_or_else(internal)?,
            message_type: self.message_type(),
            message: self.message.as_bytes(),
        })
    }

    /// The algorithm must be one of the key's, the message of a type that it takes, and a digest as long as its hash
    /// function's.
    fn check(&self, key: &Key) -> Result<(), KmsError> {
        let supported = self.algorithm().filter(|found| key.spec.signing_algorithms().contains(found));
        let algorithm = supported.ok_or_else(|| incompatible(&self.signing_algorithm, key))?;
        let message_type = self.message_type();
        if !algorithm.message_types().contains(&message_type) {
            let what = match algorithm {
                SigningAlgorithm::Ed25519Sha512 | SigningAlgorithm::Ed25519PhSha512 => {
                    format!("algorithm {algorithm}")
                }
                _ => format!("key spec {}", key.spec),
            };
            return Err(KmsError::validation(format!(
                "Message type {message_type} is incompatible with {what}."
            )));
        }
        if message_type != MessageType::Raw && self.message.as_bytes().len() != algorithm.digest_length() {
            return Err(KmsError::validation(format!("Digest is invalid length for algorithm {algorithm}.")));
        }
        Ok(())
    }
}

/// AWS: KMS API reference, "Sign".
pub(super) struct Sign;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SignResponse {
    key_id: String,
    signature: Blob,
    signing_algorithm: SigningAlgorithm,
}

impl Operation for Sign {
    const NAME: &'static str = "Sign";
    type Input = SigningRequest;
    type Output = SignResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        resolved.keys.iter().try_for_each(|found| input.check(&found.key))
    }
}

impl Query for Sign {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let input = input.input()?;
        let signature = private_key(authorized, key)?.sign(&input, authorized.environment.entropy)?;
        Ok(SignResponse {
            key_id: key.arn.to_string(),
            signature: Blob::new(signature),
            signing_algorithm: input.algorithm,
        })
    }
}

/// AWS: KMS API reference, "Verify".
pub(super) struct Verify;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyResponse {
    key_id: String,
    /// Never false: a signature that does not verify is an error.
    signature_valid: bool,
    signing_algorithm: SigningAlgorithm,
}

impl Operation for Verify {
    const NAME: &'static str = "Verify";
    type Input = SigningRequest;
    type Output = VerifyResponse;

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        resolved.keys.iter().try_for_each(|found| input.check(&found.key))
    }
}

impl Query for Verify {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let signed = input.input()?;
        let signature = input.signature.as_ref().map(Blob::as_bytes).unwrap_or_default();
        let verified = private_key(authorized, key)?.verify(&signed, signature);
        verified.map_err(|error| match error {
            CryptoError::Refused => KmsError::bare(ErrorCode::KMSInvalidSignatureException),
            CryptoError::Failed => internal(),
        })?;
        Ok(VerifyResponse {
            key_id: key.arn.to_string(),
            signature_valid: true,
            signing_algorithm: signed.algorithm,
        })
    }
}
