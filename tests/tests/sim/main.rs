//! The whole service under random scripts over virtual years, compared answer by answer with a model that was written
//! from AWS's documentation; and the promise that the same seed and script give the same bytes.
//!
//! A failure prints the seed: `KMS_SIM_SEED=… cargo test -p kms-tests --test sim random_years` plays it again.
//! `KMS_SIM_YEARS` asks for more years than a test run plays by itself.

#![cfg(test)]

mod calls;
mod compare;
mod model;
mod past;
mod play;
mod random;
mod script;
mod server;
mod trace;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use play::{Played, play};
use script::{DAY, Script, Step, script};

/// Virtual years that a run plays at least.
const YEARS_MIN: i64 = 1_000;

const YEAR: i64 = 365 * DAY;

fn run(script: &Script) -> Result<Played, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(script))
}

/// Fails with the seed and the shortest script that is found to fail as well.
fn expect(seed: Option<u64>, script: &Script) -> Played {
    match run(script) {
        Ok(played) => played,
        Err(error) => {
            let short = shrink(script);
            let again = run(&short).err().unwrap_or_default();
            let seed = seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
            panic!("KMS_SIM_SEED={seed}: {error}\n\nshortened to\n{short:#?}\nwhich fails with: {again}");
        }
    }
}

/// Takes steps out as long as the script still fails, bigger parts first.
fn shrink(script: &Script) -> Script {
    let mut short = script.clone();
    let mut part = short.steps.len() / 2;
    let mut tries = 400;
    while part > 0 {
        let mut at = 0;
        while at < short.steps.len() && tries > 0 {
            let mut steps: Vec<Step> = short.steps.clone();
            steps.drain(at..(at + part).min(steps.len()));
            let candidate = Script { steps, ..short.clone() };
            tries -= 1;
            if run(&candidate).is_err() { short = candidate } else { at += part }
        }
        part /= 2;
    }
    short
}

/// A number that whoever runs the simulation asks for.
#[expect(
    clippy::disallowed_methods,
    reason = "for whoever runs this test by hand; it is no setting of the server"
)]
fn wish<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[test]
fn random_years_are_as_documented() {
    for (seed, script) in past::scripts() {
        expect(seed, &script);
    }
    if let Some(seed) = wish("KMS_SIM_SEED") {
        println!("{:?}", expect(Some(seed), &script(seed)));
        return;
    }
    let wanted = wish("KMS_SIM_YEARS").unwrap_or(YEARS_MIN).max(YEARS_MIN);
    // The same seeds every time: a failure of one change is a failure of that change.
    let next = AtomicU64::new(1);
    let total = Mutex::new(Played::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while total.lock().unwrap().span < wanted * YEAR {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let played = expect(Some(seed), &script(seed));
                    *total.lock().unwrap() += played;
                }
            });
        }
    });
    let played = total.into_inner().unwrap();
    let years = played.span / YEAR;
    println!("{years} virtual years, {} scripts: {played:?}", next.into_inner() - 1);
    assert!(years >= YEARS_MIN, "only {years} years");
    let Played { rotations, deletions, unavailable, faults, restarts, .. } = played;
    assert!(
        [rotations, deletions, unavailable, faults, restarts].iter().all(|count| *count > 50),
        "{played:?}"
    );
}
