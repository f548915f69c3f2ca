//! Seed files: accounts and keys that a server has from the start.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::support::*;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

const YAML: &str = r#"
accounts:
  - id: "111122223333"
    access_keys:
      - { id: AKIDSEED, secret: a-seeded-secret, principal: "arn:aws:iam::111122223333:user/ada" }
keys:
  - account: "111122223333"
    id: 1234abcd-12ab-34cd-56ef-1234567890ab
    description: Orders
    material: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
    aliases: [alias/orders, alias/old/orders]
    tags: { stage: test }
    policy:
      Version: "2012-10-17"
      Statement:
        - { Sid: seeded, Effect: Allow, Principal: { AWS: "arn:aws:iam::111122223333:root" }, Action: "kms:*", Resource: "*" }
  - account: "111122223333"
    aliases: [alias/asleep]
    enabled: false
"#;

const TOML: &str = r#"
[[accounts]]
id = "111122223333"
access_keys = [{ id = "AKIDSEED", secret = "a-seeded-secret", principal = "arn:aws:iam::111122223333:user/ada" }]

[[keys]]
account = "111122223333"
id = "1234abcd-12ab-34cd-56ef-1234567890ab"
description = "Orders"
material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
aliases = ["alias/orders", "alias/old/orders"]
tags = { stage = "test" }

[keys.policy]
Version = "2012-10-17"

[[keys.policy.Statement]]
Sid = "seeded"
Effect = "Allow"
Principal.AWS = "arn:aws:iam::111122223333:root"
Action = "kms:*"
Resource = "*"

[[keys]]
account = "111122223333"
aliases = ["alias/asleep"]
enabled = false
"#;

/// Unsigned requests are the seed's account, although the seed brings access keys.
const AS_ROOT: [&str; 2] = ["--auth-unknown-access-key", "root"];

#[test]
fn a_seed_is_there_from_the_first_request_and_applied_once() {
    let mut ciphertexts = Vec::new();
    for (name, text) in [("seed.yaml", YAML), ("seed.toml", TOML)] {
        let folder = Folder::new();
        let seed = folder.write(name, text);
        let arguments = ["--seed", &seed, AS_ROOT[0], AS_ROOT[1]];
        let server = folder.server(&arguments);
        let look = |server: &ServerProcess| {
            let described = ok(server, "DescribeKey", json!({"KeyId": "alias/old/orders"}));
            assert_eq!(described["KeyMetadata"]["KeyId"], ID);
            assert_eq!(described["KeyMetadata"]["Description"], "Orders");
            let tags = ok(server, "ListResourceTags", json!({ "KeyId": ID }))["Tags"].clone();
            assert_eq!(tags, json!([{"TagKey": "stage", "TagValue": "test"}]), "{name}");
            let policy = ok(server, "GetKeyPolicy", json!({ "KeyId": ID }))["Policy"].clone();
            assert!(policy.as_str().unwrap().contains("seeded"), "{policy}");
            let asleep = ok(server, "DescribeKey", json!({"KeyId": "alias/asleep"}));
            assert_eq!(asleep["KeyMetadata"]["KeyState"], "Disabled");
            assert_eq!(metric(server, "kms_keys"), 2);
            asleep["KeyMetadata"]["KeyId"].clone()
        };
        let asleep = look(&server);
        // What a user changes stays changed.
        ok(&server, "UpdateKeyDescription", json!({"KeyId": asleep, "Description": "mine"}));
        ciphertexts.push(encrypt(&server, ID, "aGVsbG8="));
        server.signal("TERM").unwrap();
        expect(&server.ended(), 0, &[]);

        let server = folder.server(&arguments);
        assert_eq!(look(&server), asleep, "the same key as before");
        let described = ok(&server, "DescribeKey", json!({"KeyId": "alias/asleep"}));
        assert_eq!(described["KeyMetadata"]["Description"], "mine");
        // The material is the file's: whatever any server sealed with it, this one opens.
        for ciphertext in &ciphertexts {
            assert_eq!(decrypt(&server, ciphertext), "aGVsbG8=");
        }
    }
}

#[test]
fn a_seeded_access_key_closes_the_server_to_others() {
    let folder = Folder::new();
    let seed = folder.write("seed.yml", YAML);
    let server = started(command(&["serve", "--port", "0", "--memory"]).env("KMS_SERVER_SEED", &seed));
    // Signed today, or the age of the signature would be the first thing to be refused.
    let today = wall_date(control(&server, "GET", "/_kms/health", "").header("date").unwrap());
    let mut headers = fixtures::process::headers(server.port(), "ListKeys");
    for (_, value) in &mut headers {
        *value = value.replace("20260101T000000Z", &today).replace("20260101", &today[..8]);
    }
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = fixtures::process::send(server.port(), "POST", "/", &headers, b"{}").unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.json()["__type"], "UnrecognizedClientException", "{}", reply.text);
    assert!(server.log().contains("unknown access keys are rejected"), "{}", server.log());
    assert!(!server.log().contains("a-seeded-secret"));
}

/// `Sun, 22 Nov 2026 23:17:12 GMT` as signatures write it.
fn wall_date(date: &str) -> String {
    let words: Vec<&str> = date.split([' ', ':']).collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + months.iter().position(|month| *month == words[2]).unwrap();
    format!("{}{month:02}{}T{}{}{}Z", words[3], words[1], words[4], words[5], words[6])
}

#[test]
fn a_bad_seed_names_file_line_and_column_and_nothing_is_made() {
    let folder = Folder::new();
    for (name, text, place, reason) in [
        ("a.yaml", "keys:\n  - aliases: [app]\n", ":2:15: ", "`app` must begin with `alias/`"),
        ("b.toml", "[[keys]]\naliasses = []\n", ":2:1: ", "the nearest is `aliases`"),
        ("c.yaml", "keys:\n- material: '?secret?'\n", ":2:13: ", "the material is not base64"),
        ("d.yaml", "keys:\n- {id: [\n", ":", "d.yaml:"),
        ("e.toml", "[[keys]]\nid = \n", ":2:", "e.toml:2:"),
        ("f.json", "{}", ": ", "a seed is TOML or YAML"),
    ] {
        let path = folder.write(name, text);
        let ended = folder.refused(&["--seed", &path]);
        expect(&ended, 2, &[&format!("{path}{place}"), reason]);
        assert!(!ended.error.contains("?secret?"), "{}", ended.error);
    }
    let missing = shown(&folder.beside("missing.yaml"));
    expect(&folder.refused(&["--seed", &missing]), 2, &[&missing, "cannot be read"]);
    assert!(!folder.data().exists(), "nothing was made");
}

#[test]
fn a_seed_that_the_server_refuses_names_the_key() {
    let folder = Folder::new();
    let seed = folder.write("seed.yaml", "keys:\n- aliases: [alias/a]\n- aliases: [alias/b]\n");
    let ended = folder.refused(&["--seed", &seed, "--keys-max", "1"]);
    expect(&ended, 2, &[&format!("{seed}:3:3: CreateKey: "), "LimitExceededException"]);
}

/// A seed may bring the material of a key pair only as CreateKey does; either way, what is no private key is refused.
#[test]
fn a_private_key_of_a_seed_is_a_private_key() {
    let folder = Folder::new();
    let document = |scalar: &[u8; 32]| {
        let head = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
                     \x04\x27\x30\x25\x02\x01\x01\x04\x20";
        STANDARD.encode([&head[..], scalar].concat())
    };
    let seed = |field: &str| format!("keys:\n- {{spec: ECC_NIST_P256, usage: SIGN_VERIFY, {field}}}\n");
    let tag = |value: &str| seed(&format!("tags: {{_custom_key_material_: {value}}}"));
    let good = document(&[7; 32]);
    // The curve has no scalar of 0, and none that is so large.
    for bad in [document(&[0; 32]), document(&[0xff; 32]), STANDARD.encode([7; 32])] {
        let file = folder.write("seed.yaml", &tag(&bad));
        let ended = folder.refused(&["--seed", &file]);
        let reason = "must be a private key of spec ECC_NIST_P256 as PKCS#8";
        expect(&ended, 2, &[&format!("{file}:2:3: CreateKey: "), reason]);
        assert!(!ended.error.contains(&bad), "material is not shown");
    }
    let file = folder.write("seed.yaml", &seed(&format!("material: {good}")));
    let reason = "the material of a key of spec ECC_NIST_P256 cannot be given; leave it out";
    expect(&folder.refused(&["--seed", &file]), 2, &[&format!("{file}:2:55: {reason}")]);
    let file = folder.write("seed.yaml", &tag(&good));
    let server = folder.server(&["--seed", &file]);
    assert_eq!(metric(&server, "kms_keys"), 1);
}

/// The ids of all keys, in order.
fn ids(server: &ServerProcess) -> Vec<String> {
    let page = control(server, "GET", "/_kms/keys", "").json();
    let keys = page["keys"].as_array().unwrap();
    keys.iter().map(|key| key["metadata"]["KeyId"].as_str().unwrap().to_owned()).collect()
}

fn stop(server: ServerProcess) {
    server.signal("TERM").unwrap();
    expect(&server.ended(), 0, &[]);
}

#[test]
fn keys_without_a_name_are_made_once_and_are_the_same_everywhere() {
    let folder = Folder::new();
    let text = "keys:\n- {}\n- {}\n- {multi_region: true}\n- {region: eu-west-1}\n- {aliases: [alias/a]}\n";
    let seed = folder.write("seed.yaml", text);
    let server = folder.server(&["--seed", &seed]);
    let made = ids(&server);
    assert_eq!(made.len(), 5);
    assert!(made.iter().any(|id| id.starts_with("mrk-")), "{made:?}");
    let distinct: std::collections::HashSet<&String> = made.iter().collect();
    assert_eq!(distinct.len(), 5, "{made:?}");
    stop(server);
    let server = folder.server(&["--seed", &seed]);
    assert_eq!(ids(&server), made);
    stop(server);
    // Another server, and a file to which a key is added: the keys that were there have the same ids.
    let seed = folder.write("more.yaml", &format!("{text}- {{description: new}}\n"));
    let more = ids(&in_memory(&["--seed", &seed]));
    assert_eq!(more.len(), 6);
    assert!(made.iter().all(|id| more.contains(id)), "{made:?} in {more:?}");
    // On the first directory only the new key is made.
    assert_eq!(ids(&folder.server(&["--seed", &seed])), more);
}

#[test]
fn what_a_failed_start_left_out_is_made_up_for_at_the_next() {
    for id in ["", "id: 1234abcd-12ab-34cd-56ef-1234567890ab, "] {
        let folder = Folder::new();
        let text = format!("keys:\n- {{{id}aliases: [alias/a, alias/b], enabled: false}}\n");
        let seed = folder.write("seed.yaml", &text);
        let ended = folder.refused(&["--seed", &seed, "--aliases-per-key-max", "1"]);
        expect(&ended, 2, &[&format!("{seed}:2:3: CreateAlias: "), "LimitExceededException"]);
        let server = folder.server(&["--seed", &seed]);
        let found = control(&server, "GET", "/_kms/keys/alias%2Fb", "").json()["keys"].clone();
        assert_eq!(found[0]["aliases"], json!(["alias/a", "alias/b"]));
        assert_eq!(found[0]["metadata"]["KeyState"], "Disabled");
        assert_eq!(metric(&server, "kms_keys"), 1);
    }
}

#[test]
fn an_alias_that_was_moved_and_a_key_that_is_to_be_deleted_stay_so() {
    let folder = Folder::new();
    let text =
        "keys:\n- {account: '111122223333', aliases: [alias/a, alias/b]}\n- {account: '111122223333'}\n";
    let seed = folder.write("seed.yaml", text);
    let server = folder.server(&["--seed", &seed]);
    let named = ok(&server, "DescribeKey", json!({"KeyId": "alias/a"}))["KeyMetadata"]["KeyId"].clone();
    let other = key(&server);
    ok(&server, "UpdateAlias", json!({"AliasName": "alias/b", "TargetKeyId": other}));
    ok(&server, "DeleteAlias", json!({"AliasName": "alias/a"}));
    let before = ids(&server);
    stop(server);
    let server = folder.server(&["--seed", &seed]);
    let target = |server: &ServerProcess, alias: &str| {
        ok(server, "DescribeKey", json!({ "KeyId": alias }))["KeyMetadata"]["KeyId"].clone()
    };
    assert_eq!((target(&server, "alias/a"), target(&server, "alias/b")), (named.clone(), json!(other)));
    assert_eq!(ids(&server), before);
    // A key that is to be deleted takes no alias.
    ok(&server, "DeleteAlias", json!({"AliasName": "alias/a"}));
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": named, "PendingWindowInDays": 7}));
    stop(server);
    let server = folder.server(&["--seed", &seed]);
    assert_eq!(fails(&server, "DescribeKey", json!({"KeyId": "alias/a"})).1, "NotFoundException");
    assert_eq!(ids(&server), before);
    // Neither does it by an alias that was moved to it.
    stop(server);
    let seed =
        folder.write("other.yaml", "keys:\n- {account: '111122223333', aliases: [alias/c, alias/b]}\n");
    let server = folder.server(&[]);
    ok(&server, "ScheduleKeyDeletion", json!({"KeyId": other, "PendingWindowInDays": 7}));
    stop(server);
    let server = folder.server(&["--seed", &seed]);
    assert_eq!(fails(&server, "DescribeKey", json!({"KeyId": "alias/c"})).1, "NotFoundException");
    assert_eq!(ids(&server), before);
}

/// Keys of RSA, which take long to make, are there at the first request, too; and every kind is the same after a restart.
#[test]
fn keys_of_other_specs_are_seeded_and_outlive_the_process() {
    let folder = Folder::new();
    let seed = folder.write(
        "seed.yaml",
        "keys:\n- {account: \"111122223333\", spec: RSA_4096, usage: SIGN_VERIFY, aliases: [alias/signer]}\n\
         - {account: \"111122223333\", spec: ML_DSA_87, usage: SIGN_VERIFY, aliases: [alias/future]}\n\
         - {account: \"111122223333\", spec: HMAC_256, material: CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=, aliases: [alias/mac]}\n",
    );
    let server = folder.server(&["--seed", &seed]);
    let mac = json!({"KeyId": "alias/mac", "Message": "SGkgVGhlcmU=", "MacAlgorithm": "HMAC_SHA_256"});
    let expected = "GYpgfrRL+8aZA6Dxzyu9xboKo/PZrjwcejsWlqC2jPc=";
    assert_eq!(ok(&server, "GenerateMac", mac.clone())["Mac"], expected);
    let signing = [("alias/signer", "RSASSA_PSS_SHA_512"), ("alias/future", "ML_DSA_SHAKE_256")];
    let input = |(key, algorithm): (&str, &str)| json!({"KeyId": key, "Message": "SGkgVGhlcmU=", "SigningAlgorithm": algorithm});
    let signatures = signing.map(|signer| ok(&server, "Sign", input(signer))["Signature"].clone());
    server.kill();
    let server = folder.server(&["--seed", &seed]);
    for (signer, signature) in signing.into_iter().zip(signatures) {
        let mut verification = input(signer);
        verification["Signature"] = signature;
        ok(&server, "Verify", verification);
    }
    assert_eq!(ok(&server, "GenerateMac", mac)["Mac"], expected);
}
