//! `kms-server state`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::{ExitCode, Output, StateCommand};
use super::client::{Client, done, encode};
use super::{Failed, print, print_line};
use crate::control::PASSPHRASE_HEADER;

pub(super) fn run(command: &StateCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    match command {
        StateCommand::Export { file, passphrase_file } => {
            let passphrase = passphrase(passphrase_file.as_deref())?;
            let exported = client.get("/_kms/state", &header(passphrase.as_ref()))?;
            let text = format!("{exported}\n");
            if file == Path::new("-") {
                print(&text)?;
                return Ok(ExitCode::Ok);
            }
            fs::write(file, text).map_err(|error| {
                Failed::new(ExitCode::Failure, format!("{} cannot be written: {error}", file.display()))
            })?;
            let sealed = match passphrase {
                Some(_) => "with its key material, sealed",
                None => "without key material; --passphrase-file adds it, sealed",
            };
            done(output, &format!("Saved the state to {} ({sealed}).", file.display()))?;
        }
        StateCommand::Import { file, passphrase_file } => {
            let passphrase = passphrase(passphrase_file.as_deref())?;
            let body = if file == Path::new("-") {
                let mut body = Vec::new();
                io::stdin().read_to_end(&mut body)?;
                body
            } else {
                fs::read(file).map_err(|error| {
                    Failed::new(ExitCode::Failure, format!("{} cannot be read: {error}", file.display()))
                })?
            };
            let answer = client.send(Method::PUT, "/_kms/state", &header(passphrase.as_ref()), &body)?;
            let count = answer.get("imported").and_then(Value::as_u64).unwrap_or_default();
            done(output, &format!("Replaced the state by {count} records."))?;
        }
        StateCommand::Snapshot { name, in_memory, replace } => {
            let kept = if *in_memory { "memory" } else { "store" };
            let body = json!({ "kept": kept, "replace": replace }).to_string();
            let saved = client.send(Method::POST, &snapshot(name), &[], body.as_bytes())?;
            match output {
                Output::Json => print_line(&saved)?,
                Output::Text => print_line(&line(&saved))?,
            }
        }
        StateCommand::Restore { name } => {
            let answer = client.send(Method::POST, &format!("{}/restore", snapshot(name)), &[], b"")?;
            match output {
                Output::Json => print_line(&answer)?,
                Output::Text => {
                    let now = answer.get("now").and_then(Value::as_str).unwrap_or_default();
                    let keys = answer.get("keys").and_then(Value::as_u64).unwrap_or_default();
                    print_line(&format!("Restored {name}: {keys} keys, and the clock shows {now}."))?;
                }
            }
        }
        StateCommand::Snapshots => {
            let found = client.get("/_kms/snapshots", &[])?;
            let all = found.get("snapshots").and_then(Value::as_array).cloned().unwrap_or_default();
            match output {
                Output::Json => print_line(&Value::from(all))?,
                Output::Text => all.iter().try_for_each(|saved| print_line(&line(saved)))?,
            }
        }
        StateCommand::DeleteSnapshot { name } => {
            client.delete(&snapshot(name))?;
            done(output, &format!("Deleted the snapshot {name}."))?;
        }
        StateCommand::Reset { yes: _ } => {
            client.send(Method::POST, "/_kms/reset", &[], b"")?;
            done(output, "Removed everything.")?;
        }
    }
    Ok(ExitCode::Ok)
}

fn snapshot(name: &str) -> String {
    format!("/_kms/snapshots/{}", encode(name))
}

/// One line: the instant of a snapshot, how many keys it has, where it is kept, and its name.
fn line(saved: &Value) -> String {
    let text = |member: &str| saved.get(member).and_then(Value::as_str).unwrap_or_default();
    let keys = saved.get("keys").and_then(Value::as_u64).unwrap_or_default();
    format!("{}  {keys:6} keys  {:6}  {}", text("domain_time"), text("kept"), text("name"))
}

/// The passphrase of a file, without the end of its line, in base64.
fn passphrase(file: Option<&Path>) -> Result<Option<Zeroizing<String>>, Failed> {
    let Some(file) = file else { return Ok(None) };
    let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        Failed::usage(format!("the passphrase file {} cannot be read: {error}", file.display()))
    })?;
    let passphrase = text.trim_end_matches(['\r', '\n']);
    if passphrase.is_empty() {
        return Err(Failed::usage(format!("the passphrase file {} is empty", file.display())));
    }
    Ok(Some(Zeroizing::new(STANDARD.encode(passphrase))))
}

fn header(passphrase: Option<&Zeroizing<String>>) -> Vec<(&'static str, &str)> {
    passphrase.map(|passphrase| (PASSPHRASE_HEADER, passphrase.as_str())).into_iter().collect()
}
