//! The directory of principals: the control API, and requests signed with its access keys.

use fixtures::{ACCOUNT, REGION, TestKms};
use http::{Method, StatusCode};
use kms_server::auth::UnknownAccessKey;
use kms_server::builder::Builder;
use kms_server::principals;
use kms_server::store::{Options, RootKeySource, SqliteStore};
use serde_json::{Value, json};

use super::subject::Subject;
use super::wire::{Answer, call, code, control, events};

const ALICE: &str = "arn:aws:iam::111122223333:user/team/alice";
const APP: &str = "arn:aws:iam::111122223333:role/app";

async fn put(kms: &TestKms, name: &str, body: Value) -> Answer {
    control(kms, Method::PUT, &format!("/_kms/principals/{name}"), body.to_string()).await
}

async fn get(kms: &TestKms, path: &str) -> Answer {
    control(kms, Method::GET, &format!("/_kms/principals{path}"), "").await
}

async fn delete(kms: &TestKms, name: &str) -> Answer {
    control(kms, Method::DELETE, &format!("/_kms/principals/{name}"), "").await
}

/// A new access key: its id and its secret.
async fn access_key(kms: &TestKms, name: &str) -> (String, String) {
    let path = format!("/_kms/principals/{name}/access-keys");
    let key = control(kms, Method::POST, &path, "").await.ok();
    let text = |member: &str| key[member].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

fn role() -> Value {
    json!({ "trust": { "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole" },
    ] } })
}

#[tokio::test]
async fn a_created_key_signs_and_its_calls_are_the_users() {
    let kms = TestKms::new();
    let user = put(&kms, ALICE, json!({ "policies": ["AdministratorAccess"] })).await.ok();
    assert_eq!((&user["kind"], &user["source"]), (&json!("user"), &json!("stored")));
    let unique_id = user["principal"]["id"].clone();
    let (id, secret) = access_key(&kms, ALICE).await;
    assert!(id.starts_with("AKIA") && id.len() == 20 && secret.len() == 40, "{id}");
    kms.client_with(&id, &secret, REGION).generate_random().number_of_bytes(1).send().await.unwrap();
    let wrong = kms.client_with(&id, "another", REGION).generate_random().number_of_bytes(1).send().await;
    assert_eq!(code(&wrong), "InvalidSignatureException");
    let record = &events(&kms, "event=GenerateRandom").await[0];
    assert_eq!(
        record["userIdentity"],
        json!({
            "type": "IAMUser", "principalId": unique_id, "arn": ALICE, "accountId": ACCOUNT, "accessKeyId": id,
            "userName": "alice",
        })
    );
    // A key that is removed is unknown from then on, and so is one whose user is.
    let (other, secret) = access_key(&kms, ALICE).await;
    delete(&kms, &id).await.ok();
    kms.client_with(&other, &secret, REGION).list_keys().send().await.unwrap();
    put(&kms, APP, role()).await.ok();
    delete(&kms, ALICE).await.ok();
    let gone = kms.client_with(&other, &secret, REGION).list_keys().send().await;
    assert_eq!(code(&gone), "UnrecognizedClientException");
}

#[tokio::test]
async fn the_first_principal_closes_the_server_to_unknown_keys() {
    let kms = TestKms::new();
    let stranger = || async { code(&kms.client_of(ACCOUNT, REGION).list_keys().send().await) };
    assert_eq!(stranger().await, "");
    put(&kms, ACCOUNT, json!({ "name": "production" })).await.ok();
    assert_eq!(stranger().await, "", "an account is no principal");
    put(&kms, ALICE, json!({})).await.ok();
    assert_eq!(stranger().await, "UnrecognizedClientException");
    delete(&kms, ALICE).await.ok();
    assert_eq!(stranger().await, "");
    let open = TestKms::with(|builder| builder.unknown_access_key(Some(UnknownAccessKey::Root)));
    put(&open, ALICE, json!({})).await.ok();
    call(&open, "ListKeys", json!({})).await.ok();
}

#[tokio::test]
async fn principals_are_listed_and_shown_without_secrets() {
    let kms = TestKms::with(|builder| {
        let file =
            format!("users: [{{arn: '{ALICE}', access_keys: [{{id: AKIDALICE, secret: hush-hush}}]}}]");
        builder.principals(principals::parse("p.yaml", &file).unwrap())
    });
    put(&kms, APP, role()).await.ok();
    let (root, _) = access_key(&kms, "444455556666").await;
    let listed = get(&kms, "").await;
    assert!(!listed.body.windows(9).any(|bytes| bytes == b"hush-hush"));
    let listed = listed.ok()["principals"].clone();
    let short: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (one["kind"].clone(), one["source"].clone())).collect();
    let pair = |kind: &str, source: &str| (json!(kind), json!(source));
    assert_eq!(short, [pair("user", "configured"), pair("role", "stored"), pair("access_key", "stored")]);
    assert_eq!(listed[0]["principal"]["access_keys"], json!([{ "id": "AKIDALICE" }]));
    assert_eq!(listed[2]["principal"], json!({"id": root, "owner": "arn:aws:iam::444455556666:root"}));
    let encoded = ALICE.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(get(&kms, &format!("/{encoded}")).await.ok(), listed[0]);
    assert_eq!(get(&kms, "/AKIDALICE").await.ok()["principal"]["owner"], ALICE);
    assert_eq!(get(&kms, &format!("/{APP}")).await.ok(), listed[1]);
}

#[tokio::test]
async fn refusals_have_a_status_and_say_what_to_do() {
    let kms = TestKms::with(|builder| {
        builder.principals(principals::parse("p.yaml", &format!("users: [{{arn: '{ALICE}'}}]")).unwrap())
    });
    let missing = get(&kms, &format!("/{APP}")).await;
    assert_eq!(
        (missing.status, missing.message()),
        (StatusCode::NOT_FOUND, format!("there is no principal {APP}"))
    );
    for answer in [put(&kms, ALICE, json!({})).await, delete(&kms, ALICE).await] {
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.message().contains("is configured"), "{}", answer.message());
    }
    assert_eq!(delete(&kms, APP).await.status, StatusCode::NOT_FOUND);
    for (name, body, part) in [
        (APP, json!({}), "a role needs the field `trust`"),
        (APP, json!({ "trust": {}, "polices": [] }), "the nearest is `policies`"),
        ("arn:aws:iam::111122223333:group/g", json!({}), "names no principal"),
    ] {
        let answer = put(&kms, name, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.message().contains(part), "{}", answer.message());
    }
    let text = control(&kms, Method::PUT, &format!("/_kms/principals/{APP}"), "{").await;
    assert!(text.message().starts_with("the principal is not JSON"), "{}", text.message());
    for (method, path) in [
        (Method::POST, "/_kms/principals"),
        (Method::POST, "/_kms/principals/111122223333"),
        (Method::GET, "/_kms/principalsx"),
    ] {
        assert_eq!(control(&kms, method, path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn principals_are_part_of_the_state_that_is_exported_and_reset() {
    let kms = TestKms::with(|builder| builder.unknown_access_key(Some(UnknownAccessKey::Root)));
    Subject::new(&kms).await;
    put(&kms, ALICE, json!({ "tags": { "team": "red" }, "policies": ["AdministratorAccess"] })).await.ok();
    let (id, secret) = access_key(&kms, ALICE).await;
    let export = |passphrase: Option<&'static str>| {
        let kms = &kms;
        async move {
            let mut request = http::Request::get("/_kms/state");
            if passphrase.is_some() {
                request = request.header("x-kms-passphrase", "c2VzYW1l");
            }
            super::wire::send(kms, request.body("".into()).unwrap()).await.ok()
        }
    };
    let (open, sealed) = (export(None).await, export(Some("sesame")).await);
    assert_eq!(open["principals"].as_array().unwrap().len(), 1, "a key without its secret is none");
    assert_eq!(sealed["principals"].as_array().unwrap().len(), 2);
    assert!(!sealed.to_string().contains(&secret));

    let other = TestKms::new();
    let import = |kms: TestKms, body: Value| async move {
        let request = http::Request::put("/_kms/state").header("x-kms-passphrase", "c2VzYW1l");
        super::wire::send(&kms, request.body(body.to_string().into()).unwrap()).await
    };
    import(TestKms::of(other.service().clone()), sealed.clone()).await.ok();
    other.client_with(&id, &secret, REGION).list_keys().send().await.unwrap();
    assert_eq!(get(&other, &format!("/{ALICE}")).await.ok()["principal"]["tags"], json!({ "team": "red" }));
    control(&other, Method::POST, "/_kms/reset", "").await.ok();
    assert_eq!(get(&other, "").await.ok(), json!({ "principals": [] }));

    // What is configured stays, and a state that brings the same is refused.
    let text = format!(
        "users: [{{arn: '{ALICE}', policies: [AdministratorAccess], access_keys: [{{id: AKIDALICE, secret: s}}]}}]"
    );
    let configured = TestKms::with(|b| b.principals(principals::parse("p.yaml", &text).unwrap()));
    let refused = import(TestKms::of(configured.service().clone()), sealed).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.message());
    control(&configured, Method::POST, "/_kms/reset", "").await.ok();
    configured.client_with("AKIDALICE", "s", REGION).list_keys().send().await.unwrap();
}

#[tokio::test]
async fn access_keys_survive_a_restart_and_clash_with_configured_ones() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || {
        let options = Options {
            data_dir: folder.path().to_owned(),
            root_key: RootKeySource::File(folder.path().join("root.key")),
            page_limit: None,
        };
        Builder::new(Box::new(SqliteStore::open(&options).unwrap()))
            .home(ACCOUNT.parse().unwrap(), REGION.parse().unwrap())
    };
    let kms = TestKms::of(builder().build().unwrap());
    put(&kms, ALICE, json!({ "policies": ["AdministratorAccess"], "boundary": "AdministratorAccess" }))
        .await
        .ok();
    let (id, secret) = access_key(&kms, ALICE).await;
    let shown = get(&kms, "").await.ok();
    kms.service().stop().await;
    drop(kms);

    let kms = TestKms::of(builder().build().unwrap());
    assert_eq!(get(&kms, "").await.ok(), shown);
    kms.client_with(&id, &secret, REGION).list_keys().send().await.unwrap();
    let wrong = kms.client_with(&id, "secret", REGION).list_keys().send().await;
    assert_eq!(code(&wrong), "InvalidSignatureException");
    kms.service().stop().await;
    drop(kms);

    let configured = principals::parse("p.yaml", &format!("users: [{{arn: '{ALICE}'}}]")).unwrap();
    let error = builder().principals(configured).build().err().unwrap().to_string();
    assert!(error.starts_with(&format!("{ALICE} is configured, and stored as well")), "{error}");
    assert!(error.contains(&format!("kms-server principals delete {ALICE}")), "{error}");
}

/// AWS: KMS API reference, "PutKeyPolicy", BypassPolicyLockoutSafetyCheck: the check knows all about its caller.
#[tokio::test]
async fn the_lock_out_check_sees_the_role_and_the_tags_of_its_caller() {
    let kms = TestKms::new();
    put(&kms, ALICE, json!({ "tags": { "team": "red" }, "policies": ["AdministratorAccess"] })).await.ok();
    let (id, secret) = access_key(&kms, ALICE).await;
    let alice = kms.client_with(&id, &secret, REGION);
    let policy = |key: &str, value: &str| {
        let condition = json!({ "StringEquals": { key: value } });
        let principal = json!({ "AWS": "*" });
        json!({ "Statement": [
            { "Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*", "Condition": condition },
        ] })
        .to_string()
    };
    for (key, value, let_in) in [
        ("aws:PrincipalTag/team", "red", true),
        ("aws:PrincipalTag/team", "blue", false),
        ("aws:username", "alice", true),
        ("aws:PrincipalArn", ALICE, true),
        ("kms:CallerAccount", ACCOUNT, true),
        ("kms:CallerAccount", "444455556666", false),
        ("kms:PolicyName", "default", true),
    ] {
        let made = alice.create_key().policy(policy(key, value)).send().await;
        let expected = if let_in { "" } else { "MalformedPolicyDocumentException" };
        assert_eq!(code(&made), expected, "{key} {value}");
    }
}
