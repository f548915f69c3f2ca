//! The table of what proves each algorithm is complete, and names only what is there.

#![cfg(test)]
#![cfg(feature = "kms")]

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use lifecycle::key::{
    EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, SigningAlgorithm,
    WrappingAlgorithm, WrappingKeySpec,
};

const TABLE: &str = include_str!("../docs/vectors.md");

/// Whatever a key or a wrapping key does, by the name that AWS gives to it.
fn algorithms() -> BTreeSet<&'static str> {
    let is_taken = |algorithm: &&WrappingAlgorithm| {
        WrappingKeySpec::ALL.iter().any(|wrapping_key| algorithm.works_with(*wrapping_key))
    };
    let mut names: BTreeSet<_> =
        EncryptionAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
    names.extend(SigningAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()));
    names.extend(MacAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()));
    names.extend(KeyAgreementAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()));
    names.extend(EncapsulationAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()));
    names.extend(WrappingAlgorithm::ALL.iter().filter(is_taken).map(|algorithm| algorithm.as_str()));
    names
}

/// The cells of the rows.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE.lines().filter(|line| line.starts_with("| ")).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The files of a folder, one after the other.
fn texts(folder: &str) -> io::Result<String> {
    let mut all = String::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| ["rs", "py", "js"].iter().any(|known| kind == *known)) {
            all.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(all)
}

#[test]
fn every_algorithm_has_vectors_and_a_second_implementation() {
    let rows = rows();
    let named: Vec<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(named.iter().copied().collect::<BTreeSet<_>>(), algorithms());
    assert_eq!(named.len(), algorithms().len(), "one row for each");
    let here = texts("tests").unwrap();
    let there = texts("../fixtures/python").unwrap() + &texts("../fixtures/node").unwrap();
    for row in rows {
        let [algorithm, vectors, tests, second, cases] = row[..] else { panic!("{row:?}") };
        assert!(!vectors.is_empty() && !second.is_empty(), "{algorithm}");
        let names = |cell: &'static str| cell.split(", ").map(|name| name.trim_matches('`'));
        for test in names(tests) {
            assert!(here.contains(&format!("fn {test}()")), "{algorithm}: there is no test {test}");
        }
        for case in names(cases) {
            // A function of Python, or the end of what Node's test is called.
            let forms = [format!("def {case}("), format!("{case}\", async"), format!("{case}`, async")];
            assert!(forms.iter().any(|form| there.contains(form)), "{algorithm}: there is no case {case}");
        }
    }
}
