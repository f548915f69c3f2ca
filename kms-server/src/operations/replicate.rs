//! ReplicateKey.

use std::borrow::Cow;
use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::ids::Region;
use lifecycle::key::{Key, KeyPolicy, ReplicaAttributes};
use lifecycle::policy::default_key_policy;
use lifecycle::state::{Change, Record};
use lifecycle::tag::Tag;
use serde::{Deserialize, Serialize};

use super::keys::check_quota;
use super::metadata::KeyMetadata;
use super::policies::{Lockout, accept_policy};
use super::tags::check_tags;
use super::{Authorized, Command, Operation, Resolved};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

/// AWS: KMS API reference, "ReplicateKey".
pub(super) struct ReplicateKey;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReplicateKeyRequest {
    replica_region: String,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
    description: Option<String>,
    tags: Option<Vec<Tag>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReplicateKeyResponse {
    replica_key_metadata: KeyMetadata,
    replica_policy: String,
    /// AWS (observed): absent when none were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica_tags: Option<Vec<Tag>>,
}

impl Operation for ReplicateKey {
    const NAME: &'static str = "ReplicateKey";
    type Input = ReplicateKeyRequest;
    type Output = ReplicateKeyResponse;

    fn parameters(input: &Self::Input, limits: &Limits) -> Result<(), KmsError> {
        region(&input.replica_region)?;
        let tags = input.tags.as_deref().unwrap_or_default();
        check_tags(tags)?;
        if tags.len() > limits.tags_per_key_max {
            return Err(KmsError::new(ErrorCode::TagException, "Too many tags"));
        }
        Ok(())
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        let Some(key) = resolved.keys.first().map(|found| &found.key) else { return Ok(()) };
        let region = region(&input.replica_region)?;
        let own = key.arn.scope.region;
        if key.multi_region.is_none() {
            return Err(not_multi_region(key));
        }
        // AWS (observed): found before the Region is looked at.
        if key.is_replica() {
            return Err(unsupported(format!("{} is not a multi-region primary key.", key.arn)));
        }
        if region == own {
            let message = format!("{region} cannot have a replica because it contains the primary.");
            return Err(unsupported(message));
        }
        if region.partition() != own.partition() {
            return Err(unsupported(
                "The replica key Region must be in the same AWS partition as the primary key Region.",
            ));
        }
        Ok(())
    }
}

/// A Region that a request names. Those that the pattern of the model lets pass have at most 32 characters.
pub(super) fn region(text: &str) -> Result<Region, KmsError> {
    text.parse().map_err(|_| KmsError::validation(format!("Invalid Region {text}")))
}

/// AWS (observed): of ReplicateKey.
pub(super) fn not_multi_region(key: &Key) -> KmsError {
    unsupported(format!("{} is not a multi-region key.", key.arn))
}

pub(super) fn unsupported(message: impl Into<Cow<'static, str>>) -> KmsError {
    KmsError::new(ErrorCode::UnsupportedOperationException, message)
}

/// The instant at which a transition ends that begins now.
pub(super) fn after(now: Timestamp, time: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
}

impl Command for ReplicateKey {
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let (key, view) = (authorized.key()?, authorized.view);
        let region = region(&input.replica_region)?;
        let taken = key.replicas().any(|arn| arn.scope.region == region);
        if taken || view.key(&key.arn_in(region)).is_some() {
            return Err(KmsError::new(
                ErrorCode::AlreadyExistsException,
                "You can create only one replica of each primary key in each AWS Region.",
            ));
        }
        let (primary, replica) = replicate(authorized, input, key, region)?;
        check_quota(authorized, replica.arn.scope)?;
        let copies = view.materials_of(key.arn).map(|material| replica.counterpart(material, None));
        let mut records: Vec<_> = copies.map(|copy| Record::Material(Arc::new(copy))).collect();
        let output = ReplicateKeyResponse {
            replica_key_metadata: KeyMetadata::related(authorized.view, &replica, &primary),
            replica_policy: replica.policy.as_str().to_owned(),
            replica_tags: Some(replica.tags.clone()).filter(|tags| !tags.is_empty()),
        };
        records.extend([replica, primary].map(|key| Record::Key(Arc::new(key))));
        Ok((output, records.into_iter().map(Change::Put).collect()))
    }
}

/// The primary and its new replica. The key policy is judged as that of the replica.
fn replicate(
    authorized: &Authorized<'_>,
    input: &ReplicateKeyRequest,
    key: &Key,
    region: Region,
) -> Result<(Key, Key), KmsError> {
    let now = authorized.view.now();
    let until = after(now, authorized.environment.limits.replica_creating_time);
    let scope = key.arn.scope;
    let default = default_key_policy(scope.region.partition(), scope.account.as_str());
    let attributes = ReplicaAttributes {
        policy: KeyPolicy::from(default),
        description: input.description.as_deref().unwrap_or_default().into(),
        tags: input.tags.clone().unwrap_or_default(),
    };
    let (primary, replica) = key.replicate(region, attributes, now, until);
    let lockout = match input.bypass_policy_lockout_safety_check {
        Some(true) => Lockout::Bypass,
        _ => Lockout::Check,
    };
    let policy = accept_policy(authorized, Some(&replica), input.policy.as_deref(), lockout)?;
    Ok((primary, Key { policy, ..replica }))
}
