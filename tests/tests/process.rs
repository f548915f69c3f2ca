//! `kms-server` as its user meets it: a process with a command line, files, signals and a port.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "tests")]

#[path = "process/client.rs"]
mod client;
#[path = "process/data_directory.rs"]
mod data_directory;
#[path = "process/http.rs"]
mod http;
#[path = "process/lifetime.rs"]
mod lifetime;
#[path = "process/limits.rs"]
mod limits;
#[path = "process/secrets.rs"]
mod secrets;
#[path = "process/seeds.rs"]
mod seeds;
#[path = "process/settings.rs"]
mod settings;
#[path = "process/state.rs"]
mod state;
#[path = "process/support.rs"]
mod support;
#[path = "process/tls.rs"]
mod tls;
#[path = "process/upkeep.rs"]
mod upkeep;
