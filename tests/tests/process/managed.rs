//! Keys that AWS makes by itself, over a restart and by the command line.

use serde_json::{Value, json};

use super::support::*;

/// A call of a service, or through one.
fn played(server: &ServerProcess, header: (&str, &str), operation: &str, input: &Value) -> Value {
    let port = server.port();
    let headers = fixtures::process::headers(port, operation);
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.push(header);
    let reply = fixtures::process::send(port, "POST", "/", &headers, input.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{operation}: {}", reply.text);
    reply.json()
}

const VIA: (&str, &str) = ("x-kms-via-service", "s3");
const ITSELF: (&str, &str) = ("x-kms-service", "s3");

#[test]
fn they_outlive_a_restart() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let sealed = json!({"KeyId": "alias/aws/s3", "Plaintext": "aGVsbG8="});
    let [managed, owned] = [VIA, ITSELF].map(|by| (by, played(&server, by, "Encrypt", &sealed)));
    assert_ne!(managed.1["KeyId"], owned.1["KeyId"]);
    server.kill();
    let server = folder.server(&[]);
    for (by, sealed) in [&managed, &owned] {
        let opened = played(&server, *by, "Decrypt", &json!({"CiphertextBlob": sealed["CiphertextBlob"]}));
        assert_eq!(opened["Plaintext"], "aGVsbG8=");
        let again = played(&server, *by, "DescribeKey", &json!({"KeyId": "alias/aws/s3"}));
        assert_eq!(again["KeyMetadata"]["Arn"], sealed["KeyId"]);
    }
}

#[test]
fn the_command_line_lists_what_is_managed_and_shows_what_is_owned() {
    let server = in_memory(&[]);
    let input = json!({"KeyId": "alias/aws/s3"});
    let managed = id_of(&played(&server, VIA, "DescribeKey", &input));
    let owned = played(&server, ITSELF, "DescribeKey", &input)["KeyMetadata"]["Arn"].clone();
    let listed = client_ok(&server, &["keys", "list", "--account", fixtures::ACCOUNT]);
    assert_eq!(listed, format!("{managed}  Enabled           alias/aws/s3\n"));
    for key in [managed.as_str(), "alias/aws/s3", owned.as_str().unwrap()] {
        let shown = client_ok(&server, &["keys", "show", key, "--account", fixtures::ACCOUNT]);
        assert!(shown.contains("manager      AWS\n") && shown.contains("alias/aws/s3"), "{shown}");
    }
}
