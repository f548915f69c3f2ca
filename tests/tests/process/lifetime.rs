//! From the readiness line to the last answer, and from one start to the next.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::support::*;

#[test]
fn the_last_word_of_the_readiness_line_is_the_url() {
    let server = in_memory(&[]);
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.port()));
    let health = control(&server, "GET", "/_kms/health", "").json();
    assert_eq!(health["status"], "running");
    assert_eq!(control(&server, "GET", "/_localstack/health", "").json()["services"]["kms"], "running");
    let log = server.log();
    assert!(log.contains("keys in memory: nothing outlives this process"), "{log}");
}

/// Waits until the server takes no more connections: the signal has arrived.
fn stopped_listening(port: u16) {
    let refused = eventually(|| TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    assert!(refused.is_some(), "it still listens");
}

#[test]
fn sigterm_and_sigint_let_a_request_in_flight_end() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let server = folder.server(&[]);
        let mut stream = connect(&server);
        let (head, body) = request(&server, "CreateKey", &json!({"Description": "in flight"}));
        stream.write_all(&head).unwrap();
        stream.write_all(&body[..5]).unwrap();
        // Whatever the server answers to a later request, it has read the earlier one's head by then.
        key(&server);
        server.signal(signal).unwrap();
        stopped_listening(server.port());
        stream.write_all(&body[5..]).unwrap();
        let reply = response(&mut stream).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        drop(stream);
        let ended = server.ended();
        expect(&ended, 0, &["stopping: requests in flight may end"]);

        let server = folder.server(&[]);
        let id = id_of(&reply.json());
        let described = ok(&server, "DescribeKey", json!({ "KeyId": id }));
        assert_eq!(described["KeyMetadata"]["Description"], "in flight");
    }
}

#[test]
pub(crate) fn a_request_that_never_ends_holds_the_server_no_longer_than_the_grace() {
    let server = in_memory(&["--shutdown-grace", "1s"]);
    let mut stream = connect(&server);
    let (head, _) = request(&server, "CreateKey", &json!({}));
    stream.write_all(&head).unwrap();
    key(&server);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");
}

#[test]
fn an_idle_connection_does_not_hold_the_server() {
    // The grace is longer than `ended` waits.
    let server = in_memory(&["--shutdown-grace", "1h"]);
    let mut stream = connect(&server);
    let (head, body) = request(&server, "ListKeys", &json!({}));
    stream.write_all(&[head, body].concat()).unwrap();
    assert_eq!(response(&mut stream).unwrap().status, 200);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
}

#[test]
fn the_last_use_of_a_key_survives_a_stop() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let (used, unused) = (key(&server), key(&server));
    encrypt(&server, &used, "aGVsbG8=");
    let before = ok(&server, "GetKeyLastUsage", json!({ "KeyId": used }));
    assert_eq!(before["KeyLastUsage"]["Operation"], "Encrypt");
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);

    let server = folder.server(&[]);
    assert_eq!(ok(&server, "GetKeyLastUsage", json!({ "KeyId": used })), before);
    assert_eq!(ok(&server, "GetKeyLastUsage", json!({ "KeyId": unused }))["KeyLastUsage"], json!({}));
}

#[test]
fn keys_aliases_tags_policies_grants_and_states_survive_a_restart() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let id = key(&server);
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "all", "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]});
    ok(&server, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": id}));
    ok(&server, "TagResource", json!({"KeyId": id, "Tags": [{"TagKey": "stage", "TagValue": "test"}]}));
    ok(&server, "PutKeyPolicy", json!({"KeyId": id, "Policy": policy.to_string()}));
    ok(&server, "UpdateKeyDescription", json!({"KeyId": id, "Description": "Orders"}));
    let (disabled, doomed) = (key(&server), key(&server));
    ok(&server, "DisableKey", json!({ "KeyId": disabled }));
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": doomed, "PendingWindowInDays": 7}));
    let ciphertext = encrypt(&server, "alias/app", "aGVsbG8=");
    let role = "arn:aws:iam::111122223333:role/app";
    let granted = json!({
        "KeyId": id, "GranteePrincipal": role, "RetiringPrincipal": role,
        "Operations": ["Decrypt"], "Constraints": {"EncryptionContextSubset": {"a": "b"}}, "Name": "n",
    });
    let token = ok(&server, "CreateGrant", granted)["GrantToken"].clone();
    let look = |server: &ServerProcess| {
        let facts = [
            ok(server, "DescribeKey", json!({"KeyId": "alias/app"})),
            ok(server, "DescribeKey", json!({ "KeyId": disabled })),
            ok(server, "DescribeKey", json!({ "KeyId": doomed })),
            ok(server, "ListAliases", json!({})),
            ok(server, "ListResourceTags", json!({ "KeyId": id })),
            ok(server, "GetKeyPolicy", json!({ "KeyId": id })),
            decrypt(server, &ciphertext),
            ok(server, "ListGrants", json!({"KeyId": id, "GranteePrincipal": role})),
            ok(server, "ListRetirableGrants", json!({"RetiringPrincipal": role})),
        ];
        json!(facts)
    };
    let before = look(&server);
    assert_eq!(before[0]["KeyMetadata"]["Description"], "Orders");
    assert_eq!(before[6], "aGVsbG8=");
    assert_eq!((&before[7], before[7]["Grants"][0]["Name"].as_str()), (&before[8], Some("n")));
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let server = folder.server(&[]);
    assert_eq!(look(&server), before);
    ok(&server, "DescribeKey", json!({"KeyId": id, "GrantTokens": [token]}));
    ok(&server, "RetireGrant", json!({ "GrantToken": token }));
    assert_eq!(ok(&server, "ListGrants", json!({ "KeyId": id }))["Grants"], json!([]));
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let server = folder.server(&[]);
    let (_, name, _) = fails(&server, "RetireGrant", json!({ "GrantToken": token }));
    assert_eq!(name, "InvalidGrantTokenException", "an ended grant stays ended");
}

#[test]
fn the_clock_is_set_once_and_then_stored() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2020-02-29T12:00:00Z", "--clock-frozen"]);
    let expected = clock(&server);
    assert_eq!(expected["now"], "2020-02-29T12:00:00.000Z");
    assert_eq!(expected["mode"], "frozen");
    key(&server);
    let warned = |server: &ServerProcess| server.log().contains("has a clock already");
    assert!(!warned(&server), "{}", server.log());
    server.kill();
    let arguments = ["--clock-start", "2030-01-01T00:00:00Z", "--clock-rate", "60"];
    let server = folder.server(&arguments);
    assert_eq!(clock(&server), expected, "flags do not move a stored clock");
    assert!(eventually(|| warned(&server).then_some(())).is_some(), "{}", server.log());
    for words in [
        "no effect of clock.start, clock.rate: ",
        "shows 2020-02-29T12:00:00.000Z and stands still",
        "--data-dir",
    ] {
        assert!(server.log().contains(words), "{words:?} in {}", server.log());
    }
    server.kill();
    // What the stored clock does anyway is no reason to warn.
    let server = folder.server(&["--clock-frozen"]);
    assert_eq!(clock(&server), expected);
    assert!(server.log().contains("keys in") && !warned(&server), "{}", server.log());
    let created = ok(&server, "CreateKey", json!({}));
    assert_eq!(created["KeyMetadata"]["CreationDate"], 1_582_977_600.0);
}

#[test]
fn a_running_clock_goes_on_and_never_back() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2020-01-01T00:00:00Z", "--clock-rate", "3600"]);
    let now = |server: &ServerProcess| clock(server)["now"].as_str().unwrap().to_owned();
    let first = eventually(|| Some(now(&server)).filter(|now| now.as_str() > "2020-01-01T01:00:00"));
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let server = folder.server(&[]);
    assert_eq!(clock(&server)["rate"], 3600.0);
    assert!(now(&server) > first.unwrap());
    assert!(now(&server).starts_with("2020-"), "an hour passes in a second");
}

#[test]
fn a_good_marker_works_after_a_restart_and_an_altered_one_never_does() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut all: Vec<String> = (0..3).map(|_| key(&server)).collect();
    all.sort();
    let page = ok(&server, "ListKeys", json!({"Limit": 1}));
    let marker = page["NextMarker"].as_str().unwrap().to_owned();
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);

    let server = folder.server(&[]);
    let next = ok(&server, "ListKeys", json!({"Limit": 2, "Marker": marker}));
    let mut found: Vec<String> = [&page, &next]
        .iter()
        .flat_map(|page| page["Keys"].as_array().unwrap())
        .map(|key| key["KeyId"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, all, "each key once");
    let middle = marker.len() / 2;
    let other = if marker.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &marker[..middle], &marker[middle + 1..]);
    let (status, name, _) = fails(&server, "ListKeys", json!({ "Marker": altered }));
    assert_eq!((status, name.as_str()), (400, "InvalidMarkerException"));
    // Another installation has another secret.
    let (_, name, _) = fails(&in_memory(&[]), "ListKeys", json!({ "Marker": marker }));
    assert_eq!(name, "InvalidMarkerException");
}

#[test]
fn a_deletion_that_falls_due_happens_and_the_key_is_gone_after_a_restart() {
    let folder = Folder::new();
    // A week passes in less than a second.
    let server = folder.server(&["--clock-rate", "1000000"]);
    let id = key(&server);
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    let gone = eventually(|| {
        let reply = server.call("DescribeKey", &json!({ "KeyId": id })).unwrap();
        (reply.json()["__type"] == "NotFoundException").then_some(())
    });
    assert!(gone.is_some());
    server.kill();
    let server = folder.server(&[]);
    assert_eq!(fails(&server, "DescribeKey", json!({ "KeyId": id })).1, "NotFoundException");
}
