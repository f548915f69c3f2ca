//! The declaration of every setting. The [`Config`] types, the file, the flags, the variables and `config.toml` all come from it.

use super::access_key::AccessKeys;
use super::cluster::Clusters;
use super::cron_expression::CronExpression;
use super::log_filter::LogFilter;
use super::mail::{MailAddresses, MailServer};
use super::setting::{Declaration, Group};
use super::value::{
    Authorization, ByteSize, CacheUnit, LogFormat, QuotaWindow, Rate, RootKeySource, ServiceHeaders, Share,
    Signatures, Tls, UnknownAccessKey, Value, within,
};
use super::variable_name::VariableName;
use super::web_identity::WebIdentities;
use super::webhook_url::WebhookUrl;
use super::xks_proxy::XksProxies;
use lifecycle::ids::{AccountId, Region};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// `name: type = default, in range;` with the reason as its documentation, in groups that are the tables of the file. The
/// text after `flags` begins the flags and variables of a group whose names do not speak for themselves.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $group:ident: $Group:ident, flags $prefix:literal {
            $($(#[doc = $reason:literal])+ $name:ident: $type:ty = $default:expr $(, in $range:expr)?;)+
        }
    )+) => {
        /// The settings of a server.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $group: $Group,)+
        }

        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, PartialEq)]
            pub struct $Group {
                $($(#[doc = $reason])+ pub $name: $type,)+
            }

            impl Default for $Group {
                fn default() -> Self {
                    Self { $($name: $default,)+ }
                }
            }
        )+

        pub(super) static GROUPS: &[Group] = &[$(Group {
            name: stringify!($group),
            flag_prefix: $prefix,
            about: concat!($($about),+),
            settings: &[$(Declaration {
                name: stringify!($name),
                reason: concat!($($reason),+),
                expected: <$type as Value>::expected,
                notation: <$type as Value>::NOTATION,
                assign: |config, input| {
                    let value: $type = input.read()?;
                    $(let value = within(value, &($range))?;)?
                    config.$group.$name = value;
                    Ok(())
                },
                text: |config| config.$group.$name.to_text(),
                toml: |config| config.$group.$name.to_toml(),
            },)+],
        },)+];
    };
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// The longest time that tables may take for anything: ten years.
const DECADE: Duration = Duration::from_secs(3_650 * 86_400);

settings! {
    /// Where the server listens, and what it accepts.
    server: Server, flags "" {
        /// Address to listen on; 0.0.0.0 lets other machines and containers in.
        address: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        /// Port to listen on; 0 takes a free one, which the readiness line names.
        port: u16 = 4566;
        /// Threads that serve requests; 0 starts one per core.
        workers: u32 = 0, in 0..=1_024;
        /// Connections open at once; more wait to be accepted.
        connections_max: u32 = 10_000, in 1..=1_000_000;
        /// `on` serves HTTPS, for clients that insist on it.
        tls: Tls = Tls::Off;
        /// PEM file with the certificate chain; empty makes a development CA and a certificate in the data directory.
        tls_certificate: Option<PathBuf> = None;
        /// PEM file with the private key of the certificate; given exactly when the certificate is.
        tls_private_key: Option<PathBuf> = None;
        /// Longest request body; far above what any KMS operation needs, and a bound on memory.
        body_bytes_max: ByteSize = ByteSize::of_mib(1), in ByteSize::of_kib(64)..=ByteSize::of_mib(1_024);
        /// The same for calls below `/_kms/`, where whole states are imported; 100,000 keys take about 80 MiB.
        control_body_bytes_max: ByteSize = ByteSize::of_mib(256), in ByteSize::of_kib(64)..=ByteSize::of_mib(4_096);
        /// Deepest nesting of a JSON request; bounds the stack.
        json_depth_max: u32 = 32, in 8..=128;
        /// How long a client may take to send a request; frees connections that stall.
        request_timeout: Duration = Duration::from_secs(30), in SECOND..=DAY;
        /// How long an idle connection stays open for the next request.
        keep_alive: Duration = Duration::from_secs(75), in SECOND..=DAY;
        /// Calls below `/_kms/` that may wait at once for the clock or for an event; one more is refused.
        waiters_max: u32 = 1_000, in 0..=1_000_000;
        /// How long such a call may wait at most; it may ask for less.
        wait_max: Duration = Duration::from_secs(60), in Duration::ZERO..=DAY;
        /// How long running requests may take to end when the server stops.
        shutdown_grace: Duration = Duration::from_secs(10), in Duration::ZERO..=DAY;
    }

    /// Where keys are kept, and how writes are grouped.
    storage: Storage, flags "" {
        /// Directory of the database, the audit log and the root key; made when missing.
        data_dir: PathBuf = PathBuf::from("./kms-data");
        /// `true` keeps everything in memory: nothing outlives the process.
        memory: bool = false;
        /// Writes that may wait at once; a full queue answers ThrottlingException.
        queue_commands_max: u32 = 10_000, in 1..=1_000_000;
        /// Writes committed together, with one flush to disk.
        batch_commands_max: u32 = 1_000, in 1..=100_000;
        /// Bytes committed together; a batch ends with the write that exceeds them.
        batch_bytes_max: ByteSize = ByteSize::of_mib(4), in ByteSize::of_kib(64)..=ByteSize::of_mib(1_024);
        /// Due events (rotations, deletions, expiries) committed together when the clock moves.
        batch_events_max: u32 = 256, in 1..=100_000;
        /// Named snapshots of everything that may be kept at once; each takes the room of what it holds.
        snapshots_max: u32 = 16, in 0..=10_000;
        /// Largest database in pages of 4 KiB, to test a full disk; 0 sets no limit.
        max_pages: u32 = 0;
    }

    /// The key that seals all other keys on disk.
    root_key: RootKey, flags "root-key-" {
        /// `file` reads it from a file that is made when missing; `environment` from a variable, so that it is never on disk.
        source: RootKeySource = RootKeySource::File;
        /// The file; empty is root.key in the data directory. Another disk than the database's is safer.
        file: Option<PathBuf> = None;
        /// The environment variable that holds the key as base64 of 32 bytes.
        variable: VariableName = VariableName::root_key();
    }

    /// Who a request is when it does not say.
    identity: Identity, flags "" {
        /// Account of requests whose access key names no other.
        account: AccountId = AccountId::zero();
        /// Region of requests that are not signed for another.
        region: Region = Region::us_east_1();
    }

    /// Who may call.
    auth: Auth, flags "auth-" {
        /// `verify` checks the signature of known access keys; `ignore` only reads which key signed.
        signatures: Signatures = Signatures::Verify;
        /// An unknown access key is its account's root, or is rejected; `auto` rejects once there is a user, a role or an access key.
        unknown_access_key: UnknownAccessKey = UnknownAccessKey::Auto;
        /// `enforce` refuses what policies and grants do not allow; `log` lets it through and records it; `off` evaluates nothing.
        mode: Authorization = Authorization::Enforce;
        /// Steps that the evaluation of one request's policies may take; a step is about one comparison.
        policy_steps_max: u32 = 1_000_000, in 1_000..=1_000_000_000;
        /// `heed` lets clients play AWS services and VPC endpoints by headers such as x-kms-via-service and x-kms-source-vpce.
        service_headers: ServiceHeaders = ServiceHeaders::Heed;
        /// Known access keys: [{ id = "AKID", secret = "SECRET", principal = "account, ARN or service" }].
        access_keys: AccessKeys = AccessKeys::default();
    }

    /// Temporary credentials.
    sts: Sts, flags "sts-" {
        /// Providers for AssumeRoleWithWebIdentity: [{ issuer = "URL", audiences = ["a"], jwks = "FILE" }].
        web_identity: WebIdentities = WebIdentities::default();
    }

    /// Requests from Nitro Enclaves, which bring an attestation document along.
    attestation: Attestation, flags "attestation-" {
        /// PEM file with the roots that documents are checked by, such as a test root; empty is AWS's own, which is built in.
        root: Option<PathBuf> = None;
        /// Age of a document, on the machine's clock, beyond which it is refused.
        age_max: Duration = Duration::from_secs(300), in SECOND..=DAY;
    }

    /// Quotas. The defaults are those of AWS; smaller ones make a limit easy to reach in a test.
    limits: Limits, flags "" {
        /// Customer managed keys per account and Region; keys that wait for their deletion count.
        keys_max: u32 = 100_000, in 1..=10_000_000;
        /// Aliases that a key may have; the next one is refused with LimitExceededException.
        aliases_per_key_max: u32 = 50, in 1..=10_000;
        /// Grants that a key may have; the next one is refused with LimitExceededException.
        grants_per_key_max: u32 = 50_000, in 1..=1_000_000;
        /// Tags that a key may have; AWS never raises this.
        tags_per_key_max: u32 = 50, in 1..=1_000;
        /// Bytes of a key policy; AWS never raises this.
        policy_bytes_max: u32 = 32_768, in 1..=131_072;
        /// Custom key stores per account and Region, connected or not; one more is refused with LimitExceededException.
        custom_key_stores_max: u32 = 10, in 0..=1_000;
        /// Bytes that an encryption context may take, four for it and eight for each pair included.
        encryption_context_bytes_max: u32 = 8_192, in 1..=65_536;
        /// Share of AWS's request quotas that is granted, per second of the clock of keys; more is refused with ThrottlingException; 0 is no limit.
        request_quota_share: Share = Share::NONE;
    }

    /// How grants take effect.
    grants: Grants, flags "grants-" {
        /// Time on the clock of keys until a new grant counts without its token; AWS takes up to five minutes.
        consistency_delay: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
    }

    /// Custom key stores, and the simulated clusters and the proxies behind them.
    custom_key_stores: CustomKeyStores, flags "custom-key-stores-" {
        /// Time on the clock of keys until a store is connected, or has failed to; AWS takes up to twenty minutes.
        connect_time: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
        /// Time on the clock of keys until a store is disconnected.
        disconnect_time: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
        /// Simulated AWS CloudHSM clusters: [{ id = "cluster-…", active_hsms = 2, kmsuser_password = "SECRET", trust_anchor = "FILE" }].
        clusters: Clusters = Clusters::default();
        /// Where XKS proxies are that are not at port 443 of their host: [{ host = "a.example", url = "https://127.0.0.1:1234", ca = "FILE" }].
        xks_proxies: XksProxies = XksProxies::default();
        /// How long an XKS proxy may take for an answer; AWS waits 250 milliseconds.
        xks_proxy_timeout: Duration = Duration::from_millis(250), in Duration::from_millis(1)..=Duration::from_secs(60);
    }

    /// How multi-Region keys come to be what they are.
    multi_region: MultiRegion, flags "multi-region-" {
        /// Time on the clock of keys for which a new replica is Creating, and cannot be used; AWS takes seconds, rarely minutes.
        creating_time: Duration = Duration::from_secs(5), in Duration::ZERO..=DAY;
        /// Time on the clock of keys for which the old and the new primary are Updating; AWS takes seconds.
        updating_time: Duration = Duration::from_secs(5), in Duration::ZERO..=DAY;
    }

    /// How tables are encrypted at rest, below `/_kms/tables`. Times are those of the clock of keys.
    tables: Tables, flags "tables-" {
        /// An opened table key belongs to one `connection`, or to a `principal` over all its connections.
        cache_unit: CacheUnit = CacheUnit::Connection;
        /// How long a table key may be used after the Decrypt that opened it.
        cache_validity: Duration = Duration::from_secs(300), in SECOND..=DAY;
        /// Opened table keys held at once; beyond that, those that end first go.
        cache_entries_max: u32 = 100_000, in 1..=10_000_000;
        /// How much longer it may be used while KMS does not answer; AWS had 12 hours until 2018.
        unreachable_grace: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
        /// When background work is tried again that KMS did not answer.
        retry: Duration = MINUTE, in SECOND..=DAY;
        /// From CreateTable to ACTIVE.
        create_time: Duration = Duration::from_secs(6), in Duration::ZERO..=DAY;
        /// From CreateTable until a table vanishes whose key was lost before it was ACTIVE.
        create_lost_time: Duration = Duration::from_secs(3_558), in Duration::ZERO..=DAY;
        /// From the request of a restore to ACTIVE.
        restore_time: Duration = Duration::from_secs(180), in Duration::ZERO..=DAY;
        /// From a change of the key until the new key counts.
        switch_move_time: Duration = Duration::from_secs(8), in Duration::ZERO..=DAY;
        /// What every index, stream and so on adds to that.
        switch_structure_time: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
        /// From a change of the key until it is complete.
        switch_time: Duration = Duration::from_secs(22), in Duration::ZERO..=DAY;
        /// From a change of the key to ACTIVE, if it frees a table from lost grants.
        switch_recovery_time: Duration = Duration::from_secs(30), in Duration::ZERO..=DAY;
        /// Changes of a table's key that are free within a window.
        switches_max: u32 = 4, in 1..=1_000_000;
        /// How long that window is.
        switch_window: Duration = DAY, in SECOND..=DECADE;
        /// The window counts from the `first-change`, as was observed, or from the `table-creation`, as is documented.
        switch_window_start: QuotaWindow = QuotaWindow::FirstChange;
        /// The least time between further changes in the window.
        switch_spacing: Duration = HOUR.saturating_mul(6), in Duration::ZERO..=DECADE;
        /// From the loss of a key to INACCESSIBLE_ENCRYPTION_CREDENTIALS; AWS took 13 to 75 minutes.
        detection_time: Duration = MINUTE.saturating_mul(40), in Duration::ZERO..=DECADE;
        /// The same for a replica of a global table.
        replica_detection_time: Duration = MINUTE.saturating_mul(80), in Duration::ZERO..=DECADE;
        /// From a key that works again to ACTIVE.
        recovery_time: Duration = MINUTE.saturating_mul(40), in Duration::ZERO..=DECADE;
        /// How long a table stays inaccessible before it is archived.
        archive_after: Duration = DAY.saturating_mul(7), in Duration::ZERO..=DECADE;
        /// From ARCHIVING to ARCHIVED.
        archiving_time: Duration = MINUTE.saturating_mul(10), in Duration::ZERO..=DECADE;
        /// How long a replica stays inaccessible before it leaves its global table.
        replica_removal_after: Duration = HOUR.saturating_mul(20), in Duration::ZERO..=DECADE;
        /// `true` shows when replicas became inaccessible, as is documented; AWS was seen not to.
        replica_dates: bool = true;
        /// How long deletes by time to live go on after the loss of a key.
        ttl_after_loss: Duration = MINUTE.saturating_mul(30), in Duration::ZERO..=DECADE;
        /// The least time between two changes of time to live.
        ttl_change_spacing: Duration = HOUR, in Duration::ZERO..=DECADE;
        /// Time to live leaves alone what expired longer ago.
        ttl_expired_within: Duration = DAY.saturating_mul(1_825), in Duration::ZERO..=DECADE;
        /// How long stream records live, whatever becomes of the key.
        stream_retention: Duration = DAY, in Duration::ZERO..=DECADE;
        /// How long the backup lives that is made of a deleted table with point-in-time recovery.
        backup_retention: Duration = DAY.saturating_mul(35), in Duration::ZERO..=DECADE;
        /// How long after ACTIVE backups become possible.
        backups_after: Duration = Duration::ZERO, in Duration::ZERO..=DAY;
        /// Tables in all accounts and Regions; one more is refused with LimitExceededException.
        tables_max: u32 = 10_000, in 1..=1_000_000;
        /// Indexes, streams and other structures with a data key that a table may have.
        structures_max: u32 = 1_024, in 1..=1_000_000;
        /// Records that one call may seal or open.
        records_max: u32 = 10_000, in 1..=10_000_000;
    }

    /// The clock by which keys rotate, expire and are deleted. It is set when a data directory is first used; then it is stored.
    clock: Clock, flags "clock-" {
        /// Moment at which the clock starts, such as 2026-01-01T00:00:00Z; empty is now.
        start: Option<jiff::Timestamp> = None;
        /// Seconds that pass on it in one real second.
        rate: Rate = Rate::REAL_TIME;
        /// `true` stops it: it moves only when it is told to.
        frozen: bool = false;
        /// When the machine's clock wakes the periodic work: what is due, last uses, retention. Six fields, the first are seconds.
        cron: CronExpression = CronExpression::every_minute();
    }

    /// The record of every call. Its bounds are those of the log of events, too.
    audit: Audit, flags "audit-" {
        /// Days that records are kept; 0 keeps them whatever their age.
        retention_days: u32 = 90, in 0..=36_500;
        /// Records that are kept; the oldest go first; 0 keeps any number.
        retention_records_max: u32 = 1_000_000;
        /// Size at which a file of the log is closed and the next begun; retention removes whole files.
        segment_bytes_max: ByteSize = ByteSize::of_mib(16), in ByteSize::of_kib(64)..=ByteSize::of_mib(4_096);
        /// Records that may wait to be written to disk; more room rides out a slow disk.
        queue_records_max: u32 = 10_000, in 1..=1_000_000;
        /// Milliseconds that a request waits for room in a full queue before it fails; no record is ever dropped.
        queue_wait_ms: u32 = 1_000, in 0..=60_000;
    }

    /// What happens to keys by itself: rotations and deletions.
    events: Events, flags "events-" {
        /// URL to which each EventBridge event is sent with POST; empty sends none. `/_kms/notifications` has them all in any case.
        webhook: WebhookUrl = WebhookUrl::default();
        /// Attempts to send one event, with growing waits, until it is given up.
        webhook_attempts_max: u32 = 8, in 1..=185;
        /// Mail server that tells when a table has lost its key, such as smtps://mail.example.com; empty sends no mail.
        mail_server: MailServer = MailServer::default();
        /// PEM file with the certificates that vouch for the mail server; empty trusts those of everybody.
        mail_ca: Option<PathBuf> = None;
        /// File with the user of the mail server, a colon and the password, in one line; empty sends without.
        mail_credentials: Option<PathBuf> = None;
        /// Address that mails are from.
        mail_from: MailAddresses = MailAddresses::default();
        /// Addresses that mails go to, between commas.
        mail_to: MailAddresses = MailAddresses::default();
        /// Attempts to send one mail, with growing waits, until it is given up.
        mail_attempts_max: u32 = 8, in 1..=185;
    }

    /// What the server tells about itself on standard error.
    log: Log, flags "log-" {
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text;
        /// Least level told, with exceptions per module: info, or warn,kms_server=debug.
        filter: LogFilter = LogFilter::quiet();
    }
}
