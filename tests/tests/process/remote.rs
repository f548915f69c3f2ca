//! The engine of `lifecycle::at_rest` in one process, and the KMS of its keys in another: with the credential of DynamoDB, and
//! in the store's own name.

mod refusals;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use kms_server::tables::remote::{Authority, Credentials, RemoteKms};
use lifecycle::at_rest::sample::SampleWorld;
use lifecycle::at_rest::sample::scenario::{ALL, Scenario};
use lifecycle::at_rest::{DIRECT, Input, KmsPort, Span, SseSpecification};
use lifecycle::crypto::Secret;
use lifecycle::ids::{KeyArn, Region, Scope};
use serde_json::{Value, json};

use super::support::*;
use world::{ACCOUNT, RemoteWorld, STORE, direct, probing, server, service, sts, world};

/// How a store reaches the KMS of a server.
type Mode = fn(&ServerProcess) -> RemoteKms;

fn run(name: &str, text: &str, mode: Mode) -> Result<(), String> {
    let scenario = Scenario::parse(text).unwrap();
    let server = server();
    let kms = mode(&server);
    let mut world = world(server, kms, scenario.settings().unwrap());
    let done = scenario.run(&mut world).map_err(|error| format!("{name}: {error}"));
    assert!(!world.store.contains(b"value"), "{name}: something lies in the clear");
    done
}

/// The scenarios whose keys need nothing but themselves. Those of imported, related and stored keys run on the server's
/// own engine.
fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_kinds = ["11-imported-material", "12-multi-region", "13-custom-store", "14-external-store"];
    assert!(of_kinds.iter().all(|kind| ALL.iter().any(|(name, _)| name == kind)));
    ALL.iter().copied().filter(move |(name, _)| !of_kinds.contains(name))
}

#[test]
fn every_scenario_comes_out_as_it_says_with_the_credential_of_the_service() {
    for (name, text) in scenarios() {
        run(name, text, service).unwrap();
    }
}

/// The scenarios that come out otherwise in the store's own name, each by a rule that is then not in force, and how.
const OTHERWISE: [(&str, &str, &str); 3] = [
    ("07-managed-key", "via_service", "create books under managed: expected ok, not AccessDeniedException"),
    (
        "08-one-caller",
        "caller_permissions",
        "get books k as x on 1: expected AccessDeniedException, not value",
    ),
    (
        "10-grants-revoked",
        "service_grants",
        "status books: expected INACCESSIBLE_ENCRYPTION_CREDENTIALS, not ACTIVE",
    ),
];

#[test]
fn in_the_stores_own_name_scenarios_come_out_the_same_but_for_rules_that_are_listed() {
    for (name, text) in scenarios() {
        let done = run(name, text, direct);
        match OTHERWISE.iter().find(|(other, ..)| *other == name) {
            None => done.unwrap(),
            Some((_, rule, how)) => {
                let otherwise = done.unwrap_err();
                assert!(otherwise.contains(how), "{rule}: {otherwise}");
                assert!(DIRECT.iter().any(|exemption| exemption.rule == *rule), "{rule} is not listed");
            }
        }
    }
    let server = server();
    assert_eq!((service(&server).not_in_force(), direct(&server).not_in_force()), (&[][..], DIRECT));
    let shown = control(&server, "GET", "/_kms/tables/capabilities", "").json();
    let listed: Vec<&str> = shown["rules_not_in_force"]["direct"]
        .as_array()
        .unwrap()
        .iter()
        .map(|exemption| exemption["rule"].as_str().unwrap())
        .collect();
    assert_eq!(listed, DIRECT.iter().map(|exemption| exemption.rule).collect::<Vec<_>>());
    assert_eq!(shown["rules_not_in_force"]["here"], json!([]));
}

/// A world whose store hears of nothing that happens to keys.
fn probed(mode: Mode) -> SampleWorld<RemoteWorld> {
    let server = server();
    let kms = mode(&server);
    world(server, kms, probing())
}

fn new_key(world: &SampleWorld<RemoteWorld>) -> KeyArn {
    let made = world.kms.kms_of(world.scope, "CreateKey", &json!({})).json();
    made["KeyMetadata"]["Arn"].as_str().unwrap().parse().unwrap()
}

fn key_call(world: &SampleWorld<RemoteWorld>, operation: &str, key: KeyArn) {
    let reply = world.kms.key_call(operation, key, json!({}));
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn status(world: &SampleWorld<RemoteWorld>) -> String {
    let name = world.name("books");
    world.tables.read(|engine, _| engine.describe(&name).unwrap().table_status)
}

/// Reads the item `k` over a connection that is new.
fn get(world: &mut SampleWorld<RemoteWorld>) -> Result<String, String> {
    let root = world.root();
    world.get("books", "k", (&root, None)).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_table_is_lost_with_its_key_and_comes_back_with_it_in_both_modes() {
    let modes: [(Mode, &str); 2] = [(service, "dynamodb.us-east-1.amazonaws.com"), (direct, STORE)];
    for (mode, grantee) in modes {
        let mut world = probed(mode);
        let (first, second) = (new_key(&world), new_key(&world));
        let root = world.root();
        world.create("books", &SseSpecification::kms(&first.text())).unwrap();
        assert_eq!(world.kms.called(), ["DescribeKey", "CreateGrant", "CreateGrant", "GenerateDataKey"]);
        world.put("books", "k", "value", (&root, Some(1))).unwrap();
        let grants = world.kms.grants(first);
        assert_eq!(grants.len(), 2);
        for grant in &grants {
            assert_eq!(
                (&grant["GranteePrincipal"], &grant["RetiringPrincipal"]),
                (&json!(grantee), &json!(grantee))
            );
            assert_eq!(
                grant["Constraints"]["EncryptionContextSubset"],
                json!({ "aws:dynamodb:subscriberId": ACCOUNT, "aws:dynamodb:tableName": "books" })
            );
        }

        key_call(&world, "DisableKey", first);
        world.pass(Span::minutes(4));
        assert_eq!(
            world.get("books", "k", (&root, Some(1))).unwrap(),
            "value",
            "the key of a connection lasts"
        );
        assert!(get(&mut world).unwrap_err().contains("KMS key disabled error"), "{grantee}");
        world.pass(Span::hours(2));
        assert_eq!(status(&world), "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
        world.pass(Span::days(6));
        key_call(&world, "EnableKey", first);
        world.pass(Span::hours(2));
        assert_eq!((status(&world).as_str(), get(&mut world).as_deref()), ("ACTIVE", Ok("value")));

        world.switch("books", &SseSpecification::kms(&second.text()), Vec::new()).unwrap();
        world.pass(Span::minutes(1));
        assert_eq!((world.kms.grants(first).len(), world.kms.grants(second).len()), (0, 2));
        key_call(&world, "DisableKey", first);
        world.restart();
        assert_eq!(get(&mut world).unwrap(), "value", "the new key alone is needed");
        let input = Input::Delete { table: world.name("books") };
        world.input(input).unwrap();
        world.pass(Span::minutes(1));
        assert_eq!(world.kms.grants(second).len(), 0);
    }
}

#[test]
fn a_server_may_wait_for_kms_on_any_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let world = probed(service);
    let kms = service(&world.kms.server);
    let table = world.name("books");
    let asked = sendable(world.tables.run_async(Input::Delete { table }, world.now, &kms));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    assert_eq!(runtime.block_on(asked).unwrap_err().code, "ResourceNotFoundException");
    runtime.block_on(sendable(world.tables.advance_async(world.now, &kms)));
    assert!(runtime.block_on(sendable(world.tables.settle_async(&mut (), world.now, &kms))).is_empty());
}

/// What the audit log has of the service, without what differs from one run to the next.
fn told(server: &ServerProcess, key: &str) -> Vec<Value> {
    let events = control(server, "GET", "/_kms/events?limit=1000", "").json();
    let of_service = |event: &Value| event["sourceIPAddress"] == "dynamodb.amazonaws.com";
    let mut told: Vec<Value> =
        events["Records"].as_array().unwrap().iter().filter(|event| of_service(event)).cloned().collect();
    for event in &mut told {
        for (member, drawn) in [
            ("/requestParameters", "name"),
            ("/requestParameters", "grantId"),
            ("/responseElements", "grantId"),
            ("/additionalEventData", "keyMaterialId"),
            ("/additionalEventData", "grantId"),
            ("/userIdentity", "principalId"),
        ] {
            if let Some(drawn) = event.pointer_mut(member).and_then(|members| members.get_mut(drawn)) {
                *drawn = "drawn".into();
            }
        }
        for id in ["requestID", "eventID", "sharedEventID"] {
            if let Some(id) = event.get_mut(id) {
                *id = "drawn".into();
            }
        }
        *event = serde_json::from_str(&event.to_string().replace(key, "KEY")).unwrap();
    }
    told
}

#[test]
fn records_are_those_of_a_table_whose_engine_is_in_the_server() {
    let alice = format!("arn:aws:iam::{ACCOUNT}:user/x");
    let mut world = probed(service);
    let key = new_key(&world);
    world.create("books", &SseSpecification::kms(&key.text())).unwrap();
    let caller = world.user("x");
    world.put("books", "k", "value", (&caller, Some(1))).unwrap();
    // A refusal, as whom nothing is.
    assert!(world.request("films", &SseSpecification::kms("alias/none")).is_err());
    let input = Input::Delete { table: world.name("books") };
    world.input(input).unwrap();
    let here = told(&world.kms.server, &key.id.to_string());

    let scope = world.scope;
    let other = probed(service);
    let key = new_key(&other);
    let path =
        |name: &str, rest: &str| format!("/_kms/tables/{}/{}/{name}{rest}", scope.account, scope.region);
    let ask =
        |method: &str, path: &str, body: Value| control(&other.kms.server, method, path, &body.to_string());
    let under = |key: &str| json!({ "SSESpecification": { "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key } });
    assert_eq!(ask("PUT", &path("books", ""), under(&key.text())).status, 200);
    ask("POST", "/_kms/clock/advance", json!({ "by": "6s" }));
    let records = json!({ "caller": alice, "connection": 1, "records": [{ "key": "aw==", "data": "aw==" }] });
    assert_eq!(ask("POST", &path("books", "/seal"), records).status, 200);
    assert_eq!(ask("PUT", &path("films", ""), under("alias/none")).status, 400);
    assert_eq!(ask("DELETE", &path("books", ""), Value::Null).status, 200);
    let there = told(&other.kms.server, &key.id.to_string());

    let names: Vec<&str> = here.iter().map(|event| event["eventName"].as_str().unwrap()).collect();
    let expected = [
        "DescribeKey",
        "CreateGrant",
        "CreateGrant",
        "GenerateDataKey",
        "Decrypt",
        "DescribeKey",
        "RetireGrant",
        "RetireGrant",
    ];
    assert_eq!(names, expected);
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len());
    let decrypt = &here[4];
    assert_eq!(
        (&decrypt["userIdentity"]["arn"], &decrypt["userIdentity"]["invokedBy"]),
        (&json!(alice), &json!("dynamodb.amazonaws.com"))
    );
    assert_eq!(
        decrypt["userIdentity"]["accessKeyId"],
        Value::Null,
        "the key of the service is none of its caller"
    );
    assert_eq!(
        here[3]["userIdentity"],
        json!({ "type": "AWSService", "invokedBy": "dynamodb.amazonaws.com" })
    );
}

/// The text of an element of an answer of STS.
fn element(text: &str, name: &str) -> String {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    text.split_once(&start).unwrap().1.split_once(&end).unwrap().0.to_owned()
}

#[test]
fn a_role_signs_with_temporary_credentials_which_are_asked_for_anew() {
    let server = server();
    let scope = Scope { account: ACCOUNT.parse().unwrap(), region: Region::us_east_1() };
    let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={STORE}&RoleSessionName=night");
    let sessions: Vec<Credentials> = (0..2)
        .map(|_| {
            let reply = sts(&server, ("STORE", "secret-of-the-store"), &body);
            assert_eq!(reply.status, 200, "{}", reply.text);
            let secret = |name: &str| Secret::new(element(&reply.text, name).into_bytes());
            Credentials {
                access_key_id: element(&reply.text, "AccessKeyId"),
                secret: secret("SecretAccessKey"),
                session_token: Some(secret("SessionToken")),
            }
        })
        .collect();
    let ids: BTreeSet<String> = sessions.iter().map(|session| session.access_key_id.clone()).collect();
    let turns = AtomicUsize::new(0);
    let authority = Authority::Direct { principal: STORE.to_owned() };
    let next = move || sessions[turns.fetch_add(1, Ordering::Relaxed) % 2].clone();
    let kms = RemoteKms::new(server.url(), authority, next).unwrap();
    let mut world = world(server, kms, probing());
    assert_eq!(world.scope, scope);
    let key = new_key(&world);
    world.create("books", &SseSpecification::kms(&key.text())).unwrap();
    let events = control(&world.kms.server, "GET", "/_kms/events?limit=1000", "").json();
    let used: BTreeSet<String> = events["Records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["userIdentity"]["arn"] == "arn:aws:sts::000000000000:assumed-role/store/night")
        .map(|event| event["userIdentity"]["accessKeyId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(used, ids);
}
