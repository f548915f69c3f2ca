//! The inputs from which the fuzzer of policies starts, each checked as it checks them.

#![cfg(test)]

use std::fs;
use std::path::Path;

mod check;

#[test]
fn the_corpus_holds_and_reaches_every_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/corpus/policy");
    let mut reached = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        reached.push(check::check(&fs::read(entry.unwrap().path()).unwrap()));
    }
    let some = |what: fn(&check::Reached) -> bool| reached.iter().any(what);
    assert!(some(|input| !input.read), "what is no policy");
    assert!(some(|input| input.read && input.allowed && input.denied), "what allows some callers");
    assert!(some(|input| input.denied && !input.allowed && !input.exceeded), "what allows nobody");
    assert!(some(|input| input.exceeded), "what is too much work");
}
