//! Whole seconds of wall time in the formats that signatures use.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;

const SECONDS_A_DAY: i64 = 86_400;

/// Seconds since the Unix epoch; the resolution of a signature's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(pub(super) i64);

impl Instant {
    /// Reads ISO 8601 basic format in UTC, `20150830T123600Z`, and nothing else.
    pub(super) fn from_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
            return None;
        }
        let year = number(bytes.get(..4)?)?;
        let part = |at: usize| i8::try_from(number(bytes.get(at..at + 2)?)?).ok();
        DateTime::new(year, part(4)?, part(6)?, part(9)?, part(11)?, part(13)?, 0)
            .and_then(|civil| Offset::UTC.to_timestamp(civil))
            .ok()
            .map(|timestamp| Instant(timestamp.as_second()))
    }

    /// Reads the format of the HTTP `Date` header, `Sun, 30 Aug 2015 12:36:00 GMT`.
    pub(super) fn from_http_date(text: &str) -> Option<Self> {
        let instant = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Instant(instant.as_second()))
    }

    /// Whether the instant falls on `day`, spelled `20150830`, in UTC.
    pub(super) fn is_on(self, day: &str) -> bool {
        let midnight = <[u8; 8]>::try_from(day.as_bytes()).ok().and_then(|day| {
            let mut text = *b"00000000T000000Z";
            text.first_chunk_mut::<8>()?.copy_from_slice(&day);
            Instant::from_basic(std::str::from_utf8(&text).ok()?)
        });
        midnight.is_some_and(|Instant(midnight)| (midnight..midnight + SECONDS_A_DAY).contains(&self.0))
    }

    /// ISO 8601 basic format in UTC.
    pub(super) fn basic(self) -> String {
        let Ok(instant) = jiff::Timestamp::from_second(self.0) else { return format!("@{}", self.0) };
        let civil = Offset::UTC.to_datetime(instant);
        let Ok(year @ 0..=9_999) = u16::try_from(civil.year()) else {
            return instant.strftime("%Y%m%dT%H%M%SZ").to_string();
        };
        // Every verified signature needs this text; the general printer takes longer than a hash.
        let [high, low] = [year / 100, year % 100].map(|part| part as i8);
        let parts = [high, low, civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
        let mut text = String::with_capacity(16);
        for (at, part) in parts.into_iter().enumerate() {
            if at == 4 {
                text.push('T');
            }
            let digit = |value: i8| char::from(b'0'.saturating_add(value.unsigned_abs()));
            text.push(digit(part / 10));
            text.push(digit(part % 10));
        }
        text.push('Z');
        text
    }
}

/// The value of ASCII digits; a sign or a space is not a digit.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| i16::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_formats_name_the_same_instant() {
        let instant = Instant(1_440_938_160);
        assert_eq!(Instant::from_basic("20150830T123600Z"), Some(instant));
        assert_eq!(Instant::from_http_date("Sun, 30 Aug 2015 12:36:00 GMT"), Some(instant));
        assert_eq!(instant.basic(), "20150830T123600Z");
        assert_eq!(Instant(i64::MAX).basic(), "@9223372036854775807");
    }

    #[test]
    fn other_texts_are_not_basic_format() {
        for text in [
            "",
            "201",
            "20150830",
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20150830T123600z",
            "20150830 123600Z",
            "20150830T123600+",
            "20151330T123600Z",
            "20150230T123600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "+0150830T123600Z",
            "2015083\u{661}123600Z",
        ] {
            assert_eq!(Instant::from_basic(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_inverts_writing(text in "\\PC{0,24}", second in 0_i64..253_402_300_800) {
            let _ = (Instant::from_basic(&text), Instant::from_http_date(&text));
            let basic = Instant(second).basic();
            prop_assert_eq!(Instant::from_basic(&basic), Some(Instant(second)));
            prop_assert!(Instant(second).is_on(&basic[..8]));
            prop_assert!(!Instant(second + SECONDS_A_DAY).is_on(&basic[..8]) && !Instant(second).is_on(&text));
        }
    }
}
