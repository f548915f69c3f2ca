//! When periodic work runs.

use super::value::{Notation, Value};
use tokio_cron_scheduler::Job;

/// A cron expression of six fields, the first of which are seconds, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronExpression(String);

impl CronExpression {
    /// At the start of every minute.
    pub fn every_minute() -> Self {
        Self("0 * * * * *".to_owned())
    }

    /// The expression, as `tokio_cron_scheduler` reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for CronExpression {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "a cron expression with seconds such as 0 * * * * * or */10 * * * * *".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        const EXPRESSION_BYTES_MAX: usize = 256;
        let bounded = (1..=EXPRESSION_BYTES_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        // What the scheduler takes is what counts, so it is the scheduler that is asked.
        let accepted = bounded && plain && Job::new(text, |_, _| {}).is_ok();
        accepted.then(|| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}
