//! The one place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lifecycle::clock::WallTime;

/// The machine's time. Only signatures, TLS and waiting use it; what is stored or shown is domain time.
#[must_use]
pub fn now() -> WallTime {
    let since_epoch = system_time().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    WallTime(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The same, in the form that file times have.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub fn system_time() -> SystemTime {
    SystemTime::now()
}
