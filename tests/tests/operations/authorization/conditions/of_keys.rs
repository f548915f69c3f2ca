//! What kind of key it is, how it is called and tagged, and who owns it.

use super::super::super::subject::ALIAS;
use super::super::super::wire::alias_arn;
use super::*;

pub(super) fn cases(world: &World) -> Vec<Case> {
    let mut cases = kinds();
    cases.extend(names(world));
    cases.extend(tags(world));
    cases.extend(owners());
    cases
}

fn kinds() -> Vec<Case> {
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    let is = |key: &str, value: &str| json!({"Bool": {key: value}});
    let rsa = || with(json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}));
    let old_rsa = || with(json!({"CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}));
    let external = || with(json!({"Origin": "EXTERNAL"}));
    let related = || with(json!({"MultiRegion": true}));
    let mut cases = Vec::new();
    for key in ["kms:KeySpec", "kms:CustomerMasterKeySpec"] {
        cases.push(case("CreateKey", equals(key, "SYMMETRIC_DEFAULT"), [plain()], [rsa(), old_rsa()]));
        cases.push(case("CreateKey", equals(key, "RSA_2048"), [rsa(), old_rsa()], [plain()]));
        cases.push(case("DisableKey", equals(key, "SYMMETRIC_DEFAULT"), [plain()], []));
        cases.push(case("Sign", equals(key, "RSA_2048"), [], [plain()]));
    }
    for key in ["kms:KeyUsage", "kms:CustomerMasterKeyUsage"] {
        cases.push(case("CreateKey", equals(key, "ENCRYPT_DECRYPT"), [plain()], [rsa()]));
        cases.push(case("ListGrants", equals(key, "ENCRYPT_DECRYPT"), [plain()], []));
        cases.push(case("ListGrants", equals(key, "SIGN_VERIFY"), [], [plain()]));
    }
    cases.extend([
        case("CreateKey", equals("kms:KeyOrigin", "AWS_KMS"), [plain()], [external()]),
        case("CreateKey", equals("kms:KeyOrigin", "EXTERNAL"), [external()], [plain()]),
        case("Encrypt", equals("kms:KeyOrigin", "AWS_KMS"), [plain()], []),
        case("Encrypt", equals("kms:KeyOrigin", "EXTERNAL"), [], [plain()]),
        case("CreateKey", is("kms:MultiRegion", "true"), [related()], [plain()]),
        case("CreateKey", is("kms:MultiRegion", "false"), [plain()], [related()]),
        case("Encrypt", is("kms:MultiRegion", "false"), [plain()], []),
        case("CreateKey", equals("kms:MultiRegionKeyType", "PRIMARY"), [related()], [plain()]),
        case("Encrypt", json!({"Null": {"kms:MultiRegionKeyType": "true"}}), [plain()], []),
    ]);
    // The replica is of the kind of its primary, and is asked for in its own Region.
    for condition in [
        equals("kms:MultiRegionKeyType", "REPLICA"),
        is("kms:MultiRegion", "true"),
        equals("kms:KeySpec", "SYMMETRIC_DEFAULT"),
        equals("aws:RequestedRegion", "eu-west-1"),
    ] {
        let miss = if condition["StringEquals"]["aws:RequestedRegion"].is_null() {
            Vec::new()
        } else {
            vec![with(json!({"ReplicaRegion": "eu-north-1"}))]
        };
        cases.push(Case { action: "kms:CreateKey", ..case("ReplicateKey", condition, [plain()], miss) });
    }
    cases
}

fn names(world: &World) -> Vec<Case> {
    let alias = json!({"StringEquals": {"kms:RequestAlias": ALIAS}});
    let named = |member: &str| {
        let id = world.key.id.as_str();
        let by = |name: &str| with(json!({member: name}));
        ([by(ALIAS), by(&alias_arn(ALIAS))], [plain(), by(id)])
    };
    let mut cases = Vec::new();
    for operation in [
        "DescribeKey",
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetPublicKey",
        "Sign",
        "Verify",
        "VerifyMac",
    ] {
        let (meet, miss) = named("KeyId");
        cases.push(case(operation, alias.clone(), meet, miss));
    }
    for (member, action) in [("SourceKeyId", "kms:ReEncryptFrom"), ("DestinationKeyId", "kms:ReEncryptTo")] {
        let (meet, miss) = named(member);
        cases.push(Case { action, ..case("ReEncrypt", alias.clone(), meet, miss) });
    }
    let other = || with(json!({"KeyId": world.other.id}));
    let aliases = json!({"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/sub*"}});
    for operation in ["Encrypt", "DisableKey", "ListGrants"] {
        cases.push(case(operation, aliases.clone(), [plain()], [other()]));
    }
    let retire = || with(json!({"KeyId": world.other.id, "GrantId": world.other.grant}));
    cases.push(case("RetireGrant", aliases, [plain()], [retire()]));
    cases
}

fn tags(world: &World) -> Vec<Case> {
    let other = || with(json!({"KeyId": world.other.id}));
    let team = |value: &str| json!({"StringEquals": {"aws:ResourceTag/team": value}});
    let tagged = |key: &str, value: &str| with(json!({"Tags": [{"TagKey": key, "TagValue": value}]}));
    let both = || with(json!({"Tags": [{"TagKey": "a", "TagValue": ""}, {"TagKey": "b", "TagValue": ""}]}));
    let untagged = |keys: &[&str]| with(json!({"TagKeys": keys}));
    let red = json!({"StringEquals": {"aws:RequestTag/team": "red"}});
    let only_a = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "c"]}});
    let any_a = json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "c"]}});
    let absent = json!({"Null": {"aws:ResourceTag/team": "true"}});
    vec![
        case("Encrypt", team("blue"), [plain()], [other()]),
        case("Encrypt", team("red"), [], [plain()]),
        // AWS: the key of the tag in either case, its value as it is.
        case("DisableKey", json!({"StringEquals": {"aws:ResourceTag/TEAM": "blue"}}), [plain()], [other()]),
        case("Encrypt", team("Blue"), [], [plain()]),
        case("CreateKey", absent, [tagged("team", "red"), plain()], []),
        case("TagResource", red.clone(), [tagged("team", "red")], [tagged("team", "blue"), plain()]),
        case("CreateKey", red, [tagged("team", "red")], [tagged("team", "blue"), plain()]),
        case("TagResource", only_a.clone(), [tagged("a", "")], [both(), plain()]),
        case("TagResource", any_a.clone(), [tagged("a", ""), both()], [plain()]),
        case("UntagResource", only_a.clone(), [untagged(&["a"])], [untagged(&["a", "b"])]),
        case("CreateKey", only_a, [tagged("a", ""), plain()], [both()]),
        case("CreateKey", any_a, [tagged("a", ""), both()], [plain()]),
    ]
}

fn owners() -> Vec<Case> {
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    let paths = |path: &str| json!({"ForAnyValue:StringLike": {"aws:ResourceOrgPaths": path}});
    let mut cases = Vec::new();
    for (holds, fails) in [
        (equals("aws:ResourceAccount", ACCOUNT), equals("aws:ResourceAccount", OTHER)),
        (equals("aws:ResourceOrgID", ORGANIZATION), equals("aws:ResourceOrgID", "o-0000000000")),
        (paths("o-a1b2c3d4e5/*"), paths("o-0000000000/*")),
    ] {
        cases.push(case("Encrypt", holds, [plain(), plain().by(CAROL)], []));
        cases.push(case("Encrypt", fails, [], [plain(), plain().by(CAROL)]));
    }
    cases
}
