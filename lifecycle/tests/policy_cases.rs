//! The table of authorisation decisions in `fixtures/cases/policy`, case by case.
//!
//! `policies.json` holds the policies by name; every other file holds cases. A case says who asks for what,
//! which policies and grants there are, and what comes out: the decision, the text that the caller gets, the
//! reasons, and what is missing.

#![cfg(test)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use lifecycle::authorize::{
    CrossAccount, Decision, GrantAllow, IdentityPolicies, Inquiry, KeyPolicyRule, Named, Resource, Rules,
    decide,
};
use lifecycle::policy::{Budget, Context, Document, Kind, NamedPolicy, Principal, PrincipalMatch};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the cases have in common, for the reader.
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "name")]
    _name: String,
    principal: String,
    /// Path and name of a session's role, where the role has a path.
    role: Option<String>,
    action: String,
    resource: Target,
    #[serde(default)]
    named: By,
    #[serde(default)]
    rules: CaseRules,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    everything: bool,
    #[serde(default)]
    identity: Vec<Policy>,
    boundary: Option<Policy>,
    session: Option<Vec<Policy>>,
    service_control: Option<Vec<Vec<Policy>>>,
    #[serde(default)]
    resource_control: Vec<Policy>,
    vpc_endpoint: Option<Policy>,
    #[serde(default)]
    grants: Vec<Grant>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Target {
    Key { key: String, policy: String },
    Alias { alias: String },
    NewKey { new_key: String },
    Other { other: String },
    None(NoTarget),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NoTarget {
    None,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Identifier,
    Ciphertext,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CaseRules {
    key_policy: KeyPolicy,
    cross_account: Reach,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum KeyPolicy {
    #[default]
    Counts,
    IamOnly,
    NoEffect,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Reach {
    #[default]
    Allowed,
    Never,
}

/// A policy by its name in `policies.json`, or one that is called otherwise in the case.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Policy {
    Listed(String),
    Renamed { name: String, policy: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    id: String,
    grantee: Grantee,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Grantee {
    Own,
    Role,
    Account,
    Service,
}

/// What must come out. A denial has all members; an allow has the decision and its reasons.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    decision: String,
    explicit: Option<bool>,
    source: Option<String>,
    message: Option<String>,
    missing: Option<String>,
    reasons: Vec<String>,
    /// The whole answer of `POST /_kms/explain`.
    explanation: Option<Value>,
}

/// The policies of `policies.json`, and which of them a case used.
struct Library {
    texts: BTreeMap<String, Value>,
    used: RefCell<BTreeSet<String>>,
}

impl Library {
    fn document(&self, name: &str, kind: Kind) -> Result<Document, String> {
        let text = self.texts.get(name).ok_or_else(|| format!("no policy {name}"))?;
        self.used.borrow_mut().insert(name.to_owned());
        Document::parse(&text.to_string(), kind).map_err(|error| format!("policy {name}: {error}"))
    }

    fn policy(&self, policy: &Policy, kind: Kind) -> Result<NamedPolicy, String> {
        let (name, listed) = match policy {
            Policy::Listed(name) => (name, name),
            Policy::Renamed { name, policy } => (name, policy),
        };
        Ok(NamedPolicy { name: name.as_str().into(), document: Arc::new(self.document(listed, kind)?) })
    }

    fn policies(&self, policies: &[Policy], kind: Kind) -> Result<Vec<NamedPolicy>, String> {
        policies.iter().map(|policy| self.policy(policy, kind)).collect()
    }

    fn identity(&self, case: &Case) -> Result<IdentityPolicies, String> {
        let level = |level: &Vec<Policy>| self.policies(level, Kind::Identity);
        let levels = |levels: &Vec<Vec<Policy>>| levels.iter().map(level).collect();
        let one = |policy: &Policy| self.policy(policy, Kind::Identity);
        Ok(IdentityPolicies {
            everything: case.everything,
            identity: self.policies(&case.identity, Kind::Identity)?,
            boundary: case.boundary.as_ref().map(one).transpose()?,
            session: case.session.as_ref().map(level).transpose()?,
            service_control: case.service_control.as_ref().map(levels).transpose()?,
            vpc_endpoint: case
                .vpc_endpoint
                .as_ref()
                .map(|policy| self.policy(policy, Kind::KeyPolicy))
                .transpose()?,
        })
    }
}

/// Runs a case; what is wrong with it.
fn run(case: &Value, library: &Library) -> Result<(), String> {
    let case: Case = serde_json::from_value(case.clone()).map_err(|error| error.to_string())?;
    let principal =
        Principal::parse(&case.principal).ok_or_else(|| format!("{} is no principal", case.principal))?;
    let principal = match &case.role {
        Some(role) => principal.with_role(role),
        None => principal,
    };
    let key_policy = match &case.resource {
        Target::Key { policy, .. } => Some(library.document(policy, Kind::KeyPolicy)?),
        _ => None,
    };
    let resource = match (&case.resource, &key_policy) {
        (Target::Key { key, .. }, Some(policy)) => {
            Resource::Key { arn: key, account: key.split(':').nth(4).ok_or("a key has an ARN")?, policy }
        }
        (Target::Alias { alias }, _) => Resource::Alias { arn: alias },
        (Target::NewKey { new_key }, _) => Resource::NewKey { arn: new_key },
        (Target::Other { other }, _) => Resource::Other { arn: other },
        (Target::None(NoTarget::None) | Target::Key { .. }, _) => Resource::None,
    };
    let mut context = Context::new();
    for (key, value) in &case.context {
        context.insert(key, value);
    }
    let grantee = |grant: &Grant| match grant.grantee {
        Grantee::Own => PrincipalMatch::Own,
        Grantee::Role => PrincipalMatch::Role,
        Grantee::Account => PrincipalMatch::Account,
        Grantee::Service => PrincipalMatch::Service,
    };
    let grants: Vec<_> =
        case.grants.iter().map(|given| GrantAllow { id: &given.id, grantee: grantee(given) }).collect();
    let rules = Rules {
        key_policy: match case.rules.key_policy {
            KeyPolicy::Counts => KeyPolicyRule::Counts,
            KeyPolicy::IamOnly => KeyPolicyRule::IamOnly,
            KeyPolicy::NoEffect => KeyPolicyRule::NoEffect,
        },
        cross_account: match case.rules.cross_account {
            Reach::Allowed => CrossAccount::Allowed,
            Reach::Never => CrossAccount::Never,
        },
    };
    let inquiry = Inquiry {
        principal: &principal,
        action: &case.action,
        resource,
        context: &context,
        identity: &library.identity(&case)?,
        resource_control: &library.policies(&case.resource_control, Kind::KeyPolicy)?,
        grants: &grants,
        rules,
    };
    let decision = decide(&inquiry, &mut Budget::default()).map_err(|error| error.to_string())?;
    let named = match case.named {
        By::Identifier => Named::Identifier,
        By::Ciphertext => Named::Ciphertext,
    };
    case.expect.compare(&decision, &inquiry, named)
}

impl Expected {
    fn compare(&self, decision: &Decision, inquiry: &Inquiry<'_>, named: Named) -> Result<(), String> {
        let denial = decision.denial.as_ref();
        let expected = json!({
            "decision": self.decision,
            "explicit": self.explicit,
            "source": self.source,
            "message": self.message,
            "missing": self.missing,
            "reasons": self.reasons,
        });
        let found = json!({
            "decision": if decision.allowed() { "allow" } else { "deny" },
            "explicit": denial.map(|denial| denial.explicit),
            "source": denial.map(|denial| denial.source),
            "message": denial.map(|denial| denial.message(inquiry, named)),
            "missing": denial.and_then(|denial| denial.missing.as_deref()),
            "reasons": decision.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        differ(&expected, &found)?;
        let explanation = json!(decision.explain(inquiry, named));
        self.explanation.as_ref().map_or(Ok(()), |expected| differ(expected, &explanation))
    }
}

fn differ(expected: &Value, found: &Value) -> Result<(), String> {
    match expected == found {
        true => Ok(()),
        false => Err(format!("expected {expected:#}\nfound {found:#}")),
    }
}

/// Runs the cases of a file; each fault with the names of file and case, and the names of the cases.
fn run_file(file: &str, text: &str, library: &Library) -> (Vec<String>, Vec<String>) {
    let cases = match serde_json::from_str::<File>(text) {
        Ok(file) => file.cases,
        Err(error) => return (vec![format!("{file}: {error}")], Vec::new()),
    };
    let (mut faults, mut names) = (Vec::new(), Vec::new());
    for (place, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().map_or_else(|| format!("case {place}"), ToOwned::to_owned);
        faults.extend(run(case, library).err().map(|fault| format!("{file}: {name}: {fault}")));
        names.push(name);
    }
    (faults, names)
}

fn library() -> Library {
    let text = read(&folder().join("policies.json"));
    Library { texts: serde_json::from_str(&text).unwrap(), used: RefCell::default() }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/policy")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_case_is_decided_as_the_table_says() {
    let library = library();
    let (mut faults, mut names) = (Vec::new(), Vec::new());
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| !file.ends_with("policies.json")) {
        let (new_faults, new_names) =
            run_file(&file.file_name().unwrap().to_string_lossy(), &read(file), &library);
        faults.extend(new_faults);
        names.extend(new_names);
    }
    for (place, name) in names.iter().enumerate() {
        faults.extend(names[..place].contains(name).then(|| format!("two cases are called: {name}")));
    }
    let used = library.used.borrow();
    faults.extend(
        library.texts.keys().filter(|name| !used.contains(*name)).map(|name| format!("no case uses {name}")),
    );
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(names.len() >= 200, "the cases are found");
}

#[test]
fn a_fault_names_file_and_case() {
    let case = |changes: Value| {
        let mut case = json!({
            "name": "c", "principal": "arn:aws:iam::111122223333:user/alice", "action": "kms:ListKeys",
            "resource": "none", "identity": ["allows-kms"],
            "expect": {"decision": "allow", "reasons": ["identity policy allows-kms statement kms allows"]},
        });
        for (name, value) in changes.as_object().unwrap() {
            case[name] = value.clone();
        }
        json!({"about": "a", "cases": [case]}).to_string()
    };
    let faults = |text: &str| run_file("f.json", text, &library()).0;
    assert!(faults(&case(json!({}))).is_empty());
    for (changes, part) in [
        (json!({"identity": []}), "f.json: c: expected {"),
        (json!({"identity": ["nothing"]}), "f.json: c: no policy nothing"),
        (json!({"identity": ["key-user"]}), "f.json: c: policy key-user: "),
        (json!({"principal": "alice"}), "f.json: c: alice is no principal"),
        (json!({"indentity": []}), "f.json: c: unknown field `indentity`"),
        (json!({"name": null}), "f.json: case 0: "),
    ] {
        let faults = faults(&case(changes));
        assert!(faults.len() == 1 && faults[0].starts_with(part), "{part}: {faults:?}");
    }
    assert!(faults("{").iter().all(|fault| fault.starts_with("f.json: ")));
}
