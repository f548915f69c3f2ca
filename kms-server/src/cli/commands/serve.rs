//! `kms-server serve`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lifecycle::clock::Timestamp;
use lifecycle::crypto::SystemEntropy;
use lifecycle::custom_store::Cluster;
use lifecycle::iam::Entry;
use tracing_subscriber::EnvFilter;

use super::super::{ExitCode, ServeArguments, SettingsArguments};
use super::{Failed, certificates, print_line};
use crate::attestation::Roots;
use crate::auth::{Signatures as Check, UnknownAccessKey as Unknown};
use crate::builder::{BuildError, Builder};
use crate::config::{
    self, Clock, Config, Environment, Loaded, LogFormat, PRINCIPALS_VARIABLE, RootKeySource as Source,
    Signatures, UnknownAccessKey, WebIdentity,
};
use crate::cron;
use crate::engine::{Batching, ClockStart, OpenError};
use crate::http;
use crate::limits::Limits;
use crate::observe::log::LogOptions;
use crate::observe::mail::{Mail, Relay};
use crate::observe::webhook::Webhook;
use crate::pipeline::{Authorization, Mode};
use crate::principals::{self, PRINCIPALS_BYTES_MAX};
use crate::seed::{SEED_BYTES_MAX, Seed};
use crate::service::Service;
use crate::service::ServiceHeaders;
use crate::store::{
    DATABASE_FILE, MemoryStore, Options, RootKey, RootKeySource, SqliteStore, Store, StoreError,
};
use crate::sts::IdentityProvider;

/// Longest file with the roots of attestation documents in bytes.
const ROOTS_BYTES_MAX: usize = 1 << 20;

/// Longest file about a mail server in bytes.
const MAIL_BYTES_MAX: usize = 1 << 20;

/// Longest file with the keys of an identity provider in bytes.
const JWKS_BYTES_MAX: usize = 1 << 20;

/// Longest certificate of a cluster; AWS KMS takes no longer one.
const TRUST_ANCHOR_BYTES_MAX: usize = 5_000;

pub(super) fn run(arguments: &ServeArguments, environment: &Environment) -> Result<ExitCode, Failed> {
    let loaded = arguments.settings.load(environment).map_err(Failed::usage)?;
    let config = &loaded.config;
    start_log(config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let path = arguments.seed(environment);
    let seed = path.map(|path| read_seed(&path).map(|seed| (path, seed))).transpose()?;
    let file = arguments.principals(environment);
    let principals = principals(&loaded, seed.as_ref().map(|(_, seed)| seed), file.as_deref())?;
    let service = build(config, principals, || {
        if config.storage.memory {
            return Ok(Box::new(MemoryStore::default()));
        }
        let store = SqliteStore::open(&database(config, environment)?).map_err(Failed::data)?;
        Ok(Box::new(store))
    })?;
    let system = actix_web::rt::System::new();
    system.block_on(serve(config, service, seed))
}

/// The service on a data directory that no server runs on, for a command that does without one.
pub(super) fn open(settings: &SettingsArguments, environment: &Environment) -> Result<Service, Failed> {
    let loaded = settings.load(environment).map_err(Failed::usage)?;
    let config = &loaded.config;
    start_log(config);
    let folder = config.storage.data_dir.display();
    if config.storage.memory {
        return Err(Failed::usage("storage.memory is `true`: without a server there is nothing in memory"));
    }
    if !config.storage.data_dir.join(DATABASE_FILE).exists() {
        let message = format!("{folder} holds no database; name the directory of a server with --data-dir");
        return Err(Failed::data(message));
    }
    let file = environment.value(PRINCIPALS_VARIABLE).map(PathBuf::from);
    let principals = principals(&loaded, None, file.as_deref())?;
    build(config, principals, || {
        let store = SqliteStore::open(&database(config, environment)?).map_err(|error| match error {
            StoreError::Locked { pid, .. } => {
                let holder = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                let advice = "leave out --data-dir and --config to ask that server, or stop it first";
                Failed::data(format!("the data directory {folder} is in use by {holder}: {advice}"))
            }
            error => Failed::data(error),
        })?;
        Ok(Box::new(store))
    })
}

/// Everybody who is configured.
fn principals(loaded: &Loaded, seed: Option<&Seed>, file: Option<&Path>) -> Result<Vec<Entry>, Failed> {
    let mut principals = access_keys(&loaded.config, seed);
    if let Some(path) = file {
        principals.extend(read_principals(path)?);
    }
    principals.extend(loaded.principals.iter().cloned());
    Ok(principals)
}

fn start_log(config: &Config) {
    // The setting has been checked; a filter that still does not parse must not keep the server from starting.
    let filter = EnvFilter::try_new(config.log.filter.as_str()).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Only the first server of a process sets up the log of that process.
    let _ = match config.log.format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.try_init(),
    };
}

fn read_seed(path: &Path) -> Result<Seed, Failed> {
    let name = path.display().to_string();
    let text = config::read_text(path, SEED_BYTES_MAX)
        .map_err(|error| Failed::usage(format!("the seed file {name} cannot be read: {error}")))?;
    Seed::parse(&name, &text).map_err(Failed::usage)
}

fn read_principals(path: &Path) -> Result<Vec<Entry>, Failed> {
    let name = path.display().to_string();
    let text = config::read_text(path, PRINCIPALS_BYTES_MAX)
        .map_err(|error| Failed::usage(format!("the file of principals {name} cannot be read: {error}")))?;
    principals::parse(&name, &text).map_err(Failed::usage)
}

/// How the database of a configuration is opened.
pub(super) fn database(config: &Config, environment: &Environment) -> Result<Options, Failed> {
    let root_key = match config.root_key.source {
        Source::File => RootKeySource::File(config.root_key_file()),
        Source::Environment => {
            let name = config.root_key.variable.as_str().to_owned();
            let text = environment.value(&name).ok_or_else(|| {
                Failed::usage(format!("set the variable {name} to a root key: 32 bytes in base64"))
            })?;
            // A malformed key is a wrong setting, whether or not there is a database.
            RootKey::parse(text, &name).map_err(Failed::usage)?;
            RootKeySource::Value { text: text.to_owned().into(), name }
        }
    };
    let page_limit = NonZeroU32::new(config.storage.max_pages);
    Ok(Options { data_dir: config.storage.data_dir.clone(), root_key, page_limit })
}

/// The identity providers of the settings, with the keys in their files.
fn identity_providers(config: &Config) -> Result<Vec<IdentityProvider>, Failed> {
    let read = |provider: &WebIdentity| {
        let file = provider.jwks.display();
        let keys = config::read_text(&provider.jwks, JWKS_BYTES_MAX)
            .map_err(|error| Failed::usage(format!("the keys {file} cannot be read: {error}")))?;
        if keys.len() > JWKS_BYTES_MAX {
            return Err(Failed::usage(format!("the keys {file} are longer than {JWKS_BYTES_MAX} bytes")));
        }
        IdentityProvider::new(&provider.issuer, provider.audiences.clone(), &keys)
            .map_err(|error| Failed::usage(format!("{file}: {error}")))
    };
    config.sts.web_identity.as_slice().iter().map(read).collect()
}

/// The roots of attestation documents: those of a file, or AWS's.
fn attestation_roots(config: &Config) -> Result<Roots, Failed> {
    let Some(path) = &config.attestation.root else { return Ok(Roots::aws()) };
    let file = path.display();
    let text = config::read_text(path, ROOTS_BYTES_MAX)
        .map_err(|error| Failed::usage(format!("the roots {file} cannot be read: {error}")))?;
    Roots::from_pem(text.as_bytes()).map_err(|error| Failed::usage(format!("{file}: {error}")))
}

/// How mails are sent, if they are.
fn mail(config: &Config) -> Result<Option<Mail>, Failed> {
    let Some(server) = config.events.mail_server.host() else { return Ok(None) };
    let read = |path: &PathBuf| {
        let cannot = |error| Failed::usage(format!("{} cannot be read: {error}", path.display()));
        config::read_text(path, MAIL_BYTES_MAX).map_err(cannot)
    };
    let [from] = config.events.mail_from.as_slice() else {
        return Err(Failed::usage("mails need one address that they are from: set --events-mail-from"));
    };
    if config.events.mail_to.as_slice().is_empty() {
        return Err(Failed::usage("mails need somebody who gets them: set --events-mail-to"));
    }
    let credentials = match &config.events.mail_credentials {
        None => None,
        Some(path) => {
            let text = read(path)?;
            let parts = text.trim_end_matches(['\r', '\n']).split_once(':');
            let parts = parts.filter(|(user, password)| !user.is_empty() && !password.is_empty());
            let file = path.display();
            let (user, password) = parts.ok_or_else(|| {
                Failed::usage(format!("{file} does not hold a user, a colon and a password in one line"))
            })?;
            Some((user.to_owned(), password.to_owned()))
        }
    };
    let relay = Relay {
        host: server.host.clone(),
        port: server.port,
        protection: server.protection,
        trusted: config.events.mail_ca.as_ref().map(read).transpose()?,
        credentials,
    };
    let mail = Mail::new(
        relay,
        from.clone(),
        config.events.mail_to.as_slice().to_vec(),
        config.events.mail_attempts_max,
    );
    mail.map(Some).map_err(|error| Failed::usage(format!("the mail server cannot be used: {error}")))
}

/// Reads the certificate files of the configured clusters.
fn clusters(config: &Config) -> Result<Vec<Cluster>, Failed> {
    let read = |cluster: &config::ConfiguredCluster| {
        let file = cluster.trust_anchor.display();
        let text = config::read_text(&cluster.trust_anchor, TRUST_ANCHOR_BYTES_MAX);
        let text =
            text.map_err(|error| Failed::usage(format!("the certificate {file} cannot be read: {error}")))?;
        if text.len() > TRUST_ANCHOR_BYTES_MAX {
            return Err(Failed::usage(format!(
                "the certificate {file} is longer than {TRUST_ANCHOR_BYTES_MAX} bytes"
            )));
        }
        Ok(cluster.with_trust_anchor(&text))
    };
    config.custom_key_stores.clusters.as_slice().iter().map(read).collect()
}

/// Puts a service together on a store, which is opened last: a wrong setting must make no database.
fn build(
    config: &Config,
    principals: Vec<Entry>,
    store: impl FnOnce() -> Result<Box<dyn Store>, Failed>,
) -> Result<Service, Failed> {
    let providers = identity_providers(config)?;
    let roots = attestation_roots(config)?;
    let clusters = clusters(config)?;
    let mail = mail(config)?;
    let entropy = Arc::new(SystemEntropy::new());
    let store = store()?;
    let (signatures, ignored) = match config.auth.signatures {
        Signatures::Verify => (Check::Verify, None),
        // Whoever does not look at signatures wants to know no access keys either.
        Signatures::Ignore => (Check::Ignore, Some(Unknown::Root)),
    };
    let unknown = match config.auth.unknown_access_key {
        UnknownAccessKey::Auto => ignored,
        UnknownAccessKey::Root => Some(Unknown::Root),
        UnknownAccessKey::Reject => Some(Unknown::Reject),
    };
    Builder::new(store)
        .entropy(entropy)
        .home(config.identity.account, config.identity.region)
        .clock(ClockStart {
            at: config.clock.start.map(|start| Timestamp(start.as_millisecond())),
            rate: if config.clock.frozen { 0.0 } else { config.clock.rate.per_second() },
        })
        .batching(Batching {
            queue_commands_max: config.storage.queue_commands_max as usize,
            batch_commands_max: config.storage.batch_commands_max as usize,
            batch_bytes_max: config.storage.batch_bytes_max.len(),
            batch_events_max: config.storage.batch_events_max as usize,
        })
        .limits(Limits {
            keys_max: config.limits.keys_max as usize,
            aliases_per_key_max: config.limits.aliases_per_key_max as usize,
            grants_per_key_max: config.limits.grants_per_key_max as usize,
            grant_consistency_delay: config.grants.consistency_delay,
            replica_creating_time: config.multi_region.creating_time,
            primary_updating_time: config.multi_region.updating_time,
            tags_per_key_max: config.limits.tags_per_key_max as usize,
            policy_bytes_max: config.limits.policy_bytes_max as usize,
            custom_key_stores_max: config.limits.custom_key_stores_max as usize,
            custom_key_store_connect_time: config.custom_key_stores.connect_time,
            custom_key_store_disconnect_time: config.custom_key_stores.disconnect_time,
            encryption_context_bytes_max: config.limits.encryption_context_bytes_max as usize,
            snapshots_max: config.storage.snapshots_max as usize,
            waiters_max: config.server.waiters_max as usize,
            wait_max: config.server.wait_max,
        })
        .tables(super::at_rest::options(config))
        .request_quota_share(config.limits.request_quota_share.factor())
        .json_depth_max(config.server.json_depth_max as usize)
        .audit(log(config, "audit"))
        .notifications(log(config, "notifications"))
        .webhook(
            config
                .events
                .webhook
                .as_deref()
                .map(|url| Webhook { url: url.to_owned(), attempts_max: config.events.webhook_attempts_max }),
        )
        .mail(mail)
        .principals(principals)
        .identity_providers(providers)
        .attestation(roots, config.attestation.age_max)
        .clusters(clusters)
        .proxies(
            config.custom_key_stores.xks_proxies.as_slice().to_vec(),
            config.custom_key_stores.xks_proxy_timeout,
        )
        .unknown_access_key(unknown)
        .signatures(signatures)
        .authorization(Authorization {
            mode: match config.auth.mode {
                config::Authorization::Enforce => Mode::Enforce,
                config::Authorization::Log => Mode::Log,
                config::Authorization::Off => Mode::Off,
            },
            policy_steps_max: config.auth.policy_steps_max.into(),
        })
        .service_headers(match config.auth.service_headers {
            config::ServiceHeaders::Heed => ServiceHeaders::Heed,
            config::ServiceHeaders::Ignore => ServiceHeaders::Ignore,
        })
        // Whether an acknowledged write is stored is not known: only a new start can tell.
        .on_unknown_outcome(Box::new(|error| {
            tracing::error!(%error, "stopping at once; start again to see what was stored");
            std::process::exit(i32::from(ExitCode::Data.code()));
        }))
        .build()
        .map_err(|error| match error {
            BuildError::Engine(OpenError::Principal(_)) | BuildError::Proxies(_) => Failed::usage(error),
            _ => Failed::data(error),
        })
}

/// A log in a folder of the data directory.
fn log(config: &Config, folder: &str) -> LogOptions {
    let days = Some(config.audit.retention_days).filter(|days| *days > 0);
    LogOptions {
        folder: (!config.storage.memory).then(|| config.storage.data_dir.join(folder)),
        segment_bytes_max: config.audit.segment_bytes_max.len() as u64,
        records_max: Some(u64::from(config.audit.retention_records_max)).filter(|records| *records > 0),
        age_max: days.map(|days| Duration::from_secs(u64::from(days) * 86_400)),
        queue_records_max: config.audit.queue_records_max as usize,
        queue_wait: Duration::from_millis(u64::from(config.audit.queue_wait_ms)),
    }
}

/// The access keys of the settings and of a seed.
fn access_keys(config: &Config, seed: Option<&Seed>) -> Vec<Entry> {
    let seeded = seed.iter().flat_map(|seed| &seed.accounts).flat_map(|account| &account.access_keys);
    let keys = config.auth.access_keys.as_slice().iter().chain(seeded);
    keys.map(|key| Entry::AccessKey(Arc::new(key.clone()))).collect()
}

async fn serve(config: &Config, service: Service, seed: Option<(PathBuf, Seed)>) -> Result<ExitCode, Failed> {
    // What was made for this process alone is removed when the server has stopped, however it stops.
    let (tls, _made) = certificates::of(config)?;
    if let Some((path, seed)) = seed {
        let applied = service.apply_seed(&seed).await;
        applied.map_err(|error| Failed::usage(format!("{}:{error}", path.display())))?;
    }
    let options = http::actix::Options {
        address: SocketAddr::new(config.server.address, config.server.port),
        tls,
        workers: config.server.workers as usize,
        connections_max: config.server.connections_max as usize,
        body_bytes_max: config.server.body_bytes_max.len(),
        control_body_bytes_max: config.server.control_body_bytes_max.len(),
        request_timeout: config.server.request_timeout,
        keep_alive: config.server.keep_alive,
    };
    let bound = http::actix::bind(options).map_err(|error| {
        Failed::new(ExitCode::Failure, format!("{error}. Choose another address with --port or --address"))
    })?;
    warn_of_clock(config, &service);
    announce(config, &service);
    let cron = cron::start(&service, config.clock.cron.as_str()).await;
    let cron = cron.map_err(|error| Failed::usage(format!("clock.cron: {error}")))?;
    let mut running = bound.serve(Arc::new(service.clone()))?;
    // The last word of the line is where the server is; scripts wait for it.
    print_line(&format!("ready {}", running.url()))?;
    let signal = tokio::select! {
        signal = http::actix::terminated() => signal?,
        error = running.failed() => return Err(error.into()),
    };
    tracing::info!(signal, "stopping: requests in flight may end");
    // Those that wait would hold up the others.
    service.parts().waits.stop();
    if let http::actix::Stopped::Cut { requests } = running.stop(config.server.shutdown_grace).await? {
        tracing::warn!(requests, "the grace has ended before these requests did");
    }
    drop(cron);
    service.stop().await;
    Ok(ExitCode::Ok)
}

/// Names the clock settings that a stored clock leaves without effect, and what to do about them.
fn warn_of_clock(config: &Config, service: &Service) {
    let engine = &service.parts().engine;
    if !engine.clock_was_stored() {
        return;
    }
    let (clock, unset) = (&config.clock, Clock::default());
    let snapshot = engine.snapshot();
    let settings: Vec<&str> = [
        ("clock.start", clock.start != unset.start),
        ("clock.rate", clock.rate != unset.rate && clock.rate.per_second() != snapshot.clock.rate()),
        ("clock.frozen", clock.frozen && snapshot.clock.rate() > 0.0),
    ]
    .into_iter()
    .filter_map(|(setting, idle)| idle.then_some(setting))
    .collect();
    if !settings.is_empty() {
        let clock = match snapshot.clock.rate() {
            rate if rate > 0.0 => format!("shows {} and runs at rate {rate}", snapshot.now()),
            _ => format!("shows {} and stands still", snapshot.now()),
        };
        tracing::warn!(
            "no effect of {}: {} has a clock already, which {clock}. For another clock choose a new directory with \
             --data-dir, or --memory",
            settings.join(", "),
            config.storage.data_dir.display(),
        );
    }
}

/// Says what a user must know before trusting an answer.
fn announce(config: &Config, service: &Service) {
    let snapshot = service.parts().engine.snapshot();
    let keys = snapshot.state.key_count();
    let kept = match config.storage.memory {
        true => "in memory: nothing outlives this process".to_owned(),
        false => format!("in {}", config.storage.data_dir.display()),
    };
    let unknown = match service.parts().authenticator.unknown_access_key(snapshot.state.directory()) {
        Unknown::Root => "unknown access keys act as the root of their account",
        Unknown::Reject => "unknown access keys are rejected",
    };
    let policies = match service.parts().authorization.mode {
        Mode::Enforce => "policies and grants are enforced",
        Mode::Log => "policies and grants are evaluated, but what they do not allow is only logged",
        Mode::Off => "policies and grants are not evaluated",
    };
    let now = service.parts().engine.snapshot().now();
    tracing::info!(keys, %now, "keys {kept}; {unknown}; {policies}");
}
