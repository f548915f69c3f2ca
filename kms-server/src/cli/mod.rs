//! The command line: what can be asked, and how the process answers.

mod arguments;
pub mod commands;
mod enclave;
mod endpoint;
mod exit;
mod exports;
mod faults;
mod question;
mod settings;
mod tables;

#[cfg(test)]
mod tests;

pub use self::arguments::{
    Arguments, ClientArguments, ClockCommand, Command, DoctorArguments, EnvArguments, EventsArguments,
    KeysCommand, NotificationsArguments, OnData, Output, PrincipalsCommand, RekeyArguments, RootKeyTarget,
    ScopeArguments, ServeArguments, StateCommand,
};
pub use self::enclave::{DocumentArguments, EnclaveCommand};
pub use self::endpoint::{ENDPOINT_VARIABLE, Endpoint};
pub use self::exit::ExitCode;
pub use self::exports::{ClientCredentials, ClientEnvironment, Shell};
pub use self::faults::{FaultArguments, FaultsCommand, ReportArguments};
pub use self::question::ExplainArguments;
pub use self::settings::{DataArguments, SettingFlags, SettingsArguments};
pub use self::tables::{TableArguments, TablesCommand, Target};
