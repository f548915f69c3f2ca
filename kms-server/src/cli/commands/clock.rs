//! `kms-server clock`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{ClockCommand, ExitCode, Output};
use super::client::Client;
use super::{Failed, print, print_line};

pub(super) fn run(command: &ClockCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let post = |path: &str, body: Value| {
        client.send("POST", &format!("/_kms/clock/{path}"), &[], body.to_string().as_bytes())
    };
    let (answer, told) = match command {
        ClockCommand::Show => (client.get("/_kms/clock", &[])?, shown as fn(&Value) -> String),
        ClockCommand::Advance { by } if by == "next" => {
            (post("advance", json!({ "to": "next" }))?, moved as _)
        }
        ClockCommand::Advance { by } => (post("advance", json!({ "by": by }))?, moved as _),
        ClockCommand::Set { to } => (post("advance", json!({ "to": to }))?, moved as _),
        ClockCommand::Freeze => (post("freeze", json!({}))?, shown as _),
        ClockCommand::Resume { rate } => (post("resume", json!({ "rate": rate }))?, shown as _),
    };
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told(&answer))?,
    }
    Ok(ExitCode::Ok)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What the clock shows, how it runs, and what is due next.
fn shown(clock: &Value) -> String {
    let mode = match (text(clock, "/mode"), clock.get("rate").and_then(Value::as_f64)) {
        ("running", Some(rate)) if rate != 1.0 => format!("running at {rate} times the wall clock's rate"),
        (mode, _) => mode.to_owned(),
    };
    let due = match clock.get("next_due").filter(|due| !due.is_null()) {
        Some(due) => event(due),
        None => "nothing is due".to_owned(),
    };
    format!("now   {}\nmode  {mode}\nnext  {due}\n", text(clock, "/now"))
}

/// What happened on the way, one line for each event.
fn moved(answer: &Value) -> String {
    let mut lines = String::new();
    let timeline = answer.get("timeline").and_then(Value::as_array);
    for due in timeline.into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}", event(due));
    }
    if answer.get("timeline_truncated") == Some(&Value::Bool(true)) {
        lines.push_str("…\n");
    }
    let counts = answer.get("events").and_then(Value::as_object);
    let counts: Vec<String> =
        counts.into_iter().flatten().map(|(kind, count)| format!("{kind} {count}")).collect();
    let happened = if counts.is_empty() { "nothing happened".to_owned() } else { counts.join(", ") };
    let _ = writeln!(lines, "{} to {}: {happened}", text(answer, "/from"), text(answer, "/to"));
    lines
}

fn event(due: &Value) -> String {
    format!("{}  {:10}  {}", text(due, "/at"), text(due, "/event"), text(due, "/resource"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advance_reads_like_a_timeline() {
        let due = json!({"at": "2027-01-01T00:00:00.000Z", "event": "RotateKey", "resource": "arn:k"});
        let mut answer = json!({
            "from": "2026-01-01T00:00:00.000Z", "to": "2027-01-01T00:00:00.000Z",
            "events": {"RotateKey": 1}, "timeline": [due], "timeline_truncated": false,
        });
        let line = "2027-01-01T00:00:00.000Z  RotateKey   arn:k\n";
        let sum = "2026-01-01T00:00:00.000Z to 2027-01-01T00:00:00.000Z: ";
        assert_eq!(moved(&answer), format!("{line}{sum}RotateKey 1\n"));
        answer["timeline_truncated"] = json!(true);
        assert_eq!(moved(&answer), format!("{line}…\n{sum}RotateKey 1\n"));
        answer["events"] = json!({});
        assert!(moved(&answer).ends_with("nothing happened\n"));
    }

    #[test]
    fn a_clock_tells_its_rate_only_if_it_is_unusual() {
        let clock = |rate: f64| {
            let mode = if rate > 0.0 { "running" } else { "frozen" };
            shown(&json!({"now": "t", "mode": mode, "rate": rate, "next_due": null}))
        };
        assert_eq!(clock(1.0), "now   t\nmode  running\nnext  nothing is due\n");
        assert_eq!(
            clock(60.0),
            "now   t\nmode  running at 60 times the wall clock's rate\nnext  nothing is due\n"
        );
        assert_eq!(clock(0.0), "now   t\nmode  frozen\nnext  nothing is due\n");
    }
}
