//! What virtual time costs: rotations, time in which nothing happens, and the memory of long histories.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::caller::Caller;
use crate::load::{self, Connection};
use crate::process::Server;
use crate::{Options, megabytes, path};

/// Clients that make the keys.
const CLIENTS: usize = 32;

/// Advances over nothing that are timed; each moves the clock by an hour, all together by less than a period.
const IDLE_ADVANCES: u32 = 2_000;

/// Prints one table for each question.
pub(crate) async fn report(options: &Options) {
    println!("\nRotations, each durable before the clock goes on; the clock is moved in one call:\n");
    println!("| Keys | Years | Rotations | seconds | rotations/s | CPU µs/rotation |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let keys = 1_000.min(options.keys);
    let histories = rotations(options, keys, &[10, 90]).await;
    rotations(options, options.keys, &[1]).await;

    println!("\nResident memory as the history of {keys} keys grows:\n");
    println!("| Rotations of each key | MB | bytes per rotation |");
    println!("| --- | --- | --- |");
    let (_, empty) = histories[0];
    for (rotations, resident) in &histories {
        let each = resident.saturating_sub(empty).checked_div((rotations * keys) as u64);
        let each = each.map_or_else(|| "–".to_owned(), |each| each.to_string());
        println!("| {rotations} | {:.1} | {each} |", megabytes(*resident));
    }

    println!("\nAn advance over an hour in which nothing is due, by the number of keys that rotate:\n");
    println!("| Keys | in memory, µs/advance | CPU µs | on SQLite, durable, µs/advance | CPU µs |");
    println!("| --- | --- | --- | --- | --- |");
    for keys in [10, 1_000, options.keys] {
        let (memory, disk) = (idle(options, keys, Rows::Memory).await, idle(options, keys, Rows::Disk).await);
        println!("| {keys} | {:.0} | {:.0} | {:.0} | {:.0} |", memory.0, memory.1, disk.0, disk.1);
    }
}

/// Where the rows are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Memory,
    Disk,
}

/// A server with keys that rotate once in 365 days, and a clock that stands still.
async fn server_with(options: &Options, keys: usize, rows: Rows) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let quota = keys.to_string();
    let mut arguments = match rows {
        Rows::Memory => vec!["--memory"],
        Rows::Disk => vec!["--data-dir", path(folder.path())],
    };
    arguments.extend(["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen", "--keys-max", &quota]);
    let server = Server::start(&options.server, &arguments);
    let left = Arc::new(AtomicUsize::new(keys));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (left, port) = (Arc::clone(&left), server.port);
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await;
                let create = Caller::Root.request("CreateKey", "{}");
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    let (status, reply) = connection.exchange(&create).await;
                    assert_eq!(status, 200);
                    let reply: Value = serde_json::from_slice(&reply).expect("JSON");
                    let body = format!(r#"{{"KeyId":{}}}"#, reply["KeyMetadata"]["Arn"]);
                    let rotate = Caller::Root.request("EnableKeyRotation", &body);
                    assert_eq!(connection.exchange(&rotate).await.0, 200);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no failure");
    }
    (server, folder)
}

/// Moves the clock; gives how much happened on the way, and the time that it took.
async fn advance(connection: &mut Connection, by: &str) -> (usize, Duration) {
    let body = format!(r#"{{"by":"{by}"}}"#);
    let request = format!(
        "POST /_kms/clock/advance HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let started = Instant::now();
    let (status, reply) = connection.exchange(request.as_bytes()).await;
    let elapsed = started.elapsed();
    let reply: Value = serde_json::from_slice(&reply).expect("JSON");
    assert_eq!(status, 200, "{reply}");
    let events = reply["events"].as_object().expect("counts").values().filter_map(Value::as_u64).sum::<u64>();
    (usize::try_from(events).expect("a count"), elapsed)
}

/// Lets years pass in parts, and prints a row for all of them; gives the rotations of each key and the resident
/// memory, before the first part and after each.
async fn rotations(options: &Options, keys: usize, years: &[usize]) -> Vec<(usize, u64)> {
    let (server, _folder) = server_with(options, keys, Rows::Disk).await;
    let mut connection = Connection::open(server.port).await;
    let mut passed = 0;
    let mut histories = vec![(0, server.resident_bytes())];
    let (cpu, mut elapsed, mut rotations) = (server.cpu(), Duration::ZERO, 0);
    for years in years {
        let (events, span) = advance(&mut connection, &format!("{}d", years * 365)).await;
        assert_eq!(events, keys * years);
        passed += years;
        elapsed += span;
        rotations += events;
        histories.push((passed, server.resident_bytes()));
    }
    let cpu = server.cpu().saturating_sub(cpu);
    println!(
        "| {keys} | {passed} | {rotations} | {:.1} | {:.0} | {:.1} |",
        elapsed.as_secs_f64(),
        rotations as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / rotations as f64
    );
    server.stop();
    histories
}

/// The median time of an advance over nothing, and its CPU time, in microseconds.
async fn idle(options: &Options, keys: usize, rows: Rows) -> (f64, f64) {
    let (server, _folder) = server_with(options, keys, rows).await;
    let health = load::get(server.port, "/_kms/health").await;
    assert!(health.contains("running"), "{health}");
    let mut connection = Connection::open(server.port).await;
    let cpu = server.cpu();
    let mut spans = Vec::new();
    for _ in 0..IDLE_ADVANCES {
        let (events, span) = advance(&mut connection, "1h").await;
        assert_eq!(events, 0);
        spans.push(span);
    }
    let cpu = server.cpu().saturating_sub(cpu);
    spans.sort();
    server.stop();
    (spans[spans.len() / 2].as_secs_f64() * 1e6, cpu.as_secs_f64() * 1e6 / f64::from(IDLE_ADVANCES))
}
