//! Black-box, parity, crash and tidy tests, and the benchmarks. The tests are in `tests/tests`.
