//! The clients that most users have, boto3 and the AWS CLI, against the server over a port.
//!
//! Their locked versions are installed once into `target/python/clients`; the cases are in `fixtures/python`.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::process::{ServerProcess, binary};

const REQUIREMENTS: &str = include_str!("../../fixtures/python/requirements.txt");

#[test]
fn boto3_and_the_aws_cli_work_unchanged() {
    let python = installed_python();
    let server = ServerProcess::start(&["--memory"]).unwrap();
    let home = tempfile::tempdir().unwrap();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/python");
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let output = Command::new(&python)
        .args(["-m", "pytest", "--quiet", "--color=no", "-p", "no:cacheprovider"])
        .arg(&cases)
        // Nothing of the user's own set-up may leak in: no profile, no proxy, no credentials.
        .env_clear()
        .env("PATH", fixed_path(&python))
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("LANG", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_CONFIG_FILE", home.path().join("no-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.path().join("no-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ENDPOINT_URL_KMS", endpoint)
        .env("KMS_SERVER_BINARY", binary())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "pytest: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The Python of an environment that has the locked versions, installed first if they are not there yet.
fn installed_python() -> PathBuf {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("python/clients");
    let python = venv.join("bin/python");
    // Written last: an installation that broke off is made again.
    let stamp = venv.join("requirements.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return python;
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/python/requirements.txt");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements));
    fs::write(&stamp, REQUIREMENTS).unwrap();
    python
}

fn fixed_path(python: &Path) -> String {
    format!("{}:/usr/local/bin:/usr/bin:/bin", python.parent().unwrap().display())
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; these tests need python3 (3.11 or later) with its venv module")
    });
    assert!(status.success(), "{command:?}: {status}");
}
