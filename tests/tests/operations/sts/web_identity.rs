//! AssumeRoleWithWebIdentity: tokens of an OpenID Connect provider.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kms_server::engine::wall;
use kms_server::sts::IdentityProvider;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://id.example.com/realm";
const WEB: &str = "arn:aws:iam::111122223333:role/web";

/// An identity provider with a key of its own.
struct Provider(EcdsaKeyPair);

impl Provider {
    fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Provider(key.unwrap())
    }

    fn kms(&self) -> TestKms {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwks =
            json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y}]});
        let provider = IdentityProvider::new(ISSUER, vec!["app".into(), "other".into()], &jwks.to_string());
        TestKms::with(|builder| with_principals(builder).identity_providers(vec![provider.unwrap()]))
    }

    /// A good token, changed as the test needs it.
    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = wall::now().0 / 1_000;
        let mut claims =
            json!({"iss": ISSUER, "sub": "repo:a/b", "aud": "app", "exp": now + 600, "nbf": now - 5});
        change(&mut claims);
        self.signed(&json!({"alg": "ES256", "kid": "k1"}), &claims)
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Nobody needs to sign.
fn anonymous(kms: &TestKms) -> aws_sdk_sts::Client {
    kms.sts_as(aws_sdk_sts::config::Credentials::new("unused", "unused", None, None, "test"))
}

async fn ask(kms: &TestKms, role: &str, token: &str) -> (String, String) {
    let request = anonymous(kms).assume_role_with_web_identity().role_arn(role).role_session_name("job");
    refusal(&request.web_identity_token(token).send().await)
}

#[tokio::test]
async fn a_good_token_makes_a_session() {
    let provider = Provider::new();
    let kms = provider.kms();
    let request = anonymous(&kms).assume_role_with_web_identity().role_arn(WEB).role_session_name("job");
    let answer = request.web_identity_token(provider.token(|_| {})).send().await.unwrap();
    let arn = "arn:aws:iam::111122223333:oidc-provider/id.example.com/realm";
    assert_eq!(answer.provider(), Some(arn));
    assert_eq!(
        (answer.subject_from_web_identity_token(), answer.audience()),
        (Some("repo:a/b"), Some("app"))
    );
    let session = session(&kms, answer.credentials().unwrap()).get_caller_identity().send().await.unwrap();
    assert_eq!(session.arn(), Some("arn:aws:sts::111122223333:assumed-role/web/job"));
    let record = wire::events(&kms, "event=AssumeRoleWithWebIdentity").await.remove(0);
    assert_eq!(
        record["userIdentity"],
        json!({"type": "WebIdentityUser", "principalId": format!("{arn}:app:repo:a/b"), "userName": "repo:a/b",
            "identityProvider": arn})
    );
    assert_eq!(record["requestParameters"], json!({"roleArn": WEB, "roleSessionName": "job"}));
    assert_eq!(record["recipientAccountId"], "111122223333");
    let by_session = wire::events(&kms, "event=GetCallerIdentity").await.remove(0);
    assert_eq!(by_session["userIdentity"]["sessionContext"]["webIdFederationData"]["federatedProvider"], arn);
}

#[tokio::test]
async fn a_bad_token_is_refused_for_its_fault() {
    let (provider, stranger) = (Provider::new(), Provider::new());
    let kms = provider.kms();
    let set = |name: &'static str, value: Value| provider.token(|claims| claims[name] = value);
    let without = |name: &str| provider.token(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
    let claims = json!({"iss": ISSUER, "sub": "repo:a/b", "aud": "app", "exp": 4_000_000_000_u64});
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let invalid = "InvalidIdentityToken";
    for (token, code, part) in [
        ("access-token".to_owned(), invalid, "is not a valid JWT"),
        (without("iss"), invalid, "Missing a required claim: iss"),
        (
            set("iss", "https://other.example.com".into()),
            invalid,
            "No OpenIDConnect provider found in your account for https://other.example.com",
        ),
        (set("aud", "third".into()), invalid, "Incorrect token audience"),
        (set("azp", "third".into()), invalid, "Incorrect token audience"),
        (without("sub"), invalid, "Missing a required claim: sub"),
        (set("sub", "s".repeat(256).into()), invalid, "too long"),
        (without("exp"), invalid, "Missing a required claim: exp"),
        (set("nbf", 4_000_000_000_u64.into()), invalid, "not valid yet"),
        (set("exp", 1_700_000_000.into()), "ExpiredTokenException", "expiration date/time 1700000000"),
        (stranger.token(|_| {}), invalid, "signature"),
        (unsigned, invalid, "signature"),
        (
            provider.signed(&json!({"alg": "ES256", "kid": "k2"}), &claims),
            invalid,
            "Couldn't retrieve verification key",
        ),
        (
            set("https://aws.amazon.com/tags", json!({"principal_tags": {"a": ["1", "2"]}})),
            "IDPRejectedClaim",
            "https://aws.amazon.com/tags",
        ),
        (
            set("https://aws.amazon.com/source_identity", "a b".into()),
            "IDPRejectedClaim",
            "https://aws.amazon.com/source_identity",
        ),
    ] {
        let (found, text) = ask(&kms, WEB, &token).await;
        assert!(found == code && text.contains(part), "{found}: {text}");
    }
    let refused = wire::events(&kms, "event=AssumeRoleWithWebIdentity").await;
    assert!(refused.iter().all(|record| record["requestParameters"].get("webIdentityToken").is_none()));
}

#[tokio::test]
async fn the_trust_policy_decides_by_the_claims() {
    let provider = Provider::new();
    let kms = provider.kms();
    let denied = |action: &str| ("AccessDenied".to_owned(), format!("Not authorized to perform {action}"));
    let set = |name: &'static str, value: Value| provider.token(|claims| claims[name] = value);
    let web = "sts:AssumeRoleWithWebIdentity";
    assert_eq!(ask(&kms, WEB, &set("aud", json!(["x", "app"]))).await, Default::default());
    assert_eq!(ask(&kms, WEB, &set("aud", "other".into())).await, denied(web));
    assert_eq!(ask(&kms, WEB, &set("sub", "user:a".into())).await, denied(web));
    assert_eq!(
        ask(&kms, "arn:aws:iam::111122223333:role/absent", &set("sub", "repo:c".into())).await,
        denied(web)
    );
    // A role that trusts the account trusts nobody's users.
    assert_eq!(ask(&kms, ACCOUNT_ROLE, &provider.token(|_| {})).await, denied(web));
    let tags = json!({"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]});
    let tags = set("https://aws.amazon.com/tags", tags);
    assert_eq!(ask(&kms, WEB, &tags).await, Default::default());
    let named = set("https://aws.amazon.com/source_identity", "alice".into());
    assert_eq!(ask(&kms, WEB, &named).await, denied("sts:SetSourceIdentity"));
}

/// AWS: IAM User Guide, "AWS global condition context keys", aws:FederatedProvider.
#[tokio::test]
async fn kms_knows_who_vouched_for_the_session() {
    let provider = Provider::new();
    let kms = provider.kms();
    let token = provider.token(|_| ());
    let request = anonymous(&kms).assume_role_with_web_identity().role_arn(WEB).role_session_name("job");
    let answer = request.web_identity_token(token).send().await.unwrap();
    let client = kms.client_as(temporary(answer.credentials().unwrap()), fixtures::REGION);
    client.list_keys().send().await.unwrap();
    assert_eq!(crate::wire::code(&client.list_aliases().send().await), "AccessDeniedException");
}
