//! `kms-server` as its user meets it: a process with a command line, files, signals and a port.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "tests")]

mod client;
mod clock;
mod custom_stores;
mod data_directory;
mod erasure;
mod events;
mod explain;
mod faults;
mod http;
mod http2;
mod lifetime;
mod limits;
mod mail;
mod managed;
mod principals;
mod recipients;
mod related;
mod remote;
mod sdk;
mod secrets;
mod seeds;
mod settings;
mod state;
mod support;
mod tables;
mod tls;
mod upkeep;
