//! From JSON to a fault. Whatever is wrong is said with the name of its member.

use std::time::Duration;

use jiff::SignedDuration;
use lifecycle::clock::Timestamp;
use lifecycle::ids::AccountId;
use lifecycle::policy::Principal;

use super::LATENCY_MAX;
use super::fault::{Draft, FaultError, KeyName};
use crate::document::{DocumentError, Fields, Node, Value, nearest, quoted};
use crate::operations::registry::{self, Entry, OPERATIONS};

/// The members of a fault.
const KNOWN: [&str; 11] = [
    "error",
    "message",
    "latency",
    "operations",
    "keys",
    "principals",
    "share",
    "seed",
    "from",
    "until",
    "count",
];

/// Names of each kind in one fault.
const NAMES_MAX: usize = 100;

/// Longest text in place of AWS's, and longest name, in characters.
const TEXT_CHARS_MAX: usize = 2_048;

/// Reads a fault.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn read(node: &Node) -> Result<Draft, DocumentError> {
    let fields = Fields::of(node, "a fault", &KNOWN)?;
    let error = fields.optional_text("error")?.map(error).transpose()?;
    let latency = fields.node("latency").map(latency).transpose()?.unwrap_or_default();
    if error.is_none() && latency.is_zero() {
        return Err(node.error("a fault needs an `error`, a `latency` such as 200ms, or both"));
    }
    let message = fields.optional_text("message")?.map(bounded).transpose()?;
    if message.is_some() && error.is_none() {
        return Err(node.error("`message` is the text of an error, and there is no `error`"));
    }
    let operations = names(&fields, "operations", |text| operation(text).map(Entry::name))?;
    if let Some(error) = error {
        let cannot =
            |name: &&&'static str| registry::find(name).is_some_and(|entry| !error.is_error_of(entry));
        if let Some(name) = operations.iter().find(cannot) {
            let text = format!("`operations`: {name} never answers {} on AWS", error.as_str());
            return Err(node.error(text));
        }
    }
    let from = fields.optional_text("from")?.map(|text| moment("from", text)).transpose()?;
    let until = fields.optional_text("until")?.map(|text| moment("until", text)).transpose()?;
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        return Err(node.error("`until` must be later than `from`"));
    }
    let share = fields.node("share").map(share).transpose()?;
    let seed = fields.node("seed").map(|node| whole(node, "seed", 0)).transpose()?;
    if seed.is_some() && share.is_none() {
        return Err(node.error("`seed` decides which requests a `share` strikes, and there is no `share`"));
    }
    Ok(Draft {
        error,
        message,
        latency,
        operations,
        keys: names(&fields, "keys", key)?,
        principals: names(&fields, "principals", principal)?,
        share,
        seed: seed.unwrap_or_default(),
        from,
        until,
        count: fields.node("count").map(|node| whole(node, "count", 1)).transpose()?,
    })
}

/// A fault of the request, which has no lines.
fn fault(reason: impl Into<String>) -> DocumentError {
    DocumentError::new(crate::document::Position::START, reason)
}

fn error(text: &str) -> Result<FaultError, DocumentError> {
    FaultError::named(text).ok_or_else(|| {
        let names: Vec<&str> = FaultError::ALL.into_iter().map(FaultError::as_str).collect();
        fault(format!("`error`: expected one of {}, found {}", names.join(", "), quoted(text)))
    })
}

fn bounded(text: &str) -> Result<String, DocumentError> {
    match text.chars().count() {
        0..=TEXT_CHARS_MAX => Ok(text.to_owned()),
        _ => Err(fault(format!("at most {TEXT_CHARS_MAX} characters for a text"))),
    }
}

fn latency(node: &Node) -> Result<Duration, DocumentError> {
    let text = node.text("`latency`")?;
    let read = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    read.filter(|latency| *latency <= LATENCY_MAX).ok_or_else(|| {
        let most = LATENCY_MAX.as_secs();
        fault(format!("`latency`: expected a time such as 200ms, at most {most}s, found {}", quoted(text)))
    })
}

/// The elements of a list of names.
fn names<T>(
    fields: &Fields<'_>,
    field: &str,
    read: impl Fn(&str) -> Result<T, DocumentError>,
) -> Result<Vec<T>, DocumentError> {
    let nodes = fields.elements(field)?;
    if nodes.len() > NAMES_MAX {
        return Err(fault(format!("`{field}`: at most {NAMES_MAX}, not {}", nodes.len())));
    }
    if nodes.is_empty() && fields.node(field).is_some() {
        return Err(fault(format!(
            "`{field}`: an empty list would match nothing; leave it out to match all"
        )));
    }
    nodes.iter().map(|node| read(&bounded(node.text(&format!("an element of `{field}`"))?)?)).collect()
}

fn operation(text: &str) -> Result<&'static Entry, DocumentError> {
    registry::find(text).ok_or_else(|| {
        let near = nearest(text, OPERATIONS.iter().map(Entry::name)).unwrap_or_default();
        fault(format!("`operations`: {} is no operation of KMS; the nearest is `{near}`", quoted(text)))
    })
}

fn key(text: &str) -> Result<KeyName, DocumentError> {
    KeyName::parse(text).ok_or_else(|| {
        fault(format!(
            "`keys`: expected a key id, a key ARN, an alias name or an alias ARN, found {}",
            quoted(text)
        ))
    })
}

fn principal(text: &str) -> Result<String, DocumentError> {
    let known = text.parse::<AccountId>().is_ok() || Principal::parse(text).is_some();
    if known {
        return Ok(text.to_owned());
    }
    Err(fault(format!(
        "`principals`: expected an account, the ARN of a user, a role, a role session or a root user, or the name of a \
         service such as logs.amazonaws.com, found {}",
        quoted(text)
    )))
}

fn share(node: &Node) -> Result<f64, DocumentError> {
    #[expect(clippy::cast_precision_loss, reason = "other numbers than 0 and 1 are refused")]
    let share = match node.value {
        Value::Float(share) => Some(share),
        Value::Integer(share) => Some(share as f64),
        _ => None,
    };
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| node.error("`share`: expected a number from 0 to 1"))
}

fn whole(node: &Node, name: &str, least: u64) -> Result<u64, DocumentError> {
    let number = match node.value {
        Value::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    };
    let number = number.filter(|number| *number >= least);
    number.ok_or_else(|| node.error(format!("`{name}`: expected a whole number from {least}")))
}

fn moment(name: &str, text: &str) -> Result<Timestamp, DocumentError> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|moment| Timestamp(moment.as_millisecond())).map_err(|_| {
        fault(format!("`{name}`: expected a moment such as 2026-01-01T00:00:00Z, found {}", quoted(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: serde_json::Value) -> Result<Draft, String> {
        read(&Node::of_json(value)).map_err(|error| error.reason)
    }

    #[test]
    fn every_member_has_its_place() {
        let draft = of(json!({
            "error": "KMSInternalException", "message": "m", "latency": "1s 500ms", "operations": ["Decrypt", "Encrypt"],
            "keys": ["alias/app"], "principals": ["111122223333", "arn:aws:iam::111122223333:role/app"], "share": 0.25,
            "seed": 7, "from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "count": 3,
        }))
        .unwrap();
        let expected = Draft {
            error: Some(FaultError::Internal),
            message: Some("m".to_owned()),
            latency: Duration::from_millis(1_500),
            operations: vec!["Decrypt", "Encrypt"],
            keys: vec![KeyName::parse("alias/app").unwrap()],
            principals: vec!["111122223333".to_owned(), "arn:aws:iam::111122223333:role/app".to_owned()],
            share: Some(0.25),
            seed: 7,
            from: Some(Timestamp(1_767_225_600_000)),
            until: Some(Timestamp(1_767_312_000_000)),
            count: Some(3),
        };
        assert_eq!(draft, expected);
        assert_eq!(of(json!({"latency": "60s"})).unwrap().latency, LATENCY_MAX);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = "ThrottlingException";
        for (fault, part) in [
            (json!([]), "a fault"),
            (json!({}), "needs an `error`, a `latency`"),
            (json!({"latency": "0s"}), "needs an `error`, a `latency`"),
            (json!({"eror": error}), "the nearest is `error`"),
            (json!({"error": "DisabledException"}), "`error`: expected one of ThrottlingException"),
            (json!({"latency": "61s"}), "at most 60s"),
            (json!({"latency": "-1s"}), "`latency`: expected a time"),
            (json!({"latency": 5}), "`latency`"),
            (json!({"latency": "1s", "message": "m"}), "there is no `error`"),
            (json!({"error": error, "message": "m".repeat(2_049)}), "at most 2048 characters"),
            (json!({"error": error, "operations": ["decrypt"]}), "the nearest is `Decrypt`"),
            (json!({"error": error, "operations": []}), "would match nothing"),
            (
                json!({"error": "KeyUnavailableException", "operations": ["ListKeys"]}),
                "ListKeys never answers",
            ),
            (json!({"error": error, "keys": ["app"]}), "`keys`: expected a key id"),
            (json!({"error": error, "keys": vec!["alias/a"; 101]}), "`keys`: at most 100"),
            (json!({"error": error, "principals": ["alice"]}), "`principals`: expected an account"),
            (json!({"error": error, "share": 1.5}), "`share`: expected a number from 0 to 1"),
            (json!({"error": error, "share": "1"}), "`share`"),
            (json!({"error": error, "seed": 1}), "there is no `share`"),
            (json!({"error": error, "share": 1, "seed": -1}), "`seed`: expected a whole number from 0"),
            (json!({"error": error, "count": 0}), "`count`: expected a whole number from 1"),
            (json!({"error": error, "from": "today"}), "`from`: expected a moment"),
            (
                json!({"error": error, "from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
                "later than `from`",
            ),
        ] {
            let refused = of(fault.clone()).unwrap_err();
            assert!(refused.contains(part), "{fault}: {refused}");
        }
    }

    #[test]
    fn most_operations_can_have_every_fault() {
        let all = |entry: &&Entry| FaultError::ALL.iter().all(|error| error.is_error_of(entry));
        assert!(OPERATIONS.iter().find(|entry| entry.name() == "Decrypt").is_some_and(|entry| all(&entry)));
        assert!(OPERATIONS.iter().all(|entry| FaultError::Throttling.is_error_of(entry)));
    }
}
