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
//! Who carries the commands out is a [`World`], so that the same scenarios run against whatever speaks for the engine:
//! [`super::SampleWorld`] against the engine itself, another one against a server. To run them all:
//!
//! ```
//! use lifecycle::at_rest::Settings;
//! use lifecycle::at_rest::sample::{SampleWorld, scenario};
//!
//! for (name, text) in scenario::ALL {
//!     let scenario = scenario::Scenario::parse(text).unwrap();
//!     let mut world = SampleWorld::new(scenario.settings().unwrap());
//!     scenario.run(&mut world).unwrap_or_else(|error| panic!("{name}: {error}"));
//! }
//! ```
//!
//! # Commands
//!
//! A table is named `books`, or `eu-west-1:books` in another Region. `KEY` is a name that a scenario gave to a key, `id/NAME`
//! for its bare id, or any identifier that KMS takes. Tables are used by the root user, or by a user of the account after `as`, over a connection of
//! its own, or over one with a number after `on` (`on new` for one that was never used).
//!
//! | Command | What it does, and answers |
//! | --- | --- |
//! | `key NAME [REGION]` | makes a customer managed key whose policy lets the account use it |
//! | `signing-key NAME`, `foreign-key NAME` | makes a key that signs, or one of another account that is not shared |
//! | `foreign-managed-key NAME ALIAS` | brings the managed key of another service into being |
//! | `name-managed-key NAME` | names the key behind `alias/aws/dynamodb` |
//! | `alias ALIAS KEY` | points an alias to a key |
//! | `disable KEY`, `enable KEY` | DisableKey, EnableKey |
//! | `schedule-deletion KEY DAYS`, `cancel-deletion KEY` | ScheduleKeyDeletion; CancelKeyDeletion, which leaves the key disabled |
//! | `imported-key NAME [until INSTANT]`, `import KEY [until INSTANT]` | makes a key with imported material; imports it again |
//! | `delete-material KEY`, `rotate KEY` | DeleteImportedKeyMaterial, RotateKeyOnDemand |
//! | `multi-region-key NAME`, `replicate-key KEY REGION NAME` | makes a multi-Region primary; ReplicateKey |
//! | `primary KEY REGION` | UpdatePrimaryRegion |
//! | `store NAME`, `external-store NAME` | makes a connected custom key store in a cluster, or behind a proxy |
//! | `key-in STORE NAME` | makes a key in a custom key store |
//! | `connect STORE`, `disconnect STORE` | ConnectCustomKeyStore, DisconnectCustomKeyStore |
//! | `backing STORE fails`, `backing STORE works` | the cluster or the proxy fails, or works again |
//! | `key-state KEY` | `KeyState` |
//! | `revoke-grants KEY` | RevokeGrant, for every grant of the key |
//! | `deny KEY WHO ACTION`, `allow KEY` | PutKeyPolicy: with a denial of a KMS action to a user, `root` or `service`; without denials |
//! | `direct KEY ACTION` | a management request of the root user to KMS: `ok` or the error |
//! | `grants KEY`, `rotations KEY`, `keys` | how many grants, rotations, or keys in the account and Region there are |
//! | `calls ACTION` | how many calls of an action KMS has had since this was last asked |
//! | `create TABLE [under KEY]` | CreateTable; `under owned`, `under managed` |
//! | `switch TABLE under KEY [with REGION=KEY …]` | UpdateTable with an `SSESpecification` and replicas |
//! | `put TABLE K VALUE`, `get TABLE K` | writes an item, with a stream record if there is a stream; reads one: its value |
//! | `stream-on TABLE`, `pitr-on TABLE` | turns on a stream, or point-in-time recovery |
//! | `stream TABLE` | reads the stream: `2 records first,second` |
//! | `expire TABLE K INSTANT`, `sweep TABLE` | sets when an item ends; has time to live remove what has ended: how many |
//! | `backup TABLE NAME`, `name-archive TABLE NAME` | CreateBackup; names the backup that archiving made |
//! | `restore NAME TABLE [under KEY]` | RestoreTableFromBackup |
//! | `delete TABLE` | DeleteTable |
//! | `replica TABLE REGION [KEY]`, `replication TABLE` | adds a replica; a write crosses to or from a replica: `ok` or the error |
//! | `status TABLE` | `TableStatus`, or `ResourceNotFoundException` |
//! | `sse TABLE`, `backup-sse NAME` | `SSEDescription`: `ENABLED A`, with the scenario's name of the key, or `absent` |
//! | `inaccessible-at TABLE` | `InaccessibleEncryptionDateTime` in seconds since the scenario's start, or `absent` |
//! | `archival TABLE` | `ArchivalSummary`: seconds since the start, and the backup's ARN or `no backup`; or `absent` |
//! | `replicas TABLE` | the other replicas: `eu-west-1 ACTIVE R2, …`, or `none` |
//! | `mails`, `avoidable TABLE` | how many mails were sent; how many calls reuse of connections would have saved |
//!
//! A world that has no such thing says so in [`World::knows`]; lines with that command are then left out.

use std::fmt;

use crate::at_rest::settings::{Settings, Span};

/// The scenarios of this crate: name and text.
pub const ALL: &[(&str, &str)] = &[
    ("01-disable-and-recover", include_str!("scenarios/01-disable-and-recover.txt")),
    ("02-archive", include_str!("scenarios/02-archive.txt")),
    ("03-switch", include_str!("scenarios/03-switch.txt")),
    ("04-streams", include_str!("scenarios/04-streams.txt")),
    ("05-connections", include_str!("scenarios/05-connections.txt")),
    ("06-replica", include_str!("scenarios/06-replica.txt")),
    ("07-managed-key", include_str!("scenarios/07-managed-key.txt")),
    ("08-one-caller", include_str!("scenarios/08-one-caller.txt")),
    ("09-bad-keys", include_str!("scenarios/09-bad-keys.txt")),
    ("10-grants-revoked", include_str!("scenarios/10-grants-revoked.txt")),
    ("11-imported-material", include_str!("scenarios/11-imported-material.txt")),
    ("12-multi-region", include_str!("scenarios/12-multi-region.txt")),
    ("13-custom-store", include_str!("scenarios/13-custom-store.txt")),
    ("14-external-store", include_str!("scenarios/14-external-store.txt")),
];

/// How long before its start a scenario may begin: a world's first instant lies this far before what it counts from.
pub const LEAD: Span = Span::days(1);

/// Someone who can carry out commands.
pub trait World {
    /// Whether it has what a command is about; lines with other commands are left out.
    fn knows(&self, command: &str) -> bool {
        let _ = command;
        true
    }

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
    settings: String,
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
            if from.0 < LEAD.0.saturating_neg() {
                return Err(error("earlier than a day before the start"));
            }
            let words: Vec<String> = words.collect();
            if words.is_empty() {
                return Err(error("no command"));
            }
            scenario.steps.push(Line { number: at + 1, from, to, every, words, expected });
        }
        Ok(scenario)
    }

    /// The engine's settings; the defaults unless the scenario says otherwise.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn settings(&self) -> Result<Settings, ScenarioError> {
        if self.settings.is_empty() {
            return Ok(Settings::default());
        }
        let error = |message| ScenarioError { line: 1, at: Span::ZERO, message };
        serde_json::from_str(&self.settings).map_err(|unread| error(unread.to_string()))
    }

    /// Carries out the scenario.
    ///
    /// # Errors
    /// The first command that is unknown or has another answer than expected.
    pub fn run(&self, world: &mut impl World) -> Result<(), ScenarioError> {
        let mut steps: Vec<(Span, &Line)> = Vec::new();
        let known = |line: &&Line| line.words.first().is_some_and(|command| world.knows(command));
        for line in self.steps.iter().filter(known) {
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
    (every.0 > 0 && from <= to && to.0.checked_sub(from.0)? / every.0 <= STEPS_MAX)
        .then_some((from, to, every))
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
