//! The command itself; its presence makes `cargo test --workspace` build the binary that the other packages' tests
//! start.

use std::process::Command;

#[test]
fn the_command_tells_its_version_and_helps() {
    let run = |argument| Command::new(env!("CARGO_BIN_EXE_kms-server")).arg(argument).output().unwrap();
    let version = run("--version");
    assert!(version.status.success());
    assert_eq!(
        String::from_utf8_lossy(&version.stdout).trim(),
        concat!("kms-server ", env!("CARGO_PKG_VERSION"))
    );
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for word in ["serve", "keys", "events", "state", "doctor", "rekey", "Examples:", "Exit codes:"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    let wrong = run("--prot");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--port"), "the nearest flag is named");
}
