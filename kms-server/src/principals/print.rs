//! From the entries of a directory to JSON, in the form in which they are read. Secrets are left out.

use lifecycle::iam::{Account, Directory, Entry, Policy, managed};
use lifecycle::policy::{self, Kind, Principal};
use lifecycle::tag::Tag;
use serde_json::{Map, Value, json};

/// An account, user or role with the ids of its access keys, or an access key with its owner.
#[must_use]
pub fn printed(entry: &Entry, directory: &Directory) -> Value {
    match entry {
        Entry::Account(account) => {
            let root = Principal::Root(policy::Account::of("aws", account.id));
            let mut members = Members::new(json!({ "id": account.id }));
            members.add("name", account.name.as_deref().map(Value::from));
            members.add("organization", organization(account));
            members.add("access_keys", access_keys(&root, directory));
            members.0.into()
        }
        Entry::User(user) => {
            let mut members = Members::new(json!({ "arn": user.principal.arn(), "id": &*user.id }));
            members.add("tags", tags(&user.tags));
            members.add("policies", policies(&user.policies, Kind::Identity));
            members.add("boundary", user.boundary.as_ref().map(|policy| policy_of(policy, Kind::Identity)));
            members.add("access_keys", access_keys(&user.principal, directory));
            members.0.into()
        }
        Entry::Role(role) => {
            let mut members = Members::new(json!({
                "arn": role.principal.arn(),
                "id": &*role.id,
                "trust": document(&role.trust),
                "max_session_seconds": role.max_session_seconds,
            }));
            members.add("tags", tags(&role.tags));
            members.add("policies", policies(&role.policies, Kind::Identity));
            members.add("boundary", role.boundary.as_ref().map(|policy| policy_of(policy, Kind::Identity)));
            members.0.into()
        }
        Entry::AccessKey(key) => json!({ "id": &*key.id, "owner": key.owner.arn() }),
    }
}

/// The members of an object; what there is none of is left out.
struct Members(Map<String, Value>);

impl Members {
    fn new(object: Value) -> Self {
        Members(object.as_object().cloned().unwrap_or_default())
    }

    fn add(&mut self, name: &str, value: Option<Value>) {
        self.0.extend(value.map(|value| (name.to_owned(), value)));
    }
}

fn organization(account: &Account) -> Option<Value> {
    let organization = account.organization.as_ref()?;
    let mut members = Members::new(json!({ "id": &*organization.id }));
    members.add("path", organization.path.as_deref().map(Value::from));
    let levels = organization.service_control.iter();
    let levels: Vec<Value> =
        levels.map(|level| level.iter().map(|policy| policy_of(policy, Kind::Identity)).collect()).collect();
    members.add("service_control", (!levels.is_empty()).then(|| levels.into()));
    members.add("resource_control", policies(&organization.resource_control, Kind::KeyPolicy));
    Some(members.0.into())
}

fn tags(tags: &[Tag]) -> Option<Value> {
    let table: Map<String, Value> =
        tags.iter().map(|tag| (tag.tag_key.clone(), tag.tag_value.as_str().into())).collect();
    (!table.is_empty()).then(|| table.into())
}

fn policies(policies: &[Policy], kind: Kind) -> Option<Value> {
    let list: Vec<Value> = policies.iter().map(|policy| policy_of(policy, kind)).collect();
    (!list.is_empty()).then(|| list.into())
}

/// One that AWS manages by its ARN, any other as it was written.
fn policy_of(policy: &Policy, kind: Kind) -> Value {
    match managed::find(policy.name(), kind) {
        Some(managed) if managed == *policy => policy.name().into(),
        _ => json!({ "name": policy.name(), "document": document(policy) }),
    }
}

/// The policy as JSON. Its text has been read before, so it is.
fn document(policy: &Policy) -> Value {
    serde_json::from_str(policy.text()).unwrap_or_else(|_| policy.text().into())
}

fn access_keys(owner: &Principal, directory: &Directory) -> Option<Value> {
    let keys: Vec<Value> = directory.access_keys_of(owner).map(|key| json!({ "id": &*key.id })).collect();
    (!keys.is_empty()).then(|| keys.into())
}
