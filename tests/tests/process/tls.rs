//! HTTPS, with a development CA or with files of one's own.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use super::http2::speaks_http2;
use super::support::*;

type Tls = StreamOwned<ClientConnection, std::net::TcpStream>;

/// A connection that trusts exactly the certificates of a PEM file.
fn connected(server: &ServerProcess, name: &str, ca: &str, protocols: &[&str]) -> Result<Tls, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(server));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(|error| error.to_string())?;
    }
    Ok(stream)
}

fn makes_a_key(server: &ServerProcess, mut stream: Tls) {
    let (head, body) = request(server, "CreateKey", &json!({}));
    stream.write_all(&[head, body].concat()).unwrap();
    let reply = response(&mut stream).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// The path of the development CA, as standard output tells it before the readiness line.
fn told_ca(server: &ServerProcess) -> String {
    let told = server.out().strip_prefix("clients must trust the development CA in ");
    told.unwrap_or_else(|| panic!("{}", server.out())).trim_end().to_owned()
}

#[test]
fn the_development_ca_is_printed_and_signs_for_loopback_only() {
    let folder = Folder::new();
    let server = folder.server(&["--tls", "on"]);
    assert_eq!(server.url(), format!("https://127.0.0.1:{}", server.port()));
    let ca = told_ca(&server);
    for name in ["127.0.0.1", "localhost"] {
        makes_a_key(&server, connected(&server, name, &ca, &[]).unwrap());
    }
    let refused = connected(&server, "kms.example", &ca, &[]).unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
    let stranger = folder.write("stranger.pem", &own_certificate().0);
    let refused = connected(&server, "localhost", &stranger, &[]).unwrap_err();
    assert!(refused.contains("UnknownIssuer"), "{refused}");

    let stream = connected(&server, "localhost", &ca, &["h2"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    speaks_http2(&server, "https", stream);

    for (path, _) in folder.files().iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "key")) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let before = fs::read(&ca).unwrap();
    server.kill();
    // Whoever trusted it yesterday trusts it today.
    let server = folder.server(&["--tls", "on"]);
    assert_eq!(told_ca(&server), ca);
    assert_eq!(fs::read(&ca).unwrap(), before);
    makes_a_key(&server, connected(&server, "localhost", &ca, &["http/1.1"]).unwrap());
}

/// A certificate for localhost that signs itself, and its private key, in PEM form.
fn own_certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn own_certificate_files_are_served_and_wrong_ones_named() {
    let folder = Folder::new();
    let (certificate, private_key) = own_certificate();
    let certificate = folder.write("server.pem", &certificate);
    let private_key = folder.write("server.key", &private_key);
    let other_key = folder.write("other.key", &own_certificate().1);
    let serve = |certificate: &str, key: &str| {
        let mut command = command(&["serve", "--port", "0", "--memory", "--tls", "on"]);
        command.args(["--tls-certificate", certificate, "--tls-private-key", key]);
        command
    };
    let server = started(&mut serve(&certificate, &private_key));
    makes_a_key(&server, connected(&server, "localhost", &certificate, &[]).unwrap());
    assert_eq!(server.out(), "", "there is no CA to trust");

    let empty = folder.write("empty.pem", "");
    let missing = shown(&folder.beside("missing.pem"));
    for (certificate, key, word) in [
        (&missing, &private_key, format!("cannot read {missing}: No such file")),
        (&empty, &private_key, format!("{empty} holds no PEM certificate: it has no such section")),
        (&private_key, &private_key, format!("{private_key} holds no PEM certificate")),
        (&certificate, &missing, format!("cannot read {missing}: No such file")),
        (&certificate, &empty, format!("{empty} holds no PEM private key: it has no such section")),
        (&certificate, &other_key, format!("the certificate {certificate} and the key {other_key}: ")),
    ] {
        expect(&refused(&mut serve(certificate, key)), 2, &[&word]);
    }
}

#[test]
fn the_commands_call_a_server_with_a_development_certificate() {
    let folder = Folder::new();
    let server = folder.server(&["--tls", "on"]);
    let ca = told_ca(&server);
    makes_a_key(&server, connected(&server, "localhost", &ca, &[]).unwrap());
    let list = ["keys", "list", "--account", "111122223333"];
    let run = |ca: Option<&str>| {
        let mut command = command(&list);
        command.env("KMS_ENDPOINT", server.url()).envs(ca.map(|ca| ("AWS_CA_BUNDLE", ca)));
        fixtures::process::run(&mut command).unwrap()
    };
    let listed = run(Some(&ca));
    expect(&listed, 0, &[]);
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);
    expect(&run(None), 3, &["UnknownIssuer", "AWS_CA_BUNDLE"]);
    let missing = shown(&folder.beside("missing.pem"));
    expect(&run(Some(&missing)), 2, &["AWS_CA_BUNDLE", &missing]);
}

#[test]
fn plain_http_on_a_port_for_tls_gets_no_answer_and_harms_nobody() {
    let folder = Folder::new();
    let server = folder.server(&["--tls", "on"]);
    let (head, body) = request(&server, "CreateKey", &json!({}));
    let mut stream = connect(&server);
    stream.write_all(&[head, body].concat()).unwrap();
    let mut answer = Vec::new();
    // The connection ends before the minute of `connect` is over.
    let ended = stream.read_to_end(&mut answer);
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    makes_a_key(&server, connected(&server, "localhost", &told_ca(&server), &[]).unwrap());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_ca_of_a_server_that_keeps_nothing_is_gone_when_it_stops() {
    let folder = Folder::new();
    let mut serve = command(&["serve", "--port", "0", "--memory", "--tls", "on"]);
    let server = started(serve.env("TMPDIR", folder.beside("")));
    let ca = told_ca(&server);
    assert!(ca.starts_with(&shown(&folder.beside("kms-server-"))), "{ca}");
    makes_a_key(&server, connected(&server, "localhost", &ca, &[]).unwrap());
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    assert_eq!(fs::read_dir(folder.beside("")).unwrap().count(), 0);
    // So it is when the server cannot start.
    let ended = refused(serve.args(["--address", "203.0.113.1"]));
    expect(&ended, 1, &["cannot listen on 203.0.113.1"]);
    assert_eq!(fs::read_dir(folder.beside("")).unwrap().count(), 0);
}
