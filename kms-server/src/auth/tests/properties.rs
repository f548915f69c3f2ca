//! What holds for every request.

use proptest::prelude::*;

use super::*;

fn accepted(wire: &Wire) -> bool {
    authenticator([alice()]).authenticate(&wire.request(), "kms", at(SIGNED_AT)).is_ok()
}

/// Every way to change one bit or to replace the byte by a blank.
fn flips(byte: u8) -> impl Iterator<Item = u8> {
    (0..8).map(move |bit| byte ^ (1 << bit)).chain([b' ']).filter(move |flipped| *flipped != byte)
}

#[test]
fn no_flipped_byte_of_the_body_verifies() {
    assert!(accepted(&describe_key()));
    for at in 0..describe_key().body.len() {
        for flipped in flips(describe_key().body[at]) {
            let mut body = describe_key().body.to_vec();
            body[at] = flipped;
            let wire = Wire { body: body.into(), ..describe_key() };
            assert!(!accepted(&wire), "byte {at} = {flipped}");
        }
    }
    for body in [&b""[..], b"{}", b"{\"KeyId\":\"alias/app\"} "] {
        assert!(!accepted(&Wire { body: body.to_vec().into(), ..describe_key() }));
    }
}

#[test]
fn no_flipped_byte_of_a_signed_header_verifies() {
    for name in ["host", "content-type", "x-amz-date", "x-amz-target"] {
        let value = describe_key().headers[name].as_bytes().to_vec();
        for at in 0..value.len() {
            for flipped in flips(value[at]) {
                let mut value = value.clone();
                value[at] = flipped;
                let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
                let mut wire = describe_key();
                wire.headers.insert(name, value);
                assert!(!accepted(&wire), "{name} byte {at} = {flipped}");
            }
        }
        let mut doubled = describe_key();
        doubled.headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        assert!(!accepted(&doubled), "{name} twice");
        let mut without = describe_key();
        without.headers.remove(name);
        assert!(!accepted(&without), "no {name}");
    }
}

#[test]
fn no_flipped_byte_of_the_authorization_verifies_unless_it_says_the_same() {
    let original = describe_key();
    let text = original.headers["authorization"].as_bytes();
    let meaning = |wire: &Wire| {
        let claim = Claim::parse(&wire.request()).ok()??;
        let text = (claim.algorithm.to_string(), claim.credential.to_string(), claim.signature.to_string());
        let names = claim.header_names().into_iter().map(String::from).collect::<Vec<_>>();
        Some((text, names))
    };
    let signature = text.len() - 64;
    let mut tolerated = 0;
    for at in 0..text.len() {
        for flipped in flips(text[at]) {
            let mut text = text.to_vec();
            text[at] = flipped;
            let Ok(value) = HeaderValue::from_bytes(&text) else { continue };
            let mut wire = original.clone();
            wire.headers.insert("authorization", value);
            let same = meaning(&wire) == meaning(&original);
            assert_eq!(accepted(&wire), same, "byte {at} = {flipped}");
            assert!(!(same && at >= signature), "a signature has one spelling");
            tolerated += usize::from(same);
        }
    }
    // Upper-case names of signed headers, and other separators.
    assert!(tolerated > 0);
}

#[test]
fn the_method_the_path_and_the_query_are_signed() {
    for target in ["/x", "/?", "/?a=b", "/%2F", "/?X-Amz-Date=20150830T123600Z"] {
        let wire = Wire { uri: target.parse().unwrap(), ..describe_key() };
        // An empty query is the same as none.
        assert_eq!(accepted(&wire), target == "/?", "{target}");
    }
    for method in ["GET", "PUT", "post", ""] {
        assert!(!accepted(&Wire { method: method.into(), ..describe_key() }), "{method}");
    }
}

#[test]
fn a_repeated_header_name_costs_one_line() {
    let names = "host;".repeat(4_000);
    let wire = describe_key().with(
        "authorization",
        &format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request, SignedHeaders={names}, Signature=0"),
    );
    let error = authenticator([alice()]).authenticate(&wire.request(), "kms", at(SIGNED_AT)).unwrap_err();
    assert!(error.message.len() < 1_000, "{}", error.message.len());
}

proptest! {
    #[test]
    fn any_request_is_answered(
        authorization in proptest::option::of(prop_oneof![
            any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            "AWS4-HMAC-SHA256 [ -~]{0,80}",
            "AWS4-HMAC-SHA256 Credential=[A-Z0-9/a-z_-]{0,60}, SignedHeaders=[a-z;:-]{0,30}, Signature=[0-9a-f]{0,66}",
        ]),
        date in proptest::option::of(prop_oneof!["[0-9TZ]{0,17}", Just("20150830T123600Z".to_owned()), "\\PC{0,20}"]),
        query in prop_oneof![
            "[!-~&&[^#\"<>`{}|\\\\^]]{0,80}",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-(Credential|Date|Expires|Signature)=[%0-9A-Za-z/]{0,40}",
        ],
        body in any::<Vec<u8>>(),
        second in any::<i32>(),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", authorization), ("x-amz-date", date)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                headers.insert(name, value);
            }
        }
        let uri: Uri = format!("/?{query}").parse().unwrap_or_default();
        let wire = Wire { method: "POST".into(), uri, headers, body: body.into() };
        let strict = authenticator([alice()]).authenticate(&wire.request(), "kms", at(second.into()));
        prop_assert!(strict.is_err(), "nobody guesses a signature");
        // Everybody is root, and nothing panics.
        if let Ok(caller) = authenticator([]).authenticate(&wire.request(), "kms", at(second.into())) {
            prop_assert!(matches!(caller.principal(), Principal::Root(_)));
        }
    }

    #[test]
    fn what_is_signed_verifies_and_only_with_its_secret(
        body in any::<Vec<u8>>(),
        target in "TrentService\\.[A-Z][a-z]{2,12}",
        query in "([a-zA-Z0-9._~%+-]{1,8}=[a-zA-Z0-9._~%+-]{0,8}&){0,4}",
        secret in "[A-Za-z0-9/+]{1,80}",
    ) {
        let unsigned = Wire { body: body.into(), uri: format!("/?{query}").parse().unwrap(), ..describe_key() };
        let signed = unsigned.with("x-amz-target", &target).sign(
            "AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request",
            "content-type;host;x-amz-date;x-amz-target",
            &secret,
        );
        let check = |secret: &str| {
            authenticator([key(KEY_ID, secret)]).authenticate(&signed.request(), "kms", at(SIGNED_AT)).is_ok()
        };
        prop_assert!(check(&secret));
        let other = format!("{secret}x");
        prop_assert!(!check(&other));
    }
}
