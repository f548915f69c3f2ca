//! The README keeps its word: its table is that of the registry, its shell and seed examples work, its links lead
//! somewhere. Its Rust example is a documentation test of this package.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::process::{ServerProcess, binary, send};
use kms_server::operations::declaration::Reach;
use kms_server::operations::registry::OPERATIONS;
use regex::Regex;
use serde_json::{Value, json};

const BEGIN: &str =
    "<!-- operations: begin (written by `cargo test -p kms-tests --test readme -- --ignored`) -->\n";
const END: &str = "<!-- operations: end -->";

#[test]
fn the_table_of_operations_is_the_registry() {
    let readme = read("README.md");
    let (_, table, _) = around_the_table(&readme);
    assert!(
        table == generated(),
        "the README's table of operations is out of date; run \
         `cargo test -p kms-tests --test readme -- --ignored`"
    );
}

/// Not a check: writes the table.
#[test]
#[ignore = "writes README.md"]
fn write_the_table_of_operations() {
    let readme = read("README.md");
    let (before, _, after) = around_the_table(&readme);
    fs::write(root().join("README.md"), format!("{before}{}{after}", generated())).unwrap();
}

fn around_the_table(readme: &str) -> (&str, &str, &str) {
    let begin = readme.find(BEGIN).expect("the marker before the table") + BEGIN.len();
    let end = readme.find(END).expect("the marker behind the table");
    (&readme[..begin], &readme[begin..end], &readme[end..])
}

fn generated() -> String {
    let count = OPERATIONS.len();
    let mut table = format!(
        "{count} of {count} operations are built.\n\n| Operation | On keys of other accounts |\n| --- | --- |\n"
    );
    for entry in OPERATIONS {
        let abroad = if entry.declaration.reach == Reach::AnyAccount { "yes" } else { "no" };
        table.push_str(&format!("| {} | {abroad} |\n", entry.name()));
    }
    table
}

#[test]
fn the_quick_start_prints_what_it_says() {
    let readme = read("README.md");
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&["--data-dir", folder.path().to_str().unwrap()]).unwrap();
    let script = block(&readme, "<!-- quick start -->", "sh");
    let cargo = "cargo run --release -q --";
    assert!(script.contains(cargo), "{script}");
    // The same script with the binary of this build, and with the free port in place of the default one.
    let script = script.replace(cargo, binary().to_str().unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("KMS_ENDPOINT", format!("http://127.0.0.1:{}", server.port()))
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello", "{said}");
    let promised = "It prints `hello`.";
    assert!(readme.contains(promised));
    let keys = control(&server, "/_kms/keys");
    let found: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["metadata"]).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["Description"], "my first key");
    assert_eq!(found[0]["AWSAccountId"], "000000000000");
}

#[test]
fn the_story_of_time_goes_as_it_says() {
    let readme = read("README.md");
    let server = ServerProcess::start(&["--memory", "--clock-frozen"]).unwrap();
    let script = block(&readme, "<!-- quick start -->", "sh") + &block(&readme, "<!-- time -->", "sh");
    let script = script.replace("cargo run --release -q --", binary().to_str().unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("KMS_ENDPOINT", format!("http://127.0.0.1:{}", server.port()))
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let out = String::from_utf8_lossy(&output.stdout);
    let (out, log) = out.split_at(out.find("NotFoundException").expect("the key is gone"));
    let names: Vec<&str> = log.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    let told = |name: &str| names.iter().filter(|told| **told == name).count();
    assert_eq!((names.first(), told("RotateKey"), told("DeleteKey")), (Some(&"CreateKey"), 3, 1), "{log}");
    let lines: Vec<&str> = out.lines().collect();
    let events = |kind: &str| lines.iter().filter(|line| line.contains(&format!("Z  {kind}"))).count();
    assert_eq!((events("RotateKey"), events("DeleteKey")), (3, 1), "{out}");
    assert!(lines.contains(&"old"), "the first ciphertext opens: {out}");
    let listed = lines.iter().find(|line| line.contains("Rotations")).unwrap();
    assert_eq!(listed.matches("AUTOMATIC").count(), 3, "{out}");
}

#[test]
fn the_seed_example_makes_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.yaml");
    fs::write(&seed, block(&read("README.md"), "<!-- seed -->", "yaml")).unwrap();
    let data = folder.path().join("data");
    let arguments = ["--data-dir", data.to_str().unwrap(), "--seed", seed.to_str().unwrap()];
    // Twice: the second start finds the key and leaves it as it is.
    for start in 0..2 {
        let server = ServerProcess::start(&arguments).unwrap();
        let keys = control(&server, "/_kms/keys");
        let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("start {start}: {keys}") };
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(key["metadata"]["Arn"], arn);
        assert_eq!(key["aliases"], json!(["alias/orders"]));
        assert_eq!(key["tags"], json!([{ "TagKey": "stage", "TagValue": "test" }]));
        let unsigned = [("x-amz-target", "TrentService.ListKeys"), ("host", "127.0.0.1")];
        let refused = send(server.port(), "POST", "/", &unsigned, b"{}").unwrap();
        assert_eq!(refused.json()["__type"], "MissingAuthenticationTokenException");
    }
}

#[test]
fn the_example_of_principals_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("principals.yaml");
    fs::write(&file, block(&read("README.md"), "<!-- principals -->", "yaml")).unwrap();
    let server = ServerProcess::start(&["--memory", "--principals", file.to_str().unwrap()]).unwrap();
    let found = control(&server, "/_kms/principals");
    let principals = found["principals"].as_array().unwrap();
    let kinds: Vec<&Value> = principals.iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["account", "user", "role"]);
    assert_eq!(principals[1]["principal"]["access_keys"], json!([{ "id": "AKIDALICE" }]));
}

#[test]
fn the_example_of_a_question_is_answered() {
    let server = ServerProcess::start(&["--memory"]).unwrap();
    let question = block(&read("README.md"), "<!-- question -->", "json");
    let host = format!("127.0.0.1:{}", server.port());
    let headers = [("host", host.as_str()), ("content-type", "application/json")];
    let answer = send(server.port(), "POST", "/_kms/explain", &headers, question.as_bytes()).unwrap().json();
    assert_eq!(answer["decision"], "allow", "{answer}");
    let sources: Vec<_> = answer["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["key-policy", "grant", "identity-policy"]);
}

#[test]
fn the_control_calls_are_those_that_are_served() {
    let readme = read("README.md");
    let source = read("kms-server/src/control/mod.rs");
    let source =
        source.split("answered = match").nth(1).expect("the router").split("match answered").next().unwrap();
    let paths = |text: &str| {
        let mut paths: Vec<String> = Regex::new(r"/_(?:kms|localstack)/[a-z]+")
            .unwrap()
            .find_iter(text)
            .map(|found| found.as_str().to_owned())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    };
    let section = readme.split("## Control API").nth(1).unwrap().split("\n## ").next().unwrap();
    assert_eq!(paths(section), paths(source));
}

#[test]
fn links_lead_to_files_and_headings() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "kms-server/docs/compat.md"] {
        let text = read(document);
        let folder = root().join(document).parent().unwrap().to_owned();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            match target.strip_prefix('#') {
                _ if target.starts_with("https://") => {}
                Some(heading) => {
                    assert!(headings(&text).contains(&heading.to_owned()), "{document}: {target}")
                }
                None => assert!(folder.join(&target).exists(), "{document}: {target}"),
            }
        }
    }
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let heading = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>()
            .replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

/// The code block in `language` that follows `marker`.
fn block(text: &str, marker: &str, language: &str) -> String {
    let rest = text.split(marker).nth(1).unwrap_or_else(|| panic!("{marker} is missing"));
    let code =
        rest.trim_start().strip_prefix(&format!("```{language}\n")).expect("a code block behind the marker");
    code.split("```").next().unwrap().to_owned()
}

fn control(server: &ServerProcess, path: &str) -> Value {
    let host = format!("127.0.0.1:{}", server.port());
    let reply = send(server.port(), "GET", path, &[("host", &host)], b"").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
