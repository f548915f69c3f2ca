//! Enclaves: which documents a server accepts is for its settings to say.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixtures::Enclave;
use serde_json::{Value, json};

use super::support::*;

/// A public key whose private half nobody has.
const RSA: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyv+IvkSB74/xk5BxgASV
1syaVHBr8lWENDsw2Q1X+q+6K1i5b8XNF6xOQy8FXqzBsQfYlwZkFjUmqhj+IyoS
TQR2+P5Qx30XuguQjF0NeaCPPle56K+wF1P90xbDfWZ6ZaCfNJQl7M3A4fJpTnYX
p7yd9sftUzDZEB8oEC28PN+uSY01bs+XTXE27l7VLAsMgUEr14q7LZrgzsDotDIb
KxdtVhBr308vOolyGyXMcLBU+WtzJHhygYsyMuJTp87xwz1FQJGOazXKC6zVAECj
3ua6LdSpVurOdsvPeZk4JYAvdD4FNIbypecfVPHtHCKt4351tRT5Lq73WW3ALEfY
wQIDAQAB
-----END PUBLIC KEY-----";

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

/// `kms-server enclave`, run to its end.
fn enclave(arguments: &[&str]) -> Ended {
    fixtures::process::run(command(&["enclave"]).args(arguments)).unwrap()
}

#[test]
fn a_root_and_a_document_are_made_by_commands() {
    let folder = Folder::new();
    let root = shown(&folder.beside("nitro"));
    let ended = enclave(&["root", "--out", &root]);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
    assert!(ended.out.contains(&format!("serve --attestation-root {root}/root.pem")), "{}", ended.out);
    let mode = |name: &str| std::fs::metadata(format!("{root}/{name}")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("root.key"), 0o600);
    assert_ne!(mode("root.pem") & 0o400, 0);
    // What is there stays: documents below it are in use.
    let kept = std::fs::read(format!("{root}/root.key")).unwrap();
    expect(&enclave(&["root", "--out", &root]), 2, &["root.pem exists", "another directory"]);
    assert_eq!(std::fs::read(format!("{root}/root.key")).unwrap(), kept);

    let server = in_memory(&["--attestation-root", &format!("{root}/root.pem")]);
    let pair = json!({"KeyId": key(&server), "KeyPairSpec": "RSA_2048"});
    let pair = ok(&server, "GenerateDataKeyPair", pair);
    let public = STANDARD.decode(pair["PublicKey"].as_str().unwrap()).unwrap();
    let der = folder.beside("public.der");
    std::fs::write(&der, &public).unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD
            .encode(&public)
            .as_bytes()
            .chunks(64)
            .map(|line| str::from_utf8(line).unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    );
    let pem = folder.write("public.pem", &pem);
    let image = "5f".repeat(48);
    for public in [&pem, &shown(&der)] {
        let ended = enclave(&[
            "document",
            "--root",
            &root,
            "--public-key",
            public,
            "--image-sha384",
            &image,
            "--json",
        ]);
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
        let made: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((&made["pcrs"]["0"], &made["pcrs"]["1"]), (&json!(image), &json!("00".repeat(48))));
        let document = STANDARD.decode(made["attestation_document"].as_str().unwrap()).unwrap();
        let answer = ok(&server, "GenerateRandom", random(&document));
        assert!(answer["CiphertextForRecipient"].is_string());
    }
    let file = shown(&folder.beside("document.bin"));
    let ended = enclave(&["document", "--root", &root, "--public-key", &pem, "--out", &file]);
    assert!(ended.out.starts_with(&format!("Wrote {file}.")), "{ended:?}");
    ok(&server, "GenerateRandom", random(&std::fs::read(&file).unwrap()));
    // Without a setting, AWS alone is believed.
    let (.., message) = fails(&in_memory(&[]), "GenerateRandom", random(&std::fs::read(&file).unwrap()));
    assert!(message.contains("no root of the setting attestation.root vouches for it"), "{message}");
}

#[test]
fn commands_of_enclaves_say_what_to_do_next() {
    let folder = Folder::new();
    let root = shown(&folder.beside("nitro"));
    let text = folder.write("text", "no key");
    let long = folder.write("long", &"x".repeat(1_025));
    let document = |public: &str, more: &[&str]| {
        enclave(&[&["document", "--root", &root, "--public-key", public], more].concat())
    };
    expect(&document(&text, &[]), 2, &["there is no root.pem", &format!("enclave root --out {root}")]);
    assert_eq!(enclave(&["root", "--out", &root]).code, Some(0));
    expect(&document(&text, &[]), 2, &["no RSA public key", "openssl pkey"]);
    expect(&document("/no/such/file", &[]), 2, &["/no/such/file cannot be read"]);
    let public = folder.write("public.pem", RSA);
    for option in ["--nonce", "--user-data"] {
        expect(&document(&public, &[option, &long]), 2, &["long cannot be read", "more than 1024 bytes"]);
    }
    let digest = "00".repeat(48);
    let twice = document(&public, &["--pcr", &format!("3={digest}"), "--pcr", &format!("3={digest}")]);
    expect(&twice, 2, &["register 3 is given twice"]);
    expect(&document(&public, &["--out", "/no/such/folder/file"]), 1, &["cannot be written"]);
    std::fs::write(folder.beside("nitro/root.key"), "nonsense").unwrap();
    expect(&document(&public, &[]), 2, &["cannot be used"]);
}
