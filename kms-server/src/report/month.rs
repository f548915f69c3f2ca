//! Months of domain time: bills are by month.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use lifecycle::clock::Timestamp;

/// A month of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    /// From 1.
    month: i8,
}

impl Month {
    /// The month of an instant; instants that no calendar holds are in its first month.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MIN);
        let date = TimeZone::UTC.to_datetime(instant);
        Month { year: date.year(), month: date.month() }
    }

    /// The month before; the first of the calendar has none.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        match self.month {
            1 if self.year == DateTime::MIN.year() => None,
            1 => Some(Month { year: self.year - 1, month: 12 }),
            month => Some(Month { month: month - 1, ..self }),
        }
    }

    /// Its first instant, and the first after it.
    #[must_use]
    pub fn span(self) -> (Timestamp, Timestamp) {
        let next = match self.month {
            12 => Month { year: self.year.saturating_add(1), month: 1 },
            month => Month { month: month + 1, ..self },
        };
        (self.start(), next.start())
    }

    fn start(self) -> Timestamp {
        let date = Date::new(self.year, self.month, 1).unwrap_or(Date::MAX);
        let instant = TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()));
        Timestamp(instant.map_or(i64::MAX, jiff::Timestamp::as_millisecond))
    }
}

impl fmt::Display for Month {
    /// `2026-01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        let month = Month::of(Timestamp(1_767_225_600_000));
        assert_eq!(
            (month.to_string().as_str(), month.before().unwrap().to_string().as_str()),
            ("2026-01", "2025-12")
        );
        assert_eq!(
            month.span(),
            (Timestamp(1_767_225_600_000), Timestamp(1_767_225_600_000 + 31 * 86_400_000))
        );
        assert_eq!(month.before().unwrap().span().1, month.span().0);
        assert_eq!(Month::of(Timestamp(1_767_225_599_999)), month.before().unwrap());
        assert_eq!(Month::of(Timestamp(i64::MAX)).to_string(), "-9999-01");
        assert_eq!(Month::of(Timestamp(i64::MAX)).before(), None);
    }
}
