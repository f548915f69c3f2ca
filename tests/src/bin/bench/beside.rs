//! How long an Encrypt takes while others make keys of RSA, which takes seconds of a processor each: the tail, with and
//! without them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Options;
use crate::caller::Caller;
use crate::load::{self, Connection};
use crate::process::Server;

/// Who makes keys of RSA: more than there are threads for that on most machines.
const MAKERS: usize = 8;

/// Of so many requests of the other measurements, one is enough to see a tail.
const DIVISOR: usize = 10;

/// So many keys of RSA have to be made meanwhile: the requests are sent again until they are.
const KEYS_MIN: usize = 20;

/// Prints one row without others, and one with them.
pub(crate) async fn report(options: &Options) {
    let server = Server::start(&options.server, &["--memory", "--keys-max", "1000000"]);
    let created = load::call(server.port, &Caller::Root.request("CreateKey", "{}")).await;
    let key = created["KeyMetadata"]["KeyId"].as_str().expect("a key");
    let body = format!(r#"{{"KeyId":"{key}","Plaintext":"{}"}}"#, "A".repeat(44));
    let encrypt = Caller::Root.request("Encrypt", &body);
    let requests = (options.requests / DIVISOR).max(100);
    println!(
        "\nAn Encrypt from one client, {requests} times and more, beside {MAKERS} clients that make keys of RSA_4096:\n"
    );
    println!("| Beside it | median µs | p99 µs | p99.9 µs | longest µs | keys of RSA made meanwhile |");
    println!("| --- | --- | --- | --- | --- | --- |");
    row("nobody", &latencies(server.port, &encrypt, requests).await, 0);
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let makers: Vec<_> = (0..MAKERS)
        .map(|_| {
            let (stop, made, port) = (Arc::clone(&stop), Arc::clone(&made), server.port);
            tokio::spawn(async move {
                let create = r#"{"KeySpec":"RSA_4096","KeyUsage":"SIGN_VERIFY"}"#;
                let request = Caller::Root.request("CreateKey", create);
                let mut connection = Connection::open(port).await;
                while !stop.load(Ordering::Relaxed) {
                    let (status, _) = connection.exchange(&request).await;
                    // A full queue for what is slow throttles; whoever is throttled comes again.
                    assert!(status == 200 || status == 400, "{status}");
                    made.fetch_add(usize::from(status == 200), Ordering::Relaxed);
                }
            })
        })
        .collect();
    while made.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    made.store(0, Ordering::Relaxed);
    let mut beside = Vec::new();
    while beside.len() < requests || made.load(Ordering::Relaxed) < KEYS_MIN {
        beside.extend(latencies(server.port, &encrypt, requests).await);
    }
    beside.sort();
    row("keys of RSA_4096", &beside, made.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    for maker in makers {
        maker.await.expect("no failure");
    }
    server.stop();
}

/// How long each of the requests took, the shortest first.
async fn latencies(port: u16, request: &[u8], requests: usize) -> Vec<Duration> {
    let mut connection = Connection::open(port).await;
    let mut spans = Vec::with_capacity(requests);
    for _ in 0..requests {
        let started = Instant::now();
        let (status, _) = connection.exchange(request).await;
        spans.push(started.elapsed());
        assert_eq!(status, 200);
    }
    spans.sort();
    spans
}

fn row(beside: &str, spans: &[Duration], made: usize) {
    let at = |thousandths: usize| {
        let index = (spans.len() * thousandths / 1_000).min(spans.len() - 1);
        spans[index].as_secs_f64() * 1e6
    };
    println!("| {beside} | {:.0} | {:.0} | {:.0} | {:.0} | {made} |", at(500), at(990), at(999), at(1_000));
}
