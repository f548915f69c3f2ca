//! How often a table may change its key.
//!
//! AWS: DynamoDB developer guide, "Service, account, and table quotas"; the fixed window from the first change and the
//! text are observed.

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::settings::{QuotaWindow, Settings};
use crate::clock::Timestamp;

/// The changes of the present window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchQuota {
    /// When the window began.
    pub window_at: Option<Timestamp>,
    /// How many changes it has seen.
    pub count: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

impl SwitchQuota {
    /// When the window that counts at `now` began.
    fn window(&self, created_at: Timestamp, now: Timestamp, settings: &Settings) -> Option<Timestamp> {
        let length = settings.switch_window;
        match settings.quota_window {
            QuotaWindow::FirstChange => self.window_at.filter(|start| now < length.after(*start)),
            QuotaWindow::TableCreation => {
                let passed = now.0.saturating_sub(created_at.0).max(0) / length.0.max(1);
                let start = Timestamp(created_at.0.saturating_add(passed.saturating_mul(length.0)));
                Some(start).filter(|start| self.window_at == Some(*start))
            }
        }
    }

    /// Whether one more change is within the quota.
    ///
    /// # Errors
    /// `LimitExceededException`.
    pub fn check(&self, created_at: Timestamp, now: Timestamp, settings: &Settings) -> Result<(), Refusal> {
        let Some(window) = self.window(created_at, now, settings) else { return Ok(()) };
        let spaced = now >= settings.switch_spacing.after(self.last_at);
        if self.count < settings.switches_per_window || spaced {
            return Ok(());
        }
        Err(Refusal::new(
            "LimitExceededException",
            format!(
                "Subscriber limit exceeded: Encryption mode changes are limited in the {}h window ending at {}. After \
                 the first {} change, each subsequent change in the same window can be performed at most once every {} \
                 seconds. Number of updates today: {}. Last change at {}",
                settings.switch_window.0 / 3_600_000,
                settings.switch_window.after(window),
                settings.switches_per_window,
                settings.switch_spacing.0 / 1_000,
                self.count,
                self.last_at,
            ),
        ))
    }

    /// The quota after a change at `now`.
    #[must_use]
    pub fn used(&self, created_at: Timestamp, now: Timestamp, settings: &Settings) -> Self {
        match self.window(created_at, now, settings) {
            Some(window) => {
                SwitchQuota { window_at: Some(window), count: self.count.saturating_add(1), last_at: now }
            }
            None => {
                let start = match settings.quota_window {
                    QuotaWindow::FirstChange => now,
                    QuotaWindow::TableCreation => {
                        let length = settings.switch_window.0.max(1);
                        let passed = now.0.saturating_sub(created_at.0).max(0) / length;
                        Timestamp(created_at.0.saturating_add(passed.saturating_mul(length)))
                    }
                };
                SwitchQuota { window_at: Some(start), count: 1, last_at: now }
            }
        }
    }
}
