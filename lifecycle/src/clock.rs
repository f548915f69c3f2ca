//! Domain time: the only time that stored or shown dates know.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant of domain time in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `days` days of 86,400 seconds later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Timestamp(self.0.saturating_add(i64::from(days) * 86_400_000))
    }

    /// Seconds since the Unix epoch with a fraction, the form of a date in an AWS JSON body.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of any date a clock can hold fit in 53 bits"
    )]
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn whole_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The text of [`Display`](fmt::Display) as ASCII, without an allocation: for what is written into every answer.
    /// `None` for an instant outside the years 0 to 9999, which has no such text of fixed length.
    #[must_use]
    pub fn rfc3339(self) -> Option<[u8; 24]> {
        const DAY: i64 = 86_400_000;
        // Days since 0000-03-01, so that a leap day is the last day of its year; eras of 400 years all have as many days.
        let days = self.0.div_euclid(DAY) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        if !(0..=9_999).contains(&year) {
            return None;
        }
        let of_day = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or(0);
        let pair = |number: i64| [digit(number / 10), digit(number)];
        [text[0], text[1]] = pair(year / 100);
        [text[2], text[3]] = pair(year);
        [text[5], text[6]] = pair(month);
        [text[8], text[9]] = pair(day);
        [text[11], text[12]] = pair(of_day / 3_600_000);
        [text[14], text[15]] = pair(of_day / 60_000 % 60);
        [text[17], text[18]] = pair(of_day / 1_000 % 60);
        let milliseconds = of_day % 1_000;
        [text[20], text[21], text[22]] =
            [digit(milliseconds / 100), digit(milliseconds / 10), digit(milliseconds)];
        Some(text)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "@{}ms", self.0),
        }
    }
}

/// An instant of the wall clock in milliseconds since the Unix epoch. A type of its own, so that the two
/// clocks cannot be mixed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub i64);

/// A clock as a value: `base + (wall - anchor) * rate`. A rate of zero is a frozen clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualClock {
    base: Timestamp,
    anchor: WallTime,
    rate: f64,
    /// Within one epoch the clock never goes back; a reset or an import starts a new one.
    epoch: u64,
}

impl VirtualClock {
    /// A clock that shows `base` at the wall time `anchor` and runs at `rate` domain seconds per wall second.
    /// A negative or non-finite rate is taken as frozen.
    #[must_use]
    pub fn new(base: Timestamp, anchor: WallTime, rate: f64) -> Self {
        let rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
        VirtualClock { base, anchor, rate, epoch: 0 }
    }

    /// Domain time at a wall time. A wall clock that was set back does not take the domain clock with it.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a float to integer cast saturates, and a span of milliseconds fits in 53 bits"
    )]
    pub fn at(&self, wall: WallTime) -> Timestamp {
        let elapsed = wall.0.saturating_sub(self.anchor.0).max(0);
        let span = if self.rate == 1.0 { elapsed } else { (elapsed as f64 * self.rate) as i64 };
        Timestamp(self.base.0.saturating_add(span))
    }

    /// The wall time at which the clock will show `at` if nobody touches it. For a frozen clock, which will never show
    /// it, the time at which a running one would.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a float to integer cast saturates, and a span of milliseconds fits in 53 bits"
    )]
    pub fn wall_at(&self, at: Timestamp, now: WallTime) -> WallTime {
        let span = at.0.saturating_sub(self.at(now).0);
        let rate = if self.rate > 0.0 { self.rate } else { 1.0 };
        let span = if rate == 1.0 { span } else { (span as f64 / rate) as i64 };
        WallTime(now.0.saturating_add(span))
    }

    /// The same clock moved forward to `to`; an earlier instant leaves it where it is.
    #[must_use]
    pub fn advanced(&self, to: Timestamp, wall: WallTime) -> Self {
        VirtualClock { base: self.at(wall).max(to), anchor: wall, ..*self }
    }

    /// The same clock, going on from what it shows at `wall` at another rate. A negative or non-finite rate is taken
    /// as frozen.
    #[must_use]
    pub fn with_rate(&self, rate: f64, wall: WallTime) -> Self {
        VirtualClock { epoch: self.epoch, ..VirtualClock::new(self.at(wall), wall, rate) }
    }

    /// A clock of the next epoch that shows `base`.
    #[must_use]
    pub fn restarted(&self, base: Timestamp, wall: WallTime) -> Self {
        VirtualClock { base, anchor: wall, rate: self.rate, epoch: self.epoch + 1 }
    }

    /// Domain seconds per wall second; zero when frozen.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// How often the clock was restarted.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clock_runs_at_its_rate_and_never_goes_back() {
        let clock = VirtualClock::new(Timestamp(1_000), WallTime(50), 60.0);
        assert_eq!(clock.at(WallTime(50)), Timestamp(1_000));
        assert_eq!(clock.at(WallTime(52)), Timestamp(1_120));
        assert_eq!(clock.at(WallTime(10)), Timestamp(1_000), "the wall clock was set back");
        let faster = clock.with_rate(1_000.0, WallTime(52));
        assert_eq!((faster.at(WallTime(52)), faster.at(WallTime(53))), (Timestamp(1_120), Timestamp(2_120)));
        let frozen = VirtualClock::new(Timestamp(7), WallTime(0), 0.0);
        assert_eq!(frozen.at(WallTime(i64::MAX)), Timestamp(7));
    }

    #[test]
    fn a_clock_tells_when_it_will_show_an_instant() {
        let clock = VirtualClock::new(Timestamp(1_000), WallTime(50), 60.0);
        assert_eq!(clock.wall_at(Timestamp(1_000 + 6_000), WallTime(50)), WallTime(150));
        assert_eq!(clock.at(WallTime(150)), Timestamp(7_000));
        let real = VirtualClock::new(Timestamp(i64::from(i32::MAX)), WallTime(0), 1.0);
        assert_eq!(real.wall_at(real.at(WallTime(9)), WallTime(9)), WallTime(9));
        let frozen = VirtualClock::new(Timestamp(7), WallTime(0), 0.0);
        assert_eq!(frozen.wall_at(Timestamp(1_007), WallTime(5)), WallTime(1_005));
    }

    #[test]
    fn an_advance_moves_forward_only() {
        let clock = VirtualClock::new(Timestamp(1_000), WallTime(0), 1.0);
        assert_eq!(clock.advanced(Timestamp(9_000), WallTime(5)).at(WallTime(6)), Timestamp(9_001));
        assert_eq!(clock.advanced(Timestamp(0), WallTime(5)).at(WallTime(5)), Timestamp(1_005));
        let restarted = clock.restarted(Timestamp(3), WallTime(9));
        assert_eq!((restarted.at(WallTime(9)), restarted.epoch()), (Timestamp(3), 1));
    }

    #[test]
    fn dates_print_as_rfc_3339() {
        assert_eq!(Timestamp(1_614_905_581_947).to_string(), "2021-03-05T00:53:01.947Z");
        assert_eq!(Timestamp(-1).whole_seconds(), -1);
    }

    proptest! {
        #[test]
        fn the_text_without_an_allocation_is_the_text(milliseconds in -62_167_219_200_000..253_402_300_800_000_i64) {
            let at = Timestamp(milliseconds);
            prop_assert_eq!(String::from_utf8(at.rfc3339().unwrap().to_vec()).unwrap(), at.to_string());
        }
    }

    #[test]
    fn the_text_has_the_edges_of_its_years() {
        for (at, text) in [
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(at).rfc3339().unwrap(), text.as_bytes());
        }
        for beyond in [-62_167_219_200_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
            assert_eq!(Timestamp(beyond).rfc3339(), None);
        }
    }
}
