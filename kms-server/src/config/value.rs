//! The types of setting values: how each is read from text, from a document and written as TOML.

use crate::document::{Node, Value as Document, quoted};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Why a value cannot be used. Without a position, the fault is in the value as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub(crate) position: Option<crate::document::Position>,
    pub(crate) reason: String,
}

impl ValueError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { position: None, reason: reason.into() }
    }

    fn expected<T: Value>(found: &str) -> Self {
        Self::new(format!("expected {}, found {found}", T::expected()))
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ValueError {}

impl From<crate::document::DocumentError> for ValueError {
    fn from(error: crate::document::DocumentError) -> Self {
        Self { position: Some(error.position), reason: error.reason }
    }
}

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// In quotes.
    Text,
    /// In quotes, or as a bare date and time.
    Time,
    /// In quotes, or as a bare number whose digits are the text.
    Digits,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A list of tables. In a flag or variable an element is a word of this form.
    List(&'static str),
}

/// The type of a setting.
pub trait Value: Sized {
    /// How it is written in TOML.
    const NOTATION: Notation;

    /// What is expected, with an example, to complete "expected …" in a message.
    fn expected() -> String;

    /// Reads the value from a flag or an environment variable; `None` when `text` is no such value.
    fn parse(text: &str) -> Option<Self>;

    /// Writes the value so that [`Value::parse`] reads it back.
    fn to_text(&self) -> String;

    /// Reads the value from a flag or an environment variable.
    ///
    /// # Errors
    /// `text` is no such value.
    fn from_text(text: &str) -> Result<Self, ValueError> {
        Self::parse(text).ok_or_else(|| {
            let found = if text.is_empty() { "an empty text".to_owned() } else { quoted(text) };
            ValueError::expected::<Self>(&found)
        })
    }

    /// Reads the value from a document.
    ///
    /// # Errors
    /// The node is written in another notation, or is no such value.
    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let text = match (Self::NOTATION, &node.value) {
            (Notation::Text | Notation::Time | Notation::Digits, Document::Text(text)) => text.clone(),
            (Notation::Time, Document::Time(text)) => text.clone(),
            (Notation::Integer | Notation::Digits | Notation::Float, Document::Integer(number)) => {
                number.to_string()
            }
            (Notation::Float, Document::Float(number)) => number.to_string(),
            (Notation::Boolean, Document::Boolean(boolean)) => boolean.to_string(),
            (
                Notation::Text | Notation::Time | Notation::Digits,
                Document::Integer(_) | Document::Float(_),
            ) => {
                return Err(ValueError::expected::<Self>(&format!("{} without quotes", node.kind())));
            }
            (_, Document::Text(text)) => {
                return Err(ValueError::expected::<Self>(&format!("the text {} in quotes", quoted(text))));
            }
            _ => return Err(ValueError::expected::<Self>(node.kind())),
        };
        Self::from_text(&text)
    }

    /// Writes the value as TOML.
    fn to_toml(&self) -> String {
        match Self::NOTATION {
            Notation::Text | Notation::Time | Notation::Digits => {
                toml::Value::String(self.to_text()).to_string()
            }
            Notation::Integer | Notation::Float | Notation::Boolean | Notation::List(_) => self.to_text(),
        }
    }
}

/// Refuses a value outside `range`.
pub(crate) fn within<T: Value + PartialOrd>(value: T, range: &RangeInclusive<T>) -> Result<T, ValueError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (range.start().to_text(), range.end().to_text());
    Err(ValueError::new(format!("expected from {least} to {most}, found {}", value.to_text())))
}

macro_rules! whole_numbers {
    ($($number:ident)+) => { $(
        impl Value for $number {
            const NOTATION: Notation = Notation::Integer;

            fn expected() -> String {
                format!("a whole number from {} to {}", $number::MIN, $number::MAX)
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn to_text(&self) -> String {
                self.to_string()
            }
        }
    )+ };
}
whole_numbers! { u16 u32 }

impl Value for bool {
    const NOTATION: Notation = Notation::Boolean;

    fn expected() -> String {
        "true or false".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl Value for IpAddr {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "an IP address such as 127.0.0.1, 0.0.0.0 or ::1".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl Value for PathBuf {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "the path of a file or directory".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self::from(text))
    }

    fn to_text(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// An empty text stands for a value that is not given.
impl<T: Value> Value for Option<T> {
    const NOTATION: Notation = T::NOTATION;

    fn expected() -> String {
        format!("{}, or an empty text", T::expected())
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }

    fn to_text(&self) -> String {
        self.as_ref().map_or_else(String::new, T::to_text)
    }
}

/// Units of a duration, longest first.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Whole milliseconds, written as a number and a unit.
impl Value for Duration {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "a duration such as 500ms, 5s, 2m, 1h or 1d".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        measure(text, &DURATION_UNITS).map(Self::from_millis)
    }

    fn to_text(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 { "0s".to_owned() } else { in_units(millis, &DURATION_UNITS) }
    }
}

/// A number of bytes, written as a number and a unit: `1024`, `64KiB`, `1MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A number of bytes.
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A number of KiB (1,024 bytes); saturates.
    pub const fn of_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// A number of MiB (1,048,576 bytes); saturates.
    pub const fn of_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as the length of something in memory; saturates where memory is smaller.
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Whether it is zero bytes.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Units of a byte size, largest first.
const BYTE_UNITS: [(&str, u64); 5] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];

impl Value for ByteSize {
    const NOTATION: Notation = Notation::Digits;

    fn expected() -> String {
        "a size such as 4096, 64KiB, 1MiB or 1GiB".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        measure(text, &BYTE_UNITS).map(Self)
    }

    fn to_text(&self) -> String {
        if self.0 == 0 { "0B".to_owned() } else { in_units(self.0, &BYTE_UNITS) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// `5s` in the smallest unit; a space before the unit is allowed.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// `amount` in the largest unit that divides it.
fn in_units(amount: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| amount.is_multiple_of(*factor))
        .map_or_else(|| amount.to_string(), |(name, factor)| format!("{}{name}", amount / factor))
}

/// A moment, written as in RFC 3339.
impl Value for jiff::Timestamp {
    const NOTATION: Notation = Notation::Time;

    fn expected() -> String {
        "a moment such as 2026-01-01T00:00:00Z".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// How many seconds of the domain clock pass in one second of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// As fast as the wall clock.
    pub const REAL_TIME: Self = Self(1.0);

    /// More than a century in a second; a faster clock would outrun the calendar.
    const MAX: f64 = 4e9;

    /// Domain seconds in a wall second: finite and above zero.
    pub const fn per_second(self) -> f64 {
        self.0
    }
}

impl Value for Rate {
    const NOTATION: Notation = Notation::Float;

    fn expected() -> String {
        "a rate above 0 and up to 4000000000 (1.0 is real time; clock.frozen = true stops the clock)"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= Self::MAX).map(Self)
    }

    fn to_text(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// A multiple of something, from none to ten times it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0.0);

    const MAX: f64 = 10.0;

    /// The factor: finite, from 0 to 10.
    pub const fn factor(self) -> f64 {
        self.0
    }
}

impl Value for Share {
    const NOTATION: Notation = Notation::Float;

    fn expected() -> String {
        "a number from 0 to 10, such as 0.5".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|share| (0.0..=Self::MAX).contains(share)).map(Self)
    }

    fn to_text(&self) -> String {
        format!("{:?}", self.0)
    }
}

macro_rules! choices {
    ($($(#[$about:meta])+ $Name:ident { $($(#[$meaning:meta])+ $Choice:ident = $text:literal,)+ })+) => { $(
        $(#[$about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Name { $($(#[$meaning])+ $Choice,)+ }

        impl Value for $Name {
            const NOTATION: Notation = Notation::Text;

            fn expected() -> String {
                let choices = [$(concat!("`", $text, "`")),+];
                format!("one of {}", choices.join(", "))
            }

            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$Choice),)+
                    _ => None,
                }
            }

            fn to_text(&self) -> String {
                match self {
                    $(Self::$Choice => $text,)+
                }
                .to_owned()
            }
        }
    )+ };
}

choices! {
    /// Whether the server speaks TLS.
    Tls {
        /// Plain HTTP.
        Off = "off",
        /// HTTPS with the configured certificate, or with one signed by a development CA that is made on first use.
        On = "on",
    }

    /// Where the root key, which seals all others, comes from.
    RootKeySource {
        /// A file, made with a new key when there is none.
        File = "file",
        /// An environment variable.
        Environment = "environment",
    }

    /// What becomes of SigV4 signatures.
    Signatures {
        /// A signature of a configured access key must be right.
        Verify = "verify",
        /// A signature only tells which access key is used.
        Ignore = "ignore",
    }

    /// Who an access key is that is not configured.
    UnknownAccessKey {
        /// `root` while no principal is configured, `reject` from the first one on.
        Auto = "auto",
        /// The root of its account: of the account it names when it has 12 digits, else of the default account.
        Root = "root",
        /// Nobody: `UnrecognizedClientException`.
        Reject = "reject",
    }

    /// What policies and grants do.
    Authorization {
        /// They are obeyed.
        Enforce = "enforce",
        /// Nothing is refused, and what would have been is recorded.
        Log = "log",
        /// They are not looked at.
        Off = "off",
    }

    /// What the headers by which clients play AWS services do.
    ServiceHeaders {
        /// They count.
        Heed = "heed",
        /// They are like any other header.
        Ignore = "ignore",
    }

    /// What a cached table key belongs to.
    CacheUnit {
        /// One connection of one principal.
        Connection = "connection",
        /// One principal, over all its connections.
        Principal = "principal",
    }

    /// From when the window of changes of a table's key counts.
    QuotaWindow {
        /// The first change.
        FirstChange = "first-change",
        /// The table's creation.
        TableCreation = "table-creation",
    }

    /// The form of log lines.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}
