//! Black-box, parity, crash and tidy tests, and the benchmarks. The tests are in `tests/tests`.

/// The Rust examples of the README are compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub mod importing;
pub mod openssl;
pub mod xks_proxy;
