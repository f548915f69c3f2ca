use super::*;
use proptest::prelude::*;

const FULL_YAML: &str = r#"
accounts:
  - id: 111122223333
    access_keys:
      - { id: AKID, secret: hidden, principal: "arn:aws:iam::111122223333:user/app" }
      - { id: ROOT, secret: hidden }
  - id: 000000000001
keys:
  - account: 111122223333
    region: eu-west-1
    id: 1234abcd-12ab-34cd-56ef-1234567890ab
    description: Orders
    material: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
    aliases: [alias/orders, alias/old/orders]
    tags: { stage: test, empty: "", Ärger: "é 1+1=2 _./-:@" }
    policy:
      Version: "2012-10-17"
      Statement:
        - { Sid: root, Effect: Allow, Principal: { AWS: "*" }, Action: "kms:*", Resource: "*" }
        - { Effect: Deny, Principal: "*", Action: [a, b], Resource: "*", Condition: { Bool: { x: true, n: 1, f: 1.5, z: null } } }
    enabled: false
  - id: mrk-1234abcd12ab34cd56ef1234567890ab
    spec: RSA_2048
    usage: SIGN_VERIFY
    policy: '{"Version": "2012-10-17", "Statement": []}'
  - spec: HMAC_512
    origin: EXTERNAL
    multi_region: true
    aliases:
    description: ~
"#;

const FULL_TOML: &str = r#"
[[accounts]]
id = "111122223333"
access_keys = [
  { id = "AKID", secret = "hidden", principal = "arn:aws:iam::111122223333:user/app" },
  { id = "ROOT", secret = "hidden" },
]

[[accounts]]
id = "000000000001"

[[keys]]
account = "111122223333"
region = "eu-west-1"
id = "1234abcd-12ab-34cd-56ef-1234567890ab"
description = "Orders"
material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
aliases = ["alias/orders", "alias/old/orders"]
tags = { stage = "test", empty = "", "Ärger" = "é 1+1=2 _./-:@" }
enabled = false

[keys.policy]
Version = "2012-10-17"

[[keys.policy.Statement]]
Sid = "root"
Effect = "Allow"
Principal.AWS = "*"
Action = "kms:*"
Resource = "*"

[[keys.policy.Statement]]
Effect = "Deny"
Principal = "*"
Action = ["a", "b"]
Resource = "*"
Condition.Bool = { x = true, n = 1, f = 1.5 }

[[keys]]
id = "mrk-1234abcd12ab34cd56ef1234567890ab"
spec = "RSA_2048"
usage = "SIGN_VERIFY"
policy = '{"Version": "2012-10-17", "Statement": []}'

[[keys]]
spec = "HMAC_512"
origin = "EXTERNAL"
multi_region = true
"#;

fn check_full(seed: &Seed, policy: &str) {
    let [first, second] = seed.accounts.as_slice() else { panic!("{seed:?}") };
    assert_eq!((first.id.as_str(), second.id.as_str()), ("111122223333", "000000000001"));
    let owners: Vec<_> = first.access_keys.iter().map(|key| format!("{} {}", key.id, key.owner)).collect();
    assert_eq!(owners, ["AKID arn:aws:iam::111122223333:user/app", "ROOT arn:aws:iam::111122223333:root"]);
    assert_eq!((first.access_keys[0].secret.expose(), second.access_keys.len()), (&b"hidden"[..], 0));

    let [full, signing, pending] = seed.keys.as_slice() else { panic!("{seed:?}") };
    assert_eq!(full.account.as_ref().unwrap().as_str(), "111122223333");
    assert_eq!(full.region.as_ref().unwrap().as_str(), "eu-west-1");
    assert_eq!(full.id.as_deref(), Some("1234abcd-12ab-34cd-56ef-1234567890ab"));
    assert_eq!((full.spec, full.usage), (SeedSpec::SymmetricDefault, SeedUsage::EncryptDecrypt));
    assert_eq!((full.origin, full.multi_region, full.enabled), (SeedOrigin::AwsKms, false, false));
    assert_eq!(full.material.as_ref().unwrap().expose(), (0..32).collect::<Vec<u8>>());
    assert_eq!(
        (full.description.as_str(), full.aliases.as_slice()),
        ("Orders", &["alias/orders".to_owned(), "alias/old/orders".to_owned()][..])
    );
    let tags: Vec<_> = full.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("stage", "test"), ("empty", ""), ("Ärger", "é 1+1=2 _./-:@")]);
    assert_eq!(full.policy.as_deref(), Some(policy));

    assert_eq!((signing.account.as_ref(), signing.region.as_ref()), (None, None));
    assert_eq!(
        (signing.spec, signing.usage, signing.multi_region),
        (SeedSpec::Rsa2048, SeedUsage::SignVerify, true)
    );
    assert_eq!(signing.policy.as_deref(), Some(r#"{"Version": "2012-10-17", "Statement": []}"#));
    assert!(signing.enabled && signing.material.is_none() && signing.tags.is_empty());

    assert_eq!((pending.spec, pending.usage), (SeedSpec::Hmac512, SeedUsage::GenerateVerifyMac));
    assert_eq!((pending.origin, pending.multi_region), (SeedOrigin::External, true));
    assert_eq!((pending.id.as_ref(), pending.description.as_str(), pending.aliases.len()), (None, "", 0));
}

#[test]
fn yaml_and_toml_say_the_same() {
    // Members are in the order of their names; a key policy is printed anew where the seed is applied.
    let policy = |null: &str| {
        let allow =
            r#"{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":"*"},"Resource":"*","Sid":"root"}"#;
        let bool = format!(r#"{{"f":1.5,"n":1,"x":true{null}}}"#);
        let deny = format!(
            r#"{{"Action":["a","b"],"Condition":{{"Bool":{bool}}},"Effect":"Deny","Principal":"*","Resource":"*"}}"#
        );
        format!(r#"{{"Statement":[{allow},{deny}],"Version":"2012-10-17"}}"#)
    };
    let yaml = Seed::parse("seed.yaml", FULL_YAML).unwrap();
    check_full(&yaml, &policy(r#","z":null"#));
    assert_eq!(yaml.keys.iter().map(|key| key.position.line).collect::<Vec<_>>(), [9, 22, 26]);
    let toml = Seed::parse("dir/seed.toml", FULL_TOML).unwrap();
    check_full(&toml, &policy(""));
    assert_eq!(toml.keys.iter().map(|key| key.position.line).collect::<Vec<_>>(), [12, 39, 45]);
}

#[test]
fn nothing_is_a_seed() {
    for (name, text) in
        [("a.yml", ""), ("a.yaml", "keys:\n"), ("a.toml", "# none\n"), ("a.toml", "keys = []")]
    {
        assert_eq!(Seed::parse(name, text), Ok(Seed::default()), "{name} {text:?}");
    }
}

fn error_of(name: &str, text: &str) -> String {
    Seed::parse(name, text).unwrap_err().to_string()
}

#[test]
fn a_bad_yaml_seed_names_line_column_and_reason() {
    let cases = [
        ("kees: []", "s.yaml:1:1: a seed has no field `kees`; the nearest is `keys`"),
        (
            "keys:\n  - descripton: x",
            "s.yaml:2:5: a key has no field `descripton`; the nearest is `description`",
        ),
        ("keys: 1", "s.yaml:1:7: expected a list for `keys`, found a whole number"),
        ("keys: [x]", "s.yaml:1:8: expected a table for a key, found text"),
        ("keys: [{id: x, id: y}]", "s.yaml:1:16: this is not usable YAML: duplicate mapping key `id`"),
        ("keys:\n\t- x", "s.yaml:2:2: this is not usable YAML: "),
        (
            "keys: [{account: 12}]",
            "s.yaml:1:18: expected an account of 12 digits in quotes, such as \"000000000000\", found `12`",
        ),
        ("keys: [{region: Mars}]", "s.yaml:1:17: expected a Region such as us-east-1, found `Mars`"),
        (
            "keys: [{id: foo}]",
            "s.yaml:1:13: `foo` is no key id; expected a UUID such as 1234abcd-12ab-34cd-56ef-1234567890ab, or mrk- and 32 digits, in lower case",
        ),
        (
            "keys: [{id: 1234ABCD-12ab-34cd-56ef-1234567890ab}]",
            "s.yaml:1:13: `1234ABCD-12ab-34cd-56ef-1234567890ab` is no key id",
        ),
        ("keys: [{id: mrk-1234}]", "s.yaml:1:13: `mrk-1234` is no key id"),
        ("keys: [{id: 17}]", "s.yaml:1:13: expected text for the id, found a whole number; put it in quotes"),
        (
            "keys: [{id: mrk-1234abcd12ab34cd56ef1234567890ab, multi_region: false}]",
            "s.yaml:1:65: an id that begins with mrk- makes a multi-Region key",
        ),
        (
            "keys: [{id: 1234abcd-12ab-34cd-56ef-1234567890ab, multi_region: true}]",
            "s.yaml:1:65: the id of a multi-Region key is mrk- and 32 digits",
        ),
        ("keys: [{multi_region: yes}]", "s.yaml:1:23: expected true or false for `multi_region`, found text"),
        ("keys: [{spec: RSA_2084}]", "s.yaml:1:15: `RSA_2084` is no key spec; the nearest is `RSA_2048`"),
        (
            "keys:\n- spec: RSA_2048",
            "s.yaml:2:3: a key of spec RSA_2048 needs the field `usage`: ENCRYPT_DECRYPT or SIGN_VERIFY",
        ),
        ("keys: [{usage: SIGN}]", "s.yaml:1:16: `SIGN` is no key usage; the nearest is `SIGN_VERIFY`"),
        (
            "keys: [{usage: SIGN_VERIFY}]",
            "s.yaml:1:16: a key of spec SYMMETRIC_DEFAULT cannot be for SIGN_VERIFY; choose ENCRYPT_DECRYPT",
        ),
        (
            "keys: [{origin: AWS_CLOUDHSM}]",
            "s.yaml:1:17: `AWS_CLOUDHSM` is no origin of a seeded key; the nearest is `",
        ),
        (
            "keys: [{spec: ML_DSA_44, origin: EXTERNAL}]",
            "s.yaml:1:34: KeySpec ML_DSA_44 is not supported for Origin EXTERNAL",
        ),
        (
            "keys: [{material: AAAA}]",
            "s.yaml:1:19: the material of a key of spec SYMMETRIC_DEFAULT has 32 bytes, not 3",
        ),
        ("keys: [{material: '?secret?'}]", "s.yaml:1:19: the material is not base64"),
        (
            "keys: [{spec: ML_DSA_44, material: AAAA}]",
            "s.yaml:1:36: the material of a key of spec ML_DSA_44 cannot be given; leave it out",
        ),
        (
            "keys: [{origin: EXTERNAL, enabled: true}]",
            "s.yaml:1:36: an EXTERNAL key without material waits for its import; leave `enabled` out",
        ),
        ("keys: [{aliases: alias/a}]", "s.yaml:1:18: expected a list for `aliases`, found text"),
        ("keys: [{aliases: [app]}]", "s.yaml:1:19: `app` must begin with `alias/`"),
        (
            "keys: [{aliases: [alias/a b]}]",
            "s.yaml:1:19: `alias/a b` is no alias; expected alias/ and letters",
        ),
        ("keys: [{aliases: ['alias/a:b']}]", "s.yaml:1:19: `alias/a:b` is no alias"),
        ("keys: [{aliases: [alias/]}]", "s.yaml:1:19: `alias/` is no alias"),
        ("keys: [{aliases: [alias/aws/s3]}]", "s.yaml:1:19: alias/aws/ is reserved for AWS managed keys"),
        (
            "keys: [{aliases: [alias/a, alias/a]}]",
            "s.yaml:1:28: `alias/a` is given twice in one account and Region",
        ),
        (
            "keys:\n- aliases: [alias/a]\n- aliases: [alias/a]",
            "s.yaml:3:13: `alias/a` is given twice in one account and Region",
        ),
        ("keys: [{tags: [a]}]", "s.yaml:1:15: expected a table for the tags, found a list"),
        (
            "keys: [{tags: {a: 1}}]",
            "s.yaml:1:19: expected text for the value of a tag, found a whole number; put it in quotes",
        ),
        ("keys: [{tags: {'': x}}]", "s.yaml:1:16: the name of a tag has 1 to 128 characters"),
        ("keys: [{tags: {AWS:x: x}}]", "s.yaml:1:16: names of tags that begin with aws: are reserved"),
        ("keys: [{tags: {a: 'x&y'}}]", "s.yaml:1:19: `x&y` cannot be in a tag; allowed are"),
        ("keys: [{tags: {a&b: x}}]", "s.yaml:1:16: `a&b` cannot be in a tag"),
        ("keys: [{policy: '{'}]", "s.yaml:1:17: the policy is not JSON: "),
        ("keys: [{policy: '[]'}]", "s.yaml:1:17: the policy must be a JSON object"),
        ("keys: [{policy: [x]}]", "s.yaml:1:17: expected a policy as JSON text or as a table, found a list"),
        ("keys: [{policy: {a: 18446744073709551615}}]", "s.yaml:1:21: this number is too large for a policy"),
        ("accounts: [{}]", "s.yaml:1:12: an account needs the field `id`"),
        ("accounts: [{id: '1'}]", "s.yaml:1:17: expected an account of 12 digits"),
        (
            "accounts: [{id: 111122223333}, {id: 111122223333}]",
            "s.yaml:1:37: account 111122223333 is given twice",
        ),
        (
            "accounts: [{id: 111122223333, access_keys: [{id: A}]}]",
            "s.yaml:1:45: an access key needs the field `secret`",
        ),
        (
            "accounts:\n- id: 111122223333\n  access_keys: [{id: A, secret: s}, {id: A, secret: s}]",
            "s.yaml:3:37: the access key id `A` is given twice",
        ),
        (
            "accounts: [{id: 111122223333, access_keys: [{id: A, secret: s, principal: '999999999999'}]}]",
            "s.yaml:1:75: this principal does not belong to account 111122223333",
        ),
    ];
    for (text, expected) in cases {
        let message = error_of("s.yaml", text);
        assert!(message.starts_with(expected), "{text:?}\n  {message}\n  {expected}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(!message.contains("secret?"), "{message}");
    }
}

#[test]
fn a_bad_toml_seed_names_line_column_and_reason() {
    let cases = [
        ("[[kees]]\n", "s.toml:1:3: a seed has no field `kees`; the nearest is `keys`"),
        ("[[keys]]\naliasses = []\n", "s.toml:2:1: a key has no field `aliasses`; the nearest is `aliases`"),
        ("[[keys]]\nid = \n", "s.toml:2:"),
        ("[[keys]]\npolicy.a = 2026-01-01\n", "s.toml:2:12: JSON has no dates; put it in quotes"),
        ("[[keys]]\npolicy.a = nan\n", "s.toml:2:12: JSON has no such number; put it in quotes"),
        (
            "[[keys]]\naccount = 111122223333\n[[keys]]\nmaterial = 7\n",
            "s.toml:4:12: expected text for the material, found a whole number",
        ),
        ("[keys]\n", "s.toml:1:1: expected a list for `keys`, found a table"),
    ];
    for (text, expected) in cases {
        let message = error_of("s.toml", text);
        assert!(message.starts_with(expected), "{text:?}\n  {message}\n  {expected}");
    }
}

#[test]
fn the_extension_tells_the_language() {
    let error = Seed::parse("seed.json", "{}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "seed.json: a seed is TOML or YAML: its name must end in .toml, .yaml or .yml"
    );
    assert_eq!(error.position(), None);
    assert_eq!(Seed::parse("a.yaml", "x: 1").unwrap_err().position(), Some(Position { line: 1, column: 1 }));
}

#[test]
fn ids_and_aliases_are_unique_within_account_and_region() {
    let uuid = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let mrk = "mrk-1234abcd12ab34cd56ef1234567890ab";
    let seed = |id: &str, second: &str| {
        format!("keys:\n- {{id: {id}, aliases: [alias/a]}}\n- {{id: {id}, aliases: [alias/a], {second}}}\n")
    };
    for second in ["region: eu-west-1", "account: 111122223333"] {
        assert!(Seed::parse("s.yaml", &seed(uuid, second)).is_ok(), "{second}");
    }
    assert!(Seed::parse("s.yaml", &seed(mrk, "account: 111122223333")).is_ok());
    let twice = seed(uuid, "enabled: true").replace("alias/a], enabled", "alias/b], enabled");
    assert_eq!(
        error_of("s.yaml", &twice),
        format!("s.yaml:3:8: the id {uuid} is given twice in one account and Region")
    );
    assert_eq!(
        error_of("s.yaml", &seed(mrk, "region: eu-west-1")),
        format!(
            "s.yaml:3:8: the id {mrk} is a primary key in another Region already: \
             a seed makes primary keys; make replicas of them with ReplicateKey"
        )
    );
}

#[test]
fn lengths_are_bounded() {
    let key = |field: &str| format!("keys: [{{{field}}}]");
    let tags = |count: usize| {
        key(&format!("tags: {{{}}}", (0..count).map(|n| format!("t{n}: x, ")).collect::<String>()))
    };
    let cases = [
        (key(&format!("description: {}", "ä".repeat(8_192))), None),
        (
            key(&format!("description: {}", "ä".repeat(8_193))),
            Some("a description has at most 8192 characters"),
        ),
        (key(&format!("aliases: [alias/{}]", "a".repeat(250))), None),
        (
            key(&format!("aliases: [alias/{}]", "a".repeat(251))),
            Some("is no alias; expected alias/ and letters"),
        ),
        (tags(50), None),
        (tags(51), Some("a key has at most 50 tags, not 51")),
        (key(&format!("tags: {{{}: {}}}", "ä".repeat(128), "v".repeat(256))), None),
        (
            key(&format!("tags: {{{}: v}}", "k".repeat(129))),
            Some("the name of a tag has 1 to 128 characters"),
        ),
        (
            key(&format!("tags: {{k: {}}}", "v".repeat(257))),
            Some("the value of a tag has at most 256 characters"),
        ),
        ("#".repeat(SEED_BYTES_MAX), None),
        ("#".repeat(SEED_BYTES_MAX + 1), Some("the document has 16777217 bytes; at most 16777216 are read")),
    ];
    for (text, expected) in cases {
        match (Seed::parse("s.yaml", &text), expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => assert!(error.reason().contains(expected), "{error}"),
            (result, _) => panic!("{}: {result:?}", &text[..40]),
        }
    }
}

#[test]
fn specs_usages_origins_and_material_go_together() {
    for spec in SeedSpec::ALL {
        for usage in SeedUsage::ALL {
            let text = format!("keys: [{{spec: {spec}, usage: {usage}}}]");
            assert_eq!(Seed::parse("s.yaml", &text).is_ok(), spec.usages().contains(usage), "{text}");
        }
        let usage = spec.usages()[0];
        let imported = format!("keys: [{{spec: {spec}, usage: {usage}, origin: EXTERNAL}}]");
        assert_eq!(Seed::parse("s.yaml", &imported).is_ok(), spec.is_importable(), "{imported}");
        for length in [28, 32, 48, 64] {
            use base64::Engine as _;
            let material = base64::engine::general_purpose::STANDARD.encode(vec![7; length]);
            let text = format!("keys: [{{spec: {spec}, usage: {usage}, material: {material}}}]");
            assert_eq!(Seed::parse("s.yaml", &text).is_ok(), spec.material_bytes() == Some(length), "{text}");
        }
    }
}

#[test]
fn an_external_key_with_material_may_be_disabled() {
    let material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let text = format!("keys: [{{origin: EXTERNAL, material: {material}, enabled: false}}]");
    let seed = Seed::parse("s.yaml", &text).unwrap();
    assert!(!seed.keys[0].enabled && seed.keys[0].material.is_some());
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", Seed::parse("seed.yaml", FULL_YAML).unwrap());
    assert!(
        shown.contains("alias/orders") && !shown.contains("hidden") && !shown.contains("AAECAwQF"),
        "{shown}"
    );
    assert!(!shown.contains("[0, 1, 2"), "{shown}");
}

proptest! {
    #[test]
    fn no_input_panics(field in "[a-z_]{1,12}|id|spec|aliases|tags|policy|material", value in "\\PC{0,60}") {
        for text in [format!("keys: [{{{field}: {value}}}]"), format!("[[keys]]\n{field} = {value}"), value] {
            let _ = Seed::parse("s.yaml", &text);
            let _ = Seed::parse("s.toml", &text);
        }
    }
}
