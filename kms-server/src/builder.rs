//! How a KMS is put together.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lifecycle::crypto::{Entropy, SystemEntropy};
use lifecycle::custom_store::Cluster;
use lifecycle::grant::TokenKey;
use lifecycle::iam;
use lifecycle::ids::{AccountId, Region};
use tokio::sync::Semaphore;

use crate::attestation::{AGE_MAX, Roots, Verifier};
use crate::auth::{Authenticator, SealError, SessionKey, Signatures, UnknownAccessKey};
use crate::engine::{Batching, ClockStart, Engine, OnUnknownOutcome, OpenError, wall};
use crate::faults::Faults;
use crate::limits::Limits;
use crate::observe::audit::AuditLog;
use crate::observe::delivery::Delivery;
use crate::observe::log::{Log, LogOptions};
use crate::observe::mail::Mail;
use crate::observe::metrics::Metrics;
use crate::observe::notifications::Notifications;
use crate::observe::webhook::Webhook;
use crate::operations::{ImportTokenKey, MarkerKey};
use crate::pipeline::Authorization;
use crate::quotas::RequestQuotas;
use crate::report::Tally;
use crate::service::waits::Waits;
use crate::service::{Inner, Service, ServiceHeaders};
use crate::store::Store;
use crate::sts::IdentityProvider;
use crate::tables::{self, Tables};
use crate::xks::{Client, Route, RouteError, Routes};

/// The default account, as in every local emulator.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

/// How long a call to an external key store proxy may take.
///
/// AWS: External Key Store Proxy API Specification, "Performance".
pub const PROXY_TIMEOUT: Duration = Duration::from_millis(250);

/// The default Region.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The parts of a KMS, each with its default. There is no global state: any number of them fit in one process.
pub struct Builder {
    store: Box<dyn Store>,
    entropy: Arc<dyn Entropy>,
    clock: ClockStart,
    batching: Batching,
    limits: Limits,
    tables: tables::Options,
    authorization: Authorization,
    service_headers: ServiceHeaders,
    request_quota_share: f64,
    json_depth_max: usize,
    audit: LogOptions,
    notifications: LogOptions,
    webhook: Option<Webhook>,
    mail: Option<Mail>,
    principals: Vec<iam::Entry>,
    identity_providers: Vec<IdentityProvider>,
    attestation: (Roots, Duration),
    signatures: Signatures,
    unknown_access_key: Option<UnknownAccessKey>,
    account: Option<AccountId>,
    region: Option<Region>,
    on_unknown_outcome: OnUnknownOutcome,
    clusters: Vec<Cluster>,
    proxies: Vec<Route>,
    proxy_timeout: Duration,
}

/// Why a KMS could not be built.
#[derive(Debug)]
pub enum BuildError {
    /// The engine or its store.
    Engine(OpenError),
    /// The audit log, or that of notifications.
    Log(std::path::PathBuf, std::io::Error),
    /// The thread that tells what has happened.
    Delivery(std::io::Error),
    /// The key of temporary credentials.
    Sessions(SealError),
    /// The certificates of external key store proxies.
    Proxies(RouteError),
    /// A default that does not parse.
    Default,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Engine(error) => error.fmt(f),
            BuildError::Delivery(error) => write!(f, "no thread for what happens by itself: {error}"),
            BuildError::Log(folder, error) => write!(
                f,
                "the log in {} cannot be opened: {error}. Make the directory writable, choose another with \
                 --data-dir, or keep nothing with --memory",
                folder.display()
            ),
            BuildError::Sessions(error) => error.fmt(f),
            BuildError::Proxies(error) => error.fmt(f),
            BuildError::Default => f.write_str("the default account or Region is malformed"),
        }
    }
}

impl std::error::Error for BuildError {}

impl Builder {
    /// A KMS on a store, with the system's randomness and the wall clock's time.
    #[must_use]
    pub fn new(store: Box<dyn Store>) -> Self {
        Builder {
            store,
            entropy: Arc::new(SystemEntropy::new()),
            clock: ClockStart { at: None, rate: 1.0 },
            batching: Batching::default(),
            limits: Limits::default(),
            tables: tables::Options::default(),
            authorization: Authorization::default(),
            service_headers: ServiceHeaders::Heed,
            request_quota_share: 0.0,
            json_depth_max: 32,
            audit: LogOptions::default(),
            notifications: LogOptions::default(),
            webhook: None,
            mail: None,
            principals: Vec::new(),
            identity_providers: Vec::new(),
            attestation: (Roots::aws(), AGE_MAX),
            signatures: Signatures::Verify,
            unknown_access_key: None,
            account: None,
            region: None,
            on_unknown_outcome: Box::new(|_| {}),
            clusters: Vec::new(),
            proxies: Vec::new(),
            proxy_timeout: PROXY_TIMEOUT,
        }
    }

    /// Where random bytes come from.
    #[must_use]
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Builder { entropy, ..self }
    }

    /// How the domain clock of a new store starts.
    #[must_use]
    pub fn clock(self, clock: ClockStart) -> Self {
        Builder { clock, ..self }
    }

    /// How commands are queued and stored.
    #[must_use]
    pub fn batching(self, batching: Batching) -> Self {
        Builder { batching, ..self }
    }

    /// Quotas.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Builder { limits, ..self }
    }

    /// How tables are encrypted at rest.
    #[must_use]
    pub fn tables(self, tables: tables::Options) -> Self {
        Builder { tables, ..self }
    }

    /// Whether, and with how much work, policies and grants are enforced.
    #[must_use]
    pub fn authorization(self, authorization: Authorization) -> Self {
        Builder { authorization, ..self }
    }

    /// Whether clients may play AWS services by headers.
    #[must_use]
    pub fn service_headers(self, service_headers: ServiceHeaders) -> Self {
        Builder { service_headers, ..self }
    }

    /// What share of AWS's request quotas is granted before requests are throttled; 0 enforces none.
    #[must_use]
    pub fn request_quota_share(self, request_quota_share: f64) -> Self {
        Builder { request_quota_share, ..self }
    }

    /// How deep the JSON of a request may nest.
    #[must_use]
    pub fn json_depth_max(self, json_depth_max: usize) -> Self {
        Builder { json_depth_max, ..self }
    }

    /// Where audit records go.
    #[must_use]
    pub fn audit(self, audit: LogOptions) -> Self {
        Builder { audit, ..self }
    }

    /// Where notifications are kept.
    #[must_use]
    pub fn notifications(self, notifications: LogOptions) -> Self {
        Builder { notifications, ..self }
    }

    /// Where notifications are sent, if anywhere.
    #[must_use]
    pub fn webhook(self, webhook: Option<Webhook>) -> Self {
        Builder { webhook, ..self }
    }

    /// Where mails about tables that lost their keys go, if anywhere.
    #[must_use]
    pub fn mail(self, mail: Option<Mail>) -> Self {
        Builder { mail, ..self }
    }

    /// The configured accounts, users, roles and access keys. They are not stored, and nothing changes them.
    #[must_use]
    pub fn principals(self, principals: Vec<iam::Entry>) -> Self {
        Builder { principals, ..self }
    }

    /// What becomes of access keys that belong to nobody; `None` lets them in as root while there is no principal.
    #[must_use]
    pub fn unknown_access_key(self, unknown_access_key: Option<UnknownAccessKey>) -> Self {
        Builder { unknown_access_key, ..self }
    }

    /// Whether signatures are checked.
    #[must_use]
    pub fn signatures(self, signatures: Signatures) -> Self {
        Builder { signatures, ..self }
    }

    /// The account and Region of requests that name none.
    #[must_use]
    pub fn home(self, account: AccountId, region: Region) -> Self {
        Builder { account: Some(account), region: Some(region), ..self }
    }

    /// What happens when it cannot be known whether a commit took place. A server ends its process.
    #[must_use]
    pub fn on_unknown_outcome(self, on_unknown_outcome: OnUnknownOutcome) -> Self {
        Builder { on_unknown_outcome, ..self }
    }

    /// The identity providers whose tokens AssumeRoleWithWebIdentity takes.
    #[must_use]
    pub fn identity_providers(self, identity_providers: Vec<IdentityProvider>) -> Self {
        Builder { identity_providers, ..self }
    }

    /// The roots that attestation documents are checked by, AWS's unless this is called, and how old those may be on the machine's clock.
    #[must_use]
    pub fn attestation(self, roots: Roots, age_max: Duration) -> Self {
        Builder { attestation: (roots, age_max), ..self }
    }

    /// The AWS CloudHSM clusters that there are from the start. The control API may put others in their place.
    #[must_use]
    pub fn clusters(self, clusters: Vec<Cluster>) -> Self {
        Builder { clusters, ..self }
    }

    /// The ways to external key store proxies that differ from those on AWS, and how long each call may take.
    #[must_use]
    pub fn proxies(self, proxies: Vec<Route>, timeout: Duration) -> Self {
        Builder { proxies, proxy_timeout: timeout, ..self }
    }

    /// Loads the store and starts the writer and the audit log.
    ///
    /// # Errors
    /// Any of them fails.
    pub fn build(self) -> Result<Service, BuildError> {
        let account = self.account.map_or_else(|| DEFAULT_ACCOUNT.parse(), Ok);
        let region = self.region.map_or_else(|| DEFAULT_REGION.parse(), Ok);
        let (Ok(account), Ok(region)) = (account, region) else { return Err(BuildError::Default) };
        let tables = Tables::new(self.tables, Arc::clone(&self.entropy));
        let routes = Routes::new(self.proxies).map_err(BuildError::Proxies)?;
        let engine = Engine::open(
            self.store,
            Box::new(tables.clone()),
            self.principals,
            self.clock,
            self.batching,
            Arc::clone(&self.entropy),
            self.on_unknown_outcome,
        )
        .map_err(BuildError::Engine)?;
        let audit = log("audit", &self.audit)?;
        let notifications = log("notifications", &self.notifications)?;
        let logs = (Arc::clone(&audit), Arc::clone(&notifications));
        let delivery = Delivery::start(engine.outbox(), logs.0, logs.1, self.webhook, self.mail);
        let delivery = Arc::new(delivery.map_err(BuildError::Delivery)?);
        let audit = AuditLog::new(audit, Arc::clone(&delivery));
        let notifications = Notifications::new(notifications, delivery);
        let sessions = SessionKey::new(engine.installation_secret()).map_err(BuildError::Sessions)?;
        let mut authenticator =
            Authenticator::new(account, region, sessions).with_signatures(self.signatures);
        if let Some(unknown) = self.unknown_access_key {
            authenticator = authenticator.with_unknown_access_key(unknown);
        }
        let token_key = TokenKey::new(engine.installation_secret());
        let import_token_key = ImportTokenKey::new(engine.installation_secret());
        let marker_key = Arc::new(MarkerKey::new(engine.installation_secret()));
        let waits = Waits::new(self.limits.waiters_max, self.limits.wait_max);
        Ok(Service::new(Inner {
            engine,
            authenticator,
            audit,
            notifications,
            metrics: Metrics::default(),
            entropy: self.entropy,
            limits: self.limits,
            json_depth_max: self.json_depth_max,
            account,
            region,
            marker_key,
            token_key,
            import_token_key,
            identity_providers: self.identity_providers,
            attestation: Verifier::new(self.attestation.0, self.attestation.1, wall::now),
            authorization: self.authorization,
            service_headers: self.service_headers,
            waits,
            faults: Faults::default(),
            request_quotas: RequestQuotas::new(self.request_quota_share),
            tally: Tally::default(),
            tables,
            making: Semaphore::new(thread::available_parallelism().map_or(1, |all| all.get() / 2).max(1)),
            clusters: self.clusters,
            proxies: Client::new(routes, self.proxy_timeout),
        }))
    }
}

/// A log with a thread of that name.
fn log(thread_name: &str, options: &LogOptions) -> Result<Arc<Log>, BuildError> {
    let opened = Log::open(thread_name, options).map(Arc::new);
    opened.map_err(|error| BuildError::Log(options.folder.clone().unwrap_or_default(), error))
}
