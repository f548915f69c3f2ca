//! `kms-server clock`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use http::Method;
use lifecycle::clock::Timestamp;
use serde_json::{Map, Value, json};

use super::super::{ClockCommand, ExitCode, Output};
use super::client::{Client, encode};
use super::{Failed, print, print_line};
use crate::config::Value as _;

/// Events that one call lets happen: so that progress can be shown, and that whoever interrupts the command stops the
/// clock soon, at an event.
const EVENTS_PER_CALL: usize = 1_000;

/// Events that are told of; the counts tell of all.
const TIMELINE_MAX: usize = 10_000;

pub(super) fn run(command: &ClockCommand, client: &Client, output: Output) -> Result<ExitCode, Failed> {
    let post = |path: &str, body: Value| {
        client.send(Method::POST, &format!("/_kms/clock/{path}"), &[], body.to_string().as_bytes())
    };
    let run_at = |rate: &f64| match *rate {
        0.0 => post("freeze", json!({})),
        rate => post("resume", json!({ "rate": rate })),
    };
    let mut code = ExitCode::Ok;
    let (answer, told) = match command {
        ClockCommand::Show => (client.get("/_kms/clock", &[])?, shown as fn(&Value) -> String),
        ClockCommand::Advance { by } if by == "next" => (advance(client, "to", "next")?, moved as _),
        ClockCommand::Advance { by } => (advance(client, "by", by)?, moved as _),
        ClockCommand::Set { to: Some(to), rate } => {
            let moved = (advance(client, "to", to)?, moved as fn(&Value) -> String);
            match rate {
                // One JSON document tells of both.
                Some(rate) if output == Output::Json => {
                    let clock = run_at(rate)?;
                    (json!({ "advance": moved.0, "clock": clock }), moved.1)
                }
                Some(rate) => {
                    print(&moved.1(&moved.0))?;
                    (run_at(rate)?, shown as _)
                }
                None => moved,
            }
        }
        ClockCommand::Set { to: None, rate } => (run_at(&rate.unwrap_or(1.0))?, shown as _),
        ClockCommand::Wait { awaited, since, timeout } => {
            let since =
                since.map(|since| format!("&since={}", encode(&since.to_string()))).unwrap_or_default();
            let (awaited, time) = (encode(awaited), timeout.to_text());
            let path = format!("/_kms/clock?wait_for={awaited}&timeout={time}{since}");
            let answer = client.get_within(*timeout, &path)?;
            if answer.get("reached") != Some(&Value::Bool(true)) {
                code = ExitCode::TimedOut;
            }
            (answer, waited as _)
        }
        ClockCommand::Freeze => (post("freeze", json!({}))?, shown as _),
        ClockCommand::Resume { rate } => (post("resume", json!({ "rate": rate }))?, shown as _),
    };
    match output {
        Output::Json => print_line(&answer)?,
        Output::Text => print(&told(&answer))?,
    }
    Ok(code)
}

/// Advances the clock in parts, and gives one answer for all of them.
fn advance(client: &Client, member: &str, value: &str) -> Result<Value, Failed> {
    let mut progress = Progress { shown: io::stderr().is_terminal(), drawn: false };
    let mut whole = Whole::default();
    let mut next = json!({ member: value, "events_max": EVENTS_PER_CALL });
    loop {
        let part = client.send(Method::POST, "/_kms/clock/advance", &[], next.to_string().as_bytes());
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                progress.end();
                return Err(whole.interrupted(error));
            }
        };
        let target = part.get("continue").cloned().unwrap_or_default();
        whole.add(part);
        if target.is_null() {
            progress.end();
            return Ok(whole.answer());
        }
        progress.draw(&whole, &target);
        next = json!({ "continue": target, "events_max": EVENTS_PER_CALL });
    }
}

/// What all parts of an advance brought about.
#[derive(Default)]
struct Whole {
    from: Option<Value>,
    to: Value,
    events: Map<String, Value>,
    timeline: Vec<Value>,
}

impl Whole {
    fn add(&mut self, mut part: Value) {
        let mut take = |member: &str| part.get_mut(member).map(Value::take).unwrap_or_default();
        let from = take("from");
        self.from.get_or_insert(from);
        self.to = take("to");
        if let Value::Object(counts) = take("events") {
            for (kind, count) in counts {
                let all = self.events.get(&kind).and_then(Value::as_u64).unwrap_or(0);
                self.events.insert(kind, (all + count.as_u64().unwrap_or(0)).into());
            }
        }
        if let Value::Array(timeline) = take("timeline") {
            let room = TIMELINE_MAX.saturating_sub(self.timeline.len());
            self.timeline.extend(timeline.into_iter().take(room));
        }
    }

    fn count(&self) -> u64 {
        self.events.values().filter_map(Value::as_u64).sum()
    }

    fn answer(self) -> Value {
        let truncated = self.count() > self.timeline.len() as u64;
        json!({
            "from": self.from, "to": self.to, "events": self.events,
            "timeline": self.timeline, "timeline_truncated": truncated,
        })
    }

    /// What failed, and where that has left the clock.
    fn interrupted(&self, error: Failed) -> Failed {
        match self.to.as_str() {
            Some(to) => Failed::new(
                error.code,
                format!("{error}; the clock has come to {to}, past {} events", self.count()),
            ),
            None => error,
        }
    }
}

/// Progress on one line of a terminal.
struct Progress {
    shown: bool,
    drawn: bool,
}

impl Progress {
    fn draw(&mut self, whole: &Whole, target: &Value) {
        let instant =
            |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse().ok());
        let instants = (instant(whole.from.as_ref()), instant(Some(&whole.to)), instant(Some(target)));
        if let (true, (Some(from), Some(now), Some(target))) = (self.shown, instants) {
            let line = progress((from, now, target), whole.count());
            let _ = write!(io::stderr(), "\r{line}");
            self.drawn = true;
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = writeln!(io::stderr());
        }
    }
}

/// How far an advance has come.
fn progress((from, now, target): (jiff::Timestamp, jiff::Timestamp, jiff::Timestamp), events: u64) -> String {
    let since = |instant: jiff::Timestamp| instant.as_millisecond().saturating_sub(from.as_millisecond());
    let percent = since(now).saturating_mul(100).checked_div(since(target)).unwrap_or(100);
    format!("{}  {percent:3} %  {events} events", Timestamp(now.as_millisecond()))
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

/// Whether it has come about, and what the clock shows.
fn waited(clock: &Value) -> String {
    let happened = clock.get("event").filter(|event| !event.is_null()).map(|due| format!("{}\n", event(due)));
    let vain = clock.get("reached") != Some(&Value::Bool(true));
    let vain = if vain { "it has not come about in time\n" } else { "" };
    format!("{}{vain}{}", happened.unwrap_or_default(), shown(clock))
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
    fn the_parts_of_an_advance_make_one_answer() {
        let part = |from: &str, to: &str, count: usize| {
            let due = json!({"at": to, "event": "RotateKey", "resource": "arn:k"});
            json!({"from": from, "to": to, "events": {"RotateKey": count}, "timeline": vec![due; count], "continue": to})
        };
        let mut whole = Whole::default();
        whole.add(part("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", 6_000));
        let failed = whole.interrupted(Failed::new(ExitCode::Refused, "not stored"));
        assert_eq!(
            (failed.code, failed.to_string().as_str()),
            (
                ExitCode::Refused,
                "not stored; the clock has come to 2026-02-01T00:00:00.000Z, past 6000 events"
            )
        );
        whole.add(part("2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z", 6_000));
        let answer = whole.answer();
        assert_eq!(answer["events"], json!({"RotateKey": 12_000}));
        assert_eq!(answer["timeline"].as_array().unwrap().len(), TIMELINE_MAX);
        let ends = json!([answer["from"], answer["to"], answer["timeline_truncated"]]);
        assert_eq!(ends, json!(["2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z", true]));
        let none = Whole::default().interrupted(Failed::new(ExitCode::Refused, "no duration"));
        assert_eq!(none.to_string(), "no duration");
    }

    #[test]
    fn progress_is_where_the_clock_is_between_start_and_end() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let (from, end) = (at("2026-01-01T00:00:00Z"), at("2026-01-11T00:00:00Z"));
        let line = progress((from, at("2026-01-05T00:00:00Z"), end), 1_000);
        assert_eq!(line, "2026-01-05T00:00:00.000Z   40 %  1000 events");
        assert!(progress((from, from, from), 0).contains("100 %"));
    }

    #[test]
    fn a_wait_tells_what_it_has_waited_for() {
        let due = json!({"at": "t", "event": "RotateKey", "resource": "arn:k"});
        let clock = json!({"now": "n", "mode": "frozen", "rate": 0.0, "next_due": null, "reached": true, "event": due});
        assert!(waited(&clock).starts_with("t  RotateKey   arn:k\nnow   n\n"));
        let vain = json!({"now": "n", "mode": "frozen", "rate": 0.0, "reached": false, "event": null});
        assert!(waited(&vain).starts_with("it has not come about in time\nnow   n\n"));
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
