//! Tables that are encrypted at rest: after `kill -9`, by the commands, and at the limits of the settings.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use kms_tests::xks_proxy::{Fault, Proxy};
use serde_json::{Value, json};

use super::custom_stores;
use super::data_directory::contains;
use super::support::*;

const ACCOUNT: &str = "111122223333";

fn path(name: &str, rest: &str) -> String {
    format!("/_kms/tables/{ACCOUNT}/us-east-1/{name}{rest}")
}

pub(crate) fn made(server: &ServerProcess, name: &str, sse: Value) {
    let reply = control(server, "PUT", &path(name, ""), &json!({ "SSESpecification": sse }).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

pub(crate) fn under(key: &str) -> Value {
    json!({ "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key })
}

/// Seals or opens one record: `aGVsbG8=` under the key `aw==`.
fn crypt(server: &ServerProcess, name: &str, what: &str, data: &str) -> Reply {
    let body = json!({ "connection": 1, "records": [{ "key": "aw==", "data": data }] });
    control(server, "POST", &path(name, &format!("/{what}")), &body.to_string())
}

fn record(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["records"][0].as_str().unwrap().to_owned()
}

#[test]
fn tables_grants_and_records_agree_whenever_the_server_is_killed() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-frozen", "--tables-create-time", "0s"]);
    let key = key(&server);
    // Names of tables that were acknowledged, and what was sealed for them.
    let known: Mutex<BTreeMap<String, Option<String>>> = Mutex::default();
    let check = |server: &ServerProcess| {
        let tables = control(server, "GET", "/_kms/tables", "").json()["tables"].as_array().unwrap().clone();
        let under_key = tables.iter().filter(|table| table["KeyKind"] == "customer");
        let grants: usize =
            under_key.map(|table| table["Emulator"]["grants"].as_array().unwrap().len()).sum();
        assert_eq!(grants_of(server, &key), grants, "no grant without its table");
        for (name, sealed) in &*known.lock().unwrap() {
            assert!(tables.iter().any(|table| table["TableName"] == **name), "{name} was acknowledged");
            if let Some(sealed) = sealed {
                assert_eq!(record(&crypt(server, name, "open", sealed)), "aGVsbG8=");
            }
        }
        tables.len()
    };
    server.kill();
    for round in 0..6 {
        let server = folder.server(&["--tables-create-time", "0s"]);
        check(&server);
        let port = server.port();
        std::thread::scope(|scope| {
            for client in 0..3 {
                let (known, key) = (&known, &key);
                scope.spawn(move || {
                    let _ = write(port, &format!("t{round}-{client}"), key, known);
                });
            }
            std::thread::sleep(Duration::from_millis(40 + round * 53));
            server.kill();
        });
    }
    let server = folder.server(&["--tables-create-time", "0s"]);
    assert!(check(&server) >= 6, "the clients have got somewhere");
    // Names, keys and grants of tables lie on disk sealed, but for what keys and grants tell themselves.
    let raw = folder
        .files()
        .into_iter()
        .any(|(_, bytes)| contains(&bytes, b"wrapped") || contains(&bytes, b"data_keys"));
    assert!(!raw, "a table lies on disk in the clear");
}

/// How many grants a key has.
fn grants_of(server: &ServerProcess, key: &str) -> usize {
    let mut input = json!({ "KeyId": key, "Limit": 100 });
    let mut count = 0;
    loop {
        let page = ok(server, "ListGrants", input.clone());
        count += page["Grants"].as_array().unwrap().len();
        match page.get("NextMarker") {
            Some(marker) => input["Marker"] = marker.clone(),
            None => return count,
        }
    }
}

/// A command about a table of the account of tests.
fn on_table(server: &ServerProcess, command: &[&str]) -> Ended {
    let words: Vec<&str> = ["tables"].iter().chain(command).chain(&["--account", ACCOUNT]).copied().collect();
    client(server, &words)
}

fn on_table_ok(server: &ServerProcess, command: &[&str]) -> String {
    let ended = on_table(server, command);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{command:?}: {}", ended.out);
    ended.out
}

/// Makes tables, seals for them and deletes some, until the connection breaks.
fn write(
    port: u16,
    name: &str,
    key: &str,
    known: &Mutex<BTreeMap<String, Option<String>>>,
) -> std::io::Result<()> {
    let host = format!("127.0.0.1:{port}");
    let headers = [("host", host.as_str()), ("content-type", "application/json")];
    let send = |method: &str, path: &str, body: &Value| {
        fixtures::process::send(port, method, path, &headers, body.to_string().as_bytes())
    };
    for step in 0.. {
        let name = format!("{name}-{step}");
        let sse = if step % 3 == 0 { json!({}) } else { under(key) };
        let created = send("PUT", &path(&name, ""), &json!({ "SSESpecification": sse }))?;
        assert_eq!(created.status, 200, "{}", created.text);
        known.lock().unwrap().insert(name.clone(), None);
        let body = json!({ "connection": 1, "records": [{ "key": "aw==", "data": "aGVsbG8=" }] });
        let sealed = send("POST", &path(&name, "/seal"), &body)?;
        known.lock().unwrap().insert(name.clone(), Some(record(&sealed)));
        if step % 2 == 1 {
            known.lock().unwrap().remove(&name);
            send("DELETE", &path(&name, ""), &Value::Null)?;
        }
    }
    Ok(())
}

#[test]
fn the_commands_show_tables_their_time_and_their_cost_and_change_their_keys() {
    let server = in_memory(&["--clock-frozen", "--clock-start", "2026-01-01T00:00:00Z"]);
    let arn = ok(&server, "CreateKey", json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    made(&server, "books", under(&arn));
    made(&server, "films", json!({}));
    client_ok(&server, &["clock", "advance", "6s"]);
    let sealed = record(&crypt(&server, "books", "seal", "aGVsbG8="));
    record(&crypt(&server, "books", "open", &sealed));
    let listed = client_ok(&server, &["tables", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("ACCOUNT") && lines[0].ends_with("KEY"), "{listed}");
    assert!(
        lines[1].contains("books") && lines[1].contains("ACTIVE") && lines[1].ends_with(&arn),
        "{listed}"
    );
    assert!(lines[2].contains("films") && lines[2].contains("owned"), "{listed}");

    ok(&server, "DisableKey", json!({ "KeyId": arn }));
    let told = client_ok(&server, &["clock", "advance", "1h"]);
    assert!(told.contains("TableKeyInaccessible") && told.contains("table/books"), "{told}");
    let shown = on_table_ok(&server, &["show", "books"]);
    for part in [
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
        &arn,
        "key lost             2026-01-01T00:00:06.000Z",
        "Archive",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let timeline = on_table_ok(&server, &["timeline", "books"]);
    for part in [
        "DynamoDB Table Created",
        "2026-01-01T00:40:06Z  DynamoDB Table Key Inaccessible",
        "next: Archive at 2026-01-08",
    ] {
        assert!(timeline.contains(part), "{part} in {timeline}");
    }
    let refused = on_table(&server, &["switch-key", "books", "--owned"]);
    expect(&refused, 4, &["KMS key disabled error"]);
    ok(&server, "EnableKey", json!({ "KeyId": arn }));
    let switched = on_table_ok(&server, &["switch-key", "films", "--managed"]);
    assert!(switched.starts_with("films: encryption UPDATING"), "{switched}");
    client_ok(&server, &["clock", "advance", "22s"]);
    let films = on_table_ok(&server, &["show", "films", "--json"]);
    let films: Value = serde_json::from_str(&films).unwrap();
    assert_eq!(
        (&films["Table"]["KeyKind"], &films["Table"]["SSEDescription"]["Status"]),
        (&json!("managed"), &json!("ENABLED"))
    );
    expect(&on_table(&server, &["show", "songs"]), 4, &["Table: songs not found"]);
    expect(&on_table(&server, &["switch-key", "films"]), 2, &["--kms <KEY>|--managed|--owned"]);

    let report = client_ok(&server, &["tables", "report"]);
    assert!(report.contains("AVOIDABLE") && report.contains("table/books"), "{report}");
    let report: Value = serde_json::from_str(&client_ok(&server, &["report", "--json"])).unwrap();
    let books = &report["tables"]["tables"][0];
    assert_eq!(
        (&books["requests"], &books["connections"][0]["kms_requests"]),
        (&json!(2), &json!(1)),
        "{report}"
    );
}

pub(crate) fn tables_have_the_limits_of_the_settings() {
    let limits = [
        "--clock-frozen",
        "--tables-create-time",
        "0s",
        "--tables-tables-max",
        "2",
        "--tables-records-max",
        "1",
        "--tables-structures-max",
        "2",
        "--tables-cache-entries-max",
        "1",
        "--tables-switches-max",
        "1",
    ];
    let server = in_memory(&limits);
    let key = key(&server);
    made(&server, "books", under(&key));
    made(&server, "films", json!({}));
    let third = control(&server, "PUT", &path("songs", ""), "{}");
    assert!(
        third.text.contains("LimitExceededException") && third.text.contains("2 tables"),
        "{}",
        third.text
    );
    let two = json!({ "records": [{ "key": "", "data": "" }, { "key": "", "data": "" }] });
    let two = control(&server, "POST", &path("films", "/seal"), &two.to_string());
    assert!(two.text.contains("2 records in one call; there may be 1"), "{}", two.text);
    let structure = |name: &str| {
        let body = json!({ "structure": name, "records": [] });
        control(&server, "POST", &path("films", "/seal"), &body.to_string())
    };
    let statuses: Vec<u16> = ["base", "lsi/a", "lsi/b"].map(|name| structure(name).status).to_vec();
    assert_eq!(statuses, [200, 200, 400]);
    // With room for one opened key, two connections in turn open it each time.
    let read = |connection: u64| {
        let body = json!({ "connection": connection, "records": [] });
        assert_eq!(control(&server, "POST", &path("books", "/open"), &body.to_string()).status, 200);
    };
    [1, 2, 1, 2].into_iter().for_each(read);
    let report = control(&server, "GET", "/_kms/tables/report", "").json();
    let calls: u64 = report["tables"][0]["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["kms_requests"].as_u64().unwrap())
        .sum();
    assert_eq!(calls, 4, "{report}");
    let switch = |sse: Value| {
        let switched =
            control(&server, "PUT", &path("films", "/key"), &json!({ "SSESpecification": sse }).to_string());
        client_ok(&server, &["clock", "advance", "1m"]);
        switched
    };
    assert_eq!(switch(json!({ "Enabled": true })).status, 200);
    let second = switch(under(&key));
    assert!(second.text.contains("After the first 1 change"), "{}", second.text);
}

#[test]
fn limits_of_tables_hold() {
    tables_have_the_limits_of_the_settings();
}

/// The clock runs, so that what the service does by itself waits for the proxy and for nobody else.
#[test]
fn a_table_behind_a_proxy_lives_on_a_clock_that_runs_and_outlives_a_kill() {
    let proxy = Proxy::start();
    let folder = Folder::new();
    let mut settings = custom_stores::arguments(&folder, &proxy);
    settings.push("--tables-create-time=100ms".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = folder.server(&settings);
    let status = |server: &ServerProcess| {
        let shown = control(server, "GET", &path("books", ""), "").json();
        shown["Table"]["TableStatus"].as_str().unwrap_or_default().to_owned()
    };
    let is_active = |server: &ServerProcess| eventually(|| (status(server) == "ACTIVE").then_some(()));
    let store = ok(&server, "CreateCustomKeyStore", custom_stores::behind_proxy());
    let store = json!({ "CustomKeyStoreId": store["CustomKeyStoreId"] });
    ok(&server, "ConnectCustomKeyStore", store.clone());
    let mut input = json!({ "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "key-1" });
    input["CustomKeyStoreId"] = store["CustomKeyStoreId"].clone();
    let key = id_of(&ok(&server, "CreateKey", input));
    made(&server, "books", under(&key));
    is_active(&server).unwrap();
    let sealed = record(&crypt(&server, "books", "seal", "aGVsbG8="));
    // It is killed while the service asks the proxy.
    proxy.set_fault(Fault::Late(Duration::from_secs(3_600)));
    proxy.heard();
    ok(&server, "DisableKey", json!({ "KeyId": key }));
    ok(&server, "EnableKey", json!({ "KeyId": key }));
    eventually(|| (!proxy.heard().is_empty()).then_some(())).unwrap();
    server.kill();

    proxy.set_fault(None);
    let server = folder.server(&settings);
    assert_eq!(record(&crypt(&server, "books", "open", &sealed)), "aGVsbG8=");
    assert_eq!(status(&server), "ACTIVE");
    ok(&server, "DisconnectCustomKeyStore", store);
    let reply = control(&server, "POST", "/_kms/clock/advance", &json!({ "by": "1h" }).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(status(&server), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
}
