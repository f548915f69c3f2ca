//! Enclaves: which documents a server accepts is for its settings to say.

use fixtures::Enclave;
use serde_json::{Value, json};

use super::support::*;

fn random(document: &[u8]) -> Value {
    let document =
        kms_server::api::blob::to_json(&kms_server::api::blob::PublicBlob(document.to_vec())).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    let recipient = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document});
    json!({"NumberOfBytes": 16, "Recipient": recipient})
}

#[test]
pub(super) fn documents_older_than_the_settings_say_are_refused() {
    let folder = Folder::new();
    let enclave = Enclave::new();
    let root = folder.write("root.pem", enclave.root_pem());
    let server = in_memory(&["--attestation-root", &root, "--attestation-age-max", "600s"]);
    let answer = ok(&server, "GenerateRandom", random(&enclave.document()));
    assert!(answer["CiphertextForRecipient"].is_string() && answer["Plaintext"].is_null());
    let (status, code, message) = fails(&server, "GenerateRandom", random(&enclave.document_of(None, 0)));
    assert_eq!((status, code.as_str()), (400, "ValidationException"), "{message}");
    let (.., message) = fails(&server, "GenerateRandom", random(&enclave.document_of(Some(b"key"), 610_000)));
    assert_eq!(message, "The attestation document is not from the last 600 seconds.");
    // Young enough for the settings, if not for AWS.
    let (.., message) = fails(&server, "GenerateRandom", random(&enclave.document_of(Some(b"key"), 400_000)));
    assert!(message.contains("RSA key"), "{message}");
}

#[test]
fn a_file_without_roots_keeps_the_server_from_starting() {
    let folder = Folder::new();
    let empty = folder.write("empty.pem", "");
    for (path, word) in
        [(empty, "holds no PEM certificate"), (shown(&folder.beside("none.pem")), "cannot be read")]
    {
        let ended = folder.refused(&["--attestation-root", &path]);
        expect(&ended, 2, &[&path, word]);
    }
    assert!(!folder.data().exists());
}
