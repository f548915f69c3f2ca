//! `kms-server clock`, and a clock that is where it was after a restart.

use serde_json::{Value, json};

use super::support::*;

fn shown(server: &ServerProcess) -> Value {
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
    let (before, listed) = (shown(&server), rotations(&server));
    assert_eq!(listed.as_array().unwrap().len(), 11);
    server.kill();
    let server = folder.server(&[]);
    assert_eq!((shown(&server), rotations(&server)), (before, listed));
}
