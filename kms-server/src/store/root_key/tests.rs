use std::os::unix::fs::PermissionsExt;

use super::*;

/// Sixteen bytes apart, so that no spelling of the key is a spelling of a part of it.
const BYTES: [u8; LEN] = *b"\x00\x01\x02\x03\xfc\xfd\xfe\xff0123456789abcdefghijklmn";
const HEX: &str = "00010203fcfdfeff303132333435363738396162636465666768696a6b6c6d6e";
const BASE64: &str = "AAECA/z9/v8wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4=";

fn file_source(path: &Path) -> RootKeySource {
    RootKeySource::File(path.to_owned())
}

fn key(byte: u8) -> RootKey {
    RootKey::from_bytes([byte; LEN])
}

#[test]
fn every_spelling_of_a_key_is_read() {
    let upper = HEX.to_uppercase();
    let unpadded = BASE64.trim_end_matches('=');
    for text in [HEX, upper.as_str(), BASE64, unpadded, &format!(" {HEX}\r\n"), &format!("{BASE64}\n")] {
        assert_eq!(RootKey::parse(text, "x").unwrap().expose(), BYTES, "{text:?}");
    }
}

#[test]
fn anything_else_is_refused_without_being_repeated() {
    let short = STANDARD.encode([7; 31]);
    let long = STANDARD.encode([7; 33]);
    let not_hex = "g".repeat(64);
    let url_safe = BASE64.replace('/', "_");
    for text in
        ["", "password", &HEX[..62], &format!("{HEX}00"), &short, &long, &not_hex, &url_safe, &"é".repeat(32)]
    {
        let message = RootKey::parse(text, "KMS_SERVER_ROOT_KEY").unwrap_err().to_string();
        assert!(
            message.starts_with("KMS_SERVER_ROOT_KEY holds no root key") && message.contains("openssl rand"),
            "{message}"
        );
        assert!(text.is_empty() || !message.contains(text), "{message}");
    }
}

#[test]
fn a_key_file_is_created_once_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets/root.key");
    let created = file_source(&path).provide().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(excess_permissions(&path).unwrap(), None);
    assert_eq!(file_source(&path).provide().unwrap().expose(), created.expose());
    assert_eq!(file_source(&path).find(&created.check()).unwrap().expose(), created.expose());
    assert_ne!(file_source(&dir.path().join("other.key")).provide().unwrap().id(), created.id());
    let names: Vec<_> =
        fs::read_dir(dir.path().join("secrets")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["root.key"], "nothing is left over");
}

#[test]
fn the_text_of_a_key_file_works_as_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let created = file_source(&path).provide().unwrap();
    let text = Zeroizing::new(fs::read_to_string(&path).unwrap());
    let value = RootKeySource::Value { name: "KMS_SERVER_ROOT_KEY".into(), text };
    assert_eq!(value.provide().unwrap().expose(), created.expose());
    assert_eq!(value.find(&created.check()).unwrap().expose(), created.expose());
}

#[test]
fn many_first_starts_agree_on_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let start = || read_or_create(&path).unwrap().id();
    let ids: Vec<RootKeyId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_file_holds_the_bytes_or_their_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    for content in [&BYTES[..], HEX.as_bytes(), BASE64.as_bytes(), format!("{BASE64}\n").as_bytes()] {
        fs::write(&path, content).unwrap();
        assert_eq!(file_source(&path).provide().unwrap().expose(), BYTES);
    }
    for content in [&b""[..], &[0xff; 31], &[0xff; 33], b"0123456789abcdef0123456789abcdef", &[b'0'; 5000]] {
        fs::write(&path, content).unwrap();
        let message = file_source(&path).provide().unwrap_err().to_string();
        assert!(message.contains("root.key holds no root key"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), content, "never overwritten");
    }
}

#[test]
fn permissions_for_others_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    fs::write(&path, BASE64).unwrap();
    for (mode, excess) in
        [(0o600, None), (0o400, None), (0o640, Some(0o640)), (0o604, Some(0o604)), (0o666, Some(0o666))]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(excess_permissions(&path).unwrap(), excess, "{mode:o}");
    }
    assert_eq!(excess_permissions(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_missing_file_of_an_existing_database_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let message = file_source(&path).find(&key(1).check()).unwrap_err().to_string();
    for part in ["root.key is missing", &key(1).id().to_string(), "backup", "start afresh"] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!path.exists());
}

#[test]
fn a_wrong_key_names_both_keys_and_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    fs::write(&path, [2; LEN]).unwrap();
    let value =
        RootKeySource::Value { name: "KMS_SERVER_ROOT_KEY".into(), text: Zeroizing::new("02".repeat(LEN)) };
    let (given, needed) = (key(2).id(), key(1).id());
    for (source, origin) in
        [(file_source(&path), path.display().to_string()), (value, "KMS_SERVER_ROOT_KEY".into())]
    {
        let message = source.find(&key(1).check()).unwrap_err().to_string();
        let expected =
            format!("{origin} holds root key {given}, and the database is sealed under root key {needed}");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn the_next_key_takes_over_only_when_the_database_needs_it() {
    // The main file, the database's key, and whether the next key, 2, takes over.
    let cases = [
        (Some(vec![1; LEN]), 1, false),
        (Some(vec![1; LEN]), 2, true),
        (None, 2, true),
        (Some(b"torn".to_vec()), 2, true),
        (Some(vec![2; LEN]), 2, false),
    ];
    for (main, needed, taken) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        if let Some(main) = &main {
            fs::write(&path, main).unwrap();
        }
        fs::write(next_path(&path), [2; LEN]).unwrap();
        assert_eq!(file_source(&path).find(&key(needed).check()).unwrap().id(), key(needed).id());
        assert_eq!(next_path(&path).exists(), !taken, "{main:?} {needed}");
        assert_eq!(read(&path).unwrap().unwrap().id(), key(needed).id());
    }
}

#[test]
fn a_next_key_that_does_not_fit_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    for next in [vec![3; LEN], b"torn".to_vec()] {
        fs::write(&path, [1; LEN]).unwrap();
        fs::write(next_path(&path), &next).unwrap();
        assert!(matches!(file_source(&path).find(&key(2).check()), Err(RootKeyError::Wrong { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(file_source(&path).find(&key(2).check()), Err(RootKeyError::Missing { .. })));
        assert_eq!(fs::read(next_path(&path)).unwrap(), next);
    }
}

#[test]
fn a_damaged_check_is_not_a_wrong_key() {
    let bytes = key(1).check().to_bytes();
    assert!(KeyCheck::from_bytes(&bytes).unwrap().matches(&key(1)));
    assert!(!KeyCheck::from_bytes(&bytes).unwrap().matches(&key(2)));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(KeyCheck::from_bytes(&damaged).is_none(), "byte {at}");
        assert!(KeyCheck::from_bytes(&bytes[..at]).is_none(), "length {at}");
    }
}

#[test]
fn no_debug_output_holds_a_key() {
    let value = RootKeySource::Value { name: "KMS_SERVER_ROOT_KEY".into(), text: Zeroizing::new(HEX.into()) };
    assert_eq!(format!("{value:?}"), "Value(KMS_SERVER_ROOT_KEY, redacted)");
    let key = RootKey::from_bytes(BYTES);
    assert_eq!(format!("{key:?}"), format!("RootKey({}, redacted)", key.id()));
    assert!(!HEX.contains(&key.id().to_string()));
}
