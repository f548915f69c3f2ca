//! When the keys rotate that AWS manages: nobody chooses their period, but AWS has changed it once.
//!
//! AWS: KMS developer guide, "Rotate AWS KMS keys", AWS managed keys.

use crate::clock::Timestamp;

/// When AWS went over to yearly rotation: May 2022. The day is not published; this is the first.
pub const YEARLY_SINCE: Timestamp = Timestamp(1_651_363_200_000);

/// The period before [`YEARLY_SINCE`], in days.
pub const PERIOD_DAYS_BEFORE: u32 = 1_095;

/// The period since [`YEARLY_SINCE`], in days.
pub const PERIOD_DAYS: u32 = 365;

/// When a key rotates whose last rotation was at `last`, or which was made then and has not rotated yet.
///
/// A key that existed at the change rotates one year after its last rotation; if that year was over by then, at the
/// change itself, which is a choice made here.
#[must_use]
pub fn next_rotation(last: Timestamp) -> Timestamp {
    let by_old_plan = last.plus_days(PERIOD_DAYS_BEFORE);
    let by_new_plan = last.plus_days(PERIOD_DAYS).max(YEARLY_SINCE);
    by_old_plan.min(by_new_plan)
}

/// The period, in days, and the next rotation as they are known at `now`: before the change, nobody knows of it.
pub(super) fn shown_at(now: Timestamp, last: Timestamp) -> (u32, Timestamp) {
    if now < YEARLY_SINCE {
        return (PERIOD_DAYS_BEFORE, last.plus_days(PERIOD_DAYS_BEFORE));
    }
    (PERIOD_DAYS, next_rotation(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn rotations(made: &str, until: &str) -> Vec<String> {
        let next = |last: &Timestamp| Some(next_rotation(*last));
        let all = std::iter::successors(Some(at(made)), next).skip(1);
        all.take_while(|rotation| *rotation <= at(until)).map(|rotation| rotation.to_string()).collect()
    }

    #[test]
    fn the_change_is_the_first_of_may_2022() {
        assert_eq!(YEARLY_SINCE, at("2022-05-01T00:00:00Z"));
    }

    /// E-60: Since May 2022 managed keys rotate every year, about 365 days.
    /// E-62: A key from before rotates a year after its last rotation, then yearly.
    // Each line a key, and when it rotates.
    #[test]
    fn e_60_e_62_rotations_fall_on_the_dates_of_the_calendar() {
        for (made, expected) in [
            // Before the change every 1,095 days; then a year after the last.
            (
                "2015-01-01T00:00:00Z",
                &["2017-12-31", "2020-12-30", "2022-05-01", "2023-05-01", "2024-04-30"][..],
            ),
            ("2018-06-01T00:00:00Z", &["2021-05-31", "2022-05-31", "2023-05-31", "2024-05-30"]),
            // The year is over at the change: at the change.
            ("2020-01-15T00:00:00Z", &["2022-05-01", "2023-05-01", "2024-04-30"]),
            ("2021-05-01T00:00:00Z", &["2022-05-01", "2023-05-01", "2024-04-30"]),
            // It is not: a year after the creation.
            ("2021-05-02T00:00:00Z", &["2022-05-02", "2023-05-02", "2024-05-01"]),
            ("2022-04-30T00:00:00Z", &["2023-04-30", "2024-04-29"]),
            // The old plan ends just before the change, and just after it.
            ("2019-05-01T00:00:00Z", &["2022-04-30", "2023-04-30", "2024-04-29"]),
            ("2019-05-02T00:00:00Z", &["2022-05-01", "2023-05-01", "2024-04-30"]),
            ("2019-05-03T00:00:00Z", &["2022-05-01", "2023-05-01", "2024-04-30"]),
            // After the change, every 365 days from the creation on.
            ("2022-05-01T00:00:00Z", &["2023-05-01", "2024-04-30"]),
            ("2023-01-01T12:00:00Z", &["2024-01-01"]),
        ] {
            let found = rotations(made, "2024-06-30T00:00:00Z");
            let days: Vec<_> = found.iter().map(|rotation| &rotation[..10]).collect();
            assert_eq!(days, expected, "{made}");
        }
    }

    #[test]
    fn nobody_knows_of_the_change_before_it() {
        let made = at("2020-01-15T00:00:00Z");
        let before = shown_at(Timestamp(YEARLY_SINCE.0 - 1), made);
        assert_eq!(before, (1_095, at("2023-01-14T00:00:00Z")));
        assert_eq!(shown_at(YEARLY_SINCE, YEARLY_SINCE), (365, at("2023-05-01T00:00:00Z")));
    }

    proptest! {
        #[test]
        fn a_rotation_is_one_to_three_years_away(last in 0_i64..4_000_000_000_000) {
            let days = (next_rotation(Timestamp(last)).0 - last) as f64 / 86_400_000.0;
            prop_assert!((365.0..=1_095.0).contains(&days), "{} days", days);
            prop_assert!(last < YEARLY_SINCE.0 || days == 365.0);
        }
    }
}
