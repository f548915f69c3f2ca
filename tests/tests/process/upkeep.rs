//! `rekey` and `doctor`: what is done while the server is stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::data_directory::contains;
use super::support::*;

/// A directory with two keys, and a ciphertext of each.
fn stopped() -> (Folder, Vec<String>) {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let ciphertexts = (0..2).map(|_| encrypt(&server, &key(&server), "aGVsbG8=")).collect();
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    (folder, ciphertexts)
}

fn opens(server: &ServerProcess, ciphertexts: &[String]) {
    for ciphertext in ciphertexts {
        assert_eq!(decrypt(server, ciphertext), "aGVsbG8=");
    }
}

#[test]
fn rekey_in_place_replaces_the_root_key_and_every_sealed_byte() {
    let (folder, ciphertexts) = stopped();
    let file = folder.data().join("root.key");
    let old = fs::read_to_string(&file).unwrap();
    let sealed = sealed_bytes(&folder);
    assert!(sealed.len() >= 2);
    let ended = folder.run("rekey", &[]);
    expect(&ended, 0, &[]);
    assert!(ended.out.starts_with("Sealed ") && ended.out.contains("now holds the new key"), "{}", ended.out);
    let new = fs::read_to_string(&file).unwrap();
    assert_ne!(old, new);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for (path, bytes) in folder.files() {
        assert!(sealed.iter().all(|old| !contains(&bytes, old)), "old sealed bytes in {}", path.display());
    }
    let server = folder.server(&[]);
    opens(&server, &ciphertexts);
    server.kill();
    fs::write(&file, old).unwrap();
    expect(&folder.refused(&[]), 5, &["the database is sealed under root key"]);
}

fn sealed_bytes(folder: &Folder) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(folder.data().join("kms.db")).unwrap();
    let mut statement = database.prepare("SELECT bytes FROM slots WHERE free = 0").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn rekey_to_a_file_tells_how_to_start_from_then_on() {
    let (folder, ciphertexts) = stopped();
    let new = shown(&folder.beside("elsewhere/root.key"));
    let ended = folder.run("rekey", &["--to-file", &new, "--json"]);
    expect(&ended, 0, &[]);
    let said: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(said["sealed"].as_u64().unwrap() >= 2, "{said}");
    expect(&folder.refused(&[]), 5, &["the database is sealed under root key"]);
    opens(&folder.server(&["--root-key-file", &new]), &ciphertexts);
    // An existing file is never overwritten.
    let before = fs::read(&new).unwrap();
    let ended = folder.run("rekey", &["--root-key-file", &new, "--to-file", &new]);
    expect(&ended, 5, &["already", "give a new key"]);
    assert_eq!(fs::read(&new).unwrap(), before);
    opens(&folder.server(&["--root-key-file", &new]), &ciphertexts);
}

#[test]
fn rekey_to_a_file_that_fails_leaves_no_file_behind() {
    let (folder, ciphertexts) = stopped();
    let new = shown(&folder.beside("new.key"));
    let server = folder.server(&[]);
    expect(&folder.run("rekey", &["--to-file", &new]), 5, &["is in use by process"]);
    assert!(!folder.beside("new.key").exists(), "the next attempt would find it in the way");
    server.kill();
    expect(&folder.run("rekey", &["--to-file", &new]), 0, &[]);
    opens(&folder.server(&["--root-key-file", &new]), &ciphertexts);
}

#[test]
fn rekey_to_a_variable_and_back_to_a_file() {
    let (folder, ciphertexts) = stopped();
    let rekey = |arguments: &[&str], key: Option<&str>| {
        let mut command = command(&["rekey", "--data-dir", &shown(&folder.data())]);
        command.args(arguments).envs(key.map(|key| ("NEXT_KEY", key)));
        fixtures::process::run(&mut command).unwrap()
    };
    expect(&rekey(&["--to-variable", "NEXT_KEY"], None), 2, &["set the variable NEXT_KEY"]);
    expect(&rekey(&["--to-variable", "NEXT_KEY"], Some("short")), 2, &["NEXT_KEY", "32 bytes"]);
    let ended = rekey(&["--to-variable", "NEXT_KEY"], Some(MATERIAL));
    expect(&ended, 0, &[]);
    let advice = "--root-key-source environment --root-key-variable NEXT_KEY";
    assert!(ended.out.contains(advice), "{}", ended.out);

    let from_variable: Vec<&str> = advice.split(' ').collect();
    let server = started(folder.serve(&from_variable).env("NEXT_KEY", MATERIAL));
    opens(&server, &ciphertexts);
    server.kill();
    // In place of what? The present key is in no file.
    expect(&rekey(&from_variable, Some(MATERIAL)), 2, &["--to-file", "--to-variable"]);
    let new = shown(&folder.beside("new.key"));
    let back: Vec<&str> = from_variable.iter().copied().chain(["--to-file", &new]).collect();
    expect(&rekey(&back, Some(MATERIAL)), 0, &[]);
    opens(&folder.server(&["--root-key-file", &new]), &ciphertexts);
}

fn findings(ended: &Ended) -> Vec<(String, String)> {
    let said: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = said["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "kind"), text(finding, "text"))).collect()
}

#[test]
fn doctor_finds_nothing_to_repair_in_a_sound_directory() {
    let (folder, _) = stopped();
    let ended = folder.run("doctor", &[]);
    expect(&ended, 0, &[]);
    for word in [
        "ok      the settings are valid",
        "holds a root key",
        "is sound",
        "records can be read and unsealed",
        "ok      policies and grants are enforced",
        "lies beside the database",
        "no access key is configured",
    ] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    assert!(!ended.out.contains("repair "), "{}", ended.out);
    let fresh = Folder::new();
    let ended = fresh.run("doctor", &["--json", "--address", "0.0.0.0"]);
    expect(&ended, 0, &[]);
    let found = findings(&ended);
    let noted = |word: &str| found.iter().any(|(kind, text)| kind == "note" && text.contains(word));
    assert!(noted("holds no database yet") && noted("is made together with a new database"), "{found:?}");
    assert!(noted("listens on 0.0.0.0"), "{found:?}");
    assert!(!fresh.data().exists(), "looking makes nothing");
}

#[test]
fn doctor_says_what_to_repair() {
    let (folder, _) = stopped();
    let file = folder.data().join("root.key");
    let repairs = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let ended = folder.run("doctor", &arguments);
        assert_eq!(ended.code, Some(6), "{ended:?}");
        let found = findings(&ended).into_iter().filter(|(kind, _)| kind == "repair");
        found.map(|(_, text)| text).collect::<Vec<_>>()
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let found = repairs(&[]);
    assert!(found.len() == 1 && found[0].contains(&format!("chmod 600 {}", shown(&file))), "{found:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

    let right = fs::read(&file).unwrap();
    fs::write(&file, MATERIAL).unwrap();
    let found = repairs(&[]);
    assert!(found[0].contains("the database is sealed under root key"), "{found:?}");
    fs::remove_file(&file).unwrap();
    let found = repairs(&[]);
    assert!(found.iter().any(|text| text.contains("is missing")), "{found:?}");
    assert!(!file.exists());
    fs::write(&file, right).unwrap();

    let mut doctor = command(&["doctor", "--json", "--data-dir", &shown(&folder.data())]);
    let ended = fixtures::process::run(doctor.env("KMS_SERVER_PROT", "1")).unwrap();
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.out.contains("KMS_SERVER_PORT"), "{}", ended.out);
    expect(&folder.run("doctor", &["--port", "many"]), 2, &["--port"]);
}
