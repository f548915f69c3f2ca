//! AssumeRole: who may, with what, and for how long.
#![allow(deprecated, reason = "the packed size is still what policies and tags are limited by")]

use kms_server::engine::wall;

use super::*;

fn denied(arn: &str, action: &str, role: &str) -> (String, String) {
    let message = format!("User: {arn} is not authorized to perform: {action} on resource: {role}");
    ("AccessDenied".to_owned(), message)
}

#[tokio::test]
async fn the_trust_policy_and_the_callers_policies_decide() {
    let kms = kms();
    let arn = |name: &str| match name {
        "alice" => "arn:aws:iam::111122223333:user/team/alice".to_owned(),
        "bob" | "denied" => format!("arn:aws:iam::111122223333:user/{name}"),
        _ => format!("arn:aws:iam::444455556666:user/{name}"),
    };
    for (name, role, allowed) in [
        // Named by the trust policy: no policy of her own is needed.
        ("alice", APP, true),
        ("bob", APP, false),
        // Named by its account: a policy of its own is needed.
        ("alice", ACCOUNT_ROLE, false),
        ("bob", ACCOUNT_ROLE, true),
        ("denied", ACCOUNT_ROLE, false),
        // Of another account: both sides.
        ("carol", APP, true),
        ("dave", APP, false),
        ("carol", ACCOUNT_ROLE, false),
        ("bob", "arn:aws:iam::111122223333:role/absent", false),
        // The path is part of the name.
        ("alice", "arn:aws:iam::111122223333:role/app", false),
    ] {
        let answer = assume(&user(&kms, name), role).send().await;
        let expected = if allowed { Default::default() } else { denied(&arn(name), "sts:AssumeRole", role) };
        assert_eq!(refusal(&answer), expected, "{name} {role}");
    }
}

#[tokio::test]
async fn a_root_user_assumes_no_role() {
    let kms = TestKms::with(|builder| {
        with_principals(builder).unknown_access_key(Some(kms_server::auth::UnknownAccessKey::Root))
    });
    let root = aws_sdk_sts::config::Credentials::new("111122223333", "s", None, None, "test");
    let answer = assume(&kms.sts_as(root), ACCOUNT_ROLE).send().await;
    assert_eq!(
        refusal(&answer),
        ("AccessDenied".to_owned(), "Roles may not be assumed by root accounts.".to_owned())
    );
}

#[tokio::test]
async fn an_answer_names_the_session_and_its_end() {
    let kms = kms();
    let before = wall::now();
    let answer = assume(&user(&kms, "alice"), APP).duration_seconds(900).send().await.unwrap();
    let who = answer.assumed_role_user().unwrap();
    assert_eq!(who.arn(), "arn:aws:sts::111122223333:assumed-role/app/alice-1");
    let (role, name) = who.assumed_role_id().split_once(':').unwrap();
    assert!(role.starts_with("AROA") && name == "alice-1", "{role}:{name}");
    let credentials = answer.credentials().unwrap();
    assert!(credentials.access_key_id().starts_with("ASIA") && credentials.access_key_id().len() == 20);
    assert_eq!(credentials.secret_access_key().len(), 40);
    assert_eq!((answer.packed_policy_size(), answer.source_identity()), (None, None));
    // The clock of the test stands still: the end is told as if it ran.
    let seconds = credentials.expiration().secs() - before.0 / 1_000;
    assert!((898..=930).contains(&seconds), "{seconds}");

    let session = session(&kms, credentials).get_caller_identity().send().await.unwrap();
    assert_eq!(session.arn(), Some(who.arn()));
    assert_eq!((session.user_id(), session.account()), (Some(who.assumed_role_id()), Some("111122223333")));
    let kms_client = kms.client_as(temporary(credentials), "eu-west-1");
    kms_client.list_keys().send().await.unwrap();
}

#[tokio::test]
async fn conditions_see_the_request_and_the_caller() {
    let kms = kms();
    let alice = user(&kms, "alice");
    let strict = "arn:aws:iam::111122223333:role/strict";
    let ask = |external_id: Option<&'static str>, name: &'static str| {
        alice
            .assume_role()
            .role_arn(strict)
            .role_session_name(name)
            .set_external_id(external_id.map(Into::into))
    };
    ask(Some("e-1"), "alice-1").send().await.unwrap();
    for (external_id, name) in [(None, "alice-1"), (Some("e-2"), "alice-1"), (Some("e-1"), "bob-1")] {
        let answer = ask(external_id, name).send().await;
        assert_eq!(refusal(&answer).0, "AccessDenied", "{external_id:?} {name}");
    }
    let tagged = ask(Some("e-1"), "alice-1").tags(tag("a", "b")).send().await;
    let arn = "arn:aws:iam::111122223333:user/team/alice";
    assert_eq!(refusal(&tagged), denied(arn, "sts:TagSession", strict));
    let named = ask(Some("e-1"), "alice-1").source_identity("alice").send().await;
    assert_eq!(refusal(&named), denied(arn, "sts:SetSourceIdentity", strict));
    let mfa = assume(&alice, "arn:aws:iam::111122223333:role/mfa");
    assert_eq!(refusal(&mfa.clone().send().await).0, "AccessDenied");
    let code = mfa.serial_number("arn:aws:iam::111122223333:mfa/alice").token_code("123456").send().await;
    assert!(refusal(&code).1.contains("unable to validate MFA code"));
}

#[tokio::test]
async fn durations_have_limits() {
    let kms = kms();
    let alice = user(&kms, "alice");
    let ask = |client: &aws_sdk_sts::Client, role: &str, seconds: i32| {
        let request = assume(client, role).duration_seconds(seconds);
        async move { refusal(&request.send().await) }
    };
    let error = |text: &str| ("ValidationError".to_owned(), text.to_owned());
    assert_eq!(ask(&alice, APP, 7_200).await, Default::default());
    let role_max = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    assert_eq!(ask(&alice, APP, 7_201).await, error(role_max));
    assert_eq!(
        ask(&alice, APP, 899).await,
        error(
            "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must \
             have value greater than or equal to 900"
        )
    );
    let chained = session(&kms, &assumed(&alice, APP).await);
    assert_eq!(ask(&chained, ACCOUNT_ROLE, 3_600).await, Default::default());
    let chain_max =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    assert_eq!(ask(&chained, ACCOUNT_ROLE, 3_601).await, error(chain_max));
}

#[tokio::test]
async fn parameters_are_validated() {
    let kms = kms();
    let alice = user(&kms, "alice");
    let name = alice.assume_role().role_arn(APP).role_session_name("a b").send().await;
    assert_eq!(
        refusal(&name),
        (
            "ValidationError".to_owned(),
            "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]*"
                .to_owned()
        )
    );
    for (arn, text) in [
        ("no arn but long enough", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:user/team/alice", "arn:aws:iam::111122223333:user/team/alice is invalid"),
    ] {
        let answer = assume(&alice, arn).send().await;
        assert_eq!(refusal(&answer), ("ValidationError".to_owned(), text.to_owned()));
    }
    let many: Vec<_> = (0..51).map(|at| tag(&format!("k{at}"), "")).collect();
    let many = assume(&alice, APP).set_tags(Some(many)).send().await;
    assert!(refusal(&many).1.contains("at 'tags' failed to satisfy constraint"), "{:?}", refusal(&many));
    let twice = assume(&alice, APP).tags(tag("a", "")).tags(tag("A", "")).send().await;
    assert_eq!(
        refusal(&twice).1,
        "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    );
    let context = aws_sdk_sts::types::ProvidedContext::builder().context_assertion("abcd").build();
    let context = assume(&alice, APP).provided_contexts(context).send().await;
    assert_eq!(refusal(&context).0, "NotImplemented");
}

#[tokio::test]
async fn session_policies_limit_the_session() {
    let kms = kms();
    let alice = user(&kms, "alice");
    let policy = |action: &str| {
        format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#)
    };
    for (inline, managed, allowed) in [
        (Some("sts:AssumeRole"), None, true),
        (Some("kms:*"), None, false),
        (None, Some("arn:aws:iam::aws:policy/AdministratorAccess"), true),
        (None, Some("arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"), false),
        (Some("kms:*"), Some("arn:aws:iam::aws:policy/AdministratorAccess"), true),
    ] {
        let descriptor = |arn: &str| aws_sdk_sts::types::PolicyDescriptorType::builder().arn(arn).build();
        let answer = assume(&alice, APP)
            .set_policy(inline.map(policy))
            .set_policy_arns(managed.map(|arn| vec![descriptor(arn)]))
            .send()
            .await
            .unwrap();
        assert!(answer.packed_policy_size().is_some_and(|percent| (1..100).contains(&percent)));
        let next = assume(&session(&kms, answer.credentials().unwrap()), ACCOUNT_ROLE).send().await;
        assert_eq!(next.is_ok(), allowed, "{inline:?} {managed:?}");
    }
    let code = |policy: String| {
        let request = assume(&alice, APP).policy(policy);
        async move { refusal(&request.send().await) }
    };
    let malformed = |text: &str| ("MalformedPolicyDocument".to_owned(), text.to_owned());
    assert_eq!(code("{".to_owned()).await, malformed("The policy is not in the valid JSON format."));
    assert_eq!(code("{}".to_owned()).await, malformed("Syntax errors in policy."));
    let long = code(format!("{}{}", policy("kms:*"), " ".repeat(2_048))).await;
    assert!(long.0 == "PackedPolicyTooLarge" && long.1.contains("of allotted space"), "{long:?}");
    // Fifty tags of random digits do not pack.
    let digits = |at: u32| -> String {
        let digest = |part: u32| {
            let digest = ring::digest::digest(&ring::digest::SHA256, format!("{at} {part}").as_bytes());
            digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        (0..4).map(digest).collect()
    };
    let tags = (0..50).map(|at| tag(&format!("k{at}"), &digits(at))).collect();
    let large = assume(&alice, APP).set_tags(Some(tags)).send().await;
    let (code, text) = refusal(&large);
    assert!(code == "PackedPolicyTooLarge" && text.contains("of allotted space"), "{code} {text}");
    let unknown =
        aws_sdk_sts::types::PolicyDescriptorType::builder().arn("arn:aws:iam::aws:policy/Absent").build();
    let unknown = assume(&alice, APP).policy_arns(unknown).send().await;
    assert_eq!(refusal(&unknown).0, "ValidationError");
}

#[tokio::test]
async fn transitive_tags_and_the_source_identity_stay_through_a_chain() {
    let kms = kms();
    let first = assume(&user(&kms, "alice"), APP)
        .tags(tag("kept", "1"))
        .tags(tag("team", "green"))
        .transitive_tag_keys("kept")
        .source_identity("alice")
        .send()
        .await
        .unwrap();
    assert_eq!(first.source_identity(), Some("alice"));
    assert!(first.packed_policy_size().is_some());
    let chain = session(&kms, first.credentials().unwrap());
    let second = assume(&chain, ACCOUNT_ROLE).send().await.unwrap();
    assert_eq!(second.source_identity(), Some("alice"));
    assert!(second.packed_policy_size().is_some(), "an inherited tag takes room");
    let conflict = assume(&chain, ACCOUNT_ROLE).tags(tag("Kept", "2")).send().await;
    assert_eq!(refusal(&conflict).0, "InvalidParameterValue");
    let another = assume(&chain, ACCOUNT_ROLE).source_identity("mallory").send().await;
    assert_eq!(refusal(&another).0, "AccessDenied");
    let missing = assume(&chain, ACCOUNT_ROLE).transitive_tag_keys("team").send().await;
    assert_eq!(
        refusal(&missing).1,
        "The specified transitive tag key must be included in the requested tags."
    );
    let reserved = assume(&user(&kms, "alice"), APP).source_identity("aws:x").send().await;
    assert_eq!(refusal(&reserved).0, "ValidationError");
}

#[tokio::test]
async fn records_show_who_assumed_what_and_no_secret() {
    let kms = kms();
    let credentials = assumed(&user(&kms, "alice"), APP).await;
    kms.client_as(temporary(&credentials), "us-east-1").list_keys().send().await.unwrap();
    let record = wire::events(&kms, "event=AssumeRole").await.remove(0);
    assert_eq!(record["eventSource"], "sts.amazonaws.com");
    assert_eq!(record["userIdentity"]["type"], "IAMUser");
    assert_eq!(record["requestParameters"]["roleArn"], APP);
    assert_eq!(record["responseElements"]["credentials"]["accessKeyId"], credentials.access_key_id());
    assert_eq!(
        record["responseElements"]["assumedRoleUser"]["arn"],
        "arn:aws:sts::111122223333:assumed-role/app/alice-1"
    );
    assert_eq!(record["resources"][0]["ARN"], APP);
    let text = record.to_string();
    assert!(!text.contains(credentials.session_token()) && !text.contains(credentials.secret_access_key()));
    let identity = &wire::events(&kms, "event=ListKeys").await[0]["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(identity["sessionContext"]["sessionIssuer"]["arn"], APP);
    assert_eq!(identity["sessionContext"]["sessionIssuer"]["userName"], "app");
    assert_eq!(identity["sessionContext"]["attributes"]["creationDate"], "2026-01-01T00:00:00Z");
    assume(&user(&kms, "bob"), APP).send().await.unwrap_err();
    let refused = wire::events(&kms, "event=AssumeRole").await.pop().unwrap();
    assert_eq!(refused["errorCode"], "AccessDenied");
    assert_eq!(refused["responseElements"], serde_json::Value::Null);
}
