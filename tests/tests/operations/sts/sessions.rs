//! The life of temporary credentials: from their first use to their end.

use fixtures::{ACCOUNT, REGION};
use http::Method;
use kms_server::store::{Options, RootKeySource, SqliteStore};
use serde_json::json;

use super::*;
use crate::wire::{code, control, message};

#[tokio::test]
async fn a_session_ends_when_the_clock_says_so() {
    let kms = kms();
    let credentials =
        assume(&user(&kms, "alice"), APP).duration_seconds(7_200).send().await.unwrap().credentials.unwrap();
    let client = kms.client_as(temporary(&credentials), REGION);
    advance(&kms, 7_199).await;
    client.list_keys().send().await.unwrap();
    advance(&kms, 1).await;
    let ended = client.list_keys().send().await;
    assert_eq!(code(&ended), "ExpiredTokenException");
    assert_eq!(message(&ended).unwrap(), "The security token included in the request is expired");
    let ended = session(&kms, &credentials).get_caller_identity().send().await;
    let text = "The security token included in the request is expired";
    assert_eq!(refusal(&ended), ("ExpiredToken".to_owned(), text.to_owned()));
}

#[tokio::test]
async fn only_the_issued_token_with_its_key_and_its_secret_is_good() {
    let kms = kms();
    let [one, two] = [assumed(&user(&kms, "alice"), APP).await, assumed(&user(&kms, "alice"), APP).await];
    let ask = |id: &str, secret: &str, token: Option<&str>| {
        let credentials =
            aws_sdk_sts::config::Credentials::new(id, secret, token.map(Into::into), None, "test");
        let client = kms.client_as(credentials, REGION);
        async move { code(&client.list_keys().send().await) }
    };
    let (id, secret, token) = (one.access_key_id(), one.secret_access_key(), one.session_token());
    assert_eq!(ask(id, secret, Some(token)).await, "");
    assert_eq!(ask(id, two.secret_access_key(), Some(token)).await, "InvalidSignatureException");
    let unknown = "UnrecognizedClientException";
    assert_eq!(ask(id, secret, None).await, unknown);
    assert_eq!(ask(id, secret, Some(two.session_token())).await, unknown);
    assert_eq!(ask(two.access_key_id(), secret, Some(token)).await, unknown);
    assert_eq!(ask("AKIDALICE0000000", "secret", Some(token)).await, unknown);
    // Once it is known by heart, an altered token is refused as well.
    for at in [0, token.len() / 2, token.len() - 5] {
        let mut altered = token.to_owned();
        let other = if &altered[at..=at] == "A" { "B" } else { "A" };
        altered.replace_range(at..=at, other);
        assert_eq!(ask(id, secret, Some(&altered)).await, unknown, "{at}");
    }
    assert_eq!(ask(id, secret, Some(token)).await, "");
}

#[tokio::test]
async fn what_a_session_brings_counts_for_kms() {
    let kms = kms();
    let alice = user(&kms, "alice");
    let ask = |credentials: &Credentials| {
        let client = kms.client_as(temporary(credentials), REGION);
        async move { (code(&client.list_keys().send().await), code(&client.list_aliases().send().await)) }
    };
    let (good, denied) = (String::new(), "AccessDeniedException".to_owned());
    let plain = assumed(&alice, APP).await;
    assert_eq!(ask(&plain).await, (good.clone(), denied.clone()));
    // A session tag replaces the tag of the role.
    let tagged = assume(&alice, APP).tags(tag("team", "green")).send().await.unwrap();
    assert_eq!(ask(tagged.credentials().unwrap()).await, (good.clone(), good.clone()));
    let policy = r#"{"Statement":[{"Effect":"Allow","Action":"kms:ListAliases","Resource":"*"}]}"#;
    let limited = assume(&alice, APP).tags(tag("team", "green")).policy(policy).send().await.unwrap();
    assert_eq!(ask(limited.credentials().unwrap()).await, (denied.clone(), good.clone()));
    let key = kms.client_as(temporary(limited.credentials().unwrap()), REGION).list_keys().send().await;
    let text = "User: arn:aws:sts::111122223333:assumed-role/app/alice-1 is not authorized to perform: kms:ListKeys on \
                resource: * because no session policy allows the kms:ListKeys action";
    assert_eq!(message(&key).unwrap(), text);
    // A session of a user has the rights of the user.
    let own = alice.get_session_token().send().await.unwrap();
    assert_eq!(ask(own.credentials().unwrap()).await, (good, denied));
}

async fn put(kms: &TestKms, arn: &str, body: serde_json::Value) {
    control(kms, Method::PUT, &format!("/_kms/principals/{arn}"), body.to_string()).await.ok();
}

fn role_of(trusted: &str, action: Option<&str>) -> serde_json::Value {
    let policies: Vec<_> = action
        .map(|action| {
            let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
            json!({ "name": "p", "document": { "Statement": statement } })
        })
        .into_iter()
        .collect();
    let trust = json!({ "Effect": "Allow", "Principal": { "AWS": trusted }, "Action": "sts:AssumeRole" });
    json!({ "trust": { "Statement": [trust] }, "policies": policies })
}

#[tokio::test]
async fn a_session_has_the_rights_that_its_role_has_now() {
    let kms = kms();
    let alice = "arn:aws:iam::111122223333:user/team/alice";
    let fresh = "arn:aws:iam::111122223333:role/fresh";
    put(&kms, fresh, role_of(alice, Some("kms:*"))).await;
    let chain = session(&kms, &assumed(&user(&kms, "alice"), fresh).await);
    assert_eq!(refusal(&assume(&chain, ACCOUNT_ROLE).send().await).0, "AccessDenied");
    put(&kms, fresh, role_of(alice, Some("sts:AssumeRole"))).await;
    assume(&chain, ACCOUNT_ROLE).send().await.unwrap();
    put(&kms, fresh, role_of(alice, None)).await;
    assert_eq!(refusal(&assume(&chain, ACCOUNT_ROLE).send().await).0, "AccessDenied");

    // A role that is gone takes its sessions with it, and one that is made again is another.
    let gone = || async { refusal(&chain.get_caller_identity().send().await).0 };
    assert_eq!(gone().await, "");
    control(&kms, Method::DELETE, &format!("/_kms/principals/{fresh}"), "").await.ok();
    assert_eq!(gone().await, "InvalidClientTokenId");
    put(&kms, fresh, role_of(alice, None)).await;
    assert_eq!(gone().await, "InvalidClientTokenId");
}

#[tokio::test]
async fn sessions_survive_a_restart_and_end_with_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let build = || {
        let options = Options {
            data_dir: folder.path().to_owned(),
            root_key: RootKeySource::File(folder.path().join("root.key")),
            page_limit: None,
        };
        let builder = Builder::new(Box::new(SqliteStore::open(&options).unwrap()))
            .home(ACCOUNT.parse().unwrap(), REGION.parse().unwrap());
        TestKms::of(with_principals(builder).build().unwrap())
    };
    let kms = build();
    let credentials = assumed(&user(&kms, "alice"), APP).await;
    kms.service().stop().await;
    drop(kms);
    let kms = build();
    let ask = || async { refusal(&session(&kms, &credentials).get_caller_identity().send().await).0 };
    assert_eq!(ask().await, "");
    control(&kms, Method::POST, "/_kms/reset", "").await.ok();
    assert_eq!(ask().await, "InvalidClientTokenId");
    kms.service().stop().await;
    // Another installation has another secret.
    let other = self::kms();
    let foreign = session(&other, &credentials).get_caller_identity().send().await;
    assert_eq!(refusal(&foreign).0, "InvalidClientTokenId");
}

#[tokio::test]
async fn a_user_gets_a_session_of_its_own() {
    let kms = kms();
    let answer = user(&kms, "alice").get_session_token().send().await.unwrap();
    let credentials = answer.credentials().unwrap();
    let own = session(&kms, credentials);
    let identity = own.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:iam::111122223333:user/team/alice"));
    assert!(identity.user_id().unwrap().starts_with("AIDA"));
    // It may assume roles, as a user: without the limit of a chain.
    assume(&own, APP).duration_seconds(7_200).send().await.unwrap();
    let again = own.get_session_token().send().await;
    let text = "Cannot call GetSessionToken with session credentials";
    assert_eq!(refusal(&again), ("AccessDenied".to_owned(), text.to_owned()));
    let role = session(&kms, &assumed(&own, APP).await);
    assert_eq!(refusal(&role.get_session_token().send().await).1, text);
    let info = own.get_access_key_info().access_key_id("AKIDCAROL0000000").send().await;
    assert_eq!(refusal(&info).0, "AccessDenied");
    // It lasts for twelve hours unless the request says otherwise.
    let client = kms.client_as(temporary(credentials), REGION);
    advance(&kms, 43_140).await;
    client.list_keys().send().await.unwrap();
    advance(&kms, 60).await;
    assert_eq!(code(&client.list_keys().send().await), "ExpiredTokenException");
}

#[tokio::test]
async fn a_user_that_is_gone_takes_its_sessions_with_it() {
    let kms = kms();
    let eve = "arn:aws:iam::111122223333:user/eve";
    put(&kms, eve, json!({})).await;
    let key = control(&kms, Method::POST, &format!("/_kms/principals/{eve}/access-keys"), "").await.ok();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let long = aws_sdk_sts::config::Credentials::new(text("id"), text("secret"), None, None, "test");
    let answer = kms.sts_as(long).get_session_token().send().await.unwrap();
    let own = session(&kms, answer.credentials().unwrap());
    own.get_caller_identity().send().await.unwrap();
    control(&kms, Method::DELETE, &format!("/_kms/principals/{eve}"), "").await.ok();
    assert_eq!(refusal(&own.get_caller_identity().send().await).0, "InvalidClientTokenId");
}

#[tokio::test]
async fn a_root_user_has_sessions_of_an_hour() {
    let kms = TestKms::new();
    let root = kms.sts_as(aws_sdk_sts::config::Credentials::new(ACCOUNT, "s", None, None, "test"));
    let answer = root.get_session_token().duration_seconds(36_000).send().await.unwrap();
    let credentials = answer.credentials().unwrap();
    let own = session(&kms, credentials);
    let identity = own.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:iam::111122223333:root"));
    advance(&kms, 3_600).await;
    assert_eq!(refusal(&own.get_caller_identity().send().await).0, "ExpiredToken");
}

#[tokio::test]
async fn an_access_key_tells_its_account() {
    let kms = kms();
    let bob = user(&kms, "bob");
    let account = |client: &aws_sdk_sts::Client, id: &str| {
        let request = client.get_access_key_info().access_key_id(id);
        async move { request.send().await.map(|answer| answer.account().unwrap().to_owned()) }
    };
    assert_eq!(account(&bob, "AKIDCAROL0000000").await.unwrap(), "444455556666");
    let temporary = assumed(&user(&kms, "carol"), APP).await;
    assert_eq!(account(&bob, temporary.access_key_id()).await.unwrap(), ACCOUNT);
    assert_eq!(refusal(&account(&bob, "AKIAUNKNOWNUNKNOWN").await).0, "ValidationError");
    let dave = account(&user(&kms, "dave"), "AKIDCAROL0000000").await;
    let text = "User: arn:aws:iam::444455556666:user/dave is not authorized to perform: sts:GetAccessKeyInfo on \
                resource: *";
    assert_eq!(refusal(&dave), ("AccessDenied".to_owned(), text.to_owned()));
}
