//! Where settings come from, and what becomes of mistakes in them.

use std::net::TcpListener;

use serde_json::json;

use super::support::*;

#[test]
fn a_flag_wins_over_a_variable_a_variable_over_the_file_and_the_file_over_the_default() {
    let folder = Folder::new();
    let file = folder.write("kms.toml", "[limits]\nkeys_max = 1\n");
    let other = folder.write("other.toml", "[limits]\nkeys_max = 4\n");
    let most = |with_file: bool, variable: Option<&str>, flag: Option<&str>| {
        let mut command = command(&["serve", "--port", "0", "--memory"]);
        if with_file {
            command.args(["--config", &file]);
        }
        command.envs(variable.map(|value| ("KMS_SERVER_KEYS_MAX", value)));
        command.args(flag.map(|value| format!("--keys-max={value}")));
        let server = started(&mut command);
        let made = |_: &usize| server.call("CreateKey", &json!({})).unwrap().status == 200;
        (0..6_usize).take_while(made).count()
    };
    assert_eq!(most(true, Some("2"), Some("3")), 3);
    assert_eq!(most(true, Some("2"), None), 2);
    assert_eq!(most(true, None, None), 1);
    assert_eq!(most(false, None, None), 6);
    // The variable that names the file gives way to the flag that does.
    let serve = |arguments: &[&str]| {
        let mut command = command(&["serve", "--port", "0", "--memory"]);
        let server = started(command.args(arguments).env("KMS_SERVER_CONFIG", &other));
        (0..6).take_while(|_| server.call("CreateKey", &json!({})).unwrap().status == 200).count()
    };
    assert_eq!(serve(&[]), 4);
    assert_eq!(serve(&["--config", &file]), 1);
}

#[test]
fn an_unknown_flag_or_key_is_an_error_and_an_unknown_variable_a_warning() {
    let folder = Folder::new();
    expect(&folder.refused(&["--ports", "1"]), 2, &["unexpected argument '--ports'", "--port"]);
    let file = folder.write("kms.toml", "[server]\nport = 0\n\n[limits]\nkeyz_max = 1\n");
    let place = format!("{file}:5:1: ");
    let words = [place.as_str(), "`limits.keyz_max` is no setting", "nearest is `limits.keys_max`"];
    expect(&folder.refused(&["--config", &file]), 2, &words);
    let file = folder.write("kms.toml", "[sever]\nport = 0\n");
    let place = format!("{file}:1:2: ");
    expect(&folder.refused(&["--config", &file]), 2, &[&place, "nearest is `[server]`"]);
    let missing = shown(&folder.beside("missing.toml"));
    expect(&folder.refused(&["--config", &missing]), 2, &[&missing, "cannot be read"]);
    assert!(!folder.data().exists(), "nothing was made");

    let server = started(command(&["serve", "--port", "0", "--memory"]).env("KMS_SERVER_KEYZ_MAX", "1"));
    let warned = eventually(|| server.log().contains("KMS_SERVER_KEYS_MAX").then_some(()));
    assert!(warned.is_some(), "{}", server.log());
    assert!(server.log().contains("`KMS_SERVER_KEYZ_MAX` is no setting and has no effect"));
}

#[test]
fn every_wrong_value_is_named_with_where_it_came_from() {
    let folder = Folder::new();
    let file = folder.write("kms.toml", "[server]\nbody_bytes_max = \"lots\"\n");
    let mut serve = folder.serve(&["--config", &file, "--keys-max", "0"]);
    let ended = refused(serve.env("KMS_SERVER_JSON_DEPTH_MAX", "7"));
    let place = format!("{file}:2:18: server.body_bytes_max: ");
    expect(&ended, 2, &[&place, "KMS_SERVER_JSON_DEPTH_MAX: ", "--keys-max: "]);
    expect(&folder.refused(&["--auth-mode", "on"]), 2, &["--auth-mode", "`enforce`, `log`, `off`"]);
    expect(&folder.refused(&["--tls", "on", "--tls-certificate", "a.pem"]), 2, &["server.tls_private_key"]);
    let secret = "hunter2:";
    let ended = folder.refused(&["--auth-access-keys", &format!("AKID:{secret}x")]);
    expect(&ended, 2, &["--auth-access-keys: ", "access key 1"]);
    assert!(!ended.error.contains("hunter2"), "{}", ended.error);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ended = refused(&mut command(&["serve", "--memory", "--port", &port]));
    expect(&ended, 1, &[&format!("cannot listen on 127.0.0.1:{port}"), "--port"]);
}

#[test]
fn serve_is_the_default_command_and_help_is_no_error() {
    let server = started(&mut command(&["--memory", "--port", "0"]));
    key(&server);
    let run = |arguments: &[&str]| fixtures::process::run(&mut command(arguments)).unwrap();
    let version = run(&["--version"]);
    assert_eq!((version.code, version.out.trim()), (Some(0), "kms-server 0.1.0"));
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for code in ["0  done", "3  no server answers", "6  doctor found"] {
        assert!(help.out.contains(code), "{code} in {}", help.out);
    }
    expect(&run(&["explode"]), 2, &["explode"]);
}

#[test]
fn logs_in_json_are_one_object_a_line() {
    let server = in_memory(&["--log-format", "json", "--log-filter", "info"]);
    let line = eventually(|| server.log().lines().next().map(str::to_owned)).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert!(line["fields"]["message"].is_string(), "{line}");
}

#[test]
fn the_keys_of_an_identity_provider_are_read_at_the_start() {
    let folder = Folder::new();
    let missing = shown(&folder.beside("missing.json"));
    let (broken, empty) = (folder.write("broken.json", "{}"), folder.write("empty.json", r#"{"keys":[]}"#));
    for (file, words) in [
        (&missing, "cannot be read"),
        (&broken, "the keys of https://id.example.com: not a set of keys"),
        (&empty, "no key in it is an RSA, P-256 or P-384 key"),
    ] {
        let provider = format!("https://id.example.com|app|{file}");
        expect(&folder.refused(&["--sts-web-identity", &provider]), 2, &[file, words]);
    }
    let word = folder.refused(&["--sts-web-identity", "https://id.example.com|app"]);
    expect(&word, 2, &["--sts-web-identity", "ISSUER|AUDIENCE,AUDIENCE|FILE"]);
    assert!(!folder.data().exists(), "nothing was made");
}
