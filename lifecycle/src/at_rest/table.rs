//! What is stored of a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backup::Consistency;
use super::name::{Caller, Incarnation, TableName};
use super::quota::SwitchQuota;
use super::settings::{Delay, Observation, Settings, Span};
use super::sse::{Protector, SseDescription, SseStatus, Wanted};
use super::wrap::{TableKey, WrappedDataKey};
use crate::clock::Timestamp;
use crate::ids::{GrantId, KeyArn, Uuid};

/// A grant that the engine made for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableGrant {
    /// The key.
    pub key: KeyArn,
    /// The grant.
    pub grant: GrantId,
}

/// Where a table stands. A table under an owned key is never beyond `Active`.
///
/// AWS: DynamoDB API reference, "TableDescription", `TableStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Requested, without a table key yet.
    Creating,
    /// In use. A lost key shows in failing calls before it shows here.
    Active,
    /// INACCESSIBLE_ENCRYPTION_CREDENTIALS.
    Inaccessible {
        /// When the service found that it has no access to the key.
        since: Timestamp,
    },
    /// Being archived.
    Archiving {
        /// When the service found that it has no access to the key.
        inaccessible_since: Timestamp,
        /// When archiving began.
        since: Timestamp,
    },
    /// Archived: only a backup is left.
    Archived {
        /// When the service found that it had no access to the key.
        inaccessible_since: Timestamp,
        /// When archiving began.
        since: Timestamp,
    },
    /// Being deleted.
    Deleting,
}

impl Status {
    /// `TableStatus` of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "CREATING",
            Status::Active => "ACTIVE",
            Status::Inaccessible { .. } => "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
            Status::Archiving { .. } => "ARCHIVING",
            Status::Archived { .. } => "ARCHIVED",
            Status::Deleting => "DELETING",
        }
    }

    /// The console's word.
    #[must_use]
    pub fn console_label(self) -> &'static str {
        match self {
            Status::Creating => "Creating",
            Status::Active => "Active",
            Status::Inaccessible { .. } => "Inaccessible",
            Status::Archiving { .. } => "Archiving",
            Status::Archived { .. } => "Archived",
            Status::Deleting => "Deleting",
        }
    }

    /// When the service found that it has no access to the key.
    #[must_use]
    pub fn inaccessible_since(self) -> Option<Timestamp> {
        match self {
            Status::Inaccessible { since }
            | Status::Archiving { inaccessible_since: since, .. }
            | Status::Archived { inaccessible_since: since, .. } => Some(since),
            _ => None,
        }
    }
}

/// What is known of the key, beside the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Since when the service is refused, while it is.
    pub lost_at: Option<Timestamp>,
    /// Since when the key of an inaccessible table works again.
    pub usable_at: Option<Timestamp>,
    /// When the key is to be tried next.
    pub probe_at: Option<Timestamp>,
    /// When the change was that led to this try.
    pub changed_at: Option<Timestamp>,
    /// Nothing that needs KMS is done before, because KMS did not answer.
    pub retry_at: Option<Timestamp>,
}

/// A change of the key under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// The key that the table comes from.
    pub from: Protector,
    /// The key that it goes to.
    pub to: Protector,
    /// What was asked for, to know the same request again.
    pub wanted: Wanted,
    /// The grants on the new key.
    pub grants: Vec<TableGrant>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When the new key began to count.
    pub moved_at: Option<Timestamp>,
    /// Set while a key that it needs is refused: nothing is tried before somebody says that the key changed.
    pub stuck: bool,
    /// Not to be tried before.
    pub retry_at: Option<Timestamp>,
    /// Who may be asked for the old key, because the grants on it are gone.
    pub opened_as: Option<Caller>,
}

/// A restore under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The backup, or nothing for a restore to a point in time.
    pub backup: Option<String>,
    /// The table that the data come from.
    pub source: Incarnation,
    /// The wrapped table key that opens the copied data keys.
    pub key: TableKey,
    /// The data keys of the source.
    #[serde(with = "super::wrap::by_number")]
    pub data_keys: BTreeMap<u32, WrappedDataKey>,
    /// Who restores.
    pub caller: Caller,
}

/// A table's place in a global table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The global table.
    pub global_table: Uuid,
    /// How its replicas agree.
    pub consistency: Consistency,
}

/// What else is known of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Point-in-time recovery.
    pub point_in_time_recovery: bool,
    /// A stream.
    pub stream: bool,
    /// Contributor Insights.
    pub contributor_insights: bool,
    /// When the setting of time to live was last changed.
    pub ttl_changed_at: Option<Timestamp>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Account, Region and name.
    pub name: TableName,
    /// Its present life.
    pub incarnation: Incarnation,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it first became ACTIVE.
    pub active_at: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// The key that protects it; the one that is shown.
    pub protector: Protector,
    /// The wrapped table key; none before the table is ACTIVE.
    pub key: Option<TableKey>,
    /// Its wrapped data keys, by number.
    #[serde(with = "super::wrap::by_number")]
    pub data_keys: BTreeMap<u32, WrappedDataKey>,
    /// The grants on its key.
    pub grants: Vec<TableGrant>,
    /// How many grants were ever named; part of the next one's name.
    pub grants_named: u32,
    /// What is known of the key.
    pub health: Health,
    /// A change of the key.
    pub switch: Option<Switch>,
    /// How often the key was changed.
    pub quota: SwitchQuota,
    /// A restore that makes this table.
    pub restore: Option<Restore>,
    /// The ARN of the backup that archiving made.
    pub archival_backup: Option<String>,
    /// The global table that it is a replica of.
    pub replica_of: Option<Membership>,
    /// Settings that the engine has to know.
    pub features: Features,
}

/// What falls due for a table, in the order in which it happens if several things do at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// The rest of a deletion.
    Delete,
    /// The key is tried.
    Probe,
    /// CREATING ends.
    Create,
    /// A table that never became ACTIVE disappears.
    Vanish,
    /// The new key of a switch begins to count.
    Move,
    /// A switch ends.
    SwitchEnd,
    /// The key's return is noticed.
    Recover,
    /// The key's loss is noticed.
    Detect,
    /// The replica leaves its global table.
    Leave,
    /// Archiving begins.
    Archive,
    /// Archiving ends.
    Archived,
}

impl Table {
    /// The wrapped data keys of one structure, oldest first.
    pub(super) fn data_keys_of<'t>(
        &'t self,
        structure: &'t super::name::Structure,
    ) -> impl DoubleEndedIterator<Item = &'t WrappedDataKey> {
        self.data_keys.values().filter(move |key| key.structure == *structure)
    }

    /// The generation of the present table key.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.key.as_ref().map_or(0, |key| key.generation)
    }

    /// How long until the loss of its key is noticed.
    fn detection<'s>(&self, settings: &'s Settings) -> &'s Delay {
        if self.replica_of.is_some() { &settings.replica_detection } else { &settings.detection }
    }

    /// When the new key of a switch begins to count.
    fn move_at(&self, switch: &Switch, settings: &Settings) -> Timestamp {
        let structures = i64::try_from(self.data_keys.len()).unwrap_or(i64::MAX);
        let extra = Span(settings.switch_per_structure.0.saturating_mul(structures));
        extra.after(settings.switch_move.after(switch.started_at))
    }

    /// When a switch ends.
    fn end_at(&self, switch: &Switch, moved_at: Timestamp, settings: &Settings) -> Timestamp {
        let total = match self.status {
            Status::Inaccessible { .. } => settings.switch_recovery,
            _ => settings.switch,
        };
        let rest = Span(total.0.saturating_sub(settings.switch_move.0).max(0));
        rest.after(moved_at.max(self.move_at(switch, settings)))
    }

    /// What falls due next, and when; nothing more happens before. Decided by the record alone.
    #[must_use]
    pub fn due(&self, settings: &Settings) -> Option<(Timestamp, Due)> {
        let mut next: Option<(Timestamp, Due)> = None;
        let health = &self.health;
        let mut at = |at: Option<Timestamp>, due: Due| {
            if let Some(at) = at {
                let at = at.max(health.retry_at.unwrap_or(at));
                next = Some(next.map_or((at, due), |next| next.min((at, due))));
            }
        };
        at(health.probe_at.filter(|_| self.protector.key().is_some() || self.switch.is_some()), Due::Probe);
        match self.status {
            Status::Creating => {
                let length = if self.restore.is_some() { settings.restore } else { settings.create };
                at(health.lost_at.is_none().then(|| length.after(self.created_at)), Due::Create);
                at(health.lost_at.map(|_| settings.create_lost.after(self.created_at)), Due::Vanish);
            }
            Status::Active => {
                let found = |since| self.detection(settings).end(since, self.incarnation);
                at(health.lost_at.map(found), Due::Detect);
            }
            Status::Inaccessible { since } => {
                // AWS: a replica of a table with strong consistency is archived instead.
                let leaves = self.replica_of.filter(|of| of.consistency == Consistency::Eventual);
                at(leaves.map(|_| settings.replica_removal.after(since)), Due::Leave);
                let noticed = |since| settings.recovery.end(since, self.incarnation);
                at(health.usable_at.map(noticed), Due::Recover);
                // AWS: longer than seven days, so not at the last instant of the seventh.
                let archived = || Span(settings.archive_after.0.saturating_add(1)).after(since);
                let waits = health.usable_at.is_some() || self.switch.as_ref().is_some_and(|s| !s.stuck);
                at((!waits).then(archived), Due::Archive);
            }
            Status::Archiving { since, .. } => at(Some(settings.archiving.after(since)), Due::Archived),
            Status::Archived { .. } => return None,
            Status::Deleting => return Some((self.created_at, Due::Delete)),
        }
        if let Some(switch) = self.switch.as_ref().filter(|switch| !switch.stuck) {
            let (when, due) = match switch.moved_at {
                None => (self.move_at(switch, settings), Due::Move),
                Some(moved_at) => (self.end_at(switch, moved_at, settings), Due::SwitchEnd),
            };
            at(Some(switch.retry_at.map_or(when, |retry| retry.max(when))), due);
        }
        next
    }

    /// When the key is tried next after a try at `now` that got an answer.
    pub(super) fn next_probe(&self, settings: &Settings, now: Timestamp) -> Option<Timestamp> {
        match settings.observation {
            Observation::Reported => None,
            Observation::Probed(interval) => Some(Span(interval.0.max(1)).after(now)),
        }
    }

    /// `SSEDescription` as DescribeTable shows it.
    ///
    /// AWS (observed): what is shown at which moment of a switch, and that `Status` stays ENABLED without access.
    #[must_use]
    pub fn sse_description(&self) -> Option<SseDescription> {
        let inaccessible = self.status.inaccessible_since();
        let Some(switch) = &self.switch else {
            return SseDescription::of(&self.protector, SseStatus::Enabled, inaccessible);
        };
        let shown = if switch.moved_at.is_some() { &switch.to } else { &switch.from };
        SseDescription::of(shown, SseStatus::Updating, inaccessible)
    }
}
