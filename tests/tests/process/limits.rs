//! Every limit of the settings, hit once.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::*;

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

#[test]
fn quotas_are_those_of_the_settings() {
    let (server, id) = limited(&[
        "--keys-max=2",
        "--aliases-per-key-max=1",
        "--tags-per-key-max=2",
        "--policy-bytes-max=600",
        "--encryption-context-bytes-max=32",
    ]);
    let second = key(&server);
    let exceeded = |operation: &str, input: Value, words: &str| {
        let (status, name, message) = fails(&server, operation, input);
        assert_eq!((status, name.as_str()), (400, "LimitExceededException"), "{operation}");
        assert!(message.contains(words), "{message}");
    };
    exceeded("CreateKey", json!({}), "is 2 but the current usage is 2");
    ok(&server, "CreateAlias", json!({"AliasName": "alias/a", "TargetKeyId": id}));
    let alias = |target: &str| json!({"AliasName": "alias/b", "TargetKeyId": target});
    exceeded("CreateAlias", alias(&id), "is 1, current usage is 1");
    ok(&server, "CreateAlias", alias(&second));

    let tag = |name: &str| json!({"KeyId": id, "Tags": [{"TagKey": name, "TagValue": ""}]});
    ok(&server, "TagResource", tag("a"));
    ok(&server, "TagResource", tag("b"));
    exceeded("TagResource", tag("c"), "is 2, requested usage is 3");
    ok(&server, "TagResource", tag("b"));

    let policy = |filling: usize| {
        let policy = json!({"Version": "2012-10-17", "Id": "x".repeat(filling), "Statement": [{"Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]});
        json!({"KeyId": id, "Policy": policy.to_string()})
    };
    let fixed = policy(0)["Policy"].as_str().unwrap().len();
    ok(&server, "PutKeyPolicy", policy(600 - fixed));
    exceeded("PutKeyPolicy", policy(601 - fixed), "is 600 bytes");

    let encrypt = |length: usize| json!({"KeyId": id, "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "v".repeat(length)}});
    // Names and values, 8 for the pair, and 4.
    ok(&server, "Encrypt", encrypt(32 - 1 - 8 - 4));
    let (_, name, message) = fails(&server, "Encrypt", encrypt(32 - 8 - 4));
    assert_eq!((name.as_str(), message.as_str()), ("ValidationException", "Invalid EncryptionContext"));
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
fn a_batch_holds_as_many_commands_and_bytes_as_the_settings_say() {
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
fn due_events_are_stored_a_few_at_a_time() {
    // A week in less than a second; all three fall due while the server is stopped, and are done when it starts.
    let folder = Folder::new();
    let server = folder.server(&["--clock-rate", "1000000"]);
    let ids: Vec<String> = (0..3).map(|_| key(&server)).collect();
    for id in &ids {
        ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    }
    server.kill();
    let version = stored_version(&folder);
    let left = records(&folder, "key");
    let server = folder.server(&["--batch-events-max", "1"]);
    let done = eventually(|| (metric(&server, "kms_keys") == 0).then_some(()));
    assert!(done.is_some());
    assert!(metric(&server, "kms_store_version") >= version + left, "one transaction an event");
    server.kill();
    assert_eq!(records(&folder, "key") + records(&folder, "material"), 0);
}

fn database(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.data().join("kms.sqlite3")).unwrap()
}

fn stored_version(folder: &Folder) -> u64 {
    database(folder).query_row("SELECT version FROM store", [], |row| row.get(0)).unwrap()
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
