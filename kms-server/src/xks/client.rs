//! The way to a proxy and back.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::clock::WallTime;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::response::{Response, read};
use super::{Answer, Call, Failure, Routes};
use crate::auth::{Unsigned, sign};

/// The signing name of the API.
const SERVICE: &str = "kms-xks-proxy";

/// Calls proxies, each call over a connection of its own.
pub struct Client {
    routes: Routes,
    timeout: Duration,
}

impl Client {
    /// A client that waits so long for each answer.
    #[must_use]
    pub fn new(routes: Routes, timeout: Duration) -> Self {
        Client { routes, timeout }
    }

    /// The ways that it goes.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Sends a call; `now` is the wall clock's time, which its signature has.
    ///
    /// # Errors
    /// The proxy refuses it, or is not there, or does not answer in time.
    pub async fn send(&self, call: &Call, now: WallTime) -> Answer {
        let answered = match tokio::time::timeout(self.timeout, self.exchange(call, now)).await {
            Ok(answered) => answered,
            Err(_) => Err(Failure::TimedOut),
        };
        if let Err(failure) = &answered {
            tracing::info!(?call, ?failure, "an external key store proxy did not do what it was asked");
        }
        answered
    }

    async fn exchange(&self, call: &Call, now: WallTime) -> Answer {
        let host = call.target.host();
        self.routes.check_service(&call.target.proxy)?;
        let secret = call.target.secret.as_ref().ok_or(Failure::AuthenticationFailed)?;
        let path = call.path();
        let unsigned = Unsigned { host, path: &path, headers: &[], body: &call.body };
        let credential = (call.target.region, SERVICE);
        let signed = sign(&unsigned, &call.target.proxy.access_key_id, secret, credential, now);
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             X-Amz-Date: {}\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
            call.body.len(),
            signed.date,
            signed.authorization
        )
        .into_bytes();
        request.extend_from_slice(&call.body);
        let way = self.routes.way(host);
        let mut stream = TcpStream::connect(&way.address).await.map_err(|_| Failure::Unreachable)?;
        let response = match way.tls {
            None => talk(&mut stream, &request).await?,
            Some(config) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::Tls)?;
                let connector = TlsConnector::from(Arc::clone(&config));
                let mut stream = connector.connect(name, stream).await.map_err(|_| Failure::Tls)?;
                talk(&mut stream, &request).await?
            }
        };
        if response.status == 200 {
            return Ok(response.body);
        }
        Err(error(&response))
    }
}

async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Result<Response, Failure> {
    stream.write_all(request).await.map_err(|_| Failure::Unreachable)?;
    stream.flush().await.map_err(|_| Failure::Unreachable)?;
    read(stream).await
}

/// What an error response tells. Its text is for the log alone.
fn error(response: &Response) -> Failure {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ErrorBody {
        error_name: String,
        error_message: Option<String>,
    }
    let Ok(body) = serde_json::from_slice::<ErrorBody>(&response.body) else {
        return Failure::InvalidResponse;
    };
    if let Some(message) = body.error_message {
        let message: String = message.chars().filter(|c| !c.is_control()).take(512).collect();
        tracing::info!(error = body.error_name, message, "an external key store proxy refused a call");
    }
    Failure::named(response.status, &body.error_name)
}
