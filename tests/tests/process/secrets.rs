//! What must never be on disk or in a log in the clear.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use kms_tests::xks_proxy::{self, Proxy};

use super::custom_stores;
use super::data_directory::contains;
use super::support::*;

const PLAINTEXT: &str = "the eagle lands at midnight, 4242 4242 4242 4242";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMIbPxRfiCYzEXAMPLEKEY";
const PASSPHRASE: &str = "correct-horse-battery-staple";

/// A secret and its notations.
struct Needle(&'static str, Vec<Vec<u8>>);

fn needle(name: &'static str, bytes: &[u8]) -> Needle {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let unpadded = |text: String| text.trim_end_matches('=').as_bytes().to_vec();
    Needle(
        name,
        vec![
            bytes.to_vec(),
            unpadded(STANDARD.encode(bytes)),
            URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            // As `Debug` prints bytes.
            list.join(", ").into_bytes(),
        ],
    )
}

fn search(needles: &[Needle], place: &str, bytes: &[u8]) {
    for Needle(name, notations) in needles {
        for notation in notations {
            assert!(!contains(bytes, notation), "{name} in {place}: {}", String::from_utf8_lossy(notation));
        }
    }
}

/// A known material that is no text and no sequence: it is in no file by chance.
fn material() -> Vec<u8> {
    (0..32_u8).map(|index| index.wrapping_mul(73) ^ 0xB5).collect()
}

#[test]
fn no_secret_is_in_any_file_or_log() {
    let folder = Folder::new();
    let access_key = format!("AKIDCONFIGURED:{SECRET_ACCESS_KEY}:111122223333");
    let proxy = Proxy::start();
    let mut serve = folder.serve(&["--log-filter", "trace", "--auth-unknown-access-key", "root"]);
    serve.args(custom_stores::arguments(&folder, &proxy));
    let server = started(serve.env("KMS_SERVER_AUTH_ACCESS_KEYS", &access_key));
    let (id, mut needles) = use_every_secret(&folder, &server);
    // The server runs: what it has written is in the database and the -wal file.
    let files = folder.files();
    let names: Vec<String> = files.iter().map(|(path, _)| shown(path)).collect();
    for name in ["kms.db", "kms.db-wal", "lock", "root.key", "/audit/events-"] {
        assert!(names.iter().any(|found| found.contains(name)), "{name} in {names:?}");
    }
    search_files(&needles, &folder);
    assert!(server.log().len() > 10_000, "the log tells everything that it can");
    search(&needles, "the log", server.log().as_bytes());

    ok(&server, "DeleteAlias", json!({"AliasName": "alias/app"}));
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    search_files(&needles, &folder);
    server.signal("TERM").unwrap();
    let ended = server.ended();
    expect(&ended, 0, &[]);
    search(&needles, "the log", ended.error.as_bytes());
    search_files(&needles, &folder);
    // The search would find something: the root key is in its file, and nowhere else.
    let root_key = std::fs::read_to_string(folder.data().join("root.key")).unwrap();
    let root_key = STANDARD.decode(root_key.trim()).unwrap();
    let own = needle("the root key", &root_key);
    for (path, bytes) in folder.files() {
        if path.ends_with("root.key") {
            assert!(own.1.iter().any(|notation| contains(&bytes, notation)));
        } else {
            search(std::slice::from_ref(&own), &shown(&path), &bytes);
        }
    }
    needles.push(own);
    search(&needles, "the log", ended.error.as_bytes());
}

fn search_files(needles: &[Needle], folder: &Folder) {
    for (path, bytes) in folder.files() {
        search(needles, &shown(&path), &bytes);
    }
}

/// Sends and receives every kind of secret; gives the key with known material, and all of them.
fn use_every_secret(folder: &Folder, server: &ServerProcess) -> (String, Vec<Needle>) {
    let tags = json!([{"TagKey": "_custom_key_material_", "TagValue": STANDARD.encode(material())}]);
    let id = id_of(&ok(server, "CreateKey", json!({ "Tags": tags })));
    ok(server, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": id}));
    let ciphertext = encrypt(server, "alias/app", &STANDARD.encode(PLAINTEXT));
    assert_eq!(decrypt(server, &ciphertext), STANDARD.encode(PLAINTEXT));
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let data_key = ok(server, "GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256"}));
    let random = ok(server, "GenerateRandom", json!({"NumberOfBytes": 32}));
    for store in [custom_stores::in_cluster(), custom_stores::behind_proxy()] {
        let store = ok(server, "CreateCustomKeyStore", store)["CustomKeyStoreId"].clone();
        ok(server, "ConnectCustomKeyStore", json!({ "CustomKeyStoreId": store }));
    }
    // A call that fails says no more than one that succeeds.
    for store in [custom_stores::in_cluster(), custom_stores::behind_proxy()] {
        fails(server, "CreateCustomKeyStore", store);
    }
    let refused = json!({"KeyId": "alias/none", "Plaintext": STANDARD.encode(PLAINTEXT)});
    fails(server, "Encrypt", refused);
    fails(server, "CreateKey", json!({"Tags": tags, "KeySpec": "NONSENSE"}));
    let file = shown(&folder.beside("state.json"));
    let passphrase = folder.write("passphrase", PASSPHRASE);
    client_ok(server, &["state", "export", &file, "--passphrase-file", &passphrase]);
    let needles = vec![
        needle("the material", &material()),
        needle("the plaintext", PLAINTEXT.as_bytes()),
        needle("a data key", &bytes(&data_key["Plaintext"])),
        needle("random bytes", &bytes(&random["Plaintext"])),
        needle("the secret access key", SECRET_ACCESS_KEY.as_bytes()),
        needle("the passphrase", PASSPHRASE.as_bytes()),
        needle("the password of a cluster", custom_stores::PASSWORD.as_bytes()),
        needle("the secret of a proxy", xks_proxy::SECRET.as_bytes()),
    ];
    search(&needles, "the export", &std::fs::read(&file).unwrap());
    (id, needles)
}

#[test]
fn destroyed_material_is_in_no_file_not_even_sealed() {
    let folder = Folder::new();
    // A week passes in less than a second.
    let server = folder.server(&["--clock-rate", "1000000"]);
    let id = key(&server);
    // The server holds the database for itself: look while none runs.
    server.kill();
    let query = "SELECT bytes FROM slots JOIN records USING (slot) WHERE kind = 'material'";
    let sealed: Vec<u8> = rusqlite::Connection::open(folder.data().join("kms.db"))
        .unwrap()
        .query_row(query, [], |row| row.get(0))
        .unwrap();
    let server = folder.server(&[]);
    let found = || folder.files().iter().any(|(_, bytes)| contains(bytes, &sealed));
    assert!(found(), "it is sealed in the database now");
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    // An answered request is later than the deletion once the key is gone from the metrics.
    let gone = eventually(|| (metric(&server, "kms_keys") == 0).then_some(()));
    assert!(gone.is_some());
    assert!(!found(), "in the database or the -wal file, with the server running");
    server.kill();
    assert!(!found());
}
