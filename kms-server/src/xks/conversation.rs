//! What an operation asks proxies, and what they have answered so far.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lifecycle::crypto::{Entropy, EntropyError};
use lifecycle::ids::Uuid;
use zeroize::Zeroizing;

use super::{Answer, Call};

/// The part of one request that happens elsewhere. The request is run once more after each answer; it draws the same
/// random bytes every time, so that it asks the same as before and comes as far as the answers go.
pub struct Conversation {
    request_id: Uuid,
    entropy: Arc<dyn Entropy>,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    answers: Vec<(Call, Answer)>,
    asked: Option<Call>,
    drawn: Zeroizing<Vec<u8>>,
    /// How much of that this run has drawn again.
    at: usize,
}

/// The answer is not there yet: whoever asked must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending;

impl Conversation {
    /// Nothing said yet.
    #[must_use]
    pub fn new(request_id: Uuid, entropy: Arc<dyn Entropy>) -> Self {
        Conversation { request_id, entropy, said: Mutex::default() }
    }

    /// The request that it belongs to.
    #[must_use]
    pub fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// A run of the request begins.
    pub fn begin(&self) {
        let mut said = self.said();
        (said.asked, said.at) = (None, 0);
    }

    /// Asks a proxy.
    ///
    /// # Errors
    /// [`Pending`] until there is an answer.
    pub fn ask(&self, call: Call) -> Result<Answer, Pending> {
        let mut said = self.said();
        if let Some((_, answer)) = said.answers.iter().find(|(asked, _)| *asked == call) {
            return Ok(answer.clone());
        }
        said.asked = Some(call);
        Err(Pending)
    }

    /// Whether the last run asked something that it did not know.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.said().asked.is_some()
    }

    /// What that was.
    #[must_use]
    pub fn asked(&self) -> Option<Call> {
        self.said().asked.take()
    }

    /// Adds an answer.
    pub fn answer(&self, call: Call, answer: Answer) {
        self.said().answers.push((call, answer));
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entropy for Conversation {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut said = self.said();
        let known = said.drawn.get(said.at..).unwrap_or_default();
        let again = known.len().min(bytes.len());
        let (old, new) = bytes.split_at_mut(again);
        old.copy_from_slice(known.get(..again).unwrap_or_default());
        self.entropy.fill(new)?;
        said.drawn.extend_from_slice(new);
        said.at += old.len() + new.len();
        Ok(())
    }
}

/// Neither random bytes nor answers are shown.
impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::crypto::SeededEntropy;
    use proptest::prelude::*;

    proptest! {
        /// Whatever sizes a run asks for, and however far the run before came, it draws the same bytes.
        #[test]
        fn every_run_draws_the_same_bytes(
            first in proptest::collection::vec(0..40_usize, 0..6),
            second in proptest::collection::vec(0..40_usize, 0..6),
        ) {
            let conversation = Conversation::new(Uuid::v4([0; 16]), Arc::new(SeededEntropy::new(1)));
            let draw = |sizes: &[usize]| {
                conversation.begin();
                sizes.iter().flat_map(|size| {
                    let mut bytes = vec![0; *size];
                    conversation.fill(&mut bytes).unwrap();
                    bytes
                }).collect::<Vec<u8>>()
            };
            let (one, two, three) = (draw(&first), draw(&second), draw(&first));
            prop_assert_eq!(&one, &three);
            let shared = one.len().min(two.len());
            prop_assert_eq!(&one[..shared], &two[..shared]);
        }
    }
}
