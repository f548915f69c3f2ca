//! GetPublicKey.

use lifecycle::key::{KeySpec, KeyUsage};
use serde::{Deserialize, Serialize};

use super::material::private_key;
use super::metadata::Algorithms;
use super::{Authorized, Operation, Query, Resolved};
use crate::api::blob::Blob;
use crate::api::error::{ErrorCode, KmsError};

/// AWS: KMS API reference, "GetPublicKey".
pub(super) struct GetPublicKey;

#[derive(Deserialize)]
pub(super) struct GetPublicKeyRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetPublicKeyResponse {
    key_id: String,
    public_key: Blob,
    customer_master_key_spec: KeySpec,
    key_spec: KeySpec,
    key_usage: KeyUsage,
    #[serde(flatten)]
    algorithms: Algorithms,
}

impl Operation for GetPublicKey {
    const NAME: &'static str = "GetPublicKey";
    type Input = GetPublicKeyRequest;
    type Output = GetPublicKeyResponse;

    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        // AWS (observed): without a text, and after the state of the key.
        if resolved.keys.iter().all(|found| found.key.spec.is_asymmetric()) {
            return Ok(());
        }
        Err(KmsError::bare(ErrorCode::UnsupportedOperationException))
    }
}

impl Query for GetPublicKey {
    fn run(authorized: &Authorized<'_>, _: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        Ok(GetPublicKeyResponse {
            key_id: key.arn.to_string(),
            public_key: Blob::new(private_key(authorized, key)?.public_key()?),
            customer_master_key_spec: key.spec,
            key_spec: key.spec,
            key_usage: key.usage,
            algorithms: Algorithms::of(key),
        })
    }
}
