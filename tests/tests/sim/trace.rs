//! The same seed and script give the same bytes: ids, key material, nonces, answers, audit records, and what is stored.

use std::path::Path;

use lifecycle::clock::Timestamp;
use serde_json::{Value, json};

use super::play::{Play, date_text};
use super::random::Random;
use super::script::{Act, DAY, Script, Step, script};
use super::server::Server;

/// Everything that came of a script.
#[derive(PartialEq)]
struct Trace {
    /// Every request and its answer.
    exchanges: Vec<u8>,
    /// The lines of the audit log.
    audit: Vec<u8>,
    /// What is stored, with the key material sealed under nonces of the same seed.
    export: Value,
}

/// How a server is made to start again in the middle.
#[derive(Clone, Copy, PartialEq)]
enum Restart {
    InOrder,
    AtOnce,
}

/// Plays a script, with a restart before each of some steps that is none of the script's own.
async fn trace(script: &Script, restart: Restart, before: &[usize]) -> Trace {
    let folder = tempfile::tempdir().unwrap();
    let mut play = Play::new(Server::new(script, Some(folder.path())), script);
    for (at, step) in script.steps.iter().enumerate() {
        if before.contains(&at) {
            play.server.restart(restart == Restart::InOrder).await;
        }
        play.steps(&[*step]).await.unwrap();
    }
    // Whatever the script has deleted, there is material to compare.
    play.steps(&[Act::CreateKey { scope: 0 }.into()]).await.unwrap();
    play.look_at_everything(usize::MAX).await.unwrap();
    finish(play, folder.path()).await
}

async fn finish(mut play: Play, folder: &Path) -> Trace {
    let exchanges = std::mem::take(&mut play.server.exchanges);
    let export = play.server.export().await.json();
    assert!(export["materials"][0]["sealed"].is_string(), "{export}");
    play.server.service().stop().await;
    Trace { exchanges, audit: lines(folder), export }
}

/// The records of the audit log, whatever files they are in. Each start of a server leaves an empty line, too. Events of
/// the service itself are delivered beside the requests, and are put behind them.
fn lines(folder: &Path) -> Vec<u8> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let records = text.lines().filter(|line| !line.is_empty());
    let (mut events, requests): (Vec<&str>, Vec<&str>) =
        records.partition(|line| line.contains("\"eventType\":\"AwsServiceEvent\""));
    events.sort_unstable();
    [requests, events].concat().join("\n").into_bytes()
}

#[track_caller]
fn expect_same(one: &Trace, other: &Trace) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pretty = |export: &Value| serde_json::to_string_pretty(export).unwrap();
    for (one, other) in [
        (text(&one.exchanges), text(&other.exchanges)),
        (text(&one.audit), text(&other.audit)),
        (pretty(&one.export), pretty(&other.export)),
    ] {
        let differs = one.lines().zip(other.lines()).position(|(one, other)| one != other);
        if let Some(at) = differs {
            panic!("line {at}: {:?} and {:?}", one.lines().nth(at), other.lines().nth(at));
        }
        assert_eq!(one.lines().count(), other.lines().count());
    }
}

#[tokio::test]
async fn the_same_seed_and_script_give_the_same_bytes() {
    for seed in 0..4 {
        let script = script(1_000 + seed);
        let first = trace(&script, Restart::InOrder, &[]).await;
        assert!(first.exchanges.len() > 10_000 && first.audit.len() > 10_000);
        expect_same(&first, &trace(&script, Restart::InOrder, &[]).await);
        let mut random = Random::new(seed);
        let before: Vec<usize> = (0..5).map(|_| random.index() % script.steps.len()).collect();
        let mut first = first;
        for restart in [Restart::InOrder, Restart::AtOnce] {
            let mut restarted = trace(&script, restart, &before).await;
            // A server that is gone at once takes the last uses of keys with it; one that stops stores them.
            for trace in [&mut first, &mut restarted] {
                trace.export["usages"].take();
            }
            expect_same(&first, &restarted);
        }
    }
}

#[tokio::test]
async fn another_seed_gives_other_bytes() {
    let one = trace(&script(1), Restart::InOrder, &[]).await;
    assert!(one != trace(&script(2), Restart::InOrder, &[]).await);
}

/// State and trace after a script that ends with an advance in parts, and what the parts told.
async fn advanced(prefix: &Script, parts: &[i64]) -> (Trace, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let mut play = Play::new(Server::new(prefix, Some(folder.path())), prefix);
    play.steps(&prefix.steps).await.unwrap();
    let mut timeline = Vec::new();
    let (start, mut to) = (play.server.exchanges.len(), play.model.now);
    for part in parts {
        to += part;
        let input = json!({ "to": Timestamp(to).to_string() });
        let told = play.server.control(http::Method::POST, "/_kms/clock/advance", &input).await.json();
        assert_eq!(told["to"], date_text(to), "{told}");
        timeline.extend(told["timeline"].as_array().unwrap().clone());
        let told = told["timeline"].as_array().unwrap().len();
        assert_eq!(play.model.advance(to).len(), told);
    }
    // How the clock was moved is the one thing that differs; what follows must not.
    play.server.exchanges.truncate(start);
    play.steps(&[Act::CreateKey { scope: 0 }.into()]).await.unwrap();
    play.look_at_everything(usize::MAX).await.unwrap();
    (finish(play, folder.path()).await, timeline)
}

#[tokio::test]
async fn an_advance_is_the_sum_of_its_parts() {
    let mut random = Random::new(7);
    let mut happened = 0;
    for seed in 0..5 {
        let whole = script(2_000 + seed);
        // Without the script's own faults and restarts: here the parts matter.
        let quiet = |step: &Step| Step { fault: None, ..*step };
        let end = whole.steps.len().min(50);
        let keys = (0..3).map(|scope| Step::from(Act::CreateKey { scope }));
        let rotating = (0..3).map(|key| {
            let period = Some(90 + 31 * u32::try_from(key).unwrap());
            Step::from(Act::EnableKeyRotation { key, by: super::script::Who::Owner, period })
        });
        let steps = keys.chain(rotating).chain(whole.steps[..end].iter().map(quiet)).collect();
        let prefix = Script { steps, ..whole };
        let span = 200 * DAY + i64::try_from(random.below(1_500 * 86_400_000)).unwrap();
        let one = i64::try_from(random.next() % span.unsigned_abs()).unwrap();
        let two = i64::try_from(random.next() % (span - one).unsigned_abs()).unwrap();
        let (whole, timeline) = advanced(&prefix, &[span]).await;
        happened += timeline.len();
        for parts in [vec![one, span - one], vec![0, one, two, span - one - two, 0]] {
            let (in_parts, told) = advanced(&prefix, &parts).await;
            assert_eq!(told, timeline);
            expect_same(&whole, &in_parts);
        }
        // Nor does it matter how many events one transaction holds.
        for events_max in [1, 1_000] {
            let (batched, told) = advanced(&Script { events_max, ..prefix.clone() }, &[span]).await;
            assert_eq!(told, timeline);
            expect_same(&whole, &batched);
        }
    }
    assert!(happened > 15, "only {happened} events");
}

#[tokio::test]
async fn an_advance_over_nothing_writes_one_row_for_any_number_of_keys() {
    for keys in [10_usize, 1_000] {
        let mut server = Server::new(&Script { events_max: 256, ..Script::default() }, None);
        for _ in 0..keys {
            let created = server.call("111122223333", "us-east-1", "CreateKey", &json!({})).await.json();
            let input = json!({"KeyId": created["KeyMetadata"]["Arn"]});
            server.call("111122223333", "us-east-1", "EnableKeyRotation", &input).await;
        }
        let advance = async |server: &mut Server, by: &str| {
            server.rows_written();
            let told = server.control(http::Method::POST, "/_kms/clock/advance", &json!({ "by": by })).await;
            (told.json()["events"]["RotateKey"].as_u64(), server.rows_written())
        };
        assert_eq!(advance(&mut server, "364d").await, (None, 1), "{keys} keys: the clock");
        // A rotation is three rows: the key, its material and the fact that tells of it, which a fourth ends in a while. A
        // transaction may have the clock besides.
        let (rotated, rows) = advance(&mut server, "1d").await;
        assert_eq!(rotated, Some(keys as u64));
        let expected = 3 * keys + 1..=4 * keys + keys.div_ceil(256);
        assert!(expected.contains(&rows), "{rows} rows for {keys} keys");
    }
}
