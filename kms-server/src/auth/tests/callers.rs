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

fn call(authenticator: &Gate, wire: &Wire) -> Result<Caller, AuthError> {
    authenticator.authenticate(&wire.request(), "kms", at(SIGNED_AT))
}

#[test]
fn a_configured_key_is_its_principal() {
    let authenticator = authenticator([alice()]);
    // The second call finds the signing key in memory.
    for _ in 0..2 {
        let caller = call(&authenticator, &describe_key()).unwrap();
        assert_eq!(caller.arn(), "arn:aws:iam::111122223333:user/alice");
        assert_eq!(caller.scope().account.as_str(), "111122223333");
        assert!(matches!(caller.principal(), Principal::User { .. }));
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
    let unknown = authenticator.authenticator.unknown_access_key(&authenticator.directory);
    assert_eq!(unknown, UnknownAccessKey::Root);
    for (wire, arn, id, region) in [
        (unsigned(), "arn:aws:iam::000000000000:root", None, "us-east-1"),
        (describe_key(), "arn:aws:iam::000000000000:root", Some(KEY_ID), "eu-west-1"),
        (credential("test"), "arn:aws:iam::000000000000:root", Some("test"), "eu-west-1"),
        (credential("444455556666"), "arn:aws:iam::444455556666:root", Some("444455556666"), "eu-west-1"),
        (credential("44445555666"), "arn:aws:iam::000000000000:root", Some("44445555666"), "eu-west-1"),
    ] {
        let caller = call(&authenticator, &wire).unwrap();
        assert_eq!(caller.arn(), arn);
        assert!(matches!(caller.principal(), Principal::Root(_)) && caller.identity.policies.everything);
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
fn a_long_term_key_has_no_session_token() {
    let authenticator = authenticator([alice()]);
    let signed = describe_key().with("x-amz-security-token", "token").sign(
        "AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request",
        "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
        SECRET,
    );
    let error = call(&authenticator, &signed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "UnrecognizedClientException: The security token included in the request is invalid."
    );
}

#[test]
fn a_key_that_gets_another_secret_verifies_with_that_one_only() {
    let before = authenticator([alice()]);
    call(&before, &describe_key()).unwrap();
    // The authenticator is the same, and remembers the signing key of the old secret.
    let after = Gate { directory: directory([key(KEY_ID, "another")]), ..before };
    assert_eq!(call(&after, &describe_key()).unwrap_err().code, AuthErrorCode::InvalidSignature);
    let signed = describe_key().sign(
        "AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request",
        "content-type;host;x-amz-date;x-amz-target",
        "another",
    );
    call(&after, &signed).unwrap();
    // The new secret's signing key has taken its place.
    call(&after, &signed).unwrap();
    assert_eq!(call(&after, &describe_key()).unwrap_err().code, AuthErrorCode::InvalidSignature);
}

#[test]
fn ignored_signatures_only_say_which_key_made_them() {
    let Gate { authenticator, directory } = authenticator([alice()]);
    let gate = Gate { authenticator: authenticator.with_signatures(Signatures::Ignore), directory };
    let caller = call(&gate, &credential(KEY_ID)).unwrap();
    assert_eq!(caller.arn(), "arn:aws:iam::111122223333:user/alice");
    assert_eq!(caller.signature, SignatureCheck::Unverified);
    assert_eq!(call(&gate, &credential("AKIDOTHER")).unwrap_err().code, AuthErrorCode::UnrecognizedClient);
}

#[test]
fn the_first_principal_ends_the_first_use() {
    use lifecycle::iam::{Account, USER_PREFIX, User, derived_id};
    let gate = authenticator([]);
    call(&gate, &credential("test")).unwrap();
    let account = Entry::Account(Arc::new(Account::new("111122223333".parse().unwrap())));
    let mut directory = Directory::default();
    directory.configure([account]).unwrap();
    let gate = Gate { directory, ..gate };
    call(&gate, &credential("test")).unwrap();
    let principal = Principal::parse("arn:aws:iam::111122223333:user/bob").unwrap();
    let id = derived_id(USER_PREFIX, "bob");
    let user = User { principal, id, tags: vec![], policies: vec![], boundary: None };
    let mut directory = gate.directory;
    directory.configure([Entry::User(Arc::new(user))]).unwrap();
    let gate = Gate { directory, authenticator: gate.authenticator };
    assert_eq!(call(&gate, &credential("test")).unwrap_err().code, AuthErrorCode::UnrecognizedClient);
    assert_eq!(call(&gate, &unsigned()).unwrap_err().code, AuthErrorCode::MissingAuthenticationToken);
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
