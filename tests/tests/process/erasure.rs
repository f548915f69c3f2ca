//! A key is deleted for good: once its deletion is acknowledged, none of its material is left anywhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::data_directory::contains;
use super::support::*;

const ROTATIONS: usize = 30;

/// The sealed materials in the database of a server that has ended.
fn sealed(folder: &Folder) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let query = "SELECT bytes FROM slots JOIN records USING (slot) WHERE kind = 'material'";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn advance(server: &ServerProcess, by: &str) {
    let reply = control(server, "POST", "/_kms/clock/advance", &json!({ "by": by }).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn export(folder: &Folder, server: &ServerProcess) -> Value {
    let (file, passphrase) = (shown(&folder.beside("state.json")), folder.write("passphrase", "a phrase"));
    client_ok(server, &["state", "export", &file, "--passphrase-file", &passphrase]);
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn thirty_rotations_survive_and_a_deletion_leaves_none_of_their_material() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-frozen"]);
    // Material that is no text and no sequence: it is in no file by chance.
    let first: Vec<u8> = (0..32_u8).map(|index| index.wrapping_mul(91) ^ 0x6D).collect();
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": STANDARD.encode(&first)}]);
    let id = id_of(&ok(&server, "CreateKey", json!({ "Tags": tags })));
    ok(&server, "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 365}));
    let mut ciphertexts = vec![encrypt(&server, &id, "aGVsbG8=")];
    for _ in 0..ROTATIONS {
        advance(&server, "365d");
        ciphertexts.push(encrypt(&server, &id, "aGVsbG8="));
    }
    // The server holds the database for itself: look while none runs.
    server.kill();
    let mut needles = sealed(&folder);
    assert_eq!(needles.len(), ROTATIONS + 1);
    let server = folder.server(&[]);
    assert!(ciphertexts.iter().all(|ciphertext| decrypt(&server, ciphertext) == "aGVsbG8="));
    let before = export(&folder, &server);
    assert_eq!(before["materials"].as_array().unwrap().len(), ROTATIONS + 1);
    let found = |needles: &[Vec<u8>]| {
        let files = folder.files();
        needles.iter().filter(|needle| files.iter().any(|(_, bytes)| contains(bytes, needle))).count()
    };
    assert_eq!(found(&needles), ROTATIONS + 1, "all are in the database, sealed");
    needles.extend([first.clone(), STANDARD.encode(&first).into_bytes()]);

    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    advance(&server, "7d");
    let names: Vec<String> = folder.files().iter().map(|(path, _)| shown(path)).collect();
    for name in ["kms.db", "kms.db-wal", "/audit/events-"] {
        assert!(names.iter().any(|found| found.contains(name)), "{name}: {names:?}");
    }
    assert_eq!(found(&needles), 0, "with the server running");
    for ciphertext in &ciphertexts {
        let (_, code, _) = fails(&server, "Decrypt", json!({ "CiphertextBlob": ciphertext }));
        assert_eq!(code, "AccessDeniedException");
    }
    let after = export(&folder, &server);
    for list in ["keys", "materials", "aliases", "usages", "grants"] {
        assert_eq!(after[list], json!([]), "{list}");
    }
    server.kill();
    assert_eq!(found(&needles), 0);
    let server = folder.server(&[]);
    fails(&server, "DescribeKey", json!({ "KeyId": id }));
}
