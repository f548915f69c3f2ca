//! UpdatePrimaryRegion.

use std::sync::Arc;

use lifecycle::state::{Change, Record};
use serde::Deserialize;

use super::replicate::{after, not_multi_region, region, unsupported};
use super::{Authorized, Command, Operation, Resolved};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

/// AWS: KMS API reference, "UpdatePrimaryRegion".
pub(super) struct UpdatePrimaryRegion;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdatePrimaryRegionRequest {
    primary_region: String,
}

impl Operation for UpdatePrimaryRegion {
    const NAME: &'static str = "UpdatePrimaryRegion";
    type Input = UpdatePrimaryRegionRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        region(&input.primary_region).map(|_| ())
    }

    fn compatible(input: &Self::Input, resolved: &Resolved) -> Result<(), KmsError> {
        let Some(key) = resolved.keys.first().map(|found| &found.key) else { return Ok(()) };
        let region = region(&input.primary_region)?;
        if key.multi_region.is_none() {
            return Err(not_multi_region(key));
        }
        // AWS: a client library tries again on this text, which ReplicateKey spells with a small r.
        if key.is_replica() {
            return Err(unsupported(format!("{} is not a multi-Region primary key.", key.arn)));
        }
        if region == key.arn.scope.region {
            return Err(unsupported(format!("{region} already contains the primary.")));
        }
        if resolved.keys.len() < 2 {
            let message = format!("Key '{}' does not exist", key.arn_in(region));
            return Err(KmsError::new(ErrorCode::NotFoundException, message));
        }
        Ok(())
    }
}

impl Command for UpdatePrimaryRegion {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let (primary, replica, view) = (authorized.key()?, authorized.key_at(1)?, authorized.view);
        let until = after(view.now(), authorized.environment.limits.primary_updating_time);
        let others = view.replicas_of(primary).filter(|other| other.arn != replica.arn);
        let keys = primary.hand_over(replica, others.map(|other| &**other), until);
        Ok(((), keys.into_iter().map(|key| Change::Put(Record::Key(Arc::new(key)))).collect()))
    }
}
