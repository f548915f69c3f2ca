//! `kms-server faults` and `kms-server report`: what they print, and what comes of them.

use serde_json::{Value, json};

use super::support::*;

#[test]
fn faults_are_added_listed_and_removed() {
    let server = in_memory(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let id = key(&server);
    let added = client_ok(
        &server,
        &[
            "faults",
            "add",
            "--error",
            "KMSInternalException",
            "--operation",
            "DescribeKey",
            "--key",
            &id,
            "--count",
            "1",
        ],
    );
    let line = format!("1   KMSInternalException of DescribeKey about {id} at most 1 times: struck ");
    assert_eq!(added, format!("{line}0 of 0 requests\n"));
    let (status, code, _) = fails(&server, "DescribeKey", json!({ "KeyId": id }));
    assert_eq!((status, code.as_str()), (500, "KMSInternalException"));
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
    assert_eq!(client_ok(&server, &["faults", "list"]), format!("{line}1 of 2 requests, spent\n"));
    let json: Value =
        serde_json::from_str(&client_ok(&server, &["faults", "add", "--latency", "1ms", "--json"])).unwrap();
    assert_eq!(json["id"], "2");
    let checked = client(&server, &["doctor", "--memory"]);
    assert!(checked.out.contains("note    the server injects fault 1"), "{}", checked.out);
    assert_eq!(client_ok(&server, &["faults", "remove", "1"]), "fault 1 is removed\n");
    assert_eq!(client_ok(&server, &["faults", "clear"]), "1 faults are removed\n");
    assert_eq!(client_ok(&server, &["faults", "list"]), "no faults are injected\n");
    assert!(client(&server, &["doctor", "--memory"]).out.contains("ok      no faults are injected"));
    expect(&client(&server, &["faults", "remove", "1"]), 4, &["there is no fault 1"]);
    expect(&client(&server, &["faults", "add", "--error", "Nope"]), 4, &["`error`: expected one of"]);
    expect(&client(&server, &["faults", "add"]), 2, &["--error"]);
}

#[test]
fn a_report_tells_use_cost_and_quotas() {
    let server = in_memory(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let id = key(&server);
    encrypt(&server, &id, "YQ==");
    client_ok(&server, &["clock", "set", "2026-02-01T00:00:00Z"]);
    let text = client_ok(&server, &["report"]);
    let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
    let root = "arn:aws:iam::111122223333:root";
    for row in [
        vec!["111122223333", "us-east-1", root, &arn, "Encrypt", "1", "0"],
        vec!["2026-01", "111122223333", "1.0", "0.0", "1.0000", "0.0000", "1.0000"],
        vec!["111122223333", "us-east-1", "keys", "1", "100000"],
    ] {
        assert!(words.contains(&row), "{row:?} in {text}");
    }
    let json: Value =
        serde_json::from_str(&client_ok(&server, &["report", "--json", "--months", "2"])).unwrap();
    assert_eq!(json["bills"][0]["usd"], 1.0);
    expect(&client(&server, &["report", "--months", "0"]), 2, &["--months"]);
}
