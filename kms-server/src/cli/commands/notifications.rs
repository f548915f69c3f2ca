//! `kms-server notifications`.

use serde_json::Value;

use super::super::{ExitCode, NotificationsArguments, Output};
use super::client::{Client, query};
use super::{Failed, print_line};

pub(super) fn run(
    arguments: &NotificationsArguments,
    client: &Client,
    output: Output,
) -> Result<ExitCode, Failed> {
    let query = query([
        ("since", arguments.since.map(|instant| instant.to_string())),
        ("until", arguments.until.map(|instant| instant.to_string())),
        ("event", arguments.event.clone()),
        ("key", arguments.key.clone()),
        ("limit", arguments.limit.map(|limit| limit.to_string())),
        ("after", arguments.after.clone()),
    ]);
    let found = client.get(&format!("/_kms/notifications?{query}"), &[])?;
    for event in found.get("Notifications").and_then(Value::as_array).into_iter().flatten() {
        match output {
            Output::Json => print_line(event)?,
            Output::Text => {
                let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let (time, kind) = (text("/time"), text("/detail-type"));
                print_line(&format!("{time}  {kind:36}  {}", text("/resources/0")))?;
            }
        }
    }
    Ok(ExitCode::Ok)
}
