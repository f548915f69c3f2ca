//! Calls that wait.

use std::time::Duration;

use http::StatusCode;
use jiff::SpanRelativeTo;

use super::Refusal;
use crate::service::Service;
use crate::service::waits::NoWait;

impl From<NoWait> for Refusal {
    fn from(refused: NoWait) -> Self {
        let message = match refused {
            NoWait::Full { places_max } => {
                format!("{places_max} calls wait already; more may with the setting server.waiters_max")
            }
            NoWait::Stopped => "the server stops".to_owned(),
        };
        Refusal(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

/// How long a call is to wait, on the machine's clock.
pub(super) fn time(service: &Service, name: &str, text: &str) -> Result<Duration, Refusal> {
    let unreadable =
        || Refusal::bad_request(format!("{name} must be a duration such as 500ms, 30s or 2m, not {text}"));
    let span: jiff::Span = text.parse().map_err(|_| unreadable())?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| unreadable())?;
    let time = Duration::try_from(time).map_err(|_| unreadable())?;
    let wait_max = service.parts().waits.wait_max();
    if time > wait_max {
        return Err(Refusal::bad_request(format!(
            "{name} is {text}, but nothing waits longer than {wait_max:?}; more is allowed by the setting server.wait_max"
        )));
    }
    Ok(time)
}
