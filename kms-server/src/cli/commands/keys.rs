//! `kms-server keys`.

use serde_json::Value;

use super::super::{ExitCode, KeysCommand, Output, ScopeArguments};
use super::client::{Client, encode};
use super::{Failed, print, print_line};

pub(super) fn run(command: &KeysCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
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
    line("manager", text(key, "KeyManager"));
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
