//! What a request asks for: its members read, and AWS's error for each that is wrong.

use lifecycle::clock::Timestamp;
use lifecycle::ids::Scope;
use serde_json::Value;

use super::error::{Code, Error};
use crate::api::shape::{Bounds, Shape, StringShape, Structure, optional};
use crate::observe::log::Position;
use crate::operations::MarkerKey;

/// Events on one page, unless the request says otherwise, and at most.
const PAGE_MAX: i64 = 50;

/// How long events can be looked up, in days.
///
/// AWS: CloudTrail User Guide, "Working with CloudTrail event history".
const HISTORY_DAYS: i64 = 90;

const DAY_MILLIS: i64 = 86_400_000;

/// Longest value of an attribute, in characters.
const VALUE_CHARS_MAX: usize = 2_000;

/// The members of a request. They are brought to their types here; what is wrong with their values has errors of its own.
pub(super) static LOOKUP_EVENTS: Structure = Structure {
    name: "LookupEventsRequest",
    members: &[
        optional("LookupAttributes", &ATTRIBUTES),
        optional("StartTime", &Shape::Timestamp),
        optional("EndTime", &Shape::Timestamp),
        optional("EventCategory", &TEXT),
        optional("MaxResults", &Shape::Integer(Bounds::NONE)),
        optional("NextToken", &TEXT),
    ],
};

static TEXT: Shape = Shape::String(StringShape::ANY);
static ATTRIBUTES: Shape = Shape::List { member: &Shape::Structure(&ATTRIBUTE), length: Bounds::NONE };
static ATTRIBUTE: Structure = Structure {
    name: "LookupAttribute",
    members: &[optional("AttributeKey", &TEXT), optional("AttributeValue", &TEXT)],
};

/// What an event may be looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttributeKey {
    EventId,
    EventName,
    ReadOnly,
    Username,
    ResourceType,
    ResourceName,
    EventSource,
    AccessKeyId,
}

impl AttributeKey {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "EventId" => Self::EventId,
            "EventName" => Self::EventName,
            "ReadOnly" => Self::ReadOnly,
            "Username" => Self::Username,
            "ResourceType" => Self::ResourceType,
            "ResourceName" => Self::ResourceName,
            "EventSource" => Self::EventSource,
            "AccessKeyId" => Self::AccessKeyId,
            _ => return None,
        })
    }
}

/// A page of events that is asked for.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Whose events.
    pub(super) scope: Scope,
    pub(super) attribute: Option<(AttributeKey, String)>,
    /// The first second, since the epoch, and the last.
    pub(super) from: i64,
    pub(super) to: i64,
    /// At most so many.
    pub(super) limit: usize,
    /// Only what is before this place in the log.
    pub(super) before: Option<Position>,
    /// What a token is bound to.
    listing: Vec<String>,
}

impl Lookup {
    /// Reads the members of a request. `None` asks for events of which there are none.
    pub(super) fn read(
        input: &Value,
        scope: Scope,
        now: Timestamp,
        key: &MarkerKey,
    ) -> Result<Option<Self>, Error> {
        let text = |name: &str| input.get(name).and_then(Value::as_str);
        let seconds = |name: &str| input.get(name).and_then(Value::as_f64);
        let attribute = attribute(input)?;
        let (start, end) = (seconds("StartTime"), seconds("EndTime"));
        if start.zip(end).is_some_and(|(start, end)| start > end) {
            let message = "The start time of the request is after its end time.";
            return Err(Error::new(Code::InvalidTimeRangeException, message));
        }
        let limit = match input.get("MaxResults").and_then(Value::as_i64) {
            None => PAGE_MAX,
            Some(limit) if (1..=PAGE_MAX).contains(&limit) => limit,
            Some(limit) => {
                let message = format!("MaxResults must be between 1 and {PAGE_MAX}, but is {limit}.");
                return Err(Error::new(Code::InvalidMaxResultsException, message));
            }
        };
        let category = text("EventCategory");
        if category.is_some_and(|category| category != "insight") {
            let message =
                "The only event category that can be given is insight; leave it out for management events.";
            return Err(Error::new(Code::InvalidEventCategoryException, message));
        }
        let shown = |seconds: Option<f64>| seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        let listing = vec![
            super::LOOKUP_EVENTS.to_owned(),
            scope.account.to_string(),
            scope.region.to_string(),
            attribute.as_ref().map(|(key, value)| format!("{key:?}={value}")).unwrap_or_default(),
            shown(start),
            shown(end),
        ];
        let history = now.0.saturating_sub(HISTORY_DAYS * DAY_MILLIS).div_euclid(1_000);
        let mut lookup = Lookup {
            scope,
            attribute,
            from: start.map_or(history, |start| whole(start.ceil()).max(history)),
            to: end.map_or(i64::MAX, |end| whole(end.floor())),
            limit: usize::try_from(limit).unwrap_or_default(),
            before: None,
            listing,
        };
        if let Some(token) = text("NextToken") {
            lookup.before = Some(lookup.position_of(token, key)?);
        }
        // Nothing here makes Insights events.
        Ok(Some(lookup).filter(|_| category.is_none()))
    }

    /// The token by which a request goes on before a place in the log.
    pub(super) fn token(&self, position: Position, key: &MarkerKey) -> String {
        let listing: Vec<&str> = self.listing.iter().map(String::as_str).collect();
        key.issue(&listing, &format!("{}.{}", position.segment, position.place))
    }

    fn position_of(&self, token: &str, key: &MarkerKey) -> Result<Position, Error> {
        let listing: Vec<&str> = self.listing.iter().map(String::as_str).collect();
        let read = || {
            let text = key.read(&listing, token).ok()?;
            let (segment, place) = text.split_once('.')?;
            Some(Position { segment: segment.parse().ok()?, place: place.parse().ok()? })
        };
        read().ok_or_else(|| {
            let message =
                "The token is not valid, or was not given out for a request with the same parameters.";
            Error::new(Code::InvalidNextTokenException, message)
        })
    }
}

/// Seconds, as many as fit.
#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn attribute(input: &Value) -> Result<Option<(AttributeKey, String)>, Error> {
    let invalid = |message: &'static str| Error::new(Code::InvalidLookupAttributesException, message);
    let all = input.get("LookupAttributes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let attribute = match all {
        [] => return Ok(None),
        [attribute] => attribute,
        _ => return Err(invalid("Only one lookup attribute can be given.")),
    };
    let text = |name: &str| attribute.get(name).and_then(Value::as_str);
    let key = text("AttributeKey").and_then(AttributeKey::parse);
    let key = key.ok_or_else(|| {
        invalid(
            "The attribute key must be one of EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, \
             EventSource and AccessKeyId.",
        )
    })?;
    let value = text("AttributeValue").unwrap_or_default();
    if !(1..=VALUE_CHARS_MAX).contains(&value.chars().count()) {
        return Err(invalid("An attribute value has 1 to 2000 characters."));
    }
    if key == AttributeKey::ReadOnly && !matches!(value, "true" | "false") {
        return Err(invalid("The value of ReadOnly is true or false."));
    }
    Ok(Some((key, value.to_owned())))
}
