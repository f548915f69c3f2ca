//! The clients that most users have against the server over a port: boto3, the AWS CLI, the AWS SDK for JavaScript.
//!
//! Their locked versions are installed once into `target/python/clients` and `target/node/clients`; the cases are in
//! `fixtures/python` and `fixtures/node`.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::process::{ServerProcess, binary, command};
use kms_tests::openssl::openssl;
use kms_tests::xks_proxy::{self, Proxy};

const REQUIREMENTS: &str = include_str!("../../fixtures/python/requirements.txt");

/// The cases for Node.
const NODE_CASES: [&str; 5] =
    ["kms.test.js", "families.test.js", "noble.test.js", "enclave.test.js", "stores.test.js"];

/// A simulated cluster.
const CLUSTER: &str = "cluster-2a23b4cdefg";
const ANCHOR: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const PASSWORD: &str = "kmsPswd-of-the-crypto-user";

#[test]
fn boto3_and_the_aws_cli_work_unchanged() {
    let python = installed_python();
    let server = ServerProcess::start(&["--memory"]).unwrap();
    let home = tempfile::tempdir().unwrap();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/python");
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let mut pytest = Command::new(&python);
    pytest.args(["-m", "pytest", "--quiet", "--color=no", "-p", "no:cacheprovider"]).arg(&cases);
    isolate(&mut pytest, python.parent().unwrap(), home.path());
    pytest.env("PYTHONDONTWRITEBYTECODE", "1").env("KMS_SERVER_BINARY", binary()).env("OPENSSL", openssl());
    check(pytest.env("AWS_ENDPOINT_URL_KMS", endpoint));
}

#[test]
fn the_sdk_for_javascript_works_unchanged() {
    let folder = installed_node();
    let (home, proxy) = (tempfile::tempdir().unwrap(), Proxy::start());
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (root, anchor) = (path("nitro"), path("customerCA.crt"));
    check(&mut command(&["enclave", "root", "--out", &root]));
    fs::write(&anchor, ANCHOR).unwrap();
    let server = ServerProcess::start(&[
        "--memory",
        &format!("--attestation-root={root}/root.pem"),
        &format!("--custom-key-stores-clusters={CLUSTER}|2|{anchor}|{PASSWORD}"),
        &format!("--custom-key-stores-xks-proxies=xks.example.com|http://{}", proxy.address()),
        // The machine may be busy.
        "--custom-key-stores-xks-proxy-timeout=20s",
    ]);
    let server = server.unwrap();
    let mut cases = Command::new("node");
    cases.arg("--test").args(NODE_CASES).current_dir(folder);
    let node = which("node");
    isolate(&mut cases, node.parent().unwrap(), home.path());
    cases.env("KMS_SERVER_BINARY", binary()).env("KMS_ENCLAVE_ROOT", &root);
    cases.envs([("CLUSTER_ID", CLUSTER), ("CLUSTER_ANCHOR", ANCHOR), ("CLUSTER_PASSWORD", PASSWORD)]);
    cases.envs([
        ("XKS_PATH", xks_proxy::PATH),
        ("XKS_ACCESS_KEY_ID", xks_proxy::ACCESS_KEY_ID),
        ("XKS_SECRET", xks_proxy::SECRET),
    ]);
    check(cases.env("AWS_ENDPOINT_URL_KMS", format!("http://127.0.0.1:{}", server.port())));
}

/// Nothing of the user's own set-up may leak in: no profile, no proxy, no credentials.
fn isolate(command: &mut Command, binaries: &Path, home: &Path) {
    command
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display()))
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("LANG", "C.UTF-8")
        .env("AWS_CONFIG_FILE", home.join("no-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("no-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1");
}

fn check(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A folder with the cases for Node and the locked versions of what they import, installed first if they are not there.
fn installed_node() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/node");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("node/clients");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::read_to_string(source.join("package-lock.json")).unwrap();
    let stamp = folder.join("lock.stamp");
    for file in ["package.json", "package-lock.json", "client.js"].into_iter().chain(NODE_CASES) {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    let options = ["ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
    run(Command::new("npm").args(options).current_dir(&folder));
    fs::write(&stamp, lock).unwrap();
    folder
}

/// Where a command of the machine is: its folder stays on the path when everything else is taken away.
fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found.find(|file| file.is_file()).unwrap_or_else(|| panic!("{name} is not installed; see the README"))
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

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| {
        panic!(
            "{command:?}: {error}; these tests need python3 (3.11 or later) with its venv module, and Node 20.19 or later"
        )
    });
    assert!(status.success(), "{command:?}: {status}");
}
