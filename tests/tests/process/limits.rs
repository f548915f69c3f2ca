//! Every limit of the settings, hit once.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kms_server::config::Setting;
use serde_json::{Value, json};

use super::support::*;
use super::{custom_stores, data_directory, events, http, lifetime, mail, recipients, tables};

/// Each setting that is a limit, and the test that hits it.
const HIT: &[(&str, fn())] = &[
    ("server.connections_max", connections_beyond_the_limit_wait_until_one_is_closed),
    ("server.body_bytes_max", bodies_longer_than_the_limit_are_refused_whatever_way_they_come),
    ("server.control_body_bytes_max", control_calls_have_a_limit_of_their_own),
    ("server.json_depth_max", json_nested_deeper_than_the_limit_is_refused),
    ("server.request_timeout", http::a_client_that_sends_too_slowly_is_given_up),
    ("server.keep_alive", http::an_idle_connection_is_closed_after_its_time),
    ("server.waiters_max", calls_wait_as_many_and_as_long_as_the_settings_say),
    ("server.wait_max", calls_wait_as_many_and_as_long_as_the_settings_say),
    ("server.shutdown_grace", lifetime::a_request_that_never_ends_holds_the_server_no_longer_than_the_grace),
    ("storage.queue_commands_max", a_full_queue_of_commands_throttles),
    ("storage.batch_commands_max", a_batch_holds_as_many_commands_as_the_settings_say),
    ("storage.batch_bytes_max", a_batch_ends_with_the_write_that_exceeds_its_bytes),
    ("storage.snapshots_max", snapshots_are_as_many_as_the_settings_say),
    ("storage.batch_events_max", due_events_are_stored_a_few_at_a_time),
    (
        "storage.max_pages",
        data_directory::a_full_disk_fails_a_call_cleanly_and_the_same_call_succeeds_once_pages_are_free,
    ),
    ("auth.policy_steps_max", policies_that_take_more_steps_than_allowed_let_nobody_in),
    ("attestation.age_max", recipients::documents_older_than_the_settings_say_are_refused),
    ("limits.keys_max", quotas_are_those_of_the_settings),
    ("limits.aliases_per_key_max", quotas_are_those_of_the_settings),
    ("limits.tags_per_key_max", quotas_are_those_of_the_settings),
    ("limits.grants_per_key_max", quotas_are_those_of_the_settings),
    ("limits.policy_bytes_max", quotas_are_those_of_the_settings),
    ("limits.encryption_context_bytes_max", quotas_are_those_of_the_settings),
    ("limits.custom_key_stores_max", quotas_are_those_of_the_settings),
    ("custom_key_stores.xks_proxy_timeout", custom_stores::a_proxy_is_given_as_long_as_the_settings_say),
    ("limits.request_quota_share", requests_beyond_their_quota_are_throttled),
    ("tables.cache_entries_max", tables::tables_have_the_limits_of_the_settings),
    ("tables.switches_max", tables::tables_have_the_limits_of_the_settings),
    ("tables.tables_max", tables::tables_have_the_limits_of_the_settings),
    ("tables.structures_max", tables::tables_have_the_limits_of_the_settings),
    ("tables.records_max", tables::tables_have_the_limits_of_the_settings),
    ("audit.retention_days", audit_files_past_their_days_go_at_the_start),
    ("audit.retention_records_max", the_audit_log_is_cut_into_files_and_the_oldest_go),
    ("audit.segment_bytes_max", the_audit_log_is_cut_into_files_and_the_oldest_go),
    ("audit.queue_records_max", a_full_audit_queue_fails_a_request_rather_than_lose_its_record),
    ("audit.queue_wait_ms", a_full_audit_queue_fails_a_request_rather_than_lose_its_record),
    ("events.webhook_attempts_max", events::an_event_is_posted_as_often_as_the_settings_say),
    ("events.mail_attempts_max", mail::a_mail_is_sent_as_often_as_the_settings_say),
];

/// The settings that bound nothing.
const NO_LIMITS: &[&str] = &[
    "server.address",
    "server.port",
    "server.workers",
    "server.tls",
    "server.tls_certificate",
    "server.tls_private_key",
    "storage.data_dir",
    "storage.memory",
    "root_key.source",
    "root_key.file",
    "root_key.variable",
    "identity.account",
    "identity.region",
    "auth.signatures",
    "auth.unknown_access_key",
    "auth.mode",
    "auth.service_headers",
    "auth.access_keys",
    "sts.web_identity",
    "attestation.root",
    "grants.consistency_delay",
    "custom_key_stores.clusters",
    "custom_key_stores.connect_time",
    "custom_key_stores.disconnect_time",
    "custom_key_stores.xks_proxies",
    "multi_region.creating_time",
    "multi_region.updating_time",
    "tables.cache_unit",
    "tables.cache_validity",
    "tables.unreachable_grace",
    "tables.retry",
    "tables.create_time",
    "tables.create_lost_time",
    "tables.restore_time",
    "tables.switch_move_time",
    "tables.switch_structure_time",
    "tables.switch_time",
    "tables.switch_recovery_time",
    "tables.switch_window",
    "tables.switch_window_start",
    "tables.switch_spacing",
    "tables.detection_time",
    "tables.replica_detection_time",
    "tables.recovery_time",
    "tables.archive_after",
    "tables.archiving_time",
    "tables.replica_removal_after",
    "tables.replica_dates",
    "tables.ttl_after_loss",
    "tables.ttl_change_spacing",
    "tables.ttl_expired_within",
    "tables.stream_retention",
    "tables.backup_retention",
    "tables.backups_after",
    "clock.start",
    "clock.rate",
    "clock.frozen",
    "clock.cron",
    "events.webhook",
    "events.mail_server",
    "events.mail_ca",
    "events.mail_credentials",
    "events.mail_from",
    "events.mail_to",
    "log.format",
    "log.filter",
];

#[test]
fn every_limit_of_the_settings_is_hit_by_a_test() {
    let settings: BTreeSet<&str> = Setting::all().iter().map(Setting::path).collect();
    let hit: BTreeSet<&str> = HIT.iter().map(|(setting, _)| *setting).collect();
    let others: BTreeSet<&str> = NO_LIMITS.iter().copied().collect();
    assert_eq!(hit.len() + others.len(), HIT.len() + NO_LIMITS.len(), "each setting is listed once");
    let listed: BTreeSet<&str> = hit.union(&others).copied().collect();
    let odd: Vec<_> = listed.symmetric_difference(&settings).collect();
    assert!(odd.is_empty(), "each setting has a test that hits it, or is no limit: {odd:?}");
    let unlimited: Vec<_> = others
        .iter()
        .filter(|setting| {
            ["_max", "max_", "_timeout", "retention_"].iter().any(|part| setting.contains(part))
        })
        .collect();
    assert!(unlimited.is_empty(), "these are limits: {unlimited:?}");
}

#[test]
fn requests_beyond_their_quota_are_throttled() {
    // AWS grants five a second; a second of this clock never ends.
    let server = in_memory(&["--request-quota-share", "0.4", "--clock-frozen"]);
    let made = (0..5).take_while(|_| server.call("CreateKey", &json!({})).unwrap().status == 200).count();
    assert_eq!(made, 2);
    let (status, code, text) = fails(&server, "CreateKey", json!({}));
    assert_eq!((status, code.as_str()), (400, "ThrottlingException"));
    assert!(text.contains("exceeded the rate"), "{text}");
    client_ok(&server, &["clock", "advance", "1d"]);
    ok(&server, "CreateKey", json!({}));
}

fn limited(arguments: &[&str]) -> (ServerProcess, String) {
    let server = in_memory(arguments);
    let id = key(&server);
    (server, id)
}

#[test]
fn bodies_longer_than_the_limit_are_refused_whatever_way_they_come() {
    let (server, id) = limited(&["--body-bytes-max", "64KiB"]);
    let padded = |length: usize| {
        let input = json!({ "KeyId": id }).to_string();
        format!("{input}{}", " ".repeat(length - input.len()))
    };
    let send = |body: &str| {
        let headers = fixtures::process::headers(server.port(), "DescribeKey");
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fixtures::process::send(server.port(), "POST", "/", &headers, body.as_bytes()).unwrap()
    };
    assert_eq!(send(&padded(65_536)).status, 200);
    let reply = send(&padded(65_537));
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json()["__type"], "RequestEntityTooLargeException");
    assert!(reply.text.contains("65536"), "{}", reply.text);

    // A client of STS reads XML.
    let own = format!("127.0.0.1:{}", server.port());
    let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let text = format!("Action=GetCallerIdentity&Version=2011-06-15&Padding={}", "a".repeat(65_536));
    let headers = [("host", own.as_str()), form];
    let reply = fixtures::process::send(server.port(), "POST", "/", &headers, text.as_bytes()).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (413, Some("text/xml")));
    let request_id = reply.header("x-amzn-requestid").unwrap();
    let expected = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>RequestEntityTooLarge</Code><Message>The request body exceeds 65536 bytes.</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    assert_eq!(reply.text, expected);

    // A body whose length nobody declared.
    let mut stream = connect(&server);
    let (head, _) = request(&server, "DescribeKey", &json!({}));
    let head = String::from_utf8(head).unwrap().replace("content-length: 2", "transfer-encoding: chunked");
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..5 {
        let chunk = format!("{:x}\r\n{}\r\n", 16_384, " ".repeat(16_384));
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    assert_eq!(response(&mut stream).unwrap().status, 413);
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
    assert_eq!(metric(&server, "kms_refused_requests_total{reason=\"too_large\"}"), 3);
}

#[test]
fn control_calls_have_a_limit_of_their_own() {
    let (server, id) = limited(&["--control-body-bytes-max", "64KiB", "--body-bytes-max", "128KiB"]);
    let host = format!("127.0.0.1:{}", server.port());
    let headers = [("host", host.as_str()), ("content-type", "application/json")];
    let import = |length: usize| {
        let body = " ".repeat(length);
        fixtures::process::send(server.port(), "PUT", "/_kms/state", &headers, body.as_bytes()).unwrap()
    };
    let reply = import(65_536);
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("not an exported state"), "{}", reply.text);
    let reply = import(65_537);
    assert_eq!(reply.status, 413);
    assert!(reply.text.contains("65536"), "{}", reply.text);
    ok(&server, "DescribeKey", json!({"KeyId": id, "Padding": " ".repeat(65_537)}));
    assert_eq!(metric(&server, "kms_refused_requests_total{reason=\"too_large\"}"), 1);
}

#[test]
fn a_head_longer_than_any_is_refused_and_the_server_goes_on() {
    let (server, id) = limited(&[]);
    let mut stream = connect(&server);
    let long = format!("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-long: {}\r\n", "x".repeat(1 << 20));
    // The server may close the connection before all of it is written.
    let _ = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
}

#[test]
fn json_nested_deeper_than_the_limit_is_refused() {
    let (server, id) = limited(&["--json-depth-max", "8"]);
    let nested = |depth: usize| {
        let mut value = json!(1);
        for _ in 0..depth - 1 {
            value = json!([value]);
        }
        json!({"KeyId": id, "Unknown": value})
    };
    ok(&server, "DescribeKey", nested(8));
    let (status, name, message) = fails(&server, "DescribeKey", nested(9));
    assert_eq!((status, name.as_str(), message.as_str()), (400, "SerializationException", ""));
}

/// A key policy of so many bytes.
fn policy_of(bytes: usize) -> String {
    let policy = |filling: usize| {
        let policy = json!({"Version": "2012-10-17", "Id": "x".repeat(filling), "Statement": [{"Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]});
        policy.to_string()
    };
    policy(bytes - policy(0).len())
}

#[test]
fn quotas_are_those_of_the_settings() {
    let (server, id) = limited(&[
        "--keys-max=2",
        "--aliases-per-key-max=1",
        "--tags-per-key-max=2",
        "--grants-per-key-max=1",
        "--policy-bytes-max=600",
        "--encryption-context-bytes-max=32",
        "--custom-key-stores-max=0",
    ]);
    let second = key(&server);
    let exceeded = |operation: &str, input: Value, words: &str| {
        let (status, name, message) = fails(&server, operation, input);
        assert_eq!((status, name.as_str()), (400, "LimitExceededException"), "{operation}");
        assert!(message.contains(words), "{message}");
    };
    exceeded("CreateKey", json!({}), "is 2 but the current usage is 2");
    exceeded("CreateCustomKeyStore", custom_stores::in_cluster(), "is 0 but the current usage is 0");
    ok(&server, "CreateAlias", json!({"AliasName": "alias/a", "TargetKeyId": id}));
    let alias = |target: &str| json!({"AliasName": "alias/b", "TargetKeyId": target});
    exceeded("CreateAlias", alias(&id), "is 1, current usage is 1");
    ok(&server, "CreateAlias", alias(&second));

    let tag = |name: &str| json!({"KeyId": id, "Tags": [{"TagKey": name, "TagValue": ""}]});
    ok(&server, "TagResource", tag("a"));
    ok(&server, "TagResource", tag("b"));
    exceeded("TagResource", tag("c"), "is 2, requested usage is 3");
    ok(&server, "TagResource", tag("b"));

    let grant = |name: &str| {
        let grantee = "arn:aws:iam::111122223333:root";
        json!({"KeyId": id, "GranteePrincipal": grantee, "Operations": ["Encrypt"], "Name": name})
    };
    ok(&server, "CreateGrant", grant("a"));
    exceeded("CreateGrant", grant("b"), "is 1, current usage is 1");
    ok(&server, "CreateGrant", grant("a"));

    let policy = |bytes: usize| json!({"KeyId": id, "Policy": policy_of(bytes)});
    ok(&server, "PutKeyPolicy", policy(600));
    exceeded("PutKeyPolicy", policy(601), "is 600 bytes");

    let encrypt = |length: usize| json!({"KeyId": id, "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "v".repeat(length)}});
    let refused = |length: usize| server.call("Encrypt", &encrypt(length)).unwrap().status == 400;
    assert!(!refused(16));
    let (_, name, message) = fails(&server, "Encrypt", encrypt(32));
    assert_eq!((name.as_str(), message.as_str()), ("ValidationException", "Invalid EncryptionContext"));
}

#[test]
fn policies_that_take_more_steps_than_allowed_let_nobody_in() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let id = key(&server);
    let statement = |effect: &str, actions: Value| {
        let root = "arn:aws:iam::111122223333:root";
        json!({"Effect": effect, "Principal": {"AWS": root}, "Action": actions, "Resource": "*"})
    };
    let none: Vec<String> = (0..1_500).map(|number| format!("kms:*e*{number}")).collect();
    let statements = [statement("Deny", json!(none)), statement("Allow", json!("kms:*"))];
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    ok(&server, "PutKeyPolicy", json!({"KeyId": id, "Policy": policy}));
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
    server.kill();
    let server = folder.server(&["--auth-policy-steps-max", "1000"]);
    let (status, name, message) = fails(&server, "DescribeKey", json!({ "KeyId": id }));
    assert_eq!((status, name.as_str()), (400, "LimitExceededException"));
    assert!(message.contains("1000") && message.contains("auth.policy_steps_max"), "{message}");
    // Other keys are not touched by it.
    let other = key(&server);
    ok(&server, "DescribeKey", json!({ "KeyId": other }));
}

#[test]
fn connections_beyond_the_limit_wait_until_one_is_closed() {
    let server = in_memory(&["--workers", "1", "--connections-max", "1"]);
    let (head, body) = request(&server, "ListKeys", &json!({}));
    let all = [head, body].concat();
    let mut first = connect(&server);
    first.write_all(&all).unwrap();
    assert_eq!(response(&mut first).unwrap().status, 200);
    let mut second = connect(&server);
    second.write_all(&all).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let early = response(&mut second);
    assert!(early.is_err(), "one connection is open: {early:?}");
    // The first is served all the while.
    first.write_all(&all).unwrap();
    assert_eq!(response(&mut first).unwrap().status, 200);
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(response(&mut second).unwrap().status, 200);
}

/// Calls from many clients at once until one of them meets `code`; gives its message.
fn crowd(server: &ServerProcess, operation: &str, code: &str) -> String {
    let done = AtomicBool::new(false);
    let met = std::sync::Mutex::new(None);
    let calls = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let reply = server.call(operation, &json!({})).unwrap();
                    let spent = calls.fetch_add(1, Ordering::Relaxed) > 20_000;
                    if reply.json()["__type"] == code {
                        *met.lock().unwrap() = Some(reply.text.clone());
                    } else {
                        assert_eq!(reply.status, 200, "{}", reply.text);
                    }
                    if spent || met.lock().unwrap().is_some() {
                        done.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    met.into_inner().unwrap().unwrap_or_else(|| panic!("never {code}"))
}

#[test]
fn a_full_queue_of_commands_throttles() {
    let folder = Folder::new();
    let server = folder.server(&["--queue-commands-max", "1", "--batch-commands-max", "1"]);
    let said = crowd(&server, "CreateKey", "ThrottlingException");
    assert!(said.contains("Reduce the frequency of your calls"), "{said}");
    key(&server);
}

#[test]
fn a_full_audit_queue_fails_a_request_rather_than_lose_its_record() {
    let folder = Folder::new();
    let server = folder.server(&["--audit-queue-records-max", "1", "--audit-queue-wait-ms", "0"]);
    let said = crowd(&server, "ListKeys", "KMSInternalException");
    assert!(said.contains("The audit log takes no more records."), "{said}");
    // Whatever was answered is recorded: a request that found no place did nothing.
    let path = "/_kms/events?event=ListKeys&limit=10000";
    let recorded = control(&server, "GET", path, "").json()["Records"].as_array().unwrap().len() as u64;
    let counted = metric(&server, "kms_requests_total{operation=\"ListKeys\",outcome=\"success\"}");
    assert_eq!(recorded, counted.min(10_000));
}

#[test]
fn a_batch_holds_as_many_commands_as_the_settings_say() {
    let each_alone = in_memory(&["--batch-commands-max", "1"]);
    let before = metric(&each_alone, "kms_store_version");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(key(&each_alone))));
        }
    });
    assert_eq!(metric(&each_alone, "kms_store_version"), before + 40);

    let folder = Folder::new();
    let together = folder.server(&[]);
    let before = metric(&together, "kms_store_version");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| drop(key(&together))));
        }
    });
    let batches = metric(&together, "kms_store_version") - before;
    assert!((1..160).contains(&batches), "{batches} transactions for 160 keys");
}

#[test]
fn a_batch_ends_with_the_write_that_exceeds_its_bytes() {
    let folder = Folder::new();
    let server = folder.server(&["--batch-bytes-max", "64KiB"]);
    let before = metric(&server, "kms_store_version");
    let input = json!({"Policy": policy_of(32_768)});
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..4).for_each(|_| drop(ok(&server, "CreateKey", input.clone()))));
        }
    });
    // With its policy a key takes more than half of the bytes.
    let batches = metric(&server, "kms_store_version") - before;
    assert!((32..=64).contains(&batches), "{batches} transactions for 64 keys");
}

#[test]
fn due_events_are_stored_a_few_at_a_time() {
    // A week in less than a second; all three fall due while the server is stopped, and are done when it starts.
    let folder = Folder::new();
    let server = folder.server(&["--clock-rate", "1000000"]);
    let ids: Vec<String> = (0..3).map(|_| key(&server)).collect();
    for id in &ids {
        ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    }
    let version = metric(&server, "kms_store_version");
    server.kill();
    let left = records(&folder, "key");
    let server = folder.server(&["--batch-events-max", "1"]);
    let done = eventually(|| (metric(&server, "kms_keys") == 0).then_some(()));
    assert!(done.is_some());
    assert!(metric(&server, "kms_store_version") >= version + left, "one transaction an event");
    server.kill();
    assert_eq!(records(&folder, "key") + records(&folder, "material"), 0);
}

#[test]
fn calls_wait_as_many_and_as_long_as_the_settings_say() {
    let server = in_memory(&["--clock-frozen", "--waiters-max", "1", "--wait-max", "30s"]);
    let refused = control(&server, "GET", "/_kms/clock?wait_for=RotateKey&timeout=31s", "");
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("server.wait_max"), "{}", refused.text);
    std::thread::scope(|scope| {
        // Whoever looks whether there is room may be in the way.
        let wait = || control(&server, "GET", "/_kms/events?event=CreateKey&wait=30s", "");
        let waiting = scope.spawn(move || eventually(|| Some(wait()).filter(|reply| reply.status == 200)));
        let full = eventually(|| {
            let reply = control(&server, "GET", "/_kms/clock?wait_for=RotateKey&timeout=0s", "");
            (reply.status == 503).then_some(reply.text)
        });
        assert!(full.unwrap().contains("1 calls wait already"));
        // Whoever waits holds up nobody, and is answered as soon as there is something to tell.
        key(&server);
        assert_eq!(waiting.join().unwrap().unwrap().json()["Records"].as_array().unwrap().len(), 1);
    });
    assert_eq!(control(&server, "GET", "/_kms/clock?wait_for=RotateKey&timeout=0s", "").status, 200);
    let none = in_memory(&["--waiters-max", "0"]);
    assert_eq!(control(&none, "GET", "/_kms/events?wait=0s", "").status, 503);
}

#[test]
fn snapshots_are_as_many_as_the_settings_say() {
    let server = in_memory(&["--snapshots-max", "1"]);
    let take = |name: &str, body: &str| control(&server, "POST", &format!("/_kms/snapshots/{name}"), body);
    assert_eq!(take("a", "").status, 200);
    let refused = take("b", "");
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("storage.snapshots_max"), "{}", refused.text);
    assert_eq!(take("a", r#"{"replace": true}"#).status, 200, "it is no more than before");
    assert_eq!(control(&server, "DELETE", "/_kms/snapshots/a", "").status, 200);
    assert_eq!(take("b", "").status, 200);
}

fn database(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.data().join("kms.db")).unwrap()
}

fn records(folder: &Folder, kind: &str) -> u64 {
    let count = "SELECT count(*) FROM records WHERE kind = ?1";
    database(folder).query_row(count, [kind], |row| row.get(0)).unwrap()
}

#[test]
fn the_audit_log_is_cut_into_files_and_the_oldest_go() {
    let folder = Folder::new();
    let server =
        folder.server(&["--audit-segment-bytes-max", "64KiB", "--audit-retention-records-max", "50"]);
    for _ in 0..400 {
        ok(&server, "ListKeys", json!({}));
    }
    let found = control(&server, "GET", "/_kms/events?limit=10000", "").json();
    let kept = found["Records"].as_array().unwrap().len();
    assert!((50..300).contains(&kept), "{kept} of 400");
    for (path, bytes) in folder.files().iter().filter(|(path, _)| shown(path).contains("/audit/")) {
        assert!(bytes.len() < 80 * 1024, "{} has {} bytes", path.display(), bytes.len());
    }
}

#[test]
fn audit_files_past_their_days_go_at_the_start() {
    let folder = Folder::new();
    let server = folder.server(&["--audit-segment-bytes-max", "64KiB"]);
    for _ in 0..400 {
        ok(&server, "ListKeys", json!({}));
    }
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let files = || -> Vec<_> {
        let all = folder.files().into_iter().map(|(path, _)| path);
        all.filter(|path| shown(path).contains("/audit/")).collect()
    };
    let written = files();
    assert!(written.len() > 3, "{written:?}");
    // The first file is three days old, the second one and a half.
    for (path, hours) in written.iter().zip([72, 36]) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let then = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(hours * 3_600);
        file.set_modified(then).unwrap();
    }
    drop(folder.server(&["--audit-retention-days", "2"]));
    assert_eq!(files(), written[1..]);
    drop(folder.server(&["--audit-retention-days", "0"]));
    assert_eq!(files(), written[1..], "0 keeps them whatever their age");
    drop(folder.server(&["--audit-retention-days", "1"]));
    assert_eq!(files(), written[2..]);
}
