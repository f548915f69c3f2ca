//! What happens by itself, told by a process: once, whenever it is killed; to the command line, and to a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::*;

#[test]
fn the_command_line_shows_notifications() {
    let server = in_memory(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let (rotating, ending) = (key(&server), key(&server));
    ok(&server, "EnableKeyRotation", json!({"KeyId": rotating, "RotationPeriodInDays": 100}));
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": ending, "PendingWindowInDays": 7}));
    assert_eq!(client_ok(&server, &["notifications"]), "");
    client_ok(&server, &["clock", "advance", "250d"]);
    let arn = |id: &str| format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
    let line = |time: &str, kind: &str, id: &str| format!("{time}T00:00:00Z  {kind:36}  {}\n", arn(id));
    let deletion = line("2026-01-08", "KMS CMK Deletion", &ending);
    let rotations = ["2026-04-11", "2026-07-20"].map(|time| line(time, "KMS CMK Rotation", &rotating));
    assert_eq!(client_ok(&server, &["notifications"]), format!("{deletion}{}", rotations.concat()));
    let filtered = [
        "notifications",
        "--event",
        "KMS CMK Rotation",
        "--since",
        "2026-05-01T00:00:00Z",
        "--key",
        &rotating,
    ];
    assert_eq!(client_ok(&server, &filtered), rotations[1]);
    let shown = client_ok(&server, &["notifications", "--limit", "1", "--json"]);
    let event: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&event["source"], &event["resources"]), (&json!("aws.kms"), &json!([arn(&ending)])));
    let next =
        client_ok(&server, &["notifications", "--after", event["id"].as_str().unwrap(), "--limit", "1"]);
    assert_eq!(next, rotations[0]);
    // The audit log has them, too.
    let told = client_ok(&server, &["events", "--event", "RotateKey"]);
    assert_eq!(told.lines().count(), 2, "{told}");
}

/// The ids and materials of all rotations that are told, by what tells them.
fn told(server: &ServerProcess) -> (Vec<String>, Vec<String>, Vec<String>) {
    let texts = |events: &Value, pointer: &str| -> Vec<String> {
        let all = events.as_array().unwrap().iter();
        all.map(|event| event.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    };
    let records = control(server, "GET", "/_kms/events?event=RotateKey&limit=10000", "").json();
    let sent = control(server, "GET", "/_kms/notifications?limit=10000", "").json();
    let records = &records["Records"];
    let materials = texts(records, "/serviceEventDetails/currentKeyMaterialId");
    (texts(records, "/eventID"), materials, texts(&sent["Notifications"], "/id"))
}

#[test]
fn kill_9_neither_loses_nor_doubles_an_event() {
    const KILLS: u64 = 12;
    let folder = Folder::new();
    let arguments = ["--clock-frozen", "--batch-events-max", "3"];
    let server = folder.server(&arguments);
    let id = key(&server);
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 90}));
    let mut server = server;
    for round in 0..KILLS {
        let port = server.port();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let host = format!("127.0.0.1:{port}");
                let headers = [("host", host.as_str()), ("content-type", "application/json")];
                // The connection breaks when the server is killed.
                let body = br#"{"by": "5000d"}"#;
                let _ = fixtures::process::send(port, "POST", "/_kms/clock/advance", &headers, body);
            });
            // A different moment each time.
            std::thread::sleep(Duration::from_millis(1 + round * 7));
            server.kill();
        });
        server = folder.server(&arguments);
    }
    client_ok(&server, &["clock", "advance", "100d"]);
    let mut happened = Vec::new();
    let mut input = json!({ "KeyId": id });
    loop {
        let page = ok(&server, "ListKeyRotations", input.clone());
        let rotations = page["Rotations"].as_array().unwrap().iter();
        happened.extend(rotations.map(|rotation| rotation["KeyMaterialId"].as_str().unwrap().to_owned()));
        match page["NextMarker"].as_str() {
            Some(marker) => input["Marker"] = marker.into(),
            None => break,
        }
    }
    let (records, materials, sent) = told(&server);
    assert!(happened.len() > 12, "{} rotations", happened.len());
    assert_eq!(materials, happened, "every rotation is recorded, once and in order");
    assert_eq!(records, sent, "and is sent under the same id");
}

/// Fails every request, and says how many there were.
fn unwilling(count: usize) -> (String, std::thread::JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receiver = std::thread::spawn(move || {
        let streams = listener.incoming().take(count);
        streams
            .map(|stream| {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    stream.read_line(&mut head).unwrap();
                }
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap()];
                stream.read_exact(&mut body).unwrap();
                let answer = b"HTTP/1.1 503 Any\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.get_mut().write_all(answer).unwrap();
                serde_json::from_slice(&body).unwrap()
            })
            .collect()
    });
    (url, receiver)
}

#[test]
pub(crate) fn an_event_is_posted_as_often_as_the_settings_say() {
    let (url, receiver) = unwilling(5);
    let server =
        in_memory(&["--events-webhook", &url, "--events-webhook-attempts-max", "2", "--log-filter", "warn"]);
    let keys = [key(&server), key(&server), key(&server)];
    for id in &keys {
        ok(&server, "RotateKeyOnDemand", json!({ "KeyId": id }));
    }
    let posted: Vec<Value> = receiver.join().unwrap();
    let about: Vec<&str> = posted.iter().map(|event| event["detail"]["key-id"].as_str().unwrap()).collect();
    assert_eq!(about, [0, 0, 1, 1, 2].map(|at: usize| keys[at].as_str()));
    assert!(eventually(|| server.log().contains("a notification was given up").then_some(())).is_some());
}

#[test]
fn a_webhook_must_be_a_url_without_a_password() {
    for url in ["localhost:80", "http://user:secret@localhost/", "file:///etc/passwd"] {
        let ended = refused(command(&["serve", "--port", "0", "--memory"]).args(["--events-webhook", url]));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.error.contains("expected an http or https URL"), "{}", ended.error);
        assert!(!ended.error.contains("secret"), "{}", ended.error);
    }
}
