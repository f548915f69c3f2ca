//! Principals from files and through the command line, across restarts, and their secrets on disk.

use serde_json::{Value, json};

use super::data_directory::contains;
use super::support::*;

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const APP: &str = "arn:aws:iam::111122223333:role/app";

const YAML: &str = r#"
users:
  - arn: arn:aws:iam::111122223333:user/alice
    policies: [AdministratorAccess]
    access_keys: [{ id: AKIDALICE, secret: alices-own-secret }]
roles:
  - account: "111122223333"
    name: app
    trust: { Statement: { Effect: Allow, Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" } }
"#;

fn listed(server: &ServerProcess) -> Value {
    serde_json::from_str(&client_ok(server, &["principals", "list", "--json"])).unwrap()
}

#[test]
fn the_command_line_puts_shows_and_deletes() {
    let folder = Folder::new();
    let server = in_memory(&[]);
    let user =
        folder.write("alice.yaml", "tags: { team: red }\npolicies: [AWSKeyManagementServicePowerUser]\n");
    assert_eq!(client_ok(&server, &["principals", "put", ALICE, &user]), format!("Stored {ALICE}.\n"));
    let role = folder.write(
        "app.json",
        &json!({ "trust": { "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "sts:AssumeRole" },
        ] }, "max_session_seconds": 7200 })
        .to_string(),
    );
    let put = client_ok(&server, &["principals", "put", APP, &role, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&put).unwrap()["principal"]["max_session_seconds"], 7200);
    let key = client_ok(&server, &["principals", "create-access-key", ALICE]);
    let id = key.lines().find_map(|line| line.strip_prefix("AWS_ACCESS_KEY_ID=")).unwrap();
    let secret = key.lines().find_map(|line| line.strip_prefix("AWS_SECRET_ACCESS_KEY=")).unwrap();
    assert_eq!((id.len(), secret.len()), (20, 40), "{key}");
    assert_eq!(
        client_ok(&server, &["principals", "list"]),
        format!("user        stored      {ALICE}  {id}\nrole        stored      {APP}\n")
    );
    let shown = client_ok(&server, &["principals", "show", ALICE]);
    for part in ["AIDA", "{\"team\":\"red\"}", "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser", id]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains(secret));
    // What is shown can be put back.
    let json = client_ok(&server, &["principals", "show", ALICE, "--json"]);
    let again = serde_json::from_str::<Value>(&json).unwrap()["principal"].to_string();
    client_ok(&server, &["principals", "put", ALICE, &folder.write("again.json", &again)]);
    assert_eq!(client_ok(&server, &["principals", "show", ALICE, "--json"]), json);
    client_ok(&server, &["principals", "delete", id]);
    client_ok(&server, &["principals", "delete", ALICE]);
    assert_eq!(listed(&server).as_array().unwrap().len(), 1);
    for (arguments, code, part) in [
        (vec!["principals", "show", ALICE], 4, "there is no principal"),
        (vec!["principals", "put", APP, "none.json"], 1, "cannot be read"),
        (vec!["principals", "put", APP, &folder.write("bad.yaml", "a: [")], 2, "bad.yaml:"),
        (vec!["principals", "create-access-key", APP], 4, "assume it"),
    ] {
        let ended = client(&server, &arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.error.contains(part), "{ended:?}");
    }
}

#[test]
fn stored_principals_survive_and_their_secrets_are_sealed() {
    let folder = Folder::new();
    let server = folder.server(&["--log-filter", "trace"]);
    let user = folder
        .write("alice.json", "{\"access_keys\": [{\"id\": \"AKIDGIVEN\", \"secret\": \"a-given-secret\"}]}");
    client_ok(&server, &["principals", "put", ALICE, &user]);
    let made = client_ok(&server, &["principals", "create-access-key", ALICE, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let before = listed(&server);
    let clear = |log: &str| {
        for secret in ["a-given-secret", made["secret"].as_str().unwrap()] {
            for (path, bytes) in folder.files() {
                assert!(!contains(&bytes, secret.as_bytes()), "{secret} in {}", path.display());
            }
            assert!(!log.contains(secret), "{secret} in the log");
        }
    };
    clear(&server.log());
    // Its id is no secret: the search does look at the right files.
    assert!(folder.files().iter().any(|(_, bytes)| contains(bytes, b"AKIDGIVEN")));
    server.kill();
    let server = folder.server(&[]);
    assert_eq!(listed(&server), before);
    assert!(server.log().contains("unknown access keys are rejected"), "{}", server.log());
    client_ok(&server, &["principals", "delete", "AKIDGIVEN"]);
    server.signal("TERM").unwrap();
    clear(&server.ended().error);
}

#[test]
fn a_replaced_or_deleted_secret_is_in_no_file_not_even_sealed() {
    let folder = Folder::new();
    let put = |server: &ServerProcess, secret: &str| {
        let body = json!({ "access_keys": [{ "id": "AKIDGIVEN", "secret": secret }] }).to_string();
        client_ok(server, &["principals", "put", ALICE, &folder.write("alice.json", &body)]);
    };
    let sealed = || -> Vec<u8> {
        let query = "SELECT bytes FROM slots JOIN records USING (slot) WHERE id = 'access-key/AKIDGIVEN'";
        let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
        database.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let found = |bytes: &[u8]| folder.files().iter().any(|(_, file)| contains(file, bytes));
    let server = folder.server(&[]);
    put(&server, "the-first-secret");
    // The server holds the database for itself: look while none runs.
    server.kill();
    let first = sealed();
    assert!(found(&first));
    let server = folder.server(&[]);
    put(&server, "the-second-secret");
    assert!(!found(&first), "in the database or the -wal file, with the server running");
    server.kill();
    let second = sealed();
    assert!(found(&second));
    let server = folder.server(&[]);
    client_ok(&server, &["principals", "delete", ALICE]);
    assert!(!found(&second));
}

#[test]
fn configured_principals_come_from_a_file_or_the_settings_and_are_read_only() {
    let folder = Folder::new();
    let file = folder.write("principals.yaml", YAML);
    let settings = folder.write(
        "settings.toml",
        "[[principals.users]]\narn = \"arn:aws:iam::111122223333:user/bob\"\naccess_keys = [{ id = \"AKIDBOB\", \
         secret = \"bobs-own-secret\" }]\n[auth]\naccess_keys = [{ id = \"AKIDROOT\", secret = \"s\", principal = \
         \"111122223333\" }]\n",
    );
    let arguments = ["--principals", &file, "--config", &settings];
    let server = folder.server(&arguments);
    let before = listed(&server);
    let names: Vec<_> = before
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["source"].as_str().unwrap(), one["principal"]["arn"].as_str()))
        .collect();
    let configured = |arn| ("configured", arn);
    let bob = "arn:aws:iam::111122223333:user/bob";
    assert_eq!(
        names,
        [configured(Some(ALICE)), configured(Some(bob)), configured(Some(APP)), configured(None)]
    );
    assert_eq!(before[3]["principal"]["id"], "AKIDROOT");
    for arguments in [["principals", "delete", ALICE], ["principals", "create-access-key", ALICE]] {
        let ended = client(&server, &arguments);
        expect(&ended, 4, &["is configured, and so cannot be changed here"]);
    }
    client_ok(&server, &["state", "reset", "--yes"]);
    assert_eq!(listed(&server), before);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    for (path, bytes) in folder.files() {
        assert!(!contains(&bytes, b"AKIDALICE"), "what is configured is not stored: {}", path.display());
    }
    // It is read again at every start, under the same unique ids.
    assert_eq!(listed(&folder.server(&arguments)), before);
}

#[test]
fn a_clash_or_a_fault_keeps_the_server_from_starting() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let body = folder.write("alice.json", "{}");
    client_ok(&server, &["principals", "put", ALICE, &body]);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let file = folder.write("principals.yaml", YAML);
    let clash = format!("{ALICE} is configured, and stored as well");
    let remedy = format!("kms-server principals delete {ALICE}");
    expect(&folder.refused(&["--principals", &file]), 2, &[&clash, &remedy]);
    let server = folder.server(&[]);
    client_ok(&server, &["principals", "delete", ALICE]);
    server.kill();
    folder.server(&["--principals", &file]).kill();

    let twice = folder.refused(&["--principals", &file, "--auth-access-keys", "AKIDALICE:x:111122223333"]);
    expect(&twice, 2, &["AKIDALICE is configured twice"]);
    for (name, text, place) in [
        ("a.yaml", "users:\n- arn: arn:aws:iam::111122223333:user/bob\n  policies: [Nonsense]\n", ":3:14: "),
        ("b.toml", "[[users]]\narn = \"arn:aws:iam::111122223333:user/bob\"\nsecret = \"hush\"\n", ":3:1: "),
        ("c.json", "{}", ": principals are TOML or YAML"),
    ] {
        let path = folder.write(name, text);
        let ended = folder.refused(&["--principals", &path]);
        expect(&ended, 2, &[&format!("{path}{place}")]);
        assert!(!ended.error.contains("hush"));
    }
    let settings = folder.write("settings.toml", "[[principals.roles]]\narn = \"app\"\n");
    expect(
        &folder.refused(&["--config", &settings]),
        2,
        &[&format!("{settings}:2:7: "), "the ARN of a role"],
    );
}
