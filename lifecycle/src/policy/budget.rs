//! A cap on the work that one evaluation may cost.

use std::fmt;

/// Steps that an evaluation may still take. One step is about one comparison of a character, of a principal
/// or of a condition value.
///
/// One budget may be shared by the evaluations of every policy that a request meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    cap: u64,
    left: u64,
}

/// The evaluation needed more steps than its [`Budget`] had. There is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetExceeded {
    /// The steps that the budget had when it was made.
    pub cap: u64,
}

impl Budget {
    /// Far more than any real policy needs: the largest key policy with ordinary patterns stays below it.
    pub const DEFAULT_STEPS: u64 = 1_000_000;

    /// A budget of `steps`.
    pub fn new(steps: u64) -> Self {
        Self { cap: steps, left: steps }
    }

    /// The steps taken so far.
    pub fn used(&self) -> u64 {
        self.cap.saturating_sub(self.left)
    }

    /// Takes `steps`, or fails and leaves nothing.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), BudgetExceeded> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(BudgetExceeded { cap: self.cap })
            }
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::DEFAULT_STEPS)
    }
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy evaluation needs more than {} steps", self.cap)
    }
}

impl std::error::Error for BudgetExceeded {}
