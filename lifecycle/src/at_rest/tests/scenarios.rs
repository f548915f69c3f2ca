//! The scenarios against the engine, by both drivers and after restarts; their language.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::drive::wait;
use super::*;
use crate::at_rest::sample::scenario::{ALL, Scenario, World, read_span};
use crate::at_rest::sample::{NamedKeys, SampleKms, SampleStore, ScenarioKms, Scene, WorldTables};

#[test]
fn every_scenario_comes_out_as_it_says() {
    for (name, text) in ALL {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut world = SampleWorld::new(scenario.settings().unwrap());
        scenario.run(&mut world).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!world.store.contains(b"value"), "{name}: something lies in the clear");
    }
}

/// The sample KMS by the driver of futures; each of its answers comes a while after it was asked for.
struct Later(SampleKms);

impl KmsPort for Later {
    async fn call(&self, call: &KmsCall, at: Timestamp) -> KmsReply {
        Pause(false).await;
        self.0.answer(call, at)
    }
}

/// Is ready when it is asked again.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl ScenarioKms for Later {
    fn run(&self, tables: &WorldTables, input: Input, now: Timestamp) -> Result<Answer, Refusal> {
        wait(tables.run_async(input, now, self))
    }

    fn advance(&self, tables: &WorldTables, to: Timestamp) {
        wait(tables.advance_async(to, self));
    }

    fn settle(&self, tables: &WorldTables, store: &mut SampleStore, now: Timestamp) {
        let _ = wait(tables.settle_async(store, now, self));
    }

    fn last_change(&self, key: KeyArn) -> Option<Timestamp> {
        self.0.last_change(key)
    }

    fn next_expiry(&self, until: Timestamp) -> Option<Timestamp> {
        self.0.next_expiry(until)
    }

    fn expire(&mut self, at: Timestamp) {
        self.0.expire(at);
    }

    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        scene: Scene,
    ) -> Option<Result<String, String>> {
        self.0.command(words, keys, scene)
    }
}

#[test]
fn every_scenario_comes_out_the_same_with_futures() {
    for (name, text) in ALL {
        let scenario = Scenario::parse(text).unwrap();
        let mut world = SampleWorld::around(Later(SampleKms::new(2)), scenario.settings().unwrap());
        scenario.run(&mut world).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!world.store.contains(b"value"), "{name}: something lies in the clear");
    }
}

/// A world that is torn down and loaded from its records before every command.
struct Restarting(SampleWorld);

impl World for Restarting {
    fn advance(&mut self, to: Span) {
        self.0.restart();
        self.0.advance(to);
    }

    fn run(&mut self, words: &[&str]) -> Result<String, String> {
        self.0.run(words)
    }
}

#[test]
fn statuses_and_changes_are_the_same_when_the_process_restarts_all_the_time() {
    // What memory decides is left out: how long a connection goes on, and time to live without the key.
    for (name, text) in ALL.iter().filter(|(name, _)| *name != "05-connections") {
        let memory = ["get", "put", "sweep", "stream"];
        let kept = text.lines().filter(|line| {
            let command = line.split_whitespace().nth(1).unwrap_or_default();
            !(memory.contains(&command) && line.contains("=>") && !line.contains("=> ok"))
        });
        let text: Vec<&str> = kept.collect();
        let scenario = Scenario::parse(&text.join("\n")).unwrap();
        let mut world = Restarting(SampleWorld::new(scenario.settings().unwrap()));
        scenario.run(&mut world).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_is_no_scenario_is_refused() {
    for text in
        ["x create books", "0s", "1h..0s/1s get", "0s..1h/0s get books", "0s..99999d/1ms get books", "- get"]
    {
        assert_eq!(Scenario::parse(text).unwrap_err().line, 1, "{text}");
    }
    let wrong = Scenario::parse("# nothing\n0s keys => 1").unwrap();
    let error = wrong.run(&mut world()).unwrap_err();
    assert_eq!((error.line, error.to_string().as_str()), (2, "line 2 at 0 ms: keys: expected 1, not 0"));
    let unknown = Scenario::parse("0s frobnicate").unwrap();
    assert!(unknown.run(&mut world()).is_err());
    assert!(Scenario::parse("settings {\"nonsense\": 1}").unwrap().settings().is_err());
    let settings = Scenario::parse("settings {\"detection\": {\"fixed\": 0}}").unwrap().settings().unwrap();
    assert_eq!(settings.detection, Delay::Fixed(Span::ZERO));
    for (text, span) in
        [("7d2h", Span::hours(170)), ("-1m", Span::minutes(-1)), ("1h30m5s7ms", Span(5_405_007))]
    {
        assert_eq!(read_span(text), Some(span));
    }
    for text in ["", "-", "7", "h", "7x", "99999999999999999999d", "1 h"] {
        assert_eq!(read_span(text), None, "{text}");
    }
}
