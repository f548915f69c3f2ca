//! `kms-server clock`, and a clock that is where it was after a restart.

use serde_json::{Value, json};

use super::support::*;

fn shown_clock(server: &ServerProcess) -> Value {
    serde_json::from_str(&client_ok(server, &["clock", "show", "--json"])).unwrap()
}

#[test]
fn the_command_line_moves_the_clock_and_tells_what_happened() {
    let server = in_memory(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let id = key(&server);
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 100}));
    let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
    let text = client_ok(&server, &["clock", "show"]);
    let due = format!("2026-04-11T00:00:00.000Z  RotateKey   {arn}\n");
    assert_eq!(text, format!("now   2026-01-01T00:00:00.000Z\nmode  frozen\nnext  {due}"));
    let text = client_ok(&server, &["clock", "advance", "4mo"]);
    assert_eq!(text, format!("{due}2026-01-01T00:00:00.000Z to 2026-05-01T00:00:00.000Z: RotateKey 1\n"));
    let text = client_ok(&server, &["clock", "set", "2026-05-02T00:00:00Z"]);
    assert_eq!(text, "2026-05-01T00:00:00.000Z to 2026-05-02T00:00:00.000Z: nothing happened\n");
    let moved: Value =
        serde_json::from_str(&client_ok(&server, &["clock", "advance", "next", "--json"])).unwrap();
    assert_eq!(
        (&moved["to"], &moved["events"]["RotateKey"]),
        (&json!("2026-07-20T00:00:00.000Z"), &json!(1))
    );
    assert!(client_ok(&server, &["clock", "resume", "--rate", "60"]).contains("running at 60 times"));
    assert!(client_ok(&server, &["clock", "freeze"]).contains("mode  frozen"));
    let ended = client(&server, &["clock", "set", "2026-01-01T00:00:00Z"]);
    expect(&ended, 4, &["never goes back"]);
    let set = client_ok(&server, &["clock", "set", "2099-01-01T00:00:00Z", "--rate", "60", "--json"]);
    let set: Value = serde_json::from_str(&set).unwrap();
    assert_eq!((&set["advance"]["to"].is_string(), &set["clock"]["rate"]), (&true, &json!(60.0)));
    let text = client_ok(&server, &["clock", "set", "--rate", "0"]);
    assert!(text.contains("mode  frozen"), "{text}");
}

#[test]
fn an_advance_of_many_events_is_made_in_parts() {
    let server = in_memory(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let ids: Vec<String> = (0..60).map(|_| key(&server)).collect();
    for id in &ids {
        ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 90}));
    }
    let moved: Value =
        serde_json::from_str(&client_ok(&server, &["clock", "advance", "9000d", "--json"])).unwrap();
    assert_eq!(moved["events"], json!({"RotateKey": 6_000}));
    assert_eq!(moved["timeline"].as_array().unwrap().len(), 6_000);
    assert_eq!(moved["to"], "2050-08-23T00:00:00.000Z");
    assert_eq!(moved["from"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn the_command_line_waits_for_the_clock() {
    let server = in_memory(&["--clock-frozen"]);
    let id = key(&server);
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 90}));
    let ended = client(&server, &["clock", "wait", "RotateKey", "--timeout", "10ms"]);
    assert_eq!(ended.code, Some(8), "{ended:?}");
    assert!(ended.out.starts_with("it has not come about in time\n"), "{}", ended.out);
    expect(&client(&server, &["clock", "wait", "Rotate"]), 4, &["no kind of event"]);
    std::thread::scope(|scope| {
        let waiting = scope
            .spawn(|| client(&server, &["clock", "wait", "RotateKey", "--since", "2000-01-01T00:00:00Z"]));
        client_ok(&server, &["clock", "advance", "next"]);
        let ended = waiting.join().unwrap();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.contains("RotateKey") && ended.out.contains(&id), "{}", ended.out);
    });
    let none = client_ok(&server, &["events", "--event", "Sign", "--wait", "10ms"]);
    assert_eq!(none, "");
}

#[test]
fn a_stop_does_not_wait_for_those_who_wait() {
    let server = in_memory(&["--clock-frozen", "--shutdown-grace", "1d", "--wait-max", "1d"]);
    std::thread::scope(|scope| {
        let calls = ["/_kms/clock?wait_for=RotateKey", "/_kms/events?event=Sign&wait=1d"];
        let waiting = calls.map(|path| scope.spawn(|| control(&server, "GET", path, "")));
        // Both have arrived once there is room for no more than the rest.
        std::thread::sleep(std::time::Duration::from_millis(300));
        server.signal("TERM").unwrap();
        for call in waiting {
            assert_eq!(call.join().unwrap().status, 503);
        }
    });
    expect(&server.ended(), 0, &[]);
}

#[test]
fn the_clock_is_moved_without_a_server() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let id = key(&server);
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 90}));
    let sealed = encrypt(&server, &id, "aGVsbG8=");
    let held = folder.run("clock", &["show"]);
    expect(&held, 5, &["is in use by process", "leave out --data-dir"]);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);

    let run = |name: &str, arguments: &[&str]| {
        let ended = folder.run(name, arguments);
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{name} {arguments:?}: {}", ended.out);
        ended.out
    };
    assert!(run("clock", &["show"]).contains("now   2026-01-01T00:00:00.000Z\nmode  frozen\n"));
    let moved = run("clock", &["advance", "200d"]);
    assert!(
        moved.ends_with("2026-01-01T00:00:00.000Z to 2026-07-20T00:00:00.000Z: RotateKey 2\n"),
        "{moved}"
    );
    let account = ["--account", "111122223333"];
    assert!(run("keys", &["list", account[0], account[1]]).starts_with(&id));
    assert!(run("events", &["--event", "EnableKeyRotation"]).contains("EnableKeyRotation"));
    let file = shown(&folder.beside("state.json"));
    run("state", &["export", &file]);
    assert!(std::fs::read_to_string(&file).unwrap().contains(&id));
    run("state", &["snapshot", "base"]);
    run("state", &["reset", "--yes"]);
    assert_eq!(run("keys", &["list", account[0], account[1]]), "");
    let restored = run("state", &["restore", "base"]);
    assert_eq!(restored, "Restored base: 1 keys, and the clock shows 2026-07-20T00:00:00.000Z.\n");
    let refused = folder.run("clock", &["advance", "soon"]);
    expect(&refused, 4, &["\"soon\" is no duration"]);

    let server = folder.server(&[]);
    assert_eq!(decrypt(&server, &sealed), "aGVsbG8=");
    assert_eq!(shown_clock(&server)["now"], "2026-07-20T00:00:00.000Z");
    assert_eq!(
        ok(&server, "ListKeyRotations", json!({"KeyId": id}))["Rotations"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn without_a_database_there_is_nothing_to_work_on() {
    let folder = Folder::new();
    expect(&folder.run("clock", &["show"]), 5, &["holds no database", "--data-dir"]);
    assert!(!folder.data().exists(), "nothing is made");
    let settings = folder.write("memory.toml", "[storage]\nmemory = true\n");
    let ended = fixtures::process::run(&mut command(&["clock", "show", "--config", &settings])).unwrap();
    expect(&ended, 2, &["storage.memory"]);
}

#[test]
fn a_wrong_cron_expression_is_named_at_the_start() {
    for (wrong, words) in [
        ("often", ["--clock-cron", "a cron expression with seconds"]),
        ("* * * * *", ["--clock-cron", "a cron expression with seconds"]),
    ] {
        let ended = refused(command(&["serve", "--port", "0", "--memory"]).args(["--clock-cron", wrong]));
        expect(&ended, 2, &words);
    }
}

#[test]
fn the_cron_expression_says_when_last_uses_are_stored() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-cron", "* * * * * *"]);
    let id = key(&server);
    encrypt(&server, &id, "aGVsbG8=");
    let version = metric(&server, "kms_store_version");
    assert!(eventually(|| (metric(&server, "kms_store_version") > version + 1).then_some(())).is_some());
    server.kill();
    let server = folder.server(&["--clock-cron", "0 0 0 1 1 *"]);
    let used = ok(&server, "GetKeyLastUsage", json!({ "KeyId": id }));
    assert_eq!(used["KeyLastUsage"]["Operation"], "Encrypt", "{used}");
}

#[test]
fn an_advance_survives_kill_9() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-frozen"]);
    let id = key(&server);
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 90}));
    client_ok(&server, &["clock", "advance", "1000d"]);
    let rotations =
        |server: &ServerProcess| ok(server, "ListKeyRotations", json!({ "KeyId": id }))["Rotations"].clone();
    let (before, listed) = (shown_clock(&server), rotations(&server));
    assert_eq!(listed.as_array().unwrap().len(), 11);
    server.kill();
    let server = folder.server(&[]);
    assert_eq!((shown_clock(&server), rotations(&server)), (before, listed));
}
