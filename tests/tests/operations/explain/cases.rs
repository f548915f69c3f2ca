//! The table of decisions in `fixtures/cases/policy`, asked one by one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fixtures::TestKms;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::wire::control;
use super::ask;

/// The policies of the table by name.
type Library = BTreeMap<String, Value>;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/policy")
}

fn read(name: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(name).unwrap()).unwrap()
}

/// A policy of a case with the name that reasons give it.
fn policy(listed: &Value, library: &Library) -> Value {
    let name = listed.as_str().or(listed["name"].as_str()).unwrap();
    let policy = listed.as_str().or(listed["policy"].as_str()).unwrap();
    json!({ "name": name, "document": library[policy] })
}

fn policies(listed: &Value, library: &Library) -> Value {
    listed.as_array().unwrap().iter().map(|one| policy(one, library)).collect::<Vec<_>>().into()
}

fn role_of(case: &Value) -> Option<String> {
    let session = case["principal"].as_str().unwrap().strip_prefix("arn:aws:sts::")?;
    let (account, rest) = session.split_once(":assumed-role/")?;
    let name = case["role"].as_str().or(rest.split('/').next())?;
    Some(format!("arn:aws:iam::{account}:role/{name}"))
}

/// The case as a question, or why it is none.
fn question(case: &Value, library: &Library) -> Result<Value, &'static str> {
    let principal = case["principal"].as_str().unwrap();
    let action = case["action"].as_str().unwrap();
    let mut question = json!({ "principal": principal, "action": action });
    let resource = &case["resource"];
    let keyless = matches!(action, "kms:ListKeys" | "kms:CreateKey" | "kms:GenerateRandom");
    match resource {
        Value::String(_) if keyless && case["grants"].is_null() => {}
        Value::String(_) => return Err("a key, or a grant of one, that the question lacks"),
        Value::Object(members) if members.contains_key("policy") => {
            question["key"] = resource["key"].clone();
            question["key_policy"] = library[resource["policy"].as_str().unwrap()].clone();
        }
        // The ARN of the key to be is of the server's making.
        Value::Object(members) if members.contains_key("new_key") => {}
        other => question["key"] = other.as_object().unwrap().values().next().unwrap().clone(),
    }
    if case["rules"]["key_policy"] == "iam_only" {
        return Err("a rule that no single permission has");
    }
    let retires = action == "kms:RetireGrant";
    if retires && case["grants"].is_null() {
        return Err("no grant to retire");
    }
    if case["grants"].is_array() && action == "kms:DisableKey" {
        return Err("a grant that nobody can make");
    }
    if principal.ends_with(":root") && case["everything"] != true {
        return Err("a root user without its rights");
    }
    // The cases know no facts but their own; where it matters, what the server knows is taken away.
    question["context"] = json!({ "aws:PrincipalIsAWSService": null });
    for (name, value) in case["context"].as_object().into_iter().flatten() {
        question["context"][name] = value.clone();
    }
    for (member, from) in [
        ("identity_policies", "identity"),
        ("session_policies", "session"),
        ("resource_control_policies", "resource_control"),
    ] {
        if case[from].is_array() {
            question[member] = policies(&case[from], library);
        }
    }
    if let Some(levels) = case["service_control"].as_array() {
        let levels: Vec<Value> = levels.iter().map(|level| policies(level, library)).collect();
        question["service_control_policies"] = levels.into();
    }
    for (member, from) in [("permissions_boundary", "boundary"), ("vpc_endpoint_policy", "vpc_endpoint")] {
        if !case[from].is_null() {
            question[member] = policy(&case[from], library);
        }
    }
    if let Some(grants) = case["grants"].as_array() {
        let grants = grants.iter().map(|grant| {
            let party = match grant["grantee"].as_str().unwrap() {
                "own" | "service" => principal.to_owned(),
                "role" => role_of(case).unwrap(),
                _ => format!("{}:root", principal.rsplit_once(':').unwrap().0.replace(":sts:", ":iam:")),
            };
            if retires {
                json!({ "grantee_principal": "arn:aws:iam::111122223333:role/other", "retiring_principal": party, "operations": ["Decrypt"] })
            } else {
                json!({ "grantee_principal": party, "operations": [action.strip_prefix("kms:").unwrap()] })
            }
        });
        question["grants"] = grants.collect::<Vec<_>>().into();
    }
    Ok(question)
}

/// A reason as the table writes it.
fn reason(reason: &Value, case: &Value) -> String {
    let text = |member: &str| reason[member].as_str().map(str::to_owned);
    let source = match text("source").unwrap().as_str() {
        "vpc-endpoint-policy" => "VPC endpoint policy".to_owned(),
        other => other.replace('-', " "),
    };
    let mut line = source;
    if let Some(mut policy) = text("policy") {
        if let Some(at) = policy.strip_prefix("grants[") {
            let at: usize = at.trim_end_matches(']').parse().unwrap();
            policy = case["grants"][at]["id"].as_str().unwrap().to_owned();
        }
        line.push_str(&format!(" {policy}"));
    }
    match &reason["statement"] {
        Value::Null => {}
        Value::String(sid) => line.push_str(&format!(" statement {sid}")),
        index => line.push_str(&format!(" statement {index}")),
    }
    line.push_str(if reason["effect"] == "Allow" { " allows" } else { " denies" });
    match text("principal").as_deref() {
        None => {}
        Some("account") => line.push_str(" the account"),
        Some("anyone") => line.push_str(" anyone"),
        Some("federated") => line.push_str(" the identity provider"),
        Some("service") => line.push_str(" the service"),
        Some("role") => line.push_str(" the role"),
        Some("own") => line.push_str(" the caller itself"),
        Some(other) => panic!("{other}"),
    }
    line
}

#[tokio::test]
async fn every_case_of_the_table_is_answered_as_it_says() {
    let library: Library = serde_json::from_value(read(&folder().join("policies.json"))).unwrap();
    let kms = TestKms::new();
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut faults, mut asked, mut left) = (Vec::new(), 0, BTreeMap::new());
    for file in files.iter().filter(|file| !file.ends_with("policies.json")) {
        for case in read(file)["cases"].as_array().unwrap() {
            let name = format!("{}: {}", file.file_stem().unwrap().display(), case["name"]);
            let question = match question(case, &library) {
                Ok(question) => question,
                Err(why) => {
                    *left.entry(why).or_insert(0) += 1;
                    continue;
                }
            };
            asked += 1;
            // The ARN of a session does not tell the path of its role.
            if case["role"].is_string() {
                let trust =
                    json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]});
                let path = format!("/_kms/principals/{}", role_of(case).unwrap());
                control(&kms, Method::PUT, &path, json!({ "trust": trust }).to_string()).await.ok();
            }
            let answer = ask(&kms, &question).await;
            if case["role"].is_string() {
                let path = format!("/_kms/principals/{}", role_of(case).unwrap());
                control(&kms, Method::DELETE, &path, "").await.ok();
            }
            if answer.status != StatusCode::OK {
                faults.push(format!("{name}: {}", answer.message()));
                continue;
            }
            let answer = answer.json();
            let expected = &case["expect"];
            let mut members = vec!["decision"];
            // Of a denial that names the key by its ciphertext the text differs; a question has no ciphertext.
            if case["named"].is_null() {
                members.push("message");
            }
            if !matches!(&case["resource"], Value::Object(resource) if resource.contains_key("new_key")) {
                members.push("missing");
            }
            let mut differs = members.into_iter().any(|member| answer[member] != expected[member]);
            differs |= expected["explicit"].as_bool().is_some_and(|explicit| answer["explicit"] != explicit);
            // The account of the key may retire its grants besides: a real grant gives that right, too.
            if case["action"] != "kms:RetireGrant" {
                let reasons: Vec<String> =
                    answer["reasons"].as_array().unwrap().iter().map(|one| reason(one, case)).collect();
                differs |= json!(reasons) != expected["reasons"];
            }
            if differs {
                faults.push(format!("{name}: expected {expected:#}\nfound {answer:#}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let expected = BTreeMap::from([
        ("a key, or a grant of one, that the question lacks", 2),
        ("a grant that nobody can make", 1),
        ("a root user without its rights", 1),
        ("a rule that no single permission has", 2),
        ("no grant to retire", 3),
    ]);
    assert_eq!(left, expected);
    assert!(asked >= 190, "{asked} cases are asked");
}
