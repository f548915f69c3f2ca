//! `kms-server explain`: what it prints, and how it ends.

use serde_json::{Value, json};

use super::support::*;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

const KEY_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Sid": "account", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}]}"#;

const IDENTITY_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Decrypt",
    "Resource": "*", "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "a", "aws:SourceIp": "10.0.0.1"}}}}"#;

#[test]
fn a_question_of_files_is_answered_by_a_table_a_sentence_and_an_exit_code() {
    let folder = Folder::new();
    let server = in_memory(&[]);
    let (key, alice) = (folder.write("key.json", KEY_POLICY), folder.write("alice.json", IDENTITY_POLICY));
    let question = [
        "explain",
        "--principal",
        ALICE,
        "--action",
        "kms:Decrypt",
        "--key",
        KEY,
        "--key-policy",
        &key,
        "--identity-policy",
        &alice,
    ];
    let context = ["--context", "aws:SourceIp=10.0.0.1", "--encryption-context", "tenant=a"];
    let allowed = client_ok(&server, &[&question[..], &context].concat());
    let expected = format!(
        "EFFECT  SOURCE           POLICY      STATEMENT  NAMES\n\
         Allow   key policy                   account    account\n\
         Allow   identity policy  alice.json  0\n\
         \n\
         Allowed: {ALICE} may call kms:Decrypt on {KEY}.\n"
    );
    assert_eq!(allowed, expected);

    let denied = client(&server, &question);
    expect(&denied, 7, &[]);
    assert_eq!(denied.error, "");
    let expected = format!(
        "EFFECT  SOURCE      POLICY  STATEMENT  NAMES\n\
         Allow   key policy          account    account\n\
         \n\
         Denied: {ALICE} may not call kms:Decrypt on {KEY}, because nothing allows it.\n\
         An identity policy of {ALICE} would have to allow kms:Decrypt on {KEY}.\n\
         User: {ALICE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no identity-based policy \
         allows the kms:Decrypt action\n"
    );
    assert_eq!(denied.out, expected);

    // Every file has its place.
    let deny =
        folder.write("no.json", r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#);
    let deny_anyone = folder.write(
        "all.json",
        r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#,
    );
    for (flag, file, source) in [
        ("--boundary", &deny, "permissions-boundary"),
        ("--session-policy", &deny, "session-policy"),
        ("--scp", &deny, "service-control-policy"),
        ("--rcp", &deny_anyone, "resource-control-policy"),
        ("--vpc-endpoint-policy", &deny_anyone, "vpc-endpoint-policy"),
    ] {
        let ended = client(&server, &[&question[..], &context, &[flag, file, "--json"]].concat());
        expect(&ended, 7, &[]);
        let answer: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((&answer["explicit"], &answer["reasons"][0]["source"]), (&json!(true), &json!(source)));
    }
}

#[test]
fn grants_tags_and_absent_keys_of_a_question_come_from_the_command_line() {
    let folder = Folder::new();
    let server = in_memory(&[]);
    let of_team = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"},
        "Action": "kms:Encrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"},
        "Null": {"aws:SourceIp": "true"}}}}"#;
    let key_policy = folder.write("key.json", of_team);
    let ask = |action: &str, rest: &[&str]| {
        let question =
            ["explain", "--principal", ALICE, "--action", action, "--key", KEY, "--key-policy", &key_policy];
        client(&server, &[&question[..], rest].concat())
    };
    let red = ["--principal-tag", "team=red", "--without-context", "aws:SourceIp"];
    expect(&ask("kms:Encrypt", &red), 0, &[]);
    expect(&ask("kms:Encrypt", &red[..2]), 7, &[]);
    expect(
        &ask("kms:Encrypt", &["--principal-tag", "team=blue", "--without-context", "aws:SourceIp"]),
        7,
        &[],
    );

    let grants = json!([{"grantee_principal": ALICE, "operations": ["Decrypt"],
                         "constraints": {"EncryptionContextSubset": {"tenant": "a"}}}]);
    let grants = folder.write("grants.json", &grants.to_string());
    let granted = ask("kms:Decrypt", &["--grants", &grants, "--encryption-context", "tenant=a"]);
    expect(&granted, 0, &[]);
    assert!(granted.out.contains("Allow   grant   grants[0]"), "{}", granted.out);
    expect(&ask("kms:Decrypt", &["--grants", &grants]), 7, &[]);
    expect(&ask("kms:Decrypt", &["--grants", &folder.write("none.json", "[]")]), 7, &[]);
    let help = client_ok(&server, &["explain", "--help"]);
    for heading in
        ["Who asks, and how:", "What to judge by, instead of what is stored:", "--principal-tag <KEY=VALUE>"]
    {
        assert!(help.contains(heading), "{help}");
    }
}

#[test]
fn what_a_server_holds_and_what_it_denied_is_explained() {
    let folder = Folder::new();
    let server = in_memory(&["--account", "111122223333", "--auth-signatures", "ignore"]);
    let id = key(&server);
    ok(&server, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": id}));
    let grant =
        ok(&server, "CreateGrant", json!({"KeyId": id, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]}));
    let ask = |action: &str, rest: &[&str]| {
        let question = ["explain", "--principal", ROLE, "--action", action, "--key", "alias/app"];
        client(&server, &[&question[..], rest].concat())
    };
    expect(&ask("kms:Decrypt", &["--grant-token", grant["GrantToken"].as_str().unwrap()]), 0, &[]);
    expect(&ask("kms:Encrypt", &["--region", "us-east-1"]), 7, &[]);
    expect(&ask("kms:Encrypt", &["--region", "eu-west-1"]), 4, &["`key`: there is no key behind"]);
    expect(&ask("kms:Nothing", &[]), 4, &["`action`: `kms:Nothing` is no permission of KMS"]);
    expect(&ask("kms:Decrypt", &["--key-policy", "nowhere.json"]), 2, &["nowhere.json cannot be read"]);

    let user = folder
        .write("alice.json", r#"{"access_keys": [{"id": "AKIDALICE", "secret": "s"}], "policies": []}"#);
    client_ok(&server, &["principals", "put", ALICE, &user]);
    let refused = denied_to_alice(&server, "DescribeKey", &json!({ "KeyId": id }));
    let denied = client(&server, &["explain", "--request", &refused]);
    expect(&denied, 7, &[]);
    assert!(
        denied.out.contains(&format!("Denied: {ALICE} may not call kms:DescribeKey on arn:aws:kms:")),
        "{}",
        denied.out
    );
    expect(
        &client(&server, &["explain", "--request", "nothing"]),
        4,
        &["the audit log has no request nothing"],
    );
}

/// The id of a request of alice's that is denied.
fn denied_to_alice(server: &ServerProcess, operation: &str, input: &Value) -> String {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDALICE/20260101/us-east-1/kms/aws4_request, \
                         SignedHeaders=host, Signature=00";
    let mut headers = fixtures::process::headers(server.port(), operation);
    headers.retain(|(name, _)| *name != "authorization");
    headers.push(("authorization", authorization.to_owned()));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = input.to_string();
    let reply = fixtures::process::send(server.port(), "POST", "/", &headers, body.as_bytes()).unwrap();
    assert_eq!(reply.json()["__type"], "AccessDeniedException", "{}", reply.text);
    reply.header("x-amzn-requestid").unwrap().to_owned()
}
