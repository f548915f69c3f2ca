//! Random sequences of operations against a model of a few lines.

use std::collections::BTreeMap;

use fixtures::{START, TestKms};
use http::Method;
use kms_server::limits::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::subject::State;
use super::wire::{alias_arn, call, control};

const LIMITS: [usize; 3] = [4, 2, 3];

#[derive(Clone, Debug)]
enum Step {
    Create,
    Enable(usize),
    Disable(usize),
    Schedule(usize, u32),
    Cancel(usize),
    Advance(u32),
    CreateAlias(u8, usize),
    UpdateAlias(u8, usize),
    DeleteAlias(u8),
    Tag(usize, u8, u8),
    Untag(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..6_usize;
    let name = 0..4_u8;
    prop_oneof![
        3 => Just(Step::Create),
        1 => key.clone().prop_map(Step::Enable),
        2 => key.clone().prop_map(Step::Disable),
        1 => (key.clone(), 7..=30_u32).prop_map(|(key, days)| Step::Schedule(key, days)),
        1 => key.clone().prop_map(Step::Cancel),
        1 => (1..20_u32).prop_map(Step::Advance),
        2 => (name.clone(), key.clone()).prop_map(|(name, key)| Step::CreateAlias(name, key)),
        2 => (name.clone(), key.clone()).prop_map(|(name, key)| Step::UpdateAlias(name, key)),
        1 => name.clone().prop_map(Step::DeleteAlias),
        3 => (key.clone(), name.clone(), any::<u8>()).prop_map(|(key, tag, value)| Step::Tag(key, tag, value)),
        1 => (key, name).prop_map(|(key, tag)| Step::Untag(key, tag)),
    ]
}

struct Key {
    id: String,
    state: State,
    deletion_day: Option<u32>,
    tags: Vec<(String, String)>,
}

/// What should be there. Keys that were deleted stay in the list, so that their ids can be tried.
#[derive(Default)]
struct Model {
    keys: Vec<Key>,
    aliases: BTreeMap<String, usize>,
    day: u32,
}

const MISSING: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const NOT_FOUND: &str = "NotFoundException";
const INVALID_STATE: &str = "KMSInvalidStateException";
const LIMIT: &str = "LimitExceededException";
const OK: &str = "";

fn alias(name: u8) -> String {
    format!("alias/{name}")
}

impl Model {
    fn id(&self, key: usize) -> &str {
        self.keys.get(key).map_or(MISSING, |key| &key.id)
    }

    fn is_alive(&self, key: &Key) -> bool {
        key.deletion_day.is_none_or(|day| day > self.day)
    }

    /// A key that exists and does not await its deletion, or the error.
    fn unscheduled(&mut self, key: usize) -> Result<&mut Key, &'static str> {
        let day = self.day;
        match self.keys.get_mut(key) {
            Some(key) if key.deletion_day.is_none() => Ok(key),
            Some(key) if key.deletion_day.is_some_and(|deletion| deletion > day) => Err(INVALID_STATE),
            _ => Err(NOT_FOUND),
        }
    }

    fn aliases_of(&self, key: usize) -> usize {
        self.aliases.values().filter(|target| **target == key).count()
    }

    /// Applies a step and says the error code it should have.
    fn apply(&mut self, step: &Step) -> Result<(), &'static str> {
        let [_, aliases_max, tags_max] = LIMITS;
        match *step {
            Step::Create => unreachable!("the server chooses the id"),
            Step::Enable(key) => self.unscheduled(key)?.state = State::Enabled,
            Step::Disable(key) => self.unscheduled(key)?.state = State::Disabled,
            Step::Schedule(key, days) => {
                let day = self.day + days;
                let key = self.unscheduled(key)?;
                (key.state, key.deletion_day) = (State::PendingDeletion, Some(day));
            }
            Step::Cancel(key) => match self.unscheduled(key) {
                Ok(_) => return Err(INVALID_STATE),
                Err(INVALID_STATE) => {
                    (self.keys[key].state, self.keys[key].deletion_day) = (State::Disabled, None);
                }
                Err(error) => return Err(error),
            },
            Step::Advance(days) => {
                self.day += days;
                let gone: Vec<_> =
                    (0..self.keys.len()).filter(|key| !self.is_alive(&self.keys[*key])).collect();
                self.aliases.retain(|_, target| !gone.contains(target));
            }
            Step::CreateAlias(name, key) => {
                self.unscheduled(key)?;
                if self.aliases.contains_key(&alias(name)) {
                    return Err("AlreadyExistsException");
                }
                if self.aliases_of(key) >= aliases_max {
                    return Err(LIMIT);
                }
                self.aliases.insert(alias(name), key);
            }
            Step::UpdateAlias(name, key) => {
                let Some(target) = self.aliases.get(&alias(name)).copied() else { return Err(NOT_FOUND) };
                self.unscheduled(key)?;
                if target != key && self.aliases_of(key) >= aliases_max {
                    return Err(LIMIT);
                }
                self.aliases.insert(alias(name), key);
            }
            Step::DeleteAlias(name) => {
                self.aliases.remove(&alias(name)).ok_or(NOT_FOUND)?;
            }
            Step::Tag(key, tag, value) => {
                let tags = &mut self.unscheduled(key)?.tags;
                let (tag, full) = (tag.to_string(), tags.len() >= tags_max);
                match tags.iter_mut().find(|(known, _)| *known == tag) {
                    Some((_, known)) => *known = value.to_string(),
                    None if full => return Err(LIMIT),
                    None => tags.push((tag, value.to_string())),
                }
            }
            Step::Untag(key, tag) => {
                self.unscheduled(key)?.tags.retain(|(known, _)| *known != tag.to_string())
            }
        }
        Ok(())
    }

    /// What the server should say of everything: keys, aliases and tags.
    fn expected(&self) -> Value {
        let alive = self.keys.iter().filter(|key| self.is_alive(key));
        let mut keys: Vec<_> = alive
            .map(|key| {
                let tags = key.tags.iter().map(|(tag, value)| json!({"TagKey": tag, "TagValue": value}));
                json!({
                    "id": key.id,
                    "state": format!("{:?}", key.state),
                    "enabled": key.state == State::Enabled,
                    "deletion": key.deletion_day.map(|day| START.plus_days(day).epoch_seconds()),
                    "tags": tags.collect::<Value>(),
                })
            })
            .collect();
        keys.sort_by_key(|key| key["id"].to_string());
        let aliases: Value =
            self.aliases.iter().map(|(name, key)| json!([name, self.keys[*key].id])).collect();
        json!({"keys": keys, "aliases": aliases})
    }
}

/// What the server says of everything.
async fn found(kms: &TestKms) -> Value {
    let mut keys = Vec::new();
    for entry in call(kms, "ListKeys", json!({})).await.ok()["Keys"].as_array().unwrap() {
        let key = json!({"KeyId": entry["KeyId"]});
        let metadata = call(kms, "DescribeKey", key.clone()).await.ok()["KeyMetadata"].clone();
        keys.push(json!({
            "id": entry["KeyId"],
            "state": metadata["KeyState"],
            "enabled": metadata["Enabled"],
            "deletion": metadata.get("DeletionDate"),
            "tags": call(kms, "ListResourceTags", key).await.ok()["Tags"],
        }));
    }
    let listed = call(kms, "ListAliases", json!({})).await.ok();
    let own = listed["Aliases"].as_array().unwrap().iter().filter(|alias| alias.get("TargetKeyId").is_some());
    let aliases: Value = own.map(|alias| json!([alias["AliasName"], alias["TargetKeyId"]])).collect();
    json!({"keys": keys, "aliases": aliases})
}

async fn take(kms: &TestKms, model: &mut Model, step: &Step) {
    let (operation, input) = match *step {
        Step::Create => ("CreateKey", json!({})),
        Step::Enable(key) => ("EnableKey", json!({"KeyId": model.id(key)})),
        Step::Disable(key) => ("DisableKey", json!({"KeyId": model.id(key)})),
        Step::Schedule(key, days) => {
            ("ScheduleKeyDeletion", json!({"KeyId": model.id(key), "PendingWindowInDays": days}))
        }
        Step::Cancel(key) => ("CancelKeyDeletion", json!({"KeyId": model.id(key)})),
        Step::Advance(days) => {
            kms.advance_days(days).await;
            model.apply(step).unwrap();
            return;
        }
        Step::CreateAlias(name, key) => {
            ("CreateAlias", json!({"AliasName": alias(name), "TargetKeyId": model.id(key)}))
        }
        Step::UpdateAlias(name, key) => {
            ("UpdateAlias", json!({"AliasName": alias(name), "TargetKeyId": model.id(key)}))
        }
        Step::DeleteAlias(name) => ("DeleteAlias", json!({"AliasName": alias(name)})),
        Step::Tag(key, tag, value) => (
            "TagResource",
            json!({"KeyId": model.id(key), "Tags": [{"TagKey": tag.to_string(), "TagValue": value.to_string()}]}),
        ),
        Step::Untag(key, tag) => {
            ("UntagResource", json!({"KeyId": model.id(key), "TagKeys": [tag.to_string()]}))
        }
    };
    let answer = call(kms, operation, input).await;
    let expected = match step {
        Step::Create => {
            let alive = model.keys.iter().filter(|key| model.is_alive(key)).count();
            if alive >= LIMITS[0] { LIMIT } else { OK }
        }
        step => model.apply(step).err().unwrap_or(OK),
    };
    assert_eq!(answer.code(), expected, "{step:?}: {}", answer.message());
    if matches!(step, Step::Create) && expected == OK {
        let id = answer.json()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        model.keys.push(Key { id, state: State::Enabled, deletion_day: None, tags: Vec::new() });
    }
}

async fn run(steps: &[Step]) {
    let [keys_max, aliases_per_key_max, tags_per_key_max] = LIMITS;
    let limits = Limits { keys_max, aliases_per_key_max, tags_per_key_max, ..Limits::default() };
    let kms = TestKms::with(|builder| builder.limits(limits));
    let mut model = Model::default();
    for step in steps {
        take(&kms, &mut model, step).await;
        assert_eq!(found(&kms).await, model.expected(), "after {step:?}");
    }
    for (name, key) in &model.aliases {
        let described = call(&kms, "DescribeKey", json!({"KeyId": alias_arn(name)})).await.ok();
        assert_eq!(described["KeyMetadata"]["KeyId"], model.id(*key));
    }
    let state = control(&kms, Method::GET, "/_kms/state", "").await;
    let copy = TestKms::new();
    control(&copy, Method::PUT, "/_kms/state", state.body).await.ok();
    assert_eq!(found(&copy).await, model.expected(), "after export and import");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_server_agrees_with_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&steps));
    }
}
