//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, ListKeyRotations and RotateKeyOnDemand.
//!
//! AWS: KMS developer guide, "Rotate AWS KMS keys".

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::key::{
    ExpirationModel, ImportedMaterial, Key, KeySpec, Material, ON_DEMAND_ROTATIONS_MAX, Origin, RotationType,
    Standing,
};
use lifecycle::schedule;
use lifecycle::state::{Change, View};
use serde::{Deserialize, Serialize};

use super::keys::put;
use super::metadata::Date;
use super::page::{Bounds, Pager};
use super::{Authorized, Command, Operation, Query, Resolved};
use crate::api::error::{ErrorCode, KmsError};

/// Only symmetric keys rotate.
///
/// AWS (observed): no text.
fn check_spec(key: &Key) -> Result<(), KmsError> {
    if key.spec == KeySpec::SymmetricDefault {
        return Ok(());
    }
    Err(KmsError::bare(ErrorCode::UnsupportedOperationException))
}

/// Only material that AWS KMS made rotates by itself.
fn check_origin(key: &Key) -> Result<(), KmsError> {
    check_origin_among(&[Origin::AwsKms], key)
}

fn check_origin_among(origins: &[Origin], key: &Key) -> Result<(), KmsError> {
    if origins.contains(&key.origin) {
        return Ok(());
    }
    Err(KmsError::new(
        ErrorCode::UnsupportedOperationException,
        format!("{} origin is {} which is not valid for this operation.", key.arn, key.origin),
    ))
}

/// What related keys share, their primary has.
///
/// AWS: KMS developer guide, "Rotate AWS KMS keys", multi-Region keys; the text is not known.
fn check_not_replica(key: &Key) -> Result<(), KmsError> {
    if key.is_replica() {
        let message = format!("{} is not a multi-Region primary key.", key.arn);
        return Err(KmsError::new(ErrorCode::UnsupportedOperationException, message));
    }
    Ok(())
}

fn check_rotatable(key: &Key) -> Result<(), KmsError> {
    check_spec(key)?;
    check_origin(key)?;
    check_not_replica(key)
}

fn check_all(resolved: &Resolved, check: impl Fn(&Key) -> Result<(), KmsError>) -> Result<(), KmsError> {
    resolved.keys.iter().try_for_each(|found| check(&found.key))
}

/// AWS: KMS API reference, "EnableKeyRotation".
pub(super) struct EnableKeyRotation;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnableKeyRotationRequest {
    rotation_period_in_days: Option<u32>,
}

impl Operation for EnableKeyRotation {
    const NAME: &'static str = "EnableKeyRotation";
    type Input = EnableKeyRotationRequest;
    type Output = ();

    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_all(resolved, check_rotatable)
    }
}

impl Command for EnableKeyRotation {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let key = authorized.key()?.enable_rotation(input.rotation_period_in_days, authorized.view.now());
        Ok(((), put(key)))
    }
}

/// AWS: KMS API reference, "DisableKeyRotation".
pub(super) struct DisableKeyRotation;

#[derive(Deserialize)]
pub(super) struct DisableKeyRotationRequest {}

impl Operation for DisableKeyRotation {
    const NAME: &'static str = "DisableKeyRotation";
    type Input = DisableKeyRotationRequest;
    type Output = ();

    /// AWS (observed): it succeeds on keys that cannot rotate because of their spec.
    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_all(resolved, |key| check_origin(key).and_then(|()| check_not_replica(key)))
    }
}

impl Command for DisableKeyRotation {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        Ok(((), put(authorized.key()?.disable_rotation())))
    }
}

/// AWS: KMS API reference, "GetKeyRotationStatus".
pub(super) struct GetKeyRotationStatus;

#[derive(Deserialize)]
pub(super) struct GetKeyRotationStatusRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyRotationStatusResponse {
    /// AWS (observed): the ARN, whatever the request named.
    key_id: String,
    key_rotation_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_period_in_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rotation_date: Option<Date>,
}

impl Operation for GetKeyRotationStatus {
    const NAME: &'static str = "GetKeyRotationStatus";
    type Input = GetKeyRotationStatusRequest;
    type Output = GetKeyRotationStatusResponse;

    /// AWS (observed): keys that cannot rotate because of their spec are said not to rotate.
    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_all(resolved, check_origin)
    }
}

impl Query for GetKeyRotationStatus {
    fn run(authorized: &Authorized<'_>, _: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let (view, now) = (authorized.view, authorized.view.now());
        // A key that waits for its deletion does not rotate; a replica rotates as its primary does.
        let shared = view.primary_of(key).filter(|_| key.pending_deletion.is_none());
        let rotation = shared.unwrap_or(key).rotation_at(now);
        Ok(GetKeyRotationStatusResponse {
            key_id: key.arn.to_string(),
            key_rotation_enabled: rotation.is_some(),
            rotation_period_in_days: rotation.map(|rotation| rotation.period_days),
            next_rotation_date: rotation.map(|rotation| Date(rotation.next_at)),
        })
    }
}

/// AWS: KMS API reference, "RotateKeyOnDemand".
pub(super) struct RotateKeyOnDemand;

#[derive(Deserialize)]
pub(super) struct RotateKeyOnDemandRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotateKeyOnDemandResponse {
    key_id: String,
}

/// How close an automatic rotation may be, in milliseconds.
///
/// AWS: KMS API reference, "RotateKeyOnDemand", ConflictException.
const CONFLICT_SPAN: i64 = 20 * 60 * 1_000;

impl Operation for RotateKeyOnDemand {
    const NAME: &'static str = "RotateKeyOnDemand";
    type Input = RotateKeyOnDemandRequest;
    type Output = RotateKeyOnDemandResponse;

    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_all(resolved, |key| {
            check_spec(key)?;
            check_origin_among(&[Origin::AwsKms, Origin::External], key)?;
            check_not_replica(key)
        })
    }
}

impl Command for RotateKeyOnDemand {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let key = authorized.key()?;
        let now = authorized.view.now();
        // AWS (observed): the text, and that it comes before the limit.
        if key.origin == Origin::External && authorized.view.rotation_candidate(key).is_none() {
            return Err(KmsError::new(
                ErrorCode::KMSInvalidStateException,
                format!("No available key material pending rotation for the key: {}.", key.arn),
            ));
        }
        if key.on_demand_rotations >= ON_DEMAND_ROTATIONS_MAX {
            return Err(KmsError::new(
                ErrorCode::LimitExceededException,
                format!(
                    "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be \
                     performed for this key: {}",
                    key.arn
                ),
            ));
        }
        let soon = Timestamp(now.0.saturating_add(CONFLICT_SPAN));
        if key.rotates_at().is_some_and(|at| at <= soon) {
            return Err(KmsError::new(
                ErrorCode::ConflictException,
                format!("An automatic rotation of {} takes place within 20 minutes.", key.arn),
            ));
        }
        let entropy = authorized.environment.entropy;
        let changes = match key.origin {
            Origin::External => schedule::rotation_to_imported(authorized.view, key, entropy)?,
            _ => schedule::rotation(authorized.view, key, RotationType::OnDemand, now, entropy)?,
        };
        Ok((RotateKeyOnDemandResponse { key_id: key.arn.to_string() }, changes))
    }
}

/// AWS: KMS API reference, "ListKeyRotations".
pub(super) struct ListKeyRotations;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotationsRequest {
    include_key_material: Option<String>,
    limit: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotationsResponse {
    rotations: Vec<RotationsListEntry>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RotationsListEntry {
    key_id: String,
    key_material_id: String,
    key_material_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_type: Option<&'static str>,
    #[serde(flatten)]
    imported: Option<ImportedEntry>,
}

/// What an entry says of imported material besides.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImportedEntry {
    import_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<ExpirationModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_description: Option<Arc<str>>,
}

impl ImportedEntry {
    fn of(material: &ImportedMaterial, now: Timestamp) -> Self {
        let model = material.presence.model_at(now);
        ImportedEntry {
            import_state: if model.is_some() { "IMPORTED" } else { "PENDING_IMPORT" },
            expiration_model: model,
            valid_to: material.presence.ends_at().filter(|_| model.is_some()).map(Date),
            key_material_description: material.description.clone(),
        }
    }
}

impl RotationsListEntry {
    fn of(view: View<'_>, key: &Key, material: &Material) -> Self {
        let current = key.current_material == Some(material.id);
        let imported = key.imported(material.id);
        let is_pending = imported.is_some_and(|imported| imported.standing == Standing::PendingRotation);
        RotationsListEntry {
            key_id: key.arn.id.to_string(),
            key_material_id: material.id.to_string(),
            key_material_state: match (current, is_pending) {
                (true, _) => "CURRENT",
                (false, true) if view.is_imported_everywhere(key, material.id) => "PENDING_ROTATION",
                (false, true) => "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
                (false, false) => "NON_CURRENT",
            },
            rotation_date: material.rotation.map(|_| Date(material.created_at)),
            rotation_type: material.rotation.map(RotationType::as_str),
            imported: imported.map(|imported| ImportedEntry::of(imported, view.now())),
        }
    }
}

impl Operation for ListKeyRotations {
    const NAME: &'static str = "ListKeyRotations";
    type Input = ListKeyRotationsRequest;
    type Output = ListKeyRotationsResponse;

    fn compatible(_: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        check_all(resolved, |key| {
            check_spec(key).and_then(|()| check_origin_among(&[Origin::AwsKms, Origin::External], key))
        })
    }
}

impl Query for ListKeyRotations {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let all = input.include_key_material.as_deref() == Some("ALL_KEY_MATERIAL");
        let arn = key.arn.to_string();
        let include = if all { "ALL_KEY_MATERIAL" } else { "ROTATIONS_ONLY" };
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &arn, include],
            &Bounds { default: 100, max: 1_000 },
            input.limit,
            input.marker.as_deref(),
        )?;
        let after = pager.after::<u32>()?;
        let view = authorized.view;
        // Of material that the key does not depend on, nothing is left when it expires; but related keys may have it.
        let is_left = |material: &Material| {
            key.multi_region.is_some()
                || key.imported(material.id).is_none_or(|imported| {
                    imported.standing == Standing::Permanent || imported.presence.is_present_at(view.now())
                })
        };
        let shown = view
            .materials_of(key.arn)
            .filter(|material| is_left(material))
            .filter(|material| all || material.rotation.is_some())
            .filter(|material| after.is_none_or(|after| material.number > after));
        let (materials, next_marker) = pager.take(shown, |material| material.number.to_string());
        let rotations = materials.into_iter().map(|material| RotationsListEntry::of(view, key, material));
        Ok(ListKeyRotationsResponse {
            rotations: rotations.collect(),
            truncated: next_marker.is_some(),
            next_marker,
        })
    }
}
