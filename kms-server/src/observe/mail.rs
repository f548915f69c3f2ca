//! The mail that tells the owner of an account that a table has lost its key, one for each time that it does.
//!
//! AWS: DynamoDB developer guide, "Encryption at rest: how it works": it goes to the address of the account as soon as the
//! loss is found. Its words here are the emulator's own.

use std::fmt;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use lifecycle::at_rest::What;
use lifecycle::event::{Fact, ServiceEvent};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::sender::{Attempt, Channel, PATIENCE};

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// By STARTTLS, without which nothing is sent.
    StartTls,
    /// By TLS from the first byte.
    Tls,
}

/// A mail server and how to use it.
#[derive(Clone)]
pub struct Relay {
    /// A host name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The protection of the connection.
    pub protection: Protection,
    /// PEM text with the certificates that vouch for the server; `None` for those that everybody trusts.
    pub trusted: Option<String>,
    /// A user and a password.
    pub credentials: Option<(String, String)>,
}

/// Where mails go.
#[derive(Clone)]
pub struct Mail {
    transport: SmtpTransport,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    attempts_max: u32,
}

/// Only where it leads is shown.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why mails cannot be sent: certificates that are none, or a host without a name.
#[derive(Debug)]
pub struct MailError(String);

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MailError {}

impl Mail {
    /// Mails to all of `to`, sent `attempts_max` times at most until they are taken. Connects to nobody yet.
    ///
    /// # Errors
    /// The trusted certificates are none, or the host cannot have a certificate.
    pub fn new(relay: Relay, from: Mailbox, to: Vec<Mailbox>, attempts_max: u32) -> Result<Self, MailError> {
        let Relay { host, port, protection, trusted, credentials } = relay;
        // The library takes a text without any certificate for trust in nobody.
        let is_certificate = |pem: &String| {
            CertificateDer::pem_slice_iter(pem.as_bytes())
                .next()
                .is_some_and(|certificate| certificate.is_ok())
        };
        if !trusted.as_ref().is_none_or(is_certificate) {
            return Err(MailError("there is no certificate to trust".to_owned()));
        }
        let parameters = || {
            let mut parameters = TlsParameters::builder(host.clone());
            if let Some(pem) = &trusted {
                parameters = parameters
                    .certificate_store(CertificateStore::None)
                    .add_root_certificate(Certificate::from_pem(pem.as_bytes())?);
            }
            parameters.build()
        };
        let failed = |error: lettre::transport::smtp::Error| MailError(error.to_string());
        let tls = match protection {
            Protection::None => Tls::None,
            Protection::StartTls => Tls::Required(parameters().map_err(failed)?),
            Protection::Tls => Tls::Wrapper(parameters().map_err(failed)?),
        };
        let builder = SmtpTransport::builder_dangerous(&host).port(port).tls(tls).timeout(Some(PATIENCE));
        let transport = match credentials {
            Some((user, password)) => builder.credentials(Credentials::new(user, password)).build(),
            None => builder.build(),
        };
        Ok(Mail { transport, host, from, to, attempts_max })
    }
}

impl Channel for Mail {
    type Message = Message;

    fn host(&self) -> String {
        self.host.clone()
    }

    fn attempts_max(&self) -> u32 {
        self.attempts_max
    }

    fn message(&self, fact: &Fact) -> Option<Message> {
        let (subject, text) = words(fact)?;
        // A mail that is sent again after a crash is known by its id. The date is the machine's, as everybody's is.
        let id = format!("<{}@kms-server>", fact.id.id);
        let start = Message::builder().message_id(Some(id)).from(self.from.clone()).subject(subject);
        let addressed = self.to.iter().cloned().fold(start, MessageBuilder::to);
        let written = addressed.header(ContentType::TEXT_PLAIN).body(text);
        written.inspect_err(|error| tracing::error!(%error, "a mail could not be written")).ok()
    }

    fn attempt(&self, message: &Message) -> Attempt {
        match self.transport.send(message) {
            Ok(_) => Attempt::Taken,
            Err(error) if error.is_permanent() => Attempt::Refused(error.to_string()),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }
}

/// Subject and text of the mail about a fact; `None` for most.
fn words(fact: &Fact) -> Option<(String, String)> {
    let ServiceEvent::Table { fact: table } = &fact.event else { return None };
    let What::KeyInaccessible { key_arn, detected_at, archive_at } = &table.what else { return None };
    let (name, scope) = (&table.table.name, fact.scope());
    let key = key_arn.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let subject = format!("DynamoDB has no access to the key of table {name}");
    let text = format!(
        "At {detected_at} DynamoDB could not use the KMS key of a table any more.\n\n\
         Table name: {name}\nAccount: {account}\nRegion: {region}\nTable encryption key: {key}\n\n\
         To get the table back, enable the key, cancel its deletion, import its key material again, or grant DynamoDB \
         its use again. If you do not need the table any more, delete it.\n\n\
         If the key stays out of reach until {archive_at}, the table is archived: it is kept as an on-demand backup, \
         which costs what backups cost.\n",
        account = scope.account,
        region = scope.region,
    );
    Some((subject, text))
}
