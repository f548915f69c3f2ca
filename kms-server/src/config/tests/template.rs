use crate::config::*;
use std::collections::HashSet;
use std::path::Path;

fn committed_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.toml")
}

fn load_text(text: &str) -> Result<Config, ConfigError> {
    let file = SettingsFile { name: "config.toml", text };
    Config::load(Some(file), &Environment::default(), &[]).map(|loaded| loaded.config)
}

#[test]
#[ignore = "writes config.toml; run it after changing a setting"]
fn write_config_toml() {
    std::fs::write(committed_path(), to_toml(&Config::default())).unwrap();
}

#[test]
fn config_toml_is_the_declaration() {
    let committed = std::fs::read_to_string(committed_path()).unwrap();
    assert!(
        committed == to_toml(&Config::default()),
        "config.toml is stale: cargo test -p kms-server write_config_toml -- --ignored"
    );
}

#[test]
fn loading_config_toml_unchanged_equals_loading_nothing() {
    let committed = std::fs::read_to_string(committed_path()).unwrap();
    assert_eq!(load_text(&committed).unwrap(), Config::default());
    assert_eq!(Config::load(None, &Environment::default(), &[]).unwrap().config, Config::default());
}

#[test]
fn config_toml_holds_every_setting_with_a_reason() {
    let committed = std::fs::read_to_string(committed_path()).unwrap();
    let parsed: toml::Table = committed.parse().unwrap();
    let lines: Vec<&str> = committed.lines().collect();
    for setting in Setting::all() {
        assert!(
            parsed[setting.table()].as_table().unwrap().contains_key(setting.name()),
            "{}",
            setting.path()
        );
        let reason = format!("# {}", setting.reason());
        let line =
            lines.iter().position(|line| *line == reason).unwrap_or_else(|| panic!("{}", setting.path()));
        assert!(lines[line + 1].starts_with(&format!("{} = ", setting.name())), "{}", setting.path());
    }
    let written: usize = parsed.values().map(|table| table.as_table().unwrap().len()).sum();
    assert_eq!(written, Setting::all().len());
}

#[test]
fn names_are_unique_and_say_why() {
    let mut seen = HashSet::new();
    for setting in Setting::all() {
        assert!(
            seen.insert(setting.path()) && seen.insert(setting.flag()) && seen.insert(setting.variable())
        );
        assert!(
            setting.variable().starts_with(VARIABLE_PREFIX)
                && setting.variable() == setting.variable().to_uppercase()
        );
        let reason = setting.reason();
        assert!(
            reason.len() > 20 && reason.len() <= 140 && reason.ends_with('.'),
            "{}: {reason}",
            setting.path()
        );
        assert!(setting.table_about().ends_with('.'), "{}", setting.table());
    }
    assert!(!seen.contains(FILE_VARIABLE) && !seen.contains(SEED_VARIABLE));
}

/// A value of each setting that is not its default, as flag text.
const OTHERS: &[(&str, &str)] = &[
    ("server.address", "::1"),
    ("server.port", "0"),
    ("server.workers", "3"),
    ("server.connections_max", "7"),
    ("server.tls", "on"),
    ("server.tls_certificate", "/tls/\"a b\".pem"),
    ("server.tls_private_key", "/tls/key.pem"),
    ("server.body_bytes_max", "65537B"),
    ("server.control_body_bytes_max", "1MiB"),
    ("server.json_depth_max", "64"),
    ("server.request_timeout", "1500ms"),
    ("server.keep_alive", "2m"),
    ("server.waiters_max", "5"),
    ("server.wait_max", "2m"),
    ("server.shutdown_grace", "0s"),
    ("storage.data_dir", "C:\\kms 'data'"),
    ("storage.memory", "true"),
    ("storage.queue_commands_max", "1"),
    ("storage.batch_commands_max", "1"),
    ("storage.batch_bytes_max", "64KiB"),
    ("storage.batch_events_max", "1"),
    ("storage.snapshots_max", "3"),
    ("storage.max_pages", "100"),
    ("root_key.source", "environment"),
    ("root_key.file", "/run/root.key"),
    ("root_key.variable", "MY_KEY"),
    ("identity.account", "111122223333"),
    ("identity.region", "us-gov-west-1"),
    ("auth.signatures", "ignore"),
    ("auth.unknown_access_key", "reject"),
    ("auth.mode", "log"),
    ("auth.policy_steps_max", "1000"),
    ("auth.service_headers", "ignore"),
    (
        "auth.access_keys",
        "A:s/+=:111122223333 B:t:arn:aws:iam::111122223333:user/a,b C:u:dynamodb.amazonaws.com",
    ),
    ("sts.web_identity", "https://id.example.com/a|sts.amazonaws.com,b|keys.json http://id|a|k"),
    ("attestation.root", "/nitro/root.pem"),
    ("attestation.age_max", "10m"),
    ("limits.keys_max", "5"),
    ("limits.aliases_per_key_max", "5"),
    ("limits.grants_per_key_max", "5"),
    ("limits.tags_per_key_max", "5"),
    ("limits.policy_bytes_max", "5"),
    ("limits.encryption_context_bytes_max", "5"),
    ("limits.custom_key_stores_max", "5"),
    ("limits.request_quota_share", "0.5"),
    ("grants.consistency_delay", "5m"),
    ("custom_key_stores.connect_time", "20m"),
    ("custom_key_stores.disconnect_time", "1m"),
    (
        "custom_key_stores.clusters",
        "cluster-2a23b4cdefg|2|customerCA.crt|kms|Pswd cluster-3b34c5defgh|0|ca.pem|kmsPswd",
    ),
    (
        "custom_key_stores.xks_proxies",
        "a.example|https://127.0.0.1:1|ca.pem b.example|http://[::1]:2||vpce-svc-0",
    ),
    ("custom_key_stores.xks_proxy_timeout", "1s"),
    ("multi_region.creating_time", "1m"),
    ("multi_region.updating_time", "0s"),
    ("tables.cache_unit", "principal"),
    ("tables.switch_window_start", "table-creation"),
    ("tables.replica_dates", "false"),
    ("tables.cache_validity", "1234ms"),
    ("tables.unreachable_grace", "1234ms"),
    ("tables.retry", "1234ms"),
    ("tables.create_time", "1234ms"),
    ("tables.create_lost_time", "1234ms"),
    ("tables.restore_time", "1234ms"),
    ("tables.switch_move_time", "1234ms"),
    ("tables.switch_structure_time", "1234ms"),
    ("tables.switch_time", "1234ms"),
    ("tables.switch_recovery_time", "1234ms"),
    ("tables.switch_window", "1234ms"),
    ("tables.switch_spacing", "1234ms"),
    ("tables.detection_time", "1234ms"),
    ("tables.replica_detection_time", "1234ms"),
    ("tables.recovery_time", "1234ms"),
    ("tables.archive_after", "1234ms"),
    ("tables.archiving_time", "1234ms"),
    ("tables.replica_removal_after", "1234ms"),
    ("tables.ttl_after_loss", "1234ms"),
    ("tables.ttl_change_spacing", "1234ms"),
    ("tables.ttl_expired_within", "1234ms"),
    ("tables.stream_retention", "1234ms"),
    ("tables.backup_retention", "1234ms"),
    ("tables.backups_after", "1234ms"),
    ("tables.cache_entries_max", "17"),
    ("tables.switches_max", "17"),
    ("tables.tables_max", "17"),
    ("tables.structures_max", "17"),
    ("tables.records_max", "17"),
    ("clock.start", "2026-01-01T00:00:00Z"),
    ("clock.rate", "3600.5"),
    ("clock.frozen", "true"),
    ("clock.cron", "*/5 * * * * *"),
    ("audit.retention_days", "0"),
    ("audit.retention_records_max", "0"),
    ("audit.segment_bytes_max", "1GiB"),
    ("audit.queue_records_max", "5"),
    ("audit.queue_wait_ms", "0"),
    ("events.webhook", "https://hooks.example.com/kms?a=b"),
    ("events.webhook_attempts_max", "1"),
    ("events.mail_server", "smtps://mail.example.com"),
    ("events.mail_ca", "/etc/kms/mail.pem"),
    ("events.mail_credentials", "/etc/kms/mail"),
    ("events.mail_from", "kms@example.com"),
    ("events.mail_to", "ops@example.com, security@example.com"),
    ("events.mail_attempts_max", "1"),
    ("log.format", "json"),
    ("log.filter", "warn,kms_server=debug"),
];

#[test]
fn every_setting_can_be_set_from_each_source_alike() {
    let by_path = |path: &str| Setting::all().iter().find(|setting| setting.path() == path).unwrap();
    let covered: HashSet<_> = OTHERS.iter().map(|(path, _)| *path).collect();
    assert_eq!(covered, Setting::all().iter().map(Setting::path).collect());

    let flags: Vec<_> = OTHERS
        .iter()
        .map(|(path, text)| FlagValue { setting: by_path(path), text: (*text).to_owned() })
        .collect();
    let by_flags = Config::load(None, &Environment::default(), &flags).unwrap();
    let environment = flags.iter().map(|flag| (flag.setting.variable(), &flag.text)).collect();
    let by_variables = Config::load(None, &environment, &[]).unwrap();
    let by_file = load_text(&to_toml(&by_flags.config)).unwrap();
    assert_eq!(by_flags, by_variables);
    assert_eq!(by_flags.config, by_file);
    for (path, text) in OTHERS {
        assert_eq!(by_path(path).text(&by_flags.config), *text, "{path}");
        assert_ne!(by_path(path).text(&Config::default()), *text, "{path}");
    }
    assert_eq!(by_flags.warnings, Vec::<String>::new());
}
