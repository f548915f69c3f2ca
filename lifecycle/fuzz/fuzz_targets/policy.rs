//! Policies from any bytes: see `lifecycle/tests/policy_corpus/check.rs`, which also runs on the corpus as a test.

#![no_main]

#[path = "../../tests/policy_corpus/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::check(bytes);
});
