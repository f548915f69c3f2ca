//! Encryption at rest against a KMS elsewhere: the engine's calls as signed requests over HTTP.
//!
//! [`RemoteKms`] is a [`KmsPort`] for [`lifecycle::at_rest::Tables`], with which a table store of its own process has the
//! engine of `lifecycle` and the keys of a `kms-server`, or of AWS KMS. It sends each call once: when a call is repeated, and
//! what follows if it is not answered, is for the engine to decide.
//!
//! It does not hear of changes of keys, so the engine is to be set to [`lifecycle::at_rest::Observation::Probed`], unless
//! somebody else reports them with [`lifecycle::at_rest::Tables::observe`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lifecycle::at_rest::{DIRECT, Exemption, Identity, KmsCall, KmsFault, KmsPort, KmsReply, SERVICE};
use lifecycle::clock::Timestamp;
use lifecycle::crypto::Secret;
use lifecycle::ids::Region;
use lifecycle::policy::Principal;
use rustls::{ClientConfig, RootCertStore};

use crate::auth::{KMS, Unsigned, sign};
use crate::engine::wall;
use crate::message::{CONTENT_TYPE, REQUEST_ID};
use crate::service::circumstances::{SOURCE_ACCOUNT, SOURCE_ARN};
use crate::service::forward::{CALLED_BY, CALLER};

/// The longest answer that is read, in bytes. Those of the five operations have a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long an answer may take unless it is said otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept, well below what servers allow.
const IDLE: Duration = Duration::from_secs(30);

/// What requests are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret>,
}

impl Credentials {
    /// Those of a long-term access key.
    #[must_use]
    pub fn of_access_key(access_key_id: &str, secret: &str) -> Self {
        let secret = Secret::new(secret.as_bytes().to_vec());
        Credentials { access_key_id: access_key_id.to_owned(), secret, session_token: None }
    }
}

/// As whom calls are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// As whom the engine says. The credentials are those of DynamoDB, which a `kms-server` has in its `auth.access_keys`
    /// with the principal `dynamodb.amazonaws.com`. An endpoint that does not heed them gets no answer accepted.
    Service,
    /// As the store itself, whatever the engine says; [`DIRECT`] tells what is not in force then.
    Direct {
        /// The principal that the credentials belong to, whom grants are to name: for those of a role, the ARN of the role.
        principal: String,
    },
}

/// The endpoint of a KMS cannot be called.
#[derive(Debug)]
pub enum RemoteError {
    /// It is no URL such as `http://127.0.0.1:4566` or `https://kms.{region}.amazonaws.com`.
    Endpoint(String),
    /// Grants cannot name it: it is no ARN of a principal.
    Principal(String),
    /// There is no TLS.
    Tls(rustls::Error),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::Endpoint(url) => {
                write!(
                    f,
                    "{url} is no endpoint such as http://127.0.0.1:4566 or https://kms.{{region}}.amazonaws.com"
                )
            }
            RemoteError::Principal(arn) => {
                write!(f, "{arn} is no principal such as arn:aws:iam::111122223333:role/store")
            }
            RemoteError::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RemoteError {}

/// A KMS behind HTTP. Its calls have to be awaited in a tokio runtime with time and network.
pub struct RemoteKms {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: String,
    authority: Authority,
    credentials: Arc<dyn Fn() -> Credentials + Send + Sync>,
    timeout: Duration,
}

impl fmt::Debug for RemoteKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RemoteKms { endpoint, authority, timeout, .. } = self;
        let mut shown = f.debug_struct("RemoteKms");
        shown.field("endpoint", endpoint).field("authority", authority).field("timeout", timeout);
        shown.finish_non_exhaustive()
    }
}

impl RemoteKms {
    /// A KMS at an endpoint, in which `{region}` stands for the Region of a call. `credentials` are asked for before each
    /// call, since temporary ones end. Over HTTPS the public authorities are trusted; plain HTTP shows table keys to everybody
    /// on the way, and is for servers on the same machine.
    ///
    /// # Errors
    /// The endpoint or the principal of [`Authority::Direct`] is none.
    pub fn new(
        endpoint: &str,
        authority: Authority,
        credentials: impl Fn() -> Credentials + Send + Sync + 'static,
    ) -> Result<Self, RemoteError> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let sample = url(&endpoint, Region::us_east_1());
        if !sample.is_some_and(|url| url.query().is_none() && url.path() == "/") {
            return Err(RemoteError::Endpoint(endpoint));
        }
        if let Authority::Direct { principal } = &authority
            && matches!(Principal::parse(principal), None | Some(Principal::Service(_)))
        {
            return Err(RemoteError::Principal(principal.clone()));
        }
        let client = client(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })?;
        Ok(RemoteKms { client, endpoint, authority, credentials: Arc::new(credentials), timeout: TIMEOUT })
    }

    /// Trusts these authorities over HTTPS, and no others.
    ///
    /// # Errors
    /// [`RemoteError::Tls`].
    pub fn with_roots(self, roots: RootCertStore) -> Result<Self, RemoteError> {
        Ok(RemoteKms { client: client(roots)?, ..self })
    }

    /// Waits so long for an answer, five seconds unless this is called. A call that takes longer counts as not answered.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        RemoteKms { timeout, ..self }
    }

    async fn exchange(&self, call: &KmsCall) -> KmsReply {
        let request = self.request(call)?;
        let unreachable =
            |error: &dyn fmt::Display| KmsFault::unreachable(format!("KMS cannot be reached: {error}"));
        let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        let (parts, body) = response.into_parts();
        let body =
            Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| unreachable(&error))?;
        let body = Secret::new(body.to_bytes().to_vec());
        let text =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let reply = match parts.status.as_u16() {
            200 => {
                let read = call.request.read(body.expose());
                read.ok_or_else(|| KmsFault::unreachable("the answer is none of KMS"))
            }
            _ => Err(KmsFault::read(body.expose(), text(REQUEST_ID))),
        };
        // An answer to somebody else says nothing about the key.
        if self.authority == Authority::Service && text(CALLED_BY) != SERVICE {
            return Err(KmsFault::unreachable(match reply {
                Err(fault) => format!(
                    "KMS did not take the call for one of {SERVICE}: {}: {}",
                    fault.code, fault.message
                ),
                Ok(_) => format!("the endpoint knows no credentials of {SERVICE}"),
            }));
        }
        reply
    }

    /// The signed request of a call.
    fn request(&self, call: &KmsCall) -> Result<Request<Full<Bytes>>, KmsFault> {
        let url = url(&self.endpoint, call.region).ok_or_else(|| unsendable("there is no endpoint"))?;
        let host = url.authority().map(ToString::to_string).unwrap_or_default();
        let target = format!("TrentService.{}", call.request.operation());
        let mut headers = vec![("content-type", CONTENT_TYPE.to_owned()), ("x-amz-target", target)];
        let body = match &self.authority {
            Authority::Direct { principal } => call.request.body_for(principal),
            Authority::Service => {
                headers.push((SOURCE_ARN, call.table.arn()));
                headers.push((SOURCE_ACCOUNT, call.table.scope.account.to_string()));
                if let Identity::Caller(caller) = &call.identity {
                    // What the server would refuse as malformed must not read like a refusal of the key.
                    match Principal::parse(&caller.arn) {
                        None | Some(Principal::Service(_)) => {
                            return Err(unsendable("the caller is no principal"));
                        }
                        Some(_) => headers.push((CALLER, caller.arn.clone())),
                    }
                }
                call.request.body(call.region)
            }
        };
        let body = body.to_string();
        let credentials = (self.credentials)();
        if let Some(token) = &credentials.session_token {
            let token =
                str::from_utf8(token.expose()).map_err(|_| unsendable("the session token is no text"))?;
            headers.push(("x-amz-security-token", token.to_owned()));
        }
        let lines: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let unsigned = Unsigned { host: &host, path: "/", headers: &lines, body: body.as_bytes() };
        let Credentials { access_key_id, secret, .. } = &credentials;
        let signed = sign(&unsigned, access_key_id, secret, (call.region, KMS), wall::now());
        headers.push(("host", host));
        headers.push(("x-amz-date", signed.date));
        headers.push(("authorization", signed.authorization));
        let mut request =
            Request::post(url).body(Full::new(body.into())).map_err(|error| unsendable(&error))?;
        *request.headers_mut() = header_map(&headers)?;
        Ok(request)
    }
}

impl KmsPort for RemoteKms {
    /// The instant of domain time is the server's own affair; a signature has the machine's.
    async fn call(&self, call: &KmsCall, _: Timestamp) -> KmsReply {
        match tokio::time::timeout(self.timeout, self.exchange(call)).await {
            Ok(reply) => reply,
            Err(_) => Err(KmsFault::unreachable("KMS did not answer in time")),
        }
    }

    fn not_in_force(&self) -> &'static [Exemption] {
        match self.authority {
            Authority::Service => &[],
            Authority::Direct { .. } => DIRECT,
        }
    }
}

/// A call that was not made, because it cannot be written down.
fn unsendable(reason: impl fmt::Display) -> KmsFault {
    KmsFault::unreachable(format!("KMS cannot be called: {reason}"))
}

fn header_map(headers: &[(&'static str, String)]) -> Result<HeaderMap, KmsFault> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, text) in headers {
        let mut value =
            HeaderValue::from_str(text).map_err(|_| unsendable(format_args!("{name} is no header")))?;
        value.set_sensitive([header::AUTHORIZATION.as_str(), "x-amz-security-token"].contains(name));
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}

/// The URL of a Region's endpoint; nothing unless it has a scheme of HTTP and a host without a user.
fn url(endpoint: &str, region: Region) -> Option<Uri> {
    let url: Uri = format!("{}/", endpoint.replace("{region}", region.as_str())).parse().ok()?;
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    let host = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (known && host).then_some(url)
}

fn client(roots: RootCertStore) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, RemoteError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(RemoteError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector))
}
