//! Random sequences over related keys against a model of a few lines.

use std::collections::BTreeMap;

use fixtures::{REGION, TestKms};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Where the keys of the model may be.
const REGIONS: [&str; 3] = [REGION, IRELAND, TOKYO];
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
/// How long a key is Creating or Updating.
const TRANSITION: i64 = 5 * SECOND;

const OK: &str = "";
const NOT_FOUND: &str = "NotFoundException";
const STATE: &str = "KMSInvalidStateException";
const DISABLED: &str = "DisabledException";
const UNSUPPORTED: &str = "UnsupportedOperationException";
const EXISTS: &str = "AlreadyExistsException";

/// A call in a Region, or the passing of time.
#[derive(Clone, Copy, Debug)]
enum Step {
    Replicate(usize, usize),
    Update(usize, usize),
    Rotate(usize),
    Enable(usize),
    Disable(usize),
    Schedule(usize, u32),
    Cancel(usize),
    /// Seconds.
    Advance(i64),
    Encrypt(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let region = || 0..REGIONS.len();
    prop_oneof![
        5 => (region(), region()).prop_map(|(at, to)| Step::Replicate(at, to)),
        3 => (region(), region()).prop_map(|(at, to)| Step::Update(at, to)),
        2 => region().prop_map(Step::Rotate),
        2 => region().prop_map(Step::Enable),
        1 => region().prop_map(Step::Disable),
        2 => (region(), 7..=9_u32).prop_map(|(at, days)| Step::Schedule(at, days)),
        2 => region().prop_map(Step::Cancel),
        3 => prop_oneof![1..=6_i64, Just(5), Just(7 * 86_400), Just(8 * 86_400)].prop_map(Step::Advance),
        2 => region().prop_map(Step::Encrypt),
    ]
}

#[derive(Clone, Debug, PartialEq)]
enum Waits {
    /// Until the replicas are gone, then for so many days.
    ForReplicas(u32),
    Until(i64),
}

#[derive(Clone, Debug)]
struct Key {
    enabled: bool,
    /// The name of a transition, and its end.
    transition: Option<(&'static str, i64)>,
    deletion: Option<Waits>,
}

impl Key {
    fn state(&self) -> &'static str {
        match (&self.deletion, self.transition, self.enabled) {
            (Some(Waits::ForReplicas(_)), ..) => "PendingReplicaDeletion",
            (Some(Waits::Until(_)), ..) => "PendingDeletion",
            (None, Some((name, _)), _) => name,
            (None, None, true) => "Enabled",
            (None, None, false) => "Disabled",
        }
    }

    /// Whether the key is in one of these states; the error if it is not.
    fn admits(&self, states: &[&str]) -> Result<(), &'static str> {
        match self.state() {
            state if states.contains(&state) => Ok(()),
            "Disabled" => Err(DISABLED),
            _ => Err(STATE),
        }
    }
}

const USABLE: [&str; 2] = ["Enabled", "Updating"];

/// What should be there, by the place of the Region.
struct Model {
    now: i64,
    primary: usize,
    keys: BTreeMap<usize, Key>,
    /// The Regions of the replicas as they are listed.
    replicas: Vec<usize>,
    rotations: usize,
}

impl Model {
    fn new() -> Model {
        let key = Key { enabled: true, transition: None, deletion: None };
        Model { now: 0, primary: 0, keys: [(0, key)].into(), replicas: Vec::new(), rotations: 0 }
    }

    fn key(&mut self, at: usize) -> Result<&mut Key, &'static str> {
        self.keys.get_mut(&at).ok_or(NOT_FOUND)
    }

    fn apply(&mut self, step: Step) -> Result<(), &'static str> {
        let (now, primary) = (self.now, self.primary);
        match step {
            Step::Replicate(at, to) => {
                self.key(at)?.admits(&["Enabled"])?;
                if at != primary || at == to {
                    return Err(UNSUPPORTED);
                }
                if self.keys.contains_key(&to) {
                    return Err(EXISTS);
                }
                let transition = Some(("Creating", now + TRANSITION));
                self.keys.insert(to, Key { enabled: true, transition, deletion: None });
                self.replicas.push(to);
            }
            Step::Update(at, to) => {
                self.key(at)?.admits(&USABLE)?;
                let to_replica = at == primary && at != to;
                match self.keys.get(&to).filter(|_| to_replica) {
                    Some(replica) => replica.admits(&USABLE)?,
                    None if to_replica => return Err(NOT_FOUND),
                    None => return Err(UNSUPPORTED),
                }
                for region in [at, to] {
                    self.key(region)?.transition = Some(("Updating", now + TRANSITION));
                }
                self.primary = to;
                self.replicas.iter_mut().filter(|region| **region == to).for_each(|region| *region = at);
            }
            Step::Rotate(at) => {
                self.key(at)?.admits(&["Enabled"])?;
                if at != primary {
                    return Err(UNSUPPORTED);
                }
                if self.rotations == 25 {
                    return Err("LimitExceededException");
                }
                self.rotations += 1;
            }
            Step::Enable(at) | Step::Disable(at) => {
                let key = self.key(at)?;
                match key.state() {
                    "Enabled" | "Disabled" => key.enabled = matches!(step, Step::Enable(_)),
                    _ => return Err(STATE),
                }
            }
            Step::Schedule(at, days) => {
                let waits = at == primary && !self.replicas.is_empty();
                let key = self.key(at)?;
                if !["Enabled", "Disabled", "Creating"].contains(&key.state()) {
                    return Err(STATE);
                }
                key.transition = None;
                key.deletion = Some(match waits {
                    true => Waits::ForReplicas(days),
                    false => Waits::Until(now + i64::from(days) * DAY),
                });
            }
            Step::Cancel(at) => {
                let key = self.key(at)?;
                key.deletion.take().ok_or(STATE)?;
                key.enabled = false;
            }
            Step::Advance(seconds) => self.advance(now + seconds * SECOND),
            Step::Encrypt(at) => self.key(at)?.admits(&USABLE)?,
        }
        Ok(())
    }

    fn advance(&mut self, to: i64) {
        for key in self.keys.values_mut() {
            key.transition = key.transition.filter(|(_, until)| *until > to);
        }
        // One after the other: the last replica sets the date of its primary.
        loop {
            let date = |key: &Key| match key.deletion {
                Some(Waits::Until(at)) if at <= to => Some(at),
                _ => None,
            };
            let due = self.keys.iter().filter_map(|(region, key)| Some((date(key)?, *region))).min();
            let Some((at, region)) = due else { break };
            self.keys.remove(&region);
            self.replicas.retain(|replica| *replica != region);
            let waiting = self.keys.get_mut(&self.primary).filter(|_| self.replicas.is_empty());
            if let Some(deletion) = waiting.and_then(|key| key.deletion.as_mut())
                && let Waits::ForReplicas(days) = *deletion
            {
                *deletion = Waits::Until(at + i64::from(days) * DAY);
            }
        }
        self.now = to;
    }
}

async fn carry_out(kms: &TestKms, id: &str, step: Step) -> String {
    let (at, operation, members) = match step {
        Step::Advance(seconds) => {
            kms.clock().advance(&format!("{seconds}s")).await.unwrap();
            return OK.to_owned();
        }
        Step::Replicate(at, to) => (at, "ReplicateKey", json!({"ReplicaRegion": REGIONS[to]})),
        Step::Update(at, to) => (at, "UpdatePrimaryRegion", json!({"PrimaryRegion": REGIONS[to]})),
        Step::Rotate(at) => (at, "RotateKeyOnDemand", json!({})),
        Step::Enable(at) => (at, "EnableKey", json!({})),
        Step::Disable(at) => (at, "DisableKey", json!({})),
        Step::Schedule(at, days) => (at, "ScheduleKeyDeletion", json!({"PendingWindowInDays": days})),
        Step::Cancel(at) => (at, "CancelKeyDeletion", json!({})),
        Step::Encrypt(at) => (at, "Encrypt", json!({"Plaintext": "AAAA"})),
    };
    let mut input = members;
    input["KeyId"] = id.into();
    call_in(kms, REGIONS[at], operation, input).await.code()
}

/// Every key is as the model says, and all of them have the same materials.
async fn compare(kms: &TestKms, id: &str, model: &Model) {
    let mut materials = Vec::new();
    for (at, region) in REGIONS.into_iter().enumerate() {
        let described = call_in(kms, region, "DescribeKey", json!({"KeyId": id})).await;
        let Some(key) = model.keys.get(&at) else {
            assert_eq!(described.code(), NOT_FOUND, "{region}");
            continue;
        };
        let metadata = &described.ok()["KeyMetadata"];
        assert_eq!(metadata["KeyState"], key.state(), "{region}");
        assert_eq!(metadata["Enabled"], key.state() == "Enabled");
        let configuration = &metadata["MultiRegionConfiguration"];
        assert_eq!(
            configuration["MultiRegionKeyType"],
            ["REPLICA", "PRIMARY"][usize::from(at == model.primary)]
        );
        assert_eq!(configuration["PrimaryKey"]["Region"], REGIONS[model.primary]);
        let replicas: Vec<_> = model.replicas.iter().map(|replica| REGIONS[*replica]).collect();
        assert_eq!(replica_regions(metadata), replicas);
        let date = match key.deletion {
            Some(Waits::Until(date)) => Some((fixtures::START.0 + date) as f64 / 1_000.0),
            _ => None,
        };
        assert_eq!(metadata["DeletionDate"].as_f64(), date, "{region}");
        let input = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
        let listed = call_in(kms, region, "ListKeyRotations", input).await.ok();
        assert_eq!(listed["Rotations"].as_array().unwrap().len(), model.rotations + 1);
        materials.push(listed);
    }
    assert!(materials.windows(2).all(|pair| pair[0] == pair[1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn related_keys_are_as_a_small_model_says(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kms = TestKms::new();
            let id = primary(&kms, json!({})).await;
            let mut model = Model::new();
            let mut blobs = Vec::new();
            for step in steps {
                let expected = model.apply(step).err().unwrap_or(OK);
                assert_eq!(carry_out(&kms, &id, step).await, expected, "{step:?}");
                compare(&kms, &id, &model).await;
                if let (Step::Encrypt(at), OK) = (step, expected) {
                    let input = json!({"KeyId": id, "Plaintext": "AAAA"});
                    blobs.push(call_in(&kms, REGIONS[at], "Encrypt", input).await.ok()["CiphertextBlob"].clone());
                }
            }
            // Whatever was sealed anywhere opens wherever a key can be used.
            for at in model.keys.iter().filter(|(_, key)| USABLE.contains(&key.state())).map(|(at, _)| *at) {
                for blob in &blobs {
                    call_in(&kms, REGIONS[at], "Decrypt", json!({"CiphertextBlob": blob})).await.ok();
                }
            }
        });
    }
}
