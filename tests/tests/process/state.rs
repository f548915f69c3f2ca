//! Export, import and reset of the whole state.

use serde_json::{Value, json};

use super::data_directory::contains;
use super::support::*;

/// A key with known material, an alias, a tag and a last use.
fn filled(server: &ServerProcess) -> (String, String) {
    let tags = json!([
        {"TagKey": "_custom_key_material_", "TagValue": MATERIAL},
        {"TagKey": "stage", "TagValue": "test"}
    ]);
    let id = id_of(&ok(server, "CreateKey", json!({ "Tags": tags })));
    ok(server, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": id}));
    let ciphertext = encrypt(server, "alias/app", "aGVsbG8=");
    (id, ciphertext)
}

#[test]
fn an_export_with_a_passphrase_carries_everything_to_another_server() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2026-03-01T00:00:00Z", "--clock-frozen"]);
    let (id, ciphertext) = filled(&server);
    let file = shown(&folder.beside("state.json"));
    let passphrase = folder.write("passphrase", "correct horse\n");
    let wrong = folder.write("wrong", "battery staple\n");
    let said = client_ok(&server, &["state", "export", &file, "--passphrase-file", &passphrase]);
    assert!(said.contains(&file) && said.contains("with its key material, sealed"), "{said}");
    let exported = std::fs::read(&file).unwrap();
    let raw: Vec<u8> = (0..32).collect();
    assert!(!contains(&exported, &raw) && !contains(&exported, MATERIAL.as_bytes()));

    let other = folder.beside("other");
    let mut serve = command(&["serve", "--port", "0", "--data-dir", &shown(&other)]);
    let target = started(&mut serve);
    let before = key(&target);
    for (arguments, word) in [
        (&["state", "import", &file][..], "its passphrase is needed"),
        (&["state", "import", &file, "--passphrase-file", &wrong], "the passphrase is wrong"),
    ] {
        expect(&client(&target, arguments), 4, &[word]);
        ok(&target, "DescribeKey", json!({ "KeyId": before }));
    }
    let said = client_ok(&target, &["state", "import", &file, "--passphrase-file", &passphrase]);
    // Key, material, alias and last use.
    assert_eq!(said, "Replaced the state by 4 records.\n");
    let check = |target: &ServerProcess| {
        assert_eq!(decrypt(target, &ciphertext), "aGVsbG8=");
        let look = |server: &ServerProcess, operation| ok(server, operation, json!({"KeyId": "alias/app"}));
        assert_eq!(look(target, "DescribeKey"), look(&server, "DescribeKey"));
        let tags = |server: &ServerProcess| ok(server, "ListResourceTags", json!({ "KeyId": id }));
        assert_eq!(tags(target), tags(&server));
        assert_eq!(fails(target, "DescribeKey", json!({ "KeyId": before })).1, "NotFoundException");
    };
    check(&target);
    target.signal("TERM").unwrap();
    expect(&target.ended(), 0, &[]);
    check(&started(&mut serve));
}

#[test]
fn an_export_without_a_passphrase_leaves_the_material_out() {
    let server = in_memory(&[]);
    let (_, ciphertext) = filled(&server);
    let exported = client_ok(&server, &["state", "export", "-"]);
    let document: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(document["keys"].as_array().unwrap().len(), 1);
    assert!(!exported.contains(MATERIAL) && !exported.contains("sealed"), "{exported}");

    let folder = Folder::new();
    let file = folder.write("state.json", &exported);
    let target = in_memory(&[]);
    let before = key(&target);
    let passphrase = folder.write("passphrase", "correct horse\n");
    let ended = client(&target, &["state", "import", &file, "--passphrase-file", &passphrase]);
    expect(&ended, 4, &["exported without a passphrase", "import it without a passphrase"]);
    ok(&target, "DescribeKey", json!({ "KeyId": before }));
    client_ok(&target, &["state", "import", &file]);
    ok(&target, "DescribeKey", json!({"KeyId": "alias/app"}));
    let (status, name, _) = fails(&target, "Decrypt", json!({ "CiphertextBlob": ciphertext }));
    assert_eq!((status, name.as_str()), (500, "KeyUnavailableException"));
    let input = json!({"KeyId": "alias/app", "Plaintext": "aGVsbG8="});
    assert_eq!(fails(&target, "Encrypt", input).1, "KeyUnavailableException");
}

#[test]
fn what_is_no_state_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let server = in_memory(&[]);
    let (id, _) = filled(&server);
    let exported = client_ok(&server, &["state", "export", "-"]);
    let document: Value = serde_json::from_str(&exported).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut changed = document.clone();
        change(&mut changed);
        changed.to_string()
    };
    for (text, word) in [
        ("not JSON".to_owned(), "not an exported state"),
        ("{}".to_owned(), "missing field"),
        (changed(&|state| state["format"] = json!(2)), "format 2, this server reads 1"),
        (changed(&|state| state["keys"] = json!([])), "belongs to no key"),
        (changed(&|state| state["materials"] = json!([])), "is missing"),
        (changed(&|state| state["extra"] = json!(1)), "unknown field"),
    ] {
        let file = folder.write("bad.json", &text);
        expect(&client(&server, &["state", "import", &file]), 4, &[word]);
        ok(&server, "DescribeKey", json!({ "KeyId": id }));
    }
    let empty = folder.write("empty", "\n");
    let ended = client(&server, &["state", "export", "-", "--passphrase-file", &empty]);
    expect(&ended, 2, &[&empty, "is empty"]);
    let missing = shown(&folder.beside("missing"));
    expect(&client(&server, &["state", "import", &missing]), 1, &[&missing, "cannot be read"]);
    let nowhere = shown(&folder.beside("no/such/file"));
    expect(&client(&server, &["state", "export", &nowhere]), 1, &[&nowhere, "cannot be written"]);
}

#[test]
fn reset_removes_everything_for_good_and_only_when_told_to() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2020-01-01T00:00:00Z", "--clock-frozen"]);
    let (id, ciphertext) = filled(&server);
    let epoch = clock(&server)["epoch"].as_u64().unwrap();
    expect(&client(&server, &["state", "reset"]), 2, &["--yes"]);
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
    let done = client_ok(&server, &["state", "reset", "--yes", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&done).unwrap(), json!({"done": "Removed everything."}));
    let gone = |server: &ServerProcess| {
        assert_eq!(fails(server, "DescribeKey", json!({ "KeyId": id })).1, "NotFoundException");
        let listed = ok(server, "ListAliases", json!({}));
        let mut aliases = listed["Aliases"].as_array().unwrap().iter();
        assert!(aliases.all(|alias| alias.get("TargetKeyId").is_none()), "only predefined ones are left");
        let opened = server.call("Decrypt", &json!({ "CiphertextBlob": ciphertext })).unwrap();
        assert_ne!(opened.status, 200, "{}", opened.text);
        assert_eq!(metric(server, "kms_keys"), 0);
        assert_eq!(clock(server)["epoch"], epoch + 1);
    };
    gone(&server);
    server.kill();
    gone(&folder.server(&[]));
}

#[test]
fn a_snapshot_on_disk_is_sealed_and_its_removal_leaves_no_byte_of_it() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-frozen"]);
    let (id, ciphertext) = filled(&server);
    let said = client_ok(&server, &["state", "snapshot", "base"]);
    assert!(said.contains("     1 keys  store   base\n"), "{said}");
    expect(&client(&server, &["state", "snapshot", "base"]), 4, &["there is a snapshot base already"]);
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    client_ok(&server, &["clock", "advance", "7d"]);
    server.kill();
    let raw: Vec<u8> = (0..32).collect();
    assert!(folder.files().iter().all(|(_, bytes)| !contains(bytes, &raw)), "sealed on disk");

    // What was destroyed comes back through the snapshot, and only through it.
    let server = folder.server(&[]);
    assert_ne!(server.call("Decrypt", &json!({ "CiphertextBlob": ciphertext })).unwrap().status, 200);
    client_ok(&server, &["state", "restore", "base"]);
    assert_eq!(decrypt(&server, &ciphertext), "aGVsbG8=");
    client_ok(&server, &["state", "reset", "--yes"]);
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let sql = "SELECT s.bytes FROM slots s JOIN records r ON r.slot = s.slot WHERE r.kind = 'snapshot'";
    let mut statement = database.prepare(sql).unwrap();
    let sealed: Vec<Vec<u8>> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(sealed.len(), 1);
    drop(statement);
    drop(database);

    let server = folder.server(&[]);
    let listed: Value = serde_json::from_str(&client_ok(&server, &["state", "snapshots", "--json"])).unwrap();
    assert_eq!(listed[0]["name"], "base");
    client_ok(&server, &["state", "delete-snapshot", "base"]);
    assert_eq!(client_ok(&server, &["state", "snapshots"]), "");
    server.kill();
    for (path, bytes) in folder.files() {
        assert!(!contains(&bytes, &sealed[0]), "{}", path.display());
    }
    let server = folder.server(&[]);
    expect(&client(&server, &["state", "restore", "base"]), 4, &["there is no snapshot base"]);
}
