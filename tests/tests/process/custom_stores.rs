//! Custom key stores on disk: they, their keys and what opens them outlive crashes, and are in no file in the clear.

use std::io::Read;
use std::net::TcpListener;

use kms_tests::xks_proxy::{self as proxy, Proxy};
use serde_json::{Value, json};

use super::data_directory::contains;
use super::support::*;

const CLUSTER: &str = "cluster-2a23b4cdefg";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
pub(crate) const PASSWORD: &str = "kmsPswd-of-the-crypto-user";

pub(crate) fn in_cluster() -> Value {
    json!({
        "CustomKeyStoreName": "hsm", "CloudHsmClusterId": CLUSTER, "TrustAnchorCertificate": CERTIFICATE,
        "KeyStorePassword": PASSWORD,
    })
}

pub(crate) fn behind_proxy() -> Value {
    json!({
        "CustomKeyStoreName": "xks", "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": "https://xks.example.com",
        "XksProxyUriPath": proxy::PATH,
        "XksProxyAuthenticationCredential":
            {"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET},
    })
}

/// The arguments of a server that knows a cluster and the way to a proxy.
pub(crate) fn arguments(folder: &Folder, proxy: &Proxy) -> Vec<String> {
    let certificate = folder.write("customerCA.crt", CERTIFICATE);
    vec![
        format!("--custom-key-stores-clusters={CLUSTER}|2|{certificate}|{PASSWORD}"),
        format!("--custom-key-stores-xks-proxies=xks.example.com|http://{}", proxy.address()),
        // The machine may be busy.
        "--custom-key-stores-xks-proxy-timeout=20s".to_owned(),
    ]
}

fn advance(server: &ServerProcess, by: &str) {
    let reply = control(server, "POST", "/_kms/clock/advance", &json!({ "by": by }).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn create(server: &ServerProcess, input: Value) -> String {
    ok(server, "CreateCustomKeyStore", input)["CustomKeyStoreId"].as_str().unwrap().to_owned()
}

/// The states of all stores.
fn states(server: &ServerProcess) -> Vec<String> {
    let all = ok(server, "DescribeCustomKeyStores", json!({}));
    let all = all["CustomKeyStores"].as_array().unwrap();
    all.iter().map(|store| store["ConnectionState"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn stores_and_what_opens_them_outlive_crashes() {
    let proxy = Proxy::start();
    let folder = Folder::new();
    let mut settings = arguments(&folder, &proxy);
    settings.push("--custom-key-stores-connect-time=20m".to_owned());
    settings.push("--custom-key-stores-disconnect-time=1m".to_owned());
    settings.push("--clock-frozen".to_owned());
    settings.push("--log-filter=trace".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut log = String::new();
    let server = folder.server(&settings);
    let stores = [create(&server, in_cluster()), create(&server, behind_proxy())];
    let each = |server: &ServerProcess, operation: &str| {
        for store in &stores {
            ok(server, operation, json!({ "CustomKeyStoreId": store }));
        }
    };
    each(&server, "ConnectCustomKeyStore");
    log.push_str(&server.log());
    server.kill();

    let server = folder.server(&settings);
    assert_eq!(states(&server), ["CONNECTING"; 2]);
    advance(&server, "20m");
    assert_eq!(states(&server), ["CONNECTED"; 2]);
    let inside = json!({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": stores[0]});
    let outside = json!({"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": stores[1], "XksKeyId": "key-1"});
    let keys = [inside, outside].map(|input| id_of(&ok(&server, "CreateKey", input)));
    let sealed = [0, 1].map(|at| encrypt(&server, &keys[at], "aGVsbG8="));
    log.push_str(&server.log());
    server.kill();

    // The proxy checks signatures: the secret has come through, too.
    let server = folder.server(&settings);
    for blob in &sealed {
        assert_eq!(decrypt(&server, blob), "aGVsbG8=");
    }
    each(&server, "DisconnectCustomKeyStore");
    server.kill();
    let server = folder.server(&settings);
    assert_eq!(states(&server), ["DISCONNECTING"; 2]);
    for (key, blob) in keys.iter().zip(&sealed) {
        let described = ok(&server, "DescribeKey", json!({ "KeyId": key }));
        assert_eq!(described["KeyMetadata"]["KeyState"], "Unavailable");
        let (_, code, _) = fails(&server, "Decrypt", json!({ "CiphertextBlob": blob }));
        assert_eq!(code, "KMSInvalidStateException");
    }
    advance(&server, "1m");
    assert_eq!(states(&server), ["DISCONNECTED"; 2]);
    each(&server, "ConnectCustomKeyStore");
    advance(&server, "20m");
    assert_eq!(states(&server), ["CONNECTED"; 2], "both secrets are still right");
    for blob in &sealed {
        assert_eq!(decrypt(&server, blob), "aGVsbG8=");
    }
    log.push_str(&server.log());
    for secret in [proxy::SECRET, PASSWORD] {
        assert!(!log.contains(secret));
        for (path, bytes) in folder.files() {
            assert!(!contains(&bytes, secret.as_bytes()), "{secret} in {}", shown(&path));
        }
    }
}

#[test]
fn what_opened_a_store_is_gone_with_it() {
    let proxy = Proxy::start();
    let folder = Folder::new();
    let settings = arguments(&folder, &proxy);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = folder.server(&settings);
    let store = create(&server, behind_proxy());
    server.kill();
    let query = "SELECT bytes FROM slots JOIN records USING (slot) WHERE kind = 'custom_store'";
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let sealed: Vec<u8> = database.query_row(query, [], |row| row.get(0)).unwrap();
    drop(database);
    let found = || folder.files().iter().any(|(_, bytes)| contains(bytes, &sealed));
    assert!(found());
    let server = folder.server(&settings);
    // A new credential replaces the old one.
    let credential = json!({"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET});
    let update = json!({"CustomKeyStoreId": store, "XksProxyAuthenticationCredential": credential});
    ok(&server, "UpdateCustomKeyStore", update);
    assert!(!found(), "in the database or the -wal file, with the server running");
    ok(&server, "DeleteCustomKeyStore", json!({ "CustomKeyStoreId": store }));
    server.kill();
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let left: i64 = database
        .query_row("SELECT count(*) FROM slots WHERE bytes = ?", [&sealed], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
pub(crate) fn a_proxy_is_given_as_long_as_the_settings_say() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let route =
        format!("--custom-key-stores-xks-proxies=xks.example.com|http://{}", listener.local_addr().unwrap());
    let server = in_memory(&[&route, "--custom-key-stores-xks-proxy-timeout=100ms"]);
    // It listens to everything, and says nothing.
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        String::from_utf8(heard).unwrap()
    });
    let (_, code, message) = fails(&server, "CreateCustomKeyStore", behind_proxy());
    assert_eq!(code, "XksProxyUriUnreachableException");
    assert!(message.contains("did not respond in time"), "{message}");
    let heard = heard.join().unwrap();
    assert!(heard.starts_with("POST /kms/xks/v1/health HTTP/1.1\r\nHost: xks.example.com\r\n"), "{heard}");
}

#[test]
fn files_of_certificates_that_cannot_be_read_stop_the_start() {
    let folder = Folder::new();
    let missing = shown(&folder.beside("missing.pem"));
    let empty = folder.write("empty.pem", "");
    let long = folder.write("long.pem", &"x".repeat(5_001));
    for (argument, words) in [
        (format!("--custom-key-stores-clusters={CLUSTER}|2|{missing}|{PASSWORD}"), "missing.pem"),
        (format!("--custom-key-stores-clusters={CLUSTER}|2|{long}|{PASSWORD}"), "5000"),
        (format!("--custom-key-stores-xks-proxies=a.example|https://127.0.0.1:1|{missing}"), "missing.pem"),
        (format!("--custom-key-stores-xks-proxies=a.example|https://127.0.0.1:1|{empty}"), "empty.pem"),
    ] {
        let ended = folder.refused(&[&argument]);
        expect(&ended, 2, &[words]);
        assert!(!ended.error.contains(PASSWORD), "{}", ended.error);
    }
}
