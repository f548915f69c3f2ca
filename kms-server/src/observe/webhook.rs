//! The webhook: a URL to which every notification is sent, as EventBridge sends events to API destinations.
//!
//! AWS: EventBridge User Guide, "API destinations as targets" and "How EventBridge retries delivering events". AWS
//! tries for 24 hours; here the number of attempts is a setting.

use std::fmt;

use lifecycle::event::Fact;

use super::sender::{Attempt, Channel, PATIENCE};
use super::service_event::eventbridge;

/// Where notifications are sent.
#[derive(Clone)]
pub struct Webhook {
    /// An `http` or `https` URL.
    pub url: String,
    /// How often one notification is sent until it is taken or given up, at least once.
    pub attempts_max: u32,
}

/// A URL may hold a secret in its path or query: only where it leads is shown.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.host())
            .field("attempts_max", &self.attempts_max)
            .finish()
    }
}

impl Webhook {
    fn host(&self) -> String {
        let host = self.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        host.unwrap_or_default()
    }
}

const USER_AGENT: &str = "Amazon/EventBridge/ApiDestinations";

/// Posts to the webhook.
pub(super) struct Poster {
    webhook: Webhook,
    agent: ureq::Agent,
}

impl Poster {
    pub(super) fn new(webhook: Webhook) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(USER_AGENT)
            .build();
        Poster { webhook, agent: agent.into() }
    }
}

impl Channel for Poster {
    type Message = Vec<u8>;

    fn host(&self) -> String {
        self.webhook.host()
    }

    fn attempts_max(&self) -> u32 {
        self.webhook.attempts_max
    }

    fn message(&self, fact: &Fact) -> Option<Vec<u8>> {
        eventbridge(fact)
    }

    /// AWS: EventBridge sends again after 401, 407, 409, 429 and 5xx, and after a failure to connect.
    fn attempt(&self, body: &Vec<u8>) -> Attempt {
        let request =
            self.agent.post(&self.webhook.url).header("content-type", "application/json; charset=utf-8");
        match request.send(body).map(|response| response.status()) {
            Ok(status) if status.is_success() => Attempt::Taken,
            Ok(status) if status.is_server_error() || matches!(status.as_u16(), 401 | 407 | 409 | 429) => {
                Attempt::Failed(status.to_string())
            }
            Ok(status) => Attempt::Refused(status.to_string()),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }
}
