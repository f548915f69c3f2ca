//! What temporary credentials bring.

use aws_sdk_sts::config::Credentials;

use super::super::super::wire::code;
use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

/// The code of ListKeys by a session of a role that may call it on this condition.
async fn on_condition(condition: Value, seconds: i64) -> String {
    let kms = kms();
    may(&kms, ALICE, on("Allow", "sts:*", "*")).await;
    let trust = json!({
        "Effect": "Allow",
        "Principal": {"AWS": ALICE.arn},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    });
    let mut allow = on("Allow", "kms:ListKeys", "*");
    allow["Condition"] = condition;
    put(&kms, ROLE, json!({"trust": {"Statement": trust}, "policies": [{"Statement": allow}]})).await;
    let engine = &kms.service().parts().engine;
    let to = lifecycle::clock::Timestamp(engine.snapshot().now().0 + seconds * 1_000);
    engine.advance(to).await.unwrap();
    let sts = kms.sts_as(Credentials::new(ALICE.key, "secret", None, None, "test"));
    let assumed = sts.assume_role().role_arn(ROLE).role_session_name("s-1").source_identity("alice");
    let assumed = assumed.send().await.unwrap();
    let given = assumed.credentials().unwrap();
    let token = Some(given.session_token().to_owned());
    let session = Credentials::new(given.access_key_id(), given.secret_access_key(), token, None, "test");
    code(&kms.client_as(session, REGION).list_keys().send().await)
}

#[tokio::test]
async fn a_session_tells_how_it_was_made() {
    let before = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:01:00Z"}});
    for (condition, seconds, allowed) in [
        (json!({"StringEquals": {"aws:SourceIdentity": "alice"}}), 0, true),
        (json!({"StringEquals": {"aws:SourceIdentity": "bob"}}), 0, false),
        // AWS: absent of long-term credentials, and false of temporary ones without a second factor.
        (json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}}), 0, true),
        (json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}), 0, false),
        (before.clone(), 0, true),
        (before, 60, false),
        (json!({"ArnEquals": {"aws:PrincipalArn": ROLE}}), 0, true),
        (json!({"StringLike": {"aws:userid": "AROA*:s-1"}}), 0, true),
    ] {
        let code = on_condition(condition.clone(), seconds).await;
        let expected = if allowed { "" } else { "AccessDeniedException" };
        assert_eq!(code, expected, "{condition} after {seconds} seconds");
    }
}
