//! The table of rules and their tests, made from the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rules are E-1 to this one.
const LAST: u32 = 111;

/// Rules that state nothing a test could find wrong.
const INFORMATIONAL: [(u32, &str); 1] = [(49, "KMS is a highly available managed service.")];

struct Rule {
    statement: String,
    test: String,
    file: String,
    model: Option<String>,
}

/// The statements of a test's documentation by number, and what it says to be modelled.
fn read_documentation(lines: &[&str]) -> (BTreeMap<u32, String>, Option<String>) {
    let text: Vec<&str> = lines.iter().map(|line| line.trim().trim_start_matches("///").trim()).collect();
    let (mut rules, mut model, mut current) = (BTreeMap::<u32, String>::new(), None::<String>, None);
    for sentence in text.join(" ").split_inclusive(['.', '?', '!', ':']).flat_map(|part| part.split(' ')) {
        if sentence.is_empty() {
            continue;
        }
        if let Some(number) = sentence.strip_prefix("E-").and_then(|s| s.strip_suffix(':')?.parse().ok()) {
            current = Some(number);
            rules.insert(number, String::new());
        } else if sentence == "Modelled:" {
            current = None;
            model = Some(String::new());
        } else if let Some(text) = current.and_then(|number| rules.get_mut(&number)).or(model.as_mut()) {
            *text = format!("{text} {sentence}").trim().to_owned();
        }
    }
    (rules, model)
}

/// The numbers in `e_72_e_74_what_follows`.
fn numbers(name: &str) -> Vec<u32> {
    let (mut found, mut rest) = (Vec::new(), name);
    while let Some((number, tail)) = rest.strip_prefix("e_").and_then(|tail| tail.split_once('_')) {
        let Ok(number) = number.parse() else { break };
        found.push(number);
        rest = tail;
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// Every test of a rule in this crate; a rule may have several.
fn rules() -> BTreeMap<u32, Vec<Rule>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut rules: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.trim().strip_prefix("fn e_").and_then(|rest| rest.split('(').next()) else {
                continue;
            };
            let name = format!("e_{name}");
            let wanted = numbers(&name);
            if wanted.is_empty() {
                continue;
            }
            assert!(
                lines[..at].iter().rev().take(2).any(|line| line.trim() == "#[test]"),
                "{name} is no test"
            );
            let is_doc = |line: &&&str| line.trim().starts_with("//") || line.trim() == "#[test]";
            let mut documentation: Vec<&str> = lines[..at]
                .iter()
                .rev()
                .take_while(is_doc)
                .copied()
                .filter(|line| line.trim().starts_with("///"))
                .collect();
            documentation.reverse();
            let (statements, model) = read_documentation(&documentation);
            let named: Vec<u32> = statements.keys().copied().collect();
            assert_eq!(named, wanted, "{name}: its name and its documentation speak of other rules");
            for (number, statement) in statements {
                assert!(statement.len() > 20, "{name} does not say what E-{number} is");
                let file = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                let rule = Rule { statement, test: name.clone(), file, model: model.clone() };
                rules.entry(number).or_default().push(rule);
            }
        }
    }
    rules
}

fn table() -> String {
    let mut text = String::from(
        "# Rules of encryption at rest, and the tests that prove them\n\n\
         Made from the tests by `cargo test -p lifecycle write_rules -- --ignored`; a test fails if it is out of date.\n\n\
         *Proved*: the test runs the rule itself. *Modelled*: it runs a model of something that this project does not have; \
         the column says which. Where a test needs a KMS, it is the sample KMS of this crate; the scenarios run against the real one, too.\n\n\
         | Rule | What it says | State | Test |\n| --- | --- | --- | --- |\n",
    );
    let rules = rules();
    for number in 1..=LAST {
        if let Some((_, statement)) = INFORMATIONAL.iter().find(|(informational, _)| *informational == number)
        {
            text += &format!("| E-{number} | {statement} | Informational | |\n");
            continue;
        }
        let Some(tests) = rules.get(&number) else { panic!("no test is named after E-{number}") };
        let state = match tests.iter().find_map(|rule| rule.model.as_deref()) {
            Some(model) => format!("Modelled: {}", model.trim_end_matches('.')),
            None => "Proved".to_owned(),
        };
        let names: Vec<String> =
            tests.iter().map(|rule| format!("[`{}`](../{})", rule.test, rule.file)).collect();
        text += &format!("| E-{number} | {} | {state} | {} |\n", tests[0].statement, names.join(", "));
    }
    assert!(
        rules.keys().all(|number| (1..=LAST).contains(number)),
        "a test is named after a rule that is none"
    );
    text
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")
}

#[test]
fn the_table_of_rules_is_made_from_the_tests_and_has_every_rule() {
    let stored = fs::read_to_string(file()).unwrap_or_default();
    assert!(
        stored == table(),
        "docs/rules.md is out of date: cargo test -p lifecycle write_rules -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/rules.md"]
fn write_rules() {
    fs::create_dir_all(file().parent().unwrap()).unwrap();
    fs::write(file(), table()).unwrap();
}
