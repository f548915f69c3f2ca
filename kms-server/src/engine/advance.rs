//! Moving the domain clock.

use std::collections::BTreeMap;
use std::sync::mpsc;

use lifecycle::clock::Timestamp;

use super::writer::Came;
use super::{Engine, Happening, SubmitError};

/// How much one advance does and tells.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Due events after which it ends early: at the instant of the last of them, when all has happened that is due then.
    pub events_max: usize,
    /// Events that it tells of; the counts tell of all.
    pub timeline_max: usize,
}

/// What an advance brought about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advanced {
    /// How many events of each kind happened.
    pub counts: BTreeMap<&'static str, usize>,
    /// The first of them, in order.
    pub timeline: Vec<Happening>,
    /// Whether the clock has come to where it was to go.
    pub arrived: bool,
}

impl Advanced {
    /// Events of all kinds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.counts.values().sum()
    }

    fn add(&mut self, happened: impl Iterator<Item = Happening>, bounds: Bounds) {
        for due in happened {
            *self.counts.entry(due.kind).or_insert(0) += 1;
            if self.timeline.len() < bounds.timeline_max {
                self.timeline.push(due);
            }
        }
    }
}

impl Engine {
    /// Moves the domain clock forward to `to`, letting everything happen that falls due on the way: in order, each
    /// event at its own instant. Tells what happened.
    ///
    /// # Errors
    /// The clock has come as far as was stored.
    pub async fn advance(&self, to: Timestamp) -> Result<Vec<Happening>, SubmitError> {
        let bounds = Bounds { events_max: usize::MAX, timeline_max: usize::MAX };
        Ok(self.advance_within(to, bounds).await?.timeline)
    }

    /// As [`Engine::advance`], but within bounds. Whoever gives it up leaves the clock at an event, with all before
    /// done: requests are served between its parts, and so can it be gone on with.
    ///
    /// # Errors
    /// The clock has come as far as was stored.
    pub async fn advance_within(&self, to: Timestamp, bounds: Bounds) -> Result<Advanced, SubmitError> {
        let (tell, told) = mpsc::channel();
        let mut advanced = Advanced::default();
        while !advanced.arrived && advanced.events() < bounds.events_max {
            let events_max = self.events_max.min(bounds.events_max - advanced.events());
            let tell = tell.clone();
            let step = self.submit(move |draft| draft.advance(to, events_max, tell)).await?;
            let came = step.map_err(SubmitError::Entropy)?;
            advanced.add(told.try_iter(), bounds);
            match came {
                Came::There => advanced.arrived = true,
                Came::Closer => {}
                // Whoever goes away without a word has done nothing; it is due again.
                Came::Waits(done) => advanced.add(done.await.unwrap_or_default().into_iter(), bounds),
            }
        }
        if !advanced.arrived {
            // What else is due at the instant that the clock has come to.
            self.catch_up().await?;
            advanced.add(told.try_iter(), bounds);
        }
        Ok(advanced)
    }
}
