//! `kms-server principals`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use http::Method;
use serde_json::Value;

use super::super::{ExitCode, Output, PrincipalsCommand};
use super::client::{Client, done, encode};
use super::{Failed, print, print_line};
use crate::document::{Language, Node};
use crate::principals::PRINCIPALS_BYTES_MAX;

pub(super) fn run(command: &PrincipalsCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    match command {
        PrincipalsCommand::List => {
            let found = client.get("/_kms/principals", &[])?;
            let principals = found.get("principals").and_then(Value::as_array).cloned().unwrap_or_default();
            match output {
                Output::Json => print_line(&Value::from(principals))?,
                Output::Text => principals.iter().try_for_each(|principal| print_line(&line(principal)))?,
            }
        }
        PrincipalsCommand::Show { principal } => {
            let found = client.get(&path(principal), &[])?;
            match output {
                Output::Json => print_line(&found)?,
                Output::Text => print(&described(&found))?,
            }
        }
        PrincipalsCommand::Put { principal, file } => {
            let answer = client.send(Method::PUT, &path(principal), &[], &body(file)?)?;
            match output {
                Output::Json => print_line(&answer)?,
                Output::Text => done(output, &format!("Stored {principal}."))?,
            }
        }
        PrincipalsCommand::Delete { principal } => {
            client.delete(&path(principal))?;
            done(output, &format!("Deleted {principal}."))?;
        }
        PrincipalsCommand::CreateAccessKey { principal } => {
            let key = client.send(Method::POST, &format!("{}/access-keys", path(principal)), &[], b"")?;
            match output {
                Output::Json => print_line(&key)?,
                Output::Text => {
                    let text = |member: &str| key.get(member).and_then(Value::as_str).unwrap_or_default();
                    print_line(&format!("AWS_ACCESS_KEY_ID={}", text("id")))?;
                    print_line(&format!("AWS_SECRET_ACCESS_KEY={}", text("secret")))?;
                }
            }
        }
    }
    Ok(ExitCode::Ok)
}

fn path(principal: &str) -> String {
    format!("/_kms/principals/{}", encode(principal))
}

/// A file as JSON.
fn body(file: &Path) -> Result<Vec<u8>, Failed> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    let name = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| Failed::new(ExitCode::Failure, format!("{name} cannot be read: {error}")))?;
    if name.to_ascii_lowercase().ends_with(".json") {
        return Ok(text.into_bytes());
    }
    let language = Language::of(&name)
        .ok_or_else(|| Failed::usage(format!("{name}: the name must end in .json, .toml, .yaml or .yml")))?;
    let json = Node::parse(language, &text, PRINCIPALS_BYTES_MAX).and_then(|root| root.to_json());
    let json = json.map_err(|error| Failed::usage(format!("{name}:{error}")))?;
    Ok(json.to_string().into_bytes())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One line: kind, source, who it is, and its access keys.
fn line(principal: &Value) -> String {
    let keys: Vec<&str> = principal
        .pointer("/principal/access_keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|key| text(key, "/id"))
        .collect();
    let name = match text(principal, "/principal/arn") {
        "" => text(principal, "/principal/id"),
        arn => arn,
    };
    let owner = text(principal, "/principal/owner");
    let line = format!(
        "{:10}  {:10}  {name}  {owner}{}",
        text(principal, "/kind"),
        text(principal, "/source"),
        keys.join(", ")
    );
    line.trim_end().to_owned()
}

/// A line for each member of the principal; what is no text is printed as JSON.
fn described(found: &Value) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| lines.push_str(&format!("{name:20} {value}\n"));
    line("kind", text(found, "/kind"));
    line("source", text(found, "/source"));
    for (name, value) in found.get("principal").and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::String(text) => line(name, text),
            Value::Array(items) => items.iter().for_each(|item| line(name, &shown(item))),
            other => line(name, &shown(other)),
        }
    }
    lines
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
