//! Related keys of several Regions on disk: each has its own copy of the material, sealed for it alone, which goes with it.

use serde_json::{Value, json};

use super::data_directory::contains;
use super::support::*;

const ABROAD: &str = "eu-west-1";

/// A call in another Region, which must succeed.
fn abroad(server: &ServerProcess, operation: &str, input: &Value) -> Value {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=111122223333/20260101/{ABROAD}/kms/aws4_request, SignedHeaders=host, Signature=00"
    );
    let (host, target) = (format!("127.0.0.1:{}", server.port()), format!("TrentService.{operation}"));
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-amz-json-1.1"),
        ("host", &host),
        ("x-amz-date", "20260101T000000Z"),
        ("x-amz-target", &target),
    ];
    let reply =
        fixtures::process::send(server.port(), "POST", "/", &headers, input.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{operation} {input}: {}", reply.text);
    reply.json()
}

fn advance(server: &ServerProcess, by: &str) {
    let reply = control(server, "POST", "/_kms/clock/advance", &json!({ "by": by }).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// The sealed materials of the keys in a Region, in the database of a server that has ended.
fn sealed(folder: &Folder, region: &str) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let query = "SELECT bytes FROM slots JOIN records USING (slot) WHERE kind = 'material' AND id LIKE ?";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([format!("%:{region}:%")], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_replica_outlives_crashes_and_its_material_goes_with_it() {
    let folder = Folder::new();
    let arguments = ["--clock-frozen", "--multi-region-creating-time", "1m"];
    let server = folder.server(&arguments);
    let id = id_of(&ok(&server, "CreateKey", json!({"MultiRegion": true})));
    let old = encrypt(&server, &id, "aGVsbG8=");
    ok(&server, "RotateKeyOnDemand", json!({ "KeyId": id }));
    let new = encrypt(&server, &id, "aGVsbG8=");
    ok(&server, "ReplicateKey", json!({"KeyId": id, "ReplicaRegion": ABROAD}));
    server.kill();

    let (here, there) = (sealed(&folder, "us-east-1"), sealed(&folder, ABROAD));
    assert_eq!((here.len(), there.len()), (2, 2));
    assert!(here.iter().all(|bytes| !there.contains(bytes)), "each is sealed for its own key");
    let server = folder.server(&arguments);
    let state = |server: &ServerProcess| {
        abroad(server, "DescribeKey", &json!({ "KeyId": id }))["KeyMetadata"]["KeyState"].clone()
    };
    assert_eq!(state(&server), "Creating");
    advance(&server, "1m");
    server.kill();
    let server = folder.server(&arguments);
    assert_eq!(state(&server), "Enabled");
    for blob in [&old, &new] {
        assert_eq!(abroad(&server, "Decrypt", &json!({ "CiphertextBlob": blob }))["Plaintext"], "aGVsbG8=");
    }

    abroad(&server, "ScheduleKeyDeletion", &json!({"KeyId": id, "PendingWindowInDays": 7}));
    advance(&server, "7d");
    let files = folder.files();
    let found = |needle: &Vec<u8>| files.iter().any(|(_, bytes)| contains(bytes, needle));
    assert!(!there.iter().any(found), "with the server running");
    assert!(here.iter().all(found), "the primary keeps its own");
    assert_eq!(decrypt(&server, &old), "aGVsbG8=");
}
