//! `kms-server events`.

use serde_json::Value;

use super::super::{EventsArguments, ExitCode, Output};
use super::client::{Client, query};
use super::{Failed, print_line};
use crate::config::Value as _;

pub(super) fn run(arguments: &EventsArguments, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let query = query([
        ("since", arguments.since.map(|instant| instant.to_string())),
        ("until", arguments.until.map(|instant| instant.to_string())),
        ("event", arguments.event.clone()),
        ("key", arguments.key.clone()),
        ("principal", arguments.principal.clone()),
        ("limit", arguments.limit.map(|limit| limit.to_string())),
        ("after", arguments.after.clone()),
        ("wait", arguments.wait.map(|wait| wait.to_text())),
    ]);
    let found = client.get_within(arguments.wait.unwrap_or_default(), &format!("/_kms/events?{query}"))?;
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
