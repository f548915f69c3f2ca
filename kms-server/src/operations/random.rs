//! GenerateRandom.

use serde::{Deserialize, Serialize};

use super::custom_stores::check_for_random;
use super::recipient::Handed;
use super::{Authorized, Operation, Query};
use crate::api::blob::{Blob, PublicBlob};
use crate::api::error::KmsError;
use crate::limits::Limits;

/// AWS: KMS API reference, "GenerateRandom".
pub(super) struct GenerateRandom;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomRequest {
    number_of_bytes: Option<usize>,
    custom_key_store_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<Blob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_for_recipient: Option<PublicBlob>,
}

impl Operation for GenerateRandom {
    const NAME: &'static str = "GenerateRandom";
    type Input = GenerateRandomRequest;
    type Output = GenerateRandomResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        // AWS (observed): a sentence of its own, although the model does not require the member.
        if input.number_of_bytes.is_none() {
            return Err(KmsError::validation("NumberOfBytes is required."));
        }
        Ok(())
    }
}

impl Query for GenerateRandom {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        if let Some(id) = &input.custom_key_store_id {
            check_for_random(authorized, id)?;
        }
        let mut bytes = vec![0; input.number_of_bytes.unwrap_or_default()];
        authorized.environment.entropy.fill(&mut bytes)?;
        let Handed { plaintext, ciphertext_for_recipient } = Handed::over(authorized, Blob::new(bytes))?;
        Ok(GenerateRandomResponse { plaintext, ciphertext_for_recipient })
    }
}
