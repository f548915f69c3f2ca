//! The address of a webhook.

use super::value::{Notation, Value, ValueError};
use std::fmt;

/// Longest URL, in bytes.
const BYTES_MAX: usize = 2_048;

/// An absolute `http` or `https` URL without a user and a password; or none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookUrl(Option<String>);

impl WebhookUrl {
    /// The URL, if there is one.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Path and query may hold a secret.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "WebhookUrl(…)" } else { "WebhookUrl(none)" })
    }
}

impl Value for WebhookUrl {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "an http or https URL without a user, such as http://127.0.0.1:8080/events, or an empty text"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let url: http::Uri = Some(text).filter(|text| text.len() <= BYTES_MAX)?.parse().ok()?;
        let known = matches!(url.scheme_str(), Some("http" | "https"));
        let addressed = url.host().is_some_and(|host| !host.is_empty());
        let anonymous = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        (known && addressed && anonymous).then(|| Self(Some(text.to_owned())))
    }

    /// What was given is not repeated: a password may be in it.
    fn from_text(text: &str) -> Result<Self, ValueError> {
        Self::parse(text).ok_or_else(|| ValueError::new(format!("expected {}", Self::expected())))
    }

    fn to_text(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_called_without_a_password_are_taken() {
        for text in ["", "http://127.0.0.1:8080", "https://hooks.example.com/a?b=c", "http://[::1]:1/x"] {
            assert_eq!(WebhookUrl::parse(text).unwrap().to_text(), text);
        }
        let long = format!("http://h/{}", "a".repeat(BYTES_MAX));
        for text in ["h", "/path", "ftp://h", "http://", "http://u:p@h/", "http://h\n", &long] {
            assert!(WebhookUrl::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn secrets_in_a_url_are_not_shown() {
        assert!(!format!("{:?}", WebhookUrl::parse("http://h/secret")).contains("secret"));
        assert!(!WebhookUrl::from_text("http://u:secret@h/").unwrap_err().to_string().contains("secret"));
    }
}
