//! The response shapes that show keys.

use lifecycle::clock::Timestamp;
use lifecycle::key::{EncryptionAlgorithm, Key, KeyManager, KeySpec, KeyState, KeyUsage, Origin};
use serde::{Serialize, Serializer};

/// A date in a response: seconds since the Unix epoch, with milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Date(pub(super) Timestamp);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.epoch_seconds())
    }
}

/// AWS: KMS API reference, "KeyMetadata". Members that do not apply to a key are absent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    account: String,
    key_id: String,
    arn: String,
    creation_date: Date,
    enabled: bool,
    description: String,
    key_usage: KeyUsage,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<Date>,
    origin: Origin,
    key_manager: KeyManager,
    customer_master_key_spec: KeySpec,
    key_spec: KeySpec,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encryption_algorithms: &'static [EncryptionAlgorithm],
    multi_region: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_region_configuration: Option<MultiRegionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_key_material_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MultiRegionConfiguration {
    multi_region_key_type: &'static str,
    primary_key: MultiRegionKey,
    replica_keys: Vec<MultiRegionKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MultiRegionKey {
    arn: String,
    region: String,
}

impl KeyMetadata {
    /// What DescribeKey says of a key.
    pub(super) fn of(key: &Key) -> Self {
        let state = key.state();
        let scope = key.arn.scope;
        let configuration = || MultiRegionConfiguration {
            multi_region_key_type: "PRIMARY",
            primary_key: MultiRegionKey { arn: key.arn.to_string(), region: scope.region.to_string() },
            replica_keys: Vec::new(),
        };
        KeyMetadata {
            account: scope.account.to_string(),
            key_id: key.arn.id.to_string(),
            arn: key.arn.to_string(),
            creation_date: Date(key.created_at),
            enabled: state == KeyState::Enabled,
            description: key.description.to_string(),
            key_usage: key.usage,
            key_state: state.as_str(),
            deletion_date: key.pending_deletion.map(|pending| Date(pending.deletion_at)),
            origin: key.origin,
            key_manager: key.manager,
            customer_master_key_spec: key.spec,
            key_spec: key.spec,
            encryption_algorithms: match key.usage {
                KeyUsage::EncryptDecrypt => key.spec.encryption_algorithms(),
                _ => &[],
            },
            multi_region: key.multi_region,
            multi_region_configuration: key.multi_region.then(configuration),
            current_key_material_id: key.current_material.map(|id| id.to_string()),
        }
    }
}
