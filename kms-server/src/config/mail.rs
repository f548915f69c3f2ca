//! Where mail is sent, and by whom to whom.

use std::net::IpAddr;

use lettre::message::{Mailbox, Mailboxes};

use super::value::{Notation, Value};
use crate::observe::mail::Protection;

/// Longest URL, and longest list of addresses, in bytes.
const BYTES_MAX: usize = 2_048;

/// A mail server; or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailServer(Option<MailHost>);

/// How to reach a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHost {
    text: String,
    /// A host name or an address.
    pub host: String,
    /// The port: 465 for `smtps`, 587 for STARTTLS and 25 without protection, unless given.
    pub port: u16,
    /// The protection of the connection.
    pub protection: Protection,
}

impl MailServer {
    /// The server, if there is one.
    pub fn host(&self) -> Option<&MailHost> {
        self.0.as_ref()
    }
}

impl Value for MailServer {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "an smtp or smtps URL without a user, such as smtps://mail.example.com or \
         smtp://mail.example.com:587?tls=required (without tls=required to this machine only), or an empty text"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let url: http::Uri = Some(text).filter(|text| text.len() <= BYTES_MAX)?.parse().ok()?;
        let protection = match (url.scheme_str()?, url.query()) {
            ("smtps", None) => Protection::Tls,
            ("smtp", Some("tls=required")) => Protection::StartTls,
            ("smtp", None) => Protection::None,
            _ => return None,
        };
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if host.is_empty() || !matches!(url.path(), "" | "/") || (protection == Protection::None && !local) {
            return None;
        }
        let standard = match protection {
            Protection::Tls => 465,
            Protection::StartTls => 587,
            Protection::None => 25,
        };
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => standard,
            port => port.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
        };
        Some(Self(Some(MailHost { text: text.to_owned(), host, port, protection })))
    }

    fn to_text(&self) -> String {
        self.0.as_ref().map(|host| host.text.clone()).unwrap_or_default()
    }
}

/// Mail addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailAddresses(Vec<Mailbox>);

impl MailAddresses {
    /// The addresses.
    pub fn as_slice(&self) -> &[Mailbox] {
        &self.0
    }
}

impl Value for MailAddresses {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "mail addresses between commas, such as ops@example.com, Security <security@example.com>".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let parsed: Mailboxes = Some(text).filter(|text| text.len() <= BYTES_MAX)?.parse().ok()?;
        Some(Self(parsed.into_iter().collect()))
    }

    fn to_text(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_their_ports_and_protection() {
        for (text, host, port, protection) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Protection::Tls),
            ("smtp://mail.example.com?tls=required", "mail.example.com", 587, Protection::StartTls),
            ("smtp://mail.example.com:25/?tls=required", "mail.example.com", 25, Protection::StartTls),
            ("smtp://127.0.0.1:1025", "127.0.0.1", 1_025, Protection::None),
            ("smtp://[::1]", "::1", 25, Protection::None),
            ("smtp://localhost", "localhost", 25, Protection::None),
        ] {
            let server = MailServer::parse(text).unwrap();
            assert_eq!(server.to_text(), text);
            let found = server.host().unwrap();
            assert_eq!(
                (found.host.as_str(), found.port, found.protection),
                (host, port, protection),
                "{text}"
            );
        }
        assert_eq!(MailServer::parse(""), Some(MailServer(None)));
    }

    #[test]
    fn other_texts_are_no_servers() {
        for text in [
            "mail.example.com",
            "smtp://mail.example.com",
            "smtp://",
            "smtps://user:secret@mail.example.com",
            "smtps://mail.example.com/box",
            "smtps://mail.example.com:0",
            "smtps://mail.example.com:",
            "smtps://mail.example.com:70000",
            "smtp://mail.example.com?tls=opportunistic",
            "http://mail.example.com",
        ] {
            assert_eq!(MailServer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_a_list() {
        let text = "ops@example.com, \"Key watch\" <security@example.com>";
        let addresses = MailAddresses::parse(text).unwrap();
        assert_eq!(addresses.as_slice().len(), 2);
        assert_eq!(MailAddresses::parse(&addresses.to_text()), Some(addresses));
        for text in ["ops", "a@b, ,", "@example.com", "a@b\r\nBcc: c@d"] {
            assert_eq!(MailAddresses::parse(text), None, "{text}");
        }
    }
}
