//! The settings of mails about tables that have lost their keys. That mails arrive is shown with a real mail server, in
//! `fixtures/python/test_mail.py`.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::support::*;
use super::tables::{made, under};

const ADDRESSES: [&str; 2] = ["--events-mail-from=kms@example.com", "--events-mail-to=ops@example.com"];

#[test]
pub(crate) fn a_mail_is_sent_as_often_as_the_settings_say() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("--events-mail-server=smtp://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            // Not now.
            let _ = stream.unwrap().write_all(b"421 Busy\r\n");
        }
    });
    let mut settings = vec!["--clock-frozen", "--tables-create-time=0s", "--events-mail-attempts-max=3"];
    settings.extend(ADDRESSES.iter().chain([&server.as_str(), &"--log-filter=warn"]));
    let server = in_memory(&settings);
    let id = key(&server);
    made(&server, "books", under(&id));
    ok(&server, "DisableKey", json!({ "KeyId": id }));
    client_ok(&server, &["clock", "advance", "1h"]);
    assert!(eventually(|| server.log().contains("a notification was given up").then_some(())).is_some());
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn what_is_missing_for_mails_is_said_at_the_start() {
    let folder = Folder::new();
    let to = "--events-mail-server=smtps://mail.example.com";
    let [from, readers] = ADDRESSES;
    let nothing = folder.write("nothing", "nothing\n");
    let credentials = format!("--events-mail-credentials={nothing}");
    let trusted = format!("--events-mail-ca={nothing}");
    let refused_with = |settings: &[&str], words: &[&str]| {
        let ended = refused(command(&["serve", "--port", "0", "--memory"]).args(settings));
        expect(&ended, 2, words);
    };
    refused_with(&[to], &["set --events-mail-from"]);
    refused_with(&[to, from], &["set --events-mail-to"]);
    refused_with(&[to, from, readers, &credentials], &["a user, a colon and a password"]);
    refused_with(&[to, from, readers, &trusted], &["the mail server cannot be used"]);
    refused_with(&[to, from, readers, "--events-mail-ca=/nowhere"], &["/nowhere cannot be read"]);
    refused_with(&["--events-mail-to=ops"], &["expected mail addresses between commas"]);
    let in_the_clear = "--events-mail-server=smtp://mail.example.com";
    refused_with(&[in_the_clear, from, readers], &["to this machine only"]);
}
