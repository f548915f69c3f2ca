//! The README tells the truth: its table of operations is the registry's, and its quick start works as pasted.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::process::Command;

use fixtures::process::ServerProcess;
use kms_server::operations::registry::{Body, OPERATIONS};

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}

/// What stands between two comments.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap();
    let inner = &text[from + text[from..].find("-->").unwrap() + 3..];
    inner.split_once(end).unwrap().0
}

/// The table as it must stand.
fn table() -> String {
    let mut rows = String::from("\n| Operation | Status |\n| --- | --- |\n");
    for entry in OPERATIONS {
        let status = match entry.body {
            Body::NotBuilt => "not built: 501",
            Body::Query(_) | Body::Command(_) => "built",
        };
        rows.push_str(&format!("| {} | {status} |\n", entry.name()));
    }
    rows
}

#[test]
fn the_table_of_operations_is_the_registrys() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let found = between(&text, "<!-- operations:", "<!-- operations end -->");
    assert_eq!(found, table(), "run: cargo test -p kms-tests --test readme -- --ignored");
}

#[test]
#[ignore = "writes the README's table of operations"]
fn write_the_table_of_operations() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let found = between(&text, "<!-- operations:", "<!-- operations end -->");
    let comment = text.find("<!-- operations:").unwrap();
    let start = comment + text[comment..].find("-->").unwrap() + 3;
    let written = format!("{}{}{}", &text[..start], table(), &text[start + found.len()..]);
    std::fs::write(readme(), written).unwrap();
}

#[test]
fn the_quick_start_works_as_pasted() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let block = between(&text, "<!-- quick start:", "<!-- quick start end -->");
    let script = block.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    let server = ServerProcess::start(&["--memory"]).unwrap();
    let script = script.replace("127.0.0.1:4566", &format!("127.0.0.1:{}", server.port()));
    let run = Command::new("bash").args(["-eu", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains(r#""Plaintext":"aGVsbG8=""#), "{said}");
    assert!(said.contains(r#""__type":"DisabledException""#), "{said}");
}
