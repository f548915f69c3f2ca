//! ScheduleKeyDeletion and CancelKeyDeletion.

use lifecycle::key::{DELETION_WINDOW_DAYS, StateError};
use lifecycle::state::Change;
use serde::{Deserialize, Serialize};

use super::put;
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;
use crate::operations::metadata::Date;
use crate::operations::{Authorized, Command, Operation};

/// AWS: KMS API reference, "ScheduleKeyDeletion".
pub(in crate::operations) struct ScheduleKeyDeletion;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ScheduleKeyDeletionRequest {
    pending_window_in_days: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct ScheduleKeyDeletionResponse {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<Date>,
    key_state: &'static str,
    pending_window_in_days: u32,
}

impl ScheduleKeyDeletionRequest {
    fn window_days(&self) -> u32 {
        self.pending_window_in_days.unwrap_or(*DELETION_WINDOW_DAYS.end())
    }
}

impl Operation for ScheduleKeyDeletion {
    const NAME: &'static str = "ScheduleKeyDeletion";
    type Input = ScheduleKeyDeletionRequest;
    type Output = ScheduleKeyDeletionResponse;

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        if DELETION_WINDOW_DAYS.contains(&input.window_days()) {
            return Ok(());
        }
        Err(window_error())
    }
}

/// AWS (observed): the model allows 1 to 365 days, the service 7 to 30.
fn window_error() -> KmsError {
    KmsError::validation("PendingWindowInDays must be between 7 and 30")
}

impl Command for ScheduleKeyDeletion {
    fn decide(
        authorized: &Authorized<'_>,
        input: &Self::Input,
    ) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let days = input.window_days();
        let key = authorized.key()?.schedule_deletion(authorized.view.now(), days);
        let key = key.map_err(|_| window_error())?;
        let output = ScheduleKeyDeletionResponse {
            key_id: key.arn.to_string(),
            deletion_date: key.deletion_at().map(Date),
            key_state: authorized.view.key_state(&key).as_str(),
            pending_window_in_days: days,
        };
        Ok((output, put(key)))
    }
}

/// AWS: KMS API reference, "CancelKeyDeletion".
pub(in crate::operations) struct CancelKeyDeletion;

#[derive(Deserialize)]
pub(in crate::operations) struct CancelKeyDeletionRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct CancelKeyDeletionResponse {
    key_id: String,
}

impl Operation for CancelKeyDeletion {
    const NAME: &'static str = "CancelKeyDeletion";
    type Input = CancelKeyDeletionRequest;
    type Output = CancelKeyDeletionResponse;
}

impl Command for CancelKeyDeletion {
    fn decide(authorized: &Authorized<'_>, _: &Self::Input) -> Result<(Self::Output, Vec<Change>), KmsError> {
        let key = authorized.key()?.cancel_deletion().map_err(|error| match error {
            StateError::NotPendingDeletion | StateError::Window => {
                KmsError::bare(ErrorCode::KMSInvalidStateException)
            }
        })?;
        Ok((CancelKeyDeletionResponse { key_id: key.arn.to_string() }, put(key)))
    }
}
