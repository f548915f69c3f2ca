//! What the commands call: a server, or the service on a data directory that no server runs on.

use std::fs;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::super::{DataArguments, Endpoint, ExitCode, Output};
use super::{Failed, print_line, serve};
use crate::config::Environment;
use crate::service::Service;

/// How long a server may take to answer, apart from what it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// Names the PEM file of the CAs to trust, as for the AWS CLI and SDKs; `kms-server env --ca-bundle` sets it.
const CA_BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// Whom requests go to. They are the same requests, whoever answers them.
pub(super) enum Client {
    /// A server.
    Server {
        /// Where it is.
        endpoint: Endpoint,
        /// What calls it.
        agent: ureq::Agent,
    },
    /// The service in this process.
    Here(Here),
}

/// The service on a data directory, for as long as the command runs.
pub(super) struct Here {
    service: Service,
    runtime: Runtime,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.runtime.block_on(self.service.stop());
    }
}

impl Client {
    /// Calls the service on the data directory that is named, else the server at an endpoint, and trusts what the
    /// environment says.
    pub(super) fn new(
        data: &DataArguments,
        endpoint: impl FnOnce() -> Result<Endpoint, Failed>,
        environment: &Environment,
    ) -> Result<Self, Failed> {
        if let Some(settings) = data.settings() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let service = serve::open(&settings, environment)?;
            return Ok(Client::Here(Here { service, runtime }));
        }
        Client::server(endpoint()?, environment)
    }

    /// Calls the server at an endpoint.
    pub(super) fn server(endpoint: Endpoint, environment: &Environment) -> Result<Self, Failed> {
        let mut agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        if let Some(path) = environment.value(CA_BUNDLE_VARIABLE).filter(|path| !path.is_empty()) {
            agent = agent.tls_config(TlsConfig::builder().root_certs(ca_bundle(path)?).build());
        }
        Ok(Client::Server { endpoint, agent: agent.build().into() })
    }

    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Value, Failed> {
        self.call(Method::GET, path, headers, b"", Duration::ZERO)
    }

    /// As [`Client::get`], where the answer may take longer by `wait`.
    pub(super) fn get_within(&self, wait: Duration, path: &str) -> Result<Value, Failed> {
        self.call(Method::GET, path, &[], b"", wait)
    }

    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Value, Failed> {
        self.call(method, path, headers, body, Duration::ZERO)
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failed> {
        self.call(Method::DELETE, path, &[], b"", Duration::ZERO)
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        wait: Duration,
    ) -> Result<Value, Failed> {
        let request = headers
            .iter()
            .fold(Request::builder().method(&method), |request, (name, value)| request.header(*name, *value));
        let has_body = matches!(method, Method::POST | Method::PUT);
        let request = if has_body { request.header("content-type", "application/json") } else { request };
        let malformed = |error: http::Error| Failed::usage(error);
        let (status, text) = match self {
            Client::Here(here) => {
                let request = request.uri(path).body(Bytes::copy_from_slice(body)).map_err(malformed)?;
                let (parts, body) = here.runtime.block_on(here.service.call(request)).into_parts();
                (parts.status, String::from_utf8_lossy(&body).into_owned())
            }
            Client::Server { endpoint, agent } => {
                let request = request.uri(format!("{endpoint}{path}"));
                let patience = Some(PATIENCE.saturating_add(wait));
                let answer = if has_body {
                    let request = request.body(body).map_err(malformed)?;
                    agent.run(agent.configure_request(request).timeout_global(patience).build())
                } else {
                    let request = request.body(()).map_err(malformed)?;
                    agent.run(agent.configure_request(request).timeout_global(patience).build())
                };
                let mut answer = answer.map_err(|error| unreachable(endpoint, &error))?;
                let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string();
                (answer.status(), text.map_err(|error| Failed::new(ExitCode::Unreachable, error))?)
            }
        };
        answer(status, &text)
    }
}

fn unreachable(endpoint: &Endpoint, error: &ureq::Error) -> Failed {
    let advice = if matches!(error, ureq::Error::Rustls(_)) || error.to_string().contains("certificate") {
        "Name the CA to trust with the variable AWS_CA_BUNDLE"
    } else {
        "Start one with `kms-server`, or name it with --endpoint or the variable KMS_ENDPOINT; commands that work without \
         one take --data-dir"
    };
    Failed::new(ExitCode::Unreachable, format!("no server answers at {endpoint}: {error}. {advice}"))
}

fn answer(status: StatusCode, text: &str) -> Result<Value, Failed> {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    let message = value.get("message").and_then(Value::as_str).unwrap_or(text).to_owned();
    Err(Failed::new(ExitCode::Refused, message))
}

fn ca_bundle(path: &str) -> Result<RootCerts, Failed> {
    let unusable =
        |error: &dyn std::fmt::Display| Failed::usage(format!("{CA_BUNDLE_VARIABLE}: {path}: {error}"));
    let pem = fs::read(path).map_err(|error| unusable(&error))?;
    let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| unusable(&error))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(unusable(&"holds no certificate in PEM form"));
    }
    Ok(certificates.into())
}

pub(super) fn done(output: Output, text: &str) -> io::Result<()> {
    match output {
        Output::Text => print_line(&text),
        Output::Json => print_line(&serde_json::json!({ "done": text })),
    }
}

/// The query of a URL, of the filters that are given.
pub(super) fn query<const N: usize>(filters: [(&str, Option<String>); N]) -> String {
    let given = filters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))));
    given.collect::<Vec<_>>().join("&")
}

/// Percent-encodes whatever is not plain in a path or a query.
pub(super) fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}
