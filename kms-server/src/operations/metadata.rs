//! The response shapes that show keys.

use lifecycle::clock::Timestamp;
use lifecycle::state::View;
use lifecycle::key::{
    EncapsulationAlgorithm, EncryptionAlgorithm, Key, KeyAgreementAlgorithm, KeyManager, KeySpec, KeyState,
    KeyUsage, MacAlgorithm, Origin, SigningAlgorithm,
};
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
    #[serde(flatten)]
    algorithms: Algorithms,
    multi_region: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_region_configuration: Option<MultiRegionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_key_material_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_key_store_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_hsm_cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xks_key_configuration: Option<XksKeyConfiguration>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct XksKeyConfiguration {
    id: String,
}

/// The algorithms of a key's one usage; all others are absent.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Algorithms {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encryption_algorithms: &'static [EncryptionAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signing_algorithms: &'static [SigningAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mac_algorithms: &'static [MacAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    key_agreement_algorithms: &'static [KeyAgreementAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encapsulation_algorithms: &'static [EncapsulationAlgorithm],
}

impl Algorithms {
    /// What a key's spec supports of its usage.
    pub(super) fn of(key: &Key) -> Self {
        let (spec, none) = (key.spec, Algorithms::default());
        match key.usage {
            KeyUsage::EncryptDecrypt => {
                Algorithms { encryption_algorithms: spec.encryption_algorithms(), ..none }
            }
            KeyUsage::SignVerify => Algorithms { signing_algorithms: spec.signing_algorithms(), ..none },
            KeyUsage::GenerateVerifyMac => Algorithms { mac_algorithms: spec.mac_algorithms(), ..none },
            KeyUsage::KeyAgreement => {
                Algorithms { key_agreement_algorithms: spec.key_agreement_algorithms(), ..none }
            }
            KeyUsage::EncapsulateDecapsulate => {
                Algorithms { encapsulation_algorithms: spec.encapsulation_algorithms(), ..none }
            }
        }
    }
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
    pub(super) fn of(view: View<'_>, key: &Key) -> Self {
        let state = view.key_state(key);
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
            algorithms: Algorithms::of(key),
            multi_region: key.multi_region,
            multi_region_configuration: key.multi_region.then(configuration),
            current_key_material_id: key
                .current_material
                .filter(|_| key.spec == KeySpec::SymmetricDefault && key.custom_store.is_none())
                .map(|id| id.to_string()),
            custom_key_store_id: key.custom_store.as_ref().map(|residence| residence.store.to_string()),
            cloud_hsm_cluster_id: view
                .store_of(key)
                .and_then(|store| store.backing.cluster())
                .map(|cluster| cluster.to_string()),
            xks_key_configuration: key
                .custom_store
                .as_ref()
                .and_then(|residence| residence.xks_key_id.as_ref())
                .map(|id| XksKeyConfiguration { id: id.to_string() }),
        }
    }
}
