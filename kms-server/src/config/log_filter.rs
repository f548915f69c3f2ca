//! Which log lines are told.

use super::value::{Notation, Value};
use tracing_subscriber::EnvFilter;

/// A filter of log lines that `tracing_subscriber::EnvFilter` accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// What a user wants to know: this server from level INFO on, its libraries from WARN on.
    pub fn quiet() -> Self {
        Self("warn,kms_server=info".to_owned())
    }

    /// The directives, as `EnvFilter` reads them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "a log filter without spaces such as info or warn,kms_server=debug".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        const FILTER_BYTES_MAX: usize = 1_024;
        // tracing-subscriber 0.3.23 counts from the first character that is no space and cuts from the first of all: a space
        // gives another filter than was meant, and before other alphabets it panics.
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let bounded = visible && (1..=FILTER_BYTES_MAX).contains(&text.len());
        let accepted = bounded && EnvFilter::try_new(text).is_ok();
        accepted.then(|| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}
