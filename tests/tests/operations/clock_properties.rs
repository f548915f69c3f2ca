//! What holds for every way to move the clock: the parts of an advance add up, whatever comes between them, and nobody
//! sees the middle of an event.

use std::sync::Arc;

use fixtures::{START, TestKms};
use http::Method;
use kms_server::builder::Builder;
use kms_server::engine::{Batching, ClockStart};
use kms_server::store::{Fault, MemoryStore};
use lifecycle::crypto::{Entropy, SeededEntropy};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::wire::{call, control};

/// What to do with a new key.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Rotates(u16),
    Ends(u8),
    RotatesAndEnds(u16, u8),
}

/// What an advance is cut into.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Another advance begins.
    Again,
    /// The advance is given up after some events, and gone on with.
    Early(usize),
    /// The server is stopped and started.
    Restart,
    /// One of the next commits fails.
    Fault(u64),
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    // Few, so that several events often fall on one instant.
    let period = proptest::sample::select(vec![90_u16, 120, 180, 365]);
    let plan = prop_oneof![
        period.clone().prop_map(Plan::Rotates),
        (7_u8..=30).prop_map(Plan::Ends),
        (period, 7_u8..=30).prop_map(|(period, window)| Plan::RotatesAndEnds(period, window)),
    ];
    proptest::collection::vec(plan, 1..9)
}

fn cuts() -> impl Strategy<Value = Vec<(u16, Cut)>> {
    let cut = prop_oneof![
        Just(Cut::Again),
        (1_usize..5).prop_map(Cut::Early),
        Just(Cut::Restart),
        (1_u64..4).prop_map(Cut::Fault),
    ];
    proptest::collection::vec((0_u16..500, cut), 0..5)
}

/// What was told of the events.
#[derive(Default)]
struct Timeline {
    events: Vec<Value>,
    /// Whether an advance has failed: what was stored before was not told.
    failed: bool,
}

/// A KMS that can be stopped and started, with randomness that goes on.
struct Server {
    store: MemoryStore,
    entropy: Arc<dyn Entropy>,
    kms: TestKms,
}

impl Server {
    fn new() -> Self {
        let (store, entropy) = (MemoryStore::new(), Arc::new(SeededEntropy::new(1)) as Arc<dyn Entropy>);
        let kms = Self::started(store.reopen(), &entropy);
        Server { store, entropy, kms }
    }

    /// Each event is stored by itself or with one other, so that there are parts.
    fn started(store: MemoryStore, entropy: &Arc<dyn Entropy>) -> TestKms {
        let builder = Builder::new(Box::new(store))
            .entropy(Arc::clone(entropy))
            .batching(Batching { batch_events_max: 2, ..Batching::default() })
            .clock(ClockStart { at: Some(START), rate: 0.0 });
        TestKms::of(builder.build().unwrap())
    }

    async fn restart(&mut self, change: impl FnOnce(&mut MemoryStore)) {
        self.kms.service().stop().await;
        let mut store = self.store.reopen();
        change(&mut store);
        self.kms = Self::started(store, &self.entropy);
    }

    async fn prepare(&self, plans: &[Plan]) {
        for plan in plans {
            let created = call(&self.kms, "CreateKey", json!({})).await.ok();
            let key = created["KeyMetadata"]["Arn"].clone();
            let (period, window) = match plan {
                Plan::Rotates(period) => (Some(period), None),
                Plan::Ends(window) => (None, Some(window)),
                Plan::RotatesAndEnds(period, window) => (Some(period), Some(window)),
            };
            if let Some(period) = period {
                let input = json!({"KeyId": key, "RotationPeriodInDays": period});
                call(&self.kms, "EnableKeyRotation", input).await.ok();
            }
            if let Some(window) = window {
                let input = json!({"KeyId": key, "PendingWindowInDays": window});
                call(&self.kms, "ScheduleKeyDeletion", input).await.ok();
            }
        }
    }

    /// Advances, again if it fails; tells where to go on.
    async fn advance(&self, body: Value, timeline: &mut Timeline) -> Value {
        loop {
            let answer = control(&self.kms, Method::POST, "/_kms/clock/advance", body.to_string()).await;
            if answer.status.is_success() {
                let answer = answer.json();
                timeline.events.extend(answer["timeline"].as_array().unwrap().clone());
                return answer["continue"].clone();
            }
            assert!(answer.message().starts_with("not stored"), "{}", answer.message());
            timeline.failed = true;
        }
    }

    async fn dump(&self) -> (Value, Value) {
        let clock = control(&self.kms, Method::GET, "/_kms/clock", "").await.ok();
        (control(&self.kms, Method::GET, "/_kms/state", "").await.ok(), clock)
    }
}

/// The state without what randomness has made.
fn without_materials(mut state: Value) -> Value {
    state.as_object_mut().unwrap().remove("materials");
    for key in state["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("current_material");
    }
    state
}

fn day(number: u16) -> Value {
    json!({"to": lifecycle::clock::Timestamp(START.0).plus_days(u32::from(number)).to_string()})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_advance_in_parts_is_the_advance_whatever_comes_between(plans in plans(), mut cuts in cuts()) {
        const END: u16 = 500;
        cuts.sort_by_key(|(at, _)| *at);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let whole = Server::new();
            whole.prepare(&plans).await;
            let mut expected = Timeline::default();
            whole.advance(day(END), &mut expected).await;

            let mut parts = Server::new();
            parts.prepare(&plans).await;
            let mut timeline = Timeline::default();
            // The events of a commit that fails had their random bytes already.
            let faulty = cuts.iter().any(|(_, cut)| matches!(cut, Cut::Fault(_)));
            for (at, cut) in cuts {
                match cut {
                    Cut::Again => drop(parts.advance(day(at), &mut timeline).await),
                    Cut::Early(events_max) => {
                        let mut body = day(at);
                        body["events_max"] = events_max.into();
                        let mut next = parts.advance(body, &mut timeline).await;
                        while !next.is_null() {
                            let body = json!({"continue": next, "events_max": events_max});
                            next = parts.advance(body, &mut timeline).await;
                        }
                    }
                    Cut::Restart => {
                        parts.advance(day(at), &mut timeline).await;
                        parts.restart(|_| {}).await;
                    }
                    Cut::Fault(nth) => {
                        parts.restart(|store| store.fail_commit(nth, Fault::Refused)).await;
                        parts.advance(day(at), &mut timeline).await;
                    }
                }
            }
            parts.advance(day(END), &mut timeline).await;
            // A fault that has not come about must not come about now.
            parts.restart(|_| {}).await;
            let ((whole, whole_clock), (parts, parts_clock)) = (whole.dump().await, parts.dump().await);
            assert_eq!(whole_clock, parts_clock);
            if !timeline.failed {
                assert_eq!(timeline.events, expected.events);
            }
            if !faulty {
                assert_eq!(whole, parts);
            }
            assert_eq!(without_materials(whole), without_materials(parts));
        });
    }
}

/// Every answer is of before or after an event: its instant agrees with what it shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_during_an_advance_sees_no_event_by_half() {
    let kms =
        TestKms::with(|builder| builder.batching(Batching { batch_events_max: 1, ..Batching::default() }));
    let created = call(&kms, "CreateKey", json!({})).await.ok();
    let key = created["KeyMetadata"]["Arn"].clone();
    call(&kms, "EnableKeyRotation", json!({"KeyId": key, "RotationPeriodInDays": 90})).await.ok();
    let looking = |kms: TestKms, key: Value| async move {
        let mut seen = 0;
        loop {
            let answer = call(&kms, "ListKeyRotations", json!({ "KeyId": key })).await;
            let at: jiff::Timestamp = answer.headers["x-kms-domain-time"].to_str().unwrap().parse().unwrap();
            let rotations = answer.ok()["Rotations"].as_array().unwrap().len() as i64;
            let days = (at.as_millisecond() - START.0).div_euclid(86_400_000);
            assert_eq!(rotations, days / 90, "{at}");
            seen = seen.max(rotations);
            if rotations == 90 {
                return seen;
            }
        }
    };
    let lookers: Vec<_> = (0..3).map(|_| tokio::spawn(looking(kms.clone(), key.clone()))).collect();
    // In both ways in which time passes: moved, and by itself at a rate at which something is always due.
    kms.clock().advance(&format!("{}d", 90 * 45)).await.unwrap();
    kms.clock().resume(1e7).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    kms.clock().freeze().await.unwrap();
    let end = START.plus_days(90 * 90).to_string();
    if kms.clock().now() < START.plus_days(90 * 90) {
        kms.clock().advance_to(&end).await.unwrap();
    }
    for looker in lookers {
        assert_eq!(looker.await.unwrap(), 90);
    }
}
