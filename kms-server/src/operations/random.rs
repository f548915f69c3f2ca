//! GenerateRandom.

use serde::{Deserialize, Serialize};

use super::custom_stores::check_for_random;
use super::{Authorized, Operation, Query, not_implemented};
use crate::api::blob::Blob;
use crate::api::error::KmsError;
use crate::limits::Limits;

/// AWS: KMS API reference, "GenerateRandom".
pub(super) struct GenerateRandom;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomRequest {
    number_of_bytes: Option<usize>,
    custom_key_store_id: Option<String>,
    recipient: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomResponse {
    plaintext: Blob,
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
        if input.recipient.is_some() {
            return Err(not_implemented("Recipient"));
        }
        let mut bytes = vec![0; input.number_of_bytes.unwrap_or_default()];
        authorized.environment.entropy.fill(&mut bytes)?;
        Ok(GenerateRandomResponse { plaintext: Blob::new(bytes) })
    }
}
