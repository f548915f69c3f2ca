//! The `openssl` command, which is the second implementation of nearly every algorithm.
#![allow(clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the command is: on the path, or else in `target/openssl`, where `fixtures/openssl` unpacks Debian's.
///
/// # Panics
/// There is none and it cannot be fetched; the message tells what to install.
pub fn openssl() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut script = Command::new(root.join("../fixtures/openssl"));
        let folder = root.join("../target/openssl");
        let done = script.arg(folder).output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        PathBuf::from(String::from_utf8_lossy(&done.stdout).trim_end())
    })
}
