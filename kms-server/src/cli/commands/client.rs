//! The commands that call a server.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use super::super::{Endpoint, EventsArguments, ExitCode, KeysCommand, Output, ScopeArguments, StateCommand};
use super::{Failed, print, print_line};
use crate::config::Environment;
use crate::control::PASSPHRASE_HEADER;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Names the PEM file of the CAs to trust, as for the AWS CLI and SDKs; `kms-server env --ca-bundle` sets it.
const CA_BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// Calls one server.
pub(super) struct Client {
    endpoint: Endpoint,
    agent: ureq::Agent,
}

impl Client {
    /// Calls `endpoint`, and trusts what the environment says.
    pub(super) fn new(endpoint: Endpoint, environment: &Environment) -> Result<Self, Failed> {
        let mut agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        if let Some(path) = environment.value(CA_BUNDLE_VARIABLE).filter(|path| !path.is_empty()) {
            agent = agent.tls_config(TlsConfig::builder().root_certs(ca_bundle(path)?).build());
        }
        Ok(Client { endpoint, agent: agent.build().into() })
    }

    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Value, Failed> {
        let url = format!("{}{path}", self.endpoint);
        let request =
            headers.iter().fold(self.agent.get(url), |request, (name, value)| request.header(*name, *value));
        self.answer(request.call())
    }

    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Value, Failed> {
        let url = format!("{}{path}", self.endpoint);
        let request = if method == "PUT" { self.agent.put(url) } else { self.agent.post(url) };
        let request = request.header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.answer(request.send(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failed> {
        self.answer(self.agent.delete(format!("{}{path}", self.endpoint)).call())
    }

    fn answer(&self, result: Result<http::Response<ureq::Body>, ureq::Error>) -> Result<Value, Failed> {
        let mut response = result.map_err(|error| {
            Failed::new(
                ExitCode::Unreachable,
                format!(
                    "no server answers at {}: {error}. {}",
                    self.endpoint,
                    if matches!(error, ureq::Error::Rustls(_)) || error.to_string().contains("certificate") {
                        "Name the CA to trust with the variable AWS_CA_BUNDLE"
                    } else {
                        "Start one with `kms-server`, or name it with --endpoint or the variable KMS_ENDPOINT"
                    }
                ),
            )
        })?;
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
        let text = text.map_err(|error| Failed::new(ExitCode::Unreachable, error))?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if response.status().is_success() {
            return Ok(value);
        }
        let message = value.get("message").and_then(Value::as_str).unwrap_or(&text).to_owned();
        Err(Failed::new(ExitCode::Refused, message))
    }
}

fn ca_bundle(path: &str) -> Result<RootCerts, Failed> {
    let unusable =
        |error: &dyn std::fmt::Display| Failed::usage(format!("{CA_BUNDLE_VARIABLE}: {path}: {error}"));
    let pem = fs::read(path).map_err(|error| unusable(&error))?;
    let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| unusable(&error))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(unusable(&"holds no certificate in PEM form"));
    }
    Ok(certificates.into())
}

pub(super) fn keys(command: &KeysCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let (scope, found) = match command {
        KeysCommand::List { scope } => (scope, client.get("/_kms/keys", &[])?),
        KeysCommand::Show { key, scope } => (scope, client.get(&format!("/_kms/keys/{}", encode(key)), &[])?),
    };
    let keys = found.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    // An ARN says where the key is; a bare id or an alias means the account and Region that were named.
    let by_arn = matches!(command, KeysCommand::Show { key, .. } if key.starts_with("arn:"));
    let keys: Vec<Value> = keys.into_iter().filter(|key| by_arn || is_in(key, scope)).collect();
    match (command, output) {
        (KeysCommand::List { .. }, Output::Json) => print_line(&Value::from(keys))?,
        (KeysCommand::List { .. }, Output::Text) => {
            for key in &keys {
                print_line(&format!(
                    "{}  {:16}  {}",
                    text(key, "KeyId"),
                    text(key, "KeyState"),
                    aliases(key)
                ))?;
            }
        }
        (KeysCommand::Show { key, scope }, _) => {
            let found = keys.first().ok_or_else(|| {
                let (account, region) = (scope.account.as_str(), scope.region.as_str());
                Failed::new(
                    ExitCode::Refused,
                    format!("{key} is no key of account {account} in {region}; name others with --account and --region"),
                )
            })?;
            match output {
                Output::Json => print_line(found)?,
                Output::Text => print(&described(found))?,
            }
        }
    }
    Ok(ExitCode::Ok)
}

fn is_in(key: &Value, scope: &ScopeArguments) -> bool {
    text(key, "AWSAccountId") == scope.account.as_str()
        && key.get("region").and_then(Value::as_str) == Some(scope.region.as_str())
}

fn text<'a>(key: &'a Value, member: &str) -> &'a str {
    key.pointer(&format!("/metadata/{member}")).and_then(Value::as_str).unwrap_or_default()
}

fn aliases(key: &Value) -> String {
    let aliases = key.get("aliases").and_then(Value::as_array);
    aliases.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn described(key: &Value) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push_str(&format!("{name:12} {value}\n"));
        }
    };
    line("key", text(key, "Arn"));
    line("description", text(key, "Description"));
    line("state", text(key, "KeyState"));
    line("kind", &format!("{} {}", text(key, "KeySpec"), text(key, "KeyUsage")));
    line("origin", text(key, "Origin"));
    let date = |member: &str| {
        let seconds = key.pointer(&format!("/metadata/{member}")).and_then(Value::as_f64);
        #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
        seconds
            .map(|seconds| lifecycle::clock::Timestamp((seconds * 1_000.0) as i64).to_string())
            .unwrap_or_default()
    };
    line("created", &date("CreationDate"));
    line("deletion", &date("DeletionDate"));
    line("aliases", &aliases(key));
    for (name, list) in [("material", "materials"), ("tag", "tags")] {
        for item in key.get(list).and_then(Value::as_array).into_iter().flatten() {
            match item {
                Value::String(text) => line(name, text),
                tag => {
                    let part = |part: &str| tag.get(part).and_then(Value::as_str).unwrap_or_default();
                    line(name, &format!("{} = {}", part("TagKey"), part("TagValue")));
                }
            }
        }
    }
    line("policy", "");
    lines.push_str(key.get("policy").and_then(Value::as_str).unwrap_or_default());
    lines.push('\n');
    lines
}

pub(super) fn events(
    arguments: &EventsArguments,
    client: &Client,
    output: Output,
) -> Result<ExitCode, Failed> {
    let filters = [
        ("since", arguments.since.map(|instant| instant.to_string())),
        ("until", arguments.until.map(|instant| instant.to_string())),
        ("event", arguments.event.clone()),
        ("key", arguments.key.clone()),
        ("principal", arguments.principal.clone()),
        ("limit", arguments.limit.map(|limit| limit.to_string())),
        ("after", arguments.after.clone()),
    ];
    let found = client.get(&format!("/_kms/events?{}", query(filters)), &[])?;
    let records = found.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    for record in &records {
        match output {
            Output::Json => print_line(record)?,
            Output::Text => {
                let text =
                    |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                print_line(&format!(
                    "{}  {:32}  {:24}  {}  {}",
                    text("/eventTime"),
                    text("/eventName"),
                    record.get("errorCode").and_then(Value::as_str).unwrap_or("ok"),
                    text("/userIdentity/arn"),
                    text("/resources/0/ARN"),
                ))?;
            }
        }
    }
    Ok(ExitCode::Ok)
}

pub(super) fn state(command: &StateCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
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
            let answer = client.send("PUT", "/_kms/state", &header(passphrase.as_ref()), &body)?;
            let count = answer.get("imported").and_then(Value::as_u64).unwrap_or_default();
            done(output, &format!("Replaced the state by {count} records."))?;
        }
        StateCommand::Reset { yes: _ } => {
            client.send("POST", "/_kms/reset", &[], b"")?;
            done(output, "Removed everything.")?;
        }
    }
    Ok(ExitCode::Ok)
}

pub(super) fn done(output: Output, text: &str) -> io::Result<()> {
    match output {
        Output::Text => print_line(&text),
        Output::Json => print_line(&serde_json::json!({ "done": text })),
    }
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

/// The query of a URL, of the filters that are given.
pub(super) fn query<const N: usize>(filters: [(&str, Option<String>); N]) -> String {
    let given = filters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))));
    given.collect::<Vec<_>>().join("&")
}

/// Percent-encodes whatever is not plain in a path or a query.
pub(super) fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}
