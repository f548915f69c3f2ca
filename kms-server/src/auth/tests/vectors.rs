//! Published and foreign signatures: AWS's signing test suite, AWS's documentation, and botocore.

use super::*;

const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Name, request line, headers beside `Host` and `X-Amz-Date`, body, signed headers beside those two,
/// hash of the canonical request, signature.
type Vector<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

/// AWS: Signature Version 4 test suite, requests signed in the header.
#[rustfmt::skip]
const SUITE: &[Vector<'_>] = &[
    ("get-vanilla", "GET /", "", "", "",
     "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-relative-relative-normalized", "GET /example1/example2/../..", "", "", "",
     "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-slash-pointless-dot-normalized", "GET /./example", "", "", "",
     "214d50c111a8edc4819da6a636336472c916b5240f51e9a51b5c3305180cf702",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("get-slashes-normalized", "GET //example//", "", "", "",
     "cb96b4ac96d501f7c5c15bc6d67b3035061cfced4af6585ad927f7e6c985c015",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    ("get-utf8", "GET /\u{1234}", "", "", "",
     "2a0a97d02205e45ce2e994789806b19270cfbbb0921b278ccf58f5249ac42102",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("get-vanilla-empty-query-key", "GET /?Param1=value1", "", "", "",
     "1e24db194ed7d0eec2de28d7369675a243488e08526e8c1c73571282f7c517ab",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    ("get-vanilla-query-order-key-case", "GET /?Param2=value2&Param1=value1", "", "", "",
     "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("get-vanilla-query-order-encoded", "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", "",
     "868294f5c38bd141c4972a373a76654f1418a8e4fc18b2e7903ae45e8ae0ec71",
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"),
    ("get-vanilla-utf8-query", "GET /?\u{1234}=bar", "", "", "",
     "eb30c5bed55734080471a834cc727ae56beb50e5f39d1bff6d0d38cb192a7073",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("get-header-key-duplicate", "GET /", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "",
     "my-header1",
     "dc7f04a3abfde8d472b0ab1a418b741b7c67174dad1551b4117b15527fbe966c",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("get-header-value-order", "GET /",
     "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "", "my-header1",
     "31ce73cd3f3d9f66977ad3dd957dc47af14df92fcd8509f59b349e9137c58b86",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    ("get-header-value-trim", "GET /", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "",
     "my-header1;my-header2",
     "a726db9b0df21c14f559d0a978e563112acb1b9e05476f0a6a1c7d68f28605c7",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("get-vanilla-with-session-token", "GET /",
     "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267\n", "",
     "x-amz-security-token",
     "067b36aa60031588cea4a4cde1f21215227a047690c72247f1d70b32fbbfad2b",
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"),
    ("post-vanilla", "POST /", "", "", "",
     "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("post-sts-header-after", "POST /", "X-Amz-Security-Token:added-after-signing\n", "", "",
     "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("post-vanilla-query", "POST /?Param1=value1", "", "", "",
     "9d659678c1756bb3113e2ce898845a0a79dbbc57b740555917687f1b3340fbbd",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ("post-header-key-sort", "POST /", "My-Header1:value1\n", "", "my-header1",
     "9368318c2967cf6de74404b30c65a91e8f6253e0a8659d6d5319f1a812f87d65",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    ("post-header-value-case", "POST /", "My-Header1:VALUE1\n", "", "my-header1",
     "d51ced243e649e3de6ef63afbbdcbca03131a21a7103a1583706a64618606a93",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
    ("post-x-www-form-urlencoded", "POST /",
     "Content-Type:application/x-www-form-urlencoded\nContent-Length:13\n\
      X-Amz-Content-Sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e\n",
     "Param1=value1", "content-length;content-type;x-amz-content-sha256",
     "b1edd1d03544c25390e32085d55b57acc9a3961bb59415ff86c45c3d89d16cfb",
     "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"),
    ("post-x-www-form-urlencoded-parameters", "POST /",
     "Content-Type:application/x-www-form-urlencoded; charset=utf-8\nContent-Length:13\n\
      X-Amz-Content-Sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e\n",
     "Param1=value1", "content-length;content-type;x-amz-content-sha256",
     "a89f1a5b53e37702ee6363ce1da3ce8f54386f3c8f352ae652153c2982a0bc4d",
     "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"),
];

fn suite_request(vector: &Vector<'_>) -> Wire {
    let (_, line, headers, body, signed, _, signature) = vector;
    // Unsorted on purpose: the canonical form sorts.
    let names = format!("x-amz-date;{signed};host");
    Wire::new(&format!(
        "{line}\nHost:example.amazonaws.com\n{headers}X-Amz-Date:20150830T123600Z\n\
         Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={names}, Signature={signature}\n\n{body}"
    ))
}

fn verified(wire: &Wire, service: &str, secret: &str) -> Result<(String, String), AuthError> {
    let request = wire.request();
    let claim = Claim::parse(&request)?.expect("a signed request");
    claim.check_time(at(SIGNED_AT).wall, Authenticator::SKEW_MAX_SECONDS)?;
    let scope = claim.scope(service)?;
    claim.verify(&request, &scope, &SigningKey::derive(&secret_of(secret), &scope))?;
    Ok(strings(wire, &claim, &scope))
}

#[test]
fn the_published_header_signatures_verify() {
    for vector in SUITE {
        let (name, hash) = (vector.0, vector.5);
        let (canonical, to_sign) = verified(&suite_request(vector), "service", SECRET).expect(name);
        assert_eq!(sha256(canonical.as_bytes()), hash, "{name}\n{canonical}");
        let expected =
            format!("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n{hash}");
        assert_eq!(to_sign, expected, "{name}");
        assert!(verified(&suite_request(vector), "service", "another secret").is_err(), "{name}");
    }
}

#[test]
fn unreserved_characters_stay_as_they_are() {
    let path = format!("GET /{UNRESERVED}");
    let query = format!("GET /?{UNRESERVED}={UNRESERVED}");
    for (line, hash, signature) in [
        (
            path.as_str(),
            "6a968768eefaa713e2a6b16b589a8ea192661f098f37349f4e2c0082757446f9",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            query.as_str(),
            "c30d4703d9f799439be92736156d47ccfb2d879ddf56f5befa6d1d6aab979177",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
    ] {
        let wire = suite_request(&(line, line, "", "", "", hash, signature));
        let (canonical, _) = verified(&wire, "service", SECRET).expect(line);
        assert_eq!(sha256(canonical.as_bytes()), hash, "{canonical}");
    }
}

#[test]
fn an_encoded_path_is_encoded_once_more() {
    let wire = Wire::new(
        "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations\n\
         Host:lambda.us-east-2.amazonaws.com\nX-Amz-Date:20210511T154045Z\n\
         Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20210511/us-east-2/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0\n\n",
    );
    let claim = Claim::parse(&wire.request()).unwrap().unwrap();
    let (_, to_sign) = strings(&wire, &claim, &claim.scope("lambda").unwrap());
    let hash = "684dbb3c92a8b6b1e452e23e523c1ea941c713a4c13500bb9f3bdad1e19afaf7";
    assert_eq!(
        to_sign,
        format!("AWS4-HMAC-SHA256\n20210511T154045Z\n20210511/us-east-2/lambda/aws4_request\n{hash}")
    );
}

#[test]
fn the_published_presigned_signatures_verify() {
    let sha_headers = "Content-Type:application/x-www-form-urlencoded\nContent-Length:13\n";
    for (name, line, headers, body, signed, token, signature) in [
        (
            "get-vanilla",
            "GET /?",
            "",
            "",
            "host",
            "",
            "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
        ),
        (
            "get-header-value-trim",
            "GET /?",
            "My-Header1: value1\nMy-Header2: \"a   b   c\"\n",
            "",
            "host%3Bmy-header1%3Bmy-header2",
            "",
            "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET /?Param2=value2&Param1=value1&",
            "",
            "",
            "host",
            "",
            "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5",
        ),
        (
            "get-vanilla-query-order-encoded",
            "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1&",
            "",
            "",
            "host",
            "",
            "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787",
        ),
        (
            "get-vanilla-with-session-token",
            "GET /?",
            "",
            "",
            "host",
            TOKEN,
            "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST /?",
            sha_headers,
            "Param1=value1",
            "content-length%3Bcontent-type%3Bhost",
            "",
            "89a40deed0f26f9461242825a082d2222717248abc7ab41f552ad84a94ad46e9",
        ),
    ] {
        let token = if token.is_empty() { String::new() } else { format!("&X-Amz-Security-Token={token}") };
        let wire = Wire::new(&format!(
            "{line}X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential={KEY_ID}%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z\
             &X-Amz-SignedHeaders={signed}&X-Amz-Expires=3600{token}&X-Amz-Signature={signature}\n\
             Host:example.amazonaws.com\n{headers}\n{body}"
        ));
        let claim = Claim::parse(&wire.request()).unwrap().unwrap();
        assert_eq!(claim.form(), Form::Query { expires_seconds: Some(3_600) });
        verified(&wire, "service", SECRET).expect(name);
    }
}

#[test]
fn the_documented_list_users_request_verifies_step_by_step() {
    let wire = Wire::new(
        "GET /?Action=ListUsers&Version=2010-05-08\nHost: iam.amazonaws.com\n\
         Content-Type: application/x-www-form-urlencoded; charset=utf-8\nX-Amz-Date: 20150830T123600Z\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\n\n",
    );
    let (canonical, to_sign) = verified(&wire, "iam", SECRET).unwrap();
    let expected = format!(
        "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
         content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n\
         x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n{EMPTY_HASH}"
    );
    assert_eq!(canonical, expected);
    assert_eq!(
        to_sign,
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
         f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
}

#[test]
fn the_documented_signing_keys_are_derived() {
    for (date, key) in [
        ("20110909", "98f1d889fec4f4421adc522bab0ce1f82e6929c262ed15e5a94c90efd1e3b0e7"),
        ("20120215", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"),
        ("20150830", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
    ] {
        let scope = CredentialScope { date, region: "us-east-1".parse().unwrap(), service: "iam" };
        assert_eq!(hex(derived(&secret_of(SECRET), &scope).as_ref()), key);
    }
}

#[test]
fn requests_signed_by_botocore_verify() {
    let session = describe_key().with("x-amz-security-token", "session/token+with=signs").with(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
         Signature=88636e2d10f52bd497b8aeb4da8e4756058e545cdbd10ccf46381a8990ff9e21",
    );
    let presigned = "POST /?KeyId=alias%2Fapp&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-west-1%2Fkms%2Faws4_request&X-Amz-Date=20150830T123600Z";
    let headers = "Host:kms.eu-west-1.amazonaws.com\nContent-Type: application/x-amz-json-1.1\n\
                   X-Amz-Target: TrentService.DescribeKey\nX-Amz-User-Agent: opened elsewhere\n\n";
    let presigned_long = Wire::new(&format!(
        "{presigned}&X-Amz-Expires=900&X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-target\
         &X-Amz-Signature=806fc1feb3edca4482aa7935eaadd69b3de915e614992ec648cec62950f76813\n{headers}"
    ));
    let presigned_session = Wire::new(&format!(
        "{presigned}&X-Amz-Expires=60&X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-target\
         &X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dsigns\
         &X-Amz-Signature=a5ceb2d2b79453b12d2732fd1bd75a2ee1d9cccdeae5319e3945f15586d73432\n{headers}"
    ));
    for (wire, token) in [
        (describe_key(), None),
        (session, Some("session/token+with=signs")),
        (presigned_long, None),
        (presigned_session, Some("session/token+with=signs")),
    ] {
        verified(&wire, "kms", SECRET).unwrap();
        let claim = Claim::parse(&wire.request()).unwrap().unwrap();
        assert_eq!((claim.access_key_id(), claim.session_token()), (KEY_ID, token));
    }
}

#[test]
fn variants_of_the_authorization_header_are_tolerated() {
    let original = describe_key();
    let text = original.headers["authorization"].to_str().unwrap().to_owned();
    for variant in [
        text.replace(", ", ","),
        text.replace(", ", " "),
        text.replace(", ", " ,\t "),
        format!("  {text} "),
        text.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256   "),
        text.replace("host;", "Host;"),
        text.replace(
            "content-type;host;x-amz-date;x-amz-target",
            "x-amz-target;host;x-amz-date;content-type;host",
        ),
        text.replace("host;", ":authority;"),
        text.replace("aws4_request", "aws4_request/"),
        format!("{text}, Extra=ignored"),
    ] {
        let wire = original.clone().with("authorization", &variant);
        let outcome = verified(&wire, "kms", SECRET);
        // `:authority` is another name, so its canonical form is another one; it is read, not taken for the host.
        assert_eq!(outcome.is_ok(), !variant.contains(":authority"), "{variant}: {outcome:?}");
    }
}

#[test]
fn the_host_may_come_with_the_uri() {
    let mut wire = describe_key();
    wire.headers.remove("host");
    assert!(verified(&wire, "kms", SECRET).is_err());
    wire.uri = "https://kms.eu-west-1.amazonaws.com/".parse().unwrap();
    verified(&wire, "kms", SECRET).unwrap();
}

#[test]
fn an_http_date_stands_in_for_x_amz_date() {
    let wire =
        Wire::new("POST /\nHost: kms.us-east-1.amazonaws.com\nDate: Sun, 30 Aug 2015 12:36:00 GMT\n\n{}")
            .sign("AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request", "date;host", SECRET);
    let (canonical, to_sign) = verified(&wire, "kms", SECRET).unwrap();
    assert!(canonical.contains("\ndate:Sun, 30 Aug 2015 12:36:00 GMT\n"));
    assert!(to_sign.starts_with("AWS4-HMAC-SHA256\n20150830T123600Z\n"));
}
