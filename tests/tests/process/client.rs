//! The commands that call a server: `env`, `keys`, `events`.

use serde_json::{Value, json};

use super::support::*;

#[test]
fn env_speaks_the_language_of_each_shell() {
    let run = |arguments: &[&str]| {
        let ended = fixtures::process::run(command(&["env"]).args(arguments)).unwrap();
        expect(&ended, 0, &[]);
        ended.out
    };
    let sh = run(&["--endpoint", "http://127.0.0.1:9", "--account", "111122223333", "--region", "eu-west-1"]);
    let expected = "export AWS_ENDPOINT_URL_KMS='http://127.0.0.1:9'\nexport AWS_ENDPOINT_URL_STS='http://127.0.0.1:9'\nexport AWS_ENDPOINT_URL_CLOUDTRAIL='http://127.0.0.1:9'\nexport KMS_ENDPOINT='http://127.0.0.1:9'\n\
        export AWS_REGION='eu-west-1'\nexport AWS_DEFAULT_REGION='eu-west-1'\n\
        export AWS_ACCESS_KEY_ID='111122223333'\nexport AWS_SECRET_ACCESS_KEY='local'\nunset AWS_SESSION_TOKEN\n";
    assert_eq!(sh, expected);
    let fish = run(&["--shell", "fish"]);
    assert!(fish.contains("set -gx AWS_ENDPOINT_URL_KMS 'http://127.0.0.1:4566';\n"), "{fish}");
    assert!(fish.contains("set -e AWS_SESSION_TOKEN;\n"), "{fish}");
    let powershell = run(&["--shell", "powershell", "--ca-bundle", "it's.pem"]);
    assert!(powershell.contains("$Env:AWS_CA_BUNDLE = 'it''s.pem'\n"), "{powershell}");
    assert!(powershell.contains("Remove-Item Env:AWS_SESSION_TOKEN"), "{powershell}");
    let kept: Value = serde_json::from_str(&run(&["--json", "--keep-credentials"])).unwrap();
    assert_eq!(kept["AWS_REGION"], "us-east-1");
    assert!(kept.get("AWS_ACCESS_KEY_ID").is_none(), "{kept}");
}

#[test]
fn a_shell_that_evaluates_env_reaches_the_server() {
    let server = in_memory(&[]);
    let id = key(&server);
    let script =
        "eval \"$(\"$0\" env --account 111122223333)\" && \"$0\" keys list --account \"$AWS_ACCESS_KEY_ID\"";
    let binary = shown(&fixtures::process::binary());
    let output = std::process::Command::new("sh")
        .args(["-c", script, &binary])
        .env("KMS_ENDPOINT", server.url())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.contains(&id), "{out}");
}

const SCOPE: [&str; 2] = ["--account", "111122223333"];

fn with_scope<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().copied().chain(SCOPE).collect()
}

#[test]
fn keys_are_listed_in_their_account_and_region() {
    let server = in_memory(&[]);
    let (first, second) = (key(&server), key(&server));
    ok(&server, "CreateAlias", json!({"AliasName": "alias/app", "TargetKeyId": first}));
    ok(&server, "DisableKey", json!({ "KeyId": second }));
    let text = client_ok(&server, &with_scope(&["keys", "list"]));
    let line = |id: &str| text.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line(&first).contains("Enabled") && line(&first).ends_with("alias/app"), "{text}");
    assert!(line(&second).contains("Disabled"), "{text}");
    let listed: Value =
        serde_json::from_str(&client_ok(&server, &with_scope(&["keys", "list", "--json"]))).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(client_ok(&server, &["keys", "list"]), "", "the default account has none");
    assert_eq!(client_ok(&server, &with_scope(&["keys", "list", "--region", "eu-west-1"])), "");
}

#[test]
fn a_key_is_shown_by_id_alias_and_either_arn() {
    let server = in_memory(&[]);
    let created = ok(
        &server,
        "CreateKey",
        json!({"Description": "Orders", "Tags": [{"TagKey": "stage", "TagValue": "test"}]}),
    );
    let (id, arn) = (id_of(&created), created["KeyMetadata"]["Arn"].as_str().unwrap());
    ok(&server, "CreateAlias", json!({"AliasName": "alias/team/app", "TargetKeyId": id}));
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/team/app";
    let expected = client_ok(&server, &with_scope(&["keys", "show", &id]));
    for word in
        [arn, "Orders", "Enabled", "SYMMETRIC_DEFAULT ENCRYPT_DECRYPT", "alias/team/app", "stage = test"]
    {
        assert!(expected.contains(word), "{word} in {expected}");
    }
    assert!(expected.contains("\"Statement\""), "the policy: {expected}");
    assert_eq!(client_ok(&server, &with_scope(&["keys", "show", "alias/team/app"])), expected);
    assert_eq!(client_ok(&server, &["keys", "show", arn]), expected, "an ARN says where the key is");
    assert_eq!(client_ok(&server, &["keys", "show", alias_arn]), expected);
    let shown: Value = serde_json::from_str(&client_ok(&server, &["keys", "show", arn, "--json"])).unwrap();
    assert_eq!(shown["metadata"]["KeyId"], id.as_str());
    assert_eq!(shown["aliases"], json!(["alias/team/app"]));

    expect(&client(&server, &["keys", "show", "alias/other"]), 4, &["no key", "alias/other"]);
    let elsewhere = client(&server, &["keys", "show", &id]);
    expect(&elsewhere, 4, &["is no key of account 000000000000 in us-east-1", "--account"]);
}

#[test]
fn without_a_server_a_command_says_so_and_what_to_do() {
    // A port that was free a moment ago, and is bound but not listened on by nobody else meanwhile.
    let server = in_memory(&[]);
    let url = server.url().to_owned();
    server.kill();
    let state = Folder::new();
    let file = shown(&state.beside("state.json"));
    for arguments in
        [&["keys", "list"][..], &["events"], &["state", "export", &file], &["state", "reset", "--yes"]]
    {
        let ended = fixtures::process::run(command(arguments).args(["--endpoint", &url])).unwrap();
        expect(
            &ended,
            3,
            &[&format!("no server answers at {url}"), "kms-server", "--endpoint", "KMS_ENDPOINT"],
        );
        assert_eq!(ended.out, "");
    }
    assert!(!state.beside("state.json").exists());
    let ended = fixtures::process::run(command(&["keys", "list"]).env("KMS_ENDPOINT", "nonsense")).unwrap();
    expect(&ended, 2, &["KMS_ENDPOINT: ", "expected a URL"]);
}

fn events(server: &ServerProcess, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["events", "--json"].iter().chain(arguments).copied().collect();
    let out = client_ok(server, &arguments);
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["eventName"].as_str().unwrap()).collect()
}

#[test]
fn every_request_is_in_the_events_and_each_filter_selects() {
    let folder = Folder::new();
    let server = folder.server(&["--clock-start", "2026-01-01T00:00:00Z", "--clock-frozen"]);
    let id = key(&server);
    let other = key(&server);
    encrypt(&server, &id, "aGVsbG8=");
    fails(&server, "DescribeKey", json!({"KeyId": "alias/none"}));
    fails(&server, "Nonsense", json!({}));
    let all = events(&server, &[]);
    assert_eq!(names(&all), ["CreateKey", "CreateKey", "Encrypt", "DescribeKey", "UnknownOperation"]);
    assert_eq!(all[3]["errorCode"], "NotFoundException");
    assert_eq!(all[2]["sourceIPAddress"], "127.0.0.1");
    assert!(all.iter().all(|record| record["eventTime"] == "2026-01-01T00:00:00Z"), "domain time");
    assert!(!client_ok(&server, &["events", "--json"]).contains("aGVsbG8="), "no plaintext");

    assert_eq!(names(&events(&server, &["--event", "Encrypt"])), ["Encrypt"]);
    assert_eq!(names(&events(&server, &["--key", &id])), ["CreateKey", "Encrypt"]);
    assert_eq!(names(&events(&server, &["--key", &other])), ["CreateKey"]);
    assert_eq!(events(&server, &["--principal", "arn:aws:iam::111122223333:root"]).len(), 4);
    assert_eq!(events(&server, &["--principal", "arn:aws:iam::999999999999:root"]).len(), 0);
    assert_eq!(names(&events(&server, &["--limit", "2"])), ["CreateKey", "CreateKey"]);
    let after = all[2]["eventID"].as_str().unwrap();
    assert_eq!(names(&events(&server, &["--after", after])), ["DescribeKey", "UnknownOperation"]);
    assert_eq!(events(&server, &["--since", "2026-01-01T00:00:00Z"]).len(), 5);
    assert_eq!(events(&server, &["--since", "2026-01-01T00:00:01Z"]).len(), 0);
    assert_eq!(events(&server, &["--until", "2026-01-01T00:00:01Z"]).len(), 5);
    assert_eq!(events(&server, &["--until", "2026-01-01T00:00:00Z"]).len(), 0);
    // An hour later in Berlin is the same moment.
    assert_eq!(events(&server, &["--since", "2026-01-01T01:00:00+01:00"]).len(), 5);
    let both = events(&server, &["--event", "CreateKey", "--key", &other, "--limit", "1"]);
    assert_eq!(names(&both), ["CreateKey"]);

    let text = client_ok(&server, &["events"]);
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().nth(3).unwrap().contains("NotFoundException"), "{text}");

    // The log outlives the process.
    server.kill();
    let server = folder.server(&[]);
    assert_eq!(events(&server, &[]), all);
    expect(&client(&server, &["events", "--limit", "0"]), 2, &["--limit"]);
    expect(&client(&server, &["events", "--since", "yesterday"]), 2, &["--since"]);
}

#[test]
fn a_filter_that_is_none_is_refused() {
    let server = in_memory(&[]);
    key(&server);
    for (query, word) in [
        ("limit=0", "limit must be a number from 1 to 10000"),
        ("limit=10001", "limit must be a number"),
        ("colour=red", "colour is no filter"),
        ("since=yesterday", "since must be a moment"),
        ("until=2026-13-01", "until must be a moment"),
        ("event=%ff", "not UTF-8"),
    ] {
        let reply = control(&server, "GET", &format!("/_kms/events?{query}"), "");
        assert_eq!(reply.status, 400, "{query}: {}", reply.text);
        assert!(reply.text.contains(word), "{query}: {}", reply.text);
    }
    let offset = control(&server, "GET", "/_kms/events?since=2000-01-01T01:00:00%2B01:00", "");
    assert_eq!(offset.json()["Records"].as_array().unwrap().len(), 1, "{}", offset.text);
}

#[test]
fn metrics_count_requests_keys_and_versions() {
    let server = in_memory(&[]);
    let id = key(&server);
    encrypt(&server, &id, "aGVsbG8=");
    fails(&server, "DescribeKey", json!({"KeyId": "alias/none"}));
    fails(&server, "Nonsense", json!({}));
    let request = |name: &str, outcome: &str| {
        metric(&server, &format!("kms_requests_total{{operation=\"{name}\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!(request("CreateKey", "success"), 1);
    assert_eq!(request("Encrypt", "success"), 1);
    assert_eq!(request("DescribeKey", "failure"), 1);
    assert_eq!(metric(&server, "kms_unknown_operations_total"), 1);
    assert_eq!(metric(&server, "kms_keys"), 1);
    let version = metric(&server, "kms_store_version");
    key(&server);
    assert_eq!(metric(&server, "kms_store_version"), version + 1);
    let reply = control(&server, "GET", "/_kms/metrics", "");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}
