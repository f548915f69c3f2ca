//! Layers the sources of settings: flag over environment over file over default.

use super::environment::Environment;
use super::setting::{Input, Setting};
use super::{Config, FILE_VARIABLES, VARIABLE_PREFIX};
use crate::document::{Entry, Language, Node, Position, Value as Document, nearest, quoted};
use crate::principals;
use lifecycle::iam;
use std::fmt;

/// Longest settings file in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// The text of a settings file.
#[derive(Debug, Clone, Copy)]
pub struct SettingsFile<'t> {
    /// The name by which messages call it, usually its path.
    pub name: &'t str,
    /// Its text, in TOML.
    pub text: &'t str,
}

/// A setting given on the command line.
#[derive(Clone)]
pub struct FlagValue {
    /// Which one.
    pub setting: &'static Setting,
    /// Its value as it was typed.
    pub text: String,
}

impl fmt::Debug for FlagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} […]", self.setting.flag())
    }
}

/// Settings, and what the user should know about how they came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The accounts, users, roles and access keys of the file, in its table `principals`.
    pub principals: Vec<iam::Entry>,
    /// Environment variables that look like settings and are none, one line each.
    pub warnings: Vec<String>,
}

/// Why settings cannot be used: every fault found, each with its place. `Display` writes a line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<String>,
}

impl ConfigError {
    /// An error with one fault.
    pub(super) fn one(fault: String) -> Self {
        Self { faults: vec![fault] }
    }

    /// The faults in the order file, environment, flags, each naming its place.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 20;
        for (index, fault) in self.faults.iter().take(SHOWN_MAX).enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{fault}")?;
        }
        match self.faults.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Layers `file`, `environment` and `flags` over the defaults. Of two equal flags the last one wins.
    ///
    /// # Errors
    /// Any value that is unknown, unreadable, or does not go with another; all of them are told.
    pub fn load(
        file: Option<SettingsFile<'_>>,
        environment: &Environment,
        flags: &[FlagValue],
    ) -> Result<Loaded, ConfigError> {
        let mut layers = Layers { config: Self::default(), principals: Vec::new(), faults: Vec::new() };
        if let Some(file) = file {
            layers.add_file(file);
        }
        let unknown = layers.add_environment(environment);
        layers.add_flags(flags);
        layers.check();
        let Layers { config, principals, faults } = layers;
        if !faults.is_empty() {
            return Err(ConfigError { faults });
        }
        let root_key = config.root_key.variable.as_str();
        let warnings = unknown.into_iter().filter(|name| *name != root_key).map(warning).collect();
        Ok(Loaded { config, principals, warnings })
    }
}

/// A variable that begins like a setting and is none.
fn warning(name: &str) -> String {
    let nearest = nearest(name, Setting::all().iter().map(Setting::variable)).unwrap_or_default();
    format!("{} is no setting and has no effect; the nearest is `{nearest}`", quoted(name))
}

/// The table of the file that holds no settings.
const PRINCIPALS_TABLE: &str = "principals";

struct Layers {
    config: Config,
    principals: Vec<iam::Entry>,
    faults: Vec<String>,
}

impl Layers {
    fn add_file(&mut self, file: SettingsFile<'_>) {
        match Node::parse(Language::Toml, file.text, FILE_BYTES_MAX) {
            Err(error) => self.faults.push(format!("{}:{error}", file.name)),
            Ok(root) => {
                let tables = root.table("settings").unwrap_or_default();
                tables.iter().for_each(|table| self.add_table(file.name, table));
            }
        }
    }

    fn add_table(&mut self, file: &str, table: &Entry) {
        if table.key == PRINCIPALS_TABLE {
            return match principals::entries_of(&table.node) {
                Ok(entries) => self.principals = entries,
                Err(error) => self.fault_at(file, error.position, &error.reason),
            };
        }
        let known = Setting::all().iter().any(|setting| setting.table() == table.key);
        match &table.node.value {
            Document::Table(entries) if known => {
                entries.iter().for_each(|entry| self.add_entry(file, &table.key, entry));
            }
            _ if known => {
                let reason = format!("expected a table, [{}], found {}", table.key, table.node.kind());
                self.fault_at(file, table.node.position, &reason);
            }
            Document::Table(_) => self.fault_at(file, table.position, &unknown_table(&table.key)),
            _ => self.fault_at(file, table.position, &unknown_setting(&table.key)),
        }
    }

    fn add_entry(&mut self, file: &str, table: &str, entry: &Entry) {
        let setting = Setting::all().iter().find(|known| known.table() == table && known.name() == entry.key);
        let Some(setting) = setting else {
            let path = format!("{table}.{}", entry.key);
            return self.fault_at(file, entry.position, &unknown_setting(&path));
        };
        if let Err(error) = setting.assign(&mut self.config, Input::Node(&entry.node)) {
            let position = error.position.unwrap_or(entry.node.position);
            self.fault_at(file, position, &format!("{}: {}", setting.path(), error.reason));
        }
    }

    fn fault_at(&mut self, file: &str, position: Position, reason: &str) {
        self.faults.push(format!("{file}:{position}: {reason}"));
    }

    /// Returns the names that are no settings.
    fn add_environment<'e>(&mut self, environment: &'e Environment) -> Vec<&'e str> {
        let mut unknown = Vec::new();
        for (name, value) in environment.with_prefix(VARIABLE_PREFIX) {
            let setting = Setting::all().iter().find(|setting| setting.variable() == name);
            match (setting, value) {
                (None, _) if FILE_VARIABLES.contains(&name) => {}
                (None, _) => unknown.push(name),
                (Some(_), None) => {
                    self.faults.push(format!("{name}: its value is not Unicode text; set it anew"))
                }
                (Some(setting), Some(text)) => self.add_text(name, setting, text),
            }
        }
        unknown
    }

    fn add_flags(&mut self, flags: &[FlagValue]) {
        for flag in flags {
            self.add_text(&format!("--{}", flag.setting.flag()), flag.setting, &flag.text);
        }
    }

    fn add_text(&mut self, origin: &str, setting: &Setting, text: &str) {
        if let Err(error) = setting.assign(&mut self.config, Input::Text(text)) {
            // Kubernetes sets KMS_SERVER_PORT=tcp://… in every pod beside a service called kms-server.
            let hint = if text.starts_with("tcp://") {
                " (Kubernetes set this for a service of the same name; use enableServiceLinks: false)"
            } else {
                ""
            };
            self.faults.push(format!("{origin}: {}{hint}", error.reason));
        }
    }

    /// What no single value can tell.
    fn check(&mut self) {
        let Config { server, root_key, .. } = &self.config;
        match (&server.tls_certificate, &server.tls_private_key) {
            (Some(_), None) => self
                .faults
                .push("server.tls_private_key: give the private key of server.tls_certificate".to_owned()),
            (None, Some(_)) => self
                .faults
                .push("server.tls_certificate: give the certificate of server.tls_private_key".to_owned()),
            _ => {}
        }
        let variable = root_key.variable.as_str();
        let taken = Setting::all().iter().any(|setting| setting.variable() == variable);
        if taken || FILE_VARIABLES.contains(&variable) {
            self.faults.push(format!(
                "root_key.variable: {variable} is the variable of another setting; choose another name"
            ));
        }
    }
}

fn unknown_table(name: &str) -> String {
    let nearest = nearest(name, Setting::all().iter().map(Setting::table)).unwrap_or_default();
    format!("{} is no table of settings; the nearest is `[{nearest}]`", quoted(name))
}

/// `path` is a name with the table it stands in, or a name alone.
fn unknown_setting(path: &str) -> String {
    let (table, name) = path.split_once('.').unwrap_or(("", path));
    let elsewhere = Setting::all().iter().find(|setting| setting.name() == name).map(Setting::path);
    let near = elsewhere.or_else(|| {
        let beside: Vec<_> = Setting::all().iter().filter(|setting| setting.table() == table).collect();
        let candidates = if beside.is_empty() { Setting::all().iter().collect() } else { beside };
        let near = nearest(name, candidates.iter().map(|setting| setting.name()))?;
        candidates.into_iter().find(|setting| setting.name() == near).map(Setting::path)
    });
    format!("{} is no setting; the nearest is `{}`", quoted(path), near.unwrap_or_default())
}
