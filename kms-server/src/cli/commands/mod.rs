//! What the commands do.

mod at_rest;
mod certificates;
mod client;
mod clock;
mod doctor;
mod enclave;
mod events;
mod explain;
mod faults;
mod keys;
mod notifications;
mod principals;
mod rekey;
mod report;
mod serve;
mod state;
mod tables;

use std::fmt;
use std::io::{self, Write};

use self::client::Client;
use super::{Arguments, Command, DataArguments, ENDPOINT_VARIABLE, Endpoint, ExitCode, Output};
use crate::config::Environment;

/// How a command failed: the exit code, and what to tell the user.
#[derive(Debug)]
pub struct Failed {
    /// How the process ends.
    pub code: ExitCode,
    message: String,
}

impl Failed {
    fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        Failed { code, message: message.to_string() }
    }

    fn usage(message: impl fmt::Display) -> Self {
        Failed::new(ExitCode::Usage, message)
    }

    fn data(message: impl fmt::Display) -> Self {
        Failed::new(ExitCode::Data, message)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::new(ExitCode::Failure, error)
    }
}

/// Runs a command.
///
/// # Errors
/// What to tell the user, and how to end.
pub fn run(arguments: &Arguments, environment: &Environment) -> Result<ExitCode, Failed> {
    let output = arguments.client.output();
    let endpoint =
        || Endpoint::resolve(arguments.client.endpoint.as_ref(), environment).map_err(Failed::usage);
    let client = |data: &DataArguments| Client::new(data, endpoint, environment);
    // What lives in a server's memory only.
    let server = || Client::server(endpoint()?, environment);
    match &arguments.command {
        Command::Serve(serve) => serve::run(serve, environment),
        Command::Doctor(doctor) => {
            // Only a server that was named is asked: the settings may be those of one that does not run.
            let named = arguments.client.endpoint.is_some() || environment.value(ENDPOINT_VARIABLE).is_some();
            let server = named.then(server).transpose()?;
            doctor::run(doctor, environment, server.as_ref(), output)
        }
        Command::Rekey(rekey) => rekey::run(rekey, environment, output),
        Command::Env(env) => {
            let variables = env.client_environment(endpoint()?);
            match output {
                Output::Text => print(&variables.to_shell(env.shell))?,
                Output::Json => print_line(&variables.to_json())?,
            }
            Ok(ExitCode::Ok)
        }
        Command::Keys(keys) => keys::run(&keys.command, &client(&keys.data)?, output),
        Command::Explain(explain) => explain::run(explain, &client(&explain.data)?, output),
        Command::Events(events) => events::run(events, &client(&events.data)?, output),
        Command::Notifications(filters) => notifications::run(filters, &client(&filters.data)?, output),
        Command::Clock(clock) => clock::run(&clock.command, &client(&clock.data)?, output),
        Command::Principals(principals) => {
            principals::run(&principals.command, &client(&principals.data)?, output)
        }
        Command::State(state) => state::run(&state.command, &client(&state.data)?, output),
        Command::Tables(tables) => tables::run(&tables.command, &client(&tables.data)?, output),
        Command::Enclave(command) => enclave::run(command, output),
        Command::Faults(faults) => faults::run(faults, &server()?, output),
        Command::Report(report) => report::run(report, &server()?, output),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn print_line(line: &impl fmt::Display) -> io::Result<()> {
    print(&format!("{line}\n"))
}
