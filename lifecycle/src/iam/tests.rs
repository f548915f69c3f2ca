use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::crypto::{Secret, SeededEntropy};
use crate::policy::{Kind, Principal};
use crate::tag::Tag;

const ALLOW: &str = r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
const DENY: &str = r#"{"Statement":{"Effect":"Deny","Action":"kms:*","Resource":"*"}}"#;
const TRUST: &str =
    r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}"#;

fn principal(resource: &str) -> Principal {
    Principal::parse(&format!("arn:aws:iam::111122223333:{resource}")).unwrap()
}

fn policy(name: &str, text: &str) -> Policy {
    Policy::parse(name, text, Kind::Identity).unwrap()
}

fn user(name: &str) -> User {
    let principal = principal(&format!("user/{name}"));
    let id = derived_id(USER_PREFIX, &principal.arn());
    User { principal, id, tags: vec![], policies: vec![policy("all", ALLOW)], boundary: None }
}

fn role(name: &str) -> Role {
    let principal = principal(&format!("role/{name}"));
    let id = derived_id(ROLE_PREFIX, &principal.arn());
    let trust = Policy::trust(TRUST).unwrap();
    let tag = Tag { tag_key: "team".into(), tag_value: "red".into() };
    Role {
        principal,
        id,
        trust,
        tags: vec![tag],
        policies: vec![policy("all", ALLOW)],
        boundary: None,
        max_session_seconds: SESSION_SECONDS_DEFAULT,
    }
}

fn key(id: &str, owner: Principal) -> AccessKey {
    AccessKey { id: id.into(), secret: Secret::new(b"hush-hush".to_vec()), owner }
}

fn account(levels: Vec<Vec<Policy>>) -> Account {
    let organization = Organization {
        id: "o-a1b2c3d4e5".into(),
        path: None,
        service_control: levels,
        resource_control: vec![],
    };
    Account { organization: Some(organization), ..Account::new("111122223333".parse().unwrap()) }
}

fn directory(entries: impl IntoIterator<Item = Entry>) -> Directory {
    let mut directory = Directory::default();
    entries.into_iter().for_each(|entry| directory.store(entry));
    directory
}

#[test]
fn an_access_key_knows_its_owner_however_the_directory_came_to_be() {
    let entries = [
        Entry::Account(Arc::new(account(vec![vec![policy("scp", DENY)]]))),
        Entry::User(Arc::new(user("team/alice"))),
        Entry::AccessKey(Arc::new(key("AKIA1", principal("user/team/alice")))),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let directory = directory(order.map(|at| entries[at].clone()));
        let (found, identity) = directory.access_key("AKIA1").unwrap();
        assert_eq!(found.secret.expose(), b"hush-hush");
        assert_eq!(identity.arn(), "arn:aws:iam::111122223333:user/team/alice");
        assert!(identity.user_id.starts_with("AIDA") && identity.user_id.len() == 21, "{}", identity.user_id);
        assert_eq!(&*identity.policies.identity[0].name, "all");
        assert_eq!(&*identity.policies.service_control.as_ref().unwrap()[0][0].name, "scp");
        assert_eq!(&*identity.organization.as_ref().unwrap().id, "o-a1b2c3d4e5");
        assert!(!identity.policies.everything);
    }
    let mut less = directory(entries.clone());
    less.remove(&entries[0].id());
    assert!(less.access_key("AKIA1").unwrap().1.policies.service_control.is_none());
    less.remove(&entries[1].id());
    assert!(less.access_key("AKIA1").unwrap().1.policies.identity.is_empty());
    assert_eq!(&*less.access_key("AKIA1").unwrap().1.user_id, "alice");
}

#[test]
fn names_are_unique_in_an_account_whatever_their_path_and_case() {
    let directory = directory([Entry::User(Arc::new(user("a/Bob"))), Entry::User(Arc::new(user("b/bob")))]);
    assert_eq!(directory.entries().count(), 1);
    assert!(directory.user_by_arn("arn:aws:iam::111122223333:user/b/bob").is_some());
    assert!(directory.user_by_arn("arn:aws:iam::111122223333:user/a/Bob").is_none());
    assert!(directory.user_by_arn("arn:aws:iam::111122223333:user/b/BOB").is_none());
    // A role may have the name of a user.
    assert_ne!(Entry::Role(Arc::new(role("bob"))).id(), Entry::User(Arc::new(user("bob"))).id());
}

#[test]
fn root_users_and_strangers_have_identities() {
    let directory = directory([]);
    let root = directory.identity(&principal("root"));
    assert!(root.policies.everything && &*root.user_id == "111122223333");
    let stranger = directory.identity(&principal("user/team/eve"));
    assert!(!stranger.policies.everything && stranger.policies.identity.is_empty());
    assert_eq!(&*stranger.user_id, "eve");
    assert!(directory.is_empty());
}

#[test]
fn a_session_has_the_rights_of_its_role() {
    let role = role("service/app");
    let directory = directory([Entry::Role(Arc::new(role.clone()))]);
    let session = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/job").unwrap();
    let identity = directory.identity(&session);
    assert_eq!(identity.arn(), "arn:aws:sts::111122223333:assumed-role/app/job");
    assert_eq!(*identity.user_id, *format!("{}:job", role.id));
    assert_eq!(identity.policies.identity.len(), 1);
    assert!(identity.policies.session.is_none());
    // The ARN of the session hides the path of the role, the principal knows it.
    assert!(matches!(identity.principal(), Principal::AssumedRole { role, .. } if &**role == "service/app"));
    let tags = [Tag { tag_key: "team".into(), tag_value: "blue".into() }];
    let session = RoleSession { name: "job", policies: Some(vec![]), tags: &tags, provider: None };
    let identity = Identity::of_session(&role, None, session).unwrap();
    assert_eq!(identity.tags, tags);
    assert_eq!(identity.policies.session, Some(vec![]));
}

#[test]
fn configured_entries_clash_with_stored_ones_and_with_each_other() {
    let alice = || Entry::User(Arc::new(user("alice")));
    let mut stored = directory([alice()]);
    let clash = stored.configure([alice()]).unwrap_err();
    assert_eq!(clash.with, Source::Stored);
    assert_eq!(clash.to_string(), "arn:aws:iam::111122223333:user/alice is configured, and stored as well");
    let mut empty = Directory::default();
    assert_eq!(empty.configure([alice(), alice()]).unwrap_err().with, Source::Configured);
    let mut directory = Directory::default();
    directory.configure([alice()]).unwrap();
    assert_eq!(directory.source(&alice().id()), Some(Source::Configured));
}

#[test]
fn ids_have_the_form_that_aws_gives_them() {
    let entropy = SeededEntropy::new(1);
    let key = unique_id(ACCESS_KEY_PREFIX, &entropy).unwrap();
    assert_eq!(key.len(), 20);
    let user = unique_id(USER_PREFIX, &entropy).unwrap();
    assert_eq!(user.len(), 21);
    assert!(user.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)), "{user}");
    assert_ne!(unique_id(USER_PREFIX, &entropy).unwrap(), user);
    assert_eq!(derived_id(ROLE_PREFIX, "a"), derived_id(ROLE_PREFIX, "a"));
    assert_ne!(derived_id(ROLE_PREFIX, "a"), derived_id(ROLE_PREFIX, "b"));
    assert_eq!(secret_access_key(&entropy).unwrap().expose().len(), 40);
}

#[test]
fn managed_policies_are_known_by_name_and_arn() {
    let administrator = managed::find("AdministratorAccess", Kind::Identity).unwrap();
    assert_eq!(administrator.name(), "arn:aws:iam::aws:policy/AdministratorAccess");
    let chinese = managed::find("arn:aws-cn:iam::aws:policy/AdministratorAccess", Kind::Identity).unwrap();
    assert_eq!(chinese.name(), "arn:aws-cn:iam::aws:policy/AdministratorAccess");
    for kind in [Kind::Identity, Kind::KeyPolicy] {
        assert!(managed::names(kind).all(|name| managed::find(name, kind).is_some()));
    }
    assert!(managed::find("RCPFullAWSAccess", Kind::Identity).is_none());
    assert!(managed::find("arn:aws:iam::aws:policy/Other", Kind::Identity).is_none());
}

#[test]
fn a_trust_policy_names_principals_and_no_resource() {
    let trust = |statement: &str| Policy::trust(&format!(r#"{{"Statement":{statement}}}"#));
    let principal = r#""Principal":{"Federated":"cognito-identity.amazonaws.com"}"#;
    trust(&format!(r#"{{"Effect":"Allow",{principal},"Action":"sts:AssumeRoleWithWebIdentity"}}"#)).unwrap();
    let resource = format!(r#"{{"Effect":"Allow",{principal},"Action":"sts:*","Resource":"*"}}"#);
    assert!(trust(&resource).unwrap_err().to_string().contains("cannot name resources"));
    assert!(trust(r#"{"Effect":"Allow","Action":"sts:*"}"#).is_err());
}

#[test]
fn a_record_is_what_its_kind_says() {
    for text in [
        r#"{"user":{"arn":"arn:aws:iam::111122223333:role/a","id":"AIDA"}}"#,
        r#"{"user":{"arn":"arn:aws:iam::111122223333:user/a","id":"AIDA","extra":1}}"#,
        r#"{"user":{"arn":"arn:aws:iam::111122223333:user/a","id":"AIDA","boundary":{"name":"b","document":"{}"}}}"#,
        r#"{"group":{}}"#,
    ] {
        assert!(serde_json::from_str::<Body>(text).is_err(), "{text}");
    }
    let key = Body::AccessKey { id: "AKIA1".into(), owner: principal("root") };
    assert_eq!(key.with_secret(None), None);
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    let tag = ("[a-z]{1,5}", "\\PC{0,5}").prop_map(|(tag_key, tag_value)| Tag { tag_key, tag_value });
    proptest::collection::vec(tag, 0..3)
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let text = prop_oneof![Just(ALLOW), Just(DENY)];
    let policy = ("\\PC{0,9}", text).prop_map(|(name, text)| policy(&name, text));
    proptest::collection::vec(policy, 0..3)
}

proptest! {
    #[test]
    fn records_round_trip(
        name in "([a-z]{1,5}/)?[A-Za-z_+=,.@-]{1,20}",
        tags in tags(),
        attached in policies(),
        levels in proptest::collection::vec(policies(), 0..3),
        seconds in SESSION_SECONDS_MIN..=SESSION_SECONDS_MAX,
    ) {
        let user = User {
            tags: tags.clone(),
            policies: attached.clone(),
            boundary: attached.first().cloned(),
            ..user(&name)
        };
        let boundary = attached.last().cloned();
        let role = Role { tags, policies: attached, boundary, max_session_seconds: seconds, ..role(&name) };
        for entry in [
            Entry::AccessKey(Arc::new(key("AKIA1", user.principal.clone()))),
            Entry::User(Arc::new(user)),
            Entry::Role(Arc::new(role)),
            Entry::Account(Arc::new(account(levels))),
        ] {
            let text = serde_json::to_string(&entry.body()).unwrap();
            prop_assert!(!text.contains("hush-hush"));
            let body: Body = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(body.with_secret(entry.secret().cloned()), Some(entry));
        }
    }
}
