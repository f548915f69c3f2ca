//! `kms-server rekey`.

use std::fs;
use std::io::{self, IsTerminal, Write};

use serde_json::json;

use super::super::{ExitCode, Output, RekeyArguments, RootKeyTarget};
use super::{Failed, print_line, serve};
use crate::config::Environment;
use crate::store::{Outcome, RootKey, RootKeySource, rekey, rekey_file, root_key_in_file};

pub(super) fn run(
    arguments: &RekeyArguments,
    environment: &Environment,
    output: Output,
) -> Result<ExitCode, Failed> {
    let config = arguments.settings.load(environment).map_err(Failed::usage)?.config;
    let options = serve::database(&config, environment)?;
    let folder = &options.data_dir;
    let progress = Progress { shown: io::stderr().is_terminal() };
    let mut progress = |done, all| progress.show(done, all);
    let (report, advice) = match (arguments.target(), &options.root_key) {
        (None, RootKeySource::File(file)) => {
            let report = rekey_file(folder, file, &mut progress);
            (report, format!("{} now holds the new key.", file.display()))
        }
        (None, RootKeySource::Value { name, .. }) => {
            return Err(Failed::usage(format!(
                "the present root key is in {name}: say where the new one is with --to-file or --to-variable"
            )));
        }
        (Some(RootKeyTarget::File(path)), source) => {
            let advice = format!("From now on start the server with --root-key-file {}.", path.display());
            let (old, existed) = (present(source)?, path.exists());
            let new = root_key_in_file(&path).map_err(Failed::data)?;
            let report = rekey(folder, &old, &new, &mut progress);
            let unchanged = report.as_ref().is_err_and(|error| error.outcome() == Outcome::Unchanged);
            if unchanged && !existed {
                // A key that seals nothing would only be in the way of the next attempt.
                let _ = fs::remove_file(&path);
            }
            (report, advice)
        }
        (Some(RootKeyTarget::Variable(name)), source) => {
            let name = name.as_str();
            let text = environment.value(name).ok_or_else(|| {
                Failed::usage(format!("set the variable {name} to the new root key: 32 bytes in base64"))
            })?;
            let new = RootKey::parse(text, name).map_err(Failed::usage)?;
            let advice = format!(
                "From now on start the server with --root-key-source environment --root-key-variable {name}."
            );
            (rekey(folder, &present(source)?, &new, &mut progress), advice)
        }
    };
    let report = report.map_err(Failed::data)?;
    let text = format!(
        "Sealed {} secrets under the root key {}. {advice} Backups made before need the old key, {}.",
        report.secrets, report.to, report.from
    );
    match output {
        Output::Text => print_line(&text)?,
        Output::Json => print_line(&json!({ "sealed": report.secrets, "root_key": report.to.to_string() }))?,
    }
    Ok(ExitCode::Ok)
}

/// The key that seals the database now.
fn present(source: &RootKeySource) -> Result<RootKey, Failed> {
    match source {
        RootKeySource::Value { name, text } => RootKey::parse(text, name).map_err(Failed::usage),
        RootKeySource::File(path) => {
            let text = fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(|error| {
                Failed::data(format!("the root key file {} cannot be read: {error}", path.display()))
            })?;
            RootKey::parse(&text, &path.display().to_string()).map_err(Failed::data)
        }
    }
}

/// Progress on one line of a terminal.
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&self, done: u64, all: u64) {
        if self.shown && (done == all || done.is_multiple_of(1_000)) {
            let end = if done == all { "\n" } else { "" };
            let _ = write!(io::stderr(), "\rsealing {done} of {all}{end}");
        }
    }
}
