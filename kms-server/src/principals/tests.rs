use lifecycle::crypto::SeededEntropy;
use lifecycle::iam::{Directory, Entry, EntryId, SESSION_SECONDS_DEFAULT, Source};
use lifecycle::policy::Principal;
use lifecycle::state::{Change, State};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const YAML: &str = r#"
accounts:
  - id: "111122223333"
    name: production
    organization:
      id: o-a1b2c3d4e5
      path: o-a1b2c3d4e5/r-ab12/
      service_control: [[FullAWSAccess], [{ name: no-deletion, document: { Statement: { Effect: Deny, Action: "kms:ScheduleKeyDeletion", Resource: "*" } } }]]
      resource_control: [RCPFullAWSAccess]
    access_keys: [{ id: AKIAROOT, secret: root-secret }]
users:
  - arn: arn:aws:iam::111122223333:user/team/alice
    tags: { team: red }
    policies:
      - AWSKeyManagementServicePowerUser
      - '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
    boundary: arn:aws:iam::aws:policy/AdministratorAccess
    access_keys: [{ id: AKIAALICE, secret: alice-secret }]
roles:
  - account: "111122223333"
    name: app
    trust: { Statement: { Effect: Allow, Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" } }
    max_session_seconds: 7200
"#;

const TOML: &str = r#"
[[accounts]]
id = "111122223333"
name = "production"
organization = { id = "o-a1b2c3d4e5", path = "o-a1b2c3d4e5/r-ab12/", service_control = [["FullAWSAccess"], [{ name = "no-deletion", document = { Statement = { Effect = "Deny", Action = "kms:ScheduleKeyDeletion", Resource = "*" } } }]], resource_control = ["RCPFullAWSAccess"] }
access_keys = [{ id = "AKIAROOT", secret = "root-secret" }]

[[users]]
arn = "arn:aws:iam::111122223333:user/team/alice"
tags = { team = "red" }
policies = ["AWSKeyManagementServicePowerUser", '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}']
boundary = "arn:aws:iam::aws:policy/AdministratorAccess"
access_keys = [{ id = "AKIAALICE", secret = "alice-secret" }]

[[roles]]
account = "111122223333"
name = "app"
trust = { Statement = { Effect = "Allow", Principal = { AWS = "111122223333" }, Action = "sts:AssumeRole" } }
max_session_seconds = 7200
"#;

#[test]
fn both_languages_say_the_same() {
    let entries = parse("p.yaml", YAML).unwrap();
    assert_eq!(parse("p.toml", TOML).unwrap(), entries);
    let mut directory = Directory::default();
    directory.configure(entries).unwrap();
    let (key, alice) = directory.access_key("AKIAALICE").unwrap();
    assert_eq!(key.secret.expose(), b"alice-secret");
    assert_eq!(alice.arn(), "arn:aws:iam::111122223333:user/team/alice");
    let names: Vec<&str> = alice.policies.identity.iter().map(|policy| &*policy.name).collect();
    assert_eq!(names, ["arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser", "policy-2"]);
    assert_eq!(alice.tags[0].tag_value, "red");
    assert_eq!(
        &*alice.policies.boundary.as_ref().unwrap().name,
        "arn:aws:iam::aws:policy/AdministratorAccess"
    );
    let levels = alice.policies.service_control.as_ref().unwrap();
    let levels: Vec<&str> = levels.iter().map(|level| &*level[0].name).collect();
    assert_eq!(levels[1], "no-deletion");
    assert_eq!(alice.organization.as_ref().unwrap().path.as_deref(), Some("o-a1b2c3d4e5/r-ab12/"));
    let root = directory.access_key("AKIAROOT").unwrap().1;
    assert!(matches!(root.principal(), Principal::Root(_)) && root.policies.everything);
    assert_eq!(root.policies.service_control.as_ref().unwrap().len(), 2);
    let role = directory.role_by_arn("arn:aws:iam::111122223333:role/app").unwrap();
    assert_eq!(role.max_session_seconds, 7_200);
}

#[test]
fn faults_name_the_place_and_the_principal() {
    let user = "users:\n- arn: arn:aws:iam::111122223333:user/bob\n  ";
    for (text, expected) in [
        (
            "groups: []".into(),
            "p.yaml:1:1: a file of principals has no field `groups`; the nearest is `roles`",
        ),
        ("users: [{name: bob}]".into(), "p.yaml:1:9: a user needs the field `arn`, or `account` and `name`"),
        (
            "users: [{arn: 'arn:aws:iam::111122223333:role/bob'}]".into(),
            "p.yaml:1:15: expected the ARN of a user such as arn:aws:iam::111122223333:user/app, found `arn:aws:iam::111122223333:role/bob`",
        ),
        (
            format!("{user}policies: [Administrator]"),
            "p.yaml:3:14: arn:aws:iam::111122223333:user/bob: `Administrator` is no policy of AWS that this server knows; the nearest is `AdministratorAccess`. Any other policy is given as { name, document }",
        ),
        (
            format!(
                "{user}policies:\n  - name: mine\n    document:\n      Statement: {{ Effect: Allow, Action: x, Resource: '*' }}"
            ),
            "p.yaml:6:7: arn:aws:iam::111122223333:user/bob: policy `mine`: statement 0: \"x\" is not an action",
        ),
        (
            format!("{user}access_keys: [{{id: AKIA1}}]"),
            "p.yaml:2:3: the access key `AKIA1` needs the field `secret`",
        ),
        (
            format!("{user}access_keys: [{{id: 'a b', secret: hush}}]"),
            "p.yaml:3:17: arn:aws:iam::111122223333:user/bob: expected an access key id of 1 to 128 letters, digits and `_`",
        ),
        (
            format!("{user}tags: {{'aws:x': y}}"),
            "p.yaml:3:9: arn:aws:iam::111122223333:user/bob: keys of tags that begin with aws: are reserved",
        ),
        (
            format!("{user}\n- arn: arn:aws:iam::111122223333:user/team/BOB"),
            "p.yaml:4:3: arn:aws:iam::111122223333:user/team/BOB is given twice",
        ),
        (
            "roles: [{arn: 'arn:aws:iam::111122223333:role/app'}]".into(),
            "p.yaml:1:9: arn:aws:iam::111122223333:role/app: a role needs the field `trust`",
        ),
        (
            "accounts: [{id: '1'}]".into(),
            "p.yaml:1:17: expected an account of 12 digits in quotes, such as \"111122223333\", found `1`",
        ),
        (
            "accounts: [{id: '111122223333', organization: {id: o-1}}]".into(),
            "p.yaml:1:52: account 111122223333: the id of an organization is `o-` and 10 to 32 small letters and digits",
        ),
    ] {
        let error = parse("p.yaml", &text).unwrap_err().to_string();
        assert_eq!(error, expected, "{text}");
    }
    assert!(parse("p.ini", "").is_err());
}

/// A directory that changes as the writer's does.
#[derive(Default)]
struct Stored(State);

impl Stored {
    fn with(configured: Vec<Entry>) -> Self {
        let mut state = State::default();
        state.configure(configured).unwrap();
        Stored(state)
    }

    fn directory(&self) -> &Directory {
        self.0.directory()
    }

    fn apply(&mut self, changes: Result<Vec<Change>, Refused>) -> Result<(), Refused> {
        self.0.apply(changes?);
        Ok(())
    }

    fn put(&mut self, name: &str, body: Value) -> Result<(), Refused> {
        let name = Name::parse(name)?;
        let changes = put(self.directory(), &name, &Node::of_json(body), &SeededEntropy::new(1));
        self.apply(changes)
    }

    fn delete(&mut self, name: &str) -> Result<(), Refused> {
        let changes = delete(self.directory(), &Name::parse(name)?);
        self.apply(changes)
    }

    fn create_access_key(&mut self, name: &str, seed: u64) -> Result<String, Refused> {
        let (key, changes) =
            create_access_key(self.directory(), &Name::parse(name)?, &SeededEntropy::new(seed))?;
        self.0.apply(changes);
        Ok(key.id.to_string())
    }
}

const BOB: &str = "arn:aws:iam::111122223333:user/bob";

#[test]
fn a_user_is_put_shown_and_deleted_with_its_access_keys() {
    let mut stored = Stored::default();
    stored.put(BOB, json!({ "tags": { "a": "b" }, "policies": ["AdministratorAccess"] })).unwrap();
    let id = stored.directory().user_by_arn(BOB).unwrap().id.clone();
    assert!(id.starts_with("AIDA"));
    let first = stored.create_access_key(BOB, 2).unwrap();
    let second = stored.create_access_key(BOB, 3).unwrap();
    assert!(matches!(stored.create_access_key(BOB, 4), Err(Refused::Conflict(_))));
    let entry = Name::parse(BOB).unwrap().find(stored.directory()).unwrap();
    let shown = printed(&entry, stored.directory());
    let mut keys = vec![json!({ "id": first }), json!({ "id": second })];
    keys.sort_by_key(|key| key["id"].as_str().unwrap().to_owned());
    assert_eq!(
        shown,
        json!({
            "arn": BOB, "id": &*id, "tags": { "a": "b" },
            "policies": ["arn:aws:iam::aws:policy/AdministratorAccess"], "access_keys": keys,
        })
    );
    // What is shown may be put back; what is not said of access keys does not change them.
    let before: Vec<_> = stored.0.records().collect();
    stored.put(BOB, shown).unwrap();
    assert_eq!(stored.0.records().collect::<Vec<_>>(), before);
    stored.put(BOB, json!({})).unwrap();
    assert_eq!(stored.directory().user_by_arn(BOB).unwrap().id, id);
    assert_eq!(stored.directory().entries().count(), 3);
    stored.put(BOB, json!({ "access_keys": [{ "id": first }] })).unwrap();
    assert!(stored.directory().access_key(&second).is_none());
    stored.delete(&first).unwrap();
    assert!(stored.directory().access_key(&first).is_none());
    stored.create_access_key(BOB, 5).unwrap();
    stored.delete(BOB).unwrap();
    assert!(stored.directory().is_empty() && stored.0.records().next().is_none());
    // One that is made again is another.
    stored.put(BOB, json!({})).unwrap();
    assert_eq!(
        stored.delete("arn:aws:iam::111122223333:user/x/bob").unwrap_err(),
        Refused::NotFound("there is no principal arn:aws:iam::111122223333:user/x/bob".into())
    );
}

#[test]
fn an_account_may_be_known_by_its_access_keys_only() {
    let mut stored = Stored::default();
    let id = stored.create_access_key("111122223333", 1).unwrap();
    assert!(stored.directory().access_key(&id).unwrap().1.policies.everything);
    stored.delete("arn:aws-cn:iam::111122223333:root").unwrap();
    assert!(stored.directory().is_empty());
    assert!(matches!(stored.delete("111122223333"), Err(Refused::NotFound(_))));
}

#[test]
fn what_is_configured_stays() {
    let text = format!("users: [{{arn: '{BOB}', access_keys: [{{id: AKIABOB, secret: s}}]}}]");
    let mut stored = Stored::with(parse("p.yaml", &text).unwrap());
    let conflict = |done: Result<(), Refused>| matches!(done, Err(Refused::Conflict(text)) if text.contains("is configured"));
    assert!(conflict(stored.put(BOB, json!({}))));
    assert!(conflict(stored.delete(BOB)));
    assert!(conflict(stored.delete("AKIABOB")));
    assert!(conflict(stored.create_access_key(BOB, 1).map(|_| ())));
    let eve = "arn:aws:iam::111122223333:user/eve";
    let taken = stored.put(eve, json!({ "access_keys": [{ "id": "AKIABOB", "secret": "x" }] }));
    assert!(matches!(taken, Err(Refused::Conflict(_))));
    assert_eq!(stored.directory().source(&EntryId::AccessKey("AKIABOB".into())), Some(Source::Configured));
    assert!(stored.0.records().next().is_none(), "nothing configured is a record");
}

#[test]
fn wrong_requests_say_what_to_do() {
    let mut stored = Stored::default();
    let role = "arn:aws:iam::111122223333:role/app";
    stored.put(BOB, json!({ "access_keys": [{ "id": "AKIABOB", "secret": "s" }] })).unwrap();
    let trust = json!({ "trust": { "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole",
    } } });
    stored.put(role, trust).unwrap();
    assert_eq!(stored.directory().role_by_arn(role).unwrap().max_session_seconds, SESSION_SECONDS_DEFAULT);
    for (name, body, part) in [
        (BOB, json!([]), "expected a table for a user"),
        (BOB, json!({ "arn": role }), "expected the ARN of a user"),
        (BOB, json!({ "arn": "arn:aws:iam::111122223333:user/eve" }), "is another user"),
        (BOB, json!({ "access_keys": [{ "id": "AKIANEW" }] }), "is new, and so needs a `secret`"),
        (
            BOB,
            json!({ "access_keys": [{ "id": "A", "secret": "s" }, { "id": "A", "secret": "s" }] }),
            "twice",
        ),
        ("arn:aws:iam::111122223333:user/x/BOB", json!({}), "delete it first"),
        (role, json!({ "access_keys": [] }), "a role has no field `access_keys`"),
        ("AKIABOB", json!({}), "name the user"),
        ("arn:aws:iam::111122223333:group/g", json!({}), "names no principal"),
        ("arn:aws:sts::111122223333:assumed-role/app/s", json!({}), "names no principal"),
        ("nonsense/", json!({}), "names no principal"),
    ] {
        let refused = stored.put(name, body.clone()).unwrap_err().to_string();
        assert!(refused.contains(part), "{name} {body}: {refused}");
    }
    assert!(stored.create_access_key(role, 1).unwrap_err().to_string().contains("assume it"));
    assert!(matches!(
        stored.create_access_key("arn:aws:iam::111122223333:user/no", 1),
        Err(Refused::NotFound(_))
    ));
    assert_eq!(stored.directory().entries().count(), 3);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z:*{}\"]{0,9}".prop_map(Value::from),
    ];
    let fields = prop_oneof![
        "id",
        "arn",
        "name",
        "tags",
        "policies",
        "boundary",
        "trust",
        "access_keys",
        "secret",
        "document",
        "organization",
        "[a-z]{1,4}"
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(fields.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_put_is_there_or_nothing_changed(body in json_value(), name in prop_oneof![
        Just(BOB), Just("111122223333"), Just("arn:aws:iam::111122223333:role/app"),
    ]) {
        let mut stored = Stored::default();
        match stored.put(name, body) {
            Err(_) => prop_assert_eq!(stored.0.records().count(), 0),
            Ok(()) => {
                let entry = Name::parse(name).unwrap().find(stored.directory()).unwrap();
                let shown = printed(&entry, stored.directory());
                let before: Vec<_> = stored.0.records().collect();
                stored.put(name, shown).unwrap();
                prop_assert_eq!(stored.0.records().collect::<Vec<_>>(), before);
            }
        }
    }

    #[test]
    fn what_is_shown_reads_as_what_it_was(
        tags in proptest::collection::btree_map("[a-z]{1,5}", "[a-z ]{0,5}", 0..4),
        policies in proptest::collection::vec(prop_oneof![
            Just(json!("AdministratorAccess")),
            ("[a-z]{1,5}", "[a-z]{1,5}").prop_map(|(name, action)| json!({ "name": name, "document": {
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Action": format!("kms:{action}"), "Resource": "*" }],
            } })),
        ], 0..4),
        seconds in 3_600..=43_200_u32,
    ) {
        let trust = json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" } });
        let body = json!({
            "trust": trust, "tags": tags, "policies": policies, "boundary": policies.first(),
            "max_session_seconds": seconds,
        });
        let name = "arn:aws:iam::111122223333:role/path/app";
        let mut stored = Stored::default();
        stored.put(name, body).unwrap();
        let before: Vec<_> = stored.0.records().collect();
        let entry = Name::parse(name).unwrap().find(stored.directory()).unwrap();
        let shown = printed(&entry, stored.directory());
        // JSON of the control API is YAML of a file.
        let file = json!({ "roles": [shown] }).to_string();
        let entries = parse("p.yaml", &file).unwrap();
        prop_assert_eq!(entries, vec![entry]);
        stored.put(name, shown).unwrap();
        prop_assert_eq!(stored.0.records().collect::<Vec<_>>(), before);
    }

    #[test]
    fn names_never_panic(text in "\\PC{0,60}") {
        if let Ok(name) = Name::parse(&text) {
            prop_assert!(name.find(&Directory::default()).is_err());
        }
    }
}

#[test]
fn the_secret_is_in_nothing_that_is_shown() {
    let mut directory = Directory::default();
    directory.configure(parse("p.yaml", YAML).unwrap()).unwrap();
    for (entry, _) in directory.entries() {
        let shown = format!("{} {entry:?}", printed(&entry, &directory));
        assert!(!shown.contains("-secret"), "{shown}");
    }
}
