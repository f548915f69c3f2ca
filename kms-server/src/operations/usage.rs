//! GetKeyLastUsage.

use std::sync::Arc;

use lifecycle::clock::Timestamp;
use lifecycle::key::Key;
use lifecycle::state::{Usage, View};
use serde::{Deserialize, Serialize, Serializer};

use super::metadata::Date;
use super::{Authorized, LastUses, Operation, Query};
use crate::api::error::KmsError;

/// When AWS began to track last use: older keys show this date.
///
/// AWS: KMS API reference, "GetKeyLastUsage"; 2026-04-23T00:00:00Z.
const TRACKING_BEGAN_AT: Timestamp = Timestamp(1_776_902_400_000);

/// AWS: KMS API reference, "GetKeyLastUsage".
pub(super) struct GetKeyLastUsage;

#[derive(Deserialize)]
pub(super) struct GetKeyLastUsageRequest {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyLastUsageResponse {
    key_id: String,
    key_last_usage: KeyLastUsage,
    tracking_start_date: Date,
    key_creation_date: Date,
}

/// Empty for a key that was never used.
struct KeyLastUsage(Option<Arc<Usage>>);

impl Serialize for KeyLastUsage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Data<'a> {
            operation: &'a str,
            timestamp: i64,
            cloud_trail_event_id: &'a str,
            kms_request_id: &'a str,
        }
        match &self.0 {
            None => serializer.collect_map(std::iter::empty::<((), ())>()),
            Some(usage) => Data {
                operation: &usage.operation,
                timestamp: usage.at.whole_seconds(),
                cloud_trail_event_id: usage.event_id.as_str(),
                kms_request_id: usage.request_id.as_str(),
            }
            .serialize(serializer),
        }
    }
}

impl Operation for GetKeyLastUsage {
    const NAME: &'static str = "GetKeyLastUsage";
    type Input = GetKeyLastUsageRequest;
    type Output = GetKeyLastUsageResponse;
}

impl Query for GetKeyLastUsage {
    fn run(authorized: &Authorized<'_>, _: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let last = last_use(key, authorized.view, authorized.environment.ledger);
        Ok(GetKeyLastUsageResponse {
            key_id: key.arn.id.to_string(),
            key_last_usage: KeyLastUsage(last),
            tracking_start_date: Date(tracked_since(key)),
            key_creation_date: Date(key.created_at),
        })
    }
}

fn last_use(key: &Key, view: View<'_>, ledger: &dyn LastUses) -> Option<Arc<Usage>> {
    ledger.last_use(&key.arn).or_else(|| view.usage(&key.arn).cloned())
}

fn tracked_since(key: &Key) -> Timestamp {
    key.created_at.max(TRACKING_BEGAN_AT)
}

/// When a key was last used; for one that never was, when its tracking began.
///
/// AWS: KMS developer guide, "kms:TrailingDaysWithoutKeyUsage".
pub(crate) fn last_activity(key: &Key, view: View<'_>, ledger: &dyn LastUses) -> Timestamp {
    last_use(key, view, ledger).map_or_else(|| tracked_since(key), |usage| usage.at)
}
