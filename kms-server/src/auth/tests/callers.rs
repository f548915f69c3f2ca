//! Who a request turns out to be.

use super::*;

fn credential(id: &str) -> Wire {
    describe_key().with(
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential={id}/20150830/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0"
        ),
    )
}

fn unsigned() -> Wire {
    let mut wire = describe_key();
    wire.headers.remove("authorization");
    wire
}

fn call(authenticator: &Authenticator, wire: &Wire) -> Result<Caller, AuthError> {
    authenticator.authenticate(&wire.request(), "kms", at(SIGNED_AT))
}

#[test]
fn a_configured_key_is_its_principal() {
    let authenticator = authenticator([alice()]);
    // The second call finds the signing key in memory.
    for _ in 0..2 {
        let caller = call(&authenticator, &describe_key()).unwrap();
        assert_eq!(caller.principal.as_str(), "arn:aws:iam::111122223333:user/alice");
        assert_eq!(caller.principal.account().as_str(), "111122223333");
        assert_eq!(caller.principal.kind(), PrincipalKind::User);
        assert_eq!(caller.access_key_id.as_deref(), Some(KEY_ID));
        assert_eq!(caller.region.as_str(), "eu-west-1");
        assert_eq!(caller.signature, SignatureCheck::Verified);
    }
}

#[test]
fn a_remembered_signing_key_stays_in_its_scope() {
    let authenticator = authenticator([alice()]);
    call(&authenticator, &describe_key()).unwrap();
    let other = describe_key().sign(
        "AKIDEXAMPLE/20150830/us-west-2/kms/aws4_request",
        "content-type;host;x-amz-date;x-amz-target",
        SECRET,
    );
    assert_eq!(call(&authenticator, &other).unwrap().region.as_str(), "us-west-2");
    let moved = other.headers["authorization"].to_str().unwrap().replace("us-west-2", "eu-west-1");
    let error = call(&authenticator, &other.with("authorization", &moved)).unwrap_err();
    assert_eq!(error.code, AuthErrorCode::InvalidSignature);
}

#[test]
fn everybody_is_root_until_a_key_is_configured() {
    let authenticator = authenticator([]);
    assert_eq!(authenticator.unknown_access_key(), UnknownAccessKey::Root);
    for (wire, arn, id, region) in [
        (unsigned(), "arn:aws:iam::000000000000:root", None, "us-east-1"),
        (describe_key(), "arn:aws:iam::000000000000:root", Some(KEY_ID), "eu-west-1"),
        (credential("test"), "arn:aws:iam::000000000000:root", Some("test"), "eu-west-1"),
        (credential("444455556666"), "arn:aws:iam::444455556666:root", Some("444455556666"), "eu-west-1"),
        (credential("44445555666"), "arn:aws:iam::000000000000:root", Some("44445555666"), "eu-west-1"),
    ] {
        let caller = call(&authenticator, &wire).unwrap();
        assert_eq!(caller.principal.as_str(), arn);
        assert_eq!(caller.principal.kind(), PrincipalKind::Root);
        assert_eq!(caller.access_key_id.as_deref(), id);
        assert_eq!(caller.region.as_str(), region);
        assert_eq!(caller.signature, SignatureCheck::Unverified);
    }
    // A test that fakes its own clock signs with that clock.
    authenticator.authenticate(&describe_key().request(), "kms", at(0)).unwrap();
}

#[test]
fn an_unverified_signature_must_still_be_well_formed() {
    let authenticator = authenticator([]);
    let long = "x".repeat(129);
    for (authorization, code) in [
        ("AWS4-HMAC-SHA256 Credential=test", AuthErrorCode::IncompleteSignature),
        (
            "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=0",
            AuthErrorCode::IncompleteSignature,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=test/20150830/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
            AuthErrorCode::InvalidSignature,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=test/20150830/Mars/kms/aws4_request, SignedHeaders=host, Signature=0",
            AuthErrorCode::InvalidSignature,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=/20150830/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0",
            AuthErrorCode::UnrecognizedClient,
        ),
    ] {
        let wire = describe_key().with("authorization", authorization);
        assert_eq!(call(&authenticator, &wire).unwrap_err().code, code, "{authorization}");
    }
    assert_eq!(call(&authenticator, &credential(&long)).unwrap_err().code, AuthErrorCode::UnrecognizedClient);
}

#[test]
fn the_policy_for_unknown_keys_can_be_set() {
    for (keys, policy, unknown, without) in [
        (vec![], None, None, None),
        (
            vec![alice()],
            None,
            Some(AuthErrorCode::UnrecognizedClient),
            Some(AuthErrorCode::MissingAuthenticationToken),
        ),
        (
            vec![],
            Some(UnknownAccessKey::Reject),
            Some(AuthErrorCode::UnrecognizedClient),
            Some(AuthErrorCode::MissingAuthenticationToken),
        ),
        (vec![alice()], Some(UnknownAccessKey::Root), None, None),
    ] {
        let case = format!("{} keys, {policy:?}", keys.len());
        let mut authenticator = authenticator(keys);
        if let Some(policy) = policy {
            authenticator = authenticator.with_unknown_access_key(policy);
        }
        let code = |wire: &Wire| call(&authenticator, wire).err().map(|error| error.code);
        assert_eq!((code(&credential("AKIDOTHER")), code(&unsigned())), (unknown, without), "{case}");
    }
    // A key that is known is always verified.
    let lenient = authenticator([alice()]).with_unknown_access_key(UnknownAccessKey::Root);
    assert_eq!(call(&lenient, &credential(KEY_ID)).unwrap_err().code, AuthErrorCode::InvalidSignature);
    let late = lenient.authenticate(&describe_key().request(), "kms", at(SIGNED_AT + 301)).unwrap_err();
    assert!(late.message.starts_with("Signature expired"), "{late}");
}

#[test]
fn temporary_keys_need_their_token_and_end_on_the_domain_clock() {
    const NAMES: &str = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let expires_at = Timestamp(SIGNED_AT * 1_000 + 500);
    let session = "arn:aws:sts::111122223333:assumed-role/app/job".parse().unwrap();
    let key = AccessKey::new("ASIAEXAMPLE", secret_of(SECRET), session).unwrap();
    let authenticator = authenticator([key.temporary(secret_of("right"), Some(expires_at))]);
    let signed = |token: &str| {
        describe_key().with("x-amz-security-token", token).sign(
            "ASIAEXAMPLE/20150830/eu-west-1/kms/aws4_request",
            NAMES,
            SECRET,
        )
    };
    let outcome = |wire: &Wire, domain: i64| {
        let now = Now { wall: WallTime(SIGNED_AT * 1_000), domain: Timestamp(domain) };
        authenticator.authenticate(&wire.request(), "kms", now)
    };
    let caller = outcome(&signed("right"), expires_at.0 - 1).unwrap();
    assert_eq!(caller.principal.kind(), PrincipalKind::AssumedRole);

    let ended = outcome(&signed("right"), expires_at.0).unwrap_err();
    assert_eq!(
        ended.to_string(),
        "ExpiredTokenException: The security token included in the request is expired"
    );

    let invalid = "UnrecognizedClientException: The security token included in the request is invalid.";
    assert_eq!(outcome(&signed("wrong"), 0).unwrap_err().to_string(), invalid);
    let mut none = signed("right");
    none.headers.remove("x-amz-security-token");
    let none = none.sign(
        "ASIAEXAMPLE/20150830/eu-west-1/kms/aws4_request",
        "content-type;host;x-amz-date;x-amz-target",
        SECRET,
    );
    assert_eq!(outcome(&none, 0).unwrap_err().to_string(), invalid);
    let added_after = none.with("x-amz-security-token", "right");
    outcome(&added_after, 0).unwrap();
}

#[test]
fn the_service_is_the_callers_choice() {
    let wire = describe_key().sign(
        "AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request",
        "content-type;host;x-amz-date;x-amz-target",
        SECRET,
    );
    let authenticator = authenticator([alice()]);
    authenticator.authenticate(&wire.request(), "sts", at(SIGNED_AT)).unwrap();
    let error = authenticator.authenticate(&wire.request(), "kms", at(SIGNED_AT)).unwrap_err();
    assert_eq!(error.message, "Credential should be scoped to correct service: 'kms'. ");
}
