//! Data directories that cannot be used: each says why and what to do, and loses nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::support::*;

/// A directory with a key in it, the server stopped.
fn with_a_key(arguments: &[&str]) -> (Folder, String) {
    let folder = Folder::new();
    let server = folder.server(arguments);
    let ciphertext = encrypt(&server, &key(&server), "aGVsbG8=");
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
    (folder, ciphertext)
}

fn opens(folder: &Folder, arguments: &[&str], ciphertext: &str) {
    let server = folder.server(arguments);
    assert_eq!(decrypt(&server, ciphertext), "aGVsbG8=");
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
}

#[test]
fn a_second_server_is_told_who_has_the_directory() {
    let folder = Folder::new();
    let first = folder.server(&[]);
    let id = key(&first);
    let process = format!("is in use by process {}", first.id());
    let words = [process.as_str(), "stop that server", "--data-dir"];
    expect(&folder.refused(&[]), 5, &words);
    expect(&folder.run("rekey", &[]), 5, &words);
    let examined = folder.run("doctor", &[]);
    assert_eq!(examined.code, Some(6), "{examined:?}");
    assert!(examined.out.contains(&process), "{}", examined.out);
    ok(&first, "DescribeKey", json!({ "KeyId": id }));
    first.kill();
    let server = folder.server(&[]);
    ok(&server, "DescribeKey", json!({ "KeyId": id }));
}

#[test]
fn a_missing_or_wrong_root_key_is_named_and_changes_nothing() {
    let (folder, ciphertext) = with_a_key(&[]);
    let file = folder.data().join("root.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let right = fs::read_to_string(&file).unwrap();
    let database = fs::read(folder.data().join("kms.db")).unwrap();

    fs::remove_file(&file).unwrap();
    expect(&folder.refused(&[]), 5, &[&shown(&file), "is missing", "put the file back"]);
    assert!(!file.exists(), "a new root key would hide the loss of the old one");

    fs::write(&file, format!("{MATERIAL}\n")).unwrap();
    expect(
        &folder.refused(&[]),
        5,
        &[&shown(&file), "the database is sealed under root key", "Nothing was changed"],
    );
    fs::write(&file, "no key at all\n").unwrap();
    let ended = folder.refused(&[]);
    expect(&ended, 5, &[&shown(&file), "32 bytes", "base64"]);
    assert!(!ended.error.contains("no key at all"), "the text of a key is not shown");

    assert_eq!(fs::read(folder.data().join("kms.db")).unwrap(), database);
    fs::write(&file, right).unwrap();
    opens(&folder, &[], &ciphertext);
}

#[test]
fn the_root_key_may_be_in_the_environment_and_is_then_never_on_disk() {
    let folder = Folder::new();
    let serve = |variable: &str, value: Option<&str>| {
        let mut command = folder.serve(&["--root-key-source", "environment"]);
        command.args(["--root-key-variable", variable]);
        command.envs(value.map(|value| (variable, value)));
        command
    };
    expect(&refused(&mut serve("KMS_SERVER_ROOT_KEY", None)), 2, &["set the variable KMS_SERVER_ROOT_KEY"]);
    let ended = refused(&mut serve("KMS_SERVER_ROOT_KEY", Some("c2hvcnQ=")));
    expect(&ended, 2, &["KMS_SERVER_ROOT_KEY", "32 bytes"]);
    assert!(!folder.data().exists(), "nothing was made");

    let server = started(&mut serve("KMS_SERVER_ROOT_KEY", Some(MATERIAL)));
    assert!(!server.log().contains("no setting"), "{}", server.log());
    let ciphertext = encrypt(&server, &key(&server), "aGVsbG8=");
    server.kill();
    assert!(!folder.data().join("root.key").exists());
    assert!(folder.files().iter().all(|(_, bytes)| !contains(bytes, MATERIAL.as_bytes())));

    let other = "HxAeDRwMGwsaChkJGAgXBxYGFQUUBBMDEgIRAQAPDg0=";
    expect(
        &refused(&mut serve("MY_KEY", Some(other))),
        5,
        &["the database is sealed under root key", "Nothing was changed"],
    );
    let server = started(&mut serve("MY_KEY", Some(MATERIAL)));
    assert_eq!(decrypt(&server, &ciphertext), "aGVsbG8=");
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_corrupt_database_is_refused_and_not_overwritten() {
    let (folder, ciphertext) = with_a_key(&[]);
    let path = folder.data().join("kms.db");
    let sound = fs::read(&path).unwrap();
    let damaged = |detail: &str| {
        format!(
            "the database {} is damaged: {detail}. It was left as it is: copy the whole directory before anything \
             else, then restore it from a backup",
            path.display()
        )
    };

    let mut overwritten = sound.clone();
    overwritten[..100].fill(b'x');
    fs::write(&path, &overwritten).unwrap();
    let words = format!(
        "{} is not a database of kms-server, or its first page is damaged. It was left as it is: restore it from a \
         backup, or move it away, or give another directory with --data-dir",
        path.display()
    );
    expect(&folder.refused(&[]), 5, &[&words]);
    assert_eq!(fs::read(&path).unwrap(), overwritten);

    // Every page but the first.
    let mut holed = sound.clone();
    holed[4_096..].fill(0xAA);
    fs::write(&path, &holed).unwrap();
    let ended = folder.refused(&[]);
    expect(&ended, 5, &[&damaged("database disk image is malformed")]);
    let examined = folder.run("doctor", &[]);
    assert_eq!(examined.code, Some(6), "{examined:?}");

    // What is well-formed and yet not what was written: the row is named.
    fs::write(&path, &sound).unwrap();
    let [key, material] = ["key", "material"].map(|kind| record(&path, kind));
    for (sql, detail) in [
        (
            "UPDATE slots SET bytes = zeroblob(size) WHERE free = 0",
            format!("record material/{material} has a secret that is empty"),
        ),
        ("DELETE FROM slots", format!("record material/{material} has lost its secret")),
        ("UPDATE records SET body = X'7B7D' WHERE kind = 'key'", format!("record key/{key} was altered")),
        (
            "UPDATE meta SET value = X'00' WHERE name = 'version'",
            "the version of the last change was altered".to_owned(),
        ),
    ] {
        fs::write(&path, &sound).unwrap();
        edit(&path, sql);
        expect(&folder.refused(&[]), 5, &[&damaged(&detail)]);
    }

    fs::write(&path, &sound).unwrap();
    opens(&folder, &[], &ciphertext);
}

/// The id of the only record of a kind.
fn record(path: &Path, kind: &str) -> String {
    let database = rusqlite::Connection::open(path).unwrap();
    database.query_row("SELECT id FROM records WHERE kind = ?1", [kind], |row| row.get(0)).unwrap()
}

fn edit(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_newer_database_and_one_of_another_program_are_refused() {
    let (folder, ciphertext) = with_a_key(&[]);
    let path = folder.data().join("kms.db");
    edit(&path, "PRAGMA user_version = 99");
    expect(&folder.refused(&[]), 5, &["its schema is 99", "knows up to 1", "run the newer server"]);
    edit(&path, "PRAGMA user_version = 1");
    opens(&folder, &[], &ciphertext);

    let other = Folder::new();
    fs::create_dir(other.data()).unwrap();
    fs::write(other.data().join("root.key"), MATERIAL).unwrap();
    edit(&other.data().join("kms.db"), "CREATE TABLE photos (id); INSERT INTO photos VALUES (7)");
    let before = fs::read(other.data().join("kms.db")).unwrap();
    expect(&other.refused(&[]), 5, &["is not a database of kms-server", "--data-dir"]);
    assert_eq!(fs::read(other.data().join("kms.db")).unwrap(), before);
}

/// Root may write everywhere: the process runs as nobody then.
fn unprivileged(command: &mut Command) -> &mut Command {
    match fs::metadata("/proc/self").map(|metadata| metadata.uid()) {
        Ok(0) => command.uid(65_534).gid(65_534),
        _ => command,
    }
}

#[test]
fn a_directory_that_cannot_be_made_or_written_is_named() {
    let folder = Folder::new();
    let file = folder.write("file", "no directory");
    let below = format!("{file}/data");
    let ended = refused(&mut command(&["serve", "--port", "0", "--data-dir", &below]));
    expect(&ended, 5, &[&below, "cannot be used", "--data-dir", "--memory"]);

    let (folder, ciphertext) = with_a_key(&[]);
    let opened = |mode: u32| {
        for path in [folder.beside(""), folder.data(), folder.data().join("audit")] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    opened(0o555);
    let ended = refused(unprivileged(&mut folder.serve(&[])));
    expect(&ended, 5, &[&shown(&folder.data()), "denied", "Make it writable", "--memory"]);
    opened(0o755);
    opens(&folder, &[], &ciphertext);
}

#[test]
fn a_database_that_may_only_be_read_is_refused() {
    let (folder, ciphertext) = with_a_key(&[]);
    let path = folder.data().join("kms.db");
    let before = fs::read(&path).unwrap();
    fs::set_permissions(folder.beside(""), fs::Permissions::from_mode(0o755)).unwrap();
    for file in ["root.key", "lock"] {
        fs::set_permissions(folder.data().join(file), fs::Permissions::from_mode(0o666)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.data(), fs::Permissions::from_mode(0o777)).unwrap();
    let ended = refused(unprivileged(&mut folder.serve(&[])));
    expect(&ended, 5, &[&shown(&path), "read-only", "Make the file and its directory writable"]);
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    opens(&folder, &[], &ciphertext);
}

#[test]
pub(crate) fn a_full_disk_fails_a_call_cleanly_and_the_same_call_succeeds_once_pages_are_free() {
    let folder = Folder::new();
    let server = folder.server(&["--max-pages", "40"]);
    let first = key(&server);
    let ciphertext = encrypt(&server, &first, "aGVsbG8=");
    let targets: Vec<String> = (0..10).map(|_| key(&server)).collect();
    let mut made = Vec::new();
    // A key may have 50 aliases, so ten keys take more of them than fit.
    let refused = (0..500).find_map(|number: usize| {
        let name = format!("alias/{number:0200}");
        let input = json!({"AliasName": name, "TargetKeyId": targets[number % 10]});
        let reply = server.call("CreateAlias", &input).unwrap();
        if reply.status == 200 {
            made.push(name);
        }
        (reply.status != 200).then_some((input, reply))
    });
    let (input, reply) = refused.expect("40 pages are never full");
    assert_eq!(reply.status, 500, "{}", reply.text);
    assert_eq!(reply.json()["__type"], "KMSInternalException");
    assert!(reply.text.contains("full") && reply.text.contains("Free space"), "{}", reply.text);

    // The old state stands, and reading and cryptography go on.
    assert_eq!(aliases(&server), made);
    assert_eq!(decrypt(&server, &ciphertext), "aGVsbG8=");
    let (status, name, _) = fails(&server, "CreateAlias", input.clone());
    assert_eq!((status, name.as_str()), (500, "KMSInternalException"));

    // What a server writes that was killed while its disk was full is all there.
    server.kill();
    let server = folder.server(&["--max-pages", "40"]);
    assert_eq!(aliases(&server), made);
    for name in made.drain(..20) {
        ok(&server, "DeleteAlias", json!({ "AliasName": name }));
    }
    ok(&server, "CreateAlias", input.clone());
    made.push(input["AliasName"].as_str().unwrap().to_owned());
    assert_eq!(aliases(&server), made);
    server.kill();
    let server = folder.server(&[]);
    assert_eq!(aliases(&server), made);
    assert_eq!(decrypt(&server, &ciphertext), "aGVsbG8=");
}

fn aliases(server: &ServerProcess) -> Vec<String> {
    let page = control(server, "GET", "/_kms/keys", "").json();
    let mut found: Vec<String> = page["keys"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|key| key["aliases"].as_array().unwrap().clone())
        .map(|alias| alias.as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn a_database_larger_than_the_page_limit_says_so() {
    let (folder, ciphertext) = with_a_key(&[]);
    // SQLite never sets the limit below the size that a database has: it only stops growing.
    opens(&folder, &["--max-pages", "1"], &ciphertext);
    let fresh = Folder::new();
    expect(&fresh.refused(&["--max-pages", "1"]), 5, &["full", "raise the limit"]);
}
