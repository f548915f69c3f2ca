//! The arguments of `kms-server`.

use super::enclave::EnclaveCommand;
use super::endpoint::Endpoint;
use super::exit::ExitCode;
use super::exports::{ClientCredentials, ClientEnvironment, Shell};
use super::faults::{FaultsCommand, ReportArguments};
use super::question::ExplainArguments;
use super::settings::{DataArguments, SettingsArguments, hide_settings_but};
use super::tables::TablesCommand;
use crate::config::{Environment, PRINCIPALS_VARIABLE, SEED_VARIABLE, Value, VariableName};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;
use lifecycle::ids::{AccountId, Region};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A local AWS KMS with real cryptography, durable sealed keys and a clock that you move.
///
/// Without a command, `serve` is meant: `kms-server --port 0` is `kms-server serve --port 0`.
#[derive(Debug, Clone, Parser)]
#[command(name = "kms-server", version, subcommand_required = true, override_usage = USAGE)]
pub struct Arguments {
    /// What concerns the commands that call a server.
    #[command(flatten)]
    pub client: ClientArguments,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What concerns the commands that call a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Client options")]
pub struct ClientArguments {
    /// Server to call [default: http://127.0.0.1:4566] [env: KMS_ENDPOINT]
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint: Option<Endpoint>,

    /// Print JSON instead of text for people
    #[arg(long, global = true)]
    json: bool,
}

/// The form of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl ClientArguments {
    /// The form of the output.
    pub fn output(&self) -> Output {
        if self.json { Output::Json } else { Output::Text }
    }
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the server (the default command)
    Serve(ServeArguments),
    /// Print the variables that point the AWS CLI and SDKs at a server
    Env(EnvArguments),
    /// Look at keys
    Keys(OnData<KeysCommand>),
    /// Show the server's clock, move it forward, freeze it, or let it run at another rate
    Clock(OnData<ClockCommand>),
    /// Look at accounts, users, roles and access keys, and change those that are stored
    Principals(OnData<PrincipalsCommand>),
    /// Tell whether somebody may do something, and why; ends with code 7 if not
    Explain(Box<ExplainArguments>),
    /// Show the calls that were made, as CloudTrail records
    Events(EventsArguments),
    /// Show the EventBridge events of what happened to keys by itself
    Notifications(NotificationsArguments),
    /// Look at tables that are encrypted at rest, and change their keys
    Tables(OnData<TablesCommand>),
    /// Make requests slow or let them fail, as they sometimes do on AWS
    #[command(subcommand)]
    Faults(FaultsCommand),
    /// Make attestation documents of Nitro Enclaves for tests, and a root that vouches for them
    #[command(subcommand)]
    Enclave(EnclaveCommand),
    /// Tell who used what, what AWS would have charged, and how near the quotas are
    Report(ReportArguments),
    /// Save, load or clear all keys, aliases, grants and tags
    State(OnData<StateCommand>),
    /// Check the settings, the data directory and the root key, and say what to repair
    Doctor(DoctorArguments),
    /// Seal all keys under a new root key, while the server is stopped
    Rekey(RekeyArguments),
}

/// A family of commands that call a server, or work on a data directory without one.
#[derive(Debug, Clone, Args)]
pub struct OnData<C: Subcommand> {
    /// The data directory.
    #[command(flatten)]
    pub data: DataArguments,

    /// What to do.
    #[command(subcommand)]
    pub command: C,
}

/// The arguments of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingsArguments,

    /// TOML or YAML file with keys to make before the first request [env: KMS_SERVER_SEED]
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,

    /// TOML or YAML file with accounts, users, roles and their access keys [env: KMS_SERVER_PRINCIPALS]
    #[arg(long, value_name = "FILE")]
    principals: Option<PathBuf>,
}

impl ServeArguments {
    /// The seed file that `--seed` or `KMS_SERVER_SEED` names.
    pub fn seed(&self, environment: &Environment) -> Option<PathBuf> {
        self.seed.clone().or_else(|| environment.value(SEED_VARIABLE).map(PathBuf::from))
    }

    /// The file of principals that `--principals` or `KMS_SERVER_PRINCIPALS` names.
    pub fn principals(&self, environment: &Environment) -> Option<PathBuf> {
        self.principals.clone().or_else(|| environment.value(PRINCIPALS_VARIABLE).map(PathBuf::from))
    }
}

/// Whose keys.
#[derive(Debug, Clone, Args)]
pub struct ScopeArguments {
    /// Account to act in
    #[arg(long, value_name = "ACCOUNT", default_value = "000000000000", value_parser = value::<AccountId>)]
    pub account: AccountId,

    /// Region to act in
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = value::<Region>)]
    pub region: Region,
}

/// The arguments of `env`.
#[derive(Debug, Clone, Args)]
pub struct EnvArguments {
    /// Shell to write for
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    pub shell: Shell,

    /// Who the requests come from.
    #[command(flatten)]
    pub scope: ScopeArguments,

    /// Leave the AWS credentials as they are, for a server that has its own access keys
    #[arg(long, conflicts_with = "account")]
    keep_credentials: bool,

    /// PEM file of the CA to trust, for a server with a development certificate
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<String>,
}

impl EnvArguments {
    /// What clients of `endpoint` must know.
    pub fn client_environment(&self, endpoint: Endpoint) -> ClientEnvironment {
        let credentials = if self.keep_credentials {
            ClientCredentials::Kept
        } else {
            ClientCredentials::Account(self.scope.account)
        };
        let (region, ca_bundle) = (self.scope.region, self.ca_bundle.clone());
        ClientEnvironment { endpoint, region, credentials, ca_bundle }
    }
}

/// The commands about keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// List the keys of an account and Region
    List {
        /// Whose keys.
        #[command(flatten)]
        scope: ScopeArguments,
    },
    /// Show one key: its state, material, aliases, tags, grants and policy
    Show {
        /// Key id, key ARN, alias name or alias ARN
        #[arg(value_name = "KEY", value_parser = key)]
        key: String,

        /// Where a bare id or alias is looked up.
        #[command(flatten)]
        scope: ScopeArguments,
    },
}

/// The commands about the clock.
#[derive(Debug, Clone, Subcommand)]
pub enum ClockCommand {
    /// Show the time, the rate and what is due next
    Show,
    /// Move it forward, and tell what happens on the way
    Advance {
        /// Duration such as 90d, 18mo, `1y 2w` or P400D; or `next`, up to the next event
        #[arg(value_name = "DURATION")]
        by: String,
    },
    /// Move it forward to an instant and tell what happens on the way, or let it run at a rate, or both
    Set {
        /// Instant such as 2030-01-01T00:00:00Z
        #[arg(value_name = "INSTANT", required_unless_present = "rate")]
        to: Option<String>,

        /// Seconds that pass on it in one second; 0 stops it
        #[arg(long, value_name = "NUMBER")]
        rate: Option<f64>,
    },
    /// Wait until it shows an instant, or until an event happens; ends with code 8 if that takes too long
    Wait {
        /// Instant such as 2030-01-01T00:00:00Z, or kind of event such as RotateKey
        #[arg(value_name = "INSTANT|EVENT")]
        awaited: String,

        /// Count an event from this instant of the clock on, not only from now on
        #[arg(long, value_name = "INSTANT", value_parser = value::<Timestamp>)]
        since: Option<Timestamp>,

        /// How long to wait
        #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = value::<Duration>)]
        timeout: Duration,
    },
    /// Stop it where it is; it can still be moved
    Freeze,
    /// Let it run
    Resume {
        /// Seconds that pass on it in one second
        #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
        rate: f64,
    },
}

/// The commands about principals.
#[derive(Debug, Clone, Subcommand)]
pub enum PrincipalsCommand {
    /// List the accounts, users, roles and access keys
    List,
    /// Show one: its policies, tags and the ids of its access keys
    Show {
        /// Account, ARN of a user or role, or access key id
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
    },
    /// Add an account, a user or a role, or replace it as a whole
    Put {
        /// Account, or ARN of a user or role
        #[arg(value_name = "PRINCIPAL")]
        principal: String,

        /// JSON, TOML or YAML file with its policies, tags and so on; `-` is JSON from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Remove one, with its access keys
    Delete {
        /// Account, ARN of a user or role, or access key id
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
    },
    /// Make an access key for a user or for the root user of an account; its secret is shown this once
    CreateAccessKey {
        /// ARN of a user, or account
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
    },
}

/// The arguments of `events`: those given must all hold.
#[derive(Debug, Clone, Args)]
pub struct EventsArguments {
    /// Only from this moment on, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    pub since: Option<Timestamp>,

    /// Only before this moment, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    pub until: Option<Timestamp>,

    /// Only of this name, such as Decrypt or ScheduleKeyDeletion
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,

    /// Only about this key
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub key: Option<String>,

    /// Only of this principal
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,

    /// At most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,

    /// Only after the event with this id, to go on where an earlier answer ended
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,

    /// Wait so long for the first one, if there is none
    #[arg(long, value_name = "DURATION", value_parser = value::<Duration>)]
    pub wait: Option<Duration>,

    /// The data directory, where no server runs.
    #[command(flatten)]
    pub data: DataArguments,
}

/// The arguments of `notifications`: those given must all hold.
#[derive(Debug, Clone, Args)]
pub struct NotificationsArguments {
    /// Only from this moment on, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    pub since: Option<Timestamp>,

    /// Only before this moment, on the server's clock
    #[arg(long, value_name = "MOMENT", value_parser = value::<Timestamp>)]
    pub until: Option<Timestamp>,

    /// Only of this detail-type, such as `KMS CMK Rotation`
    #[arg(long, value_name = "DETAIL_TYPE")]
    pub event: Option<String>,

    /// Only about this key
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub key: Option<String>,

    /// At most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,

    /// Only after the notification with this id, to go on where an earlier answer ended
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,

    /// The data directory, where no server runs.
    #[command(flatten)]
    pub data: DataArguments,
}

/// The commands about all that a server holds.
#[derive(Debug, Clone, Subcommand)]
pub enum StateCommand {
    /// Save everything to a file
    Export {
        /// File to write; `-` is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// File whose content seals the key material; without it no material is saved
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Replace everything by what a file holds
    Import {
        /// File to read; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// File with the passphrase that sealed the key material
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Keep everything as it is now, the clock included, under a name to come back to
    Snapshot {
        /// Letters, digits, dots, hyphens and underscores
        #[arg(value_name = "NAME")]
        name: String,

        /// Keep it in the server's memory only, until that stops
        #[arg(long)]
        in_memory: bool,

        /// Let it take the place of the one with this name
        #[arg(long)]
        replace: bool,
    },
    /// Bring back everything as it was when the snapshot was taken: what came since is lost
    Restore {
        /// Name of the snapshot
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the snapshots
    Snapshots,
    /// Remove a snapshot, with the key material that only it holds
    DeleteSnapshot {
        /// Name of the snapshot
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Remove everything but snapshots: keys that are in none, and not exported, are lost for ever
    Reset {
        /// Yes, remove all keys
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// The arguments of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArguments {
    /// The settings to check.
    #[command(flatten)]
    pub settings: SettingsArguments,
}

/// The arguments of `rekey`.
#[derive(Debug, Clone, Args)]
pub struct RekeyArguments {
    /// The settings that lead to the data directory and the present root key.
    #[command(flatten)]
    pub settings: SettingsArguments,

    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
struct TargetArguments {
    /// File that is made with the new root key
    #[arg(long, value_name = "FILE")]
    to_file: Option<PathBuf>,

    /// Environment variable that holds the new root key as base64 of 32 bytes
    #[arg(long, value_name = "NAME", value_parser = value::<VariableName>)]
    to_variable: Option<VariableName>,
}

/// Where a new root key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKeyTarget {
    /// In a file that is made.
    File(PathBuf),
    /// In an environment variable.
    Variable(VariableName),
}

impl RekeyArguments {
    /// Where the new root key is to be; without a target it takes the place of the old one in its file.
    pub fn target(&self) -> Option<RootKeyTarget> {
        let TargetArguments { to_file, to_variable } = self.target.clone();
        to_file.map(RootKeyTarget::File).or(to_variable.map(RootKeyTarget::Variable))
    }
}

impl Arguments {
    /// Parses the arguments of the process, the first of which is its name.
    ///
    /// # Errors
    /// Wrong arguments, or a request for the help or the version; [`ExitCode::of_arguments`] tells them apart, and printing
    /// the error shows the text on the right stream.
    pub fn parse_arguments<A: Into<OsString>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, clap::Error> {
        let given = arguments.into_iter().map(Into::into).collect();
        let matches = Self::documented_command().try_get_matches_from(with_default_command(given))?;
        let arguments = Self::from_arg_matches(&matches)?;
        arguments.refuse_idle_options()?;
        Ok(arguments)
    }

    /// The command line with its examples and exit codes.
    pub fn documented_command() -> clap::Command {
        let codes: String =
            ExitCode::ALL.iter().map(|code| format!("\n  {}  {}", code.code(), code.meaning())).collect();
        Self::command()
            .after_help(EXAMPLES)
            .after_long_help(format!("{EXAMPLES}\n\nExit codes:{codes}"))
            .mut_subcommand("serve", |serve| serve.after_help(SERVE_EXAMPLES))
            .mut_subcommand("env", |env| env.after_help(ENV_EXAMPLES))
            .mut_subcommand("clock", |clock| clock.after_help(CLOCK_EXAMPLES))
            .mut_subcommand("explain", |explain| explain.after_help(EXPLAIN_EXAMPLES))
            .mut_subcommand("faults", |faults| faults.after_help(FAULTS_EXAMPLES))
            .mut_subcommand("enclave", |enclave| enclave.after_help(ENCLAVE_EXAMPLES))
            .mut_subcommand("doctor", |doctor| hide_settings_but(&["storage", "root_key"], doctor))
            .mut_subcommand("rekey", |rekey| hide_settings_but(&["storage", "root_key"], rekey))
    }

    /// The data directory of a command that can do without a server.
    fn data(&self) -> Option<&DataArguments> {
        match &self.command {
            Command::Keys(keys) => Some(&keys.data),
            Command::Clock(clock) => Some(&clock.data),
            Command::Principals(principals) => Some(&principals.data),
            Command::Explain(explain) => Some(&explain.data),
            Command::Events(events) => Some(&events.data),
            Command::Notifications(filters) => Some(&filters.data),
            Command::State(state) => Some(&state.data),
            Command::Tables(tables) => Some(&tables.data),
            Command::Serve(_)
            | Command::Env(_)
            | Command::Enclave(_)
            | Command::Faults(_)
            | Command::Report(_)
            | Command::Doctor(_)
            | Command::Rekey(_) => None,
        }
    }

    /// An option without effect is a mistake.
    fn refuse_idle_options(&self) -> Result<(), clap::Error> {
        let reason = match &self.command {
            Command::Serve(_) if self.client.json => {
                "serve has no output to print as JSON; use --log-format json"
            }
            _ if self.data().is_some_and(|data| data.is_idle()) => {
                "settings of the root key say nothing without --data-dir or --config"
            }
            _ if self.client.endpoint.is_some()
                && self.data().is_some_and(|data| data.settings().is_some()) =>
            {
                "with --data-dir or --config the command calls no server, so --endpoint has no effect; leave one out"
            }
            Command::Serve(_) | Command::Rekey(_) | Command::Enclave(_) if self.client.endpoint.is_some() => {
                "this command calls no server, so --endpoint has no effect; leave it out"
            }
            _ => return Ok(()),
        };
        Err(Self::command().error(ErrorKind::ArgumentConflict, reason))
    }
}

const USAGE: &str = "kms-server [serve] [OPTIONS]\n       kms-server <COMMAND> [OPTIONS]";

const EXAMPLES: &str = "\
All settings of the server: kms-server serve --help

Examples:
  kms-server                             serve on http://127.0.0.1:4566, keys in ./kms-data
  kms-server --memory --port 0           serve on a free port, and forget all keys at the end
  kms-server serve --seed seed.yaml      serve with the keys of a file
  eval \"$(kms-server env)\"               point the AWS CLI and SDKs of this shell at the server
  kms-server keys show alias/app --json  one key, as JSON
  kms-server principals list             who is known, and from where";

const SERVE_EXAMPLES: &str = "\
A flag wins over an environment variable, a variable over the file of --config, and the file over the default.

Examples:
  kms-server serve --data-dir /var/lib/kms --root-key-file /etc/kms/root.key
  kms-server serve --address 0.0.0.0 --config config.toml
  kms-server serve --memory --clock-start 2026-01-01T00:00:00Z --clock-frozen";

const ENV_EXAMPLES: &str = "\
Examples:
  eval \"$(kms-server env)\"
  kms-server env --shell fish | source
  kms-server env --shell powershell | Out-String | Invoke-Expression
  kms-server env --json --account 111122223333 --region eu-west-1";

const CLOCK_EXAMPLES: &str = "\
Examples:
  kms-server clock advance '1y 2w'
  kms-server clock set 2030-01-01T00:00:00Z --rate 0
  kms-server clock wait RotateKey --timeout 30s
  kms-server clock advance 90d --data-dir kms-data   # while no server runs on it";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  kms-server explain --principal arn:aws:iam::111122223333:role/app --action kms:Decrypt --key alias/app
  kms-server explain --request 0b2c4f1e-8c6b-4f0e-9a5e-1f2d3c4b5a69
  kms-server explain --principal arn:aws:iam::111122223333:user/alice --action kms:Encrypt \\
    --key arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab \\
    --key-policy key.json --identity-policy alice.json --encryption-context tenant=a";

const FAULTS_EXAMPLES: &str = "\
Faults live in the memory of the server: they end with it.

Examples:
  kms-server faults add --error ThrottlingException --operation Decrypt --count 3
  kms-server faults add --error KMSInternalException --share 0.1 --seed 42
  kms-server faults add --latency 2s --key alias/app --until 2026-02-01T00:00:00Z
  kms-server faults clear";

const ENCLAVE_EXAMPLES: &str = "\
A document is what an enclave shows in the parameter Recipient of Decrypt, GenerateDataKey and others.

Examples:
  kms-server enclave root --out nitro
  kms-server serve --attestation-root nitro/root.pem
  openssl genrsa -out enclave.pem 2048 && openssl rsa -in enclave.pem -pubout -out public.pem
  kms-server enclave document --root nitro --public-key public.pem --out document.bin
  aws kms generate-random --number-of-bytes 32 \\
    --recipient KeyEncryptionAlgorithm=RSAES_OAEP_SHA_256,AttestationDocument@=fileb://document.bin";

/// Puts `serve` where the command is missing.
fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let word = |arguments: &[OsString], index: usize| {
        arguments.get(index).map(|word| word.to_string_lossy().into_owned())
    };
    let mut index = 1;
    while let Some(option) = word(&arguments, index) {
        index += match option.as_str() {
            "--json" => 1,
            "--endpoint" => 2,
            _ if option.starts_with("--endpoint=") => 1,
            _ => break,
        };
    }
    let missing = match word(&arguments, index).as_deref() {
        None => true,
        Some("-h" | "--help" | "-V" | "--version") => false,
        Some(word) => word.starts_with('-'),
    };
    if missing && !arguments.is_empty() {
        arguments.insert(index.min(arguments.len()), "serve".into());
    }
    arguments
}

pub(super) fn value<T: Value>(text: &str) -> Result<T, crate::config::ValueError> {
    T::from_text(text)
}

/// A KeyId of any form; the server tells what is wrong with it in the words of AWS.
pub(super) fn key(text: &str) -> Result<String, &'static str> {
    const KEY_CHARS_MAX: usize = 2_048;
    let bounded = (1..=KEY_CHARS_MAX).contains(&text.chars().count());
    if bounded { Ok(text.to_owned()) } else { Err("a key has 1 to 2048 characters") }
}
