//! Condition keys: a statement that asks for one allows the requests that have it and no others.

mod of_calls;
mod of_keys;
mod of_parameters;
mod of_sessions;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use fixtures::TestKms;
use http::HeaderName;
use kms_server::http::{Connection, Transport};
use regex::Regex;
use serde_json::{Value, json};

use super::super::subject::Subject;
use super::super::wire::{Answer, request, send};
use super::*;

const KEYS: &str = include_str!("../../../../fixtures/cases/authorization/condition-keys.txt");
const FACTS: [&str; 2] = [
    include_str!("../../../../kms-server/src/pipeline/facts.rs"),
    include_str!("../../../../kms-server/src/auth/facts.rs"),
];

/// Keys that only temporary credentials bring: see [`of_sessions`], and the tests of web identities.
const OF_SESSIONS: [&str; 3] = ["aws:FederatedProvider", "aws:SourceIdentity", "aws:TokenIssueTime"];

/// The organization of [`ACCOUNT`].
const ORGANIZATION: &str = "o-a1b2c3d4e5";
const ORGANIZATION_PATH: &str = "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/";

/// An enclave that policies ask for, and what others like it say of themselves.
static ENCLAVE: LazyLock<Enclave> = LazyLock::new(Enclave::new);

/// A KMS with a key that has an alias and a tag, and one that has neither.
struct World {
    kms: TestKms,
    key: Subject,
    other: Subject,
}

impl World {
    async fn new() -> World {
        // The same documents for all cases.
        let kms = kms_with(|builder| builder.attestation(ENCLAVE.roots(), Duration::from_secs(86_400)));
        let world = World { key: Subject::new(&kms).await, other: Subject::new(&kms).await, kms };
        let tags = json!({"KeyId": world.key.id, "Tags": [{"TagKey": "team", "TagValue": "blue"}]});
        call_as(&world.kms, ADMIN, "TagResource", tags).await.ok();
        let organization = json!({"id": ORGANIZATION, "path": ORGANIZATION_PATH});
        put(&world.kms, ACCOUNT, json!({"organization": organization})).await;
        world
    }
}

/// A request, in what it differs from the usual one of an operation.
#[derive(Clone)]
struct Call {
    by: Somebody,
    members: Value,
    headers: Vec<(&'static str, String)>,
    /// The address and kind of the connection.
    connection: (&'static str, Transport),
    /// How many days pass before.
    days: u32,
    region: &'static str,
}

/// The usual request with these members in place of its own.
fn with(members: Value) -> Call {
    let connection = ("192.0.2.1", Transport::Plain);
    Call { by: ALICE, members, headers: Vec::new(), connection, days: 0, region: REGION }
}

/// The usual request.
fn plain() -> Call {
    with(json!({}))
}

impl Call {
    fn by(self, by: Somebody) -> Call {
        Call { by, ..self }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }

    fn is_service(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "x-kms-service")
    }

    async fn send(&self, world: &World, operation: &str) -> Answer {
        world.kms.advance_days(self.days).await;
        let mut input = world.key.request(operation);
        for (name, value) in self.members.as_object().unwrap() {
            input[name] = value.clone();
        }
        let mut request = request(self.by.key, self.region, operation, input.to_string());
        for (name, value) in &self.headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let (address, transport) = self.connection;
        let peer = Some(SocketAddr::from((address.parse::<IpAddr>().unwrap(), 50_000)));
        let local = SocketAddr::from(([127, 0, 0, 1], 4599));
        request.extensions_mut().insert(Connection { peer, local, transport });
        send(&world.kms, request).await
    }
}

/// A condition, requests that meet it, and requests that do not.
struct Case {
    operation: &'static str,
    /// The permissions that the condition restricts.
    action: &'static str,
    condition: Value,
    meet: Vec<Call>,
    miss: Vec<Call>,
}

fn case(
    operation: &'static str,
    condition: Value,
    meet: impl Into<Vec<Call>>,
    miss: impl Into<Vec<Call>>,
) -> Case {
    Case { operation, action: "kms:*", condition, meet: meet.into(), miss: miss.into() }
}

/// Whose policy has the condition.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Key,
    Identity,
}

impl Case {
    fn conditional(&self) -> Value {
        let Case { action, condition, .. } = self;
        json!({"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition})
    }

    /// Puts the condition into a policy, and lets the caller do everything else.
    async fn prepare(&self, world: &World, place: Place, caller: Somebody) {
        let everything = json!([on("Allow", "kms:*", "*")]);
        let mut identity =
            json!([self.conditional(), {"Effect": "Allow", "NotAction": self.action, "Resource": "*"}]);
        if place == Place::Key {
            let others = json!({"Effect": "Allow", "NotAction": self.action, "Resource": "*"});
            let statements = [self.conditional(), others].map(|mut statement| {
                statement["Principal"] = json!("*");
                statement
            });
            put_policy(&world.kms, &world.key.arn, &statements).await;
            put_policy(&world.kms, &world.other.arn, &statements).await;
            // In the account of the key, the key policy is enough. Elsewhere it is not.
            identity = if caller == CAROL { everything } else { json!([on("Allow", "s3:*", "*")]) };
        } else {
            let share = [delegation(), to("Allow", "kms:*", OTHER)];
            put_policy(&world.kms, &world.key.arn, &share).await;
            put_policy(&world.kms, &world.other.arn, &share).await;
        }
        let policies = json!([{"Version": "2012-10-17", "Statement": identity}]);
        if caller == APP {
            let assume =
                json!({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"});
            let role = json!({"trust": {"Statement": assume}, "policies": policies});
            put(&world.kms, "arn:aws:iam::111122223333:role/app", role).await;
        } else {
            let user = json!({"policies": policies, "tags": {"department": caller.key}});
            put(&world.kms, caller.arn, user).await;
        }
    }

    /// Tries all requests of the case with the condition in this place.
    async fn check(cases: fn(&World) -> Vec<Case>, at: usize, place: Place) {
        for meets in [true, false] {
            let world = World::new().await;
            let case = cases(&world).swap_remove(at);
            let calls = if meets { case.meet.len() } else { case.miss.len() };
            for number in 0..calls {
                let world = World::new().await;
                let case = cases(&world).swap_remove(at);
                let call = if meets { &case.meet[number] } else { &case.miss[number] };
                if call.is_service() && place == Place::Identity {
                    continue;
                }
                case.prepare(&world, place, call.by).await;
                let answer = call.send(&world, case.operation).await;
                let expected: &[&str] = match meets {
                    // What comes after authorisation may refuse.
                    true => &[
                        "",
                        "CloudHsmClusterNotFoundException",
                        "InvalidCiphertextException",
                        "InvalidKeyUsageException",
                        "NotImplementedException",
                        "UnsupportedOperationException",
                    ],
                    false => &["AccessDeniedException"],
                };
                let Case { operation, condition, .. } = &case;
                assert!(
                    expected.contains(&answer.code().as_str()),
                    "{operation}, {condition} in the policy of the {place:?}, {} {number}: {} {}",
                    if meets { "met by" } else { "missed by" },
                    answer.code(),
                    answer.message(),
                );
            }
        }
    }
}

/// Operations that no key policy can allow by itself.
fn only_identity_policies_allow(operation: &str) -> bool {
    ["CreateKey", "GenerateRandom", "ListKeys", "ReplicateKey", "RetireGrant"].contains(&operation)
        || operation.contains("Store")
}

async fn check_all(cases: fn(&World) -> Vec<Case>) {
    let listed = cases(&World::new().await);
    for (at, case) in listed.iter().enumerate() {
        Case::check(cases, at, Place::Identity).await;
        let identity_only = case.condition.to_string().contains("kms:ResourceAliases");
        if !only_identity_policies_allow(case.operation) && !identity_only {
            Case::check(cases, at, Place::Key).await;
        }
    }
}

#[tokio::test]
async fn keys_about_the_call() {
    check_all(of_calls::cases).await;
}

#[tokio::test]
async fn keys_about_the_key() {
    check_all(of_keys::cases).await;
}

#[tokio::test]
async fn keys_about_parameters() {
    check_all(of_parameters::cases).await;
}

/// AWS: KMS developer guide, "kms:ResourceAliases": "IAM policies only".
#[tokio::test]
async fn a_key_policy_does_not_know_the_aliases_of_its_key() {
    let world = World::new().await;
    let encrypt = || call_as(&world.kms, ALICE, "Encrypt", world.key.request("Encrypt"));
    for (effect, condition, allowed) in [
        ("Allow", json!({"ForAnyValue:StringLike": {"kms:ResourceAliases": "*"}}), false),
        ("Allow", json!({"Null": {"kms:ResourceAliases": "true"}}), true),
        ("Deny", json!({"ForAnyValue:StringLike": {"kms:ResourceAliases": "*"}}), true),
    ] {
        let mut statement = to(effect, "kms:Encrypt", "*");
        statement["Condition"] = condition;
        let mut statements = vec![statement];
        if effect == "Deny" {
            statements.push(to("Allow", "kms:Encrypt", ALICE.arn));
        }
        put_policy(&world.kms, &world.key.arn, &statements).await;
        assert_eq!(encrypt().await.code().is_empty(), allowed, "{statements:?}");
    }
}

#[tokio::test]
async fn every_condition_key_has_a_case_and_every_gathered_one_is_listed() {
    let listed: BTreeSet<&str> = KEYS.lines().filter(|line| !line.starts_with('#')).collect();
    let world = World::new().await;
    let cases = [of_calls::cases, of_keys::cases, of_parameters::cases].map(|cases| cases(&world));
    for key in &listed {
        let named = if key.ends_with(['/', ':']) { format!("\"{key}") } else { format!("\"{key}\"") };
        let about = || cases.iter().flatten().filter(|case| case.condition.to_string().contains(&named));
        assert!(about().any(|case| !case.meet.is_empty()), "nothing meets a condition on {key}");
        let never_present = OF_SESSIONS.contains(key);
        assert!(never_present || about().any(|case| !case.miss.is_empty()), "nothing misses one on {key}");
    }
    for found in Regex::new(r#""((?:aws|kms):[A-Za-z]*[/:]?)[{"]"#).unwrap().captures_iter(&FACTS.concat()) {
        // kms:GranteePrincipal and its like are put together, and whole families are asked for.
        assert!(
            matches!(&found[1], "kms:" | "aws:") || listed.contains(&found[1]),
            "{} is not listed",
            &found[1]
        );
    }
}
