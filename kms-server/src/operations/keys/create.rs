//! CreateKey.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;
use lifecycle::crypto::envelope::{MATERIAL_LENGTH, material_id};
use lifecycle::ids::{KeyArn, KeyId, Scope};
use lifecycle::key::{
    Import, Key, KeyManager, KeyPolicy, KeySpec, KeyUsage, Material, MultiRegion, Origin, Presence,
    PrivateKey, Residence, Switch,
};
use lifecycle::state::{Change, Record};
use lifecycle::tag::Tag;
use serde::{Deserialize, Serialize};

use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::custom_stores;
use crate::operations::material::{check_region, internal};
use crate::operations::metadata::KeyMetadata;
use crate::operations::policies::{Lockout, accept_policy};
use crate::operations::tags::check_tags;
use crate::operations::{Authorized, Command, Operation};

/// AWS: KMS API reference, "CreateKey".
pub(in crate::operations) struct CreateKey;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateKeyRequest {
    policy: Option<String>,
    description: Option<String>,
    key_usage: Option<KeyUsage>,
    customer_master_key_spec: Option<KeySpec>,
    key_spec: Option<KeySpec>,
    origin: Option<Origin>,
    custom_key_store_id: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
    tags: Option<Vec<Tag>>,
    multi_region: Option<bool>,
    xks_key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CreateKeyResponse {
    key_metadata: KeyMetadata,
}

impl CreateKeyRequest {
    fn spec(&self) -> KeySpec {
        self.key_spec.or(self.customer_master_key_spec).unwrap_or(KeySpec::SymmetricDefault)
    }

    fn origin(&self) -> Origin {
        self.origin.unwrap_or(Origin::AwsKms)
    }
}

impl Operation for CreateKey {
    const NAME: &'static str = "CreateKey";
    type Input = CreateKeyRequest;
    type Output = CreateKeyResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        check_spec_and_usage(input)?;
        check_origin(input)?;
        check_tags(input.tags.as_deref().unwrap_or_default())?;
        let kept = input.tags.iter().flatten().filter(|tag| !is_custom_tag(&tag.tag_key));
        if kept.count() > limits.tags_per_key_max {
            return Err(KmsError::new(ErrorCode::TagException, "Too many tags"));
        }
        Ok(())
    }
}

fn check_spec_and_usage(input: &CreateKeyRequest) -> Result<(), KmsError> {
    if input.key_spec.is_some() && input.customer_master_key_spec.is_some() {
        return Err(KmsError::validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is \
             deprecated.",
        ));
    }
    let spec = input.spec();
    match input.key_usage {
        None if spec != KeySpec::SymmetricDefault => Err(KmsError::validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )),
        Some(usage) if !spec.usages().contains(&usage) => {
            Err(KmsError::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")))
        }
        _ => Ok(()),
    }
}

fn check_origin(input: &CreateKeyRequest) -> Result<(), KmsError> {
    let (origin, spec) = (input.origin(), input.spec());
    let supported = match origin {
        Origin::AwsKms => true,
        Origin::External => spec.is_importable(),
        Origin::AwsCloudhsm | Origin::ExternalKeyStore => spec == KeySpec::SymmetricDefault,
    };
    if !supported {
        return Err(KmsError::validation(format!("KeySpec {spec} is not supported for Origin {origin}")));
    }
    let (store, external) = (input.custom_key_store_id.as_deref(), input.xks_key_id.as_deref());
    custom_stores::check_request(origin, store, external, input.multi_region == Some(true))
}

/// What a request is accepted with: the key policy as it will be stored, and where the key will live.
type Accepted = (KeyPolicy, Option<Residence>);

/// Everything that may refuse the request once it is authorised, but for what a proxy says.
fn accept(authorized: &Authorized<'_>, input: &CreateKeyRequest) -> Result<Accepted, KmsError> {
    check_region(authorized.scope().region, "KeySpec", input.spec())?;
    let (store, external) = (input.custom_key_store_id.as_deref(), input.xks_key_id.as_deref());
    let residence = custom_stores::residence(authorized, input.origin(), store, external)?;
    let lockout = match input.bypass_policy_lockout_safety_check {
        Some(true) => Lockout::Bypass,
        _ => Lockout::Check,
    };
    let policy = accept_policy(authorized, None, input.policy.as_deref(), lockout)?;
    check_quota(authorized, authorized.scope())?;
    Ok((policy, residence))
}

impl Command for CreateKey {
    fn prepare(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Option<Secret>, KmsError> {
        accept(authorized, input)?;
        let custom = CustomTags::read(input)?;
        let is_made = custom.material.is_none() && input.origin() == Origin::AwsKms;
        let made = is_made.then(|| input.spec().generate(authorized.environment.entropy));
        Ok(made.transpose()?)
    }

    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let accepted = accept(authorized, input)?;
        let (key, material) = make(authorized, input, accepted)?;
        custom_stores::check_new_key(authorized, key.arn, key.custom_store.as_ref())?;
        let output = CreateKeyResponse { key_metadata: KeyMetadata::of(authorized.view, &key) };
        let material = material.map(|material| Record::Material(Arc::new(material)));
        let records = material.into_iter().chain([Record::Key(Arc::new(key))]);
        Ok((output, records.map(Change::Put).collect()))
    }
}

/// Whether an account and Region may have one more key.
pub(in crate::operations) fn check_quota(authorized: &Authorized<'_>, scope: Scope) -> Result<(), KmsError> {
    let quota = authorized.environment.limits.keys_max;
    let usage = authorized.view.customer_key_count(&scope);
    if usage < quota {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::LimitExceededException,
        format!("Key quota for this account in this region is {quota} but the current usage is {usage}."),
    ))
}

fn make(
    authorized: &Authorized<'_>,
    input: &CreateKeyRequest,
    (policy, custom_store): Accepted,
) -> Result<(Key, Option<Material>), KmsError> {
    let entropy = authorized.environment.entropy;
    let now = authorized.view.now();
    let multi_region = input.multi_region.unwrap_or(false);
    let tags = input.tags.as_deref().unwrap_or_default();
    let custom = CustomTags::read(input)?;
    let id = match custom.id {
        Some(id) => id,
        None if multi_region => KeyId::multi_region(entropy.array()?),
        None => KeyId::single_region(entropy.array()?),
    };
    let arn = KeyArn { scope: authorized.scope(), id };
    if id.is_multi_region() != multi_region {
        return Err(KmsError::validation(format!(
            "{CUSTOM_ID} must begin with mrk- exactly if MultiRegion is true"
        )));
    }
    // Keys of one multi-Region id are related: only ReplicateKey makes another.
    let related = multi_region && authorized.view.has_key_of_id(arn.scope.account, id);
    if related || authorized.view.key(&arn).is_some() {
        return Err(KmsError::new(ErrorCode::AlreadyExistsException, format!("Key {arn} already exists")));
    }
    let key = Key {
        arn,
        spec: input.spec(),
        usage: input.key_usage.unwrap_or(KeyUsage::EncryptDecrypt),
        origin: input.origin(),
        manager: KeyManager::Customer,
        multi_region: multi_region.then(MultiRegion::primary),
        description: input.description.as_deref().unwrap_or_default().into(),
        created_at: now,
        switch: Switch::Enabled,
        pending_deletion: None,
        policy,
        tags: tags.iter().filter(|tag| !is_custom_tag(&tag.tag_key)).cloned().collect(),
        current_material: None,
        material_count: 0,
        rotation: None,
        on_demand_rotations: 0,
        custom_store,
        imported: Vec::new(),
    };
    if input.origin() == Origin::External {
        return match custom.material {
            Some(secret) => imported(&key, secret, now),
            None => Ok((key, None)),
        };
    }
    let secret = match custom.material.or_else(|| authorized.prepared.cloned()) {
        Some(secret) => secret,
        None => input.spec().generate(entropy)?,
    };
    let material = Material {
        key: arn,
        id: material_id(id, &secret),
        number: 0,
        created_at: now,
        rotation: None,
        secret: Some(secret),
    };
    Ok((Key { current_material: Some(material.id), material_count: 1, ..key }, Some(material)))
}

/// A key that waits for no import, because its first material comes with it.
fn imported(key: &Key, secret: Secret, now: Timestamp) -> Result<(Key, Option<Material>), KmsError> {
    let presence = Presence::Unlimited;
    let import = Import { secret, import_type: None, id: None, presence, description: None };
    let imported = key.import(import, None, now);
    imported.map(|(key, material)| (key, Some(material))).map_err(|_| internal())
}

const CUSTOM_ID: &str = "_custom_id_";
const CUSTOM_MATERIAL: &str = "_custom_key_material_";

/// Whether a tag is an instruction to this server and no tag of the key.
pub(crate) fn is_custom_tag(key: &str) -> bool {
    key == CUSTOM_ID || key == CUSTOM_MATERIAL
}

/// LocalStack's way to choose a key's id and material. The tags are instructions: they are not stored, so
/// that material never stands in a tag.
struct CustomTags {
    id: Option<KeyId>,
    material: Option<Secret>,
}

impl CustomTags {
    fn read(input: &CreateKeyRequest) -> Result<Self, KmsError> {
        let (tags, spec) = (input.tags.as_deref().unwrap_or_default(), input.spec());
        let value = |key| tags.iter().find(|tag| tag.tag_key == key).map(|tag| tag.tag_value.as_str());
        let id = value(CUSTOM_ID).map(str::parse::<KeyId>).transpose();
        let id =
            id.ok().filter(|id| id.is_none_or(|id| !id.as_str().bytes().any(|b| b.is_ascii_uppercase())));
        let id = id.ok_or_else(|| {
            KmsError::validation(format!(
                "{CUSTOM_ID} must be a lower-case UUID, or mrk- and 32 hexadecimal digits"
            ))
        })?;
        let material = value(CUSTOM_MATERIAL).map(|text| STANDARD.decode(text).map(Secret::new)).transpose();
        let material = material
            .ok()
            .filter(|secret| secret.as_ref().is_none_or(|secret| PrivateKey { spec, secret }.is_valid()));
        let material = material.ok_or_else(|| {
            let form = match spec {
                KeySpec::SymmetricDefault => format!("{MATERIAL_LENGTH} bytes"),
                _ if spec.is_asymmetric() => format!("a private key of spec {spec} as PKCS#8"),
                _ => format!("a key of spec {spec}"),
            };
            KmsError::validation(format!("{CUSTOM_MATERIAL} must be {form} in base64"))
        })?;
        Ok(CustomTags { id, material })
    }
}
