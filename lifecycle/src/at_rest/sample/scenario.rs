//! Scenarios as data: what somebody does at which instant, and what is seen then.
//!
//! ```text
//! # comment
//! settings {"recovery": {"fixed": 0}}
//! 0s              create books under A
//! -1m..1h/30s     get books k on 1
//! 40m             status books                     => INACCESSIBLE_ENCRYPTION_CREDENTIALS
//! ```
//!
//! A line is an instant, a command and what its answer must be. Instants count from the scenario's start; a range with a step
//! repeats the command at every step. Lines happen in the order of their instants. An expectation is `ok`, a part of the
//! answer, alternatives between `|`, or a range of numbers such as `12..13`; without one, any answer will do.
//! Who carries the commands out is a [`World`], so that the same scenarios run against whatever speaks for the engine.

use std::fmt;

use crate::at_rest::settings::Span;

/// Someone who can carry out commands.
pub trait World {
    /// Lets time pass until an instant, counted from the start.
    fn advance(&mut self, to: Span);

    /// Carries out a command and says what came of it: `ok`, a value, or `{code}: {message}` of a refusal.
    ///
    /// # Errors
    /// The command is none that it knows.
    fn run(&mut self, words: &[&str]) -> Result<String, String>;
}

/// A scenario.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// The engine's settings, as JSON; empty for the defaults.
    pub settings: String,
    steps: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    number: usize,
    from: Span,
    to: Span,
    every: Span,
    words: Vec<String>,
    expected: Option<String>,
}

/// What is wrong with a scenario, or what came out otherwise than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The line, from 1.
    pub line: usize,
    /// When it happened, counted from the start.
    pub at: Span,
    /// What.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} at {} ms: {}", self.line, self.at.0, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// The most steps that one line may repeat.
const STEPS_MAX: i64 = 1_000_000;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario = Scenario::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(settings) = line.strip_prefix("settings ") {
                settings.trim().clone_into(&mut scenario.settings);
                continue;
            }
            let error =
                |message: &str| ScenarioError { line: at + 1, at: Span::ZERO, message: message.to_owned() };
            let (command, expected) = match line.split_once("=>") {
                Some((command, expected)) => (command, Some(expected.trim().to_owned())),
                None => (line, None),
            };
            let mut words = command.split_whitespace().map(str::to_owned);
            let when = words.next().ok_or_else(|| error("no instant"))?;
            let (from, to, every) =
                read_when(&when).ok_or_else(|| error("not an instant, such as 7d2h or 0s..1h/30s"))?;
            let words: Vec<String> = words.collect();
            if words.is_empty() {
                return Err(error("no command"));
            }
            scenario.steps.push(Line { number: at + 1, from, to, every, words, expected });
        }
        Ok(scenario)
    }

    /// Carries out the scenario.
    ///
    /// # Errors
    /// The first command that is unknown or has another answer than expected.
    pub fn run(&self, world: &mut impl World) -> Result<(), ScenarioError> {
        let mut steps: Vec<(Span, &Line)> = Vec::new();
        for line in &self.steps {
            let mut at = line.from;
            while at <= line.to {
                steps.push((at, line));
                at = Span(at.0.saturating_add(line.every.0.max(1)));
            }
        }
        // Stable: at one instant, lines keep their order.
        steps.sort_by_key(|(at, _)| *at);
        for (at, line) in steps {
            world.advance(at);
            let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
            let error = |message| ScenarioError { line: line.number, at, message };
            let answer = world.run(&words).map_err(error)?;
            if let Some(expected) = &line.expected
                && !expected.split('|').any(|expected| agrees(&answer, expected.trim()))
            {
                return Err(error(format!("{}: expected {expected}, not {answer}", words.join(" "))));
            }
        }
        Ok(())
    }
}

fn agrees(answer: &str, expected: &str) -> bool {
    if let Some((low, high)) = expected.split_once("..")
        && let (Ok(low), Ok(high), Ok(answer)) =
            (low.parse::<u64>(), high.parse::<u64>(), answer.parse::<u64>())
    {
        return (low..=high).contains(&answer);
    }
    match expected {
        // Short answers are whole answers, so that 1 is not found in 10.
        "ok" | "none" | "absent" => answer == expected,
        number if number.parse::<u64>().is_ok() => answer == expected,
        part => answer.contains(part),
    }
}

fn read_when(text: &str) -> Option<(Span, Span, Span)> {
    let Some((from, rest)) = text.split_once("..") else {
        let at = read_span(text)?;
        return Some((at, at, Span(1)));
    };
    let (to, every) = rest.split_once('/')?;
    let (from, to, every) = (read_span(from)?, read_span(to)?, read_span(every)?);
    (every.0 > 0 && to.0.checked_sub(from.0)? / every.0 <= STEPS_MAX).then_some((from, to, every))
}

/// `7d2h30m5s`, `-1m`, `100ms`.
#[must_use]
pub fn read_span(text: &str) -> Option<Span> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut total = 0_i64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let units = tail.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, tail) = tail.split_at_checked(units)?;
        let unit = match unit {
            "d" => Span::days(1),
            "h" => Span::hours(1),
            "m" => Span::minutes(1),
            "s" => Span::seconds(1),
            "ms" => Span(1),
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit.0)?)?;
        rest = tail;
    }
    Some(Span(total.checked_mul(sign)?))
}
