//! `kill -9` under concurrent writes: every acknowledged write is there afterwards, and none is there by half.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use fixtures::process::{ServerProcess, call};
use serde_json::{Value, json};

const KILLS: usize = 30;
const CLIENTS: usize = 8;

/// What the server has acknowledged: for each key its ciphertext, tag, description and aliases.
#[derive(Default)]
struct Acknowledged {
    keys: BTreeMap<String, Written>,
    removed_aliases: Vec<String>,
}

#[derive(Default, Clone)]
struct Written {
    ciphertext: Option<String>,
    tag: Option<String>,
    description: Option<String>,
    aliases: Vec<String>,
    deletion: bool,
}

#[test]
fn every_acknowledged_write_survives_kill_9_and_none_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(Acknowledged::default());
    let mut checked = 0;
    for round in 0..KILLS {
        let server = start(folder.path());
        checked += check(&server, &acknowledged.lock().unwrap());
        let port = server.port();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let acknowledged = &acknowledged;
                scope.spawn(move || write_until_dead(port, round, client, acknowledged));
            }
            // A different moment each time, from the first writes to a few hundred later.
            std::thread::sleep(Duration::from_millis(15 + (round as u64 * 37) % 160));
            server.kill();
        });
    }
    let server = start(folder.path());
    checked += check(&server, &acknowledged.lock().unwrap());
    let keys = acknowledged.lock().unwrap().keys.len();
    assert!(keys >= KILLS, "only {keys} keys were acknowledged in {KILLS} rounds");
    assert!(checked > keys);
}

fn start(folder: &Path) -> ServerProcess {
    ServerProcess::start(&["--data-dir", folder.to_str().unwrap()]).unwrap()
}

/// Writes until the connection breaks, and notes what was acknowledged.
fn write_until_dead(port: u16, round: usize, client: usize, acknowledged: &Mutex<Acknowledged>) {
    let _ = (|| -> std::io::Result<()> {
        for step in 0.. {
            let name = format!("{round}-{client}-{step}");
            let created = expect(call(port, "CreateKey", &json!({ "Description": name }))?);
            let id = created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
            let note = |change: &dyn Fn(&mut Written)| {
                change(acknowledged.lock().unwrap().keys.entry(id.clone()).or_default());
            };
            note(&|key| key.description = Some(name.clone()));
            let alias = format!("alias/{name}");
            expect(call(port, "CreateAlias", &json!({"AliasName": alias, "TargetKeyId": id}))?);
            note(&|key| key.aliases.push(alias.clone()));
            let tags = json!([{"TagKey": "step", "TagValue": name}]);
            expect(call(port, "TagResource", &json!({"KeyId": id, "Tags": tags}))?);
            note(&|key| key.tag = Some(name.clone()));
            let sealed = expect(call(port, "Encrypt", &json!({"KeyId": id, "Plaintext": "aGVsbG8="}))?);
            note(&|key| key.ciphertext = sealed["CiphertextBlob"].as_str().map(str::to_owned));
            if step % 3 == 0 {
                let changed = format!("{name}, changed");
                expect(call(port, "UpdateKeyDescription", &json!({"KeyId": id, "Description": changed}))?);
                note(&|key| key.description = Some(changed.clone()));
            }
            if step % 4 == 1 {
                // From here on the alias may be gone although nobody was told.
                note(&|key| key.aliases.clear());
                expect(call(port, "DeleteAlias", &json!({"AliasName": alias}))?);
                acknowledged.lock().unwrap().removed_aliases.push(alias);
            }
            if step % 5 == 2 {
                note(&|key| key.ciphertext = None);
                expect(call(port, "ScheduleKeyDeletion", &json!({ "KeyId": id }))?);
                note(&|key| key.deletion = true);
            }
        }
        Ok(())
    })();
}

fn expect(reply: fixtures::process::Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// Compares everything acknowledged with what the server has; gives the number of facts compared.
fn check(server: &ServerProcess, acknowledged: &Acknowledged) -> usize {
    let mut facts = 0;
    let mut fact = |holds: bool, what: &str| {
        assert!(holds, "lost: {what}");
        facts += 1;
    };
    let state = fixtures::process::send(
        server.port(),
        "GET",
        "/_kms/keys",
        &[("host", &format!("127.0.0.1:{}", server.port()))],
        b"",
    );
    let state = state.unwrap().json();
    let keys: BTreeMap<&str, &Value> = state["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["metadata"]["KeyId"].as_str().unwrap(), key))
        .collect();
    for (id, written) in &acknowledged.keys {
        let Some(key) = keys.get(id.as_str()) else { panic!("lost: key {id}") };
        if let Some(tag) = &written.tag {
            fact(key["tags"][0]["TagValue"] == json!(tag), &format!("tag {tag}"));
        }
        if let Some(description) = &written.description {
            // An unacknowledged change may have been stored as well.
            let found = key["metadata"]["Description"].as_str().unwrap();
            fact(
                found.starts_with(description.as_str()),
                &format!("description {description}, found {found}"),
            );
        }
        for alias in &written.aliases {
            fact(key["aliases"].as_array().unwrap().contains(&json!(alias)), alias);
        }
        if written.deletion {
            fact(key["metadata"]["KeyState"] == "PendingDeletion", "a scheduled deletion");
        }
    }
    for alias in &acknowledged.removed_aliases {
        let there = keys.values().any(|key| key["aliases"].as_array().unwrap().contains(&json!(alias)));
        fact(!there, &format!("the removal of {alias}"));
    }
    // Not half there: every key that exists has a policy and material that works.
    for (id, key) in keys.iter().rev().take(40) {
        fact(key["policy"].as_str().is_some_and(|policy| policy.contains("Statement")), "a policy");
        if key["metadata"]["KeyState"] == "Enabled" {
            let sealed = server.call("Encrypt", &json!({"KeyId": id, "Plaintext": "aGVsbG8="})).unwrap();
            fact(sealed.status == 200, "material that encrypts");
        }
    }
    for written in acknowledged.keys.values().rev().take(40) {
        if let Some(ciphertext) = &written.ciphertext {
            let opened = server.call("Decrypt", &json!({ "CiphertextBlob": ciphertext })).unwrap();
            if opened.json()["__type"] != "KMSInvalidStateException" {
                fact(opened.json()["Plaintext"] == "aGVsbG8=", &format!("a ciphertext: {}", opened.text));
            }
        }
    }
    facts
}
