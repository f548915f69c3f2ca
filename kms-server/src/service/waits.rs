//! Requests that wait for something to happen: how many, how long, and that none outlives the server.
//!
//! A request that waits is a future like any other: it holds no thread and no lock, and leaves its place when it is
//! answered or its client goes away.

use std::time::Duration;

use tokio::sync::{Semaphore, watch};

/// The places of requests that wait.
pub struct Waits {
    places: Semaphore,
    places_max: usize,
    wait_max: Duration,
    stopped: watch::Sender<bool>,
}

/// Why a request does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWait {
    /// As many wait as may.
    Full {
        /// How many that is.
        places_max: usize,
    },
    /// The server stops.
    Stopped,
}

impl Waits {
    /// Room for `places_max` requests, each for `wait_max` at most.
    #[must_use]
    pub fn new(places_max: usize, wait_max: Duration) -> Self {
        let places_max = places_max.min(Semaphore::MAX_PERMITS);
        Waits { places: Semaphore::new(places_max), places_max, wait_max, stopped: watch::Sender::new(false) }
    }

    /// The longest wait.
    #[must_use]
    pub fn wait_max(&self) -> Duration {
        self.wait_max
    }

    /// Waits until `ready`, but no longer than `time` on the wall clock: then `None`.
    ///
    /// # Errors
    /// There is no room, or the server stops.
    pub async fn wait<T>(&self, time: Duration, ready: impl Future<Output = T>) -> Result<Option<T>, NoWait> {
        let full = |_| NoWait::Full { places_max: self.places_max };
        let _place = self.places.try_acquire().map_err(full)?;
        let mut stopped = self.stopped.subscribe();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => Err(NoWait::Stopped),
            ready = ready => Ok(Some(ready)),
            () = tokio::time::sleep(time) => Ok(None),
        }
    }

    /// Ends every wait, and all that are still to come.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn a_place_is_left_when_the_wait_ends_however_it_ends() {
        let waits = Waits::new(1, Duration::from_secs(60));
        for _ in 0..2 {
            assert_eq!(waits.wait(Duration::from_secs(60), ready(7)).await, Ok(Some(7)));
            assert_eq!(waits.wait(Duration::ZERO, pending::<()>()).await, Ok(None));
            let mut waiting = Box::pin(waits.wait(Duration::from_secs(60), pending::<()>()));
            assert!(tokio::time::timeout(Duration::ZERO, waiting.as_mut()).await.is_err(), "it waits");
            assert_eq!(waits.wait(Duration::ZERO, ready(7)).await, Err(NoWait::Full { places_max: 1 }));
        }
    }

    #[tokio::test]
    async fn a_stop_ends_all_waits() {
        let waits = Waits::new(2, Duration::from_secs(60));
        let waiting = waits.wait(Duration::from_secs(60), pending::<()>());
        let (waited, ()) = tokio::join!(waiting, async { waits.stop() });
        assert_eq!(waited, Err(NoWait::Stopped));
        assert_eq!(waits.wait(Duration::from_secs(60), ready(7)).await, Err(NoWait::Stopped));
    }
}
