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
}
