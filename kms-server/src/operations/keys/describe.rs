//! DescribeKey and ListKeys.

use serde::{Deserialize, Serialize};

use crate::api::error::KmsError;
use crate::operations::metadata::KeyMetadata;
use crate::operations::page::{Bounds, Pager};
use crate::operations::{Authorized, Operation, Query};

/// AWS: KMS API reference, "DescribeKey".
pub(in crate::operations) struct DescribeKey;

#[derive(Deserialize)]
pub(in crate::operations) struct DescribeKeyRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct DescribeKeyResponse {
    key_metadata: KeyMetadata,
}

impl Operation for DescribeKey {
    const NAME: &'static str = "DescribeKey";
    type Input = DescribeKeyRequest;
    type Output = DescribeKeyResponse;
}

impl Query for DescribeKey {
    fn run(authorized: &Authorized<'_>, _: &Self::Input) -> Result<Self::Output, KmsError> {
        Ok(DescribeKeyResponse { key_metadata: KeyMetadata::of(authorized.view, authorized.key()?) })
    }
}

/// AWS: KMS API reference, "ListKeys".
pub(in crate::operations) struct ListKeys;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ListKeysRequest {
    limit: Option<u32>,
    marker: Option<String>,
    resource_owners: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ListKeysResponse {
    keys: Vec<KeyListEntry>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyListEntry {
    key_id: String,
    key_arn: String,
}

impl Operation for ListKeys {
    const NAME: &'static str = "ListKeys";
    type Input = ListKeysRequest;
    type Output = ListKeysResponse;
}

impl Query for ListKeys {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let scope = authorized.scope();
        // Sharing through AWS RAM needs a second account to offer a share, which nothing here can do: the
        // part of the listing that it would fill is empty.
        let owners = input.resource_owners.as_deref().unwrap_or_default();
        let own_keys = owners.is_empty() || owners.iter().any(|owner| owner == "SELF");
        let (home, owners) = (scope.arn_of("key"), owners.join(","));
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &home, &owners],
            &Bounds { default: 100, max: 1_000 },
            input.limit,
            input.marker.as_deref(),
        )?;
        let after = pager.after()?;
        let keys = authorized.view.keys(scope, after).filter(|_| own_keys);
        let (keys, next_marker) = pager.take(keys, |key| key.arn.id.to_string());
        let keys = keys
            .into_iter()
            .map(|key| KeyListEntry { key_id: key.arn.id.to_string(), key_arn: key.arn.to_string() });
        Ok(ListKeysResponse { keys: keys.collect(), truncated: next_marker.is_some(), next_marker })
    }
}
