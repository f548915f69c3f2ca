//! `kms-server rekey`.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use lifecycle::crypto::SystemEntropy;
use serde_json::json;

use super::super::{ExitCode, Output, RekeyArguments, RootKeyTarget};
use super::{Failed, print_line, serve};
use crate::config::Environment;
use crate::store::{NewRootKey, RootKey, RootKeyFile, StoreError, rekey};

pub(super) fn run(
    arguments: &RekeyArguments,
    environment: &Environment,
    output: Output,
) -> Result<ExitCode, Failed> {
    let config = arguments.settings.load(environment).map_err(Failed::usage)?.config;
    let options = serve::database(&config, environment)?;
    let entropy = Arc::new(SystemEntropy::new());
    let made = || RootKey::generate(&*entropy).map_err(Failed::data);
    let target = arguments.target();
    let (new, advice) = match &target {
        None => (NewRootKey::InPlace(made()?), String::from("The root key file now holds the new key.")),
        Some(RootKeyTarget::File(path)) => {
            let advice = format!("From now on start the server with --root-key-file {}.", path.display());
            let key = made()?;
            RootKeyFile::new(path.clone()).create(&key).map_err(Failed::data)?;
            (NewRootKey::Elsewhere(key), advice)
        }
        Some(RootKeyTarget::Variable(name)) => {
            let name = name.as_str();
            let text = environment.value(name).ok_or_else(|| {
                Failed::usage(format!("set the variable {name} to the new root key: 32 bytes in base64"))
            })?;
            let key = RootKey::parse(text).map_err(|error| Failed::usage(format!("{name}: {error}")))?;
            let advice = format!(
                "From now on start the server with --root-key-source environment --root-key-variable {name}."
            );
            (NewRootKey::Elsewhere(key), advice)
        }
    };
    let mut progress = Progress { shown: io::stderr().is_terminal() };
    let count =
        rekey(&options, new, entropy, &mut |done, all| progress.show(done, all)).map_err(|error| {
            // A key that seals nothing would only be in the way of the next attempt.
            if let (Some(RootKeyTarget::File(path)), false) =
                (&target, matches!(error, StoreError::UnknownOutcome(_)))
            {
                let _ = std::fs::remove_file(path);
            }
            Failed::data(error)
        })?;
    match output {
        Output::Text => print_line(&format!("Sealed {count} secrets under the new root key. {advice}"))?,
        Output::Json => print_line(&json!({ "sealed": count }))?,
    }
    Ok(ExitCode::Ok)
}

/// Progress on one line of a terminal.
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&mut self, done: usize, all: usize) {
        if self.shown && (done == all || done.is_multiple_of(1_000)) {
            let end = if done == all { "\n" } else { "" };
            let _ = write!(io::stderr(), "\rsealing {done} of {all}{end}");
        }
    }
}
