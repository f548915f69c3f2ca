//! Every refusal with its exact text.

use super::*;

const CREDENTIAL: &str = "AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request";

fn refusal(wire: &Wire, second: i64) -> (&'static str, String) {
    let error = authenticator([alice()]).authenticate(&wire.request(), "kms", at(second)).unwrap_err();
    (error.code.as_str(), error.message)
}

fn with_authorization(text: &str) -> Wire {
    describe_key().with("authorization", text)
}

#[test]
fn a_missing_signature_is_a_missing_token() {
    let mut unsigned = describe_key();
    unsigned.headers.remove("authorization");
    let schemes = [
        "",
        "Bearer abc",
        "Basic YTpi",
        "AWS AKIDEXAMPLE:c2ln",
        "AWS3-HTTPS AWSAccessKeyId=a",
        "aws4-hmac-sha256 a=b",
    ];
    for wire in schemes.map(with_authorization).into_iter().chain([unsigned]) {
        let expected =
            ("MissingAuthenticationTokenException", "Request is missing Authentication Token".to_owned());
        assert_eq!(refusal(&wire, SIGNED_AT), expected);
    }
}

#[test]
fn missing_parts_of_the_header_are_all_named() {
    const C: &str = "Authorization header requires 'Credential' parameter. ";
    const S: &str = "Authorization header requires 'Signature' parameter. ";
    const H: &str = "Authorization header requires 'SignedHeaders' parameter. ";
    const D: &str = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    for (header, date, sentences) in [
        ("AWS4-", false, vec![C, S, H, D]),
        ("AWS4-HMAC-SHA256", false, vec![C, S, H, D]),
        ("AWS4-HMAC-SHA256 credential=a signature=b signedheaders=c", true, vec![C, S, H]),
        ("AWS4-HMAC-SHA256 Credential=a", true, vec![S, H]),
        ("AWS4-HMAC-SHA256 Signature=a", true, vec![C, H]),
        ("AWS4-HMAC-SHA256 SignedHeaders=a", true, vec![C, S]),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c", false, vec![D]),
    ] {
        let mut wire = with_authorization(header);
        if !date {
            wire.headers.remove("x-amz-date");
        }
        let message = format!("{}Authorization={header}", sentences.concat());
        assert_eq!(refusal(&wire, SIGNED_AT), ("IncompleteSignatureException", message));
    }
}

#[test]
fn a_part_without_equal_sign_is_named() {
    let header = "AWS4-HMAC-SHA256 Credential= AKIDEXAMPLE/20150830, SignedHeaders=host, Signature=0";
    let message = format!(
        "'AKIDEXAMPLE/20150830' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
    );
    assert_eq!(refusal(&with_authorization(header), SIGNED_AT), ("IncompleteSignatureException", message));
}

#[test]
fn missing_query_parameters_are_all_named() {
    for (query, missing) in [
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", &["Credential", "Signature", "SignedHeaders", "Date"][..]),
        ("X-Amz-Algorithm=a&X-Amz-Signature=b&X-Amz-Date=c", &["Credential", "SignedHeaders"]),
        ("X-Amz-Algorithm=a&X-Amz-Signature=b&X-Amz-Credential=c&X-Amz-SignedHeaders=d", &["Date"]),
    ] {
        let sentences: String = missing
            .iter()
            .map(|name| format!("AWS query-string parameters must include 'X-Amz-{name}'. "))
            .collect();
        let message = format!("{sentences}Re-examine the query-string parameters.");
        let wire = Wire::new(&format!("POST /?{query}\nHost: localhost\n\n"));
        assert_eq!(refusal(&wire, SIGNED_AT), ("IncompleteSignatureException", message));
    }
    let wire = Wire { uri: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256".parse().unwrap(), ..describe_key() };
    let both = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";
    assert_eq!(refusal(&wire, SIGNED_AT), ("InvalidSignatureException", both.to_owned()));
}

#[test]
fn unreadable_dates_are_quoted() {
    for (name, text) in
        [("x-amz-date", "201"), ("x-amz-date", "Sun, 30 Aug 2015 12:36:00 GMT"), ("date", "yesterday")]
    {
        let mut wire = describe_key();
        wire.headers.remove("x-amz-date");
        let message = format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        );
        assert_eq!(refusal(&wire.with(name, text), SIGNED_AT), ("IncompleteSignatureException", message));
    }
}

#[test]
fn a_signature_lives_five_minutes_either_way() {
    let authenticator = authenticator([alice()]);
    for second in [SIGNED_AT - 300, SIGNED_AT, SIGNED_AT + 300] {
        authenticator.authenticate(&describe_key().request(), "kms", at(second)).unwrap();
    }
    let late = "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)";
    let early = "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
                 (20150830T123059Z + 5 min.)";
    assert_eq!(refusal(&describe_key(), SIGNED_AT + 301), ("InvalidSignatureException", late.to_owned()));
    assert_eq!(refusal(&describe_key(), SIGNED_AT - 301), ("InvalidSignatureException", early.to_owned()));
    let Gate { authenticator, directory } = authenticator;
    let strict = Gate { authenticator: authenticator.with_skew_max_seconds(90), directory };
    let error = strict.authenticate(&describe_key().request(), "kms", at(SIGNED_AT + 91)).unwrap_err();
    assert!(error.message.ends_with("(20150830T123731Z - 90 sec.)"), "{error}");
}

fn presigned(expires: &str) -> Wire {
    Wire::new(&format!(
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fkms%2Faws4_request&X-Amz-Date=20150830T123600Z\
         &X-Amz-SignedHeaders=host{expires}&X-Amz-Signature=00\nHost:example.amazonaws.com\n\n"
    ))
}

#[test]
fn a_presigned_url_lives_as_long_as_it_says() {
    for (expires, second, text) in [
        (
            "&X-Amz-Expires=3600",
            3_601,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)",
        ),
        (
            "&X-Amz-Expires=1",
            2,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123602Z - 1 sec.)",
        ),
        (
            "",
            301,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
        ),
        (
            "&X-Amz-Expires=604800",
            -301,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
        ),
    ] {
        let message = refusal(&presigned(expires), SIGNED_AT + second);
        assert_eq!(message, ("InvalidSignatureException", text.to_owned()), "{expires}");
    }
    for (expires, second) in [("&X-Amz-Expires=3600", 3_600), ("&X-Amz-Expires=604800", 604_800), ("", 300)] {
        let (_, message) = refusal(&presigned(expires), SIGNED_AT + second);
        assert!(message.starts_with("The request signature we calculated"), "in time, and wrong: {message}");
    }
    let week = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less \
                than 604800 seconds";
    for (expires, text) in [
        ("&X-Amz-Expires=", "X-Amz-Expires should be a number"),
        ("&X-Amz-Expires=soon", "X-Amz-Expires should be a number"),
        ("&X-Amz-Expires=-1", "X-Amz-Expires should be a number"),
        ("&X-Amz-Expires=0", "X-Amz-Expires must be at least 1 second"),
        ("&X-Amz-Expires=604801", week),
        ("&X-Amz-Expires=99999999999999999999", week),
    ] {
        assert_eq!(
            refusal(&presigned(expires), SIGNED_AT),
            ("IncompleteSignatureException", text.to_owned())
        );
    }
}

#[test]
fn the_scope_is_checked_part_by_part() {
    const REGION: &str = "Credential should be scoped to a valid region. ";
    const SERVICE: &str = "Credential should be scoped to correct service: 'kms'. ";
    let term = |got: &str| {
        format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{got}'. ")
    };
    let date = |got: &str| {
        format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{got}' != \
             '20150830', from '20150830T123600Z'."
        )
    };
    let long = "r".repeat(33);
    for (credential, message) in [
        ("AKIDEXAMPLE/20150830/US-EAST-1/kms/aws4_request".to_owned(), REGION.to_owned()),
        ("AKIDEXAMPLE/20150830//kms/aws4_request".to_owned(), REGION.to_owned()),
        (format!("AKIDEXAMPLE/20150830/{long}/kms/aws4_request"), REGION.to_owned()),
        ("AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request".to_owned(), SERVICE.to_owned()),
        ("AKIDEXAMPLE/20150830/us-east-1/KMS/aws4_request".to_owned(), SERVICE.to_owned()),
        ("AKIDEXAMPLE/20150830/us-east-1/kms/aws5_request".to_owned(), term("aws5_request")),
        ("AKIDEXAMPLE/20150829/us-east-1/kms/aws4_request".to_owned(), date("20150829")),
        ("a/b/C/d/e".to_owned(), format!("{REGION}{SERVICE}{}{}", term("e"), date("b"))),
    ] {
        let wire = with_authorization(&format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
        ));
        assert_eq!(refusal(&wire, SIGNED_AT), ("InvalidSignatureException", message), "{credential}");
    }
    for credential in ["", "a", "a/b/c/d", "a/b/c/d///", "a/b/c/d/e/f"] {
        let wire = with_authorization(&format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
        ));
        let message = format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
             '{credential}'"
        );
        assert_eq!(refusal(&wire, SIGNED_AT), ("IncompleteSignatureException", message));
    }
}

#[test]
fn the_host_must_be_signed() {
    for signed in ["", "x-amz-date", "x-amz-date;x-amz-target", "hosts"] {
        let wire = with_authorization(&format!(
            "AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders={signed}, Signature="
        ));
        let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        assert_eq!(refusal(&wire, SIGNED_AT), ("InvalidSignatureException", text.to_owned()));
    }
}

#[test]
fn other_algorithms_are_named() {
    for algorithm in ["AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA512", "AWS4-"] {
        let wire = with_authorization(&format!(
            "{algorithm} Credential={CREDENTIAL}, SignedHeaders=host, Signature=0"
        ));
        let text = format!("Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). ");
        assert_eq!(refusal(&wire, SIGNED_AT), ("IncompleteSignatureException", text));
    }
}

#[test]
fn the_checks_come_in_the_order_of_aws() {
    let everything = "AWS4-OTHER Credential=a, SignedHeaders=x, Signature=0";
    let (_, first) = refusal(&with_authorization(everything), SIGNED_AT + 301);
    assert!(first.starts_with("Signature expired"), "{first}");
    let (_, second) = refusal(&with_authorization(everything), SIGNED_AT);
    assert!(second.starts_with("'Host' or"), "{second}");
    let (_, third) = refusal(&with_authorization(&everything.replace("=x", "=host")), SIGNED_AT);
    assert!(third.starts_with("Unsupported"), "{third}");
    let fourth =
        "AWS4-HMAC-SHA256 Credential=nobody/20150830/r/s/aws4_request, SignedHeaders=host, Signature=0";
    let (_, fourth) = refusal(&with_authorization(fourth), SIGNED_AT);
    assert!(fourth.starts_with("Credential should be scoped to correct service"), "{fourth}");
}

#[test]
fn unknown_keys_and_tokens_are_unrecognised() {
    let invalid =
        ("UnrecognizedClientException", "The security token included in the request is invalid.".to_owned());
    let unknown = with_authorization(
        "AWS4-HMAC-SHA256 Credential=AKIDOTHER/20150830/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0",
    );
    assert_eq!(refusal(&unknown, SIGNED_AT), invalid);
    let stale = describe_key().with("x-amz-security-token", "left over from another profile");
    assert_eq!(refusal(&stale, SIGNED_AT), invalid);
}

#[test]
fn a_mismatch_shows_both_strings() {
    let wire = Wire { body: "{}".into(), ..describe_key() };
    let canonical = "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:kms.eu-west-1.amazonaws.com\n\
                     x-amz-date:20150830T123600Z\nx-amz-target:TrentService.DescribeKey\n\n\
                     content-type;host;x-amz-date;x-amz-target\n\
                     44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let message = format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n'{canonical}'\n\n\
         The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20150830T123600Z\n\
         20150830/eu-west-1/kms/aws4_request\n{}'\n",
        sha256(canonical.as_bytes())
    );
    assert_eq!(refusal(&wire, SIGNED_AT), ("InvalidSignatureException", message));
}

#[test]
fn a_signed_header_that_is_absent_has_an_empty_value() {
    let wire = with_authorization(&format!(
        "AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-security-token, Signature=0"
    ));
    let (_, message) = refusal(&wire, SIGNED_AT);
    assert!(message.contains("\nhost:kms.eu-west-1.amazonaws.com\nx-amz-security-token:\n\n"), "{message}");
}

#[test]
fn every_amz_header_must_be_signed() {
    let wire = describe_key().sign(CREDENTIAL, "content-type;host", SECRET);
    let (code, message) = refusal(&wire, SIGNED_AT);
    let text = "There were headers present in the request which were not signed: ";
    let mut names: Vec<&str> = message.strip_prefix(text).unwrap().split(", ").collect();
    names.sort_unstable();
    assert_eq!((code, names), ("InvalidSignatureException", vec!["x-amz-date", "x-amz-target"]));
    let described = describe_key().with("x-amz-user-agent", "x");
    authenticator([alice()]).authenticate(&described.request(), "kms", at(SIGNED_AT)).unwrap();
}

#[test]
fn the_payload_hash_is_always_the_real_one() {
    // A client that puts its own word in place of the hash signs this canonical request.
    for word in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        let signed = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target";
        let wire = describe_key().with("x-amz-content-sha256", word).sign(CREDENTIAL, signed, SECRET);
        let claim = Claim::parse(&wire.request()).unwrap().unwrap();
        let scope = claim.scope("kms").unwrap();
        let (canonical, _) = strings(&wire, &claim, &scope);
        let body_hash = sha256(&wire.body);
        assert!(canonical.ends_with(&body_hash));
        let key = hmac::Key::new(hmac::HMAC_SHA256, derived(&secret_of(SECRET), &scope).as_ref());
        let theirs = claim.string_to_sign(&scope, canonical.replace(&body_hash, word).as_bytes());
        let signature = hex(hmac::sign(&key, theirs.as_bytes()).as_ref());
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders={signed}, Signature={signature}"
        );
        let (code, message) = refusal(&wire.clone().with("authorization", &header), SIGNED_AT);
        assert_eq!(code, "InvalidSignatureException");
        assert!(message.contains(&body_hash), "{message}");
    }
}
