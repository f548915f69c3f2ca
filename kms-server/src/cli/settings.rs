//! A flag for every setting, made from the declaration of the settings.

use crate::config::{Config, ConfigError, Environment, FlagValue, Loaded, Notation, Setting};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;

/// The settings that a short `-h` shows; `--help` shows all.
const SHORT_HELP: [&str; 8] =
    ["address", "port", "tls", "data-dir", "memory", "account", "region", "log-filter"];

/// Where settings come from besides the environment.
#[derive(Debug, Clone, Args)]
pub struct SettingsArguments {
    /// TOML file with settings [env: KMS_SERVER_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The settings given as flags.
    #[command(flatten)]
    pub flags: SettingFlags,
}

impl SettingsArguments {
    /// Layers the flags over `environment`, the settings file and the defaults.
    ///
    /// # Errors
    /// Those of [`Config::read`].
    pub fn load(&self, environment: &Environment) -> Result<Loaded, ConfigError> {
        Config::read(self.config.as_deref(), environment, self.flags.as_slice())
    }
}

/// The data directory that a command works on instead of calling a server, and what leads to its root key. All other
/// settings come from the file and the environment, as for `serve`.
#[derive(Debug, Clone, Default)]
pub struct DataArguments {
    config: Option<PathBuf>,
    flags: SettingFlags,
}

/// The id of the flag that names the settings file.
const CONFIG: &str = "config";

impl DataArguments {
    /// Where settings come from, if the command is to do without a server: that is, if it names a data directory, or
    /// the file of settings that does.
    pub fn settings(&self) -> Option<SettingsArguments> {
        let names = |flag: &FlagValue| flag.setting.path() == "storage.data_dir";
        let named = self.config.is_some() || self.flags.as_slice().iter().any(names);
        named.then(|| SettingsArguments { config: self.config.clone(), flags: self.flags.clone() })
    }

    /// Whether there are settings, but no data directory.
    pub(super) fn is_idle(&self) -> bool {
        self.settings().is_none() && !self.flags.as_slice().is_empty()
    }

    fn flags() -> impl Iterator<Item = &'static Setting> {
        let leads =
            |setting: &&Setting| setting.path() == "storage.data_dir" || setting.table() == "root_key";
        Setting::all().iter().filter(leads)
    }
}

impl FromArgMatches for DataArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let config = matches.get_one::<PathBuf>(CONFIG).cloned();
        Ok(Self { config, flags: SettingFlags::of(Self::flags(), matches) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for DataArguments {
    fn augment_args(command: Command) -> Command {
        const HEADING: &str = "Without a server";
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file with the settings that lead to the data directory");
        let flags = Self::flags().map(flag);
        command.args([config].into_iter().chain(flags).map(|arg| arg.global(true).help_heading(HEADING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The settings given as flags, as they were typed.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags(Vec<FlagValue>);

impl SettingFlags {
    /// The flags, the last one of equals last.
    pub fn as_slice(&self) -> &[FlagValue] {
        &self.0
    }

    fn of(settings: impl Iterator<Item = &'static Setting>, matches: &ArgMatches) -> Self {
        let values = |setting: &'static Setting| {
            let texts = matches.get_many::<String>(setting.flag()).into_iter().flatten();
            texts.map(move |text| FlagValue { setting, text: text.clone() })
        };
        Self(settings.flat_map(values).collect())
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self::of(Setting::all().iter(), matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(Setting::all().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let default = setting.text(&Config::default());
    let default = if default.is_empty() { String::new() } else { format!(" [default: {default}]") };
    let help = format!("{}{default}", setting.reason());
    let caution = match setting.notation() {
        Notation::List(_) => {
            "\nWhat is typed here is visible to other users of the machine; a file or the variable is not."
        }
        _ => "",
    };
    let long_help = format!("{help}{caution}\n[env: {}]", setting.variable());
    // Wrappers append flags to those of an image or script, so a repeated flag is no error: the last one wins.
    let flag = Arg::new(setting.flag())
        .long(setting.flag())
        .action(ArgAction::Append)
        .help_heading(setting.heading())
        .help(help)
        .long_help(long_help)
        .hide_short_help(!SHORT_HELP.contains(&setting.flag()));
    match setting.notation() {
        Notation::Boolean => {
            flag.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false")
        }
        Notation::Integer | Notation::Float => flag.value_name("NUMBER"),
        Notation::Time => flag.value_name("MOMENT"),
        Notation::List(word) => flag.value_name(word),
        Notation::Text | Notation::Digits => flag.value_name("VALUE"),
    }
}

/// Hides the settings of all tables but `tables` from the help of `command`, which has little to do with them.
pub(super) fn hide_settings_but(tables: &[&str], command: Command) -> Command {
    Setting::all()
        .iter()
        .filter(|setting| !tables.contains(&setting.table()))
        .fold(command, |command, setting| command.mut_arg(setting.flag(), |flag| flag.hide(true)))
}
