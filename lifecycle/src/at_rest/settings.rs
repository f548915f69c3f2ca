//! Every timing and every choice of the engine, in one place.

use serde::{Deserialize, Serialize};

use super::name::Incarnation;
use crate::clock::Timestamp;

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// A number of seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Span(seconds.saturating_mul(1_000))
    }

    /// A number of minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Span::seconds(minutes.saturating_mul(60))
    }

    /// A number of hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Span::minutes(hours.saturating_mul(60))
    }

    /// A number of days of 24 hours.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Span::hours(days.saturating_mul(24))
    }

    /// The instant this long after `at`.
    #[must_use]
    pub const fn after(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.0))
    }

    /// The instant this long before `at`.
    #[must_use]
    pub const fn before(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_sub(self.0))
    }
}

/// How long the service takes to notice something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// Always this long.
    Fixed(Span),
    /// One of these, chosen by the table's incarnation and the instant, so that the same history gives the same delay.
    Sampled(Vec<Span>),
    /// Until the next multiple of this period.
    Every(Span),
}

impl Delay {
    /// When something that happened to a table at `since` is noticed.
    #[must_use]
    pub fn end(&self, since: Timestamp, table: Incarnation) -> Timestamp {
        match self {
            Delay::Fixed(span) => span.after(since),
            Delay::Sampled(spans) => {
                let seed = table.as_str().bytes().fold(since.0.unsigned_abs(), |seed, byte| {
                    (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                let at = usize::try_from(seed % (spans.len().max(1) as u64)).unwrap_or_default();
                spans.get(at).copied().unwrap_or_default().after(since)
            }
            Delay::Every(period) if period.0 > 0 => {
                Span(period.0 - since.0.rem_euclid(period.0)).after(since)
            }
            Delay::Every(_) => since,
        }
    }
}

/// What a cached table key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheUnit {
    /// One connection of one principal. AWS: DynamoDB developer guide, "Encryption at rest: how it works".
    Connection,
    /// One principal, over all its connections. AWS: the same page since 2026.
    Principal,
}

/// How the engine learns that a key changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Somebody reports every change of a key, its grants or its policy ([`super::Input::KeyChanged`]), so that delays count
    /// from the change and an unchanged key costs no call.
    Reported,
    /// Nobody does: every table's key is tried this often, and delays count from the first refusal.
    Probed(Span),
}

/// From which instant the 24 hours of the switch quota count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaWindow {
    /// The first change. AWS (observed).
    FirstChange,
    /// The table's creation. AWS: DynamoDB developer guide, "Service, account, and table quotas".
    TableCreation,
}

/// All timings, with AWS's values as defaults: documented, measured, or chosen where neither is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What a cached table key belongs to.
    pub cache_unit: CacheUnit,
    /// How long a table key may be used after the Decrypt that opened it.
    pub cache_validity: Span,
    /// How much longer while KMS does not answer. AWS offered 12 hours until 2018.
    pub unreachable_grace: Span,
    /// How many cache entries there may be; beyond that, the ones that end first go.
    pub cache_entries_max: usize,
    /// How the engine learns of changed keys.
    pub observation: Observation,
    /// How long until a call that KMS failed to answer is tried again in the background.
    pub retry: Span,
    /// From CreateTable to ACTIVE.
    pub create: Span,
    /// From CreateTable to the disappearance of a table whose key was lost before it was ACTIVE.
    pub create_lost: Span,
    /// From the start of a restore to ACTIVE.
    pub restore: Span,
    /// From UpdateTable to the moment at which the new key counts.
    pub switch_move: Span,
    /// Time that every structure adds to that.
    pub switch_per_structure: Span,
    /// From UpdateTable to `Status` ENABLED.
    pub switch: Span,
    /// From UpdateTable to ACTIVE, when it freed a table from lost grants.
    pub switch_recovery: Span,
    /// From the loss of a key to the status INACCESSIBLE_ENCRYPTION_CREDENTIALS.
    pub detection: Delay,
    /// The same for a replica of a global table.
    pub replica_detection: Delay,
    /// From a key that works again to ACTIVE.
    pub recovery: Delay,
    /// How long a table stays inaccessible before it is archived; strictly more than this.
    pub archive_after: Span,
    /// From ARCHIVING to ARCHIVED.
    pub archiving: Span,
    /// From detection to the removal of a replica.
    pub replica_removal: Span,
    /// How long TTL deletes go on after the loss of a key.
    pub ttl_after_loss: Span,
    /// The shortest time between two changes of the TTL setting.
    pub ttl_change: Span,
    /// TTL ignores items that expired longer ago than this.
    pub ttl_age_max: Span,
    /// How long stream records live.
    pub stream_retention: Span,
    /// How long the backup lives that is made of a deleted table with point-in-time recovery.
    pub system_backup_retention: Span,
    /// How long after ACTIVE on-demand backups become possible.
    pub backups_ready: Span,
    /// Changes of the key that are free within a window.
    pub switches_per_window: u32,
    /// The window's length.
    pub switch_window: Span,
    /// The least time between further changes within the window.
    pub switch_spacing: Span,
    /// From when the window counts.
    pub quota_window: QuotaWindow,
    /// Whether replicas show when they became inaccessible. AWS documents the field; it was observed to be absent.
    pub replica_dates: bool,
    /// How many seals one load of a data key may make before the engine is asked again.
    pub seals_per_load: u64,
    /// How many structures a table may have.
    pub structures_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            cache_unit: CacheUnit::Connection,
            cache_validity: Span::minutes(5),
            unreachable_grace: Span::ZERO,
            cache_entries_max: 100_000,
            observation: Observation::Reported,
            retry: Span::minutes(1),
            create: Span::seconds(6),
            create_lost: Span::seconds(59 * 60 + 18),
            restore: Span::minutes(3),
            switch_move: Span::seconds(8),
            switch_per_structure: Span::ZERO,
            switch: Span::seconds(22),
            switch_recovery: Span::seconds(30),
            detection: Delay::Fixed(Span::minutes(40)),
            replica_detection: Delay::Fixed(Span::minutes(80)),
            recovery: Delay::Fixed(Span::minutes(40)),
            archive_after: Span::days(7),
            archiving: Span::minutes(10),
            replica_removal: Span::hours(20),
            ttl_after_loss: Span::minutes(30),
            ttl_change: Span::hours(1),
            ttl_age_max: Span::days(5 * 365),
            stream_retention: Span::hours(24),
            system_backup_retention: Span::days(35),
            backups_ready: Span::ZERO,
            switches_per_window: 4,
            switch_window: Span::hours(24),
            switch_spacing: Span::seconds(21_600),
            quota_window: QuotaWindow::FirstChange,
            replica_dates: true,
            seals_per_load: 1 << 24,
            structures_max: 1_024,
        }
    }
}

impl Settings {
    /// The defaults, with what takes seconds to minutes on AWS done at once: for a store that has no waiters.
    #[must_use]
    pub fn prompt() -> Self {
        Settings {
            create: Span::ZERO,
            restore: Span::ZERO,
            switch_move: Span::ZERO,
            switch: Span::ZERO,
            switch_recovery: Span::ZERO,
            ..Settings::default()
        }
    }
}
