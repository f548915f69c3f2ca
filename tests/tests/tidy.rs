//! Style as a test: reads the source tree and fails on what no compiler sees.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const MEMBERS: [&str; 4] = ["lifecycle", "kms-server", "fixtures", "tests"];

/// The longest file, in lines.
const LINES_MAX: usize = 800;

/// What each module of `kms-server` imports from the others: exactly this, so that a new arrow is a decision.
const SERVER: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("attestation", &[]),
    ("auth", &["message"]),
    (
        "builder",
        &[
            "attestation",
            "auth",
            "engine",
            "faults",
            "limits",
            "observe",
            "operations",
            "pipeline",
            "quotas",
            "report",
            "service",
            "store",
            "sts",
            "tables",
            "xks",
        ],
    ),
    (
        "cli",
        &[
            "attestation",
            "auth",
            "builder",
            "config",
            "control",
            "cron",
            "document",
            "engine",
            "limits",
            "pipeline",
            "observe",
            "http",
            "principals",
            "seed",
            "service",
            "store",
            "sts",
            "tables",
        ],
    ),
    // Its requests come as those of KMS do, its pages are signed like theirs, and what it finds is in the audit log.
    ("cloudtrail", &["api", "auth", "engine", "message", "observe", "operations", "pipeline", "service"]),
    ("config", &["document", "observe", "principals", "sts", "xks"]),
    (
        "control",
        &[
            "document",
            "engine",
            "faults",
            "http",
            "limits",
            "message",
            "observe",
            "operations",
            "pipeline",
            "principals",
            "quotas",
            "report",
            "service",
            "tables",
        ],
    ),
    ("cron", &["service"]),
    ("document", &[]),
    // Only the trait by which a query asks for last uses.
    ("engine", &["operations", "store"]),
    // Who calls, what is called and what that may answer; faults are read as other documents are.
    ("faults", &["api", "auth", "document", "operations"]),
    ("http", &["message"]),
    ("message", &[]),
    ("limits", &[]),
    // The logs ask the engine's wall clock for the age of their files, and its outbox for what has happened; the metrics
    // know the edge's refusals.
    ("observe", &["api", "attestation", "auth", "engine", "http", "operations", "pipeline"]),
    // The registry names the pipeline's entry points, and what is authorised carries the pipeline's permit.
    ("operations", &["api", "attestation", "auth", "limits", "pipeline", "xks"]),
    ("pipeline", &["api", "attestation", "auth", "operations"]),
    ("principals", &["document"]),
    ("quotas", &["operations"]),
    ("report", &["engine", "observe", "operations"]),
    ("seed", &["api", "auth", "config", "document", "service"]),
    (
        "service",
        &[
            "api",
            "attestation",
            "auth",
            "cloudtrail",
            "control",
            "engine",
            "faults",
            "http",
            "limits",
            "message",
            "observe",
            "operations",
            "pipeline",
            "quotas",
            "report",
            "sts",
            "tables",
            "xks",
        ],
    ),
    // The service is a handler of the edge, and reads which connection a request came over.
    ("store", &[]),
    // Who signs, what is recorded and the form of a request are as for KMS; operations and the writer are not.
    ("sts", &["api", "auth", "engine", "message", "observe", "service"]),
    // It decides with the writer, and calls KMS through the service as its own callers.
    ("tables", &["api", "auth", "engine", "message", "observe", "pipeline", "service"]),
    // What it asks of proxies is signed.
    ("xks", &["auth"]),
];

/// What each module of `lifecycle` imports from the others.
const LIFECYCLE: &[(&str, &[&str])] = &[
    ("alias", &["clock", "ids"]),
    ("at_rest", &["clock", "crypto", "ids", "key"]),
    ("authorize", &["policy"]),
    ("clock", &[]),
    ("crypto", &["ids"]),
    ("custom_store", &["clock", "crypto", "ids", "key"]),
    ("due", &["clock", "custom_store", "ids", "key"]),
    ("event", &["at_rest", "clock", "ids", "key"]),
    ("grant", &["clock", "crypto", "ids", "key", "policy"]),
    ("iam", &["authorize", "crypto", "ids", "policy", "tag"]),
    ("ids", &[]),
    ("key", &["clock", "crypto", "ids", "policy", "tag"]),
    ("managed", &["alias", "clock", "crypto", "ids", "key", "policy", "state"]),
    ("policy", &["ids"]),
    ("schedule", &["clock", "crypto", "due", "event", "ids", "key", "state"]),
    (
        "state",
        &[
            "alias",
            "at_rest",
            "clock",
            "crypto",
            "custom_store",
            "due",
            "event",
            "grant",
            "iam",
            "ids",
            "key",
            "policy",
        ],
    ),
    ("tag", &[]),
];

/// Arrows that the lists above must never get.
const NEVER: &[(&str, &[&str])] = &[
    ("operations", &["cli", "control", "cron", "engine", "service", "store", "http"]),
    ("pipeline", &["cli", "control", "cron", "engine", "service", "store", "http"]),
    ("store", &["engine", "operations", "pipeline", "service"]),
    ("engine", &["control", "pipeline", "service", "http"]),
    ("service", &["cli", "cron"]),
    ("sts", &["cli", "control", "operations", "pipeline", "store"]),
    ("cloudtrail", &["cli", "control", "store"]),
    ("tables", &["cli", "control", "operations", "store"]),
    ("observe", &["cli", "control", "service", "store"]),
    ("http", &["control", "engine", "operations", "pipeline", "service", "store"]),
    ("policy", &["authorize", "key"]),
];

/// Settings that are declared for parts that do not exist yet. The list may only shrink.
const NOT_READ_YET: [&str; 0] = [];

/// A source file that is part of a crate.
struct Module {
    /// Its file, below the root of the repository.
    file: PathBuf,
    /// The top-level module that it belongs to, such as `engine`; empty for the root of a crate.
    top: String,
    /// Its path within the crate, such as `engine`, `writer`.
    path: Vec<String>,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Product,
    Test,
}

impl Module {
    /// The code that is compiled into the product: without comments, and without the tests at the end.
    fn product(&self) -> String {
        if self.kind == Kind::Test {
            return String::new();
        }
        let tests =
            Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*(?:pub(?:\([^)]*\))? )?mod \w+ \{").unwrap();
        let end = tests.find(&self.text).map_or(self.text.len(), |found| found.start());
        Regex::new(r"(?m)^\s*//.*$").unwrap().replace_all(&self.text[..end], "").into_owned()
    }

    /// The top-level modules of its own crate that the product code names.
    fn imports(&self) -> BTreeSet<String> {
        let code = self.product();
        let mut found = BTreeSet::new();
        for path in Regex::new(r"\bcrate::(\w+)").unwrap().captures_iter(&code) {
            found.insert(path[1].to_owned());
        }
        for group in Regex::new(r"\bcrate::\{").unwrap().find_iter(&code) {
            found.extend(first_words(&code[group.end()..]));
        }
        for path in Regex::new(r"\b((?:super::)+)(\w+)").unwrap().captures_iter(&code) {
            if path[1].matches("super").count() == self.path.len() {
                found.insert(path[2].to_owned());
            }
        }
        found.remove(&self.top);
        found.remove("super");
        found
    }
}

/// The first word of every element of a list in braces, of which `text` is what follows the opening one.
fn first_words(text: &str) -> Vec<String> {
    let (mut depth, mut words, mut element) = (1_usize, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && c == ',' {
            let word =
                element.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
            words.extend(Some(word).filter(|word| !word.is_empty()));
            element.clear();
        } else {
            element.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    words
}

#[test]
fn imports_go_one_way() {
    let mut faults = Vec::new();
    for (member, allowed) in [("kms-server", SERVER), ("lifecycle", LIFECYCLE)] {
        let mut drawn: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let modules = modules(member);
        let known: BTreeSet<String> = modules.iter().map(|module| module.top.clone()).collect();
        for module in modules.iter().filter(|module| !module.top.is_empty()) {
            let imports = module.imports().into_iter().filter(|import| known.contains(import));
            drawn.entry(module.top.clone()).or_default().extend(imports);
        }
        let allowed: BTreeMap<String, BTreeSet<String>> = allowed
            .iter()
            .map(|(module, imports)| {
                ((*module).to_owned(), imports.iter().map(|i| (*i).to_owned()).collect())
            })
            .collect();
        for module in drawn.keys().chain(allowed.keys()).collect::<BTreeSet<_>>() {
            let none = BTreeSet::new();
            let (drawn, allowed) = (drawn.get(module).unwrap_or(&none), allowed.get(module).unwrap_or(&none));
            faults.extend(
                drawn.difference(allowed).map(|to| format!("{member}: {module} must not import {to}")),
            );
            faults.extend(allowed.difference(drawn).map(|to| {
                format!("{member}: {module} does not import {to} any more; take the arrow out of the list")
            }));
        }
        for (module, never) in NEVER {
            let imports = drawn.get(*module).into_iter().flatten();
            let wrong = imports.filter(|import| never.contains(&import.as_str()));
            faults.extend(wrong.map(|to| format!("{member}: {module} must never import {to}")));
        }
    }
    assert_none(&faults);
}

#[test]
fn crates_depend_one_way() {
    let mut faults = Vec::new();
    for (at, member) in MEMBERS.iter().enumerate() {
        for above in &MEMBERS[at + 1..] {
            let package = if *above == "tests" { "kms-tests" } else { above };
            let name =
                Regex::new(&format!(r"\b{}(?:::|\.workspace| =)", package.replace('-', "[-_]"))).unwrap();
            for file in rust_files(member).into_iter().chain([PathBuf::from(member).join("Cargo.toml")]) {
                if read(&file).lines().any(|line| !line.trim_start().starts_with("//") && name.is_match(line))
                {
                    faults.push(format!("{} must not know {package}", file.display()));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn lifecycle_is_pure() {
    let impure = Regex::new(
        r"\bstd::(?:fs|env|process|thread)\b|\b(?:Tcp|Udp|Unix)\w+\b|\bSystemTime\b|\bInstant::now\b|\basync\b|\btokio\b|\btracing\b|\brusqlite\b",
    )
    .unwrap();
    let mut faults = Vec::new();
    for module in modules("lifecycle") {
        let mut code = module.product();
        // The driver of the engine waits for a KMS that others call; it starts nothing and waits for nothing by itself.
        if module.path == ["at_rest", "drive"] {
            code = code.replace("pub async fn", "").replace("async fn", "");
        }
        faults.extend(
            impure.find_iter(&code).map(|found| format!("{}: {}", module.file.display(), found.as_str())),
        );
    }
    assert_none(&faults);
}

/// Whoever embeds encryption at rest gets one library of cryptography, and no database.
#[test]
fn a_table_store_needs_ring_alone() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = std::process::Command::new(cargo)
        .args(["tree", "--package", "lifecycle", "--no-default-features", "--features", "at-rest"])
        .args(["--edges", "normal,build", "--prefix", "none", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("ring") && packages.contains("lifecycle"), "{packages:?}");
    let unwanted = Regex::new(
        r"aws-lc|sqlite|redb|openssl|^(?:aes|aes-gcm|sha2|rsa|p256|sm2|ml-.*|ed25519.*|tokio|actix.*|criterion)$",
    )
    .unwrap();
    let faults = packages.into_iter().filter(|package| unwanted.is_match(package));
    assert_none(
        &faults.map(|package| format!("lifecycle for table stores needs {package}")).collect::<Vec<_>>(),
    );
}

#[test]
fn files_stay_short() {
    let files = MEMBERS.iter().flat_map(|member| rust_files(member));
    let faults: Vec<String> = files
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, file)| format!("{} has {lines} lines; {LINES_MAX} are allowed", file.display()))
        .collect();
    assert_none(&faults);
    assert!(read(Path::new("ARCHITECTURE.md")).lines().count() <= 110, "ARCHITECTURE.md is two pages");
}

#[test]
fn no_file_is_dead() {
    let mut faults = Vec::new();
    for member in MEMBERS {
        let declared: BTreeSet<PathBuf> = modules(member).into_iter().map(|module| module.file).collect();
        let there = rust_files(member);
        let dead = there.iter().filter(|file| !declared.contains(*file));
        faults.extend(dead.map(|file| format!("no `mod` declares {}", file.display())));
    }
    assert_none(&faults);
}

#[test]
fn nothing_is_left_to_do() {
    let left = Regex::new(r"\b(?:todo|unimplemented|dbg)!").unwrap();
    let mut faults = Vec::new();
    for module in MEMBERS.into_iter().flat_map(modules) {
        let code = module.product();
        faults.extend(
            left.find_iter(&code).map(|found| format!("{}: {}", module.file.display(), found.as_str())),
        );
    }
    assert_none(&faults);
}

#[test]
fn the_tree_stands_alone() {
    // In pieces, so that the search does not find itself.
    let words = [["/wo", "rk/"], ["/ro", "ot/"], ["../sh", "ared"], ["/tmp/", "w/"], ["/ho", "me/"]]
        .map(|word| word.concat());
    let mut faults = Vec::new();
    for file in files(Path::new("")) {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        for (line, text) in text.lines().enumerate() {
            let found = words.iter().find(|word| text.contains(word.as_str()));
            faults.extend(found.map(|word| format!("{}:{}: {word}", file.display(), line + 1)));
        }
    }
    assert_none(&faults);
}

#[test]
fn every_setting_is_read() {
    let code: String = modules("kms-server")
        .iter()
        .filter(|module| module.top != "config")
        .map(Module::product)
        .collect::<Vec<_>>()
        .join("\n");
    let mut faults = Vec::new();
    for setting in settings() {
        let path = setting.replace('.', r"\s*\.\s*");
        // A method of the settings may stand for a setting that needs another: `config.root_key_file()`.
        let method = setting.replace('.', "_");
        let read =
            Regex::new(&format!(r"\bconfig\s*\.\s*(?:{path}\b|{method}\(\))")).unwrap().is_match(&code);
        match (read, NOT_READ_YET.contains(&setting.as_str())) {
            (false, false) => faults.push(format!("nothing reads the setting {setting}")),
            (true, true) => {
                faults.push(format!("{setting} is read; take it out of the list of those that are not"))
            }
            _ => {}
        }
    }
    assert_none(&faults);
}

#[test]
fn the_architecture_names_every_module_and_real_tests() {
    let text = read(Path::new("ARCHITECTURE.md"));
    let mut faults = Vec::new();
    for (folder, member) in [("lifecycle/src/", "lifecycle"), ("kms-server/src/", "kms-server")] {
        let map = text.split(folder).nth(1).and_then(|rest| rest.split("/src/").next()).unwrap();
        let product = modules(member).into_iter().filter(|module| module.kind == Kind::Product);
        let tops: BTreeSet<String> = product.map(|module| module.top).collect();
        for top in tops.iter().filter(|top| !top.is_empty()) {
            if !Regex::new(&format!(r"\b{top}(?:\.rs|/)")).unwrap().is_match(map) {
                faults.push(format!("the map does not name {member}'s {top}"));
            }
        }
    }
    let code: String = MEMBERS.iter().flat_map(|member| rust_files(member)).map(|file| read(&file)).collect();
    let invariants = text.split("## Invariants").nth(1).unwrap();
    let names = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`").unwrap();
    for name in names.captures_iter(invariants).map(|name| name[1].to_owned()) {
        if !code.contains(&format!("fn {name}(")) {
            faults.push(format!("there is no test {name}"));
        }
    }
    let rows = invariants.lines().filter(|line| line.starts_with("| ")).skip(2);
    faults.extend(rows.filter(|row| !names.is_match(row)).map(|row| format!("no test enforces: {row}")));
    assert_none(&faults);
}

/// `table.name` of every setting in `config.toml`.
fn settings() -> Vec<String> {
    let (table, name) = (Regex::new(r"^\[(\w+)\]$").unwrap(), Regex::new(r"^(\w+) = ").unwrap());
    let (mut settings, mut within) = (Vec::new(), String::new());
    for line in read(Path::new("config.toml")).lines() {
        if let Some(found) = table.captures(line) {
            within = found[1].to_owned();
        } else if let Some(found) = name.captures(line) {
            settings.push(format!("{within}.{}", &found[1]));
        }
    }
    assert!(settings.len() > 40, "config.toml is read");
    settings
}

/// Every file that a crate root of a member declares, directly or not.
fn modules(member: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for file in rust_files(member) {
        let inner = file.strip_prefix(member).unwrap();
        let names: Vec<_> = inner.iter().map(|name| name.to_str().unwrap()).collect();
        let kind = match names.as_slice() {
            ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] | ["src", "bin", _, "main.rs"] => Kind::Product,
            ["tests" | "benches", _] | ["tests", _, "main.rs"] | ["fuzz", "fuzz_targets", _] => Kind::Test,
            _ => continue,
        };
        declare(file.clone(), file.parent().unwrap(), Vec::new(), kind, &mut found);
    }
    found
}

/// Adds the module in `file`, and those that it declares, whose files are in `folder`.
fn declare(file: PathBuf, folder: &Path, path: Vec<String>, kind: Kind, found: &mut Vec<Module>) {
    let text = read(&file);
    let declaration = Regex::new(r"(?m)^((?:#\[.*\]\n)*)(?:pub(?:\([^)]*\))? )?mod (\w+);$").unwrap();
    for declared in declaration.captures_iter(&text) {
        let name = &declared[2];
        let kind = if declared[1].contains("cfg(test)") { Kind::Test } else { kind };
        let path = [path.clone(), vec![name.to_owned()]].concat();
        let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        let there = files.into_iter().find(|file| root().join(file).exists());
        // What is declared and not there is for the compiler to say.
        if let Some(there) = there {
            declare(there, &folder.join(name), path, kind, found);
        }
    }
    let top = path.first().cloned().unwrap_or_default();
    found.push(Module { file, top, path, kind, text });
}

fn rust_files(member: &str) -> Vec<PathBuf> {
    let is_rust = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    files(Path::new(member)).into_iter().filter(is_rust).collect()
}

/// The files below a folder of the repository, in order, without what is built or installed.
fn files(folder: &Path) -> Vec<PathBuf> {
    const MADE: [&str; 6] = ["target", ".git", "kms-data", "node_modules", ".venv", "__pycache__"];
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            _ if MADE.contains(&entry.file_name().to_str().unwrap()) => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
