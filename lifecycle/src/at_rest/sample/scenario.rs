//! Scenarios as data: what somebody does at which instant, and what must be seen.
//!
//! A scenario is a list of lines such as `0:40 expect status books INACCESSIBLE_ENCRYPTION_CREDENTIALS`. Who carries them
//! out is a [`World`], so that the same scenarios run against the engine and against anything that speaks for it.
