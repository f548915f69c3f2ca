//! `kms-server doctor`: what would keep a server from starting, and what its user should know.

use serde_json::json;

use super::super::{DoctorArguments, ExitCode, Output};
use super::client::Client;
use super::{Failed, faults, print_line, serve};
use crate::config::{Authorization, Config, Environment, RootKeySource as Source};
use crate::store::{DATABASE_FILE, RootKey, SqliteStore, Store, excess_permissions, unknown_kinds};

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing; nothing to repair.
    Note,
    /// To be repaired.
    Repair,
}

struct Finding {
    weight: Weight,
    text: String,
}

pub(super) fn run(
    arguments: &DoctorArguments,
    environment: &Environment,
    server: Option<&Client>,
    output: Output,
) -> Result<ExitCode, Failed> {
    let loaded = arguments.settings.load(environment).map_err(Failed::usage)?;
    let mut findings = Vec::new();
    let mut add = |weight, text: String| findings.push(Finding { weight, text });
    add(Weight::Good, "the settings are valid".to_owned());
    for warning in &loaded.warnings {
        add(Weight::Repair, warning.clone());
    }
    examine_root_key(&loaded.config, &mut add);
    examine_data(&loaded.config, environment, &mut add);
    let policies = match loaded.config.auth.mode {
        Authorization::Enforce => (Weight::Good, "policies and grants are enforced"),
        Authorization::Log => (Weight::Note, "auth.mode is `log`: what policies do not allow is let through"),
        Authorization::Off => (Weight::Note, "auth.mode is `off`: policies and grants are not evaluated"),
    };
    add(policies.0, policies.1.to_owned());
    if loaded.config.auth.access_keys.as_slice().is_empty() && loaded.principals.is_empty() {
        let text = "no access key is configured: without --principals and principals in the database, everybody acts as \
                    the root of the account that they name";
        add(Weight::Note, text.to_owned());
    }
    if !loaded.config.server.address.is_loopback() {
        let text = format!("the server listens on {}, which others can reach", loaded.config.server.address);
        add(Weight::Note, text);
    }
    if loaded.config.limits.request_quota_share.factor() > 0.0 {
        let share = loaded.config.limits.request_quota_share.factor();
        add(Weight::Note, format!("request quotas are enforced at {share} of AWS's: calls may be throttled"));
    }
    if let Some(server) = server {
        examine_faults(server, &mut add);
    }
    let repair = findings.iter().any(|finding| finding.weight == Weight::Repair);
    show(&findings, output)?;
    Ok(if repair { ExitCode::Findings } else { ExitCode::Ok })
}

fn examine_root_key(config: &Config, add: &mut impl FnMut(Weight, String)) {
    if config.storage.memory || config.root_key.source != Source::File {
        return;
    }
    let path = config.root_key_file();
    let shown = path.display();
    if !path.exists() {
        add(Weight::Note, format!("{shown} does not exist; it is made together with a new database"));
        return;
    }
    let key = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new).map_err(|error| error.to_string());
    let key = key.and_then(|text| RootKey::parse(&text, "its content").map_err(|error| error.to_string()));
    match key {
        Ok(_) => add(Weight::Good, format!("{shown} holds a root key")),
        Err(error) => add(Weight::Repair, format!("{shown} cannot be used: {error}")),
    }
    if excess_permissions(&path).is_ok_and(|found| found.is_some()) {
        add(Weight::Repair, format!("others can read {shown}; run: chmod 600 {shown}"));
    }
    if path.starts_with(&config.storage.data_dir) {
        let text = format!("{shown} lies beside the database: whoever copies the directory has both");
        add(Weight::Note, text);
    }
}

fn examine_data(config: &Config, environment: &Environment, add: &mut impl FnMut(Weight, String)) {
    let folder = config.storage.data_dir.display();
    if config.storage.memory {
        return add(Weight::Note, "keys are kept in memory only".to_owned());
    }
    if !config.storage.data_dir.join(DATABASE_FILE).exists() {
        return add(Weight::Note, format!("{folder} holds no database yet; the first start makes one"));
    }
    // Opening checks every page, loading every record and its seal.
    let loaded =
        serve::database(config, environment).map_err(|error| error.to_string()).and_then(|options| {
            SqliteStore::open(&options).and_then(|mut store| store.load()).map_err(|error| error.to_string())
        });
    match loaded {
        Ok(rows) => {
            add(Weight::Good, format!("{folder} is sound: {} records can be read and unsealed", rows.len()));
            for (kind, count) in unknown_kinds(&rows) {
                add(Weight::Note, format!("{count} records of the kind {kind} are of a newer version"));
            }
        }
        Err(error) => add(Weight::Repair, error),
    }
}

/// Faults that a running server injects, which its user may have forgotten.
fn examine_faults(server: &Client, add: &mut impl FnMut(Weight, String)) {
    let answer = match server.get("/_kms/faults", &[]) {
        Ok(answer) => answer,
        Err(error) => return add(Weight::Repair, error.to_string()),
    };
    let told = faults::list(&answer);
    let any = answer.get("faults").and_then(serde_json::Value::as_array).is_some_and(|all| !all.is_empty());
    let weight = if any { Weight::Note } else { Weight::Good };
    for line in told.lines() {
        let line =
            if any { format!("the server injects fault {}", line.trim_start()) } else { line.to_owned() };
        add(weight, line);
    }
}

fn show(findings: &[Finding], output: Output) -> Result<(), Failed> {
    let word = |weight| match weight {
        Weight::Good => "ok",
        Weight::Note => "note",
        Weight::Repair => "repair",
    };
    match output {
        Output::Json => {
            let findings: Vec<_> = findings
                .iter()
                .map(|found| json!({"kind": word(found.weight), "text": found.text}))
                .collect();
            print_line(&json!({ "findings": findings }))?;
        }
        Output::Text => {
            for finding in findings {
                print_line(&format!("{:7} {}", word(finding.weight), finding.text))?;
            }
        }
    }
    Ok(())
}
