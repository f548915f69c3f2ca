//! The settings of tables, as their engine takes them.

use std::time::Duration;

use lifecycle::at_rest::{CacheUnit, Delay, Observation, QuotaWindow, Settings, Span};

use crate::config::{self, Config};
use crate::tables::Options;

/// How tables are served.
pub(super) fn options(config: &Config) -> Options {
    Options {
        settings: Settings {
            cache_unit: match config.tables.cache_unit {
                config::CacheUnit::Connection => CacheUnit::Connection,
                config::CacheUnit::Principal => CacheUnit::Principal,
            },
            cache_validity: span(config.tables.cache_validity),
            unreachable_grace: span(config.tables.unreachable_grace),
            cache_entries_max: config.tables.cache_entries_max as usize,
            // The server knows of every change of its own keys.
            observation: Observation::Reported,
            retry: span(config.tables.retry),
            create: span(config.tables.create_time),
            create_lost: span(config.tables.create_lost_time),
            restore: span(config.tables.restore_time),
            switch_move: span(config.tables.switch_move_time),
            switch_per_structure: span(config.tables.switch_structure_time),
            switch: span(config.tables.switch_time),
            switch_recovery: span(config.tables.switch_recovery_time),
            detection: Delay::Fixed(span(config.tables.detection_time)),
            replica_detection: Delay::Fixed(span(config.tables.replica_detection_time)),
            recovery: Delay::Fixed(span(config.tables.recovery_time)),
            archive_after: span(config.tables.archive_after),
            archiving: span(config.tables.archiving_time),
            replica_removal: span(config.tables.replica_removal_after),
            ttl_after_loss: span(config.tables.ttl_after_loss),
            ttl_change: span(config.tables.ttl_change_spacing),
            ttl_age_max: span(config.tables.ttl_expired_within),
            stream_retention: span(config.tables.stream_retention),
            system_backup_retention: span(config.tables.backup_retention),
            backups_ready: span(config.tables.backups_after),
            switches_per_window: config.tables.switches_max,
            switch_window: span(config.tables.switch_window),
            switch_spacing: span(config.tables.switch_spacing),
            quota_window: match config.tables.switch_window_start {
                config::QuotaWindow::FirstChange => QuotaWindow::FirstChange,
                config::QuotaWindow::TableCreation => QuotaWindow::TableCreation,
            },
            replica_dates: config.tables.replica_dates,
            structures_max: config.tables.structures_max as usize,
            ..Settings::default()
        },
        records_max: config.tables.records_max as usize,
        tables_max: config.tables.tables_max as usize,
    }
}

fn span(time: Duration) -> Span {
    Span(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_engine() {
        let Options { settings, records_max, tables_max } = options(&Config::default());
        let default = Options::default();
        assert_eq!(settings, default.settings);
        assert_eq!((records_max, tables_max), (default.records_max, default.tables_max));
    }
}
