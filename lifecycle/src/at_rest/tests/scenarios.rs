//! The scenarios against the engine, by the driver that waits and after restarts; their language.

use super::*;
use crate::at_rest::sample::scenario::{ALL, Scenario, World, read_span};

#[test]
fn every_scenario_comes_out_as_it_says() {
    for (name, text) in ALL {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut world = SampleWorld::new(scenario.settings().unwrap());
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
