//! The response shapes that show keys.

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::ids::{AccountId, KeyArn, KeyId, MaterialId, StoreId};
use lifecycle::key::{
    EncapsulationAlgorithm, EncryptionAlgorithm, ExpirationModel, Key, KeyAgreementAlgorithm, KeyManager,
    KeySpec, KeyState, KeyUsage, MacAlgorithm, Origin, Presence, SigningAlgorithm,
};
use lifecycle::state::View;
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
    account: AccountId,
    key_id: KeyId,
    arn: KeyArn,
    creation_date: Date,
    enabled: bool,
    description: Arc<str>,
    key_usage: KeyUsage,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_deletion_window_in_days: Option<u32>,
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
    current_key_material_id: Option<MaterialId>,
    /// Of the first of the materials that expires; absent while one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<ExpirationModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_key_store_id: Option<StoreId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_hsm_cluster_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xks_key_configuration: Option<XksKeyConfiguration>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct XksKeyConfiguration {
    id: Arc<str>,
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

impl MultiRegionConfiguration {
    /// What a multi-Region key is related to. Whatever is known of that, the primary holds.
    fn of(key: &Key, primary: &Key) -> Option<Self> {
        let multi_region_key_type = key.multi_region_type()?;
        let related =
            |arn: KeyArn| MultiRegionKey { arn: arn.to_string(), region: arn.scope.region.to_string() };
        Some(MultiRegionConfiguration {
            multi_region_key_type,
            primary_key: related(key.primary()?),
            replica_keys: primary.replicas().map(related).collect(),
        })
    }
}

impl KeyMetadata {
    /// What DescribeKey says of a key.
    pub(super) fn of(view: View<'_>, key: &Key) -> Self {
        KeyMetadata::related(view, key, view.primary_of(key).map_or(key, |primary| primary))
    }

    /// The same of a key whose primary, or the key itself if it is no replica, is not in the view yet.
    pub(super) fn related(view: View<'_>, key: &Key, primary: &Key) -> Self {
        let now = view.now();
        let state = view.key_state(key);
        let imported = (key.origin == Origin::External).then(|| key.presence_at(now));
        let (scope, residence) = (key.arn.scope, key.custom_store.as_ref());
        KeyMetadata {
            account: scope.account,
            key_id: key.arn.id,
            arn: key.arn,
            creation_date: Date(key.created_at),
            enabled: state == KeyState::Enabled,
            description: Arc::clone(&key.description),
            key_usage: key.usage,
            key_state: state.as_str(),
            deletion_date: key.deletion_at().map(Date),
            pending_deletion_window_in_days: key
                .pending_deletion
                .filter(|pending| pending.deletion_at.is_none())
                .map(|pending| pending.window_days),
            origin: key.origin,
            key_manager: key.manager,
            customer_master_key_spec: key.spec,
            key_spec: key.spec,
            algorithms: Algorithms::of(key),
            multi_region: key.multi_region.is_some(),
            multi_region_configuration: MultiRegionConfiguration::of(key, primary),
            current_key_material_id: key
                .current_material
                .filter(|_| key.spec == KeySpec::SymmetricDefault && key.custom_store.is_none())
                .filter(|_| state != KeyState::Creating),
            expiration_model: imported.and_then(|presence| presence.model_at(now)),
            valid_to: imported.and_then(Presence::ends_at).map(Date),
            custom_key_store_id: residence.map(|residence| residence.store),
            cloud_hsm_cluster_id: view.store_of(key).and_then(|store| store.backing.cluster()).cloned(),
            xks_key_configuration: residence
                .and_then(|residence| residence.xks_key_id.clone())
                .map(|id| XksKeyConfiguration { id }),
        }
    }
}
