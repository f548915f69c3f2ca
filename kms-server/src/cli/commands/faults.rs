//! `kms-server faults`.

use http::Method;
use serde_json::Value;

use super::super::{ExitCode, FaultsCommand, Output};
use super::client::{Client, encode};
use super::{Failed, print, print_line};

/// The path of the control API.
const PATH: &str = "/_kms/faults";

pub(super) fn run(command: &FaultsCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let (answer, told) = match command {
        FaultsCommand::Add(fault) => {
            let answer = client.send(Method::POST, PATH, &[], fault.fault().to_string().as_bytes())?;
            let told = told(&answer);
            (answer, told)
        }
        FaultsCommand::List => {
            let answer = client.get(PATH, &[])?;
            let told = list(&answer);
            (answer, told)
        }
        FaultsCommand::Remove { id } => {
            (client.delete(&format!("{PATH}/{}", encode(id)))?, format!("fault {id} is removed\n"))
        }
        FaultsCommand::Clear => {
            let answer = client.delete(PATH)?;
            let told = format!("{} faults are removed\n", answer.get("deleted").unwrap_or(&Value::Null));
            (answer, told)
        }
    };
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told)?,
    }
    Ok(ExitCode::Ok)
}

/// Every fault in a line, or that there is none.
pub(super) fn list(answer: &Value) -> String {
    let faults = answer.get("faults").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match faults {
        [] => "no faults are injected\n".to_owned(),
        faults => faults.iter().map(told).collect(),
    }
}

/// What a fault does to which requests, and how often it has.
fn told(fault: &Value) -> String {
    let text = |name: &str| match fault.get(name) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Some(other) => other.to_string(),
    };
    let mut parts = vec![text("error")];
    for (name, before, after) in [
        ("latency_ms", "after ", " ms"),
        ("operations", "of ", ""),
        ("keys", "about ", ""),
        ("principals", "by ", ""),
        ("share", "in a share of ", ""),
        ("seed", "by the seed ", ""),
        ("from", "from ", ""),
        ("until", "until ", ""),
        ("count", "at most ", " times"),
        ("message", "saying ", ""),
    ] {
        let value = text(name);
        parts.push(if value.is_empty() { value } else { format!("{before}{value}{after}") });
    }
    parts.retain(|part| !part.is_empty());
    let spent = if fault.get("spent") == Some(&Value::Bool(true)) { ", spent" } else { "" };
    format!(
        "{:3} {}: struck {} of {} requests{spent}\n",
        text("id"),
        parts.join(" "),
        text("struck"),
        text("matched")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_reads_like_a_sentence() {
        let fault = json!({
            "id": "2", "error": "ThrottlingException", "latency_ms": 200, "operations": ["Decrypt", "Encrypt"],
            "share": 0.5, "seed": 0, "count": 3, "matched": 9, "struck": 3, "spent": true,
        });
        assert_eq!(
            told(&fault),
            "2   ThrottlingException after 200 ms of Decrypt or Encrypt in a share of 0.5 by the seed 0 at most 3 times: \
             struck 3 of 9 requests, spent\n"
        );
        assert_eq!(list(&json!({"faults": []})), "no faults are injected\n");
    }
}
