//! Measures the server over HTTP against a bare actix handler with bodies of the same sizes, in the same run.
//!
//! `cargo build --release && cargo run --release -p kms-tests --bin bench` prints a Markdown report.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measuring tool: it prints, reads the clock, and stops at the first thing that is not as expected"
)]

mod algorithms;
mod bare;
mod beside;
mod caller;
mod load;
mod process;
mod time;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use caller::Caller;
use load::{Load, Measured};
use process::Server;

const HELP: &str = "\
Measures kms-server over HTTP against a bare actix handler.

Usage: bench [time|algorithms|beside] [--signed] [--requests N] [--keys N] [--connections N] [--server PATH]

  time             measure what virtual time costs instead: rotations, idle time, and the memory of histories
  algorithms       measure each operation of each kind of key against its cryptography alone instead
  beside           measure how long Encrypt takes while others make keys of RSA instead

  --signed         measure a second time, as a user whose signatures are verified and whose identity policy decides
  --requests N     requests per measurement (default 200000)
  --keys N         keys of the large database (default 100000)
  --connections N  clients of the throughput measurements (default 16)
  --server PATH    the kms-server binary (default: beside this one)
";

struct Options {
    time: bool,
    algorithms: bool,
    beside: bool,
    signed: bool,
    requests: usize,
    keys: usize,
    connections: usize,
    server: PathBuf,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return bare::serve();
    }
    let beside = std::env::current_exe().unwrap().with_file_name("kms-server");
    let mut options = Options {
        time: false,
        algorithms: false,
        beside: false,
        signed: false,
        requests: 200_000,
        keys: 100_000,
        connections: 16,
        server: beside,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value\n{HELP}"));
        match argument.as_str() {
            "time" => options.time = true,
            "algorithms" => options.algorithms = true,
            "beside" => options.beside = true,
            "--signed" => options.signed = true,
            "--requests" => options.requests = value().parse().expect("a number"),
            "--keys" => options.keys = value().parse().expect("a number"),
            "--connections" => options.connections = value().parse().expect("a number"),
            "--server" => options.server = value().into(),
            _ => return println!("{HELP}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&options));
}

async fn run(options: &Options) {
    println!("# Benchmarks\n");
    println!("{}\n", process::machine());
    if options.time {
        return time::report(options).await;
    }
    if options.algorithms {
        return algorithms::report(options).await;
    }
    if options.beside {
        return beside::report(options).await;
    }
    start_up(options, "empty start", None).await;
    println!(
        "\n{} requests each over {} connections; ratios are to a bare actix handler\nthat reads a body and answers with one, both of the same sizes.",
        options.requests, options.connections
    );
    println!("\nBy the root user of an account, whose signatures the server cannot verify:\n");
    throughput(options, &Caller::Root).await;
    if options.signed {
        println!("\nBy a user whose signatures are verified, and whose identity policy decides:\n");
        throughput(options, &Caller::user()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    create_keys(options, folder.path()).await;
    start_up(options, &format!("start with {} keys", options.keys), Some(folder.path())).await;
}

/// Time from `exec` to the first answer, and resident memory then; the median of several starts.
async fn start_up(options: &Options, what: &str, folder: Option<&Path>) {
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..if folder.is_some() { 3 } else { 9 } {
        let fresh = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let server = Server::start(&options.server, &["--data-dir", path(folder.unwrap_or(fresh.path()))]);
        let health = load::get(server.port, "/_kms/health").await;
        assert!(health.contains("running"), "{health}");
        times.push(started.elapsed());
        memory.push(server.resident_bytes());
        server.stop();
    }
    times.sort();
    memory.sort_unstable();
    println!(
        "- {what}: first answer after {:.1} ms, {:.1} MB resident",
        times[times.len() / 2].as_secs_f64() * 1e3,
        megabytes(memory[memory.len() / 2])
    );
}

/// Policies and grants are enforced, whoever calls.
async fn throughput(options: &Options, caller: &Caller) {
    let folder = tempfile::tempdir().unwrap();
    let introduction = caller.introduce(folder.path());
    let mut arguments = vec!["--data-dir", path(folder.path())];
    arguments.extend(introduction.iter().map(String::as_str));
    let server = Server::start(&options.server, &arguments);
    let bare = Server::start(&std::env::current_exe().unwrap(), &["bare"]);
    let created = load::call(server.port, &caller.request("CreateKey", "{}")).await;
    let key = created["KeyMetadata"]["KeyId"].as_str().expect("a key").to_owned();
    let encrypt = format!(
        r#"{{"KeyId":"{key}","Plaintext":"{}","EncryptionContext":{{"tenant":"a"}}}}"#,
        "A".repeat(44)
    );
    let sealed = load::call(server.port, &caller.request("Encrypt", &encrypt)).await;
    let blob = sealed["CiphertextBlob"].as_str().expect("a ciphertext");
    let operations = [
        ("Encrypt", encrypt),
        ("Decrypt", format!(r#"{{"CiphertextBlob":"{blob}","EncryptionContext":{{"tenant":"a"}}}}"#)),
        ("GenerateDataKey", format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256"}}"#)),
        ("DescribeKey", format!(r#"{{"KeyId":"{key}"}}"#)),
    ];
    println!("| Operation | requests/s | bare | throughput ratio | CPU µs/request | bare | CPU ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (operation, body) in &operations {
        let reply = load::reply_length(server.port, &caller.request(operation, body)).await;
        // Alternate, so that a change of the machine's mood meets both.
        let (mut ours, mut theirs) = (Measured::default(), Measured::default());
        for _ in 0..ROUNDS {
            let load = Load { connections: options.connections, requests: options.requests / ROUNDS };
            ours += load.run(&server, &caller.request(operation, body)).await;
            theirs += load.run(&bare, &caller.bare_request(operation, body, reply)).await;
        }
        println!(
            "| {operation} | {:.0} | {:.0} | {:.0} % | {:.1} | {:.1} | {:.0} % |",
            ours.per_second(),
            theirs.per_second(),
            100.0 * ours.per_second() / theirs.per_second(),
            ours.cpu_micros(),
            theirs.cpu_micros(),
            100.0 * theirs.cpu_micros() / ours.cpu_micros(),
        );
    }
    println!("\n- resident after this load: {:.1} MB", megabytes(server.resident_bytes()));
    server.stop();
    bare.stop();
}

/// Fills the large database, which measures CreateKey alone and with many clients.
async fn create_keys(options: &Options, folder: &Path) {
    let quota = (options.keys + 1).to_string();
    let server = Server::start(&options.server, &["--data-dir", path(folder), "--keys-max", &quota]);
    let request = Caller::Root.request("CreateKey", "{}");
    let alone = Load { connections: 1, requests: 500 }.run(&server, &request).await;
    let rest = Load { connections: 64, requests: options.keys - 500 };
    let many = rest.run(&server, &request).await;
    println!(
        "\n- CreateKey, each durable when answered: {:.0} keys/s from one client, {:.0} keys/s from 64 \
         ({:.0} µs CPU each)",
        alone.per_second(),
        many.per_second(),
        many.cpu_micros()
    );
    println!("- resident with {} keys just made: {:.1} MB", options.keys, megabytes(server.resident_bytes()));
    server.stop();
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[expect(clippy::cast_precision_loss, reason = "a size to print")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// How often the two servers take turns.
const ROUNDS: usize = 10;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(120);
